import json

import numpy as np
import pytest


@pytest.mark.parametrize("form", ("stl", "ply", "obj"))
def test_generate_writes_what_it_says(vernier, tmp_path, form):
    status, said = vernier("teeth", "generate", "--seed", 5, "--out", tmp_path / "case", "--class", "II", "--crowding", 4, "--format", form)
    assert status == 0 and said["teeth"] == 28 and {p.name for p in (tmp_path / "case").iterdir()} == set(said["files"])
    case = json.loads((tmp_path / "case/case.json").read_text())
    assert case["seed"] == 5 and case["facts"]["drawn"]["molar_class"] == "II" and len(case["teeth"]) == 28 and np.shape(case["teeth"]["11"]["start"]) == (4, 4)
    data = (tmp_path / "case" / f"11.{form}").read_bytes()
    if form == "stl":
        assert len(data) == 84 + 50 * int.from_bytes(data[80:84], "little")


def test_universal_names_and_bad_arguments(vernier, tmp_path):
    status, said = vernier("teeth", "generate", "--out", tmp_path / "u", "--preset", "crowding", "--numbering", "universal")
    assert status == 0 and "8.stl" in said["files"] and said["seed"] == 11
    for words in (("--preset", "perfect"), ("--crowding", 99), ("--crowding", 2, "--spacing", 2), ("--seed", -1), ("--severity", 9), ("--diastema", 7)):
        status, said = vernier("teeth", "generate", "--out", tmp_path / "bad", *words)
        assert status == 1 and said["remedy"] and not (tmp_path / "bad").exists()
    status, said = vernier("teeth", "generate", "--out", tmp_path / "u")
    assert status == 1 and "not an empty folder" in said["error"]


def test_inspect_tells_what_is_in_a_case_and_what_is_in_doubt(vernier, tmp_path):
    vernier("teeth", "generate", "--out", tmp_path / "case", "--preset", "crowding", "--numbering", "universal")
    status, said = vernier("teeth", "inspect", tmp_path / "case")
    assert status == 0 and said["jaws"]["upper"]["teeth"] == 14 and said["numbering"] == "universal" and said["numbering_confidence"] == 1
    assert said["units"] == "mm" and said["reference"] is True
    assert said["teeth"]["11"]["file"] == "8.stl" and said["teeth"]["11"]["landmarks"] > 5 and not said["notices"] and not said["questions"]
    (tmp_path / "case/case.json").unlink()
    (tmp_path / "case/8.stl").write_bytes(b"solid cut")
    status, said = vernier("teeth", "inspect", tmp_path / "case", "--units", "mm")
    assert status == 0 and len(said["teeth"]) == 27 and "8.stl is cut short" in said["notices"][0] and np.shape(said["orientation"]["to_world"]) == (4, 4)
    assert said["numbering"] == "universal" and .9 <= said["numbering_confidence"] <= 1
    status, said = vernier("teeth", "inspect", tmp_path / "nowhere")
    assert status == 1 and "nowhere" in said["error"] and said["remedy"]
    status, said = vernier("teeth", "inspect", tmp_path / "case", "--orientation", *["1"] * 16)
    assert status == 1 and "orientation" in said["error"]
