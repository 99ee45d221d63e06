from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtTest import QTest

from engines.guidance.outcome import Outcome, Side
from engines.guidance.request import Draw, GuidanceRequest, Sampling
from widgets.guidance.ratio_canvas import moved
from widgets.guidance.ratio_editor import plain

FILED = (1.0, 1.02, 1.05, 0.95, 1.0)
FIVE = Sampling(sampler="ddim", steps=5, mode="cfg", tuned=True)


def answer(bench, filed=FILED, untuned=""):
    """Finishes the newest request as an engine with a file of ratios does."""
    draw = bench.worker.asked[-1]
    sides = tuple(Side(side, np.full((side.count, 8, 8, 3), 90, np.uint8), nfe=10, per_step={key: np.ones(side.steps) for key in
                       ("t", "rho", "difference", "gamma_1", "gamma_0", "S")}, filed=filed if side.tuned else (), untuned=untuned if side.tuned else "",
                       ratios=side.ratios or filed if side.tuned else ()) for side in draw.sides())
    bench.worker.done.emit(Outcome(draw.request, sides, draw.draft))


@pytest.fixture
def tuned(bench):
    bench.document.replace(GuidanceRequest(FIVE), "start")
    answer(bench)
    return bench


def editor(bench):
    return bench.workspace.controls.timesteps


def a(bench) -> Sampling:
    return bench.document.request.a


def pull(canvas, index, by_px, release=True):
    """Drags a call's point down by so many pixels, in two moves."""
    start = canvas.spot(index)
    QTest.mousePress(canvas, Qt.MouseButton.LeftButton, pos=start.toPoint())
    start = QPointF(start.toPoint())
    for part in (0.5, 1.0):
        where = start + QPointF(0, by_px * part)
        canvas.mouseMoveEvent(QMouseEvent(QEvent.Type.MouseMove, where, canvas.mapToGlobal(where), Qt.MouseButton.NoButton, Qt.MouseButton.LeftButton,
                                          Qt.KeyboardModifier.NoModifier))
    if release:
        QTest.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=(start + QPointF(0, by_px)).toPoint())


def test_the_editor_appears_with_the_switch_and_shows_the_ratios_in_force(bench):
    assert editor(bench).body.isHidden()
    editor(bench).switch.click()
    assert a(bench).tuned and not editor(bench).body.isHidden()
    assert editor(bench).canvas.ratios == (1.0,) * 20  # until the run has said what the file has
    answer(bench, (1.0,) * 18 + (0.97, 1.0))
    assert editor(bench).canvas.ratios[18] == 0.97 and editor(bench).about.text().startswith("Tuned, from")
    bench.document.undo_stack.undo()
    assert not a(bench).tuned and editor(bench).body.isHidden()


def test_a_drag_is_one_undo_step_and_shows_every_step_of_the_picture(tuned):
    canvas, steps = editor(tuned).canvas, tuned.document.undo_stack.count()
    pull(canvas, 1, 10)
    assert a(tuned).ratios[1] < 1.02 and a(tuned).ratios[:1] + a(tuned).ratios[2:] == FILED[:1] + FILED[2:]
    assert tuned.document.undo_stack.count() == steps + 1
    drafts = [draw for draw in tuned.worker.asked if draw.draft]
    assert drafts and all(side.steps == 5 and side.tuned for draw in drafts for side in draw.sides())
    tuned.document.undo_stack.undo()
    assert a(tuned).ratios == () and canvas.ratios == FILED


def test_in_many_steps_a_drag_waits_with_the_picture(bench):
    bench.document.replace(GuidanceRequest(replace(FIVE, steps=40)), "start")
    answer(bench, (1.0,) * 40)
    asked = len(bench.worker.asked)
    pull(editor(bench).canvas, 3, 20, release=False)
    assert a(bench).ratios and len(bench.worker.asked) == asked
    QTest.mouseRelease(editor(bench).canvas, Qt.MouseButton.LeftButton)
    assert not bench.worker.asked[-1].draft and bench.worker.asked[-1].request.a.ratios == a(bench).ratios


def test_the_last_step_stays_at_one_by_mouse_keys_and_typing(tuned):
    canvas = editor(tuned).canvas
    pull(canvas, 4, 20)
    QTest.keyClick(canvas, Qt.Key.Key_Up)
    editor(tuned).field.setText("0.9")
    editor(tuned).field.editingFinished.emit()
    assert canvas.selected == 4 and a(tuned).ratios == () and editor(tuned).field.isReadOnly() and "fixed" in editor(tuned).name.text()
    assert moved((1.0, 1.0), 1, 0.9) == (1.0, 1.0)


def test_keys_choose_and_move_and_shift_is_ten_times_finer(tuned):
    canvas = editor(tuned).canvas
    canvas.select(0)
    QTest.keyClick(canvas, Qt.Key.Key_Right)
    QTest.keyClick(canvas, Qt.Key.Key_Up)
    QTest.keyClick(canvas, Qt.Key.Key_Up, Qt.KeyboardModifier.ShiftModifier)
    assert a(tuned).ratios[1] == pytest.approx(1.02 + 0.005 + 0.0005)
    QTest.keyClick(canvas, Qt.Key.Key_Delete)
    assert a(tuned).ratios[1] == 1.0


def test_a_number_is_typed_for_the_chosen_point_and_held_in_range(tuned):
    canvas, field = editor(tuned).canvas, editor(tuned).field
    canvas.select(2)
    assert field.text() == "1.0500" and editor(tuned).name.text() == "Step 3"
    for text, value in (("0,91", 0.91), ("9", 2.0), ("nonsense", 2.0)):
        field.setText(text)
        field.editingFinished.emit()
        assert a(tuned).ratios[2] == value and float(field.text()) == value


def test_what_was_wrong_with_a_typed_number_is_said_until_the_ratios_change(tuned):
    canvas, field, about = editor(tuned).canvas, editor(tuned).field, editor(tuned).about
    canvas.select(2)
    field.setText("9")
    field.editingFinished.emit()
    assert about.text() == "9 lies outside 0.2 to 2: held at 2."
    answer(tuned)  # the picture that follows does not wipe it away
    assert about.text() == "9 lies outside 0.2 to 2: held at 2."
    field.setText("9")
    field.editingFinished.emit()  # again, where it stands at the end already
    assert about.text() == "9 lies outside 0.2 to 2: held at 2." and field.text() == "2.0000"
    field.setText("much")
    field.editingFinished.emit()
    assert "is no number: the ratio stays 2.0000" in about.text()
    canvas.select(1)
    assert about.text() == "Set by hand."


def test_a_ratio_that_left_the_models_time_range_is_reported(tuned):
    canvas = editor(tuned).canvas
    canvas.select(0)
    canvas.place(1.5)
    draw = tuned.worker.asked[-1]
    note = "tuned timesteps held at the end of the model's range: network call 1"
    side = Side(draw.request.a, np.full((16, 8, 8, 3), 90, np.uint8), nfe=10, per_step={key: np.ones(5) for key in
                ("t", "rho", "difference", "gamma_1", "gamma_0", "S")}, filed=FILED, ratios=draw.request.a.ratios, notes=(note,))
    tuned.worker.done.emit(Outcome(draw.request, (side,), False))
    assert editor(tuned).about.text() == f"Set by hand. T{note[1:]}."
    canvas.place(0.9)
    assert editor(tuned).about.text() == "Set by hand."


def test_reset_goes_back_to_the_file_and_all_one_is_plain_by_hand(tuned):
    assert editor(tuned).reset.isHidden() and editor(tuned).ones.text() == "Reset all to 1"
    editor(tuned).ones.click()
    assert a(tuned).ratios == (1.0,) * 5 and editor(tuned).canvas.filed == FILED and "by hand" in editor(tuned).about.text()
    editor(tuned).reset.click()
    assert a(tuned).ratios == () and a(tuned).tuned and editor(tuned).canvas.ratios == FILED


@pytest.mark.parametrize("change", ["steps", "sampler", "model"])
def test_ratios_by_hand_go_with_a_change_that_they_do_not_fit_in_the_same_undo_step(tuned, change):
    editor(tuned).ones.click()
    steps, controls = tuned.document.undo_stack.count(), tuned.workspace.controls
    {"steps": lambda: controls.sliders["steps"].changed.emit(7), "sampler": lambda: controls.sampler.buttons["euler"].click(),
     "model": lambda: controls.model.changed.emit("fashion-mnist")}[change]()
    assert a(tuned).ratios == () and a(tuned).tuned and tuned.document.undo_stack.count() == steps + 1
    tuned.document.undo_stack.undo()
    assert a(tuned).ratios == (1.0,) * 5


def test_what_no_file_has_is_said_with_what_there_is(tuned):
    tuned.document.replace(GuidanceRequest(replace(FIVE, steps=7)), "seven")
    answer(tuned, (), "No tuned timesteps for 7 steps; tuned for 5, 10 steps.")
    assert editor(tuned).about.text().startswith("No tuned timesteps for 7 steps; tuned for 5, 10 steps. The pictures are plain")
    assert editor(tuned).canvas.ratios == (1.0,) * 7


def test_a_solver_that_asks_twice_has_a_point_for_each_call(bench):
    bench.document.replace(GuidanceRequest(replace(FIVE, sampler="heun")), "heun")
    canvas = editor(bench).canvas
    assert len(canvas.ratios) == 9 and canvas.word(3) == "step 2, second call" and canvas.word(8) == "step 5" and canvas.fixed(8) and not canvas.fixed(7)


def test_the_range_widens_for_ratios_beyond_it(tuned):
    tuned.document.replace(GuidanceRequest(replace(FIVE, ratios=(1.0, 1.6, 0.5, 1.0, 1.0))), "wide")
    canvas = editor(tuned).canvas
    assert all(0 <= canvas.spot(k).y() <= canvas.height() for k in range(5)) and canvas.y(1.6) > 0


def test_comparing_with_plain_and_back(tuned):
    editor(tuned).compare.click()
    request = tuned.document.request
    assert request.a == FIVE and request.b == plain(FIVE) and editor(tuned).compare.isChecked()
    answer(tuned)
    titles = [title.text() for title in tuned.workspace.stage._titles]
    assert titles[0].endswith("tuned timesteps") and titles[1].endswith("plain timesteps")
    editor(tuned).compare.click()
    assert tuned.document.request == GuidanceRequest(FIVE)


def test_while_a_comparison_is_drawn_the_titles_say_at_once_which_side_is_tuned(tuned):
    editor(tuned).compare.click()
    titles = tuned.workspace.stage._titles
    assert titles[0].text().endswith("tuned timesteps") and titles[1].text().endswith("plain timesteps")
    part = Side(tuned.document.request.a, np.full((16, 8, 8, 3), 90, np.uint8))  # a picture on its way knows nothing of its ratios yet
    tuned.worker.preview.emit(Outcome(tuned.document.request, (part,), unfinished=True))
    assert titles[0].text().endswith("tuned timesteps") and titles[1].text().endswith("plain timesteps")
    answer(tuned, ())  # and where there are none
    assert all(title.text().endswith("plain timesteps") for title in titles)


def test_the_history_tells_tuned_from_plain(tuned):
    editor(tuned).compare.click()
    answer(tuned)
    editor(tuned).compare.click()
    editor(tuned).switch.click()
    answer(tuned)
    seen = tuned.workspace.history.seen
    assert [one.timesteps() for one in seen] == ["", "tuned | plain", "tuned"]
    names = [thumb.accessibleName() for thumb in tuned.workspace.history.thumbs()]
    assert "plain timesteps" in names[0] and names[1].index("tuned timesteps") < names[1].index("plain timesteps") and "tuned timesteps" in names[2]


def test_a_result_that_found_no_ratios_is_plain_in_the_history(bench):
    bench.document.replace(GuidanceRequest(FIVE), "start")
    answer(bench, (), "No tuned timesteps.")
    assert bench.workspace.history.seen[0].timesteps() == ""


def test_the_command_tunes_first_what_is_plain(bench):
    bench.workspace.commands()["guidance.compare_tuned"]()
    assert a(bench).tuned and bench.document.request.b == plain(a(bench))


def test_in_a_comparison_with_plain_the_switch_and_the_points_change_the_tuned_side_alone(tuned):
    editor(tuned).compare.click()
    pull(editor(tuned).canvas, 1, 10)
    assert a(tuned).ratios and tuned.document.request.b == plain(FIVE)
    tuned.workspace.controls.sliders["steps"].changed.emit(8)
    assert a(tuned).ratios == () and a(tuned).steps == tuned.document.request.b.steps == 8


def test_where_both_sides_agree_the_switch_acts_on_both(bench):
    bench.document.replace(GuidanceRequest(replace(FIVE, tuned=False), replace(FIVE, tuned=False, mode="recfg")), "pair")
    bench.workspace.commands()["guidance.tuned"]()
    assert a(bench).tuned and bench.document.request.b.tuned


def test_a_whole_draft_keeps_its_steps_and_another_does_not():
    request = GuidanceRequest(FIVE)
    assert Draw(request, draft=True).sides()[0].steps == 4 and not Draw(request, draft=True).sides()[0].tuned
    assert Draw(request, draft=True, whole=True).sides() == [FIVE]
