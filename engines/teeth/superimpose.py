"""A later scan of the patient laid over a stage of the plan, and how far it is from it, vertex by vertex.

Rigid registration on the teeth that the plan moves least, because only they stand still: points of those teeth are brought to the nearest places of the
scan, the worst of them left out (trimmed ICP, point to plane [Chen and Medioni 1992; Chetverikov 2002]). A scan in foreign axes is turned first: all
24 ways to lay its principal axes over those of the teeth are tried.
"""

from dataclasses import dataclass
from itertools import permutations, product
from typing import Any

import numpy as np

from engines.job import EngineError, Job
from engines.teeth.case import Case, Poses
from engines.teeth.clearance import surface
from engines.teeth.mesh import Mesh
from engines.teeth.moves import exp
from engines.teeth.registration import kabsch, plane_step

KEPT = 0.8  # of the pairs
STILL_MM = 0.15  # mean movement up to which a tooth counts as unmoved
LEAST_TEETH = 4
REACH_MM = 4.0  # vertices farther from every tooth than this (gum, base) have no deviation
SAMPLE, FIRST_SAMPLE = 3000, 400
COARSE = 8000  # points of the scan in the first rounds
ROUNDS, FIRST_ROUNDS, FOLLOWED = 60, 12, 4
NEARBY_DEG = (-8, -4, 4, 8)
FACING = 0.5  # cosine from which two surfaces look the same way
FAR_MM = 0.6  # rms of the kept pairs above which the scan does not belong to the teeth


@dataclass(frozen=True, eq=False)
class Overlay:
    """matrix [4, 4]: scan to world. deviation [V]: mm from the planned surface, + outside of it; nan where no tooth is near. anchors: the teeth that it was
    laid on. teeth: FDI -> mean distance of its planned surface from the scan where
    the scan shows it, mm. rms_mm: of the anchors' kept points."""

    matrix: np.ndarray
    deviation: np.ndarray
    anchors: tuple[int, ...]
    teeth: dict[int, float]
    rms_mm: float


def superimpose(case: Case, poses: Poses, scan: Mesh, anchors: tuple[int, ...] = (), job: Job | None = None) -> Overlay:
    """The scan (mm, any axes) over the teeth at the poses. anchors: teeth to lay it on instead of those moved least.

    EngineError where the scan has no surface, too few teeth are there, or it does not fit them. Cancelled.
    """
    job = job or Job()
    if len(scan.faces) < 100:
        raise EngineError("The later scan has no surface.", "Choose a mesh of one arch.")
    from scipy.spatial import cKDTree

    numbers = anchors or least_moved(case, poses)
    standing = {n: surface(case.teeth[n].mesh.moved(pose))[:2] for n, pose in poses.items() if len(case.teeth[n].mesh.faces)}
    if len([n for n in numbers if n in standing]) < 3:
        raise EngineError("A scan is laid over at least three teeth that hardly move.", "Choose three or more teeth to lay it on.")
    points, normals, used = surface(scan)
    base, facing = (np.concatenate([standing[n][k] for n in numbers if n in standing]) for k in (0, 1))
    whole = np.concatenate([vertices for vertices, _ in standing.values()])
    tree = cKDTree(points)
    few = _Sample(_thinned(base, FIRST_SAMPLE), _thinned(facing, FIRST_SAMPLE))
    coarse = _Target(cKDTree(_thinned(points, COARSE)), _thinned(normals, COARSE))
    tried: list[tuple[float, np.ndarray]] = []
    starts = [np.eye(4), *_turns(whole, points)]
    for k, start in enumerate(starts):
        job.progress(k, len(starts) + 1, "laying the scan over the teeth")
        tried.append(_points_to_points(few, coarse, start))
    tried.sort(key=lambda found: found[0])
    middle = points.mean(0)
    for _, start in tried[:FOLLOWED]:  # the palate turns the axes by some degrees, and from there every tooth meets its neighbour
        job.check()
        tried = tried + [_points_to_points(few, coarse, _turned(np.deg2rad(angle) * axis, middle) @ start)
                         for axis in np.eye(3) for angle in NEARBY_DEG]
    tried.sort(key=lambda found: found[0])
    # a few rounds on a thin scan may rank a turn that is one tooth off first: the best few are followed to their ends
    fine, full = _Sample(_thinned(base, SAMPLE), _thinned(facing, SAMPLE)), _Target(tree, normals)
    rms, to_scan = min((_points_to_planes(fine, full, start, job) for _, start in tried[:FOLLOWED]), key=lambda found: found[0])
    if rms > FAR_MM:
        raise EngineError(f"The later scan does not fit these teeth: {rms:.1f} mm remain between them.",
                          "Check that it is a scan of the same jaw in millimetres, or choose other teeth to lay it on.")
    matrix = np.linalg.inv(to_scan)
    deviation = np.full(len(scan.vertices), np.nan)
    deviation[used] = _deviation(points @ matrix[:3, :3].T + matrix[:3, 3], standing)
    teeth = {n: _apart(_thinned(vertices, FIRST_SAMPLE) @ to_scan[:3, :3].T + to_scan[:3, 3], _thinned(looks, FIRST_SAMPLE) @ to_scan[:3, :3].T, tree,
                       points, normals) for n, (vertices, looks) in standing.items()}
    return Overlay(matrix, deviation, tuple(n for n in numbers if n in standing), teeth, rms)


def least_moved(case: Case, poses: Poses) -> tuple[int, ...]:
    """The teeth that stand still, or the LEAST_TEETH or half of them that move least."""
    moved = {}
    for number, pose in poses.items():
        vertices = case.teeth[number].mesh.vertices.astype(np.float64)
        if len(vertices):
            moved[number] = float(np.linalg.norm(vertices @ (pose[:3, :3] - np.eye(3)).T + pose[:3, 3], axis=1).mean())
    ranked = sorted(moved, key=moved.__getitem__)
    still = [n for n in ranked if moved[n] <= STILL_MM]
    return tuple(still if len(still) >= LEAST_TEETH else ranked[:max(LEAST_TEETH, len(ranked) // 2)])


def _thinned(points: np.ndarray, count: int) -> np.ndarray:
    return points[np.linspace(0, len(points) - 1, min(count, len(points))).astype(int)]


def _turns(whole: np.ndarray, points: np.ndarray) -> list[np.ndarray]:
    """Rigid matrices that lay the principal axes of the teeth over those of the scan."""
    made = []
    a, b = (np.linalg.svd(entry - entry.mean(0), full_matrices=False)[2] for entry in (_thinned(whole, 5000), _thinned(points, 5000)))
    for order, signs in product(permutations(range(3)), product((1, -1), repeat=3)):
        turn = (b[list(order)] * np.array(signs)[:, None]).T @ a
        if np.linalg.det(turn) > 0:
            matrix = np.eye(4)
            matrix[:3, :3], matrix[:3, 3] = turn, points.mean(0) - turn @ whole.mean(0)
            made.append(matrix)
    return made


@dataclass(frozen=True, eq=False)
class _Sample:
    """Some points [N, 3] of the planned teeth and the way their surface looks."""

    points: np.ndarray
    facing: np.ndarray


@dataclass(frozen=True, eq=False)
class _Target:
    """The scan's points in a k-d tree, with their normals [V, 3]."""

    tree: Any
    normals: np.ndarray

    def pairs(self, sample: _Sample, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
        """Points of the sample under the matrix [K, 3], their partners and the partners' normals, and the share that found one: the nearest point,
        if it looks the same way (a crown must not be laid on gum, nor an arch upside down on itself), the worst left out."""
        moved = sample.points @ matrix[:3, :3].T + matrix[:3, 3]
        distance, nearest = self.tree.query(moved)
        alike = ((sample.facing @ matrix[:3, :3].T) * self.normals[nearest]).sum(1) > FACING
        share = float(alike.mean())
        kept = alike & (distance <= np.quantile(distance[alike] if alike.any() else distance, KEPT))
        if kept.sum() < 6:
            kept = distance <= np.quantile(distance, KEPT)
        return moved[kept], self.tree.data[nearest[kept]], self.normals[nearest[kept]], share


def _points_to_points(sample: _Sample, target: _Target, matrix: np.ndarray) -> tuple[float, np.ndarray]:
    """What is left over and the matrix, after a few rounds."""
    for _ in range(FIRST_ROUNDS):
        here, there, _, share = target.pairs(sample, matrix)
        matrix = kabsch(here, there) @ matrix
    return float(np.sqrt(((here - there) ** 2).sum(1).mean())) / max(share, .01), matrix


def _points_to_planes(sample: _Sample, target: _Target, matrix: np.ndarray, job: Job) -> tuple[float, np.ndarray]:
    """rms off the planes of the kept pairs, more where few points found one, and the matrix, when it no longer changes."""
    off, share = np.zeros(1), 1.0
    for _ in range(ROUNDS):
        job.check()
        p, q, n, share = target.pairs(sample, matrix)
        off = ((p - q) * n).sum(1)
        change = plane_step(p, q, n)
        matrix = change @ matrix
        if np.abs(change - np.eye(4)).max() < 1e-6:
            break
    return float(np.sqrt((off**2).mean())) / max(share, .01), matrix


def _turned(vector: np.ndarray, middle: np.ndarray) -> np.ndarray:
    """[4, 4]: a turn about a point, by a rotation vector in rad."""
    made = np.eye(4)
    made[:3, :3] = exp(vector)
    made[:3, 3] = middle - made[:3, :3] @ middle
    return made


def _apart(few: np.ndarray, facing: np.ndarray, tree: Any, points: np.ndarray, normals: np.ndarray) -> float:
    """Mean distance in mm of those points of a tooth that the scan shows from its planes beside them; the closed base of a crown, which lies in the gum,
    is seen by no scan."""
    distance, nearest = tree.query(few)
    off = np.abs(((few - points[nearest]) * normals[nearest]).sum(1))
    shown = ((facing * normals[nearest]).sum(1) > FACING) & ((off > .5 * distance) | (distance < .3))
    return float(off[shown].mean() if shown.any() else off.mean())


def _deviation(points: np.ndarray, standing: dict[int, tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """mm off the plane of the nearest vertex of any tooth; nan beyond REACH_MM."""
    from scipy.spatial import cKDTree

    vertices, normals = (np.concatenate([entry[k] for entry in standing.values()]) for k in (0, 1))
    distance, nearest = cKDTree(vertices).query(points, distance_upper_bound=REACH_MM)
    near, deviation = np.isfinite(distance), np.full(len(points), np.nan)
    k = nearest[near]
    off = ((points[near] - vertices[k]) * normals[k]).sum(1)
    facing = (np.abs(off) > .5 * distance[near]) | (distance[near] < .3)  # beside an open neck lies gum, not a tooth
    deviation[near] = np.where(facing, off, np.nan)
    return deviation
