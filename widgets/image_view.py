"""A grid of equal images: crisp or smooth, hover enlarges, click opens one, dragging one out of the window saves it.

The grid can hold a second set of the same images and show both: wiped at a divider, flipped, or as their difference.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PySide6.QtCore import QMimeData, QPointF, QRectF, Qt, QUrl, Signal
from PySide6.QtGui import QDrag, QImage, QPainter, QPainterPath, QPen, QPixmap
from PySide6.QtWidgets import QApplication, QMenu, QSizePolicy, QWidget

from widgets import tokens
from widgets.paint import color, focus_ring, font

_GAP = tokens.SPACE_XS
_MAGNIFY = 1.6  # a hovered image grows by this factor
_BIG_ENOUGH_PX = 200  # images already this large do not grow


def to_qimage(image: np.ndarray) -> QImage:
    """uint8 [H, W, C] with C in 1, 3, 4 as an image that owns its pixels."""
    h, w, c = image.shape
    form = {1: QImage.Format.Format_Grayscale8, 3: QImage.Format.Format_RGB888, 4: QImage.Format.Format_RGBA8888}[c]
    return QImage(np.ascontiguousarray(image).tobytes(), w, h, w * c, form).copy()


def difference(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """How far B lies from A, per pixel: grey = equal, orange = B brighter, blue = A brighter. uint8 [N, H, W, 3].

    The sign is that of the mean over the channels; the strength is the largest channel's difference, doubled.
    """
    gap = b.astype(np.int16) - a.astype(np.int16)
    strength = np.minimum(np.abs(gap).max(-1, keepdims=True) * 2, 255) / 255.0
    ground = np.array(color("control").getRgb()[:3], float)
    up, down = (np.array(color(name).getRgb()[:3], float) for name in ("second", "accent"))
    target = np.where(gap.mean(-1, keepdims=True) >= 0, up, down)
    return np.rint(ground + strength * (target - ground)).astype(np.uint8)


def columns_for(count: int, width: float, height: float, whole: int = 0) -> int:
    """The number of columns that makes `count` squares largest inside width x height, with the fewest empty places.

    `whole` > 0: squares grow in whole multiples of so many pixels.
    """
    def merit(columns: int) -> tuple[float, ...]:
        rows = -(-count // columns)
        free = min((width - _GAP * (columns - 1)) / columns, (height - _GAP * (rows - 1)) / rows)
        side = free // whole * whole if whole and free >= 2 * whole else free
        return side, -(-count % columns), free, -columns
    return max(range(1, count + 1), key=merit)


class ImageGrid(QWidget):
    """Images uint8 [N, H, W, C] as the largest grid of squares that fits.

    `exporter(index) -> Path | None` writes the file that a drag out of the window hands over.
    """

    opened = Signal(int)
    copy_asked = Signal(int)
    save_asked = Signal(int)

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(160, 160)
        self.exporter: Callable[[int], Path | None] = lambda index: None
        self.smooth, self.empty_text = False, "No samples yet"
        self.mix = "a"  # "a", "b", "wipe" or "difference"
        self.divider = 0.5
        self.images: np.ndarray | None = None
        self._sheets: dict[str, list[QImage]] = {}
        self._hover = self._current = -1
        self._press: QPointF | None = None
        self._wiping = False

    # content ---------------------------------------------------------------------------------------------------------
    def set_images(self, a: np.ndarray | None, b: np.ndarray | None = None) -> None:
        """Shows A, and B where the mix asks for it; b of another shape than a is left out."""
        self.images = a
        self._sheets = {"a": [] if a is None else [to_qimage(image) for image in a]}
        if a is not None and b is not None and a.shape == b.shape:
            self._sheets["b"] = [to_qimage(image) for image in b]
            self._sheets["difference"] = [to_qimage(image) for image in difference(a, b)]
        self._current = min(self._current, self.count() - 1)
        self._hover = min(self._hover, self.count() - 1)
        self.setAccessibleDescription(f"{self.count()} images")
        self.update()

    def set_mix(self, mix: str) -> None:
        self.mix = mix
        self.update()

    def set_smooth(self, smooth: bool) -> None:
        self.smooth = smooth
        self.update()

    def current(self) -> int:
        """The image last clicked or reached by the arrow keys, -1 before that."""
        return self._current

    def count(self) -> int:
        return len(self._sheets.get("a", ()))

    def _shown(self) -> list[QImage]:
        return self._sheets.get(self.mix) or self._sheets.get("a", [])

    # geometry --------------------------------------------------------------------------------------------------------
    def _columns(self) -> int:
        return columns_for(self.count(), self.width(), self.height(), 0 if self.smooth else self._shown()[0].width())

    def cell(self, index: int) -> QRectF:
        """Where image `index` lies, in widget pixels; the grid is centred."""
        columns = self._columns()
        rows = -(-self.count() // columns)
        side = min((self.width() - _GAP * (columns - 1)) / columns, (self.height() - _GAP * (rows - 1)) / rows)
        pixels = self._shown()[0].width()
        if not self.smooth and side >= pixels:
            side = side // pixels * pixels if side >= 2 * pixels else side  # whole pixels stay square
        left = (self.width() - columns * (side + _GAP) + _GAP) / 2
        top = (self.height() - rows * (side + _GAP) + _GAP) / 2
        return QRectF(round(left + index % columns * (side + _GAP)), round(top + index // columns * (side + _GAP)), side, side)

    def index_at(self, where: QPointF) -> int:
        """The image under `where`, or -1."""
        return next((k for k in range(self.count()) if self.cell(k).contains(where)), -1)

    def area(self) -> QRectF:
        """The rectangle of all images."""
        last = self.count() - 1
        return self.cell(0).united(self.cell(last)).united(self.cell(min(last, self._columns() - 1))) if last >= 0 else QRectF()

    # painting --------------------------------------------------------------------------------------------------------
    def paintEvent(self, event) -> None:  # noqa: N802
        painter = QPainter(self)
        if not self.count():
            painter.setPen(color("muted"))
            painter.setFont(font())
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, self.empty_text)
            painter.end()
            return
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, self.smooth)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        shown = self._shown()
        for k, image in enumerate(shown):
            self._draw(painter, self.cell(k), image)
        if self.mix == "wipe" and "b" in self._sheets:
            self._paint_wipe(painter)
        elif 0 <= self._hover < len(shown) and self.cell(self._hover).width() < _BIG_ENOUGH_PX:
            self._paint_hovered(painter, shown[self._hover])
        if self.hasFocus() and 0 <= self._current < self.count():
            focus_ring(painter, self.cell(self._current).adjusted(-2, -2, 2, 2))
        painter.end()

    def _draw(self, painter: QPainter, box: QRectF, image: QImage) -> None:
        clip = QPainterPath()
        clip.addRoundedRect(box, tokens.RADIUS_PX, tokens.RADIUS_PX)
        painter.save()
        painter.setClipPath(clip, Qt.ClipOperation.IntersectClip)
        painter.drawImage(box, image)
        painter.restore()

    def _paint_wipe(self, painter: QPainter) -> None:
        area = self.area()
        x = self.divider_x()
        painter.save()
        painter.setClipRect(QRectF(x, 0, self.width() - x, self.height()))
        for k, image in enumerate(self._sheets["b"]):
            self._draw(painter, self.cell(k), image)
        painter.restore()
        painter.setPen(QPen(color("text"), 2))
        painter.drawLine(QPointF(x, area.top()), QPointF(x, area.bottom()))
        grip = QRectF(x - 11, area.center().y() - 11, 22, 22)
        painter.setBrush(color("panel"))
        painter.drawEllipse(grip)
        painter.setFont(font(tokens.CAPTION_PX, semibold=True))
        for text, ink, left in (("A", "accent", x - 34), ("B", "second", x + 14)):
            badge = QRectF(left, area.top() + 8, 20, 20)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(color("panel"))
            painter.drawRoundedRect(badge, 4, 4)
            painter.setPen(color(ink))
            painter.drawText(badge, Qt.AlignmentFlag.AlignCenter, text)
        painter.setPen(QPen(color("text"), 1.5))
        for side in (-1, 1):
            tip = QPointF(x + 6 * side, grip.center().y())
            painter.drawLine(tip, tip + QPointF(-3 * side, -3))
            painter.drawLine(tip, tip + QPointF(-3 * side, 3))

    def _paint_hovered(self, painter: QPainter, image: QImage) -> None:
        cell = self.cell(self._hover)
        side = min(cell.width() * _MAGNIFY, self.width(), self.height())
        left = min(max(cell.center().x() - side / 2, 0), self.width() - side)
        top = min(max(cell.center().y() - side / 2, 0), self.height() - side)
        box = QRectF(left, top, side, side)
        painter.setPen(Qt.PenStyle.NoPen)
        for spread in (6, 4, 2):  # a soft shadow lifts it off the grid
            painter.setBrush(color("window", 0.25))
            painter.drawRoundedRect(box.adjusted(-spread, -spread, spread, spread), 10, 10)
        self._draw(painter, box, image)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(color("border"), 1))
        painter.drawRoundedRect(box, tokens.RADIUS_PX, tokens.RADIUS_PX)

    # mouse and keys --------------------------------------------------------------------------------------------------
    def divider_x(self) -> float:
        area = self.area()
        return area.left() + self.divider * area.width()

    def _wipes(self) -> bool:
        return self.mix == "wipe" and "b" in self._sheets

    def mousePressEvent(self, event) -> None:  # noqa: N802
        if event.button() == Qt.MouseButton.LeftButton:
            self._press = event.position()
            self._wiping = self._wipes() and abs(event.position().x() - self.divider_x()) < tokens.SPACE_L

    def mouseMoveEvent(self, event) -> None:  # noqa: N802
        where = event.position()
        if self._wiping:
            area = self.area()
            self.divider = min(max((where.x() - area.left()) / max(area.width(), 1), 0.0), 1.0)
            return self.update()
        near = self._wipes() and abs(where.x() - self.divider_x()) < tokens.SPACE_L
        self.setCursor(Qt.CursorShape.SplitHCursor if near else Qt.CursorShape.PointingHandCursor)
        if self._press is not None and event.buttons() & Qt.MouseButton.LeftButton:
            if (where - self._press).manhattanLength() >= QApplication.startDragDistance():
                self._drag_out(self.index_at(self._press))
        elif (hover := self.index_at(where)) != self._hover:
            self._hover = hover
            self.update()

    def mouseReleaseEvent(self, event) -> None:  # noqa: N802
        pressed, self._press = self._press, None
        if self._wiping or pressed is None:
            self._wiping = False
        elif (index := self.index_at(event.position())) >= 0 and index == self.index_at(pressed):
            self._current = index
            self.opened.emit(index)

    def leaveEvent(self, event) -> None:  # noqa: N802
        self._hover = -1
        self.update()
        super().leaveEvent(event)

    def keyPressEvent(self, event) -> None:  # noqa: N802
        if not self.count():
            return super().keyPressEvent(event)
        columns = self._columns()
        steps = {Qt.Key.Key_Right: 1, Qt.Key.Key_Left: -1, Qt.Key.Key_Down: columns, Qt.Key.Key_Up: -columns}
        if event.key() in steps:
            self._current = min(max(max(self._current, 0) + steps[event.key()], 0), self.count() - 1)
            self.update()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self._current >= 0:
            self.opened.emit(self._current)
        else:
            super().keyPressEvent(event)

    def contextMenuEvent(self, event) -> None:  # noqa: N802
        index = self.index_at(QPointF(event.pos()))
        if index < 0:
            return
        menu = QMenu(self)
        menu.addAction("Open large", lambda: self.opened.emit(index))
        menu.addAction("Copy image", lambda: self.copy_asked.emit(index))
        menu.addAction("Save image\N{HORIZONTAL ELLIPSIS}", lambda: self.save_asked.emit(index))
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(event.globalPos())

    def _drag_out(self, index: int) -> None:
        self._press = None
        path = self.exporter(index) if index >= 0 else None
        if path is None:
            return
        image = self._shown()[index]
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(str(path))])
        data.setImageData(image)
        drag = QDrag(self)
        drag.setMimeData(data)
        drag.setPixmap(QPixmap.fromImage(image.scaled(96, 96)))
        drag.exec(Qt.DropAction.CopyAction)
