"""From a plan to where every tooth stands."""

import numpy as np

from engines.teeth.case import Case, Poses
from engines.teeth.moves import Move, matrix, move_of
from engines.teeth.request import Plan


def poses_of(case: Case, plan: Plan) -> Poses:
    """A matrix for every tooth that the plan leaves in the mouth; identity for those it does not move."""
    moves = dict(plan.moves)
    return {number: matrix(tooth, moves[number]) if number in moves else np.eye(4)
            for number, tooth in case.teeth.items() if number not in plan.extracted}


def moves_of(case: Case, poses: Poses) -> dict[int, Move]:
    """The movements of poses that came from a file, the arch-fit or a model, for the teeth that the case has."""
    return {number: move_of(case.teeth[number], pose) for number, pose in poses.items() if number in case.teeth}


def between(start: Move, end: Move, share: float) -> Move:
    """Part of the way: each of the six numbers on a straight line."""
    a, b = start.to_dict(), end.to_dict()
    return Move(**{name: a[name] + share * (b[name] - a[name]) for name in a})
