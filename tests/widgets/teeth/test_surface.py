"""Normals keep sharp edges, coarse forms keep the shape, colours follow the vertices."""

import numpy as np
import pytest
from teeth_shapes import ball

from widgets.surface import coarse, reshaped, smooth_normals, surface
from widgets.teeth import shading

CUBE = np.array([(x, y, z) for x in (0, 1) for y in (0, 1) for z in (0, 1)], float)
SIDES = np.array([(0, 1, 3), (0, 3, 2), (4, 6, 7), (4, 7, 5), (0, 4, 5), (0, 5, 1), (2, 3, 7), (2, 7, 6), (0, 2, 6), (0, 6, 4), (1, 5, 7), (1, 7, 3)])


def test_the_normals_of_a_ball_point_away_from_its_centre():
    mesh = ball(5.0, (1, 2, 3))
    away = (mesh.vertices - (1, 2, 3)) / 5.0
    assert (smooth_normals(mesh.vertices, mesh.faces) * away).sum(1).min() > 0.999
    assert len(surface(mesh.vertices, mesh.faces).vertices) == len(mesh.vertices)


def test_a_cube_has_three_normals_at_every_corner():
    made = surface(CUBE, SIDES)
    assert len(made.vertices) == 24
    assert np.sort(np.abs(made.normals), axis=1) == pytest.approx(np.tile((0, 0, 1), (24, 1)), abs=1e-6)
    assert (made.vertices == CUBE[made.source]).all()
    corners = made.vertices[made.faces].astype(float)
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert (cross[:, None, :] * made.normals[made.faces]).sum(-1).min() > 0.99


def test_a_face_without_area_and_a_vertex_without_a_face_do_no_harm():
    vertices = np.array([(0, 0, 0), (1, 0, 0), (0, 1, 0), (9, 9, 9)], float)
    made = surface(vertices, np.array([(0, 1, 2), (0, 0, 1)]))
    assert np.isfinite(made.normals).all()
    assert np.linalg.norm(made.normals, axis=1) == pytest.approx(np.ones(len(made.normals)))


def test_the_coarse_form_has_far_fewer_triangles_and_the_same_shape():
    mesh = ball(5.0, (0, 0, 0), rows=60)
    fine = surface(mesh.vertices, mesh.faces)
    form = coarse(fine, mesh.vertices, mesh.faces)
    assert len(form.faces) < 0.35 * len(mesh.faces)
    assert np.linalg.norm(form.vertices, axis=1) == pytest.approx(np.full(len(form.vertices), 5.0), abs=0.1)
    assert (form.normals * form.vertices / 5).sum(1).min() > 0.99
    assert np.linalg.norm(mesh.vertices[form.source] - form.vertices, axis=1).max() < 1.0


def test_a_small_mesh_is_its_own_coarse_form():
    fine = surface(CUBE, SIDES)
    assert coarse(fine, CUBE, SIDES) is fine


def test_moved_vertices_keep_the_doubling_at_creases():
    before = surface(CUBE, SIDES)
    wide = (CUBE * (2, 1, 1)).astype(np.float32)
    after = reshaped(before, wide, smooth_normals(wide, SIDES))
    assert (after.vertices == (CUBE * (2, 1, 1))[before.source]).all()
    assert after.faces is before.faces


def test_the_extremes_of_a_surface_reach_its_box():
    mesh = ball(5.0, (1, 2, 3))
    made = surface(mesh.vertices, mesh.faces)
    assert made.extremes.min(0) == pytest.approx(made.box.min(0))
    assert made.extremes.max(0) == pytest.approx(made.box.max(0))


def test_fissures_are_darker_and_necks_warmer_than_the_crown():
    mesh = ball(4.0, (0, 0, 0), rows=60)
    vertices = mesh.vertices.copy()
    vertices[:, 2] -= 1.2 * np.exp(-(vertices[:, 0] / 0.4) ** 2) * (vertices[:, 2] > 2)  # a groove over the top
    normals = smooth_normals(vertices, mesh.faces)
    colours = shading.enamel(vertices, mesh.faces, normals, np.array([0, 0, 1.0])).astype(int)
    groove = (np.abs(vertices[:, 0]) < 0.1) & (vertices[:, 2] > 1.5) & (np.abs(vertices[:, 1]) < 2)
    top = (np.abs(vertices[:, 0]) > 1.5) & (vertices[:, 2] > 1.5)
    assert colours[groove].sum(1).mean() < colours[top].sum(1).mean() - 30
    neck = vertices[:, 2] < -3.5
    assert (colours[neck, 0] - colours[neck, 2]).mean() > (colours[top, 0] - colours[top, 2]).mean() + 15


def test_a_huge_mesh_is_thinned_for_the_view_and_keeps_the_colours_of_its_own_vertices(monkeypatch):
    from widgets import surface as module
    from widgets.teeth import scene
    monkeypatch.setattr(module, "HEAVY_FACES", 4000)
    monkeypatch.setattr(scene, "HEAVY_FACES", 4000)
    mesh = ball(5.0, (0, 0, 0), rows=90)
    thin = scene.made(mesh, "enamel", np.array([0, 0, 1.0]))
    assert len(mesh.faces) > 15_000 and len(thin.faces) < 4500
    assert thin.colours.shape == (len(mesh.vertices), 3)
    assert np.linalg.norm(mesh.vertices[thin.source] - thin.vertices, axis=1).max() < 0.8
    form = coarse(thin, mesh.vertices, mesh.faces)
    assert len(form.faces) < 1200
    assert np.linalg.norm(mesh.vertices[form.source] - form.vertices, axis=1).max() < 1.5
