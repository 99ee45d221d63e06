import numpy as np
import pytest

from engines.teeth.mesh import Mesh
from engines.teeth.topology import adjacent, compact, directed, largest_part, loops, open_edges, orientable, seams, volume_mm3, watertight, weld, welded


def cube(size: float = 1.0, lid: bool = True) -> Mesh:
    points = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], float) * size
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    faces = [triangle for a, b, c, d in quads[:6 if lid else 5] for triangle in ((a, b, c), (a, c, d))]
    return Mesh(points, np.array(faces))


def test_a_cube_is_watertight_and_has_its_volume_mm3():
    assert watertight(cube(2)) and volume_mm3(cube(2)) == pytest.approx(8)
    assert volume_mm3(Mesh(cube().vertices, cube().faces[:, ::-1])) == pytest.approx(-1)
    assert not watertight(cube(lid=False)) and len(open_edges(cube(lid=False).faces)) == 4


def test_a_hole_is_one_loop_along_its_triangles():
    (ring,) = loops(cube(lid=False).faces)
    edges = {tuple(edge) for edge in directed(cube(lid=False).faces).tolist()}
    assert len(ring) == 4 and all((a, b) in edges for a, b in zip(ring.tolist(), np.roll(ring, -1).tolist(), strict=True))


def test_a_broken_surface_becomes_orientable():
    faces = np.concatenate([cube().faces, [[0, 1, 3], [0, 2, 3]]])  # a triangle twice, and one that looks inwards
    edges = directed(orientable(faces))
    assert len(np.unique(edges, axis=0)) == len(edges) == 36
    _, faces = compact(*largest_part(cube().vertices, faces))
    assert len(faces) == 12


def test_vertices_in_one_place_become_one_and_nodes_know_where_they_went():
    whole = cube()
    soup = np.concatenate([whole.vertices[whole.faces].reshape(-1, 3), [(np.nan, 0, 0), (9, 9, 9)]])
    faces = np.concatenate([np.arange(36).reshape(-1, 3), [(0, 1, 36)]])
    points, node_of = weld(soup, faces)
    assert len(points) == 8 and node_of[36] == node_of[37] == -1 and np.array_equal(points[node_of[:36]], soup[:36])
    vertices, kept = welded(Mesh(soup, faces))
    assert len(vertices) == 8 and watertight(Mesh(vertices, kept)) and len(kept) == 12


def test_faces_that_share_an_edge_are_adjacent():
    pairs = adjacent(cube().faces)
    assert len(pairs) == 18 and (np.bincount(pairs.ravel()) == 3).all()


def test_an_edge_between_faces_that_disagree_is_not_open():
    faces = cube().faces.copy()
    faces[0] = faces[0, ::-1]
    assert not len(open_edges(faces)) and not len(open_edges(cube().faces))


def test_the_largest_part_stays():
    two = np.concatenate([cube().faces, cube(lid=False).faces + 8])
    vertices, faces = largest_part(np.concatenate([cube().vertices, cube().vertices + 9]), two)
    assert len(faces) == 12 and vertices.max() == 1


def test_rims_that_run_along_each_other_are_a_seam():
    x = np.arange(20.0)
    rows = [np.column_stack([x, np.full(20, y), np.zeros(20)]) for y in (0, 1, 1.1, 2.1)]
    k = np.arange(19)
    strip = np.concatenate([np.stack([k, k + 1, k + 20], -1), np.stack([k + 1, k + 21, k + 20], -1)])
    pairs = seams(np.concatenate(rows), np.concatenate([strip, strip + 40]), .2)
    assert sorted(tuple(sorted(pair)) for pair in pairs) == [(20 + n, 40 + n) for n in range(20)]
