"""The arch-fit: better than nothing, never more overlap, locked teeth, extractions, mirror images."""

from dataclasses import replace

import numpy as np
import pytest

from engines.job import Cancelled, EngineError, Job
from engines.teeth import arch_fit, arch_form, dentition, fdi
from engines.teeth import case as cases
from engines.teeth.case import Case, Tooth
from engines.teeth.contacts import Contacts
from engines.teeth.mesh import Mesh
from engines.teeth.request import ArchForm

MIRROR = np.diag([-1.0, 1, 1, 1])


@pytest.fixture(scope="module")
def crowded() -> tuple[Case, Contacts]:
    case = cases.from_dentition(dentition.generate(dentition.preset("crowding")))
    return case, Contacts(case)


def still(case: Case) -> dict[int, np.ndarray]:
    return {number: np.eye(4) for number in case.teeth}


def far(case: Case, one: dict, other: dict) -> float:
    """Mean distance of all vertices between two sets of poses, tooth by tooth."""
    return float(np.mean([np.linalg.norm(case.teeth[n].mesh.moved(one[n]).vertices - case.teeth[n].mesh.moved(other[n]).vertices, axis=1).mean() for n in one]))


def test_the_fit_brings_teeth_nearer_to_the_aligned_arch_and_deepens_no_overlap(crowded):
    case, contacts = crowded
    poses = arch_fit.fit(case, still(case), contacts=contacts)
    for jaw in cases.JAWS:
        numbers = list(case.of(jaw))
        points = np.concatenate([case.teeth[n].mesh.vertices for n in numbers]).astype(float)
        goal = np.concatenate([case.teeth[n].mesh.moved(case.reference[n]).vertices for n in numbers]).astype(float)
        a, b = points.mean(0), goal.mean(0)
        u, _, v = np.linalg.svd((goal - b).T @ (points - a))
        back = np.eye(4)  # the movement of the whole jaw is nobody's to know
        back[:3, :3] = (u @ np.diag([1, 1, np.linalg.det(u @ v)]) @ v).T
        back[:3, 3] = a - back[:3, :3] @ b
        target = {n: back @ case.reference[n] for n in numbers}
        assert far(case, {n: poses[n] for n in numbers}, target) < .95 * far(case, {n: np.eye(4) for n in numbers}, target)
    before = {(entry.first, entry.second): entry.depth_mm for entry in contacts.measured(still(case))}
    after = contacts.measured(poses)
    assert all(entry.depth_mm <= max(before.get((entry.first, entry.second), 0), contacts.tolerance_mm) + .002 for entry in after)
    assert min(contacts.gaps(poses).values()) > -contacts.tolerance_mm - .002 > min(contacts.gaps(still(case)).values())
    assert sum(entry.depth_mm for entry in contacts.pairs(poses)) <= sum(entry.depth_mm for entry in contacts.pairs(still(case)))


def test_locked_teeth_and_the_other_jaw_are_the_same_bits(crowded):
    case, contacts = crowded
    start = still(case)
    start[14][:3, 3] = (.1, .2, .3)
    poses = arch_fit.fit(case, start, jaws=("upper",), locked=(14, 21), contacts=contacts)
    assert all(np.array_equal(poses[n], start[n]) for n in (14, 21, *case.of("lower")))
    assert sum(not np.array_equal(poses[n], np.eye(4)) for n in case.of("upper")) > 8
    everything = arch_fit.fit(case, start, locked=tuple(case.teeth), contacts=contacts)
    assert all(np.array_equal(everything[n], start[n]) for n in start)


def test_an_aligned_arch_barely_moves():
    case = cases.from_dentition(dentition.generate(dentition.Wish(seed=3)))
    aligned = replace(cases.moved(case, case.reference), reference=None)
    assert far(aligned, arch_fit.fit(aligned, still(aligned)), still(aligned)) < .5


def test_a_mirrored_case_gets_the_mirrored_plan(crowded):
    case, contacts = crowded
    teeth = {}
    for number, tooth in case.teeth.items():
        frame = MIRROR @ tooth.frame @ MIRROR  # right-handed again: x turns round
        teeth[fdi.mirror(number)] = Tooth(fdi.mirror(number), tooth.mesh.moved(MIRROR), frame)
    other = Case("mirrored").with_teeth(teeth)
    one, two = arch_fit.fit(case, still(case), contacts=contacts), arch_fit.fit(other, still(other))
    off = [np.linalg.norm((MIRROR @ one[n] @ MIRROR @ other.teeth[fdi.mirror(n)].frame - two[fdi.mirror(n)] @ other.teeth[fdi.mirror(n)].frame)[:3, 3])
           for n in one]
    assert max(off) < .03


def test_the_space_of_extracted_teeth_closes(crowded):
    case, contacts = crowded
    start = {number: pose for number, pose in still(case).items() if number not in (14, 24)}
    poses = arch_fit.fit(case, start, jaws=("upper",), contacts=contacts)
    assert 14 not in poses and set(poses) == set(start)
    before, after = contacts.gaps(start), contacts.gaps(poses)
    for pair in ((15, 13), (23, 25)):
        assert before[pair] > 3 and after[pair] < .3


def test_teeth_follow_an_edited_curve(crowded):
    case, contacts = crowded
    form = arch_form.fitted(case, still(case), "upper")
    wide = arch_form.moved_handle(form, 1, (form.points[1][0] - 2.5, form.points[1][1]), symmetric=True)
    narrow, broad = (arch_fit.fit(case, still(case), (entry,), ("upper",), strength=1.0, contacts=contacts) for entry in (form, wide))
    span = [np.linalg.norm(*np.diff([arch_form.places(case, poses, "upper")[n][:2] for n in (13, 23)], axis=0)) for poses in (narrow, broad)]
    assert span[1] > span[0] + 1


def test_strength_zero_moves_nothing_across_and_too_few_teeth_stay(crowded):
    case, contacts = crowded
    few = {number: np.eye(4) for number in (11, 12, 21, 22)}
    assert all(np.array_equal(pose, np.eye(4)) for pose in arch_fit.fit(case, few, contacts=contacts).values())
    assert arch_fit.fit(Case("empty"), {}) == {}


def test_the_fit_stops_when_cancelled_and_says_when_a_curve_is_none(crowded):
    case, contacts = crowded
    job = Job()
    job.cancelled = True
    with pytest.raises(Cancelled):
        arch_fit.fit(case, still(case), contacts=contacts, job=job)
    with pytest.raises(EngineError, match="handles"):
        arch_fit.fit(case, still(case), (ArchForm("upper", "polynomial", ((0, 0), (1, 1))),), contacts=contacts)


def test_a_turn_about_the_centre_of_the_crown_leaves_the_centre():
    frame = np.eye(4)
    frame[:3, 3] = (3, 4, 5)
    pose = arch_fit.placed(Tooth(11, Mesh(np.zeros((0, 3)), np.zeros((0, 3), int)), frame), np.eye(4), np.array([1.0, 0, 0]), np.pi / 2)
    assert np.allclose(pose[:3, :3] @ (3, 4, 5) + pose[:3, 3], (4, 4, 5)) and np.allclose(pose[:3, 0], (0, 1, 0))
