"""One measured value before it meets its norm, and how a measure says which teeth it lacks."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from engines.teeth import fdi

Drawn = tuple[tuple[str, np.ndarray], ...]


@dataclass(frozen=True, eq=False)
class Reading:
    """As measures.Measure, without the norm."""

    id: str
    name: str
    value: float | None
    unit: str
    definition: str
    points: Drawn = ()
    text: str = ""
    missing: str = ""


def lacks(numbers: Iterable[int]) -> str:
    """"needs the upper right canine (13) and the lower left canine (33)"."""
    names = [f"the {fdi.name(n)} ({n})" for n in numbers]
    return "needs " + (", ".join(names[:-1]) + " and " if len(names) > 1 else "") + names[-1]


def either(*numbers: int) -> str:
    """For a measure that is content with one of several teeth."""
    return "needs " + " or ".join(f"the {fdi.name(n)} ({n})" for n in numbers)


def dot(label: str, point: np.ndarray) -> tuple[str, np.ndarray]:
    return label, np.asarray(point, np.float64).reshape(1, 3)


def line(label: str, *points: np.ndarray) -> tuple[str, np.ndarray]:
    return label, np.array(points, np.float64)
