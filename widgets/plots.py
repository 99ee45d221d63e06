"""Curves in the theme's colours. pyqtgraph is imported when the first curve is drawn, not when the window opens."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QTextDocument
from PySide6.QtWidgets import QHBoxLayout, QMenu, QVBoxLayout, QWidget

from engines.job import EngineError
from widgets import plot_files, tokens
from widgets.log_axis import log_axis
from widgets.paint import Caption, GlyphButton, color, font


@dataclass(frozen=True)
class Curve:
    """y over x [N]; `ink` is a token's name."""

    name: str
    x: np.ndarray
    y: np.ndarray
    ink: str = "accent"
    dashed: bool = False
    filled: bool = False


class SaveButton(GlyphButton):
    """Opens the menu of forms; seen only while the pointer or the focus is near, so that plots stay quiet."""

    def __init__(self, figure: QWidget, menu: Callable[[], QMenu]) -> None:
        super().__init__("save", f"Save plot: {figure.accessibleName()}", "Save this plot as PNG, SVG or CSV (also on a right click)")
        self.setFixedSize(tokens.SPACE_XL, tokens.SPACE_XL)
        self.clicked.connect(lambda: menu().popup(self.mapToGlobal(self.rect().bottomLeft())))
        self.near = False

    def set_near(self, near: bool) -> None:
        self.near = near
        self.update()

    def paintEvent(self, event) -> None:  # noqa: N802
        if self.near or self.hasFocus() or self.underMouse():
            super().paintEvent(event)


def forms_menu(figure: QWidget, said: Callable[[str], None], failed: Callable[[EngineError], None]) -> QMenu:
    """A menu that saves `figure` (a plot_files.Figure)."""
    menu = QMenu(figure)
    menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    menu.addAction("Save plot as PNG, SVG or CSV\N{HORIZONTAL ELLIPSIS}", lambda: plot_files.ask(figure, figure, said, failed))
    return menu


class Plot(QWidget):
    """A titled plot. `log_x` takes x > 0; `falling` puts large x on the left, as noise levels fall while sampling.

    y_label names y and its unit, for files. `saved(text)` and `save_failed(error)` tell what came of a person's wish to save it.
    """

    saved = Signal(str)
    save_failed = Signal(Exception)

    def __init__(self, title: str, x_label: str, tip: str = "", log_x: bool = False, falling: bool = False, height_px: int | None = 150,
                 parent: QWidget | None = None, y_label: str = "") -> None:
        super().__init__(parent)
        self.setAccessibleName(title)
        self.setAccessibleDescription(tip)
        self.setToolTip(tip)
        self._x_label, self._log_x, self._falling, self._y_label = x_label, log_x, falling, y_label or title
        self._title, self._legend = Caption(title, tokens.BODY_PX, "text", semibold=True), Caption("", tokens.CAPTION_PX, "muted")
        self._legend.setTextFormat(Qt.TextFormat.RichText)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(2)
        self._save = SaveButton(self, self._menu)
        head = QHBoxLayout()
        head.setSpacing(0)
        head.addWidget(self._title, 1)
        head.addWidget(self._save)
        self._title.setMinimumWidth(1)  # a long title does not widen its panel
        self._column.addLayout(head)
        self._column.addWidget(self._legend)
        self._view, self.curves = None, ()
        if height_px:
            self.setFixedHeight(height_px + 2 * tokens.CONTROL_PX)

    def set_y_label(self, text: str) -> None:
        """What y is and its unit, for files."""
        self._y_label = text

    def view(self):
        """The pyqtgraph widget, made on first use."""
        if self._view is None:
            import pyqtgraph as pg

            self._view = pg.PlotWidget(antialias=True, axisItems={"bottom": log_axis()("bottom")} if self._log_x else None)
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
        for side in ("left", "bottom"):  # numbers beside nothing would be read as some
            view.getPlotItem().getAxis(side).setStyle(showValues=any(len(curve.y) for curve in self.curves))
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

    # files -----------------------------------------------------------------------------------------------------------
    def figure_name(self) -> str:
        return self.accessibleName()

    def figure_size(self) -> QSize:
        return QSize(max(self.width(), 480), max(self.height(), 300))

    def paint_figure(self, painter: QPainter, box: QRect) -> None:
        """Title, legend and curves, as on the screen."""
        edge = tokens.SPACE_S
        inner = box.adjusted(edge, edge, -edge, -edge)
        painter.setPen(color("text"))
        painter.setFont(font(tokens.BODY_PX, semibold=True))
        painter.drawText(inner, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop, self.figure_name())
        legend = QTextDocument()
        legend.setDefaultFont(font(tokens.CAPTION_PX))
        legend.setHtml(f"<span style='color:{tokens.current().muted}'>{self._legend.text()}</span>")
        painter.save()
        painter.translate(inner.left() - legend.documentMargin(), inner.top() + tokens.BODY_PX + tokens.SPACE_XS)
        legend.drawContents(painter)
        painter.restore()
        top = tokens.BODY_PX + tokens.CAPTION_PX + tokens.SPACE_L
        view = self.view()
        before = view.size()
        view.resize(inner.width(), inner.height() - top)  # so that the axes are laid out for the file, not for the panel
        view.getPlotItem().layout.activate()
        view.render(painter, QRectF(inner.left(), inner.top() + top, inner.width(), inner.height() - top))
        view.resize(before)

    def table(self) -> tuple[list[str], list[list[object]]]:
        """One row a point: curve, x, y; gaps (NaN) left out."""
        rows = [[curve.name or f"curve {k + 1}", float(x), float(y)] for k, curve in enumerate(self.curves)
                for x, y in zip(curve.x, curve.y, strict=True) if np.isfinite(x) and np.isfinite(y)]
        return ["curve", self._x_label.partition(" (")[0], self._y_label], rows

    def has_numbers(self) -> bool:
        """Whether there is anything to save."""
        return any(len(curve.x) for curve in self.curves)

    def _menu(self) -> QMenu:
        return forms_menu(self, self.saved.emit, self.save_failed.emit)

    def contextMenuEvent(self, event) -> None:  # noqa: N802
        if self.has_numbers():
            self._menu().popup(event.globalPos())

    def enterEvent(self, event) -> None:  # noqa: N802
        self._save.set_near(self.has_numbers())
        super().enterEvent(event)

    def leaveEvent(self, event) -> None:  # noqa: N802
        self._save.set_near(False)
        super().leaveEvent(event)

    def changeEvent(self, event) -> None:  # noqa: N802
        if event.type() == event.Type.PaletteChange and self._view is not None:
            self._dress()
            self.set_curves(self.curves)
        super().changeEvent(event)
