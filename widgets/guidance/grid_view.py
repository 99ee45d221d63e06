"""A grid painted in one widget: heads that stay in sight, cells that appear as they finish, hover enlarges, click chooses."""

import math

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetricsF, QImage, QPainter, QPainterPath, QPen
from PySide6.QtWidgets import QAbstractScrollArea, QFrame

from engines.guidance.grid import Cell
from engines.guidance.request import TOYS, GuidanceRequest
from engines.guidance.sheet import Legend, block
from widgets import tokens
from widgets.guidance.words import inks, legend
from widgets.image_view import to_qimage
from widgets.paint import color, focus_ring, font

GAP, PAD = tokens.SPACE_XS, tokens.SPACE_S
LEAST_PX, LARGE_PX, ROUNDED_PX = 56, 264, 40  # a cell is never smaller; grows no larger under the mouse; has round corners
MAGNIFY = 1.6  # how much a cell grows there
ZOOMS = (1.0, 8.0)
HERE = "now"  # the cell that has the settings in force
SHARP_FACTOR, SHARP_KEPT = 4, 1000  # enlargements up to this are drawn a little too large and reduced: equal pixels at any size; how many are kept


class GridView(QAbstractScrollArea):
    """`chosen(cell)` at a click or Enter, `pointed(cell or None)` as the mouse or the arrow keys move."""

    chosen = Signal(object)
    pointed = Signal(object)

    def __init__(self, parent=None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Grid of pictures")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.viewport().setMouseTracking(True)
        self.viewport().setAutoFillBackground(False)
        self.smooth = False
        self.zoom = 1.0
        self._request: GuidanceRequest | None = None
        self._legend = Legend("", (), "", ("",))
        self._cells: dict[tuple[int, int], Cell] = {}
        self._pictures: dict[tuple[int, int], tuple[Cell, QImage]] = {}
        self._sharp: dict[tuple[int, int], QImage] = {}
        self.heads, self._size = QSize(), (LEAST_PX, LEAST_PX)  # measured when the grid is laid out, read for every cell
        self._here: tuple[int, int] | None = None
        self._hover: tuple[int, int] | None = None
        self._pressed: tuple[int, int] | None = None
        self.current = (0, 0)

    # content ---------------------------------------------------------------------------------------------------------
    def show_grid(self, request: GuidanceRequest, cells: dict[tuple[int, int], Cell], names: tuple[str, ...], here: tuple[int, int] | None) -> None:
        """The axes of request.grid with the cells that are there; `here` is the cell of the settings in force."""
        grid = request.grid
        if self._request is None or (grid.rows, grid.columns) != (self._request.grid.rows, self._request.grid.columns):
            self.current, self._hover, self.zoom = here or (0, 0), None, 1.0
        shown = set(self._cells)
        before = (self._request, self._here, self._legend)
        self._request, self._cells, self._here, self._legend = request, dict(cells), here, legend(request, names)
        same = before == (request, here, self._legend) and self._pictures.keys() <= cells.keys()
        self._pictures = {place: held for place, held in self._pictures.items() if cells.get(place) is held[0]}
        for place, cell in cells.items():
            if cell.side is not None and place not in self._pictures:
                self._pictures[place] = (cell, to_qimage(np.ascontiguousarray(block(cell.side, inks(tokens.current()), LARGE_PX))))
        if self._hover in self._cells and self._hover not in shown:
            self.pointed.emit(self.cell(self._hover))  # it came while the pointer rested on its place
        self.setAccessibleDescription(f"{self._legend.title}: {grid.rows} rows, {grid.columns} columns, {len(cells)} cells drawn")
        if same:  # only new cells are painted: a large grid gets one every few milliseconds
            for place in cells.keys() - shown:
                self.viewport().update(self.box(place).toAlignedRect())
        else:
            self._lay_out()

    def set_smooth(self, smooth: bool) -> None:
        self.smooth = smooth
        self._lay_out()

    def cell(self, place: tuple[int, int] | None) -> Cell | None:
        return self._cells.get(place) if place is not None else None

    # geometry --------------------------------------------------------------------------------------------------------
    def _block(self) -> tuple[int, int]:
        """Images across and down a cell."""
        if self._request.a.model in TOYS:
            return 1, 1
        across = math.ceil(math.sqrt(self._request.grid.each))
        return across, -(-self._request.grid.each // across)

    def _measured_heads(self) -> QSize:
        """Room for the row heads on the left and the column heads above."""
        metrics = QFontMetricsF(font())
        widest = max((metrics.horizontalAdvance(word) for word in self._legend.rows), default=0)
        line = round(metrics.height())
        return QSize(round(widest) + (PAD if widest else 0) + (line + PAD if self._legend.y else 0), 2 * line + PAD)

    def cell_size(self) -> tuple[int, int]:
        """Width and height of a cell."""
        return self._size

    def _measured_size(self) -> tuple[int, int]:
        """As large as fits at zoom 1."""
        grid, heads, room = self._request.grid, self.heads, self.viewport().size()
        across, down = self._block()
        free = min((room.width() - heads.width() - GAP * grid.columns) / (grid.columns * across),
                   (room.height() - heads.height() - GAP * grid.rows) / (grid.rows * down))
        side = max(free * self.zoom, LEAST_PX / max(across, down))
        return int(side * across), int(side * down)

    def _lay_out(self) -> None:
        if self._request is None:
            return
        self.heads = self._measured_heads()
        self._size = width, height = self._measured_size()
        grid, heads, room = self._request.grid, self.heads, self.viewport().size()
        for bar, whole, seen in ((self.horizontalScrollBar(), heads.width() + grid.columns * (width + GAP), room.width()),
                                 (self.verticalScrollBar(), heads.height() + grid.rows * (height + GAP), room.height())):
            bar.setRange(0, max(0, whole - seen))
            bar.setPageStep(seen)
            bar.setSingleStep(height // 2)
        self.viewport().update()

    def _origin(self) -> QPointF:
        """Where the first cell's corner lies: the grid is centred when it fits, and scrolled when it does not."""
        width, height = self._size
        grid, heads, room = self._request.grid, self.heads, self.viewport().size()
        free_x = room.width() - heads.width() - grid.columns * (width + GAP) + GAP
        free_y = room.height() - heads.height() - grid.rows * (height + GAP) + GAP
        return QPointF(heads.width() + max(0, free_x // 2) - self.horizontalScrollBar().value(),
                       heads.height() + max(0, free_y // 2) - self.verticalScrollBar().value())

    def box(self, place: tuple[int, int]) -> QRectF:
        """The rectangle of a cell in the viewport."""
        (width, height), origin = self._size, self._origin()
        return QRectF(origin.x() + place[1] * (width + GAP), origin.y() + place[0] * (height + GAP), width, height)

    def place_at(self, where: QPointF) -> tuple[int, int] | None:
        """The cell under a point of the viewport."""
        if self._request is None or where.x() < self.heads.width() or where.y() < self.heads.height():
            return None
        (width, height), origin, grid = self._size, self._origin(), self._request.grid
        column, row = int((where.x() - origin.x()) // (width + GAP)), int((where.y() - origin.y()) // (height + GAP))
        inside = 0 <= row < grid.rows and 0 <= column < grid.columns and self.box((row, column)).contains(where)
        return (row, column) if inside else None

    # painting --------------------------------------------------------------------------------------------------------
    def paintEvent(self, event) -> None:  # noqa: N802
        painter = QPainter(self.viewport())
        painter.fillRect(self.viewport().rect(), color("window"))
        if self._request is None:
            return painter.end()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        heads, room = self.heads, self.viewport().rect()
        painter.save()
        painter.setClipRect(QRectF(heads.width() - 3, heads.height() - 3, room.width(), room.height()))
        for row in range(self._request.grid.rows):
            for column in range(self._request.grid.columns):
                box = self.box((row, column))
                if box.adjusted(-3, -3, 3, 3).intersects(QRectF(event.rect())):
                    self._paint_cell(painter, (row, column), box)
        painter.restore()
        if not QRectF(heads.width(), heads.height(), room.width(), room.height()).contains(QRectF(event.rect())):
            self._paint_heads(painter)
        if self._hover is not None and self._hover in self._pictures and 1.2 * max(self._size) < LARGE_PX:
            self._paint_large(painter, self._hover)
        painter.end()

    def _paint_cell(self, painter: QPainter, place: tuple[int, int], box: QRectF) -> None:
        cell = self._cells.get(place)
        radius = tokens.RADIUS_PX if box.width() > ROUNDED_PX else 2
        if place in self._pictures:
            self._paint_picture(painter, box, self._pictures[place][1], radius)
        else:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(color("control", 0.6 if cell is None else 1.0))
            painter.drawRoundedRect(box, radius, radius)
        if cell is not None and cell.side is None:
            painter.setPen(color("bad"))
            painter.setFont(font(tokens.CAPTION_PX))
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, "failed")
        if place == self._here:
            self._paint_tag(painter, box)
        if self.hasFocus() and place == self.current:
            focus_ring(painter, box.adjusted(-1, -1, 1, 1))

    def _paint_tag(self, painter: QPainter, box: QRectF) -> None:
        """Marks the cell of the settings in force: a word where there is room for one."""
        painter.setFont(font(tokens.CAPTION_PX, semibold=True))
        wide = painter.fontMetrics().horizontalAdvance(HERE) + PAD
        tag = QRectF(box.left() + 4, box.top() + 4, wide, 16) if box.width() > 2 * wide else QRectF(box.left() + 3, box.top() + 3, 9, 9)
        painter.setPen(QPen(color("window"), 1))
        painter.setBrush(color("accent"))
        painter.drawRoundedRect(tag, 4, 4)
        if box.width() > 2 * wide:
            painter.setPen(color("window"))
            painter.drawText(tag, Qt.AlignmentFlag.AlignCenter, HERE)

    def _paint_picture(self, painter: QPainter, box: QRectF, picture: QImage, radius: float) -> None:
        clip = QPainterPath()
        clip.addRoundedRect(box, radius, radius)
        painter.save()
        painter.setClipPath(clip, Qt.ClipOperation.IntersectClip)
        factor = math.ceil(box.width() * self.devicePixelRatioF() / picture.width())
        crisp = not self.smooth and self._request.a.model not in TOYS and factor > 1
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, not crisp or factor <= SHARP_FACTOR)
        painter.drawImage(box, self._enlarged(picture, factor) if crisp and factor <= SHARP_FACTOR else picture)
        painter.restore()

    def _enlarged(self, picture: QImage, factor: int) -> QImage:
        """Every pixel as factor x factor equal ones."""
        key = (picture.cacheKey(), factor)
        if key not in self._sharp:
            if len(self._sharp) > SHARP_KEPT:
                self._sharp.clear()
            self._sharp[key] = picture.scaled(picture.width() * factor, picture.height() * factor)
        return self._sharp[key]

    def _paint_heads(self, painter: QPainter) -> None:
        heads, room, origin, words = self.heads, self.viewport().rect(), self._origin(), self._legend
        width, height = self._size
        line = (heads.height() - PAD) / 2
        painter.fillRect(QRectF(0, 0, room.width(), heads.height() - 2), color("window"))
        painter.fillRect(QRectF(0, 0, heads.width() - 2, room.height()), color("window"))
        painter.setFont(font())
        top = max(0.0, min(origin.y() - heads.height(), room.height()))
        left = max(0.0, origin.x() - heads.width())
        here = self._here or (None, None)
        painter.save()
        painter.setClipRect(QRectF(heads.width() - 2 if origin.x() < heads.width() else 0, 0, room.width(), room.height()))
        for column, word in enumerate(words.columns):
            painter.setPen(color("accent" if column == here[1] else "text"))
            box = QRectF(origin.x() + column * (width + GAP), top + line, width, line)
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, painter.fontMetrics().elidedText(word, Qt.TextElideMode.ElideMiddle, width))
        painter.restore()
        painter.save()
        painter.setClipRect(QRectF(0, heads.height() - 2 if origin.y() < heads.height() else 0, room.width(), room.height()))
        for row, word in enumerate(words.rows):
            painter.setPen(color("accent" if row == here[0] else "text"))
            box = QRectF(left, origin.y() + row * (height + GAP), heads.width() - PAD, height)
            painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, word)
        painter.restore()
        painter.setPen(color("muted"))
        grid = self._request.grid
        x_span = QRectF(max(origin.x(), heads.width()), top, min(grid.columns * (width + GAP) - GAP, room.width() - heads.width()), line)
        painter.drawText(x_span, Qt.AlignmentFlag.AlignCenter, words.x)
        if words.y:
            middle = max(origin.y(), heads.height()) + min(grid.rows * (height + GAP) - GAP, room.height() - heads.height()) / 2
            painter.save()
            painter.translate(left + line / 2, middle)
            painter.rotate(-90)
            painter.drawText(QRectF(-room.height() / 2, -line / 2, room.height(), line), Qt.AlignmentFlag.AlignCenter, words.y)
            painter.restore()

    def _paint_large(self, painter: QPainter, place: tuple[int, int]) -> None:
        """The cell under the mouse, lifted and enlarged; the heads stay in sight."""
        box, picture, room, heads = self.box(place), self._pictures[place][1], self.viewport().rect(), self.heads
        scale = min(min(LARGE_PX, MAGNIFY * box.width(), room.width() - heads.width()) / picture.width(), (room.height() - heads.height()) / picture.height())
        width, height = picture.width() * scale, picture.height() * scale
        left = max(heads.width(), min(box.center().x() - width / 2, room.width() - width - 4))
        top = max(heads.height(), min(box.center().y() - height / 2, room.height() - height - 4))
        large = QRectF(round(left), round(top), width, height)
        painter.setPen(Qt.PenStyle.NoPen)
        for spread in (8, 5, 2):  # a soft shadow lifts it off the grid
            painter.setBrush(color("window", 0.3))
            painter.drawRoundedRect(large.adjusted(-spread, -spread, spread, spread), 10, 10)
        self._paint_picture(painter, large, picture, tokens.RADIUS_PX)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(color("accent"), 2))
        painter.drawRoundedRect(large, tokens.RADIUS_PX, tokens.RADIUS_PX)

    # mouse and keys --------------------------------------------------------------------------------------------------
    def viewportEvent(self, event: QEvent) -> bool:  # noqa: N802
        if event.type() == QEvent.Type.Leave:
            self._point(None)
        return super().viewportEvent(event)

    def mouseMoveEvent(self, event) -> None:  # noqa: N802
        place = self.place_at(event.position())
        self.viewport().setCursor(Qt.CursorShape.PointingHandCursor if place in self._pictures else Qt.CursorShape.ArrowCursor)
        self._point(place)

    def _point(self, place: tuple[int, int] | None) -> None:
        if place != self._hover:
            self._hover = place
            self.viewport().update()
            self.pointed.emit(self.cell(place))

    def mousePressEvent(self, event) -> None:  # noqa: N802
        self._pressed = self.place_at(event.position()) if event.button() == Qt.MouseButton.LeftButton else None

    def mouseReleaseEvent(self, event) -> None:  # noqa: N802
        place, self._pressed = self._pressed, None
        if place is not None and place == self.place_at(event.position()):
            self.current = place
            self._choose(place)

    def _choose(self, place: tuple[int, int]) -> None:
        if (cell := self.cell(place)) is not None and cell.side is not None:
            self.chosen.emit(cell)

    def keyPressEvent(self, event) -> None:  # noqa: N802
        steps = {Qt.Key.Key_Right: (0, 1), Qt.Key.Key_Left: (0, -1), Qt.Key.Key_Down: (1, 0), Qt.Key.Key_Up: (-1, 0)}
        if self._request is None:
            return super().keyPressEvent(event)
        grid = self._request.grid
        ends = {Qt.Key.Key_Home: (0, 0), Qt.Key.Key_End: (grid.rows - 1, grid.columns - 1)}
        if event.key() in steps or event.key() in ends:
            down, right = steps.get(event.key(), (0, 0))
            row, column = ends.get(event.key(), (self.current[0] + down, self.current[1] + right))
            self.current = min(max(row, 0), grid.rows - 1), min(max(column, 0), grid.columns - 1)
            self._reveal(self.current)
            self.pointed.emit(self.cell(self.current))
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._choose(self.current)
        elif event.key() in (Qt.Key.Key_Plus, Qt.Key.Key_Equal, Qt.Key.Key_Minus):
            self.set_zoom(self.zoom * (0.8 if event.key() == Qt.Key.Key_Minus else 1.25))
        else:
            super().keyPressEvent(event)

    def _reveal(self, place: tuple[int, int]) -> None:
        """Scrolls until a cell is in sight."""
        box, heads, room = self.box(place), self.heads, self.viewport().rect()
        for bar, low, high, first, last in ((self.horizontalScrollBar(), box.left(), box.right(), heads.width(), room.width()),
                                            (self.verticalScrollBar(), box.top(), box.bottom(), heads.height(), room.height())):
            if low < first:
                bar.setValue(bar.value() - round(first - low) - GAP)
            elif high > last:
                bar.setValue(bar.value() + round(high - last) + GAP)
        self.viewport().update()

    def wheelEvent(self, event) -> None:  # noqa: N802
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.set_zoom(self.zoom * 1.25 ** (event.angleDelta().y() / 120))
            return event.accept()
        super().wheelEvent(event)

    def set_zoom(self, zoom: float) -> None:
        """1 shows the whole grid, unless its cells would get too small to see."""
        self.zoom = min(max(zoom, ZOOMS[0]), ZOOMS[1])
        self._lay_out()

    def resizeEvent(self, event) -> None:  # noqa: N802
        super().resizeEvent(event)
        self._lay_out()

    def scrollContentsBy(self, dx: int, dy: int) -> None:  # noqa: N802
        self.viewport().update()

    def focusInEvent(self, event) -> None:  # noqa: N802
        super().focusInEvent(event)
        self.viewport().update()

    def focusOutEvent(self, event) -> None:  # noqa: N802
        super().focusOutEvent(event)
        self.viewport().update()

    def changeEvent(self, event) -> None:  # noqa: N802
        if event.type() == event.Type.PaletteChange and self._request is not None:
            held, self._pictures = self._pictures, {}
            for place, (cell, _) in held.items():
                self._pictures[place] = (cell, to_qimage(np.ascontiguousarray(block(cell.side, inks(tokens.current()), LARGE_PX))))
        super().changeEvent(event)
