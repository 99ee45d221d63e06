"""Malocclusions: what is drawn where nothing is asked, and aligned teeth moved into a start.

Displacements per tooth follow measurements on 148 patients (robust sd against a fitted arch); prevalences are those of Alhammadi 2018.
"""

from dataclasses import astuple, dataclass, replace
from typing import Any

import numpy as np

from engines.teeth import fdi, front, layout, room
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
LATE = {2: -0.8, 3: 1.3}  # mm to buccal of crowded upper teeth, by place
ROUNDS = 3  # of measuring and correcting
CLASS_SD = 0.7  # mm, of the molar relation within a class
SETTLED = 0.75  # part of the way that an upper side tooth grows towards the lower arch
FRONT_SHARE = {1: 1.0, 2: .9, 3: .5, 4: .1}  # of overjet and overbite, by place


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
    spacing = wish.spacing_mm if wish.spacing_mm is not None else free
    overbite = {"normal": 2.2 + .8 * over, "deep": 5.5 + .7 * over, "open": -2.0 + .7 * over}[bite]
    overbite = overbite if wish.overbite_mm is None else wish.overbite_mm
    overjet = {"I": 3.2 + .8 * jet, "II": 6.5 + 1.2 * jet, "III": -1.2 + .8 * jet}[molar]
    if molar != "III":
        overjet += .3 * max(overbite - 3, 0)  # a deep bite needs room behind the upper teeth
    elif wish.overbite_mm is None:
        overbite = min(overbite, .35 * abs(overjet))  # edges that meet do not pass each other
    return replace(wish, molar_class=molar, bite=bite, crossbite=cross if wish.crossbite is None else wish.crossbite, crowding_mm=crowding, spacing_mm=spacing,
                   diastema_mm=wish.diastema_mm or 0.0, overjet_mm=overjet if wish.overjet_mm is None else wish.overjet_mm,
                   overbite_mm=overbite)


def apply(crown: Crown, pose: np.ndarray, offset: Offset) -> np.ndarray:
    """A pose after an offset: turned about the middle of the crown, shifted along its own axes."""
    return moved(pose, crown.number, offset, np.array([0, 0, crown.landmarks["edge"][2] / 2]))


def moved(frame: np.ndarray, number: int, offset: Offset, middle: np.ndarray) -> np.ndarray:
    """A tooth's frame [4, 4] after an offset along its own axes, turned about a point [3] of it."""
    turn = layout.local_turn(number, layout.Angles(offset.tip, offset.torque, offset.rotation))
    local = np.eye(4)
    local[:3, :3] = turn
    shift = np.array([layout.mesial(number) * offset.mesial, offset.buccal, offset.occlusal])
    local[:3, 3] = middle - turn @ middle + shift
    return frame @ local


def start(crowns: dict[int, Crown], aligned: dict[int, np.ndarray], arch: Arch, wish: Any, random: np.random.Generator) -> dict[int, np.ndarray]:
    """Start poses of a completed wish: room, then single teeth, then the bite; measured again after each and corrected towards what was asked."""
    drawn = draw(tuple(crowns), random)
    offsets = {n: Offset(*(wish.severity * value for value in astuple(offset))) for n, offset in drawn.items()}
    for n, offset in offsets.items():  # who comes last finds no room: canines stand out, lateral incisors in
        if fdi.is_upper(n) and fdi.place(n) in LATE:
            offsets[n] = replace(offset, buccal=offset.buccal + LATE[fdi.place(n)] * min(wish.crowding_mm / 6, 1.0))
    poses: dict[int, np.ndarray] = {}
    rows = [tuple(n for n in row if n in crowns) for row in (fdi.UPPER, fdi.LOWER)]
    for row in rows:
        poses |= _fill(crowns, aligned, arch, row, wish, random, offsets)
    offset = _bite(crowns, poses, wish, random)
    tipped: dict[int, float] = {}
    fixed = (11, 21) if wish.diastema_mm else ()
    for _ in range(ROUNDS):
        _front(crowns, poses, wish)
        front.clear(crowns, poses, tipped)
        for row in rows:
            asked = wish.crowding_mm - (_space(wish, row) if row else 0.0)
            poses |= _tighter(crowns, poses, arch, row, asked)
            room.part(crowns, poses, row, fixed=fixed)
        _class(crowns, poses, offset, wish.severity)
    _meet(crowns, poses)
    _front(crowns, poses, wish)
    front.clear(crowns, poses, tipped)
    for row in rows:
        room.part(crowns, poses, row, fixed=fixed)
    _front(crowns, poses, wish)
    return poses


def _space(wish: Any, row: tuple[int, ...]) -> float:
    return max(wish.spacing_mm, wish.diastema_mm if fdi.is_upper(row[0]) else 0.0)


def _tighter(crowns: dict[int, Crown], poses: dict[int, np.ndarray], arch: Arch, row: tuple[int, ...], asked: float) -> dict[int, np.ndarray]:
    """The teeth of one arch slid along it by what its crowding is away from the one asked for, the molars most."""
    measured = room.crowding(crowns, poses, row)
    if measured is None or abs(measured - asked) < .15:
        return {n: poses[n] for n in row}
    here = _along(poses, arch, row)
    return {n: _slid(poses[n], arch, here[n], by) for n, by in _closer(here, asked - measured).items()}


def _closer(where: dict[int, float], total: float) -> dict[int, float]:
    """Shifts along the arch towards the midline: half of total at the second premolars and behind, less and less in front of them."""
    inner = max((abs(s) for n, s in where.items() if fdi.place(n) <= 5), default=1.0)
    return {n: -np.sign(s) * total / 2 * min(abs(s) / max(inner, 1.0), 1.0)**1.3 for n, s in where.items()}


def _fill(crowns: dict[int, Crown], aligned: dict[int, np.ndarray], arch: Arch, row: tuple[int, ...], wish: Any, random: np.random.Generator,
          offsets: dict[int, Offset]) -> dict[int, np.ndarray]:
    """One arch as crowded or spaced as asked: teeth slide along the arch, take their offsets, part, and slide on by what is still missing."""
    if not row:
        return {}
    diastema, space = wish.diastema_mm if fdi.is_upper(row[0]) else 0.0, _space(wish, row)
    sites = random.dirichlet(np.full(10, 1.5)) * (space - diastema)
    at = _along(aligned, arch, row)
    away = {n: np.sign(s) * (diastema / 2 + float((sites[:5] if fdi.is_right(n) else sites[5:])[:min(fdi.place(n), 5)].sum())) for n, s in at.items()}
    closer = _closer(at, wish.crowding_mm)
    poses = {n: apply(crowns[n], _slid(aligned[n], arch, at[n], away[n] + closer[n]), offsets[n]) for n in row}
    for _ in range(ROUNDS):
        if diastema:
            _open_midline(crowns, poses, diastema)
        room.part(crowns, poses, row, fixed=(11, 21) if diastema else ())
        poses = _tighter(crowns, poses, arch, row, wish.crowding_mm - space)
    return poses


def _along(poses: dict[int, np.ndarray], arch: Arch, row: tuple[int, ...]) -> dict[int, float]:
    """Arc lengths at which the teeth stand."""
    grid = np.linspace(-80, 80, 801)
    line, _ = arch.at(grid)
    stands = np.stack([poses[n][:2, 3] for n in row])
    return dict(zip(row, grid[((line[None] - stands[:, None])**2).sum(-1).argmin(1)].tolist(), strict=True))


def _slid(pose: np.ndarray, arch: Arch, s: float, by: float) -> np.ndarray:
    """A pose moved along the arch and turned with it."""
    (p, q), (t, u) = arch.at(np.array([s, s + by]))
    turn = layout.axis_turn(2, float(np.arctan2(u[1], u[0]) - np.arctan2(t[1], t[0])))
    move = np.eye(4)
    move[:3, :3] = turn
    move[:2, 3] = q - turn[:2, :2] @ p
    return move @ pose


def _open_midline(crowns: dict[int, Crown], poses: dict[int, np.ndarray], gap_mm: float) -> None:
    """Moves the upper central incisors so that they stand gap_mm apart, in place."""
    if 11 in crowns and 21 in crowns:
        right, left = (layout.spread(poses[n], crowns[n].mesh.vertices)[:, 0] for n in (11, 21))
        for n, way in ((11, -1), (21, 1)):
            poses[n][0, 3] += way * (gap_mm - float(left.min() - right.max())) / 2


def _bite(crowns: dict[int, Crown], poses: dict[int, np.ndarray], wish: Any, random: np.random.Generator) -> float:
    """Crossbite, molar class and the contact of the side teeth, in place; the molar offset drawn, mm."""
    upper, lower = (tuple(n for n in row if n in crowns) for row in (fdi.UPPER, fdi.LOWER))
    if wish.crossbite:
        sides = ((True,), (False,), (True, False))[int(random.choice(3, p=(.4, .3, .3)))]
        inwards = {3: .8, 4: 2.6}
        for n in upper:
            if fdi.is_right(n) in sides and fdi.place(n) > 2:
                poses[n][0, 3] += (1 if fdi.is_right(n) else -1) * inwards.get(fdi.place(n), 4.6)
    wanted = {"I": 0.0, "II": HALF_UNIT_MM * (1.0 if random.random() < .6 else 1.7), "III": -HALF_UNIT_MM}[wish.molar_class]
    wanted += CLASS_SD * wish.severity * float(np.clip(random.standard_normal(), -1.5, 1.5))
    _class(crowns, poses, wanted, wish.severity)
    _meet(crowns, poses)
    return wanted


def _class(crowns: dict[int, Crown], poses: dict[int, np.ndarray], offset: float, severity: float) -> None:
    """Moves the lower jaw, and turns it a little, so that its first molars stand `offset` mm behind the upper ones, in place."""
    found = molar_offsets(crowns, poses)
    lower = [n for n in poses if not fdi.is_upper(n)]
    if len(found) == 2:  # the jaws face each other: both sides differ little
        wide = abs(poses[36][0, 3] - poses[46][0, 3])
        turn = np.eye(4)
        turn[:3, :3] = layout.axis_turn(2, float(np.clip((found["right"] - found["left"]) / wide, -.035, .035)) * (1 - .4 * severity))
        centre = np.mean([poses[n][:3, 3] for n in lower], axis=0)
        turn[:3, 3] = centre - turn[:3, :3] @ centre
        for n in lower:
            poses[n] = turn @ poses[n]
        found = molar_offsets(crowns, poses)
    back = offset - float(np.mean(list(found.values()))) if found else 0.0
    for n in lower:
        poses[n][1, 3] += back


def _meet(crowns: dict[int, Crown], poses: dict[int, np.ndarray]) -> None:
    """Closes the jaw until the side teeth meet; upper ones that still hang above grow down a part of the way; in place."""
    upper, lower = (tuple(n for n in row if n in crowns) for row in (fdi.UPPER, fdi.LOWER))
    if not lower:
        return
    ground = layout.height_map(np.concatenate([layout.spread(poses[n], crowns[n].mesh.vertices) for n in lower]), 1.0)
    free = {n: layout.bite_gap(layout.spread(poses[n], crowns[n].mesh.vertices), ground) for n in upper if fdi.place(n) > 3}
    free = {n: gap for n, gap in free.items() if np.isfinite(gap)}
    if free:
        close = float(np.clip(np.sort(list(free.values()))[:3].mean(), -4.0, 3.0))
        for n in lower:
            poses[n][2, 3] += close
        for n, gap in free.items():
            poses[n][2, 3] -= float(np.clip(SETTLED * (gap - close), -1.0, 1.8))


def _front(crowns: dict[int, Crown], poses: dict[int, np.ndarray], wish: Any) -> None:
    """Moves the front teeth of both jaws to the overjet and the overbite asked for, in place."""
    facts = bite_facts(crowns, poses)
    if facts["overjet_mm"] is None or facts["overbite_mm"] is None:
        return
    forward, over = wish.overjet_mm - facts["overjet_mm"], wish.overbite_mm - facts["overbite_mm"]
    for n in poses:
        share = FRONT_SHARE.get(fdi.place(n), 0.0)
        jet, bite = (-.6, -.5) if fdi.is_upper(n) else (.4, .5)
        poses[n][1, 3] += share * forward * jet
        poses[n][2, 3] += share * over * bite


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
    for jaw, row in (("upper", fdi.UPPER), ("lower", fdi.LOWER)):
        crowding = room.crowding(crowns, poses, tuple(n for n in row if n in crowns))
        facts[f"crowding_{jaw}_mm"] = None if crowding is None else round(crowding, 4)
    facts["molar_offset_mm"] = {side: round(value, 4) for side, value in molar_offsets(crowns, poses).items()}
    for name, right, left, landmark in (("intercanine_upper", 13, 23, "edge"), ("intercanine_lower", 43, 33, "edge"), ("intermolar_upper", 16, 26, "cusp_mb"),
                                        ("intermolar_lower", 46, 36, "cusp_mb")):
        if right in crowns and left in crowns:
            facts[f"{name}_mm"] = round(float(np.linalg.norm(point(crowns, poses, left, landmark) - point(crowns, poses, right, landmark))), 4)
    return facts
