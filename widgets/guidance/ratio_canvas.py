"""The painted half of the ratio editor: tau / t of every network call over the steps, as points to drag up and down.

The line at 1 is where the network is told the noise level that the step really has; the last step stays on it. A stem says how
far a call was moved; small marks are the file's ratios where a hand has set others.
"""

import math

from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QPainter, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from engines.guidance.request import RATIO
from widgets import tokens
from widgets.guidance import points
from widgets.paint import color, font
from widgets.vernier_slider import FINE

HEIGHT_PX, LEFT_PX, FOOT_PX, MARGIN_PX = 148, 30, 20, 9
KNOB_PX, SMALL_PX, DENSE_PX = 5.0, 2.5, 9  # half a point's width; in a dense row
SPAN = 0.85, 1.15
STEP, PAGE, DECIMALS = 0.005, 10, 4
PITCHES = 0.05, 0.1, 0.2, 0.5


def moved(ratios: tuple[float, ...], index: int, value: float) -> tuple[float, ...]:
    """With one call's ratio there, held in the range that can be asked for; the last call's stays as it is."""
    if index >= len(ratios) - 1:
        return ratios
    return (*ratios[:index], min(max(round(value, DECIMALS), RATIO[0]), RATIO[1]), *ratios[index + 1 :])


class RatioCanvas(QWidget):
    """`edited(ratios, text, gesture)`: gesture None for a change of one go; `held` from press to release; `chosen` another point."""

    edited = Signal(object, str, object)
    held = Signal(bool)
    chosen = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Timestep ratios over the steps")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(HEIGHT_PX)
        self.setMouseTracking(True)
        self.ratios: tuple[float, ...] = (1.0,)
        self.filed: tuple[float, ...] = ()
        self.steps, self.ink, self.selected = 1, "accent", 0
        self._hover: int | None = None
        self._press: tuple[float, float] | None = None  # where a drag goes on from: pointer's y and the ratio
        self._fine, self._range = False, SPAN

    # content ---------------------------------------------------------------------------------------------------------
    def show_ratios(self, ratios: tuple[float, ...], filed: tuple[float, ...], steps: int, ink: str) -> None:
        """Shows them without announcing; `filed` are marked where they differ."""
        self.ratios, self.filed, self.steps, self.ink = ratios, filed if len(filed) == len(ratios) else (), steps, ink
        self.selected = min(self.selected, len(ratios) - 1)
        if self._press is None:
            self._range = self._fitting()
        self.update()

    def place(self, value: float, text: str = "timestep ratio", gesture: str | None = None) -> None:
        """The chosen call's ratio becomes `value`."""
        ratios = moved(self.ratios, self.selected, value)
        if ratios != self.ratios:
            self.show_ratios(ratios, self.filed, self.steps, self.ink)
            self.edited.emit(ratios, text, gesture)

    def select(self, index: int) -> None:
        self.selected = min(max(index, 0), len(self.ratios) - 1)
        self.chosen.emit()
        self.update()

    def value(self) -> float:
        return self.ratios[self.selected]

    def fixed(self, index: int) -> bool:
        """Whether a call is one of the last step, which is never moved."""
        return index >= len(self.ratios) - 1

    def word(self, index: int) -> str:
        """A call by its step: "step 3", "step 3, second call"."""
        twice = len(self.ratios) > self.steps
        step, second = (index // 2, index % 2) if twice else (index, 0)
        return f"step {step + 1}" + (", second call" if second else "")

    # geometry --------------------------------------------------------------------------------------------------------
    def _plot(self) -> QRectF:
        return QRectF(LEFT_PX, MARGIN_PX, self.width() - LEFT_PX - MARGIN_PX, self.height() - MARGIN_PX - FOOT_PX)

    def x(self, index: int) -> float:
        plot, last = self._plot(), max(1, len(self.ratios) - 1)
        return plot.left() + MARGIN_PX + index / last * (plot.width() - 2 * MARGIN_PX)

    def y(self, value: float) -> float:
        plot, (low, high) = self._plot(), self._range
        return plot.bottom() - (value - low) / (high - low) * plot.height()

    def spot(self, index: int) -> QPointF:
        return QPointF(self.x(index), self.y(self.ratios[index]))

    def _index_at(self, where: QPointF) -> int | None:
        """The call whose column is under a place."""
        if not self._plot().adjusted(-MARGIN_PX, -MARGIN_PX, MARGIN_PX, MARGIN_PX).contains(where):
            return None
        return min(range(len(self.ratios)), key=lambda k: abs(self.x(k) - where.x()))

    def _fitting(self) -> tuple[float, float]:
        """The usual range, or as wide as the ratios need, with room to pull into."""
        values = self.ratios + self.filed
        low, high = (round(edge, 2) for edge in (math.floor(min(values) * 20) / 20 - 0.05, math.ceil(max(values) * 20) / 20 + 0.05))
        return max(RATIO[0], min(SPAN[0], low)), min(RATIO[1], max(SPAN[1], high))

    # mouse -----------------------------------------------------------------------------------------------------------
    def mousePressEvent(self, event) -> None:  # noqa: N802
        index = self._index_at(event.position())
        if event.button() != Qt.MouseButton.LeftButton or index is None:
            return
        self.select(index)
        if not self.fixed(index):
            self._fine = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
            self._press = event.position().y(), self.value()
            self.held.emit(True)

    def mouseMoveEvent(self, event) -> None:  # noqa: N802
        where = event.position()
        if self._press is None:
            hover = self._index_at(where)
            shape = Qt.CursorShape.ArrowCursor if hover is None or self.fixed(hover) else Qt.CursorShape.SizeVerCursor
            self.setCursor(shape)
            if hover != self._hover:
                self._hover = hover
                self.update()
            return
        fine = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        if fine != self._fine:  # go on from here: the point must not jump when the scale changes
            self._fine, self._press = fine, (where.y(), self.value())
        start, value = self._press
        low, high = self._range
        travel = (start - where.y()) / (FINE if fine else 1) / self._plot().height() * (high - low)
        self.place(min(max(value + travel, low), high), "timestep ratio", "ratios")

    def mouseReleaseEvent(self, event) -> None:  # noqa: N802
        if self._press is not None and event.button() == Qt.MouseButton.LeftButton:
            self._press, self._fine = None, False
            self._range = self._fitting()
            self.held.emit(False)
            self.update()

    def mouseDoubleClickEvent(self, event) -> None:  # noqa: N802
        """Back to 1."""
        index = self._index_at(event.position())
        if index is not None and event.button() == Qt.MouseButton.LeftButton:
            self.select(index)
            self.place(1.0, "timestep ratio 1")

    def leaveEvent(self, event) -> None:  # noqa: N802
        self._hover = None
        self.update()
        super().leaveEvent(event)

    # keys ------------------------------------------------------------------------------------------------------------
    def keyPressEvent(self, event) -> None:  # noqa: N802
        key, fine = event.key(), FINE if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1
        up = {Qt.Key.Key_Up: 1, Qt.Key.Key_Down: -1, Qt.Key.Key_PageUp: PAGE, Qt.Key.Key_PageDown: -PAGE}
        to = {Qt.Key.Key_Left: self.selected - 1, Qt.Key.Key_Right: self.selected + 1, Qt.Key.Key_Home: 0, Qt.Key.Key_End: len(self.ratios)}
        if key in up:
            self.place(self.value() + up[key] * STEP / fine, "timestep ratio", "ratios")
        elif key in to:
            self.select(to[key])
        elif key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.place(1.0, "timestep ratio 1")
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event) -> None:  # noqa: N802
        self.update()
        super().focusInEvent(event)

    # painting --------------------------------------------------------------------------------------------------------
    def paintEvent(self, event) -> None:  # noqa: N802
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(font(tokens.CAPTION_PX))
        self._paint_values(painter)
        self._paint_steps(painter)
        dense = len(self.ratios) > 1 and self.x(1) - self.x(0) < DENSE_PX
        half = SMALL_PX if dense else KNOB_PX
        for k, value in enumerate(self.filed):
            if abs(value - self.ratios[k]) > 1e-4:
                painter.setPen(QPen(color("muted"), 1.5))
                painter.drawLine(QPointF(self.x(k) - half - 1, self.y(value)), QPointF(self.x(k) + half + 1, self.y(value)))
        for k in range(len(self.ratios)):
            spot = self.spot(k)
            painter.setPen(QPen(color(self.ink, 0.5), 2))
            painter.drawLine(QPointF(spot.x(), self.y(1.0)), spot)
        for k in range(len(self.ratios)):
            chosen = k == self.selected
            points.knob(painter, self.spot(k), half + (1 if k == self._hover or (dense and chosen) else 0), "muted" if self.fixed(k) else self.ink,
                        not self.fixed(k), chosen, self.hasFocus())
        if self._press is not None:
            points.readout(painter, f"{self.word(self.selected)}: {self.value():.4f}", self.spot(self.selected), self._plot())
        painter.end()

    def _paint_values(self, painter: QPainter) -> None:
        plot, (low, high) = self._plot(), self._range
        pitch = next((pitch for pitch in PITCHES if (high - low) / pitch <= 7), PITCHES[-1])
        for n in range(math.ceil(low / pitch - 1e-9), math.floor(high / pitch + 1e-9) + 1):
            value = n * pitch
            at_one = abs(value - 1) < 1e-9
            y = round(self.y(value)) + 0.5
            painter.setPen(QPen(color("muted" if at_one else "border", 0.9 if at_one else 0.4), 1))
            painter.drawLine(QPointF(plot.left(), y), QPointF(plot.right(), y))
            painter.setPen(color("text" if at_one else "muted"))
            painter.drawText(QRectF(0, y - 8, LEFT_PX - 5, 16), Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, f"{value:.3g}")

    def _paint_steps(self, painter: QPainter) -> None:
        """Numbers of the steps below, as many as have room."""
        plot, per = self._plot(), 2 if len(self.ratios) > self.steps else 1
        room = max(1, math.ceil(22 / max(1e-6, (self.x(1) - self.x(0)) * per))) if len(self.ratios) > 1 else 1
        pitch = next(pitch for pitch in (1, 2, 5, 10, 20, 50, 100, 1000) if pitch >= room)
        painter.setPen(color("muted"))
        for step in range(self.steps):
            if (step + 1) % pitch == 0:
                box = QRectF(self.x(step * per) - 16, plot.bottom() + 4, 32, 14)
                painter.drawText(box, Qt.AlignmentFlag.AlignCenter, str(step + 1))
