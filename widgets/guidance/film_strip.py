"""The film of the denoising: a picture per step above a caliper's scale, a knob to scrub, play and loop."""

from collections.abc import Callable

from PySide6.QtCore import QPointF, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import QImage, QPainter, QPen
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from engines.guidance.film import HOLD_MS, interval_ms
from widgets import tokens
from widgets.fields import Chips
from widgets.paint import Caption, GlyphButton, color, focus_ring, font

THUMB_PX, THUMB_OF_TWO_PX, GAP_PX, SCALE_PX = 52, 38, 4, 36
KNOB_W, KNOB_H = 6, 18
PAGE = 10
INKS = ("accent", "second")
KIND_ROWS = (("predicted", "Predicted", "The finished picture as the network saw it at each step"),
             ("noisy", "Noisy", "The picture that the next step starts from, noise and all"))


def _level(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}"


class Strip(QWidget):
    """The painted strip; `moved(step)` for every step a person goes to, `toggled` for play or pause."""

    moved = Signal(int)
    toggled = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Film strip")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setToolTip("Drag along the strip, or use the arrow keys. Space plays.")
        self.levels: tuple[float, ...] = ()
        self.step, self.rows, self.stale = 0, 1, False
        self._picture: Callable[[int, int], QImage | None] = lambda row, step: None
        self._cache: dict[tuple[int, int], QImage | None] = {}
        self._fit()

    def _fit(self) -> None:
        self.setFixedHeight(self._side() * self.rows + GAP_PX * (self.rows - 1) + SCALE_PX)

    def _side(self) -> int:
        return THUMB_PX if self.rows == 1 else THUMB_OF_TWO_PX

    def set_film(self, levels: tuple[float, ...], rows: int, picture: Callable[[int, int], QImage | None]) -> None:
        """A film of so many steps and sides; `picture(row, step)` is asked once for each one shown. The place is kept."""
        part = 1.0 if not self.levels else (self.step + 1) / len(self.levels)
        self.levels, self.rows, self._picture = levels, rows, picture
        self.step = min(max(round(part * len(levels)) - 1, 0), max(len(levels) - 1, 0))
        self._cache.clear()
        self.stale = False
        self._fit()
        self.update()

    def redraw(self) -> None:
        """Other pictures of the same steps."""
        self._cache.clear()
        self.update()

    def set_stale(self, stale: bool) -> None:
        """The film is that of an earlier request: it fades until the next one is there."""
        self.stale = stale
        self.update()

    def go(self, step: int) -> None:
        """To a step inside the film, and says so."""
        step = min(max(step, 0), len(self.levels) - 1)
        if self.levels and step != self.step:
            self.step = step
            self.setAccessibleDescription(f"Step {step + 1} of {len(self.levels)}, noise level {_level(self.levels[step])}")
            self.update()
            self.moved.emit(step)

    # geometry --------------------------------------------------------------------------------------------------------
    def slots(self) -> list[int]:
        """The steps that have a picture in the strip, evenly chosen where not all fit."""
        steps = len(self.levels)
        fits = max(1, min(steps, int(self.width() // (self._side() * 0.72 + GAP_PX))))
        return [int((k + 0.5) / fits * steps) for k in range(fits)] if steps else []

    def x(self, step: int) -> float:
        return (step + 0.5) / max(1, len(self.levels)) * self.width()

    def _at(self, x: float) -> int:
        return int(x / max(1, self.width()) * len(self.levels))

    # mouse and keys --------------------------------------------------------------------------------------------------
    def mousePressEvent(self, event) -> None:  # noqa: N802
        if event.button() == Qt.MouseButton.LeftButton:
            self.go(self._at(event.position().x()))

    def mouseMoveEvent(self, event) -> None:  # noqa: N802
        if event.buttons() & Qt.MouseButton.LeftButton:
            self.go(self._at(event.position().x()))

    def wheelEvent(self, event) -> None:  # noqa: N802
        if not self.hasFocus():
            return event.ignore()
        self.go(self.step + (1 if event.angleDelta().y() < 0 else -1))
        event.accept()

    def keyPressEvent(self, event) -> None:  # noqa: N802
        ends = {Qt.Key.Key_Home: 0, Qt.Key.Key_End: len(self.levels) - 1}
        steps = {Qt.Key.Key_Right: 1, Qt.Key.Key_Up: 1, Qt.Key.Key_Left: -1, Qt.Key.Key_Down: -1, Qt.Key.Key_PageDown: PAGE, Qt.Key.Key_PageUp: -PAGE}
        if event.key() in steps:
            self.go(self.step + steps[event.key()])
        elif event.key() in ends:
            self.go(ends[event.key()])
        elif event.key() == Qt.Key.Key_Space:
            self.toggled.emit()
        else:
            super().keyPressEvent(event)

    def changeEvent(self, event) -> None:  # noqa: N802
        if event.type() == event.Type.PaletteChange:
            self.redraw()  # a toy's small pictures are in the theme's colours
        super().changeEvent(event)

    # painting --------------------------------------------------------------------------------------------------------
    def paintEvent(self, event) -> None:  # noqa: N802
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.setOpacity(0.4 if self.stale else 1.0)
        slots = self.slots()
        if slots:
            pitch, nearest = self.width() / len(slots), min(slots, key=lambda step: abs(step - self.step))
            for k, step in enumerate(slots):
                self._paint_slot(painter, k, pitch, step, step == nearest)
            self._paint_scale(painter, slots, pitch)
        painter.end()

    def _paint_slot(self, painter: QPainter, k: int, pitch: float, step: int, current: bool) -> None:
        side = min(float(self._side()), pitch - GAP_PX)
        for row in range(self.rows):
            if (row, step) not in self._cache:
                self._cache[row, step] = self._picture(row, step)
            box = QRectF(round((k + 0.5) * pitch - side / 2), row * (self._side() + GAP_PX) + (self._side() - side), side, side)
            painter.fillRect(box, color("control"))
            if (image := self._cache[row, step]) is not None:
                painter.drawImage(box, image)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(color(INKS[row] if current else "border"), 2 if current else 1))
            painter.drawRect(box.adjusted(1, 1, -1, -1) if current else box.adjusted(0.5, 0.5, -0.5, -0.5))

    def _paint_scale(self, painter: QPainter, slots: list[int], pitch: float) -> None:
        groove = QRectF(0, self.height() - SCALE_PX + 11, self.width(), 4)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color("border", 0.7))
        painter.drawRoundedRect(groove, 2, 2)
        painter.setBrush(color("accent"))
        at = self.x(self.step)
        painter.drawRoundedRect(QRectF(0, groove.top(), at, groove.height()), 2, 2)
        painter.setFont(font(tokens.CAPTION_PX))
        free = -1.0
        for k, step in enumerate(slots):
            x, text = (k + 0.5) * pitch, _level(self.levels[step])
            painter.setPen(QPen(color("muted"), 1.5))
            painter.drawLine(QPointF(x, groove.bottom() + 3), QPointF(x, groove.bottom() + 6))
            width = painter.fontMetrics().horizontalAdvance(text)
            left = min(max(x - width / 2, 0), self.width() - width)
            if left > free:
                painter.drawText(QRectF(left, groove.bottom() + 6, width + 1, 14), Qt.AlignmentFlag.AlignLeft, text)
                free = left + width + tokens.SPACE_XS
        knob = QRectF(min(max(at - KNOB_W / 2, 0), self.width() - KNOB_W), groove.center().y() - KNOB_H / 2, KNOB_W, KNOB_H)
        painter.setPen(QPen(color("window"), 1.5))
        painter.setBrush(color("accent"))
        painter.drawRoundedRect(knob, 3, 3)
        if self.hasFocus():
            focus_ring(painter, knob.adjusted(-4, -1, 4, 1))


class FilmStrip(QWidget):
    """Strip, buttons and caption. `moved(step)`, `kind_changed`, `save_asked`, `left`."""

    moved = Signal(int)
    kind_changed = Signal(str)
    save_asked = Signal()
    left = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.strip = Strip(self)
        self.play = GlyphButton("play", "Play the film", "Play or pause (space, or P)", parent=self)
        self.loop = GlyphButton("loop", "Loop", "Begin again at the end", checkable=True, parent=self)
        self.loop.setChecked(True)
        self.caption = Caption("", tokens.CAPTION_PX, "muted", parent=self)
        self.kind = Chips("Film of", KIND_ROWS, columns=2)
        self.kind.setFixedWidth(180)
        self.kind.set_value("predicted")
        self.save = GlyphButton("save", "Save film", "Save the film as GIF, MP4 or PNG pictures\N{HORIZONTAL ELLIPSIS}", parent=self)
        close = GlyphButton("close", "Close the film", "Back to the history (F or Esc)", parent=self)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._tick)
        head = QHBoxLayout()
        head.setSpacing(tokens.SPACE_XS)
        for part in (self.play, self.loop, self.caption):
            head.addWidget(part)
        head.addStretch(1)
        for part in (self.kind, self.save, close):
            head.addWidget(part)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(tokens.SPACE_XS)
        column.addLayout(head)
        column.addWidget(self.strip)
        self.play.clicked.connect(self.toggle)
        self.strip.toggled.connect(self.toggle)
        self.strip.moved.connect(self._on_moved)
        self.kind.changed.connect(self._on_kind)
        self.save.clicked.connect(self.save_asked)
        close.clicked.connect(self.left)

    def show_film(self, levels: tuple[float, ...], rows: int, picture: Callable[[int, int], QImage | None], images: bool) -> None:
        """A film of images, which has a noisy version, or of points."""
        self.strip.set_film(levels, rows, picture)
        self.kind.setVisible(images)
        self._name()

    def wait(self) -> None:
        """No film fits what is shown; the next one is being drawn."""
        self.strip.set_stale(True)
        self.caption.setText("drawing every step")

    def playing(self) -> bool:
        return self._timer.isActive()

    def toggle(self) -> None:
        """Play, from the beginning where the film had ended, or pause."""
        if self.playing():
            return self.stop()
        if self.strip.levels:
            if self.strip.step == len(self.strip.levels) - 1:
                self.strip.go(0)
            self._set_playing(interval_ms(len(self.strip.levels)))

    def stop(self) -> None:
        self._timer.stop()
        self.play.set_glyph("play")

    def _set_playing(self, wait_ms: int) -> None:
        self.play.set_glyph("pause")
        self._timer.start(wait_ms)

    def _tick(self) -> None:
        steps = len(self.strip.levels)
        if self.strip.step < steps - 1:
            self.strip.go(self.strip.step + 1)
        elif self.loop.isChecked():
            self.strip.go(0)
        else:
            return self.stop()
        self._set_playing(HOLD_MS if self.strip.step == steps - 1 else interval_ms(steps))

    def _on_moved(self, step: int) -> None:
        self._name()
        self.moved.emit(step)

    def _on_kind(self, kind: str) -> None:
        self.kind_changed.emit(kind)
        self.strip.redraw()

    def _name(self) -> None:
        levels, step = self.strip.levels, self.strip.step
        self.caption.setText(f"step {step + 1} of {len(levels)}, noise level {_level(levels[step])}" if levels else "")

    def hideEvent(self, event) -> None:  # noqa: N802
        self.stop()
        super().hideEvent(event)
