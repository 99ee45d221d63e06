"""Closes the gum of a jaw: the lower one by a flat base, the upper one by the palate, a flat top and a back wall.

Grids are [S, R, 3]: S sections along the arch from the patient's right to the left, R rows from the facial base over the crest to the lingual side.
"""

import numpy as np

from engines.teeth.mesh import Mesh

RINGS, BACK = 16, 33  # of the palate, from its rim to its middle; points of its free edge behind
ABOVE_MM = 0.8  # of the base over the highest place of the palate
RUGAE = ((7.0, .50), (10.6, .55), (14.4, .48), (18.4, .34))  # mm behind the incisors, height in mm


def strip(grid: np.ndarray, wrap: bool = False) -> np.ndarray:
    """Faces [F, 3] of a grid of vertex numbers [S, R]; wrap joins the last row to the first."""
    after = np.roll(grid, -1, 1) if wrap else grid[:, 1:]
    a, b = (grid if wrap else grid[:, :-1])[:-1], after[:-1]
    c, d = (grid if wrap else grid[:, :-1])[1:], after[1:]
    return np.concatenate([np.stack([a, c, b], -1).reshape(-1, 3), np.stack([b, c, d], -1).reshape(-1, 3)])


def close_lower(grid: np.ndarray) -> Mesh:
    """A closed mesh: the sections become closed outlines, the two ends are filled."""
    n, m = grid.shape[:2]
    numbers = np.arange(n * m).reshape(n, m)
    points = np.concatenate([grid.reshape(-1, 3), [_inside(grid[0]), _inside(grid[-1])]])
    faces = [strip(numbers, wrap=True), _fan(numbers[0], n * m, wrap=True), _fan(numbers[-1][::-1], n * m + 1, wrap=True)]
    return _outwards(points, np.concatenate(faces))


def _inside(outline: np.ndarray) -> np.ndarray:
    return (outline.max(0) + outline.min(0)) / 2


def _fan(loop: np.ndarray, centre: int, wrap: bool) -> np.ndarray:
    after = np.roll(loop, -1)
    faces = np.stack([loop, after, np.full(len(loop), centre)], -1)
    return faces if wrap else faces[:-1]


def close_upper(grid: np.ndarray, base: float) -> Mesh:
    """A closed mesh: palate, back wall and a flat top at the height base or, where the vault is higher, above it. Row 0 of the grid moves there."""
    n, m = grid.shape[:2]
    rim = grid[:, -1]
    vault = _Vault(rim)
    first, last = rim[0], rim[-1]
    t = np.linspace(0, 1, BACK + 2)[1:-1, None]
    edge = last + (first - last) * t  # from the left end to the right one
    blend = _smooth(np.minimum(t, 1 - t) / .12)
    edge[:, 2] += blend[:, 0] * (vault(edge[:, :2]) - edge[:, 2])
    loop = np.concatenate([rim, edge])
    centre = np.array([(first[0] + last[0]) / 2, vault.front + .62 * (vault.back - vault.front)])
    crowded = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(np.concatenate([loop, loop[:1]]), axis=0), axis=1))])
    wide = np.concatenate([crowded[-15:-1] - crowded[-1], crowded[:-1], crowded[:14] + crowded[-1]])
    even = np.convolve(wide, np.full(29, 1 / 29), "valid")
    inner = []
    for k in range(1, RINGS):
        part = k / RINGS
        spaced = crowded[:-1] + (even - crowded[:-1]) * _smooth(np.array(part / .5))  # inwards the columns stand ever more evenly
        ring = np.stack([np.interp(spaced, crowded[:-1], loop[:, axis], period=crowded[-1]) for axis in range(3)], -1)
        ring = ring + (np.array([*centre, 0]) - ring) * [part, part, 0]
        ring[:, 2] += _smooth(np.array(part / .30)) * (vault(ring[:, :2]) - ring[:, 2])
        inner.append(ring)
    pole = np.array([[*centre, vault(centre[None])[0]]])
    palate = np.stack([loop, *inner])  # [RINGS, n + BACK, 3]
    top = max(base, float(palate[..., 2].max()) + ABOVE_MM)
    grid = grid.copy()
    rise = top - base
    for row, share in ((0, 1.0), (1, 1.0), (2, 1.0), (3, .62), (4, .25)):
        grid[:, row, 2] += rise * share
    numbers = np.arange(n * m).reshape(n, m)
    points = [grid.reshape(-1, 3), edge, palate[1:].reshape(-1, 3), pole]
    starts = np.cumsum([0, *map(len, points)])
    rings = np.concatenate([np.concatenate([numbers[:, -1], starts[1] + np.arange(BACK)])[None],
                            starts[2] + np.arange((RINGS - 1) * (n + BACK)).reshape(RINGS - 1, -1)])
    # the back wall: right section from the base to the rim, the free edge, the left section back; over it a row at the top
    below = np.concatenate([numbers[0], rings[0, n:][::-1], numbers[-1][::-1]])
    flat = np.concatenate(points)[below].copy()
    x0, x1 = flat[0].copy(), flat[-1].copy()
    over = x0 + (x1 - x0) * np.linspace(0, 1, len(below))[:, None]
    over[:, 2] = top
    points.append(over[1:-1])
    above = np.concatenate([below[:1], starts[4] + np.arange(len(below) - 2), below[-1:]])
    lid = np.concatenate([numbers[:, 0], above[1:-1][::-1]])
    everything = np.concatenate(points)
    inset = everything[lid] + (np.array([*centre, top]) - everything[lid]) * .05
    inset_numbers = len(everything) + np.arange(len(lid))
    everything = np.concatenate([everything, inset, [[*centre, top]]])
    rows = np.stack([inset_numbers, lid], 1)
    wall = np.stack([below, above], 1)
    faces = [strip(numbers), _drop_flat(strip(wall)), strip(np.concatenate([rows, rows[:1]])), _fan(inset_numbers[::-1], len(everything) - 1, wrap=True),
             strip(np.concatenate([rings, rings[:, :1]], 1).T),
             _fan(rings[-1], starts[3], wrap=True)]
    return _outwards(everything, np.concatenate(faces))


def _drop_flat(faces: np.ndarray) -> np.ndarray:
    """Without the faces that name a vertex twice."""
    a, b, c = faces.T
    return faces[(a != b) & (b != c) & (a != c)]


def _outwards(points: np.ndarray, faces: np.ndarray) -> Mesh:
    a, b, c = (points[faces[:, k]] - points.mean(0) for k in range(3))
    return Mesh(points, faces if (a * np.cross(b, c)).sum() > 0 else faces[:, ::-1])


def _smooth(t: np.ndarray) -> np.ndarray:
    t = np.clip(t, 0, 1)
    return t * t * (3 - 2 * t)


class _Vault:
    """Height of the palate over a place: a vault between the sides, low in front, with rugae, raphe and incisive papilla."""

    def __init__(self, rim: np.ndarray) -> None:
        y = rim[:, 1]
        self.front, self.back = float(y.min()), float((y[0] + y[-1]) / 2)
        self.level = np.polyfit(y, rim[:, 2], 1)
        split = int(y.argmin())
        depth = np.linspace(self.front, self.back, 40)
        right, left = (np.interp(depth, np.maximum.accumulate(part[:, 1]), part[:, 0]) for part in (rim[:split + 1][::-1], rim[split:]))
        self.middle = np.polyfit(depth, (left + right) / 2, 1)  # smooth, however the teeth stand
        self.half = np.polyfit(np.sqrt(depth - self.front), (left - right) / 2, 3)
        self.high = float(np.clip(.36 * (left - right)[-10:].mean() / 2, 4.5, 7.5))

    def __call__(self, places: np.ndarray) -> np.ndarray:
        x, y = places.T
        behind = y - self.front
        middle = np.polyval(self.middle, y)
        half = np.maximum(np.polyval(self.half, np.sqrt(np.clip(behind, 0, self.back - self.front))), 2.0)
        across = np.clip(np.abs(x - middle) / half, 0, 1)
        rise = self.high * _smooth(behind / 24.0)**.8 * (1 - across**2.6)
        away = np.abs(x - middle)
        folds = sum(height * np.exp(-((behind - start - .18 * away + .5 * np.sin(.8 * x + start)) / .95)**2) for start, height in RUGAE)
        folds = folds * _smooth((away - .3) / 3.2) * _smooth((.72 - across) / .35)
        raphe = .22 * np.exp(-(away / 1.3)**2) * _smooth((behind - 5) / 6)
        papilla = .8 * np.exp(-(away / 1.7)**2 - ((behind - 3.2) / 2.2)**2)
        return np.polyval(self.level, y) + rise - folds - raphe - papilla
