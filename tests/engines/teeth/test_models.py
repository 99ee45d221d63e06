"""Printable models: closed, the right way out, flat below, with and without a gum; and what they are made of."""

from functools import cache

import numpy as np
import pytest

from engines.job import EngineError
from engines.teeth import case, dentition
from engines.teeth.case import Case, Tooth
from engines.teeth.closing import closed_crown, directed, loops, manifold, open_edges, volume, watertight, welded
from engines.teeth.mesh import Mesh
from engines.teeth.models import CUT_MM, JawModels


@cache
def opened(name: str = "crowding") -> Case:
    return case.from_dentition(dentition.generate(dentition.preset(name)))


def cube(size: float = 1.0, lid: bool = True) -> Mesh:
    points = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], float) * size
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    faces = [triangle for a, b, c, d in quads[:6 if lid else 5] for triangle in ((a, b, c), (a, c, d))]
    return Mesh(points, np.array(faces))


def test_a_cube_is_watertight_and_has_its_volume():
    assert watertight(cube(2)) and volume(cube(2)) == pytest.approx(8)
    assert volume(Mesh(cube().vertices, cube().faces[:, ::-1])) == pytest.approx(-1)
    assert not watertight(cube(lid=False)) and len(open_edges(cube(lid=False).faces)) == 4


def test_a_hole_is_one_loop_along_its_triangles():
    (ring,) = loops(cube(lid=False).faces)
    edges = {tuple(edge) for edge in directed(cube(lid=False).faces).tolist()}
    assert len(ring) == 4 and all((a, b) in edges for a, b in zip(ring.tolist(), np.roll(ring, -1).tolist(), strict=True))


def test_an_open_crown_is_closed_downwards():
    box = cube(4, lid=False)
    turned = Mesh(box.vertices * (1, 1, -1), box.faces[:, ::-1])  # open below
    made = closed_crown(turned, np.array([0, 0, -1.0]), 2.0)
    assert watertight(made) and volume(made) > 64 and made.vertices[:, 2].min() == pytest.approx(turned.vertices[:, 2].min() - 2)


def test_a_broken_surface_becomes_orientable():
    faces = np.concatenate([cube().faces, [[0, 1, 3], [0, 2, 3]]])  # a triangle twice, and one that looks inwards
    vertices, faces = manifold(*welded(cube().vertices.astype(float), faces))
    edges = directed(faces)
    assert len(np.unique(edges, axis=0)) == len(edges)


@pytest.mark.parametrize("which", ["upper", "lower"])
@pytest.mark.parametrize("with_gum", [True, False])
def test_a_model_is_closed_and_flat_and_holds_its_teeth(which, with_gum):
    teeth = opened() if with_gum else Case("x", opened().teeth)
    made = JawModels(teeth, which, opened().reference)
    for poses in ({n: np.eye(4) for n in teeth.teeth}, opened().reference):
        model = made.at(poses)
        assert model.exact and watertight(model.mesh) and 5_000 < volume(model.mesh) < 40_000
        up = -1 if which == "upper" else 1
        heights = up * model.mesh.vertices[:, 2]
        standing = case.moved(opened(), poses).of(which)
        lowest = min((up * tooth.mesh.vertices[:, 2]).min() for tooth in standing.values())
        highest = max((up * tooth.mesh.vertices[:, 2]).max() for tooth in standing.values())
        assert heights.min() == pytest.approx(made.floor, abs=1e-4) and made.floor <= lowest - CUT_MM + 1e-4
        assert heights.max() == pytest.approx(highest, abs=1e-3)
        flat = np.abs(heights - made.floor) < 1e-4
        assert np.ptp(model.mesh.vertices[flat, 0]) > 40


def test_a_full_base_fills_the_arch():
    poses = {n: np.eye(4) for n in opened().teeth}
    gum, full = (JawModels(opened(), "lower", base=base).at(poses).mesh for base in ("gum", "full"))
    assert watertight(full) and volume(full) > volume(gum) + 1500


def test_a_solid_that_cannot_be_cut_is_built_of_voxels(monkeypatch):
    made = JawModels(opened(), "lower")
    poses = {n: np.eye(4) for n in opened().teeth}
    exact = volume(made.at(poses).mesh)
    monkeypatch.setattr(made, "_exact", lambda *_: None)
    model = made.at(poses)
    assert not model.exact and watertight(model.mesh) and volume(model.mesh) == pytest.approx(exact, rel=.03)


def test_an_extracted_tooth_is_not_in_the_model():
    poses = {n: np.eye(4) for n in opened().teeth}
    made = JawModels(opened(), "lower")
    whole, without = made.at(poses).mesh, made.at({n: pose for n, pose in poses.items() if n != 34}).mesh
    assert watertight(without) and volume(whole) - volume(without) > 100


def test_a_jaw_without_teeth_is_refused_and_a_tooth_without_surface_left_out():
    with pytest.raises(EngineError, match="no teeth"):
        JawModels(Case("x"), "upper")
    nothing = Tooth(31, Mesh(np.zeros((0, 3)), np.zeros((0, 3), int)), np.eye(4))
    some = Case("x", {36: opened().teeth[36], 37: opened().teeth[37], 31: nothing})
    model = JawModels(some, "lower").at({n: np.eye(4) for n in some.teeth})
    assert watertight(model.mesh) and volume(model.mesh) > 100
