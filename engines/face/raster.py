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
    corners = points[triangles].astype(np.float32)  # [T, 3, 3]
    x, y, z = corners[..., 0], corners[..., 1], corners[..., 2]
    area = (x[:, 1] - x[:, 0]) * (y[:, 2] - y[:, 0]) - (x[:, 2] - x[:, 0]) * (y[:, 1] - y[:, 0])
    left, top = np.ceil(x.min(1) - 0.5).clip(0), np.ceil(y.min(1) - 0.5).clip(0)
    wide = np.floor(x.max(1) - 0.5).clip(max=size - 1) - left + 1
    high = np.floor(y.max(1) - 0.5).clip(max=size - 1) - top + 1
    kept = np.flatnonzero((area < -1e-6) & (wide > 0) & (high > 0))
    if not len(kept):
        return seen
    x, y, z, area = x[kept], y[kept], z[kept], area[kept]
    left, top, wide, high = (v[kept].astype(np.int32) for v in (left, top, wide, high))
    # barycentric coordinates of the second and third corner, and depth, are linear in the pixel: v = a X + b Y + c
    a1, b1 = (y[:, 2] - y[:, 0]) / area, -(x[:, 2] - x[:, 0]) / area
    a2, b2 = -(y[:, 1] - y[:, 0]) / area, (x[:, 1] - x[:, 0]) / area
    ox, oy = left + 0.5 - x[:, 0], top + 0.5 - y[:, 0]
    c1, c2 = a1 * ox + b1 * oy, a2 * ox + b2 * oy
    d1, d2 = z[:, 1] - z[:, 0], z[:, 2] - z[:, 0]
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
    depth = z[which, 0] + u * d1[which] + v * d2[which]
    scaled = ((depth.astype(np.float64) - near[0]) * (2**_DEPTH_BITS / (near[1] - near[0]))).clip(0, 2**_DEPTH_BITS - 1)
    named = kept[which] if numbers is None else numbers[kept[which]]
    key = seen.key.copy()
    np.maximum.at(key, pixel, (scaled.astype(np.int64) << 32) | named)
    return Seen(size, key)


def weights(points: np.ndarray, triangles: np.ndarray, pixel: np.ndarray, size: int) -> np.ndarray:
    """Barycentric weights [N, 3] of the centres of pixels [N] in these triangles [N, 3]: what carries a value from the corners."""
    corners = points[triangles][..., :2].astype(np.float32)
    px, py = (pixel % size + 0.5).astype(np.float32), (pixel // size + 0.5).astype(np.float32)
    x, y = corners[..., 0], corners[..., 1]
    area = (x[:, 1] - x[:, 0]) * (y[:, 2] - y[:, 0]) - (x[:, 2] - x[:, 0]) * (y[:, 1] - y[:, 0])
    dx, dy = px - x[:, 0], py - y[:, 0]
    u = (dx * (y[:, 2] - y[:, 0]) - dy * (x[:, 2] - x[:, 0])) / area
    v = (dy * (x[:, 1] - x[:, 0]) - dx * (y[:, 1] - y[:, 0])) / area
    return np.stack([1 - u - v, u, v], 1).clip(0, 1)


def carried(values: np.ndarray, triangles: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Values at the corners [V, C] carried to pixels [N, C]."""
    return values[triangles[:, 0]] * weight[:, :1] + values[triangles[:, 1]] * weight[:, 1:2] + values[triangles[:, 2]] * weight[:, 2:]


def carried_corners(values: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Values of each triangle's own corners [N, 3, C] carried to pixels [N, C]: for uv, which a seam splits."""
    return (values * weight[..., None]).sum(1)
