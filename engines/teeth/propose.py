"""Proposals for a case: the network's, the arch-fit's, and the hybrid of both, ready for the window and the command line.

    network   every tooth goes where the diffusion model says
    hybrid    teeth turn as the model says and stand where the arch-fit puts them: rotation transfers to real teeth better than position (teeth_targets.md 3)
"""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from engines.job import EngineError, Job
from engines.teeth import arch_fit, arranger, residual
from engines.teeth.case import Case, Poses
from engines.teeth.contacts import Contacts
from engines.teeth.refining import overlap_mm, refined

if TYPE_CHECKING:
    import torch
    from torch import nn

MODES = ("hybrid", "network")
MOST = 8
STEPS = 25
GUIDE_FROM = 0.5  # of the steps, from where on the sampled overlap steers


@dataclass(frozen=True)
class Ask:
    """What is asked for. strength: share of the way that every tooth goes; refine: share of the overlap refinement (0 = off); guide_mm: how far the sampled
    overlap may push a tooth in one step of the sampler (0 = off)."""

    proposals: int = 1
    seed: int = 0
    locked: tuple[int, ...] = ()
    extracted: tuple[int, ...] = ()
    mode: str = "hybrid"
    strength: float = 1.0
    refine: float = 1.0
    guide_mm: float = 0.0
    steps: int = STEPS

    def __post_init__(self) -> None:
        if not 1 <= self.proposals <= MOST or not 1 <= self.steps <= 250 or self.seed < 0:
            raise ValueError(f"1 to {MOST} proposals, 1 to 250 steps and a seed that is not negative")
        if self.mode not in MODES or not 0 <= self.strength <= 1 or not 0 <= self.refine <= 1 or not 0 <= self.guide_mm <= 1:
            raise ValueError(f"the mode is one of {', '.join(MODES)}; strength, refinement and guide are from 0 to 1")


@dataclass(frozen=True, eq=False)
class Step:
    """News of the sampler: where the teeth of every proposal stand after step k of `steps`."""

    k: int
    steps: int
    poses: tuple[Poses, ...]


@dataclass(frozen=True, eq=False)
class Proposals:
    """poses of every proposal, of their consensus, and of the arch-fit beside them; spread_mm and spread_deg: how far the proposals are apart, by tooth;
    overlap_mm: of the start, the arch-fit, the consensus and each proposal; seconds."""

    poses: tuple[Poses, ...]
    consensus: Poses
    fit: Poses
    spread_mm: dict[int, float]
    spread_deg: dict[int, float]
    overlap_mm: dict[str, float]
    seconds: float


def propose(net: "nn.Module", case: Case, poses: Poses, ask: Ask, contacts: Contacts | None = None, job: Job | None = None) -> Proposals:
    """Proposals from where the poses put the teeth; locked teeth keep exactly their poses. EngineError for a network without proposals or a case it cannot see.

    The job hears of progress, and of a Step after every step of the sampler. Deterministic in the seed; proposal k is the same whatever their number.
    """
    from engines.teeth import tadpm_sampling
    from engines.teeth.tadpm import Tadpm

    if not isinstance(net, Tadpm):
        raise EngineError("This model was trained to be compared with and makes no proposals.", "Choose a model trained with --model tadpm.")
    job, contacts, clock = job or Job(), contacts or Contacts(case), time.monotonic()
    seen = arranger.view(case, poses, ask.extracted)
    z = sampled(net, seen, ask, job)
    fit = arch_fit.fit(case, poses, locked=ask.locked, contacts=contacts, job=job)
    base = arch_fit.fit(case, poses, locked=ask.locked, contacts=contacts, turn=0.0, job=job) if ask.mode == "hybrid" else None
    every = [*z, tadpm_sampling.consensus(z)] if len(z) > 1 else [z[0]]
    made = []
    for k, one in enumerate(every):
        job.progress(k, len(every), "Parting teeth that overlap")
        made.append(_finished(case, seen, one.numpy(), base, ask, contacts, job))
    mm, deg = tadpm_sampling.spread(z)
    rows = {"start": poses, "arch-fit": fit, "consensus": made[-1]} | {f"proposal {k}": one for k, one in enumerate(made[:len(z)])}
    return Proposals(tuple(made[:len(z)]), made[-1], fit, {n: float(mm[residual.SLOT[n]]) for n in seen.numbers},
                     {n: float(deg[residual.SLOT[n]]) for n in seen.numbers},
                     {name: round(overlap_mm(contacts, stand), 3) for name, stand in rows.items()}, time.monotonic() - clock)


def sampled(net: "nn.Module", seen: arranger.View, ask: Ask, job: Job):
    """z [N, 32, 6] of the proposals: the case is encoded once."""
    import torch

    from engines.teeth import tadpm_sampling

    locked = torch.zeros(len(residual.SLOTS), dtype=torch.bool)
    locked[[residual.SLOT[number] for number in ask.locked if number in residual.SLOT]] = True
    with torch.no_grad():
        features = net.features(seen.batch)
    job.check()

    def each(k: int, z: torch.Tensor) -> None:
        job.progress(k + 1, ask.steps, f"Step {k + 1} of {ask.steps}")
        job.news(Step(k + 1, ask.steps, tuple(seen.moved(one, ask.strength) for one in z)))
    guide = tadpm_sampling.overlap_guide(seen.batch, ask.guide_mm) if ask.guide_mm else None
    return tadpm_sampling.sample(net, features, seen.batch.mask, tadpm_sampling.seeded(ask.seed, ask.proposals), ask.steps, locked, guide, each,
                                 GUIDE_FROM)


def expected(net: "nn.Module", seen: arranger.View, seed: int = 0) -> "torch.Tensor":
    """z [32, 6]: where the proposals go on average, from one call at the highest noise level, over eight noises."""
    import torch

    from engines.teeth import tadpm_sampling

    with torch.no_grad():
        return tadpm_sampling.consensus(tadpm_sampling.expected(net, net.features(seen.batch), seen.batch.mask, tadpm_sampling.seeded(seed, MOST)))


def _finished(case: Case, seen: arranger.View, z: np.ndarray, base: Poses | None, ask: Ask, contacts: Contacts, job: Job) -> Poses:
    """One proposal as poses: by its mode, taken part of the way, then refined."""
    poses = seen.moved(z)
    if base is not None:
        poses = hybrid(seen, poses, base)
    if ask.strength < 1:
        poses = seen.moved(seen.encoded(poses), ask.strength)
    poses |= {number: seen.poses[number] for number in ask.locked if number in seen.poses}
    return refined(case, poses, contacts, ask.locked, ask.refine, job) if ask.refine else poses


def hybrid(seen: arranger.View, turned: Poses, base: Poses) -> Poses:
    """Every tooth's rotation from one setup, the place of its crown's centre from another."""
    made = dict(base)
    for number in seen.numbers:
        back = np.linalg.inv(seen.poses[number])
        centre = seen.centres[residual.SLOT[number]]
        step, place = turned[number] @ back, base[number] @ back
        new = np.eye(4)
        new[:3, :3] = step[:3, :3]
        new[:3, 3] = place[:3, :3] @ centre + place[:3, 3] - step[:3, :3] @ centre
        made[number] = new @ seen.poses[number]
    return made
