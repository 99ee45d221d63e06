"""Malocclusions: what is drawn where nothing is asked, and aligned teeth moved into a start.

Displacements per tooth follow measurements on 148 patients (robust sd against a fitted arch); prevalences are those of Alhammadi 2018.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from engines.teeth import fdi, layout
from engines.teeth.arch import Arch
from engines.teeth.crowns import Crown

# place 1-7: buccolingual, mesiodistal, vertical sd in mm, median |rotation| in deg; sixes and sevens are estimates
SPREAD = {True: ((.53, .26, .67, 7.8), (.86, .34, .54, 11.2), (.69, .37, .75, 10.1), (.68, .38, .53, 9.4), (.31, .38, .35, 10.1),
                 (.35, .30, .35, 4.0), (.50, .30, .40, 4.7)),
          False: ((.54, .24, .57, 9.1), (.68, .28, .57, 9.3), (.68, .45, .70, 7.2), (.61, .31, .54, 8.4), (.26, .28, .42, 14.3),
                  (.35, .30, .35, 4.0), (.50, .30, .40, 4.7))}
BUCCOLINGUAL_GAIN = 1.3  # the fitted arch follows the teeth, true offsets are larger
TAIL, TAIL_GAIN = 0.2, 3.0  # share of teeth that stand out, and how far
NEIGHBOUR = -0.4  # correlation of neighbours' buccolingual offsets: in and out alternate
ANGLE_SD = 5.0  # tip and torque, deg
CLASS_SHARE = {"I": .747, "II": .196, "III": .057}
BITE_SHARE = {"normal": .731, "deep": .220, "open": .049}
CROSSBITE_SHARE = .094
HALF_UNIT_MM = 3.5


@dataclass(frozen=True)
class Offset:
    """Of one tooth in its own aligned frame: mm to buccal, to mesial, to occlusal; deg of rotation, tip and torque."""

    buccal: float
    mesial: float
    occlusal: float
    rotation: float
    tip: float
    torque: float


def draw(numbers: tuple[int, ...], random: np.random.Generator) -> dict[int, Offset]:
    """Independent offsets by the measured distribution, neighbours alternating."""
    made, before, last = {}, None, 0.0
    for n in numbers:
        bl, md, up, rotation = SPREAD[fdi.is_upper(n)][min(fdi.place(n), 7) - 1]
        fresh = random.standard_normal(6)
        new_arch = before is None or fdi.is_upper(before) != fdi.is_upper(n)
        wave = fresh[0] if new_arch else NEIGHBOUR * last + np.sqrt(1 - NEIGHBOUR**2) * fresh[0]
        before, last = n, wave
        far = np.where(random.random(3) < TAIL, TAIL_GAIN, 1.0)
        made[n] = Offset(BUCCOLINGUAL_GAIN * bl * far[0] * wave, md * far[1] * fresh[1], up * far[2] * fresh[2],
                         rotation / .6745 * fresh[3], ANGLE_SD * fresh[4], ANGLE_SD * fresh[5])
    return made


def complete(wish: Any, random: np.random.Generator) -> Any:
    """The wish with everything drawn that it leaves open."""
    def choose(shares: dict[str, float]) -> str:
        return list(shares)[int(random.choice(len(shares), p=list(shares.values())))]
    molar, bite, cross = choose(CLASS_SHARE), choose(BITE_SHARE), bool(random.random() < CROSSBITE_SHARE)
    room = float(np.clip(random.normal(2.0, 3.0), -4, 9))  # crowding of the jaw, negative: spacing
    jet, over = random.standard_normal(2).clip(-1.5, 1.5)
    molar, bite = wish.molar_class or molar, wish.bite or bite
    spaced = (wish.spacing_mm or 0) > 0 or (wish.diastema_mm or 0) > 0
    crowding = wish.crowding_mm if wish.crowding_mm is not None else 0.0 if spaced or wish.spacing_mm is not None and room < 0 else max(room, 0.0)
    free = 0.0 if crowding > 0 or wish.crowding_mm is not None else max(-room, 0.0)
    spacing = wish.spacing_mm if wish.spacing_mm is not None else max(wish.diastema_mm or 0.0, free)
    overjet = {"I": 3.2 + .8 * jet, "II": 6.5 + 1.2 * jet, "III": -1.2 + .8 * jet}[molar]
    overbite = {"normal": 2.2 + .8 * over, "deep": 5.5 + .7 * over, "open": -2.0 + .7 * over}[bite]
    return replace(wish, molar_class=molar, bite=bite, crossbite=cross if wish.crossbite is None else wish.crossbite, crowding_mm=crowding, spacing_mm=spacing,
                   diastema_mm=wish.diastema_mm or 0.0, overjet_mm=overjet if wish.overjet_mm is None else wish.overjet_mm,
                   overbite_mm=overbite if wish.overbite_mm is None else wish.overbite_mm)


def apply(crown: Crown, pose: np.ndarray, offset: Offset) -> np.ndarray:
    """A pose after an offset: turned about the middle of the crown, shifted along its own axes."""
    middle = np.array([0, 0, crown.landmarks["edge"][2] / 2])
    turn = layout.local_turn(crown.number, layout.Angles(offset.tip, offset.torque, offset.rotation))
    local = np.eye(4)
    local[:3, :3] = turn
    shift = np.array([layout.mesial(crown.number) * offset.mesial, offset.buccal, offset.occlusal])
    local[:3, 3] = middle - turn @ middle + shift
    return pose @ local


def start(crowns: dict[int, Crown], aligned: dict[int, np.ndarray], arch: Arch, wish: Any, random: np.random.Generator) -> dict[int, np.ndarray]:
    """Start poses of a completed wish: room, then single teeth, then the bite as a whole."""
    numbers = tuple(crowns)
    offsets = draw(numbers, random)
    poses = {}
    for upper in (True, False):
        row = tuple(n for n in (fdi.UPPER if upper else fdi.LOWER) if n in crowns)
        slid = _slide(crowns, aligned, arch, row, wish, random)
        poses |= {n: apply(crowns[n], slid[n], offsets[n]) for n in row}
        _make_room(crowns, poses, row)
    _bite(crowns, poses, wish, random)
    return poses


def _slide(crowns: dict[int, Crown], aligned: dict[int, np.ndarray], arch: Arch, row: tuple[int, ...], wish: Any,
           random: np.random.Generator) -> dict[int, np.ndarray]:
    """Teeth moved along the arch: together by the crowding, apart by the spacing."""
    grid = np.linspace(-80, 80, 1601)
    line, _ = arch.at(grid)
    where = {n: float(grid[np.argmin(((line - aligned[n][:2, 3])**2).sum(1))]) for n in row}
    total = wish.spacing_mm
    sites = random.dirichlet(np.full(10, 1.5)) * max(total - wish.diastema_mm, 0)
    slid = {}
    for n in row:
        s, k = where[n], fdi.place(n)
        inner = max(abs(where[m]) for m in row if fdi.place(m) <= 5)
        towards = -wish.crowding_mm / 2 * min(abs(s) / inner, 1.0)**2
        side = sites[:5] if fdi.is_right(n) else sites[5:]
        away = wish.diastema_mm / 2 + float(side[:min(k, 5)].sum())
        new = s + np.sign(s) * (towards + away)
        (p, t), (q, u) = arch.at(s), arch.at(new)
        turn = layout.axis_turn(2, float(np.arctan2(u[1], u[0]) - np.arctan2(t[1], t[0])))
        move = np.eye(4)
        move[:3, :3] = turn
        move[:2, 3] = q - turn[:2, :2] @ p
        slid[n] = move @ aligned[n]
    return slid


def _make_room(crowns: dict[int, Crown], poses: dict[int, np.ndarray], row: tuple[int, ...], rounds: int = 6, allowed: float = 0.1) -> None:
    """Teeth that overlap are pushed past each other, one out, one in, as crowded teeth stand; in place."""
    points = {n: crowns[n].mesh.vertices[::2].astype(np.float64) for n in row}
    for _ in range(rounds):
        stand = {n: layout.spread(poses[n], points[n]) for n in row}
        worst = 0.0
        for a, b in zip(row, row[1:], strict=False):
            deep = -layout.gap(stand[a].copy(), stand[b].copy()) - allowed
            if deep <= 0:
                continue
            worst = max(worst, deep)
            line = poses[b][:2, 3] - poses[a][:2, 3]
            line /= np.linalg.norm(line)
            outward = np.array([line[1], -line[0]])
            ahead = float((poses[b][:2, 3] - poses[a][:2, 3]) @ outward + (poses[b][:2, 1] - poses[a][:2, 1]) @ outward)
            sign = 1.0 if ahead >= 0 else -1.0
            loose_a, loose_b = (1.0 if fdi.place(n) < 6 else .15 for n in (a, b))
            push = .45 * deep / (loose_a + loose_b)
            for n, loose, way in ((a, loose_a, -1), (b, loose_b, 1)):
                poses[n][:2, 3] += way * push * loose * (sign * outward * .8 + line * 1.2)
        if worst < .05:
            break


def _bite(crowns: dict[int, Crown], poses: dict[int, np.ndarray], wish: Any, random: np.random.Generator) -> None:
    """Crossbite, molar class, overjet and overbite, in place."""
    upper, lower = (tuple(n for n in row if n in crowns) for row in (fdi.UPPER, fdi.LOWER))
    if wish.crossbite:
        sides = ((True,), (False,), (True, False))[int(random.choice(3, p=(.4, .3, .3)))]
        for n in upper:
            if fdi.is_right(n) in sides and fdi.place(n) > 3:
                poses[n][0, 3] += (1 if fdi.is_right(n) else -1) * (2.6 if fdi.place(n) == 4 else 4.6)
            elif fdi.is_right(n) in sides and fdi.place(n) == 3:
                poses[n][0, 3] += (1 if fdi.is_right(n) else -1) * .8
    wanted = {"I": 0.0, "II": HALF_UNIT_MM * (1.0 if random.random() < .6 else 1.7), "III": -HALF_UNIT_MM}[wish.molar_class]
    back = wanted - float(np.mean([v for v in molar_offsets(crowns, poses).values()] or [0.0])) * (1.0 if wish.molar_class != "I" else .6)
    for n in lower:
        poses[n][1, 3] += back
    ground = layout.height_map(np.concatenate([layout.spread(poses[n], crowns[n].mesh.vertices) for n in lower]), 1.0)
    free = min((layout.bite_gap(layout.spread(poses[n], crowns[n].mesh.vertices), ground) for n in upper if fdi.place(n) > 3), default=0.0)
    if np.isfinite(free):  # the side teeth meet, the jaw opens or closes as one
        for n in lower:
            poses[n][2, 3] += min(max(free + .25, -4.0), 2.0)
    facts = bite_facts(crowns, poses)
    if facts["overjet_mm"] is None or facts["overbite_mm"] is None:
        return
    forward, over = wish.overjet_mm - facts["overjet_mm"], wish.overbite_mm - facts["overbite_mm"]
    share = {1: 1.0, 2: .9, 3: .35}
    for n in upper + lower:
        part = share.get(fdi.place(n), 0.0)
        if fdi.is_upper(n):
            poses[n][1, 3] -= part * forward * .7
            poses[n][2, 3] -= part * over * .5
        else:
            poses[n][1, 3] += part * forward * .3
            poses[n][2, 3] += part * over * .5


def point(crowns: dict[int, Crown], poses: dict[int, np.ndarray], number: int, landmark: str) -> np.ndarray:
    return layout.spread(poses[number], crowns[number].landmarks[landmark])


def molar_offsets(crowns: dict[int, Crown], poses: dict[int, np.ndarray]) -> dict[str, float]:
    """mm that the lower first molar's buccal groove lies behind the upper mesiobuccal cusp, per side; positive towards class II."""
    found = {}
    for side, upper, lower in (("right", 16, 46), ("left", 26, 36)):
        if upper in crowns and lower in crowns:
            found[side] = float(point(crowns, poses, lower, "buccal_groove")[1] - point(crowns, poses, upper, "cusp_mb")[1])
    return found


def bite_facts(crowns: dict[int, Crown], poses: dict[int, np.ndarray]) -> dict[str, Any]:
    """overjet and overbite (means of the central incisors' edges), molar offsets, intercanine and intermolar widths, mm; None where teeth are missing."""
    def mean(numbers: tuple[int, ...], landmark: str = "edge") -> np.ndarray | None:
        return np.mean([point(crowns, poses, n, landmark) for n in numbers], axis=0) if all(n in crowns for n in numbers) else None
    top, bottom = mean((11, 21)), mean((31, 41))
    facts: dict[str, Any] = {"overjet_mm": None, "overbite_mm": None}
    if top is not None and bottom is not None:
        facts = {"overjet_mm": round(float(bottom[1] - top[1]), 4), "overbite_mm": round(float(bottom[2] - top[2]), 4)}
    facts["molar_offset_mm"] = {side: round(value, 4) for side, value in molar_offsets(crowns, poses).items()}
    for name, right, left, landmark in (("intercanine_upper", 13, 23, "edge"), ("intercanine_lower", 43, 33, "edge"), ("intermolar_upper", 16, 26, "cusp_mb"),
                                        ("intermolar_lower", 46, 36, "cusp_mb")):
        if right in crowns and left in crowns:
            facts[f"{name}_mm"] = round(float(np.linalg.norm(point(crowns, poses, left, landmark) - point(crowns, poses, right, landmark))), 4)
    return facts
