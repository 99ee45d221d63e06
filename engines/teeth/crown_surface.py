"""The crown of a tooth as landmarks.py reads it: samples of its surface in anatomical axes, and the chewing surface as a map of heights.

Anatomical axes: x MESIAL, y buccal, z occlusal on every tooth (left-handed on half of them), origin = that of the tooth's frame; mm.
"""

from dataclasses import dataclass

import numpy as np

from engines.teeth import fdi
from engines.teeth.case import Tooth, side
from engines.teeth.crown_shapes import SIZES

SPACING_MM = 0.3  # of samples on large triangles
CELL_MM = 0.25  # of the height map
MOST_FACES = 60_000  # of a finer mesh, every so many vertices are taken as they are
ROOTED = 1.4  # a mesh taller than so many crowns carries a root


@dataclass(frozen=True, eq=False)
class Surface:
    """samples [N, 3]: of the crown, roots left out. top, neck: the z of highest point and cervix.

    distal, mesial: the smallest and largest x; lingual, buccal: of y.
    """

    samples: np.ndarray
    top: float
    neck: float
    distal: float
    mesial: float
    lingual: float
    buccal: float

    @property
    def height(self) -> float:
        return self.top - self.neck

    @property
    def half(self) -> float:
        """Half the mesiodistal width."""
        return (self.mesial - self.distal) / 2

    @property
    def middle(self) -> np.ndarray:
        """[2] x, y of the middle of the crown seen from above."""
        return np.array([self.mesial + self.distal, self.buccal + self.lingual]) / 2


def kind(number: int) -> str:
    """The permanent type whose shape a tooth has: its own, and for deciduous molars that of the permanent molars."""
    place = fdi.place(number)
    return ("U" if fdi.is_upper(number) else "L") + str(place + 2 if number > 50 and place > 3 else place)


def axes(tooth: Tooth) -> np.ndarray:
    """[3, 3] with the columns mesial, buccal, occlusal in the world."""
    return tooth.frame[:3, :3] * (side(tooth.number), 1, 1)


def read(tooth: Tooth) -> Surface:
    """The crown of a tooth. ValueError for a mesh without a surface."""
    if len(tooth.mesh.faces) == 0:
        raise ValueError(f"tooth {tooth.number} has no surface")
    points = (tooth.mesh.vertices.astype(np.float64) - tooth.centre) @ axes(tooth)
    size = SIZES[kind(tooth.number)]
    used = _used(points, tooth.mesh.faces)
    top, low = float(used[:, 2].max()), float(used[:, 2].min())
    rooted = top - low > ROOTED * size.height
    if rooted:
        low = top - size.height
    samples = _sampled(points, tooth.mesh.faces, low)
    (x0, y0), (x1, y1) = _extent(samples, top, low)
    if rooted:  # a small tooth has a short crown
        low = top - size.height * float(np.clip((x1 - x0) / size.md, .8, 1.2))**.5
        samples = samples[samples[:, 2] >= low]
    return Surface(samples, top, low, float(x0), float(x1), float(y0), float(y1))


def _used(points: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """The points that faces have, in their order: files hold loose ones too."""
    named = np.zeros(len(points), bool)
    named[faces] = True
    return points[named]


def _extent(samples: np.ndarray, top: float, low: float) -> tuple[np.ndarray, np.ndarray]:
    """Smallest and largest x, y of the upper four fifths."""
    upper = samples[samples[:, 2] > top - .8 * (top - low), :2]
    return upper.min(0), upper.max(0)


def turned(surface: Surface, turn: np.ndarray) -> Surface:
    """The crown in other axes: turn [3, 3] acts on column vectors."""
    samples = surface.samples @ turn.T
    top = float(samples[:, 2].max())
    low = max(float(samples[:, 2].min()), top - surface.height)
    (x0, y0), (x1, y1) = _extent(samples, top, low)
    return Surface(samples, top, low, float(x0), float(x1), float(y0), float(y1))


def _sampled(points: np.ndarray, faces: np.ndarray, low: float) -> np.ndarray:
    """Vertices above `low`, and points inside the faces that are larger than the spacing."""
    if len(faces) > MOST_FACES:
        kept = _used(points, faces)
        kept = kept[kept[:, 2] >= low]
        top = kept[kept[:, 2].argmax()][None]
        return np.concatenate([kept[::max(len(kept) // MOST_FACES, 1)], top])
    faces = faces[points[faces, 2].max(1) >= low]
    corners = points[faces]
    edges = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max(1)
    cuts = np.clip(np.ceil(edges / SPACING_MM).astype(int), 1, 16)
    made = [_used(points, faces)]
    for n in np.unique(cuts[cuts > 1]):
        i, j = np.meshgrid(np.arange(n + 1), np.arange(n + 1), indexing="ij")
        inside = i + j <= n
        weights = np.stack([i[inside], j[inside], n - i[inside] - j[inside]], -1) / n
        made.append(np.einsum("kc,fcd->fkd", weights, corners[cuts == n]).reshape(-1, 3))
    samples = np.concatenate(made)
    return samples[samples[:, 2] >= low]


@dataclass(frozen=True, eq=False)
class Heights:
    """The crown seen from above. z [X, Y]: smoothed highest z of each cell, -inf where nothing stands; found [X, Y]: the sample that is highest there
    (-1: none); places [X, Y, 2]: x, y of the cell."""

    z: np.ndarray
    found: np.ndarray
    places: np.ndarray


def heights(surface: Surface) -> Heights:
    samples = surface.samples
    start = np.array([surface.distal, surface.lingual]) - 2 * CELL_MM
    shape = np.ceil((np.array([surface.mesial, surface.buccal]) + 2 * CELL_MM - start) / CELL_MM).astype(int) + 1
    cells = np.floor((samples[:, :2] - start) / CELL_MM).astype(int)
    inside = np.flatnonzero(((cells >= 0) & (cells < shape)).all(1))
    inside = inside[np.argsort(samples[inside, 2], kind="stable")]  # the highest is written last
    flat = cells[inside, 0] * shape[1] + cells[inside, 1]
    found = np.full(shape[0] * shape[1], -1)
    found[flat] = inside
    found = found.reshape(shape)
    z = np.where(found >= 0, samples[found, 2], -np.inf)
    for _ in range(2):
        z = _mean_of_nine(z)
    i, j = np.meshgrid(np.arange(shape[0]), np.arange(shape[1]), indexing="ij")
    return Heights(z, found, start + (np.stack([i, j], -1) + .5) * CELL_MM)


def nine(z: np.ndarray, outside: float) -> np.ndarray:
    """[9, X, Y]: every cell and its eight neighbours."""
    padded = np.pad(z, 1, constant_values=outside)
    return np.stack([padded[a:a + z.shape[0], b:b + z.shape[1]] for a in range(3) for b in range(3)])


def _mean_of_nine(z: np.ndarray) -> np.ndarray:
    """The mean over neighbours that are there; a hole between six neighbours is filled, the outline stays."""
    near = nine(z, -np.inf)
    there = np.isfinite(near)
    weights = there * np.array([1, 2, 1, 2, 4, 2, 1, 2, 1])[:, None, None]
    total = weights.sum(0)
    mean = (np.where(there, near, 0) * weights).sum(0) / np.maximum(total, 1)
    return np.where(np.isfinite(z) | (there.sum(0) >= 6), mean, -np.inf)
