"""Holes of a mesh closed, so that it has a volume: every hole gets a lid, turned the way the mesh around it faces.

A hole that its middle can see is filled with rings towards a raised or sunk middle (a membrane: every inner point is the mean of its neighbours);
another one, such as the horseshoe border of a gum, is triangulated by ear clipping in its best plane. For printing, a crown is drawn out into a stub.
"""

import numpy as np

from engines.teeth.mesh import Mesh
from engines.teeth.topology import compact, directed, largest_part, loops, orientable, outwards, welded

RINGS = 24  # at most this many rings in a lid
EVEN = 5  # vertices to each side over which the rim of a crown is evened below the gum


def cap(mesh: Mesh, rings: int = RINGS) -> Mesh:
    """The mesh with every hole closed: welded, without broken or doubled triangles, watertight. Empty where no triangle is sound.

    rings: at most so many in a lid; 1 = few triangles, a fan to its middle. Where more than two triangles meet at an edge, or two disagree about outside,
    the later ones in the file's order are left out before the holes are closed.
    """
    points, faces = welded(mesh)
    points, faces = compact(points, orientable(faces))
    parts, lids = [points], [faces]
    span, count = len(points), len(points)
    taken = set((directed(faces) @ (span, 1)).tolist())
    for ring in loops(faces):
        loop = ring[::-1]  # as the lid's triangles run along it
        inner, lid = _lid(points[loop], rings)
        local = np.concatenate([loop, count + np.arange(len(inner))])
        # a lid without inner points could run along an edge that the mesh has already
        if len(inner) == 0 and taken & set((directed(local[lid]) @ (span, 1)).tolist()):
            inner, lid = _fan(points[loop])
            local = np.concatenate([loop, [count]])
        parts.append(inner)
        lids.append(local[lid])
        if len(inner) == 0:
            taken |= set((directed(lids[-1]) @ (span, 1)).tolist())
        count += len(inner)
    return Mesh(np.concatenate(parts), np.concatenate(lids))


def with_stub(mesh: Mesh, root: np.ndarray, length_mm: float) -> Mesh:
    """A crown without openings: its widest one is drawn out along root [3] (a unit vector) into a tapered stub, the others are covered.

    An empty mesh where nothing is left of it.
    """
    vertices, faces = welded(mesh)
    vertices, faces = largest_part(vertices, orientable(faces))
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
        vertices, faces = filled(vertices, faces, [last, *(ring for ring in rings if ring is not neck)])
    return outwards(Mesh(vertices, faces))


def wall(ring: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Triangles between the loop round a hole and as many vertices that continue it; `other` is then the loop that is open."""
    then, after = np.roll(ring, -1), np.roll(other, -1)
    return np.concatenate([np.stack([then, ring, other], -1), np.stack([then, other, after], -1)])


def filled(vertices: np.ndarray, faces: np.ndarray, rings: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Holes closed by a fan to their centre, which becomes the last vertex."""
    for ring in rings:
        faces = np.concatenate([faces, np.stack([np.roll(ring, -1), ring, np.full(len(ring), len(vertices))], -1)])
        vertices = np.concatenate([vertices, vertices[ring].mean(0, keepdims=True)])
    return vertices, faces


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


def _lid(loop: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """New points [I, 3] and triangles over (loop, new points)."""
    n = len(loop)
    if n == 3:
        return np.zeros((0, 3)), np.array([[0, 1, 2]])
    flat = _flat(loop)
    if (_turn(np.zeros(2), flat, np.roll(flat, -1, 0)) > 0).all():
        return _rings(loop, most)
    ears = _ears(flat)
    return (np.zeros((0, 3)), ears) if ears is not None else _fan(loop)


def _rings(loop: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Rings that shrink towards the middle about as densely as the border is, relaxed to a membrane."""
    n, middle = len(loop), loop.mean(0)
    step = np.linalg.norm(np.roll(loop, -1, 0) - loop, axis=1).mean()
    count = int(np.clip(np.round(np.linalg.norm(loop - middle, axis=1).mean() / max(step, 1e-9)), 1, most))
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
