"""Stands crowns in two aligned arches that bite into each other.

World: millimetres, right-handed, x to the PATIENT'S LEFT, y BACKWARDS, z UP (the axes of DICOM, L P S); the lower incisal edges lie near z = 0,
the midline is x = 0, the front of the lower arch y = 0. A pose is a 4 x 4 matrix from a crown's own frame into the world.
s is the arc length along the lower cusp line (lower incisal edges and buccal cusps): the upper fossae stand over the same line.
"""

from dataclasses import dataclass

import numpy as np

from engines.teeth import fdi
from engines.teeth.arch import Arch
from engines.teeth.crowns import Crown, mesial

# crown angulation and inclination in deg at the facial axis, places 1 to 8 [Andrews' prescription; third molars like second ones]
TIP = {True: (5, 9, 11, 2, 2, 5, 5, 5), False: (2, 2, 5, 2, 2, 2, 2, 2)}
TORQUE = {True: (7, 3, -7, -7, -7, -9, -9, -9), False: (-1, -1, -11, -17, -22, -30, -35, -35)}
WILSON = 4.0  # deg that molars lean further in here than prescribed: or buccal cusps of made crowns do not meet
UPPER_SIDE_IN_MM = 0.4  # upper fossae inside the lower cusp line
UPPER_OUT_MM = (2.4, 2.2, 2.3)  # upper incisal edges and canine tip outside the lower cusp line
UPPER_EDGE_MM = (0.0, 0.5, -0.4)  # their height beside the central incisor's
CONTACT_CELL_MM, BITE_CELL_MM = 0.5, 0.35
TOUCH_MM, CLEAR_MM = 0.03, 0.02  # tolerance of the solver, and the gap it aims at


@dataclass(frozen=True)
class Angles:
    """deg: tip + crown mesial, torque + crown labial, rotation + mesial side towards the lip."""

    tip: float
    torque: float
    rotation: float = 0.0


def norm(number: int) -> Angles:
    upper, place = fdi.is_upper(number), fdi.place(number) - 1
    return Angles(TIP[upper][place], TORQUE[upper][place] - (WILSON if place > 4 else 0.0))


def axis_turn(axis: int, angle: float) -> np.ndarray:
    """[3, 3], right-handed, angle in rad."""
    c, s = np.cos(angle), np.sin(angle)
    a, b = (axis + 1) % 3, (axis + 2) % 3
    turn = np.eye(3)
    turn[a, a], turn[a, b], turn[b, a], turn[b, b] = c, -s, s, c
    return turn


def local_turn(number: int, angles: Angles) -> np.ndarray:
    """[3, 3] in the crown's own frame: torque, then tip, then rotation about its long axis."""
    m = mesial(number)
    return axis_turn(0, -np.deg2rad(angles.torque)) @ axis_turn(1, m * np.deg2rad(angles.tip)) @ axis_turn(2, m * np.deg2rad(angles.rotation))


def frame(number: int, tangent: np.ndarray) -> np.ndarray:
    """[3, 3] with columns x (mesial or distal), y (buccal), z (occlusal) of an upright tooth where the arch runs along tangent [2]."""
    buccal = np.array([tangent[1], -tangent[0], 0.0])
    occlusal = np.array([0.0, 0.0, -1.0 if fdi.is_upper(number) else 1.0])
    return np.stack([np.cross(buccal, occlusal), buccal, occlusal], -1)


def pose(crown: Crown, arch: Arch, s: float, out: float, height: float, angles: Angles) -> np.ndarray:
    """The crown with its edge (upper side teeth: its central fossa) at arc length s, `out` mm outside the line, edge at z = height."""
    number = crown.number
    point, tangent = arch.at(s)
    facial = crown.landmarks["facial_up"]
    own = np.rad2deg(np.arctan2(facial[1], facial[2]))
    turn = frame(number, tangent) @ local_turn(number, Angles(angles.tip, angles.torque - own, angles.rotation))
    edge = crown.landmarks["edge"]
    anchor = crown.landmarks["central_fossa"] if _bites_by_fossa(number) else edge
    matrix = np.eye(4)
    matrix[:3, :3] = turn
    buccal = np.array([tangent[1], -tangent[0]])
    matrix[:2, 3] = point + out * buccal - (turn @ (anchor * (0, 1, 1)))[:2]
    matrix[2, 3] = height - (turn @ edge)[2]
    return matrix


def _bites_by_fossa(number: int) -> bool:
    return fdi.is_upper(number) and fdi.place(number) > 3


def spread(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """points [.., 3] through a pose."""
    return points @ matrix[:3, :3].T + matrix[:3, 3]


def spee(s: np.ndarray, depth: float, reach: float) -> np.ndarray:
    """Height of the lower cusp line: 0 at the incisors and at reach, `depth` lower between."""
    t = np.clip(np.abs(s) / reach, 0, 1.2)
    return -depth * 4 * t**1.3 * (1 - t**1.3)


def gap(a: np.ndarray, b: np.ndarray, cell: float = CONTACT_CELL_MM) -> float:
    """mm between two surfaces (points [V, 3]) along the horizontal line that joins them; negative where they overlap. inf where they never face."""
    line = b.mean(0) - a.mean(0)
    line[2] = 0
    line /= np.linalg.norm(line)
    across = np.array([-line[1], line[0], 0])
    middle = (a.mean(0) + b.mean(0)) / 2
    a, b = a - middle, b - middle
    ua, ub = a @ line, b @ line
    a, b, ua, ub = a[ua > -2.5], b[ub < 2.5], ua[ua > -2.5], ub[ub < 2.5]
    n = 40

    def keys(points: np.ndarray) -> np.ndarray:
        places = np.clip(np.floor(points @ np.stack([across, [0, 0, 1]], -1) / cell).astype(int) + n // 2, 0, n - 1)
        return places[:, 0] * n + places[:, 1]
    near_a, near_b = np.full(n * n, -np.inf), np.full(n * n, np.inf)
    np.maximum.at(near_a, keys(a), ua)
    np.minimum.at(near_b, keys(b), ub)
    return float((near_b - near_a).min())


def height_map(points: np.ndarray, sign: float) -> np.ndarray:
    """Largest sign * z per cell of the occlusal plane, -inf where nothing stands."""
    n = int(90 / BITE_CELL_MM)
    places = np.clip(((points[:, :2] + (45, 20)) / BITE_CELL_MM).astype(int), 0, n - 1)
    highest = np.full(n * n, -np.inf)
    np.maximum.at(highest, places[:, 0] * n + places[:, 1], sign * points[:, 2])
    return highest


def bite_gap(upper: np.ndarray, lower_map: np.ndarray) -> float:
    """How far upper points could come down on a lower height map; inf where they miss it."""
    return float((-height_map(upper, -1.0) - lower_map).min())


def space_out(crowns: dict[int, Crown], numbers: tuple[int, ...], place, s: dict[int, float], rounds: int = 14) -> dict[int, float]:
    """Arc positions at which neighbours just touch. place(number, s) gives a pose; the midline contact stays at s = 0."""
    s = dict(s)
    pairs = list(zip(numbers, numbers[1:], strict=False))
    points = {n: np.asarray(crowns[n].mesh.vertices, np.float64) for n in numbers}
    best, least = s, np.inf
    for turn in range(rounds):
        stand = {n: spread(place(n, s[n]), points[n]) for n in numbers}
        gaps = {(a, b): gap(stand[a], stand[b]) - CLEAR_MM for a, b in pairs}
        worst = max(map(abs, gaps.values()))
        if worst < least:
            best, least = dict(s), worst
        if worst < TOUCH_MM:
            break
        step = 1.0 if turn < 3 else .7  # the cells of the gap shift with the teeth: smaller steps settle
        middle = next(((a, b) for a, b in pairs if fdi.is_right(a) and not fdi.is_right(b)), None)
        for sign, row in ((1, [p for p in pairs[::-1] if fdi.is_right(p[1])]), (-1, [p for p in pairs if not fdi.is_right(p[0])])):
            moved = step * gaps[middle] / 2 if middle else 0.0
            if middle:
                s[middle[0 if sign == 1 else 1]] += sign * moved
            for a, b in row:
                moved += step * gaps[(a, b)]
                s[a if sign == 1 else b] += sign * moved
    return best
