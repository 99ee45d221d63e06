"""What a 3D view draws: triangle surfaces with normals that keep sharp edges, a coarse form for moving, and bodies that place them.

Plain numpy. V vertices of the mesh, S >= V vertices of the surface (those on a crease are doubled), F triangles.
"""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

CREASE_DEG = 52.0  # faces that meet at a sharper turn keep their own normals
COARSE_FACES, COARSE_SHARE = 500, 0.11  # a surface that moves has about this share of its triangles, at least so many
CHUNK = 250_000  # triangles above which nothing is split: a raw scan is smooth enough and the loop would be felt
HEAVY_FACES = 300_000  # a mesh with more is thinned to so many for the view; what is measured and exported is the mesh itself


@dataclass(frozen=True, eq=False)
class Surface:
    """vertices float32 [S, 3], faces int32 [F, 3], normals float32 [S, 3], source int [S] into the mesh's vertices, colours uint8 [V, 3] or None."""

    vertices: np.ndarray
    faces: np.ndarray
    normals: np.ndarray
    source: np.ndarray
    colours: np.ndarray | None = None

    @cached_property
    def extremes(self) -> np.ndarray:
        """[26, 3]: the farthest vertices in 26 even directions, a tight outline; [0, 3] for an empty surface."""
        if not len(self.vertices):
            return np.zeros((0, 3))
        ways = np.array([(i, j, k) for i in (-1, 0, 1) for j in (-1, 0, 1) for k in (-1, 0, 1) if i or j or k], float)
        return self.vertices[(self.vertices @ ways.T).argmax(0)].astype(float)

    @cached_property
    def box(self) -> np.ndarray:
        """[8, 3]: the corners of the bounding box, [0, 3] for an empty surface."""
        if not len(self.vertices):
            return np.zeros((0, 3))
        ends = np.stack([self.vertices.min(0), self.vertices.max(0)]).astype(float)
        return np.array([[ends[i, 0], ends[j, 1], ends[k, 2]] for i in (0, 1) for j in (0, 1) for k in (0, 1)])


@dataclass(frozen=True)
class Body:
    """One thing in the scene. matrix 4 x 4 moves the surface into the world.

    material names an entry of materials; tint is (#rrggbb, share); paint uint8 [V, 4] covers the surface's colours by its alpha;
    outline is the #rrggbb of a rim round the silhouette, or None; clipped says whether the scene's plane cuts it.
    """

    surface: Surface
    material: str
    matrix: np.ndarray = field(default_factory=lambda: np.eye(4))
    visible: bool = True
    opacity: float = 1.0
    tint: tuple[str, float] | None = None
    paint: np.ndarray | None = None
    outline: str | None = None
    clipped: bool = True


def surface(vertices: np.ndarray, faces: np.ndarray, colours: np.ndarray | None = None) -> Surface:
    """A surface of a mesh; vertices in mm [V, 3], faces [F, 3] counter-clockwise seen from outside, colours uint8 [V, 3]."""
    vertices = np.ascontiguousarray(vertices, np.float32).reshape(-1, 3)
    faces = np.ascontiguousarray(faces, np.int32).reshape(-1, 3)
    of_faces, weights = _face_normals(vertices, faces)
    normals = smooth_normals(vertices, faces)
    if not 0 < len(faces) <= CHUNK:
        return Surface(vertices, faces, normals, np.arange(len(vertices)), colours)
    bent = (of_faces[:, None, :] * normals[faces]).sum(-1) < np.cos(np.deg2rad(CREASE_DEG))
    creased = np.unique(faces[bent])
    return _split(vertices, faces, normals, creased, of_faces, weights, colours)


def smooth_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """float32 [V, 3] unit normals, the faces' weighted by their angle; up where a vertex has no face."""
    of_faces, weights = _face_normals(vertices, faces)
    corners = (of_faces[:, None, :] * weights[..., None]).reshape(-1, 3)
    return _unit(_gather(faces.ravel(), corners, len(vertices)))


def coarse(fine: Surface, mesh_vertices: np.ndarray, mesh_faces: np.ndarray, share: float = COARSE_SHARE) -> Surface:
    """The same surface with about this share of its triangles, for moving; itself where it is small already. Its colours stay those of the mesh's vertices."""
    target = max(COARSE_FACES, int(len(mesh_faces) * share))
    if len(mesh_faces) <= target * 1.15:
        return fine
    thin_already = len(mesh_faces) > HEAVY_FACES
    form, _ = thinned(fine.vertices, fine.faces, min(target, HEAVY_FACES // 4)) if thin_already else thinned(mesh_vertices, mesh_faces, target)
    return Surface(form.vertices, form.faces, form.normals, fine.source[form.source] if thin_already else form.source, fine.colours)


def thinned(vertices: np.ndarray, faces: np.ndarray, target: int) -> tuple[Surface, np.ndarray]:
    """A surface of about `target` triangles without colours, and for each of the V vertices [V] which of its vertices stands for it."""
    import fast_simplification

    _, _, collapses = fast_simplification.simplify(vertices, faces, target_reduction=1 - target / len(faces), return_collapses=True)
    fewer, left, where = fast_simplification.replay_simplification(vertices, faces, collapses)
    normals = _unit(_gather(where, smooth_normals(vertices, faces).astype(float), len(fewer)))
    source = np.zeros(len(fewer), np.int64)
    source[where] = np.arange(len(where))
    return Surface(np.ascontiguousarray(fewer, np.float32), np.ascontiguousarray(left, np.int32), normals, source), where


def _face_normals(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unit normals [F, 3] and the angles [F, 3] at the corners; zeros for a face without area."""
    corners = vertices.astype(float)[faces]
    edges = corners[:, (1, 2, 0)] - corners
    length = np.linalg.norm(edges, axis=-1)
    cross = np.cross(edges[:, 0], edges[:, 1])
    area = np.linalg.norm(cross, axis=-1)
    towards = -(edges * edges[:, (2, 0, 1)]).sum(-1) / np.maximum(length * length[:, (2, 0, 1)], 1e-12)
    return cross / np.maximum(area, 1e-12)[:, None], np.where(area[:, None] > 1e-12, np.arccos(np.clip(towards, -1, 1)), 0.0)


def _split(vertices: np.ndarray, faces: np.ndarray, normals: np.ndarray, creased: np.ndarray, of_faces: np.ndarray, weights: np.ndarray,
           colours: np.ndarray | None) -> Surface:
    """Gives each side of a crease a vertex and a normal of its own."""
    source, more, faces = [np.arange(len(vertices))], [], faces.copy()
    flat, flat_weights, limit = faces.reshape(-1), weights.reshape(-1), np.cos(np.deg2rad(CREASE_DEG))
    order = np.argsort(flat, kind="stable")
    starts = np.searchsorted(flat[order], np.arange(len(vertices) + 1))
    count = len(vertices)
    normals = normals.copy()
    spans = [order[starts[v]:starts[v + 1]] for v in creased]
    for v, corners in zip(creased, spans, strict=True):
        own = of_faces[corners // 3]
        near = own @ own.T > limit
        group = np.arange(len(corners))
        for _ in range(len(corners)):  # faces joined through neighbours that turn little stay together
            wider = np.where(near, group, len(corners)).min(1)
            if (wider == group).all():
                break
            group = wider
        for position, name in enumerate(np.unique(group)):
            chosen = group == name
            normal = (own[chosen] * flat_weights[corners[chosen], None]).sum(0)
            length = np.linalg.norm(normal)
            normal = normal / length if length > 1e-9 else normals[v]
            if position == 0:
                normals[v] = normal
                continue
            flat[corners[chosen]] = count
            source.append(np.array([v]))
            more.append(normal)
            count += 1
    where = np.concatenate(source)
    all_normals = np.concatenate([normals, np.array(more, np.float32).reshape(-1, 3)]).astype(np.float32)
    return Surface(vertices[where], flat.reshape(-1, 3), all_normals, where, colours)


def _gather(where: np.ndarray, rows: np.ndarray, count: int) -> np.ndarray:
    """[count, 3]: the rows added up by index."""
    return np.stack([np.bincount(where, rows[:, axis], count) for axis in range(3)], -1)


def _unit(rows: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(rows, axis=-1, keepdims=True)
    return np.where(length > 1e-12, rows / np.maximum(length, 1e-12), (0.0, 0.0, 1.0)).astype(np.float32)


def reshaped(before: Surface, vertices: np.ndarray, normals: np.ndarray) -> Surface:
    """The surface (or coarse form) `before` for new places and `smooth_normals` float32 [V, 3] of the same mesh's vertices.

    No crease is sought and nothing is decimated again.
    """
    return Surface(vertices[before.source], before.faces, normals[before.source], before.source, before.colours)
