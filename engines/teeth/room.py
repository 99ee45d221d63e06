"""Room in an arch: how crowded it is, and how overlapping neighbours are pushed apart the way crowded teeth stand, one in and one out.

Seen from above: every crown is its convex outline, given by how far it reaches (mm) in DIRECTIONS; two outlines overlap by the smallest of the
distances along one of these that would part them.
"""

import numpy as np

from engines.teeth import fdi, layout
from engines.teeth.crowns import Crown

DIRECTIONS = np.stack([np.cos(np.arange(48) * np.pi / 24), np.sin(np.arange(48) * np.pi / 24)], -1)
ALLOWED_MM = 0.12  # outlines of aligned neighbours overlap by so much: their contacts are not at one height
LOOSE = (1.0, 1.0, .9, .7, .6, .10, .12, .2)  # how readily each place gives way
ALONG, ACROSS = 0.75, 0.55  # parts of an overlap that are taken up along the line of the parting and in or out of the arch


def widths(crowns: dict[int, Crown], row: tuple[int, ...]) -> dict[int, float]:
    """Contact to contact, mm."""
    return {n: float(abs(crowns[n].landmarks["mesial_contact"][0] - crowns[n].landmarks["distal_contact"][0])) for n in row}


def crowding(crowns: dict[int, Crown], poses: dict[int, np.ndarray], row: tuple[int, ...]) -> float | None:
    """Widths of the ten teeth in front of the first molars less the length of the arch there, mm; negative where there is space. None where one is missing.

    The arch is the curve of least squares through their contacts (degree 5 in the summed widths) between the mesial contacts of the molars. This is what the
    generator aims at, from crowns whose contacts it knows; the measure of a case (arch_measures) has the same definition, with missing teeth and its own arch.
    """
    front = tuple(n for n in row if fdi.place(n) < 6)
    molars = tuple(n for n in row if fdi.place(n) == 6)
    if len(front) < 10 or len(molars) < 2:
        return None
    own = widths(crowns, front)
    at, through, along = [0.0], [layout.spread(poses[molars[0]], crowns[molars[0]].landmarks["mesial_contact"])[:2]], 0.0
    for n in front:
        ends = ("distal_contact", "mesial_contact") if fdi.is_right(n) else ("mesial_contact", "distal_contact")
        for share, end in zip((0, own[n]), ends, strict=True):
            at.append(along + share)
            through.append(layout.spread(poses[n], crowns[n].landmarks[end])[:2])
        along += own[n]
    at.append(along)
    through.append(layout.spread(poses[molars[1]], crowns[molars[1]].landmarks["mesial_contact"])[:2])
    weight = np.ones((len(at), 1))
    weight[[0, -1]] = 6.0  # the arch ends at the molars
    t = 2 * np.array(at) / along - 1
    fit = np.linalg.lstsq(np.polynomial.chebyshev.chebvander(t, 5) * weight, np.array(through) * weight, rcond=None)[0]
    curve = np.polynomial.chebyshev.chebval(np.linspace(-1, 1, 200), fit).T
    return along - float(np.linalg.norm(np.diff(curve, axis=0), axis=1).sum())


def overlaps(crowns: dict[int, Crown], poses: dict[int, np.ndarray], row: tuple[int, ...]) -> dict[tuple[int, int], float]:
    """mm by which the outlines of neighbours overlap, seen from above, beyond what aligned teeth show; only pairs that do."""
    reach, _ = _outlines(crowns, poses, row)
    first, second = np.arange(len(row) - 1), np.arange(1, len(row))
    deep = (reach[first] + np.roll(reach[second], 24, axis=1)).min(1) - ALLOWED_MM
    return {(row[a], row[b]): float(d) for a, b, d in zip(first, second, deep, strict=True) if d > 0}


def _outlines(crowns: dict[int, Crown], poses: dict[int, np.ndarray], row: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Reach [K, 48] of every crown from the origin, and the centres [K, 2] of the outlines."""
    reach = np.stack([(layout.spread(poses[n], crowns[n].mesh.vertices[::3])[:, :2] @ DIRECTIONS.T).max(0) for n in row])
    half = (reach - np.roll(reach, 24, axis=1)) / 2  # of a convex outline: where its middle lies along each direction
    return reach, half @ DIRECTIONS / 24


def part(crowns: dict[int, Crown], poses: dict[int, np.ndarray], row: tuple[int, ...], rounds: int = 60, fixed: tuple[int, ...] = ()) -> None:
    """Moves teeth in the occlusal plane until neighbours, and those one further, overlap no more; in place. Molars hardly give way, fixed ones not."""
    if len(row) < 2:
        return
    reach, centres = _outlines(crowns, poses, row)
    pairs = np.array([(a, a + step) for step in (1, 2) for a in range(len(row) - step)])
    first, second = pairs.T
    loose = np.array([0.0 if n in fixed else LOOSE[fdi.place(n) - 1] for n in row])
    share = np.stack([loose[first], loose[second]], -1)
    share = share / np.maximum(share.sum(1, keepdims=True), 1e-6)
    moved = np.zeros((len(row), 2))
    for _ in range(rounds):
        now = reach + moved @ DIRECTIONS.T
        apart = now[first] + np.roll(now[second], 24, axis=1)
        way = apart.argmin(1)
        deep = apart[np.arange(len(pairs)), way] - ALLOWED_MM
        if deep.max() < .02:
            break
        deep = np.clip(deep, 0, 1.5)[:, None]
        push = DIRECTIONS[way] * deep * ALONG
        here = centres + moved
        line = here[second] - here[first]
        line /= np.maximum(np.linalg.norm(line, axis=1, keepdims=True), 1e-9)
        outward = np.stack([line[:, 1], -line[:, 0]], -1)
        arch = np.stack([here[np.maximum(first - 1, 0)], here[np.minimum(second + 1, len(row) - 1)]], 1)
        chord = arch[:, 1] - arch[:, 0]
        tilt = line[:, 0] * chord[:, 1] - line[:, 1] * chord[:, 0]  # > 0: the second stands further out than the line of those around
        push += np.where(tilt >= 0, 1.0, -1.0)[:, None] * outward * deep * ACROSS
        step = np.zeros_like(moved)
        np.add.at(step, first, -push * share[:, :1] * .6)
        np.add.at(step, second, push * share[:, 1:] * .6)
        moved += step
    for n, shift in zip(row, moved, strict=True):
        poses[n][:2, 3] += shift
