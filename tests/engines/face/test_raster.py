"""The rasteriser against answers that can be worked out by hand."""

import numpy as np

from engines.face import raster

SQUARE = np.array([[1, 1, 0], [5, 1, 0], [5, 5, 0], [1, 5, 0]], np.float32)
TWO = np.array([[0, 2, 1], [0, 3, 2]])


def owners(points, triangles, size=8, **more):
    return raster.fill(points, triangles, raster.nothing(size), **more).owner.reshape(size, size)


def test_a_square_of_two_triangles_fills_its_pixels_once():
    found = owners(SQUARE, TWO)
    assert (found[1:5, 1:5] >= 0).all() and (found >= 0).sum() == 16


def test_the_nearer_triangle_is_seen_in_either_order():
    near = SQUARE + [1, 1, 3]
    points = np.concatenate([SQUARE, near])
    for order in ([0, 1, 2, 3], [2, 3, 0, 1]):
        triangles = np.concatenate([TWO, TWO + 4])[order]
        found = owners(points, triangles)
        assert all(triangles[k].min() >= 4 for k in found[2:6, 2:6].ravel())


def test_what_is_turned_away_or_outside_is_not_drawn():
    assert (owners(SQUARE, TWO[:, ::-1]) == raster.EMPTY).all()
    assert (owners(SQUARE + [20, 0, 0], TWO) == raster.EMPTY).all()


def test_drawing_the_moving_part_over_the_still_part_is_the_same_as_drawing_all():
    random = np.random.default_rng(3)
    points = (random.random((60, 3)) * [32, 32, 4]).astype(np.float32)
    triangles = random.integers(60, size=(80, 3))
    whole = raster.fill(points, triangles, raster.nothing(32))
    part = raster.fill(points, triangles[:50], raster.nothing(32), numbers=np.arange(50))
    both = raster.fill(points, triangles[50:], part, numbers=np.arange(50, 80))
    np.testing.assert_array_equal(whole.owner, both.owner)


def test_a_linear_value_is_carried_exactly():
    seen = raster.fill(SQUARE, TWO, raster.nothing(8))
    pixel = np.flatnonzero(seen.owner >= 0)
    corners = TWO[seen.owner[pixel]]
    weight = raster.weights(SQUARE, corners, pixel, 8)
    np.testing.assert_allclose(raster.carried(SQUARE[:, :2], corners, weight), np.stack([pixel % 8 + 0.5, pixel // 8 + 0.5], 1), atol=1e-5)
    np.testing.assert_allclose(sum(weight), 1, atol=1e-6)
