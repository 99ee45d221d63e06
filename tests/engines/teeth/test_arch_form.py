"""Arch forms: the published curve, arches that are known, handles, widths."""

import numpy as np
import pytest

from engines.job import EngineError
from engines.teeth import arch_form, dentition, fdi
from engines.teeth import case as cases
from engines.teeth.case import Case, Tooth
from engines.teeth.mesh import Mesh
from engines.teeth.request import ArchForm

ROW = tuple(number for number in fdi.UPPER if fdi.place(number) < 8)


def standing(points: np.ndarray) -> tuple[Case, dict[int, np.ndarray]]:
    """Fourteen upper teeth without meshes whose centres are the given (x, y)."""
    teeth = {}
    for number, point in zip(ROW, points, strict=True):
        frame = np.eye(4)
        frame[:2, 3] = point
        teeth[number] = Tooth(number, Mesh(np.zeros((0, 3)), np.zeros((0, 3), int)), frame)
    return Case("points", teeth), {number: np.eye(4) for number in ROW}


def test_the_beta_curve_is_brauns_formula():
    width, depth = 57.0, 45.0
    form = ArchForm("upper", "beta", ((-width / 2, depth), (0, 0), (width / 2, depth)))
    x, y = arch_form.curve(form).points.T
    away = 3.0314 * depth * np.maximum((.5 + x / width) * (.5 - x / width), 0)**.8
    inner = np.abs(x) < .49 * width  # the curve ends upright: between its last points the chord is not the arc
    assert np.abs(depth - y - away)[inner].max() < .02


def test_a_polynomial_fit_recovers_a_known_asymmetric_arch_in_spite_of_two_teeth_that_stand_out():
    def truth(x):
        return 1.5 + .04 * x + .03 * x**2 + .0002 * x**3 + 2e-5 * x**4
    x = np.array([-27, -25, -23, -20.5, -17, -11.5, -4.2, 4.2, 11.5, 17, 20.5, 23, 25, 27.0])
    points = np.stack([x, truth(x)], 1)
    exact = arch_form.fitted(*standing(points), "upper")
    assert np.allclose([y for _, y in exact.points], truth(np.array([x for x, _ in exact.points])), atol=1e-3)
    points[4] += (0, 6)
    points[8] -= (0, 4)
    off = np.abs(np.diff([arch_form.curve(arch_form.fitted(*standing(points), "upper")).points[:, 1], arch_form.curve(exact).points[:, 1]], axis=0))
    assert off.max() < .35 and off.mean() < .2


@pytest.mark.parametrize("kind", ["beta", "polynomial", "free"])
def test_every_kind_passes_near_its_teeth_and_through_its_handles(kind):
    case = cases.from_dentition(dentition.generate(dentition.Wish(seed=4)))
    for jaw in cases.JAWS:
        form = arch_form.fitted(case, case.reference, jaw, kind)
        line = arch_form.curve(form)
        assert (form.kind, len(form.points)) == (kind, arch_form.HANDLES[kind])
        spots = np.array([point[:2] for point in arch_form.places(case, case.reference, jaw).values()])
        assert np.linalg.norm(line.nearest(spots)[1] - spots, axis=1).mean() < .8
        assert np.linalg.norm(line.nearest(np.array(form.points))[1] - form.points, axis=1).max() < .05
        assert np.all(np.diff(line.nearest(spots)[0]) > 0)


def test_a_mirrored_arch_has_the_mirrored_form():
    x = np.array([-27, -25, -23, -20.5, -17, -11.5, -4.2, 4.2, 11.5, 17, 20.5, 23, 25, 27.0])
    points = np.stack([x, .045 * x**2 + np.random.default_rng(2).normal(0, .6, 14)], 1)
    for kind in arch_form.HANDLES:
        one = np.array(arch_form.fitted(*standing(points), "upper", kind).points)
        other = np.array(arch_form.fitted(*standing(points[::-1] * (-1, 1)), "upper", kind).points)
        assert np.allclose(one, other[::-1] * (-1, 1), atol=2e-3)


def test_a_handle_moves_alone_or_with_its_mirror_image():
    form = ArchForm("lower", "polynomial", ((-25, 30), (-12, 8), (0, 0), (12, 8), (25, 30)))
    alone = arch_form.moved_handle(form, 1, (-14, 9))
    assert alone.points == ((-25, 30), (-14, 9), (0, 0), (12, 8), (25, 30))
    both = arch_form.moved_handle(form, 1, (-14, 9), symmetric=True)
    assert both.points == ((-25, 30), (-14, 9), (0, 0), (14, 9), (25, 30))
    assert arch_form.moved_handle(form, 2, (3, -2), symmetric=True).points[2] == (0, -2)
    x, y = arch_form.curve(both).points.T
    assert np.allclose(np.interp(-x[::-1], x, y), y[::-1], atol=1e-3)


def test_widths_are_read_on_the_curve_and_missing_teeth_say_none():
    x = np.array([-27, -25, -23, -20, -17, -12, -4, 4, 12, 17, 20, 23, 25, 27.0])
    case, poses = standing(np.stack([x, 0 * x + 3], 1))
    straight = ArchForm("upper", "free", ((-30, 3), (0, 3), (30, 3)))
    found = arch_form.widths(straight, case, poses)
    assert found == {"intercanine_mm": pytest.approx(34), "intermolar_mm": pytest.approx(50), "arch_length_mm": pytest.approx(50),
                     "arch_depth_mm": pytest.approx(0, abs=1e-9)}
    del poses[26]
    assert arch_form.widths(straight, case, poses)["intermolar_mm"] is None
    assert arch_form.widths(straight, case, poses)["intercanine_mm"] == pytest.approx(34)


@pytest.mark.parametrize("points", [(), ((0, 0), (1, 1)), ((5, 0), (0, 0), (-5, 0), (-7, 1), (-9, 2)), ((0, 0), (1, 0), (2, 0), (3, float("nan")), (4, 0))])
def test_handles_that_make_no_curve_are_said(points):
    with pytest.raises(EngineError, match="handles"):
        arch_form.curve(ArchForm("upper", "polynomial", points))


def test_four_teeth_are_too_few_for_a_form():
    case, poses = standing(np.zeros((14, 2)))
    with pytest.raises(EngineError, match="4 teeth"):
        arch_form.fitted(case, {number: poses[number] for number in ROW[:4]}, "upper")
