"""Training on one's own pictures, in the window: the folder, the settings, the run, the finished model.

The training is a task of the background lane. To pause is to cancel it: the engine keeps a checkpoint, and Resume submits
the same request again.
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from engines.guidance.training import FinishTask, Live, Look, LookTask, Moment, TableTask, TrainRequest, TrainTask, checkpoint, same_settings
from engines.job import EngineError
from widgets import tokens
from widgets.guidance.training_run import TrainingRun
from widgets.guidance.training_setup import TrainingSetup
from widgets.paint import Caption, GlyphButton

ACTIVE = ("waiting", "running", "finishing", "building")


class TrainingPage(QWidget):
    """`left` to go back to the pictures; `use(path)` opens the model; `changed(words)` what a button elsewhere should say."""

    left = Signal()
    use = Signal(str)
    changed = Signal(str)
    rewritten = Signal(str)  # this model file, or its table, is new
    kept_changed = Signal()

    def __init__(self, background: Any, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("stage")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAccessibleName("Train on my images")
        self._background, self._request = background, None
        self._look_ticket = self._ticket = 0
        self._then_finish = False
        self.setup, self.run = TrainingSetup(), TrainingRun()
        self._title = Caption("Train on my images", tokens.SECTION_PX, semibold=True)
        close = GlyphButton("close", "Back to the pictures", "Back to the pictures; a training goes on in the background (Esc)")
        close.clicked.connect(self.left)
        self.pages = QStackedWidget()
        self.pages.addWidget(self.setup)
        self.pages.addWidget(self.run)
        head = QHBoxLayout()
        head.addWidget(self._title, 1)
        head.addWidget(close)
        column = QVBoxLayout(self)
        column.setContentsMargins(tokens.SPACE_L, tokens.SPACE_S, tokens.SPACE_L, tokens.SPACE_L)
        column.setSpacing(tokens.SPACE_S)
        column.addLayout(head)
        column.addWidget(self.pages, 1)
        self.setup.looked.connect(self.look_at)
        self.setup.started.connect(self.start)
        self.setup.restarted.connect(self._start_over)
        self.run.asked.connect(lambda name: getattr(self, f"_{name}")())
        for signal, slot in ((background.started_, self._on_started), (background.progress, self._on_progress), (background.news, self._on_news),
                             (background.done, self._on_done), (background.failed, self._on_failed), (background.stopped, self._on_stopped)):
            signal.connect(slot)

    # choosing --------------------------------------------------------------------------------------------------------
    def look_at(self, folder: str) -> bool:
        """Looks at a folder in the background. False while a training runs: the page shows that one."""
        if self.active():
            return False
        self.pages.setCurrentWidget(self.setup)
        self._name("Train on my images")
        self._background.cancel(self._look_ticket)
        self.setup.show_folder(folder, waiting=self._background.waiting() > 0)
        self._look_ticket = self._background.submit(LookTask(folder))
        return True

    def active(self) -> bool:
        """Whether a training, or what comes after it, is under way."""
        return self.pages.currentWidget() is self.run and self.run.state in ACTIVE

    def follows(self, ticket: int) -> bool:
        """Whether a background task is one of this page's: its failure is written on the page."""
        return ticket in (self._look_ticket, self._ticket)

    def start(self, request: TrainRequest) -> None:
        """Trains, from a checkpoint of the same settings where there is one; one of other settings is asked about."""
        try:
            request.check()
        except EngineError as error:
            return self._refuse(error)
        try:
            stored = checkpoint(request.out)
        except EngineError as error:  # a damaged one can only be left behind
            return self.setup.show_conflict(f"{error} {error.remedy}", None)
        if stored is not None and not same_settings(stored["request"], request):
            fits = stored["request"].get("dataset") == "folder"
            size, mirror = stored["request"].get("size"), stored["request"].get("mirror")
            return self.setup.show_conflict(f"An unfinished training with other settings lies there: step {stored['step']:,}, {size} px, "
                                            f"mirror {'on' if mirror else 'off'}.", stored["request"] if fits else None)
        self._submit(request, fresh=True)

    def _refuse(self, error: EngineError) -> None:
        self.setup.show_conflict(f"{error} {error.remedy}", None, over=False)

    def _start_over(self, request: TrainRequest) -> None:
        try:
            request.state.unlink(missing_ok=True)
        except OSError as error:
            return self._refuse(EngineError(f"{request.state.name} could not be deleted: {error.strerror}.", remedy="Choose another name for the model."))
        self.setup.forget_conflict()
        self.start(request)

    def _submit(self, request: TrainRequest, fresh: bool) -> None:
        self._background.cancel(self._look_ticket)
        self._request, self._then_finish = request, False
        self.pages.setCurrentWidget(self.run)
        self._name(f"Training {Path(request.out).stem}")
        self.run.begin(request.out, fresh)
        waiting = self._background.waiting() > 0
        self._state("waiting", "Waiting for what runs in the background" if waiting else "Reading the pictures")
        self._ticket = self._background.submit(TrainTask(request, Live(each=4, classes=8)))

    # the run's buttons -----------------------------------------------------------------------------------------------
    def _pause(self) -> None:
        self._background.cancel(self._ticket)

    def _resume(self) -> None:
        self._submit(self._request, fresh=False)

    def _stop(self) -> None:
        """The model of the checkpoint; a running training is paused first, which writes one."""
        if self.run.state == "running":
            self._background.cancel(self._ticket)
        self._state("finishing", "Writing the model")
        self._ticket = self._background.submit(FinishTask(self._request))

    def _back(self) -> None:
        if self.setup.look is None:
            self.look_at(self._request.dataset)
        self.pages.setCurrentWidget(self.setup)
        self._name("Train on my images")
        self.changed.emit("")

    def _table(self) -> None:
        self._state("building", "Building the ReCFG table")
        self._ticket = self._background.submit(TableTask(self._request.out, self._request.dataset))

    def _use(self) -> None:
        self.use.emit(self._request.out)

    # news ------------------------------------------------------------------------------------------------------------
    def _on_started(self, ticket: int) -> None:
        if ticket == self._ticket and self.run.state == "waiting":
            self._state("running", "Reading the pictures")

    def _on_progress(self, ticket: int, fraction: float, text: str) -> None:
        if ticket == self._ticket and (self.run.state == "building" or text.startswith("Reading")):
            building = self.run.state == "building"
            self.run.show_progress(fraction, f"ReCFG table: {text}" if building else text)
            self._say("Building the table" if building else "Reading pictures", fraction)

    def _on_news(self, ticket: int, part: Any) -> None:
        if ticket == self._look_ticket and isinstance(part, Look):
            self.setup.show_look(part)
        elif ticket == self._ticket and isinstance(part, Moment):
            self.run.show_moment(part)
            self._say("Training", part.fraction)

    def _on_done(self, ticket: int, result: Any) -> None:
        if ticket == self._look_ticket:
            self.setup.show_look(result)
        elif ticket == self._ticket:
            built = self.run.state == "building"
            self.rewritten.emit(self._request.out)
            text = (f"The ReCFG table lies beside the model; its mean ratio is {result['ratio_mean']:.3f}." if built else
                    f"Done: {result['steps']:,} step{'s' if result['steps'] != 1 else ''}, loss {result['loss']:.3f}. The model is written.")
            self._state("built" if built else "done", text)

    def _on_failed(self, ticket: int, error: Exception) -> None:
        told = f"{error} {getattr(error, 'remedy', '')}".strip()
        if ticket == self._look_ticket:
            self.setup.show_problem(told)
        elif ticket == self._ticket:
            if self.run.state == "building":
                return self._state("done", f"The model is written, its table is not. {told}")
            self._state("failed", told)

    def _on_stopped(self, ticket: int) -> None:
        if ticket != self._ticket:
            return
        if self.run.state == "building":
            self._state("done", "The model is written; its table was not built.")
        elif self.run.state in ("running", "waiting"):
            self._state("paused", "Paused. The checkpoint is kept: Resume goes on from it.")

    # keeping ---------------------------------------------------------------------------------------------------------
    def kept(self) -> dict[str, Any]:
        """An unfinished training, to be found again at the next start."""
        unfinished = self.pages.currentWidget() is self.run and self.run.state in ("waiting", "running", "paused", "failed", "finishing")
        return asdict(self._request) if unfinished else {}

    def set_kept(self, values: dict[str, Any]) -> None:
        """Shows a training that was under way when the program ended, if its checkpoint is there. A running one is left alone."""
        if self.active():
            return
        try:
            request = TrainRequest(**values | {"widths": tuple(values["widths"])})
            stored = checkpoint(request.out)
        except (KeyError, TypeError, EngineError):
            return
        if stored is None:
            return
        self._request = request
        self.pages.setCurrentWidget(self.run)
        self._name(f"Training {Path(request.out).stem}")
        self.run.begin(request.out, fresh=True)
        self._state("paused", f"Paused at step {stored['step']:,}, after {stored['hours']:.1f} h. Resume goes on from there.")

    def _state(self, state: str, text: str) -> None:
        self.run.set_state(state, text)
        words = {"paused": "Training is paused", "failed": "Training has stopped", "finishing": "Writing the model", "done": "Training is done",
                 "building": "Building the table", "built": "Table is built"}
        self.changed.emit(words.get(state, "Training starts"))
        self.kept_changed.emit()

    def _say(self, what: str, fraction: float) -> None:
        self.changed.emit(f"{what}: {fraction:.0%}")

    def _name(self, text: str) -> None:
        self._title.setText(text)
