"""Fits teeth to an arch form: on the curve, level, side by side without overlap, with the least movement.

Per jaw, the displacements u_i [3] of the free teeth minimise

    sum_i  (u_i - t_i)^T W_i (u_i - t_i)  +  sum_pairs k (gap + n^T (u_j - u_i) - CLEAR_MM)^2

t_i: part of the way across to the curve and up or down to the level surface, nothing along the curve. W_i: ROOTS across and up, SLIDE times that along it.
k = CLOSE (more for wide spaces) for neighbours that stand apart; teeth that overlap are parted with k = PART as far as their limit. Gaps and their normals n
are measured anew in every round (contacts.py).
"""

from dataclasses import dataclass

import numpy as np

from engines.job import Job
from engines.teeth import arch_form, fdi, springs
from engines.teeth.case import JAWS, Case, Poses, Tooth
from engines.teeth.contacts import Contact, Contacts
from engines.teeth.moves import exp
from engines.teeth.request import ArchForm

STRENGTH = 0.7  # of the way across to the curve: the best simple gain on real arches
LEVEL = 6 / 7  # of the strength, up or down: 0.6 beside 0.7
TURN = 0.3  # of the strength, towards the curve: frames found from geometry may err by more than teeth are turned
SLIDE = 0.1
CLOSE, PART = 1.0, 5.0
WIDEST = 12.0  # times CLOSE: wide spaces, of extracted teeth above all, close more surely than small ones
CLEAR_MM, LAP_MM, SPARE_MM = 0.02, 0.05, 0.01  # gap aimed at, overlap of neighbours left alone, how far under its limit an overlap is brought
ROUNDS, REPAIRS, STEP_MM = 10, 20, 1.0
LEAN_MM = 2.0  # prior sd of the level surface's sideways tilt, at the ends of the arch
ROOTS = (1.0, .9, 1.3, 1.1, 1.1, 2.0, 1.8, 1.4)  # places 1 to 8: how firmly a tooth stands


@dataclass(frozen=True, eq=False)
class Aim:
    """Of one tooth: the displacement it is drawn to [3] mm, its weights [3, 3], and the angle about the vertical in rad that sets it along the curve."""

    shift: np.ndarray
    weights: np.ndarray
    turn: float


def fit(case: Case, poses: Poses, forms: tuple[ArchForm, ...] = (), jaws: tuple[str, ...] = JAWS, kind: str = "polynomial", strength: float = STRENGTH,
        locked: tuple[int, ...] = (), contacts: Contacts | None = None, job: Job | None = None, turn: float = TURN) -> Poses:
    """Poses on the arch forms for the teeth that have a pose (an extracted tooth has none: its space closes); the others of `poses` come back as they are.

    forms: edited curves; a jaw without one, or with one without handles, gets the curve that fits it best, of that kind. A jaw of fewer than five teeth
    stays. strength: share of the way to the curve, 0 to 1; turn: share of that by which teeth turn towards the curve. No two teeth overlap deeper than
    they did, or than the tolerance of `contacts`.
    """
    contacts = contacts or Contacts(case)
    contacts.build(job)
    rows = {jaw: row for jaw, row in contacts.rows(poses).items() if jaw in jaws and len(row) >= arch_form.LEAST_TEETH}
    aims: dict[int, Aim] = {}
    for jaw, row in rows.items():
        aims |= _aims(case, poses, arch_form.form_of(case, poses, forms, jaw, kind), row, strength, turn)
    free = [number for number in aims if number not in locked]
    return _settled(contacts, poses, aims, free, job)


def _aims(case: Case, poses: Poses, form: ArchForm, row: list[int], strength: float, turn: float) -> dict[int, Aim]:
    line = arch_form.curve(form)
    teeth = [case.teeth[number] for number in row]
    centres = np.array([poses[tooth.number][:3, :3] @ tooth.centre + poses[tooth.number][:3, 3] for tooth in teeth])
    _, near, tangents = line.nearest(centres[:, :2])
    rise = level(np.array([_height(tooth, poses[tooth.number]) for tooth in teeth]), centres)
    aims = {}
    for k, tooth in enumerate(teeth):
        along = np.array([*tangents[k], 0])
        weights = ROOTS[min(fdi.place(tooth.number), 8) - 1] * (np.eye(3) - (1 - SLIDE) * np.outer(along, along))
        buccal = poses[tooth.number][:3, :3] @ tooth.frame[:3, 1]
        out = np.array([tangents[k][1], -tangents[k][0]])
        angle = np.arctan2(buccal[0] * out[1] - buccal[1] * out[0], buccal[:2] @ out)
        shift = np.array([*(strength * (near[k] - centres[k, :2])), strength * LEVEL * rise[k]])
        aims[tooth.number] = Aim(shift, weights, strength * turn * float(angle))
    return aims


def _height(tooth: Tooth, pose: np.ndarray) -> float:
    """World z halfway between the centre of the crown and its highest point: steadier than a cusp, and level where cusps are."""
    heights = tooth.mesh.vertices @ pose[2, :3] + pose[2, 3]
    top = heights.min() if fdi.is_upper(tooth.number) else heights.max()
    return float(top + pose[2, :3] @ tooth.centre + pose[2, 3]) / 2


def level(heights: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """mm that each tooth must rise [N] to lie on the robust quadratic over y (the curve of Spee) that leans a little in x at most."""
    x, y = centres[:, 0] - centres[:, 0].mean(), centres[:, 1] - centres[:, 1].mean()
    columns = np.stack([np.ones(len(x)), x / max(np.abs(x).max(), 1e-6), y, y**2], 1)
    solution, _ = arch_form.robust(columns, 0 * columns, heights, np.array([np.inf, LEAN_MM, np.inf, np.inf]))
    return columns @ solution - heights


def _settled(contacts: Contacts, poses: Poses, aims: dict[int, Aim], free: list[int], job: Job | None) -> Poses:
    """Rounds of least squares towards the aims; rounds that only part what overlaps; what overlaps deeper than it did goes back, at worst to where it stood."""
    shifts, share = {number: np.zeros(3) for number in free}, dict.fromkeys(free, 1.0)
    before = {(entry.first, entry.second): entry.gap_mm for entry in contacts.measured(poses)}
    beside = {pair for row in contacts.rows(poses).values() for pair in zip(row, row[1:], strict=False)}

    def stand() -> Poses:
        return poses | {number: placed(contacts.case.teeth[number], poses[number], share[number] * shifts[number], share[number] * aims[number].turn)
                        for number in free if share[number] > 0}

    def limit(entry: Contact) -> float:
        return max(-before.get((entry.first, entry.second), 0.0), contacts.tolerance_mm)
    for k in range(ROUNDS):
        if job is not None:
            job.progress(k, ROUNDS, "Fitting teeth to the arch")
        wishes = []
        for entry in contacts.measured(stand()):
            neighbours = (entry.first, entry.second) in beside
            lap = LAP_MM if neighbours else limit(entry) - SPARE_MM
            if entry.gap_mm < -lap:
                wishes.append((entry, -lap - entry.gap_mm, PART))
            elif neighbours and entry.gap_mm > CLEAR_MM:
                wide = before[entry.first, entry.second]
                wishes.append((entry, CLEAR_MM - entry.gap_mm, CLOSE * np.clip(1 + wide * abs(wide), 1, WIDEST)))
        _step(shifts, aims, wishes, 1.0)
    for _ in range(REPAIRS):
        laps = [(entry, contacts.tolerance_mm if (entry.first, entry.second) in beside else limit(entry)) for entry in contacts.measured(stand())]
        if all(entry.depth_mm <= lap for entry, lap in laps):
            break
        _step(shifts, aims, [(entry, SPARE_MM - lap - entry.gap_mm, PART) for entry, lap in laps if entry.depth_mm > lap - SPARE_MM], 0.0)
    while True:
        deep = [entry for entry in contacts.measured(stand()) if entry.depth_mm > limit(entry) + 1e-3]
        back = {number for entry in deep for number in (entry.first, entry.second) if share.get(number, 0) > 0}
        if not back:
            return stand()
        for number in back:
            share[number] = share[number] / 2 if share[number] > .1 else 0.0


def _step(shifts: dict[int, np.ndarray], aims: dict[int, Aim], wishes: list[tuple[Contact, float, float]], drawn: float) -> None:
    """One least-squares step of the shifts, in place.

    wishes: contact, mm by which its gap shall grow, stiffness. drawn: 1 = towards the aims, 0 = as little as the wishes need.
    """
    weights = {number: aims[number].weights for number in shifts}
    springs.step(shifts, weights, {number: drawn * (aims[number].shift - shift) for number, shift in shifts.items()}, wishes, STEP_MM)


def placed(tooth: Tooth, pose: np.ndarray, shift: np.ndarray, turn: float) -> np.ndarray:
    """A pose after a turn about the vertical through the centre of the crown, in rad, and a shift [3] in the world."""
    centre = pose[:3, :3] @ tooth.centre + pose[:3, 3]
    rotation = exp(np.array([0, 0, turn]))
    made = np.eye(4)
    made[:3, :3] = rotation @ pose[:3, :3]
    made[:3, 3] = rotation @ (pose[:3, 3] - centre) + centre + shift
    return made
