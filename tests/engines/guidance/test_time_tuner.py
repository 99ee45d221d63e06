"""TimeTuner against models whose best timestep is known, and files of tuned schedules."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from engines.diffusion import samplers
from engines.diffusion.schedules import Schedule
from engines.guidance import time_tuner, toys, tunings
from engines.guidance.engine import GuidanceEngine
from engines.guidance.request import SAMPLERS, Sampling
from engines.guidance.store import Store
from engines.guidance.time_tuner import BOUNDS, Draws, Run, tune
from engines.guidance.tuning import TuneRequest, build
from engines.job import Cancelled, EngineError, Job
from engines.parallel import Group

SCHEDULE = Schedule()


class Straight:
    """eps(x, t) = g(t) everywhere: the true path of x / alpha is the integral of g over rho, so the best tau of a step is known."""

    text, prediction, device, batch, classes, name, hash, shape, schedule = False, "eps", torch.device("cpu"), 4096, (), "straight", "straight", (2,), SCHEDULE

    def __init__(self, g):
        self.g = g

    def condition(self, settings, count):
        return None

    def predict(self, x, t, rows, tau=None):
        return 0 * x + self.g(t if tau is None else tau)

    def pair(self, x, t, rows, tau=None):
        return self.predict(x, t, rows, tau), self.predict(x, t, rows, tau)


def run_of(asked, draws=24, **settings):
    z = torch.randn(draws, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    return Run(asked, Sampling(mode="cfg", gamma_1=1.0, **{"steps": 5, "sampler": "ddim"} | settings),
               Draws(z, lambda part: None, lambda t, part: 1.0, draws // 3), lambda: None)


@pytest.fixture
def group():
    with Group() as one:
        yield one


@pytest.fixture
def engine(tmp_path):
    return GuidanceEngine(tmp_path / "weights")


def tuned(engine, path, group, **request):
    usual = {"model": "toy-gauss", "strengths": (2.0,), "steps": (5,), "draws": 60, "iterations": 40, "objective": "teacher"}
    return build(engine, TuneRequest(**usual | request), path, Job(), group)


def entries(path):
    return json.loads(path.read_text())["entries"]


def test_the_teacher_finds_the_timestep_at_which_the_network_answers_with_the_steps_mean(group):
    run = run_of(Straight(lambda t: SCHEDULE.rho(t) ** 0.5), steps=12)
    found = tune(run, "teacher", "sequential", 0, Job(), group)
    for k in (5, 6):  # rho falls little enough across these steps for the answer to lie inside the bounds
        t, s = run.times[k], run.times[k + 1]
        rho, low = SCHEDULE.rho(t), SCHEDULE.rho(s)
        mean = (2 / 3) * (rho**1.5 - low**1.5) / (rho - low)  # of g over the step
        wanted = SCHEDULE.t_of_lam(-2 * torch.log(torch.tensor(mean)).item()) / t
        assert BOUNDS[0] < wanted < 1 and found[k].ratio == pytest.approx(wanted, abs=0.005)  # the teacher is not exact either
        assert found[k].after < 1e-2 * found[k].before


def test_a_network_that_does_not_look_at_the_time_keeps_every_ratio_at_one(group):
    for objective in time_tuner.OBJECTIVES:
        found = tune(run_of(Straight(lambda t: 0.3 + 0 * t)), objective, "sequential", 5, Job(), group)
        assert [f.ratio for f in found] == [1.0] * 4


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("training", time_tuner.TRAININGS)
def test_every_network_call_of_every_solver_but_the_last_steps_gets_a_ratio_of_its_own(engine, tmp_path, group, sampler, training):
    tuned(engine, tmp_path / "t.json", group, samplers=(sampler,), training=training)
    entry, = entries(tmp_path / "t.json")
    asked = samplers.calls(sampler, SCHEDULE, 5)
    last = sum(i == 4 for i, _ in asked)
    assert len(entry["ratios"]) == len(asked) and entry["ratios"][-last:] == [1.0] * last
    assert entry["times"] == pytest.approx([t for _, t in asked], abs=1e-5)
    assert sum(entry["loss_after"]) < 0.9 * sum(entry["loss_before"])
    assert all(after <= before for before, after in zip(entry["loss_before"], entry["loss_after"], strict=True))
    assert all(BOUNDS[0] <= r <= BOUNDS[1] for r in entry["ratios"])


def test_a_sequential_call_is_tuned_from_where_the_tuned_steps_before_it_lead(engine, tmp_path, group):
    run = Run(toys.as_model("toy-gauss"), Sampling(model="toy-gauss", mode="cfg", gamma_1=2.0, sampler="ddim", steps=5),
              Draws(torch.randn(30, 2, dtype=torch.float64), lambda part: torch.zeros(part.stop - part.start, dtype=torch.float64), lambda t, part: 1.0, 10),
              lambda: None)
    found = tune(run, "teacher", "sequential", 0, Job(), group)
    ratios = [f.ratio for f in found]
    x = run.draws.z
    for step in samplers.sample("ddim", lambda x, t: run.ask(run.times.index(t), x, (ratios + [1.0])[run.times.index(t)]), x, SCHEDULE, 5):
        if step.i == 3:
            break
        x = step.x
    error = (step.x - run.fine(x, 3)).square().mean(1)
    assert found[3].after == pytest.approx(float(error[-10:].mean()), rel=1e-9)


def test_a_ratio_that_helps_the_trained_draws_alone_is_not_kept(group):
    class Lopsided(Straight):
        """The held-out points (the last third) are answered best at tau = t."""

        def predict(self, x, t, rows, tau=None):
            answer = super().predict(x, t, rows, tau)
            exact = super().predict(x, t, rows, t)
            answer[16:] = exact[16:] + 10 * (answer[16:] - exact[16:]).abs()
            return answer
    run = run_of(Lopsided(lambda t: float(SCHEDULE.rho(t)) ** 0.5), steps=12)
    found = tune(run, "teacher", "sequential", 0, Job(), group)
    moved = [f for f in found if min(f.tried, key=lambda trial: trial[1])[0] != 1]
    assert moved and all(f.ratio == 1 for f in moved if min(f.tried, key=lambda trial: trial[1])[2] >= f.before)
    assert any(f.ratio == 1 for f in moved)


def test_the_papers_training_is_adam_on_its_loss(group):
    """One iteration of Adam moves r by its learning rate against the sign of the gradient; the sign is a difference quotient's."""
    draws = Draws(torch.randn(24, 2, dtype=torch.float64), lambda part: torch.zeros(part.stop - part.start, dtype=torch.float64), lambda t, part: 1.0, 8)
    run = Run(toys.as_model("toy-gauss"), Sampling(model="toy-gauss", mode="cfg", gamma_1=1.0, steps=5, sampler="ddim"), draws, lambda: None)
    made = time_tuner._Sequential(run, "paper", Job())
    residual = made.residual(0)
    losses = [float(residual(r)[:-8].square().sum()) for r in (1 + 1e-5, 1 - 1e-5)]
    sign = 1 if losses[0] > losses[1] else -1
    found = tune(run, "paper-unbounded", "sequential", 1, Job(), group)
    assert found[0].tried[-1][0] == pytest.approx(1 - sign * 2e-3, abs=1e-5)


def test_the_papers_bounded_form_stays_in_its_bounds_and_the_other_leaves_them(engine, tmp_path, group):
    ends = {}
    for objective in ("paper", "paper-unbounded"):
        tuned(engine, tmp_path / f"{objective}.json", group, objective=objective, training="parallel", iterations=70)
        ends[objective] = max(abs(r - 1) for r in entries(tmp_path / f"{objective}.json")[0]["ratios"])
    assert ends["paper"] == pytest.approx(0.1) and ends["paper-unbounded"] > 0.12


@pytest.mark.parametrize(("model", "share"), [("toy-gauss", 0.65), ("toy-bimodal", 0.85)])
def test_all_ratios_together_bring_the_finished_points_nearer_to_the_models_own(engine, tmp_path, group, model, share):
    """Seen: 0.57 and 0.78 of plain DDIM's distance at 10 steps; the teacher's ratios give 0.95 and 1.01."""
    path = tmp_path / "t.json"
    tuned(engine, path, group, model=model, objective="endpoint", labels=(1,), draws=240, steps=(10,))
    settings = Sampling(model=model, mode="cfg", gamma_1=2.0, sampler="ddim", steps=10, label=1, count=2000, seed=5)
    fine, plain, better = (engine.side(s, Job()).points for s in (replace(settings, steps=300), settings, replace(settings, tuned=True, tuning=str(path))))
    rms = [((points - fine) ** 2).mean() ** 0.5 for points in (plain, better)]
    assert rms[1] < share * rms[0]
    loss = entries(path)[0]["loss_after"][0] ** 0.5
    assert loss == pytest.approx(rms[1], rel=0.25)  # what tuning says of itself holds for other noise


def test_a_cancelled_tuning_goes_on_where_it_was_and_ends_as_if_it_had_not_been(engine, tmp_path, group):
    request = TuneRequest(model="toy-bimodal", samplers=("ddim", "dpmpp-2m"), steps=(4,), strengths=(2.0,), draws=30, objective="teacher")
    whole, cut = tmp_path / "whole.json", tmp_path / "cut.json"
    build(engine, request, whole, Job(), group)
    job, told = Job(lambda kind, values: told.append(values) if kind == "news" else None), []

    def check():
        if len(told) >= 4:
            raise Cancelled
    job.check = check
    with pytest.raises(Cancelled):
        build(engine, request, cut, job, group)
    assert len(entries(cut)) == 1
    again = []
    build(engine, request, cut, Job(lambda kind, values: again.append(values[0]) if kind == "news" else None), group)
    assert [(news.index, news.found.call) for news in again] == [(1, 1), (1, 2)]
    one, two = ([replace(e, seconds=0) for e in tunings.read(path, toys.as_model("toy-bimodal")).entries] for path in (whole, cut))
    assert one == two and [p.name for p in tmp_path.glob("*.state*")] == []


def test_two_processes_tune_what_one_does(engine, tmp_path, group):
    (tmp_path / "two.py").write_text(f"""
import sys
sys.path.insert(0, {str(Path.cwd())!r})
from pathlib import Path
from engines.guidance.engine import GuidanceEngine
from engines.guidance.tuning import TuneRequest, build
from engines.job import Job
from engines.parallel import Group, leave
with Group() as group:
    for objective in ("teacher", "paper"):
        build(GuidanceEngine(Path("weights")), TuneRequest(model="toy-gauss", samplers=("ddim",), steps=(5,), strengths=(2.0,), draws=41, iterations=15,
              objective=objective), Path({str(tmp_path)!r}) / f"two-{{objective}}.json", Job(), group)
leave(0)
""")
    done = subprocess.run([sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", "--standalone", str(tmp_path / "two.py")],
                          capture_output=True, text=True, timeout=120, env=os.environ | {"OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr
    for objective in ("teacher", "paper"):
        tuned(engine, tmp_path / "one.json", group, draws=41, iterations=15, objective=objective)
        one, two = entries(tmp_path / "one.json")[0], entries(tmp_path / f"two-{objective}.json")[0]
        assert one["ratios"] == pytest.approx(two["ratios"], abs=2e-4) and one["loss_before"] == pytest.approx(two["loss_before"], rel=1e-4, abs=1e-6)


# files ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def file(engine, tmp_path, group):
    path = tmp_path / "toy.json"
    tuned(engine, path, group, samplers=("ddim", "heun"), steps=(4, 5), strengths=(2.0, 3.0))
    tuned(engine, path, group, samplers=("ddim",), steps=(5,), labels=(1,), strengths=(2.0,))
    return path


def asked(path, **changes):
    return Sampling(**{"model": "toy-gauss", "mode": "cfg", "gamma_1": 2.0, "sampler": "ddim", "steps": 5, "tuned": True, "tuning": str(path),
                       "count": 50} | changes)


def row(path, **wanted):
    return next(e for e in entries(path) if all(e[k] == v for k, v in wanted.items()))["ratios"]


def test_a_class_of_its_own_comes_before_all_and_strengths_are_interpolated(engine, file):
    assert engine.tuned(asked(file)).ratios == pytest.approx(row(file, sampler="ddim", steps=5, label=None, gamma_1=2.0))
    assert engine.tuned(asked(file, label=1)).ratios == pytest.approx(row(file, sampler="ddim", steps=5, label=1))
    low, high = (row(file, sampler="heun", steps=4, gamma_1=g) for g in (2.0, 3.0))
    found = engine.tuned(asked(file, sampler="heun", steps=4, gamma_1=2.25))
    assert found.ratios == pytest.approx([0.75 * a + 0.25 * b for a, b in zip(low, high, strict=True)]) and found.notes == ()
    assert engine.tuned(asked(file, sampler="heun", steps=4, gamma_1=7.0)).ratios == pytest.approx(high)
    assert engine.tuned(asked(file, gamma_1=7.0, steps=4)).notes == ("timesteps tuned at strength 3",)
    assert engine.tuned(asked(file, mode="recfg")).notes == ("timesteps tuned under CFG",)


def test_what_was_not_tuned_is_refused_with_what_there_is(engine, file):
    with pytest.raises(EngineError, match="no tuned timesteps for 6 steps of ddim") as refused:
        engine.tuned(asked(file, steps=6))  # what a command line asks before it draws; a window draws plain and says so
    assert "ddim 4, 5; heun 4, 5" in refused.value.remedy


def test_where_no_file_was_named_plain_timesteps_are_taken_and_told(engine, file):
    plain, told = engine.side(asked(file, tuned=False, tuning=""), Job()), engine.side(asked(file, tuning=""), Job())
    assert (told.points == plain.points).all() and told.notes[-1].startswith("plain timesteps: toy-gauss has no tuned timesteps")


@pytest.mark.parametrize(("key", "value", "said"), [("model_hash", "other", "model hash"), ("schedule", {"kind": "cosine"}, "schedule"),
                                                    ("prediction", "v", "prediction"), ("shape", [3], "shape")])
def test_a_file_of_another_model_is_refused(file, key, value, said):
    found = json.loads(file.read_text()) | {key: value}
    file.write_text(json.dumps(found))
    with pytest.raises(EngineError, match=f"toy.json does not fit toy-gauss: its {said}"):
        tunings.read(file, toys.as_model("toy-gauss"))


def test_a_schedule_of_other_timesteps_is_refused(file):
    found = json.loads(file.read_text())
    found["entries"][0]["times"][1] += 2.0
    file.write_text(json.dumps(found))
    with pytest.raises(EngineError, match="stand at other timesteps"):
        tunings.read(file, toys.as_model("toy-gauss"))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"vernier-tuned": 1, "entries": [{}]}', '{"vernier-tuned": 1, "entries": 5}', "\x00\x01", "[" * 5000,
                                  '{"vernier-tuned": 1, "entries": [{"sampler": "ddim", "steps": 1, "ratios": ["a"]}]}'])
def test_a_damaged_file_is_named_and_refused(tmp_path, text):
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(EngineError, match="bad.json"):
        tunings.read(path, toys.as_model("toy-gauss"))


def test_ratios_beyond_the_models_time_range_are_held_and_told(engine):
    side = engine.side(Sampling(model="toy-gauss", sampler="ddim", steps=4, mode="cfg", count=10, tuned=True, ratios=(1.2, 1.0, 1.0, 1.0)), Job())
    plain = engine.side(Sampling(model="toy-gauss", sampler="ddim", steps=4, mode="cfg", count=10), Job())
    assert (side.points == plain.points).all()
    assert "tuned timesteps held at the end of the model's range: network call 1" in side.notes


def test_ratios_set_by_hand_act_and_must_be_as_many_as_network_calls(engine):
    settings = Sampling(model="toy-gauss", sampler="heun", steps=3, mode="cfg", count=10, tuned=True, ratios=(1.0, 0.9, 1.0, 1.05, 1.0))
    plain = replace(settings, tuned=False)
    assert (engine.side(settings, Job()).points != engine.side(plain, Job()).points).any()
    with pytest.raises(EngineError, match="5 timestep ratios for 7 network calls"):
        engine.side(replace(settings, steps=4), Job())


def test_a_request_carries_its_ratios_through_json():
    settings = Sampling(tuned=True, tuning="mine.json", ratios=(1.0, 0.95))
    assert Sampling.from_dict(json.loads(json.dumps(settings.to_dict()))) == settings
    for bad in ((0.1,), ("a",), (float("nan"),)):
        with pytest.raises(EngineError):
            Sampling(ratios=bad)


def test_objectives_that_follow_one_path_are_not_trained_in_parallel():
    with pytest.raises(EngineError, match="follows one path"):
        TuneRequest(objective="trajectory", training="parallel")


def test_a_kept_cell_is_drawn_anew_once_its_file_holds_other_ratios(engine, file, tmp_path):
    store, settings = Store(tmp_path / "cells", engine), asked(file)
    store.save(engine.side(settings, Job()))
    assert store.load(settings).ratios == engine.tuned(settings).ratios
    found = json.loads(file.read_text())
    for entry in found["entries"]:
        entry["ratios"][1] = 0.97
    file.write_text(json.dumps(found))
    os.utime(file, (1, 1))
    assert store.load(settings) is None
