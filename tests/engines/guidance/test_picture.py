import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from engines.guidance.outcome import Side
from engines.guidance.picture import caption, contact_sheet, read_png_request, save_png, save_side
from engines.guidance.request import GuidanceRequest, Sampling, wrap
from engines.job import EngineError

PICTURES = np.random.default_rng(0).integers(0, 255, (3, 8, 8, 3), np.uint8)
SIDE = Side(Sampling(seed=7, mode="free", gamma_0=-1.7, guide_above=0.25, steps=9), PICTURES, model_hash="m" * 64, table_hash="t" * 64)


def test_a_picture_keeps_its_pixels_and_its_whole_request(tmp_path):
    files = save_side(SIDE, tmp_path)
    assert len(files) == 3
    request, about = read_png_request(tmp_path / files[1].split("/")[-1])
    assert request == GuidanceRequest(SIDE.settings)
    assert about["model_hash"] == "m" * 64 and about["table_hash"] == "t" * 64 and about["image"] == 1 and about["versions"]["torch"]
    assert np.array_equal(np.asarray(Image.open(files[1])), PICTURES[1])


def test_grey_pictures_are_saved_grey(tmp_path):
    save_png(tmp_path / "g.png", PICTURES[0][..., :1], caption(SIDE))
    assert Image.open(tmp_path / "g.png").mode == "L"


def test_numbers_are_saved_as_they_are(tmp_path):
    (path,) = save_side(SIDE, tmp_path, "npz")
    found = np.load(path)
    assert found["images"].dtype == np.uint8 and np.array_equal(found["images"], PICTURES)
    assert json.loads(str(found["vernier"]))["request"]["a"]["seed"] == 7
    points = np.random.default_rng(1).standard_normal((50, 2))
    (path,) = save_side(replace(SIDE, settings=Sampling(model="toy-gauss"), images=None, points=points), tmp_path)
    assert np.array_equal(np.load(path)["points"], points) and np.load(path)["points"].dtype == np.float64


def with_text(path, text, key="vernier"):
    info = PngImagePlugin.PngInfo()
    info.add_itxt(key, text)
    Image.fromarray(PICTURES[0]).save(path, pnginfo=info)
    return path


@pytest.mark.parametrize(("text", "key", "word"), [
    ("{", "vernier", "damaged"), ("{}", "vernier", "not a Vernier request"), ("x", "comment", "carries no"),
    (json.dumps(wrap(GuidanceRequest()) | {"vernier": 9}), "vernier", "newer")])
def test_a_picture_without_a_request_that_can_be_read_is_refused(tmp_path, text, key, word):
    with pytest.raises(EngineError, match=word):
        read_png_request(with_text(tmp_path / "x.png", text, key))


def test_a_file_that_is_no_picture_or_is_not_there_is_refused_by_name(tmp_path):
    (tmp_path / "x.png").write_bytes(b"no")
    for name in ("x.png", "gone.png"):
        with pytest.raises(EngineError, match=name):
            read_png_request(tmp_path / name)


def test_a_truncated_picture_is_refused(tmp_path):
    path = with_text(tmp_path / "x.png", json.dumps(wrap(GuidanceRequest())))
    path.write_bytes(path.read_bytes()[:150])
    with pytest.raises(EngineError, match=r"x\.png"):
        read_png_request(path)


def test_a_write_that_fails_leaves_nothing_behind(tmp_path, monkeypatch):
    def full(self, file, *args, **kwargs):
        file.write(b"half")
        raise OSError(28, "No space left on device")
    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(EngineError, match="No space left"):
        save_png(tmp_path / "x.png", PICTURES[0], caption(SIDE))
    assert list(tmp_path.iterdir()) == []


def test_a_contact_sheet_fills_up_with_white():
    sheet = contact_sheet(PICTURES)
    assert sheet.shape == (16, 16, 3) and np.array_equal(sheet[:8, 8:], PICTURES[1]) and (sheet[8:, 8:] == 255).all()
