"""Tuned timesteps where a request goes: an engine's answer, a grid's axis and cells, files, the atlas."""

import json
from dataclasses import replace

import numpy as np
import pytest

from engines.guidance.engine import GuidanceEngine
from engines.guidance.grid import cell_settings
from engines.guidance.outcome import Side
from engines.guidance.picture import caption, read_png_request, save_png
from engines.guidance.request import Grid, GuidanceRequest, Sampling, refitted
from engines.guidance.store import Store
from engines.guidance.tune_request import TuneRequest, TuneTask
from engines.job import EngineError, Job
from widgets.guidance import words
from widgets.guidance.axis_text import parse, text_of
from widgets.guidance.grid_controls import axes_for

TOY = Sampling(model="toy-gauss", sampler="ddim", steps=5, mode="cfg", gamma_1=2.0, count=200)


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    """An engine, and settings whose own file has 5 and 10 steps of DDIM for all classes."""
    folder = tmp_path_factory.mktemp("tuned")
    path, made = str(folder / "t.json"), GuidanceEngine(folder)
    TuneTask(TuneRequest("toy-gauss", ("ddim",), (5, 10), (None,), (2.0,), draws=8), path).carry_out(made, Job())
    made.mine = replace(TOY, tuned=True, tuning=path)
    return made


def test_a_run_hands_over_the_ratios_in_force_and_the_files(engine):
    side = engine.side(engine.mine, Job())
    assert side.ratios == side.filed == engine.tuned(engine.mine).ratios and len(side.ratios) == 5 and any(r != 1 for r in side.ratios)
    hand = engine.side(replace(engine.mine, ratios=(1.0, 1.0, 0.9, 1.0, 1.0)), Job())
    assert hand.ratios == (1.0, 1.0, 0.9, 1.0, 1.0) and hand.filed == side.filed
    assert engine.side(TOY, Job()).ratios == () == engine.side(TOY, Job()).filed


def test_steps_that_a_file_lacks_are_drawn_plain_and_told(engine):
    side, bare = engine.side(replace(engine.mine, steps=7), Job()), engine.side(replace(TOY, steps=7), Job())
    assert side.ratios == () and side.untuned == "No tuned timesteps for 7 steps; tuned for 5, 10 steps." and any("plain" in note for note in side.notes)
    assert np.array_equal(side.points, bare.points)
    assert "tuned are ddim 5, 10" in engine.side(replace(engine.mine, sampler="euler"), Job()).untuned
    with pytest.raises(EngineError, match="7 steps"):
        engine.tuned(replace(engine.mine, steps=7))  # what the command line asks first


def test_a_file_that_was_named_and_is_damaged_is_refused(engine, tmp_path):
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(EngineError, match="not a file of tuned"):
        engine.side(replace(engine.mine, tuning=str(tmp_path / "bad.json")), Job())


def test_a_file_that_is_tuned_further_is_read_again(engine, tmp_path):
    path = str(tmp_path / "more.json")
    TuneTask(TuneRequest("toy-gauss", ("ddim",), (5,), (None,), (2.0,), draws=8), path).carry_out(engine, Job())
    seven = replace(engine.mine, tuning=path, steps=7)
    assert engine.side(seven, Job()).ratios == ()
    TuneTask(TuneRequest("toy-gauss", ("ddim",), (7,), (None,), (2.0,), draws=8), path).carry_out(engine, Job())
    assert len(engine.side(seven, Job()).ratios) == 7


def test_timesteps_are_an_axis_of_a_grid_in_words():
    assert parse("tuned", "plain, tuned") == (False, True) == parse("tuned", "off, on")
    assert text_of("tuned", (False, True)) == "plain, tuned" and words.axis_word("tuned") == "timesteps"
    with pytest.raises(EngineError, match="maybe"):
        parse("tuned", "maybe")
    grid = Grid("tuned", (False, True), "steps", (5, 10))
    assert Grid.from_dict(json.loads(json.dumps(grid.to_dict()))) == grid
    assert "tuned" in axes_for(Sampling()) and "tuning" not in axes_for(Sampling()) and "tuning" in axes_for(Sampling(tuning="x"))


def test_a_cell_drops_ratios_by_hand_that_it_does_not_fit(engine):
    base = replace(engine.mine, ratios=(1.0,) * 5)
    grid = Grid("tuned", (False, True), "steps", (5, 10))
    assert cell_settings(base, grid, 0, 1).ratios == (1.0,) * 5 and cell_settings(base, grid, 1, 1).ratios == ()
    assert not cell_settings(base, grid, 1, 0).tuned
    other = cell_settings(base, Grid("model", ("toy-gauss", "toy-bimodal"), None, ()), 0, 1)
    assert other.ratios == () and other.tuning == ""
    assert refitted(base, replace(base, steps=6, ratios=(1.0,) * 6)).ratios == (1.0,) * 6  # new ones that came with the change


def test_a_grid_over_timesteps_is_drawn(engine):
    from engines.guidance.grid import GridTask

    done = GridTask(GuidanceRequest(engine.mine, grid=Grid("tuned", (False, True), "steps", (5, 7)))).carry_out(engine, Job())
    ratios = {(cell.row, cell.column): len(cell.side.ratios) for cell in done.cells}
    assert ratios == {(0, 0): 0, (0, 1): 5, (1, 0): 0, (1, 1): 0}


def test_a_stored_cell_keeps_what_it_was_asked_at(engine, tmp_path):
    store, side = Store(tmp_path, engine), engine.side(engine.mine, Job())
    store.save(side)
    found = store.load(engine.mine)
    assert found.ratios == side.ratios and found.filed == side.filed


def test_a_saved_picture_brings_its_timesteps_back(tmp_path):
    settings = Sampling(tuned=True, tuning="somewhere.tuned.json", ratios=(1.0, 0.97, 1.0), steps=3)
    side = Side(settings, np.zeros((1, 4, 4, 3), np.uint8), ratios=settings.ratios)
    save_png(tmp_path / "x.png", side.images[0], caption(side))
    assert read_png_request(tmp_path / "x.png")[0].a == settings


def test_the_atlas_says_that_its_map_is_of_plain_timesteps(bench):
    panel, note = bench.workspace.pages.atlas_panels[0], "plain ones"
    bench.workspace.insight.tabs.show_page("Atlas")
    assert note not in panel.about.text()
    bench.document.replace(GuidanceRequest(replace(bench.document.request.a, tuned=True)), "tuned")
    assert note in panel.about.text()
    assert bench.workspace.pages.atlas.task().ground().tuned is False
