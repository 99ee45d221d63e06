"""The 3D morphable head that training pairs are rendered from: its file, its regions, and the mouth that its weights make.

The file is `--head FILE.npz` (ICT-FaceKit light, MIT, (c) 2020 USC Institute for Creative Technologies); it is not part of Vernier.
Axes as in the file: x to the person's left, y up, z forwards, cm. Vertex numbers are the model's own:
face 0-9408, head and neck 9409-11247, mouth socket 11248-13293, eye sockets 13294-14061, gums and tongue 14062-17038, teeth 17039-21450
(upper to 19246), eyeballs 21451-24590. Lacrimal fluid, eye occlusion, blend cards and lashes hide the eye and are left out.
"""

import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from engines.job import EngineError

SKIN, NECK, SOCKET, GUMS, UPPER_TEETH, LOWER_TEETH, EYES = range(7)
_LIMITS = ((SKIN, 0, 9409), (NECK, 9409, 11248), (SOCKET, 11248, 13294), (GUMS, 14062, 17039), (UPPER_TEETH, 17039, 19247),
           (LOWER_TEETH, 19247, 21451), (EYES, 21451, 24591))
VERTICES = 26719
# Multi-PIE landmarks as vertices: outer and inner lip ring from the person's right corner over the upper lip, then the lower lip back
OUTER_LIP = (5708, 5695, 2081, 0, 4275, 6200, 6213, 6346, 6461, 5518, 5957, 5841)
INNER_LIP = (5702, 5711, 5533, 6216, 6207, 6470, 5517, 5966)
NOSE_BASE, NOSE_BRIDGE, CHIN, RIGHT_EYE, LEFT_EYE = 1147, 978, 966, 1507, 3721  # outer corners of the eyes
MOUTH_SHAPES = ("jawOpen", "mouthClose", "mouthPress", "mouthRollLower", "mouthRollUpper", "mouthUpperUp", "mouthLowerDown", "mouthSmile",
                "mouthStretch", "mouthPucker", "mouthFunnel", "mouthShrugLower", "mouthDimple")
STILL_SHAPES = ("browDown", "browInnerUp", "browOuterUp", "cheekRaiser", "eyeBlink", "eyeSquint", "eyeWide", "mouthFrown", "mouthSmile",
                "noseSneer", "eyeLookDown", "eyeLookIn", "eyeLookOut", "eyeLookUp")
_FIELDS = {"neutral": (VERTICES, 3), "faces": (None, 4), "faces_uv": (None, 4), "uv": (None, 2), "identity": (None, VERTICES, 3),
           "expression": (None, VERTICES, 3), "expression_names": (None,)}


@dataclass(frozen=True)
class Head:
    """neutral [V, 3] cm; identity [K, V, 3], standard normal coefficients; shapes: name -> [V, 3]; left and right kept as NAME_L, NAME_R.

    triangles [T, 3] vertices, corners_uv [T, 3] rows of uv [U, 2], part [T] of the constants above.
    """

    neutral: np.ndarray
    identity: np.ndarray
    shapes: dict[str, np.ndarray]
    triangles: np.ndarray
    corners_uv: np.ndarray
    uv: np.ndarray
    part: np.ndarray

    @cached_property
    def part_of_vertex(self) -> np.ndarray:
        """[V] part, -1 for what is never drawn."""
        found = np.full(len(self.neutral), -1)
        for part, low, high in _LIMITS:
            found[low:high] = part
        return found

    @cached_property
    def tongue(self) -> np.ndarray:
        """[V, 3] offsets of a raised tongue tip: the model has no such shape. Soft inside the lower arch, nothing at the gums."""
        jaw = np.linalg.norm(self.whole("jawOpen"), axis=1)
        below = (self.part_of_vertex == GUMS) & (jaw > 0.5 * jaw[19247:21451].mean())
        teeth = self.neutral[19247:21451:4]
        offset = np.zeros_like(self.neutral)
        inside = np.flatnonzero(below)
        here = self.neutral[inside]
        gap = np.sqrt(((here[:, None] - teeth[None]) ** 2).sum(-1).min(1))
        soft = np.clip((gap - 0.15) / 0.45, 0, 1)
        front = np.clip((here[:, 2] - 5.5) / 3.5, 0, 1)
        offset[inside, 1] = 1.15 * soft * (0.35 + 0.65 * front)
        offset[inside, 2] = 1.5 * soft * front
        return offset

    def whole(self, name: str) -> np.ndarray:
        """[V, 3] of a shape, both sides of it together where the model has two."""
        if name in self.shapes:
            return self.shapes[name]
        return self.shapes[f"{name}_L"] + self.shapes[f"{name}_R"]

    @cached_property
    def mouth_basis(self) -> np.ndarray:
        """[len(MOUTH_SHAPES) + 1, V, 3]: the shapes that speech moves, the tongue last."""
        return np.stack([self.whole(name) for name in MOUTH_SHAPES] + [self.tongue])


def load(path: Path) -> Head:
    """The head in a file. EngineError naming it when it is missing, no archive, or not this model."""
    path = Path(path)
    remedy = "Give the morphable head as --head ict_facekit_light.npz."
    try:
        with np.load(path, allow_pickle=False) as file:
            missing = sorted(set(_FIELDS) - set(file.files))
            if missing:
                raise EngineError(f"{path.name} is not the morphable head: it has no {', '.join(missing)}.", remedy)
            arrays = {name: file[name] for name in _FIELDS}
    except OSError as error:
        raise EngineError(f"{path.name} could not be read: {error.strerror or error}.", remedy) from error
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise EngineError(f"{path.name} is no readable .npz archive.", remedy) from error
    for name, shape in _FIELDS.items():
        if arrays[name].ndim != len(shape) or any(want not in (None, got) for want, got in zip(shape, arrays[name].shape, strict=True)):
            raise EngineError(f"{path.name} is not the morphable head: {name} is {arrays[name].shape}.", remedy)
    names = [str(name) for name in arrays["expression_names"]]
    shapes = {name: arrays["expression"][k].astype(np.float32) for k, name in enumerate(names)}
    lacking = [name for name in MOUTH_SHAPES + STILL_SHAPES if name not in shapes and f"{name}_L" not in shapes]
    if lacking:
        raise EngineError(f"{path.name} is not the morphable head: it has no shape {lacking[0]}.", remedy)
    triangles, corners_uv = split(arrays["faces"], arrays["faces_uv"])
    part = _parts(triangles)
    drawn = part >= 0
    return Head(arrays["neutral"].astype(np.float32), arrays["identity"].astype(np.float32), shapes, triangles[drawn], corners_uv[drawn],
                arrays["uv"].astype(np.float32), part[drawn])


def split(faces: np.ndarray, faces_uv: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Triangles [T, 3] and their uv rows of faces with three or four corners (fourth -1)."""
    four = faces[:, 3] >= 0
    return (np.concatenate([faces[:, :3], faces[four][:, [0, 2, 3]]]).astype(np.int64),
            np.concatenate([faces_uv[:, :3], faces_uv[four][:, [0, 2, 3]]]).astype(np.int64))


def _parts(triangles: np.ndarray) -> np.ndarray:
    """Part of each triangle by its highest vertex, so that a seam belongs to the inner part; -1 is not drawn."""
    highest, found = triangles.max(1), np.full(len(triangles), -1)
    for part, low, high in _LIMITS:
        found[(highest >= low) & (highest < high)] = part
    return found


def normals(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Unit normals [V, 3] outwards, the mean of the triangles around each vertex weighed by area; nought where there are none."""
    x, y, z = (np.ascontiguousarray(points[:, k]) for k in range(3))
    a, b, c = (np.ascontiguousarray(triangles[:, k]) for k in range(3))
    ux, uy, uz, vx, vy, vz = x[b] - x[a], y[b] - y[a], z[b] - z[a], x[c] - x[a], y[c] - y[a], z[c] - z[a]
    face, corners = (uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx), np.concatenate([a, b, c])
    total = np.stack([np.bincount(corners, np.tile(part, 3), len(points)) for part in face], 1).astype(np.float32)
    length = np.sqrt((total * total) @ np.ones(3, np.float32))
    return total / np.maximum(length, 1e-12)[:, None]
