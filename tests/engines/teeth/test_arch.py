import numpy as np
import pytest

from engines.teeth import arch


def test_a_catenary_has_its_closed_arc_length_and_tangent():
    curve = arch.catenary(25, 14.0)
    x = np.array([-20.0, -3, 0, 7, 24])
    points, tangents = curve.at(14 * np.sinh(x / 14))
    assert points[:, 0] == pytest.approx(x, abs=1e-3) and points[:, 1] == pytest.approx(14 * (np.cosh(x / 14) - 1), abs=1e-3)
    assert tangents[:, 1] / tangents[:, 0] == pytest.approx(np.sinh(x / 14), abs=1e-3)
    assert curve.half_length == pytest.approx(14 * np.sinh(25 / 14), rel=1e-6)


def test_the_beta_curve_is_as_deep_and_wide_as_it_says():
    curve = arch.beta(52, 42)
    points, _ = curve.at(np.array([0, curve.half_length, -curve.half_length]))
    assert points == pytest.approx(np.array([[0, 0], [26, 42], [-26, 42]]), abs=1e-2)


@pytest.mark.parametrize("power", (4, 6))
def test_a_polynomial_goes_through_canine_and_molar(power):
    y, _ = arch.polynomial(power, (13, 5), (26, 40)).profile(np.array([13.0, 26.0]))
    assert y == pytest.approx([5, 40])


@pytest.mark.parametrize("family", arch.FAMILIES)
def test_a_closed_curve_has_the_length_asked_for_and_goes_on_straight(family):
    curve = arch.closed(family, 26, 53)
    assert curve.half_length == pytest.approx(53, abs=1e-4)
    (a, b), (t, u) = curve.at(np.array([53.0, 60.0]))
    assert np.linalg.norm(b - a) == pytest.approx(7) and t == pytest.approx(u)
    with pytest.raises(ValueError):
        arch.closed(family, 30, 29)
