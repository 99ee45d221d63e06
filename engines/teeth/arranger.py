"""A trained arrangement network and the case it looks at: from files to the network, from a case to a batch, from z back to poses."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np

from engines.job import EngineError
from engines.teeth import residual, tooth_shapes
from engines.teeth.case import Case, Poses, side
from engines.teeth.tooth_shapes import Shape
from engines.weights import read_header, read_safetensors

if TYPE_CHECKING:
    from torch import Tensor, nn

    from engines.teeth.tadpm import Batch

SHIPPED = "teeth.safetensors"
LEAST_TEETH = 4
_shapes: "WeakKeyDictionary[Case, dict[int, Shape]]" = WeakKeyDictionary()


def find(folder: Path, chosen: Path | None = None) -> Path:
    """The weights to use: a file that was chosen, or the one that ships. EngineError where neither is there."""
    path = chosen or folder / SHIPPED
    if chosen is None and not path.exists():
        raise EngineError("No trained arrangement model ships with this version of Vernier yet.",
                          "Train one with `vernier train teeth --out teeth.safetensors` and name it with --model, or use `vernier teeth fit`.")
    return path


def load(path: Path) -> "nn.Module":
    """The network of a weights file, in float32. EngineError where the file is not one."""
    from engines.teeth.baselines import MODELS
    from engines.teeth.tadpm import Config

    remedy = "Choose a file that `vernier train teeth` wrote."
    try:
        header = json.loads(read_header(path)["vernier"])
        if header["vernier"] != "teeth-arrangement":
            raise ValueError(header["vernier"])
        net = MODELS[header["model"]](Config(**header["config"]))
    except (KeyError, ValueError, TypeError, AssertionError) as error:
        raise EngineError(f"{path.name} is no arrangement model of Vernier.", remedy) from error
    tensors, _ = read_safetensors(path)
    try:
        net.load_state_dict({name: value.float() for name, value in tensors.items()}, strict=False)
    except RuntimeError as error:
        raise EngineError(f"{path.name} does not hold the network it names.", remedy) from error
    if missing := {name for name, _ in net.named_parameters()} - set(tensors):
        raise EngineError(f"{path.name} lacks {len(missing)} parts of its network.", remedy)
    return net.eval()


@dataclass(frozen=True, eq=False)
class View:
    """What the network sees of a case under poses, and the way back. numbers: permanent teeth in the mouth; centres [32, 3] mm in the world."""

    poses: Poses
    numbers: tuple[int, ...]
    batch: "Batch"
    seen: residual.Seen
    centres: np.ndarray

    def moved(self, z: "Tensor | np.ndarray", share: float = 1.0) -> Poses:
        """The poses after moves z [32, 6], each taken `share` of the way; teeth whose z is zero keep exactly the pose they had."""
        z = share * np.asarray(z, np.float64)
        shift, turn = residual.decode(self.seen.frames[0], z)
        back = self.seen.turn[0].T
        poses = dict(self.poses)
        for number in self.numbers:
            k = residual.SLOT[number]
            if np.any(z[k]):
                step = np.eye(4)
                step[:3, :3] = back @ turn[k] @ back.T
                step[:3, 3] = self.centres[k] + back @ shift[k] - step[:3, :3] @ self.centres[k]
                poses[number] = step @ self.poses[number]
        return poses

    def encoded(self, poses: Poses) -> np.ndarray:
        """z [32, 6] that leads to other poses of the same teeth."""
        shift, turn = np.zeros((32, 3)), np.tile(np.eye(3), (32, 1, 1))
        world = self.seen.turn[0]
        for number in self.numbers:
            k = residual.SLOT[number]
            step = poses[number] @ np.linalg.inv(self.poses[number])
            shift[k] = world @ (step[:3, :3] @ self.centres[k] + step[:3, 3] - self.centres[k])
            turn[k] = world @ step[:3, :3] @ world.T
        return residual.encode(self.seen.frames[0], shift, turn)


def view(case: Case, poses: Poses, extracted: tuple[int, ...] = ()) -> View:
    """The case as the network sees it where the poses put its teeth. EngineError below four permanent teeth.

    The crowns are prepared when a case is first seen: about 0.4 s for 28 teeth.
    """
    import torch

    from engines.teeth.tadpm import Batch

    shapes = _prepared(case)
    numbers = tuple(number for number in residual.SLOTS if number in shapes and number in poses)
    if len(numbers) < LEAST_TEETH:
        raise EngineError(f"{case.name} has {len(numbers)} permanent teeth to arrange; {LEAST_TEETH} are needed.", "Plan these teeth by hand.")
    mask, gone = np.zeros((1, 32), bool), np.zeros((1, 32), bool)
    centres, turns = np.zeros((1, 32, 3)), np.tile(np.eye(3), (1, 32, 1, 1))
    points, faces = np.zeros((1, 32, tooth_shapes.POINTS, 6)), np.zeros((1, 32, tooth_shapes.FACES, tooth_shapes.CHANNELS))
    gone[0, [residual.SLOT[number] for number in extracted if number in residual.SLOT]] = True
    for number in numbers:
        k, pose, shape = residual.SLOT[number], poses[number], shapes[number]
        mask[0, k], turns[0, k] = True, pose[:3, :3]
        centres[0, k] = pose[:3, :3] @ shape.centre + pose[:3, 3]
        points[0, k], faces[0, k] = shape.points, shape.faces
    seen = residual.see(centres, points[..., :3] @ turns.swapaxes(2, 3), mask, gone)
    into = (seen.frames.swapaxes(2, 3) @ seen.turn[:, None] @ turns).swapaxes(2, 3)
    for values in (points[..., :3], points[..., 3:], faces[..., -6:-3], faces[..., -3:]):
        values[...] = values @ into
    points[~mask], faces[~mask] = 0, 0
    parts = (points, faces, seen.centres, seen.frames, seen.facts)
    return View(poses, numbers, Batch(torch.from_numpy(mask), *(torch.from_numpy(np.ascontiguousarray(part, np.float32)) for part in parts)), seen, centres[0])


def _prepared(case: Case) -> dict[int, Shape]:
    """The shapes of the permanent teeth of a case, kept as long as the case."""
    held = _shapes.get(case)
    if held is None:
        teeth = {number: tooth for number, tooth in case.teeth.items() if number in residual.SLOT and len(tooth.mesh.faces)}
        mask, centres = np.zeros((1, 32), bool), np.zeros((1, 32, 3))
        for number, tooth in teeth.items():
            mask[0, residual.SLOT[number]], centres[0, residual.SLOT[number]] = True, tooth.centre
        up = residual.case_frames(centres, mask)[0][0][2]
        held = {number: tooth_shapes.shape(tooth.mesh, residual.UP[residual.SLOT[number]] * up, side(number) < 0) for number, tooth in teeth.items()}
        _shapes[case] = held
    return held
