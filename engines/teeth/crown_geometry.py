"""What the surface of a crown says about itself: its edge, whether it is closed, which way it bites, whether it is inside out."""

import numpy as np

from engines.teeth.mesh import Mesh
from engines.teeth.topology import open_edges

LONG, NEAR, CAP = 2.35, 0.8, 0.985  # length over width of a tooth with a root; cosines of what may be a cap and of what lies flat in it
LONG_MM, CROWN_MM = 13.0, 8.0  # a tooth longer than the first shows about the second above the gum


def centroid(mesh: Mesh) -> np.ndarray:
    """[3], every part of the surface by its area."""
    areas = mesh.areas()
    total = areas.sum()
    return (mesh.corners().mean(1) * areas[:, None]).sum(0) / total if total > 0 else mesh.vertices.mean(0, dtype=np.float64)


def normals(mesh: Mesh) -> np.ndarray:
    """[F, 3], twice the area long."""
    a, b, c = mesh.corners().swapaxes(0, 1)
    return np.cross(b - a, c - a)


def edge_centre(mesh: Mesh, edges: np.ndarray) -> np.ndarray:
    """[3], every part of the edge by its length."""
    ends = mesh.vertices.astype(np.float64)[edges]
    lengths = np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1)
    return (ends.mean(1) * lengths[:, None]).sum(0) / max(lengths.sum(), 1e-12)


def inside_out(mesh: Mesh) -> bool:
    """Whether the faces look inwards: the volume over the centre of the open edge, or of a closed surface, is negative."""
    edges = open_edges(mesh.faces)
    apex = edge_centre(mesh, edges) if len(edges) else centroid(mesh)
    return float((normals(mesh) * (mesh.corners()[:, 0] - apex)).sum()) < 0


def bite_direction(mesh: Mesh) -> np.ndarray | None:
    """[3] unit vector from the neck to the biting surface of an open crown or a tooth with roots; None where the shape alone does not tell."""
    middle, edges = centroid(mesh), open_edges(mesh.faces)
    points = mesh.vertices.astype(np.float64)
    if len(edges) >= 12:
        step = middle - edge_centre(mesh, edges)
        return step / np.linalg.norm(step) if np.linalg.norm(step) > 0.05 * np.linalg.norm(np.ptp(points, axis=0)) else None
    around = points - middle
    _, axes = np.linalg.eigh(around.T @ around)
    extents = np.ptp(around @ axes, axis=0)
    if extents[2] < LONG * extents[1]:
        return None
    return axes[:, 2] if _heavy_end(mesh, axes[:, 2]) > 0 else -axes[:, 2]


def bite_vote(mesh: Mesh, axis: np.ndarray) -> float:
    """Positive where the tooth bites along the unit vector axis, negative where against it; near 0 where it does not tell.

    Unlike bite_direction this also judges a capped crown: its cap is the one large flat place.
    """
    direction = bite_direction(mesh)
    if direction is not None:
        return float(direction @ axis)
    return flat_place(mesh, -axis)[1] - flat_place(mesh, axis)[1]


def flat_place(mesh: Mesh, axis: np.ndarray) -> tuple[np.ndarray, float]:
    """The large flat place that looks about along the unit vector axis: its normal [3] and its share of the surface."""
    facing = normals(mesh)
    double = np.linalg.norm(facing, axis=1)
    total = facing[facing @ axis > NEAR * double].sum(0)  # a cap may lean: look along its own mean
    normal = total / max(np.linalg.norm(total), 1e-30)
    return normal, float(double[facing @ normal > CAP * double].sum() / max(double.sum(), 1e-30))


def crown_centre(mesh: Mesh, up: np.ndarray) -> np.ndarray:
    """The centroid of the part that a mouth shows: without roots, where the tooth is long. up: unit vector towards the biting surface."""
    centres = mesh.corners().mean(1)
    heights = centres @ up
    shown = heights > heights.max() - CROWN_MM if np.ptp(heights) > LONG_MM else np.ones(len(heights), bool)
    areas = mesh.areas() * shown
    return (centres * areas[:, None]).sum(0) / max(areas.sum(), 1e-30)


def _heavy_end(mesh: Mesh, axis: np.ndarray) -> float:
    """Where the volume lies along an axis, beside the middle of the extent: the crown is solid, roots are thin."""
    corners = mesh.corners() - centroid(mesh)
    volumes = np.einsum("fi,fi->f", np.cross(corners[:, 0], corners[:, 1]), corners[:, 2])
    heights = corners @ axis
    total = volumes.sum()
    return float((volumes * heights.sum(1) / 4).sum() / (total if abs(total) > 1e-12 else 1e-12) - (heights.min() + heights.max()) / 2)
