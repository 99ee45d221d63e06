"""Names beside the lines of the quality plot: one a sampler, left of its cheapest points, none over another."""

import math
from collections.abc import Sequence

from PySide6.QtGui import QFontMetricsF

from engines.guidance.quality_table import Point
from widgets import tokens
from widgets.guidance.words import SAMPLER_WORDS
from widgets.paint import font

GAP_PX = 11  # between a name and its point: half a ring


def firsts(points: Sequence[Point], measure: str) -> dict[str, tuple[float, list[float]]]:
    """Of every sampler the fewest evaluations among its points, and the values there."""
    found: dict[str, tuple[float, list[float]]] = {}
    for p in sorted(points, key=lambda p: p.nfe):
        nfe, values = found.setdefault(p.sampler, (p.nfe, []))
        if p.nfe == nfe:
            values.append(p.value(measure))
    return found


def size(sampler: str) -> tuple[float, float]:
    """Width of a sampler's name and the height of its line, in whole pixels."""
    metrics = QFontMetricsF(font(tokens.CAPTION_PX))
    return math.ceil(metrics.horizontalAdvance(SAMPLER_WORDS[sampler])), math.ceil(metrics.height()) + 1


def dodged(wanted: Sequence[float], pitch: float, low: float, high: float) -> list[float]:
    """Places as near to the wanted ones as can be (least squares) that keep their order, lie `pitch` apart and within low..high.

    Where they need more room than there is they go on beyond `high`.
    """
    order = sorted(range(len(wanted)), key=lambda k: wanted[k])
    blocks: list[tuple[float, int]] = []  # (mean of what is left without the pitches, how many): isotonic regression by pooling
    for n, k in enumerate(order):
        mean, count = wanted[k] - n * pitch, 1
        while blocks and blocks[-1][0] > mean:
            before, many = blocks.pop()
            mean, count = (before * many + mean * count) / (many + count), many + count
        blocks.append((mean, count))
    places, n = [0.0] * len(wanted), 0
    for mean, count in blocks:
        for _ in range(count):
            places[order[n]] = max(low, min(mean, high - (len(wanted) - 1) * pitch)) + n * pitch
            n += 1
    return places
