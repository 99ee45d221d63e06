"""Where a crown is to be expected around a click: a box along the arch, with the sizes of its type, moved and resized by what the cut found.

N nodes of the surface, K teeth. x mesiodistal (along the arch), y buccolingual, depth = mm below the highest point of the crown.
The evidence of a place is 0 to 1: surely this tooth (inside the box, well above the gum), or surely gum (far outside every box).
"""

from dataclasses import dataclass, replace

import numpy as np

from engines.teeth import fdi
from engines.teeth.crown_shapes import SIZES
from engines.teeth.crowns import kind
from engines.teeth.surface import Surface

# mesiodistal, buccolingual, height of deciduous crowns by jaw and place, mm [Ash and Nelson, rounded]
DECIDUOUS = {"U": ((6.5, 5.0, 6.0), (5.1, 4.0, 5.6), (7.0, 7.0, 6.5), (7.3, 8.5, 5.1), (8.2, 10.0, 5.7)),
             "L": ((4.2, 4.0, 5.0), (4.1, 4.0, 5.2), (5.0, 4.8, 6.0), (7.7, 7.0, 6.0), (9.9, 8.7, 5.5))}
LEANING = 1.25  # a front crown leans outwards and covers more than its depth in the occlusal plane
CLICK_MM, CONTACT_MM = 1.5, 1.0
RIM_MM, RIM = 1.5, 0.5  # a scan ends in gum: enough to keep a crown from running over a valley to the border, too little to cut through enamel
REACH_MM = 25.0  # a neighbour further away says nothing about the direction of the arch here


@dataclass(frozen=True, eq=False)
class Box:
    """number: FDI; centre [3], a point of the crown's axis; along, across: unit vectors [3]; width, depth, height: the crown's sizes mm;
    top: its highest point along up, mm; nodes: those of the surface that the crown can hold."""

    number: int
    centre: np.ndarray
    along: np.ndarray
    across: np.ndarray
    width: float
    depth: float
    height: float
    top: float
    nodes: np.ndarray


def size(number: int) -> tuple[float, float, float]:
    """Mesiodistal, buccolingual and height of a crown, mm; a supernumerary or unknown number has the sizes of a premolar."""
    if number in fdi.PERMANENT:
        known = SIZES[kind(number)]
        return known.md, known.bl * (LEANING if fdi.place(number) <= 3 else 1), known.height
    return DECIDUOUS["U" if fdi.is_upper(number) else "L"][number % 10 - 1] if number in fdi.DECIDUOUS else (7.0, 8.5, 8.5)


def arch_order(number: int) -> tuple[bool, int]:
    """Sorts teeth from the patient's right to the left, upper jaw first."""
    return not fdi.is_upper(number), -fdi.place(number) if fdi.is_right(number) else fdi.place(number)


def occlusal(surface: Surface, points: np.ndarray) -> np.ndarray:
    """[3] unit vector from the gum to the occlusal plane: the way the open scan faces, or on a closed model the surface round the clicks."""
    facing = surface.normals * surface.areas[:, None]
    total = facing.sum(0)
    if np.linalg.norm(total) < 0.15 * surface.areas.sum():
        total = facing[surface.within(points, 9.0)].sum(0)
    return total / max(np.linalg.norm(total), 1e-12)


def place(surface: Surface, numbers: tuple[int, ...], points: np.ndarray) -> tuple[list[Box], np.ndarray]:
    """A box for every tooth from its click [K, 3], teeth in arch order, and the occlusal direction, which follows the tops of a whole arch."""
    up = occlusal(surface, points)
    for _ in range(2):
        boxes = [_first(surface, number, point, along, up) for number, point, along in zip(numbers, points, _tangents(points, up), strict=True)]
        tops = np.array([box.centre + up * (box.top - box.centre @ up) for box in boxes])
        spread, axes = np.linalg.svd(tops - tops.mean(0), full_matrices=False)[1:]
        if len(numbers) < 6 or spread[1] < 0.25 * spread[0]:
            break
        up = axes[2] * np.sign(axes[2] @ up)
    return [_with_nodes(surface, box, up) for box in _side_by_side(boxes, up)], up


def _side_by_side(boxes: list[Box], up: np.ndarray) -> list[Box]:
    """Boxes of neighbours pushed along the arch until clicks (sd CLICK_MM) and distances of crowns in contact (sd CONTACT_MM) agree best."""
    centres = np.array([box.centre for box in boxes])
    flat = centres - np.outer(centres @ up, up)
    gaps = np.linalg.norm(np.diff(flat, axis=0), axis=1)
    order = [fdi.UPPER.index(box.number) if box.number in fdi.UPPER else 50 + fdi.LOWER[::-1].index(box.number) if box.number in fdi.LOWER else -9
             for box in boxes]
    wanted = np.array([(one.width + other.width) / 2 for one, other in zip(boxes, boxes[1:], strict=False)])
    next_to = np.flatnonzero((np.abs(np.diff(order)) == 1) & (gaps < 2 * wanted)) if len(boxes) > 1 else np.zeros(0, int)
    if not len(next_to):
        return boxes
    wanted = wanted[next_to] * np.clip(np.median(gaps[next_to] / wanted[next_to]), 0.8, 1.2)
    push = np.zeros((len(next_to), len(boxes)))
    push[np.arange(len(next_to)), next_to], push[np.arange(len(next_to)), next_to + 1] = -1, 1
    shift = np.linalg.lstsq(np.concatenate([np.eye(len(boxes)) / CLICK_MM, push / CONTACT_MM]),
                            np.concatenate([np.zeros(len(boxes)), (wanted - gaps[next_to]) / CONTACT_MM]))[0]
    ahead = np.diff(flat, axis=0)
    ways = [box.along if box.along @ ahead[min(k, len(ahead) - 1)] >= 0 else -box.along for k, box in enumerate(boxes)]
    return [replace(box, centre=box.centre + way * by) for box, way, by in zip(boxes, ways, shift, strict=True)]


def _tangents(points: np.ndarray, up: np.ndarray) -> list[np.ndarray | None]:
    """The direction of the arch at every point, from its neighbours; None for a point that stands alone."""
    found: list[np.ndarray | None] = []
    for k, point in enumerate(points):
        near = [other for other in (points[max(k - 1, 0)], points[min(k + 1, len(points) - 1)]) if np.linalg.norm(other - point) < REACH_MM]
        along = near[-1] - near[0] if near else np.zeros(3)
        along = along - up * (along @ up)
        far = np.linalg.norm(along)
        found.append(along / far if far > 1.0 else None)
    return found


def _axes(along: np.ndarray | None, up: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if along is None:
        along = np.cross(up, np.eye(3)[np.abs(up).argmin()])
        along = along / np.linalg.norm(along)
    return along, np.cross(up, along)


def _first(surface: Surface, number: int, point: np.ndarray, along: np.ndarray | None, up: np.ndarray) -> Box:
    """A click may lie on any face of the crown: the middle is found from what stands highest in the slice of the arch through it."""
    width, depth, height = size(number)
    if along is None:
        width = depth = (width + depth) / 2
    along, across = _axes(along, up)
    near = surface.within(point, 14.0)
    offset = surface.points[near] - point
    x, y, rise = offset @ along, offset @ across, offset @ up
    slice_ = (np.abs(x) < 0.35 * width) & (np.abs(y) < depth)
    if slice_.sum() < 3:
        return _with_nodes(surface, Box(number, point, along, across, width, depth, height, float(point @ up), near), up)
    top = np.quantile(rise[slice_], 0.995)
    crest = y[slice_ & (rise > top - 3)]
    centre = point + across * (crest.min() + crest.max()) / 2
    return _with_nodes(surface, Box(number, centre, along, across, width, depth, height, float(centre @ up + top), near), up)


def _with_nodes(surface: Surface, box: Box, up: np.ndarray) -> Box:
    middle = box.centre + up * (box.top - box.centre @ up - box.height / 2)
    return replace(box, nodes=surface.within(middle, 1.5 * max(box.height, box.depth)))


def again(surface: Surface, boxes: list[Box], label: np.ndarray, up: np.ndarray) -> list[Box]:
    """The boxes moved to where a first cut found the crowns (label [N], 1 + the tooth's place in the list), sizes half way to what was found."""
    moved = []
    for k, box in enumerate(boxes):
        points = surface.points[label == k + 1]
        if len(points) < 50:
            moved.append(box)
            continue
        usual = size(box.number)
        offset = points - box.centre
        (x0, x1), (y0, y1) = (np.quantile(offset @ axis, [0.02, 0.98]) for axis in (box.along, box.across))
        centre = box.centre + box.along * np.clip((x0 + x1) / 2, -2.5, 2.5) + box.across * np.clip((y0 + y1) / 2, -2.5, 2.5)
        moved.append(replace(box, centre=centre, top=float(np.quantile(points @ up, 0.995)),
                             width=(box.width + float(np.clip(x1 - x0, 0.7 * usual[0], 1.3 * usual[0]))) / 2,
                             depth=(box.depth + float(np.clip(y1 - y0, 0.7 * usual[1], 1.3 * usual[1]))) / 2))
    tangents = _tangents(np.array([box.centre for box in moved]), up)
    turned = [box if along is None else replace(box, along=along, across=np.cross(up, along)) for box, along in zip(moved, tangents, strict=True)]
    return [_with_nodes(surface, box, up) for box in turned]


def evidence(surface: Surface, boxes: list[Box], up: np.ndarray, sure: bool) -> tuple[np.ndarray, np.ndarray]:
    """For every node the evidence for each tooth [N, K] and for gum [N]; a box that is not sure yet has wider doubts."""
    core, edge, inner, outer = (0.5, 1.0, 1.2, 1.8) if sure else (0.3, 0.8, 1.4, 2.0)  # of half the width and depth
    tooth, gum = np.zeros((len(surface.points), len(boxes))), np.ones(len(surface.points))
    for k, box in enumerate(boxes):
        offset = surface.points[box.nodes] - box.centre
        away = (np.abs(offset @ box.along / (box.width / 2))**3 + np.abs(offset @ box.across / (box.depth / 2))**3)**(1 / 3)
        below = (box.top - surface.points[box.nodes] @ up) / box.height
        tooth[box.nodes, k] = np.clip((edge - np.maximum(away, below / 0.8)) / (edge - core), 0, 1)
        beyond = np.clip(np.maximum((away - inner) / (outer - inner), (below - 1.1) / 0.6), 0, 1)
        gum[box.nodes] = np.minimum(gum[box.nodes], beyond)
    rim = surface.within(surface.points[surface.rim], RIM_MM)
    gum[rim] = np.maximum(gum[rim], RIM)
    return tooth, gum
