"""Printable models: closed, the right way out, flat below, with and without a gum."""

from functools import cache

import numpy as np
import pytest

from engines.job import EngineError
from engines.teeth import case, dentition
from engines.teeth.case import Case, Tooth
from engines.teeth.mesh import Mesh
from engines.teeth.models import CUT_MM, JawModels
from engines.teeth.topology import volume_mm3, watertight


@cache
def opened(name: str = "crowding") -> Case:
    return case.from_dentition(dentition.generate(dentition.preset(name)))


@pytest.mark.parametrize("which", ["upper", "lower"])
@pytest.mark.parametrize("with_gum", [True, False])
def test_a_model_is_closed_and_flat_and_holds_its_teeth(which, with_gum):
    teeth = opened() if with_gum else Case("x", opened().teeth)
    made = JawModels(teeth, which, opened().reference)
    for poses in ({n: np.eye(4) for n in teeth.teeth}, opened().reference):
        model = made.at(poses)
        assert model.exact and watertight(model.mesh) and 5_000 < volume_mm3(model.mesh) < 40_000
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
    assert watertight(full) and volume_mm3(full) > volume_mm3(gum) + 1500


def test_a_solid_that_cannot_be_cut_is_built_of_voxels(monkeypatch):
    made = JawModels(opened(), "lower")
    poses = {n: np.eye(4) for n in opened().teeth}
    exact = volume_mm3(made.at(poses).mesh)
    monkeypatch.setattr(made, "_exact", lambda *_: None)
    model = made.at(poses)
    assert not model.exact and watertight(model.mesh) and volume_mm3(model.mesh) == pytest.approx(exact, rel=.03)


def test_an_extracted_tooth_is_not_in_the_model():
    poses = {n: np.eye(4) for n in opened().teeth}
    made = JawModels(opened(), "lower")
    whole, without = made.at(poses).mesh, made.at({n: pose for n, pose in poses.items() if n != 34}).mesh
    assert watertight(without) and volume_mm3(whole) - volume_mm3(without) > 100


def test_a_jaw_without_teeth_is_refused_and_a_tooth_without_surface_left_out():
    with pytest.raises(EngineError, match="no teeth"):
        JawModels(Case("x"), "upper")
    nothing = Tooth(31, Mesh(np.zeros((0, 3)), np.zeros((0, 3), int)), np.eye(4))
    some = Case("x", {36: opened().teeth[36], 37: opened().teeth[37], 31: nothing})
    model = JawModels(some, "lower").at({n: np.eye(4) for n in some.teeth})
    assert watertight(model.mesh) and volume_mm3(model.mesh) > 100
