"""vernier grid, run as a script would run it."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app import cli
from app.commands import grid as commands
from engines.guidance.picture import read_png_request
from engines.guidance.request import Grid, GuidanceRequest, Sampling, wrap
from engines.job import Job

FAST = ["--model", "fashion-mnist", "--steps", "2", "--mode", "cfg", "--each", "1", "--device", "cpu"]


def test_a_grid_is_one_annotated_picture_that_brings_its_request_back(vernier, tmp_path):
    status, answer = vernier("grid", *FAST, "--x", "gamma1=1.5,3", "--y", "class=sneaker,bag", "--format", "both", "--out", tmp_path)
    assert status == 0 and [(cell["row"], cell["column"], cell["gamma_1"], cell["label"]) for cell in answer["cells"]] == [
        (0, 0, 1.5, 7), (0, 1, 3.0, 7), (1, 0, 1.5, 8), (1, 1, 3.0, 8)]
    assert (answer["nfe_alone"], answer["nfe"]) == (16, 12) and answer["seconds"] > 0  # a first pair for each class
    request, _ = read_png_request(tmp_path / "grid.png")
    assert wrap(request) == answer["request"] and request.grid == Grid("gamma_1", (1.5, 3.0), "label", (7, 8), 1)
    assert [Path(name).name for name in answer["files"]] == ["grid.png", "grid.csv", "01-01-gamma_1=1.5-label=7.png", "01-02-gamma_1=3.0-label=7.png",
                                                            "02-01-gamma_1=1.5-label=8.png", "02-02-gamma_1=3.0-label=8.png"]
    cell, _ = read_png_request(Path(answer["cells"][3]["file"]))
    assert (cell.a.gamma_1, cell.a.label, cell.a.count) == (3.0, 8, 1) and cell.grid is None
    large, small = np.asarray(Image.open(tmp_path / "grid.png")), np.asarray(Image.open(answer["cells"][3]["file"]))
    crisp = np.kron(small, np.ones((3, 3), np.uint8))
    band, side = large[-36 - len(crisp):-36, :, 0], len(crisp)  # the last row, above the margin: each pixel three by three
    assert len(small) == 28 and any(np.array_equal(band[:, x : x + side], crisp) for x in range(large.shape[1] - side))


def test_a_grid_is_written_as_svg_and_as_a_list_of_its_cells(vernier, tmp_path):
    status, answer = vernier("grid", *FAST, "--x", "gamma1=1.5,3", "--format", "svg,csv", "--out", tmp_path)
    assert status == 0 and [Path(name).name for name in answer["files"]] == ["grid.svg", "grid.csv"] == sorted(
        (path.name for path in tmp_path.glob("*.*") if path.is_file()), reverse=True)
    rows = list(csv.DictReader((tmp_path / "grid.csv").read_text().splitlines()))
    assert [(row["gamma_1"], row["column"], int(row["nfe"]), row["file"]) for row in rows] == [("1.5", "1", 4, ""), ("3.0", "2", 4, "")]
    assert [float(row["seconds"]) for row in rows] == [cell["seconds"] for cell in answer["cells"]]
    assert vernier("grid", *FAST, "--x", "gamma1=1.5,3", "--format", "files", "--out", tmp_path)[0] == 0
    rows = list(csv.DictReader((tmp_path / "grid.csv").read_text().splitlines()))
    assert all((tmp_path / row["file"]).exists() for row in rows) and rows[1]["file"] == "01-02-gamma_1=3.0.png"


def test_a_form_that_a_grid_does_not_have_is_refused(tmp_path, capsys):
    assert cli.main(["grid", *FAST, "--x", "seed=1", "--format", "svg,pdf", "--out", str(tmp_path / "out")]) == 2
    assert "'pdf' is none of sheet, svg, csv" in capsys.readouterr().err


def test_finished_cells_are_never_drawn_again(vernier, tmp_path):
    words = ("grid", *FAST, "--x", "seed=1,2", "--out", tmp_path)
    first = vernier(*words)[1]
    assert (first["drawn"], first["reused"], first["nfe"]) == (2, 0, 8)
    again = vernier(*words, "--format", "files")[1]
    assert (again["drawn"], again["reused"], again["nfe"], again["nfe_alone"]) == (0, 2, 0, 8)
    wider = vernier("grid", *FAST, "--x", "seed=1..3", "--out", tmp_path)[1]
    assert (wider["drawn"], wider["reused"]) == (1, 2)


def test_a_cancelled_grid_exits_130_and_goes_on_where_it_was(vernier, tmp_path, monkeypatch):
    words = ("grid", *FAST, "--x", "seed=1,2,3", "--out", tmp_path / "out")
    before = Job.news

    def cancel(job, value):
        before(job, value)
        job.cancelled = True

    monkeypatch.setattr(Job, "news", cancel)
    assert vernier(*words) == (130, {"cancelled": True}) and not list((tmp_path / "out").glob("*.png"))
    monkeypatch.setattr(Job, "news", before)
    status, answer = vernier(*words)
    assert status == 0 and (answer["drawn"], answer["reused"]) == (2, 1)


@pytest.mark.parametrize(("words", "error", "remedy"), [
    (("--x", "gamma1=1,99"), "gamma_1 is 99", "between 0 and 30"), (("--x", "glow=1"), "'glow' is no axis", "gamma_1"),
    (("--x", "gamma1"), "no axis", "gamma1=1,2,3"),
    (("--x", "gamma1="), "no values", "1, 2, 3, 5"), (("--x", "gamma1=1,2", "--y", "gamma_1=3"), "Both axes", "another"),
    (("--x", "steps=1..1000"), "holds 1000 values", "at most 400"), (("--x", "steps=1..30", "--y", "seed=1..30"), "900 cells", "at most 400"),
    (("--x", "steps=two"), "'two' is no value of steps", "1..5"), (("--x", "mode=best"), "'best'", "cfg"),
    (("--x", "class=hat"), "'hat' is no value", "sneaker"),
    (("--x", "blend=0,1"), "nothing to mix", "second class"), (("--x", "seed=1", "--each", 0), "each is 0", "1 to 64")])
def test_an_axis_that_will_not_do_is_refused_with_a_remedy_and_writes_nothing(vernier, tmp_path, words, error, remedy):
    status, answer = vernier("grid", *FAST, *words, "--out", tmp_path / "out")
    assert status == 1 and error in answer["error"] and remedy in answer["remedy"] and not (tmp_path / "out").exists()


def test_run_draws_the_grid_of_a_saved_request(vernier, tmp_path):
    file = tmp_path / "request.json"
    file.write_text(json.dumps(wrap(GuidanceRequest(Sampling("toy-1d", mode="cfg", steps=3), grid=Grid("c", (0.0, 1.0), "gamma_0", (-2.1, -2.0))))))
    status, answer = vernier("run", file, "--out", tmp_path / "out", "--device", "cpu")
    assert status == 0 and len(answer["cells"]) == 4 and read_png_request(tmp_path / "out" / commands.SHEET)[0].grid.x == "c"


def test_the_partner_of_a_mix_can_be_an_axis(vernier, tmp_path):
    answer = vernier("grid", *FAST, "--x", "class-2=bag,coat", "--y", "seed-2=5,6", "--blend", 0.25, "--out", tmp_path)[1]
    assert {(cell["label_2"], cell["seed_2"]) for cell in answer["cells"]} == {(8, 5), (8, 6), (4, 5), (4, 6)}
    assert (answer["request"]["request"]["a"]["blend"], answer["request"]["request"]["a"]["seed_mix"]) == (0.25, 0.5)


def test_a_cell_that_cannot_be_drawn_is_told_and_the_sheet_still_written(vernier, tmp_path):
    status, answer = vernier("grid", *FAST, "--x", "class=0,55", "--out", tmp_path)
    assert status == 0 and answer["failed"] == 1 and "no class 55" in answer["cells"][1]["error"] and (tmp_path / "grid.png").exists()
