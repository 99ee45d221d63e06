"""How far the proposals agree on each tooth, as colours on the teeth, words, and a legend with two scales.

A tooth's share is the larger of its mm / TOP_MM and its deg / TOP_DEG: at the side of a crown, half a crown's width from its middle, the two are alike.
"""

from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QLinearGradient, QPainter
from PySide6.QtWidgets import QSizePolicy, QWidget

from engines.teeth.offer import Offer
from widgets import tokens
from widgets.paint import color, font
from widgets.teeth import colour_maps
from widgets.teeth.words import numbered

TOP_MM, TOP_DEG = 1.0, 10.0
BAR_PX, TICK_PX = 8, 14
TICKS = (0.0, 0.5, 1.0)  # shares of the bar
DEG = "\N{DEGREE SIGN}"


@dataclass(frozen=True)
class Agreement:
    """Root mean square distance of the proposals from their consensus, by tooth; count: of proposals."""

    mm: dict[int, float]
    deg: dict[int, float]
    count: int

    @classmethod
    def of(cls, offer: Offer | None) -> "Agreement | None":
        """None where there are not two proposals to differ."""
        if offer is None or len(offer.proposals.poses) < 2:
            return None
        made = offer.proposals
        free = [number for number in offer.free if number in made.spread_mm]
        return cls({number: made.spread_mm[number] for number in free}, {number: made.spread_deg[number] for number in free}, len(made.poses))

    def share(self, number: int) -> float:
        """0 where all proposals are alike, 1 at TOP_MM or TOP_DEG and beyond."""
        return min(1.0, max(self.mm[number] / TOP_MM, self.deg[number] / TOP_DEG))

    def colours(self, number: int, count: int) -> np.ndarray:
        """uint8 [count, 4] for the vertices of a tooth."""
        return colour_maps.displacement(np.full(count, self.share(number)), 1.0)

    def spoken(self, selected: tuple[int, ...] = (), notation: str = "fdi") -> str:
        """The legend: the scale, and the numbers of the selected tooth or of the one that proposals agree on least."""
        text = f"Agreement of {self.count} proposals: dark alike, bright {TOP_MM:.0f} mm or {TOP_DEG:.0f}{DEG} apart"
        known = [number for number in selected if number in self.mm]
        one = known[0] if known else max(self.mm, key=self.share, default=None)
        if one is None:
            return text
        return f"{text}. {'' if known else 'Least: '}{numbered(one, notation)}, {self.mm[one]:.1f} mm and {self.deg[one]:.0f}{DEG}"


class AgreementLegend(QWidget):
    """The colours with mm above and degrees below."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(f"Colours of the agreement: from alike to {TOP_MM:.0f} mm or {TOP_DEG:.0f} degrees apart")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(BAR_PX + 2 * TICK_PX)

    def paintEvent(self, event) -> None:  # noqa: N802
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        bar = QRectF(0, TICK_PX, self.width(), BAR_PX)
        gradient = QLinearGradient(QPointF(bar.left(), 0), QPointF(bar.right(), 0))
        for k, rgb in enumerate(colour_maps.VIRIDIS):
            gradient.setColorAt(k / (len(colour_maps.VIRIDIS) - 1), QColor(*map(int, rgb)))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(gradient)
        painter.drawRoundedRect(bar, 2, 2)
        painter.setPen(color("muted"))
        painter.setFont(font(tokens.CAPTION_PX))
        for share in TICKS:
            side = Qt.AlignmentFlag.AlignLeft if share == 0 else Qt.AlignmentFlag.AlignRight if share == 1 else Qt.AlignmentFlag.AlignHCenter
            painter.drawText(QRectF(0, 0, self.width(), TICK_PX), side | Qt.AlignmentFlag.AlignVCenter, f"{share * TOP_MM:g} mm")
            painter.drawText(QRectF(0, bar.bottom(), self.width(), TICK_PX), side | Qt.AlignmentFlag.AlignVCenter, f"{share * TOP_DEG:g}{DEG}")
        painter.end()
