"""The Teeth workspace with its real engine, run at once in this thread instead of in its lanes."""

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtTest import QTest

from app.documents import Document
from engines.job import EngineError, Job
from engines.teeth import occlusogram
from engines.teeth.engine import TeethEngine
from engines.teeth.moves import Move
from engines.teeth.poses import poses_of
from engines.teeth.request import SAMPLE, TeethRequest
from widgets.teeth.workspace import TeethWorkspace


class Lane(QObject):
    """EngineWorker's signals; a request is answered before submit returns."""

    done, preview, failed = Signal(object), Signal(object), Signal(Exception)

    def __init__(self, engine):
        super().__init__()
        self.engine, self.asked = engine, []

    def submit(self, ask):
        self.asked.append(ask)
        tell = lambda kind, values: self.preview.emit(*values) if kind == "preview" else None  # noqa: E731
        try:
            self.done.emit(self.engine.run(ask, Job(tell)))
        except EngineError as error:
            self.failed.emit(error)


class Background(QObject):
    """BackgroundWorker's signals; tasks wait until `work` does them."""

    started_, stopped = Signal(int), Signal(int)
    progress = Signal(int, float, str)
    news, done = Signal(int, object), Signal(int, object)
    failed = Signal(int, Exception)

    def __init__(self, engine):
        super().__init__()
        self.engine, self.tasks, self.count = engine, {}, 0

    def submit(self, task):
        self.count += 1
        self.tasks[self.count] = task
        return self.count

    def cancel(self, ticket):
        if self.tasks.pop(ticket, None) is not None:
            self.stopped.emit(ticket)

    def work(self):
        while self.tasks:
            ticket = next(iter(self.tasks))
            result = self.tasks[ticket].carry_out(self.engine, Job())
            if self.tasks.pop(ticket, None) is not None:
                self.done.emit(ticket, result)


class Bench:
    def __init__(self, samples, engine):
        self.engine = engine
        self.document, self.lane, self.background = Document(TeethRequest()), Lane(self.engine), Background(self.engine)
        self.workspace = TeethWorkspace(self.document, self.lane, self.background, samples)
        self.said = []
        self.workspace.noticed.connect(lambda *what: self.said.append(what))
        self.workspace.resize(1200, 800)
        self.workspace.start()

    @property
    def plan(self):
        return self.document.request.plan

    def do(self, name, *on):
        self.workspace.commands()[f"teeth.{name}"](*on)


@pytest.fixture(scope="module")
def engine(pytestconfig):
    return TeethEngine(pytestconfig.rootpath / "resources" / "samples" / "teeth")


@pytest.fixture
def bench(qtbot, pytestconfig, engine):
    made = Bench(pytestconfig.rootpath / "resources" / "samples" / "teeth", engine)
    qtbot.addWidget(made.workspace)
    return made


def test_the_first_case_is_there_and_measured_without_being_asked_for(bench):
    assert len(bench.workspace.case.teeth) == 28 and bench.workspace.outcome.measured
    assert any(row.id == "overjet" and row.now for row in bench.workspace.measures.rows)


def test_a_selected_tooth_is_moved_and_measured_and_moved_back(bench):
    before = {row.id: row.now for row in bench.workspace.measures.rows}
    bench.workspace.pick(11, False)
    bench.workspace.pick(21, True)
    bench.workspace.tooth.sliders["buccal"]._propose(2.0)
    assert bench.plan.move(11) == bench.plan.move(21) == Move(buccal=2.0)
    now = {row.id: row.now for row in bench.workspace.measures.rows}
    assert float(now["overjet"].split()[0]) > float(before["overjet"].split()[0]) + 1
    assert np.allclose(bench.workspace.stage.scene.poses[11][:3, 3] @ bench.workspace.case.teeth[11].axis("buccal"), 2.0, atol=1e-6)
    bench.document.undo_stack.undo()
    assert bench.plan.moves == () and {row.id: row.now for row in bench.workspace.measures.rows} == before


def test_one_drag_is_one_step_and_escape_gives_it_up(bench):
    bench.workspace.pick(36, False)
    stage, delta = bench.workspace.stage, np.eye(4)
    stage.drag_started.emit()
    for mm in (.2, .5, .9):
        delta = np.eye(4)
        delta[0, 3] = mm
        stage.dragged.emit(delta)
    stage._drag_ended(36, True)
    assert bench.plan.move(36).distance_mm() == pytest.approx(.9) and bench.document.undo_stack.count() == 1
    stage.drag_started.emit()
    stage.dragged.emit(delta)
    stage._drag_ended(36, False)
    assert bench.plan.move(36).distance_mm() == pytest.approx(.9) and bench.document.undo_stack.count() == 1


def test_keys_nudge_in_the_tooths_own_axes(bench):
    bench.workspace.pick(46, False)
    view = bench.workspace.stage.view
    QTest.keyClick(view, Qt.Key.Key_Right)
    QTest.keyClick(view, Qt.Key.Key_PageUp, Qt.KeyboardModifier.ShiftModifier)
    QTest.keyClick(view, Qt.Key.Key_Up, Qt.KeyboardModifier.AltModifier)
    move = bench.plan.move(46)
    assert (move.mesial, move.extrusion, move.torque) == (pytest.approx(.1), pytest.approx(.01), pytest.approx(1))


def test_nudges_of_one_kind_are_one_step_and_another_kind_or_a_rest_begins_the_next(bench):
    bench.workspace.pick(46, False)
    view, stack = bench.workspace.stage.view, bench.document.undo_stack
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_Up):
        QTest.keyClick(view, key)
    assert stack.count() == 2
    bench.workspace._nudging.timeout.emit()
    QTest.keyClick(view, Qt.Key.Key_Up)
    assert stack.count() == 3
    stack.undo()
    stack.undo()
    assert bench.plan.move(46) == Move(mesial=.2)


def test_marks_that_belong_to_no_jaw_show_beside_one_jaw_too(bench):
    stage = bench.workspace.stage
    stage.show_marks((("17", np.zeros((1, 3))),))
    for _ in range(3):
        assert stage.view.marks._shown(stage.view.marks.marks[0])
        stage.next_jaws()


def test_colours_of_displacement_say_when_nothing_has_moved(bench):
    bench.do("distance", True)
    assert "nothing has moved" in bench.workspace.stage.legend.text() and not bench.workspace.stage._painted
    bench.workspace.pick(11, False)
    bench.workspace.tooth.changed.emit("buccal", 1.0)
    assert "bright 1.0 mm" in bench.workspace.stage.legend.text() and 11 in bench.workspace.stage._painted


def test_locked_teeth_stay_and_extracted_ones_go(bench):
    bench.workspace.select((11, 14))
    bench.do("lock")
    bench.workspace.tooth.changed.emit("mesial", 1.0)
    assert bench.plan.moves == () and bench.plan.locked == (11, 14)
    bench.workspace.select((14,))
    bench.do("lock")
    bench.do("extract")
    assert bench.plan.extracted == (14,) and 14 not in bench.workspace.stage.scene.visible()
    bench.do("extract")
    assert 14 in bench.workspace.stage.scene.visible()


def test_contacts_come_from_the_background_and_get_volumes(bench):
    bench.engine._bodies.clear()
    bench.workspace.submit()
    assert bench.workspace.contacts.rows == ()
    bench.workspace.edit(bench.plan.with_move(11, Move(mesial=1.5)), "move")
    bench.background.work()
    deep = {(row.first, row.second): row for row in bench.workspace.contacts.rows}
    row = next(row for pair, row in deep.items() if set(pair) == {11, 21})
    assert row.depth_mm > .5 and row.volume_mm3 > .05
    assert 11 in bench.workspace.controls.chart._warned
    assert row.reduction_mm == pytest.approx(row.depth_mm, abs=.15)  # what the engine suggests for these neighbours
    bench.workspace.contacts.list.setCurrentRow(bench.workspace.contacts.rows.index(row))
    assert set(bench.workspace.selected) == {11, 21}


def test_teeth_are_fitted_to_the_arch_as_one_step(bench):
    bench.workspace.edit(replace(bench.plan, locked=(13,)), "lock")
    bench.do("fit")
    bench.background.work()
    assert bench.plan.origin == "arch-fit" and len(bench.plan.moves) > 5 and bench.plan.move(13) == Move()
    assert "The upper arch still lacks" in bench.workspace.controls.fitted.text()  # a crowded arch: the fit makes no room
    bench.document.undo_stack.undo()
    assert bench.plan.moves == ()


def test_stages_are_made_scrubbed_and_forgotten_when_the_plan_changes(bench):
    bench.do("stages")
    assert bench.said and not bench.background.tasks.get(99)
    bench.workspace.edit(bench.plan.with_move(11, Move(buccal=1.0)), "move")
    bench.do("stages")
    bench.background.work()
    line = bench.workspace.stage.timeline
    assert line.line.stages == bench.workspace.work.staging.count == 4
    line.line.go(2)
    assert bench.workspace.stage.scene.poses[11][:3, 3] @ bench.workspace.case.teeth[11].axis("buccal") == pytest.approx(.5, abs=.01)
    assert not bench.workspace.stage.view.gizmo.enabled
    bench.workspace.edit(bench.plan.with_move(21, Move(buccal=1.0)), "move")
    assert bench.workspace.work.staging is None and line.line.stages == 1


def test_another_case_begins_with_an_empty_plan_and_undo_brings_the_old_one_back(bench):
    bench.workspace.edit(bench.plan.with_move(11, Move(buccal=1.0)), "move")
    bench.workspace.controls.case.sample.emit("class-ii")
    assert bench.document.request.case.path == SAMPLE + "class-ii" and bench.plan.moves == ()
    bench.document.undo_stack.undo()
    assert bench.plan.move(11) == Move(buccal=1.0) and bench.workspace.case.name != "class-ii"


def test_two_plans_stand_side_by_side(bench):
    bench.workspace.edit(bench.plan.with_move(11, Move(buccal=1.0)), "move")
    bench.do("plans")
    bench.workspace.edit(bench.plan.with_move(11, Move(buccal=3.0)), "move")
    assert [plan.move(11).buccal for plan in bench.document.request.plans] == [1.0, 3.0]
    assert bench.workspace.stage._start.poses[11][:3, 3] @ bench.workspace.case.teeth[11].axis("buccal") == pytest.approx(1.0)
    bench.do("plans")
    assert bench.document.request.active == 0


def test_the_arch_is_changed_by_its_handles(bench):
    canvas = bench.workspace.controls.canvas
    x, y = canvas.picture.handles[0]
    canvas.dragged.emit(0, x - 2, y)
    form = bench.plan.arches[0]
    assert form.jaw == "upper" and form.points[0][0] == pytest.approx(x - 2) and len(form.points) == 5
    assert form.points[-1][0] == pytest.approx(canvas.picture.handles[-1][0])  # both sides together
    assert canvas.picture.handles[-1][0] > x


@pytest.mark.parametrize("name", ["ghost", "split", "distance", "labels", "ruler", "angle"])
def test_every_switch_goes_on_and_off(bench, name):
    before = bench.workspace.stage.switches[name].isChecked()
    bench.do(name)
    assert bench.workspace.stage.switches[name].isChecked() is not before
    bench.do(name)
    assert bench.workspace.stage.switches[name].isChecked() is before


def test_a_measure_draws_its_landmarks(bench):
    bench.workspace.measures.choose("overjet")
    assert bench.workspace.stage.view.marks.marks or bench.workspace.stage.view.marks.lines
    bench.workspace.measures.choose("overjet")
    assert not bench.workspace.stage.view.marks.marks


def test_a_case_that_is_gone_is_told_and_the_window_stays(bench, tmp_path):
    failed = []
    bench.lane.failed.connect(failed.append)
    (tmp_path / "11.stl").write_bytes(b"solid")
    bench.workspace.open_path(tmp_path / "nothing.stl")
    assert "nothing.stl" in str(failed[0]) and failed[0].remedy
    bench.document.undo_stack.undo()
    assert len(bench.workspace.case.teeth) == 28


def test_patient_fields_are_kept_and_left_out_of_what_is_anonymous(bench):
    bench.workspace.controls.patient.setText("Someone")
    bench.workspace.controls._on_patient()
    assert bench.document.request.patient.name == "Someone" and bench.document.request.anonymous().patient.name == ""


def test_a_plan_is_exported_and_its_file_brings_it_back(bench, tmp_path, monkeypatch):
    monkeypatch.setattr("engines.teeth.export.PICTURE", (120, 80))
    bench.workspace.edit(bench.plan.with_move(11, Move(buccal=.4, tip=2)), "move")
    (tmp_path / "something").touch()
    bench.workspace.work._export(str(tmp_path))
    ticket, task = next((k, task) for k, task in bench.background.tasks.items() if hasattr(task, "anonymous"))
    bench.background.tasks = {ticket: replace(task, parts=("plan", "movements", "models", "report"))}  # the film takes half a minute
    bench.background.work()
    folder = tmp_path / "vernier-plan-1"
    assert (folder / "plan.json").exists() and list(folder.glob("*.pdf")) and list(folder.rglob("*.stl"))
    bench.workspace.edit(bench.plan.with_move(12, Move(mesial=3)), "another")
    bench.workspace.open_path(folder / "plan.json")
    assert bench.plan.moves == ((11, Move(buccal=.4, tip=2)),)


def test_reduction_shapes_the_crowns_and_goes_back(bench):
    before = bench.workspace.case.teeth[11].mesh.vertices
    bench.workspace.contacts.reduce.emit(11, 21, .4)
    after = bench.workspace.case.teeth[11].mesh.vertices
    mesial = bench.workspace.case.teeth[11].axis("mesial")
    assert (before @ mesial).max() - (after @ mesial).max() == pytest.approx(.2, abs=.02)
    bench.document.undo_stack.undo()
    assert np.array_equal(bench.workspace.case.teeth[11].mesh.vertices, before)


def test_the_occlusogram_paints_where_the_jaws_meet(bench):
    bench.do("occlusogram")
    bench.background.work()
    painted = bench.workspace.stage._painted
    assert len(painted) > 20 and min(float(values.min()) for values in painted.values()) < .5
    request = bench.document.request
    poses = poses_of(bench.workspace.case, request.plan)
    assert np.array_equal(painted[16], occlusogram.exact(bench.engine.contacts(request, Job()), poses, [16], Job())[16])  # the quick one was replaced
    bench.do("split")  # the same poses: the colours stay
    assert len(bench.workspace.stage._painted) > 20
    bench.do("split")
    bench.do("occlusogram")
    assert not bench.workspace.stage._painted


def test_a_dragged_landmark_changes_its_measure_and_stays(bench):
    before = {row.id: row.now for row in bench.workspace.measures.rows}
    point = bench.workspace.outcome.landmarks[11]["edge"] + (0, -1.5, 0)
    bench.workspace.stage.landmark_moved.emit(11, "edge", point)
    assert bench.document.request.landmarks[0][:2] == (11, "edge")
    now = {row.id: row.now for row in bench.workspace.measures.rows}
    assert now["overjet"] != before["overjet"]


def test_another_number_for_a_tooth_swaps_with_the_one_that_has_it(bench):
    mesh = bench.workspace.case.teeth[11].mesh
    bench.workspace.controls.chart.renumbered.emit(11, 12)
    assert bench.workspace.case.teeth[12].mesh is mesh and 11 in bench.workspace.case.teeth
    bench.workspace.controls.chart.renumbered.emit(12, 11)
    assert bench.workspace.case.teeth[11].mesh is mesh and bench.document.request.case.renumbered == ()


def test_a_later_scan_is_laid_over_the_stage_in_sight(bench, tmp_path):
    from engines.teeth import mesh_files
    from engines.teeth.mesh import Mesh
    from engines.teeth.moves import exp

    bench.workspace.edit(bench.plan.with_move(11, Move(buccal=2.0)), "move")
    teeth = bench.workspace.case.of("upper")
    parts = [tooth.mesh for tooth in teeth.values()]  # the patient's teeth have not moved
    starts = np.cumsum([0, *(len(mesh.vertices) for mesh in parts)])
    turn = np.eye(4)
    turn[:3, :3], turn[:3, 3] = exp(np.array([.2, -.1, .4])), (30, 5, -12)
    whole = Mesh(np.concatenate([mesh.vertices for mesh in parts]), np.concatenate([mesh.faces + k for mesh, k in zip(parts, starts, strict=False)]))
    mesh_files.write(whole.moved(turn), tmp_path / "later_upper.stl")
    bench.workspace.work.overlay(str(tmp_path / "later_upper.stl"))
    bench.background.work()
    words = bench.workspace.stage.legend.text()
    assert words.startswith("later_upper.stl laid on") and "farthest off: 11" in words
    assert bench.workspace.escape() and bench.workspace.stage._laid is None


def test_a_narrow_picture_has_one_button_for_all_views(bench, qtbot):
    stage = bench.workspace.stage
    for width, narrow in ((1000, False), (600, True)):
        stage.resize(width, 500)
        stage.resizeEvent(QResizeEvent(stage.size(), stage.size()))
        assert stage.view_menu.isHidden() is not narrow and all(button.isHidden() is narrow for button in stage.view_buttons)
    assert [action.text().split("\t")[0] for action in stage.view_menu.menu().actions()] == ["Front", "Right", "Left", "Upper", "Lower", "Back"]


def test_files_that_do_not_open_leave_the_case_that_was_there(bench, qtbot, tmp_path):
    (tmp_path / "scan.stl").write_text("This is a letter and no scan.\n" * 20)
    failed = []
    bench.lane.failed.connect(failed.append)
    bench.workspace.edit(bench.plan.with_move(11, Move(buccal=1.0)), "move")
    bench.workspace.open_path(tmp_path / "scan.stl")
    assert "scan.stl" in str(failed[0]) and "text" in str(failed[0])
    qtbot.waitUntil(lambda: bench.workspace.case is not None, timeout=5000)
    assert bench.plan.move(11) == Move(buccal=1.0) and len(bench.workspace.case.teeth) == 28


def test_only_the_gum_of_the_jaw_that_moved_is_moved_and_it_goes_back(bench, monkeypatch):
    scene, told = bench.workspace.stage.scene, []
    real = scene.move_gum
    monkeypatch.setattr(scene, "move_gum", lambda jaw, vertices: (told.append((jaw, vertices)), real(jaw, vertices)))
    bench.workspace.edit(bench.plan.with_move(11, Move(buccal=1.5)), "move")
    bench.workspace.pick(11, False)
    assert [jaw for jaw, _ in told] == ["upper"]
    bench.document.undo_stack.undo()
    assert [jaw for jaw, _ in told] == ["upper", "upper"]
    assert np.allclose(told[-1][1], bench.workspace.case.gums["upper"].vertices, atol=1e-4)
