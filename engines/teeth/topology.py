"""How the triangles of a mesh hang together: welding, edges, holes, parts; whether it is closed, and its volume.

Vertices [V, 3], triangles [F, 3] counter-clockwise seen from outside. A directed edge runs as its triangle does, and the loop round a hole as the
triangles beside it do. What works on places ("vertices, faces") takes and gives plain arrays, so that steps follow each other without loss of precision.
"""

import numpy as np

from engines.teeth.mesh import Mesh

SAME = 1e-6  # of the extent: vertices nearer than that are one


def same_places(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The first of the points [N, 3] at each place [K], places in growing order, and which place each point is at [N]. Points must be finite."""
    if not len(points):
        return np.zeros(0, int), np.zeros(0, int)
    points = points.astype(np.float64)
    cell = max(np.ptp(points, axis=0).max() * SAME, 1e-12)
    keys = np.round((points - points.min(0)) / cell).astype(np.int64)
    order = np.lexsort(keys.T[::-1])
    new = np.r_[True, (np.diff(keys[order], axis=0) != 0).any(1)]
    place = np.empty(len(points), int)
    place[order] = np.cumsum(new) - 1
    return order[new], place


def weld(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Vertices at the same place become one: the kept vertices [N, 3] and the node of every vertex [V], -1 where a vertex is not finite or no face
    uses it. Nodes are in the order of their place, so that the order of the input does not matter."""
    used = np.zeros(len(vertices), bool)
    used[faces] = True
    used &= np.isfinite(vertices).all(1)
    nodes = np.full(len(vertices), -1)
    points = vertices[used].astype(np.float64)
    first, nodes[used] = same_places(points)
    return points[first], nodes


def welded(mesh: Mesh) -> tuple[np.ndarray, np.ndarray]:
    """Vertices float64 and sound triangles of a mesh: one vertex a place, no triangle broken or there twice."""
    points, node_of = weld(mesh.vertices, mesh.faces)
    return compact(points, node_of[mesh.faces].reshape(-1, 3))


def compact(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Without improper triangles, doubled triangles (whichever way round), and vertices that no triangle names."""
    faces = faces[proper(faces)]
    _, kept = np.unique(np.sort(faces, 1), axis=0, return_index=True)
    faces = faces[np.sort(kept)]
    used, renamed = np.unique(faces, return_inverse=True)
    return vertices[used], renamed.reshape(-1, 3)


def proper(faces: np.ndarray) -> np.ndarray:
    """[F] which faces have three different corners that are there."""
    a, b, c = faces.T
    return (a >= 0) & (b >= 0) & (c >= 0) & (a != b) & (b != c) & (c != a)


def directed(faces: np.ndarray) -> np.ndarray:
    """[3 F, 2] int64 edges as the triangles run along them: first corner to second of every triangle, then second to third, then third to first."""
    return np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]).astype(np.int64)


def codes(edges: np.ndarray) -> np.ndarray:
    """[E] one whole number for each edge [E, 2], different for different edges and directions; the same code only within one call."""
    return edges[:, 0] * (edges.max(initial=0) + 1) + edges[:, 1]


def adjacent(faces: np.ndarray) -> np.ndarray:
    """[P, 2] faces that share an edge, by their places; an edge of more than two faces joins each to the next."""
    which = np.flatnonzero(proper(faces))
    code, owner = codes(np.sort(directed(faces[which]), axis=1)), np.tile(which, 3)
    order = np.lexsort((owner, code))
    twice = np.flatnonzero(np.diff(code[order]) == 0)
    return np.stack([owner[order[twice]], owner[order[twice + 1]]], -1)


def open_edges(faces: np.ndarray) -> np.ndarray:
    """[E, 2] directed edges that one face has alone, whichever way its neighbours face. Empty for a closed surface."""
    edges = directed(faces)
    code = codes(np.sort(edges, axis=1))
    order = np.argsort(code, kind="stable")
    change = np.diff(code[order]) != 0
    return edges[order[np.r_[True, change] & np.r_[change, True]]] if len(edges) else edges


def loops(faces: np.ndarray) -> list[np.ndarray]:
    """Vertices round every hole, longest first; a loop that would cross a vertex twice is parted there."""
    following: dict[int, list[int]] = {}
    for a, b in open_edges(faces).tolist():
        following.setdefault(a, []).append(b)
    made = []
    while following:
        path = [next(iter(following))]
        at = {path[0]: 0}
        while path[-1] in following:
            ends = following[path[-1]]
            then = ends.pop()
            if not ends:
                del following[path[-1]]
            if then in at:
                ring = path[at[then]:]
                made.append(np.array(ring))
                for vertex in ring[1:]:
                    del at[vertex]
                path = path[:at[then] + 1]
            else:
                at[then] = len(path)
                path.append(then)
    return sorted((ring for ring in made if len(ring) > 2), key=len, reverse=True)


def orientable(faces: np.ndarray) -> np.ndarray:
    """Without the faces that use a directed edge which an earlier face uses: a surface with one outside, maybe with more holes."""
    while len(faces):
        code, owner = codes(directed(faces)), np.tile(np.arange(len(faces)), 3)
        order = np.lexsort((owner, code))
        again = order[1:][np.diff(code[order]) == 0]
        if not len(again):
            break
        # only late faces with a rival that stays are certain: leaving them out may free the others
        late = np.zeros(len(faces), bool)
        late[owner[again]] = True
        sure = np.zeros(len(faces), bool)
        sure[owner[np.isin(code, code[~late[owner]]) & late[owner]]] = True
        faces = faces[~(sure if sure.any() else late)]
    return faces


def largest_part(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The connected part with the most triangles."""
    if not len(faces):
        return vertices, faces
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    edges = directed(faces)
    _, part = connected_components(coo_matrix((np.ones(len(edges)), edges.T), (len(vertices),) * 2), directed=False)
    return compact(vertices, faces[part[faces[:, 0]] == np.bincount(part[faces[:, 0]]).argmax()])


def seams(vertices: np.ndarray, faces: np.ndarray, near_mm: float) -> list[tuple[int, int]]:
    """Pairs of vertices on open edges that lie in about one place though the rim between them is long, each vertex in at most one pair."""
    from scipy.spatial import cKDTree

    rings = loops(faces)
    if not rings:
        return []
    steps = [np.linalg.norm(vertices[ring] - vertices[np.roll(ring, 1)], axis=1) for ring in rings]
    along, around = np.concatenate([np.cumsum(step) for step in steps]), np.concatenate([np.full(len(step), step.sum()) for step in steps])
    of, rim = np.repeat(np.arange(len(rings)), [len(ring) for ring in rings]), np.concatenate(rings)
    pairs = cKDTree(vertices[rim]).query_pairs(near_mm, output_type="ndarray")
    a, b = pairs.T
    way = np.abs(along[a] - along[b])
    pairs = pairs[(of[a] != of[b]) | (np.minimum(way, around[a] - way) > 8 * near_mm)]
    pairs = pairs[np.argsort(np.linalg.norm(vertices[rim[pairs[:, 0]]] - vertices[rim[pairs[:, 1]]], axis=1))]
    taken, made = set(), []
    for a, b in rim[pairs].tolist():
        if a != b and not {a, b} & taken:
            taken |= {a, b}
            made.append((a, b))
    return made


def watertight(mesh: Mesh) -> bool:
    """Every edge has as many triangles one way as the other, once vertices in exactly one place count as one (as a reader of STL takes them)."""
    _, same = np.unique(mesh.vertices, axis=0, return_inverse=True)
    edges = directed(same.reshape(-1)[mesh.faces])
    edges = edges[edges[:, 0] != edges[:, 1]]
    return len(mesh.faces) > 0 and bool(np.array_equal(np.sort(codes(edges)), np.sort(codes(edges[:, ::-1]))))


def volume_mm3(mesh: Mesh) -> float:
    """The signed volume of a closed mesh, positive where its faces look outwards; of an open one, of the mesh and the cone from its middle."""
    if not len(mesh.faces):
        return 0.0
    a, b, c = (mesh.corners() - mesh.corners().mean((0, 1))).swapaxes(0, 1)
    return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6)


def outwards(mesh: Mesh) -> Mesh:
    """A closed mesh with its faces looking outwards."""
    return mesh if volume_mm3(mesh) >= 0 else Mesh(mesh.vertices, mesh.faces[:, ::-1])
