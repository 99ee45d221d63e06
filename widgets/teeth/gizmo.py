"""The numbers of the gizmo: where its arrows and rings lie in the picture, what is under the mouse, and what a drag means.

A frame is 4 x 4, its columns the tooth's x (mesiodistal), y (buccolingual), z (occlusal) axes and the pivot. Arrows move along an axis by
the amount whose picture is the mouse's way along the axis's picture. Rings turn about the axis as a world vector, right-handed, so that the point
that was grabbed follows the mouse: where the ring lies open by the angle in its own plane, where it is seen edge on as a wheel is rolled.
Nothing here depends on the frame's handedness or on which way an axis points.
"""

from dataclasses import dataclass

import numpy as np

from widgets.camera import Camera

AXES = ("mesiodistal", "buccolingual", "occlusal")
TURNS = ("torque", "tip", "rotation")  # about each of AXES
KINDS = AXES + TURNS
ARROW_PX, GAP_PX, RING_PX = 92.0, 20.0, 66.0
REACH_PX = 8.0  # how near the mouse must be
END_ON = 0.17  # an axis nearer to the line of sight (sine) has no arrow to drag
EDGE_ON = 0.22  # a ring seen flatter (sine) is rolled
FINE = 0.1
SEGMENTS = 72


@dataclass(frozen=True)
class Handle:
    """A piece of the gizmo: its kind, its line in the picture [N, 2], which points are on the near side [N], and whether it can be dragged now."""

    kind: str
    line: np.ndarray
    near: np.ndarray
    open: bool


def unit_axes(frame: np.ndarray) -> np.ndarray:
    """[3, 3] with the axes as rows, each of length 1."""
    axes = np.asarray(frame, float)[:3, :3].T
    return axes / np.linalg.norm(axes, axis=1, keepdims=True)


def handles(frame: np.ndarray, camera: Camera, size: tuple[float, float]) -> list[Handle]:
    """Three arrows, then three rings. They keep their size in pixels."""
    pivot, axes = np.asarray(frame, float)[:3, 3], unit_axes(frame)
    scale = camera.mm_per_px(pivot, size[1])
    sight = pivot - camera.position
    sight /= np.linalg.norm(sight)
    result = []
    for index, kind in enumerate(AXES):
        ends = pivot + np.array([GAP_PX, ARROW_PX])[:, None] * scale * axes[index]
        is_open = float(np.linalg.norm(np.cross(axes[index], sight))) > END_ON
        result.append(Handle(kind, camera.project(ends, size)[:, :2], np.full(2, axes[index] @ sight < 0.5), is_open))
    angle = np.linspace(0, 2 * np.pi, SEGMENTS + 1)
    for index, kind in enumerate(TURNS):
        u, v = axes[(index + 1) % 3], axes[(index + 2) % 3]
        v = np.cross(axes[index], u := u - (u @ axes[index]) * axes[index])
        out = np.cos(angle)[:, None] * u / np.linalg.norm(u) + np.sin(angle)[:, None] * v / np.linalg.norm(v)
        result.append(Handle(kind, camera.project(pivot + RING_PX * scale * out, size)[:, :2], out @ sight < 0.05, True))
    return result


def under(parts: list[Handle], x: float, y: float) -> str | None:
    """The kind of the handle nearest to a pixel and within reach; arrows win over rings, the near side of a ring over the far one."""
    best, found = REACH_PX, None
    for part in parts:
        if not part.open:
            continue
        away = _to_segments(part.line, np.array([x, y]))
        away = away + np.where(part.near[:-1], 0.0, 3.0) - (2.0 if part.kind in AXES else 0.0)
        if away.min() < best:
            best, found = float(away.min()), part.kind
    return found


def _to_segments(line: np.ndarray, point: np.ndarray) -> np.ndarray:
    """[N - 1] pixels from the point to each piece of the line."""
    start, way = line[:-1], line[1:] - line[:-1]
    share = np.clip(((point - start) * way).sum(-1) / np.maximum((way**2).sum(-1), 1e-9), 0, 1)
    return np.linalg.norm(start + share[:, None] * way - point, axis=-1)


class Drag:
    """One drag of one handle, from press to release. `to` gives the amount so far: mm along the axis, or deg about it."""

    def __init__(self, kind: str, frame: np.ndarray, camera: Camera, size: tuple[float, float], x: float, y: float) -> None:
        self.kind, self.amount = kind, 0.0
        self._pivot, axes = np.asarray(frame, float)[:3, 3].copy(), unit_axes(frame)
        self.axis = axes[KINDS.index(kind) % 3]
        self._camera, self._size = camera, size
        self._rolled: np.ndarray | None = None
        if kind in TURNS:
            self._grab(x, y)
        self._last = self._raw(x, y)

    def to(self, x: float, y: float, fine: bool = False) -> float:
        """The mouse came to a pixel; fine: the last piece counts a tenth."""
        now = self._raw(x, y)
        step = now - self._last
        if self.kind in TURNS:
            step = (step + 180) % 360 - 180
        self._last = now
        self.amount += step * (FINE if fine else 1.0)
        return self.amount

    def matrix(self, amount: float | None = None) -> np.ndarray:
        """4 x 4, world to world: what the drag (or another amount) does to the tooth."""
        amount = self.amount if amount is None else amount
        if self.kind in AXES:
            result = np.eye(4)
            result[:3, 3] = amount * self.axis
            return result
        return about(self._pivot, self.axis, amount)

    def _grab(self, x: float, y: float) -> None:
        """Where the ring is taken hold of, and whether it is turned in its plane or rolled."""
        sight = self._pivot - self._camera.position
        if abs(self.axis @ sight) / np.linalg.norm(sight) > EDGE_ON:
            return
        scale = self._camera.mm_per_px(self._pivot, self._size[1])
        seed = np.eye(3)[np.abs(self.axis).argmin()]
        u = np.cross(self.axis, seed)
        u /= np.linalg.norm(u)
        angle = np.linspace(0, 2 * np.pi, 4 * SEGMENTS, endpoint=False)[:, None]
        ring = self._pivot + RING_PX * scale * (np.cos(angle) * u + np.sin(angle) * np.cross(self.axis, u))
        near = (ring - self._pivot) @ sight <= 0
        flat = self._camera.project(ring[near], self._size)[:, :2]
        grabbed = ring[near][np.linalg.norm(flat - (x, y), axis=-1).argmin()]
        turned = about(self._pivot, self.axis, 0.5)
        before, after = self._camera.project(np.stack([grabbed, turned[:3, :3] @ grabbed + turned[:3, 3]]), self._size)[:, :2]
        way = (after - before) / 0.5  # pixels a degree
        # at the outline of the wheel the ring runs along the line of sight: there the middle of the wheel tells how much a pixel is
        pace = max(float(np.linalg.norm(way)), 0.5 * RING_PX * np.pi / 180)
        self._rolled = way / max(float(np.linalg.norm(way)), 1e-9) / pace

    def _raw(self, x: float, y: float) -> float:
        if self.kind in AXES:
            return self._along(x, y)
        if self._rolled is not None:
            return float(self._rolled @ (x, y))
        start, direction = self._camera.ray(x, y, self._size)
        slope = float(direction @ self.axis)
        reach = float((self._pivot - start) @ self.axis) / (slope if abs(slope) > 1e-6 else 1e-6)
        out = start + reach * direction - self._pivot
        seed = np.eye(3)[np.abs(self.axis).argmin()]
        u = np.cross(self.axis, seed)
        u /= np.linalg.norm(u)
        return float(np.rad2deg(np.arctan2(out @ np.cross(self.axis, u), out @ u)))

    def _along(self, x: float, y: float) -> float:
        """mm along the axis whose picture is the foot of the pixel on the picture of the axis."""
        to_picture = self._camera.homogeneous(self._size)
        point, step = to_picture @ np.append(self._pivot, 1.0), to_picture[:, :3] @ self.axis
        origin = point[:2] / point[2]
        way = (step[:2] - step[2] * origin) / point[2]  # of the picture, a mm, at the pivot
        length = float(np.linalg.norm(way))
        way /= max(length, 1e-9)
        foot = float(way @ (np.array([x, y]) - origin))
        # foot = way . (point + t step) / (w + t w_step) - way . origin, solved for t
        below = float(way @ (step[:2] - step[2] * origin)) - foot * step[2]
        return foot * point[2] / below if abs(below) > 1e-9 else 0.0


def about(pivot: np.ndarray, axis: np.ndarray, angle: float) -> np.ndarray:
    """4 x 4: a right-handed turn by `angle` deg about a unit axis through the pivot."""
    a = np.deg2rad(angle)
    k = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    matrix = np.eye(4)
    matrix[:3, :3] = np.eye(3) + np.sin(a) * k + (1 - np.cos(a)) * (k @ k)
    matrix[:3, 3] = pivot - matrix[:3, :3] @ pivot
    return matrix


def group_frame(frames: list[np.ndarray]) -> np.ndarray:
    """The first tooth's axes at the middle of all pivots."""
    frame = np.array(frames[0], float)
    frame[:3, 3] = np.mean([one[:3, 3] for one in frames], axis=0)
    return frame
