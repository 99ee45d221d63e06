"""The arch form section at work: shows the curve of one jaw and turns drags of its handles into another plan."""

from dataclasses import replace
from typing import Any

import numpy as np
from PySide6.QtCore import QObject

from engines.job import EngineError
from engines.teeth.case import Case, Poses
from engines.teeth.poses import poses_of
from engines.teeth.request import ArchForm, TeethRequest
from widgets.teeth.arch_canvas import ArchPicture, ArchWidth

WIDTHS = (("canines", 3, "edge"), ("molars", 6, "cusp_mb"))  # the landmarks of the measures of the same name
SAME_MM = 0.05


class Arches(QObject):
    """`controls` holds the widgets; the workspace is asked for the case and given the changed plan."""

    def __init__(self, controls: Any, document: Any, workspace: Any) -> None:
        super().__init__(workspace)
        self._controls, self._document, self._workspace = controls, document, workspace
        self.jaw, self._form = "upper", None
        self._marks: dict[tuple[int, str], np.ndarray] = {}
        self._case: Case | None = None  # whose landmarks they are
        controls.jaw_chosen.connect(self._choose_jaw)
        controls.kind_chosen.connect(self._choose_kind)
        controls.canvas.dragged.connect(self._drag)
        controls.canvas.held.connect(lambda down: None if down else document.end_gesture())

    def form(self) -> ArchForm | None:
        """The curve in sight, for the fit."""
        return self._form

    def show(self, case: Case, request: TeethRequest) -> None:
        from engines.teeth import arch_form

        if case is not self._case:
            self._case, self._marks = case, {}
        poses = poses_of(case, request.plan)
        kept = next((form for form in request.plan.arches if form.jaw == self.jaw), None)
        try:
            # the curve is the start's, so that a moved tooth is seen against it and does not drag it along
            start = poses_of(case, replace(request.plan, moves=()))
            self._form = kept if kept is not None and kept.points else arch_form.fitted(case, start, self.jaw, kept.kind if kept else "polynomial")
            line = arch_form.curve(self._form).points
        except EngineError as error:
            self._form = None
            self._controls.fitted.setText(str(error))
            return self._show(None)
        if not self._controls.fit.isEnabled():  # what was said of a jaw that had no curve
            self._controls.fitted.setText("")
        self._controls.kind.set_value(self._form.kind)
        spots = {number: tuple(map(float, point[:2])) for number, point in arch_form.places(case, poses, self.jaw).items()}
        return self._show(ArchPicture(spots, line[:: max(1, len(line) // 120)], self._form.points, self._widths(case, poses)))

    def _show(self, picture: ArchPicture | None) -> None:
        self._controls.jaw.set_value(self.jaw)
        self._controls.fit.setEnabled(picture is not None)
        self._controls.canvas.show_arch(picture)

    def have(self, case: Case, request: TeethRequest, landmarks: dict[int, dict[str, np.ndarray]]) -> None:
        """The landmarks were found, or one was moved by hand: the widths are those of the measures."""
        marks = {(quadrant + place, name): landmarks[quadrant + place][name] for quadrant in (10, 20, 30, 40) for _, place, name in WIDTHS
                 if name in landmarks.get(quadrant + place, {})}
        if marks.keys() != self._marks.keys() or any(not np.array_equal(point, self._marks[key]) for key, point in marks.items()):
            self._case, self._marks = case, marks
            self.show(case, request)

    def _widths(self, case: Case, poses: Poses) -> tuple[ArchWidth, ...]:
        """Between the landmarks where the teeth stand, and if each tooth stood across on the curve."""
        from engines.teeth import arch_form

        line = arch_form.curve(self._form)
        spots, made = arch_form.places(case, poses, self.jaw), []
        for word, place, name in WIDTHS:
            pair = [quadrant + place for quadrant in ((10, 20) if self.jaw == "upper" else (40, 30))]
            if not all(number in spots and (number, name) in self._marks for number in pair):
                continue
            ends = np.array([poses[number][:3, :3] @ self._marks[number, name] + poses[number][:3, 3] for number in pair])
            centres = np.array([spots[number][:2] for number in pair])
            drawn = ends.copy()
            drawn[:, :2] += line.nearest(centres)[1] - centres
            now, then = (float(np.linalg.norm(rows[1] - rows[0])) for rows in (ends, drawn))
            made.append(ArchWidth(word, tuple(map(float, ends[0, :2])), tuple(map(float, ends[1, :2])), now, None if abs(then - now) < SAME_MM else then))
        return tuple(made)

    def _choose_jaw(self, jaw: str) -> None:
        self.jaw = jaw
        if self._workspace.case is not None:
            self.show(self._workspace.case, self._document.request)

    def _choose_kind(self, kind: str) -> None:
        """Another kind begins fitted to the teeth."""
        self._keep(ArchForm(self.jaw, kind), "arch form")

    def _drag(self, k: int, x: float, y: float) -> None:
        from engines.teeth import arch_form

        if self._form is None:
            return
        changed = arch_form.moved_handle(self._form, k, (x, y), self._controls.symmetric.isChecked())
        try:
            arch_form.curve(changed)
        except EngineError:
            return  # handles may not pass each other: this one stays
        self._keep(changed, "arch form", "arch")

    def _keep(self, form: ArchForm, text: str, gesture: str | None = None) -> None:
        plan = self._document.request.plan
        others = tuple(old for old in plan.arches if old.jaw != form.jaw)
        self._workspace.edit(replace(plan, arches=(*others, form)), text, gesture)
