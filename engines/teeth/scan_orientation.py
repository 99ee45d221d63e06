"""A guess at the world axes of a scan without tooth labels: thinnest direction, open side of the horseshoe, teeth away from the cut edge.

It is a guess: people are always asked to look at it.
"""

import numpy as np

from engines.teeth import crown_geometry
from engines.teeth.mesh import Mesh
from engines.teeth.topology import open_edges

CELL_MM, ANGLES = 2.0, 72
TEETH_SHARE = 0.45  # of the scan's height that is taken for teeth


def of_scans(scans: dict[str, Mesh]) -> np.ndarray:
    """[4, 4] input mm -> world for scans by jaw, at least one, both in the same axes."""
    ups, backs = [], []
    for which, mesh in scans.items():
        bite = _bite(mesh)
        ups.append(-bite if which == "upper" else bite)
        backs.append(_back(mesh, bite))
    if len(scans) == 2:
        middles = {which: crown_geometry.centroid(mesh) for which, mesh in scans.items()}
        apart = middles["upper"] - middles["lower"]
        if ups[0] @ ups[1] < 0:  # they disagree: the jaws' places decide
            ups = [up if up @ apart > 0 else -up for up in ups]
        if backs[0] @ backs[1] < 0:
            backs = backs[:1]
    up = np.sum(ups, 0) / np.linalg.norm(np.sum(ups, 0))
    back = np.sum(backs, 0)
    back = back - (back @ up) * up
    back /= np.linalg.norm(back)
    matrix = np.eye(4)
    matrix[:3, :3] = np.stack([np.cross(back, up), back, up])
    points = np.concatenate([mesh.vertices for mesh in scans.values()]).astype(np.float64) @ matrix[:3, :3].T
    heights = {which: mesh.vertices @ matrix[2, :3] for which, mesh in scans.items()}
    level = np.quantile(heights["lower"], 0.97) if "lower" in heights else np.quantile(heights["upper"], 0.03)
    matrix[:3, 3] = -np.array([np.median(points[:, 0]), np.quantile(points[:, 1], 0.01), level])
    return matrix


def _bite(mesh: Mesh) -> np.ndarray:
    """Unit vector from the gum to the biting surfaces."""
    middle = crown_geometry.centroid(mesh)
    around = mesh.corners().mean(1) - middle
    areas = mesh.areas()
    _, axes = np.linalg.eigh((around * areas[:, None]).T @ around)
    normal = axes[:, 0]
    edges = open_edges(mesh.faces)
    if len(edges) > 12:
        step = float((middle - crown_geometry.edge_centre(mesh, edges)) @ normal)
        if abs(step) > 0.03 * np.linalg.norm(np.ptp(mesh.vertices, axis=0)):
            return np.sign(step) * normal
    sides = [crown_geometry.flat_place(mesh, sign * normal)[1] for sign in (1, -1)]  # the base of a model is flat
    return -normal if sides[0] > sides[1] else normal


def _back(mesh: Mesh, bite: np.ndarray) -> np.ndarray:
    """Unit vector, in the plane across bite, from the front teeth to the open side of the arch: along the axis of best mirror symmetry."""
    centres = mesh.corners().mean(1)
    heights = centres @ bite
    centres = centres[heights > heights.max() - TEETH_SHARE * np.ptp(heights)]
    first = np.cross(bite, np.eye(3)[np.abs(bite).argmin()])
    first /= np.linalg.norm(first)
    second = np.cross(bite, first)
    flat = centres @ np.stack([first, second], -1)
    flat = np.unique(np.floor(flat / CELL_MM), axis=0) * CELL_MM  # one point a cell
    flat = flat - (flat.min(0) + flat.max(0)) / 2
    best, axis = -1.0, np.array([1.0, 0.0])
    for angle in np.arange(ANGLES) * np.pi / ANGLES:
        along, across = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
        place = np.stack([flat @ along, flat @ across - _mid(flat @ across)], -1)
        cells, mirror = (set(map(tuple, np.floor(side / (2 * CELL_MM)).astype(int).tolist())) for side in (place, place * (1, -1)))
        same = len(cells & mirror) / len(cells | mirror)
        if same > best:
            best, axis = same, along
    s, w = flat @ axis, flat @ np.array([-axis[1], axis[0]])
    ends = [np.ptp(w[s > np.quantile(s, 0.88)]), np.ptp(w[s < np.quantile(s, 0.12)])]
    axis = axis if ends[0] > ends[1] else -axis  # the arch is widest where it ends
    return axis[0] * first + axis[1] * second


def _mid(values: np.ndarray) -> float:
    return float(values.min() + values.max()) / 2
