"""Painting data with the mouse: strokes become points, and the points become what the generators learn."""

from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QPainter, QPen
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from engines.gan.drawing import along
from engines.gan.request import FEWEST, MOST, check_drawing
from engines.job import EngineError
from widgets import tokens
from widgets.paint import Caption, color

SPACING, EDGE = 0.03, 0.999  # between two points of a stroke, in data units; nothing is painted beyond the second
DOT_PX = 3.0
Point = tuple[float, float]


class Canvas(QWidget):
    """A square of [-1, 1]^2 that is painted on. `changed` after every stroke."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Drawing")
        self.setAccessibleDescription("Press and drag to paint points")
        self.setCursor(Qt.CursorShape.CrossCursor)
        self.setMinimumSize(240, 240)
        self.strokes: list[list[Point]] = []
        self._raw: list[Point] = []

    def points(self) -> tuple[Point, ...]:
        return tuple(point for stroke in self.strokes for point in stroke)

    def _square(self) -> QRectF:
        side = min(self.width(), self.height()) - 2 * tokens.SPACE_S
        return QRectF((self.width() - side) / 2, (self.height() - side) / 2, side, side)

    def _point(self, at: QPointF) -> Point:
        box = self._square()
        x, y = 2 * (at.x() - box.left()) / box.width() - 1, 1 - 2 * (at.y() - box.top()) / box.height()
        return min(max(x, -EDGE), EDGE), min(max(y, -EDGE), EDGE)

    def mousePressEvent(self, event) -> None:  # noqa: N802
        if event.button() == Qt.MouseButton.LeftButton:
            self._raw = [self._point(event.position())]
            self.strokes.append(along(self._raw, SPACING))
            self.update()

    def mouseMoveEvent(self, event) -> None:  # noqa: N802
        if self._raw:
            self._raw.append(self._point(event.position()))
            self.strokes[-1] = along(self._raw, SPACING)
            self.update()

    def mouseReleaseEvent(self, event) -> None:  # noqa: N802
        if self._raw:
            self._raw = []
            self.changed.emit()

    def paintEvent(self, event) -> None:  # noqa: N802
        painter, box = QPainter(self), self._square()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(color("border"), 1))
        painter.setBrush(color("panel"))
        painter.drawRoundedRect(box, tokens.RADIUS_PX, tokens.RADIUS_PX)
        for share in (0.25, 0.5, 0.75):
            painter.setPen(QPen(color("border", 0.5), 1))
            painter.drawLine(QPointF(box.left() + share * box.width(), box.top()), QPointF(box.left() + share * box.width(), box.bottom()))
            painter.drawLine(QPointF(box.left(), box.top() + share * box.height()), QPointF(box.right(), box.top() + share * box.height()))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color("accent"))
        for x, y in self.points():
            painter.drawEllipse(QPointF(box.left() + (x + 1) / 2 * box.width(), box.top() + (1 - y) / 2 * box.height()), DOT_PX, DOT_PX)
        painter.end()


class Pad(QWidget):
    """`done(points)` when a person wants to train on the drawing, `left` to go back without."""

    done = Signal(tuple)
    left = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("stage")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAccessibleName("Paint your own data")
        self.canvas = Canvas()
        self._about = Caption("", tokens.CAPTION_PX, "muted")
        self._about.setWordWrap(True)
        self.use, self.undo, self.clear, back = (QPushButton(word) for word in ("Train on this", "Undo stroke", "Clear", "Back"))
        self.use.setObjectName("primary")
        back.setObjectName("quiet")
        back.setToolTip("Back to the points that were there (Esc)")
        self.use.clicked.connect(self._finish)
        self.undo.clicked.connect(self._undo)
        self.clear.clicked.connect(self._clear)
        back.clicked.connect(self.left)
        self.canvas.changed.connect(self._say)
        head = QHBoxLayout()
        head.addWidget(Caption("Paint your own data", tokens.SECTION_PX, semibold=True), 1)
        for button in (back, self.clear, self.undo, self.use):
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            head.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(tokens.SPACE_L, tokens.SPACE_M, tokens.SPACE_L, tokens.SPACE_L)
        column.setSpacing(tokens.SPACE_S)
        column.addLayout(head)
        column.addWidget(self._about)
        column.addWidget(self.canvas, 1)
        self._say()

    def begin(self, points: tuple[Point, ...]) -> None:
        """With the drawing there is, or an empty one."""
        self.canvas.strokes = [list(points)] if points else []
        self.canvas.update()
        self._say()

    def text(self) -> str:
        return self._about.text()

    def _say(self) -> None:
        count = len(self.canvas.points())
        self._about.set_ink("muted")
        self._about.setText("Press and drag: lines, dots, letters, anything. Both generators will learn to make such points." if not count else
                            f"{count:,} points" + ("" if count >= FEWEST else f", {FEWEST - count} more are needed"))
        for button in (self.undo, self.clear):
            button.setEnabled(count > 0)

    def _undo(self) -> None:
        self.canvas.strokes.pop()
        self.canvas.update()
        self._say()

    def _clear(self) -> None:
        self.begin(())

    def _finish(self) -> None:
        points = self.canvas.points()
        try:
            check_drawing(min(len(points), MOST))
        except EngineError as error:
            self._about.set_ink("warn")
            return self._about.setText(f"{error} {error.remedy}")
        self.done.emit(points[-MOST:])
