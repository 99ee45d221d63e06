import math

import numpy as np
import pytest

from engines.diffusion.schedules import Schedule
from engines.diffusion.solver_names import evaluations
from engines.guidance.request import SAMPLERS, Sampling
from engines.guidance.theory import finite_t, limit, phi
from engines.guidance.toys import sample
from engines.job import EngineError, Job

SCHEDULE = Schedule()


def drawn(steps, count=50_000, **settings):
    return sample(Sampling(model="toy-1d", steps=steps, count=count, sampler="heun", **settings), Job())


def test_the_papers_values_of_phi():
    assert phi(1.0) == pytest.approx(1) and phi(3.0) == pytest.approx(2)
    assert all(phi(g) > 2 for g in (3.1, 5, 8))


@pytest.mark.parametrize(("w", "mean", "variance"), [(1, 0.993, 0.997), (1.5, 1.341, 0.705), (2, 1.614, 0.498), (3, 1.990, 0.249), (5, 2.325, 0.062)])
def test_the_measured_table_of_cfg(w, mean, variance):
    """guidance.md 1.5, DDIM with 1000 steps, c = 1.5."""
    side = sample(Sampling(model="toy-1d", mode="cfg", gamma_1=w, steps=1000, sampler="ddim", count=50_000), Job())
    assert side.toy.mean[0] / 1.5 == pytest.approx(mean, abs=4e-3)
    assert side.toy.variance == pytest.approx(variance, rel=0.015)


@pytest.mark.parametrize(("w", "mean", "variance"), [(1.5, 1.260, 0.553), (2, 1.434, 0.306), (3, 1.609, 0.094), (5, 1.659, 0.009)])
def test_the_measured_table_of_the_least_squares_ratio(w, mean, variance):
    side = sample(Sampling(model="toy-1d", mode="recfg", gamma_1=w, steps=1000, sampler="ddim", count=50_000), Job())
    assert side.toy.mean[0] / 1.5 == pytest.approx(mean, abs=6e-3)
    assert side.toy.variance == pytest.approx(variance, abs=0.006)


@pytest.mark.parametrize(("g1", "g0"), [(1.0, 0.0), (2.0, -1.0), (2.0, -0.9), (2.0, -1.1), (3.0, -1.8), (3.0, -2.2)])
def test_samples_meet_the_finite_form_with_the_bias_that_halving_the_step_predicts(g1, g0):
    settings = {"mode": "free", "gamma_1": g1, "gamma_0": g0}
    mean, variance = finite_t(1.5, g1, g0, SCHEDULE)
    coarse, fine, finest = (drawn(steps, **settings) for steps in (50, 100, 400))
    errors = [abs(side.toy.mean[0] - finest.toy.mean[0]) for side in (coarse, fine)]
    assert errors[0] > 2.5 * errors[1]  # Heun is second order
    spread = math.sqrt(finest.toy.variance / 50_000)
    assert abs(finest.toy.mean[0] - mean) < 4 * spread * max(1.0, 1 / math.sqrt(variance)) + 2e-3
    assert finest.toy.variance == pytest.approx(variance, rel=0.02)


def test_the_literal_form_keeps_the_mean_and_loses_the_variance():
    """E[eps_c] = 0, so gamma_0 = 0: mean c, variance abar_T^(gamma_1 - 1)."""
    side = drawn(400, mode="literal", gamma_1=2.0)
    assert side.toy.mean[0] == pytest.approx(1.5, abs=2e-3)
    assert finite_t(1.5, 2.0, 0.0, SCHEDULE)[1] == pytest.approx(SCHEDULE.alpha(999.0) ** 2, rel=0.01)
    assert side.toy.variance < 1e-3


def test_the_limit_is_where_finite_t_goes():
    mean, variance = finite_t(1.5, 3.0, -2.0, Schedule(steps=4000))
    assert (mean, variance) == pytest.approx(limit(1.5, 3.0), rel=2e-3)


@pytest.mark.parametrize("model", ["toy-gauss", "toy-bimodal"])
def test_without_guidance_the_toys_reproduce_their_class(model):
    side = sample(Sampling(model=model, label=2, mode="cfg", gamma_1=1.0, steps=100, count=50_000), Job())
    assert side.toy.shift < 0.03 and side.toy.variance_ratio == pytest.approx(1, abs=0.06)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_sampler_reproduces_a_toys_class(sampler):
    side = sample(Sampling(model="toy-bimodal", mode="cfg", gamma_1=1.0, steps=25, count=4000, label=1, sampler=sampler), Job())
    narrower = 0.2 if sampler in ("ddim", "euler", "dpm-1") else 0.12  # first order
    assert side.nfe == evaluations(sampler, 25) and side.toy.shift < 0.06 and side.toy.variance_ratio == pytest.approx(1, abs=narrower)


def test_densities_and_paths_have_the_shapes_a_window_draws():
    side = sample(Sampling(model="toy-bimodal", mode="recfg", count=1000, steps=12), Job())
    assert side.points.shape == (1000, 2) and side.trajectories.shape == (13, 64, 2)
    assert side.toy.true_density.shape == side.toy.sampled_density.shape
    cell = (side.toy.axes[0][1] - side.toy.axes[0][0]) ** 2
    assert float(side.toy.sampled_density.sum()) * cell == pytest.approx(1, abs=1e-6)
    line = sample(Sampling(model="toy-1d", mode="cfg", count=4000, steps=12), Job()).toy
    assert float(line.sampled_density.sum()) * (line.axes[0][1] - line.axes[0][0]) == pytest.approx(1, abs=0.01)


def test_a_class_that_is_not_there_is_refused():
    with pytest.raises(EngineError, match="no class 9"):
        sample(Sampling(model="toy-gauss", label=9), Job())


def test_more_points_keep_the_first_ones():
    few, many = (sample(Sampling(model="toy-gauss", mode="recfg", steps=10, count=n), Job()).points for n in (10, 500))
    assert np.allclose(few, many[:10])
