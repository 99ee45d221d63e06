"""vernier train teeth, teeth arrange, evaluate teeth."""

import json

import numpy as np

from engines.teeth.tadpm import TINY

WIDTHS = ",".join(f"{name}={value}" for name, value in TINY.to_dict().items())


def test_without_a_model_arrange_says_so_plainly(vernier, tmp_path, monkeypatch):
    from engines.teeth import arranger

    monkeypatch.setattr(arranger, "SHIPPED", "none.safetensors")
    status, said = vernier("teeth", "arrange", tmp_path, "--out", tmp_path / "plans")
    assert status == 1 and "No trained arrangement model ships" in said["error"] and "train teeth" in said["remedy"] and not (tmp_path / "plans").exists()


def test_a_model_is_trained_proposes_plans_and_is_measured(vernier, tmp_path):
    model = tmp_path / "t.safetensors"
    status, said = vernier("train", "teeth", "--out", model, "--steps", 3, "--hours", 1, "--batch", 2, "--crowns", 1, "--checks", 1, "--checked", 4,
                           "--widths", WIDTHS)
    assert status == 0 and said["steps"] == 3 and model.exists()
    vernier("teeth", "generate", "--preset", "crowding", "--out", tmp_path / "case")
    status, said = vernier("teeth", "arrange", tmp_path / "case", "--out", tmp_path / "plans", "--proposals", 2, "--lock", "16,26", "--model", model,
                           "--steps", 3)
    assert status == 0 and len(said["plans"]) == 2 and said["seconds"] > 0
    plan = json.loads((tmp_path / "plans" / "plan_0.json").read_text())
    assert np.array_equal(plan["teeth"]["16"]["matrix"], np.eye(4)) and plan["plan"]["locked"] == [16, 26]
    status, said = vernier("evaluate", "teeth", "--cases", tmp_path / "case", "--model", model)
    assert status == 0 and said["rows"]["identity"]["of_identity"]["ADD"] == 1 and "blend, expected" in said["rows"]


def test_wrong_options_are_told(vernier, tmp_path):
    for words in (("teeth", "arrange", tmp_path, "--out", tmp_path / "p", "--proposals", 9), ("train", "teeth", "--out", tmp_path / "t.bin"),
                  ("evaluate", "teeth", "--cases", tmp_path / "none", "--geometry-only")):
        status, said = vernier(*words)
        assert status == 1 and said["remedy"]
