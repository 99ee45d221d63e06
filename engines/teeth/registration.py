"""Rigid registration: the steps that every one is made of, and one tooth laid onto another scan of it."""

import numpy as np

from engines.teeth import crown_geometry
from engines.teeth.mesh import Mesh
from engines.teeth.moves import exp

POINTS, ROUNDS, KEPT = 500, 30, 0.85
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
    few = a[:: max(1, len(a) // POINTS)]
    thin = slice(None, None, max(1, len(target.faces) // (8 * POINTS)))
    places, facing = target.corners().mean(1)[thin], crown_geometry.normals(target)[thin]
    facing = facing / np.maximum(np.linalg.norm(facing, axis=1, keepdims=True), 1e-30)
    for _ in range(ROUNDS):
        step = _step(few @ matrix[:3, :3].T + matrix[:3, 3], places, facing)
        matrix = step @ matrix
        if np.abs(step - np.eye(4)).max() < 1e-5:
            break
    return matrix


def plane_step(points: np.ndarray, places: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """The small rigid 4 x 4 that brings points [N, 3] nearest to the planes through their places with these unit normals [Chen and Medioni 1992]."""
    middle = points.mean(0)
    rows = np.concatenate([np.cross(points - middle, normals), normals], 1)
    square = rows.T @ rows + 1e-6 * len(rows) * np.eye(6)  # a surface of revolution leaves a turn open
    turn, shift = np.split(np.linalg.solve(square, rows.T @ (normals * (places - points)).sum(1)), 2)
    step = np.eye(4)
    step[:3, :3] = exp(turn)
    step[:3, 3] = middle + shift - step[:3, :3] @ middle
    return step


def _step(points: np.ndarray, places: np.ndarray, facing: np.ndarray) -> np.ndarray:
    """plane_step to the nearest places, without the points that are farthest from them."""
    nearest = ((places**2).sum(1) - 2 * points @ places.T).argmin(1)
    far = np.linalg.norm(places[nearest] - points, axis=1)
    kept = far <= np.quantile(far, KEPT)
    return plane_step(points[kept], places[nearest[kept]], facing[nearest[kept]])
