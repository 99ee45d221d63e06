"""Interproximal reduction: how much to take off between which neighbours, and the crowns afterwards.

A crown is planed on its mesial or distal side, square to its own mesiodistal axis: everything beyond a plane is pressed onto it, with a smooth edge, so that
the mesh keeps its triangles and gets no holes. Half of a reduction comes off each of the two teeth.
"""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from engines.job import EngineError
from engines.teeth import fdi
from engines.teeth.case import Case, Poses, Tooth, jaw
from engines.teeth.contacts import Contacts
from engines.teeth.mesh import Mesh
from engines.teeth.request import Reduction

WARN_MM = 0.5  # per contact: half the enamel there is about 0.5 mm a side at most
MOST_MM = 2.0
EDGE_MM = 0.1  # half width of the rounded edge of a planed face


def suggested(contacts: Contacts, poses: Poses, room_mm: dict[str, float] | None = None) -> tuple[Reduction, ...]:
    """What removes every overlap of neighbours beyond the tolerance, and makes room_mm (jaw -> mm) in all.

    Room is made where the arch is mostly reduced, between the first molars, by the same amount at every contact; overlap there counts towards it.
    """
    rows = contacts.rows(poses)
    wanted: dict[tuple[int, int], float] = {}
    beside = {pair for row in rows.values() for pair in zip(row, row[1:], strict=False)}
    for entry in contacts.measured(poses, ("neighbour",)):
        if (entry.first, entry.second) in beside and entry.depth_mm > contacts.tolerance_mm:
            wanted[entry.first, entry.second] = entry.depth_mm
    for which, room in (room_mm or {}).items():
        front = [number for number in rows[which] if fdi.place(number) <= 6]
        pairs = [pair for pair in zip(front, front[1:], strict=False) if pair in beside]
        missing = room - sum(wanted.get(pair, 0.0) for pair in pairs)
        if pairs and missing > 0:
            level = _water_level([wanted.get(pair, 0.0) for pair in pairs], missing)
            wanted |= {pair: max(wanted.get(pair, 0.0), level) for pair in pairs}
    return tuple(Reduction(*pair, round(min(mm, MOST_MM), 2)) for pair, mm in wanted.items())


def _water_level(heights: list[float], amount: float) -> float:
    """The level to which `amount` fills columns of these heights."""
    ranked = sorted(heights)
    for k in range(1, len(ranked) + 1):
        level = (amount + sum(ranked[:k])) / k
        if k == len(ranked) or level <= ranked[k]:
            return level
    return amount


def warnings(reductions: Iterable[Reduction]) -> list[str]:
    """One sentence for every contact that loses more than WARN_MM."""
    return [f"{entry.first}-{entry.second}: {entry.mm:.2f} mm is more than {WARN_MM} mm at one contact." for entry in reductions if entry.mm > WARN_MM]


def applied(case: Case, reductions: Iterable[Reduction]) -> Case:
    """The case with planed crowns. EngineError for teeth that the case does not have, that are no neighbours, or for more than MOST_MM."""
    teeth = dict(case.teeth)
    for entry in reductions:
        if not {entry.first, entry.second} <= teeth.keys() or entry.first == entry.second or jaw(entry.first) != jaw(entry.second):
            raise EngineError(f"There is no contact {entry.first}-{entry.second} to reduce.", "Take this reduction out of the plan.")
        if not 0 <= entry.mm <= MOST_MM:
            raise EngineError(f"A reduction of {entry.mm} mm at {entry.first}-{entry.second} is not possible.", f"Use 0 to {MOST_MM} mm.")
        for number, other in ((entry.first, entry.second), (entry.second, entry.first)):
            teeth[number] = planed(teeth[number], towards(number, other), entry.mm / 2)
    return case.with_teeth(teeth)


def towards(number: int, other: int) -> str:
    """mesial or distal: the side of a tooth on which its neighbour stands."""
    same_side = fdi.is_right(number) == fdi.is_right(other)
    return "distal" if same_side and fdi.place(other) > fdi.place(number) else "mesial"


def planed(tooth: Tooth, side: str, mm: float) -> Tooth:
    """The tooth with `mm` taken off its mesial or distal side: exactly that much less wide; landmarks there come along."""
    if mm == 0:
        return tooth
    axis = tooth.axis("mesial") * (1 if side == "mesial" else -1)
    vertices = tooth.mesh.vertices.astype(np.float64)
    plane = float((vertices @ axis).max()) - mm
    landmarks = {name: _pressed(point[None], axis, plane, mm)[0] for name, point in tooth.landmarks.items()}
    return replace(tooth, mesh=Mesh(_pressed(vertices, axis, plane, mm), tooth.mesh.faces), landmarks=landmarks)


def _pressed(points: np.ndarray, axis: np.ndarray, plane: float, mm: float) -> np.ndarray:
    """Points beyond a plane on it; within half an edge of it a parabola leads over [C1]."""
    beyond, edge = points @ axis - plane, min(EDGE_MM, mm)
    kept = np.where(beyond >= edge, 0.0, np.where(beyond <= -edge, beyond, beyond - (beyond + edge)**2 / (4 * edge)))
    return points + (kept - beyond)[:, None] * axis
