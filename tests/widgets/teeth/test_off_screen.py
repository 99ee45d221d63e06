"""Drawing into memory: layers of glass, and machines without OpenGL."""

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from teeth_shapes import ball

from widgets.camera import Camera
from widgets.off_screen import OffScreen
from widgets.surface import Body, surface

BLACK = (np.zeros(3), np.zeros(3))
SIZE = (120, 90)


@pytest.fixture
def drawing():
    drawing = OffScreen()
    yield drawing
    drawing.close()


def body(radius=8.0, centre=(0, 0, 0), **more):
    mesh = ball(radius, centre)
    return Body(surface(mesh.vertices, mesh.faces), "gum", **more)


def test_the_depth_says_how_far_a_surface_is(drawing):
    frame = drawing.render({1: body()}, Camera(0, 0, (0, 0, 0), 100), SIZE, BLACK)
    assert frame.distance(np.array([45]), np.array([60]))[0] == pytest.approx(92, abs=0.1)
    assert frame.depth[2, 2] == 1.0


@pytest.mark.parametrize("before", (1.0, 0.4))
def test_a_translucent_body_shows_its_nearest_layer_alone(drawing, before):
    both, outer = ball(8.0, (0, 0, 0)), ball(6.0, (0, 0, 0))
    count = len(both.vertices)
    nested = surface(np.concatenate([both.vertices, outer.vertices]), np.concatenate([both.faces, outer.faces + count]))
    camera = Camera(0, 0, (0, 0, 0), 100)
    drawing.render({1: Body(nested, "gum", opacity=before)}, camera, SIZE, BLACK)  # it was solid, or was not, before
    two = drawing.render({1: Body(nested, "gum", opacity=0.4)}, camera, SIZE, BLACK).pixels[45, 60].astype(int)
    one = drawing.render({1: body(opacity=0.4)}, camera, SIZE, BLACK).pixels[45, 60].astype(int)
    assert two == pytest.approx(one, abs=2)


def test_a_solid_body_is_seen_through_a_translucent_one_whichever_came_first(drawing):
    camera, glass = Camera(0, 0, (0, 0, 0), 100), body(opacity=0.3)
    drawing.render({"glass": glass}, camera, SIZE, BLACK)
    empty = drawing.render({"glass": glass}, camera, SIZE, BLACK).pixels[45, 60].astype(int)
    inside = replace(body(radius=4.0), material="enamel")
    filled = drawing.render({"glass": glass, "tooth": inside}, camera, SIZE, BLACK).pixels[45, 60].astype(int)
    assert filled[:3].min() > empty[:3].max() + 40


def test_a_body_that_is_gone_is_not_drawn(drawing):
    camera = Camera(0, 0, (0, 0, 0), 100)
    assert drawing.render({1: body()}, camera, SIZE, BLACK).pixels[45, 60, :3].any()
    assert not drawing.render({}, camera, SIZE, BLACK).pixels[45, 60, :3].any()


def test_closing_twice_and_drawing_again_is_fine(drawing):
    camera = Camera(0, 0, (0, 0, 0), 100)
    drawing.close()
    drawing.render({1: body()}, camera, SIZE, BLACK)
    drawing.close()
    drawing.close()
    assert drawing.render({1: body()}, camera, SIZE, BLACK).pixels[45, 60, :3].any()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="EGL is how Linux draws without a display")
def test_a_machine_without_opengl_gets_a_remedy_and_no_crash():
    code = ("import numpy as np\nfrom engines.job import EngineError\n"
            "from widgets.camera import Camera\nfrom widgets.off_screen import OffScreen\n"
            "try:\n    OffScreen().render({}, Camera(), (50, 50), (np.zeros(3),) * 2)\n    print('drawn')\n"
            "except EngineError as error:\n    print(error.remedy)")
    calm = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    done = subprocess.run([sys.executable, "-c", code], env=calm | {"__EGL_VENDOR_LIBRARY_FILENAMES": "/nonexistent"}, capture_output=True, text=True,
                          timeout=60, check=True)
    assert "libegl1" in done.stdout or done.stdout.strip() == "drawn"  # where OSMesa is installed it draws
