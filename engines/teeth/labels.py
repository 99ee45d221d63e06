"""Tooth labels of a scan: one a face, out of cell or vertex arrays and the JSON files of public data sets."""

from typing import Any

import numpy as np

from engines.teeth.mesh import Mesh
from engines.teeth.mesh_reading import Surface

NAMES = ("label", "labels", "predictedid", "predicted_id", "universal_id", "universalid", "fdi", "toothid", "tooth_id", "tooth", "toothlabel", "segmentation",
         "scalar_label", "scalar_labels", "materialids", "scalars", "class", "instance", "object_id")
MOST = 40  # different labels; more is no numbering of teeth
CELL_SHARE = 0.02  # a labelled point must lie so near to a vertex, as share of the scan


def of_faces(surface: Surface) -> np.ndarray | None:
    """[F] int: the tooth label of each face, 0 and less = gum; None where no array looks like labels."""
    for values, on_vertices in ((surface.face_values, False), (surface.vertex_values, True)):
        by_name = {key.lower().replace(" ", "_"): value for key, value in values.items()}
        for name in NAMES:
            value = by_name.get(name)
            if value is not None and _whole(value):
                labels = np.round(np.asarray(value, np.float64)).astype(np.int64)
                return majority(labels[surface.mesh.faces]) if on_vertices else labels
    return None


def _whole(value: np.ndarray) -> bool:
    value = np.asarray(value, np.float64)
    if not len(value) or not np.isfinite(value).all() or np.abs(value - np.round(value)).max() > 1e-3 or np.abs(value).max() > 1000:
        return False
    return 1 < len(np.unique(np.round(value))) <= MOST


def majority(three: np.ndarray) -> np.ndarray:
    """[F] out of [F, 3]: what two of the three say; the first where all differ."""
    return np.where(three[:, 1] == three[:, 2], three[:, 1], three[:, 0])


def of_json(values: Any) -> tuple[np.ndarray | None, dict[str, np.ndarray]]:
    """Labels of a JSON file: one number a vertex [Teeth3DS: labels], or points by FDI word [TADPM: segmentation[FDI].vertices]; (None, {}) for anything else.

    ValueError where the numbers are not numbers.
    """
    if not isinstance(values, dict):
        return None, {}
    if isinstance(values.get("labels"), list):
        return np.array(values["labels"], np.float64).round().astype(np.int64).reshape(-1), {}
    points = {}
    parts = values.get("segmentation")
    for word, part in parts.items() if isinstance(parts, dict) else ():
        listed = part.get("vertices") if isinstance(part, dict) else part
        if isinstance(listed, list) and listed:
            points[str(word)] = np.array(listed, np.float64).reshape(-1, 3)
    return None, points


def from_points(mesh: Mesh, points: dict[str, np.ndarray]) -> np.ndarray:
    """[F] int labels: every labelled point marks the vertex nearest to it, every face has what most of its corners have. Words must be digits."""
    vertices = mesh.vertices.astype(np.float64)
    reach = CELL_SHARE * float(np.linalg.norm(np.ptp(vertices, axis=0)))
    found = np.zeros(len(vertices), np.int64)
    nearest = np.full(len(vertices), np.inf)
    for word, places in points.items():
        at, distance = _nearest(vertices, places, reach)
        order = np.argsort(-distance)  # the nearest writes last
        order = order[np.isfinite(distance[order]) & (distance[order] <= nearest[at[order]])]
        found[at[order]], nearest[at[order]] = int(word), distance[order]
    return majority(found[mesh.faces])


def _nearest(vertices: np.ndarray, places: np.ndarray, reach: float) -> tuple[np.ndarray, np.ndarray]:
    """Index of the nearest vertex and its distance, inf beyond `reach`. In cells of growing size: most labelled points are vertices, nearly."""
    index, distance = np.zeros(len(places), np.int64), np.full(len(places), np.inf)
    for size in (reach / 256, reach / 32, reach / 4, reach):
        rest = np.flatnonzero(~np.isfinite(distance))
        if not len(rest):
            break
        at, far = _in_cells(vertices, places[rest], max(size, 1e-9))
        near = far <= size  # nothing nearer can lie outside of the 27 cells
        index[rest[near]], distance[rest[near]] = at[near], far[near]
    return index, distance


def _in_cells(vertices: np.ndarray, places: np.ndarray, size: float) -> tuple[np.ndarray, np.ndarray]:
    """The nearest vertex among the 27 cells around each place, and how far it is; inf where they are empty."""
    index, distance = np.zeros(len(places), np.int64), np.full(len(places), np.inf)
    low = vertices.min(0)
    home, wanted = (np.floor((part - low) / size) for part in (vertices, places))
    spread = home.max(0)
    inside = np.flatnonzero(((wanted >= -1) & (wanted <= spread + 1)).all(1))
    wanted = wanted[inside].astype(np.int64)
    strides = np.array([(spread[1] + 4) * (spread[2] + 4), spread[2] + 4, 1]).astype(np.int64)
    keys = (home.astype(np.int64) + 2) @ strides
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    for step in np.stack(np.meshgrid(*[(-1, 0, 1)] * 3), -1).reshape(-1, 3):
        wish = (wanted + step + 2) @ strides
        begin, end = (np.searchsorted(ordered, wish, side) for side in ("left", "right"))
        open_ones = np.flatnonzero(end > begin)
        while len(open_ones):
            candidate, who = order[begin[open_ones]], inside[open_ones]
            far = np.linalg.norm(vertices[candidate] - places[who], axis=1)
            better = far < distance[who]
            index[who[better]], distance[who[better]] = candidate[better], far[better]
            begin[open_ones] += 1
            open_ones = open_ones[begin[open_ones] < end[open_ones]]
    return index, distance
