import numpy as np
import pytest

from engines.job import EngineError
from engines.teeth.caps import cap
from engines.teeth.mesh import Mesh
from engines.teeth.split import split
from engines.teeth.topology import watertight


def plane(n=41, size=20.0):
    x, y = np.meshgrid(np.linspace(0, size, n), np.linspace(0, size, n))
    grid = np.arange(n * n).reshape(n, n)
    a, b, c, d = grid[:-1, :-1].ravel(), grid[:-1, 1:].ravel(), grid[1:, :-1].ravel(), grid[1:, 1:].ravel()
    return Mesh(np.column_stack([x.ravel(), y.ravel(), np.zeros(n * n)]), np.concatenate([np.stack([a, b, d], -1), np.stack([a, d, c], -1)]))


def disc(mesh, at, radius):
    return np.hypot(*(mesh.corners().mean(1)[:, :2] - at).T) < radius


@pytest.fixture
def labelled():
    mesh = plane()
    labels = np.zeros(len(mesh.faces), int)
    labels[disc(mesh, (7, 10), 4)], labels[disc(mesh, (14, 10), 2.5)] = 11, 21
    return mesh, labels


def test_the_parts_are_the_scan_taken_apart(labelled):
    mesh, labels = labelled
    parts = split(mesh, labels, smooth=False)
    everything = [*parts.crowns.values(), parts.gum]
    assert list(parts.crowns) == [11, 21]
    assert (np.sort(np.concatenate([part.faces for part in everything])) == np.arange(len(mesh.faces))).all()
    for part in everything:
        assert np.array_equal(part.mesh.vertices, mesh.vertices[part.vertices])
        assert np.array_equal(part.vertices[part.mesh.faces], mesh.faces[part.faces])
    assert (parts.labels[parts.crowns[21].faces] == 21).all()


def test_crumbs_go_to_what_surrounds_them(labelled):
    mesh, labels = labelled
    clean = split(mesh, labels).labels
    labels = clean.copy()
    labels[disc(mesh, (7, 10), 0.6)] = 0  # gum inside a crown
    labels[disc(mesh, (3, 3), 0.9)] = 21  # a crumb of a crown far away
    labels[disc(mesh, (14, 10), 0.6)] = 11
    assert np.array_equal(split(mesh, labels).labels, clean)


def test_a_cut_is_straightened_and_stays_shared(labelled):
    mesh, labels = labelled
    rough, smooth = split(mesh, labels, smooth=False), split(mesh, labels)

    def spread(parts):
        crown = parts.crowns[11]
        on_cut = np.isin(crown.vertices, parts.gum.vertices)
        return np.hypot(*(crown.mesh.vertices[on_cut][:, :2] - (7, 10)).T).std()

    assert spread(smooth) < 0.7 * spread(rough)
    shared, i, j = np.intersect1d(smooth.crowns[11].vertices, smooth.gum.vertices, return_indices=True)
    assert len(shared) > 20 and np.array_equal(smooth.crowns[11].mesh.vertices[i], smooth.gum.mesh.vertices[j])
    assert np.abs(smooth.gum.mesh.vertices[:, 2]).max() < 1e-6 and smooth.gum.mesh.areas().min() > 1e-4


def test_triangles_without_shared_vertices_and_broken_ones_are_taken(labelled):
    mesh, labels = labelled
    whole = split(mesh, labels)
    vertices = np.concatenate([mesh.vertices[mesh.faces].reshape(-1, 3), [(np.nan, 0, 0)]])
    faces = np.concatenate([np.arange(3 * len(mesh.faces)).reshape(-1, 3), [(0, 1, len(vertices) - 1)]])
    soup = split(Mesh(vertices, faces), np.append(labels, 11))
    assert {n: len(part.mesh.vertices) for n, part in soup.crowns.items()} == {n: len(part.mesh.vertices) for n, part in whole.crowns.items()}
    assert len(mesh.faces) not in soup.crowns[11].faces
    assert watertight(cap(soup.crowns[11].mesh))


def test_labels_of_another_scan_are_refused(labelled):
    with pytest.raises(EngineError, match="5 labels for 3200 triangles"):
        split(labelled[0], np.zeros(5))
