from dataclasses import replace

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtTest import QTest

from engines.guidance import curves
from engines.guidance.request import GuidanceRequest, Sampling
from widgets.guidance import curve_canvas
from widgets.guidance.curve_canvas import added, moved, removed

HAND = ((0.1, 2.0), (1.0, 4.0), (10.0, 1.5))


@pytest.fixture
def drawn(bench):
    """The bench with a curve of three points drawn by hand."""
    bench.document.replace(GuidanceRequest(Sampling(mode="curve", curve_1=HAND)), "start")
    bench.worker.answer()
    return bench


def canvas(bench):
    return bench.workspace.controls.curve.canvas


def curve(bench):
    return bench.document.request.a.curve_1


def spot(bench, which=1, index=0) -> QPoint:
    return canvas(bench).spot(which, index).toPoint()


def drag(widget, start, end, modifier=Qt.KeyboardModifier.NoModifier):
    """Press, moves, and the release as a function."""
    QTest.mousePress(widget, Qt.MouseButton.LeftButton, modifier, start)
    for part in (0.5, 1.0):
        where = QPointF(start) + (QPointF(end) - QPointF(start)) * part
        event = _move(widget, where, modifier)
        widget.mouseMoveEvent(event)
    return lambda: QTest.mouseRelease(widget, Qt.MouseButton.LeftButton, modifier, end)


def _move(widget, where, modifier):
    from PySide6.QtCore import QEvent
    from PySide6.QtGui import QMouseEvent
    return QMouseEvent(QEvent.Type.MouseMove, where, widget.mapToGlobal(where), Qt.MouseButton.NoButton, Qt.MouseButton.LeftButton, modifier)


def test_the_mode_begins_with_the_constant_and_the_editor_shows_in_it_alone(bench):
    editor = bench.workspace.controls.curve
    assert editor.isHidden()
    bench.workspace.controls.mode.buttons["curve"].click()
    assert not editor.isHidden() and curve(bench) == ((curves.MIDDLE, 3.0),) and bench.document.request.a.curve_0 == ()
    assert editor.presets.buttons["constant"].isChecked()


def test_a_dragged_point_is_drafted_refined_at_the_release_and_one_undo_step(drawn):
    steps = drawn.document.undo_stack.count()
    release = drag(canvas(drawn), spot(drawn, 1, 1), spot(drawn, 1, 1) + QPoint(6, 20))
    assert drawn.worker.asked[-1].draft and curve(drawn)[1][0] < 1.0 and curve(drawn)[1][1] < 4.0
    release()
    assert not drawn.worker.asked[-1].draft and drawn.document.undo_stack.count() == steps + 1
    drawn.document.undo_stack.undo()
    assert curve(drawn) == HAND


def test_shift_drags_ten_times_finer(drawn):
    far = []
    for modifier in (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ShiftModifier):
        drag(canvas(drawn), spot(drawn, 1, 1), spot(drawn, 1, 1) + QPoint(0, 40), modifier)()
        far.append(4.0 - curve(drawn)[1][1])
        drawn.document.undo_stack.undo()
    assert far[0] == pytest.approx(10 * far[1], abs=0.06) and far[1] > 0


def test_a_double_click_on_a_curve_adds_a_point_and_right_click_and_delete_take_one_away(drawn):
    middle = QPointF(canvas(drawn).x(3.0), canvas(drawn).y(curves.value_at(HAND, 3.0))).toPoint()
    QTest.mouseDClick(canvas(drawn), Qt.MouseButton.LeftButton, pos=middle)
    assert len(curve(drawn)) == 4 and curve(drawn)[2][0] == pytest.approx(3.0, rel=0.05)
    QTest.mouseClick(canvas(drawn), Qt.MouseButton.RightButton, pos=spot(drawn, 1, 2))
    assert curve(drawn) == HAND
    canvas(drawn)._select(1, 1)
    QTest.keyClick(canvas(drawn), Qt.Key.Key_Delete)
    assert curve(drawn) == (HAND[0], HAND[2])


def test_a_curve_that_is_pulled_beside_its_points_gets_one_there(drawn):
    start = QPointF(canvas(drawn).x(3.0), canvas(drawn).y(curves.value_at(HAND, 3.0))).toPoint()
    drag(canvas(drawn), start, start + QPoint(0, 30))()
    assert len(curve(drawn)) == 4 and curve(drawn)[2][1] < curves.value_at(HAND, 3.0)
    drawn.document.undo_stack.undo()
    assert curve(drawn) == HAND


def test_the_keys_reach_and_move_every_point(drawn):
    box = canvas(drawn)
    box._select(1, 2)
    for wanted in ((1, 1), (1, 0)):
        QTest.keyClick(box, Qt.Key.Key_Tab)
        assert box.selected == wanted
    QTest.keyClick(box, Qt.Key.Key_Backtab, Qt.KeyboardModifier.ShiftModifier)
    assert box.selected == (1, 1)
    QTest.keyClick(box, Qt.Key.Key_Up)
    QTest.keyClick(box, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    assert curve(drawn)[1] == (1.0, 4.09)
    QTest.keyClick(box, Qt.Key.Key_Left)
    assert curve(drawn)[1][0] == 1.1
    QTest.keyClick(box, Qt.Key.Key_PageDown)
    assert curve(drawn)[1] == (1.1, 3.09)
    QTest.keyClick(box, Qt.Key.Key_Insert)
    assert len(curve(drawn)) == 4 and drawn.worker.asked[-1].draft is False


def test_typed_numbers_move_the_chosen_point_and_nonsense_does_not(drawn):
    editor = drawn.workspace.controls.curve
    canvas(drawn)._select(1, 2)
    assert (editor.level.text(), editor.value.text()) == ("10", "1.50")
    editor.level.setText("25")
    editor.level.editingFinished.emit()
    editor.value.setText("2,25")
    editor.value.editingFinished.emit()
    assert curve(drawn)[2] == (25.0, 2.25)
    for nonsense in ("high", "-1", "nan", ""):
        editor.level.setText(nonsense)
        editor.level.editingFinished.emit()
        assert curve(drawn)[2] == (25.0, 2.25) and editor.level.text() == "25"


def test_gamma_0_is_linked_until_it_is_freed(drawn):
    editor = drawn.workspace.controls.curve
    editor.free.click()
    assert drawn.document.request.a.curve_0 == ((0.1, -1.0), (1.0, -3.0), (10.0, -0.5)) and canvas(drawn).unsound() == []
    drag(canvas(drawn), spot(drawn, 0, 1), spot(drawn, 0, 1) - QPoint(0, 25))()
    (left, right), = canvas(drawn).unsound()
    assert curve(drawn) == HAND and left < canvas(drawn).x(1.0) < right  # hatched around the point that was moved
    editor.free.click()
    assert drawn.document.request.a.curve_0 == ()


def test_presets_are_made_of_the_strength_and_follow_it(bench):
    controls = bench.workspace.controls
    controls.mode.buttons["curve"].click()
    controls.curve.presets.buttons["below"].click()
    assert curve(bench) == curves.below(3.0, curves.BELOW)[0]
    controls.sliders["gamma_1"].changed.emit(5.0)
    assert curve(bench) == curves.below(5.0, curves.BELOW)[0] and controls.curve.presets.buttons["below"].isChecked()


def test_the_rectified_preset_waits_for_a_table(drawn):
    editor = drawn.workspace.controls.curve
    assert editor.ratio() == () and not editor.presets.buttons["rectified"].isEnabled()
    ratio = ((0.1, 0.5), (1.0, 0.9), (10.0, 0.2))
    side = replace(drawn.workspace.stage.outcome.sides[0], rectified=ratio)
    drawn.workspace.controls.show_run([side])
    assert editor.presets.buttons["rectified"].isEnabled() and canvas(drawn).steps == (1.0,)
    editor.presets.buttons["rectified"].click()
    assert drawn.document.request.a.curve_0 == ((0.1, -1.0), (1.0, -1.8), (10.0, -0.4))


def test_one_click_compares_with_the_constant_and_the_curve_stays_on_its_side(drawn):
    editor = drawn.workspace.controls.curve
    editor.compare.click()
    request = drawn.document.request
    assert request.b == replace(request.a, mode="cfg", curve_1=(), curve_0=()) and editor.compare.isChecked()
    drag(canvas(drawn), spot(drawn, 1, 1), spot(drawn, 1, 1) + QPoint(0, 20))()
    assert drawn.document.request.b == request.b and drawn.document.request.a != request.a
    drawn.workspace.controls.sliders["gamma_1"].changed.emit(4.0)
    assert (drawn.document.request.b.gamma_1, drawn.document.request.b.curve_1) == (4.0, ()) and editor.compare.isChecked()
    editor.compare.click()
    assert drawn.document.request.b is None


def test_a_point_stays_between_its_neighbours_and_a_jump_moves_as_one():
    assert moved(HAND, 1, 500.0, 4.0)[1][0] == pytest.approx(10.0 / curve_canvas.APART)
    assert moved(HAND, 1, 0.001, 99.0)[1] == (pytest.approx(0.1 * curve_canvas.APART), 30.0)
    step = curves.below(3.0, 2.0)[0]
    for index in (0, 1):
        there = moved(step, index, 5.0 * (curves.STEP if index else 1), step[index][1])
        assert there == curves.below(3.0, 5.0)[0]
    edge = moved(step, 1, 1e6, 1.0)
    assert edge[0][0] < edge[1][0] <= curve_canvas.HIGH


def test_points_are_neither_doubled_nor_made_beyond_the_limit_nor_all_taken():
    assert added(HAND, 1.01) == (HAND, 1)
    full = tuple((0.02 * 1.2**k, 1.0) for k in range(32))
    assert added(full, 0.0219)[0] == full
    assert removed(((1.0, 3.0),), 0) == ((1.0, 3.0),)
