"""The schedule against DDPM's own numbers and its own identities."""

import numpy as np
import pytest
import torch

from engines.diffusion.schedules import Schedule

schedule = Schedule()


def test_the_knots_are_ddpm_linear():
    bar = np.cumprod(1 - np.linspace(1e-4, 2e-2, 1000))
    for t in (0, 1, 500, 999):
        assert schedule.alpha(t) ** 2 == pytest.approx(bar[t], rel=1e-12)
    assert bar[-1] == pytest.approx(4.04e-5, rel=1e-2)


def test_variance_is_preserved_between_the_knots():
    t = torch.linspace(0, 999, 777, dtype=torch.float64)
    torch.testing.assert_close(schedule.alpha(t) ** 2 + schedule.sigma(t) ** 2, torch.ones_like(t), rtol=1e-12, atol=0)


def test_floats_and_tensors_agree():
    for t in (0.0, 0.25, 17.5, 998.9, 999.0):
        for f in (schedule.alpha, schedule.sigma, schedule.lam, schedule.rho):
            assert f(torch.tensor([t])).item() == pytest.approx(f(float(np.float32(t))), rel=1e-6)


def test_t_of_lam_inverts_lam():
    for t in (0.0, 0.5, 3.3, 500.1, 999.0):
        assert schedule.t_of_lam(schedule.lam(t)) == pytest.approx(t, abs=1e-7)
    assert schedule.t_of_lam(99.0) == 0.0 and schedule.t_of_lam(-99.0) == 999.0


def test_log_alpha_has_the_slope_of_its_segment():
    t = torch.tensor(10.5, dtype=torch.float64, requires_grad=True)
    schedule.log_alpha(t).backward()
    assert t.grad.item() == pytest.approx(schedule.log_alphas[11] - schedule.log_alphas[10], rel=1e-12)


def test_no_steps_is_refused():
    with pytest.raises(ValueError, match="at least one step"):
        schedule.timesteps(0)
