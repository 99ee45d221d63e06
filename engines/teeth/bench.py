"""How fast the Teeth engine is: medians of CPU seconds on one core, and ratios against a named alternative that runs in turn with it.

    contacts / trees   all contacts of 28 teeth after a move, against k-d trees of the moved vertices, asked with those of the teeth beside and opposite
    eight / singles    eight proposals of the arrangement model, against eight times one: the case is encoded once and the arch is fitted once
"""

import time
from collections.abc import Callable
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

from engines.job import Job
from engines.teeth import arch_fit, dentition, fdi, occlusogram, propose, stages
from engines.teeth.case import Poses, from_dentition
from engines.teeth.contacts import Contacts
from engines.teeth.poses import moves_of
from engines.teeth.request import Limits, Plan

if TYPE_CHECKING:
    from torch import nn

STAGES = 30  # at least, of the plan that is staged: the way to the aligned arch
LIMITS = {"contacts_s": 0.015, "occlusogram_s": 0.1, "fit_s": 1.5, "stages_s": 3.0, "first_s": 1.5, "eight_s": 3.0,
          "contacts_over_trees": 0.25, "eight_over_singles": 0.5}  # two CPU cores


def measure(net: "nn.Module", seed: int, repeats: int, job: Job) -> dict[str, Any]:
    """Seconds and ratios on a generated case of 28 teeth, with an arrangement model; `met` compares them with the targets."""
    case = from_dentition(dentition.generate(dentition.Wish(seed=seed)))
    contacts = Contacts(case)
    clock = time.process_time()
    contacts.build(job)
    built = time.process_time() - clock
    random = np.random.default_rng(seed)
    start = {number: np.eye(4) for number in case.teeth}

    def nudged() -> Poses:
        poses = {number: np.eye(4) for number in start}
        for pose in poses.values():
            pose[:3, 3] = random.normal(0, .1, 3)
        return poses
    upper = list(case.of("upper"))
    aligned = Plan().with_moves(moves_of(case, case.reference))
    limits = Limits()
    while stages.stage(case, aligned, limits, job=job).count < STAGES:
        limits = Limits(*(.8 * value for value in (limits.translation_mm, limits.extrusion_mm, limits.rotation_deg, limits.tip_deg, limits.torque_deg)))
    ways: dict[str, Callable[[], Any]] = {
        "contacts": lambda: contacts.measured(nudged()), "trees": lambda: _trees(contacts, nudged()),
        "occlusogram": lambda: occlusogram.preview(contacts, nudged(), upper), "fit": lambda: arch_fit.fit(case, start, contacts=contacts),
        "stages": lambda: stages.stage(case, aligned, limits, job=job),
        "first": lambda: propose.propose(net, case, start, propose.Ask(1), contacts),
        "eight": lambda: propose.propose(net, case, start, propose.Ask(propose.MOST), contacts),
        "singles": lambda: [propose.propose(net, case, start, propose.Ask(1, k), contacts) for k in range(propose.MOST)]}
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for way in ways.values():
        way()  # warm-up
    for k in range(repeats):
        for way in list(ways) if k % 2 == 0 else list(ways)[::-1]:
            job.progress(k, repeats, way)
            clock = time.process_time()
            ways[way]()
            seconds[way].append(time.process_time() - clock)
    found = {f"{way}_s": round(median(values), 5) for way, values in seconds.items()}
    for one, other in (("contacts", "trees"), ("eight", "singles")):
        found[f"{one}_over_{other}"] = round(median(a / b for a, b in zip(seconds[one], seconds[other], strict=True)), 3)
    return {"teeth": len(case.teeth), "triangles": sum(len(tooth.mesh.faces) for tooth in case.teeth.values()), "repeats": repeats, "build_s": round(built, 3),
            **found, "limits": LIMITS, "met": {name: found[name] <= limit for name, limit in LIMITS.items()}}


def _trees(contacts: Contacts, poses: Poses) -> dict[tuple[int, int], float]:
    """Least distance between vertices of neighbours and of antagonists whose crowns come near: no sign, no depth."""
    from scipy.spatial import cKDTree

    stand = {number: contacts.case.teeth[number].mesh.vertices @ pose[:3, :3].T + pose[:3, 3] for number, pose in poses.items()}
    trees = {number: cKDTree(points) for number, points in stand.items()}
    pairs = fdi.neighbours(tuple(poses))
    low, high = ({number: f(points, axis=0) for number, points in stand.items()} for f in (np.min, np.max))
    pairs += [(a, b) for a in poses for b in poses if fdi.is_upper(a) and not fdi.is_upper(b) and (low[a] < high[b]).all() and (low[b] < high[a]).all()]
    return {(a, b): float(trees[b].query(stand[a])[0].min()) for a, b in pairs}
