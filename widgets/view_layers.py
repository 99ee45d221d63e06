"""What a MeshView and the parts over it agree on: scenes, finished pictures, and flat layers that may take the mouse."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from PySide6.QtGui import QMouseEvent, QPainter

from widgets.camera import Camera
from widgets.off_screen import Frame
from widgets.surface import Body, Surface


class Scene(Protocol):
    """What a MeshView shows; teeth/scene.py is one."""

    on_change: list
    plane: np.ndarray | None

    def bodies(self) -> Mapping[Hashable, Body]: ...
    def coarse_forms(self) -> Mapping[Hashable, Surface]: ...
    def make_coarse(self) -> bool: ...
    def points(self) -> np.ndarray: ...


@dataclass(frozen=True, eq=False)
class Seen:
    """A picture as overlays need it: the camera, the size in logical pixels, and what the depth buffer knows (None: everything counts as visible)."""

    camera: Camera
    size: tuple[float, float]
    frame: Frame | None = None

    def project(self, points: np.ndarray) -> np.ndarray:
        """[..., 3]: pixel x, y and distance in mm."""
        return self.camera.project(points, self.size)

    def visible(self, points: np.ndarray, slack_mm: float = 0.6) -> np.ndarray:
        """bool [N]: which world points no surface hides."""
        flat = self.project(np.asarray(points, float).reshape(-1, 3))
        inside = (flat[:, 2] > 0) & (flat[:, 0] >= 0) & (flat[:, 1] >= 0) & (flat[:, 0] < self.size[0]) & (flat[:, 1] < self.size[1])
        if self.frame is None or not self.frame.depth.size or not inside.any():
            return inside
        rows, columns = self.frame.depth.shape
        at = np.nan_to_num(flat[inside])
        row = np.clip((rows * (1 - at[:, 1] / self.size[1])).astype(int), 0, rows - 1)
        column = np.clip((columns * at[:, 0] / self.size[0]).astype(int), 0, columns - 1)
        inside[inside] = at[:, 2] <= self.frame.distance(row, column) + slack_mm
        return inside


class Layer:
    """Something flat over the picture that may also take the mouse. The first layer that answers True to a press keeps the mouse until release."""

    wants_depth = False

    def paint(self, painter: QPainter, seen: Seen) -> None:
        """Paints in logical pixels."""

    def press(self, event: QMouseEvent, seen: Seen) -> bool:
        return False

    def drag(self, event: QMouseEvent, seen: Seen) -> None:
        """The mouse moved while this layer holds it."""

    def release(self, event: QMouseEvent, seen: Seen) -> None:
        """The mouse button came up while this layer holds it."""

    def hover(self, event: QMouseEvent, seen: Seen) -> bool:
        """The mouse moved without a button; True where the layers below shall not see it."""
        return False

    def cancel(self) -> bool:
        """Escape: True if there was something to give up."""
        return False
