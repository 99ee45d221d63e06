"""The Teeth workspace: controls, the picture with its timeline, insight, around one document and one engine thread."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QWidget

from engines.job import EngineError
from engines.teeth import editing, fdi
from engines.teeth import samples as shipped
from engines.teeth.case import Case, Poses
from engines.teeth.moves import Move
from engines.teeth.outcome import Ask, Outcome
from engines.teeth.poses import poses_of
from engines.teeth.request import SAMPLE, CaseSource, Plan, TeethRequest
from widgets.tabs import Tabs
from widgets.teeth import rows
from widgets.teeth.arches import Arches
from widgets.teeth.contact_list import ContactList
from widgets.teeth.controls import Controls
from widgets.teeth.measure_list import MeasureList
from widgets.teeth.movement_table import MovementTable
from widgets.teeth.opening import Opening
from widgets.teeth.proposals import Proposals
from widgets.teeth.propose_panel import Settings
from widgets.teeth.stage import Stage
from widgets.teeth.tooth_panel import ToothPanel
from widgets.teeth.work import Work

WIDTH_PX = 320
REST_MS = 120  # after so long without a change the whole request is measured
NUDGE_MS = 1000  # nudges of one kind that follow each other within so long are one undo step
VIEWS = ("front", "right", "left", "upper", "lower", "back")


class TeethWorkspace(QWidget):
    """Workspace protocol: noticed, worked, kept_changed, writing; start, open_path, commands, escape, shows, stop_writing, kept, set_kept,
    set_panel_visible."""

    noticed = Signal(str, str, str)  # kind, text, remedy
    worked = Signal(str)
    kept_changed = Signal()
    writing = Signal(str, float)

    def __init__(self, document: Any, worker: Any, background: Any, samples: Path, weights: Path | None = None, parent: QWidget | None = None) -> None:
        """weights: the folder that the arrangement model ships in."""
        super().__init__(parent)
        self._document, self._worker = document, worker
        self.case: Case | None = None
        self.outcome: Outcome | None = None
        self.selected: tuple[int, ...] = ()
        self._notation, self._pivot, self._gesture = "fdi", "crown", ""
        self._before: Poses = {}  # where the teeth stood when a drag began
        self._told: tuple[str, ...] = ()
        self.controls, self.stage = Controls(tuple(shipped.read(name, samples) for name in shipped.names())), Stage()
        self.tooth, self.measures, self.contacts, self.table = ToothPanel(), MeasureList(), ContactList(), MovementTable()
        self.arches = Arches(self.controls, document, self)
        self.work = Work(self, document, background)
        self.opening = Opening(self, document)
        self.proposals = Proposals(self, document, background, weights)
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(REST_MS)
        self._rest.timeout.connect(self._settle)
        self._nudged = ""
        self._nudging = QTimer(self)
        self._nudging.setSingleShot(True)
        self._nudging.setInterval(NUDGE_MS)
        self._nudging.timeout.connect(self._end_nudge)
        self._lay_out()
        self._connect()
        self._show_request(document.request)

    def _lay_out(self) -> None:
        self.insight = Tabs("Insight", tight=True)
        self.insight.setObjectName("panel")
        self.insight.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.insight.setFixedWidth(WIDTH_PX)
        for title, page, tip in (("Tooth", _scrolled(self.tooth), "The selected teeth: six numbers each"),
                                 ("Measures", _scrolled(self.measures), "Before, now and norm; click a line to see its landmarks"),
                                 ("Contacts", self.contacts, "Collisions, their depth and volume"),
                                 ("Setups", _scrolled(self.proposals.page), "What the model proposes, beside the start and the arch-fit"),
                                 ("Table", self.table, "All movements, to be typed")):
            self.insight.add(title, page, tip)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        for part, stretch in ((self.controls, 0), (_hairline(), 0), (self.stage, 1), (_hairline(), 0), (self.insight, 0)):
            row.addWidget(part, stretch)

    def _connect(self) -> None:
        self._document.changed.connect(self._on_request)
        self._worker.preview.connect(self._on_outcome)
        self._worker.done.connect(self._on_outcome)
        self._worker.failed.connect(self._go_back)
        controls = self.controls
        controls.asked.connect(self._asked)
        controls.case.sample.connect(self._open_sample)
        controls.case.answered.connect(self._answered)
        controls.chart.picked.connect(self.pick)
        controls.chart.asked.connect(self._asked_of_tooth)
        controls.chart.renumbered.connect(self.opening.renumber)
        controls.notation_chosen.connect(self._set_notation)
        controls.limits_changed.connect(lambda limits: self.propose(replace(self._document.request, limits=limits), "limits", "limits"))
        controls.patient_changed.connect(lambda patient: self.propose(replace(self._document.request, patient=patient), "patient"))
        self.tooth.changed.connect(self._set_value)
        self.tooth.held.connect(self._held)
        self.tooth.asked.connect(lambda word: self.commands()[f"teeth.{word}"]())
        self.tooth.pivot_chosen.connect(self._set_pivot)
        self.tooth.span_changed.connect(self._set_span)
        self.table.edited.connect(self._typed)
        self.table.picked.connect(lambda number: self.pick(number, False))
        self.contacts.chosen.connect(self._fly_to)
        self.contacts.tolerance.connect(lambda mm: self.propose(replace(self._document.request, tolerance_mm=mm), "tolerance", "tolerance"))
        self.contacts.reduce.connect(lambda a, b, mm: self.edit(editing.reduced(self.plan, a, b, mm), "reduction"))
        self.measures.chosen.connect(self._show_measure)
        self.stage.picked.connect(self.pick)
        self.stage.drag_started.connect(self._begin_drag)
        self.stage.dragged.connect(self._drag)
        self.stage.drag_ended.connect(lambda: self._held(False))
        self.stage.nudged.connect(self._nudge)
        self.stage.asked.connect(lambda word: self.submit() if word == "occlusion" else self.commands()[f"teeth.{word}"]())
        self.stage.moved.connect(self.show_place)
        self.stage.landmark_moved.connect(self._set_landmark)
        controls.gum.changed.connect(lambda value: self.stage.set_gum_opacity(value / 100))
        controls.opening.changed.connect(self.stage.open_jaw)
        controls.clip.changed.connect(lambda value: self.stage.clip(value / 100))
        self.work.noticed.connect(self.noticed)
        self.work.worked.connect(self.worked)
        self.work.writing.connect(self.writing)
        self.opening.noticed.connect(self.noticed)
        for signal in ("noticed", "worked", "writing", "kept_changed"):
            getattr(self.proposals, signal).connect(getattr(self, signal))

    # workspace protocol ----------------------------------------------------------------------------------------------
    def start(self) -> None:
        self.submit()

    def submit(self) -> None:
        """What is in sight is measured: the plan, or the proposal that is looked at."""
        self._worker.submit(Ask(self._document.request.with_plan(replace(self.plan, moves=self._sight())), self.stage.switches["occlusogram"].isChecked()))

    def commands(self) -> dict[str, Callable[..., object]]:
        views = {f"teeth.{view}": lambda view=view: self.stage.look(view) for view in VIEWS}
        switches = {f"teeth.{name}": lambda *on, name=name: self.stage.switch(name, *on)
                    for name in ("ghost", "split", "distance", "occlusogram", "labels", "landmarks", "ruler", "angle", "agreement")}
        return views | switches | {
            "teeth.jaws": self.stage.next_jaws, "teeth.play": self.stage.timeline.play.toggle,
            "teeth.all": lambda: self.select(tuple(self.case.teeth) if self.case else ()), "teeth.pair": self._select_pair,
            "teeth.lock": lambda: self.edit(editing.toggled(self.plan, "locked", self.selected), "lock"),
            "teeth.extract": lambda: self.edit(editing.toggled(self.plan, "extracted", self.selected), "extraction"),
            "teeth.reset": lambda: self.edit(editing.reset(self.plan, self.selected), "reset"),
            "teeth.propose": self.proposals.propose, "teeth.fit": self.work.fit, "teeth.stages": self.work.make_stages, "teeth.plans": self._other_plan,
            "teeth.orient": self.opening.orient, "teeth.segment": self.opening.segment,
            "teeth.picture": self.work.save_picture, "teeth.export": self.work.ask_export, "teeth.plan": self.work.ask_plan,
            "teeth.overlay": self.work.ask_overlay}

    def set_panel_visible(self, panel: str, shown: bool) -> None:
        {"controls": self.controls, "insight": self.insight}[panel].setVisible(shown)

    def escape(self) -> bool:
        if self.proposals.escape() or self.opening.escape() or self.stage.escape() or self.work.escape():
            return True
        if self.selected:
            self.select(())
            return True
        return False

    def stop_writing(self) -> None:
        self.work.cancel_export()
        self.proposals.cancel()

    def shows(self, ticket: int) -> bool:
        return False

    def kept(self) -> dict[str, Any]:
        """How proposals are asked for: a tool's settings, which undo must not touch."""
        settings = self.controls.propose.settings
        return {} if settings == Settings() else {"proposing": settings.to_dict()}

    def set_kept(self, values: dict[str, Any]) -> None:
        self.proposals.set_settings(Settings.from_dict(values.get("proposing")))

    def open_path(self, path: Path) -> bool:
        """A case or a plan. EngineError when it is one but will not do; the files themselves are read on the engine's thread."""
        if path.suffix.lower() == ".json" and self.work.open_plan(path):
            return True
        self._open(CaseSource(str(path.absolute())), f"open {path.name}")
        return True

    # the case --------------------------------------------------------------------------------------------------------
    def _open(self, source: CaseSource, text: str) -> None:
        self.select(())
        fresh = TeethRequest(case=source, limits=self._document.request.limits, tolerance_mm=self._document.request.tolerance_mm)
        self._document.replace(fresh, text)

    def _go_back(self, error: Exception) -> None:
        """Files that would not open leave the case that was there before in its place; the notice says what was wrong."""
        if isinstance(error, EngineError) and self.case is None:
            QTimer.singleShot(0, self, self._undo_opening)

    def _undo_opening(self) -> None:
        stack = self._document.undo_stack
        if self.case is None and stack.undoText().startswith("open "):
            stack.undo()

    def _open_sample(self, name: str) -> None:
        self._open(CaseSource(SAMPLE + name), f"open {name}")

    def _answered(self, field: str, value: str) -> None:
        source = self._document.request.case
        if field in ("numbering", "units"):
            self.propose(replace(self._document.request, case=replace(source, **{field: value})), field)
        elif field == "orientation" and value != next((q.guess for q in self.case.questions if q.field == field), value):
            self.opening.orient()
        else:
            self.opening.accept(field)

    # drawing ---------------------------------------------------------------------------------------------------------
    @property
    def plan(self) -> Plan:
        return self._document.request.plan

    def propose(self, request: TeethRequest, text: str, gesture: str | None = None) -> None:
        """Another request, as one undo step; steps of one gesture merge until it ends."""
        self._gesture = gesture or ""
        self._document.replace(request, text, gesture)
        self._gesture = ""

    def edit(self, plan: Plan, text: str, gesture: str | None = None) -> None:
        self.propose(self._document.request.with_plan(plan), text, gesture)

    def _on_request(self, request: TeethRequest) -> None:
        if self.case is not None and self.outcome is not None and self.outcome.request.case != request.case:
            self.case, self.outcome, self._told = None, None, ()
        self.proposals.settle(request)
        self._show_request(request)
        self.submit()
        if self._gesture:
            self._rest.start()
        else:
            self._settle()

    def _settle(self) -> None:
        self._rest.stop()
        self.work.settle(self._document.request)

    def _show_request(self, request: TeethRequest) -> None:
        """Everything that needs no engine: the teeth follow at once, numbers come after."""
        self.controls.show_request(request, self.case)
        if self.case is not None:
            self.selected = tuple(number for number in self.selected if number in self.case.teeth)
            self.show_place()
            self.arches.show(self.case, request)
        self._show_selection()

    def _sight(self) -> tuple[tuple[int, Move], ...]:
        """The plan's moves, or those of the proposal in its place."""
        return self.plan.moves if self.proposals.moves is None else self.proposals.moves

    def shown_moves(self) -> tuple[tuple[int, Move], ...]:
        """Where the timeline stands, as movements from the start."""
        line, plan = self.stage.timeline, self.plan
        if line.share >= 1:
            return self._sight()
        if self.work.staging is not None and self.proposals.moves is None:
            return tuple((number, self.work.staging.move(number, line.line.place)) for number, _ in plan.moves if number not in plan.extracted)
        return tuple((number, move.scaled(line.share)) for number, move in self._sight())

    def show_place(self) -> None:
        """The teeth where the timeline stands: at a stage, part of the way, or planned."""
        if self.case is None:
            return
        request, line = self._document.request, self.stage.timeline
        share, plan = line.share, request.plan
        poses = poses_of(self.case, replace(plan, moves=self.shown_moves()))
        other = request.plans[1 - request.active] if len(request.plans) == 2 else None
        self.stage.show_poses(poses, plan.extracted, poses_of(self.case, other) if other is not None else None)
        self.stage.set_editable(share >= 1 and self.proposals.moves is None)
        beside = f"left: {other.name if other is not None else 'the start'}, right: {plan.name}" if self.stage.switches["split"].isChecked() else plan.name
        self.stage.plans.setText(f"{beside}, {plan.origin}" if self.proposals.moves is None else self.proposals.caption())

    def _on_outcome(self, outcome: Outcome) -> None:
        if outcome.request.case != self._document.request.case:
            return
        new, fresh = self.case is not outcome.case, self.case is None
        self.case, self.outcome = outcome.case, outcome if outcome.measured or self.outcome is None else self.outcome
        if new:
            self.stage.show_case(outcome.case, fit=fresh)
            self._show_request(self._document.request)
            for text in outcome.case.notices:
                if text not in self._told:
                    self.noticed.emit("warn", text, "")
            self._told = outcome.case.notices
        if outcome.measured:
            request = self._document.request
            self.measures.set_rows(rows.measure_rows(outcome))
            if outcome.touched:
                self.contacts.set_rows(rows.contact_rows(outcome, self._notation), request.tolerance_mm)
            else:
                self.contacts.wait()
            if self.stage.timeline.share >= 1:
                self.stage.show_outcome(outcome)
            self.work.show_outcome(outcome)
            self._show_chart()

    def show_contacts(self, contacts: tuple[Any, ...]) -> None:
        """The same contacts with their volumes."""
        if self.outcome is not None:
            self.outcome = replace(self.outcome, contacts=contacts)
            self.contacts.set_rows(rows.contact_rows(self.outcome, self._notation), self._document.request.tolerance_mm)

    # selection -------------------------------------------------------------------------------------------------------
    def pick(self, number: int, add: bool) -> None:
        """A click on a tooth; 0 = beside all of them."""
        if not add:
            self.select((number,) if number else ())
        elif number in self.selected:
            self.select(tuple(n for n in self.selected if n != number))
        elif number:
            self.select((*self.selected, number))

    def select(self, numbers: tuple[int, ...]) -> None:
        self.selected = numbers
        if numbers:
            self.insight.show_page("Tooth") if self.insight.current() not in ("Table", "Measures", "Contacts") else None
        self._show_selection()

    def _select_pair(self) -> None:
        if self.case is not None:
            pairs = [fdi.mirror(number) for number in self.selected]
            self.select((*self.selected, *(n for n in pairs if n in self.case.teeth and n not in self.selected)))

    def _show_selection(self) -> None:
        plan, first = self.plan, self.selected[0] if self.selected else 0
        self.tooth.show_teeth(self.selected, plan.move(first), self._notation, first in plan.locked, first in plan.extracted)
        self.tooth.show_stages(self.work.staging.spans.get(first) if self.work.staging is not None else None, _predicted(plan, first))
        self.stage.show_selection(self.selected, plan.locked, self._notation)
        self.proposals.show_selection()
        self.table.show_plan(tuple(self.case.teeth) if self.case else (), plan, self._notation)
        self._show_chart()

    def _show_chart(self) -> None:
        plan, teeth = self.plan, self.case.teeth if self.case else {}
        moving = dict(plan.moves)
        state = {n: "extracted" if n in plan.extracted else "locked" if n in plan.locked else "moved" if n in moving else "present" for n in teeth}
        warned = {n for row in self.contacts.rows for n in (row.first, row.second)}
        self.controls.chart.set_state(state, self.selected, warned, self._notation)

    def _asked_of_tooth(self, word: str, number: int) -> None:
        if number not in self.selected:
            self.select((number,))
        self.commands()[f"teeth.{word}"]()

    def _asked(self, word: str) -> None:
        if word in ("open", "folder"):
            return self.opening.ask(word)
        return self.commands()[f"teeth.{word}"]()

    # moving ----------------------------------------------------------------------------------------------------------
    def _set_value(self, field: str, value: float) -> None:
        if self.case is not None and self.selected:
            self.edit(editing.set_values(self.case, self.plan, self.selected, field, value, self._pivot), field, field)

    def _typed(self, number: int, field: str, value: float) -> None:
        if self.case is not None:
            self.edit(editing.set_values(self.case, self.plan, (number,), field, value, self._pivot), field)

    def _nudge(self, field: str, steps: float) -> None:
        if self.case is not None and self.selected:
            self.stage.timeline.to_planned()
            if field != self._nudged:
                self._document.end_gesture()
            self._nudged = field
            self._nudging.start()
            self.edit(editing.nudged(self.case, self.plan, self.selected, field, steps, self._pivot), f"nudge {field}", "nudge")

    def _end_nudge(self) -> None:
        """The keys have rested: the next one begins another undo step."""
        self._nudged = ""
        self._document.end_gesture()

    def _begin_drag(self) -> None:
        self.stage.timeline.to_planned()
        self._before = poses_of(self.case, self.plan) if self.case is not None else {}

    def _drag(self, delta: Any) -> None:
        if self.case is not None:
            try:
                self.edit(editing.dragged(self.case, self._before, self.plan, self.selected, delta), "drag", "drag")
            except ValueError:
                return  # beyond what a movement can be: the tooth stays at the edge of it

    def _held(self, down: bool) -> None:
        if not down:
            self._document.end_gesture()
            self._settle()

    def _set_pivot(self, which: str) -> None:
        self._pivot = which
        self.tooth.pivot.set_value(which)
        self.stage.set_pivot(which)

    def _set_notation(self, notation: str) -> None:
        self._notation = notation
        self._show_selection()
        if self.outcome is not None and self.outcome.touched:
            self.contacts.set_rows(rows.contact_rows(self.outcome, notation), self._document.request.tolerance_mm)

    def _other_plan(self) -> None:
        """A copy of the plan beside the first, or the other of the two."""
        request = self._document.request
        if len(request.plans) == 1:
            copy = replace(request.plan, name="Plan B")
            self.propose(replace(request, plans=(request.plan, copy), active=1), "second plan")
        else:
            self.propose(replace(request, active=1 - request.active), "other plan")

    # seeing ----------------------------------------------------------------------------------------------------------
    def _set_span(self, first: int, last: int) -> None:
        """The stages in which the selected teeth move, set by hand."""
        others = tuple(span for span in self.plan.spans if span[0] not in self.selected)
        self.edit(replace(self.plan, spans=(*others, *((number, first, last) for number in self.selected))), "stages of a tooth")
        self.work.make_stages()

    def _set_landmark(self, number: int, name: str, point: Any) -> None:
        request = self._document.request
        others = tuple(mark for mark in request.landmarks if mark[:2] != (number, name))
        self.propose(replace(request, landmarks=(*others, (number, name, tuple(map(float, point))))), f"{name.replace('_', ' ')} of {number}")

    def _fly_to(self, first: int, second: int) -> None:
        contact = next((c for c in (self.outcome.contacts if self.outcome else ()) if (c.first, c.second) == (first, second)), None)
        if contact is not None:
            self.select((first, second))
            self.stage.fly_to(contact.point)

    def _show_measure(self, name: str) -> None:
        self.stage.show_marks(rows.marks(self.outcome, name) if self.outcome is not None and name else ())


def _predicted(plan: Plan, number: int) -> str:
    """What the literature found of such movements, where it says anything."""
    from engines.teeth import predictability

    return " ".join(dict.fromkeys(figure.text for figure in predictability.marks(plan).get(number, {}).values()))


def _scrolled(widget: QWidget) -> QScrollArea:
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setWidget(widget)
    return area


def _hairline() -> QFrame:
    line = QFrame()
    line.setObjectName("hairline")
    line.setFixedWidth(1)
    return line

