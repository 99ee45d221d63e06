"""A second case of the same patient (a post-treatment model, somebody else's setup) as poses of the first one's teeth."""

import numpy as np

from engines.teeth import landmarks, registration
from engines.teeth.case import Case, Poses, Tooth
from engines.teeth.moves import log

ONE_AXES = np.deg2rad(15), 15.0  # rad and mm by which two readings of the same axes may differ


def poses_onto(case: Case, other: Case) -> Poses:
    """Poses that take the case's teeth to where the other case has those of the same number.

    Both are compared in the axes of their files where these are alike, since each orientation is found anew; else in world axes.
    """
    bring = case.to_world @ np.linalg.inv(other.to_world)
    tilt = np.linalg.norm(log(bring[:3, :3])) if np.linalg.det(bring[:3, :3]) > 0 else np.pi
    if tilt > ONE_AXES[0] or np.linalg.norm(bring[:3, 3]) > ONE_AXES[1]:
        bring = np.eye(4)
    poses = {}
    for number, tooth in case.teeth.items():
        there = other.teeth.get(number)
        if there is not None and len(tooth.mesh.faces) and len(there.mesh.faces):
            poses[number] = bring @ registration.onto(tooth.mesh, there.mesh, _guess(tooth, there))
    return poses


def _guess(tooth: Tooth, there: Tooth) -> np.ndarray:
    """Landmark on landmark, so that a tooth that was turned far is not caught half way."""
    first, second = (landmarks.find(t).points for t in (tooth, there))
    names = [name for name in first if name != "cervix"]
    return registration.kabsch(np.array([first[name] for name in names]), np.array([second[name] for name in names]))
