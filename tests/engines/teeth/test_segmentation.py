import numpy as np
import pytest

from engines.job import Cancelled, EngineError, Job
from engines.teeth.mesh import Mesh
from engines.teeth.segmentation import Segmenter, segment
from engines.teeth.surface import prepare

HALF_GAP = 4.3


def bumps(step=0.25, sharp=10.0):
    """Two tooth-sized domes on a flat gum, in contact at x = 0: height = a smooth maximum, so that every border is a valley."""
    x, y = np.meshgrid(np.arange(-16, 16.01, step), np.arange(-11, 11.01, step))
    z = np.zeros_like(x)
    for centre in (-HALF_GAP, HALF_GAP):
        away = (np.abs((x - centre) / HALF_GAP)**4 + np.abs(y / 3.6)**4)**0.25
        z = np.logaddexp(sharp * z, sharp * 6.0 * (1 - away**2)) / sharp
    n, m = x.shape
    grid = np.arange(n * m).reshape(n, m)
    a, b, c, d = grid[:-1, :-1].ravel(), grid[:-1, 1:].ravel(), grid[1:, :-1].ravel(), grid[1:, 1:].ravel()
    return Mesh(np.column_stack([x.ravel(), y.ravel(), z.ravel()]), np.concatenate([np.stack([a, b, d], -1), np.stack([a, d, c], -1)]))


def top(mesh, x, y=0.0):
    """The point of the surface above (x, y)."""
    return tuple(mesh.vertices[np.argmin(np.hypot(*(mesh.vertices[:, :2] - (x, y)).T))].astype(float))


@pytest.fixture(scope="module")
def scan():
    mesh = bumps()
    return mesh, prepare(mesh), ((top(mesh, -HALF_GAP), 11), (top(mesh, HALF_GAP), 21))


def middle(mesh):
    return mesh.corners().mean(1)


def test_the_border_of_two_domes_lies_in_the_valleys(scan):
    mesh, surface, clicks = scan
    found, at = segment(surface, clicks), middle(mesh)
    # by construction the domes meet at x = 0 and the gum where a superellipse ends
    truth = np.where(np.abs((np.abs(at[:, 0]) - HALF_GAP) / HALF_GAP)**4 + np.abs(at[:, 1] / 3.6)**4 < 1, np.where(at[:, 0] < 0, 11, 21), 0)
    for number in (0, 11, 21):
        a, b = found == number, truth == number
        assert 2 * (a & b).sum() / (a.sum() + b.sum()) > 0.95
    wrong = found != truth
    beside = np.hypot(np.abs(at[:, 0]) - HALF_GAP, at[:, 1])
    assert not wrong[beside < 3].any() and not wrong[beside > 6].any()
    crowns = found > 0
    assert ((found[crowns] == 11) == (at[crowns, 0] < 0))[np.abs(at[crowns, 0]) > 0.6].all()


def test_a_click_may_lie_anywhere_on_its_crown(scan):
    mesh, surface, clicks = scan
    usual = segment(surface, clicks)
    for dx, dy in ((2.0, 1.0), (-2.0, 0), (0, -2.2)):
        moved = segment(surface, ((top(mesh, -HALF_GAP + dx, dy), 11), clicks[1]))
        assert (moved == usual).mean() > 0.99


def test_the_order_of_faces_and_vertices_does_not_matter(scan):
    mesh, surface, clicks = scan
    random = np.random.default_rng(1)
    order, places = random.permutation(len(mesh.faces)), random.permutation(len(mesh.vertices))
    shuffled = np.empty_like(mesh.vertices)
    shuffled[places] = mesh.vertices
    again = segment(prepare(Mesh(shuffled, places[mesh.faces][order])), clicks)
    assert np.array_equal(again, segment(surface, clicks)[order])


def test_a_moved_scan_gets_the_same_labels(scan):
    mesh, surface, clicks = scan
    turn = np.linalg.qr(np.random.default_rng(5).normal(size=(3, 3)))[0]
    turn *= np.linalg.det(turn)
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = turn, (40, -3, 12)
    moved = tuple((tuple(turn @ np.array(at) + pose[:3, 3]), number) for at, number in clicks)
    assert (segment(prepare(mesh.moved(pose)), moved) == segment(surface, clicks)).mean() > 0.995


def test_strokes_win_over_clicks_and_the_boxes(scan):
    mesh, surface, clicks = scan
    at = middle(mesh)
    on_gum = tuple(top(mesh, x, 7.0) for x in np.arange(-6, -2, 0.4))
    over_the_click = tuple(top(mesh, HALF_GAP + dx) for dx in (-0.4, 0, 0.4))
    found = segment(surface, clicks, ((11, on_gum), (0, over_the_click)))
    assert (found[np.hypot(at[:, 0] + 4, at[:, 1] - 7) < 0.4] == 11).all()
    assert (found[np.linalg.norm(at - clicks[1][0], axis=1) < 0.5] == 0).all()
    later = segment(surface, clicks, ((0, over_the_click), (21, over_the_click)))
    assert (later[np.linalg.norm(at - clicks[1][0], axis=1) < 0.5] == 21).all()


def test_a_stroke_changes_nothing_far_away_and_taking_it_back_restores_all(scan):
    mesh, surface, clicks = scan
    segmenter = Segmenter(surface)
    before = segmenter.labels(clicks)
    stroke = (0, tuple(top(mesh, x, 0.0) for x in (6.5, 7.0, 7.5)))
    after = segmenter.labels(clicks, (stroke,))
    changed = after != before
    assert changed.any() and np.linalg.norm(middle(mesh)[changed] - stroke[1][1], axis=1).max() < 13
    assert np.array_equal(segmenter.labels(clicks), before)
    assert np.array_equal(segment(surface, clicks, (stroke,)), after)


def test_a_stroke_on_one_dome_without_its_own_click_gives_it_to_the_tooth(scan):
    """One click; the other dome is gum until it is painted, and then it belongs as a whole."""
    mesh, surface, clicks = scan
    at = middle(mesh)
    inside = np.abs((at[:, 0] - HALF_GAP) / HALF_GAP)**4 + np.abs(at[:, 1] / 3.6)**4 < 0.6
    alone = segment(surface, clicks[:1])
    assert (alone[inside] == 0).mean() > 0.9
    painted = segment(surface, clicks[:1], ((11, tuple(top(mesh, HALF_GAP + d, 0) for d in np.arange(-2, 2.1, 0.4))),))
    assert (painted[inside] == 11).mean() > 0.9


def test_a_thinned_scan_gives_nearly_the_same_labels(scan):
    mesh, surface, clicks = scan
    thin = prepare(mesh, nodes=4000)
    assert len(thin.points) < 6000 < len(surface.points)
    assert (segment(thin, clicks) == segment(surface, clicks)).mean() > 0.96


def test_triangles_that_share_nothing_and_broken_ones_are_welded_or_left_out(scan):
    mesh, surface, clicks = scan
    vertices = np.concatenate([mesh.vertices[mesh.faces].reshape(-1, 3), [(np.nan, 0, 0)]])
    faces = np.concatenate([np.arange(3 * len(mesh.faces)).reshape(-1, 3), [(0, 1, len(vertices) - 1), (4, 4, 5)]])
    found = segment(prepare(Mesh(vertices, faces)), clicks)
    assert np.array_equal(found[:-2], segment(surface, clicks)) and (found[-2:] == 0).all()


def test_no_click_means_all_gum_and_wrong_clicks_say_so(scan):
    mesh, surface, clicks = scan
    assert (segment(surface, ()) == 0).all()
    for wrong, strokes in ((((np.nan, 0, 0), 11),), ()), ((((90.0, 0, 0), 11),), ()), (clicks, ((12, (clicks[0][0],)),)), (clicks, ((11, ()),)):
        with pytest.raises(EngineError) as caught:
            segment(surface, wrong, strokes)
        assert caught.value.remedy
    with pytest.raises(EngineError):
        prepare(Mesh(np.zeros((0, 3)), np.zeros((0, 3), int)))
    with pytest.raises(EngineError):
        prepare(Mesh(np.full((3, 3), np.nan), np.array([[0, 1, 2]])))


def test_a_cancelled_job_stops_and_progress_is_told(scan):
    _, surface, clicks = scan
    told = []
    segment(surface, clicks, job=Job(lambda kind, values: told.append(values[0])))
    assert told == sorted(told) and len(told) == 4
    job = Job()
    job.cancelled = True
    with pytest.raises(Cancelled):
        segment(surface, clicks, job=job)
