"""A grid as SVG and as a list."""

import base64
import csv
import io
import json
import math
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from engines.guidance.density import Inks
from engines.guidance.grid import Cell, cells
from engines.guidance.grid_list import list_text
from engines.guidance.outcome import Side
from engines.guidance.picture import contact_sheet
from engines.guidance.request import Grid, GuidanceRequest, Sampling, unwrap
from engines.guidance.sheet import Legend, draw, lay_out, save_sheet

INKS = Inks("#ffffff", "#fefefe", "#eeeeee", "#cccccc", "#111111", "#555555", "#0b6a94", "#b3261e", "#a4510a")
LEGEND = Legend("strength & <mode>", ("Emoji 3D", "seed 0"), "\N{GREEK SMALL LETTER GAMMA}\N{SUBSCRIPT ONE}", ("1", "3"), "mode", ("CFG", "CFG-Zero*"))
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def request_():
    return GuidanceRequest(Sampling(), grid=Grid("gamma_1", (1.0, 3.0), "mode", ("cfg", "zero-star"), 4))


@pytest.fixture
def drawn(request_):
    """Three of four cells of noise, the third of them failed."""
    random = np.random.default_rng(0)
    sides = [Side(s, random.integers(0, 255, (4, 8, 8, 3), np.uint8), seconds=0.25, nfe=40) for s in cells(request_).values()]
    places = list(cells(request_))
    return [Cell(*places[0], sides[0].settings, sides[0]), Cell(*places[1], sides[1].settings, sides[1]),
            Cell(*places[2], sides[2].settings, error="It broke, badly.")]


def test_an_svg_has_every_word_as_text_and_every_cell_with_its_own_pixels(request_, drawn, tmp_path):
    save_sheet(tmp_path / "grid.svg", request_, drawn, LEGEND, INKS)
    root = ElementTree.parse(tmp_path / "grid.svg").getroot()
    words = [entry.text for entry in root.iter(f"{SVG}text")]
    assert words == [LEGEND.title, "Emoji 3D \N{MIDDLE DOT} seed 0", LEGEND.x, "1", "3", "CFG", "CFG-Zero*", "mode", "failed", "not drawn"]
    pictures = [image.get("{http://www.w3.org/1999/xlink}href").partition(",")[2] for image in root.iter(f"{SVG}image")]
    for text, cell in zip(pictures, drawn[:2], strict=True):
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(base64.b64decode(text)))), contact_sheet(cell.side.images))
    ground = root.find(f"{SVG}rect")
    assert (ground.get("width"), ground.get("height")) == (root.get("width"), root.get("height"))  # not every reader knows per cent
    about = json.loads(root.find(f"{SVG}metadata").text)
    assert unwrap(about) == request_ and "model_hash" in about


def test_png_and_svg_have_the_same_places(request_, drawn):
    layout = lay_out(drawn, LEGEND, INKS)
    picture = draw(drawn, LEGEND, INKS)
    assert picture.shape == (layout.height, layout.width, 3)
    x, y, width, height = layout.slots[0].box
    factor = width // 16
    assert np.array_equal(picture[y : y + height, x : x + width], np.kron(contact_sheet(drawn[0].side.images), np.ones((factor, factor, 1), np.uint8)))


def test_a_list_holds_every_setting_of_every_cell(request_, drawn):
    rows = list(csv.DictReader(io.StringIO(list_text(request_.grid, drawn, {(0, 1): "/somewhere/a.png"}))))
    assert [(row["row"], row["column"], row["gamma_1"], row["mode"]) for row in rows] == [("1", "1", "1.0", "cfg"), ("1", "2", "3.0", "cfg"),
                                                                                          ("2", "1", "1.0", "zero-star")]
    assert [(row["file"], row["seconds"], row["nfe"], row["error"]) for row in rows] == [("", "0.25", "40", ""), ("a.png", "0.25", "40", ""),
                                                                                         ("", "", "", "It broke, badly.")]
    for row, cell in zip(rows, drawn, strict=True):
        assert Sampling(label=int(row["label"]), mode=row["mode"], gamma_1=float(row["gamma_1"]), steps=int(row["steps"]), sampler=row["sampler"],
                        seed=int(row["seed"]), count=int(row["count"]), guide_below=float(row["guide_below"])) == cell.settings
    assert math.isinf(float(rows[0]["guide_below"])) and rows[0]["gamma_0"] == "" and rows[0]["curve_1"] == ""
