"""Proposals for a case, ready for the window and the command line: of the diffusion model, or of it and the arch-fit together.

    blend     half the model's move and half the arch-fit's, place and turn: their errors on real arches are different ones
    network   every tooth goes where the model says
    hybrid    teeth turn as the model says and stand where the arch-fit puts them [teeth_targets.md 3]

The first proposal is the consensus: the expected move (tadpm_sampling.expected). The others are draws, each as likely as the model holds it to be, and so
farther from the truth than their mean. With locked teeth the consensus is the mean of eight draws that keep them.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
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

MODES = ("blend", "hybrid", "network")
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
    mode: str = "blend"
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
    """News of the sampler: where the teeth of the consensus stand after step k of `steps`."""

    k: int
    steps: int
    poses: Poses


@dataclass(frozen=True, eq=False)
class Fits:
    """The arch-fit from the same start: with its own turns (for the blend), and without any (for the hybrid to stand on)."""

    turned: Poses
    level: Poses


@dataclass(frozen=True, eq=False)
class Proposals:
    """poses of every proposal, the consensus first, and of the arch-fit beside them; spread_mm and spread_deg: how far the proposals are apart, by tooth,
    as they stand in the end; overlap_mm: of the start, the arch-fit and each proposal; seconds.

    far: of every proposal, where its teeth would stand after the whole way and without refinement. z [N, 32, 6] and fits: for `finish`, which needs no network.
    """

    poses: tuple[Poses, ...]
    fit: Poses
    spread_mm: dict[int, float]
    spread_deg: dict[int, float]
    overlap_mm: dict[str, float]
    seconds: float
    far: tuple[Poses, ...]
    z: np.ndarray
    fits: Fits


def propose(net: "nn.Module", case: Case, poses: Poses, ask: Ask, contacts: Contacts | None = None, job: Job | None = None) -> Proposals:
    """Proposals from where the poses put the teeth; locked teeth keep exactly their poses. EngineError for a network without proposals or a case it cannot see.

    The job hears of progress, and of a Step after every step of the sampler. Deterministic in the seed; proposal k is the same whatever their number.
    """
    from engines.teeth.tadpm import Tadpm

    if not isinstance(net, Tadpm):
        raise EngineError("This model was trained to be compared with and makes no proposals.", "Choose a model trained with --model tadpm.")
    job, contacts, clock = job or Job(), contacts or Contacts(case), time.monotonic()
    seen = arranger.view(case, poses, ask.extracted)
    held = _held(poses, ask)
    fits = Fits(*(arch_fit.fit(case, poses, locked=held, contacts=contacts, turn=turn, job=job) for turn in (arch_fit.TURN, 0.0)))
    made = finish(case, poses, drawn(net, seen, ask, fits, job), fits, ask, contacts, job)
    return replace(made, seconds=time.monotonic() - clock)


def finish(case: Case, poses: Poses, z: np.ndarray, fits: Fits, ask: Ask, contacts: Contacts, job: Job | None = None) -> Proposals:
    """The same proposals by another mode, strength or refinement, from their z; about 0.2 s each."""
    import torch

    from engines.teeth import tadpm_sampling

    job, clock = job or Job(), time.monotonic()
    seen = arranger.view(case, poses, ask.extracted)
    far = tuple(_placed(seen, one, fits, ask) for one in z)
    made = []
    for k, whole in enumerate(far):
        job.progress(k, len(far), "Parting teeth that overlap")
        made.append(_finished(case, seen, whole, ask, contacts, job))
    mm, deg = tadpm_sampling.spread(torch.from_numpy(np.stack([seen.encoded(one) for one in made])))
    rows = {"start": poses, "arch-fit": fits.turned} | {f"proposal {k}": one for k, one in enumerate(made)}
    return Proposals(tuple(made), fits.turned, {n: float(mm[residual.SLOT[n]]) for n in seen.numbers}, {n: float(deg[residual.SLOT[n]]) for n in seen.numbers},
                     {name: round(overlap_mm(contacts, stand), 3) for name, stand in rows.items()}, time.monotonic() - clock, far, z, fits)


def drawn(net: "nn.Module", seen: arranger.View, ask: Ask, fits: Fits, job: Job) -> np.ndarray:
    """z [N, 32, 6] of the proposals; the case is encoded once."""
    import torch

    from engines.teeth import tadpm_sampling

    with torch.no_grad():
        features = net.features(seen.batch)
    job.check()

    def each(k: int, z: torch.Tensor) -> None:
        job.progress(k + 1, ask.steps, f"Step {k + 1} of {ask.steps}")
        job.news(Step(k + 1, ask.steps, _part(seen, _placed(seen, tadpm_sampling.consensus(z).numpy(), fits, ask), ask)))
    locked = [residual.SLOT[number] for number in ask.locked if number in residual.SLOT]
    z = sampled(net, features, seen, ask, MOST if locked else ask.proposals, each)
    middle = tadpm_sampling.consensus(z) if locked else expected(net, features, seen, ask.seed)
    return torch.cat([middle[None], z[1:ask.proposals]]).numpy()


def sampled(net: "nn.Module", features: "torch.Tensor", seen: arranger.View, ask: Ask, count: int,
            each: Callable[[int, "torch.Tensor"], None] = lambda k, z: None) -> "torch.Tensor":
    """z [count, 32, 6] of draws, from the case's features [1, 32, W]; locked teeth at exactly 0."""
    import torch

    from engines.teeth import tadpm_sampling

    locked = torch.zeros(len(residual.SLOTS), dtype=torch.bool)
    locked[[residual.SLOT[number] for number in ask.locked if number in residual.SLOT]] = True
    guide = tadpm_sampling.overlap_guide(seen.batch, ask.guide_mm) if ask.guide_mm else None
    return tadpm_sampling.sample(net, features, seen.batch.mask, tadpm_sampling.seeded(ask.seed, count), ask.steps, locked, guide, each, GUIDE_FROM)


def expected(net: "nn.Module", features: "torch.Tensor", seen: arranger.View, seed: int = 0) -> "torch.Tensor":
    """z [32, 6]: where proposals go on average, from one call at the highest noise level, over eight noises."""
    from engines.teeth import tadpm_sampling

    return tadpm_sampling.consensus(tadpm_sampling.expected(net, features, seen.batch.mask, tadpm_sampling.seeded(seed, MOST)))


def _held(poses: Poses, ask: Ask) -> tuple[int, ...]:
    """Teeth that keep their poses: the locked ones, and those that are never planned (deciduous, supernumerary)."""
    return tuple(number for number in poses if number in ask.locked or number not in residual.SLOT)


def mixed(mode: str, z: np.ndarray, turned: np.ndarray, level: np.ndarray) -> np.ndarray:
    """z [32, 6] of a mode, from the network's and from those of the arch-fit with and without its turns."""
    if mode == "blend":
        return (z + turned) / 2
    return np.concatenate([level[:, :3], z[:, 3:]], 1) if mode == "hybrid" else z


def _placed(seen: arranger.View, z: np.ndarray, fits: Fits, ask: Ask) -> Poses:
    """One proposal as poses, by its mode and after the whole way; held teeth as they were."""
    poses = seen.moved(mixed(ask.mode, z, seen.encoded(fits.turned), seen.encoded(fits.level)))
    return poses | {number: seen.poses[number] for number in _held(seen.poses, ask)}


def _part(seen: arranger.View, poses: Poses, ask: Ask) -> Poses:
    """So much of the way as the strength says."""
    return poses if ask.strength == 1 else seen.moved(seen.encoded(poses), ask.strength)


def _finished(case: Case, seen: arranger.View, poses: Poses, ask: Ask, contacts: Contacts, job: Job) -> Poses:
    """Part of the way, then refined."""
    held = _held(seen.poses, ask)
    poses = _part(seen, poses, ask) | {number: seen.poses[number] for number in held}
    return refined(case, poses, contacts, held, ask.refine, job) if ask.refine else poses
