"""The cube's faces are those of the standard views, readable and under the mouse."""

import numpy as np
import pytest

from widgets.camera import VIEWS, Camera
from widgets.teeth.view_cube import EDGE_PX, FACES, SIDE_PX, ViewCubeLayer
from widgets.view_layers import Seen

SIZE = (600.0, 400.0)


@pytest.mark.parametrize("view", VIEWS)
def test_a_standard_view_shows_its_own_face_alone_and_upright(view):
    cube = ViewCubeLayer(lambda name: None, lambda: None)
    seen = Seen(Camera().looking(view), SIZE)
    faces = cube.faces(seen)
    assert set(faces) == {view}
    left, top = SIZE[0] - EDGE_PX - SIDE_PX / 2, EDGE_PX - SIDE_PX / 2
    assert faces[view][0] == pytest.approx((left, top))
    assert faces[view][1] == pytest.approx((left + SIDE_PX, top))
    assert cube.under(left + 5, top + 5, seen) == view
    assert cube.under(20, 20, seen) is None


def test_three_faces_are_seen_from_a_corner():
    cube = ViewCubeLayer(lambda name: None, lambda: None)
    assert set(cube.faces(Seen(Camera(30, 30), SIZE))) == {"front", "left", "lower"}


def test_faces_look_outwards():
    for out, across, above in FACES.values():
        assert np.cross(across, above) == pytest.approx(out)
