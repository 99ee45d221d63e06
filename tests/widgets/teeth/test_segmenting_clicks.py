"""Clicks on a scan without labels, in the workspace with its real engine: each can be taken back, and what is no crown is refused."""

import numpy as np
import pytest
from test_teeth_workspace import Bench

from engines.teeth import click_places, dentition, mesh_files, rereading
from engines.teeth.engine import TeethEngine
from engines.teeth.mesh import Mesh
from engines.teeth.request import CaseSource, Click, TeethRequest


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    """An upper arch as one file, and a place on each crown and on the palate, in the file's axes."""
    made = dentition.generate(dentition.preset("diastema"))
    parts = [made.upper_gum, *(tooth.crown.mesh.moved(tooth.start) for number, tooth in sorted(made.teeth.items()) if number < 30)]
    starts = np.cumsum([0, *(len(part.vertices) for part in parts)])
    whole = Mesh(np.concatenate([part.vertices for part in parts]), np.concatenate([part.faces + k for part, k in zip(parts, starts, strict=False)]))
    path = tmp_path_factory.mktemp("scan") / "upper.stl"
    mesh_files.write(whole, path)
    return path


@pytest.fixture
def clicking(qtbot, pytestconfig, scan):
    samples = pytestconfig.rootpath / "resources" / "samples" / "teeth"
    bench = Bench(samples, TeethEngine(samples))
    qtbot.addWidget(bench.workspace)
    bench.document.replace(TeethRequest(case=CaseSource(str(scan), orientation=tuple(np.eye(4).ravel()))), "open scan")
    bench.do("segment")
    return bench


def crowns(bench):
    """[K, 3] on the lowest place of the arch in every 8 mm from the right to the left."""
    points = bench.workspace.case.scans["upper"].vertices.astype(float)
    edges = np.quantile(points[:, 0], [0.02, 0.98])
    return [min(points[np.abs(points[:, 0] - x) < 1.5], key=lambda p: p[2]) for x in np.arange(edges[0] + 3, edges[1] - 3, 9.0)]


def palate(bench):
    points = bench.workspace.case.scans["upper"].vertices.astype(float)
    middle = points[(np.abs(points[:, 0] - np.median(points[:, 0])) < 2) & (points[:, 1] > np.quantile(points[:, 1], 0.3))]
    return min(middle, key=lambda p: p[2])


def test_each_click_is_a_step_back_even_after_the_strip_is_gone(clicking):
    work, stack = clicking.workspace.segmenting, clicking.document.undo_stack
    places = crowns(clicking)
    for place in places:
        clicking.workspace.stage.touched.emit(place)
    assert len(work.clicks) == len(places) and len({click.number for click in work.clicks}) == len(places)
    stack.undo()
    assert len(work.clicks) == len(places) - 1
    assert clicking.workspace.escape() and not work.active()
    stack.undo()
    assert len(work.clicks) == len(places) - 2 and work.active()
    stack.redo()
    assert len(work.clicks) == len(places) - 1


def test_a_click_on_the_palate_is_refused_and_taken_when_it_is_meant(clicking):
    work = clicking.workspace.segmenting
    clicking.workspace.stage.touched.emit(crowns(clicking)[0])
    clicking.workspace.stage.touched.emit(palate(clicking))
    assert len(work.clicks) == 1 and "palate" in work.strip.words.text()
    clicking.workspace.stage.touched.emit(palate(clicking))
    assert len(work.clicks) == 2


def test_numbers_of_the_other_jaw_are_not_offered_and_a_second_click_on_a_place_is_the_same_tooth(clicking):
    work = clicking.workspace.segmenting
    assert {work.strip.number.itemData(k) // 10 for k in range(1, work.strip.number.count())} == {1, 2}
    place = crowns(clicking)[2]
    clicking.workspace.stage.touched.emit(place)
    work.strip.number.set_value(17)
    clicking.workspace.stage.touched.emit(place + [0.3, 0, 0])
    assert [click.number for click in work.clicks] == [17]


def test_a_stroke_that_is_taken_back_does_not_return_with_the_next(clicking, monkeypatch):
    """The boundaries themselves are another test's: here the case stays a scan."""
    work, document = clicking.workspace.segmenting, clicking.document
    monkeypatch.setattr(rereading, "segmented", lambda case, clicks, kept, job: case)
    place = crowns(clicking)[2]
    clicking.workspace.stage.touched.emit(place)
    work.strip.found.emit()
    assert document.request.case.clicks == work.clicks
    work.strip.mode.set_value("gum")
    for shift in (0.0, 1.0):
        clicking.workspace.stage.stroked.emit([None, None], np.array([place, place + shift]))
        assert [len(click.points) for click in document.request.case.clicks] == [1, 2]
        document.undo_stack.undo()
        assert [len(click.points) for click in work.clicks] == [1]
    document.undo_stack.undo()
    assert document.request.case.clicks == () and len(work.clicks) == 1, "the boundaries are gone, the click waits"
    work.strip.cleared.emit()
    assert work.clicks == ()
    document.undo_stack.undo()
    assert len(work.clicks) == 1


def test_an_orientation_set_later_takes_the_clicks_along(clicking, monkeypatch):
    monkeypatch.setattr(rereading, "segmented", lambda case, clicks, kept, job: case)
    clicking.workspace.stage.touched.emit(crowns(clicking)[2])
    clicking.workspace.segmenting.strip.found.emit()
    x, y, z = clicking.document.request.case.clicks[0].points[0]
    clicking.workspace.opening._turned(np.diag([-1.0, -1, 1, 1]), True)
    assert clicking.document.request.case.clicks[0] == Click("upper", clicking.document.request.case.clicks[0].number, ((-x, -y, z),))


def test_crowns_are_told_from_gum_in_both_jaws():
    made = dentition.generate(dentition.preset("crowding"))
    for upper, gum in ((True, made.upper_gum), (False, made.lower_gum)):
        meshes = [tooth.crown.mesh.moved(tooth.start) for number, tooth in made.teeth.items() if (number < 30) == upper]
        points = np.concatenate([gum.vertices, *(mesh.vertices for mesh in meshes)])
        tips = [mesh.vertices[np.argmin(mesh.vertices[:, 2]) if upper else np.argmax(mesh.vertices[:, 2])] for mesh in meshes]
        assert not any(click_places.on_gum(points, tip + [0, 0, 3.0 if upper else -3.0], upper) for tip in tips)
        inside = gum.vertices[np.abs(gum.vertices[:, 0]) < 10]
        deep = inside[np.argsort(inside[:, 1])][len(inside) // 2:]
        assert np.mean([click_places.on_gum(points, point, upper) for point in deep[::20]]) > 0.7, "gum close by the teeth can look like them"
