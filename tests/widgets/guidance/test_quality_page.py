"""The quality page: what it shows of a table, what a click adopts, what is measured and kept, what it says, what it saves."""

import json
import shutil
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QPoint, Qt

import resources
from engines.guidance import quality_table
from engines.guidance.quality_table import Measured, Row, Table
from engines.guidance.request import Sampling
from widgets import plot_files
from widgets.guidance import quality_plot
from widgets.guidance import quality_words as words
from widgets.guidance.quality_desk import QualityDesk
from widgets.guidance.quality_labels import dodged


def row(sampler="ddim", steps=10, frechet=20.0, mode="cfg", tuned=False, seed=0, **more):
    return Row(sampler, steps, mode, tuned, seed, steps, 2.0 * steps, **{"accuracy": 0.9, "frechet": frechet, "precision": 0.8, "recall": 0.5} | more)


ROWS = (row(steps=5, frechet=40.0), row(frechet=25.0), row(frechet=27.0, seed=1), row(tuned=True, frechet=18.0, schedule="f"),
        row("dpmpp-2m", 10, 12.0), row("dpmpp-2m", 20, 9.0), row("deis", 10, 30.0, mode="recfg"))
TABLE = Table("fashion-mnist", "abc", (Measured(3.0, 2000, (7.5, 0.2), "vernier quality", ROWS), Measured(5.0, 1000, None, "", (row(), row("euler")))))


@pytest.fixture
def weights(tmp_path):
    """A folder of weights with a table of one model, and the samples beside it."""
    for name in ("weights", "samples"):
        (tmp_path / name).mkdir()
    for name in ("fashion-mnist", "emoji3d"):
        (tmp_path / "weights" / f"{name}.reference.safetensors").touch()
    (tmp_path / "samples" / "fashion-mnist_reference.json").write_text(json.dumps({"classes": [f"k{k}" for k in range(10)]}))
    quality_table.write(tmp_path / "weights" / "fashion-mnist.quality.json", TABLE)
    return tmp_path / "weights"


class Open:
    """The page, open on a model with measurements."""

    def __init__(self, bench, weights):
        self.document, self.worker, self.background, self.workspace = bench.document, bench.worker, bench.background, bench.workspace
        self.desk, self.page = self.workspace.pages.quality_desk, self.workspace.pages.quality
        self.desk._weights, self.desk._cache = weights, str(weights.parent / "cache")
        self.document.replace(replace(self.document.request, a=Sampling(model="fashion-mnist", mode="cfg")), "model")
        self.workspace.commands()["guidance.quality"]()

    def point(self, *setting):
        return next(p for p in self.page.found().points if p.setting == setting)

    def begin(self, **choices):
        """A measurement that the background has begun; its ticket."""
        task = self.desk.planned(**{"gamma_1": 3.0, "samplers": ("ddim",), "steps": (8,), "modes": ("cfg",), "count": 2000} | choices)
        self.page.setup.measured.emit(task)
        ticket = len(self.background.tasks)
        self.background.started_.emit(ticket)
        return ticket


@pytest.fixture
def bench(bench, weights):
    return Open(bench, weights)


def test_what_was_measured_is_there_at_once_nearest_in_strength(bench):
    assert bench.page.isVisible() and bench.page.found().key == (3.0, 2000)
    assert len(bench.page.plot.shown) == 6 and bench.page.sets.count() == 2
    bench.page.sets.changed.emit(bench.page.sets.itemData(1))
    assert bench.page.found().key == (5.0, 1000) and "yours is 3" in bench.page.note.text() and "No floor was measured for 1,000" in bench.page.note.text()


def test_switches_take_lines_out_of_sight(bench):
    page = bench.page
    assert [b for b in page.samplers.buttons if page.samplers.buttons[b].isVisible()] == ["ddim", "dpmpp-2m", "deis"]
    page.samplers.buttons["dpmpp-2m"].click()
    page.tuned.buttons[True].click()
    assert {p.sampler for p in page.plot.shown} == {"ddim", "deis"} and not any(p.tuned for p in page.plot.shown)
    page.modes.buttons["recfg"].click()
    assert [key for key, _ in page.plot.lines()] == [("ddim", "cfg", False)]
    page.samplers.buttons["dpmpp-2m"].click()
    assert [key for key, _ in page.plot.lines()] == [("ddim", "cfg", False), ("dpmpp-2m", "cfg", False)]


def test_of_very_many_lines_those_of_the_mode_in_force_are_shown_first(bench):
    many = tuple(row(s, 10, mode=mode, tuned=tuned) for s in ("ddim", "euler", "deis") for mode in ("cfg", "recfg", "calibrated") for tuned in (False, True))
    bench.desk._shipped["fashion-mnist"] = Table("fashion-mnist", "abc", (Measured(3.0, 50, rows=many), Measured(4.0, 50, rows=(row(mode="recfg"),))))
    bench.desk.changed.emit()
    assert {p.mode for p in bench.page.plot.shown} == {"cfg"} and len(bench.page.plot.shown) == 6
    bench.page.modes.buttons["recfg"].click()
    assert len(bench.page.plot.shown) == 12
    bench.page.sets.changed.emit(bench.page.sets.itemData(1))  # whose one mode was out of sight
    assert len(bench.page.plot.shown) == 1


def test_a_floor_far_below_all_points_is_told_instead_of_drawn(bench):
    assert not bench.page.plot.floor_below() and not bench.page.note.isVisible()
    high = Measured(3.0, 50, (16.3, 0.5), rows=(row(frechet=138.0), row("euler", frechet=150.0)))
    bench.desk._shipped["fashion-mnist"] = Table("fashion-mnist", "abc", (high,))
    bench.desk.changed.emit()
    assert bench.page.plot.floor_below() and "real against real 16.3" in bench.page.plot._below.toPlainText() and not bench.page.note.isVisible()
    low, top = bench.page.plot.view().getPlotItem().getViewBox().viewRange()[1]
    assert 130 < low < 138 and 150 < top < 155
    low = Measured(3.0, 60, (16.3, 0.5), rows=(row(frechet=17.0), row(frechet=40.0, steps=5)))
    bench.desk._shipped["fashion-mnist"] = Table("fashion-mnist", "abc", (low,))
    bench.desk.changed.emit()
    assert not bench.page.plot.floor_below() and bench.page.plot._below is None


def test_the_axis_is_logarithmic_at_first_where_the_distances_differ_much(bench):
    assert bench.page.log.isChecked() and bench.page.plot.log_y  # 9 to 40
    bench.page.log.click()
    bench.page.refresh()
    assert not bench.page.plot.log_y  # a person's choice holds for this set
    bench.page.sets.changed.emit(bench.page.sets.itemData(1))
    assert not bench.page.log.isChecked()  # two equal ones
    ticks = bench.page.plot.view().getPlotItem().getAxis("left")
    assert ticks._tickLevels is None


def test_every_sampler_is_named_beside_its_points_and_no_name_lies_over_another(bench):
    close = tuple(row(name, 5, 40.0 + 0.1 * k) for k, name in enumerate(("ddim", "euler", "dpm-1", "deis", "heun"))) + (row("ddim", 10, 20.0),)
    bench.desk._shipped["fashion-mnist"] = Table("fashion-mnist", "abc", (Measured(3.0, 50, rows=close),))
    bench.desk.changed.emit()
    plot = bench.page.plot
    view, axis = plot.view(), plot.view().getPlotItem().getViewBox()
    view.grab()  # places are worked out when it is painted
    boxes = [name.mapRectToScene(name.boundingRect()) for _, name in plot._names]
    assert {sampler for sampler, _ in plot._names} == {"ddim", "euler", "dpm-1", "deis", "heun"}
    assert not any(a.adjusted(1, 1, -1, -1).intersects(b) for k, a in enumerate(boxes) for b in boxes[:k])
    assert all(axis.sceneBoundingRect().contains(box) for box in boxes)


@settings(deadline=None)  # a busy machine is no failure
@given(st.lists(st.floats(0, 100), min_size=1, max_size=7))
def test_names_keep_their_order_and_their_distance_and_stay_inside(wanted):
    places = dodged(wanted, 14, 0, 100)
    order = sorted(range(len(wanted)), key=lambda k: wanted[k])
    ranked = [places[k] for k in order]
    assert all(b - a >= 14 - 1e-6 for a, b in zip(ranked, ranked[1:], strict=False)) and ranked[0] >= -1e-6 and ranked[-1] <= 100 + 1e-6
    if all(b - a >= 14 for a, b in zip(sorted(wanted), sorted(wanted)[1:], strict=False)):
        assert places == pytest.approx(wanted)


def test_a_points_numbers_stand_in_two_lines_that_fit(bench):
    many = words.described(bench.point("ddim", 10, "cfg", True), bench.page.found())
    assert many.count("\n") == 1
    longest = replace(bench.point("ddim", 10, "cfg", True), mode="zero-star", sampler="dpmpp-2m", steps=100, nfe=200.0, seeds=3, frechet=141.25,
                      frechet_sd=0.123)
    bench.page._say(longest)
    info = bench.page.info
    assert info.fontMetrics().boundingRect(0, 0, 9999, 99, 0, info.text()).width() <= 600 and not info.wordWrap()


def test_pointing_tells_the_numbers_and_a_click_adopts_in_one_step(bench, qtbot):
    plot, wanted = bench.page.plot, bench.point("ddim", 10, "cfg", False)
    place = plot.place(wanted).toPoint()
    qtbot.mouseMove(plot.view().viewport(), place)
    assert "26.0 \N{PLUS-MINUS SIGN} 1" in bench.page.info.text() and "20 evaluations (10 a branch)" in bench.page.info.text()
    before = bench.document.request
    qtbot.mouseClick(plot.view().viewport(), Qt.MouseButton.LeftButton, pos=place)
    a = bench.document.request.a
    assert a == replace(before.a, sampler="ddim", steps=10) and bench.page.isVisible()
    bench.document.undo_stack.undo()
    assert bench.document.request == before


def test_a_click_beside_the_points_changes_nothing(bench, qtbot):
    before = bench.document.request
    far = bench.page.plot.place(bench.point("ddim", 5, "cfg", False)).toPoint() + QPoint(0, 60)
    qtbot.mouseClick(bench.page.plot.view().viewport(), Qt.MouseButton.LeftButton, pos=far)
    assert bench.document.request == before


def test_the_keyboard_goes_from_point_to_point_and_adopts(bench, qtbot):
    plot = bench.page.plot
    for _ in range(2):
        qtbot.keyClick(plot, Qt.Key.Key_Right)
    chosen = plot.current
    qtbot.keyClick(plot, Qt.Key.Key_Return)
    a = bench.document.request.a
    assert chosen is not None and (a.sampler, a.steps, a.mode, a.tuned) == chosen.setting


def test_the_best_for_a_number_of_evaluations_is_named_and_adopted(bench):
    page = bench.page
    for most, word in (("9", "the cheapest takes 10"), ("10", "DDIM, 5 steps"), ("20", "DPM++ 2M, 10 steps"), ("", "Give a number")):
        page.most.setText(most)
        assert word in page.best_words.full() and page.take.isEnabled() == (most in ("10", "20"))
    page.most.setText("1000")
    page.take.click()
    a = bench.document.request.a
    assert (a.sampler, a.steps, a.tuned) == ("dpmpp-2m", 20, False)


def test_beside_the_best_for_a_price_stands_how_tuned_ddim_does_where_a_solver_without_tuning_wins(bench):
    page = bench.page
    page.most.setText("20")
    assert page.rival.text() == ("For this price DPM++ 2M without tuning is better than tuned DDIM: 12.0 against 18.0 (10 steps, CFG).")
    page.most.setText("10")  # DDIM itself
    assert not page.rival.isVisible() and page.rival.text() == ""
    points = bench.page.found().points
    near = replace(bench.point("dpmpp-2m", 10, "cfg", False), frechet=18.5)
    assert "is as good as tuned DDIM" in words.without_tuning(near, points, "frechet")
    assert words.without_tuning(bench.point("ddim", 10, "cfg", True), points, "frechet") == ""


def test_adopting_a_tuned_point_of_another_mode_changes_only_the_side_in_edit(bench):
    bench.document.replace(replace(bench.document.request, b=replace(bench.document.request.a, mode="recfg")), "compare")
    bench.workspace.controls.edit("b")
    a = bench.document.request.a
    bench.page.adopted.emit(bench.point("ddim", 10, "cfg", True))
    b = bench.document.request.b
    assert bench.document.request.a == a and (b.sampler, b.steps, b.mode, b.tuned, b.ratios) == ("ddim", 10, "cfg", True, ())


def test_the_page_says_where_a_solver_without_tuning_wins(bench):
    assert bench.page.verdict.text() == "DPM++ 2M without tuning is better than tuned DDIM at 20 evaluations (CFG)."
    points = Measured(2.0, 9, rows=(*ROWS, row(mode="recfg", tuned=True), row("dpmpp-2m", mode="recfg", frechet=1.0), row(steps=20, tuned=True))).points
    assert words.verdict(points, "frechet") == "DPM++ 2M without tuning is better than tuned DDIM at 20 and 40 evaluations (CFG) and at 20 evaluations (ReCFG)."
    assert words.verdict([p for p in points if not p.tuned], "frechet") == ""


def test_a_set_too_small_for_a_distance_says_so_and_leads_on(bench, weights):
    page = bench.page
    shutil.copy(resources.path("weights") / "emoji3d.reference.safetensors", weights / "emoji3d.reference.safetensors")
    bench.document.replace(replace(bench.document.request, a=Sampling(model="emoji3d")), "model")
    assert page.plate_title.text() == "Too small for a distance" and "class accuracy" in page.plate_text.text()
    assert page.plate_measure.text().startswith("Measure class accuracy") and not page.more.isVisible() and not page.save.isVisible()
    page.plate_measure.click()
    assert page.setup.isVisible() and page.setup.count.currentData() == 500 and not page.plate_measure.isVisible() and page.more.isVisible()
    page.more.click()
    bare = {"frechet": None, "precision": None, "recall": None}
    bench.desk._own["emoji3d"] = Table("emoji3d", "e", (Measured(3.0, 196, None, "", (row(**bare),)),))
    bench.desk.changed.emit()
    assert page.note.text().startswith("Emoji 3D has too few pictures for a Frechet distance")  # and its accuracies say why they are what they are
    bench.desk._own.clear()
    bench.desk.changed.emit()
    page.plate_other.click()
    assert bench.document.request.a.model == "fashion-mnist" and page.isVisible() and page.found().rows
    bench.document.undo_stack.undo()
    assert bench.document.request.a.model == "emoji3d"


def test_measuring_more_begins_with_as_many_images_as_the_set_in_sight(bench):
    page, setup = bench.page, bench.page.setup
    page.more.click()
    assert setup.count.currentData() == 2000 and "cannot be compared" not in setup.estimate.text()
    setup.count.set_value(500)
    setup.steps.setText("30")
    assert "cannot be compared with those in sight" in setup.estimate.text() and "2,000 images" in setup.estimate.text()
    page.refresh()
    assert setup.count.currentData() == 500  # a person's choice holds
    odd = Measured(3.0, 196, rows=(row(),))
    bench.desk._shipped["fashion-mnist"] = Table("fashion-mnist", "abc", (odd,))
    bench.desk.changed.emit()
    assert setup.count.currentData() == 196


def test_a_model_without_measurements_says_why(bench):
    page = bench.page
    bench.document.replace(replace(bench.document.request, a=Sampling(model="emoji3d")), "model")
    assert page.plate_title.isVisible() and "No measurements came with Emoji 3D" in page.plate_text.text() and page.plate_measure.isVisible()
    bench.document.replace(replace(bench.document.request, a=Sampling(model="toy-gauss")), "model")
    assert "A toy has no pictures" in page.plate_text.text() and not page.more.isVisible()
    bench.document.replace(replace(bench.document.request, a=Sampling(model="/nowhere/own.safetensors")), "model")
    assert "vernier reference" in page.plate_text.text() and not page.more.isVisible()


def test_measurements_of_other_weights_are_not_shown(bench):
    bench.worker.answer()
    outcome = bench.workspace.stage.outcome
    sides = (replace(outcome.sides[0], model_hash="other"),)
    bench.desk.show_outcome(replace(outcome, sides=sides))
    assert bench.desk.table() is None and "other weights" in bench.page.plate_text.text()
    bench.desk.show_outcome(replace(outcome, sides=(replace(outcome.sides[0], model_hash="abc"),)))
    assert bench.page.found().key == (3.0, 2000) and not bench.desk.problem()


def test_points_appear_as_they_come_and_cancel_keeps_them(bench):
    ticket = bench.begin()
    assert bench.page.stop.isVisible() and not bench.page.more.isVisible()
    assert len(bench.background.tasks[-1].known) == len(ROWS)
    news = replace(TABLE, sets=(Measured(3.0, 2000, (7.5, 0.2), "", (row(steps=8, frechet=22.0),)),))
    bench.background.progress.emit(ticket, 0.5, "ddim 8 steps, cfg, seed 0: k3")
    assert bench.page.status.full().startswith("Measuring DDIM 8 steps, CFG, seed 0")
    bench.background.news.emit(ticket, news)
    assert bench.point("ddim", 8, "cfg", False).frechet == 22.0 and len(bench.page.found().points) == 7
    bench.page.stop.click()
    assert bench.background.cancelled == [ticket] and len(bench.page.found().points) == 7 and not bench.page.stop.isVisible()


def test_a_new_set_is_shown_from_its_first_point_on(bench):
    ticket = bench.begin(gamma_1=4.0, count=205)
    assert bench.page.found().key == (3.0, 2000)
    bench.background.news.emit(ticket, replace(TABLE, sets=(Measured(4.0, 200, None, "", (row(steps=8),)),)))
    assert bench.page.found().key == (4.0, 200)


def test_a_failed_measurement_leaves_the_page_ready(bench):
    ticket = bench.begin()
    bench.background.failed.emit(ticket, ValueError("no"))
    assert bench.page.more.isVisible() and len(bench.page.found().points) == 6


def test_news_of_other_tasks_are_not_taken_for_points(bench):
    ticket = bench.begin()
    bench.background.news.emit(ticket + 1, replace(TABLE, sets=(Measured(3.0, 2000, None, "", (row(steps=8),)),)))
    bench.background.done.emit(ticket + 1, TABLE)
    assert len(bench.page.found().points) == 6 and bench.page.stop.isVisible()


def test_what_is_known_is_not_measured_again_and_the_time_is_told(bench):
    page, setup = bench.page, bench.page.setup
    bench.worker.answer()
    page.more.click()
    setup.count.set_value(2000)
    setup.steps.setText("5, 10")
    setup.samplers.set_values(("ddim",))
    setup.refresh()
    assert "measured already" in setup.estimate.text() and not setup.begin.isEnabled()
    bench.desk._pace["fashion-mnist"] = 0.001
    setup.steps.setText("5, 10, 20")
    assert setup.estimate.text().startswith("1 measurement at \N{GREEK SMALL LETTER GAMMA}\N{SUBSCRIPT ONE} 3: about 4 min")  # 1.4 x 2000 x (40 + 50) ms
    setup.steps.setText("")
    assert "no steps" in setup.estimate.text() and not setup.begin.isEnabled()
    setup.steps.setText("20")
    setup.begin.click()
    task = bench.background.tasks[-1]
    assert (task.steps, task.gamma_1, task.lenient, task.count) == ((20,), 3.0, True, 2000) and not setup.isVisible()


def test_the_plot_is_saved_as_png_svg_and_csv(bench, tmp_path):
    files = plot_files.save_all([bench.page.plot], tmp_path / "plots")
    assert sorted(path.name for path in files) == [f"quality-against-steps.{form}" for form in ("csv", "png", "svg")]
    lines = (tmp_path / "plots" / "quality-against-steps.csv").read_text().splitlines()
    assert len(lines) == 7 and lines[0].startswith("sampler,mode,timesteps,steps,network evaluations (one branch)")
    assert "ddim,cfg,plain,10,10,20.0,3.0,2000,2,26.0,1.0,0.8,0.5,0.9,0.0,7.5,0.2" in lines
    svg = (tmp_path / "plots" / "quality-against-steps.svg").read_text()
    assert "<svg" in svg and "DPM++" in svg


def test_accuracy_stands_in_where_there_is_no_distance(bench):
    bare = {"frechet": None, "precision": None, "recall": None}
    found = Table("fashion-mnist", "abc", (Measured(3.0, 90, None, "", (row(accuracy=0.8, **bare), row("euler", accuracy=0.95, **bare))),))
    bench.desk._shipped["fashion-mnist"] = found
    bench.desk.changed.emit()
    assert bench.page.plot.table()[1] and not bench.page.log.isVisible()
    assert bench.page.plot.view().getPlotItem().getAxis("left").labelText == "accuracy (high is good)"
    assert [word for _, word in quality_plot.shares(0.9, 1.02)] == ["90 %", "92 %", "94 %", "96 %", "98 %", "100 %"]
    bench.page.most.setText("20")
    assert bench.page.best_words.full() == "Euler, 10 steps, CFG   95.0%"


def test_own_measurements_are_found_again(bench, weights):
    own = Table("fashion-mnist", "abc" * 9, (Measured(3.0, 200, None, "", (row(),)),))
    quality_table.write(weights.parent / "cache" / "quality" / f"fashion-mnist-{('abc' * 9)[:12]}.quality.json", own)
    desk = QualityDesk(type(bench.background)(), weights.parent / "samples", str(weights.parent / "cache"))
    desk.show_settings(Sampling(model="fashion-mnist"))
    desk._hashes["fashion-mnist"] = "abc" * 9
    desk._load("fashion-mnist")
    assert desk.table().find((3.0, 200)).rows == (row(),)


def test_escape_and_the_cross_lead_back_to_the_picture(bench):
    assert bench.workspace.escape() and not bench.page.isVisible()
    bench.workspace.controls.quality.click()
    assert bench.page.isVisible()
    bench.page.left.emit()
    assert not bench.page.isVisible()
