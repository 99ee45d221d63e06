"""The gum goes with the teeth, stays where no tooth is near, and does not fold."""

import time
from functools import cache

import numpy as np
import pytest

from engines.teeth import case, dentition
from engines.teeth.case import Tooth
from engines.teeth.gum_follow import REACH_MM, GumFollow
from engines.teeth.mesh import Mesh
from engines.teeth.moves import Move, matrix


@cache
def opened() -> case.Case:
    return case.from_dentition(dentition.generate(dentition.preset("crowding")))


@cache
def follow(which: str) -> GumFollow:
    return GumFollow(opened().gums[which], opened().of(which))


def sheet(across: int, along: int, step: float) -> Mesh:
    """A flat gum at z = 0, its middle line along x."""
    i, j = np.meshgrid(np.arange(along), np.arange(across), indexing="ij")
    points = np.stack([(i - along / 2) * step, (j - across / 2) * step, 0 * i], -1).reshape(-1, 3)
    a = (i * across + j)[:-1, :-1].ravel()
    return Mesh(points, np.concatenate([np.stack([a, a + across, a + 1], -1), np.stack([a + 1, a + across, a + across + 1], -1)]))


def post(number: int, x: float) -> Tooth:
    """A ring of 3 mm radius that stands in the sheet."""
    turn = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    frame = np.eye(4)
    frame[:3, 3] = (x, 0, 3)
    rings = np.concatenate([np.stack([x + 3 * np.cos(turn), 3 * np.sin(turn), np.full(60, z)], -1) for z in (0, 3, 6)])
    return Tooth(number, Mesh(rings, np.zeros((0, 3), int)), frame)


def across(mesh: Mesh) -> np.ndarray:
    a, b, c = mesh.corners().swapaxes(0, 1)
    return np.cross(b - a, c - a)


def test_without_movement_the_gum_is_where_it_was():
    made = follow("upper").moved({number: np.eye(4) for number in opened().of("upper")})
    assert np.array_equal(made.vertices, opened().gums["upper"].vertices)


def test_near_the_tooth_the_gum_moves_with_it_and_far_away_not_at_all():
    tooth = opened().teeth[13]
    made = follow("upper").moved({13: matrix(tooth, Move(buccal=2))})
    before = opened().gums["upper"].vertices
    moved = (made.vertices - before) @ tooth.axis("buccal")
    distance = np.linalg.norm(before[:, None] - tooth.mesh.vertices[None, ::20], axis=-1).min(1)
    assert moved.max() > 1.5 and moved.min() > -1e-3
    assert np.abs(moved[distance > REACH_MM + 3]).max() < .2 and np.abs(moved[distance > 2 * REACH_MM]).max() < .01


def test_all_teeth_moved_alike_move_the_margin_alike():
    made, pose = follow("lower"), np.eye(4)
    pose[:3, 3] = (0, 0, 1)
    shares = sum(made.weights(number) for number in opened().of("lower"))
    assert shares.max() <= 1 + 1e-9 and shares.min() >= 0
    moved = made.moved(dict.fromkeys(opened().of("lower"), pose)).vertices - made.gum.vertices
    assert np.allclose(moved[:, 2], shares, atol=2e-2) and moved[:, 2].max() > .95


@pytest.mark.parametrize("kind", ["mesial", "buccal", "extrusion"])
@pytest.mark.parametrize("mm", [-3.0, 3.0])
def test_an_even_gum_does_not_fold_under_three_millimetres(kind, mm):
    gum = sheet(60, 120, .5)
    teeth = {12: post(12, -9), 11: post(11, 0), 21: post(21, 9)}
    made = GumFollow(gum, teeth).moved({11: matrix(teeth[11], Move(**{kind: mm}))})
    before, after = across(gum), across(made)
    assert (before * after).sum(1).min() > 0.1 * (before**2).sum(1).min()
    assert np.linalg.norm(after, axis=1).min() > 0.2 * np.linalg.norm(before, axis=1).min()


def test_a_generated_gum_hardly_folds():
    """It has slivers, and folds of its own between crowded teeth: of the triangles that lie well at the start at most one in a thousand turns over."""
    for which, numbers in (("upper", (11, 13, 16)), ("lower", (43, 46))):
        made = follow(which)
        before = across(made.gum)
        for number in numbers:
            for kind, mm in (("buccal", 3.0), ("buccal", -3.0), ("extrusion", 3.0), ("extrusion", -3.0), ("mesial", 1.5), ("mesial", -1.5)):
                after = across(made.moved({number: matrix(opened().teeth[number], Move(**{kind: mm}))}))
                assert ((before * after).sum(1)[made.sound] < 0).mean() < 1e-3, (number, kind, mm)


def test_a_gum_of_30000_vertices_follows_within_10_ms():
    gum = sheet(150, 200, .25)
    teeth = {12: post(12, -9), 11: post(11, 0), 21: post(21, 9)}
    made, pose = GumFollow(gum, teeth), matrix(post(11, 0), Move(buccal=1, tip=4))
    made.moved({11: pose})
    taken = []
    for _ in range(5):
        started = time.process_time()
        made.moved({11: pose, 12: pose})
        taken.append(time.process_time() - started)
    assert min(taken) < 0.010


def test_a_gum_without_teeth_and_no_gum_at_all_stay_as_they_are():
    assert np.array_equal(GumFollow(sheet(5, 5, 1), {}).moved({}).vertices, sheet(5, 5, 1).vertices)
    nothing = Mesh(np.zeros((0, 3)), np.zeros((0, 3), int))
    assert not len(GumFollow(nothing, {11: post(11, 0)}).moved({11: np.eye(4)}).vertices)
