"""The GAN lab: controls, the two generators, insight, around one document and one engine thread.

The engine keeps the training; this sends it Plays. To pause is to cancel, and a control that moves while it trains is another Play.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QFileDialog, QFrame, QHBoxLayout, QWidget

from engines.gan.drawing import read_points
from engines.gan.outcome import GanOutcome
from engines.gan.request import GanRequest, Play
from engines.gan.seeds import FRESH, SeedsTask
from engines.job import EngineError
from widgets import plot_files
from widgets.gan import catalog
from widgets.gan.controls import Controls
from widgets.gan.insight import Insight
from widgets.gan.stage import Stage

REST_MS = 600  # turns of the wheel and keys that follow each other within so long are one undo step


class GanWorkspace(QWidget):
    """Workspace protocol: noticed, worked, kept_changed, writing; start, open_path, commands, escape, shows, stop_writing, kept, set_kept,
    set_panel_visible."""

    noticed = Signal(str, str, str)  # kind, text, remedy
    worked = Signal(str)
    kept_changed = Signal()
    writing = Signal(str, float)

    def __init__(self, document: Any, worker: Any, background: Any, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._document, self._worker, self._background = document, worker, background
        self.outcome: GanOutcome | None = None
        self.playing, self._ticket, self._stopped = False, 0, ("", "")
        self.controls, self.stage, self.insight = Controls(), Stage(), Insight()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        for part, stretch in ((self.controls, 0), (_hairline(), 0), (self.stage, 1), (_hairline(), 0), (self.insight, 0)):
            row.addWidget(part, stretch)
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(REST_MS)
        self._rest.timeout.connect(document.end_gesture)
        self._connect()
        self._show_request(document.request)

    def _connect(self) -> None:
        self._document.changed.connect(self._on_request)
        self.controls.proposed.connect(self._propose)
        self.controls.released.connect(self._document.end_gesture)
        self.controls.drawing_asked.connect(self._draw)
        self.stage.asked.connect(lambda name: self.commands()[f"gan.{name}"]())
        self.stage.rewound.connect(self._rewind)
        self.stage.layers_changed.connect(lambda: None if self.playing else self._submit("look"))
        self.stage.pad.done.connect(self._use_drawing)
        self.stage.pad.left.connect(self._leave_pad)
        self._worker.preview.connect(self._on_outcome)
        self._worker.done.connect(self._on_done)
        self._worker.failed.connect(lambda _: self._set_playing(False))
        self._worker.busy.connect(self._on_busy)
        seeds = self.insight.seeds
        seeds.asked.connect(self._run_seeds)
        seeds.stopped.connect(lambda: self._background.cancel(self._ticket))
        seeds.saved.connect(self.worked)
        seeds.save_failed.connect(self._fail)
        for plot in (*self.stage.plots, *self.insight.plots.values()):
            plot.saved.connect(self.worked)
            plot.save_failed.connect(self._fail)
        background = self._background
        for signal, slot in ((background.progress, self._on_seed_progress), (background.news, self._on_seeds), (background.done, self._on_seeds_done),
                             (background.failed, self._on_seeds_failed), (background.stopped, self._on_seeds_stopped)):
            signal.connect(slot)

    # workspace protocol ----------------------------------------------------------------------------------------------
    def start(self) -> None:
        """Shows the two generators, as they are or as they were left."""
        self._submit("look")
        self.stage.setFocus(Qt.FocusReason.OtherFocusReason)

    def commands(self) -> dict[str, Callable[..., object]]:
        layers = {f"gan.{name}": lambda *on, name=name: self.stage.switches[name].toggle() for name in self.stage.switches}
        return layers | {"gan.train": self._toggle, "gan.step": self._step, "gan.reset": lambda: self._submit("reset"), "gan.back": self._back,
                         "gan.new_seed": lambda: self.controls.seed.roll(), "gan.draw": self._draw, "gan.seeds": self._show_seeds,
                         "gan.save_plots": self._ask_save}

    def set_panel_visible(self, panel: str, shown: bool) -> None:
        {"controls": self.controls, "insight": self.insight}[panel].setVisible(shown)

    def escape(self) -> bool:
        if self.stage.pages.currentWidget() is self.stage.pad:
            self._leave_pad()
            return True
        return False

    def stop_writing(self) -> None:
        """Nothing here is written in the background."""

    def shows(self, ticket: int) -> bool:
        return ticket == self._ticket and self.insight.seeds.isVisible()

    def kept(self) -> dict[str, Any]:
        return {}

    def set_kept(self, values: dict[str, Any]) -> None:
        """Nothing is kept beside the request; the engine finds the training of a request again."""

    def open_path(self, path: Path) -> bool:
        """Points of one's own from a .csv file. EngineError when they will not do."""
        if path.suffix.lower() != ".csv":
            return False
        self._use_drawing(read_points(path))
        return True

    def keyPressEvent(self, event) -> None:  # noqa: N802
        """Space starts and pauses, wherever nothing else wants it: a shortcut would take it from buttons that have the focus."""
        if event.key() == Qt.Key.Key_Space and not event.isAutoRepeat() and self.stage.pages.currentIndex() == 0:
            self._toggle()
        else:
            super().keyPressEvent(event)

    # playing ---------------------------------------------------------------------------------------------------------
    def _submit(self, action: str, **more: Any) -> None:
        layers = self.stage.layers()
        self._worker.submit(Play(self._document.request, action, field="field" in layers, arrows="arrows" in layers, **more))

    def _set_playing(self, playing: bool) -> None:
        self.playing = playing
        self.stage.show_playing(playing)

    def _toggle(self) -> None:
        if self.playing:
            self._worker.cancel()
        else:
            self._set_playing(True)
            self._submit("again" if self.outcome is not None and self._ended(self.outcome) else "train")

    @staticmethod
    def _ended(outcome: GanOutcome) -> bool:
        return outcome.step >= outcome.request.steps or all(twin.stopped for twin in outcome.twins)

    def _step(self) -> None:
        if not self.playing:
            self._submit("step")

    def _rewind(self, step: int) -> None:
        """Back to a checkpoint, and paused there."""
        self._set_playing(False)
        self._submit("rewind", at=step)

    def _back(self) -> None:
        """To the checkpoint before this step."""
        earlier = [step for step in self.outcome.checkpoints if step < self.outcome.step] if self.outcome else []
        if earlier:
            self._rewind(earlier[-1])

    def _on_busy(self, busy: bool) -> None:
        if not busy and self.playing:  # a result, if there is one, follows at once
            QTimer.singleShot(0, self, self._paused)

    def _paused(self) -> None:
        """Cancelled, here or in the window: where it stands is looked at."""
        if self.playing:
            self._set_playing(False)
            self._submit("look")

    def _on_done(self, outcome: GanOutcome) -> None:
        if self.playing and self._ended(outcome):
            self._set_playing(False)
            last = [twin.history[-1] for twin in outcome.twins]
            self.worked.emit("Trained " + ", ".join(f"{tag}: {look.off:.1%} off the manifold, {look.modes} of {look.of_modes} modes"
                                                    for tag, look in zip("AB", last, strict=False)))
        self._on_outcome(outcome)

    def _on_outcome(self, outcome: GanOutcome) -> None:
        if outcome.request.structure() != self._document.request.structure():
            return
        self.outcome = outcome
        self.stage.show_outcome(outcome, self.playing)
        self.insight.show_outcome(outcome)
        self.controls.show_outcome(outcome)
        stopped = tuple(twin.stopped for twin in outcome.twins)
        for tag, now, before in zip("AB", stopped, self._stopped, strict=False):
            if now and not before:
                self.noticed.emit("warn", f"{tag} was stopped: {now}.", "Its last good checkpoint is shown. Lower the learning rates, then go back or reset.")
        self._stopped = stopped

    # the request -----------------------------------------------------------------------------------------------------
    def _show_request(self, request: GanRequest) -> None:
        self.controls.show_request(request)
        self.stage.show_request(request)

    def _propose(self, request: GanRequest, text: str, gesture: str | None) -> None:
        self._document.replace(request, text, gesture)
        if gesture:
            self._rest.start()

    def _on_request(self, request: GanRequest) -> None:
        self._show_request(request)
        anew = self.outcome is not None and self.outcome.request.structure() != request.structure()
        if anew:
            self._stopped = ("", "")
        self._submit("train" if self.playing else "look")

    def _draw(self) -> None:
        """The canvas, with the drawing there is."""
        request = self._document.request
        self.stage.pad.begin(request.drawing if request.data == "drawing" else ())
        self.stage.pages.setCurrentWidget(self.stage.pad)

    def _use_drawing(self, points: tuple[tuple[float, float], ...]) -> None:
        self._leave_pad()
        self._document.replace(replace(self._document.request, data="drawing", drawing=points), "drawing")
        if not self.playing:
            self._toggle()

    def _leave_pad(self) -> None:
        """Back to the generators."""
        self.stage.pages.setCurrentIndex(0)
        self.stage.setFocus(Qt.FocusReason.OtherFocusReason)

    # seeds -----------------------------------------------------------------------------------------------------------
    def _show_seeds(self) -> None:
        self.insight.tabs.show_page("Seeds")

    def _run_seeds(self, count: int) -> None:
        request = self._document.request
        words = f"{catalog.DATA_WORDS[request.data]}, {request.steps:,} steps, {self.stage.planes[1].about.full()}"
        seeds = tuple(FRESH[0] + k for k in range(count))
        self.insight.seeds.begin(f"{words}. Seeds {seeds[0]} to {seeds[-1]}; the mean of the last five looks at 10,000 points.")
        self._ticket = self._background.submit(SeedsTask(request, seeds))

    def _on_seed_progress(self, ticket: int, part: float, text: str) -> None:
        if ticket == self._ticket:
            self.insight.seeds.show_progress(part, text)

    def _on_seeds(self, ticket: int, table: Any) -> None:
        if ticket == self._ticket:
            self.insight.seeds.show_table(table)

    def _on_seeds_done(self, ticket: int, table: Any) -> None:
        if ticket == self._ticket:
            self.insight.seeds.show_table(table)
            self.insight.seeds.set_state("idle", f"Done: {len(table.results)} seeds, mean \N{PLUS-MINUS SIGN} spread.")

    def _on_seeds_failed(self, ticket: int, error: Exception) -> None:
        if ticket == self._ticket:
            self.insight.seeds.set_state("idle", f"{error} {getattr(error, 'remedy', '')}".strip())

    def _on_seeds_stopped(self, ticket: int) -> None:
        if ticket == self._ticket:
            finished = len(self.insight.seeds.table.results) if self.insight.seeds.table else 0
            self.insight.seeds.set_state("idle", f"Stopped after {finished} seed{'' if finished == 1 else 's'}.")

    # files -----------------------------------------------------------------------------------------------------------
    def _ask_save(self) -> None:
        dialog = QFileDialog(self, "Save all plots into a folder")
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.fileSelected.connect(lambda name: self.save_plots_to(Path(name)))
        dialog.open()

    def save_plots_to(self, folder: Path) -> None:
        """Both planes and every curve as PNG, SVG and CSV."""
        figures = [figure for figure in (*self.stage.planes, *self.stage.plots, *self.insight.plots.values()) if figure.has_numbers()]
        if not figures:
            return self.noticed.emit("info", "There is nothing to save yet.", "Plots come with the first picture.")
        try:
            self.worked.emit(f"Saved {len(plot_files.save_all(figures, folder))} files in {folder.name}")
        except EngineError as error:
            self._fail(error)

    def _fail(self, error: EngineError) -> None:
        self.noticed.emit("bad", str(error), error.remedy)


def _hairline() -> QFrame:
    line = QFrame()
    line.setObjectName("hairline")
    line.setFixedWidth(1)
    return line
