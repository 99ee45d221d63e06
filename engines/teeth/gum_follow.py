"""The gum goes where the teeth go: near a tooth as the tooth, some millimetres away not at all, smoothly between.

    v'  =  v + sum over teeth of  w_i(v) (M_i v - v)
    w_i =  fall(d) s_i / sum_j s_j,  s_i = (d_i + SOFT_MM)^-POWER       d_i: mm from v to the crown of tooth i at the start, d the least of them
    fall(d) = 1 up to HELD_MM, then a half cosine down to 0 at REACH_MM

The weights are smoothed over the mesh. Where a triangle would still turn over (two teeth closing on a narrow papilla), the vertices around it take
the movement that ever smoother weights give: there the gum slides along the tooth instead of folding.
"""

from typing import Any

import numpy as np

from engines.teeth.case import Poses, Tooth
from engines.teeth.mesh import Mesh
from engines.teeth.topology import same_places, seams

HELD_MM, REACH_MM, SOFT_MM, POWER = 0.6, 10.0, 2.0, 3
SEAM_MM = 0.6  # two rims that run along each other so close (the middle of a generated palate) move as one
NEAREST = 3  # teeth that a vertex may follow
ROUNDS = (4, 40, 160)  # of smoothing of the weights, level by level
SPREAD = 8  # rings of vertices over which a smoother level comes in
LEAST = 0.15  # of its area at the start that a triangle keeps, seen along its normal at the start
SLIVER_MM2, BENT = 0.02, 0.3  # smaller triangles, and those turned away from their surroundings at the start, may fold: nobody sees it
_STILL = np.eye(4)


class GumFollow:
    """Made once for the gum of a jaw and the teeth at the start; `moved` is then a few milliseconds."""

    def __init__(self, gum: Mesh, teeth: dict[int, Tooth]) -> None:
        self.gum = gum
        self._start = gum.vertices.astype(np.float64)
        numbers = [number for number in teeth if len(teeth[number].mesh.vertices)]
        self._same, self._mean = _mean_of_neighbours(gum)
        weights, self._levels = _weights(self._start, [teeth[number].mesh.vertices for number in numbers]), []
        for k in range(max(ROUNDS)):
            weights = 0.5 * weights + 0.5 * (self._mean @ weights)
            if k + 1 in ROUNDS:
                self._levels.append({number: self._followers(weights[:, n]) for n, number in enumerate(numbers)})
        self._across = _across(self._start, gum.faces)
        self._square = (self._across**2).sum(1)
        self.sound = self._sound()

    def weights(self, number: int) -> np.ndarray:
        """[V] share of one tooth's movement that each vertex of the gum makes."""
        made = np.zeros(len(self._start))
        if number in self._levels[0]:
            follows, weight, _ = self._levels[0][number]
            made[follows] = weight[:, 0]
        return made

    def moved(self, poses: Poses) -> Mesh:
        """The gum for these poses; a tooth without a pose (not moved, or extracted) leaves it where it is."""
        shift = self._shift(0, poses)
        asked = np.flatnonzero(self.sound & shift.any(1)[self.gum.faces].any(1))
        faces, across, least = self.gum.faces[asked], self._across[asked], LEAST * self._square[asked]
        for level in range(1, len(ROUNDS)):
            folded = (_across(self._start + shift, faces) * across).sum(1) < least
            if not folded.any():
                break
            near = np.zeros(len(shift))
            near[faces[folded]] = 1
            near = np.bincount(self._same, near)[self._same].clip(0, 1)
            for _ in range(SPREAD):
                near = np.maximum(near, self._mean @ near)
            shift += np.minimum(3 * near, 1)[:, None] * (self._shift(level, poses) - shift)
        return Mesh(self._start + shift, self.gum.faces)

    def _followers(self, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        follows = np.flatnonzero(weight > 1e-3)
        return follows, weight[follows, None], self._start[follows]

    def _shift(self, level: int, poses: Poses) -> np.ndarray:
        """[V, 3] mm."""
        shift = np.zeros_like(self._start)
        for number, (follows, weight, start) in self._levels[level].items():
            pose = poses.get(number)
            if pose is not None and not np.array_equal(pose, _STILL):
                shift[follows] += weight * (start @ (pose[:3, :3] - _STILL[:3, :3]).T + pose[:3, 3])
        return shift

    def _sound(self) -> np.ndarray:
        """[F] whether a triangle is large enough, and lies as its surroundings do, for its folding to mean something."""
        touching = _faces_of_vertices(self.gum)
        around = touching.T @ (touching @ self._across)
        lengths = np.linalg.norm(self._across, axis=1) * np.linalg.norm(around, axis=1)
        return (np.sqrt(self._square) > 2 * SLIVER_MM2) & ((self._across * around).sum(1) > BENT * lengths)


def _across(points: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """[F, 3] twice the area along the normal."""
    a, b, c = points[faces[:, 0]], points[faces[:, 1]], points[faces[:, 2]]
    u, v = b - a, c - a
    return np.stack([u[:, 1] * v[:, 2] - u[:, 2] * v[:, 1], u[:, 2] * v[:, 0] - u[:, 0] * v[:, 2], u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]], -1)


def _weights(points: np.ndarray, crowns: list[np.ndarray]) -> np.ndarray:
    """[V, T] float64; rows sum to at most 1."""
    if not crowns or not len(points):
        return np.zeros((len(points), len(crowns)))
    from scipy.spatial import cKDTree

    distance = np.stack([cKDTree(crown).query(points, distance_upper_bound=REACH_MM)[0] for crown in crowns], -1)
    fall = 0.5 + 0.5 * np.cos(np.pi * np.clip((distance.min(1) - HELD_MM) / (REACH_MM - HELD_MM), 0, 1))
    near = 1 / (distance + SOFT_MM) ** POWER
    if len(crowns) > NEAREST:
        near[near < np.sort(near, axis=1)[:, -NEAREST, None]] = 0
    total = near.sum(1)[:, None]
    return fall[:, None] * np.divide(near, total, out=np.zeros_like(near), where=total > 0)


def _mean_of_neighbours(gum: Mesh) -> tuple[np.ndarray, Any]:
    """[V] the place of each vertex, and sparse [V, V]: its row takes the mean of those that share an edge with it, one row for all in one place."""
    from scipy.sparse import coo_matrix, csr_matrix, diags

    count = len(gum.vertices)
    if not len(gum.faces):
        return np.arange(count), csr_matrix((count, count))
    first, same = same_places(gum.vertices)
    for a, b in seams(gum.vertices[first], same[gum.faces], SEAM_MM):
        same[same == b] = a
    welded = same[gum.faces]
    start, end = welded[:, (0, 1, 2)].ravel(), welded[:, (1, 2, 0)].ravel()
    both = (np.concatenate([start, end]), np.concatenate([end, start]))
    near = coo_matrix((np.ones(len(both[0])), both), (len(first), len(first))).tocsr()
    near.data[:] = 1
    near = near + diags((np.diff(near.indptr) == 0).astype(float))  # a vertex without a face keeps what it has
    mean = (diags(1 / np.diff(near.tocsr().indptr)) @ near).tocoo()
    rows = csr_matrix((mean.data, (mean.row, first[mean.col])), (len(first), count))
    return same, rows[same].tocsr()


def _faces_of_vertices(gum: Mesh) -> Any:
    """Sparse [V, F], not zero where a face has the vertex."""
    from scipy.sparse import csr_matrix

    count = len(gum.faces)
    return csr_matrix((np.ones(3 * count), (gum.faces.ravel(), np.repeat(np.arange(count), 3))), (len(gum.vertices), count))
