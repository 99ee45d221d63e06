"""The surface of a scan as a graph: welded nodes, edges with their bend, smoothed normals, distances along the surface.

N nodes, E edges, F faces of the scan. A node is a vertex after welding; a scan above NODES is thinned by joining neighbouring vertices that share
a small cube, which needs no new triangles because only the graph is worked on. Lengths mm, bends 1/mm.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from engines.job import EngineError
from engines.teeth.mesh import Mesh
from engines.teeth.topology import adjacent, codes, directed, proper, weld

NODES = 60_000  # above this the graph is thinned: the linear solve grows faster than the scan
SMOOTH_MM = 0.35  # normals are averaged over about this radius; smaller follows scanner noise, larger rounds narrow interdental valleys off


@dataclass(frozen=True, eq=False)
class Surface:
    """points, normals float64 [N, 3]; areas [N] mm^2; edges int [E, 2]; lengths [E]; bends [E]: normal curvature along the edge, negative in a valley;
    faces int [F, 3]: the nodes of every face of the scan in its order, -1 where a face has no usable corners; face_areas [F] mm^2;
    pairs int [P, 2]: faces of the scan that share an edge; rim [N]: nodes on the open border of the scan."""

    points: np.ndarray
    normals: np.ndarray
    areas: np.ndarray
    edges: np.ndarray
    lengths: np.ndarray
    bends: np.ndarray
    faces: np.ndarray
    face_areas: np.ndarray
    pairs: np.ndarray
    rim: np.ndarray

    def graph(self, weights: np.ndarray) -> Any:
        """A symmetric scipy matrix [N, N] of edge weights."""
        from scipy.sparse import coo_matrix
        (i, j), n = self.edges.T, len(self.points)
        return coo_matrix((np.r_[weights, weights], (np.r_[i, j], np.r_[j, i])), (n, n)).tocsr()

    @cached_property
    def tree(self) -> Any:
        """A scipy cKDTree of the points."""
        from scipy.spatial import cKDTree
        return cKDTree(self.points)

    def nearest(self, points: np.ndarray) -> np.ndarray:
        """[K] the node nearest to each point [K, 3]."""
        return self.tree.query(np.asarray(points, np.float64).reshape(-1, 3))[1]

    def within(self, points: np.ndarray, radius_mm: float) -> np.ndarray:
        """The nodes no further than this from any of the points, in growing order."""
        found = self.tree.query_ball_point(np.asarray(points, np.float64).reshape(-1, 3), radius_mm)
        return np.unique(np.concatenate([np.asarray(near, np.int64) for near in found])) if len(found) else np.zeros(0, np.int64)


def prepare(mesh: Mesh, nodes: int = NODES) -> Surface:
    """The graph of a scan, thinned to about `nodes`. Faces with corners that are not finite or fall together carry no graph but keep their place.
    EngineError where no face is left."""
    points, node_of = weld(mesh.vertices, mesh.faces)
    faces = node_of[mesh.faces].reshape(-1, 3)
    faces[(faces < 0).any(1)] = -1
    if not proper(faces).any():
        raise EngineError("The scan holds no triangle with three different corners.", "Export the scan again as STL, PLY or OBJ.")
    face_areas = np.where(proper(faces), Mesh(points, np.maximum(faces, 0)).areas(), 0.0)
    pairs = adjacent(faces)
    sound = _sorted(faces)
    normals, areas = _normals(points, sound)
    edges, once = _edges(sound)
    rim = np.zeros(len(points), bool)
    rim[edges[once]] = True
    if len(points) > nodes:
        points, normals, areas, rim, faces = _thin(points, normals, areas, rim, faces, edges, nodes)
        edges = _edges(_sorted(faces))[0]
    along = points[edges[:, 1]] - points[edges[:, 0]]
    lengths = np.maximum(np.linalg.norm(along, axis=1), 1e-9)
    bare = Surface(points, normals, areas, edges, lengths, np.zeros(len(edges)), faces, face_areas, pairs, rim)
    normals = _smooth(bare, normals)
    bends = np.einsum("ij,ij->i", normals[edges[:, 1]] - normals[edges[:, 0]], along) / lengths**2
    return replace(bare, normals=normals, bends=bends)


def _sorted(faces: np.ndarray) -> np.ndarray:
    """The proper faces in an order that does not depend on the file's, so that sums round alike."""
    sound = faces[proper(faces)]
    return sound[np.lexsort(sound.T[::-1])]


def _normals(points: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Normals of the nodes weighted by area, unit or zero, and a third of the area of the faces round each node."""
    a, b, c = points[faces].swapaxes(0, 1)
    doubled = np.cross(b - a, c - a)
    normals = np.stack([np.bincount(faces.ravel(), np.repeat(doubled[:, k], 3), len(points)) for k in range(3)], -1)
    areas = np.bincount(faces.ravel(), np.repeat(np.linalg.norm(doubled, axis=1) / 6, 3), len(points))
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-30), areas


def _edges(faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Every edge once [E, 2], lower node first, and which belong to a single face."""
    pairs = np.sort(directed(faces), axis=1)
    _, first, uses = np.unique(codes(pairs), return_index=True, return_counts=True)
    return pairs[first], uses == 1


def _smooth(surface: Surface, normals: np.ndarray) -> np.ndarray:
    """Normals averaged over SMOOTH_MM along the surface."""
    from scipy.sparse import diags_array
    if not len(surface.edges):
        return normals
    step = np.median(surface.lengths)
    spread = surface.graph(np.ones(len(surface.edges))) @ diags_array(surface.areas)
    for _ in range(int(np.clip(np.ceil(2 * (SMOOTH_MM / step)**2), 1, 40))):
        normals = surface.areas[:, None] * normals + spread @ normals
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-30)
    return normals


def _thin(points: np.ndarray, normals: np.ndarray, areas: np.ndarray, rim: np.ndarray, faces: np.ndarray, edges: np.ndarray,
          nodes: int) -> tuple:
    """Joins nodes that lie in one cube and hang together inside it, so that two walls of an interdental gap stay apart."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components
    size = np.sqrt(areas.sum() / nodes * 0.85)
    cubes = np.floor((points - points.min(0)) / size).astype(np.int64)
    inside = edges[(cubes[edges[:, 0]] == cubes[edges[:, 1]]).all(1) & (np.einsum("ij,ij->i", normals[edges[:, 0]], normals[edges[:, 1]]) > 0)]
    count, group = connected_components(coo_matrix((np.ones(len(inside)), inside.T), (len(points),) * 2), directed=False)
    share = np.maximum(areas, 1e-12)
    total = np.bincount(group, share, count)

    def gather(values: np.ndarray) -> np.ndarray:
        return np.stack([np.bincount(group, share * values[:, k], count) for k in range(3)], -1) / total[:, None]

    means = gather(normals)
    return (gather(points), means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-30), np.bincount(group, areas, count),
            np.bincount(group, rim, count) > 0, np.where(faces >= 0, group[faces], -1))
