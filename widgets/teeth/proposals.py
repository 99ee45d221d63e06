"""Proposals of the trained model at work: asks for them, shows one on the teeth, makes it the plan. Until it is applied nothing is changed."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Qt, QTimer, Signal
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QFileDialog

from engines.job import EngineError
from engines.teeth import arranger
from engines.teeth.case import JAWS
from engines.teeth.moves import Move
from engines.teeth.offer import FIT, ORIGINS, START, Offer, Setup
from engines.teeth.poses import between, moves_of
from engines.teeth.propose import Step
from engines.teeth.request import Made, Plan, TeethRequest
from engines.teeth.tasks import FinishTask, ProposeTask
from widgets.teeth.agreement import Agreement
from widgets.teeth.propose_panel import MODE_WORDS, REFRESHING, Settings
from widgets.teeth.propose_strip import ProposeStrip
from widgets.teeth.setups_page import SetupsPage
from widgets.teeth.thumbnails import Thumbnails

REST_MS = 250  # after so long without a change of strength, refinement or method the proposals are finished anew
CHANGED = "The case, or what may move, has changed since setups were proposed. Press Propose again."
MISSING = ("No trained arrangement model is installed.",
           "Train one with `vernier train teeth --out teeth.safetensors` and choose it under More, Model; or fit the teeth to the arch (F).")
PART = ", in part "


class Proposals(QObject):
    """Works for the workspace. `moves`: what the picture shows in place of the plan, None = the plan. Owns the strip, the page and the pictures."""

    noticed = Signal(str, str, str)
    worked = Signal(str)
    writing = Signal(str, float)
    kept_changed = Signal()

    def __init__(self, workspace: Any, document: Any, background: Any, weights: Path | None) -> None:
        super().__init__(workspace)
        self._workspace, self._document, self._background, self._weights = workspace, document, background, weights
        self.panel, self.strip, self.page = workspace.controls.propose, ProposeStrip(), SetupsPage()
        self.thumbnails = Thumbnails(self.page)
        self.moves: tuple[tuple[int, Move], ...] | None = None
        self.offer: Offer | None = None
        self.current = ""
        self._basis: Any = None  # what the setups were proposed for
        self._scope: tuple[tuple[int, ...], bool] = ((), False)
        self._plan: Plan | None = None  # that the preview stands in for
        self._ticket, self._asked_for, self._live = 0, None, False
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(REST_MS)
        self._rest.timeout.connect(self._finish)
        workspace.stage.add_strip(self.strip)
        self._connect()
        self.look_for_model()

    def _connect(self) -> None:
        self.panel.asked.connect(self.propose)
        self.panel.changed.connect(self._on_setting)
        self.panel.held.connect(lambda down: self._rest.stop() if down else self._rest.start())
        self.panel.model_asked.connect(self._ask_model)
        self.page.chosen.connect(self.choose)
        self.page.jaw_chosen.connect(lambda jaw: self._draw())
        self.strip.applied.connect(self.apply)
        self.strip.stepped.connect(self._step)
        self.strip.stopped.connect(self.cancel)
        self.strip.left.connect(self.leave)
        self.thumbnails.drawn.connect(self._drawn)
        self._background.news.connect(self._on_news)
        self._background.progress.connect(self._on_progress)
        self._background.done.connect(self._on_done)
        self._background.stopped.connect(self._over)
        self._background.failed.connect(lambda ticket, error: self._over(ticket))

    # the model -------------------------------------------------------------------------------------------------------
    def look_for_model(self) -> None:
        """Without one the control says why, and how to get one."""
        self.panel.set_missing(*(("", "") if self._model() is not None else MISSING))
        own = self.panel.settings.model
        self.panel.model.setText(f"Model: {Path(own).name}" if own else "Model\N{HORIZONTAL ELLIPSIS}")

    def _model(self) -> Path | None:
        own = self.panel.settings.model
        if own:
            return Path(own)  # gone or spoilt: the engine says so in a notice
        try:
            return arranger.find(self._weights) if self._weights is not None else None
        except EngineError:
            return None

    def _ask_model(self) -> None:
        dialog = QFileDialog(self._workspace, "Choose a model", "", "Models (*.safetensors)")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self.use_model)
        dialog.open()

    def use_model(self, path: str) -> None:
        """Another model, for the next proposals."""
        self.set_settings(replace(self.panel.settings, model=path))
        self.kept_changed.emit()

    def set_settings(self, settings: Settings) -> None:
        self.panel.show_settings(settings)
        self.look_for_model()

    # asking ----------------------------------------------------------------------------------------------------------
    @property
    def running(self) -> bool:
        return self._ticket != 0

    def propose(self) -> None:
        """Asks the model; pressed while it works, stops it."""
        if self.running:
            return self.cancel()
        workspace, settings, path = self._workspace, self.panel.settings, self._model()
        if path is None:
            return self.noticed.emit("info", *MISSING)
        if workspace.case is None or not workspace.case.teeth:
            return self.noticed.emit("info", "There are no teeth to arrange yet.", "Open a case, or segment the scan, first.")
        chosen = tuple(sorted(workspace.selected)) if settings.scope == "selected" else ()
        if settings.scope == "selected" and not any(n not in workspace.plan.locked and n not in workspace.plan.extracted for n in chosen):
            return self.noticed.emit("info", "No tooth is selected that may move.", "Select teeth, or let all teeth move.")
        self.leave()
        workspace.stage.timeline.to_planned()
        self._live, self._asked_for = True, (self._basis_of(self._document.request, chosen, settings.again), chosen, settings.again)
        self._submit(ProposeTask(self._document.request, settings.ask(), str(path), chosen, settings.again), "Proposing")
        return None

    def _submit(self, task: Any, words: str) -> None:
        self._ticket = self._background.submit(task)
        self.panel.set_running(True)
        self.writing.emit(f"{words}\N{HORIZONTAL ELLIPSIS}", 0.0)

    def cancel(self) -> None:
        """The job ends at its next step; the teeth stand as planned again, and setups that were there stay."""
        if self.running:
            self._background.cancel(self._ticket)

    def _on_progress(self, ticket: int, share: float, text: str) -> None:
        if ticket == self._ticket:
            self.writing.emit(f"Proposing: {text}" if text else "Proposing", share)

    def _on_news(self, ticket: int, step: Any) -> None:
        """The teeth go along with the denoising."""
        if ticket == self._ticket and isinstance(step, Step) and self._live and self._workspace.case is not None:
            if self.moves is None:
                self._plan = self._workspace.plan
                self._workspace.stage.show_strip(self.strip)
            self.strip.show_step(step.k, step.steps)
            held = self._held(self._asked_for[1])
            self._show({n: move for n, move in moves_of(self._workspace.case, step.poses).items() if n not in held})

    def _on_done(self, ticket: int, result: Any) -> None:
        if ticket != self._ticket:
            return
        asked, live, before = self._asked_for, self._live, self.current
        self._over(ticket, done=True)
        if asked[0] != self._basis_of(self._document.request, *asked[1:]):
            return self.panel.say(CHANGED)
        self.offer, self._basis, self._scope = result, asked[0], asked[1:]
        self._rest.start() if self._stale() else None
        self.page.show_offer(result, before)
        self._workspace.stage.show_agreement(Agreement.of(result))
        self._draw()
        best = result.best
        self.panel.say(f"{best.name}: {MODE_WORDS[result.ask.mode]}, at most {best.numbers.most_mm:.1f} mm from the start. See Setups on the right.")
        if before and result.setup(before) is not None:
            self.choose(before)
        elif live:
            self._workspace.insight.show_page("Setups")
            self.choose(best.key)
            self.worked.emit(f"{len(result.proposals.poses)} proposals in {result.proposals.seconds:.1f} s. {result.verdict[0]}")
        return None

    def _over(self, ticket: int, done: bool = False) -> None:
        """The job is gone; with it what it showed, unless its result takes the place."""
        if ticket != self._ticket:
            return
        self._ticket, self._asked_for = 0, None
        self.panel.set_running(False)
        self.look_for_model()
        self.writing.emit("", 0.0)
        if self._live and not done:
            self.leave()
        self._live = False

    # what is in sight ------------------------------------------------------------------------------------------------
    def choose(self, key: str) -> None:
        """Shows a setup on the teeth; it is not the plan yet."""
        setup = self.offer.setup(key) if self.offer is not None else None
        if setup is None or self._live and self.running:
            return
        self.current, self._plan = key, self._workspace.plan
        self.page.show_current(key)
        self._workspace.stage.timeline.to_planned()
        if self._workspace.stage.strip() is not self.strip:
            self._workspace.stage.show_strip(self.strip)
        self._show(self._moves(setup))
        self._say()
        self._workspace.submit()

    def _moves(self, setup: Setup) -> dict[int, Move]:
        """Of the free teeth, at the strength that the slider has now."""
        if not self._between(setup):
            return setup.moves
        start = self.offer.setup(START).moves
        return {number: between(start[number], move, self.panel.settings.strength / 100) for number, move in setup.whole.items()}

    def _between(self, setup: Setup) -> bool:
        """Whether the slider stands elsewhere than where the setups were finished."""
        return bool(setup.whole) and self.panel.settings.strength / 100 != self.offer.ask.strength

    def _show(self, moves: dict[int, Move]) -> None:
        shown = {**dict(self._workspace.plan.moves), **moves}
        self.moves = tuple(sorted((number, move) for number, move in shown.items() if move != Move()))
        self._workspace.show_place()

    def _say(self) -> None:
        setup, ask = self.offer.setup(self.current), self.offer.ask
        if setup.key == START:
            words = "Where the proposals begin."
        elif setup.key == FIT:
            words = "Geometry alone, without the model: the arch form that fits the teeth. Not yet the plan."
        else:
            words = (f"{MODE_WORDS[self.panel.settings.mode]}, strength {self.panel.settings.strength:.0f} %, "
                     f"refinement {self.panel.settings.refine:.0f} %, seed {ask.seed}. Not yet the plan.")
        self.strip.show_setup(setup.name, words, setup.key != START, any(number in self.offer.free for number in self._workspace.selected))

    def _step(self, by: int) -> None:
        keys = [setup.key for setup in self.offer.setups] if self.offer is not None else []
        if self.current in keys:
            self.choose(keys[(keys.index(self.current) + by) % len(keys)])

    def leave(self) -> None:
        """Back to the plan; a job that still works goes on unseen."""
        self._live = False
        if self.moves is None:
            return
        self.moves, self._plan, self.current = None, None, ""
        self.page.show_current("")
        if self._workspace.stage.strip() is self.strip:
            self._workspace.stage.show_strip(None)
        self._workspace.show_place()
        self._workspace.submit()

    def escape(self) -> bool:
        """Stops the job, or closes the preview."""
        if self.running:
            self.cancel()
            return True
        if self.moves is not None:
            self.leave()
            return True
        return False

    def caption(self) -> str:
        """For the line under the picture."""
        name = self.offer.setup(self.current).name if self.current and self.offer is not None else "what the model has so far"
        return f"preview: {name}, not yet the plan"

    def _draw(self) -> None:
        if self.offer is not None and self._workspace.case is not None:
            first = self.page.cards.jaw
            self.thumbnails.ask(self._workspace.case, [(setup.key, setup.poses) for setup in self.offer.setups], (first, *(j for j in JAWS if j != first)))

    def _drawn(self, key: str, jaw: str, image: QImage) -> None:
        self.page.set_picture(key, jaw, image)

    # settings --------------------------------------------------------------------------------------------------------
    def _on_setting(self, name: str) -> None:
        self.kept_changed.emit()
        if self.offer is None or name not in REFRESHING:
            return
        if self.moves is not None and self.current:
            self._show(self._moves(self.offer.setup(self.current)))
            self._say()
        self._rest.start()

    def _stale(self) -> bool:
        ask, made = self.panel.settings.ask(), self.offer.ask
        return (ask.mode, ask.strength, ask.refine) != (made.mode, made.strength, made.refine)

    def _finish(self) -> None:
        """The same proposals as the section now says, measured again."""
        if self.offer is None or self.running or not self._stale():
            return
        self._live, self._asked_for = False, (self._basis, *self._scope)
        self._submit(FinishTask(self._document.request, self.offer, self.panel.settings.ask()), "Finishing proposals")

    # the plan --------------------------------------------------------------------------------------------------------
    def apply(self, selected_only: bool = False) -> None:
        """The setup in sight becomes the plan, for all free teeth or for the selected ones: one undo step."""
        setup = self.offer.setup(self.current) if self.offer is not None and self.current else None
        if setup is None or setup.key == START:
            return
        plan, ask = self._workspace.plan, self.offer.ask
        teeth = tuple(number for number in self.offer.free if not selected_only or number in self._workspace.selected)
        moves = self._moves(setup)
        part = teeth if len(teeth) < len(self.offer.free) or self._scope[0] else ()
        made = None if setup.key == FIT else Made(setup.name, self.offer.weights, self.offer.sha256, ask.seed, ask.mode, self.panel.settings.strength / 100,
                                                  0.0 if self._between(setup) else ask.refine, part)
        origin = "arch-fit" if setup.key == FIT else ORIGINS[ask.mode]
        if part:
            origin = f"{plan.origin.partition(PART)[0]}{PART}{origin}"
            made = made or plan.made
        changed = replace(plan.with_moves({number: moves[number] for number in teeth}), origin=origin, made=made)
        name = setup.name
        self.leave()
        self._workspace.edit(changed, f"apply {name[0].lower()}{name[1:]}")
        self.worked.emit(f"{name} applied to {len(teeth)} {'tooth' if len(teeth) == 1 else 'teeth'}. Undo takes it back.")

    def settle(self, request: TeethRequest) -> None:
        """Another request: a preview of another plan ends, setups that were proposed for other teeth go."""
        if self.moves is not None and request.plan != self._plan:
            self.leave()
        if self.running and self._asked_for[0] != self._basis_of(request, *self._asked_for[1:]):
            self.cancel()
        if self.offer is not None and self._basis != self._basis_of(request, *self._scope):
            self.forget()

    def forget(self) -> None:
        """The setups go, with all that showed them."""
        self.leave()
        self._rest.stop()
        self.offer = self._basis = None
        self.page.show_offer(None, why=CHANGED)
        self.panel.say("")
        self.look_for_model()
        self._workspace.stage.show_agreement(None)
        self.thumbnails.stop()

    def _held(self, chosen: tuple[int, ...]) -> set[int]:
        teeth = self._workspace.case.teeth if self._workspace.case is not None else ()
        return {number for number in teeth if number in self._workspace.plan.locked or chosen and number not in chosen}

    def _basis_of(self, request: TeethRequest, chosen: tuple[int, ...], again: bool) -> Any:
        """What proposals depend on: the case, its shapes, and where the teeth stand that proposals do not move, or begin from."""
        plan = request.plan
        stand = tuple((n, move) for n, move in plan.moves if again or n in plan.locked or chosen and n not in chosen)
        return request.case, request.landmarks, request.tolerance_mm, plan.extracted, plan.locked, plan.reductions, stand

    def show_selection(self) -> None:
        """Another selection: what "Apply to selected" would do."""
        if self.moves is not None and self.current and self.offer is not None:
            self._say()
