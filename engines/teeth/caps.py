"""Holes of a mesh closed, so that it has a volume: every border loop gets a lid, turned the way the mesh around it faces.

A loop that its middle can see is filled with rings towards a raised or sunk middle (a membrane: every inner point is the mean of its neighbours);
another one, such as the horseshoe border of a gum, is triangulated by ear clipping in its best plane.
"""

import numpy as np

from engines.teeth.mesh import Mesh
from engines.teeth.surface import proper, weld

RINGS = 24  # at most this many rings in a lid


def is_watertight(mesh: Mesh) -> bool:
    """Every directed edge occurs once and so does its reverse. A mesh without faces is not."""
    codes = _codes(mesh.faces, len(mesh.vertices))
    return bool(len(codes)) and len(np.unique(codes)) == len(codes) and bool(np.isin(_codes(mesh.faces[:, ::-1], len(mesh.vertices)), codes).all())


def volume_mm3(mesh: Mesh) -> float:
    """The signed volume of a closed mesh, positive where its faces look outwards; of an open one, of the mesh and the cone from its middle."""
    if not len(mesh.faces):
        return 0.0
    a, b, c = (mesh.corners() - mesh.corners().mean((0, 1))).swapaxes(0, 1)
    return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6)


def cap(mesh: Mesh) -> Mesh:
    """The mesh with every hole closed: welded, without broken or doubled triangles, watertight. Empty where no triangle is sound.

    Where more than two triangles meet at an edge, or two disagree about outside, the later ones in the file's order are left out before the holes are closed.
    """
    points, node_of = weld(mesh.vertices, mesh.faces)
    faces = node_of[mesh.faces].reshape(-1, 3)
    faces = _single(faces[proper(faces)], len(points))
    parts, lids = [points], [faces]
    taken = set(_codes(faces, len(points)).tolist())
    span, count = len(points), len(points)
    for loop in border_loops(faces, span):
        inner, lid = _lid(points[loop])
        local = np.concatenate([loop, count + np.arange(len(inner))])
        old = local[lid]
        # a lid without inner points could run along an edge that the mesh has already
        if len(inner) == 0 and taken & set((old * span + np.roll(old, -1, 1)).ravel().tolist()):
            inner, lid = _fan(points[loop])
            local = np.concatenate([loop, [count]])
        parts.append(inner)
        lids.append(local[lid])
        if len(inner) == 0:
            taken |= set((lids[-1] * span + np.roll(lids[-1], -1, 1)).ravel().tolist())
        count += len(inner)
    return Mesh(np.concatenate(parts), np.concatenate(lids))


def border_loops(faces: np.ndarray, count: int) -> list[np.ndarray]:
    """Closed loops of border nodes, in the direction in which a lid's triangles run along them; no node twice in a loop.

    faces [F, 3] with every directed edge at most once.
    """
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]).astype(np.int64)
    open_ = edges[~np.isin(edges[:, 1] * count + edges[:, 0], edges[:, 0] * count + edges[:, 1])][:, ::-1]
    ahead: dict[int, list[int]] = {}
    for start, end in open_[np.lexsort(open_.T[::-1])].tolist():
        ahead.setdefault(start, []).append(end)
    loops = []
    for start in list(ahead):
        while ahead[start]:
            path, at = [start], {start: 0}
            while True:
                node = ahead[path[-1]].pop()
                if node in at:  # a pinch closes a loop of its own
                    loops.append(np.array(path[at[node]:]))
                    for gone in path[at[node] + 1:]:
                        del at[gone]
                    del path[at[node] + 1:]
                    if node == start:
                        break
                else:
                    at[node] = len(path)
                    path.append(node)
    return loops


def _codes(faces: np.ndarray, count: int) -> np.ndarray:
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]).astype(np.int64)
    return edges[:, 0] * count + edges[:, 1]


def _single(faces: np.ndarray, count: int) -> np.ndarray:
    """Without the faces that use a directed edge which an earlier face uses."""
    while len(faces):
        codes = _codes(faces, count)
        owner = np.tile(np.arange(len(faces)), 3)
        order = np.lexsort((owner, codes))
        again = order[1:][np.diff(codes[order]) == 0]
        if not len(again):
            break
        # only the first offender of each round is certain: leaving it out may free those after it
        late = np.zeros(len(faces), bool)
        late[owner[again]] = True
        sure = late & ~_blocked(codes, owner, late)
        faces = faces[~(sure if sure.any() else late)]
    return faces


def _blocked(codes: np.ndarray, owner: np.ndarray, late: np.ndarray) -> np.ndarray:
    """Late faces whose rivals are all late themselves."""
    kept = np.unique(codes[~late[owner]])
    rival = np.zeros(len(late), bool)
    rival[owner[np.isin(codes, kept) & late[owner]]] = True
    return late & ~rival


def _fan(loop: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    k = np.arange(len(loop))
    return loop.mean(0)[None], np.stack([k, np.roll(k, -1), np.full(len(loop), len(loop))], -1)


def _flat(loop: np.ndarray) -> np.ndarray:
    """The loop in its best plane [n, 2], running counter-clockwise."""
    offset = loop - loop.mean(0)
    normal = np.cross(offset, np.roll(offset, -1, 0)).sum(0)
    if np.linalg.norm(normal) < 1e-9:
        normal = np.linalg.svd(offset, full_matrices=False)[2][-1]
    normal = normal / np.linalg.norm(normal)
    first = np.cross(normal, np.eye(3)[np.abs(normal).argmin()])
    first = first / np.linalg.norm(first)
    return np.stack([offset @ first, offset @ np.cross(normal, first)], -1)


def _turn(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    return (b[..., 0] - a[..., 0]) * (c[..., 1] - a[..., 1]) - (b[..., 1] - a[..., 1]) * (c[..., 0] - a[..., 0])


def _lid(loop: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """New points [I, 3] and triangles over (loop, new points)."""
    n = len(loop)
    if n == 3:
        return np.zeros((0, 3)), np.array([[0, 1, 2]])
    flat = _flat(loop)
    if (_turn(np.zeros(2), flat, np.roll(flat, -1, 0)) > 0).all():
        return _rings(loop)
    ears = _ears(flat)
    return (np.zeros((0, 3)), ears) if ears is not None else _fan(loop)


def _rings(loop: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rings that shrink towards the middle about as densely as the border is, relaxed to a membrane."""
    n, middle = len(loop), loop.mean(0)
    step = np.linalg.norm(np.roll(loop, -1, 0) - loop, axis=1).mean()
    count = int(np.clip(np.round(np.linalg.norm(loop - middle, axis=1).mean() / max(step, 1e-9)), 1, RINGS))
    share = np.linspace(1, 0, count + 1)
    rings = middle + share[:-1, None, None] * (loop - middle)
    for _ in range(4 * count):  # across and along; the border stays
        outer, inner = rings[:-1], np.concatenate([rings[2:], np.broadcast_to(middle, (1, n, 3))])
        if count > 1:
            rings[1:] = (outer + inner + np.roll(rings[1:], 1, 1) + np.roll(rings[1:], -1, 1)) / 4
        middle = rings[-1].mean(0)
    k, i = np.meshgrid(np.arange(count - 1), np.arange(n), indexing="ij")
    a, b = k * n + i, k * n + (i + 1) % n
    walls = np.concatenate([np.stack([a, b, b + n], -1).reshape(-1, 3), np.stack([a, b + n, a + n], -1).reshape(-1, 3)])
    i, last = np.arange(n), (count - 1) * n
    fan = np.stack([last + i, last + (i + 1) % n, np.full(n, count * n)], -1)
    return np.concatenate([rings[1:].reshape(-1, 3), middle[None]]), np.concatenate([walls, fan])


def _ears(flat: np.ndarray) -> np.ndarray | None:
    """Triangles [n - 2, 3] of a simple polygon that runs counter-clockwise, best shaped ear first; None where the polygon crosses itself."""
    left = list(range(len(flat)))
    faces = []
    while len(left) > 3:
        ring = flat[left]
        before, after = np.roll(ring, 1, 0), np.roll(ring, -1, 0)
        area = _turn(before, ring, after)
        longest = np.maximum(np.maximum(((ring - before)**2).sum(1), ((after - ring)**2).sum(1)), ((after - before)**2).sum(1))
        for k in np.argsort(-area / np.maximum(longest, 1e-30), kind="stable"):
            if area[k] <= 0:
                return None
            a, b, c = before[k], ring[k], after[k]
            inside = (_turn(a, b, ring) >= 0) & (_turn(b, c, ring) >= 0) & (_turn(c, a, ring) >= 0)
            inside[[k - 1, k, (k + 1) % len(left)]] = False
            if not inside.any():
                faces.append((left[k - 1], left[k], left[(k + 1) % len(left)]))
                del left[k]
                break
        else:
            return None
    faces.append(tuple(left))
    return np.array(faces)
