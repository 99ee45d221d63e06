"""The left panel: every control of a request. Shows one, proposes another; all but data, seed and batch may be moved while it trains."""

from dataclasses import replace
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QPushButton, QScrollArea, QVBoxLayout, QWidget

from engines.gan.outcome import GanOutcome
from engines.gan.request import GanRequest, Smart
from widgets import tokens
from widgets.fields import Chips, Labelled, Section, SeedField
from widgets.gan import catalog
from widgets.gan.catalog import LAMBDA, SIGMA
from widgets.paint import Caption
from widgets.vernier_slider import Scale, VernierSlider

WIDTH_PX = 328


class Controls(QScrollArea):
    """`proposed(request, text, gesture)`: changes of one gesture share a key; `released` ends it. `drawing_asked` opens the pad."""

    proposed = Signal(object, str, object)
    released = Signal()
    drawing_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Controls")
        self.setObjectName("panel")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFixedWidth(WIDTH_PX)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._request = GanRequest()
        self.sliders: dict[str, VernierSlider] = {}
        self.chips: dict[str, Chips] = {}
        page = QWidget()
        page.setObjectName("panel")
        self._column = QVBoxLayout(page)
        self._column.setContentsMargins(tokens.SPACE_L, tokens.SPACE_S, tokens.SPACE_L, tokens.SPACE_L)
        self._column.setSpacing(tokens.SPACE_XS)
        for build in (self._build_data, self._build_smart, self._build_gan, self._build_beyond):
            self._column.addWidget(build())
        self._column.addStretch(1)
        self.setWidget(page)

    # building --------------------------------------------------------------------------------------------------------
    def _build_data(self) -> Section:
        section = Section("Data")
        self.data = self._chips("data", "Data", catalog.DATA_ROWS, 2)
        self.draw = QPushButton("Paint your own\N{HORIZONTAL ELLIPSIS}")
        self.draw.setCheckable(True)
        self.draw.setProperty("chip", True)
        self.draw.setFixedHeight(tokens.CONTROL_PX)
        self.draw.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.draw.setToolTip("Paint points with the mouse, or drop a .csv file with two columns on the window (W)")
        self.draw.clicked.connect(self._ask_drawing)
        self.seed = SeedField()
        self.seed.box.setToolTip("Both generators start from the same weights and see the same samples: this number decides which.")
        self.seed.changed.connect(lambda value: self._propose("seed", value, "seed"))
        section.add(self.data, self.draw, Labelled("Seed", self.seed))
        return section

    def _build_smart(self) -> Section:
        section = Section("SMaRt, the regulariser of B")
        section.add(self._slider("lam", f"{LAMBDA}  strength", catalog.LAM, "lambda, the weight of L_score: how strongly samples are pulled to the data.",
                                 True),
                    self._slider("sigma_low", f"Noise {SIGMA} from", catalog.SIGMA_LOW,
                                 "sigma_t: samples get this much noise before the score model looks at them. Small noise pulls strongly and close by.", True),
                    self._slider("sigma_high", f"Noise {SIGMA} to", catalog.SIGMA_HIGH, "The upper end of the noise interval.", True),
                    self._slider("freq", "Every", catalog.FREQ, "freq: only every n-th step is regularised. The paper uses 8.", True))
        self.now = Caption("", tokens.CAPTION_PX, "muted")
        self.now.setWordWrap(True)
        section.add(self.now)
        return section

    def _build_gan(self) -> Section:
        section = Section("GAN, A and B alike")
        section.add(self._slider("rate_g", "Generator's rate", catalog.RATE, "Learning rate of both generators."),
                    self._slider("rate_d", "Discriminator's rate", catalog.RATE, "Learning rate of both discriminators."),
                    self._slider("r1", "R1 penalty", catalog.R1, "gamma: keeps the discriminators smooth where the data are."),
                    self._slider("steps", "Length", catalog.STEPS, "Steps of the whole run; the learning rates fall to zero in its second half."),
                    self._slider("batch", "Batch", catalog.BATCH, "Samples a step. Another number begins the training anew."))
        return section

    def _build_beyond(self) -> Section:
        section = Section("Beyond the paper", open_=False)
        for name, word, rows in (("reach", "Who is pulled", catalog.REACH_ROWS), ("lam_schedule", f"{LAMBDA} over the run", catalog.LAM_ROWS),
                                 ("freq_schedule", "How often over the run", catalog.FREQ_ROWS), ("gradient", "Gradient", catalog.GRADIENT_ROWS)):
            section.add(Caption(word, tokens.BODY_PX, "muted"), self._chips(name, word, rows, len(rows)))
        section.add(self._slider("limit", "Limit of a pull", catalog.LIMIT,
                                 "No sample is pulled harder than so many times what the discriminator pushes at the median. 0: no limit. Ours.", True),
                    self._slider("balance", "Balance of modes", catalog.BALANCE,
                                 "0: every sample is pulled alike. 1: samples of a full mode are pulled less, of an empty one more. Ours.", True))
        return section

    def _chips(self, name: str, word: str, rows: Any, columns: int) -> Chips:
        chips = self.chips[name] = Chips(word, rows, columns=columns)
        for button in chips.buttons.values():
            button.setProperty("side", "" if name == "data" else "b")
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # after a click the space key still starts and pauses the training
        chips.changed.connect(lambda value: self._propose(name, value, word.lower()))
        return chips

    def _slider(self, name: str, title: str, scale: Scale, tip: str, of_b: bool = False) -> VernierSlider:
        slider = self.sliders[name] = VernierSlider(title, scale, tip)
        slider.set_ink("second" if of_b else "accent")
        slider.changed.connect(lambda value: self._slid(name, value, title.partition("  ")[2] or title))
        slider.held.connect(lambda held: None if held else self.released.emit())
        return slider

    # showing ---------------------------------------------------------------------------------------------------------
    def show_request(self, request: GanRequest) -> None:
        self._request = request
        self.data.set_value(request.data)
        self.draw.setChecked(request.data == "drawing")
        self.draw.setText(f"{'Your drawing: change it' if request.data == 'drawing' else 'Paint your own'}\N{HORIZONTAL ELLIPSIS}")
        self.seed.set_value(request.seed)
        for name in ("reach", "lam_schedule", "freq_schedule", "gradient"):
            self.chips[name].set_value(getattr(request.smart, name))
        for name, slider in self.sliders.items():
            value = getattr(request.smart if hasattr(request.smart, name) else request, name)
            slider.set_value(max(value, slider.scale.low))

    def show_outcome(self, outcome: GanOutcome) -> None:
        """What the score model makes of the noise, and which strength is in force at this step."""
        for name, t in zip(("sigma_low", "sigma_high"), outcome.timesteps, strict=True):
            self.sliders[name].note.setText(f"t {t:.0f}")
        smart = outcome.request.smart
        self.now.setVisible(smart.lam_schedule != "constant" or smart.freq_schedule != "constant")
        self.now.setText(f"In force now: {LAMBDA} {outcome.lam:.3g}, {'every step' if outcome.freq == 1 else f'every {outcome.freq} steps'}")

    # proposing -------------------------------------------------------------------------------------------------------
    def _slid(self, name: str, value: float, text: str) -> None:
        scale = self.sliders[name].scale
        if name in ("freq", "steps", "batch"):
            value = int(round(value))
        elif scale.ends[0] and value <= scale.low:
            value = 0.0
        self._propose(name, value, text, gesture=name)

    def _propose(self, name: str, value: Any, text: str, gesture: str | None = None) -> None:
        request = self._request
        if hasattr(request.smart, name):
            request = replace(request, smart=_moved(request.smart, name, value))
        else:
            request = replace(request, **{name: value})
        self.show_request(request)
        self.proposed.emit(request, text, gesture)

    def _ask_drawing(self) -> None:
        self.draw.setChecked(self._request.data == "drawing")
        self.drawing_asked.emit()


def _moved(smart: Smart, name: str, value: Any) -> Smart:
    """One end of the noise interval pushes the other before it."""
    other = {"sigma_low": "sigma_high", "sigma_high": "sigma_low"}.get(name)
    pushed = {} if other is None else {other: max(value, smart.sigma_high) if other == "sigma_high" else min(value, smart.sigma_low)}
    return replace(smart, **{name: value} | pushed)
