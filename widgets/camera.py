"""Where a 3D view is looked at from: plain numbers, no VTK, no Qt.

World: millimetres, x to the patient's left, y backwards, z up. Pixels: logical, from the top left corner, x right, y down.
The camera is a turntable: yaw turns it about the world's z axis, pitch raises it; the picture never rolls.
"""

from dataclasses import dataclass, replace

import numpy as np

VIEWS = {  # name -> (yaw, pitch) in deg; the patient's right is on the viewer's left wherever both are seen from the front
    "front": (0.0, 0.0), "right": (-90.0, 0.0), "left": (90.0, 0.0), "upper": (0.0, -90.0), "lower": (0.0, 90.0), "back": (180.0, 0.0)}
ANGLE_DEG = 22.0  # of the whole picture's height: a long lens, near to the parallel views of a clinical record
TURN_DEG = 0.45  # a pixel of dragging
NEAREST_MM, FARTHEST_MM = 4.0, 4000.0
FILL = 0.9  # of the picture that a fitted scene takes


@dataclass(frozen=True)
class Camera:
    """yaw and pitch in deg (pitch 90 looks straight down), focus [3] and distance to it in mm."""

    yaw: float = 0.0
    pitch: float = 0.0
    focus: tuple[float, float, float] = (0.0, 0.0, 0.0)
    distance: float = 250.0

    @property
    def axes(self) -> np.ndarray:
        """[3, 3] with rows right, up and forward in the world."""
        y, p = np.deg2rad((self.yaw, self.pitch))
        right = np.array([np.cos(y), np.sin(y), 0.0])
        ahead = np.array([-np.sin(y), np.cos(y), 0.0])
        forward = np.cos(p) * ahead - np.sin(p) * np.array([0.0, 0.0, 1.0])
        return np.stack([right, np.cross(right, forward), forward])

    @property
    def position(self) -> np.ndarray:
        return np.asarray(self.focus) - self.distance * self.axes[2]

    def focal_px(self, height: float) -> float:
        """The focal length in pixels of a picture `height` pixels high."""
        return height / 2 / np.tan(np.deg2rad(ANGLE_DEG / 2))

    def project(self, points: np.ndarray, size: tuple[float, float]) -> np.ndarray:
        """[..., 3] of world points: pixel x, pixel y, distance in mm along the view; not finite behind the camera."""
        seen = (np.asarray(points, float) - self.position) @ self.axes.T
        depth = np.where(seen[..., 2] > 1e-6, seen[..., 2], np.nan)
        scale = self.focal_px(size[1]) / depth
        return np.stack([size[0] / 2 + seen[..., 0] * scale, size[1] / 2 - seen[..., 1] * scale, depth], -1)

    def homogeneous(self, size: tuple[float, float]) -> np.ndarray:
        """[3, 4]: world point (x, y, z, 1) -> (pixel x * w, pixel y * w, w)."""
        axes, focal = self.axes, self.focal_px(size[1])
        seen = np.concatenate([axes, -(axes @ self.position)[:, None]], 1)
        return np.stack([focal * seen[0] + size[0] / 2 * seen[2], -focal * seen[1] + size[1] / 2 * seen[2], seen[2]])

    def ray(self, x: float, y: float, size: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
        """Start and unit direction of the line of sight through a pixel."""
        focal = self.focal_px(size[1])
        direction = np.array([(x - size[0] / 2) / focal, (size[1] / 2 - y) / focal, 1.0]) @ self.axes
        return self.position, direction / np.linalg.norm(direction)

    def mm_per_px(self, point: np.ndarray, height: float) -> float:
        """What a pixel covers at the depth of `point`."""
        depth = float((np.asarray(point) - self.position) @ self.axes[2])
        return max(depth, 1e-3) / self.focal_px(height)

    def orbited(self, dx: float, dy: float) -> "Camera":
        """After dragging the scene by that many pixels; the pitch stops when the camera stands straight above or below."""
        return replace(self, yaw=_half_turn(self.yaw - TURN_DEG * dx), pitch=float(np.clip(self.pitch + TURN_DEG * dy, -90, 90)))

    def panned(self, dx: float, dy: float, height: float) -> "Camera":
        """After dragging the scene by that many pixels in its own plane: the focus stays under the mouse."""
        right, up, _ = self.axes
        moved = np.asarray(self.focus) + (dy * up - dx * right) * self.mm_per_px(np.asarray(self.focus), height)
        return replace(self, focus=tuple(moved.tolist()))

    def zoomed(self, factor: float, x: float, y: float, size: tuple[float, float]) -> "Camera":
        """`factor` times nearer, while the point of the focal plane under the pixel stays there."""
        distance = float(np.clip(self.distance / factor, NEAREST_MM, FARTHEST_MM))
        change = 1 - distance / self.distance
        step = np.array([x - size[0] / 2, size[1] / 2 - y]) * self.distance / self.focal_px(size[1])
        right, up, _ = self.axes
        moved = np.asarray(self.focus) + change * (step[0] * right + step[1] * up)
        return replace(self, focus=tuple(moved.tolist()), distance=distance)

    def looking(self, view: str) -> "Camera":
        """Turned to one of VIEWS. KeyError for another name."""
        yaw, pitch = VIEWS[view]
        return replace(self, yaw=yaw, pitch=pitch)

    def fitted(self, points: np.ndarray, size: tuple[float, float]) -> "Camera":
        """Placed so that all points [N, 3] lie inside the picture; itself where there are none."""
        points = np.asarray(points, float).reshape(-1, 3)
        if not len(points):
            return self
        seen = points @ self.axes.T
        slope = np.array(size) / 2 / self.focal_px(size[1]) * FILL
        middle = (seen.min(0) + seen.max(0)) / 2
        for _ in range(3):  # the nearer side looks larger: shift the middle until both margins are the same
            flat = np.abs(seen[:, :2] - middle[:2]) / slope - (seen[:, 2:] - middle[2])
            distance = float(np.clip(flat.max(), NEAREST_MM, FARTHEST_MM))
            ratio = (seen[:, :2] - middle[:2]) / (seen[:, 2:] - middle[2] + distance)
            middle[:2] += (ratio.min(0) + ratio.max(0)) / 2 * distance
        flat = np.abs(seen[:, :2] - middle[:2]) / slope - (seen[:, 2:] - middle[2])
        focus = middle @ self.axes
        return replace(self, focus=tuple(focus.tolist()), distance=float(np.clip(flat.max(), NEAREST_MM, FARTHEST_MM)))

    def blended(self, other: "Camera", share: float) -> "Camera":
        """Part of the way to another camera, 0 to 1, the short way round."""
        yaw = self.yaw + share * _half_turn(other.yaw - self.yaw)
        focus = (1 - share) * np.asarray(self.focus) + share * np.asarray(other.focus)
        return Camera(_half_turn(yaw), (1 - share) * self.pitch + share * other.pitch, tuple(focus.tolist()),
                      self.distance ** (1 - share) * other.distance ** share)


def _half_turn(angle: float) -> float:
    """The same angle in [-180, 180) deg."""
    return (angle + 180.0) % 360.0 - 180.0
