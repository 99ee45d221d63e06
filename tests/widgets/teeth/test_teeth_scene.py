"""The scene as numbers: no drawing."""

import numpy as np
import pytest
from teeth_shapes import ball, placed

from widgets import tokens


def moved(x=0.0, y=0.0, z=0.0):
    return placed((x, y, z))


def test_poses_move_a_tooth_and_its_frame_and_nothing_else(balls):
    balls.set_poses({11: moved(z=2)})
    assert balls.bodies()[11].matrix == pytest.approx(moved(z=2))
    assert balls.frame(11)[:3, 3] == pytest.approx((-5, 0, 7), abs=1e-5)
    assert balls.bodies()[21].matrix == pytest.approx(np.eye(4))


def test_only_places_changed_is_said_for_poses_and_not_for_a_selection(balls):
    said = []
    balls.on_change.append(said.append)
    balls.set_poses({11: moved(1)})
    balls.set_selected([11])
    assert said == [True, False]


def test_a_jaw_hides_the_other_and_hidden_teeth_stay_hidden(balls):
    balls.jaws("upper")
    assert balls.visible() == (11, 21)
    balls.set_hidden([11])
    assert balls.visible() == (21,)
    with pytest.raises(ValueError):
        balls.jaws("left")


def test_opening_turns_the_lower_jaw_down_and_back_and_leaves_the_upper(balls):
    balls.open_jaw(15)
    at = balls.placed(41) @ np.append(balls.frames[41][:3, 3], 1)
    assert at[2] < -5 - 5 and at[1] > 0
    assert balls.placed(11) == pytest.approx(np.eye(4))
    assert balls.frame(41)[:3, 3] == pytest.approx((-5, 0, -5), abs=1e-5)  # the plan knows nothing of it
    balls.open_jaw(0, down_mm=7)
    assert balls.placed(41) == pytest.approx(moved(z=-7))


def test_the_ghost_shows_teeth_that_moved_alone(balls):
    balls.set_poses({11: moved(z=1), 21: moved(z=0.001)})
    balls.set_ghost({})
    bodies = balls.bodies()
    assert bodies["ghost", 11].visible and not bodies["ghost", 21].visible
    assert bodies["ghost", 11].opacity < 1
    balls.set_hidden([41])
    assert balls.bodies()["ghost", 41].visible  # an extracted tooth stays as a ghost
    balls.set_ghost(None)
    assert ("ghost", 11) not in balls.bodies()


def test_selected_and_locked_teeth_look_different(balls):
    balls.set_selected([11])
    balls.set_locked([41])
    bodies = balls.bodies()
    assert bodies[11].outline == tokens.current().accent
    assert len({bodies[number].tint for number in (11, 21, 41)}) == 3


def test_two_scenes_of_the_same_meshes_share_their_surfaces(balls):
    from widgets.teeth.scene import TeethScene
    other = TeethScene()
    other.set_teeth(balls.meshes, balls.frames)
    assert other.bodies()[11].surface is balls.bodies()[11].surface


def test_paint_has_to_fit_its_tooth(balls):
    with pytest.raises(ValueError):
        balls.set_paint(11, np.zeros((3, 4)))
    with pytest.raises(KeyError):
        balls.set_paint("upper", np.zeros((3, 4)))
    balls.set_paint(11, np.zeros((len(balls.meshes[11].vertices), 4)))
    assert balls.bodies()[11].paint.dtype == np.uint8


def test_the_gum_moves_in_place_and_says_so_when_it_does_not_fit(balls):
    gum = ball(3.0, (0, 0, 9))
    balls.set_gum("upper", gum)
    while balls.make_coarse():
        pass
    balls.move_gum("upper", gum.vertices + (0, 0, 1))
    assert balls.bodies()["upper"].surface.vertices.mean(0)[2] == pytest.approx(10, abs=0.1)
    assert balls.coarse_forms()["upper"].vertices[:, 2].max() == pytest.approx(13, abs=0.2)
    with pytest.raises(ValueError):
        balls.move_gum("upper", gum.vertices[:-1])


def test_new_teeth_forget_the_old_ones(balls):
    balls.set_selected([11, 21])
    balls.set_poses({21: moved(1)})
    balls.set_teeth({21: ball(3.0, (0, 0, 0))}, {21: np.eye(4)})
    assert balls.selected == (21,)
    assert balls.poses[21] == pytest.approx(np.eye(4))
    assert set(balls.bodies()) == {21}


def test_a_pivot_moves_with_its_tooth(balls):
    balls.set_pivots({11: (-5, 0, 9)})
    balls.set_poses({11: moved(y=3)})
    assert balls.frame(11)[:3, 3] == pytest.approx((-5, 3, 9))
    assert balls.frame(21)[:3, 3] == pytest.approx((5, 0, 5), abs=1e-5)
