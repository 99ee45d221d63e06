"""Closed bodies of teeth: a crown that is open at the gum gets a lid; volumes that two bodies share."""

import numpy as np

from engines.teeth.mesh import Mesh


def welded(mesh: Mesh) -> Mesh:
    """Equal vertices made one (STL has three a triangle); triangles that lose a corner go."""
    vertices, which = np.unique(mesh.vertices, axis=0, return_inverse=True)
    faces = which.reshape(-1)[mesh.faces]
    kept = (faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 2] != faces[:, 0])
    return Mesh(vertices, faces[kept])


def rims(mesh: Mesh) -> list[np.ndarray]:
    """The open edges as rings of vertex indices, each in the direction in which a lid runs round it; closed meshes have none."""
    ahead = mesh.faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2).astype(np.int64)
    many = np.int64(len(mesh.vertices))
    code = ahead[:, 0] * many + ahead[:, 1]
    open_edges = ahead[~np.isin(ahead[:, 1] * many + ahead[:, 0], code)]
    after: dict[int, list[int]] = {}
    for start, end in open_edges[:, ::-1].tolist():
        after.setdefault(start, []).append(end)
    found = []
    while after:
        first = next(iter(after))
        ring, here = [first], first
        while here in after:
            here = after[here].pop() if len(after[here]) > 1 else after.pop(here)[0]
            if here == first:
                break
            ring.append(here)
        if len(ring) > 2:
            found.append(np.array(ring))
    return found


def closed(mesh: Mesh) -> Mesh:
    """The welded mesh with a lid from every rim to its middle; the lid is flat where the rim is."""
    mesh = welded(mesh)
    vertices, faces, count = [mesh.vertices], [mesh.faces], len(mesh.vertices)
    for ring in rims(mesh):
        vertices.append(mesh.vertices[ring].mean(0, keepdims=True))
        faces.append(np.column_stack([ring, np.roll(ring, -1), np.full(len(ring), count)]))
        count += 1
    return Mesh(np.concatenate(vertices), np.concatenate(faces))


def thinned(mesh: Mesh, most: int) -> Mesh:
    """The welded mesh with no more than about `most` triangles [quadric decimation]: contacts need no more of a fine scan."""
    mesh = welded(mesh)
    if len(mesh.faces) <= most:
        return mesh
    import fast_simplification

    return Mesh(*fast_simplification.simplify(mesh.vertices, mesh.faces, target_count=most))


def volume_mm3(mesh: Mesh) -> float:
    """Of a closed mesh, by the divergence theorem."""
    a, b, c = mesh.corners().swapaxes(0, 1)
    return float((a * np.cross(b, c)).sum() / 6)


def shared_mm3(a: Mesh, b: Mesh) -> float | None:
    """Volume that two closed meshes share, exactly (a boolean of manifold3d); None where one of them is no proper solid."""
    from manifold3d import Error, Manifold
    from manifold3d import Mesh as Triangles

    solids = [Manifold(Triangles(np.ascontiguousarray(mesh.vertices, np.float32), np.ascontiguousarray(mesh.faces, np.uint32))) for mesh in (a, b)]
    if any(solid.status() != Error.NoError or solid.volume() <= 0 for solid in solids):
        return None
    return float((solids[0] ^ solids[1]).volume())
