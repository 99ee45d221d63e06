"""Colour of a rendered head: skin, lips, brows, beard, teeth, eyes, light. All of it drawn at random from a seed; no picture of a person in it."""

from dataclasses import dataclass

import numpy as np

from engines.face import morphable
from engines.face.morphable import EYES, GUMS, INNER_LIP, LOWER_TEETH, NECK, OUTER_LIP, SKIN, SOCKET, UPPER_TEETH, Head

BROWS = ((268, 493, 1914, 2044, 1401), (3615, 4240, 4114, 2734, 2509))
IRIS_RAD, PUPIL_RAD = 0.42, 0.17
# sRGB skin from light to dark, between which a head's is drawn
_SKINS = np.array([[246, 212, 190], [232, 190, 160], [214, 166, 132], [188, 138, 102], [150, 102, 72], [112, 72, 50], [78, 50, 38]]) / 255
_HAIRS = np.array([[28, 24, 22], [52, 36, 26], [92, 62, 38], [150, 112, 66], [196, 164, 112], [128, 124, 122], [110, 52, 28]]) / 255
_IRISES = np.array([[70, 45, 28], [96, 70, 40], [92, 110, 76], [82, 108, 138], [110, 124, 132]]) / 255


@dataclass(frozen=True)
class Light:
    """directions [L, 3] towards the lights in camera axes, colours [L, 3] linear, sky and ground [3] linear."""

    directions: np.ndarray
    colours: np.ndarray
    sky: np.ndarray
    ground: np.ndarray
    gloss: float


def linear(srgb: np.ndarray) -> np.ndarray:
    return np.asarray(srgb, np.float32) ** 2.2


def inside(ring: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Signed distance [N] of points [N, 2] to a closed ring [M, 2], + inside."""
    following = np.roll(ring, -1, 0)
    edge = following - ring
    to = points[:, None] - ring[None]
    share = np.clip((to * edge).sum(-1) / np.maximum((edge**2).sum(-1), 1e-12), 0, 1)
    gap = np.linalg.norm(to - share[..., None] * edge, axis=-1).min(1)
    crosses = (ring[None, :, 1] > points[:, None, 1]) != (following[None, :, 1] > points[:, None, 1])
    at = ring[None, :, 0] + (points[:, None, 1] - ring[None, :, 1]) / np.where(edge[:, 1] == 0, 1e-9, edge[:, 1]) * edge[None, :, 0]
    odd = ((crosses & (points[:, None, 0] < at)).sum(1) % 2) == 1
    return np.where(odd, gap, -gap)


def smooth_ring(points: np.ndarray, between: int = 6) -> np.ndarray:
    """A closed curve through points [M, 2] (Catmull-Rom)."""
    p0, p1, p2, p3 = (np.roll(points, k, 0)[:, None] for k in (1, 0, -1, -2))
    t = np.linspace(0, 1, between, endpoint=False)[None, :, None]
    curve = 0.5 * (2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 + (3 * p1 - p0 - 3 * p2 + p3) * t**3)
    return curve.reshape(-1, 2)


def step(x: np.ndarray, low: float, high: float) -> np.ndarray:
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def regions(head: Head, points: np.ndarray) -> dict[str, np.ndarray]:
    """Soft masks [V] in [0, 1] on a head at rest: lips, rim (where the lips meet), brows, beard, cheeks, scalp."""
    face = np.flatnonzero(head.part_of_vertex == SKIN)
    xy, found = points[:, :2], {}
    for name in ("lips", "rim", "brows", "beard", "cheeks", "scalp"):
        found[name] = np.zeros(len(points), np.float32)
    near = face[(points[face, 1] > points[list(OUTER_LIP), 1].min() - 1) & (points[face, 1] < points[list(OUTER_LIP), 1].max() + 1)
                & (np.abs(points[face, 0]) < 3.6) & (points[face, 2] > 7)]
    found["lips"][near] = step(inside(smooth_ring(points[list(OUTER_LIP)][:, :2]), xy[near]), -0.05, 0.12)
    front = points[list(INNER_LIP), 2].max() + 0.25 - 0.2 * xy[near, 0] ** 2
    found["rim"][near] = found["lips"][near] * step(front - points[near, 2], 0.15, 0.9)
    for brow in BROWS:
        line = points[list(brow)]
        dots = np.concatenate([line[:-1] * (1 - s) + line[1:] * s for s in (0, 0.33, 0.67)])
        gap = np.sqrt(((points[face][:, None, :2] - dots[None, :, :2]) ** 2).sum(-1).min(1))
        found["brows"][face] = np.maximum(found["brows"][face], step(-gap, -0.5, -0.15) * (points[face, 2] > 6))
    mouth, chin = points[list(OUTER_LIP)].mean(0), points[morphable.CHIN]
    below = step(mouth[1] + 1.6 - points[:, 1], 0.0, 1.2) * step(points[:, 1] - chin[1] + 2.5, 0, 1.5)
    side = step(np.abs(points[:, 0]), 4.6, 6.2) * step(2.5 - points[:, 1], 0, 1.5) * step(points[:, 1] - chin[1] + 2.5, 0, 1.5) * step(points[:, 2], 1.0, 3.5)
    philtrum = step(points[morphable.NOSE_BASE, 1] - 0.35 - points[:, 1], 0, 0.4)
    found["beard"] = (np.clip(np.maximum(below * philtrum, side * 0.8), 0, 1) * (1 - found["lips"]) * (head.part_of_vertex <= NECK)).astype(np.float32)
    cheek = points[:, :2] * [1, 1] - [0, points[morphable.NOSE_BASE, 1] + 0.4]
    found["cheeks"] = (np.exp(-((np.abs(cheek[:, 0]) - 4.2) ** 2 / 3.2 + cheek[:, 1] ** 2 / 2.2)) * (points[:, 2] > 4)).astype(np.float32)
    found["scalp"] = (step(points[:, 1] - 9.2 - 0.05 * points[:, 2], 0, 1.2) * (head.part_of_vertex <= NECK)).astype(np.float32)
    back = (head.part_of_vertex == NECK) & (points[:, 1] > -1)
    found["scalp"][back] = np.maximum(found["scalp"][back], step(-points[back, 2], -1.5, 0.5))
    return found


def albedo(head: Head, points: np.ndarray, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Linear colour [V, 3], and how much beard [V] the pixel's noise may draw, of a head at rest."""
    masks = regions(head, points)
    tone = random.random() * (len(_SKINS) - 1)
    low = int(min(tone, len(_SKINS) - 2))
    skin = linear(_SKINS[low] * (1 - tone + low) + _SKINS[low + 1] * (tone - low)) * np.exp(random.normal(0, 0.06, 3))
    hair = linear(_HAIRS[random.integers(len(_HAIRS))]) * np.exp(random.normal(0, 0.2))
    colour = np.repeat(skin[None], len(points), 0).astype(np.float32)
    red = np.array([1.0, 0.72, 0.70]) ** random.uniform(0.2, 1.2)
    nose = np.exp(-((points - points[4857]) ** 2).sum(1) / 2.0)
    colour *= 1 + (red - 1) * np.clip(masks["cheeks"] * random.uniform(0.2, 1) + nose * 0.5, 0, 1)[:, None]
    lip = skin * np.array([0.92, 0.58, 0.60]) ** random.uniform(0.5, 1.5)
    if random.random() < 0.2:  # painted
        lip = linear(np.array([[176, 40, 56], [150, 60, 80], [196, 92, 92], [120, 30, 46]])[random.integers(4)] / 255)
    colour += (lip - colour) * (masks["lips"] * random.uniform(0.6, 1.0))[:, None]
    colour *= 1 - masks["rim"][:, None] * np.array([0.60, 0.78, 0.78])
    colour += (hair * 0.6 - colour) * (masks["brows"] * random.uniform(0.5, 0.9))[:, None]
    colour += (hair - colour) * masks["scalp"][:, None]
    part = head.part_of_vertex
    if random.random() < 0.8:  # a collar
        cloth = linear(np.clip(random.uniform(0.05, 0.9) + random.normal(0, 0.12, 3), 0.02, 0.95))
        depth = points[morphable.CHIN, 1] - random.uniform(3.0, 8.0) - points[:, 1] + 0.25 * np.clip(points[:, 2], 0, None)
        colour += (cloth - colour) * (step(depth, 0.0, 0.5) * (part <= NECK) * (points[:, 1] < points[morphable.CHIN, 1] - 2))[:, None]
    pink = linear(np.array([188, 96, 96]) / 255) * np.exp(random.normal(0, 0.15))
    colour[part == GUMS], colour[part == SOCKET] = pink * np.array([0.95, 0.85, 0.85]), pink * 0.35
    white = linear(np.array([0.93, 0.90, 0.84]) ** random.uniform(0.7, 1.6)) * random.uniform(0.75, 1.0)
    colour[(part == UPPER_TEETH) | (part == LOWER_TEETH)] = white
    eyes = np.flatnonzero(part == EYES)
    colour[eyes] = _eyes(points, eyes, random)
    kind = random.random()
    beard = masks["beard"] * (0 if kind < 0.5 else random.uniform(0.2, 0.7) if kind < 0.8 else 0.95)
    if kind >= 0.8:
        colour += (hair - colour) * (masks["beard"] * 0.55)[:, None]
    return np.clip(colour, 0.002, 0.98).astype(np.float32), beard.astype(np.float32)


def _eyes(points: np.ndarray, eyes: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Sclera, iris and pupil by the angle to a gaze that both eyes share."""
    gaze = np.array([random.normal(0, 0.16), random.normal(-0.02, 0.08), 1.0])
    gaze /= np.linalg.norm(gaze)
    iris = linear(_IRISES[random.integers(len(_IRISES))])
    found = np.empty((len(eyes), 3), np.float32)
    for side in (points[eyes, 0] > 0, points[eyes, 0] <= 0):
        if not side.any():
            continue
        at = points[eyes[side]]
        middle = (at.min(0) + at.max(0)) / 2
        out = at - middle
        angle = np.arccos(np.clip(out @ gaze / np.maximum(np.linalg.norm(out, axis=1), 1e-6), -1, 1))
        white = linear(np.array([0.90, 0.88, 0.86]))
        ring = step(IRIS_RAD + 0.03 - angle, 0, 0.06)[:, None]
        hole = step(PUPIL_RAD + 0.02 - angle, 0, 0.04)[:, None]
        found[side] = (white * (1 - ring) + iris * ring) * (1 - hole) + 0.004 * hole
    return found


def light(random: np.random.Generator) -> Light:
    """One to three lights, sky and ground: soft daylight, a window at the side, a room."""
    count = int(random.integers(1, 4))
    directions = np.stack([random.uniform(-1.1, 1.1, count), random.uniform(-0.25, 1.0, count), random.uniform(0.35, 1.2, count)], 1)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    warm = np.exp(random.normal(0, 0.10, (count, 1)) * np.array([1.0, 0.0, -1.0]))
    strength = random.dirichlet(np.ones(count))[:, None] * random.uniform(0.45, 0.95)
    ambient = random.uniform(0.25, 0.6)
    sky = ambient * np.exp(random.normal(0, 0.08) * np.array([-1.0, 0.0, 1.0]))
    return Light(directions.astype(np.float32), (warm * strength).astype(np.float32), sky.astype(np.float32),
                 (sky * random.uniform(0.3, 0.8)).astype(np.float32), float(random.uniform(0.0, 0.22)))


def shade(normal: np.ndarray, light: Light) -> tuple[np.ndarray, np.ndarray]:
    """Linear diffuse light [V, 3] and gloss [V] of unit normals in camera axes (x right, y up, z to the camera)."""
    up = (normal[:, 1:2] + 1) / 2
    diffuse = light.sky * up + light.ground * (1 - up)
    gloss = np.zeros(len(normal), np.float32)
    for direction, colour in zip(light.directions, light.colours, strict=True):
        facing = normal @ direction
        wrap = np.clip((facing[:, None] + np.array([0.22, 0.12, 0.08])) / np.array([1.22, 1.12, 1.08]), 0, None)  # red light goes deeper into skin
        diffuse = diffuse + wrap * colour
        half = direction + np.array([0, 0, 1.0], np.float32)
        shine = np.clip(normal @ (half / np.linalg.norm(half)), 0, 1) ** 2
        gloss += (shine * shine * shine) ** 4 * (colour.mean() * light.gloss)
    return diffuse.astype(np.float32), gloss


def grain(size: int = 512) -> np.ndarray:
    """[size, size, 2] of skin in uv: mottling about 0, and stubble in [0, 1]; the same for every head, drawn at other offsets."""
    random = np.random.default_rng(7)
    mottle = np.zeros((size, size), np.float32)
    for cell, much in ((4, 0.25), (8, 0.25), (16, 0.3), (64, 0.5), (128, 0.8)):
        coarse = random.normal(0, 1, (cell, cell))
        at = np.arange(size) * cell / size
        low, share = at.astype(int), (at % 1)[:, None]
        rows = coarse[low] * (1 - share) + coarse[(low + 1) % cell] * share
        mottle += much * (rows[:, low] * (1 - share.T) + rows[:, (low + 1) % cell] * share.T)
    mottle += 0.5 * random.normal(0, 1, (size, size))
    stubble = random.random((size, size)) ** 0.6
    return np.stack([mottle * 0.045, stubble], -1).astype(np.float32)
