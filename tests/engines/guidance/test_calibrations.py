"""Files of calibrated guidance: built, resumed, read, refused, and what the engine makes of them."""

import json
from dataclasses import replace

import numpy as np
import pytest

from engines.guidance import calibrations
from engines.guidance.calibrations import CalibrateRequest, build, read
from engines.guidance.engine import GuidanceEngine
from engines.guidance.request import Sampling
from engines.guidance.train import write
from engines.job import Cancelled, EngineError, Job
from engines.weights import read_safetensors

SMALL = CalibrateRequest(gammas=(2.0, 4.0), rho_hi=2.0, steps=6, draws=8, directions=2)


@pytest.fixture
def engine(tmp_path):
    return GuidanceEngine(tmp_path)


@pytest.fixture
def asked(tiny):
    return Sampling(model=str(tiny), mode="calibrated", gamma_1=3.0, sampler="ddim", steps=6, count=4)


def beside(tiny):
    return tiny.with_suffix(".calibration.safetensors")


def test_a_file_comes_back_as_it_was_built(model, tmp_path):
    path = tmp_path / "c.safetensors"
    facts = build(model, SMALL, path, Job())
    found = read(path, model)
    assert found.classes == (0, 1, 2) and found.gammas == (2.0, 4.0) and found.rho_hi == 2.0 and facts["guided_steps"] == len(found.lam)
    assert found.of(1).offsets.shape == (2, len(found.lam), *model.shape) and found.of(3) is None
    assert found.of(1).offsets.any() and not list(tmp_path.glob("*.state"))


def test_a_stopped_calibration_goes_on_after_its_last_class(model, tmp_path):
    whole, path = tmp_path / "whole.safetensors", tmp_path / "c.safetensors"
    build(model, SMALL, whole, Job())
    job, seen = Job(), []

    def tell(kind, values):
        seen.append(values)
        job.cancelled = values[0] > 0.5

    job.tell = tell
    with pytest.raises(Cancelled):
        build(model, SMALL, path, job)
    assert not path.exists() and (tmp_path / "c.safetensors.state").exists()
    again = []
    build(model, SMALL, path, Job(lambda kind, values: again.append(values)))
    assert min(value[0] for value in again) > 0.3  # the first class was not made again
    first, second = (read_safetensors(file)[0] for file in (whole, path))
    assert all(np.array_equal(first[key], second[key]) for key in first)


@pytest.mark.parametrize(("key", "value", "word"), [("model_hash", "0" * 64, "model hash"), ("prediction", "v", "prediction type"),
                                                    ("shape", [1, 4, 4], "shape"), ("schedule", {"kind": "cosine"}, "schedule")])
def test_a_file_of_another_model_is_refused_with_the_reason(model, tmp_path, key, value, word):
    path = tmp_path / "c.safetensors"
    build(model, SMALL, path, Job())
    tensors, meta = read_safetensors(path)
    header = json.loads(meta["vernier-calibration"]) | {key: value}
    write(path, tensors, {"vernier-calibration": json.dumps(header)})
    with pytest.raises(EngineError, match=f"its {word} is"):
        read(path, model)


def test_a_table_is_no_calibration_and_settings_must_fit_together(model, tmp_path):
    path = tmp_path / "c.safetensors"
    write(path, {"x": model.label_rows(0, 1)}, {"vernier-table": "{}"})
    with pytest.raises(EngineError, match="is not a calibration"):
        read(path, model)
    for wrong in ({"gammas": (3.0, 2.0)}, {"gammas": (1.0,)}, {"draws": 4}, {"rho_hi": 0.0}, {"steps": 1}, {"directions": 8}):
        with pytest.raises(EngineError):
            replace(SMALL, **wrong)


def test_the_mode_keeps_the_mean_of_the_unguided_run(engine, asked, tiny, model):
    build(model, replace(SMALL, gammas=(3.0,), draws=64, rho_hi=20.0, shrink=False), beside(tiny), Job())
    asked = replace(asked, count=64, seed=5)

    def shift(**changes):
        off = engine.side(replace(asked, mode="cfg", gamma_1=1.0), Job()).images.astype(float).mean(0)
        return np.sqrt(np.square(engine.side(replace(asked, **changes), Job()).images.astype(float).mean(0) - off).mean())

    assert shift() < 0.5 * shift(mode="cfg", guide_below=20.0)


def test_without_a_calibration_the_interval_alone_is_used_and_said(engine, asked):
    side = engine.side(asked, Job())
    same = engine.side(replace(asked, mode="cfg", guide_below=calibrations.DEFAULT_LEVEL), Job())
    assert np.array_equal(side.images, same.images) and any("no calibration" in note for note in side.notes) and side.nfe == same.nfe


def test_a_class_or_blend_without_one_uses_the_interval_at_the_calibrated_level(engine, asked, tiny, model):
    build(model, replace(SMALL, classes=(0,)), beside(tiny), Job())
    assert not any("interval alone" in note for note in engine.side(asked, Job()).notes)
    for changes, why in (({"label": 1}, "this class"), ({"label_2": 1, "blend": 0.5}, "a blend")):
        side = engine.side(replace(asked, **changes), Job())
        same = engine.side(replace(asked, mode="cfg", guide_below=2.0, **changes), Job())
        assert np.array_equal(side.images, same.images) and any(note.startswith(why) for note in side.notes)


def test_above_the_calibrated_level_the_missing_offset_is_said(engine, asked, tiny, model):
    build(model, SMALL, beside(tiny), Job())
    assert any("no offset above noise level 2" in note for note in engine.side(replace(asked, guide_below=50.0), Job()).notes)


def test_a_named_calibration_must_exist(engine, asked, tmp_path):
    with pytest.raises(EngineError, match="could not be read"):
        engine.side(replace(asked, calibration=str(tmp_path / "gone.safetensors")), Job())
