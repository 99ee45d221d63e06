"""Pictures of a case without a window and without Qt: the standard views for files, reports and films. VTK, imported when the first is drawn."""

import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from engines.job import EngineError
from engines.teeth.caps import with_stub
from engines.teeth.case import JAWS, Case, Poses, jaw
from engines.teeth.gum_follow import GumFollow
from engines.teeth.look import MATERIALS, PAPER, SHOWS, VIEWS, Colour
from engines.teeth.mesh import Mesh

ANGLE_DEG = 20.0  # a long lens, as for clinical photographs
SMOOTH = 8  # rounds: the scale of fissures in edges of the mesh
STUB_MM = 2.5
FILL = .94  # of the picture that the teeth and gum take


@dataclass(frozen=True, eq=False)
class Body:
    """mesh: in world axes. up [3]: its occlusal direction, for the tints of enamel, and neck: how high along it the enamel begins, mm. jaw: upper, lower, or
    empty for both."""

    mesh: Mesh
    material: str = "stone"
    up: np.ndarray | None = None
    jaw: str = ""
    opacity: float = 1.0
    neck: float = 0.0


class Scene:
    """A case that is drawn at many poses: colours and normals are made once, later pictures only move what has moved."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self._gums = {which: GumFollow(gum, case.of(which)) for which, gum in case.gums.items() if len(gum.faces)}
        self._teeth = {n: self._tooth(n) for n, tooth in case.teeth.items() if len(tooth.mesh.faces)}

    def _tooth(self, number: int) -> Body:
        """With a stub of a root, so that no hole opens where a tooth leaves its gum a little."""
        tooth = self.case.teeth[number]
        up = tooth.frame[:3, 2]
        closed = with_stub(tooth.mesh, -up, STUB_MM)
        return Body(closed if len(closed.faces) else tooth.mesh, "enamel", up, jaw(number), neck=float((tooth.mesh.vertices @ up).min()))

    def bodies(self, poses: Poses, ghost: Poses | None = None) -> dict[Any, tuple[Body, np.ndarray]]:
        """Key -> body and the pose it is drawn at. Teeth without a pose are left out. ghost: where the teeth are also shown, translucent."""
        made: dict[Any, tuple[Body, np.ndarray]] = {n: (body, poses[n]) for n, body in self._teeth.items() if n in poses}
        for which, gum in self._gums.items():
            made[f"gum {which}"] = (Body(gum.moved(poses), "gum", None, which), np.eye(4))
        for which, scan in self.case.scans.items():
            if not self.case.of(which):
                made[f"scan {which}"] = (Body(scan, "stone", None, which), np.eye(4))
        for n, pose in (ghost or {}).items():
            if n in self._teeth and not np.allclose(pose, poses.get(n, np.eye(4)), atol=1e-4):
                made[f"ghost {n}"] = (Body(self._teeth[n].mesh, "ghost", self._teeth[n].up, jaw(n), .35, self._teeth[n].neck), pose)
        return made


class Pictures:
    """`draw` gives one picture. `close` gives the OpenGL context back; a second call does nothing."""

    def __init__(self, size: tuple[int, int] = (1000, 700), background: Colour = PAPER) -> None:
        if sys.platform.startswith("linux") and not os.environ.get("DISPLAY"):
            os.environ.setdefault("VTK_DEFAULT_OPENGL_WINDOW", "vtkEGLRenderWindow")
        try:
            import vtkmodules.vtkRenderingOpenGL2  # noqa: F401  registers the OpenGL classes
            from vtkmodules.vtkRenderingCore import vtkRenderer, vtkRenderWindow
        except ImportError as error:
            raise EngineError(f"Pictures cannot be drawn: {error}.", "Install VTK and the OpenGL libraries (libegl1, libgl1).") from error
        self.size = size
        self._window, self._renderer = vtkRenderWindow(), vtkRenderer()
        self._window.SetOffScreenRendering(1)
        self._window.SetMultiSamples(8)
        self._window.SetSize(*size)
        self._window.AddRenderer(self._renderer)
        self._renderer.SetBackground(*background)
        self._light()
        self._shown: dict[Any, tuple[Body, Any, Any]] = {}

    def draw(self, bodies: dict[Any, tuple[Body, np.ndarray]], view: str = "front", fit: np.ndarray | None = None) -> np.ndarray:
        """uint8 [H, W, 3], first row at the top. view: of look.VIEWS. fit [N, 3]: points that shall fill the picture instead of what is drawn.

        EngineError where the machine cannot draw. KeyError for an unknown view.
        """
        from vtkmodules.util.numpy_support import vtk_to_numpy
        from vtkmodules.vtkCommonCore import vtkUnsignedCharArray

        shows = SHOWS.get(view, JAWS)
        seen = {key: entry for key, entry in bodies.items() if not entry[0].jaw or entry[0].jaw in shows}
        self._sync(bodies, set(seen))
        self._aim(view, fit if fit is not None else points_of(seen.values()))
        self._window.Render()
        pixels, (width, height) = vtkUnsignedCharArray(), self.size
        self._window.GetRGBACharPixelData(0, 0, width - 1, height - 1, 0, pixels)
        if pixels.GetNumberOfTuples() != width * height:
            raise EngineError("Pictures cannot be drawn on this machine: no OpenGL was found.", "Install Mesa (libegl1, libgl1-mesa-dri).")
        return vtk_to_numpy(pixels).reshape(height, width, 4)[::-1, :, :3].copy()

    def close(self) -> None:
        if self._window is not None:
            self._renderer.RemoveAllViewProps()
            self._window.RemoveRenderer(self._renderer)
            self._window.Finalize()
            self._shown.clear()
            self._window = self._renderer = None

    def __enter__(self) -> "Pictures":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _light(self) -> None:
        """Key above left, fill at the right, a faint one from below, all fixed to the camera, as lamps of a dental photograph."""
        from vtkmodules.vtkRenderingCore import vtkLight

        self._renderer.SetAutomaticLightCreation(False)
        for place, strength, colour in (((-.5, .75, 1.0), .62, (1.0, .98, .95)), ((.9, .15, .8), .28, (.92, .96, 1.0)), ((0, -.8, .7), .14, (1.0, .93, .9)),
                                        ((0, 0, 1.0), .14, (1.0, 1.0, 1.0))):
            light = vtkLight()
            light.SetLightTypeToCameraLight()
            light.SetPosition(*place)
            light.SetFocalPoint(0, 0, 0)
            light.SetIntensity(strength)
            light.SetColor(*colour)
            self._renderer.AddLight(light)
        self._renderer.SetAmbient(1, 1, 1)

    def _sync(self, wanted: dict[Any, tuple[Body, np.ndarray]], seen: set) -> None:
        for key in [key for key, (body, _, _) in self._shown.items() if key not in wanted or not _alike(body, wanted[key][0])]:
            self._renderer.RemoveActor(self._shown.pop(key)[1])
        for key, (body, pose) in wanted.items():
            if key not in self._shown:
                actor, data = _actor(body)
                self._renderer.AddActor(actor)
                self._shown[key] = (body, actor, data)
            before, actor, data = self._shown[key]
            if before is not body:  # the same triangles elsewhere: a gum that followed
                data.SetPoints(_points(body.mesh))
                self._shown[key] = (body, actor, data)
            actor.SetUserMatrix(_matrix(pose))
            actor.SetVisibility(key in seen)

    def _aim(self, view: str, points: np.ndarray) -> None:
        towards, up = (np.array(vector, float) for vector in VIEWS[view])
        towards /= np.linalg.norm(towards)
        right = np.cross(up, towards)
        right /= np.linalg.norm(right)
        up = np.cross(towards, right)
        camera = self._renderer.GetActiveCamera()
        camera.SetViewAngle(ANGLE_DEG)
        slope = np.tan(np.deg2rad(ANGLE_DEG / 2)) * FILL
        seen = points @ np.stack([right, up, towards], -1) if len(points) else np.zeros((1, 3))
        middle = (seen.min(0) + seen.max(0)) / 2
        flat = np.abs(seen - middle)
        distance = float(max((flat[:, 0] / (slope * self.size[0] / self.size[1]) + seen[:, 2] - middle[2]).max(),
                             (flat[:, 1] / slope + seen[:, 2] - middle[2]).max(), 10.0))
        focus = middle @ np.stack([right, up, towards])
        camera.SetFocalPoint(*focus)
        camera.SetPosition(*(focus + distance * towards))
        camera.SetViewUp(*up)
        self._renderer.ResetCameraClippingRange()


def views_of(case: Case) -> tuple[str, ...]:
    """The views in which something of the case is to be seen: not the lower one of an upper jaw."""
    there = {which for which in JAWS if case.of(which) or which in case.gums or which in case.scans}
    return tuple(view for view in VIEWS if there & set(SHOWS.get(view, JAWS)))


def points_of(entries: Iterable[tuple[Body, np.ndarray]]) -> np.ndarray:
    """[N, 3] some vertices of every body where it stands."""
    made = [body.mesh.vertices[::7] @ pose[:3, :3].T + pose[:3, 3] for body, pose in entries]
    return np.concatenate(made) if made else np.zeros((0, 3))


def tints(body: Body) -> np.ndarray:
    """uint8 [V, 3]: an enamel is warm at its neck and cool at its edge, and every surface darker in its hollows."""
    material, points = MATERIALS[body.material], body.mesh.vertices.astype(float)
    colour = np.tile(np.array(material.colour), (len(points), 1))
    if body.up is not None:
        height = points @ body.up
        share = (height - body.neck) / max(float(height.max(initial=body.neck)) - body.neck, 1e-6)
        colour = _mixed(colour, material.neck, .9 * np.clip((.45 - share) / .45, 0, 1) ** 1.3)
        colour = _mixed(colour, material.edge, .8 * np.clip((share - .82) / .18, 0, 1))
    hollow = -_relief(points, body.mesh)
    colour = _mixed(colour, material.pit, .6 * np.clip(hollow / (.18 if body.up is not None else .35), 0, 1) ** 1.2)
    return (np.clip(colour, 0, 1) * 255 + .5).astype(np.uint8)


def _mixed(colour: np.ndarray, other: Colour, share: np.ndarray) -> np.ndarray:
    return colour + share[:, None] * (np.array(other) - colour)


def _relief(points: np.ndarray, mesh: Mesh) -> np.ndarray:
    """[V] mm above (+) or below the surface smoothed around each vertex."""
    faces = mesh.faces
    if not len(faces):
        return np.zeros(len(points))
    corners = points[faces]
    across, normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), np.zeros_like(points)
    for axis in range(3):
        normals[:, axis] = np.bincount(faces.ravel(), np.repeat(across[:, axis], 3), len(points))
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    a, b = faces[:, (0, 1, 2, 1, 2, 0)].ravel(), faces[:, (1, 2, 0, 0, 1, 2)].ravel()
    degree, smooth = np.maximum(np.bincount(a, minlength=len(points)), 1), points
    for _ in range(SMOOTH):
        smooth = np.stack([np.bincount(a, smooth[b, axis], len(points)) for axis in range(3)], -1) / degree[:, None]
    return ((points - smooth) * normals).sum(1)


def _alike(a: Body, b: Body) -> bool:
    return a is b or (a.mesh.faces is b.mesh.faces and a.material == b.material and a.opacity == b.opacity)


def _points(mesh: Mesh) -> Any:
    from vtkmodules.util.numpy_support import numpy_to_vtk
    from vtkmodules.vtkCommonCore import vtkPoints

    points = vtkPoints()
    points.SetData(numpy_to_vtk(mesh.vertices, deep=True))
    return points


def _actor(body: Body) -> tuple[Any, Any]:
    """An actor and the data whose points may be replaced."""
    from vtkmodules.util.numpy_support import numpy_to_vtk, numpy_to_vtkIdTypeArray
    from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkPolyData
    from vtkmodules.vtkFiltersCore import vtkPolyDataNormals
    from vtkmodules.vtkRenderingCore import vtkActor, vtkPolyDataMapper

    data, cells = vtkPolyData(), vtkCellArray()
    cells.SetData(3, numpy_to_vtkIdTypeArray(body.mesh.faces.astype(np.int64).ravel(), deep=True))
    data.SetPoints(_points(body.mesh))
    data.SetPolys(cells)
    data.GetPointData().SetScalars(numpy_to_vtk(tints(body), deep=True))
    smooth = vtkPolyDataNormals()
    smooth.SetInputData(data)
    smooth.SetSplitting(body.up is None and body.material == "stone")  # a model has edges, a tooth and a gum have none
    smooth.SetFeatureAngle(60)
    smooth.ConsistencyOff()
    mapper, actor = vtkPolyDataMapper(), vtkActor()
    mapper.SetInputConnection(smooth.GetOutputPort())
    actor.SetMapper(mapper)
    look, material = actor.GetProperty(), MATERIALS[body.material]
    look.SetInterpolationToPhong()
    look.SetAmbient(.26)
    look.SetDiffuse(.82)
    look.SetSpecular(material.gloss)
    look.SetSpecularPower(material.shine)
    look.SetOpacity(body.opacity)
    return actor, data


def _matrix(pose: np.ndarray) -> Any:
    from vtkmodules.vtkCommonMath import vtkMatrix4x4

    made = vtkMatrix4x4()
    made.DeepCopy(np.asarray(pose, float).ravel().tolist())
    return made
