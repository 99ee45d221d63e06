"""Tuned timesteps in the Sampling section: the switch, the ratios to edit by hand, the comparison with plain and the way to the tuner."""

import math
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from engines.diffusion.solver_names import evaluations
from engines.guidance.outcome import Side
from engines.guidance.request import RATIO, Sampling
from widgets import tokens
from widgets.guidance.points import number_field, typed
from widgets.guidance.ratio_canvas import RatioCanvas
from widgets.paint import Caption, GlyphButton

TIP = ("At each step the network is told a slightly different noise level than the step has, because few steps stray from the path it learned. "
       "Only what it is told changes: the picture costs the same.")
HOW = ("One point a network call: the noise level it is told, as a ratio tau / t. 1 is the step's own.\n"
       "Drag up and down. Keys: left and right choose, up and down move, Page keys move more, Delete goes to 1. Shift: ten times finer.\n"
       f"Double click goes to 1. A ratio lies between {RATIO[0]:g} and {RATIO[1]:g}; the last step stays at 1.")
HELD = "tuned timesteps held"  # how the engine's note begins where tau would leave the model's time range


def plain(settings: Sampling) -> Sampling:
    """What tuned timesteps are compared with: the same settings without them."""
    return replace(settings, tuned=False, tuning="", ratios=())


class TunedTimesteps(QWidget):
    """`toggled(on)`, `proposed(ratios, text, gesture)` (empty ratios: the file's), `released` ends a gesture, `compare_asked`, `tune_asked`, `remarked`."""

    toggled = Signal(bool)
    proposed = Signal(object, str, object)
    released = Signal()
    compare_asked = Signal()
    tune_asked = Signal()
    remarked = Signal()  # `about` says something of a typed number

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Tuned timesteps, editor")
        self._settings, self._side = Sampling(), Side(Sampling())
        self._standing, self._held, self._warned = "", "", False  # what the ratios are, what became of them in the run, whether that is a warning
        self.switch, self.compare, self.tune = (QPushButton(word, self) for word in ("Tuned timesteps", "Compare with plain", "Tune\N{HORIZONTAL ELLIPSIS}"))
        self.switch.setToolTip(TIP)
        self.compare.setToolTip("The other side becomes the same without tuned timesteps, from the same noise")
        self.tune.setToolTip("Find the ratios for this sampler and number of steps, here, in the background")
        self.tune.setFixedHeight(tokens.CONTROL_PX)
        self.tune.setAccessibleName("Tune timesteps")
        for button in (self.switch, self.compare):
            button.setProperty("chip", True)
            button.setCheckable(True)
            button.setFixedHeight(tokens.CONTROL_PX)
            button.setAccessibleName(button.text())
        self.canvas = RatioCanvas(self)
        self.canvas.setToolTip(HOW)
        self.canvas.setAccessibleDescription(HOW)
        self.name, self.field = Caption("", parent=self), number_field("Ratio of the step", 66, self)
        self.reset = GlyphButton("reset", "Reset to the tuned ratios", "Back to the tuned ratios of the file", parent=self)
        self.field.setToolTip(f"Ratio of the chosen step: type a number from {RATIO[0]:g} to {RATIO[1]:g}")
        self.ones = QPushButton("Reset all to 1", self)
        self.ones.setToolTip("Every ratio becomes 1: the pictures are those of plain timesteps, to start from by hand. Undo brings the ratios back.")
        self.ones.setAccessibleName("Reset all ratios to 1")
        self.ones.setFixedHeight(tokens.CONTROL_PX)
        self._remark: tuple[tuple[float, ...], int, str] = (), -1, ""  # what was said of a typed number, at which ratios and which point
        keep = self.reset.sizePolicy()
        keep.setRetainSizeWhenHidden(True)
        self.reset.setSizePolicy(keep)
        self.about = Caption("", tokens.CAPTION_PX, "muted", parent=self)
        self.about.setWordWrap(True)
        self._lay_out()
        self.switch.clicked.connect(self.toggled)
        self.compare.clicked.connect(self.compare_asked)
        self.tune.clicked.connect(self.tune_asked)
        self.canvas.edited.connect(self.proposed)
        self.canvas.held.connect(lambda held: None if held else self.released.emit())
        self.canvas.chosen.connect(self._show_point)
        self.field.editingFinished.connect(self._on_typed)
        self.reset.clicked.connect(lambda: self.proposed.emit((), "tuned ratios", None))
        self.ones.clicked.connect(lambda: self.proposed.emit((1.0,) * len(self.canvas.ratios), "ratios of 1", None))

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        top.setSpacing(tokens.SPACE_XS)
        top.addWidget(self.switch, 2)
        top.addWidget(self.tune, 1)
        self.body = QWidget(self)
        head = QGridLayout()
        head.setHorizontalSpacing(tokens.SPACE_XS)
        for column, widget in enumerate((self.name, self.field, self.reset)):
            head.addWidget(widget, 0, column)
        head.setColumnStretch(0, 1)
        inner = QVBoxLayout(self.body)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.setSpacing(tokens.SPACE_XS)
        inner.addLayout(head)
        inner.addWidget(self.canvas)
        inner.addWidget(self.about)
        foot = QHBoxLayout()
        foot.setSpacing(tokens.SPACE_XS)
        foot.addWidget(self.compare, 1)
        foot.addWidget(self.ones)
        inner.addLayout(foot)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(tokens.SPACE_XS)
        column.addLayout(top)
        column.addWidget(self.body)

    # showing ---------------------------------------------------------------------------------------------------------
    def show_settings(self, settings: Sampling, ink: str, compared: bool) -> None:
        """The ratios of a side in its colour; `compared` where the other side is the same in plain."""
        self._settings, self._ink = settings, ink
        self.switch.setChecked(settings.tuned)
        self.switch.setProperty("side", "b" if ink == "second" else "a")
        self.compare.setChecked(compared)
        self.body.setVisible(settings.tuned)
        if settings.tuned:
            self._show()

    def show_run(self, side: Side) -> None:
        """What a finished run was asked at."""
        self._side = side
        if self._settings.tuned:
            self._show()

    def show_tuning(self, words: str) -> None:
        """How a tuning stands; empty where there is none."""
        self.tune.setText(words or "Tune\N{HORIZONTAL ELLIPSIS}")

    def _show(self) -> None:
        settings, side = self._settings, self._side
        known = _ground(side.settings) == _ground(settings)  # else the run that tells is still to come
        calls = len(side.per_step.get("t", ())) if known else 0
        filed = side.filed if known else ()
        count = len(settings.ratios) or len(filed) or calls or evaluations(settings.sampler, settings.steps)
        self.canvas.show_ratios(settings.ratios or filed or (1.0,) * count, filed, settings.steps, self._ink)
        self.reset.setVisible(bool(settings.ratios))
        missing = side.untuned if known else ""
        where = Path(settings.tuning).name if settings.tuning else "the file beside the model"
        told = [note for note in side.notes if known and note.startswith("timesteps tuned")]
        held = [note for note in side.notes if side.settings == settings and note.startswith(HELD)]
        if settings.ratios:
            text = "Set by hand." + (f" {missing}" if missing else "")
        elif filed:
            text = f"Tuned, from {where}." + "".join(f" {note[0].upper()}{note[1:]}." for note in told)
        else:
            text = f"{missing} The pictures are plain: drag a point, or tune." if missing else "Looking for tuned timesteps\N{HORIZONTAL ELLIPSIS}"
        self._standing, self._held = text, "".join(f" {note[0].upper()}{note[1:]}." for note in held)
        self._warned = bool(held) or bool(missing and not settings.ratios)
        self._show_point()

    def _show_point(self) -> None:
        canvas = self.canvas
        fixed, word = canvas.fixed(canvas.selected), canvas.word(canvas.selected)
        self.name.setText(f"{word[0].upper()}{word[1:]}" + (": fixed" if fixed else ""))
        self.field.setReadOnly(fixed)
        self.field.setText(f"{canvas.value():.4f}")
        self._tell()

    def _tell(self) -> None:
        """What was said of a typed number, as long as it still holds; else what the ratios are."""
        ratios, index, remark = self._remark
        fresh = bool(remark) and (ratios, index) == (self.canvas.ratios, self.canvas.selected)
        self.about.set_ink("warn" if fresh or self._warned else "muted")
        self.about.setText((remark if fresh else self._standing) + self._held)

    # proposing -------------------------------------------------------------------------------------------------------
    def _on_typed(self) -> None:
        """A number out of range is held at its end, nonsense leaves what was there; both are said."""
        text, before = self.field.text().strip(), self.canvas.value()
        if text != f"{before:.4f}" and not self.field.isReadOnly():
            remark = ""
            try:
                value = typed(self.field)
                if math.isnan(value):
                    raise ValueError
                held = min(max(value, RATIO[0]), RATIO[1])
                if held != value:
                    remark = f"{text} lies outside {RATIO[0]:g} to {RATIO[1]:g}: held at {held:g}."
                self.canvas.place(held)
            except ValueError:
                remark = f"\N{LEFT DOUBLE QUOTATION MARK}{text}\N{RIGHT DOUBLE QUOTATION MARK} is no number: the ratio stays {before:.4f}."
            self._remark = self.canvas.ratios, self.canvas.selected, remark
        self._show_point()
        if self._remark[2]:
            self.remarked.emit()


def _ground(settings: Sampling) -> tuple:
    return settings.model, settings.sampler, settings.steps, settings.tuned, settings.tuning
