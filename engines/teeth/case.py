"""A dental case as the Teeth engine holds it, whatever files it came from.

World axes: millimetres, right-handed, x to the PATIENT'S LEFT, y BACKWARDS, z UP. Every mesh of a case is in world axes, the teeth where the
patient has them (the start). A plan moves them by 4 x 4 matrices, world to world, that act on these start meshes: identity = not moved.
Frame of a tooth: right-handed, y buccal, z occlusal, x mesial in quadrants 1 and 3 and distal in 2 and 4 (`side(number)` gives the sign).
"""

from dataclasses import dataclass, field, replace

import numpy as np

from engines.teeth import fdi
from engines.teeth.mesh import Mesh

JAWS = ("upper", "lower")
Poses = dict[int, np.ndarray]  # FDI -> [4, 4] float64, world to world


def side(number: int) -> int:
    """+1 where the x axis of a tooth's frame points to mesial, -1 where to distal."""
    return 1 if number // 10 in (1, 3, 5, 7) else -1


def jaw(number: int) -> str:
    return "upper" if fdi.is_upper(number) else "lower"


@dataclass(frozen=True, eq=False)
class Tooth:
    """number: FDI. mesh: mm, world axes, as the file has it (full detail, maybe open at the gum). frame [4, 4]: the tooth's axes and the centre of its
    crown, in the world. landmarks: name -> [3] mm in the world (names as in crowns.Crown). source: the file it came from."""

    number: int
    mesh: Mesh
    frame: np.ndarray
    landmarks: dict[str, np.ndarray] = field(default_factory=dict)
    source: str = ""

    @property
    def centre(self) -> np.ndarray:
        """[3] mm."""
        return self.frame[:3, 3]

    def axis(self, which: str) -> np.ndarray:
        """[3] unit vector to mesial, buccal or occlusal, in the world."""
        column, sign = {"mesial": (0, side(self.number)), "buccal": (1, 1), "occlusal": (2, 1)}[which]
        return sign * self.frame[:3, column]


@dataclass(frozen=True)
class Question:
    """Something about the files that only a person can say. field: numbering, units, orientation or jaw; guess: what was taken meanwhile."""

    field: str
    text: str
    guess: str
    choices: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Case:
    """teeth by FDI number, upper right to left, then lower right to left. gums and scans by jaw (a scan is a whole arch without labels, still to be
    segmented). to_world [4, 4]: from the input's axes, in mm, to the world (a mirrored scan has a negative determinant). hashes: file name -> sha256.
    reference: a setup that came with the case (a post-treatment model, the generator's aligned arch) as poses. notices: what went wrong with which
    file and what to do; the rest of the case is here. numbering_confidence: 0-1, how sure it is that the files number by `numbering`."""

    name: str
    teeth: dict[int, Tooth] = field(default_factory=dict)
    gums: dict[str, Mesh] = field(default_factory=dict)
    scans: dict[str, Mesh] = field(default_factory=dict)
    units: str = "mm"
    numbering: str = "fdi"
    to_world: np.ndarray = field(default_factory=lambda: np.eye(4))
    hashes: dict[str, str] = field(default_factory=dict)
    reference: Poses | None = None
    notices: tuple[str, ...] = ()
    questions: tuple[Question, ...] = ()
    numbering_confidence: float = 1.0

    def of(self, which: str) -> dict[int, Tooth]:
        """The teeth of one jaw, from the patient's right to the left."""
        return {number: self.teeth[number] for number in sorted(self.teeth, key=order) if jaw(number) == which}

    def with_teeth(self, teeth: dict[int, Tooth]) -> "Case":
        return replace(self, teeth={number: teeth[number] for number in sorted(teeth, key=order)})


def order(number: int) -> int:
    """Sorts upper right to left, then lower right to left; a deciduous tooth beside its successor."""
    permanent = number if number < 50 else number - 40
    return 2 * fdi.PERMANENT.index(permanent) + (number > 50)


def moved(case: Case, poses: Poses) -> Case:
    """The case with its teeth (meshes, frames, landmarks) where the poses put them; a tooth without a pose stays."""
    teeth = {}
    for number, tooth in case.teeth.items():
        matrix = poses.get(number)
        if matrix is not None:
            points = {name: matrix[:3, :3] @ point + matrix[:3, 3] for name, point in tooth.landmarks.items()}
            tooth = replace(tooth, mesh=tooth.mesh.moved(matrix), frame=matrix @ tooth.frame, landmarks=points)
        teeth[number] = tooth
    return replace(case, teeth=teeth)


def from_dentition(made: "object", name: str = "") -> Case:
    """The case of a generated dentition (dentition.Dentition): its start, its gums, its aligned arch as the reference."""
    teeth, reference = {}, {}
    for number, tooth in made.teeth.items():
        crown, start = tooth.crown, tooth.start
        heights = crown.mesh.vertices[:, 2]
        middle = np.eye(4)
        middle[:3, 3] = (0.0, float(crown.mesh.vertices[heights > 0, 1].mean()), float(heights.max()) / 2)
        landmarks = {key: start[:3, :3] @ point + start[:3, 3] for key, point in crown.landmarks.items() if key != "facial_up"}
        teeth[number] = Tooth(number, crown.mesh.moved(start), start @ middle, landmarks, f"{number}")
        reference[number] = tooth.aligned @ np.linalg.inv(start)
    return Case(name or f"generated {made.wish.seed}", teeth, {"upper": made.upper_gum, "lower": made.lower_gum}, reference=reference)
