"""The request as document and file, and points of one's own."""

import json
from dataclasses import replace

import pytest

from engines.gan.drawing import along, read_points
from engines.gan.request import GanRequest, Smart, unwrap, wrap
from engines.job import EngineError

RING = tuple((0.1 * k, -0.05 * k) for k in range(10))


def test_a_request_comes_back_from_its_file_form():
    request = GanRequest("drawing", RING, seed=4, steps=100, smart=Smart(lam=0.3, freq=8, gradient="stop", reach="off"))
    assert unwrap(json.loads(json.dumps(wrap(request)))) == request


@pytest.mark.parametrize("change", [{"data": "moons"}, {"seed": -1}, {"seed": 1.5}, {"batch": 4}, {"rate_g": float("nan")}, {"rate_d": True}, {"twin": 1},
                                    {"drawing": ((2.0, 0.0),) * 12}, {"data": "drawing"}, {"smart": {"lam": 1.0}}])
def test_values_out_of_range_are_refused_with_a_remedy(change):
    with pytest.raises(EngineError) as error:
        replace(GanRequest(), **change)
    assert error.value.remedy


@pytest.mark.parametrize("change", [{"lam": -1.0}, {"sigma_low": 0.3}, {"sigma_high": 1.0}, {"freq": 0}, {"freq": 2.5}, {"gradient": "sds"},
                                    {"lam_schedule": "cosine"}, {"reach": "near"}, {"balance": 2.0}])
def test_a_regulariser_that_cannot_be_is_refused(change):
    with pytest.raises(EngineError) as error:
        replace(Smart(), **change)
    assert error.value.remedy


@pytest.mark.parametrize("values", [None, 3, {"vernier": 9, "workspace": "gan"}, {"vernier": 1, "workspace": "teeth"},
                                    {"vernier": 1, "workspace": "gan", "request": {"glue": 1}},
                                    {"vernier": 1, "workspace": "gan", "request": {"smart": {"glue": 1}}},
                                    {"vernier": 1, "workspace": "gan", "request": {"drawing": [1, 2]}}])
def test_foreign_and_newer_files_are_refused(values):
    with pytest.raises(EngineError) as error:
        unwrap(values)
    assert error.value.remedy


def test_nine_points_are_kindly_too_few_and_ten_enough():
    with pytest.raises(EngineError, match="9 points") as error:
        GanRequest("drawing", RING[:9])
    assert "Paint a little more" in error.value.remedy
    assert GanRequest("drawing", RING).drawing == RING


def test_only_the_structure_starts_anew():
    request = GanRequest()
    assert replace(request, steps=10, rate_g=1e-4, r1=1.0, smart=Smart(lam=2.0)).structure() == request.structure()
    assert replace(request, drawing=RING).structure() == request.structure()  # not in use
    assert all(replace(request, **change).structure() != request.structure() for change in ({"seed": 1}, {"batch": 64}, {"data": "spiral"}, {"twin": False}))


def test_points_come_from_a_file_with_or_without_a_line_of_names(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("x;y\n" + "\n".join(f"{x};{y}" for x, y in RING))
    assert read_points(path) == RING
    path.write_text("\n".join(f"{100 + 10 * k}, {5 * k}" for k in range(12)))
    points = read_points(path)
    assert max(abs(value) for point in points for value in point) == pytest.approx(0.95)
    assert points[1][0] - points[0][0] == pytest.approx(2 * (points[1][1] - points[0][1]))  # one factor for both axes


@pytest.mark.parametrize("text", ["", "1,2\n3,4", "1,2\n" * 5 + "a,b\n" * 5, "1,2,3\n" * 12, "1,nan\n" * 12, "hello"])
def test_a_file_that_holds_no_drawing_is_refused_by_name(tmp_path, text):
    path = tmp_path / "mine.csv"
    path.write_text(text)
    with pytest.raises(EngineError, match="mine.csv") as error:
        read_points(path)
    assert error.value.remedy


def test_files_that_are_missing_or_no_text_are_refused_by_name(tmp_path):
    with pytest.raises(EngineError, match="none.csv"):
        read_points(tmp_path / "none.csv")
    (tmp_path / "b.csv").write_bytes(b"\xff\xfe\x00\x01" * 20)
    with pytest.raises(EngineError, match="b.csv"):
        read_points(tmp_path / "b.csv")


def test_a_fast_stroke_is_filled_evenly():
    points = along([(0.0, 0.0), (0.3, 0.4)], 0.1)
    assert len(points) == 6 and points[0] == (0.0, 0.0) and points[-1] == pytest.approx((0.3, 0.4))
    assert along([(0.2, 0.2)], 0.1) == [(0.2, 0.2)]
