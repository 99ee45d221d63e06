"""Bars of the loss before and after tuning, one pair a network call, as they finish."""

import math

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from widgets import tokens
from widgets.paint import color, font

HEIGHT_PX, LEFT_PX, FOOT_PX, HEAD_PX = 250, 52, 34, 40
WIDEST_PX = 14  # of a bar


class LossBars(QWidget):
    """On a scale of factors: the losses of a schedule's calls lie decades apart."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Loss of every network call before and after tuning")
        self.setToolTip("Loss on draws that were not tuned on: before (at ratio 1) and after. A ratio is kept only where this loss went down.")
        self.setFixedHeight(HEIGHT_PX)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.rows: dict[int, tuple[float, float, float | None]] = {}  # call -> before, after, ratio; None for all together
        self._calls, self.of = 0, ""

    def begin(self, steps: int, of: str) -> None:
        """Empty, for a schedule of so many steps."""
        self.rows, self._calls, self.of = {}, max(1, steps - 1), of
        self._describe()

    def add(self, call: int, before: float, after: float, ratio: float | None, calls: int) -> None:
        """A call that was just tuned, of `calls`."""
        self.rows[call], self._calls = (before, after, ratio), calls
        self._describe()

    def _describe(self) -> None:
        self.setAccessibleDescription("; ".join(
            f"call {k + 1}: {before:.3g} to {after:.3g} at ratio {ratio:.4f}" if ratio else f"picture: {before:.3g} to {after:.3g}"
            for k, (before, after, ratio) in sorted(self.rows.items())))
        self.update()

    def span(self) -> tuple[float, float]:
        """The decades that hold every loss."""
        losses = [loss for before, after, _ in self.rows.values() for loss in (before, after) if loss > 0]
        if not losses:
            return 1e-3, 1.0
        low, high = math.floor(math.log10(min(losses)) - 0.1), math.ceil(math.log10(max(losses)))
        return 10.0**low, 10.0 ** max(high, low + 1)

    def paintEvent(self, event) -> None:  # noqa: N802
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(color("text"))
        painter.setFont(font(tokens.BODY_PX, semibold=True))
        title = "Loss of every call" if all(ratio for *_, ratio in self.rows.values()) else "Error of the finished picture"
        painter.drawText(QRectF(0, 0, self.width(), 18), Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, title)
        painter.setFont(font(tokens.CAPTION_PX))
        painter.setPen(color("muted"))
        if not self.rows:
            painter.drawText(QRectF(0, 20, self.width(), 16), Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter,
                             "Before and after, as the calls are tuned" if self.of else "Comes with the tuning")
            painter.end()
            return
        self._paint_legend(painter)
        self._paint_bars(painter)
        painter.end()

    def _paint_legend(self, painter: QPainter) -> None:
        x = 0.0
        for ink, word in (("muted", "plain"), ("accent", "tuned")):
            painter.fillRect(QRectF(x, 25, 10, 8), color(ink, 0.6 if ink == "muted" else 1))
            painter.setPen(color("muted"))
            width = painter.fontMetrics().horizontalAdvance(word)
            painter.drawText(QRectF(x + 14, 21, width + 2, 16), Qt.AlignmentFlag.AlignVCenter, word)
            x += width + 34

    def _paint_bars(self, painter: QPainter) -> None:
        plot = QRectF(LEFT_PX, HEAD_PX, self.width() - LEFT_PX - tokens.SPACE_S, self.height() - HEAD_PX - FOOT_PX)
        low, high = self.span()

        def y(loss: float) -> float:
            part = (math.log10(max(loss, low)) - math.log10(low)) / (math.log10(high) - math.log10(low))
            return plot.bottom() - part * plot.height()

        decades = round(math.log10(high / low))
        for k in range(0, decades + 1, max(1, decades // 5)):
            level = low * 10**k
            line = round(y(level)) + 0.5
            painter.setPen(QPen(color("border", 0.5), 1))
            painter.drawLine(round(plot.left()), int(line), round(plot.right()), int(line))
            painter.setPen(color("muted"))
            painter.drawText(QRectF(0, line - 8, LEFT_PX - 6, 16), Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, f"{level:.0e}")
        slot = plot.width() / self._calls
        bar = min(WIDEST_PX, slot * 0.36)
        every = max(1, math.ceil(36 / slot))
        painter.setPen(Qt.PenStyle.NoPen)
        for call, (before, after, ratio) in self.rows.items():
            middle = plot.left() + (call + 0.5) * slot
            painter.fillRect(QRectF(middle - bar - 0.5, y(before), bar, plot.bottom() - y(before)), color("muted", 0.6))
            painter.fillRect(QRectF(middle + 0.5, y(after), bar, plot.bottom() - y(after)), color("accent"))
            if call % every == 0:
                painter.setPen(color("muted"))
                painter.drawText(QRectF(middle - 24, plot.bottom() + 2, 48, 14), Qt.AlignmentFlag.AlignCenter, f"{call + 1}" if ratio else "picture")
                painter.setPen(color("text"))
                painter.drawText(QRectF(middle - 24, plot.bottom() + 16, 48, 14), Qt.AlignmentFlag.AlignCenter, f"{ratio:.3f}" if ratio else "")
