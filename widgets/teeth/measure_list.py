"""Measures before and now beside their norm: a row each, the deviation as a small bar."""

from dataclasses import dataclass

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from widgets import tokens
from widgets.paint import color, focus_ring, font

ROW_PX, HEAD_PX, BAR_PX = 22, 26, 46
REACH = 3.0  # standard deviations from the middle of the bar to its end


@dataclass(frozen=True)
class MeasureRow:
    """before, now: texts with units. z_before, z_now: deviation from the norm in standard deviations, None where there is no norm; note: why there
    is no number. A row with no texts at all is a heading."""

    id: str
    name: str
    before: str = ""
    now: str = ""
    z_before: float | None = None
    z_now: float | None = None
    tip: str = ""
    note: str = ""

    @property
    def heading(self) -> bool:
        return not (self.before or self.now or self.note)


class MeasureList(QWidget):
    """`set_rows` shows them; `chosen(id)` for a click, "" when the row is left again: its landmarks are drawn in the picture."""

    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Measures: before, now, norm")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.rows: tuple[MeasureRow, ...] = ()
        self.current, self._hover = "", -1

    def set_rows(self, rows: tuple[MeasureRow, ...]) -> None:
        self.rows = rows
        self.setFixedHeight(max(60, round(self._top(len(rows)) + tokens.SPACE_S)))
        self.setAccessibleDescription("; ".join(f"{row.name}: before {row.before}, now {row.now or row.note}" for row in rows if not row.heading))
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(300, self.height())

    def _top(self, k: int) -> float:
        return tokens.SPACE_XS + sum(HEAD_PX if row.heading else ROW_PX for row in self.rows[:k])

    def row_at(self, y: float) -> int:
        for k, row in enumerate(self.rows):
            if self._top(k) <= y < self._top(k) + (HEAD_PX if row.heading else ROW_PX):
                return k
        return -1

    def choose(self, name: str) -> None:
        """Shows a row as chosen, or none; announced."""
        self.current = "" if name == self.current else name
        self.chosen.emit(self.current)
        self.update()

    def mousePressEvent(self, event) -> None:  # noqa: N802
        k = self.row_at(event.position().y())
        if k >= 0 and not self.rows[k].heading:
            self.choose(self.rows[k].id)

    def mouseMoveEvent(self, event) -> None:  # noqa: N802
        k = self.row_at(event.position().y())
        if k != self._hover:
            self._hover = k
            self.update()

    def leaveEvent(self, event) -> None:  # noqa: N802
        self._hover = -1
        self.update()

    def keyPressEvent(self, event) -> None:  # noqa: N802
        step = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1}.get(event.key())
        names = [row.id for row in self.rows if not row.heading]
        if step and names:
            k = names.index(self.current) + step if self.current in names else 0
            self.current = ""
            self.choose(names[min(max(k, 0), len(names) - 1)])
        else:
            super().keyPressEvent(event)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip:
            k = self.row_at(event.pos().y())
            if k >= 0 and self.rows[k].tip:
                QToolTip.showText(event.globalPos(), self.rows[k].tip, self)
            return True
        return super().event(event)

    def paintEvent(self, event) -> None:  # noqa: N802
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for k, row in enumerate(self.rows):
            box = QRectF(tokens.SPACE_M, self._top(k), self.width() - 2 * tokens.SPACE_M, HEAD_PX if row.heading else ROW_PX)
            if row.heading:
                painter.setFont(font(tokens.CAPTION_PX, semibold=True))
                painter.setPen(color("muted"))
                painter.drawText(box.adjusted(0, 6, 0, 0), Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, row.name)
                if k == 0:
                    self._paint_heads(painter, box.adjusted(0, 6, 0, 0))
            else:
                self._paint_row(painter, row, box, k)
        if self.hasFocus():
            focus_ring(painter, QRectF(self.rect()))
        painter.end()

    def _columns(self, box: QRectF) -> tuple[QRectF, QRectF, QRectF, QRectF]:
        """Name, before, now, bar."""
        right = box.right() - BAR_PX
        return (QRectF(box.left(), box.top(), right - 104 - box.left(), box.height()), QRectF(right - 104, box.top(), 42, box.height()),
                QRectF(right - 62, box.top(), 60, box.height()), QRectF(right, box.top(), BAR_PX, box.height()))

    def _paint_heads(self, painter: QPainter, box: QRectF) -> None:
        _, before, now, bar = self._columns(box)
        for place, word in ((before, "before"), (now, "now")):
            painter.drawText(place, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, word)
        painter.drawText(bar, Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignVCenter, "norm")

    def _paint_row(self, painter: QPainter, row: MeasureRow, box: QRectF, k: int) -> None:
        if row.id == self.current or k == self._hover:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(color("accent" if row.id == self.current else "control", 0.18 if row.id == self.current else 1.0))
            painter.drawRoundedRect(box.adjusted(-6, 1, 6, -1), 4, 4)
        name, before, now, bar = self._columns(box)
        painter.setFont(font(tokens.CAPTION_PX))
        painter.setPen(color("muted" if row.note else "text"))
        words = painter.fontMetrics().elidedText(row.name, Qt.TextElideMode.ElideRight, int(name.width()))
        painter.drawText(name, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, words)
        if row.note:
            left = name.left() + painter.fontMetrics().horizontalAdvance(words) + 10
            rest = QRectF(left, before.top(), box.right() - left, before.height())
            words = painter.fontMetrics().elidedText(row.note, Qt.TextElideMode.ElideRight, int(rest.width()))
            painter.drawText(rest, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, words)
            return
        painter.setPen(color("muted"))
        painter.drawText(before, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, row.before.removesuffix(" mm").removesuffix(" %"))
        painter.setPen(color("text"))
        painter.drawText(now, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, row.now)
        if row.z_now is not None:
            self._paint_bar(painter, bar.adjusted(8, 0, 0, 0), row)

    def _paint_bar(self, painter: QPainter, bar: QRectF, row: MeasureRow) -> None:
        """The norm's plus and minus one standard deviation as a band, before as a ring, now as a dot."""
        middle, y = bar.center().x(), bar.center().y()
        half = bar.width() / 2 - 4
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color("control"))
        painter.drawRoundedRect(QRectF(bar.left(), y - 3, bar.width(), 6), 3, 3)
        painter.setBrush(color("good", 0.45))
        painter.drawRoundedRect(QRectF(middle - half / REACH, y - 3, 2 * half / REACH, 6), 3, 3)

        def place(z: float) -> QPointF:
            return QPointF(middle + min(max(z, -REACH), REACH) / REACH * half, y)

        if row.z_before is not None:
            painter.setPen(QPen(color("muted"), 1.2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawEllipse(place(row.z_before), 3, 3)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color("good" if abs(row.z_now) <= 1 else "warn" if abs(row.z_now) <= 2 else "bad"))
        painter.drawEllipse(place(row.z_now), 3.4, 3.4)
