"""Classes one below the other, each with its name, a note and a strip of small pictures."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QImage, QPainter, QPainterPath
from PySide6.QtWidgets import QSizePolicy, QWidget

from widgets import tokens
from widgets.image_view import to_qimage
from widgets.paint import color, font

LABEL_PX, LEAST_PX, MOST_PX, GAP_PX, ROUND_PX = 104, 32, 112, 4, 4


@dataclass(frozen=True)
class ClassRow:
    """images uint8 [n, H, W, C]; `note` stands below the name."""

    name: str
    note: str
    images: np.ndarray


class ClassRows(QWidget):
    """Squares as large as the room allows, the same for every row; never smaller than LEAST_PX, so it may need to scroll."""

    def __init__(self, name: str, empty_text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.empty_text, self.rows, self._pictures = empty_text, (), []
        self.setMinimumWidth(LABEL_PX + 2 * LEAST_PX)

    def set_rows(self, rows: Sequence[ClassRow]) -> None:
        self.rows = tuple(rows)
        self._pictures: list[list[QImage]] = [[to_qimage(image) for image in row.images] for row in self.rows]
        self.setAccessibleDescription(", ".join(f"{row.name}: {row.note or len(row.images)}" for row in self.rows))
        self.setMinimumHeight(len(self.rows) * (LEAST_PX + GAP_PX))
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(LABEL_PX + 4 * MOST_PX, max(1, len(self.rows)) * (LEAST_PX + GAP_PX))

    def side(self) -> float:
        """Pixels of a picture's side."""
        most = max((len(strip) for strip in self._pictures), default=1) or 1
        room = min((self.height() + GAP_PX) / max(1, len(self.rows)) - GAP_PX, (self.width() - LABEL_PX + GAP_PX) / most - GAP_PX, MOST_PX)
        return float(int(max(min(LEAST_PX, self.height()), room)))

    def paintEvent(self, event) -> None:  # noqa: N802
        painter = QPainter(self)
        if not self.rows:
            painter.setPen(color("muted"))
            painter.setFont(font())
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, self.empty_text)
            painter.end()
            return
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        side = self.side()
        for k, (row, strip) in enumerate(zip(self.rows, self._pictures, strict=True)):
            top = k * (side + GAP_PX)
            self._label(painter, row, QRectF(0, top, LABEL_PX - tokens.SPACE_S, side))
            for j, picture in enumerate(strip):
                box = QRectF(LABEL_PX + j * (side + GAP_PX), top, side, side)
                if box.right() > self.width() + 1:
                    break
                painter.save()
                painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, side < 2 * picture.width())
                clip = QPainterPath()
                clip.addRoundedRect(box, ROUND_PX, ROUND_PX)
                painter.setClipPath(clip)
                painter.drawImage(box, picture)
                painter.restore()
        painter.end()

    def _label(self, painter: QPainter, row: ClassRow, box: QRectF) -> None:
        lines = [(row.name, tokens.BODY_PX, "text")] + ([(row.note, tokens.CAPTION_PX, "muted")] if row.note else [])
        heights = [QFontMetricsF(font(px)).height() for _, px, _ in lines]
        top = box.center().y() - sum(heights) / 2
        for (text, px, ink), height in zip(lines, heights, strict=True):
            painter.setFont(font(px))
            painter.setPen(color(ink))
            shown = QFontMetricsF(font(px)).elidedText(text, Qt.TextElideMode.ElideMiddle, box.width())
            painter.drawText(QRectF(box.left(), top, box.width(), height), Qt.AlignmentFlag.AlignVCenter, shown)
            top += height
