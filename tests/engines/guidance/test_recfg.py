import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from engines.guidance import recfg

GENERATOR = torch.Generator().manual_seed(0)


def draws(*shape):
    return torch.randn(*shape, dtype=torch.float64, generator=GENERATOR)


def test_ratio_one_is_cfg():
    eps_c, eps_u = draws(4, 3, 8, 8), draws(4, 3, 8, 8)
    for g in (1.0, 2.5, 7.0):
        assert torch.allclose(recfg.combine(eps_c, eps_u, g, recfg.gamma_0(g, 1.0)), eps_u + g * (eps_c - eps_u))


def test_the_literal_ratio_annihilates_the_mean_difference():
    """Eq. 42 is the solution of Eq. 30: E[gamma_1 eps_c + gamma_0 eps_u] = E[eps_c]."""
    eps_c, eps_u = draws(500, 1, 4, 4) + 1.0, draws(500, 1, 4, 4) + 1.5
    ratio, guarded = recfg.literal_ratio(eps_c.sum(0), eps_u.sum(0), eps_u.square().sum(0), 500)
    assert guarded == 0
    left = recfg.annihilation(eps_c, eps_u, 3.0, recfg.gamma_0(3.0, ratio))
    assert torch.allclose(left, torch.zeros_like(left), atol=1e-12)
    assert recfg.annihilation(eps_c, eps_u, 3.0, -2.0).abs().min() > 0.5  # CFG does not


def test_the_least_squares_ratio_minimises_eq_45():
    eps_c, eps_u = draws(200, 1, 4, 4) + 0.3, draws(200, 1, 4, 4)
    ratio = recfg.least_squares_ratio((eps_c * eps_u).sum(0), eps_u.square().sum(0))
    best = recfg.objective(eps_c, eps_u, 3.0, recfg.gamma_0(3.0, ratio))
    for other in (ratio + 0.01, ratio - 0.01, torch.ones_like(ratio)):
        assert (best < recfg.objective(eps_c, eps_u, 3.0, recfg.gamma_0(3.0, other))).all()


def test_the_least_squares_ratio_is_one_where_there_is_nothing_to_divide_by():
    assert recfg.least_squares_ratio(torch.zeros(2), torch.zeros(2)).tolist() == [1, 1]


def test_the_guard_replaces_noise_and_the_clamp_bounds_the_rest():
    n = 100
    sum_u, sum_uu = torch.tensor([0.5, 50.0, 50.0, 0.0]), torch.full((4,), 100.0)  # standard error of the mean 0.1
    ratio, changed = recfg.literal_ratio(torch.tensor([5.0, 40.0, 500.0, 3.0]), sum_u, sum_uu, n)
    assert ratio.tolist() == pytest.approx([1.0, 0.8, 2.0, 1.0]) and changed == 0.75


def test_the_coefficient_sum():
    assert recfg.coefficient_sum(3.0, -1.8) == pytest.approx(1.2)


LEVEL = st.floats(0.05, 0.99)


@given(LEVEL, st.sampled_from(recfg.KINDS))
def test_every_kind_of_output_turns_into_eps_and_back(alpha, kind):
    sigma = (1 - alpha) if kind == "flow" else (1 - alpha**2) ** 0.5
    x_0, eps = draws(2, 1, 3, 3), draws(2, 1, 3, 3)
    x = alpha * x_0 + sigma * eps
    output = {"eps": eps, "x0": x_0, "v": alpha * eps - sigma * x_0, "flow": eps - x_0}[kind]
    assert torch.allclose(recfg.to_eps(kind, output, x, alpha, sigma), eps)
    assert torch.allclose(recfg.from_eps(kind, eps, x, alpha, sigma), output)


@given(LEVEL, st.floats(1, 8), st.floats(-8, 1))
def test_combining_in_eps_gives_the_table_of_other_spaces(alpha, g1, g0):
    """With S = gamma_1 + gamma_0: D_hat = (1 - S) x + g1 D_c + g0 D_u, v_hat = (S - 1)(s / a) x + g1 v_c + g0 v_u,
    flow: v_hat = (S - 1) x / (1 - t) + g1 v_c + g0 v_u. Derived anew here from the definitions."""
    x, eps_c, eps_u = draws(1, 1, 3, 3), draws(1, 1, 3, 3), draws(1, 1, 3, 3)
    total = g1 + g0
    for kind, factor, sigma in (("x0", lambda a, s: 1 - total, (1 - alpha**2) ** 0.5), ("v", lambda a, s: (total - 1) * s / a, (1 - alpha**2) ** 0.5),
                                ("flow", lambda a, s: (total - 1) / a, 1 - alpha)):
        out_c, out_u = (recfg.from_eps(kind, eps, x, alpha, sigma) for eps in (eps_c, eps_u))
        # D = (x - s eps) / a, so (1 - S) x / a - ... : the VP form of the denoiser carries 1 / a
        expected = factor(alpha, sigma) * x / (alpha if kind == "x0" else 1) + g1 * out_c + g0 * out_u
        found = recfg.from_eps(kind, recfg.combine(eps_c, eps_u, g1, g0), x, alpha, sigma)
        assert torch.allclose(found, expected, rtol=1e-7, atol=1e-7)


def test_combining_in_another_space_is_another_method_unless_s_is_one():
    x, eps_c, eps_u, a, s = draws(1, 1, 3, 3), draws(1, 1, 3, 3), draws(1, 1, 3, 3), 0.6, 0.8
    v_c, v_u = (recfg.from_eps("v", eps, x, a, s) for eps in (eps_c, eps_u))
    for g0, same in ((-2.0, True), (-1.8, False)):
        inside = recfg.to_eps("v", recfg.combine(v_c, v_u, 3.0, g0), x, a, s)
        assert torch.allclose(inside, recfg.combine(eps_c, eps_u, 3.0, g0)) is same


def test_an_unknown_kind_is_refused():
    for convert in (recfg.to_eps, recfg.from_eps):
        with pytest.raises(ValueError, match="score"):
            convert("score", torch.ones(1), torch.ones(1), 0.6, 0.8)
