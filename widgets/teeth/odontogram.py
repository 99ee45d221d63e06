"""The odontogram: every tooth of both jaws in two rows, as the dentist sees the patient, to be clicked."""

from collections.abc import Iterable

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPainterPath, QPen
from PySide6.QtWidgets import QMenu, QSizePolicy, QToolTip, QWidget

from engines.teeth import fdi
from widgets import tokens
from widgets.paint import color, focus_ring, font
from widgets.teeth.words import numbered

ROW_PX, NUMBER_PX, GAP_PX = 40, 14, 8
MIDDLE_PX = 6  # between the patient's right and left
CROWN_PX = 17
# by place 1 to 8: width in shares of a place, height of the crown in CROWN_PX, length of the roots in px, and how many are seen
SHAPES = {True: ((.86, 1.0, 17, 1), (.70, .92, 17, 1), (.76, 1.0, 21, 1), (.72, .86, 17, 1), (.72, .82, 17, 1),
                 (.98, .78, 16, 3), (.94, .76, 15, 3), (.86, .70, 13, 2)),
          False: ((.58, .90, 16, 1), (.62, .92, 17, 1), (.70, 1.0, 20, 1), (.70, .88, 17, 1), (.72, .84, 17, 1),
                  (1.0, .78, 16, 2), (.96, .76, 15, 2), (.90, .70, 13, 2))}
# biting edges by place 1 to 6 and beyond: points in half widths and shares of the crown's height
_FLAT, _CUSP = ((-.8, 0), (.8, 0), (.86, .12)), ((0, -.04), (.86, .2))
EDGES = (_FLAT, _FLAT, _CUSP, _CUSP, _CUSP, ((-.5, 0), (-.05, .14), (.45, 0), (.86, .12)))
STATES = ("missing", "present", "moved", "locked", "extracted")


class Odontogram(QWidget):
    """`set_state` shows it; `picked(number, add)` for a click or a key (add: Ctrl or Shift), `asked(word, number)` from the menu of a tooth:
    lock, extract, reset, pair."""

    picked = Signal(int, bool)
    asked = Signal(str, int)
    renumbered = Signal(int, int)  # the number it has, the one it should have (0 = no tooth)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Odontogram")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(2 * (ROW_PX + NUMBER_PX) + GAP_PX)
        self._state: dict[int, str] = {}
        self._selected: tuple[int, ...] = ()
        self._warned: frozenset[int] = frozenset()
        self._notation, self._hover, self._cursor = "fdi", 0, 11

    def set_state(self, state: dict[int, str], selected: Iterable[int], warned: Iterable[int] = (), notation: str = "fdi") -> None:
        """state: number -> one of STATES (a permanent number that is not named is missing); warned: teeth with a collision."""
        self._state, self._selected, self._warned, self._notation = dict(state), tuple(selected), frozenset(warned), notation
        words = [f"{numbered(n, notation)} {what}" for n, what in self._state.items() if what not in ("present", "missing")]
        self.setAccessibleDescription(f"{sum(what != 'missing' for what in self._state.values())} teeth; " + (", ".join(words) or "none moved"))
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(300, self.height())

    # geometry --------------------------------------------------------------------------------------------------------
    def box(self, number: int) -> QRectF:
        """The place of a permanent tooth; a deciduous one has its successor's."""
        number = number - 40 if number > 50 else number
        upper = fdi.is_upper(number)
        k = (fdi.UPPER if upper else fdi.LOWER).index(number)
        pitch = (self.width() - MIDDLE_PX) / 16
        top = NUMBER_PX if upper else NUMBER_PX + ROW_PX + GAP_PX
        return QRectF(k * pitch + (MIDDLE_PX if k > 7 else 0), top, pitch, ROW_PX)

    def number_at(self, point: QPointF) -> int:
        """The tooth under a point, 0 beside all of them."""
        for number in fdi.PERMANENT:
            if self.box(number).adjusted(0, -NUMBER_PX if fdi.is_upper(number) else 0, 0, 0 if fdi.is_upper(number) else NUMBER_PX).contains(point):
                return self._here(number)
        return 0

    def _here(self, number: int) -> int:
        """What stands in a place: the permanent tooth, or the deciduous one where only that is there."""
        return number + 40 if number not in self._state and number + 40 in self._state else number

    def outline(self, number: int) -> tuple[QPainterPath, QPainterPath]:
        """Crown and roots seen from the lip or the cheek, the roots away from the other jaw."""
        box, upper = self.box(number), fdi.is_upper(number)
        place = fdi.place(number) - 1 + (2 if number > 50 and fdi.place(number) > 3 else 0)
        wide, high, long, count = SHAPES[upper][place]
        half, neck, away = box.width() * wide / 2, CROWN_PX * high, -1 if upper else 1
        edge, middle = (box.bottom() if upper else box.top()) + away, box.center().x()

        def at(x: float, y: float) -> QPointF:
            """x in half widths from the middle, y in px from the biting edge towards the root."""
            return QPointF(middle + x * half, edge + away * y)

        crown, roots = QPainterPath(at(-.72, neck)), QPainterPath()
        crown.cubicTo(at(-1.05, neck * .7), at(-1.05, neck * .3), at(-.86, neck * .12))
        for x, y in EDGES[min(place, 5)]:
            crown.lineTo(at(x, neck * y))
        crown.cubicTo(at(1.05, neck * .3), at(1.05, neck * .7), at(.72, neck))
        crown.quadTo(at(0, neck * 1.3), at(-.72, neck))
        for k in range(count):  # each from its share of the neck to a rounded tip
            left, right = -.7 + 1.4 * k / count, -.7 + 1.4 * (k + 1) / count
            tip = (left + right) / 2 * 1.1
            roots.moveTo(at(left, neck))
            roots.cubicTo(at(left, neck + long * .6), at(tip - .12, neck + long), at(tip, neck + long))
            roots.cubicTo(at(tip + .12, neck + long), at(right, neck + long * .6), at(right, neck))
        return crown, roots

    # mouse and keys --------------------------------------------------------------------------------------------------
    def mousePressEvent(self, event) -> None:  # noqa: N802
        number = self.number_at(event.position())
        if number and event.button() == Qt.MouseButton.LeftButton and self._there(number):
            self._cursor = number
            self.picked.emit(number, bool(event.modifiers() & (Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)))

    def contextMenuEvent(self, event) -> None:  # noqa: N802
        number = self.number_at(QPointF(event.pos())) if event.reason() == event.Reason.Mouse else self._cursor
        if not number or not self._there(number):
            return
        menu, what = QMenu(self), self._state[number]
        for word, text in (("lock", "Unlock" if what == "locked" else "Lock"), ("extract", "Put back" if what == "extracted" else "Extract"),
                           ("reset", "Reset to start"), ("pair", "Select with its mirror tooth")):
            menu.addAction(text, lambda word=word: self.asked.emit(word, number))
        numbers = menu.addMenu("This is tooth")
        row = fdi.UPPER if fdi.is_upper(number) else fdi.LOWER
        for other in row:
            numbers.addAction(f"{numbered(other, self._notation)}  {fdi.name(other)}", lambda other=other: self.renumbered.emit(number, other))
        numbers.addAction("no tooth", lambda: self.renumbered.emit(number, 0))
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(event.globalPos())

    def mouseMoveEvent(self, event) -> None:  # noqa: N802
        number = self.number_at(event.position())
        if number != self._hover:
            self._hover = number
            self.setCursor(Qt.CursorShape.PointingHandCursor if self._there(number) else Qt.CursorShape.ArrowCursor)
            self.update()

    def leaveEvent(self, event) -> None:  # noqa: N802
        self._hover = 0
        self.update()

    def keyPressEvent(self, event) -> None:  # noqa: N802
        upper = fdi.is_upper(self._cursor)
        base = self._cursor - 40 if self._cursor > 50 else self._cursor
        row = fdi.UPPER if upper else fdi.LOWER
        k = row.index(base)
        steps = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}
        if event.key() in steps:
            k = min(max(k + steps[event.key()], 0), 15)
        elif event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            row = fdi.UPPER if event.key() == Qt.Key.Key_Up else fdi.LOWER
        elif event.key() in (Qt.Key.Key_Space, Qt.Key.Key_Return):
            if self._there(self._cursor):
                self.picked.emit(self._cursor, bool(event.modifiers()))
            return
        else:
            return super().keyPressEvent(event)
        self._cursor = self._here(row[k])
        self.update()
        return None

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip:
            number = self.number_at(QPointF(event.pos()))
            if number:
                what = self._state.get(number, "missing")
                QToolTip.showText(event.globalPos(), f"{numbered(number, self._notation)}  {fdi.name(number)}, "
                                                     f"{'overlapping a neighbour, ' if number in self._warned else ''}{what}", self)
            return True
        return super().event(event)

    def _there(self, number: int) -> bool:
        return self._state.get(number, "missing") != "missing"

    # painting --------------------------------------------------------------------------------------------------------
    def paintEvent(self, event) -> None:  # noqa: N802
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for number in fdi.PERMANENT:
            self._paint_tooth(painter, self._here(number))
        painter.setPen(QPen(color("border"), 1))
        middle = self.box(21).left() - MIDDLE_PX / 2
        painter.drawLine(QPointF(middle, NUMBER_PX), QPointF(middle, self.height() - NUMBER_PX))
        if self.hasFocus():
            focus_ring(painter, self.box(self._cursor))
        painter.end()

    def _paint_tooth(self, painter: QPainter, number: int) -> None:
        what, selected = self._state.get(number, "missing"), number in self._selected
        crown, roots = self.outline(number)
        if what == "missing":
            painter.setPen(QPen(color("border"), 1, Qt.PenStyle.DotLine))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawPath(crown)
        else:
            ink = "accent" if selected else "text" if number == self._hover else "muted"
            painter.setPen(QPen(color(ink, 0.6), 1))
            painter.setBrush(color("accent", 0.2) if selected else color("control", 0.5))
            painter.drawPath(roots)
            painter.setPen(QPen(color(ink), 1.5 if selected else 1))
            painter.setBrush(color("panel"))  # no root shines through
            painter.drawPath(crown)
            painter.setBrush(color("accent", 0.45) if selected else color("control", 0.4 if what == "extracted" else 1.0))
            painter.drawPath(crown)
        box = crown.boundingRect()
        if what == "moved":
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(color("text" if selected else "accent"))
            painter.drawEllipse(box.center(), 2.6, 2.6)
        elif what == "locked":
            painter.setPen(QPen(color("text"), 1.2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            lock = QRectF(0, 0, 6, 4.5)
            lock.moveCenter(box.center() + QPointF(0, 1))
            painter.drawRect(lock)
            painter.drawArc(QRectF(lock.left() + 1, lock.top() - 3, 4, 6), 0, 180 * 16)
        elif what == "extracted":
            whole = box.united(roots.boundingRect())
            painter.setPen(QPen(color("bad"), 1.5))
            painter.drawLine(whole.topLeft(), whole.bottomRight())
            painter.drawLine(whole.topRight(), whole.bottomLeft())
        place = self.box(number)
        line = QRectF(place.left() - 4, place.top() - NUMBER_PX if fdi.is_upper(number) else place.bottom(), place.width() + 8, NUMBER_PX)
        if number in self._warned:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(color("bad"))
            painter.drawEllipse(QPointF(box.right() - 1, box.top() + 1), 2.4, 2.4)
        painter.setPen(color("accent" if selected else "text" if what not in ("missing", "extracted") else "border"))
        words = numbered(number, self._notation)
        painter.setFont(font(tokens.CAPTION_PX - (1 if len(words) < 3 else 2), semibold=selected))
        painter.drawText(line, Qt.AlignmentFlag.AlignCenter, words)
