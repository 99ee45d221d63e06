import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from engines.guidance import tables
from engines.guidance.train import write
from engines.job import Cancelled, EngineError, Job
from engines.parallel import Group
from engines.weights import read_safetensors

ROOT = Path(__file__).parent.parent.parent.parent


def built(model, data, out, job=None, samples=6, batch=2):
    with Group() as group:
        return tables.build(model, data, samples, out, job or Job(), group, batch)


def test_the_ratio_is_eq_45_over_the_stated_draws(model, data, tmp_path):
    """Recomputed plainly for one class and level: E[eps_c eps_u] / E[eps_u^2] per pixel."""
    out = tmp_path / "t.safetensors"
    built(model, data, out)
    label, level = 1, 9
    levels = np.linspace(model.schedule.lam(999.0), model.schedule.lam(0.0), tables.LEVELS)
    t = model.schedule.t_of_lam(levels[level])
    x_0, eps = tables._draws(data, tables._order(data, label, 0), label, 0, 6, 0, model)
    with torch.inference_mode():
        eps_c, eps_u = model.pair(model.schedule.alpha(t) * x_0 + model.schedule.sigma(t) * eps, t, model.label_rows(label, 6))
    expected = ((eps_c * eps_u).sum(0) / eps_u.square().sum(0)).clamp(0, 2)
    found = read_safetensors(out)[0]["ratio"][label, level].float()
    assert torch.allclose(found, expected, atol=2e-3)


def test_classes_are_not_smeared_into_one_another(model, data, tmp_path):
    """A class's row is the same whether or not the other classes have other images."""
    built(model, data, tmp_path / "a.safetensors")
    images = data.images.copy()
    images[data.labels != 0] = 255 - images[data.labels != 0]
    built(model, replace(data, images=images), tmp_path / "b.safetensors")
    a, b = (read_safetensors(tmp_path / f"{name}.safetensors")[0]["ratio"] for name in "ab")
    assert torch.equal(a[0], b[0]) and not torch.equal(a[1], b[1])


def test_the_header_says_what_it_was_made_for_and_the_last_row_is_the_mean(model, data, tmp_path):
    facts = built(model, data, tmp_path / "t.safetensors")
    tensors, meta = read_safetensors(tmp_path / "t.safetensors")
    header = json.loads(meta["vernier-table"])
    assert header["model_hash"] == model.hash and header["counts"] == [6, 6, 6] and header["prediction"] == "eps"
    assert tensors["ratio"].shape == (4, 32, 3, 8, 8) and tensors["ratio"].dtype == torch.float16
    assert torch.allclose(tensors["ratio"][3].float(), tensors["ratio"][:3].float().mean(0), atol=2e-3)
    assert facts["table_hash"] and not list(tmp_path.glob("*.state*"))


def test_a_class_with_fewer_images_repeats_them_with_fresh_noise(model, data):
    x_0, eps = tables._draws(data, tables._order(data, 0, 0), 0, 0, 8, 0, model)
    assert torch.equal(x_0[:4], x_0[4:]) and not torch.equal(eps[:4], eps[4:])


def test_a_class_without_data_gets_the_mean_row(model, data, tmp_path):
    some = data.labels != 1
    built(model, replace(data, images=data.images[some], labels=data.labels[some], weights=data.weights[some]), tmp_path / "t.safetensors")
    tensors, meta = read_safetensors(tmp_path / "t.safetensors")
    assert torch.equal(tensors["ratio"][1], tensors["ratio"][3]) and not torch.equal(tensors["ratio"][0], tensors["ratio"][3])
    assert json.loads(meta["vernier-table"])["counts"] == [6, 0, 6]


class Stops:
    """A job whose check raises at the nth call."""

    def __init__(self, calls):
        self.left = calls

    def progress(self, done, total, text=""):
        self.left -= 1
        if self.left == 0:
            raise Cancelled


def test_a_cancelled_build_resumes_to_the_same_table(model, data, tmp_path, monkeypatch):
    built(model, data, tmp_path / "whole.safetensors")
    monkeypatch.setattr(tables.time, "perf_counter", iter(range(0, 10**9, 60)).__next__)  # a minute a look: every chunk is saved
    with pytest.raises(Cancelled):
        built(model, data, tmp_path / "part.safetensors", Stops(5 * tables.LEVELS))
    assert not (tmp_path / "part.safetensors").exists() and (tmp_path / "part.safetensors.state0").exists()
    seen = []
    built(model, data, tmp_path / "part.safetensors", Job(lambda kind, values: seen.append(values[0])))
    assert seen[0] > 0.4
    whole, part = (read_safetensors(tmp_path / f"{name}.safetensors")[0] for name in ("whole", "part"))
    assert all(torch.equal(whole[key], part[key]) for key in whole)


def test_two_processes_give_the_same_table_as_one(tiny, model, data, tmp_path):
    np.save(tmp_path / "images.npy", data.images)
    (tmp_path / "two.py").write_text(f"""
import sys
sys.path[:0] = [{str(ROOT)!r}]
import numpy as np, torch
from engines.guidance import sources, tables
from engines.guidance.datasets import ImageSet
from engines.job import Job
from engines.parallel import Group, leave
from pathlib import Path
torch.set_num_threads(1)
sources.precision = lambda device: torch.float32
data = ImageSet("tiny", np.load({str(tmp_path / "images.npy")!r}), np.repeat([0, 1, 2], 4), np.ones(12), np.zeros(12, bool), {data.classes!r}, "", "")
with Group() as group:
    assert group.size == 2
    model = sources.open_model({str(tiny)!r}, Path("."), group.device)
    tables.build(model, data, 6, Path({str(tmp_path / "two.safetensors")!r}), Job(), group, 2)
leave(0)
""")
    done = subprocess.run([sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", "--standalone",
                           str(tmp_path / "two.py")], capture_output=True, text=True, timeout=120, env=os.environ | {"OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr
    built(model, data, tmp_path / "one.safetensors")
    one, two = (read_safetensors(tmp_path / f"{name}.safetensors")[0] for name in ("one", "two"))
    assert all(torch.allclose(one[key].float(), two[key].float(), atol=1e-3) for key in one)


@pytest.fixture
def table(model, data, tmp_path):
    built(model, data, tmp_path / "t.safetensors")
    return tmp_path / "t.safetensors"


def test_rows_are_interpolated_in_log_snr_and_held_beyond_the_ends(table, model):
    read = tables.read(table, model)
    rows, one = read.rows["ratio"][1], torch.tensor([0.0, 1.0, 0.0])
    assert torch.allclose(read.at("ratio", one, read.levels[7])[0], rows[7], atol=1e-6)
    middle = 0.25 * read.levels[7] + 0.75 * read.levels[8]
    assert torch.allclose(read.at("ratio", one, middle)[0], 0.25 * rows[7] + 0.75 * rows[8], atol=1e-6)
    assert torch.equal(read.at("ratio", one, -99)[0], rows[0]) and torch.allclose(read.at("ratio", one, 99)[0], rows[-1])


def test_a_blend_takes_both_rows_and_an_unknown_class_the_mean(table, model):
    read = tables.read(table, model)
    lam, rows = read.levels[5], read.rows["ratio"][:, 5]
    assert torch.allclose(read.at("ratio", torch.tensor([0.3, 0.0, 0.7]), lam)[0], 0.3 * rows[0] + 0.7 * rows[2], atol=1e-6)
    assert torch.allclose(read.at("ratio", torch.zeros(3), lam)[0], rows[3], atol=1e-6)


@pytest.mark.parametrize(("key", "value", "word"), [
    ("model_hash", "f" * 64, "model hash"), ("prediction", "v", "prediction type"), ("schedule", {"kind": "cosine"}, "schedule")])
def test_a_table_that_does_not_fit_is_refused_with_the_reason(table, model, key, value, word):
    tensors, meta = read_safetensors(table)
    write(table, tensors, {"vernier-table": json.dumps(json.loads(meta["vernier-table"]) | {key: value})})
    with pytest.raises(EngineError, match=word) as raised:
        tables.read(table, model)
    assert "t.safetensors does not fit" in str(raised.value) and "vernier table" in raised.value.remedy


def test_a_table_of_another_shape_or_with_nan_or_of_another_kind_is_refused(table, model, tiny):
    tensors, meta = read_safetensors(table)
    write(table, tensors | {"ratio": tensors["ratio"][:2].contiguous()}, meta)
    with pytest.raises(EngineError, match="ratio is"):
        tables.read(table, model)
    tensors["ratio"][0, 0, 0, 0, 0] = float("nan")
    write(table, tensors, meta)
    with pytest.raises(EngineError, match="not finite"):
        tables.read(table, model)
    with pytest.raises(EngineError, match="not a ReCFG table"):
        tables.read(tiny, model)


def test_data_of_other_classes_are_refused(model, data, tmp_path):
    with pytest.raises(EngineError, match="other classes"):
        built(model, replace(data, classes=("a", "b", "c")), tmp_path / "t.safetensors")
