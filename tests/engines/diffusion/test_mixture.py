import pytest
import torch

from engines.diffusion.mixture import toy

NAMES = ("toy-1d", "toy-gauss", "toy-bimodal")
CLASSES = {"toy-1d": (1.5, -0.5, None), "toy-gauss": (0, 3, None), "toy-bimodal": (1, 2, None)}


@pytest.mark.parametrize("name", NAMES)
def test_eps_is_the_score_of_the_noised_density(name):
    """eps = -sigma grad log q_t; q_t itself by averaging Gaussians around many true draws would be noisy, so t is small
    and the density's own gradient is compared."""
    model = toy(name)
    x = torch.randn(40, model.dim, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for c in CLASSES[name]:
        t = 0.0
        a, s = model.schedule.alpha(t), model.schedule.sigma(t)
        x_ = (x / a).requires_grad_()
        score = torch.autograd.grad(model.density(x_, c).log().sum(), x_)[0] / a
        assert torch.allclose(model.eps(x, t, c), -s * score, rtol=2e-2, atol=2e-4)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("t", [50.0, 400.0, 900.0])
def test_eps_is_the_mean_of_the_noise_given_the_noised_point(name, t):
    """E[eps | x_t] by importance over true draws (Tweedie), independent of the closed form."""
    model = toy(name)
    for c in CLASSES[name][:2]:
        a, s = model.schedule.alpha(t), model.schedule.sigma(t)
        x_0 = model.draw(200_000, c, 0)
        x = a * model.draw(5, c, 1) + s * torch.randn(5, model.dim, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
        for k in range(5):
            noise = (x[k] - a * x_0) / s
            weight = torch.softmax(-0.5 * noise.square().sum(1), 0)
            effective = 1 / float(weight.square().sum())
            tolerance = 6 / effective**0.5
            assert torch.allclose((weight[:, None] * noise).sum(0), model.eps(x[k : k + 1], t, c)[0], atol=tolerance)


@pytest.mark.parametrize("name", NAMES)
def test_draws_have_the_stated_moments(name):
    model = toy(name)
    for c in CLASSES[name][:2]:
        x = model.draw(200_000, c, 3)
        assert torch.allclose(x.mean(0), model.mean(c), atol=0.02)
        assert torch.allclose(x.var(0).mean(), model.variance(c).mean(), rtol=0.02)


@pytest.mark.parametrize("name", ["toy-gauss", "toy-bimodal"])
def test_densities_integrate_to_one(name):
    model = toy(name)
    axis = torch.linspace(-7, 7, 281, dtype=torch.float64)
    grid = torch.cartesian_prod(axis, axis)
    for c in CLASSES[name]:
        assert float(model.density(grid, c).sum()) * 0.05**2 == pytest.approx(1, abs=1e-3)
