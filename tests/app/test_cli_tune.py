"""vernier tune and --tuned, run as a script would run them."""

import json

import pytest

TOY = ["--model", "toy-gauss", "--gamma1", "2"]


@pytest.fixture
def file(vernier, tmp_path):
    path = tmp_path / "toy.json"
    status, answer = vernier("tune", *TOY, "--sampler", "ddim,heun", "--steps", "4,5", "--out", path)
    assert status == 0 and answer["out"] == str(path) and answer["objective"] == "endpoint"
    return path


def test_a_file_of_tuned_schedules_says_what_each_gained(vernier, file):
    found = json.loads(file.read_text())
    assert found["model_hash"] == "toy-gauss" and [(e["sampler"], e["steps"], len(e["ratios"])) for e in found["entries"]] == [
        ("ddim", 4, 4), ("ddim", 5, 5), ("heun", 4, 7), ("heun", 5, 9)]
    assert all(e["loss_after"][0] <= e["loss_before"][0] and e["seconds"] >= 0 for e in found["entries"])


def test_a_class_tuned_by_itself_is_added_to_the_file(vernier, file):
    assert vernier("tune", *TOY, "--sampler", "ddim", "--steps", "5", "--class", "2", "--objective", "teacher", "--out", file)[0] == 0
    assert [e["label"] for e in json.loads(file.read_text())["entries"]] == [None, None, 2, None, None]


def test_samples_are_drawn_at_the_tuned_timesteps(vernier, file, tmp_path):
    words = ["sample", *TOY, "--mode", "cfg", "--sampler", "ddim", "--steps", "5", "--count", "200", "--out", tmp_path]
    (_, plain), (status, tuned) = vernier(*words), vernier(*words, "--tuned", file)
    assert status == 0 and tuned["request"]["request"]["a"]["tuning"] == str(file)
    assert tuned["toy"][0]["mean"] != plain["toy"][0]["mean"] and tuned["nfe"] == plain["nfe"]


@pytest.mark.parametrize(("words", "said"), [
    (["sample", *TOY, "--sampler", "ddim", "--steps", "7", "--out", "x", "--tuned", "FILE"], "no tuned timesteps for 7 steps of ddim"),
    (["sample", *TOY, "--sampler", "ddim", "--steps", "5", "--out", "x", "--tuned"], "toy-gauss has no tuned timesteps"),
    (["sample", "--model", "toy-bimodal", "--sampler", "ddim", "--steps", "5", "--out", "x", "--tuned", "FILE"], "does not fit toy-bimodal"),
    (["tune", *TOY, "--steps", "1", "--out", "x.json"], "steps are"),
    (["tune", *TOY, "--class", "9", "--out", "x.json"], "has no class 9"),
    (["tune", *TOY, "--class", "all,1", "--out", "x.json"], "all or a list"),
    (["tune", *TOY, "--sampler", "rk4", "--out", "x.json"], "rk4"),
    (["tune", *TOY, "--objective", "trajectory", "--training", "parallel", "--out", "x.json"], "one path"),
])
def test_what_cannot_be_done_is_said(vernier, file, words, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, answer = vernier(*[file if word == "FILE" else word for word in words])
    assert status == 1 and said in answer["error"] and answer["remedy"]
    assert not (tmp_path / "x.json").exists()
