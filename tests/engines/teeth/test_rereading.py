"""Tooth numbers that a person corrects."""

import numpy as np
import pytest

from engines.job import EngineError
from engines.teeth import case as cases
from engines.teeth import dentition
from engines.teeth.rereading import renumbered


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
    with pytest.raises(EngineError, match="11"):
        renumbered(case, ((21, 11),))
