"""What the left mouse button does on a surface besides selecting: single points, a brush, the ruler and the angle.

A point is (tooth number or None, xyz [3] in mm with the jaw closed).
"""

from collections.abc import Callable

import numpy as np
from PySide6.QtCore import QObject, QPointF, Qt, Signal
from PySide6.QtGui import QMouseEvent, QPainter, QPainterPath, QPen

from widgets import paint
from widgets.teeth.gizmo_layer import seam, tag
from widgets.teeth.marks import dense, dot, draw_line
from widgets.teeth.picking import Hit
from widgets.teeth.scene import TeethScene, jaw_of
from widgets.view_layers import Layer, Seen

TOOLS = ("select", "point", "brush", "ruler", "angle")
NEEDS = {"ruler": 2, "angle": 3}
CIRCLE = 48
STROKE_PX = 3.0  # between two points of a stroke


class ToolSignals(QObject):
    point_picked = Signal(object, object)  # tooth number or None, [3]
    stroked = Signal(object, object, bool)  # tooth numbers or None for each point, [N, 3], True at the end of the stroke
    measured = Signal(str, float)  # "ruler" in mm or "angle" in deg


class ToolLayer(Layer):
    """One of TOOLS at a time. `pick` answers with the Hit under a pixel."""

    wants_depth = True

    def __init__(self, scene: TeethScene, pick: Callable[[float, float], Hit | None], update: Callable[[], None]) -> None:
        self.scene, self.signals, self.tool = scene, ToolSignals(), "select"
        self.brush_mm = 1.5
        self.points: list[tuple[int | None, np.ndarray]] = []  # of the ruler or the angle; on a tooth in the start mesh's place
        self._pick, self._update = pick, update
        self._hit: Hit | None = None
        self._last = QPointF()
        self._stroke: list[tuple[int | None, np.ndarray]] = []

    def use(self, tool: str) -> None:
        """Begins with a tool; what was measured before goes. ValueError for an unknown one."""
        if tool not in TOOLS:
            raise ValueError(f"a tool is one of {', '.join(TOOLS)}")
        self.tool, self.points, self._stroke, self._hit = tool, [], [], None
        self._update()

    def closed(self, hit: Hit) -> tuple[int | None, np.ndarray]:
        """The tooth and the point with the jaw closed."""
        number = hit.key if isinstance(hit.key, int) else None
        jaw = jaw_of(number) if number is not None else str(hit.key)
        matrix = np.linalg.inv(self.scene.opening(jaw))
        return number, matrix[:3, :3] @ hit.point + matrix[:3, 3]

    def value(self) -> float | None:
        """mm between two points, or the angle at the second of three in deg; None before all are set."""
        places = self._places()
        if len(places) < NEEDS.get(self.tool, 9):
            return None
        if self.tool == "ruler":
            return float(np.linalg.norm(places[1] - places[0]))
        a, b = places[0] - places[1], places[2] - places[1]
        return float(np.rad2deg(np.arctan2(np.linalg.norm(np.cross(a, b)), a @ b)))

    # the mouse

    def press(self, event: QMouseEvent, seen: Seen) -> bool:
        if self.tool == "select" or event.modifiers() & Qt.KeyboardModifier.ShiftModifier and self.tool != "brush":
            return False
        self._last = event.position()
        hit = self._under(event)
        if self.tool == "brush" and hit is not None:
            self._stroke = [self.closed(hit)]
            self._say_stroke(False)
            return True
        return False  # an orbit may begin on a tooth: points are set by clicks

    def click(self, event: QMouseEvent) -> bool:
        """A click that moved nothing; True if the tool took it."""
        if self.tool not in ("point", "ruler", "angle"):
            return False
        hit = self._under(event)
        if hit is None:
            return True
        number, xyz = self.closed(hit)
        self.signals.point_picked.emit(number, xyz)
        if self.tool in NEEDS:
            if len(self.points) >= NEEDS[self.tool]:
                self.points = []
            if number is not None:
                matrix = np.linalg.inv(self.scene.poses[number])
                xyz = matrix[:3, :3] @ xyz + matrix[:3, 3]
            self.points.append((number, xyz))
            value = self.value()
            if value is not None:
                self.signals.measured.emit(self.tool, value)
        self._update()
        return True

    def drag(self, event: QMouseEvent, seen: Seen) -> None:
        way = event.position() - self._last
        steps = max(1, int(np.hypot(way.x(), way.y()) / STROKE_PX))
        if np.hypot(way.x(), way.y()) < 1:
            return
        for step in range(1, steps + 1):
            at = self._last + way * (step / steps)
            self._hit = self._pick(at.x(), at.y())
            if self._hit is not None:
                self._stroke.append(self.closed(self._hit))
        self._last = event.position()
        self._say_stroke(False)
        self._update()

    def release(self, event: QMouseEvent, seen: Seen) -> None:
        self._say_stroke(True)
        self._stroke = []

    def hover(self, event: QMouseEvent, seen: Seen) -> bool:
        if self.tool == "select":
            return False
        self._hit = self._under(event)
        self._update()
        return True

    def cancel(self) -> bool:
        had, self.points, self._hit = bool(self.points), [], None
        self._update()
        return had

    def _under(self, event: QMouseEvent) -> Hit | None:
        return self._pick(event.position().x(), event.position().y())

    def _say_stroke(self, ended: bool) -> None:
        self.signals.stroked.emit([number for number, _ in self._stroke], np.array([xyz for _, xyz in self._stroke]).reshape(-1, 3), ended)

    # the picture

    def _places(self) -> list[np.ndarray]:
        """The set points where the teeth stand now, jaw closed."""
        result = []
        for number, xyz in self.points:
            matrix = self.scene.poses.get(number, np.eye(4)) if number is not None else np.eye(4)
            result.append(matrix[:3, :3] @ xyz + matrix[:3, 3])
        return result

    def _shown(self) -> np.ndarray:
        """[N, 3]: the set points and, while one is missing, the one under the mouse, where they are seen."""
        rows = []
        for (number, _), xyz in zip(self.points, self._places(), strict=True):
            matrix = self.scene.opening(jaw_of(number)) if number is not None else np.eye(4)
            rows.append(matrix[:3, :3] @ xyz + matrix[:3, 3])
        if len(rows) < NEEDS.get(self.tool, 0) and rows and self._hit is not None:
            rows.append(self._hit.point)
        return np.array(rows).reshape(-1, 3)

    def paint(self, painter: QPainter, seen: Seen) -> None:
        if self.tool == "brush" and self._hit is not None:
            self._circle(painter, seen)
        elif self.tool != "select" and self._hit is not None:
            x, y, _ = seen.project(self._hit.point)
            dot(painter, QPointF(x, y), "accent", 0.75, 3.5)
        if self.tool not in NEEDS:
            return
        points = self._shown()
        if len(points) > 1:
            draw_line(painter, dense(points), "accent", 2.0, seen)
        flat = seen.project(points)
        for x, y, depth in flat:
            if depth > 0:
                dot(painter, QPointF(x, y), "accent", 1.0)
        if len(points) == NEEDS[self.tool] and np.isfinite(flat).all():
            self._value_tag(painter, points, flat)

    def _value_tag(self, painter: QPainter, points: np.ndarray, flat: np.ndarray) -> None:
        if self.tool == "ruler":
            at = QPointF(*flat.mean(0)[:2])
            tag(painter, at + QPointF(10, -14), f"{np.linalg.norm(points[1] - points[0]):.2f} mm")
            return
        arms = points[(0, 2), :] - points[1]
        angle = np.rad2deg(np.arctan2(np.linalg.norm(np.cross(*arms)), arms[0] @ arms[1]))
        tag(painter, QPointF(*flat[1, :2]) + QPointF(12, -16), f"{angle:.1f}°")

    def _circle(self, painter: QPainter, seen: Seen) -> None:
        hit = self._hit
        seed = np.eye(3)[np.abs(hit.normal).argmin()]
        u = np.cross(hit.normal, seed)
        u /= np.linalg.norm(u)
        angle = np.linspace(0, 2 * np.pi, CIRCLE + 1)[:, None]
        ring = hit.point + 0.1 * hit.normal + self.brush_mm * (np.cos(angle) * u + np.sin(angle) * np.cross(hit.normal, u))
        flat = seen.project(ring)
        if not np.isfinite(flat).all():
            return
        path = QPainterPath(QPointF(*flat[0, :2]))
        for row in flat[1:]:
            path.lineTo(*row[:2])
        painter.setBrush(paint.color("accent", 0.14))
        painter.setPen(QPen(seam(0.5), 3.5))
        painter.drawPath(path)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(paint.color("accent"), 1.8))
        painter.drawPath(path)
