"""The Guidance workspace's commands, run as a script would run them."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.commands import guidance as commands
from engines.guidance.picture import read_png_request
from engines.guidance.request import GuidanceRequest, Sampling, wrap

ROOT = Path(__file__).parents[2]
FAST = ["--model", "fashion-mnist", "--steps", "2", "--count", "2"]


@pytest.fixture
def data(tmp_path):
    """A folder laid out like Fashion-MNIST: 60 noisy bars."""
    folder = tmp_path / "data"
    folder.mkdir()
    labels = (np.arange(60) % 10).astype(np.uint8)
    images = np.random.default_rng(0).integers(0, 80, (60, 28, 28)).astype(np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[2 * label : 2 * label + 6] = 255
    for name, array, header in (("images-idx3", images, 16), ("labels-idx1", labels, 8)):
        with gzip.open(folder / f"train-{name}-ubyte.gz", "wb") as file:
            file.write(bytes(header) + array.tobytes())
    return folder


def test_sample_writes_pictures_that_carry_their_request(vernier, tmp_path):
    status, answer = vernier("sample", *FAST, "--class", "sneaker", "--mode", "cfg", "--gamma1", "2", "--seed", "7", "--out", tmp_path / "out")
    assert status == 0 and answer.keys() == {"request", "seconds", "nfe", "files"}
    assert answer["nfe"] == 4 and len(answer["files"]) == 2 and answer["seconds"] > 0
    wanted = Sampling("fashion-mnist", label=7, mode="cfg", gamma_1=2.0, steps=2, seed=7, count=2)
    assert answer["request"] == wrap(GuidanceRequest(wanted)) and read_png_request(answer["files"][0])[0].a == wanted


def test_every_option_reaches_the_request(vernier, tmp_path):
    status, answer = vernier("sample", *FAST, "--class", 1, "--blend-with", "bag", "--blend", 0.25, "--mode", "free", "--gamma1", 2, "--gamma0", -0.5,
                             "--sampler", "heun", "--guide-below", 20, "--guide-above", 0.1, "--seed", 1, "--seed-2", 2, "--seed-mix", 0.5,
                             "--format", "npz", "--out", tmp_path)
    side = answer["request"]["request"]["a"]
    assert status == 0 and side == Sampling("fashion-mnist", label=1, label_2=8, blend=0.25, mode="free", gamma_1=2.0, gamma_0=-0.5, steps=2, sampler="heun",
                                            guide_below=20.0, guide_above=0.1, seed=1, seed_2=2, seed_mix=0.5, count=2).to_dict()
    with np.load(answer["files"][0]) as arrays:
        assert arrays["images"].shape == (2, 28, 28, 1) and arrays["images"].dtype == np.uint8


@pytest.mark.parametrize(("words", "error", "remedy"), [
    (("--model", "fashion-mnist", "--class", "hat"), "no class 'hat'", "ankle boot"),
    (("--model", "fashion-mnist", "--class", 10), "no class 10", "0 to 9"),
    (("--model", "nothing", "--mode", "cfg"), "no model named 'nothing'", "fashion-mnist"),
    (("--model", "fashion-mnist", "--steps", 0), "steps is 0", "between 1 and 1000"),
    (("--model", "fashion-mnist", "--table", "/no/such/table.safetensors"), "no ReCFG table", "vernier table"),
])
def test_bad_input_is_refused_with_a_remedy_and_writes_nothing(vernier, tmp_path, words, error, remedy):
    status, answer = vernier("sample", *words, "--out", tmp_path / "out")
    assert status == 1 and error in answer["error"] and remedy in answer["remedy"]
    assert not list(tmp_path.rglob("*.png"))


def test_run_draws_both_sides_of_a_request_from_the_same_noise(vernier, tmp_path):
    a = Sampling("fashion-mnist", mode="cfg", steps=2, count=1)
    file = tmp_path / "request.json"
    file.write_text(json.dumps(wrap(GuidanceRequest(a, a))))
    status, answer = vernier("run", file, "--out", tmp_path / "out")
    first, second = (np.asarray(Image.open(name)) for name in answer["files"])
    assert status == 0 and np.array_equal(first, second) and answer["files"][0] != answer["files"][1]


def test_curves_and_presets_reach_the_request_and_the_film_is_written(vernier, tmp_path):
    status, answer = vernier("sample", *FAST, "--mode", "curve", "--curve1", "1.2:1,0.05:3,1:3", "--curve0", "1:-2,1.2:0", "--out", tmp_path,
                             "--film", tmp_path / "a.gif")
    side = answer["request"]["request"]["a"]
    assert status == 0 and side["curve_1"] == [[0.05, 3], [1, 3], [1.2, 1]] and side["curve_0"] == [[1, -2], [1.2, 0]]
    with Image.open(tmp_path / "a.gif") as film:
        assert film.n_frames == 2 and str(tmp_path / "a.gif") in answer["files"]
    status, answer = vernier("sample", *FAST, "--preset", "rectified", "--gamma1", 2, "--out", tmp_path / "r",
                             "--film", tmp_path / "steps", "--film-of", "noisy")
    side = answer["request"]["request"]["a"]
    assert side["mode"] == "curve" and side["curve_1"] == [[1, 2]] and len(side["curve_0"]) > 1 and all(-2 <= g0 <= 0 for _, g0 in side["curve_0"])
    assert len(list((tmp_path / "steps").glob("*.png"))) == 2


@pytest.mark.parametrize(("words", "error"), [(("--film", "a.webm"), "cannot be written as .webm"), (("--mode", "curve", "--curve1", "1-2"), "not a curve")])
def test_a_film_or_curve_that_cannot_be_is_refused_before_anything_is_drawn(vernier, tmp_path, words, error):
    status, answer = vernier("sample", *FAST, *words, "--out", tmp_path / "out")
    assert status == 1 and error in answer["error"] and answer["remedy"] and not (tmp_path / "out").exists()


@pytest.mark.parametrize("model", ["toy-1d", "toy-gauss"])
def test_a_toy_is_filmed_as_its_points(vernier, tmp_path, model):
    status, answer = vernier("sample", "--model", model, "--mode", "cfg", "--steps", 3, "--count", 200, "--out", tmp_path / "out", "--film", tmp_path / "a.gif")
    assert status == 0 and str(tmp_path / "a.gif") in answer["files"]
    with Image.open(tmp_path / "a.gif") as film:
        assert film.n_frames == 3


def test_sides_of_different_kinds_share_no_film(vernier, tmp_path):
    file = tmp_path / "r.json"
    file.write_text(json.dumps(wrap(GuidanceRequest(Sampling("toy-1d", mode="cfg", steps=2), Sampling("toy-gauss", mode="cfg", steps=2)))))
    status, answer = vernier("run", file, "--out", tmp_path / "out", "--film", tmp_path / "a.gif")
    assert status == 1 and "different kinds" in answer["error"] and answer["remedy"] and not (tmp_path / "out").exists()


@pytest.mark.parametrize(("text", "error"), [("{", "could not be read"), ("{}", "not a Vernier request"), ('{"vernier": 99}', "newer")])
def test_run_refuses_what_is_no_request(vernier, tmp_path, text, error):
    file = tmp_path / "request.json"
    file.write_text(text)
    status, answer = vernier("run", file, "--out", tmp_path / "out")
    assert status == 1 and error in answer["error"] and answer["remedy"]


def test_train_then_table_then_sample(vernier, data, tmp_path):
    weights = tmp_path / "tiny.safetensors"
    status, facts = vernier("train", "guidance", "--dataset", "fashion-mnist", "--data", data, "--out", weights, "--steps", 3, "--batch", 4,
                            "--widths", "16,16", "--blocks", 1, "--embedding", 32)
    assert status == 0 and facts["steps"] == 3
    status, answer = vernier("table", "--model", weights, "--data", data, "--samples", 4, "--out", tmp_path / "t.safetensors")
    assert status == 1 and "--dataset" in answer["remedy"]
    status, facts = vernier("table", "--model", weights, "--data", data, "--dataset", "fashion-mnist", "--samples", 4, "--batch", 4,
                            "--out", tmp_path / "tiny.table.safetensors")
    assert status == 0 and facts["samples"] == 4 and not list(tmp_path.glob("*.state0"))
    status, answer = vernier("sample", "--model", weights, "--mode", "recfg", "--steps", 2, "--count", 1, "--out", tmp_path / "out")
    assert status == 0 and len(answer["files"]) == 1


def test_a_folder_of_pictures_becomes_a_model_and_a_table(vernier, tmp_path):
    place = tmp_path / "pets"
    for label, name in enumerate(("cat", "dog")):
        (place / name).mkdir(parents=True)
        for k in range(3):
            Image.new("L", (8, 8), 200 * label + 20 * k).save(place / name / f"{k}.png")
    weights, sheet = tmp_path / "pets.safetensors", tmp_path / "sheet.png"
    status, facts = vernier("train", "guidance", "--dataset", place, "--out", weights, "--steps", 3, "--size", 8, "--widths", "16,16", "--blocks", 1,
                            "--embedding", 32, "--mirror", "off", "--sheet", sheet, "--every", 0.001)
    assert status == 0 and facts["steps"] == 3 and facts["images"] == 6 and facts["sheet"] == str(sheet)
    assert Image.open(sheet).size == (32, 16) and Image.open(sheet).mode == "L"  # 4 a class, grey as the pictures are
    status, facts = vernier("table", "--model", weights, "--dataset", place, "--samples", 2, "--batch", 2, "--out", tmp_path / "pets.table.safetensors")
    assert status == 0 and facts["images"] == 6
    status, answer = vernier("sample", "--model", weights, "--class", "dog", "--mode", "recfg", "--steps", 2, "--count", 1, "--out", tmp_path / "out")
    assert status == 0 and len(answer["files"]) == 1
    (place / "cat").rename(place / "cow")
    status, answer = vernier("table", "--model", weights, "--dataset", place, "--samples", 1, "--out", tmp_path / "t.safetensors")
    assert status == 1 and "other classes" in answer["error"]


@pytest.mark.parametrize(("words", "error"), [
    (("--dataset", "emojis"), "no data set and no folder named 'emojis'"), (("--dataset", "."), "no subfolders with pictures"),
    (("--dataset", "pets", "--size", 30), "size 30 will not do"), (("--dataset", "pets", "--every", 0, "--sheet", "s.png"), "--every is 0"),
    (("--dataset", "pets", "--widths", "16,16,16", "--size", 28), "does not halve 3 times"), (("--dataset", "pets", "--steps", 0), "steps is 0")])
def test_a_folder_that_will_not_do_is_refused_with_a_remedy(vernier, tmp_path, monkeypatch, words, error):
    monkeypatch.chdir(tmp_path)
    if "pets" in words:
        (tmp_path / "pets" / "cat").mkdir(parents=True)
        for k in range(2):
            Image.new("RGB", (8, 8), (k, 9, 99)).save(tmp_path / "pets" / "cat" / f"{k}.png")
    status, answer = vernier("train", "guidance", *words, "--out", tmp_path / "m.safetensors")
    assert status == 1 and error in answer["error"] and answer["remedy"]
    assert not list(tmp_path.glob("m.*"))


def test_a_table_of_a_shipped_model_needs_no_data_folder_and_training_does(vernier, tmp_path, monkeypatch):
    monkeypatch.setattr(commands, "DEBIAN", tmp_path / "not installed")
    status, facts = vernier("table", "--model", "fashion-mnist", "--samples", 1, "--batch", 1, "--out", tmp_path / "t.safetensors")
    assert status == 0 and facts["images"] == 160 and facts["samples"] == 1
    status, answer = vernier("sample", *FAST, "--table", tmp_path / "t.safetensors", "--out", tmp_path / "out")
    assert status == 0 and len(answer["files"]) == 2
    status, answer = vernier("train", "guidance", "--dataset", "fashion-mnist", "--out", tmp_path / "m.safetensors")
    assert status == 1 and "--data" in answer["remedy"]


def test_two_processes_train_and_answer_once(data, tmp_path):
    words = ["train", "guidance", "--dataset", "fashion-mnist", "--data", str(data), "--out", str(tmp_path / "two.safetensors"), "--steps", "3", "--batch", "4",
             "--widths", "16,16", "--blocks", "1", "--embedding", "32"]
    done = subprocess.run([sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", "-m", "app", *words], cwd=ROOT,
                          capture_output=True, text=True, timeout=120, env=os.environ | {"OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert facts["processes"] == 2 and facts["steps"] == 3 and (tmp_path / "two.safetensors").exists()


def test_bench_gives_every_ratio_and_its_verdict(vernier):
    status, answer = vernier("bench", "guidance", "--model", "fashion-mnist", "--count", 2, "--steps", 2, "--repeats", 1)
    figures = {"recfg_over_cfg", "loop_over_diffusers_same", "loop_over_diffusers_default", "network_share", "full_s", "preview_s", "toy_5000_s",
               "toy_20000_s"}
    assert status == 0 and answer["met"].keys() == figures and all(answer[name] > 0 for name in figures)
