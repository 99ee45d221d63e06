"""A rendered talking head with exact truth: one random person under one light before one camera, at any mouth.

What does not move with the mouth is drawn once a head; a further mouth costs the moving triangles only.
Camera axes: x right, y up, z to the camera, cm; pictures [S, S, 3] uint8 RGB.
"""

from dataclasses import dataclass

import numpy as np

from engines.face import backdrop, crop, morphable, paint, raster
from engines.face.morphable import EYES, GUMS, INNER_LIP, LOWER_TEETH, NECK, OUTER_LIP, SKIN, SOCKET, UPPER_TEETH, Head
from engines.face.mouth import CLOSE, shape_weights

IDENTITIES = 60  # coefficients that are drawn; the later ones change little
TONES = 4096
_TO_BYTE = (255 * (np.arange(TONES) / (TONES - 1)) ** (1 / 2.2) + 0.5).astype(np.uint8)
_GRAIN: list[np.ndarray] = []


@dataclass(frozen=True)
class Frame:
    """picture [S, S, 3] uint8, lips [20, 2] pixels (12 of the outer ring, 8 of the inner), in the order of morphable."""

    picture: np.ndarray
    lips: np.ndarray


class Portrait:
    """One head, drawn from a seed: identity, pose, still expression, gaze, skin, light, background and camera."""

    def __init__(self, head: Head, seed: int, size: int = 256, supersample: float = 1.5, plain: bool = False) -> None:
        """plain: facing the camera, no shift of the crop, quiet background (for looking at)."""
        random = np.random.default_rng([seed, 64])
        self.head, self.size, self.full = head, size, round(size * supersample)
        k = min(IDENTITIES, len(head.identity))
        rest = head.neutral + np.tensordot(random.normal(0, 0.9, k).astype(np.float32), head.identity[:k], 1)
        self.colour, self.beard = paint.albedo(head, rest, random)
        self.light = paint.light(random)
        self.gum_shade = random.uniform(0.6, 1.4)
        rest = rest + self._still(random)
        part = head.part_of_vertex
        upper = (part == UPPER_TEETH) | ((part == GUMS) & (np.linalg.norm(head.whole("jawOpen"), axis=1) < 0.5))
        rest[upper, 1] -= random.uniform(0.05, 0.22)  # the model's incisors end too high for an open vowel
        self._seal = seal(head, rest)
        self.rest = rest + self._seal * random.uniform(0.6, 1.0)
        self._seal = self._seal - (self.rest - rest)
        self._pose(random, plain)
        self.picture = backdrop.draw(self.full, random, plain, self._outline())
        self._offset = random.integers(512, size=2)
        self._layers()

    def _still(self, random: np.random.Generator) -> np.ndarray:
        total = np.zeros_like(self.head.neutral)
        for name in morphable.STILL_SHAPES:
            share = {"mouthSmile": 0.12, "mouthFrown": 0.12, "eyeBlink": 0.25}.get(name, 0.3)
            if random.random() < 0.3:
                total += self.head.whole(name) * random.uniform(0, share)
        return total

    def _pose(self, random: np.random.Generator, plain: bool) -> None:
        yaw, pitch, roll = (0.12, 0.03, 0.0) if plain else np.clip(random.normal(0, 1, 3), -2, 2) * [0.22, 0.13, 0.09]
        cy, sy, cp, sp = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch)
        self.turn = (np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]]) @ np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])).astype(np.float32)
        self.distance = float(np.exp(random.uniform(np.log(45), np.log(130))))
        eyes_nose = self._flat(self.rest[[morphable.RIGHT_EYE, morphable.LEFT_EYE, morphable.NOSE_BASE]])
        seen = crop.square(*eyes_nose)
        wide, dx, dy = (1.0, 0.0, 0.0) if plain else (np.exp(random.uniform(-0.15, 0.17)), *random.uniform(-0.09, 0.09, 2))
        self.matrix = crop.Square(seen.x + dx * seen.side, seen.y + dy * seen.side, seen.side * wide, seen.roll - roll).matrix(self.full).astype(np.float32)

    def _flat(self, points: np.ndarray) -> np.ndarray:
        """[N, 2] of the picture before the crop: y down, any unit."""
        at = points @ self.turn.T
        far = self.distance / (self.distance - at[:, 2])
        return np.stack([at[:, 0] * far, -at[:, 1] * far], 1)

    def _screen(self, points: np.ndarray) -> np.ndarray:
        """[V, 3] x, y pixels of the crop and depth."""
        at = points @ self.turn.T
        far = self.distance / (self.distance - at[:, 2])
        flat = np.stack([at[:, 0] * far, -at[:, 1] * far], 1) @ self.matrix[:, :2].T + self.matrix[:, 2]
        return np.column_stack([flat, at[:, 2]]).astype(np.float32)

    def _outline(self) -> tuple[np.ndarray, np.ndarray]:
        """Skull points and shoulder line on the screen, for hair and clothes behind the head."""
        head = self.rest[(self.head.part_of_vertex <= NECK) & (self.rest[:, 1] > -4)][::7]
        return self._screen(head)[:, :2], self._screen(np.array([[-20.0, -17, -3], [-6, -13.0, 0], [6, -13.0, 0], [20, -17, -3]], np.float32))[:, :2]

    def _layers(self) -> None:
        head = self.head
        drawn = head.part != EYES
        drawn[head.part == EYES] = _sclera(head.triangles[head.part == EYES])
        self._moved = np.abs(head.mouth_basis).sum(0).max(1) > 0.01
        moving = self._moved[head.triangles].any(1) & drawn
        self._moves = np.flatnonzero(moving)
        self._moving_triangles = head.triangles[self._moves]
        self.points = self._screen(self.rest)
        still = np.flatnonzero(drawn & ~moving)
        self._still_seen = raster.fill(self._pushed(self.points), head.triangles[still], raster.nothing(self.full), still)
        seen = np.flatnonzero(self._still_seen.owner >= 0)
        self._paint(self.picture, seen, self._still_seen.owner[seen], self.rest, self.points)

    def _pushed(self, points: np.ndarray) -> np.ndarray:
        """Depth with the inside of the mouth a little further back, so that it never comes through closed lips."""
        pushed = points.copy()
        part = self.head.part_of_vertex
        pushed[(part >= SOCKET) & (part <= LOWER_TEETH), 2] -= 0.22
        return pushed

    def mouth_points(self, mouth: np.ndarray) -> np.ndarray:
        """[V, 3] cm of the head at a mouth [8]."""
        return self.rest + np.tensordot(shape_weights(mouth), self.head.mouth_basis, 1) + self._seal * float(mouth[CLOSE])

    def frame(self, mouth: np.ndarray) -> Frame:
        """The picture at a mouth [8] of engines/face/mouth.py."""
        at = self.mouth_points(mouth)
        points = self._screen(at)
        seen = raster.fill(self._pushed(points), self._moving_triangles, self._still_seen, self._moves)
        owner = seen.owner
        fresh = np.flatnonzero((owner >= 0) & (seen.key != self._still_seen.key))
        picture = self.picture.copy()
        self._paint(picture, fresh, owner[fresh], at, points)
        lips = points[list(OUTER_LIP + INNER_LIP), :2] * (self.size / self.full)
        return Frame(_smaller(picture, self.size), lips.astype(np.float32))

    def _paint(self, picture: np.ndarray, pixel: np.ndarray, owner: np.ndarray, at: np.ndarray, points: np.ndarray) -> None:
        """Shades pixels [N] of a picture, in place."""
        if not len(pixel):
            return
        head = self.head
        values = self._lit(at, points is self.points)
        corners = head.triangles[owner]
        weight = raster.weights(points, corners, pixel, self.full)
        value = raster.carried(values, corners, weight)
        place = raster.carried(head.uv, head.corners_uv[owner], weight)
        mottle, stubble = self._noise(place)
        skin = head.part[owner] <= NECK
        value[:, :3] *= np.where(skin, (1 + mottle) * (1 - value[:, 4] * 0.75 * stubble), 1)[:, None]
        lit = value[:, :3] + value[:, 3:4]
        picture.reshape(-1, 3)[pixel] = _TO_BYTE[(lit * (TONES - 1)).clip(0, TONES - 1).astype(np.int32)]

    def _lit(self, at: np.ndarray, still: bool) -> np.ndarray:
        """[V, 5] of colour under the light, gloss and beard. Vertices that no mouth moves keep the normals of the head at rest."""
        if still:
            self._normal = morphable.normals(at, self.head.triangles)
            normal = self._normal
        else:
            normal = np.where(self._moved[:, None], morphable.normals(at, self._moving_triangles), self._normal)
        diffuse, gloss = paint.shade(normal @ self.turn.T, self.light)
        diffuse, gloss = self._occluded(at, diffuse, gloss)
        return np.column_stack([self.colour * diffuse, gloss, self.beard]).astype(np.float32)

    def _occluded(self, at: np.ndarray, diffuse: np.ndarray, gloss: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Less light reaches the inside of the mouth the deeper it lies and the less the lips part, and the throat below the chin."""
        part = self.head.part_of_vertex
        lip = at[list(INNER_LIP)]
        gap = float(np.clip(lip[1:4, 1].mean() - lip[5:8, 1].mean(), 0.05, 2.0))
        depth = np.clip(lip[:, 2].max() - at[:, 2], 0, None)
        dark = np.ones(len(at), np.float32)
        teeth = (part == UPPER_TEETH) | (part == LOWER_TEETH)
        open_share = np.clip(0.55 + 0.45 * gap, 0.5, 1.0)
        dark[teeth] = open_share * np.exp(-0.34 * np.clip(depth[teeth] - 0.4, 0, None) - 0.9 * np.clip(np.abs(at[teeth, 0]) - 1.3, 0, None))
        hollow = (part == GUMS) | (part == SOCKET)
        dark[hollow] = open_share * np.exp(-0.42 * self.gum_shade * np.clip(depth[hollow] - 0.6, 0, None))
        chin = at[morphable.CHIN]
        under = paint.step(chin[1] - 0.5 - at[:, 1], 0, 2.0) * paint.step(chin[2] - at[:, 2], 0.3, 3.0)
        dark *= 1 - 0.5 * (under * (part <= NECK)).astype(np.float32)
        return diffuse * dark[:, None], gloss * np.where(part == SKIN, 1, np.where(part >= SOCKET, 1.6, 0.6)) * dark

    def _noise(self, place: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if not _GRAIN:
            _GRAIN.append(paint.grain())
        at = (place * 512).astype(np.int32) + self._offset
        found = _GRAIN[0][at[:, 1] % 512, at[:, 0] % 512]
        return found[:, 0], found[:, 1]


def seal(head: Head, rest: np.ndarray) -> np.ndarray:
    """[V, 3] cm that brings the lips of a head together: identities and still expressions leave them up to 3 mm apart.

    The lower lip goes 65 % of the way. It fades out over 1.5 cm around the mouth, and leaves teeth and gums where they are.
    """
    ring = rest[list(INNER_LIP)]
    gap = float((ring[1:4, 1] - ring[[7, 6, 5], 1]).mean()) - 0.03
    middle = ring[[1, 2, 3, 5, 6, 7]].mean(0)
    away = (rest - middle) * np.array([0.55, 1.0, 0.5])
    near = np.exp(-((away**2).sum(1) / 1.5**2)) * (head.part_of_vertex == SKIN)
    jaw = head.whole("jawOpen")[:, 1]
    lower = np.clip(jaw / jaw[list(INNER_LIP[5:8])].mean(), 0, 1)  # how far the jaw takes a vertex along: 1 on the lower lip
    found = np.zeros_like(rest)
    found[:, 1] = gap * near * (0.65 * lower - 0.35 * (1 - lower))
    return found


def _sclera(triangles: np.ndarray) -> np.ndarray:
    """Which eye triangles are the outer shell: the iris lies behind it and is painted on it."""
    return ((triangles < 22221) | ((triangles >= 23021) & (triangles < 23791))).all(1)


def _smaller(picture: np.ndarray, size: int) -> np.ndarray:
    if len(picture) == size:
        return picture
    import cv2

    return cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA)


def opening_and_width(lips: np.ndarray) -> np.ndarray:
    """[..., 2]: gap between the inner lips and distance of the corners, of lips [..., 20, 2], in the same unit."""
    gap = np.linalg.norm(lips[..., 13:16, :] - lips[..., [19, 18, 17], :], axis=-1).mean(-1)
    return np.stack([gap, np.linalg.norm(lips[..., 0, :] - lips[..., 6, :], axis=-1)], -1)
