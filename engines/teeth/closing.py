"""Open scans made into closed solids: welding, open edges and their loops, caps. Triangles [F, 3] look outwards; a loop runs along its triangles' edges."""

import numpy as np

from engines.teeth.mesh import Mesh

SAME_MM = 1e-4
EVEN = 5  # vertices to each side over which the rim of a crown is evened below the gum


def welded(vertices: np.ndarray, faces: np.ndarray, near_mm: float = SAME_MM) -> tuple[np.ndarray, np.ndarray]:
    """Vertices in one place become one; triangles that lose their area by that, and vertices of none, go."""
    _, first, same = np.unique(np.round(vertices / near_mm).astype(np.int64), axis=0, return_index=True, return_inverse=True)
    return tidy(vertices[first], same.reshape(-1)[faces])


def tidy(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Without triangles that name a vertex twice, doubled triangles, and vertices that no triangle names."""
    faces = faces[(faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 2] != faces[:, 0])]
    _, kept = np.unique(np.sort(faces, 1), axis=0, return_index=True)
    faces = faces[np.sort(kept)]
    used, renumbered = np.unique(faces, return_inverse=True)
    return vertices[used], renumbered.reshape(-1, 3)


def directed(faces: np.ndarray) -> np.ndarray:
    """[3 F, 2] edges as the triangles run along them: first corner to second of every triangle, then second to third, then third to first."""
    return np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])


def manifold(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Without the triangles at edges that more than two share, or two in the same direction: an orientable surface, maybe with more holes."""
    while len(faces):
        edges = directed(faces).astype(np.int64)
        key = edges[:, 0] * (len(vertices) + 1) + edges[:, 1]
        _, inverse, count = np.unique(key, return_inverse=True, return_counts=True)
        bad = count[inverse] > 1
        if not bad.any():
            break
        faces = faces[~bad.reshape(3, -1).any(0)]
    return tidy(vertices, faces)


def largest_part(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The connected part with the most triangles."""
    if not len(faces):
        return vertices, faces
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    edges = directed(faces)
    _, part = connected_components(coo_matrix((np.ones(len(edges)), edges.T), (len(vertices),) * 2), directed=False)
    return tidy(vertices, faces[part[faces[:, 0]] == np.bincount(part[faces[:, 0]]).argmax()])


def open_edges(faces: np.ndarray) -> np.ndarray:
    """[E, 2] directed edges without a partner in the other direction."""
    edges = directed(faces).astype(np.int64)
    top = int(edges.max(initial=0)) + 1
    there, back = edges[:, 0] * top + edges[:, 1], edges[:, 1] * top + edges[:, 0]
    return edges[~np.isin(there, back)]


def loops(faces: np.ndarray) -> list[np.ndarray]:
    """Vertex numbers round every hole, longest first; a loop that would cross a vertex twice is parted there."""
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


def cap(ring: np.ndarray, middle: int) -> np.ndarray:
    """Triangles from the edges of a loop to one vertex."""
    return np.stack([np.roll(ring, -1), ring, np.full(len(ring), middle)], -1)


def wall(ring: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Triangles between a loop and as many vertices that continue it; `other` is then the loop that is open."""
    then, after = np.roll(ring, -1), np.roll(other, -1)
    return np.concatenate([np.stack([then, ring, other], -1), np.stack([then, other, after], -1)])


def filled(vertices: np.ndarray, faces: np.ndarray, rings: list[np.ndarray], push: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Holes closed by a fan to their centre, moved by push [3]."""
    for ring in rings:
        faces = np.concatenate([faces, cap(ring, len(vertices))])
        vertices = np.concatenate([vertices, vertices[ring].mean(0, keepdims=True) + push])
    return vertices, faces


def closed_crown(mesh: Mesh, root: np.ndarray, length_mm: float) -> Mesh:
    """A crown without openings: its widest one is drawn out along root [3] (a unit vector) into a tapered stub, the others are covered.

    An empty mesh where nothing is left of it.
    """
    vertices, faces = welded(mesh.vertices.astype(np.float64), mesh.faces)
    vertices, faces = largest_part(*manifold(vertices, faces))
    rings = loops(faces)
    if rings:
        neck = max(rings, key=lambda ring: float(np.linalg.norm(np.diff(vertices[ring], axis=0), axis=1).sum()))
        middle, last = vertices[neck].mean(0), neck
        even = sum(np.roll(vertices[neck], k, axis=0) for k in range(-EVEN, EVEN + 1)) / (2 * EVEN + 1)  # the rim of a scan has teeth like a saw
        for narrow, deep in ((.8, .2), (.6, 1.0)):
            lower = middle + (even - middle) * narrow + root * deep * length_mm
            if deep == 1.0:  # the stub ends flat
                lower -= np.outer((lower - lower.mean(0)) @ root, root)
            added = len(vertices) + np.arange(len(neck))
            faces = np.concatenate([faces, wall(last, added)])
            vertices, last = np.concatenate([vertices, lower]), added
        vertices, faces = filled(vertices, faces, [last], np.zeros(3))
        vertices, faces = filled(vertices, faces, [ring for ring in rings if ring is not neck], np.zeros(3))
    made = Mesh(vertices, faces)
    return made if volume(made) >= 0 else Mesh(made.vertices, made.faces[:, ::-1])


def volume(mesh: Mesh) -> float:
    """mm^3; positive where a closed surface looks outwards."""
    a, b, c = (mesh.corners() - (mesh.vertices.mean(0) if len(mesh.vertices) else 0)).swapaxes(0, 1)
    return float((a * np.cross(b, c)).sum() / 6)


def watertight(mesh: Mesh) -> bool:
    """Every edge has as many triangles one way as the other, once vertices in exactly one place count as one (as a reader of STL takes them)."""
    _, same = np.unique(mesh.vertices, axis=0, return_inverse=True)
    edges = directed(same.reshape(-1)[mesh.faces]).astype(np.int64)
    edges = edges[edges[:, 0] != edges[:, 1]]
    top = int(edges.max(initial=0)) + 1
    there, back = np.sort(edges[:, 0] * top + edges[:, 1]), np.sort(edges[:, 1] * top + edges[:, 0])
    return len(mesh.faces) > 0 and bool(np.array_equal(there, back))
