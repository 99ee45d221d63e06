import math

import numpy as np
import pytest
import torch

from engines.diffusion import samplers
from engines.diffusion.mixture import toy
from engines.diffusion.samplers import adams_weights, calls, grid, sample
from engines.diffusion.schedules import Schedule
from engines.diffusion.solver_names import NAMES, evaluations

SCHEDULE = Schedule()
WIDTH = 0.5  # data N(0, WIDTH^2): the flow from x_T is x_T times a known factor
FIRST_ORDER = ("ddim", "euler", "dpm-1")


def gaussian_eps(x, t):
    a, s = SCHEDULE.alpha(t), SCHEDULE.sigma(t)
    return s * x / (a * a * WIDTH**2 + s * s)


def end(name, steps, eps=gaussian_eps):
    *_, last = sample(name, eps, torch.ones(1, 1, dtype=torch.float64), SCHEDULE, steps)
    return float(last.x)


def exact(t=None):
    """x_t / x_T of the probability flow, x_0 / x_T without t: the ratio of standard deviations."""
    a, s = (SCHEDULE.alpha(999.0), SCHEDULE.sigma(999.0))
    end, noise = (1.0, 0.0) if t is None else (SCHEDULE.alpha(t), SCHEDULE.sigma(t))
    return math.sqrt((end * end * WIDTH**2 + noise * noise) / (a * a * WIDTH**2 + s * s))


@pytest.mark.parametrize(("name", "order"), [("ddim", 1), ("euler", 1), ("dpm-1", 1), ("heun", 2), ("dpm-2", 2), ("dpmpp-2m", 2), ("deis", 3)])
def test_halving_the_step_shrinks_the_error_by_the_order(name, order):
    # up to where the last step starts: that one, to sigma = 0, is first order for all
    errors = []
    for n in (64, 128, 256):
        *_, before, _ = sample(name, gaussian_eps, torch.ones(1, 1, dtype=torch.float64), SCHEDULE, n)
        errors.append(abs(float(before.x) / exact(before.t_next) - 1))
    rates = np.log2(np.array(errors[:-1]) / errors[1:])
    assert np.all(np.abs(rates - order) < 0.25), rates


@pytest.mark.parametrize("name", NAMES)
def test_every_sampler_ends_at_the_exact_flow(name):
    assert end(name, 1000) == pytest.approx(exact(), rel=2e-2 if name in FIRST_ORDER else 3e-4)


@pytest.mark.parametrize("name", NAMES)
def test_the_calls_that_are_listed_are_the_calls_that_are_made(name):
    made, done = [], []

    def asked(x, t):
        made.append((len(done), t))
        return gaussian_eps(x, t)
    for steps in (1, 2, 7):
        made.clear()
        done.clear()
        for step in sample(name, asked, torch.ones(1, 1, dtype=torch.float64), SCHEDULE, steps):
            done.append(step.t)
        assert made == calls(name, SCHEDULE, steps) and len(made) == evaluations(name, steps)
        assert done == grid(name, SCHEDULE, steps) and made[0] == (0, pytest.approx(999.0))
        assert all(t > s for t, s in zip(done, done[1:], strict=False)) and done[-1] >= 0


def test_a_second_call_is_made_at_the_end_of_the_step_or_at_its_middle_in_lambda():
    heun, dpm_2 = grid("heun", SCHEDULE, 3), grid("dpm-2", SCHEDULE, 3)
    assert calls("heun", SCHEDULE, 3) == [(0, heun[0]), (0, heun[1]), (1, heun[1]), (1, heun[2]), (2, heun[2])]
    lams = [SCHEDULE.lam(t) for _, t in calls("dpm-2", SCHEDULE, 3)]
    assert np.diff(lams) == pytest.approx(lams[1] - lams[0])
    assert [i for i, _ in calls("dpm-2", SCHEDULE, 3)] == [0, 0, 1, 1, 2] and [t for _, t in calls("dpm-2", SCHEDULE, 3)][::2] == dpm_2


def test_the_grids_are_even_in_what_they_are_said_to_be_even_in():
    """The paper's own grid of N steps ends at t = 0; its last point is not asked."""
    whole = SCHEDULE.lam(0.0) - SCHEDULE.lam(999.0)
    for name in ("dpm-1", "dpm-2"):
        assert np.diff([SCHEDULE.lam(t) for t in grid(name, SCHEDULE, 8)]) == pytest.approx(whole / 8)
    assert np.sqrt(grid("deis", SCHEDULE, 8)) == pytest.approx(math.sqrt(999) * np.arange(8, 0, -1) / 8)


def test_a_point_mass_is_reached_in_one_step_by_all():
    for name in NAMES:
        *_, last = sample(name, lambda x, t: (x - SCHEDULE.alpha(t) * 0.7) / SCHEDULE.sigma(t), torch.randn(3, 2, dtype=torch.float64), SCHEDULE, 1)
        assert torch.allclose(last.x, torch.full((3, 2), 0.7, dtype=torch.float64))


def test_an_unknown_sampler_and_no_steps_are_refused():
    with pytest.raises(ValueError, match="sampler"):
        sample("magic", gaussian_eps, torch.ones(1), SCHEDULE, 3)
    for name in NAMES:
        for listed in (grid, calls):
            with pytest.raises(ValueError, match="at least one"):
                listed(name, SCHEDULE, 0)


def bimodal(x, t):
    return toy("toy-bimodal").eps(x, t, 1)


def noise():
    return torch.randn(50, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def test_the_dpm_solvers_step_as_their_paper_writes_it():
    """[DPM-Solver, Eq. 3.7 and Alg. 1], in its letters: x at t_{i-1}, its noise prediction, r_1 = 1/2."""
    a, s, lam = SCHEDULE.alpha, SCHEDULE.sigma, SCHEDULE.lam
    first, second = (sample(name, bimodal, noise(), SCHEDULE, 6) for name in ("dpm-1", "dpm-2"))
    x_1 = x_2 = noise()
    for one, two in zip(first, second, strict=True):
        t, to = one.t, one.t_next
        assert (two.t, two.t_next) == (t, to)
        if to is None:
            break
        h = lam(to) - lam(t)
        x_1 = a(to) / a(t) * x_1 - s(to) * math.expm1(h) * bimodal(x_1, t)
        m = SCHEDULE.t_of_lam(lam(t) + h / 2)
        u = a(m) / a(t) * x_2 - s(m) * math.expm1(h / 2) * bimodal(x_2, t)
        x_2 = a(to) / a(t) * x_2 - s(to) * math.expm1(h) * bimodal(u, m)
        assert torch.allclose(one.x, x_1, rtol=1e-9) and torch.allclose(two.x, x_2, rtol=1e-9)


def test_to_first_order_all_are_ddim(monkeypatch):
    times = grid("ddim", SCHEDULE, 9)
    *_, ddim = sample("ddim", bimodal, noise(), SCHEDULE, 9)
    *_, deis = samplers._deis(bimodal, noise(), SCHEDULE, times, samplers.untouched, order=1)
    monkeypatch.setattr(samplers, "grid", lambda *_: times)
    *_, dpm_1 = sample("dpm-1", bimodal, noise(), SCHEDULE, 9)
    assert torch.equal(dpm_1.x, ddim.x) and torch.allclose(deis.x, ddim.x, rtol=1e-9)
    *_, second = sample("deis", bimodal, noise(), SCHEDULE, 9)
    assert not torch.allclose(second.x, ddim.x, atol=1e-3)


@pytest.mark.parametrize("nodes", [1, 2, 3, 4])
def test_deis_integrates_every_polynomial_in_log_rho_that_its_nodes_can_tell(nodes):
    lams, end = [0.7, 0.1, -0.4, -1.5][:nodes], 1.3
    weights = adams_weights(lams, end)
    levels = np.linspace(math.exp(-lams[0]), math.exp(-end), 200_001)
    for power in range(nodes):
        wanted = np.trapezoid(np.log(levels) ** power, levels)
        assert sum(w * (-lam) ** power for w, lam in zip(weights, lams, strict=True)) == pytest.approx(wanted, rel=1e-8)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_deis_agrees_with_diffusers_on_its_own_grid(order):
    from diffusers import DEISMultistepScheduler
    stock = DEISMultistepScheduler(beta_start=1e-4, beta_end=2e-2, beta_schedule="linear", solver_order=order, timestep_spacing="trailing",
                                   lower_order_final=False)
    stock.set_timesteps(12)
    x, times = noise(), [float(t) for t in stock.timesteps]
    ours = samplers._deis(bimodal, noise(), SCHEDULE, times, samplers.untouched, order)
    for t, step in zip(stock.timesteps[:-1], ours, strict=False):  # its last step goes to t = 0 and not to sigma = 0
        x = stock.step(bimodal(x, float(t)), t, x).prev_sample
        assert torch.allclose(step.x, x, atol=2e-5)  # diffusers keeps its betas in float32


def test_dpm_1_agrees_with_diffusers_on_its_own_grid(monkeypatch):
    from diffusers import DPMSolverSinglestepScheduler
    stock = DPMSolverSinglestepScheduler(beta_start=1e-4, beta_end=2e-2, beta_schedule="linear", solver_order=1, lower_order_final=True)
    stock.set_timesteps(12)
    monkeypatch.setattr(samplers, "grid", lambda *_: [float(t) for t in stock.timesteps])
    x = noise()
    for t in stock.timesteps:
        x = stock.step(bimodal(x, float(t)), t, x).prev_sample
    *_, last = sample("dpm-1", bimodal, noise(), SCHEDULE, 12)
    assert torch.allclose(last.x, x, atol=2e-5)


def test_dpm_2_agrees_with_diffusers_where_its_middle_lies_half_way_in_lambda(monkeypatch):
    """diffusers counts network calls, and rounds the timesteps of this grid: its coefficients go by its noise levels, and so do we."""
    from diffusers import DPMSolverSinglestepScheduler
    with pytest.warns(FutureWarning, match="dpmsolver"):
        stock = DPMSolverSinglestepScheduler(beta_start=1e-4, beta_end=2e-2, beta_schedule="linear", algorithm_type="dpmsolver", solver_order=2,
                                             lower_order_final=True, final_sigmas_type="sigma_min", use_exponential_sigmas=True)
        stock.set_timesteps(13)
    assert stock.order_list == [1, 2] * 6 + [1]
    times = [SCHEDULE.t_of_lam(-math.log(float(level))) for level in stock.sigmas[:13]]
    monkeypatch.setattr(samplers, "grid", lambda *_: times[::2])
    x, ours = noise(), sample("dpm-2", bimodal, noise(), SCHEDULE, 7)
    for n, t in enumerate(times[:12]):
        x = stock.step(bimodal(x, t), stock.timesteps[n], x).prev_sample
        if n % 2:
            assert torch.allclose(next(ours).x, x, atol=5e-5)


def test_ddim_agrees_with_diffusers():
    from diffusers import DDIMScheduler
    stock = DDIMScheduler(beta_start=1e-4, beta_end=2e-2, beta_schedule="linear", clip_sample=False, set_alpha_to_one=True, timestep_spacing="trailing")
    stock.set_timesteps(20)
    assert [int(t) for t in stock.timesteps] == grid("ddim", SCHEDULE, 20)
    x = mine = noise()
    for t in stock.timesteps:
        x = stock.step(bimodal(x, float(t)), t, x).prev_sample
    *_, last = sample("ddim", bimodal, mine, SCHEDULE, 20)
    assert torch.allclose(last.x, x, atol=2e-5)  # diffusers keeps its betas in float32


def test_dpmpp_2m_agrees_with_diffusers_on_its_own_grid(monkeypatch):
    from diffusers import DPMSolverMultistepScheduler
    stock = DPMSolverMultistepScheduler(beta_start=1e-4, beta_end=2e-2, beta_schedule="linear", algorithm_type="dpmsolver++", solver_order=2,
                                        lower_order_final=False, final_sigmas_type="zero", timestep_spacing="trailing", euler_at_final=True)
    stock.set_timesteps(12)
    times = [float(t) for t in stock.timesteps]
    monkeypatch.setattr(samplers, "grid", lambda *_: times)
    x = mine = noise()
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
