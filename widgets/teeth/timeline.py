"""The treatment as a line from the start to the planned setup: a knob to scrub, play, the stages, and who moves when."""

from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import QPainter, QPen
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QWidget

from widgets import tokens
from widgets.paint import Caption, GlyphButton, color, focus_ring, font

PLAY_MS, STEPS_A_STAGE = 50, 4  # a stage passes in 0.2 s
ROW_PX, KNOB_W, KNOB_H = 7, 6, 18


@dataclass(frozen=True)
class Lane:
    """One jaw: spans are (first stage, last stage) of its teeth; warned are stages with a warning."""

    name: str
    spans: tuple[tuple[int, int], ...] = ()
    warned: tuple[int, ...] = ()


class Line(QWidget):
    """The painted line. `moved(place)`: 0 = start, `stages` = planned; whole numbers by the keys, anything between by the mouse."""

    moved = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Stage")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setToolTip("Drag to see the plan grow. Arrow keys: one stage. Home: start, End: planned.")
        self.setFixedHeight(2 * (ROW_PX + 3) + 34)
        self.stages, self.place, self.lanes = 1, 1.0, (Lane("Upper"), Lane("Lower"))

    def set_lanes(self, stages: int, lanes: tuple[Lane, Lane]) -> None:
        """Another staging; the place keeps its share of the way."""
        share = self.place / self.stages
        self.stages, self.lanes = max(1, stages), lanes
        self.place = share * self.stages
        self.update()

    def go(self, place: float) -> None:
        place = min(max(place, 0.0), float(self.stages))
        if place != self.place:
            self.place = place
            self.setAccessibleDescription(self.spoken())
            self.update()
            self.moved.emit(place)

    def spoken(self) -> str:
        if self.place <= 0:
            return "Start"
        if self.place >= self.stages:
            return "Planned"
        return f"Stage {self.place:.0f} of {self.stages}" if self.place == round(self.place) else f"Stage {self.place:.1f} of {self.stages}"

    def _groove(self) -> QRectF:
        return QRectF(KNOB_W, KNOB_H / 2 - 1.5, self.width() - 2 * KNOB_W, 3)

    def x(self, place: float) -> float:
        groove = self._groove()
        return groove.left() + place / self.stages * groove.width()

    def mousePressEvent(self, event) -> None:  # noqa: N802
        if event.button() == Qt.MouseButton.LeftButton:
            self._to(event.position().x())

    def mouseMoveEvent(self, event) -> None:  # noqa: N802
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._to(event.position().x())

    def _to(self, x: float) -> None:
        groove = self._groove()
        place = (x - groove.left()) / groove.width() * self.stages
        near = round(place)
        self.go(near if abs(self.x(near) - x) < 3 else place)

    def keyPressEvent(self, event) -> None:  # noqa: N802
        steps = {Qt.Key.Key_Right: 1, Qt.Key.Key_Left: -1, Qt.Key.Key_PageUp: 5, Qt.Key.Key_PageDown: -5}
        ends = {Qt.Key.Key_Home: 0, Qt.Key.Key_End: self.stages}
        if event.key() in steps:
            self.go(round(self.place) + steps[event.key()])
        elif event.key() in ends:
            self.go(ends[event.key()])
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event) -> None:  # noqa: N802
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        groove, x = self._groove(), self.x(self.place)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color("border"))
        painter.drawRoundedRect(groove, 1.5, 1.5)
        painter.setBrush(color("accent"))
        painter.drawRoundedRect(QRectF(groove.left(), groove.top(), x - groove.left(), groove.height()), 1.5, 1.5)
        painter.setPen(QPen(color("muted"), 1))
        every = next(step for step in (1, 2, 5, 10, 20, 50, 100, 1000) if groove.width() / self.stages * step >= 5)
        for stage in range(0, self.stages + 1, every):
            painter.drawLine(QPointF(self.x(stage), groove.bottom() + 3), QPointF(self.x(stage), groove.bottom() + (7 if stage % (5 * every) == 0 else 5)))
        for k, lane in enumerate(self.lanes):
            self._paint_lane(painter, lane, KNOB_H + 8 + k * (ROW_PX + 3))
        painter.setFont(font(tokens.CAPTION_PX - 1))
        painter.setPen(color("muted"))
        foot = QRectF(groove.left(), self.height() - 13, groove.width(), 13)
        painter.drawText(foot, Qt.AlignmentFlag.AlignLeft, "start")
        painter.drawText(foot, Qt.AlignmentFlag.AlignRight, "planned")
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color("text"))
        painter.drawRoundedRect(QRectF(x - KNOB_W / 2, 0, KNOB_W, KNOB_H), 2, 2)
        if self.hasFocus():
            focus_ring(painter, QRectF(self.rect()))
        painter.end()

    def _paint_lane(self, painter: QPainter, lane: Lane, top: float) -> None:
        """How many of the jaw's teeth move in each stage, as the strength of the colour; warnings as red ends."""
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color("control"))
        painter.drawRoundedRect(QRectF(self.x(0), top, self.x(self.stages) - self.x(0), ROW_PX), 2, 2)
        most = max(1, len(lane.spans))
        for stage in range(1, self.stages + 1):
            share = sum(first <= stage <= last for first, last in lane.spans) / most
            box = QRectF(self.x(stage - 1), top, self.x(stage) - self.x(stage - 1) + .3, ROW_PX)
            if share:
                painter.setBrush(color("accent", 0.15 + 0.6 * share))
                painter.drawRect(box)
            if stage in lane.warned:
                painter.setBrush(color("bad"))
                painter.drawRect(QRectF(box.left(), box.bottom() - 2, box.width(), 2))


class Timeline(QWidget):
    """Line, play button and words. `moved(place)` as Line's."""

    moved = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.line, self.play = Line(), GlyphButton("play", "Play", "Play the treatment from the start (P)", checkable=True)
        self.words = Caption("", tokens.CAPTION_PX, "muted")
        self.words.setMinimumWidth(92)
        row = QHBoxLayout(self)
        row.setContentsMargins(tokens.SPACE_L, tokens.SPACE_XS, tokens.SPACE_L, tokens.SPACE_XS)
        row.setSpacing(tokens.SPACE_S)
        row.addWidget(self.play, alignment=Qt.AlignmentFlag.AlignTop)
        row.addWidget(self.line, 1)
        row.addWidget(self.words, alignment=Qt.AlignmentFlag.AlignTop)
        self._clock = QTimer(self)
        self._clock.setInterval(PLAY_MS)
        self._clock.timeout.connect(self._tick)
        self.play.toggled.connect(self._toggle)
        self.line.moved.connect(self._on_moved)
        self._say()

    def set_lanes(self, stages: int, lanes: tuple[Lane, Lane]) -> None:
        self.line.set_lanes(stages, lanes)
        self._say()

    def to_planned(self) -> None:
        """The knob at the planned end, without playing; the place that editing happens in."""
        self.play.setChecked(False)
        self.line.go(self.line.stages)

    @property
    def share(self) -> float:
        """0 at the start, 1 at the planned end."""
        return self.line.place / self.line.stages

    def _toggle(self, on: bool) -> None:
        self.play.set_glyph("pause" if on else "play")
        if on:
            if self.line.place >= self.line.stages:
                self.line.go(0)
            self._clock.start()
        else:
            self._clock.stop()

    def _tick(self) -> None:
        self.line.go(self.line.place + max(1 / STEPS_A_STAGE, self.line.stages / 200))
        if self.line.place >= self.line.stages:
            self.play.setChecked(False)

    def _on_moved(self, place: float) -> None:
        self._say()
        self.moved.emit(place)

    def _say(self) -> None:
        self.words.setText(self.line.spoken())

    def hideEvent(self, event) -> None:  # noqa: N802
        self.play.setChecked(False)
        super().hideEvent(event)
