"""Where the training stands, with its checkpoints as dots: a click goes back to one."""

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from widgets import tokens
from widgets.paint import color, focus_ring

NEAR_PX, DOT_PX = 9, 3.0


class Timeline(QWidget):
    """`rewound(step)` when a person picks a checkpoint before the present one; Left and Right choose, Enter goes there."""

    rewound = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Checkpoints")
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(tokens.CONTROL_PX)
        self.setMouseTracking(True)
        self.step, self.steps, self.checkpoints = 0, 1, ()
        self._chosen: int | None = None

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(160, tokens.CONTROL_PX)

    def show_step(self, step: int, steps: int, checkpoints: tuple[int, ...]) -> None:
        self.step, self.steps, self.checkpoints = step, max(1, steps), checkpoints
        if self._chosen not in checkpoints:
            self._chosen = None
        self.setAccessibleDescription(f"step {step} of {steps}")
        self.update()

    def _x(self, step: int) -> float:
        edge = tokens.SPACE_S
        return edge + min(1.0, step / self.steps) * (self.width() - 2 * edge)

    def at(self, x: float) -> int | None:
        """The checkpoint near x."""
        near = min(self.checkpoints, key=lambda step: abs(self._x(step) - x), default=None)
        return near if near is not None and abs(self._x(near) - x) <= NEAR_PX else None

    def _go(self, step: int | None) -> None:
        if step is not None and step < self.step:
            self.rewound.emit(step)

    def mousePressEvent(self, event) -> None:  # noqa: N802
        if event.button() == Qt.MouseButton.LeftButton:
            self._go(self.at(event.position().x()))

    def mouseMoveEvent(self, event) -> None:  # noqa: N802
        self._chosen = self.at(event.position().x())
        self.setCursor(Qt.CursorShape.PointingHandCursor if self._chosen is not None and self._chosen < self.step else Qt.CursorShape.ArrowCursor)
        self.update()

    def leaveEvent(self, event) -> None:  # noqa: N802
        self._chosen = None
        self.update()
        super().leaveEvent(event)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip:
            step = self.at(event.pos().x())
            text = "Dots are checkpoints: click one to go back to it" if step is None else f"Back to step {step:,}" if step < self.step else f"Step {step:,}"
            QToolTip.showText(event.globalPos(), text, self)
            return True
        return super().event(event)

    def keyPressEvent(self, event) -> None:  # noqa: N802
        step = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(event.key())
        if step and self.checkpoints:
            place = self.checkpoints.index(self._chosen) + step if self._chosen is not None else len(self.checkpoints) - 1
            self._chosen = self.checkpoints[min(max(place, 0), len(self.checkpoints) - 1)]
            self.setAccessibleDescription(f"checkpoint at step {self._chosen}")
            self.update()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._go(self._chosen)
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event) -> None:  # noqa: N802
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        middle, now = self.height() / 2, self._x(self.step)
        painter.setPen(Qt.PenStyle.NoPen)
        for ink, right in (("border", self._x(self.steps)), ("accent", now)):
            painter.setBrush(color(ink))
            painter.drawRoundedRect(QRectF(self._x(0), middle - 1.5, right - self._x(0), 3), 1.5, 1.5)
        for step in self.checkpoints:
            chosen = step == self._chosen
            painter.setPen(QPen(color("panel"), 1.5))
            painter.setBrush(color("text" if chosen else "accent"))
            radius = DOT_PX + (2 if chosen else 0)
            painter.drawEllipse(QPointF(self._x(step), middle), radius, radius)
        painter.setPen(QPen(color("panel"), 1.5))
        painter.setBrush(color("accent"))
        painter.drawRoundedRect(QRectF(now - 3, middle - 9, 6, 18), 3, 3)
        if self.hasFocus():
            focus_ring(painter, QRectF(self.rect()))
        painter.end()
