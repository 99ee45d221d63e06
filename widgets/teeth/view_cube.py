"""A small cube in the corner that turns with the view; a click on a face looks at the teeth from that side."""

from collections.abc import Callable

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QMouseEvent, QPainter, QPen, QPolygonF, QTransform

from widgets import paint, tokens
from widgets.view_layers import Layer, Seen

SIDE_PX, EDGE_PX = 40.0, 48.0  # of the cube, and from the corner to its middle
FACES = {  # view -> the side that it shows: outwards, to the right, up
    "front": ((0, -1, 0), (1, 0, 0), (0, 0, 1)), "back": ((0, 1, 0), (-1, 0, 0), (0, 0, 1)), "right": ((-1, 0, 0), (0, -1, 0), (0, 0, 1)),
    "left": ((1, 0, 0), (0, 1, 0), (0, 0, 1)), "upper": ((0, 0, -1), (1, 0, 0), (0, -1, 0)), "lower": ((0, 0, 1), (1, 0, 0), (0, 1, 0))}


class ViewCubeLayer(Layer):
    """`look` is called with the view's name."""

    def __init__(self, look: Callable[[str], None], update: Callable[[], None]) -> None:
        self.visible = True
        self._look, self._update = look, update
        self._hot: str | None = None
        self._pressed: str | None = None

    def faces(self, seen: Seen) -> dict[str, np.ndarray]:
        """The sides that can be seen: [4, 2] pixels, from the top left corner clockwise as it is read."""
        right, up, forward = seen.camera.axes
        middle = np.array([seen.size[0] - EDGE_PX, EDGE_PX])
        result = {}
        for name, sides in FACES.items():
            out, across, above = (np.array(side, float) for side in sides)
            if out @ forward < -0.06:
                corners = (out + h * across + v * above for h, v in ((-1, 1), (1, 1), (1, -1), (-1, -1)))
                result[name] = np.array([middle + SIDE_PX / 2 * np.array([corner @ right, -(corner @ up)]) for corner in corners])
        return result

    def under(self, x: float, y: float, seen: Seen) -> str | None:
        point = QPointF(x, y)
        return next((name for name, corners in self.faces(seen).items()
                     if _polygon(corners).containsPoint(point, Qt.FillRule.OddEvenFill)), None) if self.visible else None

    def hover(self, event: QMouseEvent, seen: Seen) -> bool:
        hot = self.under(event.position().x(), event.position().y(), seen)
        if hot != self._hot:
            self._hot = hot
            self._update()
        return hot is not None

    def press(self, event: QMouseEvent, seen: Seen) -> bool:
        self._pressed = self.under(event.position().x(), event.position().y(), seen)
        return self._pressed is not None

    def release(self, event: QMouseEvent, seen: Seen) -> None:
        pressed, self._pressed = self._pressed, None
        if pressed is not None and pressed == self.under(event.position().x(), event.position().y(), seen):
            self._look(pressed)

    def paint(self, painter: QPainter, seen: Seen) -> None:
        if not self.visible or min(seen.size) < 3 * EDGE_PX:
            return
        for name, corners in self.faces(seen).items():
            hot = name == self._hot
            painter.setPen(QPen(paint.color("accent" if hot else "border"), 1))
            painter.setBrush(paint.color("accent", 0.9) if hot else paint.color("panel", 0.86))
            painter.drawPolygon(_polygon(corners))
            square = QPolygonF([QPointF(0, 0), QPointF(SIDE_PX, 0), QPointF(SIDE_PX, SIDE_PX), QPointF(0, SIDE_PX)])
            onto = QTransform()
            if _area(corners) < 0.45 * SIDE_PX**2 or not QTransform.quadToQuad(square, _polygon(corners), onto):
                continue
            painter.save()
            painter.setTransform(onto, combine=True)
            painter.setFont(paint.font(tokens.CAPTION_PX, semibold=True))
            painter.setPen(paint.color("panel" if hot else "muted"))
            painter.drawText(QRectF(0, 0, SIDE_PX, SIDE_PX), Qt.AlignmentFlag.AlignCenter, name.capitalize())
            painter.restore()


def _polygon(corners: np.ndarray) -> QPolygonF:
    return QPolygonF([QPointF(x, y) for x, y in corners])


def _area(corners: np.ndarray) -> float:
    x, y = corners.T
    return float(abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2)
