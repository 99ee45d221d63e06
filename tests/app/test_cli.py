"""The command line in this process: one JSON object on stdout, the exit status, progress on stderr."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from app import cli
from app.commands import guidance
from engines.guidance.request import GuidanceRequest, Sampling, unwrap, wrap

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def vernier(capsys):
    def run(*words):
        status = cli.main([str(word) for word in words])
        out = capsys.readouterr().out
        return status, json.loads(out) if out else None
    return run


def test_a_toy_is_sampled_to_numbers_with_its_request_and_closed_forms(vernier, tmp_path):
    status, found = vernier("sample", "--model", "toy-1d", "--c", "1.5", "--mode", "cfg", "--gamma1", "3", "--steps", "30", "--count", "4000",
                            "--seed", "4", "--out", tmp_path, "--format", "npz")
    assert status == 0 and set(found) == {"request", "seconds", "nfe", "files", "toy"}
    assert unwrap(found["request"]).a == Sampling(model="toy-1d", c=1.5, mode="cfg", gamma_1=3.0, steps=30, count=4000, seed=4)
    points = np.load(found["files"][0])["points"]
    assert points.shape == (4000, 1) and points.dtype == np.float64 and found["nfe"] == 60
    assert found["toy"][0]["limit"] == pytest.approx([3.0, 0.25]) and found["toy"][0]["variance"] == pytest.approx(0.25, rel=0.1)


def test_the_shipped_models_draw_pictures_in_recfg_by_name_of_class(vernier, tmp_path):
    for model, label, number, shape in (("emoji3d", "heart", 10, (2, 32, 32, 3)), ("fashion-mnist", "sandal", 5, (2, 28, 28, 1))):
        status, found = vernier("sample", "--model", model, "--class", label, "--steps", "2", "--count", "2", "--out", tmp_path, "--format", "npz")
        assert status == 0 and unwrap(found["request"]).a.label == number
        images = np.load(found["files"][0])["images"]
        assert images.shape == shape and images.dtype == np.uint8


def test_a_saved_picture_is_run_again_to_the_same_pixels(vernier, tmp_path):
    words = ("--model", "fashion-mnist", "--mode", "recfg", "--steps", "3", "--count", "2", "--seed", "8", "--guide-below", "20")
    _, first = vernier("sample", *words, "--out", tmp_path / "a")
    _, again = vernier("run", first["files"][0], "--out", tmp_path / "b")
    assert again["request"] == first["request"]
    for a, b in zip(first["files"], again["files"], strict=True):
        assert Path(a).read_bytes() == Path(b).read_bytes()


def test_a_request_with_two_sides_is_saved_as_two_folders(vernier, tmp_path):
    request = GuidanceRequest(Sampling(model="toy-gauss", count=10, steps=2), Sampling(model="toy-gauss", count=10, steps=2, mode="cfg"))
    (tmp_path / "r.json").write_text(json.dumps(wrap(request)))
    status, found = vernier("run", tmp_path / "r.json", "--out", tmp_path / "out")
    assert status == 0 and sorted(Path(name).parent.name for name in found["files"]) == ["A", "B"]


@pytest.mark.parametrize(("words", "said"), [
    (("sample", "--model", "magic"), "magic"), (("sample", "--model", "fashion-mnist", "--class", "cheese"), "cheese"),
    (("sample", "--class", "99", "--steps", "1"), "no class 99"), (("sample", "--steps", "0"), "steps"), (("run", "gone.json"), "gone.json"),
    (("table", "--model", "fashion-mnist", "--data", "/nowhere"), "train-images"),
    (("table", "--model", "x.safetensors", "--data", "/nowhere"), "x.safetensors"),
    (("train", "guidance", "--dataset", "emoji", "--data", "/nowhere"), "emoji.json")])
def test_what_cannot_be_done_is_an_error_with_a_remedy(vernier, tmp_path, words, said):
    status, found = vernier(*words, "--out", tmp_path / ("out.safetensors" if words[0] in ("train", "table") else "out"))
    assert status == 1 and said in found["error"] and found["remedy"]
    assert not list(tmp_path.rglob("*.*"))


@pytest.mark.parametrize(("words", "said"), [
    (("sample", "--gamma1", "99"), "--gamma1 is 99.0."), (("sample", "--gamma0=-50", "--mode", "free"), "--gamma0 is -50.0."),
    (("sample", "--guide-below", "-1"), "--guide-below is -1.0."), (("sample", "--curve1", "1:99", "--mode", "curve"), "--curve1 is not a curve over"),
    (("sample", "--seed", "-1"), "--seed is -1."), (("grid", "--x", "gamma1=1,99"), "gamma_1 is 99"),
    (("atlas", "--model", "toy-1d", "--gamma1", "8,1"), "--gamma1 from 8 to 1 makes no map.")])
def test_a_refused_value_is_named_as_it_was_typed(vernier, tmp_path, words, said):
    status, found = vernier(*words, "--out", tmp_path / ("out.png" if words[0] == "atlas" else "out"))
    assert status == 1 and found["error"].startswith(said) and found["remedy"]


@pytest.mark.parametrize("words", [("fly",), ("sample",), ("sample", "--mode", "best", "--out", "x"), ("train",), ("--nonsense",)])
def test_wrong_usage_is_status_two(vernier, words):
    assert vernier(*words) == (2, None)


def test_help_is_no_failure(capsys):
    assert cli.main(["--help"]) == 0 and "sample" in capsys.readouterr().out


def test_a_bug_is_reported_with_its_trace_and_still_one_object(vernier, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(guidance, "open_engine", lambda device: 1 / 0)
    assert cli.main(["sample", "--out", str(tmp_path)]) == 1
    captured = capsys.readouterr()
    assert "ZeroDivisionError" in json.loads(captured.out)["error"] and "Traceback" in captured.err


def test_under_torchrun_only_the_first_process_speaks(monkeypatch, capsys):
    monkeypatch.setenv("RANK", "1")
    assert cli.main(["sample", "--model", "magic", "--out", "x"]) == 1
    assert capsys.readouterr().out == ""


def test_numbers_that_json_does_not_know_become_null():
    assert cli._finite({"a": [float("inf"), 1.5, float("nan")], "_exit": 1}) == {"a": [None, 1.5, None]}


def test_an_interrupt_cancels_with_status_130_and_leaves_nothing_half_written(tmp_path):
    process = subprocess.Popen([sys.executable, "-m", "app", "sample", "--steps", "1000", "--count", "64", "--out", str(tmp_path / "out")], cwd=ROOT,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | {"PYTHONUNBUFFERED": "1"})
    assert "%" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 130 and json.loads(out) == {"cancelled": True} and not (tmp_path / "out").exists()
    assert time.monotonic() - began < 10


def test_training_writes_a_model_that_samples(vernier, tmp_path):
    """The whole way on a scrap of data: train, table, sample. Fashion-MNIST's file form, random pictures."""
    import gzip
    random, data = np.random.default_rng(0), tmp_path / "data"
    data.mkdir()
    for part in ("train", "t10k"):
        with gzip.open(data / f"{part}-images-idx3-ubyte.gz", "wb") as file:
            file.write(b"\0" * 16 + random.integers(0, 255, (40, 28, 28), np.uint8).tobytes())
        with gzip.open(data / f"{part}-labels-idx1-ubyte.gz", "wb") as file:
            file.write(b"\0" * 8 + np.tile(np.arange(10, dtype=np.uint8), 4).tobytes())
    model, table = tmp_path / "m.safetensors", tmp_path / "m.table.safetensors"
    status, found = vernier("train", "guidance", "--dataset", "fashion-mnist", "--data", data, "--out", model, "--steps", "3", "--batch", "4",
                            "--widths", "16,32", "--blocks", "1", "--embedding", "16")
    assert status == 0 and found["steps"] == 3
    status, found = vernier("table", "--model", model, "--dataset", "fashion-mnist", "--data", data, "--out", table, "--samples", "2")
    assert status == 0 and 0 < found["network_share"] <= 1
    status, found = vernier("sample", "--model", model, "--steps", "2", "--count", "1", "--out", tmp_path / "out")
    assert status == 0 and len(found["files"]) == 1
    calibration = tmp_path / "m.calibration.safetensors"
    status, found = vernier("calibrate", "--model", model, "--gamma1", "2,3", "--steps", "4", "--draws", "8", "--directions", "2", "--guide-below", "40",
                            "--class", "0,1", "--out", calibration)
    assert status == 0 and found["classes"] == 2 and found["evaluations"] == 2 * 8 * (4 + 2 * found["guided_steps"] * 2)
    measure = ("evaluate", "guidance", "--model", model, "--dataset", "fashion-mnist", "--data", data, "--count", "20", "--steps", "1", "--gamma1", "1,2",
               "--mode", "cfg,recfg,calibrated", "--work", tmp_path / "work")
    status, found = vernier(*measure, "--sheets", tmp_path / "sheets")
    assert status == 0 and [row["mode"] for row in found["rows"]] == ["cfg", "cfg", "recfg", "calibrated"] and found["loss"] > 0
    assert len(found["sheets"]) == 4 and all(Path(name).exists() for name in found["sheets"])
    assert found["rows"] == vernier(*measure)[1]["rows"] and vernier(*measure, "--share", "2/1")[0] == 1
