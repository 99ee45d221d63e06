"""The picture: A beside B, the buttons and the timeline under them, and the two curves that matter most."""

import math

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QSizePolicy, QStackedWidget, QVBoxLayout, QWidget

from engines.gan.outcome import GanOutcome
from engines.gan.request import GanRequest
from widgets import tokens
from widgets.gan import catalog
from widgets.gan.curves import curves_of, draw
from widgets.gan.pad import Pad
from widgets.gan.plane import Plane
from widgets.gan.timeline import Timeline
from widgets.paint import Caption, font
from widgets.plots import Plot

LAYER_ROWS = (("real", "Real points", "True samples as small grey dots (H)"),
              ("field", "Discriminator", "Green where the discriminator believes points are real (D)"),
              ("arrows", "Pull of the score", "Where L_score pulls: minus its gradient at 90 points of B (A)"))
PLOT_PX = 100


class Stage(QWidget):
    """`asked(name)` is a command without its workspace: train, step, reset. `rewound(step)`; `layers_changed(layers)`."""

    asked = Signal(str)
    rewound = Signal(int)
    layers_changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("stage")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAccessibleName("Training")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.planes = (Plane("A", "plain", "accent"), Plane("B", "SMaRt", "second"))
        self.plots = tuple(Plot(title, "step", tip, height_px=None) for name, title, _, tip in catalog.MEASURES[:2])
        self.timeline, self.pad = Timeline(), Pad()
        self.timeline.rewound.connect(self.rewound)
        self.pages = QStackedWidget()
        self.pages.addWidget(self._training())
        self.pages.addWidget(self.pad)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.pages)
        self.show_playing(False)

    def _training(self) -> QWidget:
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(tokens.SPACE_L, tokens.SPACE_S, tokens.SPACE_L, tokens.SPACE_S)
        column.setSpacing(tokens.SPACE_S)
        column.addLayout(self._head())
        pair = QHBoxLayout()
        pair.setSpacing(tokens.SPACE_M)
        for plane in self.planes:
            pair.addWidget(plane, 1)
        column.addLayout(pair, 5)
        column.addLayout(self._transport())
        below = QHBoxLayout()
        below.setSpacing(tokens.SPACE_M)
        for plot in self.plots:
            plot.setMinimumHeight(PLOT_PX)
            plot.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
            below.addWidget(plot, 1)
        column.addLayout(below, 3)
        return page

    def _head(self) -> QHBoxLayout:
        head = QHBoxLayout()
        head.setSpacing(tokens.SPACE_XS)
        self._legend = Caption("", tokens.CAPTION_PX, "muted")
        self._legend.setTextFormat(Qt.TextFormat.RichText)
        self._legend.setMinimumWidth(1)
        self._tell_legend()
        head.addWidget(self._legend, 1)
        self.switches: dict[str, QPushButton] = {}
        for name, word, tip in LAYER_ROWS:
            button = self.switches[name] = QPushButton(word)
            button.setObjectName("toggle")
            button.setCheckable(True)
            button.setChecked(True)
            button.setFixedHeight(tokens.CONTROL_PX)
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.setToolTip(tip)
            button.toggled.connect(lambda _: self._relayer())
            head.addWidget(button)
        return head

    def _transport(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(tokens.SPACE_S)
        self.buttons: dict[str, QPushButton] = {}
        for name, word, tip in (("train", "Train", "Start or pause both trainings (Space)"), ("step", "Step", "One step of both (S)"),
                                ("reset", "Reset", "Back to the first weights (Shift+R)")):
            button = self.buttons[name] = QPushButton(word)
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.setToolTip(tip)
            button.clicked.connect(lambda _=False, name=name: self.asked.emit(name))
            row.addWidget(button)
        self.buttons["train"].setObjectName("primary")
        self.buttons["train"].setMinimumWidth(88)
        self.count = Caption("", tokens.CAPTION_PX, "muted")
        self.count.setFont(font(tokens.CAPTION_PX))
        row.addWidget(self.timeline, 1)
        row.addWidget(self.count)
        return row

    # layers ----------------------------------------------------------------------------------------------------------
    def layers(self) -> set[str]:
        return {name for name, button in self.switches.items() if button.isChecked()}

    def _relayer(self) -> None:
        for plane in self.planes:
            plane.set_layers(self.layers())
        self.layers_changed.emit()

    def _tell_legend(self) -> None:
        theme = tokens.current()
        self._legend.setText(f"<span style='color:{theme.accent}'>&#9679;</span><span style='color:{theme.second}'>&#9679;</span> on the data&nbsp;&nbsp; "
                             f"<span style='color:{theme.bad}'>&#9670;</span> off the manifold")

    # showing ---------------------------------------------------------------------------------------------------------
    def show_playing(self, playing: bool) -> None:
        self.buttons["train"].setText("Pause" if playing else "Train")
        self.buttons["step"].setEnabled(not playing)

    def show_request(self, request: GanRequest) -> None:
        smart = request.smart
        often = "every step" if smart.freq == 1 else f"every {smart.freq} steps"
        ours = [word for word, on in (("stopped gradient", smart.gradient == "stop"), ("odd ones only", smart.reach == "off"),
                                      (smart.lam_schedule, smart.lam_schedule != "constant"),
                                      (f"limit {smart.limit:g}", smart.limit > 0), ("balanced", smart.balance > 0)) if on]
        self.planes[0].about.set_full("the same weights and samples, no regulariser")
        self.planes[1].about.set_full(", ".join([f"{catalog.LAMBDA} {smart.lam:.3g}", f"{catalog.SIGMA} {smart.sigma_low:.2g} to {smart.sigma_high:.2g}",
                                                 often, *ours]))

    def show_outcome(self, outcome: GanOutcome, playing: bool) -> None:
        for k, plane in enumerate(self.planes):
            plane.setVisible(k < len(outcome.twins))
            if k < len(outcome.twins):
                plane.show_scene(outcome.scene)
                plane.show_twin(outcome.twins[k])
        self.timeline.show_step(outcome.step, outcome.request.steps, outcome.checkpoints)
        speed = "" if not playing or math.isnan(outcome.ms_per_step) else f"  \N{MIDDLE DOT}  {outcome.ms_per_step:.0f} ms a step"
        speed = "  \N{MIDDLE DOT}  press Space" if outcome.step == 0 and not playing else speed
        self.count.setText(f"step {outcome.step:,} of {outcome.request.steps:,}{speed}")
        for plot, (name, _, factor, _) in zip(self.plots, catalog.MEASURES, strict=False):
            curves = curves_of(outcome, name, factor)
            if len(curves[0].x) != (len(plot.curves[0].x) if plot.curves else 0) or curves[0].x[-1] != plot.curves[0].x[-1]:
                draw(plot, curves)

    def changeEvent(self, event) -> None:  # noqa: N802
        if event.type() == event.Type.PaletteChange:
            self._tell_legend()
        super().changeEvent(event)
