"""The atlas with its layers, its readout, and the button that has it computed: once in the insight panel, once large on the stage."""

from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QPushButton, QVBoxLayout, QWidget

from engines.guidance.request import Sampling
from widgets import tokens
from widgets.fields import Chips
from widgets.guidance import catalog
from widgets.guidance.atlas_desk import AtlasDesk
from widgets.guidance.atlas_map import HOW, AtlasMap
from widgets.guidance.atlas_paint import caption
from widgets.guidance.atlas_places import caveat, place, standing, trail
from widgets.guidance.words import G0, G1
from widgets.job_row import BAR_HEIGHT_PX, spoken
from widgets.paint import Caption, GlyphButton
from widgets.plots import SaveButton

LAYERS = (("shift", "Shift", "How far the mean of the samples lies from that of the class"),
          ("ratio", "Variance", "The variance of the samples over that of the class: below 1 variety is lost, above 1 they blow up"),
          ("both", "Both", "Colours are the shift, lines the variance over the class's"))


class AtlasPanel(QWidget):
    """`adopted(gamma_1, S)`; `enlarged` when the stage shall show it, `closed` when it shall not any more."""

    adopted = Signal(float, float)
    enlarged = Signal()
    closed = Signal()
    layer_chosen = Signal(object)

    def __init__(self, desk: AtlasDesk, samples: Path, large: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Atlas, large" if large else "Atlas panel")
        self._desk, self._samples, self._large = desk, samples, large
        self._here: tuple[float, float] | None = None
        self._names: tuple[str, ...] = ()
        self.map = AtlasMap(large)
        self.layers = Chips("Layer", LAYERS)
        self.title = Caption("", tokens.SECTION_PX if large else tokens.BODY_PX, semibold=True)
        self.title.setToolTip(HOW)
        self.size_button = GlyphButton("close", "Back to the picture", "Back to the picture (Esc)") if large else GlyphButton(
            "large", "Large atlas", "Show the atlas large, in place of the picture")
        self.save_button = SaveButton(self.map, self.map.menu)
        self.save_button.set_near(True)
        self.readout, self.about = Caption("", tokens.BODY_PX if large else tokens.CAPTION_PX), Caption("", tokens.CAPTION_PX, "muted")
        self.button, self.cancel = QPushButton("Compute atlas"), QPushButton("Cancel")
        self.bar = QProgressBar()
        self._lay_out()
        self._connect()
        self.layers.set_value("shift")
        self.refresh()

    def _lay_out(self) -> None:
        for label in (self.readout, self.about, self.title):
            label.setWordWrap(True)
        for label in (self.readout, self.about):
            label.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        self.readout.setMinimumHeight(round((2 if self._large else 3.4) * (tokens.BODY_PX + tokens.SPACE_XS)))
        self.button.setToolTip("Sample at every point of the map, on the background lane: sliders and pictures stay free")
        self.cancel.setObjectName("quiet")
        self.cancel.setToolTip("Stop; the points that are done stay and are not computed again")
        self.cancel.setAccessibleName("Cancel the atlas")
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(BAR_HEIGHT_PX)
        self.bar.setAccessibleName("Progress of the atlas")
        edge = 0 if self._large else tokens.SPACE_L
        column = QVBoxLayout(self)
        column.setContentsMargins(edge, tokens.SPACE_M, edge, edge)
        column.setSpacing(tokens.SPACE_S)
        head = QHBoxLayout()
        head.setSpacing(tokens.SPACE_XS)
        head.addWidget(self.title, 1)
        if self._large:
            self.layers.setFixedWidth(264)
            head.addWidget(self.layers)
        head.addWidget(self.save_button)
        head.addWidget(self.size_button)
        column.addLayout(head)
        if not self._large:
            column.addWidget(self.layers)
        column.addWidget(self.map, 1 if self._large else 0)
        column.addWidget(self.readout)
        foot = QHBoxLayout()
        foot.setSpacing(tokens.SPACE_S)
        foot.addWidget(self.button)
        foot.addWidget(self.bar, 1)
        foot.addWidget(self.cancel)
        if self._large:
            foot.addStretch(1)
        column.addWidget(self.about)
        column.addLayout(foot)
        if not self._large:
            column.addStretch(1)

    def _connect(self) -> None:
        self._desk.changed.connect(self.refresh)
        self.layers.changed.connect(self.layer_chosen)
        self.map.pointed.connect(lambda pair: self._read(pair))
        self.map.adopted.connect(self.adopted)
        self.size_button.clicked.connect(self.closed if self._large else self.enlarged)
        self.button.clicked.connect(lambda: self._desk.compute(fine=self._desk.can_refine()))
        self.cancel.clicked.connect(self._desk.cancel)

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(640, 600) if self._large else super().sizeHint()

    # showing ---------------------------------------------------------------------------------------------------------
    def set_layer(self, layer: str) -> None:
        self.layers.set_value(layer)
        self.map.set_layer(layer)
        self.refresh()

    def show_settings(self, settings: Sampling, names: tuple[str, ...]) -> None:
        """Where the settings stand; `names` are the classes of a model of one's own."""
        self._names = catalog.class_names(settings.model, self._samples) or names
        self.refresh()

    def refresh(self) -> None:
        """Everything anew from the desk. Nothing is drawn while the panel is hidden."""
        settings, atlas = self._desk.settings, self._desk.atlas()
        self._here = place(settings, atlas.recfg if atlas else None)
        name = f"{catalog.model_word(settings.model)}, {catalog.class_word(settings, self._names)}"
        self.title.setText(name)
        if self.isVisible():
            task = self._desk.task() if atlas is None else atlas.task
            self.map.show_atlas(task, atlas, f"Atlas of {name}")
            recfg = None if atlas is None or atlas.recfg is None else (settings.gamma_1, atlas.recfg_sum(settings.gamma_1))
            self.map.set_places(self._here, recfg if settings.mode != "recfg" else None, trail(settings), bool(caveat(settings)))
        self.save_button.setVisible(atlas is not None and atlas.done() > 0)
        self.readout.setVisible(atlas is not None)
        self._show_state()
        self._read(self.map.marks.cursor)

    def _show_state(self) -> None:
        atlas, state = self._desk.atlas(), self._desk.state()
        refine = self._desk.can_refine()
        points, evaluations, seconds = self._desk.cost(refine)
        whole = atlas is not None and atlas.done() == atlas.size()
        self.button.setText("Refine" if refine else "Compute atlas" if atlas is None else "Go on")
        self.button.setVisible(state is None and (refine or not whole))
        self.button.setObjectName("primary" if atlas is None else "")
        self.button.style().polish(self.button)
        for part in (self.bar, self.cancel):
            part.setVisible(state is not None)
        samples = self._desk.task(refine).samples
        price = f"{points} points of {samples:,} samples, {evaluations:,} network evaluations" + (
            f", about {spoken(seconds)} in the background" if seconds else "") + "."
        if self._desk.settings.tuned:
            price += " Tuned timesteps are left out: the map is of plain ones."
        if state is not None:
            self.bar.setRange(0, 0 if state[0] < 0 else 1000)
            self.bar.setValue(round(1000 * max(0.0, state[0])))
            self.about.setText(state[1] + ("" if atlas is None or atlas.done() else ". The first map is coarse, then it grows finer."))
        elif atlas is None:
            self.about.setText(f"What every pair of {G1} and {G0} does to the mean and the variety of this class. {price}")
        else:
            text = caption(atlas) + "."
            self.about.setText(f"{text} Finer: {price}" if refine else text if whole else f"{text} Stopped; its points are kept.")

    def _read(self, pair: tuple[float, float] | None) -> None:
        """The numbers at a pair, or where the settings stand."""
        atlas, picture, settings = self._desk.atlas(), self.map.picture, self._desk.settings
        if pair is None:
            text, why, pair = standing(settings, atlas.recfg if atlas else None), caveat(settings), self._here
        else:
            text, why = f"{G1} {pair[0]:.2f}   {G0} {pair[1] - pair[0]:.2f}   S {pair[1]:.2f}".replace("-", "\N{MINUS SIGN}"), ""
        below = why if why and atlas is not None else self._numbers(*pair) if pair and atlas is not None and picture is not None else ""
        self.readout.setText("\n".join(filter(None, (text, below))))

    def _numbers(self, gamma_1: float, total: float) -> str:
        atlas, surface = self._desk.atlas(), self.map.picture.surface
        found, strengths, sums = atlas.points.get((gamma_1, total)), *atlas.task.axes()
        if found is not None and found.blown:
            return "Blown up: " + (f"the variance is {found.ratio:.3g} times the class's" if found.ratio == found.ratio else "the samples ran off to infinity")
        if not (strengths[0] <= gamma_1 <= strengths[-1] and sums[0] <= total <= sums[-1]):
            return "outside this map"
        if found is None and not surface.complete:
            return "not measured yet"
        values = [getattr(found, name) if found else surface.at(name, gamma_1, total) for name in ("shift", "shift_error", "ratio", "ratio_error")]
        unit = " grey levels" if atlas.unit == "grey levels" else ""
        about = "" if found else "\N{ALMOST EQUAL TO} "  # between points
        between = "      " if self._large else "\n"
        shift, ratio = (f"{values[k]:.3g}" + (f" \N{PLUS-MINUS SIGN} {values[k + 1]:.2g}" if values[k + 1] else "") for k in (0, 2))
        return f"shift {about}{shift}{unit}{between}variance {about}{ratio} of the class's"

    def showEvent(self, event) -> None:  # noqa: N802
        super().showEvent(event)
        self.refresh()
