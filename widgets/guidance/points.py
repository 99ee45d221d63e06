"""What the editors with points to drag share: how a point looks, its numbers beside it while it is dragged, and a field to type them."""

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPen
from PySide6.QtWidgets import QLineEdit, QWidget

from widgets import tokens
from widgets.paint import color, focus_ring, font


def knob(painter: QPainter, centre: QPointF, half: float, ink: str, filled: bool = True, selected: bool = False, focused: bool = False) -> None:
    """A point of half-width `half`; ringed where it is selected."""
    box = QRectF(centre.x() - half, centre.y() - half, 2 * half, 2 * half)
    painter.setPen(QPen(color("panel" if filled else ink), 1.5))
    painter.setBrush(color(ink if filled else "panel"))
    painter.drawRoundedRect(box, 3, 3)
    if selected and focused:
        focus_ring(painter, box.adjusted(-4, -4, 4, 4))
    elif selected:
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(color(ink, 0.6), 1.2))
        painter.drawRoundedRect(box.adjusted(-2, -2, 2, 2), 4, 4)


def readout(painter: QPainter, text: str, centre: QPointF, plot: QRectF) -> None:
    """A point's numbers above it, or below where there is no room, inside the plot's width."""
    width = painter.fontMetrics().horizontalAdvance(text) + 12
    left = min(max(centre.x() - width / 2, plot.left()), plot.right() - width)
    top = centre.y() - 30 if centre.y() - 30 > 0 else centre.y() + 12
    box = QRectF(left, top, width, 20)
    painter.setPen(QPen(color("border"), 1))
    painter.setBrush(color("control"))
    painter.drawRoundedRect(box, 4, 4)
    painter.setPen(color("text"))
    painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)


def number_field(name: str, width: int, parent: QWidget) -> QLineEdit:
    """A field for one of a point's numbers."""
    field = QLineEdit(parent)
    field.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    field.setFixedSize(width, tokens.CONTROL_PX)
    field.setFont(font())
    field.setAccessibleName(name)
    field.setToolTip(f"{name}: type a number")
    return field


def typed(field: QLineEdit) -> float:
    """The number in a field, with a comma or a true minus sign if one likes. ValueError where it is none."""
    return float(field.text().replace(",", ".").replace("\N{MINUS SIGN}", "-"))
