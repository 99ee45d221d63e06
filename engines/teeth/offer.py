"""Proposals as a person chooses between them: each setup with its measures, the start and the arch-fit beside it, and what the numbers say.

Nobody knows the right setup of a real case. What can be known without it: Little index, overlap, spaces, how far teeth go, overjet, overbite.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from engines.job import Job
from engines.teeth import measures, propose, residual
from engines.teeth.case import Case, Poses
from engines.teeth.contacts import Contacts
from engines.teeth.moves import Move
from engines.teeth.poses import moves_of, poses_of
from engines.teeth.propose import Ask, Proposals
from engines.teeth.refining import overlap_mm
from engines.teeth.request import Plan

if TYPE_CHECKING:
    from torch import nn

START, FIT, CONSENSUS = "start", "fit", "consensus"
SPACE_MM = 0.1  # neighbours so near count as in contact
FAR_MM, FAR_DEG = 8.0, 45.0  # a tooth that goes farther is worth a look
ORIGINS = {"blend": "blend: half the model, half the arch-fit", "hybrid": "hybrid: learned rotation, arch-fit positions",
           "network": "network alone: learned rotation and position"}
# what is compared with the arch-fit: field, words, unit, from what difference on one is better
COMPARED = (("little_mm", "Little index", 0.3), ("overlap_mm", "overlap", 0.1), ("spaces_mm", "spaces", 0.3), ("most_mm", "largest movement", 0.5))


@dataclass(frozen=True)
class Numbers:
    """mm and deg; None where a tooth for it is missing. spaces: sum of the gaps between neighbours; most: the farthest that a tooth goes from the start."""

    little_upper: float | None
    little_lower: float | None
    overlap_mm: float
    spaces_mm: float
    most_mm: float
    most_deg: float
    overjet: float | None
    overbite: float | None

    @property
    def little_mm(self) -> float:
        """Of both jaws together, as far as it can be measured."""
        return (self.little_upper or 0.0) + (self.little_lower or 0.0)

    def to_dict(self) -> dict[str, float | None]:
        return {entry.name: None if (value := getattr(self, entry.name)) is None else round(value, 3) for entry in fields(self)}


@dataclass(frozen=True, eq=False)
class Setup:
    """key: start, fit, consensus, or 1, 2 ... for a proposal. moves: of the free teeth, from the start of the case. whole: the same teeth after the whole way
    and without refinement, for a strength that is still being chosen ({} where the strength does not matter)."""

    key: str
    name: str
    poses: Poses
    moves: dict[int, Move]
    numbers: Numbers
    whole: dict[int, Move] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Offer:
    """setups: start, arch-fit, proposals; the first of several is the consensus. free: the teeth that may move; begin: where all teeth stood.
    weights, sha256: of the model."""

    ask: Ask
    setups: tuple[Setup, ...]
    free: tuple[int, ...]
    begin: Poses
    proposals: Proposals
    verdict: tuple[str, ...]
    weights: str = ""
    sha256: str = ""

    def setup(self, key: str) -> Setup | None:
        return next((setup for setup in self.setups if setup.key == key), None)

    @property
    def best(self) -> Setup:
        """The consensus, or the only proposal."""
        return self.setup(CONSENSUS) or self.setup("1")


def begin(case: Case, plan: Plan, chosen: Iterable[int] = (), again: bool = False) -> tuple[Poses, tuple[int, ...]]:
    """Where proposals begin, and the teeth that may not move: locked ones, and with `chosen` all others. These stand as planned; the rest at the start of
    the case, or (again) as planned too."""
    planned, chosen = poses_of(case, plan), set(chosen)
    held = tuple(number for number in planned if number in plan.locked or (chosen and number not in chosen) or number not in residual.SLOT)
    return {number: pose if again or number in held else np.eye(4) for number, pose in planned.items()}, held


def offer(net: "nn.Module", case: Case, marked: Case, plan: Plan, ask: Ask, contacts: Contacts, chosen: Iterable[int] = (), again: bool = False,
          job: Job | None = None) -> Offer:
    """Proposals for a plan, measured. marked: the case with its landmarks; ask.locked and ask.extracted are taken from the plan. EngineError as propose()."""
    poses, held = begin(case, plan, chosen, again)
    ask = replace(ask, locked=held, extracted=plan.extracted)
    return _measured(case, marked, plan, poses, propose.propose(net, case, poses, ask, contacts, job), ask, contacts)


def changed(old: Offer, case: Case, marked: Case, plan: Plan, ask: Ask, contacts: Contacts, job: Job | None = None) -> Offer:
    """The same proposals by another mode, strength or refinement, without the network."""
    ask = replace(old.ask, mode=ask.mode, strength=ask.strength, refine=ask.refine)
    made = propose.finish(case, old.begin, old.proposals.z, old.proposals.fits, ask, contacts, job)
    return replace(_measured(case, marked, plan, old.begin, made, ask, contacts), weights=old.weights, sha256=old.sha256)


def _measured(case: Case, marked: Case, plan: Plan, start: Poses, made: Proposals, ask: Ask, contacts: Contacts) -> Offer:
    free = tuple(number for number in start if number not in ask.locked)
    several = len(made.poses) > 1
    names = [(CONSENSUS, "Consensus") if several else ("1", "Proposal"), *((str(k), f"Proposal {k}") for k in range(2, len(made.poses) + 1))]
    rows = [(START, "Start", start, None), (FIT, "Arch-fit", made.fit, None)]
    rows += [(*name, poses, far) for name, poses, far in zip(names, made.poses, made.far, strict=True)]
    setups = []
    for key, name, poses, far in rows:
        moves = {number: move for number, move in moves_of(case, poses).items() if number in free}
        whole = {number: move for number, move in moves_of(case, far).items() if number in free} if far is not None else {}
        setups.append(Setup(key, name, poses, moves, _numbers(marked, plan, poses, moves, contacts), whole))
    result = Offer(ask, tuple(setups), free, start, made, ())
    return replace(result, verdict=tuple(verdict(result)))


def _numbers(marked: Case, plan: Plan, poses: Poses, moves: dict[int, Move], contacts: Contacts) -> Numbers:
    found = {measure.id: measure.value for measure in measures.measure(marked, poses, plan.reductions)}
    return Numbers(found.get("little_upper"), found.get("little_lower"), overlap_mm(contacts, poses),
                   float(sum(gap for gap in contacts.gaps(poses).values() if gap > SPACE_MM)),
                   max((move.distance_mm() for move in moves.values()), default=0.0), max((move.angle_deg() for move in moves.values()), default=0.0),
                   found.get("overjet"), found.get("overbite"))


def verdict(made: Offer) -> list[str]:
    """In plain words: whether the best setup beats the arch-fit by the numbers that need no reference, and which teeth go suspiciously far."""
    best, fit = made.best, made.setup(FIT)
    said = {name: f"{words} {getattr(best.numbers, name):.1f} against {getattr(fit.numbers, name):.1f} mm" for name, words, _ in COMPARED}
    less = {name: getattr(fit.numbers, name) - getattr(best.numbers, name) for name, _, _ in COMPARED}
    better = [name for name, _, margin in COMPARED if less[name] >= margin]
    worse = [name for name, _, margin in COMPARED if -less[name] >= margin]
    words = best.name[0].lower() + best.name[1:]
    if not better or set(better) == {"most_mm"} and worse:
        text = f"By the numbers that need no reference the {words} is no better than the arch-fit: {', '.join(said.values())}."
    else:
        text = f"The {words} beats the arch-fit in {_listed(said, better)}" + (f", and is behind it in {_listed(said, worse)}." if worse else ".")
    far = [f"{number} by {move.distance_mm():.1f} mm and {move.angle_deg():.0f}\N{DEGREE SIGN}" for number, move in best.moves.items()
           if move.distance_mm() > FAR_MM or move.angle_deg() > FAR_DEG]
    return [text, *([f"It moves tooth {', '.join(far)}: look at that before you apply it."] if far else [])]


def _listed(said: dict[str, str], names: list[str]) -> str:
    return ", ".join(said[name] for name in names)


def facts(made: Offer) -> dict[str, Any]:
    """For JSON: the measures of every setup and the verdict."""
    return {"measures": {setup.name: setup.numbers.to_dict() for setup in made.setups}, "verdict": list(made.verdict)}
