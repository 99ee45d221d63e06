import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.teeth import crown_geometry, fdi, orientation, scan_orientation
from engines.teeth.mesh import Mesh
from engines.teeth.topology import open_edges
from tests.engines.teeth.made_cases import degrees, jaw_scan, made, teeth, turned


def moved(meshes, matrix):
    return {number: mesh.moved(matrix) for number, mesh in meshes.items()}




def test_the_world_of_a_made_case_is_found_again():
    found = orientation.of_teeth(teeth())
    assert found.sure and found.bitten and not found.mirrored and degrees(found.to_world) < 3 and np.abs(found.to_world[:3, 3]).max() < 2


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10**6), st.booleans(), st.sampled_from(("both", "upper", "lower", "three")))
def test_any_input_axes_mirrored_or_not_end_in_the_same_world(seed, mirrored, which):
    wanted = {"both": lambda n: True, "upper": lambda n: n < 30, "lower": lambda n: n > 30, "three": lambda n: n in (14, 12, 25)}[which]
    chosen = {n: m for n, m in teeth().items() if wanted(n)}
    matrix = turned(seed, mirrored)
    home, away = orientation.of_teeth(chosen), orientation.of_teeth(moved(chosen, matrix))
    assert away.mirrored == mirrored and away.sure
    assert np.abs(away.to_world @ matrix - home.to_world).max() < 2e-3


def test_every_swap_and_flip_of_the_axes_is_undone():
    home = orientation.of_teeth(teeth()).to_world
    for order in itertools.permutations(range(3)):
        signs = np.array([(1, 1, 1), (-1, 1, 1), (1, -1, -1)][order[0]])
        matrix = np.eye(4)
        matrix[:3, :3] = np.eye(3)[list(order)] * signs
        found = orientation.of_teeth(moved(teeth(), matrix))
        assert found.mirrored == (np.linalg.det(matrix) < 0) and np.abs(found.to_world @ matrix - home).max() < 2e-3


@pytest.mark.parametrize("base", ("capped", "root"))
def test_closed_crowns_and_teeth_with_roots_are_understood_too(base):
    whole = teeth("class-ii", base)
    for chosen in (whole, {n: m for n, m in whole.items() if n > 30}):
        matrix = turned(5, mirrored=True)
        found = orientation.of_teeth(moved(chosen, matrix))
        assert found.mirrored and degrees(found.to_world @ matrix) < 4


def test_jaws_side_by_side_are_noticed_and_one_of_them_leads():
    apart = {n: m if fdi.is_upper(n) else m.moved(turned(3)) for n, m in teeth().items()}
    found = orientation.of_teeth(apart)
    assert not found.bitten and not found.sure and degrees(found.to_world) < 8


def test_two_teeth_tell_no_axes():
    found = orientation.of_teeth({11: teeth()[11], 21: teeth()[21]})
    assert not found.sure and np.array_equal(found.to_world, np.eye(4))


def test_bite_directions_and_surfaces_turned_inside_out():
    crown = made().teeth[16].crown.mesh
    assert crown_geometry.bite_direction(crown)[2] > 0.95 and not crown_geometry.inside_out(crown)
    assert crown_geometry.inside_out(Mesh(crown.vertices, crown.faces[:, ::-1]))
    rooted = made("crowding", "root").teeth[21].crown.mesh
    assert len(open_edges(rooted.faces)) == 0 and crown_geometry.bite_direction(rooted)[2] > 0.95


@pytest.mark.parametrize("which", (("upper", "lower"), ("lower",)))
def test_a_scan_without_labels_is_guessed_from_its_shape(which):
    matrix = turned(7)
    scans = {jaw: jaw_scan(jaw == "upper")[0].moved(matrix) for jaw in which}
    assert degrees(scan_orientation.of_scans(scans) @ matrix) < 12
