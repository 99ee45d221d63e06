"""vernier atlas and vernier statistics, run as a script would run them."""

import csv
import gzip
import json
import os
import signal

import numpy as np
import pytest
from PySide6.QtGui import QImage
from PySide6.QtSvg import QSvgRenderer

from app import cli
from app.settings import cache
from engines.guidance import statistics

MAP = ["--model", "toy-1d", "--cells", "5x3", "--samples", "50", "--steps", "10"]


def test_an_atlas_is_written_as_numbers_and_found_in_the_cache_again(vernier, tmp_path):
    status, answer = vernier("atlas", *MAP, "--out", tmp_path / "a.json")
    assert status == 0 and (answer["cells"], answer["found_in_cache"], answer["reference"]) == (15, 0, "the exact moments")
    assert 0 < answer["nfe"] == answer["nfe_in_all"] < 15 * 20
    written = json.loads((tmp_path / "a.json").read_text())
    assert len(written["cells"]) == 15 and {"gamma_1", "gamma_0", "S", "shift", "variance_ratio"} <= written["cells"][0].keys()
    status, again = vernier("atlas", *MAP, "--out", tmp_path / "a.csv")
    assert (again["found_in_cache"], again["nfe"], again["nfe_in_all"]) == (15, 0, answer["nfe"])
    rows = list(csv.DictReader((tmp_path / "a.csv").open()))
    assert [float(row["shift (units of x)"]) for row in rows] == [cell["shift"] for cell in written["cells"]]
    assert list(cache().rglob("*.json")) and vernier("atlas", *MAP, "--no-cache", "--out", tmp_path / "b.csv")[1]["found_in_cache"] == 0


def test_an_atlas_is_drawn_without_a_display(vernier, qapp, tmp_path):
    for theme in ("light", "dark"):
        assert vernier("atlas", *MAP, "--theme", theme, "--out", tmp_path / f"{theme}.png")[0] == 0
    light, dark = (QImage(str(tmp_path / f"{theme}.png")) for theme in ("light", "dark"))
    assert light.width() > 1000 and light.pixelColor(3, 3).lightness() > 200 > 100 > dark.pixelColor(3, 3).lightness()
    vernier("atlas", *MAP, "--out", tmp_path / "a.svg")
    assert QSvgRenderer(str(tmp_path / "a.svg")).isValid() and "<text" in (tmp_path / "a.svg").read_text()


def test_a_shipped_model_is_held_against_its_data(vernier, tmp_path):
    status, answer = vernier("atlas", "--model", "fashion-mnist", "--class", "sneaker", "--cells", "2x2", "--samples", 2, "--steps", 2, "--gamma1", "1,3",
                             "--sums", "0.9,1.1", "--out", tmp_path / "a.json")
    assert status == 0 and (answer["reference"], answer["unit"], answer["cells"]) == ("6,000 real images", "grey levels", 4)
    assert answer["nfe"] == 2 + 4 * 2  # the first call once for all, the second one each
    assert json.loads((tmp_path / "a.json").read_text())["recfg_ratio"] == pytest.approx(1, abs=0.1)


def test_a_cancelled_atlas_keeps_its_points_and_leaves_no_file(vernier, tmp_path, monkeypatch):
    from engines.guidance import atlas_cells

    with monkeypatch.context() as patch:
        measured, plain = [], atlas_cells.Cells.measure

        def interrupted(cells, pairs):
            if len(measured) == 6:
                os.kill(os.getpid(), signal.SIGINT)
            measured.append(pairs)
            return plain(cells, pairs)

        patch.setattr(atlas_cells, "TOY_POINTS", 50)  # one point at a time
        patch.setattr(atlas_cells.Cells, "measure", interrupted)
        status, answer = vernier("atlas", *MAP, "--out", tmp_path / "a.csv")
    assert (status, answer) == (130, {"cancelled": True}) and not list(tmp_path.iterdir())
    assert vernier("atlas", *MAP, "--out", tmp_path / "a.csv")[1]["found_in_cache"] == 6


@pytest.mark.parametrize("words, error", [(["--out", "a.bmp"], "cannot be written"), (["--class", "dog", "--out", "a.csv"], "no class"),
                                          (["--gamma1", "3,2", "--out", "a.csv"], "no map"), (["--cells", "1x1", "--out", "a.csv"], "not possible")])
def test_what_makes_no_map_is_refused_with_a_remedy(vernier, words, error):
    status, answer = vernier("atlas", "--model", "toy-gauss", *words)
    assert status == 1 and error in answer["error"] and answer["remedy"]


@pytest.mark.parametrize("words", [["--cells", "three"], ["--gamma1", "3"], ["--sums", "a,b"]])
def test_a_malformed_option_is_wrong_usage(words):
    assert cli.main(["atlas", "--out", "a.csv", *words]) == 2


def test_statistics_are_built_from_a_folder_of_data(vernier, tmp_path):
    labels = (np.arange(40) % 10).astype(np.uint8)
    images = np.random.default_rng(0).integers(0, 255, (40, 28, 28)).astype(np.uint8)
    for name, array, header in (("images-idx3", images, 16), ("labels-idx1", labels, 8)):
        with gzip.open(tmp_path / f"train-{name}-ubyte.gz", "wb") as file:
            file.write(bytes(header) + array.tobytes())
    out = tmp_path / "m.statistics.safetensors"
    status, answer = vernier("statistics", "--model", "fashion-mnist", "--data", tmp_path, "--out", out)
    assert status == 0 and answer["images"] == 40 and answer["classes"]["coat"]["images"] == 4
    found = statistics.read(out)
    assert found.mean.shape == (10, 1, 28, 28) and found.level(4)[0] == pytest.approx(images[labels == 4].mean(), abs=0.1)
    assert found.credit == "Fashion-MNIST, Zalando SE"
