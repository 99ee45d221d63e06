"""What a person does to a plan."""

import numpy as np
import pytest

from engines.teeth import case as cases
from engines.teeth import dentition, editing, moves
from engines.teeth.moves import Move
from engines.teeth.poses import poses_of
from engines.teeth.request import Plan


@pytest.fixture(scope="module")
def case():
    return cases.from_dentition(dentition.generate(dentition.preset("crowding")))


def test_a_pair_moves_as_mirror_images(case):
    plan = editing.set_values(case, Plan(), (11, 21), "buccal", 1.5)
    plan = editing.set_values(case, plan, (11, 21), "rotation", 4.0)
    assert plan.move(11) == plan.move(21) == Move(buccal=1.5, rotation=4.0)


def test_others_of_a_selection_take_the_difference(case):
    plan = Plan().with_move(12, Move(mesial=2))
    plan = editing.set_values(case, plan, (11, 12), "mesial", 0.5)
    assert plan.move(11).mesial == 0.5 and plan.move(12).mesial == 2.5


def test_a_turn_about_the_root_leaves_the_pivot_where_it_is(case):
    tooth, start = case.teeth[13], Move(mesial=1, torque=5)
    point = moves.pivot(tooth, "resistance")
    turned = editing.with_value(tooth, start, "torque", 12.0, "resistance")
    a, b = moves.matrix(tooth, start), moves.matrix(tooth, turned)
    assert np.allclose(a[:3, :3] @ point + a[:3, 3], b[:3, :3] @ point + b[:3, 3], atol=1e-6)
    assert turned.torque == pytest.approx(12) and turned.buccal > 0.5  # the crown swings out


def test_a_drag_moves_all_by_one_matrix_and_not_the_locked_ones(case):
    plan = Plan(locked=(12,))
    delta = np.eye(4)
    delta[:3, :3], delta[:3, 3] = moves.exp(np.array([0, .1, .2])), (1, 2, 3)
    before = poses_of(case, plan)
    after = poses_of(case, editing.dragged(case, before, plan, (11, 12), delta))
    assert np.allclose(after[11], delta @ before[11], atol=1e-6) and np.allclose(after[12], np.eye(4))


def test_locking_twice_unlocks_and_a_mixed_selection_locks():
    plan = editing.toggled(Plan(locked=(11,)), "locked", (11, 12))
    assert plan.locked == (11, 12) and editing.toggled(plan, "locked", (11, 12)).locked == ()


def test_reductions_add_up_and_end_at_zero():
    plan = editing.reduced(editing.reduced(Plan(), 41, 31, .2), 31, 41, .1)
    assert [(entry.first, entry.second, entry.mm) for entry in plan.reductions] == [(31, 41, .3)]
    assert editing.reduced(plan, 31, 41, -1).reductions == ()


def test_nudges_are_a_tenth_of_a_millimetre_and_a_degree(case):
    plan = editing.nudged(case, editing.nudged(case, Plan(), (36,), "extrusion", -2), (36,), "tip", 1)
    assert plan.move(36) == Move(extrusion=-.2, tip=1)


def test_a_drag_of_a_mirror_pair_gives_both_the_same_six_numbers(case):
    plan = Plan()
    before = poses_of(case, plan)
    frame = case.teeth[13].frame
    turn = np.eye(4)
    turn[:3, :3] = moves.exp(np.deg2rad(7) * frame[:3, 2] + np.deg2rad(4) * frame[:3, 0])
    turn[:3, 3] = frame[:3, 3] - turn[:3, :3] @ frame[:3, 3] + frame[:3, 0] * 1.2 + frame[:3, 1] * 0.5
    pair = editing.dragged(case, before, plan, (13, 23), turn)
    right, left = pair.move(13), pair.move(23)
    for field in ("mesial", "buccal", "extrusion", "tip", "torque", "rotation"):
        assert getattr(left, field) == pytest.approx(getattr(right, field), abs=1e-6)
    assert right.mesial == pytest.approx(1.2, abs=1e-6)
    together = editing.dragged(case, before, plan, (13, 12), turn)
    assert together.move(12).distance_mm() > 0 and together.move(12) != together.move(13), "others move as one body"


def test_a_plan_that_was_made_for_a_person_says_that_it_was_changed_by_hand(case):
    made = Plan(origin="arch-fit")
    assert editing.set_values(case, made, (11,), "buccal", 1.0).origin == "arch-fit" + editing.TOUCHED
    assert editing.set_values(case, made, (11,), "buccal", 0.0).origin == "arch-fit"
    assert editing.set_values(case, Plan(), (11,), "buccal", 1.0).origin == "by hand"
