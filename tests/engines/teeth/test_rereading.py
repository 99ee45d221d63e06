"""Tooth numbers that a person corrects."""

from dataclasses import replace

import numpy as np
import pytest

from engines.job import EngineError
from engines.teeth import case as cases
from engines.teeth import dentition, fdi, opening, orientation
from engines.teeth.rereading import renumbered
from tests.engines.teeth.made_cases import teeth
from tests.engines.teeth.test_opening import write


@pytest.fixture(scope="module")
def case():
    return cases.from_dentition(dentition.generate(dentition.preset("crowding")))


def test_two_teeth_change_places_and_their_axes_follow_the_numbers(case):
    changed = renumbered(case, ((11, 21), (21, 11)))
    assert changed.teeth[21].mesh is case.teeth[11].mesh and changed.teeth[21].number == 21
    assert changed.teeth[21].axis("mesial") @ case.teeth[11].axis("mesial") < -0.8  # the frame knows that mesial is now the other way
    assert np.array_equal(changed.reference[21], case.reference[11])


def test_what_is_no_tooth_goes_and_two_of_one_number_are_refused(case):
    assert 18 not in renumbered(case, ((17, 0),)).teeth and len(renumbered(case, ((17, 0),)).teeth) == 27
    for pair, told in (((21, 11), "11"), ((17, 19), "19 is no FDI number")):
        with pytest.raises(EngineError, match=told):
            renumbered(case, (pair,))


def test_axes_follow_when_left_and_right_were_swapped_in_the_files(tmp_path):
    found = opening.open_case(write(tmp_path / "swapped", {fdi.mirror(n): mesh for n, mesh in teeth().items()}))
    assert orientation.MIRRORED in found.notices and found.questions
    pairs = tuple((n, fdi.mirror(n)) for n in teeth())
    case = renumbered(found, pairs)
    plain = opening.open_case(write(tmp_path / "plain", teeth()))
    assert np.linalg.det(case.to_world[:3, :3]) > 0 and not case.questions and orientation.MIRRORED not in case.notices
    assert case.teeth[11].source == "21.stl" and np.allclose(case.to_world, plain.to_world, atol=.02)
    assert np.allclose(case.teeth[11].frame, plain.teeth[11].frame, atol=.05)
    kept = renumbered(found, pairs, keep_axes=True)
    assert np.array_equal(kept.to_world, found.to_world) and kept.teeth[11].mesh is found.teeth[21].mesh


def test_axes_stay_when_a_few_teeth_get_other_numbers(case):
    changed = renumbered(case, ((11, 12), (12, 11), (17, 18)))
    assert np.array_equal(changed.to_world, case.to_world) and changed.teeth[36] is case.teeth[36] and changed.teeth[18].mesh is case.teeth[17].mesh


def test_a_gum_goes_with_a_jaw_that_becomes_the_other():
    whole = cases.from_dentition(dentition.generate(dentition.preset("crowding")))
    upper = replace(whole.with_teeth(whole.of("upper")), gums={"upper": whole.gums["upper"]})
    below = renumbered(upper, tuple((n, n + 30 if n < 20 else n + 10) for n in upper.teeth), keep_axes=True)
    assert set(below.gums) == {"lower"} and all(cases.jaw(n) == "lower" for n in below.teeth)
