from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from engines.guidance.film import HOLD_MS, SaveFilm
from engines.guidance.outcome import Film, Outcome, Side, ToyNumbers
from engines.guidance.request import FILM_POINTS, GuidanceRequest, Sampling
from engines.guidance.toy_film import SaveToyFilm
from engines.job import EngineError, Job
from engines.worker import BackgroundWorker
from widgets.guidance import adopt, film_frames
from widgets.guidance import workspace as workspace_module
from widgets.guidance.film_saving import FilmSaving


def film(side, steps=5, shade=0):
    """Step k of a film has the grey 20 k + shade."""
    frames = np.stack([np.full((side.settings.count, 32, 32, 3), 20 * k + shade, np.uint8) for k in range(steps)])
    return Film(frames, 255 - frames, np.geomspace(100, 0.01, steps))


def answer(bench, steps=(5, 3)):
    """Finishes the newest request; with its film where that was asked for."""
    draw = bench.worker.asked[-1]
    sides = []
    for k, settings in enumerate(draw.sides()):
        side = Side(settings, np.full((settings.count, 32, 32, 3), 200, np.uint8), per_step={"rho": np.ones(3), **dict.fromkeys(
            ("t", "difference", "gamma_1", "gamma_0", "S"), np.ones(3))})
        sides.append(replace(side, film=film(side, steps[k]) if draw.film else None))
    bench.worker.done.emit(Outcome(draw.request, tuple(sides), draw.draft))


@pytest.fixture
def filmed(bench):
    """The bench with the film of its first request open."""
    answer(bench)
    bench.workspace.commands()["guidance.film"]()
    answer(bench)
    yield bench
    bench.workspace.stage.film.stop()


def shade(bench, grid=0):
    return int(bench.workspace.stage.grids[grid].images[0, 0, 0, 0])


def strip(bench):
    return bench.workspace.stage.film.strip


def test_the_film_is_drawn_when_it_is_opened_and_takes_the_place_of_the_history(bench):
    answer(bench)
    assert bench.workspace.stage.film.isHidden()
    bench.workspace.commands()["guidance.film"]()
    assert bench.worker.asked[-1].film and not bench.worker.asked[-1].draft and strip(bench).stale
    answer(bench)
    assert not strip(bench).stale and len(strip(bench).levels) == 5 and shade(bench) == 200
    assert bench.workspace.history.isHidden() and bench.workspace.stage.film_button.isChecked()
    bench.workspace.commands()["guidance.film"]()
    assert not bench.workspace.history.isHidden() and bench.workspace.stage.film.isHidden()
    asked = len(bench.worker.asked)
    bench.workspace.commands()["guidance.film"]()
    assert len(bench.worker.asked) == asked  # the film is still there


def test_scrubbing_shows_the_step_large_and_the_end_shows_the_finished_images(filmed):
    box = strip(filmed)
    QTest.mouseClick(box, Qt.MouseButton.LeftButton, pos=QPoint(int(box.x(2)), 10))
    assert box.step == 2 and shade(filmed) == 40 and "step 3 of 5" in filmed.workspace.stage.film.caption.text()
    for key, wanted in ((Qt.Key.Key_Right, 60), (Qt.Key.Key_Home, 0), (Qt.Key.Key_End, 200), (Qt.Key.Key_Left, 60)):
        QTest.keyClick(box, key)
        assert shade(filmed) == wanted
    filmed.workspace.stage.film.kind.buttons["noisy"].click()
    assert shade(filmed) == 255 - 60
    filmed.workspace.commands()["guidance.film"]()
    assert shade(filmed) == 200


def test_both_sides_are_scrubbed_together_and_end_together(filmed):
    filmed.workspace.commands()["guidance.compare"]()
    answer(filmed)
    assert strip(filmed).rows == 2
    strip(filmed).go(2)
    assert (shade(filmed, 0), shade(filmed, 1)) == (40, 20)  # B has three steps for A's five
    strip(filmed).go(4)
    assert (shade(filmed, 0), shade(filmed, 1)) == (200, 200)


def test_a_large_image_follows_the_film_and_the_strip_shows_it(filmed, monkeypatch):
    asked, thumbnail = [], film_frames.thumbnail
    monkeypatch.setattr(film_frames, "thumbnail", lambda *words: asked.append(words[-1]) or thumbnail(*words))
    filmed.workspace.stage.open(0, 1)
    strip(filmed).grab()
    assert set(asked) == {1}
    strip(filmed).go(1)
    assert filmed.workspace.stage.closeup.grids[0].images[0, 0, 0, 0] == 20


def test_an_image_that_is_opened_at_a_step_is_shown_at_that_step(filmed):
    strip(filmed).go(1)
    filmed.workspace.stage.open(0, 2)
    assert filmed.workspace.stage.closeup.grids[0].images[0, 0, 0, 0] == 20


def test_the_film_and_the_grid_give_way_to_each_other(filmed):
    commands, stage = filmed.workspace.commands(), filmed.workspace.stage
    commands["guidance.grid"]()
    assert stage.grid_shown() and stage.film.isHidden() and not filmed.workspace.history.isHidden()
    commands["guidance.film"]()
    assert not stage.grid_shown() and not stage.film.isHidden()


@pytest.mark.parametrize("page", ["atlas", "quality"])
def test_the_film_puts_another_page_away_and_the_other_way_round(filmed, page):
    commands, stage = filmed.workspace.commands(), filmed.workspace.stage
    commands[f"guidance.{page}"]()
    assert stage.aside() and stage.film.isHidden()
    commands["guidance.film"]()
    assert not stage.aside() and not stage.film.isHidden()


def test_escape_closes_the_film_before_the_large_image_and_after_what_lies_over_it(filmed):
    workspace = filmed.workspace
    workspace.stage.open(0, 1)
    workspace.show_training()
    assert workspace.escape() and not workspace.training.isVisible() and workspace.stage.film.isVisible()
    assert workspace.escape() and workspace.stage.film.isHidden() and workspace.history.isVisible()
    assert workspace.stage.pages.currentWidget() is workspace.stage.closeup
    assert workspace.escape() and workspace.stage.pages.currentWidget() is not workspace.stage.closeup
    assert not workspace.escape()


def test_a_draft_is_shown_as_it_is_and_the_place_is_kept(filmed):
    strip(filmed).go(2)
    filmed.workspace._propose(replace(filmed.document.request, a=Sampling(gamma_1=4.0)), "x", "slide")
    assert filmed.worker.asked[-1].draft and not filmed.worker.asked[-1].film
    answer(filmed)
    assert strip(filmed).stale and shade(filmed) == 200
    filmed.workspace._refine()
    answer(filmed, (10, 10))
    assert not strip(filmed).stale and strip(filmed).step == 5 and shade(filmed) == 100


def test_play_goes_on_holds_the_end_and_loops_or_stops(filmed):
    panel = filmed.workspace.stage.film
    QTest.keyClick(strip(filmed), Qt.Key.Key_Space)
    assert panel.playing() and strip(filmed).step == 0
    for wanted in (1, 2, 3, 4):
        assert panel._timer.interval() < HOLD_MS
        panel._tick()
        assert strip(filmed).step == wanted
    assert panel._timer.interval() == HOLD_MS
    panel._tick()
    assert strip(filmed).step == 0 and panel.playing()
    panel.loop.click()
    strip(filmed).go(4)
    panel._tick()
    assert not panel.playing()
    filmed.workspace.commands()["guidance.play"]()
    assert panel.playing()
    filmed.workspace.commands()["guidance.film"]()
    assert not panel.playing()  # nothing ticks behind a closed film


def test_only_the_last_films_stay_in_memory(filmed):
    for seed in range(1, 6):
        filmed.document.replace(GuidanceRequest(Sampling(seed=seed)), "seed")
        answer(filmed)
    kept = [film_frames.has_film(outcome) for outcome in filmed.workspace._results.values()]
    assert len(kept) == 6 and kept == [False] * (6 - workspace_module.FILMS) + [True] * workspace_module.FILMS
    filmed.document.undo_stack.undo()
    assert not strip(filmed).stale
    filmed.document.replace(GuidanceRequest(), "first")
    assert filmed.worker.asked[-1].film and filmed.worker.asked[-1].request == GuidanceRequest()


def test_more_steps_than_fit_are_chosen_evenly(filmed):
    box = strip(filmed)
    box.set_film(tuple(np.geomspace(100, 0.01, 100)), 1, lambda row, step: None)
    slots = box.slots()
    assert 5 < len(slots) < 40 and slots == sorted(set(slots)) and slots[0] < 10 and slots[-1] > 89
    box.go(99)
    assert box.step == 99 and box._at(box.x(37)) == 37


def test_a_film_is_saved_on_the_background_lane_with_its_progress(filmed, tmp_path):
    said, told = [], []
    filmed.workspace.worked.connect(said.append)
    filmed.workspace.writing.connect(lambda *words: told.append(words))
    filmed.workspace.exports.save_film_to(tmp_path / "a.gif")
    task, = filmed.background.tasks
    assert isinstance(task, SaveFilm) and task.kind == "predicted" and task.image is None and len(task.films) == 1
    assert told == [("a.gif waits for the work before it", -1.0)]
    filmed.background.started_.emit(1)
    filmed.background.progress.emit(1, 0.4, "Writing a.gif, step 3 of 5")
    filmed.background.progress.emit(7, 0.9, "Cell 3 of 4")  # somebody else's work
    assert told[1:] == [("Writing a.gif", 0.0), ("Writing a.gif, step 3 of 5", 0.4)]
    filmed.background.done.emit(1, [])
    assert said[-1] == "Saved a.gif" and told[-1] == ("", -1.0)
    filmed.workspace.exports.save_film_to(tmp_path / "a.webm")
    assert [kind for kind, *_ in filmed.said] == ["bad"] and len(filmed.background.tasks) == 1


def test_the_writing_of_a_film_can_be_stopped_and_the_next_one_goes_on(filmed, tmp_path):
    said, told = [], []
    filmed.workspace.worked.connect(said.append)
    filmed.workspace.writing.connect(lambda *words: told.append(words))
    for name in ("a.gif", "b.mp4"):
        filmed.workspace.exports.save_film_to(tmp_path / name)
    filmed.background.started_.emit(1)
    filmed.workspace.stop_writing()
    assert filmed.background.cancelled == [1] and said == ["a.gif was not written"] and told[-1] == ("b.mp4 waits for the work before it", -1.0)
    filmed.background.failed.emit(2, EngineError("The disk is full."))
    assert told[-1] == ("", -1.0) and len(said) == 1
    filmed.workspace.stop_writing()  # nothing is left to stop
    assert filmed.background.cancelled == [1]


def test_a_film_is_written_and_stopped_by_a_real_background_lane(qtbot, tmp_path):
    """Stopped while it writes: the row is empty again and no file is left."""
    frames = np.zeros((400, 1, 64, 64, 3), np.uint8)
    lane = BackgroundWorker(lambda task, job: task.carry_out(None, job))
    saving, told = FilmSaving(lane), []
    saving.told.connect(lambda *words: told.append(words))
    lane.start()
    saving.save(SaveFilm(tmp_path / "a.mp4", (Film(frames, frames, np.geomspace(100, 0.01, 400)),), {}))
    qtbot.waitUntil(lambda: any(0 < part < 1 for _, part in told), timeout=30_000)
    saving.cancel()
    lane.close()
    assert told[-1] == ("", -1.0) and list(tmp_path.iterdir()) == []


def test_without_a_film_there_is_nothing_to_save_and_that_is_said(bench):
    answer(bench)
    bench.workspace.commands()["guidance.save_film"]()
    assert [kind for kind, *_ in bench.said] == ["info"]


def test_the_small_picture_of_a_toy_is_the_right_way_up():
    density = np.zeros((81, 81))
    density[70:, 70:] = 1.0  # x and y large: upper right
    axis = np.linspace(-4, 4, 81)
    toy = ToyNumbers(np.zeros(2), np.zeros(2), 0.0, 1.0, 1.0, 1.0, (axis, axis), density, density)
    settings = Sampling("toy-gauss", mode="cfg")
    picture = adopt.thumbnail(Outcome(GuidanceRequest(settings), (Side(settings, points=np.zeros((1, 2)), toy=toy),)))
    dense, others = picture.pixelColor(picture.width() - 5, 5), [picture.pixelColor(*at) for at in ((5, 5), (5, picture.height() - 5))]
    assert others[0] == others[1] and abs(dense.lightness() - others[0].lightness()) > 80


@pytest.mark.parametrize("dim", [1, 2])
def test_a_toy_is_filmed_as_the_paths_of_its_points(bench, dim, tmp_path):
    model, axis = ("toy-1d", "toy-gauss")[dim - 1], np.linspace(-4, 4, 81)
    settings = Sampling(model=model, mode="cfg", steps=6, count=3000)
    bench.document.replace(GuidanceRequest(settings), "toy")
    flat = np.ones([81] * dim)
    toy = ToyNumbers(np.zeros(dim), np.zeros(dim), 0.0, 1.0, 1.0, 1.0, (axis,) * dim, flat, flat)
    walks = np.random.default_rng(0).standard_normal((7, FILM_POINTS, dim))
    side = Side(settings, points=walks[-1], trajectories=walks, toy=toy, per_step={key: np.geomspace(100, 0.01, 6) for key in (
        "t", "rho", "difference", "gamma_1", "gamma_0", "S")} | {"step_rho": np.geomspace(100, 0.01, 6), "mean": np.zeros((6, dim)), "deviation": np.ones(6)})
    bench.workspace.commands()["guidance.film"]()
    bench.worker.done.emit(Outcome(bench.worker.asked[-1].request, (side,)))
    assert len(strip(bench).levels) == 6
    assert bench.workspace.stage.film.save.isVisible() and not bench.workspace.stage.film.kind.isVisible()
    bench.workspace.exports.save_film_to(tmp_path / "toy.gif")
    task = bench.background.tasks[-1]
    assert isinstance(task, SaveToyFilm) and task.titles == ("CFG  \u03b3\u2081 3.00",) and len(task.carry_out(None, Job())) == 1
    strip(bench).go(3)
    toys = bench.workspace.stage.toys
    if dim == 1:
        assert [np.nanmax(curve.x) for curve in toys.paths.curves] == [6, 4] and not np.array_equal(toys.density.curves[1].y, flat)
    else:
        assert np.array_equal(np.stack(toys._planes[0]._dots.getData(), 1), walks[4])
    small = film_frames.without_film(Outcome(GuidanceRequest(settings), (side,)))
    assert small.sides[0].trajectories.shape == (7, film_frames.PATHS, dim) and not film_frames.has_film(small)
