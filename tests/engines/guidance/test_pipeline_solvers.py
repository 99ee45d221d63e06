"""The schedules of pipelines against closed forms, and the solvers of their schedulers against each other."""

import math

import numpy as np
import pytest
import torch

from engines.diffusion.samplers import calls, grid, sample
from engines.diffusion.schedules import Flow, Schedule, Tabulated
from engines.diffusion.solver_names import ASKS_TWICE, NAMES, evaluations
from engines.guidance.pipeline_solvers import FlowSchedule, PipelineSchedule
from engines.guidance.recfg import from_eps, to_eps
from engines.job import EngineError

CONFIG = {"num_train_timesteps": 1000, "beta_start": 0.0001, "beta_end": 0.02, "beta_schedule": "linear", "timestep_spacing": "trailing"}
LINEAR = np.exp(2 * Schedule().log_alphas)


def schedule(prediction="eps", **config):
    words = {"eps": "epsilon", "v": "v_prediction"}
    return PipelineSchedule(alphas_bar=LINEAR, config=CONFIG | {"prediction_type": words[prediction]} | config, prediction=prediction)


def test_a_tabulated_schedule_is_the_one_it_was_tabulated_from():
    ours, other = Schedule(), Tabulated(alphas_bar=LINEAR)
    for t in (0.0, 3.25, 500.0, 998.5, 999.0):
        assert other.alpha(t) == pytest.approx(ours.alpha(t), rel=1e-9) and other.lam(t) == pytest.approx(ours.lam(t), rel=1e-9)
        assert other.t_of_lam(other.lam(t)) == pytest.approx(t, abs=1e-6)
    assert other.describe() != ours.describe() and other.describe() != Tabulated(alphas_bar=LINEAR**1.01).describe()


def test_a_flow_goes_straight_from_noise_to_data():
    flow = Flow()
    assert (flow.alpha(250.0), flow.sigma(250.0), flow.rho(250.0)) == pytest.approx((0.75, 0.25, 1 / 3))
    assert flow.t_of_lam(math.log(3)) == pytest.approx(250)
    assert all(math.isfinite(value) for t in (0.0, 1000.0) for value in (flow.lam(t), flow.rho(t), flow.alpha(t)))
    times = torch.tensor([0.0, 250.0, 1000.0])
    assert torch.allclose(flow.lam(times), torch.tensor([flow.lam(float(t)) for t in times], dtype=torch.float64))


def gauss(plan, mean=0.7, variance=0.5):
    """The exact eps of data N(mean, variance) under a schedule."""
    def eps(x, t):
        a, s = plan.alpha(t), plan.sigma(t)
        return s * (x - a * mean) / (a * a * variance + s * s)
    return eps


@pytest.mark.parametrize("prediction", ["eps", "v"])
@pytest.mark.parametrize("name", NAMES)
def test_every_solver_draws_the_data_of_an_exact_model(name, prediction):
    plan = schedule(prediction)
    x = torch.linspace(-2, 2, 9).reshape(9, 1, 1, 1)
    *_, last = sample(name, gauss(plan), x, plan, 200)
    assert torch.allclose(last.x, 0.7 + math.sqrt(0.5) * x, atol=0.03) and last.t_next is None


@pytest.mark.parametrize("name", NAMES)
def test_every_solver_takes_a_schedule_that_ends_in_noise_alone(name):
    """Some of diffusers' schedulers do not know rescale_betas_zero_snr, and would run on another schedule."""
    from diffusers import DDIMScheduler

    config = CONFIG | {"prediction_type": "v_prediction", "rescale_betas_zero_snr": True}
    plan = PipelineSchedule(alphas_bar=DDIMScheduler(**config).alphas_cumprod.numpy(), config=config, prediction="v")
    x = torch.linspace(-2, 2, 9).reshape(9, 1, 1, 1)
    *_, last = sample(name, lambda x, t: gauss(plan)(x.double(), t), x, plan, 100)
    assert torch.allclose(last.x.float(), 0.7 + math.sqrt(0.5) * x, atol=0.05)


def test_deis_takes_as_many_steps_as_the_schedule_has():
    """At so many, diffusers' even timesteps would hold one twice."""
    *_, last = sample("deis", gauss(schedule()), torch.ones(1, 1, 1, 1), schedule(timestep_spacing="linspace"), 1000)
    assert float(last.x) == pytest.approx(0.7 + math.sqrt(0.5), abs=0.02)


@pytest.mark.parametrize("name", ["euler", "heun"])
def test_a_flow_draws_the_data_of_an_exact_model(name):
    plan = FlowSchedule(config={"num_train_timesteps": 1000, "shift": 3.0})
    x = torch.linspace(-2, 2, 9).reshape(9, 1, 1, 1)
    steps = list(sample(name, lambda x, t: gauss(plan)(x.double(), t), x, plan, 200))
    assert torch.allclose(steps[-1].x, 0.7 + math.sqrt(0.5) * x, atol=0.03)
    assert [step.i for step in steps] == list(range(200)) and steps[0].t == pytest.approx(1000)


@pytest.mark.parametrize("name", NAMES)
def test_a_step_shows_x_as_the_network_sees_it_and_starts_where_the_grid_says(name):
    plan, seen = schedule(), []

    def eps(x, t):
        seen.append((t, x))
        return gauss(plan)(x, t)
    steps = list(sample(name, eps, torch.randn(4, 1, 2, 2), plan, 5))
    listed = calls(name, plan, 5)
    assert [step.t for step in steps] == grid(name, plan, 5) and [t for t, _ in seen] == [t for _, t in listed]
    assert len(listed) == evaluations(name, 5) and [i for i, _ in listed] == ([0, 0, 1, 1, 2, 2, 3, 3, 4] if name in ASKS_TWICE else [0, 1, 2, 3, 4])
    starts = seen[::2] if name in ASKS_TWICE else seen
    for step, (t, x) in zip(steps[:-1], starts[1:], strict=True):
        assert step.t_next == pytest.approx(t) and torch.allclose(step.x, x, atol=1e-6)


def test_what_moves_x_between_two_steps_moves_it_alike_in_every_solver():
    """DDIM and Euler are one method; Euler's scheduler keeps x / alpha, so that a move has to be scaled."""
    plan, x = schedule(), torch.randn(4, 1, 2, 2, generator=torch.Generator().manual_seed(0))

    def push(i, t, x):
        return 0.9 * x + 0.1
    ddim, euler = ([*sample(name, gauss(plan), x, plan, 4, push)][-1].x for name in ("ddim", "euler"))
    plain = [*sample("ddim", gauss(plan), x, plan, 4)][-1].x
    assert torch.allclose(ddim, euler, atol=1e-4) and not torch.allclose(ddim, plain, atol=1e-2)


def test_a_schedulers_configuration_is_followed_and_a_wrong_one_told():
    assert grid("ddim", schedule(timestep_spacing="leading", steps_offset=1), 4) == [751, 501, 251, 1]
    assert grid("ddim", schedule(), 4) == [999, 749, 499, 249]
    with pytest.raises(EngineError, match="makes no DDIMScheduler"):
        grid("ddim", schedule(beta_schedule="odd"), 4)
    with pytest.raises(EngineError, match="cannot take 4 steps"):
        grid("ddim", schedule(timestep_spacing="odd"), 4)
    with pytest.raises(EngineError, match="DPM\\+\\+ 2M does not exist for flow"):
        grid("dpmpp-2m", FlowSchedule(config={}), 4)


@pytest.mark.parametrize("kind", ["v", "flow", "x0"])
def test_cfg_in_eps_is_cfg_in_every_prediction_even_where_alpha_is_nearly_gone(kind):
    draws = torch.Generator().manual_seed(1)
    x, c, u = (torch.randn(3, 8, generator=draws).double() for _ in range(3))
    for alpha in (0.9, 0.07, 1e-4):
        sigma = 1 - alpha if kind == "flow" else math.sqrt(1 - alpha * alpha)
        eps = 3 * to_eps(kind, c, x, alpha, sigma) - 2 * to_eps(kind, u, x, alpha, sigma)
        assert torch.allclose(from_eps(kind, eps, x, alpha, sigma), 3 * c - 2 * u, atol=1e-9)
