"""Small shifts that take away overlap beyond the tolerance and close open contacts, after a network or a geometric fit has placed the teeth.

The shifts u_i [3] minimise  sum w_i |u_i|^2 + k sum_pairs (gap + n^T (u_j - u_i) - wanted)^2  over the pairs that overlap too deep or stand nearly in
contact; gaps and normals are measured anew in every round (contacts.py).
"""

import numpy as np

from engines.job import Job
from engines.teeth import fdi, springs
from engines.teeth.arch_fit import ROOTS
from engines.teeth.case import Case, Poses
from engines.teeth.contacts import NEIGHBOUR, Contact, Contacts

ROUNDS, STEP_MM, STIFF = 10, 0.8, 6.0
CLOSE_MM = 0.5  # wider spaces between neighbours are left as they were placed
SPARE_MM, TOUCH_MM = 0.03, 0.03


def refined(case: Case, poses: Poses, contacts: Contacts, locked: tuple[int, ...] = (), strength: float = 1.0, job: Job | None = None) -> Poses:
    """Poses after the shifts, each taken `strength` of the way (0 = as they were); locked teeth and teeth without a pose stay. About 0.2 s for 28 teeth."""
    free = [number for number in contacts.numbers if number in poses and number not in locked]
    if not free or strength <= 0:
        return poses
    contacts.build(job)
    rows = contacts.rows(poses)
    beside = {pair for row in rows.values() for pair in zip(row, row[1:], strict=False)}
    shifts = {number: np.zeros(3) for number in free}
    best, least = shifts, np.inf
    for _ in range(ROUNDS):
        if job is not None:
            job.check()
        stand = _shifted(poses, shifts, 1.0)
        wishes, over = _wishes(contacts.measured(stand), beside, contacts.tolerance_mm)
        if over < least - 1e-6:
            best, least = {number: shift.copy() for number, shift in shifts.items()}, over
        if not wishes:
            break
        _step(shifts, wishes)
    return _shifted(poses, best, strength)


def overlap_mm(contacts: Contacts, poses: Poses) -> float:
    """Sum over pairs of what they are deeper in each other than the tolerance."""
    return float(sum(entry.depth_mm - contacts.tolerance_mm for entry in contacts.measured(poses) if entry.depth_mm > contacts.tolerance_mm))


def _wishes(found: tuple[Contact, ...], beside: set[tuple[int, int]], tolerance: float) -> tuple[list[tuple[Contact, float]], float]:
    """(contact, mm by which its gap shall grow), and the overlap beyond the tolerance that there is."""
    wishes, over = [], 0.0
    for entry in found:
        if entry.depth_mm > tolerance:
            over += entry.depth_mm - tolerance
            wishes.append((entry, entry.depth_mm - tolerance + SPARE_MM))
        elif entry.kind == NEIGHBOUR and (entry.first, entry.second) in beside and TOUCH_MM < entry.gap_mm < CLOSE_MM:
            wishes.append((entry, TOUCH_MM - entry.gap_mm))
        elif entry.depth_mm > tolerance - SPARE_MM:
            wishes.append((entry, 0.0))  # pairs at the limit: others must not push them over it
    return wishes if over or any(wish < -.05 for _, wish in wishes) else [], over


def _step(shifts: dict[int, np.ndarray], wishes: list[tuple[Contact, float]]) -> None:
    """One least-squares step, in place: teeth with strong roots give way least, and all are drawn back a little."""
    weights = {number: ROOTS[min(fdi.place(number), 8) - 1] * np.eye(3) for number in shifts}
    springs.step(shifts, weights, {number: -.05 * shift for number, shift in shifts.items()},
                 [(entry, wish, STIFF if wish >= 0 else 1.0) for entry, wish in wishes], STEP_MM)


def _shifted(poses: Poses, shifts: dict[int, np.ndarray], share: float) -> Poses:
    made = dict(poses)
    for number, shift in shifts.items():
        if shift.any():
            made[number] = poses[number].copy()
            made[number][:3, 3] += share * shift
    return made
