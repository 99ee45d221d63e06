"""Both arches from above: teeth as dots, the curve with handles to drag, its widths as numbers."""

from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from widgets import tokens
from widgets.paint import color, focus_ring, font

MARGIN_PX, HANDLE_PX = 18, 5
FINE = 10


@dataclass(frozen=True)
class ArchWidth:
    """A line across the arch between two landmarks: as long as the measure of that name; curve_mm: if both teeth stood on the curve, None where that is
    the same."""

    name: str
    right: tuple[float, float]
    left: tuple[float, float]
    now_mm: float
    curve_mm: float | None = None

    def text(self) -> str:
        return f"{self.name} {self.now_mm:.1f}" + (f" \N{RIGHTWARDS ARROW} {self.curve_mm:.1f} mm" if self.curve_mm is not None else " mm")


@dataclass(frozen=True, eq=False)
class ArchPicture:
    """x, y in mm seen from above (x to the patient's left, y backwards). teeth: number -> (x, y) of its crown's centre now; curve [N, 2]; handles."""

    teeth: dict[int, tuple[float, float]]
    curve: np.ndarray
    handles: tuple[tuple[float, float], ...]
    widths: tuple[ArchWidth, ...] = ()


class ArchCanvas(QWidget):
    """`dragged(k, x, y)` while handle k moves, `held` from press to release. The front of the mouth is at the top, the patient's right on the left."""

    dragged = Signal(int, float, float)
    held = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Arch form")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(210)
        self.setMouseTracking(True)
        self.setToolTip("Drag a handle; Shift: ten times finer. Arrow keys move the chosen one by 0.1 mm. "
                        "Widths are between the cusp tips, as in Measures: now, and with both teeth on the curve.")
        self.picture: ArchPicture | None = None
        self._chosen, self._hover, self._last = -1, -1, QPointF()
        self._view = QRectF(-32, -3, 64, 56)

    def show_arch(self, picture: ArchPicture | None) -> None:
        if picture is not None and self._chosen < 0 or self.picture is None:
            self._fit(picture)
        self.picture = picture
        self.update()

    def _fit(self, picture: ArchPicture | None) -> None:
        """The view holds still while a handle is dragged."""
        if picture is None or not len(picture.curve):
            return
        low, high = picture.curve.min(0), picture.curve.max(0)
        self._view = QRectF(low[0], low[1], *(high - low))

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(300, self.height())

    def _scale(self) -> float:
        return min((self.width() - 2 * MARGIN_PX) / self._view.width(), (self.height() - 2 * MARGIN_PX) / self._view.height())

    def at(self, x: float, y: float) -> QPointF:
        """A place in the mouth on the widget."""
        centre, k = self._view.center(), self._scale()
        return QPointF(self.width() / 2 + (x - centre.x()) * k, self.height() / 2 + (y - centre.y()) * k)

    def _handle_at(self, point: QPointF) -> int:
        if self.picture is None:
            return -1
        far = [(self.at(x, y) - point).manhattanLength() for x, y in self.picture.handles]
        return int(np.argmin(far)) if far and min(far) < 14 else -1

    def mousePressEvent(self, event) -> None:  # noqa: N802
        k = self._handle_at(event.position())
        if k >= 0 and event.button() == Qt.MouseButton.LeftButton:
            self._chosen, self._last = k, event.position()
            self.held.emit(True)
            self.update()

    def mouseMoveEvent(self, event) -> None:  # noqa: N802
        if self._chosen >= 0 and event.buttons() & Qt.MouseButton.LeftButton and self.picture is not None:
            fine = FINE if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1
            step = (event.position() - self._last) / self._scale() / fine
            self._last = event.position()
            self._move(step.x(), step.y())
        else:
            hover = self._handle_at(event.position())
            if hover != self._hover:
                self._hover = hover
                self.setCursor(Qt.CursorShape.SizeAllCursor if hover >= 0 else Qt.CursorShape.ArrowCursor)
                self.update()

    def mouseReleaseEvent(self, event) -> None:  # noqa: N802
        if event.button() == Qt.MouseButton.LeftButton and self._chosen >= 0:
            self.held.emit(False)

    def _move(self, dx: float, dy: float) -> None:
        x, y = self.picture.handles[self._chosen]
        self.dragged.emit(self._chosen, x + dx, y + dy)

    def keyPressEvent(self, event) -> None:  # noqa: N802
        steps = {Qt.Key.Key_Left: (-.1, 0), Qt.Key.Key_Right: (.1, 0), Qt.Key.Key_Up: (0, -.1), Qt.Key.Key_Down: (0, .1)}
        if event.key() == Qt.Key.Key_Space and self.picture is not None and self.picture.handles:
            self._chosen = (self._chosen + 1) % len(self.picture.handles)
            self.update()
        elif event.key() in steps and self.picture is not None and 0 <= self._chosen < len(self.picture.handles):
            self._move(*steps[event.key()])
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event) -> None:  # noqa: N802
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color("control", 0.5))
        painter.drawRoundedRect(QRectF(self.rect()), tokens.RADIUS_PX, tokens.RADIUS_PX)
        if self.picture is not None:
            self._paint(painter, self.picture)
        else:
            painter.setFont(font(tokens.CAPTION_PX))
            painter.setPen(color("muted"))
            painter.drawText(QRectF(self.rect()).adjusted(24, 0, -24, 0), Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap,
                             "The curve appears when this jaw has teeth enough to lay it through.")
        if self.hasFocus():
            focus_ring(painter, QRectF(self.rect()))
        painter.end()

    def _paint(self, painter: QPainter, picture: ArchPicture) -> None:
        middle = self.at(0, 0).x()
        painter.setPen(QPen(color("border"), 1, Qt.PenStyle.DashLine))
        painter.drawLine(QPointF(middle, 6), QPointF(middle, self.height() - 6))
        painter.setFont(font(tokens.CAPTION_PX - 1))
        for width in picture.widths:
            left, right = self.at(*width.right), self.at(*width.left)  # the patient's right is on the left
            painter.setPen(QPen(color("muted", 0.6), 1))
            painter.drawLine(left, right)
            painter.setPen(color("muted"))
            box = QRectF(left.x(), (left.y() + right.y()) / 2 + 1, right.x() - left.x(), 14)
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, width.text())
        painter.setPen(QPen(color("accent"), 1.8))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPolyline(QPolygonF([self.at(x, y) for x, y in picture.curve]))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color("text", 0.75))
        for x, y in picture.teeth.values():
            painter.drawEllipse(self.at(x, y), 2.6, 2.6)
        for k, (x, y) in enumerate(picture.handles):
            painter.setPen(QPen(color("accent"), 1.5))
            painter.setBrush(color("accent") if k in (self._chosen, self._hover) else color("panel"))
            painter.drawEllipse(self.at(x, y), HANDLE_PX, HANDLE_PX)
