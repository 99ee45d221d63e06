"""Drags of the gizmo mean what the mouse did, on any axis: exact numbers, no drawing."""

import numpy as np
import pytest

from widgets.camera import Camera
from widgets.teeth.gizmo import ARROW_PX, AXES, KINDS, RING_PX, TURNS, Drag, about, group_frame, handles, under

SIZE = (1000.0, 700.0)


def turned(seed, mirrored):
    """A frame on oblique axes, left-handed if mirrored."""
    random = np.random.default_rng(seed)
    axes, _ = np.linalg.qr(random.standard_normal((3, 3)))
    if (np.linalg.det(axes) < 0) is not mirrored:
        axes[:, 0] *= -1
    frame = np.eye(4)
    frame[:3, :3], frame[:3, 3] = axes, random.uniform(-20, 20, 3)
    return frame


def camera(seed):
    random = np.random.default_rng(seed + 1000)
    return Camera(random.uniform(-180, 180), random.uniform(-80, 80), tuple(random.uniform(-5, 5, 3)), random.uniform(150, 300))


@pytest.mark.parametrize("mirrored", (False, True))
@pytest.mark.parametrize("seed", range(12))
def test_an_arrow_moves_by_the_amount_whose_picture_the_mouse_went(seed, mirrored):
    frame, eye = turned(seed, mirrored), camera(seed)
    for index, kind in enumerate(AXES):
        axis = frame[:3, index]
        start = frame[:3, 3] + 6 * axis
        for amount in (2.5, -1.25):
            here, there = (eye.project(point, SIZE)[:2] for point in (start, start + amount * axis))
            drag = Drag(kind, frame, eye, SIZE, *here)
            assert drag.to(*there) == pytest.approx(amount, abs=1e-6)
            assert drag.matrix()[:3, 3] == pytest.approx(amount * axis, abs=1e-6)


@pytest.mark.parametrize("mirrored", (False, True))
@pytest.mark.parametrize("seed", range(12))
def test_a_ring_turns_the_grabbed_point_to_where_the_mouse_went(seed, mirrored):
    frame, eye = turned(seed, mirrored), camera(seed)
    pivot = frame[:3, 3]
    sight = (pivot - eye.position) / np.linalg.norm(pivot - eye.position)
    for index, kind in enumerate(TURNS):
        axis = frame[:3, index]
        if abs(axis @ sight) < 0.25:
            continue  # seen edge on: rolled, tested below
        for place in (0.3, 2.0, 4.4):
            grabbed = pivot + 8 * (np.cos(place) * frame[:3, (index + 1) % 3] + np.sin(place) * frame[:3, (index + 2) % 3])
            for amount in (17.0, -9.0):
                moved = about(pivot, axis, amount)
                there = moved[:3, :3] @ grabbed + moved[:3, 3]
                drag = Drag(kind, frame, eye, SIZE, *eye.project(grabbed, SIZE)[:2])
                assert drag.to(*eye.project(there, SIZE)[:2]) == pytest.approx(amount, abs=1e-6)
                assert drag.matrix() == pytest.approx(moved, abs=1e-9)


@pytest.mark.parametrize("flip", (1, -1))
def test_a_ring_seen_edge_on_rolls_the_way_the_mouse_goes(flip):
    frame = np.diag([flip, 1.0, flip, 1.0])
    eye = Camera(0, 4, (0, 0, 0), 200)  # from the front: the ring about z is nearly a line
    scale = eye.mm_per_px(np.zeros(3), SIZE[1])
    front = np.array([0, -RING_PX * scale, 0])
    here = eye.project(front, SIZE)[:2]
    drag = Drag("rotation", frame, eye, SIZE, *here)
    drag.to(here[0] + 25, here[1])
    moved = drag.matrix()
    after = eye.project(moved[:3, :3] @ front + moved[:3, 3], SIZE)[:2]
    assert 15 < after[0] - here[0] < 26
    assert np.sign(drag.amount) == flip  # the front goes to +x: right-handed about +z


@pytest.mark.parametrize("seed", range(12))
def test_a_turn_adds_up_beyond_half_a_circle(seed):
    frame, eye = turned(seed, False), camera(seed)
    sight = (frame[:3, 3] - eye.position) / np.linalg.norm(frame[:3, 3] - eye.position)
    index = int(np.abs(frame[:3, :3].T @ sight).argmax())
    grabbed = frame[:3, 3] + 8 * frame[:3, (index + 1) % 3]
    drag = Drag(TURNS[index], frame, eye, SIZE, *eye.project(grabbed, SIZE)[:2])
    for angle in range(20, 421, 20):
        moved = about(frame[:3, 3], frame[:3, index], angle)
        drag.to(*eye.project(moved[:3, :3] @ grabbed + moved[:3, 3], SIZE)[:2])
    assert drag.amount == pytest.approx(420, abs=1e-6)


def test_fine_counts_a_tenth_and_does_not_jump_when_it_begins():
    frame, eye = turned(3, False), camera(3)
    points = [eye.project(frame[:3, 3] + way * frame[:3, 1], SIZE)[:2] for way in (5, 7, 9)]
    drag = Drag("buccolingual", frame, eye, SIZE, *points[0])
    assert drag.to(*points[1]) == pytest.approx(2)
    assert drag.to(*points[2], fine=True) == pytest.approx(2.2)
    assert drag.to(*points[2]) == pytest.approx(2.2)


def test_every_handle_is_found_under_its_own_picture_and_none_far_away():
    frame, eye = turned(5, False), camera(5)
    parts = handles(frame, eye, SIZE)
    assert [part.kind for part in parts] == list(KINDS)
    for part in parts[:3]:
        assert under(parts, *part.line[-1]) == part.kind
    hits = [under(parts, *point) for part in parts[3:] for point in part.line]
    assert set(hits) >= set(TURNS)
    pivot = eye.project(frame[:3, 3], SIZE)
    assert under(parts, pivot[0] + 3 * ARROW_PX, pivot[1]) is None


def test_an_axis_along_the_line_of_sight_cannot_be_dragged():
    parts = handles(np.eye(4), Camera(0, 0, (0, 0, 0), 200), SIZE)
    assert [part.open for part in parts[:3]] == [True, False, True]


def test_the_handles_keep_their_size_when_the_camera_goes_away():
    for distance in (100, 400):
        parts = handles(np.eye(4), Camera(0, 0, (0, 0, 0), distance), SIZE)
        assert np.linalg.norm(parts[2].line[-1] - (500, 350)) == pytest.approx(ARROW_PX, abs=0.5)


def test_a_group_has_the_first_ones_axes_at_the_middle():
    first, second = turned(1, False), turned(2, False)
    frame = group_frame([first, second])
    assert frame[:3, :3] == pytest.approx(first[:3, :3])
    assert frame[:3, 3] == pytest.approx((first[:3, 3] + second[:3, 3]) / 2)
