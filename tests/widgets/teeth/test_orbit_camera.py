"""The turntable camera: nothing is swapped, and points come back to where they were seen."""

import numpy as np
import pytest

from widgets.camera import VIEWS, Camera

SIZE = (900.0, 600.0)
AHEAD = {"front": (0, 1, 0), "right": (1, 0, 0), "left": (-1, 0, 0), "upper": (0, 0, 1), "lower": (0, 0, -1), "back": (0, -1, 0)}
TO_THE_RIGHT = {"front": (1, 0, 0), "right": (0, -1, 0), "left": (0, 1, 0), "upper": (1, 0, 0), "lower": (1, 0, 0), "back": (-1, 0, 0)}


@pytest.mark.parametrize("view", VIEWS)
def test_a_standard_view_looks_along_its_axis_with_the_right_side_to_the_right(view):
    right, up, forward = Camera().looking(view).axes
    assert forward == pytest.approx(np.array(AHEAD[view]), abs=1e-12)
    assert right == pytest.approx(np.array(TO_THE_RIGHT[view]), abs=1e-12)
    assert np.cross(right, forward) == pytest.approx(up, abs=1e-12)


def test_the_patients_right_is_on_the_viewers_left_from_the_front():
    right_side, left_side = Camera(distance=200).project(np.array([(-20.0, 0, 0), (20.0, 0, 0)]), SIZE)
    assert right_side[0] < SIZE[0] / 2 < left_side[0]


def test_the_incisors_are_at_the_top_of_the_upper_and_at_the_bottom_of_the_lower_view():
    incisor, molar = np.array([0.0, 0, 0]), np.array([0.0, 40, 0])
    for view, sign in (("upper", -1), ("lower", 1)):
        seen = Camera(focus=(0, 20, 0)).looking(view)
        assert np.sign(seen.project(incisor, SIZE)[1] - seen.project(molar, SIZE)[1]) == sign


@pytest.mark.parametrize("seed", range(5))
def test_a_ray_through_a_points_pixel_meets_the_point(seed):
    random = np.random.default_rng(seed)
    camera = Camera(random.uniform(-180, 180), random.uniform(-90, 90), tuple(random.uniform(-9, 9, 3)), 150)
    point = random.uniform(-20, 20, 3)
    x, y, depth = camera.project(point, SIZE)
    start, way = camera.ray(x, y, SIZE)
    assert np.cross(point - start, way) == pytest.approx(np.zeros(3), abs=1e-9)
    assert (point - start) @ camera.axes[2] == pytest.approx(depth)
    flat = camera.homogeneous(SIZE) @ np.append(point, 1)
    assert flat[:2] / flat[2] == pytest.approx((x, y))


def test_dragging_to_the_right_takes_the_near_side_to_the_right():
    near = np.array([0.0, -10, 0])
    before, after = Camera().project(near, SIZE), Camera().orbited(30, 20).project(near, SIZE)
    assert after[0] > before[0]
    assert after[1] > before[1]


def test_panning_keeps_the_focus_under_the_mouse():
    camera = Camera(35, 20, (1.0, 2, 3), 180)
    moved = camera.panned(40, -25, SIZE[1])
    assert moved.project(np.array(camera.focus), SIZE)[:2] == pytest.approx((SIZE[0] / 2 + 40, SIZE[1] / 2 - 25))


def test_zooming_keeps_what_is_under_the_cursor():
    camera = Camera(35, 20, (1.0, 2, 3), 180)
    start, way = camera.ray(200, 450, SIZE)
    point = start + way * (camera.distance / (way @ camera.axes[2]))
    assert camera.zoomed(1.7, 200, 450, SIZE).project(point, SIZE)[:2] == pytest.approx((200, 450))


@pytest.mark.parametrize("view", VIEWS)
def test_fitting_brings_every_point_inside_and_fills_the_picture(view):
    points = np.random.default_rng(1).uniform((-35, -5, -15), (35, 45, 15), (300, 3))
    flat = Camera().looking(view).fitted(points, SIZE).project(points, SIZE)[:, :2]
    assert (flat >= 0).all() and (flat <= SIZE).all()
    assert max(np.ptp(flat, axis=0) / SIZE) > 0.8


def test_a_blend_goes_the_short_way_round():
    assert Camera(170).blended(Camera(-170), 0.5).yaw == pytest.approx(-180)
    assert Camera(170).blended(Camera(-170), 1.0).yaw == pytest.approx(-170)


def test_an_empty_scene_leaves_the_camera_where_it_is():
    assert Camera().fitted(np.zeros((0, 3)), SIZE) == Camera()
