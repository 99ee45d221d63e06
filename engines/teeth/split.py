"""A labelled scan taken apart: one mesh a crown, open at the gum, and the gum with holes where the crowns stood."""

from dataclasses import dataclass

import numpy as np

from engines.job import EngineError
from engines.teeth.islands import GUM, tidy
from engines.teeth.mesh import Mesh
from engines.teeth.topology import adjacent, codes, directed, proper, weld

ROUNDS, STEP = 3, 0.5  # how often and how far a border vertex goes to the middle of its neighbours on the border


@dataclass(frozen=True, eq=False)
class Part:
    """mesh; vertices int [v]: for each of its vertices one vertex of the scan; faces int [f]: for each of its faces the face of the scan."""

    mesh: Mesh
    vertices: np.ndarray
    faces: np.ndarray


@dataclass(frozen=True, eq=False)
class Split:
    """crowns: FDI number -> part, in the order of the numbers; gum: the rest; labels [F]: the label every face of the scan ended with."""

    crowns: dict[int, Part]
    gum: Part
    labels: np.ndarray


def split(mesh: Mesh, labels: np.ndarray, smooth: bool = True, unit_mm: float = 1.0) -> Split:
    """Crowns and gum of a scan with a label a face [F] (a tooth's number; 0 or less = gum). Crumbs go to the label round them; a cut is straightened by
    about half a face, crown and gum sharing its vertices. Broken triangles belong to no part; vertices and faces stay in the scan's order.

    unit_mm: how many mm the scan's unit is. EngineError where the labels do not fit the scan.
    """
    labels = np.maximum(np.asarray(labels).astype(np.int64).ravel(), GUM)
    if len(labels) != len(mesh.faces):
        raise EngineError(f"{len(labels)} labels for {len(mesh.faces)} triangles.", "Load the labels that belong to this scan.")
    points, node_of = weld(mesh.vertices, mesh.faces)
    faces = node_of[mesh.faces].reshape(-1, 3)
    sound = proper(faces)
    areas = np.zeros(len(faces))
    areas[sound] = Mesh(points, faces[sound]).areas() * unit_mm**2
    labels = tidy(labels, adjacent(faces), areas) if sound.any() else labels
    if smooth and sound.any():
        points = _straight_cuts(points, faces[sound], labels[sound])
    source = np.zeros(len(points), np.int64)
    source[node_of[::-1][node_of[::-1] >= 0]] = np.flatnonzero(node_of >= 0)[::-1]  # the first vertex of the scan at each place

    def part(number: int) -> Part:
        mine = np.flatnonzero(sound & (labels == number))
        used, local = np.unique(faces[mine], return_inverse=True)
        order = np.argsort(source[used])  # two scans of one tooth then still correspond, vertex by vertex
        rank = np.argsort(order)
        return Part(Mesh(points[used[order]], rank[local].reshape(-1, 3)), source[used[order]], mine)

    return Split({int(number): part(number) for number in np.unique(labels[sound]) if number != GUM}, part(GUM), labels)


def _straight_cuts(points: np.ndarray, faces: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Vertices on a cut between two labels go along the surface towards the middle of their two neighbours on the cut; where three labels meet they stay."""
    pairs = np.sort(directed(faces), axis=1)
    code, owner = codes(pairs), np.tile(labels, 3)
    order = np.argsort(code, kind="stable")
    cut = np.flatnonzero((np.diff(code[order]) == 0) & (np.diff(owner[order]) != 0))
    edges = pairs[order[cut]]
    ends, others = np.concatenate([edges, edges[:, ::-1]]).T
    free = np.flatnonzero(np.bincount(ends, minlength=len(points)) == 2)
    a, b, c = points[faces].swapaxes(0, 1)
    facing = np.cross(b - a, c - a)
    normals = np.stack([np.bincount(faces.ravel(), np.repeat(facing[:, k], 3), len(points)) for k in range(3)], -1)[free]
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-30)
    order = np.argsort(ends, kind="stable")
    order = order[np.isin(ends[order], free)]
    neighbours = others[order].reshape(-1, 2)
    points = points.copy()
    for _ in range(ROUNDS):
        step = STEP * (points[neighbours].mean(1) - points[free])
        points[free] += step - normals * (step * normals).sum(1, keepdims=True)
    return points
