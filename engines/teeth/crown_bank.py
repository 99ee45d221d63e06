"""Crowns for training the arrangement network: the generator's, varied so widely that real crowns lie inside [domain randomisation].

Crown axes: x mesial, y buccal, z occlusal, whatever the side; a left crown is the mirror image of a right one. A bank holds EACH crowns of every type and
replaces one after every step, so that a long training sees new ones all the time; its state is a function of seed and step alone.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from engines.teeth import tooth_shapes
from engines.teeth.crowns import crown
from engines.teeth.mesh import Mesh

NUMBERS = (*range(11, 19), *range(31, 39))  # x is mesial there: one of each type, upper then lower
EACH, POINTS = 48, 192
AFFINE, SHEAR, WARP_MM, NOISE_MM, GUM_CUT = 0.07, 0.06, 0.14, 0.04, 0.25
BASES = (("open", .7), ("capped", .15), ("root", .15))
MESHES = ((80, 30), (56, 24), (40, 18), (28, 14))  # vertices round and rings: fine to coarse


@dataclass(frozen=True)
class Family:
    """How crowns differ from the generator's as a whole: bulge, taper and squash of their profiles in parts; 0 = as they are made."""

    name: str = "made"
    bulge: float = 0.0
    taper: float = 0.0
    squash: float = 0.0


MADE = Family()
SHIFTED = {"internal": Family("internal", .06, -.10, .85), "holdout-b": Family("holdout-b", -.05, .12, 1.2)}


@dataclass(frozen=True, eq=False)
class Variant:
    """mesh in crown axes; edge and anchor (central fossa of upper side teeth, else the edge) [3] mm; lean: of the facial axis, rad."""

    mesh: Mesh
    edge: np.ndarray
    anchor: np.ndarray
    lean: float


def variant(kind: int, random: np.random.Generator, family: Family = MADE) -> Variant:
    """One crown of a type (an index of NUMBERS)."""
    around, up = MESHES[random.choice(len(MESHES), p=(.5, .2, .2, .1))]
    base = BASES[random.choice(len(BASES), p=[share for _, share in BASES])][0]
    scale = np.exp(AFFINE * random.standard_normal(3).clip(-2.5, 2.5))
    made = crown(NUMBERS[kind], np.random.default_rng(random.integers(2**63)), tuple(scale), base, around, up)
    points = made.mesh.vertices.astype(np.float64)
    shear = np.eye(3) + SHEAR * random.standard_normal((3, 3)).clip(-2, 2) * (1 - np.eye(3))
    waves, phases = random.normal(0, 1 / 3.5, (4, 3)), random.uniform(0, 2 * np.pi, 4)
    pushes = random.normal(0, WARP_MM / np.sqrt(2), (4, 3))
    height = float(points[:, 2].max())

    def bent(at: np.ndarray) -> np.ndarray:
        share = np.clip(at[..., 2:] / height, 0, 1)
        profile = 1 + family.bulge * np.sin(np.pi * share) + family.taper * (share - .5)
        made = at * np.concatenate([profile, profile, np.ones_like(share)], -1)
        if family.squash:  # flatter or steeper cusps
            over = np.maximum(made[..., 2] - .7 * height, 0)
            made[..., 2] += (family.squash - 1) * over
        made = made @ shear.T
        return made + np.sin(made @ waves.T + phases) @ pushes
    moved = bent(points) + random.normal(0, NOISE_MM, points.shape) * (random.random() < .7)
    faces = made.mesh.faces
    if random.random() < .6:
        kept = points[faces, 2].mean(1) > GUM_CUT * random.random() * height
        faces = faces[kept]
    marks = made.landmarks
    edge = bent(marks["edge"])
    fossa = kind < 8 and kind > 2
    facial = shear @ marks["facial_up"]
    return Variant(Mesh(moved, faces), edge, bent(marks["central_fossa"]) if fossa else edge, float(np.arctan2(facial[1], facial[2])))


class Bank:
    """points [16, n, POINTS, 6], faces [16, n, FACES, CHANNELS], edges and anchors [16, n, 3] about the crown's centre, leans [16, n]; float32."""

    def __init__(self, seed: int, each: int = EACH, family: Family = MADE, step: int = 0, check: Callable[[], None] = lambda: None) -> None:
        self.seed, self.each, self.family, self.step = seed, each, family, step
        kinds = len(NUMBERS)
        self.points = np.zeros((kinds, each, POINTS, 6), np.float32)
        self.faces = np.zeros((kinds, each, tooth_shapes.FACES, tooth_shapes.CHANNELS), np.float32)
        self.edges, self.anchors, self.leans = np.zeros((kinds, each, 3)), np.zeros((kinds, each, 3)), np.zeros((kinds, each))
        self.meshes: dict[tuple[int, int], Mesh] = {}  # about the crown's centre
        for entry in range(kinds * each):
            check()
            self._make(entry)

    def advance(self) -> None:
        """To the next step: one crown is replaced."""
        entry = self.step % (len(NUMBERS) * self.each)
        self.step += 1
        self._make(entry)

    def _make(self, entry: int) -> None:
        many = len(NUMBERS) * self.each
        generation = (self.step - entry + many - 1) // many  # how often this entry was replaced before this step
        random = np.random.default_rng([self.seed, entry, generation])
        kind, k = entry % len(NUMBERS), entry // len(NUMBERS)
        made = variant(kind, random, self.family)
        seen = tooth_shapes.shape(made.mesh, np.array([0.0, 0.0, 1.0]), count=POINTS, seed=int(random.integers(2**31)))
        self.meshes[kind, k] = Mesh(made.mesh.vertices - seen.centre, made.mesh.faces)
        self.points[kind, k], self.faces[kind, k] = seen.points, seen.faces
        self.edges[kind, k], self.anchors[kind, k], self.leans[kind, k] = made.edge - seen.centre, made.anchor - seen.centre, made.lean
