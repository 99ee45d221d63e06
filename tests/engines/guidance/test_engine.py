import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from engines.diffusion import samplers
from engines.diffusion.schedules import Schedule
from engines.guidance import engine as engine_module
from engines.guidance import tables
from engines.guidance.engine import GuidanceEngine
from engines.guidance.guide import Guide, guided_steps, plan, run
from engines.guidance.request import MODES, SAMPLERS, Draw, GuidanceRequest, Sampling
from engines.job import Cancelled, EngineError, Job
from engines.parallel import Group

SCHEDULE = Schedule()


@pytest.fixture
def ready(tiny, model, data, tmp_path):
    """An engine, and settings of a tiny model with its table beside it."""
    with Group() as group:
        tables.build(model, data, 4, tmp_path / "tiny.table.safetensors", Job(), group, 4)
    return GuidanceEngine(tmp_path), Sampling(model=str(tiny), steps=3, count=4, label=1)


def images(ready, **changes):
    engine, settings = ready
    return engine.side(replace(settings, **changes), Job()).images


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_mode_runs_with_every_sampler(ready, mode, sampler):
    found = images(ready, mode=mode, sampler=sampler, gamma_0=-1.9)
    assert found.shape == (4, 8, 8, 3) and found.dtype == np.uint8


def test_the_same_request_gives_the_same_pixels(ready):
    assert np.array_equal(images(ready), images(ready))


def test_an_image_does_not_depend_on_how_many_are_drawn(ready, monkeypatch):
    whole = images(ready, count=7)
    monkeypatch.setattr(engine_module, "BATCH", 3)
    assert np.abs(images(ready, count=7).astype(int) - whole).max() <= 1  # float32 sums in another order
    assert np.abs(images(ready, count=2).astype(int) - whole[:2]).max() <= 1


def test_free_coefficients_on_the_line_of_cfg_are_cfg(ready):
    assert np.array_equal(images(ready, mode="free", gamma_1=2.5, gamma_0=-1.5), images(ready, mode="cfg", gamma_1=2.5))


def test_at_strength_one_every_mode_is_the_conditional_model_at_half_the_cost(ready):
    engine, settings = ready
    plain = engine.side(replace(settings, mode="cfg", gamma_1=1.0), Job())
    assert plain.nfe == settings.steps
    for mode in set(MODES) - {"free"}:
        assert np.array_equal(images(ready, mode=mode, gamma_1=1.0), plain.images)


def test_outside_the_interval_half_the_work_is_done(ready):
    engine, settings = ready
    settings = replace(settings, steps=10, sampler="ddim")
    levels = [SCHEDULE.rho(t) for t in samplers.grid("ddim", SCHEDULE, 10)]
    side = engine.side(replace(settings, guide_below=levels[3], guide_above=levels[7]), Job())
    assert side.nfe == 10 + 4  # steps 4, 5, 6, 7: the upper end belongs to the interval, the lower one does not
    assert side.notes == ("guided in 4 of 10 steps (4 to 7)",)
    off = engine.side(replace(settings, guide_below=0.0), Job())
    assert off.nfe == 10 and np.array_equal(off.images, images(ready, steps=10, sampler="ddim", gamma_1=1.0))


def test_guidance_acts_where_above_is_less_than_rho_and_rho_at_most_below():
    settings = Sampling(sampler="ddim", steps=8)
    levels = [SCHEDULE.rho(t) for t in samplers.grid("ddim", SCHEDULE, 8)]
    assert guided_steps(replace(settings, guide_below=levels[2], guide_above=levels[5]), SCHEDULE) == [2 <= k < 5 for k in range(8)]
    assert all(guided_steps(settings, SCHEDULE))


def test_the_correction_of_heun_takes_the_row_of_its_own_time():
    calls = plan(Sampling(sampler="heun", steps=4, mode="recfg", gamma_1=3.0), SCHEDULE, lambda t: t)
    times = samplers.grid("heun", SCHEDULE, 4)
    assert [call.t for call in calls] == [times[0], times[1], times[1], times[2], times[2], times[3], times[3]]
    assert [call.gamma_0 for call in calls] == [pytest.approx(-2 * call.t) for call in calls]


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_network_call_is_planned_with_the_row_of_its_own_time(sampler):
    calls = plan(Sampling(sampler=sampler, steps=4, mode="recfg", gamma_1=3.0), SCHEDULE, lambda t: t)
    assert [call.t for call in calls] == [t for _, t in samplers.calls(sampler, SCHEDULE, 4)]
    assert [call.gamma_0 for call in calls] == [pytest.approx(-2 * call.t) for call in calls]


@pytest.mark.parametrize("sampler", ["heun", "dpm-2"])
def test_a_steps_second_call_is_guided_where_its_first_is(sampler):
    start, second = (SCHEDULE.rho(t) for _, t in samplers.calls(sampler, SCHEDULE, 4)[2:4])
    settings = Sampling(sampler=sampler, steps=4, mode="cfg", gamma_1=3.0)
    between = (start + second) / 2
    assert [call.guided for call in plan(replace(settings, guide_above=between), SCHEDULE, lambda t: t)] == [True] * 4 + [False] * 3
    assert [call.guided for call in plan(replace(settings, guide_below=between), SCHEDULE, lambda t: t)] == [False] * 4 + [True] * 3


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_cancelled_run_asks_the_network_no_more(sampler):
    settings, job, asked = Sampling(sampler=sampler, steps=5, mode="cfg", gamma_1=2.0), Job(), []

    def pair(x, t, tau):
        asked.append(t)
        job.cancelled = len(asked) == 3
        return x, x
    guide = Guide(settings, SCHEDULE, plan(settings, SCHEDULE, lambda t: t), pair, lambda x, t, tau: x, job.check)
    with pytest.raises(Cancelled):
        run(guide, torch.ones(2, 1, 2, 2))
    assert asked == [t for _, t in samplers.calls(sampler, SCHEDULE, 5)][:3]


def test_each_image_gets_the_row_of_the_step_and_not_of_its_place_in_the_batch():
    """The released sampler indexes the batch by time: sample j gets step j's ratio. With B != T that must not be."""
    seen = []
    rows = {t: float(k) for k, t in enumerate(samplers.grid("ddim", SCHEDULE, 5))}
    settings = Sampling(sampler="ddim", steps=5, mode="recfg", gamma_1=2.0)
    guide = Guide(settings, SCHEDULE, plan(settings, SCHEDULE, lambda t: torch.full((1, 1, 2, 2), rows[t])),
                  lambda x, t, tau: (torch.zeros_like(x), torch.ones_like(x)), lambda x, t, tau: x, lambda: None)
    for t in rows:
        seen.append(guide(torch.zeros(3, 1, 2, 2), t))
    for k, eps_hat in enumerate(seen):
        assert torch.equal(eps_hat, torch.full((3, 1, 2, 2), -float(k)))


def test_the_model_without_a_table_says_how_to_build_one(tiny, tmp_path, model):
    with pytest.raises(EngineError, match="no ReCFG table") as raised:
        GuidanceEngine(tmp_path).side(Sampling(model=str(tiny)), Job())
    assert "vernier table" in raised.value.remedy


def test_a_table_named_in_the_request_is_used_and_a_foreign_one_refused(ready, save_model, tmp_path):
    engine, settings = ready
    beside = tmp_path / "tiny.table.safetensors"
    moved = beside.rename(tmp_path / "elsewhere.safetensors")
    assert np.array_equal(engine.side(replace(settings, table=str(moved)), Job()).images.shape, (4, 8, 8, 3))
    other = save_model(tmp_path / "other.safetensors", seed=5)
    with pytest.raises(EngineError, match="model hash"):
        engine.side(replace(settings, model=str(other), table=str(moved)), Job())


class Leaves(Job):
    """Cancelled at the nth look."""

    def __init__(self, looks):
        super().__init__()
        self.looks = looks

    def check(self):
        self.looks -= 1
        self.cancelled = self.looks < 0
        super().check()


def test_a_cancel_stops_within_one_network_call(ready, monkeypatch):
    engine, settings = ready
    asked = []
    pair = type(engine.model(settings.model)).pair
    monkeypatch.setattr(type(engine.model(settings.model)), "pair", lambda self, *args: asked.append(1) or pair(self, *args))
    with pytest.raises(Cancelled):
        engine.run(Draw(GuidanceRequest(replace(settings, steps=50))), Leaves(12))
    assert 0 < len(asked) <= 12


def test_previews_come_after_every_step_once_they_are_clear_unless_it_is_a_draft(ready):
    engine, settings = ready
    request = GuidanceRequest(replace(settings, steps=6), replace(settings, steps=6, mode="cfg"))
    told = []
    engine.run(Draw(request), Job(lambda kind, values: told.append((kind, *values))))
    previews = [values[0] for kind, *values in told if kind == "preview"]
    clear = sum(SCHEDULE.rho(t) <= engine_module.CLEAR_RHO for t in samplers.grid("dpmpp-2m", SCHEDULE, 6)[:5])
    assert 0 < clear < 5 and all(outcome.unfinished for outcome in previews)
    assert [len(outcome.sides) for outcome in previews] == [1] * clear + [2] * clear
    fractions = [values[0] for kind, *values in told if kind == "progress"]
    assert fractions == sorted(fractions) and fractions[-1] == 1
    told.clear()
    outcome = engine.run(Draw(request, draft=True), Job(lambda kind, values: told.append(kind)))
    assert outcome.draft and "preview" not in told and outcome.sides[0].settings.steps == 4


def test_a_superseded_job_shows_what_it_has_and_is_cut(ready):
    engine, settings = ready
    job, told = Job(lambda kind, values: told.append(kind)), []
    job.superseded = True
    with pytest.raises(Cancelled):
        engine.run(Draw(GuidanceRequest(replace(settings, steps=50))), job)
    assert told.count("preview") == 1


def test_both_sides_start_from_the_same_noise(ready):
    engine, settings = ready
    outcome = engine.run(GuidanceRequest(replace(settings, mode="cfg", gamma_1=1.0), replace(settings, mode="apg", gamma_1=1.0)), Job())
    assert np.array_equal(outcome.sides[0].images, outcome.sides[1].images)


def test_blends_and_mixed_seeds_go_from_one_end_to_the_other(ready):
    assert np.array_equal(images(ready, label=0, label_2=2, blend=1.0), images(ready, label=2))
    assert np.array_equal(images(ready, seed=1, seed_2=2, seed_mix=0.0), images(ready, seed=1))
    middle = images(ready, label=0, label_2=2, blend=0.5)
    assert not np.array_equal(middle, images(ready, label=0)) and not np.array_equal(middle, images(ready, label=2))


def test_what_guidance_did_is_told_for_every_network_call(ready):
    engine, settings = ready
    side = engine.side(replace(settings, mode="cfg", gamma_1=3.0, sampler="heun", steps=4), Job())
    steps = side.per_step
    of_steps = {"step_rho", "mean", "deviation", "clipped"}  # of the predicted sample, once a step
    assert {key: len(values) for key, values in steps.items()} == {key: 4 if key in of_steps else 7 for key in steps} and of_steps < steps.keys()
    assert np.allclose(steps["gamma_1"], 3) and np.allclose(steps["gamma_0"], -2) and np.allclose(steps["S"], 1)
    assert (steps["difference"] > 0).all() and (np.diff(steps["rho"]) <= 0).all()
    assert 0 < side.network_seconds <= side.seconds and side.nfe == 14


def test_a_network_with_nan_is_told_and_the_engine_goes_on(ready):
    engine, settings = ready
    net = engine.model(settings.model).net
    kept = {key: value.clone() for key, value in net.state_dict().items()}
    next(net.parameters()).data.fill_(float("nan"))
    with pytest.raises(EngineError, match="not finite"):
        engine.side(settings, Job())
    net.load_state_dict(kept)
    assert engine.side(settings, Job()).images.shape == (4, 8, 8, 3)


def test_a_damaged_shipped_table_is_refused(tmp_path):
    import shutil

    import resources
    folder = tmp_path / "weights"
    shutil.copytree(resources.path("weights"), folder)
    path: Path = folder / "fashion-mnist.table.safetensors"
    os.truncate(path, path.stat().st_size - 4)
    with pytest.raises(EngineError, match="fashion-mnist.table.safetensors"):
        GuidanceEngine(folder).side(Sampling(model="fashion-mnist", steps=1, count=1), Job())
