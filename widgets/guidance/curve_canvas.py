"""The painted half of the curve editor: two curves over the noise level with points to drag, on a caliper's scale.

Noise falls to the right, as sampling goes. gamma_1 is solid, gamma_0 dashed, their sum S thin; hatched where S is more than
0.1 from 1. The marks above the scale are the steps of the sampler.
"""

import math

from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QBrush, QPainter, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from engines.guidance import curves
from engines.guidance.request import CURVE_POINTS, Curve
from widgets import tokens
from widgets.guidance import catalog, points
from widgets.paint import color, font
from widgets.vernier_slider import FINE

ONE, ZERO = "\N{GREEK SMALL LETTER GAMMA}\N{SUBSCRIPT ONE}", "\N{GREEK SMALL LETTER GAMMA}\N{SUBSCRIPT ZERO}"
HEIGHT_PX, LEFT_PX, FOOT_PX, KNOB_PX, NEAR_PX = 196, 24, 34, 10, 9
LOW, HIGH = catalog.LOWEST, catalog.HIGHEST
APART = 1.03  # two points that are no jump stay this factor apart
VALUES = (-29.0, 30.0)
LEVEL_STEP, VALUE_STEP, PAGE = 1.1, 0.1, 10
DRAG_PX = 3  # pulling a curve so far makes a point of the place


def moved(curve: Curve, index: int, level: float, value: float) -> Curve:
    """Point `index` there, kept between its neighbours; both points of a jump move along the scale together."""
    first = last = index
    if index and _jump(curve, index - 1):
        first = index - 1
    elif _jump(curve, index):
        last = index + 1
    if index != first:
        level /= curves.STEP
    low = curve[first - 1][0] * APART if first else LOW
    high = curve[last + 1][0] / APART if last + 1 < len(curve) else HIGH
    level = min(max(float(f"{level:.3g}"), low), max(low, high if first == last else high / curves.STEP))
    value = min(max(round(value, 2), VALUES[0]), VALUES[1])
    result = list(curve)
    result[index] = (level, value)
    if first != last:
        result[first], result[last] = (level, result[first][1]), (level * curves.STEP, result[last][1])
    return tuple(result)


def _jump(curve: Curve, first: int) -> bool:
    return first + 1 < len(curve) and curve[first + 1][0] / curve[first][0] < (1 + APART) / 2


def added(curve: Curve, level: float) -> tuple[Curve, int]:
    """The curve with a point on it at a level, and the point's number; that of the point nearby where there is no room."""
    for k, (there, _) in enumerate(curve):
        if max(there / level, level / there) < APART or len(curve) == CURVE_POINTS:
            return curve, k
    point = (float(f"{level:.3g}"), round(curves.value_at(curve, level), 2))
    result = tuple(sorted((*curve, point)))
    return result, result.index(point)


def removed(curve: Curve, index: int) -> Curve:
    """Without a point; the last one stays."""
    return curve if len(curve) < 2 else curve[:index] + curve[index + 1 :]


class Canvas(QWidget):
    """`edited(curve_1, curve_0, text, gesture)`: gesture None for a change of one go; `held` from press to release."""

    edited = Signal(object, object, str, object)
    held = Signal(bool)
    chosen = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Curves over the noise level")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(HEIGHT_PX)
        self.setMouseTracking(True)
        self.curve_1, self.curve_0, self.gamma_1, self.ink = curves.constant(3.0)[0], (), 3.0, "accent"
        self.steps: tuple[float, ...] = ()
        self.selected = (1, 0)  # curve 1 or 0, and the point's number
        self._hover: tuple[int, int] | None = None
        self._press: tuple[QPointF, tuple[float, float]] | None = None  # where a drag goes on from: pointer and point
        self._armed: tuple[int, QPointF] | None = None  # a curve that was pressed beside its points
        self._fine, self._range = False, (-3.0, 4.0)

    # content ---------------------------------------------------------------------------------------------------------
    def show_curves(self, curve_1: Curve, curve_0: Curve, gamma_1: float, ink: str) -> None:
        """Shows the curves without announcing them."""
        self.curve_1, self.curve_0, self.gamma_1, self.ink = curve_1 or ((curves.MIDDLE, gamma_1),), curve_0, gamma_1, ink
        which, index = self.selected
        which = which if which or curve_0 else 1
        self.selected = which, min(index, len(self.curve(which)) - 1)
        if self._press is None:
            self._range = self._fitting()
        self.update()

    def curve(self, which: int) -> Curve:
        return self.curve_1 if which else self.curve_0

    def point(self) -> tuple[float, float]:
        """The selected point: noise level and value."""
        return self.curve(self.selected[0])[self.selected[1]]

    def place(self, level: float, value: float, text: str = "curve point", gesture: str | None = None) -> None:
        """The selected point goes there."""
        which, index = self.selected
        self._propose(which, moved(self.curve(which), index, level, value), text, gesture)

    def _propose(self, which: int, curve: Curve, text: str, gesture: str | None = None) -> None:
        if curve != self.curve(which):
            pair = (curve, self.curve_0) if which else (self.curve_1, curve)
            self.show_curves(*pair, self.gamma_1, self.ink)
            self.edited.emit(*pair, text, gesture)

    def _select(self, which: int, index: int) -> None:
        self.selected = which, index
        self.chosen.emit()
        self.update()

    def remove(self, which: int, index: int) -> None:
        self._propose(which, removed(self.curve(which), index), "remove curve point")
        self.chosen.emit()

    # geometry --------------------------------------------------------------------------------------------------------
    def _plot(self) -> QRectF:
        return QRectF(LEFT_PX, tokens.SPACE_S, self.width() - LEFT_PX - tokens.SPACE_S, self.height() - tokens.SPACE_S - FOOT_PX)

    def x(self, level: float) -> float:
        plot = self._plot()
        return plot.right() - math.log(min(max(level, LOW), HIGH) / LOW) / math.log(HIGH / LOW) * plot.width()

    def y(self, value: float) -> float:
        plot, (low, high) = self._plot(), self._range
        return plot.bottom() - (value - low) / (high - low) * plot.height()

    def at(self, where: QPointF) -> tuple[float, float]:
        """Noise level and value under a place."""
        plot, (low, high) = self._plot(), self._range
        part = min(max((plot.right() - where.x()) / plot.width(), 0.0), 1.0)
        value = low + (plot.bottom() - where.y()) / plot.height() * (high - low)
        return LOW * (HIGH / LOW) ** part, min(max(value, low), high)

    def spot(self, which: int, index: int) -> QPointF:
        level, value = self.curve(which)[index]
        return QPointF(self.x(level), self.y(value))

    def _fitting(self) -> tuple[float, float]:
        """A range of values with room to pull into."""
        values = [value for _, value in self.curve_1 + self.curve_0] + [self.gamma_1, 1.0]
        values += [] if self.curve_0 else [1 - value for value in values]
        room = max(1.0, (max(values) - min(values)) * 0.15)
        return max(VALUES[0], math.floor(min(values) - room * 0.5)), min(VALUES[1], math.ceil(max(values) + room))

    def _point_at(self, where: QPointF) -> tuple[int, int] | None:
        found = [((self.spot(which, k) - where).manhattanLength(), which, k) for which in (1, 0) for k in range(len(self.curve(which)))]
        near = min(found, key=lambda entry: (entry[0], -entry[1]))
        return near[1:] if near[0] <= 1.5 * NEAR_PX else None

    def _curve_at(self, where: QPointF) -> int | None:
        level = self.at(where)[0]
        for which in (1, 0):
            if self.curve(which) and abs(self.y(curves.value_at(self.curve(which), level)) - where.y()) <= NEAR_PX:
                return which
        return None

    # mouse -----------------------------------------------------------------------------------------------------------
    def mousePressEvent(self, event) -> None:  # noqa: N802
        where = event.position()
        point = self._point_at(where)
        if event.button() == Qt.MouseButton.RightButton and point is not None:
            self._select(*point)
            return self.remove(*point)
        if event.button() != Qt.MouseButton.LeftButton:
            return
        self._fine = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        if point is not None:
            self._select(*point)
            self._press = where, self.point()
            self.held.emit(True)
        elif (which := self._curve_at(where)) is not None:
            self._armed = which, where

    def mouseMoveEvent(self, event) -> None:  # noqa: N802
        where = event.position()
        if self._armed is not None and (where - self._armed[1]).manhattanLength() > DRAG_PX:
            (which, start), self._armed = self._armed, None
            curve, index = added(self.curve(which), self.at(start)[0])
            self._propose(which, curve, "curve", "curve")
            self._select(which, index)
            self._press = start, self.point()
            self.held.emit(True)
        if self._press is None:
            hover = self._point_at(where)
            line = self._curve_at(where) if hover is None else None
            self.setCursor(Qt.CursorShape.SizeAllCursor if hover else Qt.CursorShape.PointingHandCursor if line is not None else Qt.CursorShape.ArrowCursor)
            if hover != self._hover:
                self._hover = hover
                self.update()
            return
        fine = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        if fine != self._fine:  # go on from here: the point must not jump when the scale changes
            self._fine, self._press = fine, (where, self.point())
        start, (level, value) = self._press
        travel = (where - start) / (FINE if fine else 1)
        self.place(*self.at(QPointF(self.x(level), self.y(value)) + travel), "curve", "curve")

    def mouseReleaseEvent(self, event) -> None:  # noqa: N802
        self._armed = None
        if self._press is not None and event.button() == Qt.MouseButton.LeftButton:
            self._press, self._fine = None, False
            self._range = self._fitting()
            self.held.emit(False)
            self.update()

    def mouseDoubleClickEvent(self, event) -> None:  # noqa: N802
        where = event.position()
        which = self._curve_at(where)
        if self._point_at(where) is None and which is not None:
            curve, index = added(self.curve(which), self.at(where)[0])
            self._propose(which, curve, "add curve point")
            self._select(which, index)

    def leaveEvent(self, event) -> None:  # noqa: N802
        self._hover = None
        self.update()
        super().leaveEvent(event)

    # keys ------------------------------------------------------------------------------------------------------------
    def event(self, event) -> bool:
        """Tab goes from point to point before it leaves."""
        if event.type() == QEvent.Type.KeyPress and event.key() in (Qt.Key.Key_Tab, Qt.Key.Key_Backtab):
            places = [(which, k) for which in (1, 0) for k in reversed(range(len(self.curve(which))))]
            there = places.index(self.selected) + (1 if event.key() == Qt.Key.Key_Tab else -1)
            if 0 <= there < len(places):
                self._select(*places[there])
                return True
        return super().event(event)

    def keyPressEvent(self, event) -> None:  # noqa: N802
        key, (level, value) = event.key(), self.point()
        fine = FINE if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1
        up = {Qt.Key.Key_Up: 1, Qt.Key.Key_Down: -1, Qt.Key.Key_PageUp: PAGE, Qt.Key.Key_PageDown: -PAGE}
        right = {Qt.Key.Key_Right: -1, Qt.Key.Key_Left: 1}
        if key in up:
            self.place(level, value + up[key] * VALUE_STEP / fine, "curve", "curve")
        elif key in right:
            self.place(level * LEVEL_STEP ** (right[key] / fine), value, "curve", "curve")
        elif key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.remove(*self.selected)
        elif key == Qt.Key.Key_Insert:
            self._insert()
        elif key == Qt.Key.Key_Shift:
            self._fine = True
            self.update()
        else:
            super().keyPressEvent(event)

    def _insert(self) -> None:
        """A point half way from the selected one to its right neighbour, or to the end of the scale."""
        which, index = self.selected
        curve = self.curve(which)
        curve, index = added(curve, math.sqrt(curve[index][0] * (curve[index - 1][0] if index else LOW)))
        self._propose(which, curve, "add curve point")
        self._select(which, index)

    def keyReleaseEvent(self, event) -> None:  # noqa: N802
        if event.key() == Qt.Key.Key_Shift and self._press is None:
            self._fine = False
            self.update()
        super().keyReleaseEvent(event)

    def focusOutEvent(self, event) -> None:  # noqa: N802
        self._fine = False
        super().focusOutEvent(event)

    # painting --------------------------------------------------------------------------------------------------------
    def paintEvent(self, event) -> None:  # noqa: N802
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(font(tokens.CAPTION_PX))
        self._paint_values(painter)
        self._paint_sum(painter)
        if any(value != self.gamma_1 for _, value in self.curve_1):
            painter.setPen(QPen(color("muted", 0.7), 1, Qt.PenStyle.DotLine))
            painter.drawLine(QPointF(self._plot().left(), self.y(self.gamma_1)), QPointF(self._plot().right(), self.y(self.gamma_1)))
        self._paint_scale(painter)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for which in (0, 1):
            pen = QPen(color(self.ink, 1.0 if which or self.curve_0 else 0.6), 2)
            if not which:
                pen.setDashPattern([3, 2.5])
            painter.setPen(pen)
            painter.drawPolyline(self._line(lambda level, which=which: self._value(which, level)))
        for which in (0, 1):
            self._paint_points(painter, which)
        if self._press is not None:
            self._paint_readout(painter)
        painter.end()

    def _value(self, which: int, level: float) -> float:
        curve = self.curve(which)
        return curves.value_at(curve, level) if curve else 1 - curves.value_at(self.curve_1, level)

    def _levels(self) -> list[float]:
        """From left to right: both ends and every corner, which is all that straight lines need."""
        return sorted({LOW, HIGH} | {level for level, _ in self.curve_1 + self.curve_0}, reverse=True)

    def _line(self, value) -> QPolygonF:
        return QPolygonF([QPointF(self.x(level), self.y(value(level))) for level in self._levels()])

    def _paint_values(self, painter: QPainter) -> None:
        plot, (low, high) = self._plot(), self._range
        pitch = next(pitch for pitch in (1, 2, 5, 10, 20) if (high - low) / pitch <= 7)
        for value in range(math.ceil(low / pitch) * pitch, math.floor(high) + 1, pitch):
            y = round(self.y(value)) + 0.5
            painter.setPen(QPen(color("border", 0.9 if value == 0 else 0.4), 1))
            painter.drawLine(QPointF(plot.left(), y), QPointF(plot.right(), y))
            painter.setPen(color("muted"))
            text = str(value).replace("-", "\N{MINUS SIGN}")
            painter.drawText(QRectF(0, y - 8, LEFT_PX - 6, 16), Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, text)

    def _paint_sum(self, painter: QPainter) -> None:
        plot = self._plot()
        if self.curve_0:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QBrush(color("warn", 0.4), Qt.BrushStyle.BDiagPattern))
            for left, right in self.unsound():
                painter.drawRect(QRectF(left, plot.top(), right - left, plot.height()))
        painter.setPen(QPen(color("good"), 1.2))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.save()
        painter.setClipRect(plot)
        painter.drawPolyline(self._line(lambda level: self._value(1, level) + self._value(0, level)))
        painter.restore()

    def unsound(self) -> list[tuple[float, float]]:
        """Stretches in pixels where S is more than 0.1 from 1."""
        plot, stretches = self._plot(), []
        for x in range(math.ceil(plot.left()), math.floor(plot.right())):
            level = self.at(QPointF(x + 0.5, 0))[0]
            if abs(self._value(1, level) + self._value(0, level) - 1) > catalog.BAND + 1e-9:
                if stretches and stretches[-1][1] == x:
                    stretches[-1][1] = x + 1
                else:
                    stretches.append([x, x + 1])
        return [tuple(stretch) for stretch in stretches]

    def _paint_scale(self, painter: QPainter) -> None:
        """The caliper's main scale, the steps of the sampler above it, and the fine scale while it is in use."""
        plot = self._plot()
        groove = QRectF(plot.left(), plot.bottom() + 8, plot.width(), 4)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color("border", 0.7))
        painter.drawRoundedRect(groove, 2, 2)
        painter.setPen(QPen(color(self.ink, 0.8), 1))
        for level in self.steps:
            x = round(self.x(level)) + 0.5
            painter.drawLine(QPointF(x, groove.top() - 6), QPointF(x, groove.top() - 1))
        for value in (100, 10, 1, 0.1, 0.01):
            x = self.x(value)
            painter.setPen(QPen(color("muted"), 1.5))
            painter.drawLine(QPointF(x, groove.bottom() + 3), QPointF(x, groove.bottom() + 7))
            if not self._fine:
                text = f"{value:g}"
                width = painter.fontMetrics().horizontalAdvance(text)
                left = min(x - width / 2, self.width() - width)
                painter.drawText(QRectF(left, groove.bottom() + 7, width + 1, 14), Qt.AlignmentFlag.AlignLeft, text)
        if self._fine:
            x, pitch = self.spot(*self.selected).x(), groove.width() / 40
            painter.setPen(QPen(color(self.ink, 0.9), 1.2))
            for mark in range(-5, 6):
                length = 9 if mark == 0 else 7 if abs(mark) == 5 else 4
                painter.drawLine(QPointF(x + mark * pitch, groove.bottom() + 8), QPointF(x + mark * pitch, groove.bottom() + 8 + length))
            painter.drawLine(QPointF(x - 5 * pitch, groove.bottom() + 8), QPointF(x + 5 * pitch, groove.bottom() + 8))

    def _paint_points(self, painter: QPainter, which: int) -> None:
        for k in range(len(self.curve(which))):
            half = KNOB_PX / 2 + (1 if (which, k) == self._hover else 0)
            points.knob(painter, self.spot(which, k), half, self.ink, bool(which), (which, k) == self.selected, self.hasFocus())

    def _paint_readout(self, painter: QPainter) -> None:
        """The point's numbers beside it while it is dragged."""
        level, value = self.point()
        points.readout(painter, f"{ZERO if not self.selected[0] else ONE} {value:.2f}  at {level:.3g}", self.spot(*self.selected), self._plot())
