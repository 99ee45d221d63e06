"""Paints an atlas: the coloured map, iso-lines with their values, CFG's and ReCFG's lines, where the person stands.

Shift is viridis, dark = none; the ratio of variances is signed around 1 in the theme's blue (variety lost) and orange (blown up).
Everything is drawn with a QPainter, so that the screen, a PNG and an SVG show the same picture.
"""

import math
from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QFontMetricsF, QImage, QLinearGradient, QPainter, QPen, QPolygonF

from engines.guidance.atlas import Atlas, AtlasTask, Pair
from widgets import tokens
from widgets.guidance.atlas_surface import Surface, contours
from widgets.guidance.words import G0, G1, SAMPLER_WORDS
from widgets.paint import color, font

TICKS_1 = (0.1, 0.2, 0.5, 1, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30)
RATIO_LINES = {1: (0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0), 2: (0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 4.0),
               3: (0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 4.0)}
RATIO_TICKS = {1: (0.5, 0.7, 1.0, 1.4, 2.0), 2: (0.25, 0.5, 1.0, 2.0, 4.0), 3: (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)}
IMAGE_PX = (240, 180)
LEFT_PX, TOP_PX, BAR_PX, FOOT_PX, HATCH_PX = 40, 8, 8, 80, 8
LEAST_SHIFT = {"grey levels": 1.0, "x": 0.05}  # the colours do not blow nothing up
SHIFT_PARTS = 5  # iso-lines up to the end of the colours
LAYERS = ("shift", "ratio", "both")
Lines = list[tuple[float, list[np.ndarray]]]  # a level and its polylines of (gamma_1, S)


@dataclass(frozen=True)
class Marks:
    """What is drawn over the map: where the person stands, where ReCFG stands, where the pointer is. None = nowhere."""

    here: Pair | None = None
    recfg: Pair | None = None
    cursor: Pair | None = None
    trail: tuple[Pair, ...] = ()  # what a curve passes through
    loose: bool = False  # the map does not know all that the person has set: a broken ring


class Frame:
    """Places of (gamma_1, S) inside `box`, which holds axes and colour bar too."""

    def __init__(self, box: QRectF, task: AtlasTask) -> None:
        self.map = QRectF(box.left() + LEFT_PX, box.top() + TOP_PX, box.width() - LEFT_PX - tokens.SPACE_S, box.height() - TOP_PX - FOOT_PX)
        strengths, self.sums = task.axes()
        self.strengths, self._log = strengths, (math.log(strengths[0]), math.log(strengths[-1]))

    def place(self, gamma_1: float, total: float) -> QPointF:
        x = (math.log(max(gamma_1, 1e-9)) - self._log[0]) / (self._log[1] - self._log[0])
        y = (total - self.sums[0]) / (self.sums[-1] - self.sums[0])
        return QPointF(self.map.left() + x * self.map.width(), self.map.bottom() - y * self.map.height())

    def pair(self, point: QPointF) -> tuple[float, float]:
        """The (gamma_1, S) under a point, clamped to the map."""
        x = min(1.0, max(0.0, (point.x() - self.map.left()) / self.map.width()))
        y = min(1.0, max(0.0, (self.map.bottom() - point.y()) / self.map.height()))
        return math.exp(self._log[0] + x * (self._log[1] - self._log[0])), self.sums[0] + y * (self.sums[-1] - self.sums[0])

    def holds(self, pair: tuple[float, float]) -> bool:
        return self.strengths[0] <= pair[0] <= self.strengths[-1] and self.sums[0] <= pair[1] <= self.sums[-1]


class Picture:
    """An atlas made ready to paint; iso-lines are followed when they are first wanted, and once."""

    def __init__(self, atlas: Atlas) -> None:
        self.atlas, self.surface = atlas, Surface(atlas)
        sound = [p.shift for p in atlas.on_map() if not p.blown and math.isfinite(p.shift)]
        least = LEAST_SHIFT["grey levels" if atlas.unit == "grey levels" else "x"]
        self.highest = nice(max(least, float(np.percentile(sound, 85)) if sound else 0.0))  # the shift at which the colours end
        strays = [abs(math.log2(max(p.ratio, 1e-9))) for p in atlas.on_map() if not p.blown]
        self.span = next((span for span in (1, 2) if strays and np.percentile(strays, 90) <= span), 3)  # log2 at which the ratio's colours end
        self._lines: dict[str, Lines] = {}

    def levels(self, name: str) -> list[float]:
        return [math.log2(r) for r in RATIO_LINES[self.span]] if name == "ratio" else [self.highest * k / SHIFT_PARTS for k in range(1, 2 * SHIFT_PARTS + 1)]

    def lines(self, name: str) -> "Lines":
        """Iso-lines of the measured surface, none before the coarsest map is whole."""
        if name not in self._lines:
            self._lines[name] = [(at, self.surface.lines(name, at)) for at in self.levels(name)] if self.surface.complete else []
        return self._lines[name]

    def theory(self, name: str) -> "Lines":
        """The same of the closed form, where there is one."""
        key, form = f"theory {name}", self.atlas.theory
        if key not in self._lines:
            values = None if form is None else np.log2(np.maximum(form.ratio, 1e-9)) if name == "ratio" else form.shift
            self._lines[key] = [] if form is None else [(at, contours(values, np.log(form.gamma_1), form.sums, at)) for at in self.levels(name)]
        return self._lines[key]


def nice(value: float) -> float:
    """The next of 1, 1.5, 2, 2.5, 3, 4, 5, 7.5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(max(value, 1e-9)))
    return next(step * power for step in (1, 1.5, 2, 2.5, 3, 4, 5, 7.5, 10) if step * power >= value * (1 - 1e-9))


# colours ------------------------------------------------------------------------------------------------------------------
def scale(layer: str) -> np.ndarray:
    """256 colours of a layer, uint8 [256, 3]."""
    if layer != "ratio":
        import pyqtgraph as pg

        return pg.colormap.get("viridis").getLookupTable(nPts=256, alpha=False)
    low, middle, high = (np.array(color(name).getRgb()[:3], float) for name in ("accent", "control", "second"))
    t = np.linspace(-1, 1, 256)[:, None]
    return np.rint(np.where(t < 0, middle - t * (low - middle), middle + t * (high - middle))).astype(np.uint8)


def level(layer: str, picture: Picture, values: np.ndarray) -> np.ndarray:
    """Where values lie on the layer's scale, 0..1. Ratios as log2."""
    return np.clip((values + picture.span) / (2 * picture.span) if layer == "ratio" else values / picture.highest, 0, 1)


def _halo() -> QColor:
    """Over a coloured ground, whatever the theme: light lines with a dark seam."""
    return QColor(tokens.DARK.window)


def _over() -> QColor:
    return QColor(tokens.LIGHT.panel)


# painting -----------------------------------------------------------------------------------------------------------------
def paint(painter: QPainter, box: QRectF, task: AtlasTask, picture: Picture | None, layer: str, marks: Marks) -> None:
    """One layer ("shift", "ratio", "both") with axes, lines, marks and colour bar. Without a picture: axes and lines of an empty map."""
    frame = Frame(box, task)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.fillRect(frame.map, color("control"))
    if picture is not None and picture.surface.complete:
        _ground(painter, frame, picture, "ratio" if layer == "ratio" else "shift")
    painter.setFont(font(tokens.CAPTION_PX))
    _axes(painter, box, frame)
    painter.save()
    painter.setClipRect(frame.map)
    if picture is not None and picture.surface.complete:
        _iso_lines(painter, frame, picture, "ratio" if layer in ("ratio", "both") else "shift")
    _rules(painter, frame, picture)
    painter.restore()
    if picture is not None:
        _points(painter, frame, picture, "ratio" if layer == "ratio" else "shift")
    _marks(painter, frame, marks, picture is not None)
    if picture is not None:
        _bar(painter, box, frame, picture, layer)


def _ground(painter: QPainter, frame: Frame, picture: Picture, layer: str) -> None:
    values = level(layer, picture, picture.surface.grid(layer, *IMAGE_PX))[::-1]
    pixels = np.ascontiguousarray(scale(layer)[np.rint(values * 255).astype(int)])
    image = QImage(pixels.tobytes(), IMAGE_PX[0], IMAGE_PX[1], 3 * IMAGE_PX[0], QImage.Format.Format_RGB888)
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
    painter.drawImage(frame.map, image)
    _hatch(painter, frame, picture)


def _points(painter: QPainter, frame: Frame, picture: Picture, layer: str) -> None:
    """What was measured: dots on a finished map, coloured discs before the coarsest one is whole."""
    painter.setPen(Qt.PenStyle.NoPen)
    colours, whole = scale(layer), picture.surface.complete
    for point in picture.atlas.on_map():
        value = math.log2(max(point.ratio, 1e-9)) if layer == "ratio" else point.shift
        if whole:
            fill = _over()
            fill.setAlphaF(0.55)
        else:
            fill = color("muted") if point.blown else QColor(*map(int, colours[round(float(level(layer, picture, np.array(value))) * 255)]))
        painter.setBrush(fill)
        painter.drawEllipse(frame.place(point.gamma_1, point.total), 1.2 if whole else 6.0, 1.2 if whole else 6.0)


def _hatch(painter: QPainter, frame: Frame, picture: Picture) -> None:
    """Where the points are blown up: one stroke a square, so that nothing needs clipping (an SVG has none)."""
    columns, rows = max(2, round(frame.map.width() / HATCH_PX)), max(2, round(frame.map.height() / HATCH_PX))
    wide, high = frame.map.width() / columns, frame.map.height() / rows
    seam, line = _halo(), _over()
    seam.setAlphaF(0.35)
    line.setAlphaF(0.55)
    for ink, shift in ((seam, 1.2), (line, 0.0)):
        painter.setPen(QPen(ink, 1.2))
        for j, i in np.argwhere(picture.surface.blown(columns, rows)).tolist():
            x, y = frame.map.left() + i * wide, frame.map.bottom() - j * high
            painter.drawLine(QPointF(x + shift, y), QPointF(x + wide, y - high + shift))


def _iso_lines(painter: QPainter, frame: Frame, picture: Picture, name: str) -> None:
    taken: list[QRectF] = []
    metrics = QFontMetricsF(painter.font())
    painter.setPen(QPen(_over(), 1, Qt.PenStyle.DotLine))
    for _, lines in picture.theory(name):
        for line in lines:
            painter.drawPolyline(_polygon(frame, line))
    for height, lines in picture.lines(name):
        one = name == "ratio" and height == 0
        for line in lines:
            polygon = _polygon(frame, line)
            _seamed(painter, polygon, 2.0 if one else 1.1)
        text = f"{2.0 ** height:.3g}" if name == "ratio" else f"{height:.3g}"
        _label(painter, frame, metrics, text, [_polygon(frame, line) for line in lines], taken)


def _polygon(frame: Frame, line: np.ndarray) -> QPolygonF:
    return QPolygonF([frame.place(float(g), float(s)) for g, s in line])


def _seamed(painter: QPainter, polygon: QPolygonF, width: float) -> None:
    seam = _halo()
    seam.setAlphaF(0.4)
    painter.setPen(QPen(seam, width + 1.6))
    painter.drawPolyline(polygon)
    painter.setPen(QPen(_over(), width))
    painter.drawPolyline(polygon)


def _label(painter: QPainter, frame: Frame, metrics: QFontMetricsF, text: str, polygons: list[QPolygonF], taken: list[QRectF]) -> None:
    """The value on a small ground, where the longest line of it has room; nowhere if it has none."""
    room = frame.map.adjusted(4, 4, -4, -4)
    line_of_cfg = frame.place(1.0, 1.0).y()
    for polygon in sorted(polygons, key=lambda p: -p.size())[:2]:
        for part in (0.5, 0.65, 0.35, 0.8, 0.2):
            point = polygon.at(int(part * (polygon.size() - 1)))
            ground = QRectF(0, 0, metrics.horizontalAdvance(text) + 6, metrics.height() - 1)
            ground.moveCenter(point)
            free = room.contains(ground) and not any(ground.intersects(other) for other in taken)
            if polygon.size() > 12 and free and abs(ground.center().y() - line_of_cfg) > ground.height():
                taken.append(ground.adjusted(-6, -3, 6, 3))
                fill = _halo()
                fill.setAlphaF(0.72)
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(fill)
                painter.drawRoundedRect(ground, 3, 3)
                painter.setPen(_over())
                painter.drawText(ground, Qt.AlignmentFlag.AlignCenter, text)
                return


def _rules(painter: QPainter, frame: Frame, picture: Picture | None) -> None:
    """The lines of CFG (S = 1) and of ReCFG, on average."""
    strong = _over() if picture else color("muted")
    metrics = QFontMetricsF(painter.font())
    if frame.sums[0] <= 1 <= frame.sums[-1]:
        a, b = frame.place(frame.strengths[0], 1), frame.place(frame.strengths[-1], 1)
        if picture:
            seam = _halo()
            seam.setAlphaF(0.5)
            painter.setPen(QPen(seam, 3))
            painter.drawLine(a, b)
        painter.setPen(QPen(strong, 1.4, Qt.PenStyle.DashLine))
        painter.drawLine(a, b)
        _tag(painter, metrics, "CFG", QPointF(b.x() - 4, b.y() - 2), picture is not None)
    if picture and picture.atlas.recfg is not None and abs(picture.atlas.recfg - 1) > 1e-6:
        steps = np.geomspace(frame.strengths[0], frame.strengths[-1], 60)
        inside = [point for point in (frame.place(g, picture.atlas.recfg_sum(g)) for g in steps) if frame.map.contains(point)]
        painter.setPen(QPen(strong, 1.2, Qt.PenStyle.DotLine))
        painter.drawPolyline(QPolygonF(inside))
        if inside and abs(inside[-1].y() - frame.place(1, 1).y()) > 2 * metrics.height():
            _tag(painter, metrics, "ReCFG", QPointF(inside[-1].x() - 6, max(inside[-1].y() - 2, frame.map.top() + metrics.height() + 3)), True)


def _tag(painter: QPainter, metrics: QFontMetricsF, text: str, corner: QPointF, over: bool) -> None:
    """Small words whose lower right corner is `corner`."""
    ground = QRectF(0, 0, metrics.horizontalAdvance(text) + 6, metrics.height() - 1)
    ground.moveBottomRight(corner)
    if over:
        fill = _halo()
        fill.setAlphaF(0.72)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(fill)
        painter.drawRoundedRect(ground, 3, 3)
    painter.setPen(_over() if over else color("muted"))
    painter.drawText(ground, Qt.AlignmentFlag.AlignCenter, text)


def _axes(painter: QPainter, box: QRectF, frame: Frame) -> None:
    metrics = QFontMetricsF(painter.font())
    painter.setPen(QPen(color("border"), 1))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRect(frame.map)
    last = -math.inf
    for g in TICKS_1:
        if frame.strengths[0] - 1e-9 <= g <= frame.strengths[-1] + 1e-9:
            x, text = frame.place(g, frame.sums[0]).x(), f"{g:g}"
            wide = metrics.horizontalAdvance(text)
            if x - wide / 2 < last + 4:
                continue
            last = x + wide / 2
            painter.setPen(QPen(color("border"), 1))
            painter.drawLine(QPointF(x, frame.map.bottom()), QPointF(x, frame.map.bottom() + 3))
            painter.setPen(color("muted"))
            painter.drawText(QRectF(x - 20, frame.map.bottom() + 4, 40, metrics.height()), Qt.AlignmentFlag.AlignHCenter, text)
    span = frame.sums[-1] - frame.sums[0]
    step = nice(span / 5)
    for k in range(math.ceil(frame.sums[0] / step - 1e-9), math.floor(frame.sums[-1] / step + 1e-9) + 1):
        y = frame.place(frame.strengths[0], k * step).y()
        painter.setPen(QPen(color("border"), 1))
        painter.drawLine(QPointF(frame.map.left() - 3, y), QPointF(frame.map.left(), y))
        painter.setPen(color("muted"))
        painter.drawText(QRectF(box.left(), y - 8, LEFT_PX - 6, 16), Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, f"{k * step:g}")
    painter.setPen(color("muted"))
    painter.drawText(QRectF(frame.map.left(), frame.map.bottom() + 4 + metrics.height(), frame.map.width(), metrics.height() + 2),
                     Qt.AlignmentFlag.AlignHCenter, f"strength {G1}")
    painter.save()
    painter.translate(box.left() + 9, frame.map.center().y())
    painter.rotate(-90)
    painter.drawText(QRectF(-90, -9, 180, 16), Qt.AlignmentFlag.AlignCenter, f"S = {G1} + {G0}")
    painter.restore()


def _marks(painter: QPainter, frame: Frame, marks: Marks, filled: bool) -> None:
    strong = _over() if filled else color("accent")
    painter.setBrush(Qt.BrushStyle.NoBrush)
    _trail(painter, frame, marks.trail, strong, filled)
    if marks.recfg is not None and frame.holds(marks.recfg):
        at = frame.place(*marks.recfg)
        diamond = QPolygonF([at + QPointF(*d) for d in ((0, -5), (5, 0), (0, 5), (-5, 0))])
        painter.setPen(QPen(_halo(), 1))
        painter.setBrush(QBrush(strong))
        painter.drawPolygon(diamond)
        painter.setBrush(Qt.BrushStyle.NoBrush)
    if marks.here is not None and frame.holds(marks.here):
        at = frame.place(*marks.here)
        ring = Qt.PenStyle.DotLine if marks.loose else Qt.PenStyle.SolidLine
        for pen in ((QPen(_halo(), 3.4), QPen(strong, 1.6)) if filled else (QPen(strong, 1.6),)):
            painter.setPen(QPen(pen.color(), pen.widthF(), ring))
            painter.drawEllipse(at, 7, 7)
            painter.setPen(pen)
            for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
                painter.drawLine(at + QPointF(4 * dx, 4 * dy), at + QPointF(12 * dx, 12 * dy))
    if marks.cursor is not None and frame.holds(marks.cursor):
        at = frame.place(*marks.cursor)
        ink = _over() if filled else color("muted")
        ink.setAlphaF(0.7)
        painter.setPen(QPen(ink, 1))
        painter.drawLine(QPointF(at.x(), frame.map.top()), QPointF(at.x(), frame.map.bottom()))
        painter.drawLine(QPointF(frame.map.left(), at.y()), QPointF(frame.map.right(), at.y()))


def _trail(painter: QPainter, frame: Frame, trail: tuple[Pair, ...], strong: QColor, filled: bool) -> None:
    """The part of a curve's trail that lies on the map, and a dot at either end of it."""
    inside = [frame.place(*pair) for pair in trail if frame.holds(pair)]
    if len(trail) < 2 or not inside:
        return
    for pen in ((QPen(_halo(), 5.4), QPen(strong, 3)) if filled else (QPen(strong, 3),)):
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        painter.setPen(pen)
        painter.drawPolyline(QPolygonF(inside))
    painter.setPen(QPen(_halo() if filled else color("panel"), 1.2))
    painter.setBrush(QBrush(strong))
    for end in (inside[0], inside[-1]):
        painter.drawEllipse(end, 4.5, 4.5)
    painter.setBrush(Qt.BrushStyle.NoBrush)


def _bar(painter: QPainter, box: QRectF, frame: Frame, picture: Picture, layer: str) -> None:
    """The colour bar below the axis, and what colours and lines mean."""
    words = {"shift": f"shift, {picture.atlas.unit}", "ratio": "variance over that of the class",
             "both": "colours: shift; lines: variance"}[layer]
    layer = "ratio" if layer == "ratio" else "shift"
    metrics = QFontMetricsF(painter.font())
    bar = QRectF(frame.map.left(), box.bottom() - metrics.height() - BAR_PX - 4, frame.map.width(), BAR_PX)
    gradient, colours = QLinearGradient(bar.topLeft(), bar.topRight()), scale(layer)
    for k in range(0, 256, 15):
        gradient.setColorAt(k / 255, QColor(*map(int, colours[k])))
    painter.fillRect(bar, gradient)
    if layer == "ratio":
        ticks = [(level("ratio", picture, np.array(math.log2(r))), f"{r:.3g}".removeprefix("0")) for r in RATIO_TICKS[picture.span]]
    else:
        ticks = [(k / SHIFT_PARTS, f"{picture.highest * k / SHIFT_PARTS:.3g}") for k in range(SHIFT_PARTS + 1)]
    painter.setPen(color("muted"))
    painter.drawText(QPointF(bar.left(), bar.top() - 5), words)
    for part, text in ticks:
        x = bar.left() + float(part) * bar.width()
        wide = metrics.horizontalAdvance(text)
        left = min(max(x - wide / 2, bar.left()), bar.right() - wide)
        painter.drawText(QPointF(left, box.bottom() - 3), text)


def paint_figure(painter: QPainter, box: QRect, picture: Picture, title: str, marks: Marks) -> None:
    """Both layers side by side under a title, and below it what they were made with."""
    edge = tokens.SPACE_M
    inner = QRectF(box).adjusted(edge, edge, -edge, -edge)
    painter.setPen(color("text"))
    painter.setFont(font(tokens.SECTION_PX, semibold=True))
    painter.drawText(inner, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop, title)
    painter.setFont(font(tokens.CAPTION_PX))
    painter.setPen(color("muted"))
    painter.drawText(inner.adjusted(0, tokens.SPACE_XL, 0, 0), Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop, caption(picture.atlas))
    half = (inner.width() - tokens.SPACE_L) / 2
    for k, (layer, word) in enumerate((("shift", f"Expectation shift, {picture.atlas.unit}"), ("ratio", "Variance over the class's"))):
        part = QRectF(inner.left() + k * (half + tokens.SPACE_L), inner.top() + 64, half, inner.height() - 64)
        painter.setPen(color("text"))
        painter.setFont(font(tokens.BODY_PX, semibold=True))
        painter.drawText(part.adjusted(LEFT_PX, -20, 0, 0), Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop, word)
        paint(painter, part, picture.atlas.task, picture, layer, marks)


def caption(atlas: Atlas) -> str:
    """What a map was made with, in one line."""
    task = atlas.task
    blown = "; hatched: blown up" if any(point.blown for point in atlas.on_map()) else ""
    blown += "; dotted: closed form" if atlas.theory is not None else ""
    text = (f"{atlas.done()} of {atlas.size()} points of {task.samples:,} samples, {SAMPLER_WORDS[task.settings.sampler]}, {task.steps} steps, "
            f"against {atlas.reference}")
    return text + (f"; {atlas.floor:.3g} {atlas.unit} of chance taken off" if atlas.unit == "grey levels" else "") + blown
