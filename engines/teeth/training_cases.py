"""Training pairs for the arrangement network: a mouth that is laid out aligned, and the same mouth disturbed as patients' teeth are.

Aligned: wide_layouts.py with crowns of a bank. Disturbed: single teeth by teeth.md 3.7 (disturb.SPREAD), some mouths with another arch width and depth, some
squeezed or spread along the arch; then the rigid part of every jaw's disturbance is taken away, for nobody could know it. A tenth is not disturbed at all and
a tenth hardly: they teach "do not move". Mouths have one jaw or two, lack teeth, have third molars, or have had teeth extracted whose gaps shall close.
Batch `step` of a seed is always the same.
"""

from dataclasses import dataclass

import numpy as np
import torch

from engines.teeth import disturb, fdi, residual, tooth_shapes, wide_layouts
from engines.teeth.crown_bank import Bank
from engines.teeth.tadpm import KIND, Batch
from engines.teeth.wide_layouts import PLACE

UPPER = residual.UP < 0
SPREAD = np.array([disturb.SPREAD[fdi.is_upper(n)][min(fdi.place(n), 7) - 1] for n in residual.SLOTS])  # mm buccal, mesial, vertical; median |rotation|
FEW = 24  # points that stand for a crown where all are not needed
STILL, NEARLY, ARCH_CHANGE, SQUEEZE = 0.10, 0.10, 0.25, 0.30  # shares of mouths


@dataclass(frozen=True, eq=False)
class Mouth:
    """mask, extracted [32]; picks [32] of the bank's crowns; size; target centres [32, 3] and crown-to-world turns [32, 3, 3]; the same at the start."""

    mask: np.ndarray
    extracted: np.ndarray
    picks: np.ndarray
    size: float
    centres: np.ndarray
    turns: np.ndarray
    start_centres: np.ndarray
    start_turns: np.ndarray


def population(random: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which of the 32 teeth are there, which have been extracted to make room, and which are missing with their place kept free."""
    there = PLACE < 7
    if random.random() < .25:
        there = there | (random.random(32) < .6)
    if random.random() < .4:
        there = there & (random.random(32) > .08)
    extracted = np.zeros(32, bool)
    for upper in (True, False):
        if random.random() < .08:
            extracted |= (upper == UPPER) & (random.choice([3, 4]) == PLACE) & there
    one = random.random()
    if one < .3:
        there = there & ((one < .15) == UPPER)
    extracted &= there
    kept = (PLACE < 7) & ~there & (random.random(32) < .5)
    return there & ~extracted, extracted, kept & ~extracted


def mouth(bank: Bank, random: np.random.Generator, wide: wide_layouts.Range = wide_layouts.WIDE,
          plain: float | None = None) -> Mouth:
    """One pair. plain: all 28 teeth, disturbed by so many times the measured distribution and in no other way, as in the hold-outs."""
    mask, extracted, kept = (PLACE < 7, np.zeros(32, bool), np.zeros(32, bool)) if plain is not None else population(random)
    picks = random.integers(bank.each, size=16)[KIND]
    size = float(np.exp(.06 * random.standard_normal()))
    points = size * bank.points[KIND, picks, :FEW * 3, :3].astype(np.float64)
    edges, anchors, leans = size * bank.edges[KIND, picks], size * bank.anchors[KIND, picks], bank.leans[KIND, picks]
    laid = wide_layouts.lay(points, edges, anchors, leans, mask, kept, random, wide)
    centres, turns = laid.centres, laid.turns
    few = points[:, :FEW]
    chance = random.random()
    severity = plain if plain is not None else 0.0 if chance < STILL else .15 if chance < STILL + NEARLY else random.uniform(.3, 1.4)
    shift, turn = _disturbed(mask, random, severity)
    moved = centres + np.einsum("sij,sj->si", laid.frames, shift)
    turned = laid.frames @ turn @ laid.frames.swapaxes(1, 2) @ turns
    if severity > .2 and plain is None:
        moved = _arch_changed(moved, mask, laid.frames, random)
        if extracted.any():
            moved = _room_back(moved, laid.frames, extracted, mask, size)
    for jaw in (UPPER, ~UPPER):
        moved, turned = _without_rigid(moved, turned, centres, turns, few, mask & jaw)
    return Mouth(mask, extracted, picks, size, centres, turns, moved, turned)


def _disturbed(mask: np.ndarray, random: np.random.Generator, severity: float) -> tuple[np.ndarray, np.ndarray]:
    """Offsets [32, 3] in mesial, buccal, occlusal mm and turns [32, 3, 3] there; neighbours alternate in and out, a fifth stands out."""
    fresh = random.standard_normal((32, 6))
    wave, last = np.zeros(32), None
    for k in np.flatnonzero(mask):
        new = last is None or UPPER[last] != UPPER[k]
        wave[k] = fresh[k, 0] if new else disturb.NEIGHBOUR * wave[last] + np.sqrt(1 - disturb.NEIGHBOUR**2) * fresh[k, 0]
        last = k
    far = np.where(random.random((32, 3)) < disturb.TAIL, disturb.TAIL_GAIN, 1.0) * severity
    shift = np.stack([SPREAD[:, 1] * far[:, 1] * fresh[:, 1], disturb.BUCCOLINGUAL_GAIN * SPREAD[:, 0] * far[:, 0] * wave,
                      SPREAD[:, 2] * far[:, 2] * fresh[:, 2]], 1)
    tip, torque = np.deg2rad(disturb.ANGLE_SD * severity * fresh[:, 4:].T)
    return shift, wide_layouts.turn_of(tip, torque, np.deg2rad(severity * SPREAD[:, 3] / .6745 * fresh[:, 3]))


def _arch_changed(centres: np.ndarray, mask: np.ndarray, frames: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Another width and depth of a jaw's arch, or its teeth squeezed towards or spread from the midline along it."""
    centres = centres.copy()
    for jaw in (UPPER, ~UPPER):
        row = np.flatnonzero(jaw & mask)
        if not len(row):
            continue
        if random.random() < ARCH_CHANGE:
            middle = centres[row].mean(0)
            centres[row] = middle + (centres[row] - middle) * np.array([1 + .04 * random.standard_normal(), 1 + .05 * random.standard_normal(), 1])
        if random.random() < SQUEEZE:
            by = float(np.clip(2.0 * random.standard_normal(), -4, 4))
            share = np.minimum((PLACE[row] + .5) / 5.5, 1.0)**1.3
            centres[row] += frames[row][:, :, 0] * (by / 2 * share)[:, None]
    return centres


def _room_back(centres: np.ndarray, frames: np.ndarray, extracted: np.ndarray, mask: np.ndarray, size: float) -> np.ndarray:
    """The start still has the gaps of extracted teeth: those behind stand a premolar's width further back."""
    centres = centres.copy()
    for k in np.flatnonzero(extracted):
        behind = mask & (UPPER[k] == UPPER) & (residual.SIDE[k] == residual.SIDE) & (PLACE[k] < PLACE)
        centres[behind] -= frames[behind][:, :, 0] * (6.8 * size)
    return centres


def _without_rigid(moved: np.ndarray, turned: np.ndarray, centres: np.ndarray, turns: np.ndarray, few: np.ndarray,
                   rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The start after the rigid movement of one jaw that brings it nearest to its target [Kabsch]."""
    if not rows.any():
        return moved, turned
    here = (moved[rows, None] + few[rows] @ turned[rows].swapaxes(1, 2)).reshape(-1, 3)
    there = (centres[rows, None] + few[rows] @ turns[rows].swapaxes(1, 2)).reshape(-1, 3)
    a, b = here.mean(0), there.mean(0)
    u, _, vt = np.linalg.svd((here - a).T @ (there - b))
    turn = vt.T @ np.diag([1, 1, np.sign(np.linalg.det(vt.T @ u.T))]) @ u.T
    moved, turned = moved.copy(), turned.copy()
    moved[rows] = (moved[rows] - a) @ turn.T + b
    turned[rows] = turn @ turned[rows]
    return moved, turned


def batch_of(bank: Bank, mouths: list[Mouth], points: int, random: np.random.Generator) -> Batch:
    """What the network sees of these pairs, and its targets."""
    mask, extracted, picks = (np.stack([getattr(one, name) for one in mouths]) for name in ("mask", "extracted", "picks"))
    centres, turns, here, turned = (np.stack([getattr(one, name) for one in mouths]) for name in ("centres", "turns", "start_centres", "start_turns"))
    size = np.array([one.size for one in mouths])[:, None, None, None]
    chosen = bank.points[KIND, picks][:, :, random.permutation(bank.points.shape[2])[:points]]
    crowns = chosen[..., :3] * size.astype(np.float32)
    seen = residual.see(here, crowns[:, :, :FEW * 2] @ turned.swapaxes(2, 3).astype(np.float32), mask, extracted)
    into = (seen.frames.swapaxes(2, 3) @ seen.turn[:, None] @ turned).astype(np.float32)
    faces = bank.faces[KIND, picks].copy()
    faces[..., :1] *= (size**2).astype(np.float32)
    for low in (tooth_shapes.FEATURES - 3, tooth_shapes.FEATURES):
        faces[..., low:low + 3] = faces[..., low:low + 3] @ into.swapaxes(2, 3)
    faces[..., tooth_shapes.FEATURES:] *= size.astype(np.float32)
    local = np.concatenate([crowns @ into.swapaxes(2, 3), chosen[..., 3:] @ into.swapaxes(2, 3)], -1)
    world = seen.turn[:, None]
    z = residual.encode(seen.frames, np.einsum("bij,bsj->bsi", seen.turn, centres - here), world @ turns @ turned.swapaxes(2, 3) @ world.swapaxes(2, 3))
    hidden = ~mask
    for values in (local, faces, z):
        values[hidden] = 0
    return Batch(torch.from_numpy(mask), *(torch.from_numpy(np.ascontiguousarray(values, np.float32))
                                           for values in (local, faces, seen.centres, seen.frames, seen.facts, z)))


def draw(bank: Bank, seed: tuple[int, ...], count: int, points: int = tooth_shapes.POINTS, wide: wide_layouts.Range = wide_layouts.WIDE,
         plain: float | None = None) -> Batch:
    """`count` pairs of a seed."""
    random = np.random.default_rng(seed)
    return batch_of(bank, [mouth(bank, random, wide, plain) for _ in range(count)], points, random)
