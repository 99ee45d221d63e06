"""A plan as stages: how far every tooth is after each aligner, within the limits, one after another where they would pass through each other.

Kinds of movement: translation = hypot(mesial, buccal) and extrusion in mm; tip, torque and rotation in deg. The six numbers of a tooth grow in equal
parts, so its way is straight; rotation alone may begin later. Neighbours of one jaw wait for each other (order.py); the bite is not looked at.
"""

from dataclasses import dataclass
from math import ceil, hypot
from typing import Any

import numpy as np

from engines.job import Job
from engines.teeth.case import JAWS, Case, Poses, jaw, order
from engines.teeth.clearance import Clearance, SampledClearance
from engines.teeth.moves import Move, matrix
from engines.teeth.order import Crossing, crossing, knots
from engines.teeth.poses import between
from engines.teeth.reduction import applied
from engines.teeth.request import Limits, Plan

KINDS = {"translation": "mm", "extrusion": "mm", "tip": "deg", "torque": "deg", "rotation": "deg"}
MOST = 1000  # stages: where a plan that cannot end is given up


@dataclass(frozen=True)
class Wait:
    """A tooth that stood still for `stages` (numbers of stages) until another had made room."""

    number: int
    behind: int
    stages: tuple[int, ...]


@dataclass(frozen=True)
class Excess:
    """A span set by hand that asks for more a stage than the limit."""

    number: int
    kind: str
    amount: float
    limit: float


@dataclass(frozen=True)
class Staging:
    """steps[k]: the movement of every tooth in the mouth at stage k, measured from the start; steps[0] is the start, steps[-1] the plan.

    spans: FDI -> first and last stage in which it moves (teeth that move). largest[k - 1]: kind -> (most in stage k, the tooth). decides: FDI -> the kind
    whose limit sets how many stages it takes. exceeded is empty unless spans were set by hand.
    """

    steps: tuple[dict[int, Move], ...]
    spans: dict[int, tuple[int, int]]
    largest: tuple[dict[str, tuple[float, int]], ...]
    decides: dict[int, str]
    waits: tuple[Wait, ...] = ()
    exceeded: tuple[Excess, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """How many stages, the start not counted."""
        return len(self.steps) - 1

    def row(self, which: str) -> dict[int, tuple[int, int] | None]:
        """The teeth of a jaw from the patient's right to the left, each with its span; None = it does not move."""
        return {number: self.spans.get(number) for number in sorted(self.steps[0], key=order) if jaw(number) == which}

    def jaw_count(self, which: str) -> int:
        """How many stages one jaw needs."""
        return max((span[1] for span in self.row(which).values() if span), default=0)

    def move(self, number: int, stage: float) -> Move:
        """Where a tooth is at a stage, between two stages part of the way."""
        stage = min(max(float(stage), 0.0), float(self.count))
        low = min(int(stage), max(self.count - 1, 0))
        return self.steps[low][number] if stage == low else between(self.steps[low][number], self.steps[low + 1][number], stage - low)

    def poses(self, case: Case, stage: float) -> Poses:
        """A matrix for every tooth in the mouth; stage may lie between two."""
        return {number: matrix(case.teeth[number], self.move(number, stage)) for number in self.steps[0]}

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"stages": self.count, "jaws": {which: self.jaw_count(which) for which in JAWS},
                "spans": {str(number): list(span) for number, span in self.spans.items()},
                "decides": {str(number): kind for number, kind in self.decides.items()},
                "waits": [{"tooth": wait.number, "behind": wait.behind, "stages": list(wait.stages)} for wait in self.waits],
                "largest": [{kind: {"amount": round(amount, 4), "tooth": number} for kind, (amount, number) in entry.items()} for entry in self.largest],
                "exceeded": [{"tooth": e.number, "kind": e.kind, "amount": round(e.amount, 4), "limit": e.limit} for e in self.exceeded],
                "warnings": list(self.warnings)}


@dataclass(frozen=True)
class _Way:
    """One tooth's way: own steps 0 to `steps`; it turns after `lead` of them. fixed: first and last stage were set by hand."""

    tooth: int
    target: Move
    steps: int
    lead: int = 0
    first: int = 1
    fixed: bool = False
    decides: str = ""

    def at(self, k: int) -> Move:
        if k >= self.steps:
            return self.target
        part, turned = k / self.steps, max(k - self.lead, 0) / (self.steps - self.lead)
        straight = self.target.scaled(part).to_dict()
        return Move(**{**straight, "rotation": self.target.rotation * turned})


def amounts(before: Move, after: Move) -> dict[str, float]:
    """Kind -> how much of it lies between two movements of one tooth; mm and deg, none negative."""
    return {"translation": hypot(after.mesial - before.mesial, after.buccal - before.buccal), "extrusion": abs(after.extrusion - before.extrusion),
            "tip": abs(after.tip - before.tip), "torque": abs(after.torque - before.torque), "rotation": abs(after.rotation - before.rotation)}


def limit_of(limits: Limits, kind: str) -> float:
    return getattr(limits, f"{kind}_{KINDS[kind]}")


def stage(case: Case, plan: Plan, limits: Limits | None = None, tolerance_mm: float = 0.1, job: Job | None = None,
          clearance: Clearance | None = None) -> Staging:
    """The stages of a plan: as few as the limits and the neighbours allow. Cancelled when the job is.

    case: as it was opened; the plan's interproximal reduction is on its crowns from the start. tolerance_mm: overlap that neighbours may have on the way;
    where the start or the plan has more, that much. clearance: what knows the distances, otherwise sampled from the reduced crowns.
    """
    job, limits = job or Job(), limits or Limits()
    numbers = [number for number in sorted(case.teeth, key=order) if number not in plan.extracted]
    spans = {number: (max(1, first), max(1, first, last)) for number, first, last in plan.spans}
    ways = {number: _way(number, plan.move(number), limits, spans.get(number)) for number in numbers}
    warnings: list[str] = []
    crossings = _crossings(case, ways, tolerance_mm, clearance or SampledClearance(applied(case, plan.reductions)), job, warnings)
    reached, waits = _advance(ways, crossings, job, warnings)
    steps = tuple({number: ways[number].at(reached[k][number]) for number in numbers} for k in range(len(reached)))
    return _summed(steps, ways, waits, limits, warnings)


def _way(number: int, target: Move, limits: Limits, span: tuple[int, int] | None) -> _Way:
    if target == Move():
        return _Way(number, target, 0)
    needed = {kind: max(ceil(amount / limit_of(limits, kind) - 1e-9), int(amount > 0)) for kind, amount in amounts(Move(), target).items()}
    turn, others = needed.pop("rotation"), max(needed.values())
    decides = max([*needed, "rotation"], key=lambda kind: turn if kind == "rotation" else needed[kind])
    if span:
        count = span[1] - span[0] + 1
        lead = max(limits.rotations_from - span[0], 0) if turn else 0
        return _Way(number, target, count, lead if lead < count else 0, span[0], True, decides)
    lead = limits.rotations_from - 1 if turn else 0
    if turn and not others:
        return _Way(number, target, turn, 0, limits.rotations_from, decides=decides)
    steps = max(others, lead + turn) if turn else others
    return _Way(number, target, steps, lead, decides=decides)


def _crossings(case: Case, ways: dict[int, _Way], tolerance_mm: float, clearance: Clearance, job: Job, warnings: list[str]) -> list[Crossing]:
    pairs = [(a, b) for a, b in _near(case, ways) if ways[a].steps or ways[b].steps]
    found = []
    for done, (a, b) in enumerate(pairs):
        job.progress(done, len(pairs) + 1, f"{a} and {b}")
        ka, kb = knots(ways[a].steps), knots(ways[b].steps)
        first = np.array([matrix(case.teeth[a], ways[a].at(k)) for k in ka])
        second = np.array([matrix(case.teeth[b], ways[b].at(k)) for k in kb])
        gaps = clearance.gaps(a, b, np.repeat(first, len(kb), 0), np.tile(second, (len(ka), 1, 1))).reshape(len(ka), len(kb))
        made = crossing(a, b, gaps, (ways[a].steps, ways[b].steps), tolerance_mm)
        found.append(made)
        ends = max(made.overlap[0, 0], made.overlap[-1, -1], tolerance_mm)
        if made.ahead[0, 0] > ends + 0.05:
            warnings.append(f"{a} and {b} overlap by {made.ahead[0, 0]:.2f} mm on the way, whichever goes first. Make room by reduction or expansion, "
                            f"or take one of them round.")
        if made.overlap[-1, -1] > max(tolerance_mm, 0) + 0.005:
            warnings.append(f"{a} and {b} overlap by {made.overlap[-1, -1]:.2f} mm where the plan puts them.")
    return found


def _near(case: Case, ways: dict[int, _Way]) -> list[tuple[int, int]]:
    """Neighbours of one jaw, and next but one where their ways come close: a tooth outside the arch leaves its neighbours side by side."""
    pairs = []
    for which in JAWS:
        row = [number for number in case.of(which) if number in ways]
        spheres = {n: (case.teeth[n].centre, float(np.linalg.norm(case.teeth[n].mesh.vertices - case.teeth[n].centre, axis=1).max(initial=0))) for n in row}
        for k, a in enumerate(row):
            pairs += [(a, b) for b in row[k + 1:k + 2]]
            for b in row[k + 2:k + 3]:
                apart = np.linalg.norm(spheres[a][0] - spheres[b][0]) - 0.75 * (spheres[a][1] + spheres[b][1])
                if apart < ways[a].target.distance_mm() + ways[b].target.distance_mm():
                    pairs.append((a, b))
    return pairs


def _advance(ways: dict[int, _Way], crossings: list[Crossing], job: Job, warnings: list[str]) -> tuple[list[dict[int, int]], tuple[Wait, ...]]:
    """How many of its steps every tooth has made after each stage, and who waited for whom."""
    now = dict.fromkeys(ways, 0)
    reached, waited = [dict(now)], {}
    while any(now[n] < way.steps for n, way in ways.items()) and len(reached) < MOST:
        job.check()
        number = len(reached)
        wish = {n: min(now[n] + 1, way.steps) if number >= way.first else now[n] for n, way in ways.items()}
        held = _hold(ways, crossings, now, wish)
        if wish == now and not any(number < way.first for way in ways.values() if now[way.tooth] < way.steps):
            free = max((n for n in ways if now[n] < ways[n].steps), key=lambda n: ways[n].steps - now[n])  # nobody can go on: one is let through
            wish[free] += 1
            held.pop(free, None)
            told = f"{free} passes close by a neighbour from stage {number}: the teeth are too tight for an order without overlap."
            if not any(text.startswith(f"{free} passes") for text in warnings):
                warnings.append(told)
        for n, other in held.items():
            waited.setdefault((n, other), []).append(number)
        now = wish
        reached.append(dict(now))
    waits = tuple(Wait(n, other, tuple(stages)) for (n, other), stages in waited.items())
    return reached, waits


def _hold(ways: dict[int, _Way], crossings: list[Crossing], now: dict[int, int], wish: dict[int, int]) -> dict[int, int]:
    """Takes wishes back until no pair clashes; the tooth with fewer steps to go waits. The teeth that wait, each with whom it waits for."""
    held: dict[int, int] = {}

    def waits(n: int, other: int) -> None:
        wish[n] = now[n]
        held[n] = other

    changed = True
    while changed:
        changed = False
        for pair in crossings:
            a, b = pair.first, pair.second
            before, after = (now[a], now[b]), (wish[a], wish[b])
            if before == after or pair.free(before, after):
                continue
            can = [n for n in (a, b) if wish[n] != now[n] and not ways[n].fixed]
            if not can:
                continue
            good = [n for n in can if pair.free(before, (before[0], after[1]) if n == a else (after[0], before[1]))]
            for n in [min(good, key=lambda n: ways[n].steps - now[n])] if good else can:
                waits(n, b if n == a else a)
            changed = True
    return held


def _summed(steps: tuple[dict[int, Move], ...], ways: dict[int, _Way], waits: tuple[Wait, ...], limits: Limits, warnings: list[str]) -> Staging:
    spans, largest, most = {}, [], {}
    for k, (before, after) in enumerate(zip(steps, steps[1:], strict=False), start=1):
        top = dict.fromkeys(KINDS, (0.0, 0))
        for n, move in after.items():
            if move == before[n]:
                continue
            spans[n] = (spans.get(n, (k, k))[0], k)
            for kind, amount in amounts(before[n], move).items():
                top[kind] = max(top[kind], (amount, n))
                most[n, kind] = max(most.get((n, kind), 0.0), amount)
        largest.append({kind: value for kind, value in top.items() if value[0] > 1e-9})
    exceeded = tuple(Excess(n, kind, amount, limit_of(limits, kind)) for (n, kind), amount in most.items() if amount > limit_of(limits, kind) * (1 + 1e-6))
    for e in exceeded:
        warnings.append(f"{e.number} has {e.amount:.2f} {KINDS[e.kind]} of {e.kind} a stage in the span set by hand; the limit is {e.limit:g} {KINDS[e.kind]}.")
    spans = {n: spans[n] for n in steps[0] if n in spans}
    return Staging(steps, spans, tuple(largest), {n: ways[n].decides for n in spans}, waits, exceeded, tuple(warnings))

