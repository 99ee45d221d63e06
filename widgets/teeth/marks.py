"""Named points and lines on the teeth: landmarks, the occlusal plane, arch curves. Seen through whatever hides them, faintly."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QObject, QPointF, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPen

from widgets import paint, tokens
from widgets.teeth.gizmo_layer import seam, tag
from widgets.teeth.scene import TeethScene, jaw_of
from widgets.view_layers import Layer, Seen

POINT_PX, REACH_PX = 4.5, 9.0
HIDDEN_ALPHA = 0.3
PIECE_MM = 0.8  # lines are cut into pieces this long to find what is hidden


@dataclass(frozen=True)
class Mark:
    """A named point. xyz [3]: with a tooth's number in the start mesh's place, where it moves with the tooth; else in the world. ink: a token's name."""

    name: str
    xyz: tuple[float, float, float]
    number: int | None = None
    ink: str = "second"
    shown: str | None = None  # text beside it; None: its name while the mouse is on it
    jaw: str | None = None  # a point of the world that opens with this jaw


@dataclass(frozen=True)
class Line:
    """A line through points [N, 3], like Mark; closed joins its ends; text stands at its middle."""

    points: tuple[tuple[float, float, float], ...]
    number: int | None = None
    ink: str = "second"
    text: str = ""
    closed: bool = False
    width_px: float = 2.0
    jaw: str | None = None


class MarkSignals(QObject):
    moved = Signal(str, object, bool)  # name, [3] in the mark's own place, True at the end of the drag


class MarkLayer(Layer):
    """`set_marks` replaces all; with `draggable` a point can be drawn over its tooth's surface."""

    wants_depth = True

    def __init__(self, scene: TeethScene, surface: Callable[[float, float], tuple[object, np.ndarray] | None], update: Callable[[], None]) -> None:
        self.scene, self.signals, self.draggable = scene, MarkSignals(), False
        self._surface, self._update = surface, update  # surface: pixel -> (tooth number or None, point where it is seen)
        self.marks: tuple[Mark, ...] = ()
        self.lines: tuple[Line, ...] = ()
        self._hot: str | None = None
        self._held: Mark | None = None

    def set_marks(self, marks: Iterable[Mark] = (), lines: Iterable[Line] = ()) -> None:
        self.marks, self.lines = tuple(marks), tuple(lines)
        self._update()

    def placed(self, item: Mark | Line, points: np.ndarray) -> np.ndarray:
        """Where points of a mark or a line are seen."""
        matrix = np.eye(4)
        if item.number is not None and item.number in self.scene.poses:
            matrix = self.scene.placed(item.number)
        elif item.jaw is not None:
            matrix = self.scene.opening(item.jaw)
        return np.asarray(points, float).reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3]

    def _shown(self, item: Mark | Line) -> bool:
        jaw = jaw_of(item.number) if item.number is not None else item.jaw
        return (jaw is None or self.scene.shown_jaws in ("both", jaw)) and item.number not in self.scene.hidden

    def paint(self, painter: QPainter, seen: Seen) -> None:
        for line in self.lines:
            if self._shown(line) and len(line.points) > 1:
                self._line(painter, line, seen)
        marks = [mark for mark in self.marks if self._shown(mark)]
        if not marks:
            return
        points = np.concatenate([self.placed(mark, mark.xyz) for mark in marks])
        clear, flat = seen.visible(points), seen.project(points)
        for mark, visible, (x, y, depth) in zip(marks, clear, flat, strict=True):
            if depth > 0:
                hot = mark.name == self._hot
                dot(painter, QPointF(x, y), mark.ink, 1.0 if visible or hot else HIDDEN_ALPHA, POINT_PX + (1.5 if hot else 0))
                text = mark.shown if mark.shown is not None else (mark.name if hot else "")
                if text and (visible or hot):
                    tag(painter, QPointF(x + 10, y - 14), text)

    def _line(self, painter: QPainter, line: Line, seen: Seen) -> None:
        points = self.placed(line, np.array(line.points))
        if line.closed:
            points = np.concatenate([points, points[:1]])
        fine = dense(points)
        draw_line(painter, fine, line.ink, line.width_px, seen)
        if line.text:
            x, y, depth = seen.project(fine[len(fine) // 2])
            if depth > 0:
                tag(painter, QPointF(x + 8, y), line.text)

    # the mouse

    def _under(self, event: QMouseEvent, seen: Seen) -> Mark | None:
        at, best, found = event.position(), REACH_PX, None
        for mark in self.marks:
            if self._shown(mark):
                x, y, depth = seen.project(self.placed(mark, mark.xyz))[0]
                away = float(np.hypot(x - at.x(), y - at.y()))
                if depth > 0 and away < best:
                    best, found = away, mark
        return found

    def hover(self, event: QMouseEvent, seen: Seen) -> bool:
        mark = self._under(event, seen)
        name = mark.name if mark else None
        if name != self._hot:
            self._hot = name
            self._update()
        return False

    def press(self, event: QMouseEvent, seen: Seen) -> bool:
        self._held = self._under(event, seen) if self.draggable else None
        return self._held is not None

    def drag(self, event: QMouseEvent, seen: Seen) -> None:
        self._move(event, ended=False)

    def release(self, event: QMouseEvent, seen: Seen) -> None:
        self._move(event, ended=True)
        self._held = None

    def _move(self, event: QMouseEvent, ended: bool) -> None:
        mark = self._held
        found = self._surface(event.position().x(), event.position().y()) if mark is not None else None
        if mark is None or (found is None or mark.number not in (None, found[0])) and not ended:
            return
        current = next((one for one in self.marks if one.name == mark.name), mark)
        xyz = np.array(current.xyz)
        if found is not None and mark.number in (None, found[0]):
            matrix = np.linalg.inv(self.scene.placed(mark.number) if mark.number is not None else self.scene.opening(mark.jaw or "upper"))
            xyz = matrix[:3, :3] @ found[1] + matrix[:3, 3]
            moved = Mark(current.name, tuple(xyz.tolist()), current.number, current.ink, current.shown, current.jaw)
            self.marks = tuple(moved if one.name == mark.name else one for one in self.marks)
        self.signals.moved.emit(mark.name, xyz, ended)
        self._update()


def dot(painter: QPainter, at: QPointF, ink: str, strength: float, radius: float = POINT_PX) -> None:
    """A round mark in a token's colour with a dark seam."""
    colour = paint.color(ink, strength)
    painter.setPen(QPen(seam(0.6 * strength), 1.5))
    painter.setBrush(colour)
    painter.drawEllipse(at, radius, radius)
    painter.setPen(Qt.PenStyle.NoPen)
    shine = QColor(tokens.LIGHT.panel)
    shine.setAlphaF(0.55 * strength)
    painter.setBrush(shine)
    painter.drawEllipse(at - QPointF(radius * 0.3, radius * 0.3), radius * 0.3, radius * 0.3)


def draw_line(painter: QPainter, points: np.ndarray, ink: str, width: float, seen: Seen) -> None:
    """A line through close points [N, 3]: solid where it is seen, faint where something hides it."""
    flat, clear = seen.project(points), seen.visible(points)
    fine = np.isfinite(flat).all(-1)
    for strength, chosen in ((HIDDEN_ALPHA, ~clear), (1.0, clear)):
        pieces = [index for index in range(len(points) - 1) if chosen[index] and fine[index] and fine[index + 1]]
        for pen in (QPen(seam(0.45 * strength), width + 2), QPen(paint.color(ink, strength), width)):
            pen.setCapStyle(Qt.PenCapStyle.RoundCap if strength == 1.0 else Qt.PenCapStyle.FlatCap)
            painter.setPen(pen)
            for index in pieces:
                painter.drawLine(QPointF(*flat[index, :2]), QPointF(*flat[index + 1, :2]))


def dense(points: np.ndarray) -> np.ndarray:
    """The same line with no piece longer than PIECE_MM."""
    rows = [points[:1]]
    for start, end in zip(points[:-1], points[1:], strict=True):
        count = int(np.clip(np.ceil(np.linalg.norm(end - start) / PIECE_MM), 1, 400))
        rows.append(start + (end - start) * (np.arange(1, count + 1) / count)[:, None])
    return np.concatenate(rows)
