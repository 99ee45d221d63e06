"""One generator in the plane: its points over the data's density, what is off the manifold, what the discriminator believes, where L_score pulls."""

import numpy as np
from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from engines.gan.outcome import Scene, Twin
from widgets import tokens
from widgets.notice_bar import Elided
from widgets.paint import Caption, color, font

VIEW = 1.35  # half width of what is seen, in data units
TINT, SHADE = 0.30, 0.85  # strongest share of the discriminator's colour, and of the density's grey
ARROW, HALF = 0.16, 4.0  # longest arrow in data units; the gradient at which one is half as long
HEAD = 0.35
APART = 0.12
DOT_PX, REAL_PX, OFF_PX = 4, 2, 4


class Plane(QWidget):
    """`title` and the ink of its points; `layers` are those of LAYERS that are switched on."""

    LAYERS = ("real", "field", "arrows")

    def __init__(self, title: str, word: str, ink: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(f"{title}, {word}")
        self._title, self._ink, self._view = title, ink, None
        self.layers = set(self.LAYERS)
        self._scene: Scene | None = None
        self._twin: Twin | None = None
        letter = Caption(title, tokens.SECTION_PX, ink, semibold=True)
        self.word, self.share = Caption(word, tokens.BODY_PX, "text"), Caption("", tokens.BODY_PX, "text", semibold=True)
        self.about = Elided()
        self.about.setObjectName("caption")
        self.about.setIndent(tokens.SPACE_XS)
        self.share.setFont(font(tokens.BODY_PX, semibold=True))
        self.share.setToolTip("Share of the points that lie off the manifold, and how many modes are covered")
        head = QHBoxLayout()
        head.setContentsMargins(tokens.SPACE_XS, 0, tokens.SPACE_XS, 0)
        head.setSpacing(tokens.SPACE_S)
        head.addWidget(letter)
        head.addWidget(self.word, 1)
        head.addWidget(self.share)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)
        self._column.addLayout(head)
        self._column.addWidget(self.about)
        self._column.addSpacing(tokens.SPACE_XS)
        self._waiting = Caption("Getting ready", tokens.BODY_PX, "muted")  # while the engine's libraries are brought in
        self._waiting.setObjectName("panel")
        self._waiting.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._column.addWidget(self._waiting, 1)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(180, 170)

    # drawing ---------------------------------------------------------------------------------------------------------
    def _build(self) -> None:
        import pyqtgraph as pg

        self._view = pg.PlotWidget(antialias=True)
        self._view.setAccessibleName(self.accessibleName())
        self._view.setMenuEnabled(False)
        self._view.hideButtons()
        self._view.setMouseEnabled(False, False)
        self._view.setAspectLocked(True)
        self._view.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        for name in ("left", "bottom"):
            self._view.getPlotItem().hideAxis(name)
        self._image = pg.ImageItem(axisOrder="row-major")
        self._real = pg.ScatterPlotItem(size=REAL_PX, pen=None, pxMode=True)
        self._on = pg.ScatterPlotItem(size=DOT_PX, pen=None, pxMode=True)
        self._off = pg.ScatterPlotItem(size=OFF_PX, pen=None, pxMode=True, symbol="d")
        self._arrows = pg.PlotCurveItem(connect="pairs")
        for item in (self._image, self._real, self._on, self._off, self._arrows):
            self._view.addItem(item)
        self._waiting.hide()
        self._column.addWidget(self._view, 1)

    def show_scene(self, scene: Scene) -> None:
        """Other data."""
        if self._view is None:
            self._build()
        if scene is not self._scene:
            self._scene = scene
            self._view.setRange(xRange=(-VIEW, VIEW), yRange=(-VIEW, VIEW), padding=0)
            self._dress()

    def show_twin(self, twin: Twin) -> None:
        """Its points now. The scene is shown first."""
        self._twin = twin
        on, off = twin.points[~twin.off], twin.points[twin.off]
        self._on.setData(on[:, 0], on[:, 1])
        self._off.setData(off[:, 0], off[:, 1])
        self._paint_ground()
        self._paint_arrows()
        last = twin.history[-1] if twin.history else None
        covered = f" \N{MIDDLE DOT} {last.modes} of {last.of_modes} modes" if last else ""
        self.share.setText("stopped" if twin.stopped else f"{twin.off.mean():.0%} off{covered}")
        self.share.set_ink("bad" if twin.stopped else "text")

    def set_layers(self, layers: set[str]) -> None:
        self.layers = set(layers)
        if self._scene is not None and self._twin is not None:
            self._dress()

    def _dress(self) -> None:
        """Colours of the theme, and what does not change from step to step."""
        self._view.setBackground(color("panel"))
        self._real.setVisible("real" in self.layers)
        self._real.setData(self._scene.points[:, 0], self._scene.points[:, 1], brush=color("muted", 0.55))
        self._on.setBrush(color(self._ink, 0.85))
        self._off.setBrush(color("bad", 0.75))
        self._paint_ground()
        if self._twin is not None:
            self.show_twin(self._twin)

    def _paint_ground(self) -> None:
        """The density as grey over what the discriminator believes, as one picture."""
        field = self._twin.field if self._twin is not None and "field" in self.layers else None
        picture = ground(self._scene.density, field, _rgb("panel"), _rgb("muted"), _rgb("good"))
        self._image.setImage(picture, autoLevels=False, levels=(0, 255))
        reach = self._scene.reach
        self._image.setRect(QRectF(-reach, -reach, 2 * reach, 2 * reach))

    def _paint_arrows(self) -> None:
        import pyqtgraph as pg

        shown = "arrows" in self.layers and self._twin.arrows is not None and not self._twin.stopped
        apart = spread(self._twin.tails) if shown else np.zeros(0, int)
        x, y = strokes(self._twin.tails[apart], self._twin.arrows[apart]) if shown else (np.zeros(0), np.zeros(0))
        self._arrows.setData(x, y, pen=pg.mkPen(color("text", 0.8), width=1.4))

    def changeEvent(self, event) -> None:  # noqa: N802
        if event.type() == event.Type.PaletteChange and self._scene is not None:
            self._dress()
        super().changeEvent(event)

    # files -----------------------------------------------------------------------------------------------------------
    def figure_name(self) -> str:
        return f"Points {self._title}, {self.word.text()}"

    def figure_size(self) -> QSize:
        return QSize(480, 510)

    def paint_figure(self, painter: QPainter, box: QRect) -> None:
        edge = tokens.SPACE_S
        painter.setPen(color("text"))
        painter.setFont(font(tokens.BODY_PX, semibold=True))
        painter.drawText(QPointF(box.left() + edge, box.top() + edge + tokens.BODY_PX), f"{self.figure_name()}   {self.share.text()}")
        side = min(box.width() - 2 * edge, box.height() - 3 * edge - 2 * tokens.BODY_PX)
        before = self._view.size()
        self._view.resize(side, side)
        self._view.render(painter, QRectF(box.left() + edge, box.top() + 2 * edge + 2 * tokens.BODY_PX, side, side))
        self._view.resize(before)

    def table(self) -> tuple[list[str], list[list[object]]]:
        """One row a point: x, y, whether it lies off the manifold."""
        return ["x", "y", "off the manifold"], [[float(x), float(y), int(off)] for (x, y), off in zip(self._twin.points, self._twin.off, strict=True)]

    def has_numbers(self) -> bool:
        return self._twin is not None


def _rgb(name: str) -> np.ndarray:
    found = color(name)
    return np.array([found.red(), found.green(), found.blue()], np.float32)


def ground(density: np.ndarray, field: np.ndarray | None, empty: np.ndarray, full: np.ndarray, believed: np.ndarray) -> np.ndarray:
    """uint8 [R, R, 3]: density [R, R] in 0..1 between two colours; where the field [F, F] exceeds a half, the third is mixed in."""
    picture = np.broadcast_to(empty, (*density.shape, 3)).astype(np.float32)
    if field is not None:
        tint = TINT * np.clip(2 * enlarged(field, len(density)) - 1, 0, 1)[..., None]
        picture = picture + tint * (believed - picture)
    return (picture + SHADE * density[..., None] * (full - picture)).astype(np.uint8)


def enlarged(field: np.ndarray, side: int) -> np.ndarray:
    """[F, F] -> [side, side], linear between the cells' middles."""
    at = np.clip((np.arange(side) + 0.5) * len(field) / side - 0.5, 0, len(field) - 1)
    low = np.minimum(at.astype(int), len(field) - 2)
    mix = np.zeros((side, len(field)), np.float32)
    mix[np.arange(side), low], mix[np.arange(side), low + 1] = 1 - (at - low), at - low
    return mix @ field @ mix.T


def spread(tails: np.ndarray) -> np.ndarray:
    """Which tails to draw, so that no two arrows start in one square of side APART: the points under them stay in sight."""
    return np.unique(np.floor(tails / APART).astype(int), axis=0, return_index=True)[1]


def strokes(tails: np.ndarray, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Arrows as pairs of line ends (x, y): a shaft and two strokes of a head each. Long gradients are shortened so that all fit."""
    size = np.linalg.norm(vectors, axis=1, keepdims=True)
    step = ARROW * vectors / (size + HALF)
    tips, side = tails + step, np.stack([-step[:, 1], step[:, 0]], 1)
    ends = [tails, tips, tips, tips - HEAD * (step + 0.6 * side), tips, tips - HEAD * (step - 0.6 * side)]
    lines = np.stack(ends, 1).reshape(-1, 2)
    return lines[:, 0], lines[:, 1]
