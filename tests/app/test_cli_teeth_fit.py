"""vernier teeth fit and vernier bench teeth."""

import json

import numpy as np


def test_fit_writes_a_plan_that_moves_one_jaw_on_the_input_axes(vernier, tmp_path):
    vernier("teeth", "generate", "--preset", "crowding", "--out", tmp_path / "case")
    status, said = vernier("teeth", "fit", tmp_path / "case", "--out", tmp_path / "plan.json", "--jaw", "upper", "--lock", 16, "--extract", 14)
    assert status == 0 and said["jaws"] == ["upper"] and said["teeth"] == 27 and 8 < said["moved"] <= 12
    assert said["overlaps"]["after"]["depth_sum_mm"] <= said["overlaps"]["before"]["depth_sum_mm"]
    assert 25 < said["widths"]["upper"]["intercanine_mm"] < 45 and not {"16", "14", "36"} & said["moves"].keys()
    plan = json.loads((tmp_path / "plan.json").read_text())
    assert plan["units"] == "mm" and np.allclose(plan["teeth"]["36"]["matrix"], np.eye(4))
    assert not np.allclose(plan["teeth"]["12"]["matrix"], np.eye(4)) and np.allclose(plan["teeth"]["16"]["matrix"], np.eye(4))


def test_fit_says_what_is_wrong(vernier, tmp_path):
    vernier("teeth", "generate", "--preset", "crowding", "--out", tmp_path / "case")
    for words in (("--strength", 2), ("--lock", 19), ("--extract", 11, 12, 13, 14, 15, 16, 17, 21, 22, 23, "--jaw", "upper")):
        status, said = vernier("teeth", "fit", tmp_path / "case", "--out", tmp_path / "plan.json", *words)
        assert status == 1 and said["remedy"] and not (tmp_path / "plan.json").exists()


def test_bench_gives_seconds_ratios_and_what_is_met(vernier):
    status, said = vernier("bench", "teeth", "--repeats", 1)
    assert status == 0 and said["teeth"] == 28 and said["contacts_over_trees"] < 1 and set(said["met"]) == set(said["limits"])
