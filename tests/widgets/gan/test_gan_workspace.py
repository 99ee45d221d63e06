"""The GAN lab's workspace around a real engine."""

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor
from PySide6.QtTest import QTest

from engines.gan.request import GanRequest, Smart
from engines.gan.seeds import SeedsTask
from engines.job import EngineError
from widgets.gan.plane import enlarged, ground, spread, strokes


def test_the_first_screen_shows_both_generators_over_the_data(bench):
    workspace = bench.workspace
    assert [play.action for play in bench.worker.asked] == ["look"]
    assert all(plane.isVisible() and plane.has_numbers() for plane in workspace.stage.planes)
    assert workspace.stage.buttons["train"].text() == "Train" and "step 0 of 1,000" in workspace.stage.count.text()
    assert workspace.controls.sliders["sigma_low"].note.text() == "t 25"
    assert workspace.insight.numbers.cells["modes", 2].text() == "25"


def test_space_starts_and_pauses(bench, qtbot):
    stage = bench.workspace.stage
    stage.setFocus()
    QTest.keyClick(stage, Qt.Key.Key_Space)
    assert bench.worker.asked[-1].action == "train" and stage.buttons["train"].text() == "Pause" and not stage.buttons["step"].isEnabled()
    bench.worker.work(150)
    assert "step 150" in stage.count.text() and len(stage.plots[0].curves[0].x) == 2
    QTest.keyClick(stage, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: bench.worker.asked[-1].action == "look")
    assert stage.buttons["train"].text() == "Train" and bench.workspace.outcome.step == 150


def test_a_run_to_the_end_says_what_came_out_and_training_again_begins_anew(bench):
    bench.do("train")
    bench.worker.work()
    assert not bench.workspace.playing and "off the manifold" in bench.done[-1] and bench.workspace.outcome.step == 1000
    bench.do("train")
    assert bench.worker.asked[-1].action == "again"
    bench.worker.work(3)
    assert bench.workspace.outcome.step == 3


def test_a_slider_that_moves_while_it_trains_goes_on_with_the_new_value(bench):
    bench.do("train")
    bench.worker.work(20)
    slider = bench.workspace.controls.sliders["lam"]
    slider.changed.emit(0.5)
    assert bench.worker.asked[-1].action == "train" and bench.worker.asked[-1].request.smart.lam == 0.5
    bench.worker.work(1)
    assert bench.workspace.outcome.step == 21 and "0.5" in bench.workspace.stage.planes[1].about.full()
    bench.document.undo_stack.undo()
    assert bench.worker.asked[-1].request.smart.lam == Smart().lam


def test_the_low_end_of_a_strength_is_off(bench):
    bench.workspace.controls.sliders["lam"].changed.emit(0.001)
    bench.workspace.controls.sliders["r1"].changed.emit(1e-4)
    assert bench.document.request.smart.lam == 0 and bench.document.request.r1 == 0


def test_one_end_of_the_noise_interval_pushes_the_other(bench):
    sliders = bench.workspace.controls.sliders
    sliders["sigma_low"].changed.emit(0.2)
    assert (bench.document.request.smart.sigma_low, bench.document.request.smart.sigma_high) == (0.2, 0.2)
    sliders["sigma_high"].changed.emit(0.05)
    assert (bench.document.request.smart.sigma_low, bench.document.request.smart.sigma_high) == (0.05, 0.05)


def test_other_data_begin_anew_and_keep_playing(bench):
    bench.do("train")
    bench.worker.work(20)
    bench.workspace.controls.data.buttons["spiral"].click()
    assert bench.worker.asked[-1].action == "train" and bench.worker.asked[-1].request.data == "spiral"
    bench.worker.work(1)
    assert bench.workspace.outcome.step == 1 and bench.workspace.outcome.scene.data == "spiral"


def test_step_and_rewind_and_reset(bench):
    bench.do("step")
    assert bench.workspace.outcome.step == 1
    bench.do("train")
    bench.worker.work(450)
    timeline = bench.workspace.stage.timeline
    assert timeline.checkpoints == (0, 200, 400)
    QTest.mouseClick(timeline, Qt.MouseButton.LeftButton, pos=QPoint(round(timeline._x(200)), timeline.height() // 2))
    assert bench.workspace.outcome.step == 200 and not bench.workspace.playing
    bench.do("back")
    assert bench.workspace.outcome.step == 0
    bench.do("step")
    bench.do("reset")
    assert bench.workspace.outcome.step == 0


def test_the_timeline_can_be_used_with_keys(bench):
    bench.do("train")
    bench.worker.work(450)
    timeline = bench.workspace.stage.timeline
    for key in (Qt.Key.Key_Left, Qt.Key.Key_Left, Qt.Key.Key_Return):
        QTest.keyClick(timeline, key)
    assert bench.workspace.outcome.step == 200


def test_layers_that_are_off_are_not_worked_out(bench):
    bench.do("field")
    bench.do("arrows")
    play = bench.worker.asked[-1]
    assert (play.action, play.field, play.arrows) == ("look", False, False)
    assert bench.workspace.outcome.twins[1].field is None


def test_a_twin_that_runs_away_is_told_once(bench):
    bench.do("train")
    bench.worker.work(1)
    bench.worker.engine._lab.run.G.flat[1] = float("nan")
    bench.worker.work(60)
    bench.worker.work(1)
    told = [words for words in bench.said if words[0] == "warn"]
    assert len(told) == 1 and told[0][1].startswith("B was stopped") and told[0][2]
    assert bench.workspace.stage.planes[1].share.text() == "stopped" and bench.workspace.stage.planes[0].share.text() != "stopped"


def test_painting_few_points_is_refused_kindly_and_more_are_trained_on(bench):
    bench.do("draw")
    pad = bench.workspace.stage.pad
    assert bench.workspace.stage.pages.currentWidget() is pad
    middle = pad.canvas.rect().center()
    QTest.mouseClick(pad.canvas, Qt.MouseButton.LeftButton, pos=middle)
    pad.use.click()
    assert "1 point" in pad.text() and "Paint a little more" in pad.text() and bench.document.request.data == "25gaussians"
    QTest.mousePress(pad.canvas, Qt.MouseButton.LeftButton, pos=middle)
    QTest.mouseMove(pad.canvas, middle + QPoint(120, 60))
    QTest.mouseRelease(pad.canvas, Qt.MouseButton.LeftButton, pos=middle + QPoint(120, 60))
    pad.use.click()
    request = bench.document.request
    assert request.data == "drawing" and len(request.drawing) >= 10
    assert request.drawing[0] == pytest.approx((0, 0), abs=0.02) and request.drawing[-1][0] > 0.1 > -0.05 > request.drawing[-1][1]
    assert bench.workspace.playing and bench.worker.asked[-1].request == request


def test_strokes_can_be_taken_back_and_escape_leaves_the_pad(bench):
    bench.do("draw")
    pad = bench.workspace.stage.pad
    for at in (QPoint(100, 100), QPoint(140, 100)):
        QTest.mouseClick(pad.canvas, Qt.MouseButton.LeftButton, pos=at)
    pad.undo.click()
    assert len(pad.canvas.points()) == 1
    pad.clear.click()
    assert pad.canvas.points() == () and not pad.undo.isEnabled()
    assert bench.workspace.escape() and not bench.workspace.escape()


def test_a_file_of_points_is_opened_and_a_poor_one_refused(bench, tmp_path):
    good, poor = tmp_path / "good.csv", tmp_path / "poor.csv"
    good.write_text("\n".join(f"{k / 40},{k / 50}" for k in range(40)))
    poor.write_text("1,2\n")
    assert bench.workspace.open_path(good) and bench.document.request.data == "drawing"
    with pytest.raises(EngineError, match="poor.csv"):
        bench.workspace.open_path(poor)
    assert not bench.workspace.open_path(tmp_path / "x.png")


def test_several_seeds_fill_the_table(bench, tmp_path):
    bench.document.replace(replace(bench.document.request, steps=1000, batch=16), "short")
    bench.do("seeds")
    page = bench.workspace.insight.seeds
    page.count.set_value(2)
    page.start.click()
    task = bench.background.tasks[-1]
    assert isinstance(task, SeedsTask) and task.seeds == (1000, 1001) and page.running and page.start.text() == "Stop"
    bench.background.tasks[-1] = SeedsTask(replace(task.request, steps=60), task.seeds)
    bench.background.work()
    assert not page.running and "2 seeds" in page.text()
    assert "\N{PLUS-MINUS SIGN}" in page.cells["off", 0].text() and page.cells["off", 1].text().endswith("%")
    page.save_to(tmp_path / "seeds.csv")
    assert len((tmp_path / "seeds.csv").read_text().splitlines()) == 5


def test_stopping_the_seeds_says_how_far_they_came(bench):
    page = bench.workspace.insight.seeds
    page.start.click()
    page.start.click()
    assert not page.running and "Stopped after 0 seeds" in page.text()


def test_every_plot_is_saved_in_three_forms(bench, tmp_path):
    bench.do("train")
    bench.worker.work(100)
    bench.workspace.save_plots_to(tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert {"points-a-plain.png", "points-b-smart.svg", "points-b-smart.csv", "off-the-manifold.csv", "modes-covered.svg"} <= names
    assert (tmp_path / "points-b-smart.csv").read_text().splitlines()[0] == "x,y,off the manifold"
    assert all((tmp_path / name).stat().st_size > 20 for name in names)


def test_a_change_of_theme_repaints_the_planes(bench, qapp):
    from app.theme import Theme

    theme = Theme(qapp, "dark")
    dark = bench.workspace.stage.planes[0].grab().toImage().pixelColor(40, 120)
    theme.choose("light")
    light = bench.workspace.stage.planes[0].grab().toImage().pixelColor(40, 120)
    theme.choose("dark")
    assert isinstance(dark, QColor) and light.lightness() > dark.lightness() + 60


def test_the_ground_mixes_density_and_belief():
    density, field = np.zeros((8, 8), np.float32), np.full((4, 4), 0.5, np.float32)
    density[0, 0], field[3, 3] = 1, 1.0
    empty, full, green = (np.array(rgb, np.float32) for rgb in ((0, 0, 0), (200, 200, 200), (0, 255, 0)))
    picture = ground(density, field, empty, full, green)
    assert picture[0, 0, 0] > 150 and picture[7, 7, 1] > 60 and picture[7, 7, 0] == 0 and picture[3, 0].max() == 0
    ramp = enlarged(np.tile(np.arange(4, dtype=np.float32), (4, 1)), 8)
    assert ramp.shape == (8, 8) and (np.diff(ramp[0]) >= 0).all() and ramp[0, 0] == 0 and ramp[0, 7] == 3


def test_arrows_point_along_the_vectors_and_never_grow_long():
    x, y = strokes(np.zeros((1, 2)), np.array([[1000.0, 0.0]]))
    assert list(spread(np.array([[0.01, 0.01], [0.02, 0.02], [0.5, 0.5]]))) == [0, 2]
    assert len(x) == 6 and 0.15 < x[1] < 0.161 and abs(y[1]) < 1e-9 and x[3] < x[1]


def test_a_request_with_one_arm_shows_one_plane(bench):
    bench.document.replace(GanRequest(batch=32, twin=False), "plain")
    assert bench.workspace.stage.planes[0].isVisible() and not bench.workspace.stage.planes[1].isVisible()
