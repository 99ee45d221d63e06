"""Cases that no training sees, each with the aligned setup it was disturbed from as its reference. Committed as seeds.

    holdout-a   dentitions of the generator (dentition.py), disturbed by teeth.md 3.7
    holdout-b   crowns and arches of a family of their own (crown_bank.SHIFTED, wide_layouts.SHIFTED), disturbed in the same way
    disturbed   any aligned case, scans of real teeth among them, disturbed in the same way

The rigid part of every jaw's disturbance is taken away: nobody could know it. Trainings use seeds of their own and the families "made" and "internal".
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from engines.job import EngineError, Job
from engines.teeth import crown_bank, dentition, disturb, fdi, frames, residual, training_cases, wide_layouts
from engines.teeth.arranger import LEAST_TEETH
from engines.teeth.case import Case, Poses, Tooth, from_dentition, moved
from engines.teeth.mesh import Mesh
from engines.teeth.metrics import procrustes
from engines.teeth.tadpm import KIND

NAMES = ("holdout-a", "holdout-b")
CASES = 200
FIRST = {"holdout-a": 910_000, "holdout-b": 920_000}  # seeds are FIRST + k


def cases(name: str, count: int = CASES, job: Job | None = None) -> Iterator[Case]:
    """The first `count` cases of a hold-out. ValueError for an unknown name."""
    if name not in NAMES:
        raise ValueError(f"a hold-out is one of {', '.join(NAMES)}")
    make = generated if name == "holdout-a" else shifted
    for k in range(count):
        if job is not None:
            job.check()
        yield make(FIRST[name] + k)


def generated(seed: int) -> Case:
    """A dentition of the generator whose start is its aligned arch, disturbed."""
    made = dentition.generate(dentition.Wish(seed=seed))
    offsets = disturb.draw(tuple(made.teeth), np.random.default_rng([seed, 37]))
    aligned = made.poses("aligned")
    start = {n: disturb.apply(tooth.crown, aligned[n], offsets[n]) for n, tooth in made.teeth.items()}
    start = without_rigid({n: tooth.crown.mesh for n, tooth in made.teeth.items()}, start, aligned)
    teeth = {n: replace(tooth, start=start[n]) for n, tooth in made.teeth.items()}
    return from_dentition(replace(made, teeth=teeth), f"hold-out A {seed}")


def disturbed(case: Case, seed: int) -> Case:
    """A case whose teeth stand as they should, with its permanent teeth disturbed by teeth.md 3.7; where they stood is its reference.

    Teeth turn about the centre of their crown, along the axes that the case has for them. EngineError below four permanent teeth.
    """
    numbers = tuple(number for number in residual.SLOTS if number in case.teeth)
    if len(numbers) < LEAST_TEETH:
        raise EngineError(f"{case.name} has {len(numbers)} permanent teeth; {LEAST_TEETH} are needed.", "Choose cases with more teeth.")
    offsets = disturb.draw(numbers, np.random.default_rng([seed, 37]))
    start = {number: disturb.moved(case.teeth[number].frame, number, offsets[number], np.zeros(3)) @ np.linalg.inv(case.teeth[number].frame)
             for number in numbers}
    start = without_rigid({number: case.teeth[number].mesh for number in numbers}, start, {number: np.eye(4) for number in numbers})
    kept = replace(case, teeth={number: case.teeth[number] for number in numbers})
    return replace(moved(kept, start), name=f"{case.name} disturbed {seed}", reference={number: np.linalg.inv(pose) for number, pose in start.items()})


def without_rigid(meshes: dict[int, Mesh], start: Poses, aligned: Poses) -> Poses:
    """The start after one rigid movement a jaw that brings it nearest to the aligned arch."""
    made = {}
    for upper in (True, False):
        row = {n: np.asarray(mesh.vertices, np.float64) for n, mesh in meshes.items() if fdi.is_upper(n) == upper}
        if row:
            nearer = procrustes(row, start, aligned)
            made |= {n: nearer @ start[n] for n in row}
    return {n: made[n] for n in start}


def shifted(seed: int) -> Case:
    """A mouth of the shifted family: meshes at the start, frames found from geometry as for any scan."""
    bank = crown_bank.Bank(seed, 1, crown_bank.SHIFTED["holdout-b"])
    mouth = training_cases.mouth(bank, np.random.default_rng([seed, 37]), wide_layouts.SHIFTED["holdout-b"], 1.0)
    meshes, reference = {}, {}
    for number in (n for n in residual.SLOTS if mouth.mask[residual.SLOT[n]]):
        k = residual.SLOT[number]
        start, aligned = np.eye(4), np.eye(4)
        start[:3, :3], start[:3, 3] = mouth.size * mouth.start_turns[k], mouth.start_centres[k]
        aligned[:3, :3], aligned[:3, 3] = mouth.size * mouth.turns[k], mouth.centres[k]
        meshes[number] = bank.meshes[int(KIND[k]), 0].moved(start)
        reference[number] = aligned @ np.linalg.inv(start)
    axes = frames.of_teeth(meshes)
    return Case(f"hold-out B {seed}", {number: Tooth(number, mesh, axes[number]) for number, mesh in meshes.items()}, reference=reference)
