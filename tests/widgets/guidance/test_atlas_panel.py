import csv
import io
import math
from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QImage
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtTest import QTest

from engines.guidance.atlas import Atlas, AtlasTask, Point, fitting, stored
from engines.guidance.engine import GuidanceEngine
from engines.guidance.outcome import Against, Outcome, Side
from engines.guidance.request import SAMPLERS, GuidanceRequest, Sampling
from engines.job import EngineError, Job
from widgets.guidance import catalog
from widgets.guidance.atlas_paint import Frame, Picture, caption, nice
from widgets.guidance.atlas_places import caveat, place, standing, trail
from widgets.guidance.atlas_surface import Surface, contours


def answer(task, count=None, reference="6,000 real images"):
    """An atlas with known hills: shift 10 log gamma_1, ratio 2^(20 (1 - S)); the first `count` points."""
    pairs = [pair for part in task.passes() for pair in part][:count]
    points = [Point(g, s, 10 * math.log(g), 0.5, 2 ** (20 * (1 - s)), 0.1, 0.0, 2 ** (20 * (1 - s))) for g, s in pairs]
    return Atlas(task, "", reference, "grey levels", 8.0, recfg=0.99).joined(points, 100)


@pytest.fixture
def filled(bench):
    """The workspace with a whole atlas on show."""
    bench.worker.answer()
    bench.workspace.insight.tabs.show_page("Atlas")
    bench.workspace.pages.atlas.compute()
    bench.background.started_.emit(1)
    bench.background.done.emit(1, answer(bench.background.tasks[0]))
    return bench


def click(view, pair):
    QTest.mouseClick(view, Qt.MouseButton.LeftButton, pos=view.frame().place(*pair).toPoint())


# surface ------------------------------------------------------------------------------------------------------------------
def test_the_surface_goes_through_the_points_and_makes_no_hill():
    task = AtlasTask(Sampling())
    atlas = answer(task)
    surface = Surface(atlas)
    for point in atlas.on_map():
        assert surface.at("shift", point.gamma_1, point.total) == pytest.approx(point.shift, abs=1e-9)
        assert surface.at("ratio", point.gamma_1, point.total) == pytest.approx(point.ratio, rel=1e-9)
    grid = surface.grid("shift", 200, 9)
    assert (np.diff(grid, axis=1) >= -1e-12).all()
    assert surface.at("shift", 2.3, 1.013) == pytest.approx(10 * math.log(2.3), abs=0.01)


def test_a_coarse_map_stands_for_the_points_to_come():
    task = AtlasTask(Sampling())
    first = len(task.passes()[0])
    assert not Surface(answer(task, first - 1)).complete
    for count in (first, first + 7, first + 30):
        assert Surface(answer(task, count)).at("ratio", 2.0, 0.95) == pytest.approx(2.0, rel=0.02)


def test_iso_lines_lie_where_the_value_is():
    x, y = np.linspace(0, 2, 81), np.linspace(0.8, 1.2, 61)
    values = x[None] + 0 * y[:, None]
    (line,) = contours(values, x, y, 0.7)
    assert np.allclose(np.log(line[:, 0]), 0.7) and line[:, 1].min() < 0.81 and line[:, 1].max() > 1.19


def test_points_that_ran_off_are_blown_up_and_do_not_hide_the_others():
    atlas = answer(AtlasTask(Sampling()))
    strengths, sums = atlas.task.axes()
    lost = Point(strengths[0], sums[0], *[math.nan] * 4, 1.0, math.nan)
    surface = Surface(atlas.joined([lost]))
    blown = surface.blown(60, 40)
    assert blown[0, 0] and not blown[20:].any() and np.isfinite(surface.grid("shift", 50, 50)).all()


@pytest.mark.parametrize("value, wanted", [(0.9, 1), (1.2, 1.5), (26, 30), (41, 50), (0.031, 0.04), (10, 10)])
def test_colours_end_at_a_round_number(value, wanted):
    assert nice(value) == pytest.approx(wanted)


# map and panel ------------------------------------------------------------------------------------------------------------
def test_the_empty_atlas_says_what_it_costs_and_computes_on_a_click(bench):
    bench.worker.answer()
    bench.workspace.insight.tabs.show_page("Atlas")
    panel = bench.workspace.pages.atlas_panels[0]
    assert "108 points of 32 samples" in panel.about.text() and not panel.cancel.isVisible()
    panel.button.click()
    assert bench.background.tasks == [fitting(bench.document.request.a)] and panel.cancel.isVisible() and not panel.button.isVisible()
    panel.button.click()
    assert len(bench.background.tasks) == 1


def test_a_click_takes_the_pair_in_one_step(filled):
    view = filled.workspace.pages.atlas_panels[0].map
    before, depth = filled.document.request, filled.document.undo_stack.index()
    point = filled.workspace.pages.atlas.atlas().on_map()[39]
    click(view, (point.gamma_1, point.total))
    a = filled.document.request.a
    assert (a.mode, a.gamma_1, a.gamma_0) == ("free", point.gamma_1, point.gamma_0) and filled.document.undo_stack.index() == depth + 1
    filled.document.undo_stack.undo()
    assert filled.document.request == before


def test_on_the_line_of_cfg_it_stays_cfg(filled):
    view = filled.workspace.pages.atlas_panels[0].map
    QTest.mouseClick(view, Qt.MouseButton.LeftButton, pos=view.frame().place(5.0, 1.0).toPoint() + QPoint(0, 3))
    a = filled.document.request.a
    assert (a.mode, a.gamma_0) == ("cfg", None) and a.gamma_1 == pytest.approx(5.0, abs=0.1)


def test_a_click_beside_the_map_takes_nothing(filled):
    before = filled.document.request
    QTest.mouseClick(filled.workspace.pages.atlas_panels[0].map, Qt.MouseButton.LeftButton, pos=QPoint(5, 5))
    assert filled.document.request == before


def test_arrows_and_enter_do_what_the_mouse_does(filled):
    view = filled.workspace.pages.atlas_panels[0].map
    view.set_places((3.0, 1.0), None)
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Up, Qt.Key.Key_Up, Qt.Key.Key_Return):
        QTest.keyClick(view, key)
    a = filled.document.request.a
    assert (a.mode, a.gamma_1, a.gamma_0) == ("free", 3.1, pytest.approx(-2.08))


def test_pointing_reads_the_numbers_with_their_error(filled):
    panel = filled.workspace.pages.atlas_panels[0]
    point = filled.workspace.pages.atlas.atlas().on_map()[39]
    QTest.mouseMove(panel.map, panel.map.frame().place(point.gamma_1, point.total).toPoint())
    text = panel.readout.text()
    assert f"{point.shift:.3g} \N{PLUS-MINUS SIGN} 0.5 grey levels" in text and "now" not in text
    panel.map._point(None)
    assert "now" in panel.readout.text()


def test_the_pair_goes_to_the_side_on_show(filled):
    filled.workspace.commands()["guidance.compare"]()
    filled.workspace.controls.edit("b")
    filled.workspace.controls.side.changed.emit("b")
    filled.workspace.pages.atlas_panels[0].adopted.emit(2.0, 0.95)
    request = filled.document.request
    assert (request.b.mode, request.b.gamma_1, request.b.gamma_0) == ("free", 2.0, -1.05) and request.a.mode == "recfg"


def test_cancel_keeps_the_points_and_offers_to_go_on(bench, qtbot):
    bench.worker.answer()
    bench.workspace.insight.tabs.show_page("Atlas")
    panel = bench.workspace.pages.atlas_panels[0]
    panel.button.click()
    bench.background.started_.emit(1)
    bench.background.news.emit(1, answer(bench.background.tasks[0], 20))
    panel.cancel.click()
    assert bench.background.cancelled == [1] and panel.button.isVisible() and panel.button.text() == "Go on"
    assert "20 of 108 points" in panel.about.text() and panel.map.picture.atlas.done() == 20


def test_progress_shows_while_the_map_grows(bench, qtbot):
    bench.worker.answer()
    bench.workspace.insight.tabs.show_page("Atlas")
    panel = bench.workspace.pages.atlas_panels[0]
    panel.button.click()
    assert "Waiting" in panel.about.text()
    bench.background.started_.emit(1)
    bench.background.progress.emit(1, 0.25, "Atlas, point 27 of 108")
    bench.background.news.emit(1, answer(bench.background.tasks[0], 26))
    qtbot.waitUntil(lambda: panel.bar.value() == 250 and panel.map.picture is not None)
    assert panel.map.picture.surface.complete


def test_other_peoples_tickets_change_nothing(filled):
    before = filled.workspace.pages.atlas.atlas()
    filled.background.news.emit(77, object())
    filled.background.done.emit(77, object())
    assert filled.workspace.pages.atlas.atlas() is before


def test_another_class_has_a_map_of_its_own_and_the_first_comes_back(filled):
    panel = filled.workspace.pages.atlas_panels[0]
    filled.workspace.controls.label.changed.emit(3)
    assert panel.map.picture is None and panel.button.text() == "Compute atlas"
    filled.document.undo_stack.undo()
    assert panel.map.picture is not None


def test_a_whole_quick_map_can_be_refined(filled):
    panel = filled.workspace.pages.atlas_panels[0]
    assert panel.button.text() == "Refine"
    panel.button.click()
    assert filled.background.tasks[-1] == fitting(filled.document.request.a, fine=True)


def test_a_failed_map_leaves_the_panel_ready(bench):
    bench.workspace.insight.tabs.show_page("Atlas")
    panel = bench.workspace.pages.atlas_panels[0]
    panel.button.click()
    bench.background.failed.emit(1, EngineError("no"))
    assert panel.button.isVisible() and not panel.bar.isVisible()


def test_the_large_atlas_takes_the_stage_until_escape_and_follows_the_layer(filled):
    small, large = filled.workspace.pages.atlas_panels
    small.size_button.click()
    assert filled.workspace.stage.pages.currentWidget() is large
    large.layers.buttons["ratio"].click()
    assert small.map.layer == large.map.layer == "ratio"
    filled.worker.answer()
    assert filled.workspace.stage.pages.currentWidget() is large  # a new picture does not push it aside
    assert filled.workspace.escape() and filled.workspace.stage.pages.currentIndex() == 0
    filled.workspace.commands()["guidance.atlas"]()
    assert filled.workspace.stage.pages.currentWidget() is large
    large.size_button.click()
    assert filled.workspace.stage.pages.currentIndex() == 0


def test_a_curve_lies_where_its_values_are_and_the_calibrated_mode_on_the_line_of_cfg():
    calibrated = Sampling(mode="calibrated", gamma_1=3.0)
    assert place(calibrated, 0.99) == (3.0, 1.0) and "its noise level and its corrections" in caveat(calibrated)
    assert "lacks its corrections" in caveat(Sampling(mode="calibrated", guide_below=1.0))  # the map is guided in the same interval
    held = Sampling(mode="curve", curve_1=((1.0, 2.5),))
    assert trail(held) == ((2.5, 1.0),) and place(held, None) == (2.5, 1.0) and caveat(held) == ""
    assert place(Sampling(mode="curve", gamma_1=4.0), None) == (4.0, 1.0)
    drawn = Sampling(mode="curve", curve_1=((0.1, 4.0), (10.0, 1.0)), curve_0=((0.1, -2.9), (10.0, 0.0)))
    path = trail(drawn)
    assert path[0] == (4.0, 1.1) and path[-1] == (1.0, 1.0) and place(drawn, None) is None and "no single point" in caveat(drawn)
    assert all(total == pytest.approx(1 + (g - 1) / 30) for g, total in path)  # both are linear in the logarithm of the level
    assert standing(drawn, None) == "\u03b3\u2081 1.00 to 4.00   \u03b3\u2080 \u22122.90 to 0.00   S 1.00 to 1.10"
    assert caveat(Sampling(mode="apg")).startswith("APG has no place") and caveat(Sampling(mode="cfg")) == standing(Sampling(mode="apg"), None) == ""


def test_the_trail_of_a_curve_is_painted_on_the_map(filled):
    panel = filled.workspace.pages.atlas_panels[0]
    plain = painted(panel.map)
    path = trail(Sampling(mode="curve", curve_1=((0.1, 6.0), (10.0, 1.5)), curve_0=((0.1, -4.9), (10.0, -0.6))))
    panel.map.set_places(None, None, path)
    frame, drawn = panel.map.frame(), painted(panel.map)
    for pair in path:
        at = frame.place(*pair).toPoint()
        assert drawn.pixelColor(at).lightness() > 150 and drawn.pixelColor(at) != plain.pixelColor(at)


def painted(widget):
    return widget.grab().toImage()


def test_the_readout_says_that_the_numbers_are_not_those_of_the_calibrated_mode(filled):
    panel = filled.workspace.pages.atlas_panels[0]
    filled.document.replace(GuidanceRequest(replace(filled.document.request.a, mode="calibrated")), "mode")
    assert panel.map.marks.here == (3.0, 1.0) and panel.map.marks.loose
    assert "lacks its noise level" in panel.readout.text() and "variance" not in panel.readout.text()


@pytest.mark.parametrize("name", SAMPLERS)
def test_what_is_said_of_a_map_names_the_sampler_as_the_controls_do(name):
    words = {value: word for value, word, _ in catalog.SAMPLER_ROWS}
    text = caption(Atlas(AtlasTask(Sampling("toy-1d", sampler=name)), "", "the exact moments", "x", 0.0))
    assert f", {words[name]}, " in text and name not in text


def test_modes_with_changing_coefficients_have_no_place():
    assert place(Sampling(mode="apg"), 0.99) is None and place(Sampling(mode="free", gamma_1=2.0, gamma_0=-0.9), None) == (2.0, 1.1)
    assert place(Sampling(mode="recfg", gamma_1=3.0), 0.99) == (3.0, pytest.approx(1.02)) and place(Sampling(mode="cfg", gamma_1=3.0), 0.99) == (3.0, 1.0)


def test_a_map_on_disk_is_shown_without_being_asked_for(tmp_path, qtbot):
    from PySide6.QtCore import QObject, Signal

    from widgets.guidance.atlas_desk import AtlasDesk

    class Lane(QObject):
        started_, stopped, progress = Signal(int), Signal(int), Signal(int, float, str)
        news, done, failed = Signal(int, object), Signal(int, object), Signal(int, Exception)

    settings = Sampling(model="toy-1d", steps=5)
    task = fitting(settings, cache=str(tmp_path))
    task.carry_out(GuidanceEngine(tmp_path), Job())
    desk = AtlasDesk(Lane(), str(tmp_path))
    desk.show_settings(settings)
    assert desk.atlas().on_map() == stored(task, "").on_map() and desk.can_refine()


def test_places_and_pairs_are_inverse(filled):
    frame: Frame = filled.workspace.pages.atlas_panels[0].map.frame()
    assert frame.pair(frame.place(2.7, 1.07)) == (pytest.approx(2.7), pytest.approx(1.07))
    assert frame.pair(QPointF(-99, 1e5)) == (frame.strengths[0], frame.sums[0])


# files --------------------------------------------------------------------------------------------------------------------
def readable(path):
    if path.suffix == ".csv":
        rows = list(csv.reader(io.StringIO(path.read_text())))
        return len(rows) > 2 and all(len(row) == len(rows[0]) for row in rows)
    if path.suffix == ".svg":
        renderer = QSvgRenderer(str(path))
        return renderer.isValid() and renderer.defaultSize().width() > 100
    return QImage(str(path)).width() > 100


def test_every_plot_and_the_atlas_are_saved_in_every_form(filled, tmp_path):
    filled.workspace.exports.save_plots_to(tmp_path)
    files = sorted(tmp_path.iterdir())
    names = {path.stem for path in files}
    assert names == {"how-far-the-predictions-lie-apart", "coefficients", "atlas-of-emoji-3d-face"}
    assert len(files) == 3 * len(names) and all(readable(path) for path in files)
    rows = list(csv.reader(io.StringIO((tmp_path / "atlas-of-emoji-3d-face.csv").read_text())))
    assert len(rows) == 109 and "shift (grey levels)" in rows[0]


def test_without_a_result_there_is_nothing_to_save(bench, tmp_path):
    bench.workspace.exports.save_plots_to(tmp_path)
    assert not list(tmp_path.iterdir()) and bench.said[-1][0] == "info"


def test_a_folder_that_is_a_file_is_told_and_nothing_is_left(filled, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("x")
    filled.workspace.exports.save_plots_to(blocked)
    assert filled.said[-1][0] == "bad" and blocked.read_text() == "x"


def test_both_layers_and_the_marks_are_drawn(filled):
    view = filled.workspace.pages.atlas_panels[0].map
    seen = set()
    for layer in ("shift", "ratio", "both"):
        view.set_layer(layer)
        image = view.grab().toImage()
        seen.add(bytes(image.constBits()))
    assert len(seen) == 3
    assert isinstance(view.picture, Picture)


def test_the_curves_of_a_toy_and_what_it_goes_through_are_saved_too(bench, tmp_path):
    settings = Sampling(model="toy-1d", mode="cfg", steps=10, count=200)
    side = GuidanceEngine(tmp_path).side(settings, Job())
    bench.document.replace(GuidanceRequest(settings), "toy")
    bench.worker.done.emit(Outcome(GuidanceRequest(settings), (side,)))
    bench.workspace.exports.save_plots_to(tmp_path / "plots")
    names = {path.stem for path in (tmp_path / "plots").iterdir()}
    assert names == {"density", "paths", "how-far-the-predictions-lie-apart", "coefficients", "mean-of-the-predicted-sample", "deviation-between-samples"}
    rows = list(csv.reader(io.StringIO((tmp_path / "plots/mean-of-the-predicted-sample.csv").read_text())))
    assert rows[0] == ["curve", "noise level sigma/alpha", "mean, units of x"] and rows[-1][0] == "data" and float(rows[-1][2]) == 1.5
    assert len(rows) == 1 + 10 + 2


def test_a_model_without_statistics_says_why_its_line_is_missing(bench):
    steps = {"step_rho": np.array([100.0, 1.0]), "mean": np.array([90.0, 100.0]), "deviation": np.array([1.0, 40.0]), "clipped": np.array([0.5, 0.0])}
    request = bench.document.request
    images = np.zeros((request.a.count, 8, 8, 3), np.uint8)
    per_step = {key: np.ones(2) for key in ("t", "rho", "difference", "gamma_1", "gamma_0", "S")} | steps
    bench.worker.done.emit(Outcome(request, (Side(request.a, images, per_step=per_step, unknown="it is a blend"),)))
    course = bench.workspace.insight.course
    assert "it is a blend" in course.note.text() and [curve.name for curve in course.mean.curves] == ["samples"]
    known = Against((80.0,), (50.0,), 12.0, 0.5, 9.0, 0.1, "6,000 real images")
    bench.worker.done.emit(Outcome(request, (Side(request.a, images, per_step=per_step, against=known),)))
    assert [curve.name for curve in course.mean.curves] == ["samples", "data"] and course.note.isHidden()
    assert course.clipped.curves[0].y.tolist() == [50.0, 0.0]
    shown = {name: values for name, values, _ in bench.workspace.insight.result.rows}
    assert shown["Expectation shift"] == ["12.0"] and shown["Variance / data"] == ["0.50"]
