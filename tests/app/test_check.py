import json
import shutil

import pytest

import resources
from app import cli
from app.commands import check as check_module


@pytest.fixture
def check(capsys):
    def run(*words):
        status = cli.main(["check", *words])
        return status, json.loads(capsys.readouterr().out)
    return run


def test_everything_that_ships_is_there_and_is_what_was_shipped(check):
    status, found = check()
    assert status == 0 and found["ok"] and found["problems"] == []
    assert set(found["weights"]) == {path.name for path in resources.path("weights").iterdir() if path.suffix in (".safetensors", ".json")} - {"manifest.json"}
    assert {f"{name}{kind}.safetensors" for name in ("emoji3d", "fashion-mnist") for kind in ("", ".table", ".reference")} <= set(found["weights"])
    assert all(weight["ok"] and weight["bytes"] < 12e6 for weight in found["weights"].values())
    assert found["device"] in ("cpu", "cuda") and found["threads"] >= 1 and found["memory_gib"] > 0 and found["packages"]["torch"]
    assert set(found["audio"]) >= {"inputs", "outputs"} and "opengl" in found


@pytest.fixture
def copied(tmp_path, monkeypatch):
    folder = tmp_path / "weights"
    shutil.copytree(resources.path("weights"), folder)
    monkeypatch.setattr(check_module.resources, "path", lambda *names: folder)
    monkeypatch.setattr(check_module, "_renderer", lambda: None)
    return folder


@pytest.mark.parametrize("harm", ["change", "remove", "manifest"])
def test_a_weight_that_is_not_what_was_shipped_is_a_problem_with_a_remedy(check, copied, harm):
    path = copied / "emoji3d.safetensors"
    if harm == "change":
        path.write_bytes(path.read_bytes()[:-1] + b"x")
    elif harm == "remove":
        path.unlink()
    else:
        (copied / "manifest.json").write_text("{")
    status, found = check()
    assert status == 1 and not found["ok"]
    assert ("emoji3d" in found["problems"][0]["error"] or "list" in found["problems"][0]["error"]) and found["problems"][0]["remedy"]


def test_a_missing_package_is_a_problem(check, copied, monkeypatch):
    monkeypatch.setattr(check_module, "PACKAGES", (*check_module.PACKAGES, "no-such-package"))
    status, found = check()
    assert status == 1 and "no-such-package" in found["problems"][0]["error"]


def test_sealing_writes_the_hashes_of_what_lies_there(check, copied):
    (copied / "manifest.json").unlink()
    status, found = check("--seal", str(copied))
    assert status == 0 and json.loads((copied / "manifest.json").read_text()) == found["sealed"]
    assert check()[0] == 0
