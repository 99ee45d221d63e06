"""The plot of quality against steps: one line a sampler, mode and kind of timesteps; points can be pointed at and adopted.

Colour: the sampler, named beside its cheapest points. Symbol: the mode. Dashed and hollow: plain timesteps; solid and filled: tuned. Bars: spread
over seeds. Band: real against real.
"""

import math
from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QTextDocument
from PySide6.QtWidgets import QWidget

from engines.guidance.quality_table import Measured, Point, Setting
from engines.guidance.request import MODES, SAMPLERS
from widgets import tokens
from widgets.guidance import quality_labels
from widgets.guidance import quality_words as words
from widgets.guidance.words import MODE_WORDS, SAMPLER_WORDS
from widgets.log_axis import labelled, small, word
from widgets.paint import color, font
from widgets.plots import Plot

SYMBOLS = {"cfg": "o", "recfg": "s", "calibrated": "t1"}  # pyqtgraph's names; every other mode is a diamond
SYMBOL_SIGNS = {"o": "\N{BLACK CIRCLE}", "s": "\N{BLACK SQUARE}", "t1": "\N{BLACK UP-POINTING TRIANGLE}", "d": "\N{BLACK DIAMOND}"}
NEAR_PX, SYMBOL_PX, RING_PX = 14, 8, 17
HUES = dict(zip(SAMPLERS, (0, 161, -54, 101, -124, 56, -167), strict=True))  # degrees from the accent's: as far apart as eyes tell
TICKS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 30, 40, 60, 80, 100, 120, 160, 200, 300, 400)
TICK_GAP = 0.085  # of the axis
WIDE = 2.0  # highest over lowest value from which a logarithmic axis shows more
SHARES, MOST_SHARES, LEAST_AIR = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2), 7, 0.02  # steps of an axis of accuracies; room around a single point
LEAST_PX = 200  # the plot's width before it is laid out


def ink(sampler: str) -> QColor:
    """The sampler's colour: the accent's lightness, hues far apart."""
    accent = color("accent")
    hue = (accent.hslHueF() + HUES[sampler] / 360) % 1
    return QColor.fromHslF(hue, accent.hslSaturationF(), accent.lightnessF())


def symbol(mode: str) -> str:
    return SYMBOLS.get(mode, "d")


def wide(points: Sequence[Point], measure: str) -> bool:
    """Whether distances differ so much that a logarithmic axis shows more of them."""
    values = [p.value("frechet") for p in points] if measure == "frechet" else []
    return bool(values) and max(values) >= WIDE * min(values)


def shares(low: float, high: float) -> list[tuple[float, str]]:
    """Ticks of an axis of accuracies, none beyond 100 %."""
    high = min(high, 1.0)
    step = next((step for step in SHARES if (high - low) / step <= MOST_SHARES), SHARES[-1])
    values = [k * step for k in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]
    return [(value, f"{100 * value:g} %") for value in values]


class QualityPlot(Plot):
    """`pointed(point or None)` while the pointer or the arrow keys move, `chosen(point)` at a click or Enter."""

    pointed, chosen = Signal(object), Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Quality against steps", words.X_LABEL, "Each point is a setting that was measured; a click adopts it. "
                         "Arrow keys go from point to point, Enter adopts.", log_x=True, height_px=None, parent=parent)
        self.found, self.shown, self.here, self.log_y = Measured(2.0, 0), (), None, False
        self.current: Point | None = None
        self._hidden: set[object] = set()
        self._names: list[tuple[str, object]] = []  # (sampler, its name in the plot)
        self._below = None  # what is said of a floor below the axis
        self.setToolTip("")
        self._title.hide()
        self._save.hide()
        self._legend.hide()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def view(self):
        fresh = self._view is None
        view = super().view()
        if fresh:
            view.setMouseTracking(True)
            view.viewport().installEventFilter(self)
            view.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            view.getPlotItem().getViewBox().sigResized.connect(lambda _: self._frame(view.getPlotItem()))  # names and air are so many pixels
        return view

    # what is shown ---------------------------------------------------------------------------------------------------
    def show_set(self, found: Measured, here: Setting | None, hidden: set[object], log_y: bool) -> None:
        """The points of a set without those of a hidden sampler, mode or kind of timesteps (True = tuned); `here`: the settings in force."""
        self.found, self.here, self._hidden, self.log_y = found, here, set(hidden), log_y and found.measure == "frechet"
        self.shown = tuple(p for p in found.points if not {("sampler", p.sampler), ("mode", p.mode), ("tuned", p.tuned)} & self._hidden)
        if self.current is not None:
            self.current = next((p for p in self.shown if p.setting == self.current.setting), None)
        self.set_y_label(words.Y_LABELS[found.measure])
        self.draw()

    def lines(self) -> list[tuple[tuple[str, str, bool], list[Point]]]:
        """(sampler, mode, tuned) -> its visible points by evaluations."""
        groups: dict[tuple[str, str, bool], list[Point]] = {}
        for p in self.shown:
            groups.setdefault((p.sampler, p.mode, p.tuned), []).append(p)
        return sorted(groups.items(), key=lambda entry: (SAMPLERS.index(entry[0][0]), entry[0][1:]))

    def draw(self) -> None:
        """Everything anew."""
        import pyqtgraph as pg

        item = self.view().getPlotItem()
        item.clear()
        self._names, self._below = [], None  # a change of size on the way asks for their places
        item.setLogMode(x=True, y=self.log_y)
        measure = self.found.measure
        item.setLabel("left", words.Y_LABELS[measure], **{"color": tokens.current().muted, "font-size": f"{tokens.CAPTION_PX}px"})
        item.getAxis("left").setWidth(56)
        item.getAxis("left").enableAutoSIPrefix(False)
        self._floor(item)
        for (sampler, mode, tuned), found in self.lines():
            x, y = np.array([p.nfe for p in found]), np.array([p.value(measure) for p in found])
            pen = pg.mkPen(ink(sampler), width=2, style=Qt.PenStyle.SolidLine if tuned else Qt.PenStyle.DashLine)
            spread = np.array([p.spread(measure) for p in found])
            if spread.any():
                low, high = self._y(np.maximum(y - spread, y / 10)), self._y(y + spread)
                item.addItem(pg.ErrorBarItem(x=np.log10(x), y=self._y(y), top=high - self._y(y), bottom=self._y(y) - low, beam=0.012,
                                             pen=pg.mkPen(ink(sampler), width=1)))
            item.plot(x, y, pen=pen, symbol=symbol(mode), symbolSize=SYMBOL_PX, symbolPen=pg.mkPen(ink(sampler), width=1.5),
                      symbolBrush=ink(sampler) if tuned else color("panel"), useCache=False)  # else files hold symbols as coarse pixels
        for p, name, width in ((self._placed(self.here), "text", 2), (self.current, "accent", 2)):
            if p is not None:
                item.plot([p.nfe], [p.value(measure)], pen=None, symbol="o", symbolSize=RING_PX, symbolBrush=None, symbolPen=pg.mkPen(color(name), width=width))
        self._name(item)
        self._frame(item)
        self._legend.setText(self._legend_text())

    def _placed(self, setting: Setting | None) -> Point | None:
        return next((p for p in self.shown if p.setting == setting), None)

    def _y(self, y):
        return np.log10(y) if self.log_y else y

    def _floor(self, item) -> None:
        import pyqtgraph as pg

        if self.floor_below():
            self._below = pg.TextItem(f"\N{DOWNWARDS ARROW} {words.floor_word(self.found)}", color=color("good"), anchor=(0, 1))
            self._below.setFont(font(tokens.CAPTION_PX))
            return item.addItem(self._below, ignoreBounds=True)
        if not self._floor_fits():
            return
        mean, spread = self.found.floor
        low, high = float(self._y(max(mean - spread, mean / 10))), float(self._y(mean + spread))
        item.addItem(pg.LinearRegionItem((low, high), orientation="horizontal", movable=False, brush=color("good", 0.25), pen=pg.mkPen(color("good", 0.5))))
        label = {"position": 0.03, "color": color("good"), "anchors": [(0, 0), (0, 1)], "movable": False}
        line = pg.InfiniteLine(float(self._y(mean)), angle=0, movable=False, pen=pg.mkPen(color("good"), width=1),
                               label=words.floor_word(self.found), labelOpts=label)
        line.label.setFont(font(tokens.CAPTION_PX))
        item.addItem(line)

    def _floor_fits(self) -> bool:
        """Whether the floor is drawn: not so far below all points that they would lie in a heap at the top."""
        values = [p.value("frechet") for p in self.shown] if self.found.measure == "frechet" and self.found.floor is not None else []
        if not values:
            return False
        low, high, floor = (float(self._y(value)) for value in (min(values), max(values), self.found.floor[0]))
        return low - floor <= (high - low if self.log_y else 2 * (high - low) + floor)

    def _name(self, item) -> None:
        """The name of every sampler in sight, still without its place."""
        import pyqtgraph as pg

        for sampler in quality_labels.firsts(self.shown, self.found.measure):
            name = pg.TextItem(SAMPLER_WORDS[sampler], color=ink(sampler), anchor=(1, 0.5))
            name.setFont(font(tokens.CAPTION_PX))
            name.textItem.document().setDocumentMargin(0)
            item.addItem(name, ignoreBounds=True)
            self._names.append((sampler, name))

    def _place_names(self, box) -> None:
        """Left of the sampler's cheapest points, as near to their height as the other names leave room."""
        (_, _), (low, high) = box.viewRange()
        per_px = (high - low) / max(1.0, box.height())
        across = (box.viewRange()[0][1] - box.viewRange()[0][0]) / max(1.0, box.width())
        found = quality_labels.firsts(self.shown, self.found.measure)
        wanted = [float(np.mean(self._y(np.array(found[sampler][1])))) / per_px for sampler, _ in self._names]
        pitch = max((quality_labels.size(sampler)[1] for sampler, _ in self._names), default=0.0)
        places = quality_labels.dodged(wanted, pitch, low / per_px + pitch / 2, high / per_px - pitch / 2)
        for (sampler, name), y in zip(self._names, places, strict=True):
            name.setPos(math.log10(found[sampler][0]) - quality_labels.GAP_PX * across, y * per_px)

    def floor_below(self) -> bool:
        """Whether there is a floor that lies below what is drawn."""
        return bool(self.shown) and self.found.measure == "frechet" and self.found.floor is not None and not self._floor_fits()

    def _frame(self, item) -> None:
        """Ranges that hold all points with air around them, and ticks where people expect them."""
        if not self.shown:
            return
        measure, box = self.found.measure, item.getViewBox()
        x = [math.log10(p.nfe) for p in self.shown]
        low, high = min(x), max(x)
        air, width = max(0.06 * (high - low), 0.05), max(LEAST_PX, box.width())
        room = min(0.4, max((quality_labels.size(sampler)[0] for sampler, _ in self._names), default=0.0) / width + 2 * quality_labels.GAP_PX / width)
        low, high = low - max(air, room / (1 - room) * (high + air - low)), high + air
        box.setXRange(low, high, padding=0)
        marks: list[tuple[float, str]] = []
        for tick in TICKS:
            place = math.log10(tick)
            if low <= place <= high and (not marks or place - marks[-1][0] > TICK_GAP * (high - low)):
                marks.append((place, str(tick)))
        item.getAxis("bottom").setTicks([marks, []])
        y = [p.value(measure) + sign * p.spread(measure) for p in self.shown for sign in (-1, 1)]
        if self._floor_fits():
            y.append(self.found.floor[0])
        if self.log_y:
            bottom, top = math.log10(max(min(y), max(y) / 1e4)), math.log10(max(y))
            pad = max(0.06 * (top - bottom), 0.02)
            line = QFontMetricsF(font(tokens.CAPTION_PX)).height()
            named = labelled(bottom - pad, top + pad, max(1.0, box.height()), lambda _: line)
            item.getAxis("left").setTicks([[(math.log10(v), word(v)) for v in named], [(math.log10(v), "") for v in small(bottom - pad, top + pad)]])
        else:
            bottom, top = min(y), max(y)
            pad = max(0.06 * (top - bottom), LEAST_AIR)
            item.getAxis("left").setTicks([shares(bottom - pad, top + pad), []] if measure == "accuracy" else None)
        foot = QFontMetricsF(font(tokens.CAPTION_PX)).height() * 1.5 / max(1.0, box.height()) * (top - bottom) if self._below is not None else 0.0
        box.setYRange(bottom - pad - foot, top + pad, padding=0)
        self._place_names(box)
        if self._below is not None:
            self._below.setPos(low + 0.01 * (high - low), bottom - pad - foot)

    # pointing --------------------------------------------------------------------------------------------------------
    def place(self, point: Point) -> QPointF:
        """Where a point lies in the view's viewport."""
        view = self.view()
        y = float(self._y(point.value(self.found.measure)))
        return QPointF(view.mapFromScene(view.getPlotItem().getViewBox().mapViewToScene(QPointF(math.log10(point.nfe), y))))

    def near(self, position: QPointF) -> Point | None:
        """The visible point nearest a place in the viewport, none farther than NEAR_PX."""
        def away(p: Point) -> float:
            gap = self.place(p) - position
            return math.hypot(gap.x(), gap.y())

        found = min(self.shown, key=away, default=None)
        return found if found is not None and away(found) <= NEAR_PX else None

    def point_at(self, point: Point | None) -> None:
        """Marks a point and tells of it."""
        if point != self.current:
            self.current = point
            self.draw()
            self.pointed.emit(point)
            if self._view is not None:
                self._view.viewport().setCursor(Qt.CursorShape.PointingHandCursor if point else Qt.CursorShape.ArrowCursor)

    def eventFilter(self, watched, event) -> bool:  # noqa: N802
        kind = event.type()
        if kind == QEvent.Type.MouseMove and not event.buttons():
            self.point_at(self.near(event.position()))
        elif kind == QEvent.Type.Leave:
            self.point_at(None)
        elif kind == QEvent.Type.MouseButtonPress and event.button() == Qt.MouseButton.LeftButton:
            self.setFocus()
            found = self.near(event.position())
            if found is not None:
                self.chosen.emit(found)
            return True
        return super().eventFilter(watched, event)

    def keyPressEvent(self, event) -> None:  # noqa: N802
        ahead = {Qt.Key.Key_Right: 1, Qt.Key.Key_Left: -1}.get(event.key())
        if ahead and self.shown:
            places = [p.setting for p in self.shown]
            known = self.current or self._placed(self.here)
            index = places.index(known.setting) + ahead if known else 0 if ahead > 0 else -1
            self.point_at(self.shown[index % len(places)])
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.current is not None:
            self.chosen.emit(self.current)
        else:
            super().keyPressEvent(event)

    # files -----------------------------------------------------------------------------------------------------------
    def figure_size(self) -> QSize:
        return QSize(max(self.width(), 720), max(self.height(), 460))

    def has_numbers(self) -> bool:
        return bool(self.shown)

    def table(self) -> tuple[list[str], list[list[object]]]:
        """One row a visible point, with every number."""
        floor = self.found.floor or ("", "")
        head = ["sampler", "mode", "timesteps", "steps", "network evaluations (one branch)", "network evaluations (both branches)",
                "gamma_1", "images", "seeds", "Frechet distance", "Frechet spread over seeds", "precision", "recall", "accuracy", "accuracy spread over seeds",
                "floor (real against real)", "floor spread"]
        return head, [[p.sampler, p.mode, "tuned" if p.tuned else "plain", p.steps, p.evaluations, p.nfe, self.found.gamma_1, self.found.count, p.seeds,
                       _blank(p.frechet), p.frechet_sd if p.frechet is not None else "", _blank(p.precision), _blank(p.recall), p.accuracy, p.accuracy_sd,
                       *floor] for p in self.shown]

    def paint_figure(self, painter: QPainter, box: QRect) -> None:
        """Title, what was measured, every line in words, and the plot."""
        edge = tokens.SPACE_S
        inner = box.adjusted(edge, edge, -edge, -edge)
        painter.setPen(color("text"))
        painter.setFont(font(tokens.BODY_PX, semibold=True))
        title = f"{self.figure_name()}: {words.set_word(self.found)}"
        painter.drawText(inner, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop, title)
        legend = QTextDocument()
        legend.setDocumentMargin(0)
        legend.setDefaultFont(font(tokens.CAPTION_PX))
        legend.setTextWidth(inner.width())
        legend.setHtml(f"<span style='color:{tokens.current().muted}'>{self._legend.text()}</span>")
        above = tokens.BODY_PX + tokens.SPACE_S
        painter.save()
        painter.translate(inner.left(), inner.top() + above)
        legend.drawContents(painter)
        painter.restore()
        top = above + math.ceil(legend.size().height()) + tokens.SPACE_S
        marked = self.current, self.here
        self.current = self.here = None  # where the person stands is no part of the figure
        view = self.view()
        before = view.size()
        view.resize(inner.width(), inner.height() - top)
        self.draw()
        view.getPlotItem().layout.activate()
        view.render(painter, QRectF(inner.left(), inner.top() + top, inner.width(), inner.height() - top))
        view.resize(before)
        self.current, self.here = marked
        self.draw()

    def _legend_text(self) -> str:
        """What colours, symbols and dashes of the visible lines mean."""
        lines = [key for key, _ in self.lines()]
        parts = [f"<span style='color:{ink(name).name()}'>&#9473;</span>&nbsp;{SAMPLER_WORDS[name]}" for name in dict.fromkeys(key[0] for key in lines)]
        parts += [f"{SYMBOL_SIGNS[symbol(name)]}&nbsp;{MODE_WORDS[name]}" for name in MODES if name in {key[1] for key in lines}]
        parts += [f"{'&#9473;&#9679;' if tuned else '- -&#9675;'}&nbsp;{'tuned' if tuned else 'plain'}" for tuned in sorted({key[2] for key in lines})]
        return "&nbsp;&nbsp; ".join(parts)

    def changeEvent(self, event) -> None:  # noqa: N802
        QWidget.changeEvent(self, event)
        if event.type() == event.Type.PaletteChange and self._view is not None:
            self._dress()
            self.draw()


def _blank(value: float | None) -> object:
    return "" if value is None else value
