import json

import numpy as np
import pytest

from engines.job import EngineError
from engines.teeth import plan_files
from engines.teeth.case import Case, Tooth
from tests.engines.teeth.made_cases import degrees, teeth, turned


def case_of(axes, hashes=None):
    teeth_of = {n: Tooth(n, teeth()[n], np.eye(4)) for n in (11, 21, 36)}
    return Case("Fall 7", teeth_of, to_world=axes, hashes={"11.stl": "aa", "21.stl": "bb"} if hashes is None else hashes)


def small(seed):
    return turned(seed, shift=2)


@pytest.mark.parametrize("mirrored", (False, True))
def test_a_plan_comes_back_as_it_was_and_acts_on_the_input_axes(tmp_path, mirrored):
    case, poses = case_of(turned(1, mirrored)), {11: small(2), 36: small(3)}
    plan_files.write(tmp_path / "plan.json", case, poses, {"name": "Plan A", "moves": [[11, 0.1]]})
    back = plan_files.read(tmp_path / "plan.json", case)
    assert np.abs(back.poses[11] - poses[11]).max() < 1e-10 and np.allclose(back.poses[21], np.eye(4)) and back.plan == {"name": "Plan A", "moves": [[11, 0.1]]}
    matrix = np.array(json.loads((tmp_path / "plan.json").read_text())["teeth"]["11"]["matrix"])
    assert np.allclose(matrix[:3, :3] @ matrix[:3, :3].T, np.eye(3)) and np.linalg.det(matrix) > 0 and np.isclose(degrees(matrix), degrees(poses[11]))
    point = np.array([3.0, -2, 7, 1])  # in the input's axes
    assert np.allclose(case.to_world @ matrix @ point, poses[11] @ case.to_world @ point)
    assert not list(tmp_path.glob("*.part")) and not back.notices


def test_a_bare_plan_of_another_program_is_read_with_its_unit():
    matrix = [[1, 0, 0, 0.5], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
    back = plan_files.decode({"units": "cm", "teeth": {"11": {"matrix": matrix}, "47": {"matrix": matrix}}}, case_of(np.eye(4)), "plan.json")
    assert back.poses[11][0, 3] == 5 and set(back.poses) == {11} and "which files" in back.notices[0] and "47" in back.notices[1]


def test_a_plan_for_another_case_is_refused_with_the_reason(tmp_path):
    plan_files.write(tmp_path / "plan.json", case_of(np.eye(4)), {})
    others = (({"x.stl": "zz"}, r"another case \(Fall 7\): none of the 2 files"), ({"11.stl": "aa", "21.stl": "changed"}, "missing or changed: 21.stl"))
    for hashes, message in others:
        with pytest.raises(EngineError, match=message) as caught:
            plan_files.read(tmp_path / "plan.json", case_of(np.eye(4), hashes))
        assert caught.value.remedy
    assert plan_files.read(tmp_path / "plan.json", case_of(np.eye(4), {"zip/11.stl": "aa", "zip/21.stl": "bb", "more.stl": "cc"})).poses
    with pytest.raises(EngineError, match="none of its teeth"):
        plan_files.decode({"teeth": {"48": {"matrix": np.eye(4).tolist()}}}, case_of(np.eye(4)), "plan.json")


def one(matrix, number="11"):
    return {"teeth": {number: {"matrix": np.asarray(matrix).tolist()}}}


@pytest.mark.parametrize("values, message", (
    ([], "no plan"), ({"teeth": 3}, "no plan"), ({"units": "furlong", "teeth": {}}, "furlong"), (one(np.eye(4), "19"), "'19' is no FDI"),
    ({"teeth": {"1²": {}}}, "no FDI"), ({"teeth": {"11": {}}}, "tooth 11 has no matrix"), (one(np.eye(2)), "not 4 x 4"),
    (one([["a"] * 4] * 4), "no matrix of numbers"), (one(2 * np.eye(4)), "no rotation"), (one(np.diag([1.0, 1, -1, 1])), "no rotation"),
    (one(np.full((4, 4), np.nan)), "not 4 x 4 numbers")))
def test_what_is_no_plan_is_said(values, message):
    with pytest.raises(EngineError, match=message) as caught:
        plan_files.decode(values, case_of(np.eye(4)), "plan.json")
    assert "plan.json" in str(caught.value) and caught.value.remedy


def test_files_that_are_no_json_or_not_there_are_said(tmp_path):
    (tmp_path / "a.json").write_bytes(b"\xff{" * 3)
    (tmp_path / "deep.json").write_text("[" * 200_000)
    for name in ("a.json", "deep.json", "nowhere.json"):
        with pytest.raises(EngineError, match=name):
            plan_files.read(tmp_path / name, case_of(np.eye(4)))
    with pytest.raises(EngineError, match="could not be written"):
        plan_files.write(tmp_path / "no" / "plan.json", case_of(np.eye(4)), {})
