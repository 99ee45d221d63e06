"""Ticks of a logarithmic axis whose labels never touch: the finest of a few even sequences that has room."""

import math
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from PySide6.QtGui import QFontMetricsF

from widgets import tokens
from widgets.paint import font

GAP_PX, EDGE_PX, MOST = 14, 15, 7  # between two labels; how far one may reach beyond the axis; labels at most
PARTS = (6, 4, 3, 2)  # of a range within one decade
MANTISSAS = (tuple(range(1, 10)), (1, 2, 5), (1, 3), (1,))
DECADES = (2, 3, 5, 10, 20)  # where there are too many to name each
FINE_DECADES = 6  # up to so many have their small ticks
SUPERSCRIPTS = str.maketrans("-0123456789", "\N{SUPERSCRIPT MINUS}\N{SUPERSCRIPT ZERO}\N{SUPERSCRIPT ONE}\N{SUPERSCRIPT TWO}\N{SUPERSCRIPT THREE}"
                             "\N{SUPERSCRIPT FOUR}\N{SUPERSCRIPT FIVE}\N{SUPERSCRIPT SIX}\N{SUPERSCRIPT SEVEN}\N{SUPERSCRIPT EIGHT}\N{SUPERSCRIPT NINE}")


def word(value: float) -> str:
    """A value as its label: 0.05, 300, 10 with a raised number where that is shorter."""
    power = math.log10(value)
    if abs(power - round(power)) < 1e-9 and not -4 <= round(power) <= 4:
        return "10" + str(round(power)).translate(SUPERSCRIPTS)
    return f"{value:.6g}"


def labelled(low: float, high: float, room_px: float, width: Callable[[str], float]) -> list[float]:
    """Values that get a label between 10^low and 10^high on an axis of `room_px`; two at least where that is possible."""
    best: list[float] = []
    for values in _sequences(low, high):
        spans = []
        for value in values:
            middle, half = (math.log10(value) - low) / (high - low) * room_px, width(word(value)) / 2
            spans.append((middle - half, middle + half))
        values = [value for value, (left, right) in zip(values, spans, strict=True) if left >= -EDGE_PX and right <= room_px + EDGE_PX]
        spans = [(left, right) for left, right in spans if left >= -EDGE_PX and right <= room_px + EDGE_PX]
        apart = all(a[1] + GAP_PX <= b[0] for a, b in zip(spans, spans[1:], strict=False))
        if apart and 2 <= len(values) <= MOST:
            return values
        if apart and len(values) == 1 and not best:
            best = values
    return best


def small(low: float, high: float) -> list[float]:
    """Values that get a small tick and no label."""
    return list(_of(MANTISSAS[0] if high - low <= FINE_DECADES else (1,), low, high))


def _sequences(low: float, high: float) -> Iterator[list[float]]:
    """Values inside the range, from the finest sequence to the coarsest."""
    if high - low < 1:
        for parts in PARTS:
            step = _nice((10**high - 10**low) / parts)
            yield [k * step for k in range(math.ceil(10**low / step - 1e-6), math.floor(10**high / step + 1e-6) + 1) if k]
    for mantissas in MANTISSAS:
        yield list(_of(mantissas, low, high))
    for every in DECADES:
        yield [10.0**power for power in range(math.ceil(low - 1e-9), math.floor(high + 1e-9) + 1) if power % every == 0]


def _of(mantissas: tuple[int, ...], low: float, high: float) -> Iterator[float]:
    for power in range(math.floor(low), math.floor(high) + 1):
        for mantissa in mantissas:
            if low - 1e-9 <= math.log10(mantissa) + power <= high + 1e-9:
                yield mantissa * 10.0**power


def _nice(value: float) -> float:
    """The next of 1, 2, 5, 10, ... upwards."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(k * power for k in (1, 2, 5, 10) if k * power >= value * (1 - 1e-9))


@lru_cache
def log_axis() -> type:
    """The pyqtgraph axis that has these ticks; its library is imported when the first one is made."""
    import pyqtgraph as pg

    class LogAxis(pg.AxisItem):
        """Values are logarithms, as pyqtgraph has them in log mode."""

        def tickValues(self, low: float, high: float, size: float) -> list[tuple[float, list[float]]]:  # noqa: N802
            low, high = sorted((low, high))
            if high - low < 1e-6 or size <= 0:
                return []
            metrics = QFontMetricsF(font(tokens.CAPTION_PX))
            named = [math.log10(value) for value in labelled(low, high, size, metrics.horizontalAdvance)]
            return [(1.0, named), (0.0, [math.log10(value) for value in small(low, high)])]

        def tickStrings(self, values: list[float], scale: float, spacing: float) -> list[Any]:  # noqa: N802
            return [word(10**value) for value in values] if spacing else []

    return LogAxis
