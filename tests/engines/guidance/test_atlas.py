import json
import math
from dataclasses import replace

import numpy as np
import pytest

from engines.diffusion.schedules import Schedule
from engines.guidance import atlas as atlas_module
from engines.guidance import statistics
from engines.guidance.atlas import Atlas, AtlasTask, Point, evaluations, fitting, stored
from engines.guidance.engine import GuidanceEngine
from engines.guidance.request import Sampling
from engines.guidance.theory import finite_t
from engines.job import Cancelled, EngineError, Job

TOY = Sampling(model="toy-1d", c=1.5)


class Stopped(Job):
    """Cancels itself after some news."""

    def __init__(self, after):
        super().__init__()
        self.parts, self._after = [], after

    def news(self, value):
        self.parts.append(value)
        self.cancelled = len(self.parts) > self._after


@pytest.fixture
def toys(tmp_path):
    return GuidanceEngine(tmp_path)


@pytest.fixture
def own(tiny, tmp_path):
    """A small map of a tiny network."""
    return GuidanceEngine(tmp_path), AtlasTask(Sampling(model=str(tiny), label=1), columns=5, rows=3, samples=4, steps=3, cache=str(tmp_path / "cache"))


def test_toy_1d_equals_the_closed_form(toys):
    task = AtlasTask(TOY, (1.0, 6.0), (0.9, 1.1), columns=4, rows=3, samples=200, steps=400)
    atlas = task.carry_out(toys, Job())
    for point in atlas.on_map():
        mean, variance = finite_t(1.5, point.gamma_1, point.gamma_0, Schedule())
        assert point.shift == pytest.approx(abs(mean - 1.5), abs=2e-3)
        assert point.ratio == pytest.approx(variance, rel=2e-2)
        assert point.shift_error == point.ratio_error == 0  # moments of the noise are exact and the flow is linear


def test_the_closed_form_comes_with_the_map_unless_an_interval_changes_it(toys):
    task = AtlasTask(TOY, columns=3, rows=3, samples=50, steps=5)
    theory = task.carry_out(toys, Job()).theory
    i, j = 30, 16
    mean, variance = finite_t(1.5, theory.gamma_1[i], theory.sums[j] - theory.gamma_1[i], Schedule())
    assert (theory.shift[j, i], theory.ratio[j, i]) == (pytest.approx(abs(mean - 1.5)), pytest.approx(variance))
    assert replace(task, settings=replace(TOY, guide_below=5.0)).carry_out(toys, Job()).theory is None


def test_recfgs_place_is_its_mean_ratio(toys):
    atlas = AtlasTask(TOY, columns=2, rows=2, samples=50, steps=40).carry_out(toys, Job())
    assert 1 / 2.25 < atlas.recfg < 1  # (1 + a^2) / (1 + 2.25 a^2) falls from 1 to 2 / 3.25 as the noise goes
    assert atlas.recfg_sum(3.0) == pytest.approx(1 + 2 * (1 - atlas.recfg))


def test_coarse_maps_come_first_and_each_holds_the_one_before():
    task = AtlasTask(TOY)
    passes = task.passes()
    assert [len(part) for part in passes] == [15, 10, 20, 36, 27] and len({pair for part in passes for pair in part}) == 108
    strengths, sums = task.axes()
    corners = {(g, s) for g in (strengths[0], strengths[-1]) for s in (sums[0], sums[-1])}
    assert corners <= set(passes[0]) and 1.0 in sums and passes[0][0][1] == 1.0


@pytest.mark.parametrize("columns, rows", [(2, 2), (3, 9), (12, 3), (17, 5)])
def test_every_pair_is_measured_once(columns, rows):
    task = AtlasTask(TOY, columns=columns, rows=rows)
    pairs = [pair for part in task.passes() for pair in part]
    assert len(pairs) == len(set(pairs)) == columns * rows


def test_the_line_of_cfg_is_met_exactly():
    assert 1.0 in AtlasTask(TOY, sums=(0.85, 1.2), rows=6).axes()[1]
    assert 1.0 not in AtlasTask(TOY, sums=(1.05, 1.2), rows=6).axes()[1]


def test_all_points_share_the_first_call(own):
    engine, task = own
    model = engine.model(task.settings.model)
    calls, plain = [], model.predict
    model.predict = lambda x, t, rows, tau=None: calls.append(len(x)) or plain(x, t, rows, tau)
    atlas = task.carry_out(engine, Job())
    branches = sum(calls) // task.samples
    # own reference: the first pair (2) and two conditional calls; CFG at gamma_1 = 1 the same two; 14 points with two guided calls left
    assert atlas.nfe == branches == 2 + 2 + 2 + 14 * 2 * 2
    assert atlas.nfe <= evaluations(task)
    apart = 14 * 3 * 2 + 3
    assert atlas.nfe <= 1.05 * apart


def test_a_hundred_points_cost_less_than_apart(toys):
    task = AtlasTask(TOY, columns=10, rows=10, samples=20, steps=10)
    assert task.carry_out(toys, Job()).nfe <= 1.05 * 100 * 20


def test_an_interval_shares_all_calls_before_guidance_sets_in(toys):
    task = AtlasTask(replace(TOY, guide_below=5.0), columns=4, rows=4, samples=20, steps=10)
    wide = replace(task, settings=TOY)
    assert task.carry_out(toys, Job()).nfe < 0.7 * wide.carry_out(toys, Job()).nfe


def test_a_point_is_what_the_engine_draws(own):
    engine, task = own
    atlas = task.carry_out(engine, Job())
    assert atlas.reference == "its own unguided samples"
    ask = replace(task.settings, mode="free", count=4, steps=3)
    plain = engine.side(replace(ask, gamma_1=1.0, gamma_0=0.0), Job()).images.astype(float)
    point = atlas.on_map()[-1]
    images = engine.side(replace(ask, gamma_1=point.gamma_1, gamma_0=point.gamma_0), Job()).images.astype(float)
    gap = (images - plain).reshape(4, -1)
    chance = gap.var(0, ddof=1).sum() / 4
    wanted = math.sqrt(max(0.0, (np.square(gap.mean(0)).sum() - chance) / gap.shape[1]))
    assert point.shift == pytest.approx(wanted, abs=0.3)  # pictures are rounded to whole grey levels
    assert point.ratio == pytest.approx(images.var(0, ddof=1).mean() / plain.var(0, ddof=1).mean(), rel=0.02)


def test_without_guidance_there_is_no_shift_and_no_loss(own):
    engine, task = own
    point = task.carry_out(engine, Job()).points[1.0, 1.0]
    assert (point.shift, point.ratio) == (0.0, pytest.approx(1.0))


def test_statistics_of_the_data_are_the_reference_where_they_are(own, data, tiny, tmp_path):
    engine, task = own
    statistics.write(statistics.place(str(tiny), (), tmp_path), statistics.collect(data, Job()), "tiny")
    atlas = task.carry_out(engine, Job())
    assert (atlas.reference, atlas.unit) == ("4 real images", "grey levels") and atlas.floor > 0
    blend = replace(task, settings=replace(task.settings, label_2=2, blend=0.3)).carry_out(engine, Job())
    assert blend.reference == "its own unguided samples"


def test_a_cancel_keeps_what_was_measured_and_the_next_run_goes_on(own):
    engine, task = own
    job = Stopped(after=6)
    with pytest.raises(Cancelled):
        task.carry_out(engine, job)
    kept = stored(task, engine.model(task.settings.model).hash)
    assert kept.done() == job.parts[-1].done() > 0
    whole = task.carry_out(engine, Job())
    fresh = replace(task, cache="").carry_out(engine, Job())
    assert whole.done() == whole.size() and np.allclose(whole.field("ratio"), fresh.field("ratio"), rtol=1e-4)
    assert task.carry_out(engine, Job()).on_map() == whole.on_map()


def test_another_map_of_the_same_settings_finds_the_points_they_share(toys, tmp_path):
    small = AtlasTask(TOY, columns=2, rows=3, samples=50, steps=4, cache=str(tmp_path))
    small.carry_out(toys, Job())
    parts = Stopped(after=10**6)
    replace(small, rows=5).carry_out(toys, parts)
    assert parts.parts[0].done() == 6
    other = Stopped(after=10**6)
    replace(small, settings=replace(TOY, seed=1)).carry_out(toys, other)
    assert other.parts[0].done() == 0


def test_what_a_map_does_not_depend_on_does_not_change_its_key():
    task = AtlasTask(TOY)
    same = replace(task, settings=replace(TOY, mode="apg", gamma_1=7.0, count=3, steps=99, label=2, blend=0.4, seed_mix=0.3))
    assert same.key("") == task.key("") and replace(task, steps=9).key("") != task.key("") and task.key("a") != task.key("b")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"vernier_atlas": 1}', '{"vernier_atlas": 99, "points": []}', '{"vernier_atlas": 1, "points": [[1]]}'])
def test_a_damaged_cache_is_as_good_as_none(toys, tmp_path, text):
    task = AtlasTask(TOY, columns=2, rows=2, samples=50, steps=4, cache=str(tmp_path))
    (tmp_path / "atlas").mkdir()
    path = tmp_path / "atlas" / f"{task.key('')}.json"
    path.write_text(text)
    assert task.carry_out(toys, Job()).done() == 4
    assert json.loads(path.read_text())["vernier_atlas"] == 1 and [p.name for p in path.parent.iterdir()] == [path.name]


def test_a_cache_that_cannot_be_written_stops_nothing(toys, tmp_path):
    (tmp_path / "atlas").write_text("a file where a folder should be")
    assert AtlasTask(TOY, columns=2, rows=2, samples=50, steps=4, cache=str(tmp_path)).carry_out(toys, Job()).done() == 4


def test_what_runs_off_to_infinity_is_blown_up_and_no_error(own):
    engine, task = own
    model = engine.model(task.settings.model)
    plain = model.predict
    model.predict = lambda x, t, rows, tau=None: plain(x, t, rows) if float(x.abs().max()) < 1e4 else (_ for _ in ()).throw(EngineError("not finite"))
    atlas = replace(task, sums=(0.0, 1.0), gamma_1=(1.0, 30.0), steps=6).carry_out(engine, Job())
    assert atlas.done() == atlas.size()
    blown = [point for point in atlas.on_map() if point.blown]
    assert blown and all(p.total < 1 or p.gamma_1 > 5 for p in blown)


def test_batches_of_many_points_give_the_same_map(own):
    from engines.guidance.atlas_cells import Cells

    engine, task = own
    pairs = [pair for part in task.passes() for pair in part]
    one, many = Cells(engine, task, Job()), Cells(engine, task, Job())
    apart = {(p.gamma_1, p.total): p for pair in pairs for p in one.measure([pair])}
    together = {(p.gamma_1, p.total): p for p in many.measure(pairs)}
    assert one.spent() == many.spent()
    for pair in pairs:
        assert together[pair].ratio == pytest.approx(apart[pair].ratio, rel=1e-3)
        assert together[pair].shift == pytest.approx(apart[pair].shift, abs=0.05)


@pytest.mark.parametrize("changes", [{"gamma_1": (3.0, 2.0)}, {"gamma_1": (0.0, 2.0)}, {"sums": (1.0, 1.0)}, {"sums": (-1.0, 1.0)}, {"columns": 1},
                                     {"rows": 65}, {"columns": 64, "rows": 64}, {"samples": 1}, {"steps": 0}, {"gamma_1": (math.nan, 2.0)}])
def test_a_range_that_makes_no_map_is_refused(changes):
    with pytest.raises(EngineError):
        AtlasTask(TOY, **changes)


def test_an_unknown_class_is_refused(toys):
    with pytest.raises(EngineError, match="no class 7"):
        AtlasTask(Sampling(model="toy-gauss", label=7)).carry_out(toys, Job())


def test_a_table_names_units_and_has_a_row_a_point():
    atlas = Atlas(AtlasTask(TOY), "", "the exact moments", "units of x", 0.0).joined([Point(1.0, 1.0, 0.1, 0.0, 1.0, 0.0, 0.0, 1.0)], 5)
    header, rows = atlas.table()
    assert "shift (units of x)" in header and len(rows) == 1 and len(rows[0]) == len(header) and atlas.nfe == 5


def test_points_held_against_something_else_are_not_mixed_in():
    atlas = Atlas(AtlasTask(TOY), "", "6,000 real images", "grey levels", 8.0)
    other = replace(atlas, reference="its own unguided samples").joined([Point(1.0, 1.0, 0.1, 0.0, 1.0, 0.0, 0.0, 1.0)])
    assert atlas.joined(other).done() == 0


def test_the_window_offers_a_quick_map_and_a_finer_one():
    quick, fine = fitting(Sampling(model="fashion-mnist", steps=20)), fitting(Sampling(model="fashion-mnist", steps=20), fine=True)
    assert (quick.steps, quick.samples, fine.steps, fine.samples) == (8, 32, 20, 64)
    assert atlas_module.fitting(TOY, fine=True).axes()[0][0] == 1.0
