import csv
import math
from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, QRect, Qt
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from app.actions import TABLE
from engines.guidance.grid import Cell, GridResult, cells, order
from engines.guidance.outcome import Side
from engines.guidance.picture import read_png_request
from engines.guidance.request import AXES, Grid, GuidanceRequest, Sampling
from engines.job import EngineError
from widgets.guidance import words
from widgets.guidance.axis_text import axis_named, parse, suggestions, text_of
from widgets.guidance.grid_controls import axes_for


def side(settings, shade=100):
    return Side(settings, np.full((settings.count, 32, 32, 3), shade, np.uint8), nfe=2 * settings.steps, seconds=0.1)


def tell(bench, count=None, failing=()):
    """Tells the first `count` cells of the last task, and its end if these are all."""
    task, ticket = bench.background.tasks[-1], len(bench.background.tasks)
    places = cells(task.request)
    for k, place in enumerate(order(task.request.grid.rows, task.request.grid.columns)):
        if count is not None and k >= count:
            return
        cell = Cell(*place, places[place], *((None, "It broke.", "Mend it.") if place in failing else (side(places[place], 20 * place[0] + 10 * place[1]),)))
        bench.background.news.emit(ticket, cell)
    bench.background.done.emit(ticket, GridResult(task.request, tuple(bench.workspace.pages.grid_run.cells.values()), 30, 60, 1.0))


@pytest.fixture
def page(bench):
    """The grid's page, open."""
    bench.worker.answer()
    bench.workspace.commands()["guidance.grid"]()
    return bench.workspace.stage.grid


def click(view, place):
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=view.box(place).center().toPoint())


def test_the_empty_grid_says_what_it_would_draw_and_draws_on_request(bench, page):
    assert page.begin.isVisible() and "12 cells" in page._plate_text.text() and page.view._legend.columns == ("1", "2", "3", "5")
    page.begin.click()
    assert not page.begin.isVisible() and page.stop.isVisible()
    assert bench.background.tasks[-1].request.grid == bench.document.request.grid == Grid()
    bench.document.undo_stack.undo()
    assert bench.document.request.grid is None


def test_cells_appear_as_they_finish_and_the_samples_stay_out_of_sight(bench, page):
    page.begin.click()
    tell(bench, 5)
    bench.worker.answer(bench.worker.asked[0])
    assert len(page.view._pictures) == 5 and "5 of 12" in page.status.text() and bench.workspace.stage.grid_shown()
    tell(bench)
    assert len(page.view._pictures) == 12 and not page.stop.isVisible() and page.status.text() == ""


def test_a_cancelled_grid_keeps_its_cells_and_going_on_takes_them_along(bench, page):
    page.begin.click()
    tell(bench, 4)
    page.stop.click()
    assert bench.background.cancelled == [1] and len(page.view._pictures) == 4 and page.status.text() == "4 of 12 cells, stopped"
    page.again.click()
    assert len(bench.background.tasks[-1].known) == 4 and bench.background.tasks[-1].request == bench.background.tasks[0].request
    bench.background.news.emit(1, Cell(0, 0, Sampling()))  # the stopped one is not listened to
    assert bench.workspace.pages.grid_run.cells == {}


def test_a_second_click_on_cancel_neither_saves_nor_draws_and_nothing_moves(bench, page):
    page.begin.click()
    tell(bench, 4)
    QApplication.sendPostedEvents()
    place, cells_at = place_of(page, page.stop), place_of(page, page.view)
    page.stop.click()
    page.layout().activate()
    assert page.save.isVisible() and page.again.isVisible() and not page.stop.isVisible() and place_of(page, page.view) == cells_at
    assert not any(place_of(page, button).intersects(place) for button in (page.save, page.again))


def place_of(page, part):
    return QRect(part.mapTo(page, QPoint()), part.size())


def test_a_click_adopts_a_cell_in_one_step_and_goes_back_to_the_samples(bench, page):
    page.begin.click()
    tell(bench)
    before = bench.document.request
    click(page.view, (2, 3))
    request = bench.document.request
    assert (request.a.gamma_1, request.a.steps, request.a.count) == (5.0, 20, before.a.count) and not bench.workspace.stage.grid_shown()
    bench.document.undo_stack.undo()
    assert bench.document.request == before


def test_the_keyboard_reaches_every_cell(bench, page):
    page.begin.click()
    tell(bench)
    assert page.view.current == (2, 2)  # the settings in force
    for key in (Qt.Key.Key_Home, Qt.Key.Key_Right, Qt.Key.Key_Down, Qt.Key.Key_Down, Qt.Key.Key_Down, Qt.Key.Key_Left, Qt.Key.Key_Right):
        QTest.keyClick(page.view, key)
    assert page.view.current == (2, 1) and "strength 2, steps 20" in page.info.full()
    QTest.keyClick(page.view, Qt.Key.Key_Return)
    assert bench.document.request.a.gamma_1 == 2.0
    assert bench.workspace.commands()["guidance.grid"]() is None and bench.workspace.escape() and not bench.workspace.stage.grid_shown()
    assert not bench.workspace.escape()


def test_hovering_a_cell_names_its_settings_and_leaving_it_stops(bench, page):
    page.begin.click()
    tell(bench, failing={(0, 0)})
    QTest.mouseMove(page.view.viewport(), page.view.box((1, 2)).center().toPoint())
    assert "strength 3, steps 10" in page.info.full() and "20 evaluations" in page.info.full()
    QTest.mouseMove(page.view.viewport(), page.view.box((0, 0)).center().toPoint())
    assert "It broke. Mend it." in page.info.full() and page.status.text() == "1 cell failed"
    click(page.view, (0, 0))
    assert bench.workspace.stage.grid_shown()  # a cell that failed has nothing to adopt
    QTest.mouseMove(page.view.viewport(), QPoint(1, 1))
    assert "adopts" in page.info.full()


def test_a_cell_that_comes_under_a_resting_pointer_names_its_settings(bench, page):
    page.begin.click()
    QTest.mouseMove(page.view.viewport(), page.view.box((1, 2)).center().toPoint())
    assert "adopts" in page.info.full()
    tell(bench)
    assert "strength 3, steps 10" in page.info.full()


def test_other_settings_mark_the_grid_as_outdated_and_keep_it(bench, page):
    page.begin.click()
    tell(bench)
    bench.workspace.controls.sliders["gamma_1"].changed.emit(5.0)
    assert not page.again.isVisible()  # the strength is an axis: the grid is the same
    assert page.view._here == (2, 3)
    bench.workspace.controls.seed.changed.emit(77)
    assert page.again.isVisible() and "changed" in page.status.text() and len(page.view._pictures) == 12
    page.again.click()
    assert bench.background.tasks[-1].request.a.seed == 77
    tell(bench)
    assert not page.again.isVisible()


def test_a_failed_grid_says_why_and_can_be_drawn_again(bench, page):
    page.begin.click()
    bench.background.failed.emit(1, EngineError("There is no table.", remedy="Build one."))
    assert page.begin.isVisible() and "There is no table. Build one." in page._plate_text.text()
    page.begin.click()
    assert len(bench.background.tasks) == 2


def test_heads_stay_in_sight_when_a_large_grid_scrolls(bench, page):
    grid = Grid("seed", tuple(range(20)), "steps", tuple(range(1, 21)), 1)
    bench.document.replace(replace(bench.document.request, grid=grid), "grid")
    page.begin.click()
    tell(bench, 1)
    view = page.view
    assert view.horizontalScrollBar().maximum() > 0 and view.verticalScrollBar().maximum() > 0 and min(view.cell_size()) >= 56

    def heads():
        return view.viewport().grab().toImage().copy(0, 0, view.heads.width() - 4, view.viewport().height())
    before = heads()
    view.horizontalScrollBar().setValue(view.horizontalScrollBar().maximum())
    assert heads() == before  # the row heads have not moved
    view.verticalScrollBar().setValue(view.verticalScrollBar().maximum())
    assert heads() != before
    QTest.keyClick(view, Qt.Key.Key_Home)
    assert view.box((0, 0)).left() >= view.heads.width() and view.place_at(view.box((0, 0)).center()) == (0, 0)
    assert view.place_at(QPointF(2, 200)) is None


def test_the_grid_fills_its_page_and_zooms(bench, page):
    page.begin.click()
    tell(bench)
    view = page.view
    width, height = view.cell_size()
    room, heads = view.viewport().size(), view.heads
    assert width == height and max(room.width() - heads.width() - 4 * (width + 5), room.height() - heads.height() - 3 * (height + 5)) >= 0
    assert min(room.width() - heads.width() - 4 * (width + 8), room.height() - heads.height() - 3 * (height + 8)) < 0
    assert view.horizontalScrollBar().maximum() == 0
    view.set_zoom(2.5)
    assert view.cell_size()[0] == pytest.approx(2.5 * width, abs=3) and view.verticalScrollBar().maximum() > 0
    view.set_zoom(0.1)
    assert view.cell_size() == (width, height)


def test_axes_and_values_are_chosen_in_the_panel_in_one_step_each(bench):
    section = bench.workspace.controls.grid
    section.x.changed.emit("mode")
    assert bench.document.request.grid == Grid("mode", ("cfg", "recfg", "rescale", "zero-star", "apg"))
    section.y.changed.emit(None)
    assert bench.document.request.grid.y is None and section._y_values_row.isHidden()
    section.x_values.setEditText("CFG, apg")
    section.x_values.lineEdit().editingFinished.emit()
    assert bench.document.request.grid.x_values == ("cfg", "apg") and bench.document.undo_stack.count() == 3
    section.x_values.setEditText("CFG, best")
    section.x_values.lineEdit().editingFinished.emit()
    assert "'best'" in section.note.text() and bench.document.request.grid.x_values == ("cfg", "apg")


def test_a_refused_text_is_neither_replaced_nor_drawn(bench):
    section = bench.workspace.controls.grid
    section.head.setChecked(True)
    section.x_values.setEditText("banana")
    section.x_values.lineEdit().editingFinished.emit()
    section.draw.click()
    assert bench.background.tasks == [] and section.x_values.currentText() == "banana" and "'banana'" in section.note.text()
    section.x_values.setEditText("1, 2")
    section.x_values.lineEdit().editingFinished.emit()
    section.draw.click()
    assert len(bench.background.tasks) == 1


def test_an_axis_that_needs_a_partner_brings_it(bench):
    section = bench.workspace.controls.grid
    section.x.changed.emit("blend")
    assert bench.document.request.a.label_2 == 1 and bench.document.request.grid.x == "blend"
    section.y.changed.emit("seed_mix")
    assert bench.document.request.a.seed_2 == 1 and len(cells(bench.document.request)) == 25
    bench.document.replace(GuidanceRequest(), "afresh")
    section.x.changed.emit("seed_2")
    assert bench.document.request.a.seed_mix == 0.5 and len({replace(s, count=1) for s in cells(bench.document.request).values()}) == 12


def test_the_section_draws_in_place_and_opens_the_page(bench):
    section = bench.workspace.controls.grid
    section.draw.click()
    assert bench.workspace.stage.grid_shown() and section.stop.isEnabled() and not section.draw.isEnabled()
    bench.background.progress.emit(1, 0.5, "Cell 3 of 12")
    assert section.bar.value() == 100
    place = section.stop.geometry()
    section.stop.click()
    assert not section.stop.isEnabled() and section.draw.isEnabled() and section.stop.geometry() == place and not section.draw.geometry().intersects(place)


def test_an_axis_that_cannot_act_is_told_in_the_window(bench):
    bench.document.replace(GuidanceRequest(Sampling(), grid=Grid("c", (1.0,), None, ())), "open")
    bench.workspace.controls.grid.draw.click()
    assert bench.said[-1][0] == "bad" and "toy-1d" in bench.said[-1][2] and not bench.background.tasks


def test_a_grid_is_saved_as_one_picture_that_brings_it_back_or_as_one_a_cell(bench, page, tmp_path):
    page.begin.click()
    tell(bench)
    page.save_sheet_to(tmp_path / "grid.png")
    page.save_cells_to(tmp_path / "cells")
    assert len(list((tmp_path / "cells").glob("*.png"))) == 12 and read_png_request(tmp_path / "grid.png")[0].grid == Grid()
    bench.document.replace(GuidanceRequest(Sampling(seed=5)), "other")
    assert bench.workspace.open_path(tmp_path / "grid.png") and bench.document.request.grid == Grid() and bench.document.request.a.seed == 0
    assert bench.background.tasks[-1].request == bench.document.request  # and it is drawn again, from the cells that are known
    assert len(bench.background.tasks[-1].known) == 12
    (tmp_path / "no").write_text("a file")
    page.save_sheet_to(tmp_path / "no" / "grid.png")
    assert bench.said[-1][0] == "bad"


def test_a_grid_is_saved_as_svg_and_as_a_list(bench, page, tmp_path):
    page.begin.click()
    tell(bench, failing=((0, 1),))
    page.save_sheet_to(tmp_path / "grid.svg")
    page.save_sheet_to(tmp_path / "list.csv")
    page.save_cells_to(tmp_path / "cells")
    assert QSvgRenderer(str(tmp_path / "grid.svg")).isValid() and (tmp_path / "grid.svg").read_text().count("<image") == 11
    alone, beside = (list(csv.DictReader(path.read_text().splitlines())) for path in (tmp_path / "list.csv", tmp_path / "cells" / "grid.csv"))
    assert len(alone) == 12 and all(row["file"] == "" for row in alone) and beside[1]["error"] == "It broke." and beside[1]["nfe"] == ""
    assert sorted(row["file"] for row in beside if row["file"]) == sorted(path.name for path in (tmp_path / "cells").glob("*.png"))
    assert (beside[2]["gamma_1"], beside[2]["steps"], beside[2]["nfe"], beside[2]["seconds"]) == ("3.0", "5", "10", "0.1")
    page.save_sheet_to(tmp_path / "grid.pdf")
    assert bench.said[-1][0] == "bad" and ".svg" in bench.said[-1][2] and not (tmp_path / "grid.pdf").exists()


def test_a_starred_result_stays_starred_when_the_grid_changes(bench):
    bench.worker.answer()
    bench.workspace.controls.grid.x.changed.emit("seed")
    bench.workspace.commands()["guidance.star"]()
    assert len(bench.workspace.history.starred()) == 1 and not bench.said


def test_side_b_follows_the_noise_of_an_adopted_cell(bench, page):
    bench.workspace.commands()["guidance.compare"]()
    bench.workspace.controls.grid.x.changed.emit("seed")
    page.asked.emit("draw")
    tell(bench)
    click(page.view, (0, 3))
    assert bench.document.request.a.seed == bench.document.request.b.seed == 3 and bench.document.request.b.mode == "cfg"


@pytest.mark.parametrize(("field", "text", "values"), [
    ("gamma_1", "1, 2.5;3", (1.0, 2.5, 3.0)), ("steps", "5..20:5", (5, 10, 15, 20)), ("steps", "2..4", (2, 3, 4)),
    ("gamma_1", "1..2:0.25", (1, 1.25, 1.5, 1.75, 2)),
    ("mode", "cfg, ReCFG, CFG-Zero*", ("cfg", "recfg", "zero-star")), ("label", "1, heart", (1, 2)), ("guide_below", "0.5, off", (0.5, math.inf)),
    ("guide_above", "off, 1", (0.0, 1.0)), ("gamma_0", "cfg, -2", (None, -2.0)), ("model", "Emoji 3D, /a/b.safetensors", ("emoji3d", "/a/b.safetensors")),
    ("sampler", "DPM-1, dpm-2, DPM++ 2M, deis", ("dpm-1", "dpm-2", "dpmpp-2m", "deis")), ("prompt", "a cat, asleep | a dog", ("a cat, asleep", "a dog"))])
def test_values_are_read_as_a_person_writes_them_and_written_as_they_are_read(field, text, values):
    names = ("face", "animal", "heart")
    found = parse(field, text, names)
    assert found == values and [type(v) for v in found] == [type(v) if not isinstance(found[k], float) else float for k, v in enumerate(values)]
    assert parse(field, text_of(field, found, names), names) == found


def test_the_grid_has_a_key_and_a_place_in_the_menus():
    entry = next(entry for entry in TABLE if entry.id == "guidance.grid")
    assert entry.keys == ("G",) and entry.menu == "Guidance"


def test_every_axis_has_a_word_and_a_suggestion_that_can_be_drawn():
    base = Sampling(prompt="a cat", table="t.safetensors", calibration="c.safetensors", tuning="t.json", label_2=1, seed_2=5)
    for field in AXES:
        assert words.axis_word(field) and "_" not in words.axis_word(field)
        for text in suggestions(field, base, ("face", "animal")):
            assert Grid(field, parse(field, text, ("face", "animal")), None, ()).columns >= 1
    assert set(axes_for(base)) == set(AXES) - {"c"} and "label" not in axes_for(Sampling("toy-1d")) and "c" in axes_for(Sampling("toy-1d"))
    assert axis_named("--guide-below") == "guide_below" and axis_named("class") == "label"
