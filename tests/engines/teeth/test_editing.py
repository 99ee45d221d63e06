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
