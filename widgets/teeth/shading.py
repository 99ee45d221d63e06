"""Colours that make a crown read as a tooth: warm at the neck, cool at the edge, dark in pits and fissures; and a gum with depth."""

import numpy as np

from widgets.colours import rgb

ROUNDS = 10  # of smoothing: the scale of fissures and mamelons in edges of the mesh
PIT_MM, RIDGE_MM = 0.16, 0.22  # how far below or above the smoothed surface a full pit or ridge lies
SCAN_NOISE_MM = 0.06  # relief of a raw scan below this is not drawn
NECK, EDGE = 0.42, 0.82  # shares of the crown's height where the tints begin


def relief(vertices: np.ndarray, faces: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """[V] in mm: how far each vertex stands above (+, ridge) or below (-, fissure) the surface smoothed around it."""
    if not len(faces):
        return np.zeros(len(vertices))
    start, end = faces[:, (0, 1, 2)].ravel(), faces[:, (1, 2, 0)].ravel()
    ends, starts = np.concatenate([end, start]), np.concatenate([start, end])
    degree = np.maximum(np.bincount(starts, minlength=len(vertices)), 1)
    moved = vertices.astype(float)
    for _ in range(ROUNDS):
        moved = np.stack([np.bincount(starts, moved[ends, axis], len(vertices)) for axis in range(3)], -1) / degree[:, None]
    return ((vertices - moved) * normals).sum(-1)


def enamel(vertices: np.ndarray, faces: np.ndarray, normals: np.ndarray, axis: np.ndarray) -> np.ndarray:
    """uint8 [V, 3]: the colours of a crown; axis [3] is its occlusal direction in the vertices' space."""
    height = vertices @ np.asarray(axis, float)
    low, high = (float(height.min()), float(height.max())) if len(height) else (0.0, 1.0)
    share = (height - low) / max(high - low, 1e-6)
    colour = np.broadcast_to(rgb("ENAMEL"), (len(vertices), 3))
    colour = _mix(colour, rgb("ENAMEL_NECK"), 0.9 * np.clip((NECK - share) / NECK, 0, 1) ** 1.3)
    colour = _mix(colour, rgb("ENAMEL_EDGE"), 0.8 * np.clip((share - EDGE) / (1 - EDGE), 0, 1))
    above = relief(vertices, faces, normals)
    colour = _mix(colour, rgb("ENAMEL_PIT"), 0.55 * np.clip(-above / PIT_MM, 0, 1) ** 1.2 * np.clip((share - 0.25) / 0.2, 0, 1))
    colour = colour * (1 + 0.05 * np.clip(above / RIDGE_MM, 0, 1))[:, None]
    return _bytes(colour)


def gum(vertices: np.ndarray, faces: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """uint8 [V, 3]: pink, deeper red in the hollows between the teeth."""
    above = relief(vertices, faces, normals)
    colour = np.broadcast_to(rgb("GUM"), (len(vertices), 3))
    colour = _mix(colour, rgb("GUM_DEEP"), 0.7 * np.clip(-above / 0.35, 0, 1))
    return _bytes(_mix(colour, np.ones(3), 0.16 * np.clip(above / 0.35, 0, 1)))


def stone(vertices: np.ndarray, faces: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """uint8 [V, 3]: a scan that nobody has cut into teeth yet, like a plaster model."""
    above = relief(vertices, faces, normals)
    above = np.sign(above) * np.maximum(np.abs(above) - SCAN_NOISE_MM, 0)
    colour = np.broadcast_to(rgb("STONE"), (len(vertices), 3)) * (1 + 0.35 * np.clip(above / 0.25, -1, 0.3))[:, None]
    return _bytes(colour)


def _mix(colour: np.ndarray, other: np.ndarray, share: np.ndarray) -> np.ndarray:
    return colour + share[:, None] * (other - colour)


def _bytes(colour: np.ndarray) -> np.ndarray:
    return (np.clip(colour, 0, 1) * 255 + 0.5).astype(np.uint8)
