"""A triangle mesh as the Teeth engine holds it: plain arrays, millimetres."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Mesh:
    """vertices float32 [V, 3] in mm, faces int32 [F, 3], counter-clockwise seen from outside. ValueError on other shapes or indices out of range."""

    vertices: np.ndarray
    faces: np.ndarray

    def __post_init__(self) -> None:
        vertices = np.ascontiguousarray(self.vertices, np.float32).reshape(-1, 3)
        faces = np.ascontiguousarray(self.faces, np.int32).reshape(-1, 3)
        if faces.size and not 0 <= faces.min() <= faces.max() < len(vertices):
            raise ValueError("a face names a vertex that is not there")
        object.__setattr__(self, "vertices", vertices)
        object.__setattr__(self, "faces", faces)

    def corners(self) -> np.ndarray:
        """[F, 3, 3] float64: the three corners of every face."""
        return self.vertices.astype(np.float64)[self.faces]

    def areas(self) -> np.ndarray:
        """[F] mm^2."""
        a, b, c = self.corners().swapaxes(0, 1)
        return 0.5 * np.linalg.norm(np.cross(b - a, c - a), axis=1)

    def moved(self, matrix: np.ndarray) -> "Mesh":
        """Under a 4 x 4 matrix that acts on column vectors; a mirror turns the faces round, so that they still look outwards."""
        vertices = self.vertices.astype(np.float64) @ matrix[:3, :3].T + matrix[:3, 3]
        return Mesh(vertices, self.faces[:, ::-1] if np.linalg.det(matrix[:3, :3]) < 0 else self.faces)
