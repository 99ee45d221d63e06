"""A second case of the same patient (a post-treatment model, somebody else's setup) as poses of the first one's teeth."""

import numpy as np

from engines.teeth import landmarks
from engines.teeth.case import Case, Poses, Tooth
from engines.teeth.moves import log

SAME_MM = 0.05  # the same mesh with the same order of vertices fits itself as well as that
POINTS, TARGETS = 300, 2500
ROUNDS, KEPT = 40, 0.8  # share of the points that must find their partner: crowns are cut at different gum lines
ONE_AXES = np.deg2rad(15), 15.0  # rad and mm by which two readings of the same axes may differ


def poses_onto(case: Case, other: Case) -> tuple[Poses, dict[int, float]]:
    """Poses that take the case's teeth to where the other case has those of the same number, and the mean distance left over, mm, by tooth.

    Both are compared in the axes of their files where these are alike, since each orientation is found anew; else in world axes.
    """
    bring = case.to_world @ np.linalg.inv(other.to_world)
    tilt = np.linalg.norm(log(bring[:3, :3])) if np.linalg.det(bring[:3, :3]) > 0 else np.pi
    if tilt > ONE_AXES[0] or np.linalg.norm(bring[:3, 3]) > ONE_AXES[1]:
        bring = np.eye(4)
    poses, left = {}, {}
    for number, tooth in case.teeth.items():
        there = other.teeth.get(number)
        if there is not None and len(tooth.mesh.faces) and len(there.mesh.faces):
            pose, left[number] = _onto(tooth, there)
            poses[number] = bring @ pose
    return poses, left


def _onto(tooth: Tooth, there: Tooth) -> tuple[np.ndarray, float]:
    here, far = np.asarray(tooth.mesh.vertices, np.float64), np.asarray(there.mesh.vertices, np.float64)
    if len(here) == len(far):
        pose = kabsch(here, far)
        rest = float(np.linalg.norm(here @ pose[:3, :3].T + pose[:3, 3] - far, axis=1).mean())
        if rest < SAME_MM:
            return pose, rest
    points, targets = _thinned(here, POINTS), _thinned(far, TARGETS)
    first, second = landmarks.find(tooth).points, landmarks.find(there).points
    pose = kabsch(*(np.array([found[name] for name in first if name != "cervix"]) for found in (first, second)))
    rest = np.inf
    for _ in range(ROUNDS):
        moved = points @ pose[:3, :3].T + pose[:3, 3]
        squares = (moved**2).sum(1)[:, None] + (targets**2).sum(1) - 2 * moved @ targets.T
        partner = squares.argmin(1)
        away = np.linalg.norm(moved - targets[partner], axis=1)
        kept = away <= np.quantile(away, KEPT)
        last, rest = rest, float(away[kept].mean())
        if rest > last - 2e-5:
            break
        pose = kabsch(points[kept], targets[partner[kept]])
    return pose, rest


def _thinned(points: np.ndarray, count: int) -> np.ndarray:
    return points[np.linspace(0, len(points) - 1, min(count, len(points))).astype(int)]


def kabsch(here: np.ndarray, there: np.ndarray) -> np.ndarray:
    """[4, 4] rigid, taking points [n, 3] to others in the least-squares sense."""
    a, b = here.mean(0), there.mean(0)
    u, _, vt = np.linalg.svd((here - a).T @ (there - b))
    made = np.eye(4)
    made[:3, :3] = vt.T @ np.diag([1, 1, np.sign(np.linalg.det(vt.T @ u.T))]) @ u.T
    made[:3, 3] = b - made[:3, :3] @ a
    return made
