import json

import numpy as np
import pytest


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A case on disk and a plan that only brings two teeth where the generator's aligned arch has them."""
    from engines.teeth import dentition, mesh_files, plan_files
    from engines.teeth.moves import Move, matrix
    from engines.teeth.opening import open_case

    folder = tmp_path_factory.mktemp("made")
    teeth = dentition.generate(dentition.preset("crowding")).teeth
    (folder / "case").mkdir()
    for number in (43, 42, 41, 31, 32, 33):
        mesh_files.write(teeth[number].crown.mesh.moved(teeth[number].start), folder / "case" / f"{number}.stl")
    case = open_case(folder / "case")
    plan_files.write(folder / "plan.json", case, {31: matrix(case.teeth[31], Move(buccal=.5)), 33: matrix(case.teeth[33], Move(rotation=4))})
    return folder


def test_stage_divides_a_plan_and_writes_what_it_says(vernier, made, tmp_path):
    status, said = vernier("teeth", "stage", made / "case", made / "plan.json", "--out", tmp_path / "out", "--rotation-deg", 1, "--rotations-from", 3)
    assert status == 0 and said["stages"] == 6 and said["anonymous"] and said["spans"] == {"31": [1, 2], "33": [3, 6]}
    assert sorted(p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*") if p.is_file()) == said["files"]
    assert {"models/stage_06_lower.stl", "teeth/stage_03/31.stl", "final/33.stl", "movements.csv", "plan.json"} <= set(said["files"])
    assert json.loads((tmp_path / "out/stages.json").read_text())["limits"]["rotation_deg"] == 1


def test_export_writes_the_parts_that_are_asked_for(vernier, made, tmp_path):
    status, said = vernier("teeth", "export", made / "case", made / "plan.json", "--out", tmp_path / "out", "--parts", "plan,report", "--with-patient")
    assert status == 0 and not said["anonymous"] and "report.pdf" in said["files"] and not [name for name in said["files"] if name.endswith(".stl")]
    assert set(json.loads((tmp_path / "out/plan.json").read_text())["inputs"]) == {f"{number}.stl" for number in (43, 42, 41, 31, 32, 33)}


def test_render_draws_the_views_that_are_asked_for(vernier, made, tmp_path):
    from PIL import Image

    status, said = vernier("teeth", "render", made / "case", "--plan", made / "plan.json", "--views", "front,lower", "--out", tmp_path / "out", "--width", 200,
                           "--height", 100, "--ghost")
    assert status == 0 and said["files"] == ["front.png", "lower.png"] == sorted(p.name for p in (tmp_path / "out").iterdir())
    assert Image.open(tmp_path / "out/front.png").size == (200, 100)


def test_wrong_words_are_told(vernier, made, tmp_path):
    for words in (("stage", made / "case", made / "plan.json", "--tip-deg", 99), ("stage", made / "case", made / "nothing.json"),
                  ("export", made / "case", made / "plan.json", "--parts", "soup"), ("stage", made / "case", made / "plan.json", "--tolerance-mm", 7),
                  ("render", made / "case", "--views", "inside"), ("render", made / "case", "--width", 1)):
        status, said = vernier("teeth", *words, "--out", tmp_path / "out")
        assert status == 1 and said["error"] and said["remedy"] and not (tmp_path / "out").exists()
    assert vernier("teeth", "stage", made / "case", made / "plan.json", "--tip-deg", 99, "--out", tmp_path / "out")[1]["error"].startswith("--tip-deg")


def test_a_plan_by_hand_works_in_every_verb_that_takes_one(vernier, made, tmp_path):
    plan, case, out = tmp_path / "hand.json", made / "case", tmp_path / "out"
    matrix = [[1, 0, 0, 0], [0, 1, 0, -.5], [0, 0, 1, 0], [0, 0, 0, 1]]
    plan.write_text(json.dumps({"units": "mm", "teeth": {"31": {"matrix": matrix}}, "plan": {"of": "another program"}, "more": 1}))
    for words in (("measure", case, "--plan", plan), ("compare", case, plan, "--reference", plan), ("compare", case, plan, "--reference", case),
                  ("stage", case, plan, "--out", out / "stage", "--numbers-only"), ("export", case, plan, "--out", out / "export", "--parts", "plan,final"),
                  ("render", case, "--plan", plan, "--views", "front", "--out", out / "render", "--width", 64, "--height", 64)):
        status, said = vernier("teeth", *words)
        assert status == 0 and any("the matrices were used" in text for text in said["notices"]), (words, said)
        if words[0] == "compare":
            assert said["teeth"]["31"]["ADD"] == pytest.approx(.5 if words[-1] == case else 0, abs=1e-6)
    written = json.loads((out / "export/plan.json").read_text())
    assert [x for row in written["teeth"]["31"]["matrix"] for x in row] == pytest.approx([x for row in matrix for x in row], abs=1e-6)
    matrix[1][3] = -500
    plan.write_text(json.dumps({"units": "mm", "teeth": {"31": {"matrix": matrix}}}))
    status, said = vernier("teeth", "measure", case, "--plan", plan)
    assert status == 1 and "hand.json moves a tooth too far" in said["error"] and said["remedy"]


def test_a_reduction_of_the_plan_is_cut_out_of_what_is_written(vernier, made, tmp_path):
    from engines.teeth import mesh_reading

    plan = json.loads((made / "plan.json").read_text())
    cut = tmp_path / "cut.json"
    cut.write_text(json.dumps(plan | {"plan": {"reductions": [{"first": 32, "second": 33, "mm": .4}]}}))
    corners = []
    for name, path in (("whole", made / "plan.json"), ("cut", cut)):
        assert vernier("teeth", "export", made / "case", path, "--out", tmp_path / name, "--parts", "final,report")[0] == 0
        corners.append(mesh_reading.read((tmp_path / name / "final/32.stl").read_bytes(), "32.stl").mesh.corners())
    assert np.linalg.norm(corners[0] - corners[1], axis=2).max() == pytest.approx(.2, abs=1e-4)
