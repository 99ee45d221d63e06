"""Crowns as meshes: every permanent tooth, built from numbers (crown_shapes.py) as a stack of rings.

Frame of a crown: y buccal, z occlusal, origin = centre of the cervix; x is MESIAL in quadrants 1 and 3 and DISTAL in 2 and 4, so that every
frame is right-handed and every pose a rotation. `mesial(number)` gives the sign. A left tooth is the mirror of the right one.
v is the height 0 (cervix) to 1, (c, s) the unit circle a ring is made from: c > 0 mesial, s > 0 buccal.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from engines.teeth import fdi
from engines.teeth.crown_roots import close_base
from engines.teeth.crown_shapes import FRONT, SIDE, SIZES, Front, Side
from engines.teeth.mesh import Mesh

AROUND, UP = 80, 30  # vertices round a ring, rings: 4,800 triangles a crown
CLOSES_AT = {"incisor": 0.91, "canine": 0.82}  # height from which the ring shrinks to the rounded edge


@dataclass(frozen=True, eq=False)
class Crown:
    """number: FDI; mesh in the crown's own frame; landmarks: name -> [3] mm in the same frame.

    Every crown has cervix, mesial_contact, distal_contact, facial_axis (its facial midpoint), facial_up (unit vector, tangent of the face there),
    edge (middle of the incisal edge, tip of a canine, of the main buccal cusp). Incisors have edge_mesial and edge_distal; side teeth one
    cusp_NAME each, central_fossa and, with two buccal cusps, buccal_groove.
    """

    number: int
    mesh: Mesh
    landmarks: dict[str, np.ndarray]


def kind(number: int) -> str:
    """The type of a permanent tooth: "U6"."""
    return ("U" if fdi.is_upper(number) else "L") + str(fdi.place(number))


def mesial(number: int) -> int:
    """+1 where the crown's x axis points to mesial, -1 where to distal."""
    return 1 if number // 10 in (1, 3) else -1


def crown(number: int, seed: np.random.Generator | None = None, scale: tuple[float, float, float] = (1, 1, 1), base: str = "open", around: int = AROUND,
          up: int = UP) -> Crown:
    """The crown of a permanent tooth. Without a seed it has exactly the sizes of the table; with one it is an individual.

    scale: mesiodistal, buccolingual, occlusal. base: "open" at the cervix, "capped", or "root". around must be divisible by 4. ValueError otherwise.
    """
    if number not in fdi.PERMANENT:
        raise ValueError(f"{number} is no permanent tooth")
    if base not in ("open", "capped", "root") or around % 4 or around < 16 or up < 12:
        raise ValueError("base is open, capped or root; around a multiple of 4 from 16; up at least 12")
    name = kind(number)
    size, vary = SIZES[name], _Vary(seed)
    rings, faces, landmarks, outline = (_front(FRONT[name], name, vary, around, up) if name in FRONT else _side(SIDE[name], name, vary, around, up))
    # exactly the table's extents, by a stretch of each axis
    factors = np.array([size.md / np.ptp(rings[:, 0]), size.bl / np.ptp(rings[:, 1]), size.height / rings[:, 2].max()])
    shift = np.array([rings[outline, 0].mean(), 0.0, 0.0]) if name in FRONT else np.zeros(3)
    factors = factors * scale
    rings = vary.wrinkle((rings - shift) * factors)
    points = {key: (point - shift) * factors for key, point in landmarks.items()}
    _surface_landmarks(rings, points, name, around, up)
    if base != "open":
        rings, faces = close_base(rings, faces, around, SIDE[name].roots if name in SIDE else ((0.0, 0.0),), size.root * scale[2] if base == "root" else 0.0)
    if mesial(number) < 0:
        rings, faces = rings * (-1, 1, 1), faces[:, ::-1]
        points = {key: point * (-1, 1, 1) for key, point in points.items()}
    return Crown(number, Mesh(rings, faces), {key: np.asarray(point, np.float64) for key, point in points.items()})


class _Vary:
    """Draws of one individual; without a generator everything stays as the type has it."""

    def __init__(self, random: np.random.Generator | None) -> None:
        self.random = random

    def __call__(self, value: float, sd: float) -> float:
        return value if self.random is None else value + sd * float(np.clip(self.random.standard_normal(), -2.2, 2.2))

    def wrinkle(self, points: np.ndarray, depth_mm: float = 0.05) -> np.ndarray:
        """Smooth dents and swellings some millimetres wide, so that no tooth is the twin of its mirror; the origin stays."""
        if self.random is None:
            return points
        waves = self.random.normal(0, 1 / 3.0, (5, 3))
        phases = self.random.uniform(0, 2 * np.pi, 5)
        pushes = self.random.normal(0, depth_mm, (5, 3))
        return points + np.sin(points @ waves.T + phases) @ pushes


def curve(at: np.ndarray, knots: tuple[tuple[float, float], ...]) -> np.ndarray:
    """A smooth curve through knots without overshoot [Fritsch and Carlson 1980, harmonic mean slopes], clamped at both ends."""
    x, y = np.array(knots, np.float64).T
    steps, rises = np.diff(x), np.diff(y) / np.diff(x)
    slopes = np.concatenate([rises[:1], np.zeros(len(x) - 2), rises[-1:]])
    same = rises[:-1] * rises[1:] > 0
    w0, w1 = 2 * steps[1:] + steps[:-1], steps[1:] + 2 * steps[:-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        slopes[1:-1] = np.where(same, (w0 + w1) / (w0 / rises[:-1] + w1 / rises[1:]), 0)
    at = np.clip(at, x[0], x[-1])
    k = np.clip(np.searchsorted(x, at, side="right") - 1, 0, len(x) - 2)
    t, h = (at - x[k]) / steps[k], steps[k]
    return (y[k] * (1 + 2 * t) * (1 - t)**2 + slopes[k] * h * t * (1 - t)**2 + y[k + 1] * t**2 * (3 - 2 * t) - slopes[k + 1] * h * t**2 * (1 - t))


@lru_cache(maxsize=32)
def _wall_faces(around: int, rings: int) -> np.ndarray:
    k, i = np.meshgrid(np.arange(rings - 1), np.arange(around), indexing="ij")
    a, b = k * around + i, k * around + (i + 1) % around
    return np.concatenate([np.stack([a, b, b + around], -1).reshape(-1, 3), np.stack([a, b + around, a + around], -1).reshape(-1, 3)])


def _circle(around: int, power: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """c, s [K, around] on superellipses of the given powers [K, 1]."""
    angle = 2 * np.pi * np.arange(around) / around
    c, s = np.cos(angle)[None], np.sin(angle)[None]
    return np.sign(c) * np.abs(np.round(c, 12))**(2 / power), np.sign(s) * np.abs(np.round(s, 12))**(2 / power)


def _front(shape: Front, name: str, vary: _Vary, around: int, up: int) -> tuple:
    size = SIZES[name]
    H, half, depth = size.height, size.md / 2, size.bl
    closing = 8
    start = CLOSES_AT["canine" if shape.cusp else "incisor"]
    turn = np.concatenate([np.zeros(up - closing), np.linspace(0, np.deg2rad(80), closing + 1)[1:]])[:, None]  # over the rounded edge
    v = np.concatenate([start * np.linspace(0, 1, up - closing), start + (1 - start) * np.sin(turn[-closing:, 0])])[:, None]
    power = shape.power[0] + (shape.power[1] - shape.power[0]) * v
    c, s = _circle(around, power)
    front, back = curve(v, shape.labial) * depth, curve(v, shape.lingual) * depth
    width = np.where(c >= 0, curve(v, shape.mesial), curve(v, shape.distal)) * half
    width = width * np.cos(turn) if shape.cusp else width - .35 * (1 - np.cos(turn))
    thick = (front - back) / 2 * np.cos(turn)
    x = c * width * (1 - shape.taper * vary(1, .25) * np.maximum(-s, 0)**1.2 * (1 - v**3))
    y = (front + back) / 2 + s * thick
    side = np.clip(x / half, -1, 1)
    # lingual fossa between the marginal ridges, faint lobes and the ridge of canines on the labial face
    rim = np.clip(1 - (side / 0.80)**2, 0, 1)**.85
    fossa = vary(shape.fossa, shape.fossa * .25) * .88 * np.exp(-((v - .61) / .235)**2) * rim
    if shape.cusp:  # a lingual ridge parts the fossa of a canine
        fossa = fossa * (1 - .8 * np.exp(-(side / .34)**2)) * 1.3
    y = y + fossa * np.maximum(-s, 0)**.5 * np.cos(turn)
    lobes = -.07 * (np.exp(-((side - .30) / .13)**2) + np.exp(-((side + .32) / .13)**2)) * np.clip((v - .45) / .4, 0, 1)
    y = y + (lobes * (not shape.cusp) + shape.labial_ridge * (np.exp(-(side / .42)**2) - .5) * np.sin(np.pi * np.clip(v, 0, 1))) * np.maximum(s, 0)
    y = y - np.tan(np.deg2rad(vary(shape.twist, 2))) * x * v**2 * -1 if shape.twist else y
    z = v * H
    rise = shape.cervix * np.abs(side / max(curve(np.zeros(1), shape.mesial)[0], .1))**2.2
    z = z + np.where(v < 1, rise * (1 - v)**1.7, 0)
    z = z * (1 - _drop(side, shape, vary) * v**2.2)
    rings = np.stack([x, y, z], -1).reshape(-1, 3)
    last = (up - 1) * around
    i = np.arange(around // 2)
    a, b, d, e = last + i, last + i + 1, last + (around - i - 1), last + (around - i) % around
    cap = np.concatenate([np.stack([a, b, d], -1)[:-1], np.stack([a, d, e], -1)[1:]])  # the first and the last are triangles
    faces = np.concatenate([_wall_faces(around, up), cap])
    landmarks: dict[str, np.ndarray] = {}
    return rings, faces, landmarks, slice(0, around)


def _drop(side: np.ndarray, shape: Front, vary: _Vary) -> np.ndarray:
    """Part of the height lost at a mesiodistal place: rounded corners of incisors, the slopes of a canine's cusp."""
    m_drop, d_drop = vary(shape.mesial_drop[0], shape.mesial_drop[0] * .2), vary(shape.distal_drop[0], shape.distal_drop[0] * .2)
    if shape.cusp is None:
        return np.where(side > 0, m_drop * np.abs(side)**shape.mesial_drop[1], d_drop * np.abs(side)**shape.distal_drop[1])
    tip, blunt = vary(shape.cusp[0], .04), shape.cusp[1]
    away = side - tip
    return (np.sqrt(away**2 + blunt**2) - blunt) * np.where(away > 0, m_drop, d_drop) * 1.15


def _side(shape: Side, name: str, vary: _Vary, around: int, up: int) -> tuple:
    size = SIZES[name]
    H, half, depth = size.height, size.md / 2, size.bl
    table = int(round(up * .6))
    walls = up - table
    field = _Table(shape, H, half, depth, vary)
    v = np.linspace(0, 1, walls)[:, None]
    c, s = _circle(around, shape.power[0] + (shape.power[1] - shape.power[0]) * v)
    front, back = curve(v, shape.buccal) * depth, curve(v, shape.lingual) * depth
    narrow = 1 - shape.taper * np.maximum(-s if shape.taper > 0 else s, 0)**1.3 * np.sign(shape.taper)**2 * (1 if shape.taper > 0 else -1)
    x = c * np.where(c >= 0, curve(v, shape.mesial), curve(v, shape.distal)) * half * narrow
    y = (front + back) / 2 + s * (front - back) / 2
    y = y * (1 - shape.distal_taper * np.maximum(-c, 0)**1.6)
    x = x + shape.shear * y
    rim_z, rim_groove = field(x[-1], y[-1])
    sunk = 1 - .045 * rim_groove[None] * v**1.3  # the grooves run down the wall
    x, y = x * sunk, y * sunk
    z = v**.95 * rim_z[None] + shape.cervix * np.abs(c)**2.2 * (1 - v)**1.7
    inward = np.linspace(1, 0, table + 2)[1:-1, None]**1.0
    middle = np.array([shape.pit[0] * half + shape.shear * shape.pit[1] * depth / 2, shape.pit[1] * depth / 2])
    tx, ty = middle[0] + inward * (x[-1] - middle[0]), middle[1] + inward * (y[-1] - middle[1])
    heights, grooves = field(np.append(tx, middle[0]), np.append(ty, middle[1]))  # the pole in the same call: half of its time is numpy's overhead
    tz, groove = (_evened(part[:-1].reshape(tx.shape)) for part in (heights, grooves))
    grid = np.concatenate([np.stack([x, y, z], -1), np.stack([tx, ty, tz], -1)])
    for _ in range(3):  # the rim of the table is round
        near = slice(walls - 3, walls + 2)
        grid[near] = .25 * grid[walls - 4:walls + 1] + .5 * grid[near] + .25 * grid[walls - 2:walls + 3]
    grid[walls:, :, 2] -= field.groove * groove
    pole = np.array([*middle, heights[-1] - field.groove * grooves[-1]])
    rings = np.concatenate([grid.reshape(-1, 3), pole[None]])
    i = np.arange(around)
    last = (up - 1) * around
    fan = np.stack([last + i, last + (i + 1) % around, np.full(around, up * around)], -1)
    return rings, np.concatenate([_wall_faces(around, up), fan]), {f"cusp_{n}": p for n, p in field.tips.items()} | {"central_fossa": pole}, slice(0, around)


def _evened(rows: np.ndarray) -> np.ndarray:
    """A running mean round every ring, so that a fissure across the grid has no teeth of its own."""
    return .5 * rows + .25 * (np.roll(rows, 1, axis=1) + np.roll(rows, -1, axis=1))


class _Table:
    """The chewing surface as a height field: the smooth maximum of cusps (cones) and ridges (crests); valleys between cusps are the fissures."""

    SHARP = 3.4  # 1/mm

    def __init__(self, shape: Side, H: float, half: float, depth: float, vary: _Vary) -> None:
        def place(px: float, py: float) -> np.ndarray:
            return np.array([px * half + shape.shear * py * depth / 2, py * depth / 2])

        self.groove = max(vary(shape.groove, .05), .05)
        self.parts, self.tips, moved = [], {}, {}
        self.names = [cusp.name for cusp in shape.cusps]
        for k, cusp in enumerate(shape.cusps):
            jog, lift = np.array([vary(0, .04 * half), vary(0, .03 * depth / 2)]), vary(0, .15)
            tip, top = place(cusp.x, cusp.y) + jog, H - cusp.down + lift
            moved[cusp.name] = (jog, lift)
            self.tips[cusp.name] = np.array([*tip, top])
            out = place(cusp.x * .55, cusp.y)
            self.parts.append((k, "cone", tip, top, out / np.linalg.norm(out), cusp))
        for ridge in shape.ridges:
            jog, lift = moved[ridge.cusp]
            points = [place(px, py) + jog * max(1 - n, 0) for n, (px, py, _) in enumerate(ridge.points)]
            tops = [H - down + lift * max(1 - n, 0) for n, (_, _, down) in enumerate(ridge.points)]
            for n in range(len(points) - 1):
                self.parts.append((self.names.index(ridge.cusp), "crest", points[n], tops[n], points[n + 1], (tops[n + 1], ridge.slope)))
        self.lobes = shape.lobes
        self.floor = H - shape.pit[2] - .5

    def __call__(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Height and how much of a fissure (0 to 1) a place is."""
        best = np.full((len(self.names), *x.shape), -np.inf)
        total = np.exp(self.SHARP * (self.floor - 5.0)) * np.ones_like(x)
        for k, what, start, top, other, more in self.parts:
            dx, dy = x - start[0], y - start[1]
            if what == "cone":
                far = np.sqrt(dx**2 + dy**2 + 1e-12)
                outwards = (dx * other[0] + dy * other[1]) / far
                slope = more.inner + (more.outer - more.inner) * np.clip(.5 + .75 * outwards, 0, 1)**1.5
                slope = slope * (1 - self.lobes * (3 * outwards - 4 * outwards**3))  # -cos(3 a): a ridge inwards and one to each neighbour
                height = top - slope * (np.sqrt(far**2 + more.blunt**2) - more.blunt)
            else:
                end_top, across = more
                along = other - start
                t = np.clip((dx * along[0] + dy * along[1]) / max(along @ along, 1e-9), 0, 1)
                far = np.hypot(dx - t * along[0], dy - t * along[1])
                height = top + (end_top - top) * t - across * (np.sqrt(far**2 + .35**2) - .35)
            best[k] = np.maximum(best[k], height)
            total += np.exp(self.SHARP * (height - 5.0))
        floor = np.exp(self.SHARP * (self.floor - 5.0))
        z = np.log(total + floor) / self.SHARP + 5.0
        order = np.sort(best, axis=0)
        gap = order[-1] - order[-2]
        return z, np.exp(-(gap / .40)**2)


def _surface_landmarks(rings: np.ndarray, points: dict[str, np.ndarray], name: str, around: int, up: int) -> None:
    """Adds the landmarks that are read off the finished surface; cusp tips move to the highest vertex beside them."""
    grid = rings[:around * up].reshape(up, around, 3)
    points["cervix"] = np.zeros(3)
    for key, pick in (("mesial_contact", np.argmax), ("distal_contact", np.argmin)):
        points[key] = rings[pick(rings[:, 0])].copy()
    buccal = grid[:, around // 4]
    middle = buccal[:, 2].searchsorted(.5 * buccal[:up // 2, 2].max() if name in SIDE else .5 * buccal[:, 2].max())
    middle = int(np.clip(middle, 2, up - 4))
    points["facial_axis"] = buccal[middle].copy()
    tangent = buccal[middle + 2] - buccal[middle - 2]
    points["facial_up"] = tangent / np.linalg.norm(tangent)
    if name in FRONT:
        last = grid[-1]
        if FRONT[name].cusp:
            points["edge"] = last[last[:, 2].argmax()].copy()
        else:
            mid = .5 * (last[around // 4] + last[3 * around // 4])
            points["edge"] = mid
            reach = np.abs(last[:, 0] - mid[0])
            for key, sign in (("edge_mesial", 1), ("edge_distal", -1)):
                corner = np.where(np.sign(last[:, 0] - mid[0]) == sign, reach, 0).argmax()
                points[key] = last[corner].copy()
        return
    for key in [key for key in points if key.startswith("cusp_")]:
        near = np.where(np.hypot(*(rings[:, :2] - points[key][:2]).T) < .9, rings[:, 2], -np.inf)
        points[key] = rings[near.argmax()].copy()
    points["central_fossa"] = rings[around * up].copy()  # the pole of the table
    main = "cusp_b" if "cusp_b" in points else "cusp_mb"
    points["edge"] = points[main].copy()
    if "cusp_db" in points:
        x_mb, x_db = points["cusp_mb"][0], points["cusp_db"][0]
        rim = grid[int(round(up * .4)) - 1]
        between = np.where((rim[:, 0] < x_mb) & (rim[:, 0] > x_db) & (rim[:, 1] > 0), rim[:, 2], np.inf)
        points["buccal_groove"] = rim[between.argmin()].copy()
