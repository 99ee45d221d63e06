"""How far a setup is from a reference setup of the same case: the five metrics of the literature and three occlusion scores.

    ADD      mean distance of a tooth's vertices from where the reference has them, mm; then the mean over teeth
    PA_ADD   the same after one rigid movement of the whole setup that brings it as near as can be [Procrustes without scale; every tooth counts alike]
    CSA      share of teeth whose three axes all lie within 5 deg of the reference's (our definition: the papers give none)
    ME_rot   mean angle of the rotation between setup and reference, deg
    FD_cur   discrete Frechet distance of the arch curves, mm, mean of the jaws. Curve (our choice of landmarks): natural cubic spline through the middle of
             every tooth's edge, tip or buccal cusps, 200 points

Teeth are those that setup and reference both have. Scores in mm, small is good; as far as they can be told the definitions of Sci Data 11:1277:
alignment = sum of the distances of neighbouring contact points; anterior = sum of the distances of upper and lower incisal midpoints; posterior = sum of the
distances from the mesiobuccal cusp of the upper first molars to the buccal groove of the lower ones.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from engines.teeth import fdi
from engines.teeth.case import Case, Poses
from engines.teeth.moves import log
from engines.teeth.request import Reduction
from engines.teeth.standing import Standing

CSA_DEG = 5.0
CURVE_POINTS = 200
INCISORS = ((11, 41), (12, 42), (21, 31), (22, 32))


@dataclass(frozen=True)
class Comparison:
    """add, pa_add (mm), rot (deg), csa (True: all axes within the limit) by tooth; frechet by jaw, mm, without jaws of fewer than three teeth.

    The means are None where there is nothing to average.
    """

    add: dict[int, float]
    pa_add: dict[int, float]
    rot: dict[int, float]
    csa: dict[int, bool]
    frechet: dict[str, float]

    @property
    def teeth(self) -> tuple[int, ...]:
        return tuple(self.add)

    def means(self) -> dict[str, float | None]:
        """ADD, PA_ADD, CSA, ME_rot, FD_cur."""
        parts = {"ADD": self.add, "PA_ADD": self.pa_add, "CSA": self.csa, "ME_rot": self.rot, "FD_cur": self.frechet}
        return {name: float(np.mean(list(values.values()))) if values else None for name, values in parts.items()}


def compare(case: Case, poses: Poses, reference: Poses) -> Comparison:
    """poses and reference both move the start meshes of the case; all vertices of a tooth count."""
    numbers = [n for n in case.teeth if n in poses and n in reference and len(case.teeth[n].mesh.vertices)]
    points = {n: np.asarray(case.teeth[n].mesh.vertices, np.float64) for n in numbers}
    nearer = procrustes(points, poses, reference) if numbers else np.eye(4)
    add, pa_add, rot, csa = {}, {}, {}, {}
    for n in numbers:
        add[n] = _mean_distance(points[n], poses[n] - reference[n])
        pa_add[n] = _mean_distance(points[n], nearer @ poses[n] - reference[n])
        between = poses[n][:3, :3] @ reference[n][:3, :3].T
        rot[n] = angle_deg(between)
        axes = reference[n][:3, :3] @ case.teeth[n].frame[:3, :3]
        turned = (axes * (between @ axes)).sum(0)
        csa[n] = bool((turned >= np.cos(np.deg2rad(CSA_DEG)) - 1e-12).all())
    here, there = Standing(case, {n: poses[n] for n in numbers}), Standing(case, {n: reference[n] for n in numbers})
    distances = {}
    for jaw, upper in (("upper", True), ("lower", False)):
        row = here.of(upper)
        if len(row) >= 3:
            distances[jaw] = frechet(*(curve(np.array([np.mean(s.buccal_cusps(n), axis=0) for n in row])) for s in (here, there)))
    return Comparison(add, pa_add, rot, csa, distances)


def angle_deg(turn: np.ndarray) -> float:
    """Of a rotation [3, 3]: exact for small angles too, where the arc cosine of the trace is not."""
    return float(np.rad2deg(np.linalg.norm(log(turn))))


def _mean_distance(points: np.ndarray, difference: np.ndarray) -> float:
    return float(np.linalg.norm(points @ difference[:3, :3].T + difference[:3, 3], axis=1).mean())


def procrustes(points: dict[int, np.ndarray], poses: Poses, reference: Poses) -> np.ndarray:
    """[4, 4] rigid: the movement of the whole setup that brings its points nearest to the reference's in the least-squares sense [Kabsch]."""
    cross, here, there = np.zeros((3, 3)), np.zeros(3), np.zeros(3)
    for n, vertices in points.items():
        full = np.column_stack([vertices, np.ones(len(vertices))])
        moments = full.T @ full / len(full)
        a, b = poses[n][:3], reference[n][:3]
        cross += a @ moments @ b.T / len(points)
        here += a @ moments[:, 3] / len(points)
        there += b @ moments[:, 3] / len(points)
    u, _, vt = np.linalg.svd(cross - np.outer(here, there))
    turn = vt.T @ np.diag([1, 1, np.sign(np.linalg.det(vt.T @ u.T))]) @ u.T
    made = np.eye(4)
    made[:3, :3], made[:3, 3] = turn, there - turn @ here
    return made


def curve(knots: np.ndarray, count: int = CURVE_POINTS) -> np.ndarray:
    """[count, 3] on the natural cubic spline through knots [K, 3] over their chord lengths, at even steps of that parameter. ValueError below three.

    Interpolating, in space: a metric must see every tooth. Arch forms (arch_form.curve) are smooth curves near the teeth, seen from above.
    """
    if len(knots) < 3:
        raise ValueError("a curve goes through three points or more")
    at = np.concatenate([[0], np.cumsum(np.maximum(np.linalg.norm(np.diff(knots, axis=0), axis=1), 1e-6))])
    steps, rises = np.diff(at), np.diff(knots, axis=0) / np.diff(at)[:, None]
    matrix = np.zeros((len(knots), len(knots)))
    k = np.arange(1, len(knots) - 1)
    matrix[0, 0] = matrix[-1, -1] = 1
    matrix[k, k - 1], matrix[k, k], matrix[k, k + 1] = steps[:-1], 2 * (steps[:-1] + steps[1:]), steps[1:]
    right = np.zeros_like(knots)
    right[1:-1] = 6 * np.diff(rises, axis=0)
    bends = np.linalg.solve(matrix, right)
    s = np.linspace(0, at[-1], count)
    j = np.clip(np.searchsorted(at, s, side="right") - 1, 0, len(steps) - 1)
    h, a, b = steps[j][:, None], (at[j + 1] - s)[:, None], (s - at[j])[:, None]
    return (bends[j] * a**3 + bends[j + 1] * b**3) / (6 * h) + (knots[j] / h - bends[j] * h / 6) * a + (knots[j + 1] / h - bends[j + 1] * h / 6) * b


def frechet(a: np.ndarray, b: np.ndarray) -> float:
    """Discrete Frechet distance of two chains of points [n, d] and [m, d] [Eiter and Mannila 1994], one anti-diagonal of the table at a time."""
    gaps = np.linalg.norm(a[:, None] - b[None], axis=2)
    n, m = gaps.shape
    one = two = np.full(n, np.inf)  # the last two anti-diagonals, by row
    for total in range(n + m - 1):
        rows = np.arange(max(0, total - m + 1), min(n, total + 1))
        new = np.full(n, np.inf)
        reach = np.minimum(one[rows], np.where(rows > 0, np.minimum(one[rows - 1], two[rows - 1]), np.inf))
        new[rows] = np.maximum(gaps[rows, total - rows], reach if total else 0.0)
        one, two = new, one
    return float(one[-1])


def occlusion(case: Case, poses: Poses | None = None, reductions: Iterable[Reduction] = ()) -> dict[str, float | None]:
    """alignment, anterior and posterior in mm; None where no pair of teeth is there to be measured."""
    teeth = Standing(case, poses, reductions)

    def gap(a: int, at_a: str, b: int, at_b: str) -> float:
        return float(np.linalg.norm(teeth.point(a, at_a) - teeth.point(b, at_b)))
    alignment = [gap(a, "mesial_contact" if fdi.is_right(a) else "distal_contact", b, "distal_contact" if fdi.is_right(b) else "mesial_contact")
                 for a, b in fdi.neighbours(teeth.numbers)]
    anterior = [gap(a, "edge", b, "edge") for a, b in INCISORS if a in teeth and b in teeth]
    posterior = [gap(a, "cusp_mb", b, "buccal_groove") for a, b in ((16, 46), (26, 36)) if teeth.has(a, "cusp_mb") and teeth.has(b, "buccal_groove")]
    return {name: sum(gaps) if gaps else None for name, gaps in (("alignment", alignment), ("anterior", anterior), ("posterior", posterior))}
