import json
import math
from dataclasses import replace

import numpy as np
import pytest

from engines.diffusion import samplers
from engines.diffusion.schedules import Schedule
from engines.guidance import memo, tables
from engines.guidance.engine import GuidanceEngine
from engines.guidance.grid import GridTask, cell_settings, cells, order
from engines.guidance.request import AXES, Grid, GuidanceRequest, Sampling, unwrap, wrap
from engines.job import Cancelled, EngineError, Job
from engines.parallel import Group

RHOS = [Schedule().rho(t) for t in samplers.grid("ddim", Schedule(), 10)]


@pytest.fixture
def engine(tiny, tmp_path):
    return GuidanceEngine(tmp_path)


@pytest.fixture
def table(tiny, model, data, tmp_path):
    """A ReCFG table beside the tiny model."""
    with Group() as group:
        tables.build(model, data, 4, tmp_path / "tiny.table.safetensors", Job(), group, 4)


@pytest.fixture
def base(tiny):
    return Sampling(model=str(tiny), mode="cfg", steps=3, label=1, sampler="ddim")


class Calls:
    """Counts what a model is really asked."""

    def __init__(self, model):
        self.model, self.evaluations, self.pair_, self.predict_ = model, 0, model.pair, model.predict

    def __enter__(self):
        def predict(x, t, rows, tau=None):
            self.evaluations += len(x) // self.each
            return self.predict_(x, t, rows, tau)
        self.model.predict = predict
        return self

    def __exit__(self, *_):
        del self.model.predict


def draw(engine, base, grid, **more):
    """The result and the cells in the order they were told."""
    told = []
    job = Job(lambda kind, values: told.append(values[0]) if kind == "news" else None)
    return GridTask(GuidanceRequest(base, grid=grid), **more).carry_out(engine, job), told


def test_a_cell_is_to_the_bit_what_a_run_of_its_own_gives(engine, base, table):
    grid = Grid("gamma_1", (1.0, 2.0, 5.0), "mode", ("cfg", "recfg", "apg"), each=2)
    result, told = draw(engine, replace(base, guide_below=RHOS[3], steps=10), grid)
    assert [(cell.row, cell.column) for cell in result.cells] == [(r, c) for r in range(3) for c in range(3)]
    assert len(told) == 9 and result.nfe < result.nfe_alone
    for cell in result.cells:
        alone = engine.side(cell.settings, Job())
        assert np.array_equal(cell.side.images, alone.images) and cell.side.nfe == alone.nfe
        assert (cell.settings.mode, cell.settings.gamma_1) == (grid.y_values[cell.row], grid.x_values[cell.column])


def test_every_cell_shares_the_first_call_and_no_other(engine, base):
    """3 strengths x 2 numbers of steps, all guided: 3 (3 + 5) calls of 2; five of six first calls are not made."""
    grid = Grid("gamma_1", (2.0, 3.0, 5.0), "steps", (3, 5), each=2)
    with Calls(engine.model(base.model)) as calls:
        calls.each = 2
        result, _ = draw(engine, base, grid)
    assert (result.nfe_alone, result.nfe) == (48, 48 - 2 * 5) and calls.evaluations == result.nfe


def test_cells_that_differ_in_strength_share_all_steps_before_guidance_sets_in(engine, base):
    """Guided from the fifth of ten steps on: 4 calls of one branch are shared, then the pair at the first guided step."""
    settings = replace(base, steps=10, guide_below=RHOS[4])
    result, _ = draw(engine, settings, Grid("gamma_1", (2.0, 3.0, 4.0, 5.0), None, (), each=1))
    assert result.nfe_alone == 4 * (4 + 6 * 2) and result.nfe == 4 + 2 + 4 * 5 * 2


def test_a_grid_of_a_hundred_cells_costs_less_than_its_cells(engine, base):
    values = tuple(1 + k / 4 for k in range(1, 11))
    result, _ = draw(engine, replace(base, steps=1), Grid("gamma_1", values, "gamma_0", tuple(-v for v in values), each=1))
    assert len(result.cells) == 100 and result.nfe_alone == 200 and result.nfe == 2  # one step: gamma acts on one shared answer


def test_cells_that_share_nothing_cost_what_they_cost_alone(engine, base):
    result, _ = draw(engine, base, Grid("seed", (1, 2, 3), "label", (0, 1), each=1))
    assert result.nfe == result.nfe_alone == 6 * 6


def test_identical_settings_are_drawn_once(engine, base):
    result, told = draw(engine, base, Grid("seed", (1, 1, 2), None, (), each=1))
    assert result.cells[0].side is result.cells[1].side and result.nfe == 12 and result.nfe_alone == 18 and len(told) == 3


def test_a_toy_cell_has_densities_and_shares_its_first_call():
    result, _ = draw(GuidanceEngine(None), Sampling("toy-1d", mode="cfg", steps=4, count=100), Grid("gamma_1", (2.0, 3.0), "c", (-1.0, 1.0)))
    assert all(cell.side.toy and len(cell.side.points) == 5000 for cell in result.cells)
    assert result.nfe_alone == 4 * 8 and result.nfe == result.nfe_alone - 2 * 2  # another class is another network input


def test_the_corners_come_first_and_every_cell_once():
    seen = list(order(3, 5))
    assert set(seen[:4]) == {(0, 0), (0, 4), (2, 0), (2, 4)} and seen[4] == (1, 2) and sorted(seen) == [(r, c) for r in range(3) for c in range(5)]
    assert list(order(1, 1)) == [(0, 0)] and len(set(order(20, 20))) == 400


class Leaves(Job):
    """Cancelled once `after` cells were told."""

    def __init__(self, after):
        super().__init__(self._told)
        self.after, self.cells = after, []

    def _told(self, kind, values):
        if kind == "news":
            self.cells.append(values[0])
            self.cancelled = len(self.cells) >= self.after


def test_a_cancelled_grid_has_told_its_finished_cells_and_the_next_run_takes_them_over(engine, base, tmp_path):
    request = GuidanceRequest(base, grid=Grid("seed", (1, 2, 3, 4), None, (), each=1))
    job = Leaves(2)
    with pytest.raises(Cancelled):
        GridTask(request, tmp_path / "out").carry_out(engine, job)
    assert len(job.cells) == 2
    result = GridTask(request, tmp_path / "out").carry_out(engine, Job())
    assert result.nfe == 2 * 6 and sum(cell.again for cell in result.cells) == 2 and result.nfe_alone == 24
    again = GridTask(request, tmp_path / "out").carry_out(engine, Job())
    assert again.nfe == 0
    for before, after in zip(result.cells, again.cells, strict=True):
        assert np.array_equal(before.side.images, after.side.images) and before.side.notes == after.side.notes
        assert all(np.array_equal(before.side.per_step[key], after.side.per_step[key], equal_nan=True) for key in before.side.per_step)


def test_known_cells_are_not_drawn_again(engine, base):
    grid = Grid("gamma_1", (2.0, 3.0), None, (), each=1)
    first, _ = draw(engine, base, grid)
    wider, _ = draw(engine, base, replace(grid, x_values=(2.0, 3.0, 4.0)), known={cell.settings: cell.side for cell in first.cells})
    assert wider.nfe == 6 and wider.cells[0].side is first.cells[0].side


def test_a_kept_cell_that_is_damaged_or_of_other_weights_is_drawn_again(engine, base, save_model, tmp_path):
    grid = Grid("seed", (1, 2), None, (), each=1)
    draw(engine, base, grid, folder=tmp_path)
    kept = sorted((tmp_path / ".cells").glob("*.npz"))
    assert len(kept) == 2
    kept[0].write_bytes(kept[0].read_bytes()[:100])
    assert draw(engine, base, grid, folder=tmp_path)[0].nfe == 6
    save_model(tmp_path / "tiny.safetensors", seed=9)
    assert draw(GuidanceEngine(tmp_path), base, grid, folder=tmp_path)[0].nfe == 12


def test_a_kept_toy_has_its_numbers_again(tmp_path):
    grid, base = Grid("gamma_1", (2.0,), None, ()), Sampling("toy-bimodal", mode="cfg", steps=2)
    first, _ = draw(GuidanceEngine(None), base, grid, folder=tmp_path)
    again, _ = draw(GuidanceEngine(None), base, grid, folder=tmp_path)
    assert again.nfe == 0 and again.cells[0].side.toy.shift == first.cells[0].side.toy.shift


def test_a_cell_that_fails_says_why_and_the_others_are_drawn(engine, base):
    result, told = draw(engine, base, Grid("label", (0, 7), None, (), each=1))
    assert result.cells[0].side is not None and result.cells[1].side is None and "no class 7" in result.cells[1].error and result.cells[1].remedy
    with pytest.raises(EngineError, match="no class 7"):
        draw(engine, base, Grid("label", (7, 8), None, (), each=1))


def test_every_number_and_choice_of_sampling_is_an_axis():
    assert set(AXES) >= {"gamma_1", "gamma_0", "steps", "mode", "sampler", "seed", "label", "guide_below", "guide_above", "sharpness", "blend",
                         "seed_mix", "c", "model"} and not {"count", "curve_1"} & set(AXES)


def test_a_coefficient_that_one_mode_reads_brings_the_mode_with_it():
    grid = Grid("gamma_0", (-1.0,), None, ())
    assert cell_settings(Sampling(mode="curve"), grid, 0, 0).mode == "free"
    assert cell_settings(Sampling(), Grid("sharpness", (0.5,), None, ()), 0, 0).mode == "calibrated"
    assert cell_settings(Sampling(), replace(grid, y="mode", y_values=("cfg",)), 0, 0).mode == "cfg"
    assert cell_settings(Sampling(mode="cfg", gamma_0=2.0), Grid("seed", (3,), None, ()), 0, 0) == Sampling(mode="cfg", gamma_0=2.0, seed=3, count=4)


@pytest.mark.parametrize(("changes", "what", "remedy"), [
    ({"x_values": (99.0,)}, "gamma_1 is 99", "between 0 and 30"), ({"y_values": (5, 2.5)}, "steps is 2.5", "whole"),
    ({"x": "glow"}, "'glow' is no axis", "gamma_1"),
    ({"x": "count"}, "'count' is no axis", "seed"), ({"y": "gamma_1"}, "Both axes", "another"), ({"x_values": ()}, "no values", "gamma_1=1,2,3"),
    ({"x_values": tuple(k / 50 for k in range(201)), "y_values": (1, 2)}, "402 cells", "at most 400"), ({"each": 0}, "each is 0", "1 to 64"),
    ({"y": "mode", "y_values": ("best",)}, "mode is 'best'", "cfg"), ({"x_values": (None,)}, "gamma_1 is None", "between"),
    ({"x_values": [1.0]}, "no values", "Give")])
def test_an_axis_that_cannot_be_meant_is_refused_with_field_value_and_range(changes, what, remedy):
    with pytest.raises(EngineError, match=what) as raised:
        replace(Grid(), **changes)
    assert remedy in raised.value.remedy


@pytest.mark.parametrize(("base", "grid", "what"), [
    (Sampling(), Grid("blend", (0.5,), None, ()), "nothing to mix"), (Sampling(), Grid("seed_mix", (0.5,), None, ()), "nothing to mix"),
    (Sampling(), Grid("c", (0.5,), None, ()), "by number"), (Sampling("toy-1d"), Grid("label", (1,), None, ()), "number c")])
def test_an_axis_that_cannot_act_is_refused(base, grid, what):
    with pytest.raises(EngineError, match=what) as raised:
        cells(GuidanceRequest(base, grid=grid))
    assert raised.value.remedy


def test_a_grid_survives_json_and_files_from_before_grids_still_load():
    request = GuidanceRequest(Sampling(), grid=Grid("guide_below", (0.5, math.inf), "gamma_0", (None, -1.0), 9))
    assert unwrap(json.loads(json.dumps(wrap(request), allow_nan=False))) == request
    assert "grid" not in GuidanceRequest().to_dict() and unwrap(wrap(GuidanceRequest())).grid is None
    with pytest.raises(EngineError, match="no axis"):
        unwrap({"vernier": 1, "workspace": "guidance", "request": {"a": {}, "grid": {"x": "glow", "x_values": [1]}}})


def test_the_memo_forgets_the_longest_unused_and_stays_right(engine, base, monkeypatch):
    monkeypatch.setattr(memo.Memo.__init__, "__defaults__", (1,))
    result, _ = draw(engine, base, Grid("gamma_1", (2.0, 3.0), None, (), each=1))
    assert result.nfe == result.nfe_alone == 12
    assert np.array_equal(result.cells[1].side.images, engine.side(result.cells[1].settings, Job()).images)


def test_a_drawn_curve_takes_no_strength_as_an_axis(base):
    drawn = replace(base, mode="curve", curve_1=((0.1, 3.0), (1.0, 1.0)))
    with pytest.raises(EngineError, match="the curve says"):
        cells(GuidanceRequest(drawn, grid=Grid("gamma_1", (1.0, 3.0), None, (), each=1)))
