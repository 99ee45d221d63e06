"""The atlas to look at and to click: hover reads it, a click or Enter takes the pair, arrows move a cursor."""

from dataclasses import replace

from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QMenu, QSizePolicy, QWidget

from engines.guidance.atlas import Atlas, AtlasTask, Pair
from engines.job import EngineError
from widgets.guidance import atlas_paint
from widgets.guidance.atlas_paint import Frame, Marks, Picture
from widgets.paint import focus_ring
from widgets.plots import forms_menu

SNAP_PX = 6  # so near to a measured point, or to CFG's line, the pointer means it
STEP_1, STEP_S, FINER = 0.1, 0.01, 0.1
FIGURE_PX = (1040, 540)
HOW = "Point to read the numbers, click to take the pair. Arrow keys move the cursor (Shift: finer), Enter takes it."


class AtlasMap(QWidget):
    """`pointed(pair or None)` while the pointer or the cursor moves; `adopted(gamma_1, S)` when a pair is taken."""

    pointed = Signal(object)
    adopted = Signal(float, float)
    saved = Signal(str)
    save_failed = Signal(EngineError)

    def __init__(self, large: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Atlas")
        self.setAccessibleDescription(HOW)  # no tip: it would lie over what the person reads
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding if large else QSizePolicy.Policy.Fixed)
        self.setMinimumSize(200, 220)
        self._large, self.task, self.picture, self.layer, self.marks, self.title = large, None, None, "shift", Marks(), "Atlas"
        self._pressed = False

    # content ---------------------------------------------------------------------------------------------------------
    def show_atlas(self, task: AtlasTask, atlas: Atlas | None, title: str) -> None:
        """A map, or the empty axes of one to come."""
        self.task, self.title = task, title
        self.picture = None if atlas is None or not atlas.points else Picture(atlas)
        self.update()

    def set_layer(self, layer: str) -> None:
        """One of atlas_paint.LAYERS."""
        self.layer = layer
        self.update()

    def set_places(self, here: Pair | None, recfg: Pair | None, trail: tuple[Pair, ...] = (), loose: bool = False) -> None:
        """Where the settings stand, and where ReCFG would at this strength, as (gamma_1, S); the trail of a curve, and whether the map
        holds for the settings only `loose`ly."""
        self.marks = Marks(here, recfg, self.marks.cursor, trail, loose)
        self.update()

    def frame(self) -> Frame:
        return Frame(QRectF(self.rect()), self.task)

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(560, 480) if self._large else QSize(288, 300)

    # painting --------------------------------------------------------------------------------------------------------
    def paintEvent(self, event) -> None:  # noqa: N802
        if self.task is None:
            return
        painter = QPainter(self)
        atlas_paint.paint(painter, QRectF(self.rect()), self.task, self.picture, self.layer, self.marks)
        if self.hasFocus():
            focus_ring(painter, self.frame().map.adjusted(-3, -3, 3, 3))

    # pointing --------------------------------------------------------------------------------------------------------
    def snapped(self, point: QPointF) -> tuple[float, float]:
        """The pair under a point: a measured one, or one on CFG's line, where it is near; else to two digits."""
        frame = self.frame()
        for found in self.picture.atlas.on_map() if self.picture else ():
            gap = frame.place(found.gamma_1, found.total) - point
            if abs(gap.x()) + abs(gap.y()) <= SNAP_PX:
                return found.gamma_1, found.total
        gamma_1, total = frame.pair(point)
        on_line = abs(frame.place(gamma_1, 1.0).y() - point.y()) <= SNAP_PX and frame.sums[0] <= 1 <= frame.sums[-1]
        return round(gamma_1, 2), 1.0 if on_line else round(total, 2)

    def _point(self, pair: tuple[float, float] | None) -> None:
        if pair != self.marks.cursor:
            self.marks = replace(self.marks, cursor=pair)
            self.pointed.emit(pair)
            self.update()

    def mouseMoveEvent(self, event) -> None:  # noqa: N802
        inside = self.task is not None and self.frame().map.adjusted(-2, -2, 2, 2).contains(event.position())
        self.setCursor(Qt.CursorShape.CrossCursor if inside else Qt.CursorShape.ArrowCursor)
        self._point(self.snapped(event.position()) if inside else None)

    def mousePressEvent(self, event) -> None:  # noqa: N802
        if event.button() == Qt.MouseButton.LeftButton and self.task is not None:
            self._pressed = self.frame().map.contains(event.position())

    def mouseReleaseEvent(self, event) -> None:  # noqa: N802
        if event.button() == Qt.MouseButton.LeftButton and self._pressed and self.frame().map.contains(event.position()):
            self.adopted.emit(*self.snapped(event.position()))
        self._pressed = False

    def leaveEvent(self, event) -> None:  # noqa: N802
        self._point(None)
        super().leaveEvent(event)

    def keyPressEvent(self, event) -> None:  # noqa: N802
        moves = {Qt.Key.Key_Left: (-STEP_1, 0), Qt.Key.Key_Right: (STEP_1, 0), Qt.Key.Key_Down: (0, -STEP_S), Qt.Key.Key_Up: (0, STEP_S)}
        at = self.marks.cursor or self.marks.here
        if event.key() in moves and self.task is not None:
            strengths, sums = self.task.axes()
            fine = FINER if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1.0
            step = moves[event.key()]
            gamma_1, total = at or (strengths[0], 1.0)
            self._point((min(strengths[-1], max(strengths[0], round(gamma_1 + step[0] * fine, 2))),
                         min(sums[-1], max(sums[0], round(total + step[1], 2)))))
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space) and self.marks.cursor:
            self.adopted.emit(*self.marks.cursor)
        else:
            super().keyPressEvent(event)

    def focusOutEvent(self, event) -> None:  # noqa: N802
        self._point(None)
        super().focusOutEvent(event)

    # files -----------------------------------------------------------------------------------------------------------
    def figure_name(self) -> str:
        return self.title

    def figure_size(self) -> QSize:
        return QSize(*FIGURE_PX)

    def paint_figure(self, painter: QPainter, box: QRect) -> None:
        atlas_paint.paint_figure(painter, box, self.picture, self.title, replace(self.marks, cursor=None))

    def table(self) -> tuple[list[str], list[list[object]]]:
        return self.picture.atlas.table()

    def has_numbers(self) -> bool:
        return self.picture is not None

    def menu(self) -> QMenu:
        return forms_menu(self, self.saved.emit, self.save_failed.emit)

    def contextMenuEvent(self, event) -> None:  # noqa: N802
        if self.has_numbers():
            self.menu().popup(event.globalPos())

    def changeEvent(self, event) -> None:  # noqa: N802
        if event.type() == event.Type.PaletteChange:
            self.update()
        super().changeEvent(event)


class Figure:
    """An atlas to save without a window."""

    def __init__(self, atlas: Atlas, title: str) -> None:
        self._atlas, self._title = atlas, title

    def figure_name(self) -> str:
        return self._title

    def figure_size(self) -> QSize:
        return QSize(*FIGURE_PX)

    def paint_figure(self, painter: QPainter, box: QRect) -> None:
        atlas_paint.paint_figure(painter, box, Picture(self._atlas), self._title, Marks())

    def table(self) -> tuple[list[str], list[list[object]]]:
        return self._atlas.table()
