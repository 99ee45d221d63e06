import numpy as np
import pytest

from engines.teeth import case, crowns, frames
from tests.engines.teeth.made_cases import made, teeth


@pytest.mark.parametrize("base, long_deg, mean_deg", (("open", 7, 3.5), ("root", 7, 3.5), ("capped", 15, 6)))
def test_frames_are_the_crowns_own_axes(base, long_deg, mean_deg):
    found, leans, turns = frames.of_teeth(teeth("crowding", base)), {}, {}
    for number, frame in found.items():
        own = made("crowding", base).teeth[number].start[:3, :3].T @ frame[:3, :3]
        assert np.allclose(frame[:3, :3].T @ frame[:3, :3], np.eye(3)) and np.linalg.det(frame[:3, :3]) > 0
        leans[number], turns[number] = np.degrees(np.arccos(own[2, 2])), abs(np.degrees(np.arctan2(own[1, 0], own[0, 0])))
    assert max(leans.values()) < long_deg and np.mean(list(leans.values())) < mean_deg
    # lower side teeth and second molars are too square to show how they are turned: they take the arch's tangent
    assert max(turn for number, turn in turns.items() if number < 30 and number % 10 in (1, 2, 3, 4, 5)) < 15 and np.mean(list(turns.values())) < 7


def test_front_teeth_show_their_own_rotation_not_that_of_the_arch():
    found = frames.of_teeth(teeth())
    for number in (11, 12, 21, 22, 31, 41):
        own = made().teeth[number].start[:3, :3].T @ found[number][:3, :3]
        assert abs(np.degrees(np.arctan2(own[1, 0], own[0, 0]))) < 3


def test_x_is_mesial_in_quadrants_1_and_3_and_distal_in_2_and_4():
    found = frames.of_teeth(teeth())
    for number, frame in found.items():
        other = found[number - 1 if number % 10 > 1 else case.fdi.mirror(number)]
        assert (other[:3, 3] - frame[:3, 3]) @ frame[:3, 0] * crowns.mesial(number) > 0
        outwards = frame[:3, 3] - (0, 25, frame[2, 3])
        assert frame[:3, 1] @ outwards > 0 and frame[2, 2] * (-1 if number < 30 else 1) > 0.5


def test_a_single_tooth_and_a_deciduous_one_have_frames():
    frame = frames.of_teeth({11: teeth()[11]})[11]
    assert frame[:3, 1] @ (0, -1, 0) > 0.8
    assert np.allclose(frames.of_teeth({53: teeth()[13]})[53][:3, 3], frames.of_teeth({13: teeth()[13]})[13][:3, 3])
