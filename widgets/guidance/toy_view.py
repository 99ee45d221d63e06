"""The exact toys: density of the data and of the samples, and the paths that samples take."""

import numpy as np
from PySide6.QtCore import QRectF
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from engines.guidance.outcome import Outcome, Side
from engines.guidance.toy_film import density_after
from widgets.guidance import catalog
from widgets.paint import color
from widgets.plots import Curve, Plot

DOTS = 2500  # points drawn per side; the numbers use all of them
INKS = ("accent", "second")


class ToyView(QWidget):
    """1-D: densities above paths. 2-D: the data's density with the samples of each side on it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Toy densities")
        self.density = Plot("Density", "x", "Density of the data and of the samples", height_px=None)
        self.paths = Plot("Paths", "step", "How 64 samples move from noise (left) to their end (right)", height_px=None)
        self._planes = [Plane(ink) for ink in INKS]
        self._line, self._plane = QWidget(), QWidget()
        column = QVBoxLayout(self._line)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.density, 3)
        column.addWidget(self.paths, 2)
        row = QHBoxLayout(self._plane)
        row.setContentsMargins(0, 0, 0, 0)
        for plane in self._planes:
            row.addWidget(plane, 1)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(self._line)
        whole.addWidget(self._plane)
        self._plane.hide()

    def plots(self, outcome: Outcome | None) -> list[Plot]:
        """Those that show this outcome: of a toy in one dimension, else none."""
        flat = outcome is not None and outcome.sides[0].toy is not None and len(outcome.sides[0].toy.axes) == 1
        return [self.density, self.paths] if flat else []

    def show_outcome(self, outcome: Outcome, step: int | None = None) -> None:
        """The samples at the end, or after a step (0 is the first)."""
        sides = [side for side in outcome.sides if side.toy]
        if not sides:
            return
        flat = len(sides[0].toy.axes) == 1
        self._line.setVisible(flat)
        self._plane.setVisible(not flat)
        if flat:
            self._show_line(sides, step)
        else:
            for k, plane in enumerate(self._planes):
                plane.setVisible(k < len(sides))
                if k < len(sides):
                    plane.show_side(sides[k], step)

    def _show_line(self, sides: list[Side], step: int | None) -> None:
        axis = sides[0].toy.axes[0]
        curves = [Curve("data q(x | c)", axis, sides[0].toy.true_density, "muted", filled=True)]
        curves += [Curve(f"{name}  {catalog.guidance_word(side.settings)}", axis, density_after(side, step), ink)
                   for name, ink, side in zip("AB", INKS, sides, strict=False)]
        self.density.set_curves(curves, y_from_zero=True)
        lines = []
        for ink, side in zip(INKS, sides, strict=False):
            whole = len(side.trajectories)
            if step is not None:
                lines.append(_walks(side, whole, "border"))
            lines.append(_walks(side, whole if step is None else min(step + 2, whole), ink))
        self.paths.set_curves(lines)


def _walks(side: Side, steps: int, ink: str) -> Curve:
    """The first 24 paths over so many steps."""
    paths = side.trajectories[:steps, :24, 0].T
    lift = np.full((len(paths), 1), np.nan)  # NaN lifts the pen between two paths
    places = np.tile(np.arange(steps, dtype=float), (len(paths), 1))
    return Curve("", np.append(places, lift, 1).ravel()[:-1], np.append(paths, lift, 1).ravel()[:-1], ink)


class Plane(QWidget):
    """One side of a 2-D toy."""

    def __init__(self, ink: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._ink, self._view, self._side, self._step = ink, None, None, None
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)

    def _build(self) -> None:
        import pyqtgraph as pg

        self._view = pg.PlotWidget(antialias=True)
        self._view.setAccessibleName("Samples over the density of their class")
        self._view.setMenuEnabled(False)
        self._view.hideButtons()
        self._view.setMouseEnabled(False, False)
        self._view.setAspectLocked(True)
        self._image, self._dots, self._paths = pg.ImageItem(axisOrder="row-major"), pg.ScatterPlotItem(size=3, pen=None), pg.PlotCurveItem()
        for item in (self._image, self._paths, self._dots):
            self._view.addItem(item)
        self._column.addWidget(self._view, 1)

    def show_side(self, side: Side, step: int | None = None) -> None:
        import pyqtgraph as pg

        if self._view is None:
            self._build()
        self._side, self._step = side, step
        axis = side.toy.axes[0]
        half = (axis[1] - axis[0]) / 2
        span = axis[-1] - axis[0] + 2 * half
        ground, peak = color("panel"), color("muted")
        self._view.setBackground(ground)
        for name in ("left", "bottom"):
            self._view.getPlotItem().getAxis(name).setPen(color("border"))
            self._view.getPlotItem().getAxis(name).setTextPen(color("muted"))
        self._image.setImage(side.toy.true_density, autoLevels=False, levels=(0, float(side.toy.true_density.max())))
        self._image.setLookupTable(pg.ColorMap([0.0, 1.0], [ground, peak]).getLookupTable(nPts=256))
        self._image.setRect(QRectF(axis[0] - half, axis[0] - half, span, span))
        walked = side.trajectories if step is None else side.trajectories[: step + 2]
        points = side.points[:DOTS] if step is None else walked[-1]
        self._dots.setData(points[:, 0], points[:, 1], brush=color(self._ink, 0.55))
        paths = walked[:, :32].transpose(1, 0, 2)
        lifted = np.concatenate([paths, np.full((len(paths), 1, 2), np.nan)], 1).reshape(-1, 2)
        self._paths.setData(lifted[:, 0], lifted[:, 1], connect="finite", pen=pg.mkPen(color("text", 0.25), width=1))
        self._view.setRange(xRange=(-4, 4), yRange=(-4, 4), padding=0)

    def changeEvent(self, event) -> None:  # noqa: N802
        if event.type() == event.Type.PaletteChange and self._side is not None:
            self.show_side(self._side, self._step)
        super().changeEvent(event)
