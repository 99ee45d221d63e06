"""A rasteriser in numpy: which triangle is seen in each pixel, and values carried from its corners to the pixel.

Made for many small triangles (a head of 47,000 at 256 pixels): every triangle's box of pixels is laid out in one flat list, so that
there is no loop over triangles. Points are x, y in pixels (x right, y down, the centre of pixel 0 at 0.5) and depth, larger = nearer.
"""

from dataclasses import dataclass

import numpy as np

EMPTY = -1  # no triangle in this pixel
_DEPTH_BITS = 30  # of the 62 that depth and triangle number share


@dataclass(frozen=True)
class Seen:
    """What is seen: `owner` int64 [S * S], the number of the nearest triangle or EMPTY; `key` carries its depth too, to draw more over it."""

    size: int
    key: np.ndarray

    @property
    def owner(self) -> np.ndarray:
        return np.where(self.key < 0, EMPTY, self.key & 0xFFFFFFFF)


def nothing(size: int) -> Seen:
    return Seen(size, np.full(size * size, -1, np.int64))


def fill(points: np.ndarray, triangles: np.ndarray, seen: Seen, numbers: np.ndarray | None = None, near: tuple[float, float] = (-32.0, 32.0)) -> Seen:
    """`seen` with these triangles drawn into it, those turned away left out (a front face runs anticlockwise as it is seen).

    points [V, 3], triangles [T, 3]; numbers [T] are what `owner` will say (default 0, 1, ...); depths outside `near` are clamped to it.
    """
    size = seen.size
    columns = np.ascontiguousarray(points.T, np.float32)
    x0, x1, x2, y0, y1, y2 = (columns[axis][triangles[:, k]] for axis in (0, 1) for k in range(3))
    area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
    left, right = _ends(x0, x1, x2, size)
    top, bottom = _ends(y0, y1, y2, size)
    wide, high = right - left + 1, bottom - top + 1
    kept = np.flatnonzero((area < -1e-6) & (wide > 0) & (high > 0))
    if not len(kept):
        return seen
    x0, x1, x2, y0, y1, y2, area = (v[kept] for v in (x0, x1, x2, y0, y1, y2, area))
    left, top, wide, high = (v[kept].astype(np.int32) for v in (left, top, wide, high))
    z0, z1, z2 = (columns[2][triangles[kept, k]] for k in range(3))
    # barycentric coordinates of the second and third corner are linear in the pixel: u = a X + b Y + c
    a1, b1, a2, b2 = (y2 - y0) / area, (x0 - x2) / area, (y0 - y1) / area, (x1 - x0) / area
    ox, oy = left + 0.5 - x0, top + 0.5 - y0
    c1, c2 = a1 * ox + b1 * oy, a2 * ox + b2 * oy
    count = wide * high
    which = np.repeat(np.arange(len(kept), dtype=np.int32), count)
    local = np.arange(len(which), dtype=np.int32) - np.repeat(np.cumsum(count, dtype=np.int32) - count, count)
    row = local // wide[which]
    column = local - row * wide[which]
    u = a1[which] * column + b1[which] * row + c1[which]
    v = a2[which] * column + b2[which] * row + c2[which]
    inside = np.flatnonzero((u >= -1e-6) & (v >= -1e-6) & (u + v <= 1 + 1e-6))
    which, u, v = which[inside], u[inside], v[inside]
    pixel = (top[which] + row[inside]) * size + left[which] + column[inside]
    depth = z0[which] + u * (z1 - z0)[which] + v * (z2 - z0)[which]
    scaled = np.clip((depth.astype(np.float64) - near[0]) * (2**_DEPTH_BITS / (near[1] - near[0])), 0, 2**_DEPTH_BITS - 1)
    named = kept[which] if numbers is None else numbers[kept[which]]
    key = seen.key.copy()
    np.maximum.at(key, pixel, (scaled.astype(np.int64) << 32) | named)
    return Seen(size, key)


def _ends(a: np.ndarray, b: np.ndarray, c: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """First and last pixel whose centre a triangle can cover, along one axis."""
    low, high = np.minimum(np.minimum(a, b), c), np.maximum(np.maximum(a, b), c)
    return np.maximum(np.ceil(low - 0.5), 0), np.minimum(np.floor(high - 0.5), size - 1)


def weights(points: np.ndarray, triangles: np.ndarray, pixel: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Barycentric weights, three of [N], of the centres of pixels [N] in these triangles [N, 3]: what carries a value from the corners."""
    columns = np.ascontiguousarray(points.T, np.float32)
    x0, x1, x2, y0, y1, y2 = (columns[axis][triangles[:, k]] for axis in (0, 1) for k in range(3))
    row = pixel // size
    dx, dy = (pixel - row * size + 0.5).astype(np.float32) - x0, (row + 0.5).astype(np.float32) - y0
    x1, x2, y1, y2 = x1 - x0, x2 - x0, y1 - y0, y2 - y0
    area = x1 * y2 - x2 * y1
    u = np.clip((dx * y2 - dy * x2) / area, 0, 1)
    v = np.clip((dy * x1 - dx * y1) / area, 0, 1)
    return np.clip(1 - u - v, 0, 1), u, v


def carried(values: np.ndarray, triangles: np.ndarray, weight: tuple[np.ndarray, np.ndarray, np.ndarray]) -> np.ndarray:
    """Values at the corners [V, C] carried to pixels [N, C]."""
    total = values[triangles[:, 0]]
    total *= weight[0][:, None]
    for k in (1, 2):
        part = values[triangles[:, k]]
        part *= weight[k][:, None]
        total += part
    return total
