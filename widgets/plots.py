"""Curves in the theme's colours. pyqtgraph is imported when the first curve is drawn, not when the window opens."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QVBoxLayout, QWidget

from widgets import tokens
from widgets.paint import Caption, color, font


@dataclass(frozen=True)
class Curve:
    """y over x [N]; `ink` is a token's name."""

    name: str
    x: np.ndarray
    y: np.ndarray
    ink: str = "accent"
    dashed: bool = False
    filled: bool = False


class Plot(QWidget):
    """A titled plot. `log_x` takes x > 0; `falling` puts large x on the left, as noise levels fall while sampling."""

    def __init__(self, title: str, x_label: str, tip: str = "", log_x: bool = False, falling: bool = False, height_px: int | None = 150,
                 parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(title)
        self.setAccessibleDescription(tip)
        self.setToolTip(tip)
        self._x_label, self._log_x, self._falling = x_label, log_x, falling
        self._title, self._legend = Caption(title, tokens.BODY_PX, "text", semibold=True), Caption("", tokens.CAPTION_PX, "muted")
        self._legend.setTextFormat(Qt.TextFormat.RichText)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(2)
        self._column.addWidget(self._title)
        self._column.addWidget(self._legend)
        self._view, self.curves = None, ()
        if height_px:
            self.setFixedHeight(height_px + 2 * tokens.CONTROL_PX)

    def view(self):
        """The pyqtgraph widget, made on first use."""
        if self._view is None:
            import pyqtgraph as pg

            self._view = pg.PlotWidget(antialias=True)
            self._view.setAccessibleName(self.accessibleName())
            self._view.setMenuEnabled(False)
            self._view.hideButtons()
            self._view.setMouseEnabled(False, False)
            item = self._view.getPlotItem()
            item.setLogMode(x=self._log_x, y=False)
            item.getViewBox().invertX(self._falling)
            item.getAxis("left").setWidth(38)
            self._column.addWidget(self._view, 1)
            self._dress()
        return self._view

    def set_curves(self, curves: Sequence[Curve], y_from_zero: bool = False) -> None:
        """Replaces what is drawn."""
        import pyqtgraph as pg

        self.curves = tuple(curves)
        view = self.view()
        view.getPlotItem().clear()
        for curve in self.curves:
            pen = pg.mkPen(color(curve.ink), width=2, style=Qt.PenStyle.DashLine if curve.dashed else Qt.PenStyle.SolidLine)
            fill = {"fillLevel": 0, "brush": color(curve.ink, 0.18)} if curve.filled else {}
            view.plot(curve.x, curve.y, pen=pen, **fill)
        highest = max((float(np.max(curve.y)) for curve in self.curves if len(curve.y)), default=1.0)
        if y_from_zero:
            view.setYRange(0, highest * 1.05 or 1.0, padding=0)
        else:
            view.enableAutoRange("y")
        view.enableAutoRange("x")
        self._name()

    def _name(self) -> None:
        theme = tokens.current()
        self._legend.setText("&nbsp;&nbsp; ".join(
            f"<span style='color:{getattr(theme, curve.ink)}'>{'- -' if curve.dashed else '&#9473;'}</span> {curve.name}"
            for curve in self.curves if curve.name))

    def _dress(self) -> None:
        self._view.setBackground(color("panel"))
        item = self._view.getPlotItem()
        item.setLabel("bottom", self._x_label, **{"color": tokens.current().muted, "font-size": f"{tokens.CAPTION_PX}px"})
        for side in ("left", "bottom"):
            axis = item.getAxis(side)
            axis.setPen(color("border"))
            axis.setTextPen(color("muted"))
            axis.setStyle(tickFont=font(tokens.CAPTION_PX), tickLength=-4)
        item.showGrid(x=False, y=True, alpha=0.15)

    def changeEvent(self, event) -> None:  # noqa: N802
        if event.type() == event.Type.PaletteChange and self._view is not None:
            self._dress()
            self.set_curves(self.curves)
        super().changeEvent(event)
