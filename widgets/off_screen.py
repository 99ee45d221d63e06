"""Draws bodies with VTK into memory: no window, no Qt, the same on a GPU, on software OpenGL and without a display.

VTK is imported when the first picture is asked for. One OffScreen owns one render window; `close` gives everything back.
"""

import os
import sys
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from engines.job import EngineError
from widgets.camera import ANGLE_DEG, Camera
from widgets.surface import Body, Surface

LAST_RESORTS = ("vtkOSOpenGLRenderWindow", "vtkRenderWindow")  # what VTK makes when it found neither a display nor EGL
REMEDY = "Install the OpenGL libraries of the system: libegl1, libgl1 and libgl1-mesa-dri on Debian and Ubuntu."
SOFTWARE = ("llvmpipe", "softpipe", "swrast", "software")


@dataclass(frozen=True, eq=False)
class Frame:
    """pixels uint8 [H, W, 4] with the first row at the BOTTOM; depth float32 [H, W] likewise, 0 near to 1 far; near and far in mm."""

    pixels: np.ndarray
    depth: np.ndarray
    near: float
    far: float

    def distance(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """mm along the view of what is seen at those pixels; far where nothing is."""
        return self.near * self.far / (self.far - self.depth[rows, columns] * (self.far - self.near))


class OffScreen:
    """`render` draws; what changed since the last call alone is handed to VTK."""

    def __init__(self) -> None:
        self._window: Any = None
        self._renderer: Any = None
        self._plane: Any = None
        self._shown: dict[Hashable, Any] = {}
        self._size = (0, 0)
        self.software: bool | None = None  # known after the first picture

    def _open(self) -> None:
        if sys.platform.startswith("linux") and not os.environ.get("DISPLAY"):
            os.environ.setdefault("VTK_DEFAULT_OPENGL_WINDOW", "vtkEGLRenderWindow")
        try:
            import vtkmodules.vtkRenderingOpenGL2  # noqa: F401  registers the OpenGL classes
            from vtkmodules.vtkCommonCore import vtkObject
            from vtkmodules.vtkRenderingCore import vtkLight, vtkRenderer, vtkRenderWindow
        except ImportError as error:
            raise EngineError(f"The 3D view cannot start: {error}.", remedy=REMEDY) from error
        chatty = vtkObject.GetGlobalWarningDisplay()
        vtkObject.GlobalWarningDisplayOff()  # it tries one window system after the other and tells of each
        window = vtkRenderWindow()
        vtkObject.SetGlobalWarningDisplay(chatty)
        if window.GetClassName() in LAST_RESORTS and not _loads("OSMesa"):
            raise EngineError("The 3D view cannot draw on this machine: no OpenGL was found.", remedy=REMEDY)  # VTK would crash
        self._window, self._renderer = window, vtkRenderer()
        self._window.SetOffScreenRendering(1)
        self._window.SetMultiSamples(0)
        self._window.AddRenderer(self._renderer)
        self._renderer.SetUseOIT(False)
        self._renderer.GradientBackgroundOn()
        self._renderer.SetAutomaticLightCreation(False)
        light = vtkLight()  # the shader brings its own lights; without one VTK hands it no normals
        light.SetLightTypeToHeadlight()
        self._renderer.AddLight(light)
        self._size = (0, 0)

    def render(self, bodies: Mapping[Hashable, Body], camera: Camera, size: tuple[int, int], background: tuple[np.ndarray, np.ndarray],
               plane: np.ndarray | None = None, coarse: Mapping[Hashable, Surface] | None = None, want_depth: bool = True) -> Frame:
        """One picture. size in real pixels; background: colours [3] in 0..1 at the bottom and the top; plane [4]: a, b, c, d keeps ax + by + cz >= d.

        coarse: surfaces that stand in while the view moves. EngineError where the machine has no OpenGL that can draw.
        """
        if self._window is None:
            self._open()
        self._sync(bodies, plane, coarse or {})
        if size != self._size:
            self._window.SetSize(*size)
            self._size = size
        self._renderer.SetBackground(*background[0])
        self._renderer.SetBackground2(*background[1])
        near, far = self._aim(camera, [bodies[key] for key in bodies if bodies[key].visible])
        self._window.Render()
        if self.software is None:
            self._learn()
        return self._read(size, near, far, want_depth)

    def close(self) -> None:
        """Gives the OpenGL context and every VTK object back; the next `render` would begin anew."""
        if self._window is None:
            return
        for actor in self._shown.values():
            actor.leave(self._renderer)
        self._shown.clear()
        self._window.RemoveRenderer(self._renderer)
        self._window.Finalize()
        self._window = self._renderer = self._plane = None

    def _learn(self) -> None:
        """Whether the CPU draws."""
        said = self._window.ReportCapabilities().lower()
        if "opengl renderer string" not in said:
            raise EngineError("The 3D view cannot draw on this machine: no OpenGL was found.", remedy=REMEDY)
        line = next(line for line in said.splitlines() if "opengl renderer string" in line)
        self.software = any(word in line for word in SOFTWARE)

    def _aim(self, camera: Camera, bodies: list[Body]) -> tuple[float, float]:
        corners = [body.surface.box @ body.matrix[:3, :3].T + body.matrix[:3, 3] for body in bodies]
        depth = (np.concatenate(corners) - camera.position) @ camera.axes[2] if corners else np.array([camera.distance])
        far = max(float(depth.max(initial=1.0)) + 2.0, 2.0)
        near = max(float(depth.min(initial=far)) - 2.0, far / 2000, 0.1)
        seen = self._renderer.GetActiveCamera()
        seen.SetPosition(*camera.position)
        seen.SetFocalPoint(*camera.focus)
        seen.SetViewUp(*camera.axes[1])
        seen.SetViewAngle(ANGLE_DEG)
        seen.SetClippingRange(near, far)
        return near, far

    def _read(self, size: tuple[int, int], near: float, far: float, want_depth: bool) -> Frame:
        from vtkmodules.util.numpy_support import vtk_to_numpy
        from vtkmodules.vtkCommonCore import vtkFloatArray, vtkUnsignedCharArray

        width, height = size
        pixels, depth = vtkUnsignedCharArray(), vtkFloatArray()
        self._window.GetRGBACharPixelData(0, 0, width - 1, height - 1, 0, pixels)
        if want_depth:
            self._window.GetZbufferData(0, 0, width - 1, height - 1, depth)
        far_away = vtk_to_numpy(depth).reshape(height, width) if want_depth else np.ones((0, 0), np.float32)
        return Frame(vtk_to_numpy(pixels).reshape(height, width, 4), far_away, near, far)

    def _sync(self, bodies: Mapping[Hashable, Body], plane: np.ndarray | None, coarse: Mapping[Hashable, Surface]) -> None:
        from widgets.actors import Actor, clipping

        self._plane = clipping(self._plane, plane)
        wanted: dict[Hashable, tuple[Body, Surface]] = {}
        for key, body in bodies.items():
            if body.visible and len(body.surface.faces):
                wanted[key] = (body, coarse.get(key, body.surface))
        added = False
        for key, body in bodies.items():
            shown = self._shown.get(key)
            if shown is None and key in wanted:
                shown = self._shown[key] = Actor(self._renderer)
                added = True
            if shown is not None:
                body, form = wanted.get(key, (body, body.surface))
                shown.show(body, form, self._plane if body.clipped else None, key in wanted)
                added |= shown.added
        for veil in [shown.veil for shown in self._shown.values() if added and shown.veil is not None]:
            self._renderer.RemoveActor(veil)  # actors are drawn in the order they came: veils after all that shall be seen through them
            self._renderer.AddActor(veil)
        for key in [key for key in self._shown if key not in bodies]:
            self._shown.pop(key).leave(self._renderer)


def _loads(name: str) -> bool:
    from ctypes import CDLL

    for file in (f"lib{name}.so.8", f"lib{name}.so"):
        try:
            CDLL(file)
        except OSError:
            continue
        return True
    return False
