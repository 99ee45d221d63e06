"""The gizmo in the picture: painted flat over the 3D view, so that it reads at any angle and costs no drawing of the scene."""

from collections.abc import Callable

import numpy as np
from PySide6.QtCore import QObject, QPointF, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPainterPath, QPen, QPolygonF

from engines.teeth.editing import is_pair, mirrored
from widgets import paint, tokens
from widgets.teeth.gizmo import AXES, TURNS, Drag, Handle, group_frame, handles, under
from widgets.teeth.scene import TeethScene, jaw_of
from widgets.view_layers import Layer, Seen

INKS = dict(zip(AXES + TURNS, ("AXIS_MESIODISTAL", "AXIS_BUCCOLINGUAL", "AXIS_OCCLUSAL") * 2, strict=True))
HEAD_PX, LINE_PX, RING_LINE_PX = 11.0, 3.0, 2.4
FAR_ALPHA, CLOSED_ALPHA, IDLE_ALPHA = 0.28, 0.2, 0.92


class GizmoSignals(QObject):
    drag_started = Signal(int, str)  # tooth number, kind
    dragged = Signal(int, object, str, float)  # number, 4 x 4 world to world since the press, kind, mm or deg
    drag_ended = Signal(int, bool)  # number, False when it was given up with Escape


class GizmoLayer(Layer):
    """Sits on the selected teeth that are not locked. While dragging it moves them in the scene; whoever owns the poses confirms or corrects them."""

    def __init__(self, scene: TeethScene, update: Callable[[], None]) -> None:
        self.scene, self.signals, self.enabled = scene, GizmoSignals(), True
        self.text: Callable[[str, float], str] = amount_text  # beside the mouse; a caller may word it as an orthodontist does
        self._update = update
        self._hot: str | None = None
        self._drag: Drag | None = None
        self._before: dict[int, np.ndarray] = {}
        self._frames: tuple[np.ndarray, ...] | None = None  # of a mirror pair, at the press
        self._mouse = QPointF()

    def numbers(self) -> tuple[int, ...]:
        """The teeth it moves."""
        shown = self.scene.visible()
        return tuple(number for number in self.scene.selected if number in shown and number not in self.scene.locked)

    def frame(self) -> np.ndarray | None:
        """4 x 4 where it is seen, jaw opening included; None without a tooth to move."""
        numbers = self.numbers()
        if not numbers or not self.enabled:
            return None
        frames = [self.scene.opening(jaw_of(number)) @ self.scene.frame(number) for number in numbers]
        return group_frame(frames[:1] if is_pair(numbers) else frames)  # the other one of a pair moves as the mirror image of the first

    @property
    def dragging(self) -> bool:
        return self._drag is not None

    # the mouse

    def press(self, event: QMouseEvent, seen: Seen) -> bool:
        frame = self.frame()
        if frame is None:
            return False
        at = event.position()
        kind = under(handles(frame, seen.camera, seen.size), at.x(), at.y())
        if kind is None:
            return False
        self._drag, self._hot, self._mouse = Drag(kind, frame, seen.camera, seen.size, at.x(), at.y()), kind, at
        self._before = {number: self.scene.poses[number] for number in self.numbers()}
        self._frames = tuple(map(self.scene.frame, self._before)) if is_pair(self._before) else None
        self.signals.drag_started.emit(self.numbers()[0], kind)
        return True

    def drag(self, event: QMouseEvent, seen: Seen) -> None:
        if self._drag is None:  # given up with Escape, the button still down
            return
        self._mouse = event.position()
        amount = self._drag.to(self._mouse.x(), self._mouse.y(), bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier))
        first = next(iter(self._before))
        delta = self._closed(first, self._drag.matrix())
        moved = {number: self._closed(number, self._drag.matrix()) @ pose for number, pose in self._before.items()}
        if self._frames is not None:
            second = next(number for number in self._before if number != first)
            moved[second] = mirrored(*self._frames, delta) @ self._before[second]
        self.scene.set_poses(moved)
        self.signals.dragged.emit(first, delta, self._drag.kind, amount)

    def release(self, event: QMouseEvent, seen: Seen) -> None:
        if self._drag is not None:
            self._drag = None
            self.signals.drag_ended.emit(next(iter(self._before)), True)
            self._update()

    def hover(self, event: QMouseEvent, seen: Seen) -> bool:
        frame, at = self.frame(), event.position()
        hot = None if frame is None else under(handles(frame, seen.camera, seen.size), at.x(), at.y())
        if hot != self._hot:
            self._hot = hot
            self._update()
        return hot is not None

    def cancel(self) -> bool:
        if self._drag is None:
            return False
        self._drag = None
        self.scene.set_poses(self._before)
        self.signals.drag_ended.emit(next(iter(self._before)), False)
        return True

    def _closed(self, number: int, matrix: np.ndarray) -> np.ndarray:
        """A motion seen with the jaw open, as it is with the jaw closed."""
        opening = self.scene.opening(jaw_of(number))
        return np.linalg.inv(opening) @ matrix @ opening

    # the picture

    def paint(self, painter: QPainter, seen: Seen) -> None:
        frame = self.frame()
        if frame is None:
            return
        parts = handles(frame, seen.camera, seen.size)
        pivot = seen.project(frame[:3, 3])
        if not np.isfinite(pivot).all():
            return
        for part in parts[3:]:
            self._ring(painter, part, near=False)
        for part in sorted(parts[:3], key=lambda part: bool(part.near.all())):
            self._arrow(painter, part)
        for part in parts[3:]:
            self._ring(painter, part, near=True)
        painter.setPen(QPen(paint.color("window"), 1))
        painter.setBrush(paint.color("panel"))
        painter.drawEllipse(QPointF(*pivot[:2]), 3.5, 3.5)
        if self._drag is not None:
            tag(painter, self._mouse + QPointF(18, -22), self.text(self._drag.kind, self._drag.amount))

    def _ink(self, part: Handle, near: bool = True) -> QColor:
        ink = QColor(getattr(tokens, INKS[part.kind]))
        busy = self._drag.kind if self._drag is not None else None
        alpha = 1.0 if part.kind == (busy or self._hot) else IDLE_ALPHA
        if busy is not None and part.kind != busy:
            alpha = CLOSED_ALPHA
        if not part.open:
            alpha = CLOSED_ALPHA
        ink.setAlphaF(alpha * (1.0 if near else FAR_ALPHA))
        return ink

    def _width(self, part: Handle, px: float) -> float:
        hot = self._drag.kind if self._drag is not None else self._hot
        return px + (1.8 if part.kind == hot else 0.0)

    def _ring(self, painter: QPainter, part: Handle, near: bool) -> None:
        painter.setBrush(Qt.BrushStyle.NoBrush)
        chosen = part.near & np.roll(part.near, -1) if near else ~(part.near & np.roll(part.near, -1))
        path, drawing = QPainterPath(), False
        for index in range(len(part.line) - 1):
            if chosen[index] and np.isfinite(part.line[index:index + 2]).all():
                if not drawing:
                    path.moveTo(*part.line[index])
                path.lineTo(*part.line[index + 1])
                drawing = True
            else:
                drawing = False
        if near:  # a thin dark seam parts it from enamel and gum alike
            painter.setPen(QPen(seam(self._ink(part).alphaF() * 0.45), self._width(part, RING_LINE_PX) + 2))
            painter.drawPath(path)
        painter.setPen(QPen(self._ink(part, near), self._width(part, RING_LINE_PX), Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
        painter.drawPath(path)

    def _arrow(self, painter: QPainter, part: Handle) -> None:
        tail, tip = part.line
        way = tip - tail
        length = float(np.linalg.norm(way))
        if not np.isfinite(length) or length < 2:
            return
        way /= length
        side = np.array([-way[1], way[0]])
        head = min(HEAD_PX, length * 0.6)
        base = tip - way * head
        ink, width = self._ink(part), self._width(part, LINE_PX)
        triangle = QPolygonF([QPointF(*tip), QPointF(*(base + side * head * 0.55)), QPointF(*(base - side * head * 0.55))])
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(seam(ink.alphaF() * 0.45), width + 2))
        painter.drawLine(QPointF(*tail), QPointF(*base))
        painter.drawPolygon(triangle)
        painter.setPen(QPen(ink, width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.FlatCap))
        painter.drawLine(QPointF(*tail), QPointF(*base))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(ink)
        painter.drawPolygon(triangle)


def amount_text(kind: str, amount: float) -> str:
    """Kind and amount along or about the gizmo's own axis."""
    return f"{kind.capitalize()}  {amount:+.2f} mm" if kind in AXES else f"{kind.capitalize()}  {amount:+.1f}°"


def seam(alpha: float) -> QColor:
    """The dark that parts a mark from what lies below, in both themes."""
    ink = QColor(tokens.DARK.window)
    ink.setAlphaF(max(0.0, min(1.0, alpha)))
    return ink


def tag(painter: QPainter, at: QPointF, text: str, strength: float = 1.0, ink: str = "text") -> None:
    """A small card with a line of text; `at` is its left edge, half way up."""
    painter.setFont(paint.font(tokens.BODY_PX, semibold=True))
    box = painter.fontMetrics().boundingRect(text).adjusted(-tokens.SPACE_S, -3, tokens.SPACE_S, 3).toRectF()
    box.moveTo(at.x(), at.y() - box.height() / 2)
    room = painter.window()
    box.moveLeft(max(2.0, min(box.left(), room.width() - box.width() - 2)))
    box.moveTop(max(2.0, min(box.top(), room.height() - box.height() - 2)))
    painter.setPen(QPen(paint.color("border", strength), 1))
    painter.setBrush(paint.color("panel", 0.92 * strength))
    painter.drawRoundedRect(box, tokens.RADIUS_PX, tokens.RADIUS_PX)
    painter.setPen(paint.color(ink, strength))
    painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)
