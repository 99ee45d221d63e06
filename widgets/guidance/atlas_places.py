"""Where settings lie on the atlas: a pair, the trail of a curve, or nowhere; and what is to be said of it."""

import math

import numpy as np

from engines.guidance.curves import value_at
from engines.guidance.request import Sampling
from widgets.guidance import catalog
from widgets.guidance.words import G0, G1, MODE_WORDS

Pair = tuple[float, float]  # gamma_1, S
BETWEEN = 16  # points of a trail between two knots: gamma_1 is drawn on a logarithmic axis


def place(settings: Sampling, recfg: float | None) -> Pair | None:
    """(gamma_1, S) of the settings; ReCFG's is its average, the calibrated mode's that of its guided steps. None where there is no such pair."""
    path = trail(settings)
    if len(path) == 1:
        return path[0]
    if settings.mode == "recfg" and recfg is not None:
        return settings.gamma_1, 1 + (settings.gamma_1 - 1) * (1 - recfg)
    if settings.mode in ("cfg", "free", "recfg", "calibrated"):
        gamma_0 = catalog.gamma_0_of(settings) if settings.mode == "free" else 1 - settings.gamma_1
        return settings.gamma_1, round(settings.gamma_1 + gamma_0, 6)
    return None


def trail(settings: Sampling) -> tuple[Pair, ...]:
    """The pairs that drawn curves pass through, noise level rising; one pair where they are constant, none in other modes."""
    if settings.mode != "curve":
        return ()
    knots = sorted({level for curve in (settings.curve_1, settings.curve_0) for level, _ in curve} or {1.0})
    levels = np.unique(np.concatenate([np.geomspace(a, b, BETWEEN) for a, b in zip(knots, knots[1:], strict=False)])) if knots[1:] else knots
    strengths = [value_at(settings.curve_1, rho) if settings.curve_1 else settings.gamma_1 for rho in levels]
    found = [(round(g, 6), round(g + value_at(settings.curve_0, rho), 6) if settings.curve_0 else 1.0) for g, rho in zip(strengths, levels, strict=True)]
    return tuple(pair for k, pair in enumerate(found) if k == 0 or pair != found[k - 1])


def standing(settings: Sampling, recfg: float | None) -> str:
    """Where the settings stand, in a line: gamma_1, gamma_0, S, each as a range along a curve; "" for modes that have no place."""
    path = trail(settings) or tuple(filter(None, [place(settings, recfg)]))
    if not path:
        return ""
    parts = ((G1, [g for g, _ in path]), (G0, [total - g for g, total in path]), ("S", [total for _, total in path]))
    return "   ".join(f"{name} {_range(values)}" for name, values in parts) + ("   now" if len(path) == 1 else "")


def _range(values: list[float]) -> str:
    low, high = f"{min(values):.2f}", f"{max(values):.2f}"
    text = low if low == high else f"{low} to {high}"
    return text.replace("-", "\N{MINUS SIGN}")


def caveat(settings: Sampling) -> str:
    """Why the numbers of the map are not those of the settings; "" where they are."""
    mode = MODE_WORDS[settings.mode]
    if settings.mode == "calibrated":
        lacks = "its corrections" if settings.guide_below < math.inf else "its noise level and its corrections"
        return f"The mark is {mode} where it guides; the map lacks {lacks}."
    if len(trail(settings)) > 1:
        return "The line is where the curve passes; its samples are those of no single point."
    if place(settings, None) is None:
        return f"{mode} has no place on this map: its coefficients change on the way."
    return ""
