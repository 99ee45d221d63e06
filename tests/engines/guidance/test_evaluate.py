"""The measures of a card, on a tiny model: what is counted, that a stopped run goes on, that several processes share the work."""

import numpy as np
import pytest
import torch

from engines.guidance import reference as references
from engines.guidance.engine import GuidanceEngine
from engines.guidance.evaluate import Plan, evaluate
from engines.guidance.features import WIDTH, Classifier
from engines.guidance.reference import Reference
from engines.guidance.request import Sampling
from engines.job import Cancelled, EngineError, Job

PLAN = {"modes": ("cfg", "zero-star"), "strengths": (1.0, 3.0), "steps": (2,), "seeds": (0, 1), "count": 9}


@pytest.fixture
def engine(tmp_path):
    return GuidanceEngine(tmp_path)


@pytest.fixture
def against():
    torch.manual_seed(0)
    return Reference("tiny", Classifier(3, 3, width=32).eval(), {"name": "tiny"})


@pytest.fixture
def plan(tiny):
    return Plan(Sampling(model=str(tiny), sampler="ddim"), **PLAN)


def test_every_setting_has_a_row_and_seeds_are_summed_up(engine, plan, against, data):
    found = evaluate(engine, plan, against, data, None, Job())
    assert [(row["mode"], row["gamma_1"], row["seed"]) for row in found["rows"]] == [
        (mode, g, seed) for seed in (0, 1) for g, mode in ((1.0, "cfg"), (3.0, "cfg"), (3.0, "zero-star"))]
    assert all(row["images"] == 9 and {"accuracy", "shift", "variance", "nearest", "nfe"} <= row.keys() for row in found["rows"])
    first, second = (row["shift"] for row in found["rows"] if row["mode"] == "zero-star")
    summed = next(entry for entry in found["summary"] if entry["mode"] == "zero-star")
    assert summed["seeds"] == 2 and summed["shift"] == pytest.approx([np.mean([first, second]), np.std([first, second])], abs=2e-4)


def test_shift_and_variance_are_those_of_the_samples_themselves(engine, plan, data):
    row = evaluate(engine, Plan(plan.base, ("cfg",), (3.0,), (2,), (4,), 9), None, data, None, Job())["rows"][0]
    shifts, ratios = [], []
    for label in range(3):
        asked = Sampling(model=plan.base.model, sampler="ddim", mode="cfg", steps=2, label=label, seed=4000 + label, count=3)
        x = engine.side(asked, Job()).images.astype(float)
        y = data.images[data.labels == label, 0].astype(float)
        shifts.append(np.sqrt(np.square(x.mean(0) - y.mean(0)).mean()))
        ratios.append(x.var(0, ddof=1).mean() / y.var(0).mean())
    assert row["shift"] == pytest.approx(np.mean(shifts), abs=1e-3) and row["variance"] == pytest.approx(np.mean(ratios), abs=1e-3)


class After:
    """A job that is cancelled after so many progress reports."""

    def __init__(self, count):
        self.left, self.drawn = count, None

    def check(self):
        if self.left <= 0:
            raise Cancelled

    def progress(self, done, total, text=""):
        self.check()
        self.left -= 1


def test_a_stopped_run_goes_on_where_it_was(engine, plan, against, data, tmp_path, monkeypatch):
    work, drawn = tmp_path / "work", []
    side = engine.side
    monkeypatch.setattr(engine, "side", lambda settings, *more: drawn.append(settings) or side(settings, *more))
    with pytest.raises(Cancelled):
        evaluate(engine, plan, against, data, work, After(4))
    kept = len(list(work.glob("*.npz")))
    assert kept == len(drawn) - 1 >= 2 and not list(work.glob("*.part*"))  # the last one was cut
    drawn.clear()
    resumed = evaluate(engine, plan, against, data, work, Job())
    assert len(drawn) == 6 * 3 - kept
    assert resumed["rows"] == evaluate(engine, plan, against, data, None, Job())["rows"]


def test_several_processes_share_the_work_of_one_folder(engine, plan, against, data, tmp_path):
    parts = [evaluate(engine, plan, against, data, tmp_path / "work", Job(), (k, 2)) for k in range(2)]
    assert [part["rows"] for part in parts] == [[], []] and len(list((tmp_path / "work").glob("*.npz"))) == 18


def test_fewer_samples_than_classes_are_refused(engine, plan, against):
    with pytest.raises(EngineError, match="too few for 3 classes"):
        evaluate(engine, Plan(plan.base, ("cfg",), (3.0,), (2,), (0,), 3), against, None, None, Job())


def test_a_reference_comes_back_as_built_and_measures(data, tmp_path, monkeypatch):
    class Flat:
        """Stands in for the network of the optional package: the first pixels as features."""

        def __call__(self, images):
            return torch.nn.functional.pad(torch.from_numpy(images.reshape(len(images), -1)[:, :8].astype(np.float32)), (0, WIDTH - 8))

    monkeypatch.setattr(references, "Lite0", Flat)
    monkeypatch.setattr(references, "DIRECTIONS", 8)
    monkeypatch.setattr(references, "FLOOR_COUNTS", (4,))
    path = tmp_path / "tiny.reference.safetensors"
    about = references.build(data, data, path, Job(), epochs=1)
    found = references.read(path, data.classes)
    assert found.features.shape == (12, 8) and found.mean.shape == (3, 3, 8, 8) and about["floor"]["4"]["draws"] == 3
    real = found.project(Flat()(data.images[:, 0]))
    assert found.distance(real)["frechet"] == pytest.approx(0, abs=2.0) and found.distance(real + 50)["frechet"] > 1000
    assert found.floor(4)["frechet"] > 0 and found.floor(5) is None
    with pytest.raises(EngineError, match="other classes"):
        references.read(path, ("a", "b", "c"))


def test_the_real_extractor_puts_like_pictures_together():
    extract = pytest.importorskip("engines.guidance.features").Lite0()
    ramp = np.tile(np.linspace(0, 255, 28).astype(np.uint8)[:, None, None], (1, 28, 1))
    noise = np.random.default_rng(0).integers(0, 255, (28, 28, 1)).astype(np.uint8)
    a, b, c = extract(np.stack([ramp, np.clip(ramp.astype(int) + 4, 0, 255).astype(np.uint8), noise]))
    assert a.shape == (WIDTH,) and (a - b).norm() < 0.3 * (a - c).norm()
