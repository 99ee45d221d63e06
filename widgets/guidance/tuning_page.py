"""Tuning timesteps in the window: what is wanted, how long it takes, and the losses while it goes on. A task of the background lane."""

from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QProgressBar, QPushButton, QVBoxLayout, QWidget

from engines.guidance.request import Sampling
from engines.guidance.tune_request import ALL, MODES, PARALLEL, Trial, TuneRequest, TuneTask, Tuning, evaluations
from engines.job import EngineError
from widgets import tokens
from widgets.fields import Chips, Labelled
from widgets.guidance.atlas_desk import BESIDE_WORK
from widgets.guidance.loss_bars import LossBars
from widgets.guidance.words import G1, MODE_WORDS, SAMPLER_WORDS, model_word
from widgets.job_row import BAR_HEIGHT_PX, spoken
from widgets.paint import Caption, GlyphButton
from widgets.plots import Curve, Plot
from widgets.vernier_slider import Scale, VernierSlider

DRAWS = Scale(8, 512, TuneRequest().draws, 0.1, 3, ticks=((16, "16"), (64, "64"), (256, "256")), log=True)
SETUP_PX, PLOT_PX, LEAST_PX = 320, 246, 110
CALL_S = 3e-3  # what a network call takes however small the network (measured on the toys)
OBJECTIVE_ROWS = (
    ("teacher", "Teacher match", "Every step is to end where four fine steps of the same model end from the same place"),
    ("trajectory", "Path match", "Every step is to end on one fine path from noise, so that errors made before are mended too"),
    ("endpoint", "Picture match", "The finished picture is to be that of the fine path: all ratios are found together, from the error of the picture itself"),
    ("paper", "Paper", "TimeTuner's own loss with ratios held in 0.9 to 1.1: the prediction after a step is to be the one before it"),
    ("paper-unbounded", "Paper, unbounded (expert)", "TimeTuner's own loss without bounds. It over-corrects where steps are few."),
)
TRAINING_ROWS = (("sequential", "In sequence", "Every step starts where the steps tuned before it end, from noise"),
                 ("parallel", "In parallel", "Every step for itself, from the model's own samples put back under noise"))
CLASS_ROWS = ((False, "All classes", "One schedule for every class"), (True, "This class", "A schedule for the class that is chosen now"))

WHY = ("In few steps a picture strays from the path that the model learned, and its noise is no longer the level that the network is told. Tuning finds "
       "the level to tell it instead: one ratio tau / t a network call. What it finds is kept only where it helps on draws that it was not tuned on.\n\n"
       "The picture then costs what it cost before. Fewer steps gain more.")


@dataclass(frozen=True)
class Asked:
    """A side of the request as the tuner is asked about it: its class by name, where the schedule goes, seconds a network evaluation."""

    settings: Sampling
    class_name: str  # empty for a model without classes by number
    out: Path | None  # None while it is not known which weights the model has
    seconds_each: float


class TuningPage(QWidget):
    """`left` goes back to the pictures; `tuned(settings, path)` when a schedule is written; `changed(words)` what a button elsewhere says."""

    left = Signal()
    tuned = Signal(object, str)
    changed = Signal(str)

    def __init__(self, background: Any, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("stage")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAccessibleName("Tune timesteps, page")
        self._background, self._ticket, self._running, self._began = background, 0, False, monotonic()
        self._asked: Asked | None = None
        self._job: tuple[Asked, TuneRequest] | None = None
        self._trials: list[tuple[int, float, float]] = []
        self._title = Caption("Tune timesteps", tokens.SECTION_PX, semibold=True)
        self.what, self.note, self.price, self.state = (Caption("", px, ink) for px, ink in (
            (tokens.BODY_PX, "text"), (tokens.CAPTION_PX, "warn"), (tokens.BODY_PX, "muted"), (tokens.BODY_PX, "text")))
        for label in (self.what, self.note, self.price, self.state):
            label.setWordWrap(True)
        self.objective = Chips("Objective", OBJECTIVE_ROWS, 2, frozenset({"paper-unbounded"}))
        self.training, self.classes = Chips("Training", TRAINING_ROWS, 2), Chips("For", CLASS_ROWS, 2)
        self.draws = VernierSlider("Draws", DRAWS, "Noises that the ratios are tuned on; half as many more judge them. More is surer and slower.")
        for chips, value in ((self.objective, TuneRequest().objective), (self.training, "sequential"), (self.classes, False)):
            chips.set_value(value)
            chips.changed.connect(lambda _: self._tell())
        self.draws.changed.connect(lambda _: self._tell())
        self.start, self.cancel = QPushButton("Tune"), QPushButton("Cancel")
        self.start.setObjectName("primary")
        self.start.setToolTip("Tunes in the background; the rest of Vernier goes on")
        self.start.clicked.connect(self.begin)
        self.cancel.setToolTip("Stop at once. Calls that are tuned are kept: tuning the same again goes on from there.")
        self.cancel.setAccessibleName("Cancel the tuning")
        self.cancel.clicked.connect(lambda: self._background.cancel(self._ticket))
        self.bar = QProgressBar()
        self.bar.setRange(0, 1000)
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(BAR_HEIGHT_PX)
        self.bar.setAccessibleName("Progress of the tuning")
        self.trials = Plot("Loss of the call under way", "trial", "Mean square of what the objective wants to be zero, at every ratio "
                           "that was tried; 1 is that of the plain timestep.", height_px=None, y_label="loss (plain = 1)")
        self.trials.setMinimumHeight(LEAST_PX)  # in a low window it gives way to the bars
        self.trials.setMaximumHeight(PLOT_PX)
        self.bars = LossBars()
        self.why = Caption(WHY, tokens.BODY_PX, "muted")
        self.why.setWordWrap(True)
        self._lay_out()
        for signal, slot in ((background.progress, self._on_progress), (background.news, self._on_news), (background.done, self._on_done),
                             (background.failed, self._on_failed), (background.stopped, self._on_stopped), (background.started_, self._on_started)):
            signal.connect(slot)
        self._show_state()

    def _lay_out(self) -> None:
        close = GlyphButton("close", "Back to the pictures", "Back to the pictures; a tuning goes on in the background (Esc)")
        close.clicked.connect(self.left)
        head = QHBoxLayout()
        head.addWidget(self._title, 1)
        head.addWidget(close)
        self.setup = QWidget()
        self._class_row = Labelled("For", self.classes)
        form = QVBoxLayout(self.setup)
        form.setContentsMargins(0, 0, 0, 0)
        form.setSpacing(tokens.SPACE_S)
        for part in (Labelled("Objective", self.objective), Labelled("Training", self.training), self._class_row, self.draws):
            form.addWidget(part)
        foot = QHBoxLayout()
        foot.addWidget(self.start)
        foot.addWidget(self.cancel)
        foot.addStretch(1)
        self._left = QWidget()
        self._left.setFixedWidth(SETUP_PX)
        left = QVBoxLayout(self._left)
        left.setContentsMargins(0, 0, 0, 0)
        left.setSpacing(tokens.SPACE_M)
        for part in (self.what, self.note, self.setup, self.price):
            left.addWidget(part)
        left.addLayout(foot)
        left.addWidget(self.bar)
        left.addWidget(self.state)
        left.addStretch(1)
        right = QVBoxLayout()
        right.setSpacing(tokens.SPACE_L)
        right.addWidget(self.why)
        right.addWidget(self.trials, 1)
        right.addWidget(self.bars)
        right.addStretch(0)
        middle = QGridLayout()
        middle.setHorizontalSpacing(tokens.SPACE_XL)
        middle.addWidget(self._left, 0, 0)
        middle.addLayout(right, 0, 1)
        middle.setColumnStretch(1, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(tokens.SPACE_L, tokens.SPACE_S, tokens.SPACE_L, tokens.SPACE_L)
        column.setSpacing(tokens.SPACE_M)
        column.addLayout(head)
        column.addLayout(middle, 1)

    # asking ----------------------------------------------------------------------------------------------------------
    def show_asked(self, asked: Asked) -> None:
        """The side that would be tuned now."""
        self._asked = asked
        settings = asked.settings
        self.what.setText(f"{model_word(settings.model)}, {SAMPLER_WORDS[settings.sampler]}, {settings.steps} steps, "
                          f"{MODE_WORDS[self._mode()]} at {G1} {settings.gamma_1:g}")
        self._class_row.setVisible(bool(asked.class_name))
        self.classes.buttons[True].setText(asked.class_name or "This class")
        self._tell()

    def _mode(self) -> str:
        """The guidance to tune under: the side's own where a single call decides it, else CFG."""
        mode = self._asked.settings.mode
        return mode if mode in MODES else "cfg"

    def request(self) -> TuneRequest:
        """What would be tuned. EngineError where it cannot be."""
        settings = self._asked.settings
        chosen = {name: next(value for value, button in chips.buttons.items() if button.isChecked())
                  for name, chips in (("objective", self.objective), ("training", self.training), ("own", self.classes))}
        labels = (settings.label,) if chosen.pop("own") and self._asked.class_name else (None,)
        return TuneRequest(settings.model, (settings.sampler,), (settings.steps,), labels, (settings.gamma_1,), self._mode(), draws=round(self.draws.value),
                           prompt=settings.prompt, table=settings.table, **chosen)

    def _tell(self) -> None:
        """What the choice costs, or why it cannot be."""
        asked = self._asked
        if asked is None:
            return
        follows = next(value for value, button in self.objective.buttons.items() if button.isChecked()) not in PARALLEL
        self.training.buttons["parallel"].setEnabled(not follows)
        if follows:
            self.training.set_value("sequential")
        notes = [f"{MODE_WORDS[asked.settings.mode]} moves the picture between the steps and cannot be tuned call by call: tuned under CFG."
                 ] if self._mode() != asked.settings.mode else []
        if asked.settings.model == "toy-1d" and asked.settings.c != Sampling().c:
            notes.append(f"This toy is tuned at class c {Sampling().c:g}.")
        try:
            request = self.request()
        except EngineError as error:
            self.price.setText(f"{error} {error.remedy}")
            return self._show_state(fits=False)
        draws, asks = request.draws + request.draws // 2, evaluations(request)
        count = asks * draws
        seconds = asks * max(draws * asked.seconds_each, CALL_S) * BESIDE_WORK if asked.seconds_each else 0.0
        self.price.setText(f"{count:,} network evaluations" + (f", about {spoken(seconds)} in the background." if seconds else ". How long they take is "
                                                               "known after the first picture."))
        if asked.out is None:
            notes.append("The model is still being read.")
        self.note.setText(" ".join(notes))
        self._show_state()

    def _show_state(self, fits: bool = True) -> None:
        self.start.setVisible(not self._running)
        self.start.setEnabled(fits and self._asked is not None and self._asked.out is not None)
        self.setup.setEnabled(not self._running)
        for part in (self.cancel, self.bar):
            part.setVisible(self._running)
        self.price.setVisible(not self._running)
        seen = self._running or bool(self.bars.rows)
        self.why.setVisible(not seen)
        for part in (self.trials, self.bars):
            part.setVisible(seen)
        self.note.setVisible(bool(self.note.text()) and not self._running)

    # the run ---------------------------------------------------------------------------------------------------------
    def begin(self) -> None:
        """Tunes what is chosen, behind what the background lane has to do already."""
        asked = self._asked
        try:
            request = self.request()
            asked.out.parent.mkdir(parents=True, exist_ok=True)
        except (EngineError, OSError) as error:
            return self._end(f"{error} {getattr(error, 'remedy', '')}".strip(), "bad")
        self._job, self._running, self._trials = (asked, request), True, []
        self.trials.set_curves([Curve("", np.zeros(0), np.zeros(0))])
        self.bars.begin(request.steps[0], self.what.text())
        self.bar.setValue(0)
        self._say("Waiting for what runs in the background" if self._background.waiting() else "Starting")
        self._ticket = self._background.submit(TuneTask(request, str(asked.out), live=True))
        self.changed.emit("Tuning")
        self._show_state()

    def _together(self) -> bool:
        return self._job is not None and self._job[1].objective == "endpoint"

    def running(self) -> bool:
        return self._running

    def follows(self, ticket: int) -> bool:
        """Whether a background task is this page's: its failure is written on the page."""
        return ticket == self._ticket

    def _say(self, text: str, ink: str = "text") -> None:
        self.state.set_ink(ink)
        self.state.setText(text)

    def _end(self, text: str, ink: str = "text") -> None:
        self._running = False
        self._say(text, ink)
        self.changed.emit("")
        self._tell()

    def _on_started(self, ticket: int) -> None:
        if ticket == self._ticket and self._running:
            self._began = monotonic()
            self._say("Starting")

    def _on_progress(self, ticket: int, fraction: float, text: str) -> None:
        if ticket == self._ticket and self._running:
            self.bar.setValue(round(1000 * fraction))
            told, passed = text.rpartition(": ")[2], monotonic() - self._began
            left = f", about {spoken(passed * (1 - fraction) / fraction)} left" if passed > 2 and fraction > 0.02 else ""
            self._say(f"{told[:1].upper()}{told[1:]}{left}")
            self.changed.emit(f"{fraction:.0%}")

    def _on_news(self, ticket: int, part: Any) -> None:
        if ticket != self._ticket or not self._running:
            return
        if isinstance(part, Trial):
            if self._trials and self._trials[-1][0] != part.call:
                self._trials = []
            self._trials.append((part.call, part.ratio, part.loss))
            losses = np.array([loss for *_, loss in self._trials])
            where = f"all calls, mean ratio {part.ratio:.4f}; plain = 1" if part.call == ALL else f"call {part.call + 1}, at ratio {part.ratio:.4f}; plain = 1"
            if len(losses) > 1:  # one trial is no curve: that of the call before stays until there is one
                self.trials.set_curves([Curve(where, np.arange(1.0, len(losses) + 1), losses / (losses[0] or 1.0))], y_from_zero=True)
        elif isinstance(part, Tuning):
            if self._together():  # every call tells the same: the loss is the finished picture's
                self.bars.add(0, part.found.before, part.found.after, None, 1)
            else:
                self.bars.add(part.found.call, part.found.before, part.found.after, part.found.ratio, part.calls)

    def _on_done(self, ticket: int, result: Any) -> None:
        if ticket != self._ticket or not self._running:
            return
        asked, _ = self._job
        row = result["schedules"][0]
        before, after = row["loss"]
        change = f", loss {before:.3g} to {after:.3g} ({(after - before) / before:+.0%})".replace("-", "\N{MINUS SIGN}") if before > 0 else ""
        self._end(f"Done in {spoken(result['seconds'])}: {row['moved']} of {len(row['ratios'])} calls moved{change}.")
        self.tuned.emit(asked.settings, str(asked.out))

    def _on_failed(self, ticket: int, error: Exception) -> None:
        if ticket == self._ticket and self._running:
            self._end(f"{error} {getattr(error, 'remedy', '')}".strip(), "bad")

    def _on_stopped(self, ticket: int) -> None:
        if ticket == self._ticket and self._running:
            self._end("Cancelled." + ("" if self._together() else " Calls that were tuned are kept: tuning the same again goes on from there."))
