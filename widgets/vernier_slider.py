"""The signature control: a coefficient with a number, a unit, a reset, ticks with a meaning and a fine scale.

Everything adjustable in the program uses this one control. `Scale` says what the number means, `Track` is the painted
caliper, `VernierSlider` puts the number field, the unit and the reset above it.
"""

import math
from contextlib import suppress
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QBrush, QKeyEvent, QMouseEvent, QPainter, QPen, QWheelEvent
from PySide6.QtWidgets import QGridLayout, QLineEdit, QSizePolicy, QWidget

from widgets import tokens
from widgets.paint import Caption, GlyphButton, color, focus_ring, font

FINE = 10  # the second scale is ten times finer
_PAGE = 10
_AWAY_PX = 40  # dragging this far from the track switches to the fine scale
_KNOB = QSize(6, 18)


@dataclass(frozen=True)
class Scale:
    """What a slider's number means.

    `ticks` are (value, word) pairs; `sane` the range that is not hatched, with `reason` saying why the rest is;
    `log` spaces the track by factors (low > 0); `ends` replaces the number at the two ends by a word, "" keeps it.
    """

    low: float
    high: float
    default: float
    step: float = 1.0
    decimals: int = 0
    unit: str = ""
    ticks: tuple[tuple[float, str], ...] = ()
    sane: tuple[float, float] | None = None
    reason: str = ""
    log: bool = False
    ends: tuple[str, str] = ("", "")

    def position(self, value: float) -> float:
        """Where `value` lies on the track, 0..1."""
        value = min(max(value, self.low), self.high)
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def value(self, position: float) -> float:
        """The inverse of `position`, not rounded."""
        position = min(max(position, 0.0), 1.0)
        if self.log:
            return self.low * (self.high / self.low) ** position
        return self.low + position * (self.high - self.low)

    def moved(self, value: float, steps: float) -> float:
        """`value` after so many steps; on a log scale a step is a factor 1 + step."""
        return self.rounded(value * (1 + self.step) ** steps if self.log else value + steps * self.step)

    def rounded(self, value: float) -> float:
        """Inside the ends and with the number of decimals that is shown (significant figures on a log scale)."""
        if self.log and self.low < value < self.high:
            value = float(f"{value:.{self.decimals + 1}g}")
        elif not self.log:
            value = round(value, self.decimals)
        return min(max(value, self.low), self.high)

    def text(self, value: float) -> str:
        for end, word in zip((self.low, self.high), self.ends, strict=True):
            if word and value == end:
                return word
        if self.log and value >= 1000:
            return f"{value:,.0f}"
        return f"{value:.{self.decimals + 1}g}" if self.log else f"{value:.{self.decimals}f}"

    def parsed(self, text: str) -> float:
        """The typed number; also the words of the ends. ValueError for anything else."""
        word = text.strip().lower()
        for end, name in zip((self.low, self.high), self.ends, strict=True):
            if name and word == name.lower():
                return end
        word = word.replace(",", "") if self.log and self.high >= 1000 else word  # 5,000 is five thousand there
        number = float(word.replace(",", ".").replace("\N{MINUS SIGN}", "-"))
        if not math.isfinite(number):
            raise ValueError("not a finite number")
        return self.rounded(number)


class Track(QWidget):
    """The painted caliper: main scale, knob, and below it the fine scale while it is in use."""

    moved = Signal(float)
    held = Signal(bool)  # True from press to release of the mouse

    def __init__(self, scale: Scale, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.scale, self.value = scale, scale.default
        self.fine, self.ink = False, "accent"
        self._press: tuple[float, float] | None = None  # x and track position that the drag goes on from
        self._wheel = 0
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(self._height())
        self.setMouseTracking(True)

    def _height(self) -> int:
        return tokens.CONTROL_PX + (tokens.SPACE_M if any(word for _, word in self.scale.ticks) else 0)

    def set_value(self, value: float) -> None:
        self.value = value
        self.update()

    def _move(self, value: float) -> None:
        value = self.scale.rounded(value)
        if value != self.value:
            self.set_value(value)
            self.moved.emit(value)

    def _groove(self) -> QRectF:
        edge = tokens.SPACE_S
        return QRectF(edge, _KNOB.height() / 2 - 1, self.width() - 2 * edge, 4)

    def _x(self, value: float) -> float:
        groove = self._groove()
        return groove.left() + self.scale.position(value) * groove.width()

    def _set_fine(self, fine: bool) -> None:
        if fine != self.fine:
            self.fine = fine
            self.update()

    # mouse -----------------------------------------------------------------------------------------------------------
    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        if event.button() != Qt.MouseButton.LeftButton:
            return
        x = event.position().x()
        self._set_fine(bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier))
        self.held.emit(True)
        if not self.fine and abs(x - self._x(self.value)) > _KNOB.width():
            self._move(self._snapped((x - self._groove().left()) / self._groove().width()))
        self._press = (x, self.scale.position(self.value))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        if self._press is None:
            return
        where = event.position()
        fine = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier) or abs(where.y() - self.height() / 2) > _AWAY_PX
        if fine != self.fine:  # go on from here: the knob must not jump when the scale changes
            self._press = (where.x(), self.scale.position(self.value))
            self._set_fine(fine)
        from_x, from_position = self._press
        travel = (where.x() - from_x) / self._groove().width() / (FINE if fine else 1)
        self._move(self.scale.value(from_position + travel) if fine else self._snapped(from_position + travel))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        if self._press is not None and event.button() == Qt.MouseButton.LeftButton:
            self._press = None
            self._set_fine(False)
            self.held.emit(False)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        self._move(self.scale.default)

    def _snapped(self, position: float) -> float:
        """The coarse scale lands on whole steps, and on a tick with a meaning that is 3 px away."""
        groove = self._groove()
        for tick, _ in self.scale.ticks:
            if abs(self.scale.position(tick) - position) * groove.width() < 3:
                return tick
        value = self.scale.value(position)
        if self.scale.log or position <= 0 or position >= 1:
            return value
        return round(value / self.scale.step) * self.scale.step

    # wheel and keys --------------------------------------------------------------------------------------------------
    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802
        """A notch is a step. Without the focus the wheel belongs to the panel that scrolls."""
        if not self.hasFocus():
            return event.ignore()
        delta = event.angleDelta()
        self._wheel += delta.y() or delta.x()  # Shift turns the wheel sideways on some systems
        notches, self._wheel = int(self._wheel / 120), int(math.fmod(self._wheel, 120))
        if notches:
            self._step(notches, event.modifiers())
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        key, scale = event.key(), self.scale
        steps = {Qt.Key.Key_Right: 1, Qt.Key.Key_Up: 1, Qt.Key.Key_Left: -1, Qt.Key.Key_Down: -1,
                 Qt.Key.Key_PageUp: _PAGE, Qt.Key.Key_PageDown: -_PAGE}
        if key == Qt.Key.Key_Shift:
            self._set_fine(True)
        elif key in steps:
            self._step(steps[key], event.modifiers())
        elif key in (Qt.Key.Key_Home, Qt.Key.Key_End):
            self._move(scale.low if key == Qt.Key.Key_Home else scale.high)
        elif key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self._move(scale.default)
        else:
            super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        if event.key() == Qt.Key.Key_Shift and self._press is None:
            self._set_fine(False)
        super().keyReleaseEvent(event)

    def focusOutEvent(self, event) -> None:  # noqa: N802
        self._set_fine(False)
        super().focusOutEvent(event)

    def _step(self, steps: int, modifiers: Qt.KeyboardModifier) -> None:
        whole = self.scale.decimals == 0 and not self.scale.log  # a whole number has no tenths
        fine = bool(modifiers & Qt.KeyboardModifier.ShiftModifier) and not whole
        self._move(self.scale.moved(self.value, steps / FINE if fine else steps))

    # painting --------------------------------------------------------------------------------------------------------
    def paintEvent(self, event) -> None:  # noqa: N802
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        groove, enabled = self._groove(), self.isEnabled()
        ink = color(self.ink if enabled else "border")
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color("border", 0.7))
        painter.drawRoundedRect(groove, 2, 2)
        self._paint_hatched(painter, groove)
        start = self._x(self.scale.default) if self.scale.low < 0 < self.scale.high else groove.left()
        x = self._x(self.value)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(ink)
        painter.drawRoundedRect(QRectF(min(start, x), groove.top(), abs(x - start), groove.height()), 2, 2)
        self._paint_ticks(painter, groove)
        if self.fine:
            self._paint_fine(painter, groove, x)
        knob = QRectF(x - _KNOB.width() / 2, groove.center().y() - _KNOB.height() / 2, _KNOB.width(), _KNOB.height())
        painter.setPen(QPen(color("panel"), 1.5))
        painter.setBrush(ink)
        painter.drawRoundedRect(knob, 3, 3)
        if self.hasFocus():
            focus_ring(painter, knob.adjusted(-4, -1, 4, 1))
        painter.end()

    def _paint_hatched(self, painter: QPainter, groove: QRectF) -> None:
        if self.scale.sane is None:
            return
        painter.setBrush(QBrush(color("warn"), Qt.BrushStyle.BDiagPattern))
        low, high = (self._x(value) for value in self.scale.sane)
        for left, right in ((groove.left(), low), (high, groove.right())):
            if right - left > 1:
                painter.drawRect(QRectF(left, groove.top() - 3, right - left, groove.height() + 6))

    def _paint_ticks(self, painter: QPainter, groove: QRectF) -> None:
        painter.setFont(font(tokens.CAPTION_PX))
        free = -math.inf  # words never overlap: a word without room is left out, its tick stays
        marks = dict.fromkeys([self.scale.default], "") | dict(self.scale.ticks)
        for value, word in sorted(marks.items()):
            x = self._x(value)
            painter.setPen(QPen(color("muted"), 1.5))
            painter.drawLine(QPointF(x, groove.bottom() + 4), QPointF(x, groove.bottom() + 8))
            width = painter.fontMetrics().horizontalAdvance(word)
            left = min(max(x - width / 2, 0), self.width() - width)
            if word and left > free and not self.fine:
                painter.setPen(color("muted"))
                painter.drawText(QRectF(left, groove.bottom() + 8, width + 1, 16), Qt.AlignmentFlag.AlignLeft, word)
                free = left + width + tokens.SPACE_S

    def _paint_fine(self, painter: QPainter, groove: QRectF, x: float) -> None:
        """Ten divisions around the knob, as on the sliding jaw of a caliper."""
        top, pitch = groove.bottom() + 7, groove.width() / 40
        painter.setPen(QPen(color(self.ink, 0.9), 1.2))
        for mark in range(-5, 6):
            at = x + mark * pitch
            if groove.left() <= at <= groove.right():
                length = 9 if mark == 0 else 7 if abs(mark) == 5 else 4
                painter.drawLine(QPointF(at, top), QPointF(at, top + length))
        painter.drawLine(QPointF(max(x - 5 * pitch, groove.left()), top), QPointF(min(x + 5 * pitch, groove.right()), top))


class VernierSlider(QWidget):
    """One number with a name: label, number field, unit, reset above the track.

    `changed` carries every change a person makes (never `set_value`); `held` is True from press to release.
    """

    changed = Signal(float)
    held = Signal(bool)

    def __init__(self, name: str, scale: Scale, tip: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.name, self.scale = name, scale
        self.label = Caption(name, parent=self)
        self.note = Caption("", tokens.CAPTION_PX, "muted", parent=self)
        self.field = QLineEdit(self)
        self.field.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.field.setFixedSize(72, tokens.CONTROL_PX)
        self.field.setFont(font())
        self.unit = Caption(scale.unit, tokens.CAPTION_PX, "muted", parent=self)
        self.unit.setVisible(bool(scale.unit))
        self.reset = GlyphButton("reset", f"Reset {name}", f"Back to {scale.text(scale.default)}", parent=self)
        keep = self.reset.sizePolicy()
        keep.setRetainSizeWhenHidden(True)  # the row must not move when it appears
        self.reset.setSizePolicy(keep)
        self.track = Track(scale, self)
        self.label.setBuddy(self.field)

        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(tokens.SPACE_XS)
        grid.setVerticalSpacing(2)
        for column, widget in enumerate((self.label, self.note, self.field, self.unit, self.reset)):
            grid.addWidget(widget, 0, column)
        grid.setColumnStretch(1, 1)
        grid.addWidget(self.track, 1, 0, 1, 5)

        what = f"{scale.text(scale.low)} to {scale.text(scale.high)} {scale.unit}".strip()
        self.setToolTip("\n".join(filter(None, (tip, scale.reason,
                                                "Shift: ten times finer. Double click: back to the default."))))
        for widget in (self.track, self.field):
            widget.setAccessibleName(name)
            widget.setAccessibleDescription(f"{what}. {tip}".strip())
        self.setAccessibleName(name)

        self.track.moved.connect(self._on_moved)
        self.track.held.connect(self.held)
        self.field.editingFinished.connect(self._on_typed)
        self.reset.clicked.connect(lambda: self._propose(self.scale.default))
        self.set_value(scale.default)

    @property
    def value(self) -> float:
        return self.track.value

    def set_value(self, value: float) -> None:
        """Shows `value` without announcing it."""
        self.track.set_value(value)
        self._show(value)

    def set_scale(self, scale: Scale) -> None:
        """Other ticks, sane band or default; the value stays where the new ends allow it."""
        if scale != self.scale:
            self.scale = self.track.scale = scale
            self.set_value(self.value)

    def set_ink(self, ink: str) -> None:
        """Token of the track's colour: "accent" for side A, "second" for side B."""
        self.track.ink = ink
        self.track.update()

    def _show(self, value: float) -> None:
        self.field.setText(self.scale.text(value))
        self.reset.setVisible(value != self.scale.default)
        self.track.setAccessibleDescription(f"{self.scale.text(value)} {self.scale.unit}".strip())

    def _on_moved(self, value: float) -> None:
        self._show(value)
        self.changed.emit(value)

    def _propose(self, value: float) -> None:
        if value != self.value:
            self.set_value(value)
            self.changed.emit(value)

    def _on_typed(self) -> None:
        with suppress(ValueError):  # after nonsense the field shows the value that still holds
            self._propose(self.scale.parsed(self.field.text()))
        self._show(self.value)
