"""Curves of gamma_1 and gamma_0 over the noise level: presets, how they are told apart, thinning, text. No torch.

A curve is a tuple of (rho, value), rho = sigma/alpha rising, linear in log rho between its points and held beyond its ends.
A preset is the pair (gamma_1 curve, gamma_0 curve); an empty gamma_0 curve stands for 1 - gamma_1.
"""

import math
from dataclasses import replace

from engines.guidance.request import Curve, Sampling
from engines.job import EngineError

Pair = tuple[Curve, Curve]
PRESETS = ("constant", "below", "ramp", "rectified", "calibrated")
STEP = 1.001  # the two points of a jump lie this factor apart: no sampler's grid is so fine
MIDDLE = 1.0  # where a curve of one point has it; the value holds everywhere
BELOW, RAMP = 3.0, (0.3, 30.0)  # noise levels that a preset starts with
TUNED = 1.0  # the level of "calibrated" for a model without a calibration (far enough below where the classes part)
THIN = 0.01  # a thinned curve stays this near to the whole one


def constant(gamma_1: float) -> Pair:
    """gamma_1 everywhere: classifier-free guidance."""
    return ((MIDDLE, gamma_1),), ()


def below(gamma_1: float, level: float) -> Pair:
    """gamma_1 up to a noise level and none above it: CFG with a guidance interval, and as cheap above it."""
    return ((level, gamma_1), (level * STEP, 1.0)), ()


def ramp(gamma_1: float, low: float, high: float) -> Pair:
    """No guidance down to the noise level `high`, then more and more until gamma_1 is reached at `low`."""
    return ((low, gamma_1), (high, 1.0)), ()


def rectified(gamma_1: float, ratio: Curve, within: float = THIN) -> Pair:
    """gamma_1 everywhere and gamma_0 = (1 - gamma_1) r [ReCFG, Eq. 45]; ratio is r over rho, its mean over pixels."""
    return constant(gamma_1)[0], thinned(tuple((rho, (1 - gamma_1) * r) for rho, r in ratio), within)


def calibrated(gamma_1: float, level: float = TUNED) -> Pair:
    """The interval of the calibrated mode, without its stored corrections: guided below the level it was tuned to."""
    return below(gamma_1, level)


def preset(name: str, gamma_1: float, ratio: Curve = (), tuned: float = TUNED) -> Pair:
    """A preset by name at its own noise levels. EngineError where it needs a table that there is not, or has another name."""
    if name == "rectified" and not ratio:
        raise EngineError("There is no ReCFG table to take the rectified curve from.", remedy="Build one: vernier table, or take another curve.")
    made = {"constant": lambda: constant(gamma_1), "below": lambda: below(gamma_1, BELOW), "ramp": lambda: ramp(gamma_1, *RAMP),
            "rectified": lambda: rectified(gamma_1, ratio), "calibrated": lambda: calibrated(gamma_1, tuned)}
    if name not in made:
        raise EngineError(f"There is no curve named {name!r}.", remedy=f"Use one of: {', '.join(PRESETS)}.")
    return made[name]()


def named(settings: Sampling, ratio: Curve = (), tuned: float = TUNED) -> str:
    """Which preset the curves of `settings` are at its gamma_1, whatever their levels; "" for curves drawn by hand."""
    mine, g1 = (settings.curve_1, settings.curve_0), settings.gamma_1
    levels = [level for level, _ in settings.curve_1]
    if mine == ((), ()) or mine == constant(g1):
        return "constant"
    if ratio and mine == rectified(g1, ratio):
        return "rectified"
    if mine == calibrated(g1, tuned):
        return "calibrated"
    if len(levels) == 2 and mine in (below(g1, levels[0]), ramp(g1, *levels)):
        return "below" if mine == below(g1, levels[0]) else "ramp"
    return ""


def with_strength(settings: Sampling, gamma_1: float, ratio: Curve = ()) -> Sampling:
    """The settings at another gamma_1: a preset follows it and keeps its levels, a curve drawn by hand stays as it is."""
    name = named(settings, ratio)
    curve_1, curve_0 = settings.curve_1, settings.curve_0
    if name == "rectified":
        curve_1, curve_0 = rectified(gamma_1, ratio)
    elif name and curve_1:
        curve_1 = ((curve_1[0][0], gamma_1), *curve_1[1:])
    return replace(settings, gamma_1=gamma_1, curve_1=curve_1, curve_0=curve_0)


def value_at(curve: Curve, rho: float) -> float:
    """A curve's value at a noise level: linear in log rho, held beyond its ends."""
    if rho <= curve[0][0]:
        return curve[0][1]
    for (low, first), (high, second) in zip(curve, curve[1:], strict=False):
        if rho <= high:
            return first + (second - first) * math.log(rho / low) / math.log(high / low)
    return curve[-1][1]


def thinned(curve: Curve, within: float = THIN) -> Curve:
    """The curve with the fewest of its points from which it nowhere differs by more than `within` (Douglas and Peucker)."""
    if not within or len(curve) < 2:
        return curve
    if max(value for _, value in curve) - min(value for _, value in curve) <= within:
        return ((MIDDLE, curve[len(curve) // 2][1]),)
    kept = {0, len(curve) - 1}

    def split(first: int, last: int) -> None:
        chord = (curve[first], curve[last])
        gaps = {k: abs(curve[k][1] - value_at(chord, curve[k][0])) for k in range(first + 1, last)}
        worst = max(gaps, key=gaps.get, default=None)
        if worst is not None and gaps[worst] > within:
            kept.add(worst)
            split(first, worst)
            split(worst, last)

    split(0, len(curve) - 1)
    return tuple(curve[k] for k in sorted(kept))


def parse(text: str) -> Curve:
    """A curve written as "level:value,level:value", in any order. EngineError for anything else."""
    try:
        pairs = [tuple(float(number) for number in part.split(":")) for part in text.split(",")]
        if any(len(pair) != 2 for pair in pairs):
            raise ValueError(text)
    except ValueError as error:
        raise EngineError(f"{text!r} is not a curve.", remedy="Write noise levels and values: 0.05:3,1:3,1.2:1") from error
    return tuple(sorted(pairs))


def spoken(curve: Curve) -> str:
    """The form that `parse` reads."""
    return ",".join(f"{level:g}:{value:g}" for level, value in curve)
