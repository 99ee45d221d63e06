"""What a person does to a plan, as pure functions: turn, nudge, drag, lock, extract, reset. Angles about the crown's centre or the root's pivot."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from engines.teeth import fdi
from engines.teeth.case import Case, Poses, Tooth
from engines.teeth.moves import Move, matrix, move_of, pivot
from engines.teeth.request import Plan, Reduction

ANGLES = ("tip", "torque", "rotation")
NUDGE_MM, NUDGE_DEG = 0.1, 1.0
TOUCHED = ", changed by hand"  # behind the origin of a plan that something else made


def with_value(tooth: Tooth, move: Move, field: str, value: float, about: str = "crown") -> Move:
    """One of the six numbers changed. An angle leaves the pivot (`about`: crown or resistance) where it is. ValueError beyond Move's bounds."""
    changed = replace(move, **{field: value})
    if field not in ANGLES or about == "crown":
        return changed
    before, after = matrix(tooth, move), matrix(tooth, changed)
    point = pivot(tooth, about)
    after[:3, 3] += (before[:3, :3] @ point + before[:3, 3]) - (after[:3, :3] @ point + after[:3, 3])
    return move_of(tooth, after)


def set_values(case: Case, plan: Plan, numbers: Iterable[int], field: str, value: float, about: str = "crown") -> Plan:
    """The first tooth gets the value, every other one the same difference: mirror teeth so move as mirror images."""
    numbers = [number for number in numbers if number in case.teeth]
    if not numbers:
        return plan
    difference = value - getattr(plan.move(numbers[0]), field)
    moves = {}
    for number in numbers:
        move = plan.move(number)
        moves[number] = with_value(case.teeth[number], move, field, getattr(move, field) + difference, about)
    return by_hand(plan, plan.with_moves(moves))


def by_hand(before: Plan, plan: Plan) -> Plan:
    """The plan, whose origin says so if a person has changed what was made for them."""
    same = plan.moves == before.moves or plan.origin == Plan().origin or plan.origin.endswith(TOUCHED)
    return plan if same else replace(plan, origin=plan.origin + TOUCHED)


def nudged(case: Case, plan: Plan, numbers: Iterable[int], field: str, steps: float, about: str = "crown") -> Plan:
    """Steps of 0.1 mm or 1 deg."""
    numbers = tuple(numbers)
    if not numbers:
        return plan
    step = NUDGE_DEG if field in ANGLES else NUDGE_MM
    return set_values(case, plan, numbers, field, getattr(plan.move(numbers[0]), field) + steps * step, about)


def dragged(case: Case, before: Poses, plan: Plan, numbers: Iterable[int], delta: np.ndarray) -> Plan:
    """The teeth moved together by a matrix [4, 4] in the world, from where they stood when the drag began; of a mirror pair it is the first one's, and the
    second moves as its mirror image."""
    numbers = [n for n in numbers if n in before and n in case.teeth and n not in plan.locked and n not in plan.extracted]
    deltas = dict.fromkeys(numbers, delta)
    if is_pair(numbers):
        first, second = (before[number] @ case.teeth[number].frame for number in numbers)
        deltas[numbers[1]] = mirrored(first, second, delta)
    return by_hand(plan, plan.with_moves({number: move_of(case.teeth[number], deltas[number] @ before[number]) for number in numbers}))


def is_pair(numbers: Iterable[int]) -> bool:
    """Whether these are a tooth and the same one of the other side, and nothing else."""
    numbers = tuple(numbers)
    return len(numbers) == 2 and fdi.mirror(numbers[0]) == numbers[1]


def mirrored(first: np.ndarray, second: np.ndarray, delta: np.ndarray) -> np.ndarray:
    """[4, 4] in the world that does on the axes `second` [4, 4] what `delta` does on the axes `first` of the other side's tooth, as its mirror image."""
    over = np.diag([-1.0, 1, 1, 1])  # mesial is +x on one side and -x on the other
    return second @ over @ np.linalg.inv(first) @ delta @ first @ over @ np.linalg.inv(second)


def toggled(plan: Plan, field: str, numbers: Iterable[int]) -> Plan:
    """field: locked or extracted. If any of the teeth is not, all become so; else none is."""
    numbers, held = set(numbers), set(getattr(plan, field))
    held = held - numbers if numbers <= held else held | numbers
    return replace(plan, **{field: tuple(sorted(held))})


def reset(plan: Plan, numbers: Iterable[int]) -> Plan:
    """Back to the start; locked teeth stay."""
    return by_hand(plan, plan.with_moves({number: Move() for number in numbers}))


def reduced(plan: Plan, first: int, second: int, mm: float) -> Plan:
    """So much more interproximal reduction between two neighbours, at most 2 mm in all."""
    first, second = min(first, second), max(first, second)
    others = tuple(entry for entry in plan.reductions if (entry.first, entry.second) != (first, second))
    taken = sum(entry.mm for entry in plan.reductions if (entry.first, entry.second) == (first, second))
    total = round(min(max(taken + mm, 0.0), 2.0), 2)
    return replace(plan, reductions=(*others, Reduction(first, second, total)) if total else others)
