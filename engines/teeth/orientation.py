"""Finds the world axes of a case whose files may be in any axes, mirrored ones too: x to the patient's left, y backwards, z up, mm.

Numbered teeth are laid over a typical dentition (least squares, both handednesses); which way they bite tells the two sides of the arch apart.
Then the occlusal plane is fitted to the tips, the sagittal direction to the pairs of left and right teeth.
"""

from dataclasses import dataclass

import numpy as np

from engines.teeth import case, crown_geometry, fdi
from engines.teeth.mesh import Mesh

# crown centres of the left side, mm, places 1 to 8: means of generated aligned dentitions
UPPER_AT = ((4.3, -0.3, 2.2), (11.4, 1.6, 2.2), (17.0, 5.6, 2.1), (19.4, 12.3, 1.2), (22.0, 18.9, 1.4), (23.9, 27.1, 1.2),
            (26.1, 36.0, 1.5), (27.8, 44.4, 2.7))
LOWER_AT = ((2.5, 1.3, -4.3), (7.3, 2.4, -4.8), (12.8, 4.2, -6.3), (17.1, 9.4, -5.2), (19.7, 16.0, -5.0), (22.0, 24.8, -4.3),
            (24.5, 35.5, -3.6), (26.9, 45.5, -2.6))
HINT_MM = 10.0  # how far in front of a crown its bite direction is laid down as a second point
SPLIT_MM = 6.0  # misfit from which two jaws are not in one bite
CLEAR = 0.6  # the better handedness must leave at most so much of the misfit of the other
WEAK, LEAST = 0.3, 0.03  # mean votes: below the first the other jaw knows better, below the second nobody knows
FRONT_Y, EDGE_Z = -2.4, -2.3  # of upper incisal edges beside lower ones


AXES = "as found"  # the guess of an orientation question
MIRRORED = ("This case is the mirror image of what its tooth numbers say; it is shown mirrored back. Look at it: "
            "either the scan was mirrored on export, or left and right were swapped in the numbers.")
APART = "The jaws do not lie in one bite in these files; measures between the jaws mean nothing. Export both jaws in occlusion."


@dataclass(frozen=True, eq=False)
class Orientation:
    """to_world [4, 4]: input axes in mm -> world, a mirror has a negative determinant. misfit_mm: root mean square to a typical dentition.
    sure: False where a person should look; bitten: False where the jaws lie apart. why: in words."""

    to_world: np.ndarray
    mirrored: bool
    misfit_mm: float
    sure: bool
    bitten: bool
    why: str


def expected(numbers: list[int]) -> np.ndarray:
    """[N, 3] crown centres of a typical dentition in the world; deciduous teeth stand where their successors do."""
    rows = []
    for number in numbers:
        x, y, z = (UPPER_AT if fdi.is_upper(number) else LOWER_AT)[fdi.place(number) - 1]
        rows.append((-x if fdi.is_right(number) else x, y, z))
    return np.array(rows, np.float64).reshape(-1, 3)


def fit(source: np.ndarray, target: np.ndarray, mirrored: bool) -> tuple[np.ndarray, float]:
    """The similarity [4, 4] that lays source over target by least squares, and what is left as root mean square [Umeyama 1991]; mirrored ones have det < 0."""
    a, b = source - source.mean(0), target - target.mean(0)
    u, s, vt = np.linalg.svd(b.T @ a)
    turn = np.ones(3)
    turn[2] = np.sign(np.linalg.det(u) * np.linalg.det(vt)) * (-1 if mirrored else 1)
    rotation = (u * turn) @ vt
    scale = float((s * turn).sum() / max((a**2).sum(), 1e-30))
    matrix = np.eye(4)
    matrix[:3, :3] = scale * rotation
    matrix[:3, 3] = target.mean(0) - scale * rotation @ source.mean(0)
    left = source @ matrix[:3, :3].T + matrix[:3, 3] - target
    return matrix, float(np.sqrt((left**2).sum(1).mean()))


def misfit(centres: dict[int, np.ndarray]) -> float:
    """Root mean square in mm between crown centres (any axes, any unit, mirrored or not) and a typical dentition; for 3 teeth or more."""
    numbers = list(centres)
    source, target = np.stack([centres[n] for n in numbers]).astype(np.float64), expected(numbers)
    return min(fit(source, target, mirrored)[1] for mirrored in (False, True))


def of_teeth(teeth: dict[int, Mesh]) -> Orientation:
    """From numbered crowns in mm. Three teeth or more that are not in one line make a plane; with fewer the axes are taken as they are, unsure."""
    numbers = sorted(teeth, key=case.order)
    if len(numbers) < 3:
        return Orientation(np.eye(4), False, 0.0, False, True, "there are too few teeth to tell the axes from")
    centres = {n: crown_geometry.centroid(teeth[n]) for n in numbers}
    hints = _bites(teeth, centres)
    matrix, mirrored, left, clear = _best(numbers, centres, hints)
    rough = matrix if clear else _best(numbers, centres, hints, 1.0)[0]
    if any(np.ptp(teeth[n].vertices @ rough[2, :3]) > crown_geometry.LONG_MM for n in numbers):  # roots: a template knows crowns only
        centres = {n: crown_geometry.crown_centre(teeth[n], (-1 if fdi.is_upper(n) else 1) * rough[2, :3]) for n in numbers}
        matrix, mirrored, left, clear = _best(numbers, centres, hints)
    bitten = True
    if left > SPLIT_MM and len({case.jaw(n) for n in numbers}) == 2:
        jaws = {which: [n for n in numbers if case.jaw(n) == which] for which in case.JAWS}
        main = max(jaws.values(), key=len)
        if len(main) >= 3:
            alone = _best(main, centres, hints)
            if alone[2] < 0.7 * left:
                (matrix, mirrored, left, clear), numbers, bitten = alone, main, False
    refined = _refined({n: teeth[n] for n in numbers}, {n: centres[n] for n in numbers}, matrix, mirrored)
    sure = clear and left < SPLIT_MM and bitten
    why = f"the teeth lie {left:.1f} mm from where teeth usually are" if clear else "too little tells the teeth's upper and lower side apart"
    if not bitten:
        why = f"the jaws lie apart, and the {case.jaw(numbers[0])} one led"
    return Orientation(refined, mirrored, left, sure, bitten, why)


def doubts(found: Orientation) -> tuple[list[str], list[case.Question]]:
    """Notices and questions about axes that were found."""
    notices = [text for text, told in ((MIRRORED, found.mirrored), (APART, not found.bitten)) if told]
    questions = []
    if found.mirrored:
        questions.append(case.Question("orientation", "The shape and the numbers are mirror images of each other. Taken: the scan is mirrored.",
                                       "mirrored scan", ("mirrored scan", "swapped numbers")))
    if not found.sure:
        questions.append(case.Question("orientation", f"Is the case the right way up? The axes are unsure: {found.why}.", AXES, (AXES,)))
    return notices, questions


def _best(numbers: list[int], centres: dict[int, np.ndarray], hints: dict[int, np.ndarray], doubt: float = CLEAR) -> tuple[np.ndarray, bool, float, bool]:
    """Rigid 4 x 4, whether it mirrors, misfit of the centres in mm, and whether the handedness is clear."""
    source, target = np.stack([centres[n] for n in numbers]), expected(numbers)
    known = [n for n in numbers if n in hints]
    both, goal = source, target
    if known:
        both = np.concatenate([source, np.stack([centres[n] + HINT_MM * hints[n] for n in known])])
        goal = np.concatenate([target, expected(known) + [(0, 0, -HINT_MM if fdi.is_upper(n) else HINT_MM) for n in known]])
    plain, mirror = fit(both, goal, False), fit(both, goal, True)
    mirrored = mirror[1] < doubt * plain[1]  # in doubt nothing is mirrored
    matrix = (mirror if mirrored else plain)[0].copy()
    scale = abs(np.linalg.det(matrix[:3, :3])) ** (1 / 3)
    matrix[:3, :3] /= scale
    matrix[:3, 3] = target.mean(0) - matrix[:3, :3] @ source.mean(0)
    left = source @ matrix[:3, :3].T + matrix[:3, 3] - target
    return matrix, mirrored, float(np.sqrt((left**2).sum(1).mean())), min(plain[1], mirror[1]) < CLEAR * max(plain[1], mirror[1])


def _bites(teeth: dict[int, Mesh], centres: dict[int, np.ndarray]) -> dict[int, np.ndarray]:
    """Unit vectors towards the biting surface: one for a whole jaw (its plane's normal, signed by a vote), or a tooth's own where it stands alone."""
    hints, middles = {}, {which: np.mean([centres[n] for n in teeth if case.jaw(n) == which] or [np.full(3, np.nan)], 0) for which in case.JAWS}
    for which, other in (case.JAWS, case.JAWS[::-1]):
        row = [n for n in teeth if case.jaw(n) == which]
        if len(row) >= 3:
            _, spread, axes = np.linalg.svd(np.stack([centres[n] for n in row]) - middles[which])
            if spread[1] > 0.15 * spread[0]:
                vote = float(np.mean([crown_geometry.bite_vote(teeth[n], axes[2]) for n in row]))
                apart = middles[other] - middles[which]
                towards = float(apart @ axes[2])
                if abs(vote) < WEAK and abs(towards) > 0.5 * np.linalg.norm(apart):  # False where there is no other jaw
                    vote = towards
                if abs(vote) > LEAST:
                    hints |= {n: np.sign(vote) * axes[2] for n in row}
                continue
        own = {n: crown_geometry.bite_direction(teeth[n]) for n in row}
        hints |= {n: direction for n, direction in own.items() if direction is not None}
    return hints


def _tips(teeth: dict[int, Mesh], up: np.ndarray) -> dict[int, np.ndarray]:
    """The vertex of each tooth that reaches furthest to the other jaw; up [3] in the teeth's axes."""
    return {n: mesh.vertices[(mesh.vertices @ up * (-1 if fdi.is_upper(n) else 1)).argmax()].astype(np.float64) for n, mesh in teeth.items()}


def _refined(teeth: dict[int, Mesh], centres: dict[int, np.ndarray], matrix: np.ndarray, mirrored: bool) -> np.ndarray:
    up, left = matrix[2, :3], matrix[0, :3]
    for _ in range(3):
        up = _plane_normal(_tips(teeth, up), up, left)
    pairs = [(n, fdi.mirror(n)) for n in teeth if not fdi.is_right(n) and fdi.mirror(n) in teeth]
    steps = np.array([centres[a] - centres[b] for a, b in pairs]).reshape(-1, 3)
    x = steps.sum(0) if len(pairs) >= 2 else left
    x = x - (x @ up) * up
    x /= np.linalg.norm(x)
    y = np.cross(up, x) * (-1 if mirrored else 1)
    turned = np.eye(4)
    turned[:3, :3] = np.stack([x, y, up])
    turned[:3, 3] = matrix[:3, 3] + (matrix[:3, :3] - turned[:3, :3]) @ np.mean(list(centres.values()), 0)
    tips = {n: turned[:3, :3] @ tip + turned[:3, 3] for n, tip in _tips(teeth, up).items()}
    if pairs:
        turned[0, 3] -= np.median([(turned[0, :3] @ (centres[a] + centres[b])) / 2 + turned[0, 3] for a, b in pairs])
    for front, y_at, z_at in (((31, 41), 0.0, 0.0), ((11, 21), FRONT_Y, EDGE_Z)):
        edges = np.array([tips[n] for n in front if n in tips])
        if len(edges):
            turned[1:3, 3] += (y_at, z_at) - edges[:, 1:].mean(0)
            break
    return turned


def _plane_normal(tips: dict[int, np.ndarray], up: np.ndarray, left: np.ndarray) -> np.ndarray:
    """The normal of the plane through the tips, one for both jaws; a tooth that stands out counts less [Huber]. `up` itself where the teeth do not spread."""
    points = np.stack(list(tips.values()))
    x = left - (left @ up) * up
    x /= np.linalg.norm(x)
    y = np.cross(up, x)
    upper = np.array([fdi.is_upper(n) for n in tips])
    columns = np.stack([points @ x, points @ y, upper, ~upper], -1).astype(np.float64)
    columns = columns[:, [True, True, upper.any(), (~upper).any()]]
    centred = columns[:, :2] - columns[:, :2].mean(0)
    if len(tips) < 5 or np.linalg.svd(centred, compute_uv=False)[-1] / np.sqrt(len(tips)) < 5:
        return up
    heights, weights = points @ up, np.ones(len(points))
    for _ in range(8):
        slopes = np.linalg.lstsq(columns * weights[:, None], heights * weights, rcond=None)[0]
        off = np.abs(heights - columns @ slopes)
        weights = np.sqrt(1 / np.maximum(off / max(1.5 * float(np.median(off)), 0.1), 1))
    normal = up - slopes[0] * x - slopes[1] * y
    return normal / np.linalg.norm(normal)
