"""The five metrics and the occlusion scores on setups whose distance from the reference is known; a second case matched to the first."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.teeth import case as cases
from engines.teeth import dentition, matching, metrics, moves
from engines.teeth.case import Case, Tooth, from_dentition
from engines.teeth.mesh import Mesh
from engines.teeth.moves import Move


@pytest.fixture(scope="module")
def case() -> Case:
    return from_dentition(dentition.generate(dentition.preset("diastema")))


def start(case: Case) -> cases.Poses:
    return {number: np.eye(4) for number in case.teeth}


def shift(*by: float) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, 3] = by
    return matrix


def test_a_setup_equal_to_the_reference_is_perfect(case):
    found = metrics.compare(case, case.reference, case.reference).means()
    assert found == pytest.approx({"ADD": 0, "PA_ADD": 0, "CSA": 1, "ME_rot": 0, "FD_cur": 0}, abs=1e-6)


def test_a_setup_moved_as_a_whole_differs_in_all_but_pa_add(case):
    whole = np.eye(4)
    whole[:3, :3], whole[:3, 3] = moves.exp(np.deg2rad([0, 0, 7.0])), (1, 2, 3)
    found = metrics.compare(case, {n: whole @ pose for n, pose in case.reference.items()}, case.reference)
    assert found.means()["PA_ADD"] == pytest.approx(0, abs=1e-5) and found.means()["ME_rot"] == pytest.approx(7, abs=1e-6) and found.means()["CSA"] == 0
    straight = metrics.compare(case, {n: shift(2, 0, 0) @ pose for n, pose in case.reference.items()}, case.reference).means()
    assert straight["ADD"] == pytest.approx(2) and straight["CSA"] == 1 and 1.5 < straight["FD_cur"] <= 2 + 1e-9


def test_one_tooth_moved_counts_by_its_vertices(case):
    pose = case.reference[11].copy()
    tooth = cases.moved(case, case.reference).teeth[11]
    pose = moves.matrix(tooth, Move(rotation=10)) @ pose
    found = metrics.compare(case, {**case.reference, 11: pose}, case.reference)
    a, b = (tooth.mesh.vertices, case.teeth[11].mesh.moved(pose).vertices)
    assert found.add[11] == pytest.approx(np.linalg.norm(a - b, axis=1).mean(), abs=1e-4) and found.means()["ADD"] == pytest.approx(found.add[11] / 28)
    assert found.rot[11] == pytest.approx(10) and found.means()["ME_rot"] == pytest.approx(10 / 28) and found.means()["CSA"] == pytest.approx(27 / 28)


@pytest.mark.parametrize("which,deg,counts", [("tip", 4.99, True), ("tip", 5.01, False), ("torque", 5.01, False), ("rotation", 4.99, True)])
def test_csa_counts_a_tooth_whose_axes_all_lie_within_five_degrees(case, which, deg, counts):
    pose = moves.matrix(case.teeth[36], Move(**{which: deg}))
    assert metrics.compare(case, {**start(case), 36: pose}, start(case)).csa[36] is counts


def test_only_teeth_that_both_have_are_compared(case):
    some = {n: pose for n, pose in case.reference.items() if n not in (14, 24)}
    found = metrics.compare(case, some, {**case.reference, 11: shift(1, 0, 0) @ case.reference[11]})
    assert set(found.teeth) == set(some) and found.add[11] == pytest.approx(1) and found.means()["ADD"] == pytest.approx(1 / 26)
    nothing = metrics.compare(case, {}, case.reference)
    assert nothing.means() == dict.fromkeys(("ADD", "PA_ADD", "CSA", "ME_rot", "FD_cur"))
    two = metrics.compare(case, {n: case.reference[n] for n in (11, 21)}, case.reference)
    assert two.means()["FD_cur"] is None and two.means()["ADD"] == pytest.approx(0)


def slow_frechet(a: np.ndarray, b: np.ndarray) -> float:
    gaps = np.linalg.norm(a[:, None] - b[None], axis=2)
    table = np.full(gaps.shape, np.inf)
    for i in range(len(a)):
        for j in range(len(b)):
            before = [table[p, q] for p, q in ((i - 1, j), (i, j - 1), (i - 1, j - 1)) if p >= 0 and q >= 0]
            table[i, j] = max(gaps[i, j], min(before, default=0.0))
    return float(table[-1, -1])


@given(n=st.integers(1, 14), m=st.integers(1, 14), seed=st.integers(0, 9999))
@settings(max_examples=60, deadline=None)
def test_the_frechet_distance_is_that_of_the_recursion(n, m, seed):
    random = np.random.default_rng(seed)
    a, b = random.normal(size=(n, 3)), random.normal(size=(m, 3))
    assert metrics.frechet(a, b) == pytest.approx(slow_frechet(a, b)) == pytest.approx(metrics.frechet(b, a))


def test_parallel_lines_are_their_distance_apart_and_a_detour_counts_whole():
    line = np.stack([np.linspace(0, 10, 50), np.zeros(50), np.zeros(50)], -1)
    assert metrics.frechet(line, line + (0, 1.5, 0)) == pytest.approx(1.5)
    assert metrics.frechet(line, line[::-1]) == pytest.approx(10)


def test_the_curve_goes_through_its_knots_and_is_straight_where_they_are():
    knots = np.random.default_rng(0).normal(size=(9, 3)) * 5
    curve = metrics.curve(knots, 20001)
    assert max(np.linalg.norm(curve - knot, axis=1).min() for knot in knots) < .01
    straight = metrics.curve(np.outer([0, 1, 4, 5], (1.0, 2, -1)))
    assert np.allclose(np.cross(straight, (1, 2, -1)), 0, atol=1e-9) and np.allclose(straight[[0, -1]], [(0, 0, 0), (5, 10, -5)])
    with pytest.raises(ValueError, match="three"):
        metrics.curve(knots[:2])


def test_occlusion_scores_grow_by_what_is_moved_and_an_aligned_arch_scores_better(case):
    before, aligned = metrics.occlusion(case), metrics.occlusion(case, case.reference)
    assert aligned["alignment"] < before["alignment"]
    apart = metrics.occlusion(case, {n: shift(0, 0, -50) if n in case.of("lower") else np.eye(4) for n in case.teeth})
    assert apart["alignment"] == pytest.approx(before["alignment"]) and apart["anterior"] == pytest.approx(200, abs=10)
    assert apart["posterior"] == pytest.approx(100, abs=10)
    assert metrics.occlusion(case.with_teeth(case.of("upper")))["anterior"] is None


def test_a_second_scan_of_the_moved_teeth_gives_the_poses_back(case):
    after = cases.moved(case, case.reference)
    assert metrics.compare(case, matching.poses_onto(case, after), case.reference).means()["ADD"] < 1e-5
    random, teeth = np.random.default_rng(0), {}
    for n in (11, 13, 15, 26, 36, 41):  # other vertices, noise, a higher gum line, another frame
        tooth = after.teeth[n]
        heights = (tooth.mesh.corners().mean(1) - tooth.centre) @ tooth.frame[:3, 2]
        used, faces = np.unique(tooth.mesh.faces[heights > heights.min() + .8], return_inverse=True)
        swap = random.permutation(len(used))
        points = np.empty((len(used), 3))
        points[swap] = tooth.mesh.vertices[used] + random.normal(0, .03, (len(used), 3))
        frame = tooth.frame.copy()
        frame[:3, :3] = frame[:3, :3] @ moves.exp(np.deg2rad(random.normal(0, 4, 3)))
        teeth[n] = Tooth(n, Mesh(points, swap[faces.reshape(-1, 3)]), frame)
    poses = matching.poses_onto(case, Case("after", teeth))
    found = metrics.compare(case, poses, case.reference)
    assert set(poses) == set(teeth) and max(found.add.values()) < .35 and found.means()["ADD"] < .2


def test_two_readings_of_the_same_axes_are_compared_in_those_axes(case):
    after = cases.moved(case, case.reference)
    nudge = shift(1.5, -2, .5)
    again = replace(after, teeth={n: replace(t, mesh=t.mesh.moved(nudge), frame=nudge @ t.frame) for n, t in after.teeth.items()}, to_world=nudge)
    poses = matching.poses_onto(case, again)
    assert metrics.compare(case, poses, case.reference).means()["ADD"] < 1e-4
    far = shift(400, 0, 0)
    poses = matching.poses_onto(case, replace(after, to_world=far))
    assert metrics.compare(case, poses, case.reference).means()["ADD"] < 1e-4
