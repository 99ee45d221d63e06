"""One body of a 3D view as VTK knows it. Imported by off_screen.py alone, when it draws."""

from typing import Any

import numpy as np

from widgets.colours import rgb
from widgets.materials import LIGHT, MATERIALS, Material
from widgets.surface import Body, Surface

RIM_MM = 0.28  # how far the rim of a selected body stands out
VEIL_OPACITY = 0.004  # of what a translucent body draws first: its depth alone, so that just its nearest layer is seen
KEPT_FORMS = 2  # surfaces kept ready for a body: the full one and the coarse one


def clipping(before: Any, plane: np.ndarray | None) -> Any:
    """A vtkPlane for [4] numbers (kept: ax + by + cz >= d), the same object while the numbers stay; None without."""
    from vtkmodules.vtkCommonDataModel import vtkPlane

    if plane is None:
        return None
    made = before if before is not None else vtkPlane()
    normal = np.asarray(plane[:3], float)
    made.SetNormal(*normal)
    made.SetOrigin(*(normal * plane[3] / max(float(normal @ normal), 1e-12)))
    return made


class Actor:
    """Holds a vtkActor and shows a Body with it; only what differs from the last call reaches VTK."""

    def __init__(self, renderer: Any) -> None:
        from vtkmodules.vtkCommonMath import vtkMatrix4x4

        self._renderer, self._matrix = renderer, vtkMatrix4x4()
        self._actor, self._mapper, self._uniforms = _make(self._matrix)
        renderer.AddActor(self._actor)
        self._rim: Any = None
        self.veil: Any = None
        self.added = True  # something new was handed to the renderer in the last `show`
        self._forms: dict[int, tuple[Surface, Any]] = {}
        self._last: dict[str, Any] = {}

    def show(self, body: Body, form: Surface, plane: Any, visible: bool) -> None:
        """form: the surface or its coarse stand-in."""
        self.added = False
        if self._differs("visible", visible):
            self._actor.SetVisibility(visible)
        if not visible:
            self._show_rim(None, form, plane)
            self._show_veil(False, form, plane)
            return
        self._show_veil(body.opacity < 1 and body.material != "ghost", form, plane)
        if self._differs("matrix", body.matrix.tobytes()):
            self._matrix.DeepCopy(body.matrix.ravel().tolist())
        if self._differs("form", id(form)):
            self._mapper.SetInputDataObject(self._data(form))
            self._last.pop("paint", None)
        if self._differs("paint", (id(body.paint), id(body.surface.colours))):
            self._colour(body, form)
        if self._differs("plane", plane):
            self._mapper.RemoveAllClippingPlanes()
            if plane is not None:
                self._mapper.AddClippingPlane(plane)
        if self._differs("look", (body.material, body.opacity, body.tint, plane is not None)):
            self._look(body, plane is not None)
        self._show_rim(body.outline, form, plane)

    def leave(self, renderer: Any) -> None:
        for actor in (self._actor, self._rim, self.veil):
            if actor is not None:
                renderer.RemoveActor(actor)
        self._rim = self.veil = None
        self._forms.clear()

    def _differs(self, name: str, value: Any) -> bool:
        if name in self._last and self._last[name] == value:
            return False
        self._last[name] = value
        return True

    def _data(self, form: Surface, push: float = 0.0) -> Any:
        kept = self._forms.get(id(form)) if not push else None
        if kept is None:
            kept = (form, poly_data(form, push))
            if not push:
                while len(self._forms) >= KEPT_FORMS:
                    self._forms.pop(next(iter(self._forms)))
                self._forms[id(form)] = kept
        return kept[1]

    def _colour(self, body: Body, form: Surface) -> None:
        colours = body.surface.colours
        if body.paint is not None:
            under = np.full((len(body.paint), 3), 200.0) if colours is None else colours.astype(float)
            share = body.paint[:, 3:].astype(float) / 255
            colours = (under + share * (body.paint[:, :3] - under) + 0.5).astype(np.uint8)
        set_colours(self._data(form), None if colours is None else colours[form.source])

    def _look(self, body: Body, cut: bool) -> None:
        material = MATERIALS[body.material]
        tint, share = body.tint or (None, 0.0)
        if body.material == "ghost" and tint:
            share = 1.0
        _set(self._uniforms, material, rgb(tint) if tint else np.zeros(3), share)
        prop = self._actor.GetProperty()
        prop.SetOpacity(body.opacity)
        prop.SetBackfaceCulling(body.opacity < 1)
        self._mapper.SetRelativeCoincidentTopologyPolygonOffsetParameters(*((2.0, 80.0) if body.material == "ghost" else (0.0, 0.0)))
        self._actor.SetForceOpaque(body.opacity >= 1)
        self._actor.SetForceTranslucent(body.opacity < 1)

    def _show_rim(self, colour: str | None, form: Surface, plane: Any) -> None:
        if colour is None:
            if self._rim is not None:
                self._renderer.RemoveActor(self._rim)
                self._rim = None
                self._last.pop("rim", None)
            return
        if self._rim is None:
            self._rim, _, _ = _make(self._matrix)
            self._rim.GetProperty().FrontfaceCullingOn()
            self.added = True
            self._renderer.AddActor(self._rim)
        if self._differs("rim", (colour, id(form), plane)):
            _fill(self._rim.GetMapper(), self._data(form, RIM_MM), plane)
            _set(self._rim.GetShaderProperty().GetFragmentCustomUniforms(), MATERIALS["rim"], rgb(colour), 1.0)

    def _show_veil(self, wanted: bool, form: Surface, plane: Any) -> None:
        if not wanted:
            if self.veil is not None:
                self._renderer.RemoveActor(self.veil)
                self.veil = None
                self._last.pop("veil", None)
            return
        if self.veil is None:
            self.veil, _, uniforms = _make(self._matrix)
            _set(uniforms, MATERIALS["rim"], rgb("GUM"), 1.0)
            self.veil.GetProperty().SetOpacity(VEIL_OPACITY)
            self.veil.GetProperty().BackfaceCullingOn()
            self.veil.ForceOpaqueOn()  # or it would write no depth
            self._renderer.AddActor(self.veil)
            self.added = True
        if self._differs("veil", (id(form), plane)):
            _fill(self.veil.GetMapper(), self._data(form), plane)


def _set(uniforms: Any, material: Material, tint: np.ndarray, share: float) -> None:
    """Hands the shader of materials.py its numbers."""
    uniforms.SetUniform4f("material", [0.0, material.gloss, material.shine, material.glow])
    uniforms.SetUniform4f("lit", [0.0, 1 / (1 + material.wrap), material.wrap / (1 + material.wrap), float(material.flat)])
    uniforms.SetUniform4f("tint", [*tint, share])
    uniforms.SetUniform3f("inside", list(rgb(material.inside)) if not material.flat else list(tint))


def _fill(mapper: Any, data: Any, plane: Any) -> None:
    mapper.SetInputDataObject(data)
    mapper.RemoveAllClippingPlanes()
    if plane is not None:
        mapper.AddClippingPlane(plane)


def _make(matrix: Any) -> tuple[Any, Any, Any]:
    from vtkmodules.vtkRenderingCore import vtkActor, vtkPolyDataMapper

    actor, mapper = vtkActor(), vtkPolyDataMapper()
    mapper.SetResolveCoincidentTopologyToPolygonOffset()
    mapper.SetScalarModeToUsePointData()
    actor.SetMapper(mapper)
    actor.SetUserMatrix(matrix)
    shader = actor.GetShaderProperty()
    shader.AddFragmentShaderReplacement("//VTK::Light::Impl", True, LIGHT, False)
    return actor, mapper, shader.GetFragmentCustomUniforms()


def poly_data(form: Surface, push: float = 0.0) -> Any:
    """The surface as vtkPolyData, its vertices `push` mm along their normals. The arrays are copied."""
    from vtkmodules.util.numpy_support import numpy_to_vtk, numpy_to_vtkIdTypeArray
    from vtkmodules.vtkCommonCore import vtkPoints
    from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkPolyData

    data, points, cells = vtkPolyData(), vtkPoints(), vtkCellArray()
    vertices = form.vertices if not push else form.vertices + np.float32(push) * form.normals
    points.SetData(numpy_to_vtk(np.ascontiguousarray(vertices, np.float32), deep=True))
    offsets = np.arange(0, 3 * len(form.faces) + 1, 3, dtype=np.int64)
    cells.SetData(numpy_to_vtkIdTypeArray(offsets, deep=True), numpy_to_vtkIdTypeArray(form.faces.astype(np.int64).ravel(), deep=True))
    data.SetPoints(points)
    data.SetPolys(cells)
    normals = numpy_to_vtk(np.ascontiguousarray(form.normals, np.float32), deep=True)
    normals.SetName("Normals")
    data.GetPointData().SetNormals(normals)
    return data


def set_colours(data: Any, colours: np.ndarray | None) -> None:
    """Per-vertex colours uint8 [S, 3] of a vtkPolyData, or none."""
    from vtkmodules.util.numpy_support import numpy_to_vtk

    if colours is None:
        data.GetPointData().SetScalars(None)
    else:
        array = numpy_to_vtk(np.ascontiguousarray(colours, np.uint8), deep=True)
        array.SetName("Colours")
        data.GetPointData().SetScalars(array)
    data.Modified()
