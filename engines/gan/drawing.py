"""Points of one's own from a file: two columns of numbers."""

import csv
import math
from itertools import pairwise
from pathlib import Path

from engines.gan.request import MOST, check_drawing
from engines.job import EngineError

LIMIT_BYTES = 20 << 20
FILLED = 0.95  # of the square, by points that had to be scaled
REMEDY = "It needs two numbers a line, x and y, parted by commas; a first line of names may stand above them."


def read_points(path: Path) -> tuple[tuple[float, float], ...]:
    """The points of a CSV file, brought into [-1, 1]^2 with one factor for both axes where they lie outside it; of more than MOST every n-th.

    EngineError naming the file when it is missing, too large, no such table, has a number that is not finite, or fewer than 10 points.
    """
    path = Path(path)
    try:
        if path.stat().st_size > LIMIT_BYTES:
            raise EngineError(f"{path.name} is larger than {LIMIT_BYTES >> 20} MiB.", remedy=f"Keep at most {MOST:,} points.")
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise EngineError(f"{path.name} could not be read: {getattr(error, 'strerror', None) or 'it is no text'}.", remedy=REMEDY) from error
    rows = [row for row in csv.reader(text.replace(";", ",").replace("\t", ",").splitlines()) if any(cell.strip() for cell in row)]
    points = []
    for number, row in enumerate(rows):
        try:
            x, y = map(float, row)
        except ValueError as error:
            if number == 0:
                continue
            raise EngineError(f"Row {number + 1} of {path.name} is {', '.join(row)[:60]!r}.", remedy=REMEDY) from error
        if not math.isfinite(x) or not math.isfinite(y):
            raise EngineError(f"Row {number + 1} of {path.name} holds a number that is not finite.", remedy=REMEDY)
        points.append((x, y))
    try:
        check_drawing(min(len(points), MOST))
    except EngineError as error:
        raise EngineError(f"{path.name} holds {len(points)} point{'' if len(points) == 1 else 's'}.", remedy=error.remedy.replace("Paint", "Add")) from error
    return fitted(thinned(points, MOST))


def thinned(points: list[tuple[float, float]], most: int) -> list[tuple[float, float]]:
    """At most so many, evenly picked."""
    if len(points) <= most:
        return points
    return [points[round(k * (len(points) - 1) / (most - 1))] for k in range(most)]


def fitted(points: list[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    """The points as they are where all lie in [-1, 1]^2, else centred and scaled into it."""
    if all(abs(value) <= 1 for point in points for value in point):
        return tuple(points)
    middles, halves = zip(*(((min(axis) + max(axis)) / 2, (max(axis) - min(axis)) / 2) for axis in zip(*points, strict=True)), strict=True)
    scale = FILLED / max(*halves, 1e-300)
    return tuple(((x - middles[0]) * scale, (y - middles[1]) * scale) for x, y in points)


def along(stroke: list[tuple[float, float]], spacing: float) -> list[tuple[float, float]]:
    """Points at most `spacing` apart along a stroke of the mouse, which is sampled unevenly."""
    found = stroke[:1]
    for (x_0, y_0), (x_1, y_1) in pairwise(stroke):
        count = max(1, math.ceil(math.hypot(x_1 - x_0, y_1 - y_0) / spacing))
        found += [(x_0 + (x_1 - x_0) * k / count, y_0 + (y_1 - y_0) * k / count) for k in range(1, count + 1)]
    return found
