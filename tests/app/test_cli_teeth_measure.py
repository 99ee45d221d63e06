import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from engines.teeth import mesh_files, moves, opening, plan_files
from engines.teeth.case import Case
from engines.teeth.moves import Move
from engines.teeth.request import Plan, Reduction

METRICS = ("ADD", "PA_ADD", "CSA", "ME_rot", "FD_cur")


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> tuple[Path, Case]:
    """A generated case as files, and as opened."""
    from app import cli

    folder = tmp_path_factory.mktemp("cases") / "overjet"
    assert cli.main(["teeth", "generate", "--preset", "class-ii", "--out", str(folder)]) == 0
    return folder, opening.open_case(folder)


def write_plan(path: Path, case: Case, plan: Plan | None = None, **poses: np.ndarray) -> Path:
    moved = {**{n: np.eye(4) for n in case.teeth}, **{int(n[1:]): pose for n, pose in poses.items()}}
    plan_files.write(path, case, moved, asdict(plan) if plan else None)
    return path


def write_meshes(folder: Path, case: Case, axes: np.ndarray) -> Path:
    """The bare meshes in other axes, as a scanner would give them."""
    folder.mkdir()
    for number, tooth in case.teeth.items():
        mesh_files.write(tooth.mesh.moved(axes), folder / f"{number}.stl")
    return folder


def test_measure_gives_the_start_and_with_a_plan_the_change(vernier, made, tmp_path):
    folder, case = made
    status, said = vernier("teeth", "measure", folder)
    assert status == 0 and said["values"]["overjet"] == pytest.approx(8.5, abs=.01) and said["teeth"] == 28 and said["plan"] is None
    row = next(row for row in said["measures"] if row["id"] == "molar_class_left")
    assert row["text"] == "full unit class II" and row["definition"] and row["norm"] and row["unit"] == "mm" and row["before"] > 5 and "now" not in row
    plan = tmp_path / "aligned.json"
    plan_files.write(plan, case, case.reference)
    status, said = vernier("teeth", "measure", folder, "--plan", plan)
    row = next(row for row in said["measures"] if row["id"] == "overjet")
    assert status == 0 and row["before"] == pytest.approx(8.5, abs=.01) and row["now"] == said["values"]["overjet"] < 3 and row["text"] == "normal"


def test_extractions_and_reductions_of_a_plan_are_measured(vernier, made, tmp_path):
    folder, case = made
    plan = write_plan(tmp_path / "plan.json", case, Plan(extracted=(14,), reductions=(Reduction(11, 21, .5),)))
    status, said = vernier("teeth", "measure", folder, "--plan", plan)
    rows = {row["id"]: row for row in said["measures"]}
    assert status == 0 and "(14)" in rows["bolton_overall"]["missing"] and rows["bolton_overall"]["now"] is None and rows["bolton_overall"]["before"] > 80
    assert rows["bolton_anterior"]["now"] > rows["bolton_anterior"]["before"] + .5 and rows["tip_14"]["missing"] == "extracted in this plan"


def test_measures_do_not_depend_on_the_axes_of_the_files(vernier, made, tmp_path):
    _, case = made
    turned = np.eye(4)
    turned[:3, :3], turned[:3, 3] = moves.exp(np.array([1.4, .9, -2.0])), (120, 30, -500)
    results = [vernier("teeth", "measure", write_meshes(tmp_path / name, case, axes)) for name, axes in (("plain", np.eye(4)), ("turned", turned))]
    assert [status for status, _ in results] == [0, 0]
    plain, other = (said["values"] for _, said in results)
    for key, value in plain.items():
        assert other[key] == pytest.approx(value, abs=.3), key
    assert plain["overjet"] == pytest.approx(8.5, abs=.7) and plain["overbite"] == pytest.approx(3.5, abs=.7)


def test_one_jaw_is_measured_and_says_what_the_rest_needs(vernier, made, tmp_path):
    _, case = made
    status, said = vernier("teeth", "measure", write_meshes(tmp_path / "upper", case.with_teeth(case.of("upper")), np.eye(4)))
    rows = {row["id"]: row for row in said["measures"]}
    assert status == 0 and said["teeth"] == 14 and "lower right central incisor (41)" in rows["overjet"]["missing"]
    assert rows["crowding_upper"]["before"] is not None


def test_compare_with_itself_is_perfect_and_one_moved_tooth_counts(vernier, made, tmp_path):
    folder, case = made
    plan = write_plan(tmp_path / "plan.json", case)
    status, said = vernier("teeth", "compare", folder, plan, "--reference", plan)
    assert status == 0 and [said[name] for name in METRICS] == pytest.approx([0, 0, 1, 0, 0], abs=1e-6) and said["compared"] == 28
    moved = write_plan(tmp_path / "moved.json", case, t11=moves.matrix(case.teeth[11], Move(buccal=2.8, rotation=8)))
    status, said = vernier("teeth", "compare", folder, moved, "--reference", plan)
    assert said["ME_rot"] == pytest.approx(8 / 28, abs=1e-6) and said["CSA"] == pytest.approx(27 / 28) and .09 < said["ADD"] < .12
    assert said["teeth"]["11"]["ME_rot"] == pytest.approx(8) and said["teeth"]["11"]["CSA"] == 0 and said["teeth"]["21"]["ADD"] == 0
    assert said["jaws"]["lower"]["FD_cur"] == 0 < said["jaws"]["upper"]["FD_cur"] and set(said["definitions"]) > set(METRICS)


def test_compare_takes_the_cases_own_setup_or_a_second_case(vernier, made, tmp_path):
    folder, case = made
    plan = tmp_path / "aligned.json"
    plan_files.write(plan, case, case.reference)
    status, said = vernier("teeth", "compare", folder, plan)
    assert status == 0 and said["reference"] == "the case's own setup" and said["ADD"] < 1e-5 and said["not_moved"]["ADD"] > 1
    before, plan_score, reference = (said["occlusion"][which]["alignment"] for which in ("start", "plan", "reference"))
    assert plan_score == pytest.approx(reference) and reference < before
    status, said = vernier("teeth", "compare", folder, write_plan(tmp_path / "start.json", case), "--reference", folder)
    assert status == 0 and said["ADD"] < 1e-5 and said["reference"] == str(folder)


def test_what_cannot_be_measured_or_compared_is_refused_with_a_remedy(vernier, made, tmp_path):
    folder, case = made
    bad = tmp_path / "bad.json"
    bad.write_text("{")
    bare = write_meshes(tmp_path / "bare", case.with_teeth(case.of("lower")), np.eye(4))
    plan = write_plan(tmp_path / "plan.json", opening.open_case(bare))
    for words in (("measure", tmp_path / "nothing"), ("measure", folder, "--plan", bad), ("compare", folder, bad), ("compare", bare, plan),
                  ("compare", folder, tmp_path / "none.json")):
        status, said = vernier("teeth", *words)
        assert status == 1 and said["remedy"] and said["error"], words
    assert json.loads(plan.read_text())["units"] == "mm"
