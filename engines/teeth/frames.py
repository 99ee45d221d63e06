"""The axes of every tooth from its crown and from the arch it stands in: y buccal, z occlusal, x mesial in quadrants 1 and 3, origin = crown centre.

z comes from the crown (from its neck to its biting surface), y and x from the tangent of the arch, turned by what the crown's outline says: an
incisor is clearly wider from mesial to distal, an upper premolar deeper from cheek to palate; second and lower molars are too square to tell.
"""

from dataclasses import dataclass

import numpy as np

from engines.teeth import case, crown_geometry, fdi, orientation
from engines.teeth.mesh import Mesh
from engines.teeth.topology import open_edges

LEAN_COS = 0.6  # a long axis further from the vertical than that (53 deg) is not believed


@dataclass(frozen=True)
class _Outline:
    """How much of a crown to look at, the ratio of the outline's axes that is not and that is fully believed, how far it is followed at most; deep: its
    long way is buccolingual; skew_deg: from there to the mesiodistal axis, mesial side out."""

    height_mm: float
    low: float
    high: float
    most: float = 1.0
    deep: bool = False
    skew_deg: float = 0.0


# measured on generated crowns (sd of the angle 2 to 3 deg), looked at on one real arch and on a modelled head
FRONT, PREMOLAR = _Outline(4.0, 1.15, 1.45), _Outline(8.0, 1.1, 1.25, deep=True)
UPPER_SIX = _Outline(8.0, 1.08, 1.2, most=0.6, deep=True, skew_deg=-16.0)  # a rhomboid, more or less so from person to person

# The edge of a front tooth stands in front of the middle of its neck: a line through both leans labially of the tooth's own axis. Upper, lower,
# measured on typical generated crowns; side teeth lean by less than 4 deg.
LEAN_DEG = {"open": (10.0, 7.0), "rooted": (5.0, 4.2), "capped": (17.5, 14.0)}


def of_teeth(teeth: dict[int, Mesh]) -> dict[int, np.ndarray]:
    """FDI -> [4, 4], tooth's frame to world, for crowns in world axes."""
    ups = {n: np.array([0.0, 0.0, -1.0 if fdi.is_upper(n) else 1.0]) for n in teeth}
    centres = {n: crown_geometry.crown_centre(mesh, ups[n]) for n, mesh in teeth.items()}
    found = {}
    for which in case.JAWS:
        row = sorted((n for n in teeth if case.jaw(n) == which), key=case.order)
        for n, tangent in _tangents(row, centres).items():
            found[n] = _frame(n, teeth[n], centres[n], ups[n], tangent)
    return {n: found[n] for n in teeth}


def _typical(row: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Where the arch of a typical dentition is at these teeth, and its tangents to the patient's left, both [N, 2]."""
    whole = [n for n in fdi.PERMANENT if fdi.is_upper(n) == fdi.is_upper(row[0])]
    points = orientation.expected(whole)[:, :2]
    steps = np.gradient(points, axis=0)
    at = [whole.index(n if n < 50 else n - 40) for n in row]
    return points[at], steps[at]


def _tangents(row: list[int], centres: dict[int, np.ndarray]) -> dict[int, np.ndarray]:
    """[2] unit tangents to the patient's left of a smooth curve through the crowns: the typical arch plus a polynomial along it, so that few teeth suffice."""
    if not row:
        return {}
    points, steps = _typical(row)
    t = np.array([(fdi.place(n) - 0.5) / 8 * (-1 if fdi.is_right(n) else 1) for n in row])
    degree = min(3, len(row) - 1) if np.ptp(t) > 0.5 else min(1, len(row) - 1)
    powers = t[:, None] ** np.arange(degree + 1)
    off = np.stack([centres[n][:2] for n in row]) - points
    ridge = np.diag([0.0, *([0.02] * degree)])
    slopes = np.linalg.solve(powers.T @ powers + ridge * len(row), powers.T @ off)
    rate = np.arange(1, degree + 1) * t[:, None] ** np.arange(degree) if degree else np.zeros((len(row), 0))
    tangents = steps + (rate @ slopes[1:]) / 8  # t grows by an eighth from tooth to tooth
    return {n: tangent / np.linalg.norm(tangent) for n, tangent in zip(row, tangents, strict=True)}


def _frame(number: int, mesh: Mesh, centre: np.ndarray, up: np.ndarray, tangent: np.ndarray) -> np.ndarray:
    z = long_axis(mesh, up)
    buccal = np.array([tangent[1], -tangent[0], 0.0])
    y = buccal - (buccal @ z) * z
    y /= np.linalg.norm(y)
    if fdi.place(number) <= 3:
        lean = np.deg2rad(LEAN_DEG[_kind(mesh, z)][0 if fdi.is_upper(number) else 1])
        y, z = np.cos(lean) * y + np.sin(lean) * z, np.cos(lean) * z - np.sin(lean) * y
    x = np.cross(y, z)
    turn = _outline_turn(number, mesh, centre, x, y, z)
    frame = np.eye(4)
    frame[:3, :3] = np.stack([np.cos(turn) * x + np.sin(turn) * y, np.cos(turn) * y - np.sin(turn) * x, z], -1)
    frame[:3, 3] = centre
    return frame


def _kind(mesh: Mesh, z: np.ndarray) -> str:
    if len(open_edges(mesh.faces)):
        return "open"
    return "rooted" if np.ptp(mesh.vertices @ z) > crown_geometry.LONG_MM else "capped"


def long_axis(mesh: Mesh, up: np.ndarray) -> np.ndarray:
    """[3] unit vector from neck to biting surface, within 53 deg of up."""
    z = crown_geometry.bite_direction(mesh)
    if z is None or z @ up < LEAN_COS:
        below, share = crown_geometry.flat_place(mesh, -up)
        if share > 0.12 and -below @ up > LEAN_COS:
            return -below
        # a molar with roots, or a crown whose cap is small: from the middle of its lower to that of its upper part
        z, centres, areas = up, mesh.corners().mean(1), mesh.areas()
        for _ in range(3):
            heights = centres @ z
            low, high = np.quantile(heights, 0.02), np.quantile(heights, 0.98)
            parts = [heights < low + 0.4 * (high - low), heights > low + 0.6 * (high - low)]
            bottom, top = ((centres * (areas * part)[:, None]).sum(0) / max((areas * part).sum(), 1e-30) for part in parts)
            step = (top - bottom) / max(np.linalg.norm(top - bottom), 1e-30)
            z = step if step @ up >= LEAN_COS else up
    return z


def _outline_turn(number: int, mesh: Mesh, centre: np.ndarray, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> float:
    """rad, right-handed about z: from the arch's tangent to the crown's own mesiodistal axis, as far as its outline tells."""
    outline = _outline(number)
    if outline is None:
        return 0.0
    points, areas = mesh.corners().mean(1) - centre, mesh.areas()
    heights = points @ z
    weights = areas * (heights > heights.max() - outline.height_mm)
    flat = points @ np.stack([x, y], -1)
    flat = flat - (flat * weights[:, None]).sum(0) / weights.sum()
    sizes, axes = np.linalg.eigh((flat * weights[:, None]).T @ flat)
    ratio = np.sqrt(sizes[1] / max(sizes[0], 1e-12))
    belief = outline.most * np.clip((ratio - outline.low) / (outline.high - outline.low), 0, 1)
    wide = np.array([axes[1, 1], -axes[0, 1]]) if outline.deep else axes[:, 1]
    angle = np.arctan2(wide[1], wide[0]) - np.deg2rad(outline.skew_deg) * case.side(number)
    angle = (angle + np.pi / 2) % np.pi - np.pi / 2
    return float(belief * angle) if abs(angle) < np.pi / 3 else 0.0


def _outline(number: int) -> _Outline | None:
    place = fdi.place(number)
    if place <= 3:
        return FRONT
    if number > 50:  # deciduous molars
        return None
    return PREMOLAR if place <= 5 else UPPER_SIX if number in (16, 26) else None
