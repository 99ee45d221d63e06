"""The regulariser against closed forms, and the properties that design/gan.md asks for."""

import math

import pytest
import torch
from torch import nn

from engines.diffusion.schedules import Schedule
from engines.gan import smart
from engines.gan.toys import Mixture
from engines.job import EngineError

SCHEDULE = Schedule()


def one_mode(std=0.3, mu=(0.4, -0.2)):
    return Mixture("one", torch.tensor([mu], dtype=torch.float64), torch.ones(1, dtype=torch.float64), torch.zeros(1, dtype=torch.int64), std)


def draws(count, t, seed=0):
    random = torch.Generator().manual_seed(seed)
    return torch.randn(count, 2, generator=random, dtype=torch.float64), torch.full((count,), float(t), dtype=torch.float64)


@pytest.mark.parametrize("t", [5.0, 30.0, 200.0])
def test_the_gradient_is_that_of_the_closed_form_for_the_same_noise(t):
    model, x_0 = one_mode(), torch.tensor([[0.9, 0.1]], dtype=torch.float64).repeat(64, 1)
    eps, times = draws(64, t)
    found, _ = smart.pull(model, x_0, eps, times)
    a, s = SCHEDULE.alpha(t), SCHEDULE.sigma(t)
    v = a * a * 0.3**2 + s * s
    mu = model.means
    # eps_theta(x_t) - eps = (s / v)(a x_0 + s eps - a mu) - eps, and its derivative in x_0 is a s / v
    residual = s / v * (a * x_0 + s * eps - a * mu) - eps
    exact = 2 * residual * (a * s / v) / 2 / len(x_0)
    assert (found - exact).abs().max() <= 1e-4 * exact.abs().max()
    assert torch.allclose(found, exact, rtol=1e-9)


def test_the_expectation_is_the_closed_form_within_four_standard_errors():
    model, t = one_mode(), 30.0
    a, s = SCHEDULE.alpha(t), SCHEDULE.sigma(t)
    v = a * a * 0.3**2 + s * s
    for x in ([0.4, -0.2], [1.0, 0.5], [-0.3, 0.9]):
        x_0 = torch.tensor([x], dtype=torch.float64)
        eps, times = draws(40_000, t, seed=3)
        losses = smart.l_score(model, x_0.expand(len(eps), -1), eps, times)
        exact = s**2 * a**2 * float((x_0 - model.means).square().sum()) / (2 * v**2) + (a * a * 0.3**2 / v) ** 2
        assert abs(float(losses.mean()) - exact) < 4 * float(losses.std()) / math.sqrt(len(losses))


class Net(nn.Module):
    schedule = SCHEDULE

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.inner, self.fixed = nn.Linear(2, 2), nn.Linear(2, 2).requires_grad_(False)

    def eps(self, x_t, t, c=None):
        return self.fixed(torch.tanh(self.inner(x_t)))


def test_a_score_network_gets_no_gradient_and_is_as_it_was_afterwards():
    model = Net()
    before = [p.requires_grad for p in model.parameters()]
    found, _ = smart.pull(model, torch.randn(8, 2), torch.randn(8, 2), torch.full((8,), 30.0))
    assert found.abs().max() > 0
    assert all(p.grad is None for p in model.parameters())
    assert [p.requires_grad for p in model.parameters()] == before == [True, True, False, False]


def test_a_score_network_is_as_it_was_after_a_failure_too():
    model = Net()
    with pytest.raises(RuntimeError):
        smart.pull(model, torch.randn(8, 3), torch.randn(8, 3), torch.full((8,), 30.0))
    assert [p.requires_grad for p in model.parameters()] == [True, True, False, False]


def test_the_gradient_runs_through_the_score_and_the_stopped_form_leaves_its_jacobian_out():
    model, x_0 = one_mode(std=0.02), torch.tensor([[0.5, -0.1]], dtype=torch.float64)
    eps, times = draws(1, 30.0)
    full, loss = smart.pull(model, x_0, eps, times)
    stopped, same = smart.pull(model, x_0, eps, times, gradient="stop")
    a, s = SCHEDULE.alpha(30.0), SCHEDULE.sigma(30.0)
    assert torch.allclose(full / stopped, torch.full_like(full, s / (a * a * 0.02**2 + s * s)))
    assert torch.allclose(loss, same)


def test_between_two_basins_the_full_gradient_pushes_off_the_bridge():
    means = torch.tensor([[-0.25, 0.0], [0.25, 0.0]], dtype=torch.float64)
    pair = Mixture("pair", means, torch.full((2,), 0.5, dtype=torch.float64), torch.arange(2), 0.02)
    x_0 = torch.tensor([[0.03, 0.0]], dtype=torch.float64).repeat(4000, 1)
    eps, times = draws(4000, 30.0)
    full = smart.pull(pair, x_0, eps, times)[0].sum(0)
    assert full[0] < 0  # descending it moves right, to the nearer mode


def test_a_bound_leaves_ordinary_samples_alone_and_weights_scale_the_others():
    model = one_mode(std=0.02)
    x_0 = torch.tensor([[0.4, -0.2], [0.9, 0.1]], dtype=torch.float64)
    eps, times = draws(2, 30.0)
    free, losses = smart.pull(model, x_0, eps, times)
    bound, _ = smart.pull(model, x_0, eps, times, bound=torch.tensor(float(losses.min()) + 1e-9, dtype=torch.float64))
    assert bound[0].abs().max() == 0 and torch.equal(bound[1], free[1])
    twice, _ = smart.pull(model, x_0, eps, times, weights=torch.tensor([2.0, 0.0], dtype=torch.float64))
    assert torch.allclose(twice[0], 2 * free[0]) and twice[1].abs().max() == 0


def test_no_sample_is_pulled_harder_than_the_limit_and_gentle_pulls_stay_as_they_are():
    found, push = torch.tensor([[3.0, 4.0], [0.3, 0.4], [0.0, 0.0]]), torch.tensor([[1.0, 0.0], [0.0, 2.0], [9.0, 0.0]])
    held = smart.limited(found, push, 0.5)  # the median push is 2
    assert torch.allclose(held, torch.tensor([[0.6, 0.8], [0.3, 0.4], [0.0, 0.0]]))


class Wrong(Net):
    def __init__(self, answer):
        super().__init__()
        self.answer = answer

    def eps(self, x_t, t, c=None):
        return self.answer(x_t)


@pytest.mark.parametrize("answer, words", [(lambda x: x[:, :1], "answers in shape"), (lambda x: 9 * x, "no guess at all"),
                                           (lambda x: x * float("nan"), "no guess"), (lambda x: x @ torch.zeros(3, 3), "does not take")])
def test_a_score_model_that_does_not_fit_the_data_is_refused(answer, words):
    real, eps, t = torch.randn(64, 2), torch.randn(64, 2), torch.full((64,), 30.0)
    with pytest.raises(EngineError, match=words) as error:
        smart.check_fits(Wrong(answer), real, eps, t)
    assert error.value.remedy
    smart.check_fits(Wrong(torch.zeros_like), real, eps, t)  # a poor one is the user's to judge


def test_only_every_freq_th_iteration_is_regularised():
    assert [n for n in range(20) if smart.due(n, 8)] == [0, 8, 16]
    assert all(smart.due(n, 1) for n in range(5))


def test_the_noise_interval_is_told_as_timesteps_of_the_model_in_use():
    low, high = smart.timesteps(0.095, 0.127, SCHEDULE)
    assert round(low) == 25 and round(high) == 35
    assert SCHEDULE.sigma(low) == pytest.approx(0.095, rel=1e-3)
    other = Schedule(beta_last=1e-2)
    assert smart.timesteps(0.095, 0.127, other)[0] > low


def test_schedules_begin_and_end_where_they_say():
    assert [smart.lam_at(2.0, "late", p) for p in (0.0, 0.5, 0.625, 0.75, 1.0)] == [0, 0, 1, 2, 2]
    assert [smart.lam_at(2.0, "fading", p) for p in (0.0, 0.5, 1.0)] == [2, 1, 0]
    assert {smart.lam_at(2.0, "constant", p) for p in (0.0, 0.5, 1.0)} == {2.0}
    assert [smart.freq_at(8, "denser", p) for p in (0.0, 1 / 3, 2 / 3, 1.0)] == [8, 4, 2, 1]
    assert smart.freq_at(8, "constant", 1.0) == 8
