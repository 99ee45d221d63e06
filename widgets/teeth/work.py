"""What takes longer than a moment: fitting, staging, exact contacts, export, plans from files. One background lane, newest result wins."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QFileDialog

from engines.job import EngineError
from engines.teeth.moves import Move
from engines.teeth.outcome import Outcome
from engines.teeth.request import TeethRequest
from engines.teeth.tasks import ContactsTask, ExactTask, ExportTask, FitTask, OcclusogramTask, OverlayTask, StageTask
from widgets.teeth.timeline import Lane

PICTURE_PX = (1920, 1200)
NAMED = 8  # teeth that a notice lists before it counts them
WORDS = {"export": "Exporting", "fit": "Fitting", "stages": "Making stages", "overlay": "Laying the scan over"}


class Work(QObject):
    """Works for the workspace: knows which ticket is for what, and forgets results of requests that are gone."""

    noticed = Signal(str, str, str)
    worked = Signal(str)
    writing = Signal(str, float)

    def __init__(self, workspace: Any, document: Any, background: Any) -> None:
        super().__init__(workspace)
        self._workspace, self._document, self._background = workspace, document, background
        self._tickets: dict[str, tuple[int, TeethRequest]] = {}
        self.staging: Any = None
        self._staged: TeethRequest | None = None
        background.done.connect(self._done)
        background.progress.connect(self._progress)
        background.stopped.connect(self._over)
        background.failed.connect(lambda ticket, error: self._over(ticket))

    def _submit(self, kind: str, task: Any) -> None:
        """Another of the same kind takes the place of one that still runs."""
        if kind in self._tickets:
            self._background.cancel(self._tickets[kind][0])
        self._tickets[kind] = (self._background.submit(task), self._document.request)
        if kind in WORDS:
            self.writing.emit(f"{WORDS[kind]}\N{HORIZONTAL ELLIPSIS}", 0.0)

    def _kind(self, ticket: int) -> str | None:
        return next((kind for kind, (number, _) in self._tickets.items() if number == ticket), None)

    def _progress(self, ticket: int, share: float, text: str) -> None:
        if (kind := self._kind(ticket)) in WORDS:
            self.writing.emit(f"{WORDS[kind]}: {text}", share)
        elif kind == "contacts":
            self._workspace.contacts.prepare(share)

    def _over(self, ticket: int) -> None:
        if (kind := self._kind(ticket)) is not None:
            del self._tickets[kind]
            waiting = next((other for other in WORDS if other in self._tickets), None)
            if waiting is None:
                self.writing.emit("", 0.0)
            elif kind in WORDS:  # the row stays for what still has to be done
                self.writing.emit(f"{WORDS[waiting]}\N{HORIZONTAL ELLIPSIS}", 0.0)

    def _done(self, ticket: int, result: Any) -> None:
        kind = self._kind(ticket)
        if kind is None:
            return
        _, request = self._tickets[kind]
        self._over(ticket)
        getattr(self, f"_have_{kind}")(result, request)

    # fit -------------------------------------------------------------------------------------------------------------
    def fit(self) -> None:
        workspace = self._workspace
        form = workspace.arches.form()
        if workspace.case is None or form is None:
            return
        workspace.stage.timeline.to_planned()
        self._submit("fit", FitTask(self._document.request, form, workspace.controls.strength.value / 100))

    def _have_fit(self, found: tuple[dict[int, Move], list[str]], request: TeethRequest) -> None:
        moves, notes = found
        if request.case != self._document.request.case:
            return
        before = self._document.request.plan
        if request.plan != before:  # teeth were moved meanwhile: from where they stand now, not over it
            return self.fit()
        plan = replace(before.with_moves(moves), origin="arch-fit")
        jaw = self._workspace.arches.jaw
        of_jaw = {number: plan.move(number) for number in self._workspace.case.of(jaw)}
        most = max((move.distance_mm() for move in of_jaw.values()), default=0.0)
        words = f"{sum(plan.move(n) != before.move(n) for n in of_jaw)} teeth moved, at most {most:.1f} mm from the start."
        placed = [number for number in of_jaw if before.move(number) not in (Move(), plan.move(number))]
        if placed:
            which = ", ".join(map(str, placed)) if len(placed) <= NAMED else f"{len(placed)} teeth"
            self.noticed.emit("info", f"The fit began where the teeth stood and moved again what had been placed before: {which}.",
                              "Lock teeth (L) that should stay; Ctrl+Z goes back.")
        self._workspace.controls.fitted.setText(" ".join((words, *notes)))
        self.worked.emit(" ".join((words, *notes)))
        self._workspace.edit(plan, "arch fit")

    # stages ----------------------------------------------------------------------------------------------------------
    def make_stages(self) -> None:
        if self._workspace.case is not None and self._document.request.plan.moves:
            self._submit("stages", StageTask(self._document.request))
        else:
            self.noticed.emit("info", "Nothing moves yet, so there are no stages.", "Move teeth, or fit them to the arch, first.")

    def _have_stages(self, staging: Any, request: TeethRequest) -> None:
        now = self._document.request
        if (request.case, request.plan, request.limits) != (now.case, now.plan, now.limits):
            return self.make_stages() if request.case == now.case and now.plan.moves else None  # of the plan that was meant, as it is now
        self.staging, self._staged = staging, request
        lanes = tuple(Lane(jaw.capitalize(), tuple(span for span in staging.row(jaw).values() if span)) for jaw in ("upper", "lower"))
        self._workspace.stage.timeline.set_lanes(staging.count, lanes)
        words = f"{staging.count} stage{'s' * (staging.count != 1)}: upper {staging.jaw_count('upper')}, lower {staging.jaw_count('lower')}."
        self._workspace.controls.staged.setText(" ".join((words, *staging.warnings)))
        self.worked.emit(words)
        self._workspace.show_place()

    def settle(self, request: TeethRequest) -> None:
        """The request rests: stages of another plan are gone, exact volumes are computed."""
        if self._staged is not None and (self._staged.case, self._staged.plan, self._staged.limits) != (request.case, request.plan, request.limits):
            self.staging = self._staged = None
            self._workspace.stage.timeline.set_lanes(1, (Lane("Upper"), Lane("Lower")))
            self._workspace.controls.staged.setText("The plan has changed: make the stages again.")

    def show_outcome(self, outcome: Outcome) -> None:
        """After the quick numbers of a request that still holds: first the collision bodies, then the exact volumes."""
        if not outcome.touched:
            if "contacts" not in self._tickets or self._tickets["contacts"][1].case != outcome.request.case:
                self._submit("contacts", ContactsTask(outcome.request))
            return
        if outcome.request == self._document.request and any(contact.depth_mm > outcome.request.tolerance_mm for contact in outcome.contacts):
            self._submit("exact", ExactTask(outcome.request))

        if outcome.occlusogram and outcome.request == self._document.request:
            self._submit("occlusogram", OcclusogramTask(outcome.request))

    def _have_occlusogram(self, distances: Any, request: TeethRequest) -> None:
        if request == self._document.request:
            self._workspace.stage.paint_occlusogram(distances)

    def _have_contacts(self, result: bool, request: TeethRequest) -> None:
        self._workspace.submit()

    def _have_exact(self, contacts: Any, request: TeethRequest) -> None:
        if request == self._document.request:
            self._workspace.show_contacts(contacts)

    # files -----------------------------------------------------------------------------------------------------------
    def open_plan(self, path: Path) -> bool:
        """A plan of this case from a file. EngineError when it is one of another case, or spoilt."""
        from engines.teeth.plan_opening import open_plan

        case = self._workspace.case
        if case is None:
            raise EngineError(f"{path.name} is a plan: open its case first.", "Open the scan or the teeth that it was made for, then the plan.")
        opened = open_plan(path, case)
        request = self._document.request
        self._workspace.propose(replace(request.with_plan(opened.plan), limits=opened.limits or request.limits), f"open {path.name}")
        for notice in opened.notices:
            self.noticed.emit("warn", notice, "")
        return True

    def ask_plan(self) -> None:
        dialog = QFileDialog(self._workspace, "Open plan", "", "Plans (*.json)")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda name: self._tried(lambda: self.open_plan(Path(name))))
        dialog.open()

    def _tried(self, call: Any) -> None:
        try:
            call()
        except EngineError as error:
            self.noticed.emit("bad", str(error), error.remedy)

    def ask_overlay(self) -> None:
        """A later scan of the patient, over the stage in sight."""
        if self._workspace.case is None or not self._workspace.case.teeth:
            return self.noticed.emit("info", "There are no teeth to lay a scan on.", "Open a case first.")
        dialog = QFileDialog(self._workspace, "Lay a later scan over this stage", "", "Scans (*.stl *.ply *.obj *.vtp *.dcm *.zip);;All files (*)")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self.overlay)
        dialog.open()

    def overlay(self, path: str) -> None:
        self._submit("overlay", OverlayTask(self._document.request, self._workspace.shown_moves(), path))

    def _have_overlay(self, laid: Any, request: TeethRequest) -> None:
        if request.case == self._document.request.case:
            self._workspace.stage.show_overlay(laid)
            self.worked.emit(laid.spoken())

    def save_picture(self) -> None:
        dialog = QFileDialog(self._workspace, "Save picture", "teeth.png", "PNG (*.png)")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("png")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda name: self._tried(lambda: self._save_picture(Path(name))))
        dialog.open()

    def _save_picture(self, path: Path) -> None:
        if not self._workspace.stage.picture(*PICTURE_PX).save(str(path), "PNG"):
            raise EngineError(f"{path.name} could not be saved.", "Choose another folder, or free some space.")
        self.worked.emit(f"Saved {path.name}")

    def ask_export(self) -> None:
        if self._workspace.case is None or not self._workspace.case.teeth:
            return self.noticed.emit("info", "There are no teeth to export yet.", "Open a case first.")
        dialog = QFileDialog(self._workspace, "Export plan into a folder")
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self._export)
        dialog.open()

    def _export(self, folder: str) -> None:
        """Into the folder if it is empty, else into a new one inside it."""
        out = Path(folder)
        if out.is_dir() and any(out.iterdir()):
            out = next(path for k in range(1, 10_000) if not (path := out / f"vernier-plan-{k}").exists())
        self._submit("export", ExportTask(self._document.request, str(out), self._workspace.controls.anonymous.isChecked()))

    def _have_export(self, written: dict[str, Any], request: TeethRequest) -> None:
        self.worked.emit(f"Exported {len(written['files'])} files to {Path(written['out']).name}" + (", anonymous" if written["anonymous"] else ""))
        for notice in written["notices"]:
            self.noticed.emit("info", notice, "")

    def cancel_export(self) -> None:
        for kind in WORDS:
            if kind in self._tickets:
                self._background.cancel(self._tickets[kind][0])

    def escape(self) -> bool:
        """Stops a fit, the making of stages or an overlay."""
        for kind in ("fit", "stages", "overlay"):
            if kind in self._tickets:
                self._background.cancel(self._tickets[kind][0])
                return True
        return False
