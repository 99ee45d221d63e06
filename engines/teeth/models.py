"""Printable models of one jaw: teeth, gum and a flat base in one closed solid, for every stage.

Inside this module both jaws lie with their teeth up (the upper one is turned over about the x axis): base below, occlusal +z.
The base is cut flat CUT_MM below the deepest neck over the whole treatment, so that the models of all stages stand equally high.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from engines.job import EngineError
from engines.teeth.caps import filled, wall, with_stub
from engines.teeth.case import Case, Poses
from engines.teeth.gum_follow import GumFollow
from engines.teeth.mesh import Mesh
from engines.teeth.solid import mesh_of, solid_of
from engines.teeth.topology import compact, largest_part, loops, orientable, outwards, seams, volume_mm3, watertight, welded

BASES = ("gum", "full")  # the base has the outline of the gum (a horseshoe where the scan is one), or a plate fills it up
CUT_MM = 4.0
PLATE_MM = 2.5
FOOT_MM = 0.5  # above the base of a closed gum, where its outline is taken
STUB_MM = 5.0  # of a crown into the gum
SEAM_MM = 0.6  # two rims that run along each other so close are one
PITCH_MM = 0.2  # of the voxels where a solid cannot be cut exactly
_OVER = np.diag([1.0, -1.0, -1.0, 1.0])


@dataclass(frozen=True)
class Model:
    """mesh: closed, in world axes. exact: whether it was cut exactly; False = built of voxels (PITCH_MM) because the scan is too broken."""

    mesh: Mesh
    exact: bool


class JawModels:
    """The models of one jaw. Made once; `at` is then a fraction of a second for each stage.

    EngineError where the jaw has no teeth. Poses at the end of the plan only say how deep the base must reach.
    """

    def __init__(self, case: Case, which: str, end: Poses | None = None, base: str = "gum") -> None:
        teeth = case.of(which)
        if not teeth:
            raise EngineError(f"The {which} jaw has no teeth: no model can be made of it.", "Export the other jaw alone.")
        if base not in BASES:
            raise ValueError(f"a base is {' or '.join(BASES)}")
        self._turn, self._base = _OVER if which == "upper" else np.eye(4), base
        self._crowns = {n: with_stub(tooth.mesh, -tooth.frame[:3, 2], STUB_MM) for n, tooth in teeth.items()}
        self._crowns = {n: mesh for n, mesh in self._crowns.items() if len(mesh.faces)}
        gum = case.gums.get(which)
        self._gum = GumFollow(gum, teeth) if gum is not None and len(gum.faces) else None
        lowest = [float((tooth.mesh.moved(self._turn @ pose)).vertices[:, 2].min())
                  for n, tooth in teeth.items() for pose in (np.eye(4), (end or {}).get(n, np.eye(4))) if len(tooth.mesh.vertices)]
        self.floor = min(lowest) - CUT_MM
        self._rim = min(lowest)
        self._solids = {n: solid_of(mesh.moved(self._turn)) for n, mesh in self._crowns.items()}

    def at(self, poses: Poses) -> Model:
        """The model with its teeth at the poses; teeth without a pose (extracted) are left out."""
        there = [n for n in self._crowns if n in poses]
        ground = self._ground(poses, there)
        made = self._exact(ground, poses, there)
        if made is not None and watertight(made) and volume_mm3(made) > 0:
            return Model(made.moved(self._turn), True)
        closed = [self._crowns[n].moved(self._turn @ poses[n]) for n in there]
        return Model(_of_voxels([*closed, *ground], self.floor).moved(self._turn), False)

    def _ground(self, poses: Poses, there: list[int]) -> list[Mesh]:
        """Gum and base as closed surfaces, down to the floor or deeper."""
        if self._gum is None:
            return self._block(poses, there)
        ground = on_ground(self._gum.moved(poses).moved(self._turn), self.floor - 2.0)
        return [] if ground is None else [ground, *self._foot(ground)]

    def _block(self, poses: Poses, there: list[int]) -> list[Mesh]:
        """Without a gum: the outline of the teeth seen from above, widened and rounded, as a block up to the necks."""
        from manifold3d import CrossSection, JoinType

        shadows = [_shadow(self._crowns[n].moved(self._turn @ poses[n]).vertices[:, :2]) for n in there]
        outline = sum(shadows[1:], shadows[0]).offset(5.0, JoinType.Round).offset(-3.0, JoinType.Round) if shadows else CrossSection()
        return [] if outline.is_empty() else [mesh_of(outline.extrude(self._rim + .5 - self.floor + 2.0).translate((0, 0, self.floor - 2.0)))]

    def _exact(self, ground: list[Mesh], poses: Poses, there: list[int]) -> Mesh | None:
        from manifold3d import CrossSection, Error, Manifold, OpType

        parts = [solid_of(mesh) for mesh in ground]
        over = np.linalg.inv(self._turn)
        parts += [self._solids[n].transform((self._turn @ poses[n] @ over)[:3]) for n in there]
        if not parts or any(part.status() != Error.NoError or part.is_empty() for part in parts):
            return None
        whole = Manifold.batch_boolean(parts, OpType.Add).trim_by_plane((0, 0, 1), self.floor)
        if self._base == "full" and not whole.is_empty():
            outline = CrossSection.hull(whole.project())
            whole = whole + outline.extrude(PLATE_MM).translate((0, 0, self.floor))
        whole = max(whole.decompose(), key=lambda part: part.volume(), default=whole)
        return mesh_of(whole) if whole.status() == Error.NoError and not whole.is_empty() else None


    def _foot(self, ground: Mesh) -> list[Mesh]:
        """A gum with a base of its own may end above the floor: then its outline just above that base goes on downwards."""
        low = float(ground.vertices[:, 2].min())
        if low <= self.floor:
            return []
        outline = solid_of(ground).slice(low + FOOT_MM)
        return [] if outline.is_empty() else [mesh_of(outline.extrude(low + FOOT_MM - self.floor + 1.0).translate((0, 0, self.floor - 1.0)))]


def on_ground(gum: Mesh, depth: float) -> Mesh | None:
    """A gum (teeth up) closed to a solid: sockets covered, its outer rim let down straight to the height `depth`. None where no surface is left."""
    vertices, faces = welded(gum)
    vertices, faces = largest_part(vertices, orientable(faces))
    vertices, faces = _seamed(vertices, faces)
    rings = loops(faces)
    if not rings:
        return Mesh(vertices, faces) if len(faces) else None
    outer = max(rings, key=lambda ring: float(np.ptp(vertices[ring, :2], axis=0).sum()))
    for ring in rings:
        if ring is not outer:
            faces = np.concatenate([faces, _socket(vertices, ring)])
    below = vertices[outer].copy()
    below[:, 2] = np.minimum(depth, below[:, 2] - .5)
    added = len(vertices) + np.arange(len(outer))
    faces = np.concatenate([faces, wall(outer, added)])
    vertices, faces = filled(np.concatenate([vertices, below]), faces, [added])
    vertices[-1, 2] = depth
    return outwards(Mesh(vertices, faces))


def _socket(vertices: np.ndarray, ring: np.ndarray) -> np.ndarray:
    """Triangles that cover a hole without other vertices than its own: in a scan the sockets of a whole jaw are often one hole."""
    from manifold3d import triangulate

    back = ring[::-1]
    return back[np.asarray(triangulate([vertices[back, :2]]))]


def _seamed(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rims that run along each other (the middle of a generated palate) are joined."""
    same = np.arange(len(vertices))
    for a, b in seams(vertices, faces, SEAM_MM):
        vertices[a] = (vertices[a] + vertices[b]) / 2
        same[b] = a
    vertices, faces = compact(vertices, same[faces])
    return largest_part(vertices, orientable(faces))


def _shadow(points: np.ndarray) -> Any:
    from manifold3d import CrossSection

    return CrossSection.hull_points(np.array(points, np.float64, order="C"))


def _of_voxels(closed: list[Mesh], floor: float) -> Mesh:
    """The union of surfaces that are about closed, on a grid. EngineError where nothing is inside of them."""
    from scipy.ndimage import gaussian_filter
    from vtkmodules.util.numpy_support import numpy_to_vtk, numpy_to_vtkIdTypeArray, vtk_to_numpy
    from vtkmodules.vtkCommonCore import vtkPoints
    from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkImageData, vtkPolyData
    from vtkmodules.vtkFiltersCore import vtkFlyingEdges3D
    from vtkmodules.vtkImagingStencil import vtkImageStencilToImage, vtkPolyDataToImageStencil

    corners = np.concatenate([mesh.vertices for mesh in closed])
    low, high = corners.min(0) - 4 * PITCH_MM, corners.max(0) + 4 * PITCH_MM
    low[2] = max(low[2], floor - 4 * PITCH_MM)
    size = np.ceil((high - low) / PITCH_MM).astype(int) + 1
    inside = np.zeros(size[::-1], bool)
    for mesh in closed:
        points, cells, data = vtkPoints(), vtkCellArray(), vtkPolyData()
        points.SetData(numpy_to_vtk(mesh.vertices, deep=True))
        cells.SetData(3, numpy_to_vtkIdTypeArray(mesh.faces.astype(np.int64).ravel(), deep=True))
        data.SetPoints(points)
        data.SetPolys(cells)
        stencil, image = vtkPolyDataToImageStencil(), vtkImageStencilToImage()
        stencil.SetInputData(data)
        stencil.SetOutputOrigin(*low)
        stencil.SetOutputSpacing(*(3 * [PITCH_MM]))
        stencil.SetOutputWholeExtent(0, size[0] - 1, 0, size[1] - 1, 0, size[2] - 1)
        image.SetInputConnection(stencil.GetOutputPort())
        image.SetInsideValue(1)
        image.SetOutsideValue(0)
        image.SetOutputScalarTypeToUnsignedChar()
        image.Update()
        inside |= vtk_to_numpy(image.GetOutput().GetPointData().GetScalars()).reshape(inside.shape) > 0
    inside[: int(np.ceil((floor - low[2]) / PITCH_MM))] = False
    if not inside.any():
        raise EngineError("No printable model can be made: the meshes of this jaw enclose nothing.", "Check the files of its teeth and gum.")
    soft = np.pad(gaussian_filter(inside.astype(np.float32), .7), 1)
    grid = vtkImageData()
    grid.SetDimensions(*soft.shape[::-1])
    grid.SetOrigin(*(low - PITCH_MM))
    grid.SetSpacing(*(3 * [PITCH_MM]))
    grid.GetPointData().SetScalars(numpy_to_vtk(soft.ravel(), deep=True))
    contour = vtkFlyingEdges3D()
    contour.SetInputData(grid)
    contour.SetValue(0, .5)
    contour.ComputeNormalsOff()
    contour.Update()
    made = contour.GetOutput()
    vertices, faces = vtk_to_numpy(made.GetPoints().GetData()), vtk_to_numpy(made.GetPolys().GetConnectivityArray()).reshape(-1, 3)
    return outwards(Mesh(*largest_part(*compact(vertices.astype(np.float64), faces))))
