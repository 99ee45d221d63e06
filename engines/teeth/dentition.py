"""Whole dentitions from a seed: two aligned arches in occlusion, and the malocclusion they are disturbed into.

World axes and poses: see layout.py (mm; x patient's left, y backwards, z up). The same wish gives the same numbers while GENERATOR stays.
"""

from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from engines.teeth import disturb, fdi, layout
from engines.teeth.arch import Arch, closed
from engines.teeth.crown_shapes import SIZES
from engines.teeth.crowns import Crown, crown, kind
from engines.teeth.gingiva import gum
from engines.teeth.mesh import Mesh

GENERATOR = "2"  # raise it whenever the same wish would give other numbers
SIZE_SD, OWN_SD = 0.05, 0.022  # of the person, and of each type beside it
PRESSED_MM = 0.15  # depth at which opposing side teeth touch: a contact is worn, not a point
BOLTON = {"anterior": (77.2, 1.0), "overall": (91.3, 1.0)}  # mean [Bolton] and half the published sd: an aligned dentition must fit


@dataclass(frozen=True)
class Wish:
    """What a dentition shall be; None is drawn from the measured distribution. mm; crowding and spacing are per jaw.

    molar_class: I, II or III. bite: normal, deep or open. base: open, capped or root. A diastema stands between the upper central incisors and is
    part of the upper spacing. severity scales the disturbance of single teeth: 1 is what was measured on patients, 0.5 a mild case.
    """

    seed: int = 0
    molar_class: str | None = None
    crowding_mm: float | None = None
    spacing_mm: float | None = None
    diastema_mm: float | None = None
    bite: str | None = None
    crossbite: bool | None = None
    overjet_mm: float | None = None
    overbite_mm: float | None = None
    third_molars: bool = False
    base: str = "open"
    severity: float = 1.0

    def __post_init__(self) -> None:
        if self.molar_class not in (None, "I", "II", "III") or self.bite not in (None, "normal", "deep", "open"):
            raise ValueError("the class is I, II or III and the bite normal, deep or open")
        for name, limit in (("crowding_mm", 12), ("spacing_mm", 12), ("diastema_mm", 5)):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= limit:
                raise ValueError(f"{name} is from 0 to {limit} mm")
        if (self.crowding_mm or 0) > 0 and ((self.spacing_mm or 0) > 0 or (self.diastema_mm or 0) > 0):
            raise ValueError("an arch is crowded or spaced, not both")
        if not 0 <= self.severity <= 1.5:
            raise ValueError("the severity is from 0 to 1.5")
        if self.seed < 0:
            raise ValueError("the seed is not negative")


PRESETS = {
    "crowding": Wish(seed=11, severity=.5, molar_class="I", crowding_mm=6, bite="normal", crossbite=False),
    "diastema": Wish(seed=12, severity=.5, molar_class="I", crowding_mm=0, spacing_mm=1, diastema_mm=2.5, bite="normal", crossbite=False),
    "class-ii": Wish(seed=13, severity=.5, molar_class="II", crowding_mm=1, bite="normal", crossbite=False, overjet_mm=8.5, overbite_mm=3.5),
    "class-iii": Wish(seed=14, severity=.5, molar_class="III", crowding_mm=2, bite="normal", crossbite=False, overjet_mm=-2.6, overbite_mm=0.8),
    "deep-bite": Wish(seed=15, severity=.5, molar_class="I", crowding_mm=3, bite="deep", crossbite=False, overbite_mm=6.0),
    "open-bite": Wish(seed=16, severity=.5, molar_class="I", crowding_mm=2, bite="open", crossbite=True, overbite_mm=-2.5)}


@dataclass(frozen=True, eq=False)
class Tooth:
    """A crown in its own frame with its aligned and its start pose, both 4 x 4."""

    crown: Crown
    aligned: np.ndarray
    start: np.ndarray


@dataclass(frozen=True, eq=False)
class Dentition:
    """teeth: FDI -> Tooth, upper right to left, then lower right to left; facts: what was asked and measured."""

    wish: Wish
    teeth: dict[int, Tooth]
    arch: Arch
    facts: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def upper_gum(self) -> Mesh:
        """Of the start; built when first asked for."""
        return gum({number: tooth.crown for number, tooth in self.teeth.items()}, self.poses(), upper=True)

    @cached_property
    def lower_gum(self) -> Mesh:
        """Of the start; built when first asked for."""
        return gum({number: tooth.crown for number, tooth in self.teeth.items()}, self.poses(), upper=False)

    def poses(self, which: str = "start") -> dict[int, np.ndarray]:
        """which: start or aligned."""
        return {number: getattr(tooth, which) for number, tooth in self.teeth.items()}

    def gums(self, poses: dict[int, np.ndarray]) -> tuple[Mesh, Mesh]:
        """Upper and lower gum for other poses."""
        crowns = {number: tooth.crown for number, tooth in self.teeth.items()}
        return gum(crowns, poses, upper=True), gum(crowns, poses, upper=False)


def generate(wish: Wish) -> Dentition:
    """The dentition of a wish: 0.15 s for 28 teeth on one core; its gums take 0.02 s more when they are asked for."""
    streams = [np.random.default_rng([wish.seed, part]) for part in range(3)]
    crowns = _crowns(wish, streams[0])
    arch, aligned = _align(crowns, streams[1])
    wish_full = disturb.complete(wish, streams[2])
    start = disturb.start(crowns, aligned, arch, wish_full, streams[2])
    teeth = {n: Tooth(crowns[n], aligned[n], start[n]) for n in crowns}
    facts = {"asked": asdict(wish), "drawn": asdict(wish_full), "arch": {"family": arch.family, "half_width_mm": round(arch.half_width, 3),
             "half_length_mm": round(arch.half_length, 3)}, "start": disturb.bite_facts(crowns, start), "aligned": disturb.bite_facts(crowns, aligned)}
    return Dentition(wish, teeth, arch, facts)


def preset(name: str, **more: Any) -> Wish:
    """One of PRESETS, with other fields replaced. ValueError for an unknown name."""
    if name not in PRESETS:
        raise ValueError(f"a preset is one of {', '.join(PRESETS)}")
    return replace(PRESETS[name], **more)


def _numbers(third_molars: bool) -> tuple[int, ...]:
    return tuple(n for n in fdi.PERMANENT if third_molars or fdi.place(n) < 8)


def _crowns(wish: Wish, random: np.random.Generator) -> dict[int, Crown]:
    """Sizes vary by one factor a person and a smaller one a type, both sides alike; lower widths are then fitted to the drawn Bolton ratios."""
    person = 1 + SIZE_SD * float(np.clip(random.standard_normal(), -2, 2))
    width = {name: person * (1 + OWN_SD * float(np.clip(random.standard_normal(), -2, 2)) * (1.6 if name in ("U2", "U8", "L8") else 1)) for name in SIZES}

    def summed(jaw: str, first: int, last: int) -> float:
        return sum(SIZES[f"{jaw}{k}"].md * width[f"{jaw}{k}"] for k in range(first, last + 1))
    anterior, overall = (mean + sd * float(np.clip(random.standard_normal(), -1.5, 1.5)) for mean, sd in BOLTON.values())
    front = anterior / 100 * summed("U", 1, 3) / summed("L", 1, 3)
    back = (overall / 100 * summed("U", 1, 6) - front * summed("L", 1, 3)) / summed("L", 4, 6)
    for k in range(1, 9):
        width[f"L{k}"] *= front if k < 4 else back
    tall = {jaw: person**.5 * (1 + .04 * float(np.clip(random.standard_normal(), -2, 2))) for jaw in "UL"}
    deep = {name: (width[name] + person) / 2 * (1 + .02 * float(np.clip(random.standard_normal(), -2, 2))) for name in SIZES}
    seeds = random.integers(0, 2**63, 49)
    return {n: crown(n, np.random.default_rng(seeds[n]), (width[kind(n)], deep[kind(n)], tall[kind(n)[0]]), wish.base) for n in _numbers(wish.third_molars)}


def _align(crowns: dict[int, Crown], random: np.random.Generator) -> tuple[Arch, dict[int, np.ndarray]]:
    upper, lower = (tuple(n for n in row if n in crowns) for row in (fdi.UPPER, fdi.LOWER))
    widths = {n: float(np.ptp(crowns[n].mesh.vertices[:, 0])) for n in crowns}
    half = sum(widths[n] for n in lower if fdi.place(n) < 8) / 2
    family = ("beta", "sextic", "quartic", "catenary")[random.choice(4, p=(.15, .45, .35, .05))]
    shape = float(np.clip(random.standard_normal(), -2, 2))  # narrow to wide
    arch = closed(family, half * (.515 + .012 * shape), half, (half * .265, half * (.085 + .004 * shape)))
    depth = float(np.clip(1.3 + .4 * random.standard_normal(), .4, 2.2))
    overbite = float(np.clip(2.3 + .3 * random.standard_normal(), 1.7, 3.0))
    overjet = float(np.clip(.2 * random.standard_normal(), -.3, .4))
    noise = {n: random.standard_normal(3).clip(-2, 2) for n in crowns}

    def angles(n: int) -> layout.Angles:
        base = layout.norm(n)
        return layout.Angles(base.tip + 1.5 * noise[n][0], base.torque + 2.0 * noise[n][1], 1.5 * noise[n][2])

    def place_lower(n: int, s: float) -> np.ndarray:
        return layout.pose(crowns[n], arch, s, 0.0, float(layout.spee(np.array(s), depth, half)), angles(n))

    def place_upper(n: int, s: float) -> np.ndarray:
        k = fdi.place(n) - 1
        out = layout.UPPER_OUT_MM[k] + overjet if k < 3 else -layout.UPPER_SIDE_IN_MM
        height = -overbite + layout.UPPER_EDGE_MM[k] if k < 3 else float(layout.spee(np.array(s), depth, half)) - 1.5
        return layout.pose(crowns[n], arch, s, out, height, angles(n))

    poses = {}
    for row, place in ((upper, place_upper), (lower, place_lower)):
        s = layout.space_out(crowns, row, place, _first_guess(row, widths))
        poses |= {n: place(n, s[n]) for n in row}
    _settle(crowns, poses, upper, lower)
    return arch, poses


def _first_guess(row: tuple[int, ...], widths: dict[int, float]) -> dict[int, float]:
    s = {}
    for side in (True, False):
        along = 0.0
        for n in sorted((n for n in row if fdi.is_right(n) is side), key=fdi.place):
            s[n] = (along + widths[n] / 2) * (-1 if side else 1)
            along += widths[n]
    return s


def _settle(crowns: dict[int, Crown], poses: dict[int, np.ndarray], upper: tuple[int, ...], lower: tuple[int, ...]) -> None:
    """Lets every upper side tooth up or down until it meets the lower arch, in place."""
    ground = layout.height_map(np.concatenate([layout.spread(poses[n], crowns[n].mesh.vertices) for n in lower]), 1.0)
    for n in upper:
        free = layout.bite_gap(layout.spread(poses[n], crowns[n].mesh.vertices), ground)
        if fdi.place(n) > 3 and np.isfinite(free):
            poses[n][2, 3] -= float(np.clip(free + PRESSED_MM, -2.5, 2.5))
