"""vernier train gan, evaluate gan and bench gan."""

import json

from engines.weights import read_header

QUICK = ("--steps", 30, "--batch", 16)


def test_train_writes_a_checkpoint_the_curves_and_the_table_of_every_seed(vernier, tmp_path):
    status, said = vernier("train", "gan", "--data", "two-rings", "--seeds", "3,4", "--freq", 8, "--lambda", 0.2, "--sigma", "0.05,0.1",
                           "--out", tmp_path, *QUICK)
    assert status == 0 and said["seeds"] == [3, 4] and [arm["arm"] for arm in said["arms"]] == ["plain", "smart"]
    assert said["request"]["request"]["smart"]["lam"] == 0.2 and said["request"]["request"]["smart"]["freq"] == 8
    assert {path.name for path in tmp_path.iterdir()} == {"seed-3.safetensors", "seed-4.safetensors", "seed-3.curves.csv", "seed-4.curves.csv",
                                                          "table.csv", "result.json"}
    assert read_header(tmp_path / "seed-3.safetensors")["form"] == "gan-training 1"
    assert (tmp_path / "table.csv").read_text().splitlines()[1].startswith("3,plain,")
    assert json.loads((tmp_path / "result.json").read_text())["seeds"] == [3, 4]
    assert (tmp_path / "seed-3.curves.csv").read_text().startswith("arm,step,off")


def test_train_goes_on_from_its_checkpoint_and_refuses_other_settings(vernier, tmp_path):
    first = vernier("train", "gan", "--out", tmp_path, *QUICK)[1]
    again = vernier("train", "gan", "--out", tmp_path, *QUICK)[1]
    assert again["arms"][1]["off"]["mean"] == first["arms"][1]["off"]["mean"]
    status, said = vernier("train", "gan", "--out", tmp_path, "--lambda", 0.5, *QUICK)
    assert status == 1 and "other settings" in said["error"] and said["remedy"]


def test_run_takes_a_saved_request(vernier, tmp_path):
    said = vernier("train", "gan", "--seeds", "7", "--limit", 2, "--out", tmp_path / "a", *QUICK)[1]
    path = tmp_path / "saved.json"
    path.write_text(json.dumps(said["request"]))
    status, again = vernier("run", path, "--out", tmp_path / "b")
    assert status == 0 and again["seeds"] == [7] and again["arms"][1]["off"] == said["arms"][1]["off"]


def test_smart_off_trains_a_plain_generator_alone(vernier, tmp_path):
    status, said = vernier("train", "gan", "--smart", "off", "--out", tmp_path, *QUICK)
    assert status == 0 and [arm["arm"] for arm in said["arms"]] == ["plain"]


def test_points_of_ones_own_come_from_a_file(vernier, tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("\n".join(f"{k / 30},{(k % 7) / 10}" for k in range(30)))
    status, said = vernier("train", "gan", "--data", path, "--out", tmp_path / "out", *QUICK)
    assert status == 0 and said["request"]["request"]["data"] == "drawing" and len(said["request"]["request"]["drawing"]) == 30


def test_evaluate_gives_mean_and_spread_of_plain_paper_and_given(vernier, capsys, tmp_path):
    status, said = vernier("evaluate", "gan", "--seeds", "0,1", "--limit", 1, "--out", tmp_path, *QUICK)
    assert status == 0 and [arm["arm"] for arm in said["arms"]] == ["plain", "paper", "freq 1", "given"]
    assert all(set(arm["off"]) == {"mean", "spread", "each"} and len(arm["off"]["each"]) == 2 for arm in said["arms"])
    assert (tmp_path / "table.csv").exists()
    assert [arm["arm"] for arm in vernier("evaluate", "gan", "--freq", 8, "--seeds", "0", *QUICK)[1]["arms"]] == ["plain", "paper", "freq 1"]


def test_bench_tells_the_time_of_a_step_and_of_a_picture(vernier):
    status, said = vernier("bench", "gan", "--steps", 3)
    assert status == 0 and said["picture_ms"] > 0 and said["both_freq_1"]["cpu_ms"] > 0 and isinstance(said["met"], bool)


def test_what_is_wrong_is_said_with_a_remedy(vernier, tmp_path):
    few = tmp_path / "few.csv"
    few.write_text("0,0\n1,1\n")
    for words in (("--data", "moons"), ("--data", few), ("--data", tmp_path / "none.csv"), ("--sigma", "0.2,0.1"), ("--lambda", -1), ("--freq", 0)):
        status, said = vernier("train", "gan", "--out", tmp_path / "out", *QUICK, *words)
        assert status == 1 and said["remedy"], words
    assert not (tmp_path / "out").exists()
