"""What the arrangement network sees of a crown: points with normals, and small faces in patches.

Only the part that a mouth shows is taken (CROWN_MM from the biting surface), so that roots, caps and the height of the gum say little.
Faces are those of a decimated mesh, exactly FACES of them, in PATCHES groups of neighbours [halved along the longest side, as a k-d tree does]: the tokens of
the face branch. The ten features of a face follow MeshMAE: area, its three angles, its normal against those of its corners, its normal.
"""

from dataclasses import dataclass

import numpy as np

from engines.teeth import solid
from engines.teeth.mesh import Mesh

CROWN_MM = 8.0
POINTS, PATCHES, PER_PATCH = 128, 16, 16
FACES = PATCHES * PER_PATCH
FEATURES = 10
CHANNELS = FEATURES + 3  # and the centre of the face
_MIRROR = np.diag([-1.0, 1.0, 1.0, 1.0])


@dataclass(frozen=True, eq=False)
class Shape:
    """Of one crown, in the axes of its mesh: centre [3] (of the shown area), points [P, 6] about it with unit normals, faces [FACES, CHANNELS]: area in mm^2,
    angles in rad, cosines, then the normal and the centre about the crown's centre in mm: the last six turn with the axes."""

    centre: np.ndarray
    points: np.ndarray
    faces: np.ndarray


def shape(mesh: Mesh, up: np.ndarray, mirrored: bool = False, count: int = POINTS, seed: int = 0) -> Shape:
    """up: unit vector to the biting surface. mirrored: seen in a mirror and turned back, so that twins give mirrored numbers. ValueError without faces."""
    if len(mesh.vertices) > 2 * len(mesh.faces):  # triangles that share no corners, as STL has them
        mesh = solid.welded(mesh)
    if not len(mesh.faces):
        raise ValueError("a crown without faces")
    if mirrored:
        made = shape(mesh.moved(_MIRROR), up * (-1, 1, 1), False, count, seed)
        flip = np.array([-1.0, 1.0, 1.0])
        return Shape(made.centre * flip, made.points * np.tile(flip, 2), made.faces * np.concatenate([np.ones(FEATURES - 3), flip, flip]))
    heights = mesh.vertices @ up
    shown = heights[mesh.faces].mean(1) > heights[mesh.faces].max() - CROWN_MM
    mesh = Mesh(mesh.vertices, mesh.faces[shown])
    corners, areas = mesh.corners(), mesh.areas()
    centre = (corners.mean(1) * areas[:, None]).sum(0) / max(areas.sum(), 1e-12)
    return Shape(centre, _points(corners - centre, areas, count, seed), _faces(_coarse(mesh), centre))


def _coarse(mesh: Mesh) -> Mesh:
    """About FACES faces [quadric decimation]."""
    if len(mesh.faces) <= FACES:
        return mesh
    import fast_simplification

    return Mesh(*fast_simplification.simplify(mesh.vertices, mesh.faces, target_count=FACES))


def _points(corners: np.ndarray, areas: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Spread over the surface by area: one in every equal part of it, in random order."""
    random = np.random.default_rng(seed)
    total = np.cumsum(areas)
    at = np.searchsorted(total, (np.arange(count) + random.random(count)) / count * total[-1]).clip(max=len(areas) - 1)
    r, t = np.sqrt(random.random(count)), random.random(count)
    weights = np.stack([1 - r, r * (1 - t), r * t], -1)
    spots = np.einsum("pk,pkd->pd", weights, corners[at])
    across = np.cross(corners[at, 1] - corners[at, 0], corners[at, 2] - corners[at, 0])
    normals = across / np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-12)
    return np.concatenate([spots, normals], 1)[random.permutation(count)]


def _faces(mesh: Mesh, centre: np.ndarray) -> np.ndarray:
    """Features of exactly FACES faces, patch after patch."""
    corners = mesh.corners() - centre
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    flat = mesh.faces.ravel()
    normals = np.stack([np.bincount(flat, np.repeat(across[:, k], 3), len(mesh.vertices)) for k in range(3)], -1)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    large = np.argsort(-np.linalg.norm(across, axis=1), kind="stable")[:FACES]
    kept = np.resize(np.sort(large), FACES)
    order = kept[patches(corners[kept].mean(1))]
    return face_features(corners[order], normals[mesh.faces[order]])


def patches(centres: np.ndarray) -> np.ndarray:
    """An order of FACES places [FACES, 3] in which every PER_PATCH lie together."""
    groups = [np.arange(len(centres))]
    while len(groups) < PATCHES:
        halves = []
        for group in groups:
            axis = int(np.argmax(np.ptp(centres[group], axis=0)))
            ranked = group[np.argsort(centres[group, axis], kind="stable")]
            halves += [ranked[:len(ranked) // 2], ranked[len(ranked) // 2:]]
        groups = halves
    return np.concatenate(groups)


def face_features(corners: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """[F, CHANNELS] of faces given by corners [F, 3, 3], counter-clockwise seen from outside, and the unit normals at their corners [F, 3, 3]."""
    sides = np.roll(corners, -1, axis=1) - corners
    across = np.cross(sides[:, 0], -sides[:, 2])
    double = np.linalg.norm(across, axis=1, keepdims=True)
    normal = across / np.maximum(double, 1e-9)
    lengths = np.maximum(np.linalg.norm(sides, axis=2), 1e-9)
    cosines = -(sides * np.roll(sides, 1, axis=1)).sum(2) / (lengths * np.roll(lengths, 1, axis=1))
    angles = np.sort(np.arccos(np.clip(cosines, -1, 1)), axis=1)
    agree = np.sort((normals * normal[:, None]).sum(2), axis=1)
    return np.concatenate([double / 2, angles, agree, normal, corners.mean(1)], 1)
