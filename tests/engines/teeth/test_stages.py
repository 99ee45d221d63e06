"""Stages: within the limits, at the plan in the end, and no tooth through its neighbour."""

import time
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.job import Cancelled, Job
from engines.teeth import case, dentition, fdi
from engines.teeth.case import Case, Tooth
from engines.teeth.clearance import SampledClearance
from engines.teeth.mesh import Mesh
from engines.teeth.moves import Move, matrix
from engines.teeth.order import bottleneck
from engines.teeth.poses import moves_of
from engines.teeth.predictability import expression
from engines.teeth.request import Limits, Plan, Reduction
from engines.teeth.stages import KINDS, amounts, limit_of, stage

MM, DEG = st.integers(-300, 300).map(lambda k: k / 100), st.integers(-250, 250).map(lambda k: k / 10)


@cache
def opened(name: str = "crowding") -> Case:
    return case.from_dentition(dentition.generate(dentition.preset(name)))


def aligned(name: str = "crowding") -> Plan:
    return Plan().with_moves(moves_of(opened(name), opened(name).reference))


def ball(number: int, at: tuple[float, float, float], radius: float = 3.0) -> Tooth:
    """A round tooth whose mesial axis is world x."""
    lat, lon = np.meshgrid(np.linspace(0, np.pi, 40), np.linspace(0, 2 * np.pi, 80, endpoint=False), indexing="ij")
    points = radius * np.stack([np.sin(lat) * np.cos(lon), np.sin(lat) * np.sin(lon), np.cos(lat)], -1).reshape(-1, 3) + at
    i, j = np.meshgrid(np.arange(39), np.arange(80), indexing="ij")
    a, b = i * 80 + j, i * 80 + (j + 1) % 80
    faces = np.concatenate([np.stack([a, a + 80, b], -1).reshape(-1, 3), np.stack([b, a + 80, b + 80], -1).reshape(-1, 3)])
    frame = np.eye(4)
    frame[:3, 3] = at
    return Tooth(number, Mesh(points, faces), frame)


def far_apart() -> Case:
    """28 round teeth that cannot meet."""
    return Case("x", {n: ball(n, (40.0 * k, 0, 0), 1.0) for k, n in enumerate(fdi.PERMANENT) if fdi.place(n) < 8})


@given(wishes=st.dictionaries(st.sampled_from([n for n in fdi.PERMANENT if fdi.place(n) < 8]), st.builds(Move, MM, MM, MM, DEG, DEG, DEG), max_size=4),
       limits=st.builds(Limits, st.floats(.1, .5), st.floats(.1, .4), st.floats(.5, 4), st.floats(.5, 4), st.floats(.5, 3), st.integers(1, 12)))
@settings(max_examples=20, deadline=None)
def test_no_limit_is_exceeded_and_the_last_stage_is_the_plan(wishes, limits):
    plan = Plan().with_moves(wishes)
    made = stage(opened(), plan, limits)
    assert not made.exceeded
    for k, (before, after) in enumerate(zip(made.steps, made.steps[1:], strict=False), start=1):
        for number in before:
            for kind, amount in amounts(before[number], after[number]).items():
                assert amount <= limit_of(limits, kind) + 1e-6
            if k < limits.rotations_from:
                assert after[number].rotation == 0
    assert set(made.steps[0].values()) == {Move()}
    assert all(made.steps[-1][number] == plan.move(number) for number in made.steps[-1])
    assert all(made.steps[-1] != made.steps[k] for k in range(made.count))  # no empty stage at the end


@given(wish=st.builds(Move, MM, MM, MM, DEG, DEG, DEG))
@settings(max_examples=25, deadline=None)
def test_a_tooth_alone_takes_as_few_stages_as_its_limits_allow(wish):
    made, limits = stage(Case("x", {11: ball(11, (0, 0, 0))}), Plan().with_move(11, wish)), Limits()
    needed = max(int(np.ceil(amount / limit_of(limits, kind) - 1e-9)) for kind, amount in amounts(Move(), wish).items())
    assert made.count == needed
    if needed:
        assert limit_of(limits, made.decides[11]) * needed >= amounts(Move(), wish)[made.decides[11]] - 1e-9


def test_nothing_to_move_is_no_stage():
    made = stage(far_apart(), Plan())
    assert made.count == 0 and not made.spans and not made.warnings and made.move(11, 3.5) == Move()


def test_a_tooth_that_would_pass_through_its_neighbour_waits():
    # 12 wants to go where 11 still stands; 11 needs many stages to get away
    teeth = {12: ball(12, (0, 0, 0)), 11: ball(11, (6.05, 0, 0))}
    plan = Plan().with_moves({12: Move(mesial=4), 11: Move(mesial=4.4, torque=45)})
    made = stage(Case("x", teeth), plan)
    assert [(w.number, w.behind) for w in made.waits] == [(12, 11)] and not made.warnings
    assert made.spans[11] == (1, 30) and len(made.waits[0].stages) > 5 and made.spans[12][1] > 16 + 5
    for k in range(made.count + 1):
        poses = made.poses(Case("x", teeth), k)
        centres = {n: poses[n][:3, :3] @ teeth[n].centre + poses[n][:3, 3] for n in teeth}
        assert np.linalg.norm(centres[11] - centres[12]) > 6 - 0.1 - 0.02
    free = stage(Case("x", teeth), plan, tolerance_mm=1.0)
    assert free.spans[12][1] < made.spans[12][1]


def test_teeth_that_cannot_pass_in_any_order_are_told():
    # two teeth change places along one line
    teeth = {12: ball(12, (0, 0, 0)), 11: ball(11, (7, 0, 0))}
    made = stage(Case("x", teeth), Plan().with_moves({12: Move(mesial=7), 11: Move(mesial=-7)}))
    assert any("whichever goes first" in text for text in made.warnings)
    assert made.steps[-1][12] == Move(mesial=7)


def test_reduction_makes_room():
    teeth = {12: ball(12, (0, 0, 0)), 11: ball(11, (6.05, 0, 0))}
    plan = Plan().with_move(12, Move(mesial=.4))
    assert any("where the plan puts them" in text for text in stage(Case("x", teeth), plan).warnings)
    assert not stage(Case("x", teeth), replace(plan, reductions=(Reduction(12, 11, .4),))).warnings


def test_an_extracted_tooth_is_in_no_stage_and_in_nobodys_way():
    teeth = {13: ball(13, (0, 0, 0)), 12: ball(12, (6.05, 0, 0)), 11: ball(11, (12.1, 0, 0))}
    made = stage(Case("x", teeth), replace(Plan().with_move(13, Move(mesial=5)), extracted=(12,)))
    assert all(12 not in step for step in made.steps) and not made.waits and made.count == 20


def test_a_span_set_by_hand_is_kept_and_an_excess_is_told():
    plan = replace(Plan().with_moves({11: Move(buccal=1), 21: Move(buccal=1)}), spans=((11, 5, 14), (21, 2, 3)))
    made = stage(far_apart(), plan)
    assert made.spans == {11: (5, 14), 21: (2, 3)} and made.count == 14
    assert [(e.number, e.kind) for e in made.exceeded] == [(21, "translation")] and any(text.startswith("21 has 0.50 mm") for text in made.warnings)


def test_rotation_begins_where_it_may():
    made = stage(far_apart(), Plan().with_moves({11: Move(buccal=2, rotation=10), 16: Move(rotation=4)}), Limits(rotations_from=7))
    assert made.spans == {11: (1, 11), 16: (7, 8)}
    assert made.steps[6][11].rotation == 0 and made.steps[7][11].rotation > 0 and made.steps[6][11].buccal > 1


def test_between_two_stages_a_tooth_is_part_of_the_way():
    teeth = far_apart()
    made = stage(teeth, Plan().with_move(11, Move(buccal=1)))
    assert made.move(11, 1.5).buccal == pytest.approx(.375) and made.move(11, 99) == Move(buccal=1)
    assert np.allclose(made.poses(teeth, 4)[11], matrix(teeth.teeth[11], Move(buccal=1)))
    assert np.allclose(made.poses(teeth, 2)[26], np.eye(4))


def test_rows_of_a_jaw_run_from_right_to_left():
    made = stage(opened(), aligned())
    assert tuple(made.row("lower")) == tuple(n for n in fdi.LOWER if fdi.place(n) < 8)
    assert made.count == max(made.jaw_count("upper"), made.jaw_count("lower"))
    for entry in made.largest:
        for kind, (amount, number) in entry.items():
            assert 0 < amount <= limit_of(Limits(), kind) + 1e-6 and kind in KINDS and number in opened().teeth


def test_on_generated_cases_neighbours_never_overlap_more_than_at_either_end():
    teeth, plan = opened(), aligned()
    made, far = stage(teeth, plan), SampledClearance(opened())
    told = {n for text in made.warnings for n in fdi.PERMANENT if str(n) in text}
    for a, b in fdi.neighbours(tuple(teeth.teeth)):
        if {a, b} <= told:
            continue
        poses = [made.poses(teeth, k) for k in range(made.count + 1)]
        gaps = far.gaps(a, b, np.array([p[a] for p in poses]), np.array([p[b] for p in poses]))
        assert gaps.min() > min(gaps[0], gaps[-1], -0.1) - 0.05, (a, b)


def test_a_thirty_stage_plan_of_28_teeth_takes_at_most_three_seconds():
    plan = aligned("class-ii")
    started = time.process_time()
    made = stage(opened("class-ii"), plan)
    assert made.count >= 25 and time.process_time() - started < 3


def test_a_cancelled_job_stops_the_staging():
    job = Job()
    job.cancelled = True
    with pytest.raises(Cancelled):
        stage(opened(), aligned(), job=job)


def test_the_gap_of_two_balls_is_their_distance():
    teeth = Case("x", {12: ball(12, (0, 0, 0)), 11: ball(11, (7, 0, 0))})
    shifts = np.tile(np.eye(4), (9, 1, 1))
    shifts[:, 0, 3] = np.linspace(0, -2, 9)
    gaps = SampledClearance(teeth).gaps(12, 11, np.tile(np.eye(4), (9, 1, 1)), shifts)
    assert np.allclose(gaps, 1 - np.linspace(0, 2, 9), atol=0.03)


def test_teeth_of_a_scan_that_does_not_see_into_contacts_touch_and_do_not_overlap():
    def open_at(tooth: Tooth, contact: tuple[float, float, float]) -> Tooth:
        away = np.linalg.norm(tooth.mesh.corners().mean(1) - contact, axis=1)
        return replace(tooth, mesh=Mesh(tooth.mesh.vertices, tooth.mesh.faces[away > 1.2]))

    teeth = Case("x", {12: open_at(ball(12, (0, 0, 0)), (3, 0, 0)), 11: open_at(ball(11, (6, 0, 0)), (3, 0, 0))})
    gap = SampledClearance(teeth).gaps(12, 11, np.eye(4)[None], np.eye(4)[None])[0]
    assert -0.05 < gap < 0.6
    made = stage(teeth, Plan().with_move(12, Move(buccal=1)))
    assert not made.warnings and made.count == 4


def test_the_bottleneck_is_the_least_worst_way():
    overlap = np.array([[0, 9, 0], [0, 9, 0], [0, .5, 0]])
    assert bottleneck(overlap)[0, 0] == .5 and bottleneck(overlap)[0, 1] == 9
    assert bottleneck(np.array([[0, 9], [9, 0.]]))[0, 0] == 0  # both at once


def test_predictability_says_where_it_is_from_or_that_nothing_is_known():
    torque = expression(11, "torque")
    assert torque.share == .49 and "Simon" in torque.source
    assert expression(13, "translation").share == .89 and expression(33, "translation").share is None
    assert "none known" in expression(46, "tip").text
