"""Aligned arches laid far wider than reality: the target side of a training pair.

A half arch is  y = aspect ((1 - m) t^p + m t^q), t = |x| from the midline to the end, scaled so that its length is that of the teeth; then a little crooked.
Both jaws share the line (layout.py): lower edges and cusps stand on it, upper fossae over it, upper front teeth outside it. Crowns are laid side by side by
how far their points reach towards each other.
"""

from dataclasses import dataclass

import numpy as np

from engines.teeth import layout, residual
from engines.teeth.tadpm import KIND

TOUCH_MM = -0.10  # points of touching neighbours reach past each other by so much: their contacts are not at one height
PLACE = KIND % 8
FRONT = PLACE < 3
NORMS = np.deg2rad([(layout.norm(n).tip, layout.norm(n).torque) for n in residual.SLOTS])
OUT_MM = np.where(residual.UP > 0, 0.0, np.where(FRONT, np.array([*layout.UPPER_OUT_MM, *[0] * 5])[PLACE], -layout.UPPER_SIDE_IN_MM))
RISE_MM = np.where((residual.UP < 0) & FRONT, np.array([*layout.UPPER_EDGE_MM, *[0] * 5])[PLACE], 0.0)
NEIGHBOURS = np.array([(row + k, row + k + 1) for row in (0, 16) for k in range(15)])


@dataclass(frozen=True)
class Range:
    """From where layouts are drawn: aspect (depth over half width), powers p and q, share m, sd of biases that all teeth of a type in a mouth have
    (mm out and up; deg about the mesiodistal axis, buccolingual axis, long axis), sd of single teeth (mm, deg)."""

    aspect: tuple[float, float] = (1.1, 2.0)
    p: tuple[float, float] = (1.6, 2.6)
    q: tuple[float, float] = (3.0, 7.0)
    m: tuple[float, float] = (0.0, 0.9)
    bias_mm: float = 0.5
    bias_deg: tuple[float, float, float] = (5.0, 2.5, 7.0)
    own_mm: float = 0.12
    own_deg: tuple[float, float, float] = (2.0, 1.5, 1.5)
    crooked: float = 0.03


WIDE = Range()
SHIFTED = {"internal": Range((1.35, 1.5), (1.8, 2.0), (5.0, 6.0), (.55, .75), .4, (4.0, 2.0, 5.0), crooked=.02),
           "holdout-b": Range((1.45, 1.75), (2.2, 2.6), (3.5, 4.5), (.1, .35), .4, (4.0, 2.0, 5.0), crooked=.02)}


@dataclass(frozen=True, eq=False)
class Laid:
    """centres [32, 3] of the crowns in the world, frames [32, 3, 3] of the arch there (as F in residual.py), turns [32, 3, 3] crown axes to world."""

    centres: np.ndarray
    frames: np.ndarray
    turns: np.ndarray


def turn_of(tip: np.ndarray, torque: np.ndarray, rotation: np.ndarray) -> np.ndarray:
    """[32, 3, 3] in mesial, buccal, occlusal: torque, then tip, then rotation, in rad; as layout.local_turn."""
    unit = np.eye(3)
    return residual.exp(-torque[:, None] * unit[0]) @ residual.exp(tip[:, None] * unit[1]) @ residual.exp(rotation[:, None] * unit[2])


def lay(points: np.ndarray, edges: np.ndarray, anchors: np.ndarray, leans: np.ndarray, there: np.ndarray, kept: np.ndarray, random: np.random.Generator,
        wide: Range = WIDE) -> Laid:
    """Crowns by slot: points [32, P, 3], edges, anchors [32, 3] and leans [32] in crown axes; there [32]: which stand; kept [32]: which leave a gap."""
    def per_type(sd: float) -> np.ndarray:
        return sd * random.standard_normal(16)[KIND]

    def single(sd: float) -> np.ndarray:
        return sd * random.standard_normal(32)
    torque, tip, rotation = (np.deg2rad(per_type(wide.bias_deg[k]) + single(wide.own_deg[k])) for k in range(3))
    own = turn_of(NORMS[:, 0] + tip, NORMS[:, 1] + torque - leans, rotation)
    local = points @ own.swapaxes(1, 2)
    edges, anchors = (np.einsum("sij,sj->si", own, at) for at in (edges, anchors))
    reach = local[..., 0].max(1), -local[..., 0].min(1)  # to mesial and to distal
    s = _first(reach, there, kept)
    line = _line(random, wide, np.abs(s).max() + 4)
    depth, overbite, lift = random.uniform(-.3, 3.0), 2.3 + .8 * random.standard_normal(), 1.5 + .5 * random.standard_normal()
    out = OUT_MM + per_type(wide.bias_mm) + single(wide.own_mm) + np.where(residual.UP < 0, np.where(FRONT, .8, .5) * random.standard_normal(), 0)
    level = per_type(wide.bias_mm) + single(wide.own_mm)
    gaps_kept = _between(kept, there)
    for turn in range(4):
        spots, tangents = _at(line, s)
        frames = residual.arch_frames(tangents[None])[0]
        height = np.where(residual.UP > 0, layout.spee(s, depth, np.abs(s).max()), np.where(FRONT, RISE_MM - overbite,
                          layout.spee(s, depth, np.abs(s).max()) - lift)) + level
        centres = np.concatenate([spots, np.zeros((32, 1))], 1) + (out - anchors[:, 1])[:, None] * frames[..., 1]
        centres[:, 2] = height - residual.UP * edges[:, 2]
        if turn < 3:
            s = _closer(s, centres, frames @ local.swapaxes(1, 2), there, gaps_kept)
    return Laid(centres, frames, frames @ own)


def _first(reach: tuple[np.ndarray, np.ndarray], there: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Arc lengths [32] by widths alone, negative on the right."""
    wide = np.where(there | kept, reach[0] + reach[1], 0)
    s = np.zeros(32)
    for row in (range(7, -1, -1), range(8, 16), range(23, 15, -1), range(24, 32)):
        row = np.array(row)
        ends = np.cumsum(wide[row])
        s[row] = residual.SIDE[row] * (ends - wide[row] + np.where(there[row] | kept[row], reach[0][row], 0))
    return s


def _between(kept: np.ndarray, there: np.ndarray) -> list[tuple[int, int, tuple[int, ...]]]:
    """Pairs of teeth that come after each other in a jaw, and the places between them that stay free."""
    found = []
    for start in (0, 16):
        last, free = None, []
        for k in range(start, start + 16):
            if there[k]:
                if last is not None:
                    found.append((last, k, tuple(free)))
                last, free = k, []
            elif kept[k]:
                free.append(k)
    return found


def _closer(s: np.ndarray, centres: np.ndarray, spread: np.ndarray, there: np.ndarray, pairs: list) -> np.ndarray:
    """Arc lengths after closing what gaps the points leave and opening where they lap; the midline stays. spread [32, 3, P]."""
    if not pairs:
        return s
    a, b = np.array([pair[0] for pair in pairs]), np.array([pair[1] for pair in pairs])
    line = centres[b, :2] - centres[a, :2]
    far = np.linalg.norm(line, axis=1)
    line = line / np.maximum(far, 1e-6)[:, None]
    lap = far - np.einsum("ki,kip->kp", line, spread[a, :2]).max(1) + np.einsum("ki,kip->kp", line, spread[b, :2]).min(1) - TOUCH_MM
    free = np.array([7.0 * len(pair[2]) for pair in pairs])  # a kept gap: about a tooth's width, not to be closed
    excess = np.where(free > 0, 0.0, lap)
    s = s.copy()
    for start in (0, 16):
        mine = (a >= start) & (a < start + 16)
        moved = np.zeros(32)
        for first, second, by in zip(a[mine], b[mine], excess[mine], strict=True):
            moved[second] = moved[first] - by
        row = np.flatnonzero(there[start:start + 16]) + start
        if len(row):
            right, left = row[residual.SIDE[row] < 0], row[residual.SIDE[row] > 0]
            middle = (moved[right[-1]] + moved[left[0]]) / 2 if len(right) and len(left) else moved[row[0]]
            s[row] += moved[row] - middle
    return s


def _line(random: np.random.Generator, wide: Range, length: float) -> np.ndarray:
    """[N, 2] points of the arch from the patient's right to the left; straight past its ends."""
    t = np.linspace(0, 1, 60)
    aspect, p, q, m = (random.uniform(*getattr(wide, name)) for name in ("aspect", "p", "q", "m"))
    half = np.stack([t, aspect * ((1 - m) * t**p + m * t**q)], 1)
    half *= length / np.linalg.norm(np.diff(half, axis=0), axis=1).sum()
    half = np.concatenate([half, half[-1] + np.linspace(.3, 3, 6)[:, None] * (half[-1] - half[-2]) / np.linalg.norm(half[-1] - half[-2]) * 4])
    line = np.concatenate([half[:0:-1] * (-1, 1), half])
    slant, stretch = wide.crooked * random.standard_normal(2)
    return line @ np.array([[1, slant], [0, 1]]) * np.stack([1 + stretch * np.sign(line[:, 0]), np.ones(len(line))], 1)


def _at(line: np.ndarray, s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points and unit tangents [32, 2] at arc lengths from the middle of the line."""
    along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    along -= along[len(line) // 2]
    slopes = np.gradient(line, along, axis=0)
    spots, tangents = (np.stack([np.interp(s, along, values[:, k]) for k in (0, 1)], 1) for values in (line, slopes))
    return spots, tangents / np.linalg.norm(tangents, axis=1, keepdims=True)
