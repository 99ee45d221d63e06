import numpy as np
import pytest

from engines.teeth.caps import cap, with_stub
from engines.teeth.crowns import crown
from engines.teeth.mesh import Mesh
from engines.teeth.topology import directed, loops, volume_mm3, watertight

FACES = {"bottom": ((0, 2, 1), (0, 3, 2)), "top": ((4, 5, 6), (4, 6, 7)), "front": ((0, 1, 5), (0, 5, 4)), "right": ((1, 2, 6), (1, 6, 5)),
         "back": ((2, 3, 7), (2, 7, 6)), "left": ((3, 0, 4), (3, 4, 7))}
CORNERS = np.array([(0, 0, 0), (2, 0, 0), (2, 3, 0), (0, 3, 0), (0, 0, 4), (2, 0, 4), (2, 3, 4), (0, 3, 4)], float)


def box(*without):
    return Mesh(CORNERS, np.array([face for side, pair in FACES.items() if side not in without for face in pair]))


def closed_once(mesh):
    """Watertight, and no edge is there twice."""
    return watertight(mesh) and len(np.unique(directed(mesh.faces), axis=0)) == 3 * len(mesh.faces)


def half_sphere(radius=5.0, rings=40, around=96):
    polar, angle = np.meshgrid(np.linspace(np.pi / 2, 0, rings, endpoint=False), 2 * np.pi * np.arange(around) / around, indexing="ij")
    points = radius * np.stack([np.sin(polar) * np.cos(angle), np.sin(polar) * np.sin(angle), np.cos(polar)], -1).reshape(-1, 3)
    k, i = (part.ravel() for part in np.meshgrid(np.arange(rings - 1), np.arange(around), indexing="ij"))
    a, b = k * around + i, k * around + (i + 1) % around
    i, last = np.arange(around), (rings - 1) * around
    faces = np.concatenate([np.stack([a, b, b + around], -1), np.stack([a, b + around, a + around], -1),
                            np.stack([last + i, last + (i + 1) % around, np.full(around, rings * around)], -1)])
    return Mesh(np.concatenate([points, [(0, 0, radius)]]), faces)


@pytest.mark.parametrize("without", [("top",), ("top", "bottom"), ("top", "left"), ("top", "left", "front")])
def test_an_open_box_is_closed_to_its_full_volume(without):
    open_box = box(*without)
    closed = cap(open_box)
    assert not closed_once(open_box) and closed_once(closed)
    if without != ("top", "left", "front"):  # there the hole is not a flat or bent rectangle
        assert volume_mm3(closed) == pytest.approx(24, rel=0.35 if "left" in without else 1e-6)
    assert volume_mm3(closed) > 0


def test_a_half_sphere_is_closed_by_a_flat_lid():
    closed = cap(half_sphere())
    assert closed_once(closed)
    assert volume_mm3(closed) == pytest.approx(2 / 3 * np.pi * 125, rel=0.01)
    added = closed.vertices[np.abs(closed.vertices[:, 2]) < 1e-4]
    assert len(added) > 96 + 100  # the border and the inside of the lid


def test_a_mesh_turned_inside_out_keeps_its_turn():
    inside_out = half_sphere()
    inside_out = Mesh(inside_out.vertices, inside_out.faces[:, ::-1])
    assert volume_mm3(cap(inside_out)) == pytest.approx(-volume_mm3(cap(half_sphere())), rel=1e-5)


def test_a_horseshoe_is_closed_without_crossing_its_gap():
    """An upright wall round a horseshoe, open above and below: the exact volume is area times height."""
    angle = np.linspace(0, np.pi, 40)
    arc = np.stack([np.cos(angle), np.sin(angle)], -1)
    outline = np.concatenate([10 * arc, 6 * arc[::-1]])
    n = len(outline)
    points = np.concatenate([np.column_stack([outline, np.full(n, z)]) for z in (0.0, 3.0)])
    i, j = np.arange(n), (np.arange(n) + 1) % n
    wall = Mesh(points, np.concatenate([np.stack([i, j, j + n], -1), np.stack([i, j + n, i + n], -1)]))
    x, y = outline.T
    area = abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2
    closed = cap(wall)
    assert closed_once(closed) and volume_mm3(closed) == pytest.approx(3 * area, rel=1e-5)
    assert closed.areas().sum() == pytest.approx(wall.areas().sum() + 2 * area, rel=1e-5)


def test_triangles_that_share_no_vertices_are_welded_first():
    soup = box("top")
    soup = Mesh(soup.vertices[soup.faces].reshape(-1, 3), np.arange(3 * len(soup.faces)).reshape(-1, 3))
    assert volume_mm3(cap(soup)) == pytest.approx(24, rel=1e-6)


def test_broken_triangles_are_left_out():
    good = half_sphere()
    points = np.concatenate([good.vertices, [(np.nan, 0, 0), (np.inf, 1, 1)]])
    n = len(good.vertices)
    faces = np.concatenate([good.faces, [(0, 1, n), (2, n + 1, 3), (5, 5, 6), (7, 7, 7)], good.faces[:3], good.faces[10:12, ::-1]])
    closed = cap(Mesh(points, faces))
    assert closed_once(closed) and volume_mm3(closed) == pytest.approx(volume_mm3(cap(good)), rel=1e-3)
    assert len(cap(Mesh(np.full((3, 3), np.nan), np.array([[0, 1, 2]]))).faces) == 0


def test_two_holes_that_touch_at_a_vertex_are_two_loops():
    grid = np.arange(25).reshape(5, 5)
    a, b, c, d = grid[:-1, :-1].ravel(), grid[:-1, 1:].ravel(), grid[1:, :-1].ravel(), grid[1:, 1:].ravel()
    cells = np.stack([a, b, d, a, d, c], -1).reshape(-1, 2, 3)
    faces = np.delete(cells, (5, 10), axis=0).reshape(-1, 3)
    assert sorted(len(loop) for loop in loops(faces)) == [4, 4, 16]
    x, y = np.meshgrid(np.arange(5.0), np.arange(5.0))
    assert closed_once(cap(Mesh(np.column_stack([x.ravel(), y.ravel(), np.zeros(25)]), faces)))


@pytest.mark.parametrize("number", [11, 23, 36, 44])
def test_crowns_of_the_generator_become_watertight(number):
    closed = cap(crown(number).mesh)
    assert closed_once(closed) and 100 < volume_mm3(closed) < 900


def test_a_lid_of_one_ring_is_a_fan_and_closes_as_well():
    few, many = (cap(half_sphere(), rings=rings) for rings in (1, 24))
    assert closed_once(few) and len(few.faces) == len(half_sphere().faces) + 96 < len(many.faces)
    assert volume_mm3(few) == pytest.approx(volume_mm3(many), rel=1e-3)


def test_an_open_crown_is_drawn_out_into_a_stub():
    below = Mesh(CORNERS * (1, 1, -1), box("top").faces[:, ::-1])  # open below
    made = with_stub(below, np.array([0, 0, -1.0]), 2.0)
    assert closed_once(made) and volume_mm3(made) > 24 and made.vertices[:, 2].min() == pytest.approx(below.vertices[:, 2].min() - 2)
    assert not len(with_stub(Mesh(CORNERS, np.zeros((0, 3), int)), np.array([0, 0, -1.0]), 2.0).faces)
