from collections import Counter

import numpy as np
import pytest

from engines.teeth import fdi
from engines.teeth.crown_shapes import SIZES
from engines.teeth.crowns import crown, curve, kind


def edges(mesh):
    directed = Counter(map(tuple, np.concatenate([mesh.faces[:, [0, 1]], mesh.faces[:, [1, 2]], mesh.faces[:, [2, 0]]]).tolist()))
    return directed, [edge for edge in directed if edge[::-1] not in directed]


def volume(mesh):
    a, b, c = mesh.corners().swapaxes(0, 1)
    return float((a * np.cross(b, c)).sum() / 6)


@pytest.mark.parametrize("number", (*fdi.UPPER[:8], *fdi.LOWER[8:]))
def test_a_crown_has_the_sizes_of_the_table_and_its_left_twin_is_its_mirror(number):
    mesh, size = crown(number).mesh, SIZES[kind(number)]
    assert np.ptp(mesh.vertices[:, 0]) == pytest.approx(size.md, abs=1e-4)
    assert np.ptp(mesh.vertices[:, 1]) == pytest.approx(size.bl, abs=1e-4)
    assert mesh.vertices[:, 2].max() == pytest.approx(size.height, abs=1e-4)
    twin = crown(fdi.mirror(number)).mesh
    assert np.array_equal(twin.vertices, mesh.vertices * np.array([-1, 1, 1], np.float32)) and np.array_equal(twin.faces, mesh.faces[:, ::-1])


@pytest.mark.parametrize("number", (11, 13, 14, 16, 17, 33, 34, 36, 38, 26))
@pytest.mark.parametrize("base", ("capped", "root"))
def test_a_closed_tooth_has_every_edge_twice_in_opposite_directions_and_looks_outwards(number, base):
    mesh = crown(number, base=base).mesh
    directed, loose = edges(mesh)
    assert not loose and set(directed.values()) == {1} and volume(mesh) > 50


def test_an_open_crown_is_open_along_its_neck_only():
    directed, loose = edges(crown(36).mesh)
    assert len(loose) == 80 and set(directed.values()) == {1}


def test_individuals_differ_and_the_same_seed_gives_the_same_bytes():
    one, same, other = (crown(16, np.random.default_rng(seed)).mesh.vertices for seed in (1, 1, 2))
    assert one.tobytes() == same.tobytes() and np.abs(one - other).max() > .05


def test_the_buccal_cusp_of_a_lower_first_premolar_is_the_higher_and_the_mesial_corner_of_an_incisor_too():
    marks = crown(34).landmarks
    assert marks["cusp_b"][2] > marks["cusp_l"][2] + 1 and marks["cusp_b"][1] > 0 > marks["cusp_l"][1]
    marks = crown(11).landmarks
    assert marks["mesial_contact"][0] > 0 > marks["distal_contact"][0] and marks["mesial_contact"][2] > marks["distal_contact"][2]


def test_the_profile_goes_through_its_knots_and_never_over_them():
    knots = ((0, 1.0), (.3, 2.0), (.5, 2.0), (1, 0.5))
    x = np.linspace(0, 1, 200)
    assert curve(np.array([0, .3, .5, 1]), knots) == pytest.approx([1, 2, 2, .5]) and curve(x, knots).max() <= 2 + 1e-12


def test_what_is_no_tooth_is_refused():
    for number, more in ((51, {}), (19, {}), (11, {"base": "gold"}), (11, {"around": 30})):
        with pytest.raises(ValueError):
            crown(number, **more)
