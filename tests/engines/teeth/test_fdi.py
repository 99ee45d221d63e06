import numpy as np
import pytest

from engines.teeth import fdi
from engines.teeth.mesh import Mesh


def test_universal_and_fdi_are_each_others_inverse():
    for number in fdi.PERMANENT + fdi.DECIDUOUS:
        assert fdi.from_universal(fdi.to_universal(number)) == number
    assert [fdi.to_universal(n) for n in (18, 11, 21, 28, 38, 31, 41, 48)] == ["1", "8", "9", "16", "17", "24", "25", "32"]
    assert [fdi.to_universal(n) for n in (55, 51, 61, 65, 75, 71, 81, 85)] == list("AEFJKOPT")
    assert fdi.from_universal("33") is fdi.from_universal("U") is fdi.from_universal("") is None


def test_names_sides_and_mirrors():
    assert fdi.name(16) == "upper right first molar" and fdi.name(73) == "deciduous lower left canine"
    assert [fdi.mirror(n) for n in (11, 28, 34, 47, 55)] == [21, 18, 44, 37, 65]
    assert fdi.to_palmer(26) == "UL6" and fdi.to_palmer(84) == "LRd"


def test_neighbours_pass_over_missing_teeth_and_stay_in_their_arch():
    assert fdi.neighbours((11, 13, 21, 31, 48)) == [(13, 11), (11, 21), (48, 31)]


def test_a_mirrored_mesh_still_looks_outwards():
    mesh = Mesh([[0, 0, 0], [1, 0, 0], [0, 1, 0]], [[0, 1, 2]])
    moved = mesh.moved(np.diag([-1.0, 1, 1, 1]))
    a, b, c = moved.corners()[0]
    assert np.cross(b - a, c - a)[2] > 0 and moved.areas() == pytest.approx([0.5])
    with pytest.raises(ValueError, match="not there"):
        Mesh(np.zeros((2, 3)), [[0, 1, 2]])
