"""Quality against steps: which point is the best for a price, what a table keeps, and that a measurement resumes and refuses."""

from dataclasses import replace

import pytest
import torch

from engines.guidance import quality_table, reference, tunings
from engines.guidance.engine import GuidanceEngine
from engines.guidance.evaluate import Plan, Samples, evaluate
from engines.guidance.features import Classifier
from engines.guidance.quality import QualityTask
from engines.guidance.quality_table import Measured, Row, Table, adopted, beaten, best
from engines.guidance.reference import Reference
from engines.guidance.request import Sampling
from engines.guidance.tunings import Entry
from engines.job import Cancelled, EngineError, Job


def row(sampler="ddim", steps=10, frechet=20.0, mode="cfg", tuned=False, seed=0, nfe=None, **more):
    return Row(sampler, steps, mode, tuned, seed, steps, nfe or 2.0 * steps, **{"accuracy": 0.9, "frechet": frechet, "precision": 0.8, "recall": 0.5} | more)


def points(*rows):
    return Measured(2.0, 1000, rows=rows).points


# choosing ------------------------------------------------------------------------------------------------------------------
def test_the_best_is_the_lowest_distance_that_the_price_allows():
    made = points(row(steps=5, frechet=40.0), row("dpmpp-2m", 8, 18.0), row("deis", 20, 12.0))
    chosen = [best(made, "frechet", most) for most in (9, 10, 16, 39, 40, 1000)]
    assert [p and p.sampler for p in chosen] == [None, "ddim", "dpmpp-2m", "dpmpp-2m", "deis", "deis"]


def test_what_lies_within_the_spread_counts_as_equal_and_the_cheaper_then_the_plainer_is_taken():
    spread = [row("deis", 20, f, seed=k) for k, f in enumerate((11.0, 13.0))]  # 12 +- 1
    near, far = row("dpmpp-2m", 10, 13.3), row("ddim", 5, 13.5)  # alone: taken to spread by 1 too, so sqrt(2) counts as equal
    assert best(points(*spread, near, far), "frechet", 100).sampler == "dpmpp-2m"
    plain, tuned = row("euler", 10, 13.2), row("euler", 10, 12.4, tuned=True)
    assert not best(points(*spread, plain, tuned), "frechet", 100).tuned
    recfg = row("euler", 10, 13.0, mode="recfg")
    assert best(points(*spread, recfg, plain), "frechet", 100).mode == "cfg"


def test_without_spread_nothing_is_equal():
    assert best(points(row(steps=10, frechet=12.01), row("deis", 20, 12.0)), "frechet", 100).sampler == "deis"


def test_without_a_distance_the_most_accurate_is_the_best():
    made = Measured(2.0, 90, rows=(row(frechet=None, accuracy=0.8), row("euler", 10, None, accuracy=0.95)))
    assert made.measure == "accuracy" and best(made.points, made.measure, 20).sampler == "euler"


def test_a_high_order_solver_that_beats_tuned_ddim_at_its_price_is_named():
    tuned = row(tuned=True, frechet=15.0)
    found = beaten(points(tuned, row("dpmpp-2m", 10, 12.0), row("deis", 10, 13.0), row("deis", 20, 5.0), row("euler", 10, 1.0),
                          row("deis", 10, 1.0, mode="recfg")), "frechet")
    assert [(plain.sampler, plain.steps, other.setting) for plain, other in found] == [("dpmpp-2m", 10, tuned.setting)]
    assert not beaten(points(tuned, row("dpmpp-2m", 10, 15.0)), "frechet")


def test_to_adopt_a_point_changes_sampler_steps_mode_and_timesteps_alone():
    mine = Sampling(model="fashion-mnist", mode="calibrated", guide_below=2.0, gamma_1=4.0, seed=7, label=3, tuned=True, tuning="own.json", ratios=(1.0, 0.9))
    found = adopted(mine, points(row("deis", 8, mode="recfg", tuned=True))[0])
    assert found == replace(mine, sampler="deis", steps=8, mode="recfg", guide_below=float("inf"), tuning="", ratios=())


def test_a_measured_point_is_adopted_without_an_interval_and_a_sharpness_it_was_not_measured_with():
    mine = Sampling(model="fashion-mnist", mode="calibrated", guide_below=2.0, guide_above=0.1, sharpness=0.4)
    found = adopted(mine, points(row("dpmpp-2m", 10, mode="calibrated"))[0])
    assert (found.guide_below, found.guide_above, found.sharpness) == (float("inf"), 0.0, 0.0)


# tables --------------------------------------------------------------------------------------------------------------------
def test_a_point_is_the_mean_over_seeds_with_their_spread():
    point, = points(row(frechet=10.0, accuracy=0.8), row(frechet=14.0, accuracy=0.9, seed=1))
    assert (point.frechet, point.frechet_sd, point.seeds, point.accuracy, point.accuracy_sd) == (12.0, 2.0, 2, 0.85, 0.05)


def test_a_table_comes_back_as_it_was_written(tmp_path):
    table = Table("tiny", "abc", (Measured(2.0, 1000, (7.5, 0.2), "vernier quality", (row(), row(seed=1, tuned=True, schedule="f00"))),
                                  Measured(3.0, 90, None, "", (row(frechet=None, precision=None, recall=None),))))
    quality_table.write(tmp_path / "t.json", table)
    assert quality_table.read(tmp_path / "t.json", "abc") == table


@pytest.mark.parametrize("text", ["{", "[]", '{"vernier-quality": 1}', '{"vernier-quality": 1, "model": "a", "model_hash": "b", "sets": [{"rows": [{}]}]}',
                                  '{"vernier-quality": 1, "model": "a", "model_hash": "b", "sets": [{"gamma_1": 2, "count": 9, "floor": [1], "rows": []}]}'])
def test_a_damaged_table_is_refused(tmp_path, text):
    (tmp_path / "t.json").write_text(text)
    with pytest.raises(EngineError, match="not a table of measurements"):
        quality_table.read(tmp_path / "t.json")


def test_a_table_of_other_weights_or_of_a_newer_vernier_is_refused(tmp_path):
    quality_table.write(tmp_path / "t.json", Table("tiny", "abc"))
    with pytest.raises(EngineError, match="other weights"):
        quality_table.read(tmp_path / "t.json", "def")
    (tmp_path / "n.json").write_text('{"vernier-quality": 2}')
    with pytest.raises(EngineError, match="newer"):
        quality_table.read(tmp_path / "n.json")


def test_joined_tables_keep_both_the_newer_row_wins_and_an_old_schedule_goes():
    old = Measured(2.0, 1000, None, "first", (row(frechet=30.0), row(seed=1), *[row(tuned=True, seed=k, schedule="old") for k in range(2)]))
    new = Measured(2.0, 1000, (5.0, 0.1), "second", (row(frechet=20.0), row(tuned=True, schedule="new")))
    both = Table("t", "h", (old,)).joined(Table("t", "h", (new, Measured(3.0, 1000, rows=(row(),)))))
    assert [found.key for found in both.sets] == [(2.0, 1000), (3.0, 1000)]
    found = both.sets[0]
    assert found.floor == (5.0, 0.1) and found.command == "first"
    assert sorted((r.tuned, r.seed, r.frechet, r.schedule) for r in found.rows) == [
        (False, 0, 20.0, ""), (False, 1, 20.0, ""), (True, 0, 20.0, "new")]


# measuring -----------------------------------------------------------------------------------------------------------------
@pytest.fixture
def engine(tmp_path):
    return GuidanceEngine(tmp_path)


@pytest.fixture
def against(monkeypatch, tiny):
    """A reference without held-out features, as if it lay beside the tiny model."""
    torch.manual_seed(0)
    found = Reference("tiny", Classifier(3, 3, width=32).eval(), {"name": "tiny"})
    tiny.with_name("tiny.reference.safetensors").touch()
    monkeypatch.setattr(reference, "read", lambda path, classes: found)
    return found


@pytest.fixture
def tuned(engine, tiny):
    """Tuned timesteps of two Euler steps, beside the tiny model."""
    from engines.diffusion import samplers

    model = engine.model(str(tiny))
    times = tuple(t for _, t in samplers.calls("euler", model.schedule, 2))
    tunings.write(tiny.with_name("tiny.tuned.json"), model,
                  [Entry("euler", 2, None, "cfg", 3.0, "teacher", "sequential", times, (0.9, 1.0), (1.0, 1.0), (0.5, 1.0), 4, 0, 1.0)])


class Listening(Job):
    """Hears news; is cancelled after so many."""

    def __init__(self, most=10**6):
        super().__init__(self._heard)
        self.most, self.parts = most, []

    def _heard(self, kind, values):
        if kind == "news":
            self.parts.append(values[0])
            self.cancelled = len(self.parts) >= self.most


def test_every_row_is_told_cheap_ones_first_and_one_seed_after_the_other(engine, tiny, against):
    task = QualityTask(str(tiny), 3.0, ("heun", "ddim"), (3, 2), ("cfg", "zero-star"), count=9, seeds=(0, 1))
    job = Listening()
    table = task.carry_out(engine, job)
    told = [part.sets[0].rows[0] for part in job.parts]
    assert [(r.evaluations, r.sampler, r.mode) for r in told[:8]] == [
        (2, "ddim", "cfg"), (2, "ddim", "zero-star"), (3, "ddim", "cfg"), (3, "heun", "cfg"), (3, "ddim", "zero-star"), (3, "heun", "zero-star"),
        (5, "heun", "cfg"), (5, "heun", "zero-star")]
    assert [r.seed for r in told] == [0] * 8 + [1] * 8 and all(r.nfe == 2 * r.evaluations for r in told)
    found = table.find((3.0, 9))
    assert len(found.points) == 8 and all(p.seeds == 2 for p in found.points) and found.measure == "accuracy"


def test_the_numbers_are_those_of_evaluate_and_the_work_is_shared_with_it(engine, tiny, against, tmp_path, monkeypatch):
    plan = Plan(Sampling(model=str(tiny)), ("cfg",), (3.0,), (2,), (0,), 9, ("ddim", "euler"))
    rows = evaluate(engine, plan, against, None, tmp_path / "work", Job())["rows"]
    monkeypatch.setattr(engine, "side", lambda *more: pytest.fail("drawn again"))
    task = QualityTask(str(tiny), 3.0, ("ddim", "euler"), (2,), ("cfg",), count=9, work=str(tmp_path / "work"))
    found = task.carry_out(engine, Job()).sets[0].rows
    assert {r.sampler: (r.accuracy, r.nfe, r.evaluations) for r in found} == {r["sampler"]: (r["accuracy"], r["nfe"], r["evaluations"]) for r in rows}


def test_a_cancelled_measurement_keeps_its_rows_and_goes_on(engine, tiny, against, tmp_path):
    task = QualityTask(str(tiny), 3.0, ("ddim",), (2, 3), ("cfg",), count=9, seeds=(0, 1), out=str(tmp_path / "t.json"))
    with pytest.raises(Cancelled):
        task.carry_out(engine, Listening(3))
    assert len(quality_table.read(tmp_path / "t.json").sets[0].rows) == 3
    job = Listening()
    table = task.carry_out(engine, job)
    assert len(job.parts) == 1 and table == QualityTask(str(tiny), 3.0, ("ddim",), (2, 3), ("cfg",), count=9, seeds=(0, 1)).carry_out(engine, Job())


def test_known_rows_are_not_measured_again(engine, tiny, against):
    task = QualityTask(str(tiny), 3.0, ("ddim",), (2, 3), ("cfg",), count=9)
    known = task.carry_out(engine, Job()).sets[0].rows
    job = Listening()
    replace(task, steps=(2, 3, 4), known=known).carry_out(engine, job)
    assert [part.sets[0].rows[0].steps for part in job.parts] == [4]


def test_several_processes_share_the_drawing(engine, tiny, against, tmp_path):
    task = QualityTask(str(tiny), 3.0, ("ddim",), (2, 3), ("cfg",), count=9, work=str(tmp_path / "work"))
    assert [replace(task, share=(k, 2)).carry_out(engine, Job()).sets for k in range(2)] == [(), ()]
    assert len(list((tmp_path / "work").glob("*.npz"))) == 6


def test_tuned_timesteps_are_measured_apart_and_others_refused_or_left_out(engine, tiny, against, tuned, monkeypatch):
    task = QualityTask(str(tiny), 3.0, ("euler",), (2,), ("cfg",), (False, True), count=9)
    rows = task.carry_out(engine, Job()).sets[0].rows
    assert [(r.tuned, bool(r.schedule)) for r in rows] == [(False, False), (True, True)]
    more = replace(task, steps=(2, 4), lenient=True).carry_out(engine, Job()).sets[0].rows
    assert [(r.steps, r.tuned) for r in more] == [(2, False), (2, True), (4, False)]
    monkeypatch.setattr(engine, "side", lambda *more: pytest.fail("drawn before it was refused"))
    for refused in (replace(task, steps=(2, 4)), replace(task, steps=(4,), tuned=(True,), lenient=True)):
        with pytest.raises(EngineError, match="no tuned timesteps for 4 steps of euler"):
            refused.carry_out(engine, Job())


def test_evaluate_refuses_a_missing_schedule_before_it_draws(engine, tiny, against, tuned, monkeypatch):
    base = Sampling(model=str(tiny))
    found = evaluate(engine, Plan(base, ("cfg",), (3.0,), (2,), (0,), 9, ("euler",), (False, True)), against, None, None, Job())
    assert [(r["sampler"], r["tuned"], r["evaluations"], r["nfe"]) for r in found["rows"]] == [("euler", False, 2, 4.0), ("euler", True, 2, 4.0)]
    monkeypatch.setattr(engine, "side", lambda *more: pytest.fail("drawn before it was refused"))
    with pytest.raises(EngineError, match="no tuned timesteps"):
        evaluate(engine, Plan(base, ("cfg",), (3.0,), (2, 4), (0,), 9, ("euler",), (False, True)), against, None, None, Job())


def test_a_plain_part_is_named_as_before_there_were_tuned_ones_and_a_tuned_one_by_its_ratios(engine, tiny, against, tuned):
    import hashlib
    import json

    samples = Samples(engine, against, None, None)
    asked = Sampling(model=str(tiny), mode="cfg", sampler="euler", steps=2)
    before = {key: value for key, value in asked.to_dict().items() if key not in ("tuned", "tuning", "ratios")}
    text = json.dumps([before, [engine.model(str(tiny)).hash, against.about]], sort_keys=True)
    assert samples._key(asked) == hashlib.sha256(text.encode()).hexdigest()[:24] == samples._key(replace(asked, ratios=(1.0, 1.0)))
    file, hand = samples._key(replace(asked, tuned=True)), samples._key(replace(asked, tuned=True, ratios=(0.9, 1.0)))
    assert file == hand != samples._key(asked) and samples._key(replace(asked, tuned=True, ratios=(0.8, 1.0))) != file


def test_a_model_without_a_reference_and_senseless_tasks_are_refused(engine, tiny, tmp_path, save_model):
    other = save_model(tmp_path / "other.safetensors", seed=1)
    for model in ("toy-gauss", str(other)):
        with pytest.raises(EngineError, match="nothing to measure"):
            QualityTask(model, 3.0, ("ddim",), (2,), ("cfg",)).carry_out(engine, Job())
    with pytest.raises(EngineError, match="no seeds"):
        QualityTask(str(tiny), 3.0, ("ddim",), (2,), ("cfg",), seeds=())
    with pytest.raises(EngineError, match="sampler is 'nonesuch'"):
        QualityTask(str(tiny), 3.0, ("nonesuch",), (2,), ("cfg",))


def test_too_few_images_are_refused(engine, tiny, against):
    with pytest.raises(EngineError, match="too few for 3 classes"):
        QualityTask(str(tiny), 3.0, ("ddim",), (2,), ("cfg",), count=3).carry_out(engine, Job())
