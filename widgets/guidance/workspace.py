"""The Guidance workspace: controls, picture, insight and history around one document and one engine thread."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFrame, QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from engines.guidance import folders
from engines.guidance.outcome import Outcome
from engines.guidance.picture import read_png_request
from engines.guidance.request import Draw, GuidanceRequest, unwrap, wrap
from engines.job import EngineError
from widgets import tokens
from widgets.guidance import adopt, catalog, film_frames, opened
from widgets.guidance.controls import Controls
from widgets.guidance.exports import Exports
from widgets.guidance.history import History
from widgets.guidance.hub_field import Hub
from widgets.guidance.insight import Insight
from widgets.guidance.pages import Pages
from widgets.guidance.stage import Stage
from widgets.guidance.training_page import TrainingPage
from widgets.guidance.tuning_desk import TuningDesk

REST_MS = 150  # a slider that has not moved for so long rests: the draft is refined
RESULTS = 48  # finished outcomes kept, so that going back costs nothing
WHOLE_STEPS = 12  # of so many a ratio's drag shows all while it goes on
FILMS = 3  # of so many their films too
WEIGHT_SUFFIXES = (".safetensors", ".pt", ".pth", ".ckpt", ".pkl", ".bin")


class GuidanceWorkspace(QWidget):
    """Workspace protocol: noticed, worked, kept_changed, writing; start, open_path, commands, escape, shows, stop_writing, kept, set_kept,
    set_panel_visible."""

    noticed = Signal(str, str, str)  # kind, text, remedy
    worked = Signal(str)
    kept_changed = Signal()
    writing = Signal(str, float)  # a file that is being written in the background: words and how far, below 0 while it waits; no words = none

    def __init__(self, document: Any, worker: Any, samples: Path, background: Any, cache: Path | None = None, own: Path | None = None,
                 parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._document, self._worker, self._background, self._samples = document, worker, background, samples
        self._results: OrderedDict[tuple, Outcome] = OrderedDict()
        self._sliding, self._smooth, self._filming = "", False, False
        self._promised: tuple[tuple, dict[str, Any]] | None = None  # what a dropped picture said of its model
        self.controls, self.stage, self.insight, self.history = Controls(samples), Stage(samples), Insight(samples), History()
        self.pages = Pages(self, document, background, samples, str(cache or ""))
        self.hub = Hub(self, background)
        self.exports = Exports(self, self.stage, self.insight, self.pages.atlas, background, document, samples)
        self.training, self.middle = TrainingPage(background), QStackedWidget()
        self.tuning = TuningDesk(self, background, document, own)
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(REST_MS)
        self._rest.timeout.connect(self._refine)
        self._lay_out()
        self._connect()
        self.controls.show_request(document.request)
        self.stage.show_request(document.request)
        self.stage.grid.show_request(document.request, self.controls.class_names())

    def _lay_out(self) -> None:
        middle = QWidget()
        column = QVBoxLayout(middle)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.hub.strip)
        column.addWidget(self.stage, 1)
        foot = QHBoxLayout()
        foot.setContentsMargins(tokens.SPACE_L, 0, tokens.SPACE_L, 0)
        foot.addWidget(self.history)
        column.addLayout(foot)
        for page in (middle, self.training, self.tuning.page):
            self.middle.addWidget(page)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        self.pages.lay_out()
        for part, stretch in ((self.controls, 0), (_hairline(), 0), (self.middle, 1), (_hairline(), 0), (self.insight, 0)):
            row.addWidget(part, stretch)

    def _connect(self) -> None:
        self._document.changed.connect(self._on_request)
        self.controls.proposed.connect(self._propose)
        self.controls.released.connect(self._released)
        self.stage.asked.connect(lambda name: self.commands()[f"guidance.{name}"]())
        self.stage.view_asked.connect(self._view)
        self.stage.exporter = self.exports.dragged
        self.history.chosen.connect(lambda request: self._document.replace(
            replace(request, grid=self._document.request.grid), "earlier result"))
        self.history.kept.connect(self.kept_changed)
        self.pages.connect_parts()
        self.pages.noticed.connect(self.noticed)
        self.pages.worked.connect(self.worked)
        self.controls.training_asked.connect(self.show_training)
        self.training.left.connect(lambda: self.middle.setCurrentIndex(0))
        self.training.use.connect(self._use_trained)
        self.training.rewritten.connect(self._forget)
        self.training.changed.connect(self.controls.show_training)
        self.training.kept_changed.connect(self.kept_changed)
        self.stage.pages.currentChanged.connect(lambda _: self.stage.aside() and self.middle.setCurrentIndex(0))  # a grid or an atlas was asked for
        self._worker.preview.connect(self._on_preview)
        self._worker.done.connect(self._on_done)
        self._worker.failed.connect(lambda _: self.stage.show_failure())
        self.hub.arrived.connect(self._open_pipeline)
        self.controls.tuning_asked.connect(self.tuning.show)
        self.tuning.rewritten.connect(self._forget_tuning)
        self.exports.noticed.connect(self.noticed)
        self.exports.worked.connect(self.worked)
        self.exports.films.told.connect(self.writing)

    # workspace protocol ----------------------------------------------------------------------------------------------
    def start(self) -> None:
        """Draws the first request."""
        self.pages.show_settings()
        self._refine()

    def commands(self) -> dict[str, Callable[..., object]]:
        return {"guidance.compare": self._compare, "guidance.flip": self._flip,
                "guidance.side": lambda: self._view("side"), "guidance.wipe": lambda: self._view("wipe"),
                "guidance.difference": lambda: self._view("difference"), "guidance.swap": self._swap,
                "guidance.copy": self.exports.copy, "guidance.save": self.exports.save, "guidance.save_all": self.exports.save_all,
                "guidance.new_seed": lambda: self.controls.seed.roll(),
                "guidance.lock_seed": lambda on=True: self.controls.seed.lock.setChecked(on),
                "guidance.film": self._film, "guidance.play": self._play, "guidance.save_film": self._save_film,
                "guidance.save_plots": self.exports.save_plots,
                "guidance.hub": self.hub.ask, "guidance.train": self.show_training, "guidance.tune": self.tuning.show,
                "guidance.tuned": lambda: self.controls.timesteps.switch.click(), "guidance.compare_tuned": self.controls.compare_plain,
                "guidance.star": self._star,
                "guidance.smooth": lambda *on: self._set_smooth(not self._smooth)} | self.pages.commands()

    def set_panel_visible(self, panel: str, shown: bool) -> None:
        {"controls": self.controls, "insight": self.insight}[panel].setVisible(shown)

    def escape(self) -> bool:
        if self.hub.dismiss():
            return True
        if self.middle.currentWidget() in (self.training, self.tuning.page):
            self.middle.setCurrentIndex(0)
            return True
        if self._filming:
            self._film()
            return True
        return self.stage.escape()

    def stop_writing(self) -> None:
        self.exports.films.cancel()

    def shows(self, ticket: int) -> bool:
        """Whether the page in sight itself says what became of a background task, so that nobody has to say it again."""
        return any(page.isVisible() and page.follows(ticket) for page in (self.training, self.tuning.page))

    def kept(self) -> dict[str, Any]:
        starred, training = self.history.starred(), self.training.kept()
        return ({"starred": [wrap(request) for request in starred]} if starred else {}) | ({"training": training} if training else {})

    def set_kept(self, values: dict[str, Any]) -> None:
        """Starred results of a session; ones that this version cannot read are left out."""
        found = []
        for value in values.get("starred", []):
            try:
                found.append(unwrap(value))
            except EngineError:
                continue
        self.history.set_starred(found)
        if values.get("training"):
            self.training.set_kept(values["training"])

    def open_path(self, path: Path) -> bool:
        """A picture that carries a request, a model, or a table. EngineError with the reason when it is one but will not do."""
        suffix = path.suffix.lower()
        if path.is_dir() and any((path / name).exists() for name in ("model_index.json", "config.json")):
            self._open_pipeline(path)
            return True
        if suffix == ".png":
            request, about = read_png_request(path)
            self._promised = (_key(request), about)
            self._document.replace(request, f"open {path.name}")
            if request.grid is not None:
                self.pages.draw_grid()
            return True
        if suffix in WEIGHT_SUFFIXES:
            self._document.replace(*opened.with_weights(self._document.request, path))
            return True
        if suffix == ".json":
            self._document.replace(*opened.with_tuned(self._document.request, path))
            return True
        if folders.holds_classes(path):
            return self._open_pictures(path)
        return False

    # drawing ---------------------------------------------------------------------------------------------------------
    def _propose(self, request: GuidanceRequest, text: str, gesture: str | None) -> None:
        self._sliding = gesture or ""
        self._document.replace(request, text, gesture)
        self._sliding = ""

    def _on_request(self, request: GuidanceRequest) -> None:
        self.middle.setCurrentIndex(0)
        self.controls.show_request(request, self.names())
        self.stage.show_request(request)
        self.stage.grid.show_request(request, self.controls.class_names())
        self.history.show_current(request)
        self.pages.show_settings()
        known = self._results.get(_key(request))
        if known is not None and (not self._filming or film_frames.has_film(known)):
            self._rest.stop()
            self._worker.cancel()
            self._show_finished(known)
        elif self._sliding:
            ratios = self._sliding == "ratios"  # they act in few steps alone: a draft of four would not show them
            if not ratios or request.a.steps <= WHOLE_STEPS:
                self._worker.submit(Draw(request, draft=True, whole=ratios))
            self._rest.start()
        else:
            self._refine()

    def _refine(self) -> None:
        """The request in full. Called when a slider rests, and for everything that is chosen rather than slid."""
        self._rest.stop()
        if not QGuiApplication.mouseButtons() & Qt.MouseButton.LeftButton:  # a pause in the middle of a drag does not part it
            self._document.end_gesture()
        known = self._results.get(_key(self._document.request))
        if known is None or (self._filming and not film_frames.has_film(known)):
            self._worker.submit(Draw(self._document.request, film=self._filming))

    def _released(self) -> None:
        self._document.end_gesture()
        if self._rest.isActive():
            self._refine()

    def _on_preview(self, outcome: Outcome) -> None:
        self.stage.show_outcome(outcome, self._document.request)

    def _on_done(self, outcome: Outcome) -> None:
        if outcome.draft:
            self.stage.show_outcome(outcome, self._document.request)
            if outcome.sides[0].toy is not None:
                self.insight.show_outcome(outcome)
            return
        self._results[_key(outcome.request)] = outcome
        self._results.move_to_end(_key(outcome.request))
        while len(self._results) > RESULTS:
            self._results.popitem(last=False)
        filmed = [key for key, found in self._results.items() if film_frames.has_film(found)]
        for key in filmed[:-FILMS]:
            self._results[key] = film_frames.without_film(self._results[key])
        self.history.add(outcome.request, adopt.thumbnail(outcome), tuple(bool(side.ratios) for side in outcome.sides))
        if _key(outcome.request) == _key(self._document.request):
            self.history.show_current(self._document.request)
            self._show_finished(outcome)
            seconds = sum(side.seconds for side in outcome.sides)
            count = sum(side.settings.count for side in outcome.sides)
            self.worked.emit(f"{count:,} {'points' if outcome.sides[0].toy else 'images'} in {seconds:.2f} s, "
                             f"{sum(side.nfe for side in outcome.sides)} network evaluations")
            self._check_promise(outcome)

    def _show_finished(self, outcome: Outcome) -> None:
        self.stage.show_outcome(outcome, self._document.request)
        self.insight.show_outcome(outcome)
        self.pages.show_outcome(outcome)
        notes = [note for side in outcome.sides for note in side.notes]
        self.controls.show_run(outcome.sides)
        self.controls.show_interval(next((note for note in notes if note.startswith("guided in")), "all steps are guided"))
        self.controls.prompts.say("; ".join(dict.fromkeys(note for note in notes if "prompt is too long" in note)))
        if catalog.class_names(outcome.sides[0].settings.model, Path()) == ():
            self.controls.show_request(self._document.request, self.names())

    def names(self) -> tuple[str, ...]:
        """Class names of the model in the picture, for models whose names only the engine knows."""
        outcome = self.stage.outcome
        same = outcome is not None and outcome.sides[0].settings.model == self._document.request.a.model
        return outcome.sides[0].class_names if same else ()

    def _check_promise(self, outcome: Outcome) -> None:
        """Says so when a dropped picture was drawn with other weights than these."""
        if self._promised is None or self._promised[0] != _key(outcome.request):
            return
        (_, about), self._promised = self._promised, None
        side = outcome.sides[0]
        for word, mine in (("model", side.model_hash), ("table", side.table_hash)):
            theirs = about.get(f"{word}_hash", mine)
            if theirs != mine:
                self.noticed.emit("warn", f"The picture was drawn with another {word} ({str(theirs)[:8]}, here {mine[:8]}).",
                                  "Its settings are restored; its pixels will differ.")

    def _open_pipeline(self, path: Path) -> None:
        """A diffusers folder: refused here where its files already tell that it will not do."""
        request, text, notice = opened.with_pipeline(self._document.request, path)
        self._document.replace(request, text)
        self.noticed.emit(*notice)

    # models of one's own ---------------------------------------------------------------------------------------------
    def show_training(self) -> None:
        """The training page over the pictures; whatever changes the request brings the pictures back."""
        self.middle.setCurrentWidget(self.training)

    def _open_pictures(self, folder: Path) -> bool:
        """A folder of pictures by class goes to the training page."""
        if not self.training.look_at(str(folder)):
            self.noticed.emit("info", "A training is under way.", "Pause or stop it first, then drop the folder again.")
        self.show_training()
        return True

    def _use_trained(self, model: str) -> None:
        try:
            self.open_path(Path(model))
        except EngineError as error:
            self.noticed.emit("bad", str(error), error.remedy)
        self.middle.setCurrentIndex(0)

    def _forget(self, model: str) -> None:
        """A model file was written anew: nothing drawn with the old one is shown again for it."""
        catalog.forget()
        self.stage.closeup.forget(model)
        for key in [key for key in self._results if any(side is not None and side.model == model for side in key)]:
            del self._results[key]

    def _forget_tuning(self, path: str) -> None:
        """A file of tuned timesteps was written: what was drawn with what it held before is drawn anew."""
        self.pages.grid_run.forget(path)
        stale = [key for key in self._results if any(side is not None and side.tuned and side.tuning == path for side in key)]
        for key in stale:
            del self._results[key]
        if _key(self._document.request) in stale:
            self._refine()

    # commands --------------------------------------------------------------------------------------------------------
    def _compare(self) -> None:
        request = self._document.request
        self._document.replace(replace(request, b=None if request.b else catalog.other_side(request.a)), "compare")

    def _view(self, view: str) -> None:
        """How the two sides are looked at; makes a second side where there is none."""
        request = self._document.request
        self._document.replace(replace(request, view=view, b=request.b or catalog.other_side(request.a)), view)

    def _flip(self) -> None:
        request = self._document.request
        if request.b is None:
            self._compare()
        elif request.view != "flip":
            self._document.replace(replace(request, view="flip"), "flip")
        else:
            self.stage.flip(request)

    def _swap(self) -> None:
        request = self._document.request
        if request.b is not None:
            self._document.replace(replace(request, a=request.b, b=request.a), "swap")

    def _film(self) -> None:
        """Opens the film of the denoising in the place of the history, or goes back."""
        if self.stage.aside():
            self.pages.leave()
        self._filming = not self._filming
        self.history.setVisible(not self._filming)
        self.stage.set_filming(self._filming)
        if self._filming and not self._rest.isActive():
            self._refine()

    def leave_film(self) -> None:
        """Puts the film away where it is open."""
        if self._filming:
            self._film()

    def _play(self) -> None:
        if not self._filming:
            self._film()
        self.stage.film.toggle()

    def _save_film(self) -> None:
        if not self._filming:
            self._film()
        self.exports.save_film()

    def _star(self) -> None:
        if not self.history.star(self._document.request):
            self.noticed.emit("info", "There is nothing to star yet.", "A result can be kept once it has been drawn.")

    def _set_smooth(self, smooth: bool) -> None:
        self._smooth = smooth
        self.stage.set_smooth(smooth)


def _key(request: GuidanceRequest) -> tuple:
    """What decides the pixels: the view does not."""
    return request.a, request.b


def _hairline() -> QFrame:
    line = QFrame()
    line.setObjectName("hairline")
    line.setFixedWidth(1)
    return line
