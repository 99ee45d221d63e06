"""The targets of the design (calibrated.md, section 6) on exact toys, the closed form of its section 1, and what must hold for any model."""

import math
from functools import cache

import numpy as np
import pytest
import torch

from engines.diffusion import samplers
from engines.diffusion.mixture import Gaussian1D, RoundMixture, toy_bimodal, toy_gauss
from engines.diffusion.noise import noise_block
from engines.guidance.calibrated import calibrate
from engines.guidance.guide import Guide, plan, run
from engines.guidance.recfg import from_eps
from engines.guidance.request import Sampling
from engines.job import Job


def near(toy: RoundMixture) -> RoundMixture:
    """The same classes, closer together: they really overlap."""
    return RoundMixture(f"near-{toy.name}", (toy.means * 0.75).tolist(), toy.weights.tolist(), toy.std)


LEVEL = 0.7  # about 0.3 times the distance of the nearest class centre, which the design found safe; its own toys lay farther apart and took 1.0
TOYS = {"gauss": toy_gauss, "bimodal": toy_bimodal, "near-gauss": lambda: near(toy_gauss()), "near-bimodal": lambda: near(toy_bimodal())}


@cache
def calibration(name, label, w, steps, rho):
    toy = TOYS[name]()
    return calibrate(lambda x, t: (toy.eps(x, t, label), toy.eps(x, t, None)), lambda x, t: toy.eps(x, t, label), toy.schedule,
                     noise_block(10_000 + label, 256, 2), [w], rho, steps, 2, Job(), shrink=False)


@cache
def drawn(name, label, w, steps, rho=math.inf, of_steps=0, sampler="ddim", sharpness=0.0, count=4000):
    """Samples of one class; `of_steps` > 0 corrects them with a calibration of so many steps."""
    toy = TOYS[name]()
    correction = calibration(name, label, w, of_steps, rho).at(w, sharpness) if of_steps else None
    settings = Sampling(gamma_1=w, mode="calibrated" if of_steps else "cfg", steps=steps, sampler=sampler, guide_below=rho)
    guide = Guide(settings, toy.schedule, plan(settings, toy.schedule, lambda t: 1.0, correction),
                  lambda x, t, tau: (toy.eps(x, t, label), toy.eps(x, t, None)), lambda x, t, tau: toy.eps(x, t, label), lambda: None, correction,
                  measure=False)
    return run(guide, noise_block(77 + label, count, 2))


def measured(name, *args, **more):
    """Means over classes of shift, variance / true, log p(c | x), and the share of samples below the class's 1 % density quantile."""
    toy, rows = TOYS[name](), []
    for label in range(4):
        x = drawn(name, label, *args, **more)
        floor = toy.density(toy.draw(20_000, label, 1), label).quantile(0.01)
        rows.append([(x.mean(0) - toy.mean(label)).norm(), x.var(0).sum() / toy.variance(label).sum(),
                     (toy.density(x, label) / (4 * toy.density(x, None))).log().mean(), (toy.density(x, label) < floor).double().mean()])
    return np.array(rows, float).mean(0)


@pytest.mark.parametrize(("name", "w", "steps"), [("gauss", 3.0, 50), ("gauss", 3.0, 20), ("gauss", 2.0, 20), ("gauss", 5.0, 50),
                                                  ("bimodal", 3.0, 50), ("bimodal", 2.0, 20), ("bimodal", 5.0, 20)])
def test_strong_guidance_keeps_the_mean_and_the_variance_of_a_class(name, w, steps):
    off, cfg, ours = measured(name, 1.0, steps), measured(name, w, steps), measured(name, w, steps, LEVEL, steps)
    assert ours[0] <= 0.08 * cfg[0]
    assert ours[1] == pytest.approx(off[1], rel=0.15) and cfg[1] < 0.8 * off[1]
    assert ours[3] <= (0.015 if w == 3 else 0.02)
    if name == "gauss":
        assert ours[2] - off[2] >= (0.8 if w >= 3 else 0.65) * (cfg[2] - off[2])


@pytest.mark.parametrize("name", ["near-gauss", "near-bimodal"])
def test_where_classes_overlap_a_lower_level_still_does(name):
    off, cfg, ours = measured(name, 1.0, 50), measured(name, 3.0, 50), measured(name, 3.0, 50, 0.5, 50)
    assert ours[0] <= 0.08 * cfg[0] and ours[1] >= 0.6
    assert ours[2] - off[2] >= 0.3 * (cfg[2] - off[2])


@pytest.mark.parametrize("sampler", ["ddim", "dpmpp-2m", "heun"])
@pytest.mark.parametrize("name", ["gauss", "bimodal"])
def test_a_calibration_of_50_steps_serves_20_steps_of_any_solver(name, sampler):
    off, cfg = measured(name, 1.0, 20, sampler=sampler), measured(name, 3.0, 20, sampler=sampler)
    ours = measured(name, 3.0, 20, LEVEL, 50, sampler=sampler)
    assert ours[0] <= 0.12 * cfg[0] and ours[1] == pytest.approx(off[1], rel=0.2)


def test_sharpness_goes_from_the_unguided_variance_to_what_guidance_leaves():
    interval = measured("gauss", 3.0, 50, LEVEL)
    soft, middle, sharp = (measured("gauss", 3.0, 50, LEVEL, 50, sharpness=value) for value in (0.0, 0.5, 1.0))
    assert soft[1] > middle[1] > sharp[1] and sharp[1] == pytest.approx(interval[1], rel=0.05)
    assert soft[2] < middle[2] < sharp[2]


@pytest.mark.parametrize(("rho", "mean", "variance"), [(0.5, 1.1056, 0.8100), (1.0, 1.2929, 0.5625), (2.0, 1.5528, 0.3600)])
def test_the_interval_alone_has_its_closed_form_on_the_papers_toy(rho, mean, variance):
    toy, c = Gaussian1D(), 1.5
    settings = Sampling(model="toy-1d", gamma_1=3.0, mode="cfg", steps=500, sampler="ddim", guide_below=rho)
    guide = Guide(settings, toy.schedule, plan(settings, toy.schedule, lambda t: 1.0), lambda x, t, tau: (toy.eps(x, t, c), toy.eps(x, t, None)),
                  lambda x, t, tau: toy.eps(x, t, c), lambda: None, measure=False)
    x = run(guide, noise_block(0, 100_000, 1))
    a_h = 1 / math.sqrt(1 + rho**2)
    assert mean == pytest.approx(2 - a_h, abs=1e-4) and variance == pytest.approx(((1 + a_h**2) / 2) ** 2, abs=1e-4)
    assert float(x.mean()) / c == pytest.approx(2 - a_h, abs=0.012) and float(x.var()) == pytest.approx(variance, rel=0.02)


def test_strength_one_is_the_identity_and_above_the_level_there_is_nothing():
    off = calibration("gauss", 0, 3.0, 20, 1.0).at(1.0)
    x = torch.randn(5, 2, dtype=torch.float64)
    assert not off.offset(0.5).any() and torch.equal(off.restore(x, 0.5, 0.8, 0.9), x)
    on = calibration("gauss", 0, 3.0, 20, 1.0).at(3.0)
    assert on.offset(-math.log(1.01)) is None and on.offset(-math.log(0.99)).any()
    assert torch.equal(on.restore(x, -math.log(1.01), 0.3, 0.9), x)


def test_between_strengths_the_offset_is_linear_and_beyond_it_grows_with_w_minus_one():
    toy = toy_gauss()
    made = calibrate(lambda x, t: (toy.eps(x, t, 0), toy.eps(x, t, None)), lambda x, t: toy.eps(x, t, 0), toy.schedule, noise_block(0, 64, 2),
                     (2.0, 4.0), 1.0, 20, 2, Job())
    two, four = made.offsets
    assert torch.allclose(made.at(3.0).offsets, (two + four) / 2)
    assert torch.allclose(made.at(1.5).offsets, two / 2) and torch.allclose(made.at(7.0).offsets, 2 * four)


def test_what_the_draws_cannot_tell_from_zero_is_left_out():
    noisy = torch.Generator().manual_seed(0)

    def lost(x, t):  # two predictions that differ by noise alone: no offset is real
        return torch.zeros_like(x), 0.1 * torch.randn(x.shape, generator=noisy, dtype=x.dtype)

    z = noise_block(0, 64, 50)
    schedule = toy_gauss().schedule
    kept, shrunk = (calibrate(lost, lambda x, t: torch.zeros_like(x), schedule, z, [3.0], 1.0, 20, 2, Job(), shrink=on).offsets for on in (False, True))
    assert shrunk.square().mean() < 0.5 * kept.square().mean() and (shrunk == 0).double().mean() > 0.5


@pytest.mark.parametrize(("kind", "share"), [("x0", lambda a, s: -s / a), ("v", lambda a, s: 1 / a), ("flow", lambda a, s: 1 / a)])
def test_the_offset_reaches_every_prediction_type(kind, share):
    x, eps, o = torch.randn(3, 4, 2, 2, dtype=torch.float64).unbind(0)
    a, s = 0.6, 0.8
    moved = from_eps(kind, eps + o, x, a, s) - from_eps(kind, eps, x, a, s)
    assert torch.allclose(moved, share(a, s) * o)


def test_no_step_below_the_level_is_said():
    toy = toy_gauss()
    with pytest.raises(ValueError, match="none of 3 steps"):
        calibrate(None, lambda x, t: toy.eps(x, t, 0), toy.schedule, noise_block(0, 16, 2), [3.0], 0.001, 3, 2, Job())
    assert min(toy.schedule.rho(t) for t in samplers.grid("ddim", toy.schedule, 3)) > 0.001
