"""The engine: plays, pauses, steps, goes back, and finds its work again after a crash."""

from dataclasses import replace
from threading import Event

import numpy as np
import pytest

from engines.gan.engine import GanEngine
from engines.gan.lab import Lab
from engines.gan.request import GanRequest, Play, Smart
from engines.job import Cancelled, EngineError, Job
from engines.weights import read_header

SMALL = GanRequest(batch=16, steps=450)


def stopping(after):
    """A job that is cancelled after so many progress reports and previews."""
    told = []
    job = Job(lambda kind, values: (told.append((kind, values)), setattr(job, "cancelled", len(told) >= after)))
    return job, told


@pytest.fixture
def engine():
    return GanEngine()


def test_the_first_look_shows_two_generators_that_agree(engine):
    seen = engine.run(Play(SMALL), Job())
    plain, smart = seen.twins
    assert seen.step == 0 and (plain.name, smart.name) == ("plain", "smart")
    assert np.array_equal(plain.points, smart.points) and np.array_equal(plain.field, smart.field)
    assert plain.arrows is None and smart.arrows.shape == smart.tails.shape
    assert [round(t) for t in seen.timesteps] == [25, 35] and seen.checkpoints == (0,)
    assert len(seen.scene.points) > 1400 and seen.scene.density.max() == pytest.approx(1) and seen.scene.best.off < 1e-3


def test_arrows_point_where_the_score_falls(engine):
    seen = engine.run(Play(SMALL, "step", count=50), Job()).twins[1]
    means = engine._lab.run.data.means.numpy()

    def gap(points):
        return np.linalg.norm(points[:, None] - means, axis=2).min(1)

    length = np.linalg.norm(seen.arrows, axis=1, keepdims=True)
    near = (gap(seen.tails) < 0.15) & (gap(seen.tails) > 0.02)  # well inside a basin
    assert (gap(seen.tails + 0.005 * seen.arrows / length)[near] < gap(seen.tails)[near]).mean() > 0.9


def test_what_nobody_asked_to_see_is_not_worked_out(engine):
    seen = engine.run(Play(SMALL, field=False, arrows=False), Job())
    assert all(twin.field is None and twin.arrows is None for twin in seen.twins)


def test_step_takes_single_steps_and_train_goes_to_the_end(engine):
    assert engine.run(Play(SMALL, "step"), Job()).step == 1
    assert engine.run(Play(SMALL, "step", count=9), Job()).step == 10
    seen = engine.run(Play(SMALL, "train"), Job())
    assert seen.step == 450 and seen.checkpoints == (0, 200, 400)
    assert [m.step for m in seen.twins[0].history] == [0, 100, 200, 300, 400, 450]


def test_a_pause_keeps_the_training_where_it_is_and_the_rest_comes_out_the_same(engine, monkeypatch):
    monkeypatch.setattr("engines.gan.engine.PREVIEW_S", 0.01)
    job, told = stopping(6)
    with pytest.raises(Cancelled):
        engine.run(Play(SMALL, "train"), job)
    paused = engine.run(Play(SMALL), Job())
    assert 0 < paused.step < 450
    assert {"progress", "preview"} <= {kind for kind, _ in told}
    done = engine.run(Play(SMALL, "train"), Job())
    straight = GanEngine().run(Play(SMALL, "train"), Job())
    assert np.array_equal(done.twins[1].points, straight.twins[1].points)


def test_a_newer_request_takes_over_at_once_and_the_steps_go_on(engine):
    job = Job(lambda kind, values: None)
    job.superseded = True  # as when a slider is moved while it trains
    with pytest.raises(Cancelled):
        engine.run(Play(SMALL, "train"), job)
    moved = replace(SMALL, smart=Smart(lam=0.5), rate_g=1e-4)
    seen = engine.run(Play(moved), Job())
    assert 0 < seen.step < 450 and seen.lam == 0.5


def test_no_preview_is_made_while_the_last_one_is_not_drawn(engine, monkeypatch):
    monkeypatch.setattr("engines.gan.engine.PREVIEW_S", 0.0)
    told = []
    engine.run(Play(replace(SMALL, steps=30), "train"), Job(lambda kind, values: told.append(kind), Event()))
    assert "preview" not in told and "progress" in told


def test_rewinding_goes_to_the_checkpoint_before_and_forgets_what_came_after(engine):
    engine.run(Play(SMALL, "train"), Job())
    seen = engine.run(Play(SMALL, "rewind", at=399), Job())
    assert seen.step == 200 and seen.checkpoints == (0, 200) and seen.twins[0].history[-1].step == 200
    assert engine.run(Play(SMALL, "reset"), Job()).step == 0


def test_other_data_or_another_seed_begin_anew(engine):
    engine.run(Play(SMALL, "step", count=5), Job())
    seen = engine.run(Play(replace(SMALL, data="spiral")), Job())
    assert seen.step == 0 and seen.scene.data == "spiral"
    assert engine.run(Play(replace(SMALL, twin=False)), Job()).twins[0].name == "plain"


def test_a_twin_that_runs_away_is_said_and_the_other_goes_on(engine):
    engine.run(Play(SMALL, "step", count=1), Job())
    engine._lab.run.G.flat[1] = float("inf")
    seen = engine.run(Play(SMALL, "step", count=40), Job())
    assert seen.twins[0].stopped == "" and "ran away" in seen.twins[1].stopped
    assert np.isfinite(seen.twins[1].points).all()
    assert engine.run(Play(SMALL, "rewind", at=0), Job()).twins[1].stopped == ""


def test_a_training_is_found_again_after_a_crash(tmp_path):
    seen = GanEngine(tmp_path).run(Play(SMALL, "step", count=230), Job())
    (file,) = tmp_path.iterdir()
    assert read_header(file)["form"] == "gan-training 1"
    again = GanEngine(tmp_path)
    found = again.run(Play(SMALL), Job())
    assert found.step == 230 and np.array_equal(found.twins[1].points, seen.twins[1].points)
    assert [m.step for m in found.twins[0].history] == [0, 100, 200]
    assert found.checkpoints == (0, 230)
    straight = GanEngine().run(Play(SMALL, "train"), Job())
    assert np.array_equal(again.run(Play(SMALL, "train"), Job()).twins[1].points, straight.twins[1].points)


def test_a_damaged_file_begins_anew_and_closing_keeps_the_training(tmp_path):
    engine = GanEngine(tmp_path)
    engine.run(Play(SMALL, "step", count=3), Job())
    engine._lab.train(7)
    engine.close()
    assert GanEngine(tmp_path).run(Play(SMALL), Job()).step == 7
    (file,) = tmp_path.iterdir()
    file.write_bytes(b"nonsense")
    assert GanEngine(tmp_path).run(Play(SMALL), Job()).step == 0


def test_a_checkpoint_of_another_training_is_refused(tmp_path):
    file = tmp_path / "mine.safetensors"
    Lab(SMALL, file).save()
    for other, words in ((replace(SMALL, seed=1), "other data"), (replace(SMALL, smart=Smart(lam=1.0)), "other settings")):
        with pytest.raises(EngineError, match=words):
            Lab(other, file).resume(same_settings=True)
    assert Lab(replace(SMALL, steps=900), file).resume(same_settings=True)


def test_old_checkpoints_thin_out(monkeypatch):
    monkeypatch.setattr("engines.gan.lab.CHECKPOINTS", 6)
    monkeypatch.setattr("engines.gan.lab.CHECKPOINT_EVERY", 2)
    lab = Lab(replace(SMALL, steps=40))
    lab.train(40)
    steps = [point.step for point in lab.checkpoints]
    assert steps[0] == 0 and steps[-1] == 40 and len(steps) <= 6 and steps == sorted(steps)
