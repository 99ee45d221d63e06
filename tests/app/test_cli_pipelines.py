"""Diffusers folders on the command line."""

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engines.guidance.picture import read_png_request

sys.path.insert(0, str(Path(__file__).parents[1] / "engines" / "guidance"))  # where the tiny folders are made
import tiny_pipelines  # noqa: E402


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("folders")


@pytest.fixture(scope="module")
def dit(home):
    return tiny_pipelines.make("dit", home / "dit-1.5")


@pytest.fixture
def pictures(tmp_path):
    """Two classes, by number and by name, two pictures each."""
    for name, shade in (("0", 60), ("thing 3", 200)):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for k in range(2):
            Image.fromarray(np.full((20, 30, 3), shade + k, np.uint8)).save(tmp_path / "pictures" / name / f"{k}.png")
    return tmp_path / "pictures"


def test_a_folder_is_sampled_by_class_tabled_and_sampled_with_its_table(vernier, dit, pictures, tmp_path):
    asked = ["sample", "--model", dit, "--class", "thing 3", "--steps", 2, "--count", 2]
    status, answer = vernier(*asked, "--out", tmp_path / "a")
    side = answer["request"]["request"]["a"]
    assert status == 0 and side["mode"] == "cfg" and side["label"] == 3 and len(answer["files"]) == 2
    status, again = vernier("run", answer["files"][0], "--out", tmp_path / "b")
    assert status == 0 and again["request"] == answer["request"]
    table = dit.with_name("dit-1.5.table.safetensors")
    status, facts = vernier("table", "--model", dit, "--data", pictures, "--samples", 2, "--batch", 2, "--out", table)
    assert status == 0 and facts["images"] == 4 and table.exists()
    status, answer = vernier(*asked, "--out", tmp_path / "c")
    assert status == 0 and answer["request"]["request"]["a"]["mode"] == "recfg"  # a table lies beside the folder now
    table.unlink()


def test_a_text_model_reads_its_prompt_and_says_what_it_left_out(vernier, home, tmp_path):
    pytest.importorskip("transformers")
    sd3 = tiny_pipelines.make("sd3", home / "sd3", t5_too=False)
    status, answer = vernier("sample", "--model", sd3, "--prompt", "a cat on a mat in hats", "--negative", "dog", "--steps", 2, "--count", 1, "--out", tmp_path)
    assert status == 0 and answer["notes"] == ["the prompt is too long: CLIP read 14 of 16 tokens"]
    side = read_png_request(answer["files"][0])[0].a
    assert (side.prompt, side.negative, side.sampler) == ("a cat on a mat in hats", "dog", "euler")


def test_what_will_not_do_fails_with_a_remedy(vernier, dit, pictures, tmp_path):
    status, answer = vernier("table", "--model", dit, "--out", tmp_path / "t.safetensors")
    assert status == 1 and "--data" in answer["remedy"]
    (pictures / "wombat").mkdir()
    (pictures / "wombat" / "0.png").write_bytes(b"no picture")
    status, answer = vernier("table", "--model", dit, "--data", pictures, "--samples", 1, "--out", tmp_path / "t.safetensors")
    assert status == 1 and "wombat/0.png is not a readable picture" in answer["error"]
    Image.new("RGB", (8, 8)).save(pictures / "wombat" / "0.png")
    status, answer = vernier("table", "--model", dit, "--data", pictures, "--samples", 1, "--out", tmp_path / "t.safetensors")
    assert status == 1 and "no class 'wombat'" in answer["error"]
    status, answer = vernier("table", "--model", dit, "--data", tmp_path / "gone", "--out", tmp_path / "t.safetensors")
    assert status == 1 and "no folder" in answer["error"]
    status, answer = vernier("sample", "--model", pictures, "--out", tmp_path)
    assert status == 1 and "no diffusers folder" in answer["error"]
    status, answer = vernier("fetch", "not-an-id")
    assert status == 1 and "owner/name" in answer["remedy"]
