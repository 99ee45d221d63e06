"""A later scan is laid over a stage by the teeth that stand still."""

from functools import cache

import numpy as np
import pytest

from engines.job import Cancelled, EngineError, Job
from engines.teeth import case, dentition
from engines.teeth.mesh import Mesh
from engines.teeth.moves import Move, exp, matrix
from engines.teeth.superimpose import least_moved, superimpose


@cache
def opened() -> case.Case:
    return case.from_dentition(dentition.generate(dentition.preset("diastema")))


def poses(**moves: Move) -> dict[int, np.ndarray]:
    """n11=Move(...): the upper teeth, moved."""
    teeth = opened().of("upper")
    return {number: matrix(tooth, moves.get(f"n{number}", Move())) for number, tooth in teeth.items()}


def scan(there: dict[int, np.ndarray], axes: np.ndarray) -> Mesh:
    """The teeth at these poses and the gum as one mesh, in other axes."""
    parts = [opened().teeth[n].mesh.moved(pose) for n, pose in there.items()] + [opened().gums["upper"]]
    offsets = np.cumsum([0, *(len(part.vertices) for part in parts)])
    faces = np.concatenate([part.faces + k for part, k in zip(parts, offsets, strict=False)])
    return Mesh(np.concatenate([part.vertices for part in parts]), faces).moved(axes)


def turned(vector: tuple[float, float, float], shift: tuple[float, float, float]) -> np.ndarray:
    made = np.eye(4)
    made[:3, :3], made[:3, 3] = exp(np.array(vector)), shift
    return made


@pytest.mark.parametrize("axes", [turned((0, 0, 0), (0, 0, 0)), turned((.02, -.03, .05), (1, 2, -1)), turned((1.5, .3, -.7), (30, -80, 12)),
                                  turned((np.pi, 0, 0), (5, 5, 5))])
def test_a_known_motion_is_found(axes):
    planned = poses(n11=Move(buccal=1.5, rotation=12), n21=Move(mesial=1), n12=Move(extrusion=-.8))
    made = superimpose(opened(), planned, scan(planned, axes))
    assert np.allclose(made.matrix @ axes, np.eye(4), atol=2e-3) and made.rms_mm < .01
    assert not {11, 21, 12} & set(made.anchors) and len(made.anchors) == 11


def test_a_tooth_that_did_not_follow_stands_out_by_what_it_lacks():
    planned = poses(n11=Move(buccal=1.5), n21=Move(mesial=1))
    achieved = {**planned, 11: matrix(opened().teeth[11], Move(buccal=.7))}
    made = superimpose(opened(), planned, scan(achieved, turned((.4, .2, 1), (9, 1, 4))))
    assert made.teeth[11] > .25 and max(value for number, value in made.teeth.items() if number != 11) < .12
    assert np.isfinite(made.deviation).mean() > .5 and np.nanmin(made.deviation) < -.7


def test_the_anchors_are_the_teeth_that_move_least():
    everything = {number: matrix(tooth, Move(buccal=.2 + .05 * k)) for k, (number, tooth) in enumerate(opened().of("upper").items())}
    assert least_moved(opened(), everything) == tuple(list(opened().of("upper"))[:7])
    assert set(least_moved(opened(), poses(n11=Move(buccal=1)))) == set(opened().of("upper")) - {11}


def test_a_scan_of_another_jaw_is_refused_and_a_cancelled_job_stops():
    lower = opened().of("lower")
    with pytest.raises(EngineError, match="does not fit"):
        superimpose(opened(), poses(), scan({n: np.eye(4) for n in lower}, np.diag([1.6, 1.6, 1.6, 1.0])))
    with pytest.raises(EngineError, match="no surface"):
        superimpose(opened(), poses(), Mesh(np.zeros((0, 3)), np.zeros((0, 3), int)))
    job = Job()
    job.cancelled = True
    with pytest.raises(Cancelled):
        superimpose(opened(), poses(), scan(poses(), np.eye(4)), job=job)


def test_a_scan_that_ends_at_the_gum_says_nothing_of_the_bases_below_it():
    planned = poses(n11=Move(buccal=1.5))
    achieved = {**planned, 11: matrix(opened().teeth[11], Move(buccal=.7))}
    parts = [opened().gums["upper"]]
    for number, pose in achieved.items():
        tooth = opened().teeth[number]
        height = (tooth.mesh.vertices - tooth.frame[:3, 3]) @ tooth.frame[:3, 2]
        parts.append(Mesh(tooth.mesh.vertices, tooth.mesh.faces[(height[tooth.mesh.faces] > np.quantile(height, .3)).all(1)]).moved(pose))
    offsets = np.cumsum([0, *(len(part.vertices) for part in parts)])
    seen = Mesh(np.concatenate([part.vertices for part in parts]), np.concatenate([part.faces + k for part, k in zip(parts, offsets, strict=False)]))
    made = superimpose(opened(), planned, seen)
    assert made.teeth[11] > .5 and max(value for number, value in made.teeth.items() if number != 11) < .1
