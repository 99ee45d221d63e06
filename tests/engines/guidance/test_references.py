"""Sheets come back as they were written, and the nearest picture is the nearest."""

import numpy as np
import pytest

from engines.guidance.datasets import ImageSet
from engines.guidance.references import nearest, per_class, read_sheet, write_sheet
from engines.job import EngineError


@pytest.fixture
def data():
    images = np.random.default_rng(0).integers(256, size=(7, 1, 8, 8, 3)).astype(np.uint8)
    return ImageSet("x", images, np.array([0, 0, 0, 1, 1, 1, 1]), np.ones(7), np.zeros(7, bool), ("a", "b"), "me", "MIT")


def test_a_sheet_comes_back_as_written(data, tmp_path):
    write_sheet(tmp_path / "s", data, np.arange(7), 3)
    sheet = read_sheet(tmp_path / "s")
    assert np.array_equal(sheet.images, data.images[:, 0]) and sheet.labels.tolist() == data.labels.tolist()
    assert sheet.credit == "me (MIT)"


def test_each_class_gets_its_rows(data):
    assert (data.labels[per_class(data, 3)] == [0, 0, 0, 1, 1, 1]).all()


def test_nearest_finds_a_slightly_changed_picture(data, tmp_path):
    write_sheet(tmp_path / "s", data, np.arange(7), 3)
    picture = data.images[4, 0].copy()
    picture[0, 0] ^= 3
    index, rms = nearest(picture, read_sheet(tmp_path / "s"))
    assert index == 4 and 0 < rms < 1


def test_a_missing_sheet_is_named(tmp_path):
    with pytest.raises(EngineError, match="nothere"):
        read_sheet(tmp_path / "nothere")
