import numpy as np
import pytest
import torch

from engines.diffusion.mixture import toy
from engines.diffusion.samplers import NAMES, evaluations, grid, sample
from engines.diffusion.schedules import Schedule

SCHEDULE = Schedule()
WIDTH = 0.5  # data N(0, WIDTH^2): the flow from x_T is x_T times a known factor


def gaussian_eps(x, t):
    a, s = SCHEDULE.alpha(t), SCHEDULE.sigma(t)
    return s * x / (a * a * WIDTH**2 + s * s)


def end(name, steps, eps=gaussian_eps):
    *_, last = sample(name, eps, torch.ones(1, 1, dtype=torch.float64), SCHEDULE, steps)
    return float(last.x)


def exact():
    """x_0 / x_T of the probability flow: the ratio of standard deviations."""
    a, s = SCHEDULE.alpha(999.0), SCHEDULE.sigma(999.0)
    return WIDTH / np.sqrt(a * a * WIDTH**2 + s * s)


@pytest.mark.parametrize(("name", "order"), [("euler", 1), ("heun", 2), ("dpmpp-2m", 2)])
def test_halving_the_step_shrinks_the_error_by_the_order(name, order):
    # the last step to sigma = 0 is first order for all: its error, ten thousand times smaller here, is taken off by extrapolation
    errors = [abs(end(name, n) - end(name, 4096)) for n in (64, 128, 256)]
    rates = np.log2(np.array(errors[:-1]) / errors[1:])
    assert np.all(rates > order - 0.25), rates


@pytest.mark.parametrize("name", NAMES)
def test_every_sampler_ends_at_the_exact_flow(name):
    assert end(name, 1000) == pytest.approx(exact(), rel=2e-2 if name in ("ddim", "euler") else 3e-4)


@pytest.mark.parametrize("name", NAMES)
def test_the_network_is_asked_as_often_as_promised(name):
    calls = []

    def counted(x, t):
        calls.append(t)
        return gaussian_eps(x, t)
    for steps in (1, 2, 7):
        calls.clear()
        end(name, steps, counted)
        assert len(calls) == evaluations(name, steps)
        assert grid(name, SCHEDULE, steps)[0] == calls[0] == pytest.approx(999.0)


def test_a_point_mass_is_reached_in_one_step_by_all():
    for name in NAMES:
        *_, last = sample(name, lambda x, t: (x - SCHEDULE.alpha(t) * 0.7) / SCHEDULE.sigma(t), torch.randn(3, 2, dtype=torch.float64), SCHEDULE, 1)
        assert torch.allclose(last.x, torch.full((3, 2), 0.7, dtype=torch.float64))


def test_an_unknown_sampler_and_no_steps_are_refused():
    with pytest.raises(ValueError, match="sampler"):
        sample("magic", gaussian_eps, torch.ones(1), SCHEDULE, 3)
    with pytest.raises(ValueError, match="at least one"):
        grid("ddim", SCHEDULE, 0)


def bimodal(x, t):
    return toy("toy-bimodal").eps(x, t, 1)


def test_ddim_agrees_with_diffusers():
    from diffusers import DDIMScheduler
    stock = DDIMScheduler(beta_start=1e-4, beta_end=2e-2, beta_schedule="linear", clip_sample=False, set_alpha_to_one=True, timestep_spacing="trailing")
    stock.set_timesteps(20)
    assert [int(t) for t in stock.timesteps] == grid("ddim", SCHEDULE, 20)
    x = mine = torch.randn(50, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for t in stock.timesteps:
        x = stock.step(bimodal(x, float(t)), t, x).prev_sample
    *_, last = sample("ddim", bimodal, mine, SCHEDULE, 20)
    assert torch.allclose(last.x, x, atol=2e-5)  # diffusers keeps its betas in float32


def test_dpmpp_2m_agrees_with_diffusers_on_its_own_grid(monkeypatch):
    from diffusers import DPMSolverMultistepScheduler

    from engines.diffusion import samplers
    stock = DPMSolverMultistepScheduler(beta_start=1e-4, beta_end=2e-2, beta_schedule="linear", algorithm_type="dpmsolver++", solver_order=2,
                                        lower_order_final=False, final_sigmas_type="zero", timestep_spacing="trailing", euler_at_final=True)
    stock.set_timesteps(12)
    times = [float(t) for t in stock.timesteps]
    monkeypatch.setattr(samplers, "grid", lambda *_: times)
    x = mine = torch.randn(50, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for t in stock.timesteps:
        x = stock.step(bimodal(x, float(t)), t, x).prev_sample
    *_, last = sample("dpmpp-2m", bimodal, mine, SCHEDULE, 12)
    assert torch.allclose(last.x, x.double(), atol=2e-4)


def test_steps_can_be_watched_and_left():
    seen = []
    for step in sample("heun", gaussian_eps, torch.ones(1, 1, dtype=torch.float64), SCHEDULE, 10):
        seen.append(step.i)
        if step.i == 3:
            break
    assert seen == [0, 1, 2, 3]
