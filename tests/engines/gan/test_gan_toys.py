"""The exact scores and the measures."""

import numpy as np
import pytest
import torch

from engines.gan.measures import KERNELS, best, ruler
from engines.gan.request import DATA, GanRequest
from engines.gan.toys import GRID, REACH, mixture

DRAWN = tuple((0.6 * np.cos(a), 0.6 * np.sin(a)) for a in np.linspace(0, 5, 60).tolist())


def made(name):
    return mixture(GanRequest(name, DRAWN))


@pytest.mark.parametrize("name", DATA)
def test_the_score_is_the_gradient_of_the_smoothed_log_density(name):
    data, t = made(name), 60.0
    a, s = data.schedule.alpha(t), data.schedule.sigma(t)
    x = (0.8 * torch.randn(40, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)).requires_grad_()
    v = a * a * data.std**2 + s * s
    log_q = torch.logsumexp(data.weights.double().log() - torch.cdist(x, a * data.means.double()).square() / (2 * v), 1)
    (score,) = torch.autograd.grad(log_q.sum(), x)
    eps = data.eps(x.detach(), torch.full((40,), t, dtype=torch.float64))
    assert torch.allclose(eps, -s * score, atol=1e-6)
    assert torch.allclose(data.eps(x.detach().float(), t).double(), eps, atol=2e-3)


@pytest.mark.parametrize("name", DATA)
def test_true_samples_are_on_the_manifold_and_cover_every_mode(name):
    data = made(name)
    found = best(ruler(data))
    assert found.off < 1e-3 and found.modes == found.of_modes == len(data.mode_shares)
    assert found.kl < 0.01 and found.width == pytest.approx(1, abs=0.03) and abs(found.mmd) < 2e-3
    assert float(data.weights.sum()) == pytest.approx(1) and float(data.mode_shares.sum()) == pytest.approx(1)
    assert float(data.means.abs().max()) < REACH - 4 * data.std


def test_the_measures_see_what_is_wrong():
    data, random = made("25gaussians"), np.random.default_rng(0)
    rule, true = ruler(data), torch.from_numpy(data.draw(random, 4000))
    few = rule.measure(torch.from_numpy(data.means[[3]].numpy()).repeat(4000, 1) + 0.01 * torch.randn(4000, 2))
    assert few.modes == 1 and few.kl == pytest.approx(np.log(25), abs=1e-3) and few.width == pytest.approx(0.5, abs=0.05) and few.mmd > 1
    away = true.clone()
    away[:1000] += 0.25
    assert rule.measure(away).off == pytest.approx(0.25, abs=0.01)
    nothing = rule.measure(torch.full((500, 2), 5.0))
    assert nothing.off == 1 and nothing.modes == 0 and np.isnan(nothing.kl) and np.isnan(nothing.width)


def test_mmd_is_that_of_many_samples():
    data, random = made("two-rings"), np.random.default_rng(0)
    points, true = torch.randn(400, 2) * 0.4, torch.from_numpy(data.draw(random, 6000))

    def k(x, y):
        squared = torch.cdist(x, y).square()
        return sum(torch.exp(-squared / (2 * h * h)) for h in KERNELS)

    within = (k(points, points).sum() - 400 * len(KERNELS)) / (400 * 399)
    truth = (k(true, true).sum() - 6000 * len(KERNELS)) / (6000 * 5999)
    expected = float(within + truth - 2 * k(points, true).mean())
    assert ruler(data).mmd(points) == pytest.approx(expected, rel=0.03)


def test_the_density_picture_lies_where_the_data_lie():
    data = made("25gaussians")
    picture = data.density()
    assert picture.shape == (GRID, GRID) and picture.max() == pytest.approx(1)
    at = ((data.means + REACH) / (2 * REACH) * GRID).long()
    assert picture[at[:, 1], at[:, 0]].min() > 0.5 and np.median(picture) < 0.01


def test_a_large_drawing_keeps_its_score_cheap():
    points = tuple((x, 0.0) for x in np.linspace(-1, 1, 3000).tolist())
    assert len(mixture(GanRequest("drawing", points)).means) <= 400
