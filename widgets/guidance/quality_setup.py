"""What the quality page is asked: which lines are in sight, and what to measure next."""

from collections.abc import Iterable, Sequence

from PySide6.QtCore import QRegularExpression, Signal
from PySide6.QtGui import QIcon, QRegularExpressionValidator
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLineEdit, QPushButton, QWidget

from engines.guidance.quality_table import Measured
from engines.guidance.request import Sampling
from engines.job import EngineError
from widgets import tokens
from widgets.fields import Choice
from widgets.guidance.quality_desk import QualityDesk
from widgets.guidance.quality_words import set_word
from widgets.guidance.words import G1, MODE_ROWS, SAMPLER_ROWS
from widgets.job_row import spoken
from widgets.paint import Caption

COUNTS = (200, 500, 1000, 2000, 5000)
SEEDS = (1, 2, 3, 5)
TIMESTEPS = ((False, "Plain", "The network is asked at the sampler's own timesteps"),
             (True, "Tuned", "The network is asked at tuned timesteps, where the model has some for the sampler and its steps"))
MODES = tuple(row for row in MODE_ROWS if row[0] in ("cfg", "recfg", "calibrated", "zero-star"))


class Toggles(QWidget):
    """Any number of a few values, each a button that is on or off. `changed` when a person switched one."""

    changed = Signal()

    def __init__(self, name: str, rows: Sequence[tuple[object, str, str]], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.buttons: dict[object, QPushButton] = {}
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(tokens.SPACE_XS)
        for value, word, tip in rows:
            button = self.buttons[value] = QPushButton(word)
            button.setCheckable(True)
            button.setChecked(True)
            button.setFixedHeight(tokens.CONTROL_PX)
            button.setObjectName("toggle")
            button.setToolTip(tip)
            button.setAccessibleName(f"{name}: {word}")
            button.clicked.connect(self.changed)
            row.addWidget(button)
        row.addStretch(1)

    def values(self) -> tuple:
        return tuple(value for value, button in self.buttons.items() if button.isChecked() and not button.isHidden())

    def set_values(self, values: Iterable[object]) -> None:
        """Shows what is on, without announcing it."""
        values = set(values)
        for value, button in self.buttons.items():
            button.setChecked(value in values)

    def offer(self, values: Iterable[object]) -> None:
        """The only values that can be seen."""
        values = set(values)
        for value, button in self.buttons.items():
            button.setVisible(value in values)

    def set_icon(self, value: object, icon: QIcon) -> None:
        self.buttons[value].setIcon(icon)


class QualitySetup(QFrame):
    """Choices for a measurement and an honest word on how long it takes. `measured(task)` when the person begins it."""

    measured = Signal(object)

    def __init__(self, desk: QualityDesk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("overlay")
        self.setAccessibleName("Measure more")
        self._desk, self._settings = desk, Sampling()
        self.samplers, self.modes = Toggles("Measure sampler", [(v, w, t) for v, w, t in SAMPLER_ROWS]), Toggles("Measure mode", MODES)
        self.tuned = Toggles("Measure timesteps", TIMESTEPS)
        self.samplers.set_values(("ddim", "dpmpp-2m"))
        self.modes.set_values(("cfg",))
        self.tuned.set_values((False,))
        self.steps = QLineEdit("5, 10, 20")
        self.steps.setValidator(QRegularExpressionValidator(QRegularExpression(r"[0-9 ,]*")))
        self.steps.setAccessibleName("Step counts to measure")
        self.steps.setToolTip("Step counts, with commas between them")
        self.count, self.seeds = Choice("Images a point"), Choice("Seeds a point")
        self._shown = Measured(0.0, 0)
        self.count.setToolTip("More images: a truer distance, and a longer wait. A Frechet distance of few images is too high, "
                              "so only points of as many images can be compared.")
        self.seeds.set_choices([(n, f"{n} seed{'s' * (n > 1)}", None) for n in SEEDS])
        self.seeds.setToolTip("Several seeds show how far a point strays by chance")
        self.set_count(COUNTS[2])
        self.seeds.set_value(1)
        self.estimate = Caption("", tokens.CAPTION_PX, "muted")
        self.estimate.setWordWrap(True)
        self.begin = QPushButton("Measure")
        self.begin.setObjectName("primary")
        self.begin.setToolTip("Measures in the background; points appear as they come, and can be cancelled")
        self.begin.clicked.connect(self._measure)
        grid = QGridLayout(self)
        grid.setContentsMargins(*[tokens.SPACE_M] * 4)
        grid.setSpacing(tokens.SPACE_XS)
        sizes = QHBoxLayout()
        sizes.setSpacing(tokens.SPACE_S)
        sizes.addWidget(self.steps, 2)
        sizes.addWidget(self.count, 2)
        sizes.addWidget(self.seeds, 1)
        middle = QHBoxLayout()
        middle.setSpacing(tokens.SPACE_L)
        middle.addWidget(self.modes)
        middle.addWidget(self.tuned, 1)
        foot = QHBoxLayout()
        foot.addWidget(self.estimate, 1)
        foot.addWidget(self.begin)
        for k, (name, part) in enumerate((("Samplers", self.samplers), ("Modes", middle), ("Steps", sizes))):
            grid.addWidget(Caption(name, tokens.CAPTION_PX, "muted"), k, 0)
            (grid.addWidget if isinstance(part, QWidget) else grid.addLayout)(part, k, 1)
        grid.addLayout(foot, 3, 0, 1, 2)
        grid.setColumnStretch(1, 1)
        for signal in (self.samplers.changed, self.modes.changed, self.tuned.changed, self.steps.textChanged, self.count.changed, self.seeds.changed):
            signal.connect(self.refresh)

    def show_settings(self, settings: Sampling) -> None:
        """The settings in force: what is measured is their model at their strength."""
        self._settings = settings
        self.refresh()

    def set_count(self, count: int) -> None:
        """Chooses a number of images, an unusual one too: that of measurements that new ones shall be comparable with."""
        self.count.set_choices([(n, f"{n:,} images", None) for n in sorted({*COUNTS, count})])
        self.count.set_value(count)

    def show_set(self, found: Measured) -> None:
        """The measurements in sight; others are told to be no part of them."""
        self._shown = found

    def refresh(self) -> None:
        """How much there is to do, and whether that can begin."""
        try:
            task = self._task()
            missing = len(self._desk.missing(task))
            fine, ink = missing > 0, "muted"
            text = f"{missing} measurement{'s' * (missing != 1)} at {G1} {task.gamma_1:g}" if missing else "All of this is measured already."
            seconds = self._desk.seconds(task)
            if fine and seconds is not None:
                text += f": about {spoken(seconds)} on this machine, in the background."
            elif fine:
                text += ". How long that takes is known once the model has drawn a picture."
            if fine and True in task.tuned:
                text += " Tuned settings without a schedule are left out."
            if fine and self._shown.rows and self._desk.key(task) != self._shown.key:
                text += f" They cannot be compared with those in sight ({set_word(self._shown)}) and become a set of their own."
        except EngineError as error:
            fine, text, ink = False, f"{error} {error.remedy}", "warn"
        self.estimate.set_ink(ink)
        self.estimate.setText(text)
        self.begin.setEnabled(fine)

    def _task(self):
        steps = tuple(sorted({int(word) for word in self.steps.text().replace(",", " ").split()}))
        return self._desk.planned(gamma_1=self._settings.gamma_1, samplers=self.samplers.values(), steps=steps, modes=self.modes.values(),
                                  tuned=self.tuned.values(), count=self.count.currentData(), seeds=tuple(range(self.seeds.currentData())))

    def _measure(self) -> None:
        self.measured.emit(self._task())
