"""What the Teeth view shows, as plain numpy: no VTK and no Qt, so that the window and `vernier teeth render` share it.

World axes: mm, x to the patient's left, y backwards, z up. A pose is 4 x 4 and acts on the start mesh in the world; opening the jaw comes on top
of it and is only ever seen, never handed out: picked points and gizmo deltas are those of the closed jaw.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import replace
from weakref import WeakKeyDictionary

import numpy as np

from engines.teeth import fdi
from engines.teeth.mesh import Mesh
from widgets import tokens
from widgets.surface import COARSE_SHARE, HEAVY_FACES, Body, Surface, coarse, reshaped, smooth_normals, surface, thinned
from widgets.teeth import shading

JAWS = ("upper", "lower")
HINGE_BACK_MM, HINGE_UP_MM = 32.0, 38.0  # of the jaw joint, from the last tooth's back and the occlusal plane
GUM_SHARE = 0.4  # of its triangles while things move: it is bent, and large triangles would fold at the margins
MOVED_MM = 0.02  # a tooth that moved less has no ghost
SELECTED, LOCKED = 0.12, 0.4  # shares of tint
GHOST_OPACITY = 0.3
_MADE: WeakKeyDictionary[Mesh, dict[tuple, Surface]] = WeakKeyDictionary()
_COARSE: WeakKeyDictionary[Surface, Surface] = WeakKeyDictionary()


class TeethScene:
    """Set anything, in any order; `bodies` gives what is to be drawn, `on_change` is called with True when only places changed (a quick redraw will do)."""

    def __init__(self) -> None:
        self.on_change: list[Callable[[bool], None]] = []
        self.meshes: dict[int, Mesh] = {}
        self.frames: dict[int, np.ndarray] = {}
        self.poses: dict[int, np.ndarray] = {}
        self.pivots: dict[int, np.ndarray] = {}
        self.selected: tuple[int, ...] = ()
        self.locked: frozenset[int] = frozenset()
        self.hidden: frozenset[int] = frozenset()
        self.shown_jaws = "both"
        self.gum_opacity = 1.0
        self.plane: np.ndarray | None = None
        self._gums: dict[str, Mesh] = {}
        self._gum_material: dict[str, str] = {}
        self._surfaces: dict[Hashable, Surface] = {}
        self._coarse: dict[Hashable, Surface] = {}
        self._paint: dict[Hashable, np.ndarray] = {}
        self._ghosts: dict[int, np.ndarray] | None = None
        self._opening = np.eye(4)

    # what there is

    def set_teeth(self, meshes: Mapping[int, Mesh], frames: Mapping[int, np.ndarray]) -> None:
        """Start meshes in the world, and frames 4 x 4 whose columns are the tooth's x, y (buccal), z (occlusal) axes and its centre; replaces all teeth."""
        self.meshes = dict(meshes)
        self.frames = {number: np.array(frames[number], float) for number in meshes}
        self.poses = {number: np.eye(4) for number in meshes}
        self.pivots, self._ghosts = {}, None
        self.selected = tuple(number for number in self.selected if number in meshes)
        for store in (self._surfaces, self._coarse, self._paint):
            for key in [key for key in store if isinstance(key, int)]:
                del store[key]
        for number, mesh in self.meshes.items():
            self._surfaces[number] = made(mesh, "enamel", self.frames[number][:3, 2])
        self._tell()

    def set_gum(self, jaw: str, mesh: Mesh | None, stone: bool = False) -> None:
        """The gum of a jaw; stone: a raw scan that is not cut yet, drawn like plaster."""
        for store in (self._gums, self._surfaces, self._coarse, self._paint, self._gum_material):
            store.pop(jaw, None)
        if mesh is not None:
            self._gums[jaw] = mesh
            self._gum_material[jaw] = "stone" if stone else "gum"
            self._surfaces[jaw] = made(mesh, self._gum_material[jaw])
        self._tell()

    def move_gum(self, jaw: str, vertices: np.ndarray) -> None:
        """New places [V, 3] of the gum's vertices: cheap, its colours and its triangles stay. KeyError without a gum, ValueError for another count."""
        mesh = self._gums[jaw]
        if len(vertices) != len(mesh.vertices):
            raise ValueError(f"the {jaw} gum has {len(mesh.vertices)} vertices, not {len(vertices)}")
        self._gums[jaw] = moved = Mesh(vertices, mesh.faces)
        normals = smooth_normals(moved.vertices, moved.faces)
        for store in (self._surfaces, self._coarse):
            if jaw in store:
                store[jaw] = reshaped(store[jaw], moved.vertices, normals)
        self._tell(True)

    def set_poses(self, poses: Mapping[int, np.ndarray]) -> None:
        """4 x 4 each, world to world, acting on the start meshes; teeth that are not named stay where they are."""
        for number, pose in poses.items():
            if number in self.poses:
                self.poses[number] = np.array(pose, float)
        self._tell(True)

    def set_pivots(self, pivots: Mapping[int, np.ndarray]) -> None:
        """Where the gizmo sits, [3] in the start mesh's world place (a centre of resistance); teeth that are not named turn about their frame's centre."""
        self.pivots = {number: np.array(point, float) for number, point in pivots.items()}
        self._tell()

    # how it is shown

    def set_selected(self, numbers: Iterable[int]) -> None:
        """In order: the first one's axes are the gizmo's."""
        self.selected = tuple(number for number in dict.fromkeys(numbers) if number in self.meshes)
        self._tell()

    def set_locked(self, numbers: Iterable[int]) -> None:
        self.locked = frozenset(numbers)
        self._tell()

    def set_hidden(self, numbers: Iterable[int]) -> None:
        """Extracted or hidden teeth."""
        self.hidden = frozenset(numbers)
        self._tell()

    def jaws(self, which: str) -> None:
        """both, upper or lower."""
        if which not in ("both", *JAWS):
            raise ValueError("jaws are both, upper or lower")
        self.shown_jaws = which
        self._tell()

    def set_gum_opacity(self, opacity: float) -> None:
        """0 hides the gums, 1 is solid."""
        self.gum_opacity = float(np.clip(opacity, 0, 1))
        self._tell()

    def open_jaw(self, angle_deg: float = 0.0, down_mm: float = 0.0) -> None:
        """Turns the lower jaw about the joint by that angle and moves it down."""
        turn = np.deg2rad(angle_deg)
        points = self.points("both")
        hinge = np.array([0.0, points[:, 1].max() + HINGE_BACK_MM, np.median(points[:, 2]) + HINGE_UP_MM]) if len(points) else np.zeros(3)
        matrix = np.eye(4)
        matrix[1:3, 1:3] = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
        matrix[:3, 3] = hinge - matrix[:3, :3] @ hinge - (0, 0, down_mm)
        self._opening = matrix
        self._tell(True)

    def set_plane(self, plane: np.ndarray | None) -> None:
        """[4] numbers keep what has ax + by + cz >= d; None shows all."""
        self.plane = None if plane is None else np.array(plane, float)
        self._tell(True)

    def set_ghost(self, poses: Mapping[int, np.ndarray] | None) -> None:
        """A translucent second dentition in other poses (an empty mapping: the start), where teeth differ from it; None takes it away."""
        self._ghosts = None if poses is None else {number: np.array(poses.get(number, np.eye(4)), float) for number in self.meshes}
        self._tell()

    def set_paint(self, key: int | str, rgba: np.ndarray | None) -> None:
        """Colours uint8 [V, 4] over a tooth (its number) or a gum (its jaw); alpha 0 leaves it as it is. KeyError or ValueError where it does not fit."""
        if rgba is None:
            self._paint.pop(key, None)
        else:
            count = len((self.meshes[key] if isinstance(key, int) else self._gums[key]).vertices)
            if np.shape(rgba) != (count, 4):
                raise ValueError(f"colours of {key} are [{count}, 4]")
            self._paint[key] = np.array(rgba, np.uint8)
        self._tell()

    # what is read from it

    def bodies(self) -> dict[Hashable, Body]:
        theme, shown, result = tokens.current(), set(self.visible()), {}
        for number in self.meshes:
            tint, outline = None, None
            if number in self.selected:
                tint, outline = (theme.accent, SELECTED), theme.accent
            elif number in self.locked:
                tint = (theme.muted, LOCKED)
            result[number] = Body(self._surfaces[number], "enamel", self.placed(number), number in shown, tint=tint,
                                  paint=self._paint.get(number), outline=outline)
        for number, pose in (self._ghosts or {}).items():
            seen = self.shown_jaws in ("both", jaw_of(number)) and (number in self.hidden or self._apart(number, pose) > MOVED_MM)
            result["ghost", number] = Body(self._surfaces[number], "ghost", self.opening(jaw_of(number)) @ pose, seen, GHOST_OPACITY,
                                           (theme.accent, 1.0))
        for jaw in self._gums:
            opacity = self.gum_opacity if self._gum_material[jaw] == "gum" else 1.0
            result[jaw] = Body(self._surfaces[jaw], self._gum_material[jaw], self.opening(jaw), self.shown_jaws in ("both", jaw) and opacity > 0,
                               opacity, paint=self._paint.get(jaw))
        return result

    def visible(self) -> tuple[int, ...]:
        return tuple(number for number in self.meshes if number not in self.hidden and self.shown_jaws in ("both", jaw_of(number)))

    def placed(self, number: int) -> np.ndarray:
        """4 x 4: from the start mesh to where it is seen, jaw opening included."""
        return self.opening(jaw_of(number)) @ self.poses[number]

    def opening(self, jaw: str) -> np.ndarray:
        """4 x 4: what opening the jaw does to it."""
        return self._opening if jaw == "lower" else np.eye(4)

    def frame(self, number: int) -> np.ndarray:
        """4 x 4: the tooth's axes and pivot where it stands now, with the jaw closed."""
        frame = self.frames[number].copy()
        if number in self.pivots:
            frame[:3, 3] = self.pivots[number]
        return self.poses[number] @ frame

    def points(self, jaws: str | None = None) -> np.ndarray:
        """[N, 3]: the outline of everything shown (or of the named jaws), for fitting the camera."""
        jaws = jaws or self.shown_jaws
        rows = [_moved(self.placed(number), self._surfaces[number].extremes) for number in self.meshes
                if number not in self.hidden and jaws in ("both", jaw_of(number))]
        rows += [_moved(self.opening(jaw), self._surfaces[jaw].extremes) for jaw in self._gums if jaws in ("both", jaw)]
        return np.concatenate(rows) if rows else np.zeros((0, 3))

    def coarse_forms(self) -> dict[Hashable, Surface]:
        """The forms for moving that are ready."""
        return self._coarse | {("ghost", number): form for number, form in self._coarse.items() if isinstance(number, int)}

    def make_coarse(self) -> bool:
        """Makes one more form for moving; False when none is missing."""
        for key, fine in self._surfaces.items():
            if key not in self._coarse:
                mesh, share = (self.meshes[key], COARSE_SHARE) if isinstance(key, int) else (self._gums[key], GUM_SHARE)
                self._coarse[key] = _COARSE.get(fine) or coarse(fine, mesh.vertices, mesh.faces, share)
                _COARSE[fine] = self._coarse[key]
                return True
        return False

    def _apart(self, number: int, pose: np.ndarray) -> float:
        """mm: the largest distance between two poses at the corners of a tooth's box."""
        box = self._surfaces[number].box
        return float(np.linalg.norm(_moved(self.poses[number], box) - _moved(pose, box), axis=-1).max(initial=0.0))

    def _tell(self, only_places: bool = False) -> None:
        for call in tuple(self.on_change):
            call(only_places)


def made(mesh: Mesh, material: str, axis: np.ndarray | None = None) -> Surface:
    """The surface of a mesh in the colours of its material; the same one again while the mesh lives, so that two views share it."""
    kept = _MADE.setdefault(mesh, {})
    key = (material, None if axis is None else tuple(np.round(axis, 6).tolist()))
    if key not in kept and len(mesh.faces) > HEAVY_FACES:
        thin, where = thinned(mesh.vertices, mesh.faces, HEAVY_FACES)
        kept[key] = replace(thin, colours=_coloured(thin.vertices, thin.faces, material, axis)[where])
    elif key not in kept:
        kept[key] = surface(mesh.vertices, mesh.faces, _coloured(mesh.vertices, mesh.faces, material, axis))
    return kept[key]


def _coloured(vertices: np.ndarray, faces: np.ndarray, material: str, axis: np.ndarray | None) -> np.ndarray:
    normals = smooth_normals(vertices, faces)
    if material == "enamel":
        return shading.enamel(vertices, faces, normals, axis)
    return (shading.stone if material == "stone" else shading.gum)(vertices, faces, normals)


def jaw_of(number: int) -> str:
    return "upper" if fdi.is_upper(number) else "lower"


def _moved(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    return points @ matrix[:3, :3].T + matrix[:3, 3]
