"""The right tooth under the mouse, from every side: against every triangle one by one, and against where teeth stand."""

import numpy as np
import pytest

from engines.teeth import fdi
from widgets.camera import VIEWS, Camera
from widgets.surface import Body, surface
from widgets.teeth.picking import Picker

SIZE = (300.0, 210.0)


@pytest.fixture
def picker():
    picker = Picker()
    yield picker
    picker.forget()


def by_hand(bodies, start, way):
    """key and distance of the nearest triangle on a ray, with plain algebra [Moeller and Trumbore]."""
    best = (None, np.inf)
    for key, body in bodies.items():
        if not body.visible:
            continue
        a, b, c = np.moveaxis((body.surface.vertices.astype(float) @ body.matrix[:3, :3].T + body.matrix[:3, 3])[body.surface.faces], 1, 0)
        p = np.cross(way, c - a)
        det = ((b - a) * p).sum(1)
        det = np.where(np.abs(det) < 1e-12, np.nan, det)
        u = ((start - a) * p).sum(1) / det
        q = np.cross(start - a, b - a)
        v = (q @ way) / det
        along = np.where((u >= 0) & (v >= 0) & (u + v <= 1), ((c - a) * q).sum(1) / det, np.inf)
        nearest = np.nanmin(np.where(along > 0, along, np.inf))
        if nearest < best[1]:
            best = (key, nearest)
    return best


@pytest.mark.parametrize("view", VIEWS)
def test_a_pick_finds_the_nearest_triangle_from_every_standard_view(scene, picker, view):
    if view in ("upper", "lower"):
        scene.jaws(view)
    bodies, random = scene.bodies(), np.random.default_rng(1)
    camera = Camera().looking(view).fitted(scene.points(), SIZE)
    teeth = set()
    for x, y in random.uniform((40, 60), (260, 150), (14, 2)):
        start, way = camera.ray(x, y, SIZE)
        key, distance = by_hand(bodies, start, way)
        hit = picker.pick(bodies, start, way)
        assert (hit.key if hit else None) == key
        if hit:
            assert hit.distance == pytest.approx(distance, abs=1e-3)
            assert hit.point == pytest.approx(start + distance * way, abs=1e-3)
            teeth.add(hit.key)
    assert teeth


@pytest.mark.parametrize("view", ("front", "right", "left", "upper", "lower"))
def test_the_middle_of_a_tooth_that_faces_the_view_picks_that_tooth(scene, picker, view):
    camera = Camera().looking(view)
    facing = {"front": (11, 21), "right": (14, 45), "left": (25, 35), "upper": (16, 26, 11, 21), "lower": (36, 46, 31, 41)}[view]
    scene.jaws(view if view in ("upper", "lower") else "both")
    camera = camera.fitted(scene.points(), SIZE)
    for number in facing:
        x, y, _ = camera.project(scene.frame(number)[:3, 3], SIZE)
        assert picker.pick(scene.bodies(), *camera.ray(x, y, SIZE)).key == number


def test_sides_are_not_swapped(scene, picker):
    camera = Camera().fitted(scene.points(), SIZE)
    for x, right in ((120, True), (180, False)):
        hit = picker.pick(scene.bodies(), *camera.ray(x, 100, SIZE))
        assert fdi.is_right(hit.key) is right


def test_a_moved_tooth_is_picked_where_it_went_and_its_vertex_is_that_of_the_mesh(balls, picker):
    pose = np.eye(4)
    pose[:3, 3] = (0, -20, 3)
    balls.set_poses({11: pose})
    hit = picker.pick(balls.bodies(), np.array([-5.0, -100, 8]), np.array([0.0, 1, 0]))
    assert hit.key == 11
    assert hit.point == pytest.approx((-5, -24, 8), abs=0.05)
    assert hit.normal == pytest.approx((0, -1, 0), abs=0.1)
    own = balls.meshes[11].vertices[hit.vertex] + pose[:3, 3]
    assert np.linalg.norm(own - hit.point) < 0.8


def test_nothing_is_picked_beside_the_teeth_or_from_hidden_ones(balls, picker):
    up = np.array([0.0, 1, 0])
    assert picker.pick(balls.bodies(), np.array([0.0, -50, 30]), up) is None
    balls.set_hidden([11])
    assert picker.pick(balls.bodies(), np.array([-5.0, -50, 5]), up) is None


def test_what_the_plane_cuts_away_is_not_picked(balls, picker):
    start, way = np.array([-5.0, -50, 5]), np.array([0.0, 1, 0])
    plane = np.array([0, 1, 0, 0.0])  # keeps y >= 0: the front half of each ball is gone
    hit = picker.pick(balls.bodies(), start, way, plane)
    assert hit.point[1] == pytest.approx(4, abs=0.05)
    assert picker.pick(balls.bodies(), start, way, np.array([0, -1, 0, 20.0])) is None


def test_a_ghost_is_looked_through(balls, picker):
    pose = np.eye(4)
    pose[:3, 3] = (0, 15, 0)
    balls.set_poses({11: pose})
    balls.set_ghost({})
    hit = picker.pick(balls.bodies(), np.array([-5.0, -50, 5]), np.array([0.0, 1, 0]))
    assert hit.key == 11 and hit.point[1] == pytest.approx(11, abs=0.05)


def test_an_empty_body_does_no_harm(picker):
    bodies = {"upper": Body(surface(np.zeros((0, 3)), np.zeros((0, 3), int)), "gum")}
    assert picker.pick(bodies, np.zeros(3), np.array([0.0, 1, 0])) is None
