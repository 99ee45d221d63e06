"""Landmarks of a tooth, found from the geometry of its crown; names as in crowns.Crown.

    every tooth   mesial_contact, distal_contact   the points that lie farthest to mesial and distal
                  facial_axis                      middle of the clinical crown on its facial face; facial_up is the direction of the face there, upwards
                  cervix                           middle of the crown at its neck
                  edge                             middle of the incisal edge, tip of a canine, tip of the (mesio)buccal cusp
    incisors      edge_mesial, edge_distal         the two corners of the incisal edge
    side teeth    cusp_NAME (b, l, mb, db, d, ml, dl), central_fossa (the lowest point between the cusps)
    molars        buccal_groove                    the lowest point of the buccal rim between the first two buccal cusps

Landmarks that came with the tooth (a file, the generator, a person's hand) stand; the others are found. Each is given in the world, at the start.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from weakref import WeakKeyDictionary

import numpy as np

from engines.teeth import crown_surface
from engines.teeth.case import Case, Tooth
from engines.teeth.crown_shapes import FRONT, SIDE
from engines.teeth.crown_surface import CELL_MM, Heights, Surface
from engines.teeth.mesh import Mesh

CORNER_DEG = 45.0  # the corner of an incisal edge is where the outline turns half of a right angle
BAND_MM = 0.5  # half the breadth of the strip in which the facial face is read
CONTACT = {"1": (.20, .2), "2": (.24, .2), "3": (.33, .13), "side": (.42, 0.0)}  # part of the height below the top, of the depth before the middle
CONTACT_PULL = 0.02  # mm of reach that a square millimetre of distance from there is worth
FLAT_MM = 0.002  # a peak rises so far above the mean of its neighbours, a plateau does not
FOSSA_MM = 1.5  # the central fossa, likewise
EDGE_SLOPE_DEG = {"U1": 2.2, "U2": 3.0, "L1": 0.2, "L2": 2.2}  # that the mesial corner is higher: measured on typical generated crowns
TURN_FREE, TURN_MOST = np.deg2rad(3.0), np.deg2rad(25.0)  # of the crown in its frame: not corrected, corrected at most
FAR_MM = 2.0  # a cusp is looked for so far from where the type has it
_found: "WeakKeyDictionary[Mesh, tuple[tuple, Landmarks]]" = WeakKeyDictionary()


@dataclass(frozen=True, eq=False)
class Landmarks:
    """points: name -> [3] mm in the world, at the start. facial_up: [3] unit vector. given: the names that were not found here."""

    points: dict[str, np.ndarray]
    facial_up: np.ndarray
    given: tuple[str, ...] = ()


def of(tooth: Tooth) -> Landmarks:
    """The landmarks of a tooth: searched for once for each mesh and frame. ValueError for a mesh without a surface."""
    key = (tooth.number, tooth.frame.tobytes())
    held = _found.get(tooth.mesh)
    if held is None or held[0] != key:
        held = key, find(tooth)
        _found[tooth.mesh] = held
    found = held[1]
    points = {**found.points, **{name: np.asarray(point, np.float64) for name, point in tooth.landmarks.items()}}
    main = "cusp_b" if "cusp_b" in points else "cusp_mb"
    if main in tooth.landmarks and "edge" not in tooth.landmarks:
        points["edge"] = points[main]
    return Landmarks(points, found.facial_up, tuple(tooth.landmarks))


def with_overrides(case: Case, landmarks: Iterable[tuple[int, str, tuple[float, float, float]]]) -> Case:
    """The case with landmarks set by hand (TeethRequest.landmarks) in the place of those it had; a tooth that is not there is passed over."""
    teeth = dict(case.teeth)
    for number, name, point in landmarks:
        if number in teeth:
            teeth[number] = replace(teeth[number], landmarks={**teeth[number].landmarks, name: np.asarray(point, np.float64)})
    return case.with_teeth(teeth)


def find(tooth: Tooth) -> Landmarks:
    """All landmarks from the geometry alone, about 5 ms a tooth. ValueError for a mesh without a surface."""
    surface = crown_surface.read(tooth)
    heights = crown_surface.heights(surface)
    kind = crown_surface.kind(tooth.number)
    if kind in SIDE:
        points, turn = _cusps(surface, heights, kind)
    elif kind[1] == "3":
        best = np.where(heights.found >= 0, heights.z, -np.inf).argmax()
        points, turn = {"edge": surface.samples[heights.found.ravel()[best]]}, np.eye(3)
    else:
        points, turn = _incisal_edge(surface, heights, kind)
    surface = crown_surface.turned(surface, turn.T)
    facing = _contacts(surface, kind)
    facial, up = _facial_axis(surface, facing)
    facing |= {"facial_axis": facial, "cervix": np.array([*_neck_middle(surface), surface.neck])}
    points |= {name: turn @ point for name, point in facing.items()}
    up = turn @ up
    axes = crown_surface.axes(tooth)
    return Landmarks({name: tooth.centre + axes @ point for name, point in points.items()}, axes @ up)


def _contacts(surface: Surface, kind: str) -> dict[str, np.ndarray]:
    """The outermost surface near where the type has its contact: approximal faces are flat, and a few degrees of frame would move the very farthest
    point by millimetres. Mean of the samples within 0.03 mm of the best, so that one noisy vertex does not decide."""
    down, front = CONTACT[kind[1] if kind not in SIDE else "side"]
    expected = surface.middle[1] + front * (surface.buccal - surface.lingual), surface.top - down * surface.height
    upper = surface.samples[surface.samples[:, 2] > surface.top - .6 * surface.height]
    astray = CONTACT_PULL * ((upper[:, 1:] - expected)**2).sum(1)
    points = {}
    for name, sign in (("mesial_contact", 1), ("distal_contact", -1)):
        reach = sign * upper[:, 0] - astray
        points[name] = upper[reach > reach.max() - .03].mean(0)
    return points


def _ridge(surface: Surface, heights: Heights) -> np.ndarray:
    """[K, 3] the highest sample of every mesiodistal column that reaches the upper third."""
    best = np.where(heights.found >= 0, heights.z, -np.inf).argmax(1)
    columns = np.arange(len(best))
    picked = heights.found[columns, best]
    line = surface.samples[picked[picked >= 0]]
    return line[line[:, 2] > surface.top - surface.height / 3]


def _incisal_edge(surface: Surface, heights: Heights, kind: str) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """And how the crown is turned in the frame if the edge lies in it as in its type.

    Corners are sought along the edge itself, which is first fitted by a line: a tipped or turned tooth has the same ones.
    """
    ridge = _ridge(surface, heights)
    inner = ridge[np.abs(ridge[:, 0] - surface.middle[0]) < .6 * surface.half]
    line = inner if len(inner) >= 3 else ridge
    slope = np.polyfit(line[:, 0], line[:, 2], 1)[0] if np.ptp(line[:, 0]) > 1 else 0.0
    along = np.array([1, 0, slope]) / np.hypot(1, slope)
    across = np.array([-along[2], 0, along[0]])
    turn = np.deg2rad(CORNER_DEG)
    upper = surface.samples[surface.samples[:, 2] > surface.top - surface.height / 3]
    points = {name: upper[(upper @ (sign * np.sin(turn) * along + np.cos(turn) * across)).argmax()] for name, sign in
              (("edge_mesial", 1), ("edge_distal", -1))}
    middle = (points["edge_mesial"][0] + points["edge_distal"][0]) / 2
    near = ridge[np.argsort(np.abs(ridge[:, 0] - middle), kind="stable")[:5]]
    points["edge"] = near.mean(0)
    points["edge"][0] = middle
    way = points["edge_mesial"] - points["edge_distal"]
    return points, _turn(np.arctan2(way[1], way[0]) - np.deg2rad(FRONT[kind].twist), np.arctan2(way[2], way[0]) - np.deg2rad(EDGE_SLOPE_DEG[kind]))


def _cusps(surface: Surface, heights: Heights, kind: str) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """And how the crown is turned in the frame if its cusps stand as in its type.

    Peaks of the height map, given to the cusps of the type by place; a cusp without a peak is the highest point near its place over a tilted plane.
    """
    shape = SIDE[kind]
    near = crown_surface.nine(heights.z, -np.inf)
    there = np.isfinite(near)
    around = np.where(there, near, 0).sum(0) / np.maximum(there.sum(0), 1)
    peaks = np.argwhere((heights.found >= 0) & (heights.z >= near.max(0)) & (heights.z > np.maximum(around + FLAT_MM, surface.top - .6 * surface.height)))
    depth = (surface.buccal - surface.lingual) / 2
    wanted = np.array([(cusp.x * surface.half + shape.shear * cusp.y * depth, cusp.y * depth) for cusp in shape.cusps]) + surface.middle
    spots = heights.places[peaks[:, 0], peaks[:, 1]]
    far = np.linalg.norm(wanted[:, None] - spots[None], axis=2)
    rise = heights.z[peaks[:, 0], peaks[:, 1]] - surface.top
    cost = np.where(far < FAR_MM, far - .3 * rise[None], np.inf)
    picked: dict[int, np.ndarray] = {}
    while np.isfinite(cost).any():
        k, p = np.unravel_index(cost.argmin(), cost.shape)
        picked[int(k)] = surface.samples[heights.found[tuple(peaks[p])]]
        cost[k], cost[:, p] = np.inf, np.inf
    shift = np.mean([picked[k][:2] - wanted[k] for k in picked], axis=0) if picked else np.zeros(2)
    points = {}
    for k, cusp in enumerate(shape.cusps):
        points[f"cusp_{cusp.name}"] = picked[k] if k in picked else _shoulder(surface, heights, wanted[k] + shift)
    pit = surface.middle + (shape.pit[0] * surface.half, shape.pit[1] * depth) + shift
    points["central_fossa"] = _fossa(surface, heights, pit)
    points["edge"] = points["cusp_b" if "cusp_b" in points else "cusp_mb"]
    if "cusp_db" in points:
        points["buccal_groove"] = _groove(surface, heights, points["cusp_mb"], points["cusp_db"])
    if len(picked) < 2:
        return points, np.eye(3)
    own = np.array([picked[k] for k in sorted(picked)])
    typical = np.array([(*wanted[k], -shape.cusps[k].down) for k in sorted(picked)])
    return points, _turn(_angle(typical[:, :2], own[:, :2]), _angle(typical[:, ::2], own[:, ::2]) if "cusp_db" in points else 0.0)


def _angle(typical: np.ndarray, own: np.ndarray) -> float:
    """rad that points [K, 2] are turned against others, in the least-squares sense."""
    a, b = typical - typical.mean(0), own - own.mean(0)
    return float(np.arctan2((a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum(), (a * b).sum()))


def _turn(yaw: float, tilt: float) -> np.ndarray:
    """[3, 3] from the crown's own axes to those of the frame: turned about the long axis, then in the plane of x and z; rad.

    A little is not believed, cusps and edges of individuals being turned themselves; a lot is not either, something else being wrong then.
    """
    yaw, tilt = (float(np.sign(angle) * np.clip(np.abs(angle) - TURN_FREE, 0, TURN_MOST)) for angle in (yaw, tilt))
    c, s, u, v = np.cos(yaw), np.sin(yaw), np.cos(tilt), np.sin(tilt)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ np.array([[u, 0, -v], [0, 1, 0], [v, 0, u]])


def _shoulder(surface: Surface, heights: Heights, place: np.ndarray) -> np.ndarray:
    """Where the surface bulges most out of its own plane within 1 mm of a place: the tip of a cusp that is worn or stands on a slope."""
    away = np.linalg.norm(heights.places - place, axis=2)
    near = (away < 1.0) & np.isfinite(heights.z) & (heights.found >= 0)
    if near.sum() < 6:
        near = heights.found >= 0
        return surface.samples[heights.found[near][away[near].argmin()]]
    flat = np.column_stack([heights.places[near], np.ones(near.sum())])
    z = heights.z[near]
    bulge = z - flat @ np.linalg.lstsq(flat, z, rcond=None)[0] - .3 * away[near]
    return surface.samples[heights.found[near][bulge.argmax()]]


def _fossa(surface: Surface, heights: Heights, place: np.ndarray) -> np.ndarray:
    """The lowest sample near the place where the type has its central pit: some crowns have a deeper one beyond a ridge."""
    away = np.linalg.norm(heights.places - place, axis=2)
    near = (away < FOSSA_MM) & (heights.found >= 0)
    if not near.any():
        return np.array([*place, surface.top - 2.5])
    return surface.samples[heights.found[near][(heights.z[near] + .4 * away[near]).argmin()]]


def _groove(surface: Surface, heights: Heights, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Where the notch between two buccal cusps runs out on the buccal face: the lowest column of the line of cusps, there the corner to the outside."""
    columns = heights.places[:, 0, 0]
    low, high = sorted((first[0], second[0]))
    inner = (columns > low + .15 * (high - low)) & (columns < high - .15 * (high - low))
    line = np.interp(columns, *zip(*sorted(((first[0], first[1]), (second[0], second[1]))), strict=True))
    buccal = (heights.places[..., 1] > line[:, None] - 1.0) & (heights.found >= 0) & inner[:, None]
    tops = np.where(buccal, heights.z, -np.inf).max(1)
    there = np.flatnonzero(np.isfinite(tops))
    if not len(there):
        return (first + second) / 2
    x = columns[there[tops[there].argmin()]]
    strip = surface.samples[np.abs(surface.samples[:, 0] - x) < CELL_MM]
    return strip[(strip[:, 1] + strip[:, 2]).argmax()]


def _facial_axis(surface: Surface, points: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The facial point and the direction of the face there, seen from mesial: a parabola through the outermost samples of a strip."""
    x = (points["mesial_contact"][0] + points["distal_contact"][0]) / 2
    strip = surface.samples[np.abs(surface.samples[:, 0] - x) < BAND_MM]
    strip = strip[strip[:, 1] > surface.middle[1]]
    upright = np.array([0.0, 0, 1])
    if len(strip) < 8:
        return np.array([x, surface.buccal, surface.neck + surface.height / 2]), upright
    low, high = strip[:, 2].min(), strip[:, 2].max()
    bins = np.floor((strip[:, 2] - low) / .2).astype(int)
    order = np.lexsort((strip[:, 1], bins))
    last = np.append(np.diff(bins[order]) > 0, True)
    face = strip[order[last]]
    z = (low + high) / 2
    near = face[np.abs(face[:, 2] - z) < max(.22 * (high - low), .8)]
    if len(near) < 4 or np.ptp(near[:, 2]) < .5:
        return np.array([x, surface.buccal, z]), upright
    _, bend, level = np.polyfit(near[:, 2] - z, near[:, 1], 2)
    return np.array([x, level, z]), np.array([0, bend, 1]) / np.hypot(1, bend)


def _neck_middle(surface: Surface) -> np.ndarray:
    """Read a little above the margin, where the ring is whole however the crown leans."""
    up = (surface.samples[:, 2] - surface.neck) / surface.height
    ring = surface.samples[(up > .2) & (up < .4)]
    return (ring[:, :2].min(0) + ring[:, :2].max(0)) / 2 if len(ring) else surface.middle
