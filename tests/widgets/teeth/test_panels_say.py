"""What panels say: arch widths are the measures, a fit names what it moved again, contacts their progress; landmarks are not hidden behind the gizmo."""

import pytest
from test_teeth_workspace import Bench

from engines.teeth.editing import TOUCHED
from engines.teeth.engine import TeethEngine
from engines.teeth.moves import Move


@pytest.fixture(scope="module")
def engine(pytestconfig):
    return TeethEngine(pytestconfig.rootpath / "resources" / "samples" / "teeth")


@pytest.fixture
def bench(qtbot, pytestconfig, engine):
    made = Bench(pytestconfig.rootpath / "resources" / "samples" / "teeth", engine)
    qtbot.addWidget(made.workspace)
    return made


def measured(bench):
    return {reading.id: reading.value for reading in bench.workspace.outcome.now}


def test_widths_of_the_arch_panel_are_those_of_the_measures(bench):
    for _ in range(2):
        canines, molars = bench.workspace.controls.canvas.picture.widths
        assert canines.now_mm == pytest.approx(measured(bench)["intercanine_upper"], abs=1e-6)
        assert molars.now_mm == pytest.approx(measured(bench)["intermolar_upper"], abs=1e-6)
        bench.workspace.pick(13, False)
        bench.workspace.tooth.sliders["buccal"]._propose(2.0)
    assert canines.curve_mm is not None and "→" in canines.text()


def test_a_second_fit_says_what_it_moved_again_and_hand_work_after_it_is_named(bench):
    bench.workspace.pick(13, False)
    bench.workspace.tooth.sliders["buccal"]._propose(2.0)
    assert bench.plan.origin == "by hand"
    bench.do("fit")
    bench.background.work()
    assert bench.said[-1][0] == "info" and "placed before: 13." in bench.said[-1][1] and "Lock" in bench.said[-1][2]
    bench.workspace.tooth.sliders["buccal"]._propose(1.0)
    assert bench.plan.origin == "arch-fit" + TOUCHED
    bench.document.undo_stack.undo()
    bench.document.undo_stack.undo()
    assert bench.plan.moves == ((13, Move(buccal=2.0)),) and bench.plan.origin == "by hand"


def test_a_tooth_moved_while_a_fit_is_computed_is_fitted_from_there(bench):
    bench.do("fit")
    bench.workspace.pick(13, False)
    bench.workspace.tooth.sliders["extrusion"]._propose(-2.0)
    bench.background.work()
    assert bench.plan.origin == "arch-fit" and "placed before: 13." in bench.said[-1][1]
    bench.document.undo_stack.undo()
    assert bench.plan.moves == ((13, Move(extrusion=-2.0)),)


def test_the_gizmo_makes_way_for_landmarks(bench):
    bench.workspace.pick(13, False)
    assert bench.workspace.stage.view.gizmo.enabled
    bench.do("landmarks")
    assert not bench.workspace.stage.view.gizmo.enabled and bench.workspace.stage.view.marks.marks
    bench.do("landmarks")
    assert bench.workspace.stage.view.gizmo.enabled


def test_preparing_contacts_says_how_far_it_is(bench):
    ticket = 99
    bench.workspace.work._tickets["contacts"] = (ticket, bench.document.request)
    bench.background.progress.emit(ticket, 0.25, "Preparing contacts")
    assert bench.workspace.contacts.head.text() == "Preparing contacts, 25%"


def test_the_table_says_why_it_does_not_take_a_value(bench):
    table = bench.workspace.table
    index = table.model.index(0, 1)
    for typed, words in (("abc", "no number"), ("99", "at most 50 mm")):
        assert not table.model.setData(index, typed) and words in table.head.text()
    assert table.model.setData(index, "1,5") and "Double click" in table.head.text()


def test_the_row_of_an_export_stays_while_other_work_ends(bench, tmp_path):
    rows = []
    bench.workspace.edit(bench.plan.with_move(11, Move(buccal=1.0)), "move")
    bench.do("stages")
    bench.workspace.work._export(str(tmp_path))
    bench.workspace.writing.connect(lambda words, share: rows.append(words))
    stages, export = (bench.workspace.work._tickets[kind][0] for kind in ("stages", "export"))
    bench.background.cancel(stages)
    assert rows[-1].startswith("Exporting")
    bench.background.cancel(export)
    assert rows[-1] == ""
