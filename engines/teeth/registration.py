"""Rigid registration of one tooth onto another scan of it."""

import numpy as np

from engines.teeth import crown_geometry
from engines.teeth.mesh import Mesh

POINTS, ROUNDS, KEPT = 500, 40, 0.85
SAME_MM = 0.3  # corresponding vertices of one tooth leave less than that after alignment


def kabsch(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The rigid 4 x 4 that lays points [N, 3] over their partners by least squares [Kabsch 1976]."""
    a, b = source.mean(0), target.mean(0)
    u, _, vt = np.linalg.svd((target - b).T @ (source - a))
    rotation = (u * (1, 1, np.linalg.det(u) * np.linalg.det(vt))) @ vt
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = rotation, b - rotation @ a
    return matrix


def onto(source: Mesh, target: Mesh, guess: np.ndarray | None = None) -> np.ndarray:
    """The rigid 4 x 4 from source to target: vertex by vertex where they correspond, else by nearest points with the worst 15 % left out.

    guess: where nearest points begin; None: centre on centre, not turned.
    """
    a, b = source.vertices.astype(np.float64), target.vertices.astype(np.float64)
    if len(a) == len(b):
        matrix = kabsch(a, b)
        left = a @ matrix[:3, :3].T + matrix[:3, 3] - b
        if np.sqrt((left**2).sum(1).mean()) < SAME_MM:
            return matrix
    matrix = np.eye(4) if guess is None else guess
    if guess is None:
        matrix[:3, 3] = crown_geometry.centroid(target) - crown_geometry.centroid(source)
    few, many = a[:: max(1, len(a) // POINTS)], b[:: max(1, len(b) // (4 * POINTS))]
    for _ in range(ROUNDS):
        moved = few @ matrix[:3, :3].T + matrix[:3, 3]
        squares = (moved**2).sum(1)[:, None] + (many**2).sum(1) - 2 * moved @ many.T
        nearest = squares.argmin(1)
        far = squares[np.arange(len(few)), nearest]
        kept = far <= np.quantile(far, KEPT)
        step = kabsch(moved[kept], many[nearest[kept]])
        matrix = step @ matrix
        if np.abs(step - np.eye(4)).max() < 1e-5:
            break
    return matrix
