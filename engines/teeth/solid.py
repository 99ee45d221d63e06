"""Solids of manifold3d: exact cutting and joining of closed meshes, volumes that two of them share, and thinner meshes."""

from typing import Any

import numpy as np

from engines.teeth.mesh import Mesh
from engines.teeth.topology import welded


def solid_of(mesh: Mesh) -> Any:
    """A manifold3d.Manifold; its status() tells whether the mesh is a proper solid."""
    from manifold3d import Manifold
    from manifold3d import Mesh as Triangles

    return Manifold(Triangles(np.array(mesh.vertices, np.float32, order="C"), np.array(mesh.faces, np.uint32, order="C")))  # copies: it takes no others


def mesh_of(solid: Any) -> Mesh:
    """The surface of a Manifold."""
    made = solid.to_mesh()
    return Mesh(np.asarray(made.vert_properties)[:, :3], np.asarray(made.tri_verts))


def shared_mm3(a: Mesh, b: Mesh) -> float | None:
    """Volume that two closed meshes share, exactly; None where one of them is no proper solid."""
    from manifold3d import Error

    first, second = solid_of(a), solid_of(b)
    if any(solid.status() != Error.NoError or solid.volume() <= 0 for solid in (first, second)):
        return None
    return float((first ^ second).volume())


def thinned(mesh: Mesh, most: int) -> Mesh:
    """The mesh with no more than about `most` triangles [quadric decimation, of the welded mesh]: contacts need no more of a fine scan."""
    if len(mesh.faces) <= most:
        return mesh
    import fast_simplification

    vertices, faces = welded(mesh)
    return Mesh(*fast_simplification.simplify(vertices.astype(np.float32), faces.astype(np.int32), target_count=most))
