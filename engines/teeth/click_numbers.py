"""FDI numbers guessed for clicks on an unlabelled scan: the sequence of teeth whose usual distances fit the clicks best.

Axes as everywhere in Teeth: x to the patient's left, y backwards, z up, mm. s is the place along the arch, 0 at the midline, positive on the left.
"""

from functools import lru_cache

import numpy as np

from engines.teeth import fdi
from engines.teeth.arch import closed
from engines.teeth.crown_boxes import size

CONTACT_MM, MIDLINE_MM = 1.3, 3.0  # sd of the distance of two neighbours, and of a tooth's place from the midline
CHORD_MM = 14.0  # clicks further apart than this are measured along the arch, nearer ones straight
SIZES, SIZE_SD = (0.85, 0.9, 0.95, 1.0, 1.05, 1.1, 1.15, 1.2, 1.25), 0.08  # of a person's teeth beside the usual ones
FRONT_MM = 3.0  # the arch of clicked crowns lies this far behind the foremost point of the scan


def midline(points: np.ndarray) -> np.ndarray:
    """[2] x and y where the arch crosses the midline, from the points [N, 3] of the whole scan: half way between its sides, just behind its front."""
    points = np.asarray(points, np.float64)
    points = points[np.isfinite(points).all(1)]
    low, high = np.quantile(points[:, 0], [0.005, 0.995])
    middle = points[np.abs(points[:, 0] - (low + high) / 2) < 8]
    return np.array([(low + high) / 2, np.quantile(middle[:, 1], 0.02) + FRONT_MM])


def guess_numbers(points: np.ndarray, upper: bool, front: np.ndarray, known: tuple[int | None, ...] = ()) -> tuple[int, ...]:
    """A different FDI number for every click [K, 3], in the clicks' own order; front: as midline() gives.

    known: for each click the number that a person has set, or None; those stay, and the others are guessed round them. Clicks beyond sixteen, and those
    that find no free number on their side of a set one, get the nearest free number. ValueError for a set number of the other jaw or one set twice.
    """
    points = np.asarray(points, np.float64).reshape(-1, 3)
    teeth = fdi.UPPER if upper else fdi.LOWER
    known = tuple(known) + (None,) * (len(points) - len(known))
    given = [number for number in known if number is not None]
    if len(set(given)) < len(given) or not set(given) <= set(teeth):
        raise ValueError("numbers that are set are different ones of the clicked jaw")
    if len(points) > len(teeth):
        raise ValueError("an arch has at most sixteen permanent teeth")
    if not len(points):
        return ()
    fits = [_fit(points, _along(points, upper, front, scale), scale * _places(upper), teeth, known) for scale in SIZES]
    costs = [cost + ((scale - 1) / SIZE_SD)**2 for (cost, _), scale in zip(fits, SIZES, strict=True)]
    numbers = fits[int(np.argmin(costs))][1]
    return _distinct([known[k] or numbers[k] for k in range(len(points))], known, teeth)


def _fit(points: np.ndarray, s: np.ndarray, usual: np.ndarray, teeth: tuple[int, ...], known: tuple[int | None, ...]) -> tuple[float, dict[int, int]]:
    """The cheapest sequence of teeth for clicks at s [K] on an arch whose teeth stand at `usual` [16]: its cost, and the number of every click."""
    given = [number for number in known if number is not None]
    order = np.argsort(s, kind="stable")
    # best[j]: least cost of the clicks so far when the last of them is tooth j
    best, back = np.zeros(0), []
    for step, k in enumerate(order):
        own = ((s[k] - usual) / (MIDLINE_MM * (3 if given else 1)))**2
        own += np.array([0 if known[k] in (None, number) and (known[k] == number or number not in given) else 1e6 for number in teeth])
        own += np.array([1.5 if number % 10 == 8 else 0 for number in teeth])  # third molars are rare
        if step == 0:
            best = own
            continue
        before = order[step - 1]
        chord = float(np.linalg.norm(points[k] - points[before]))
        gap = chord if chord < CHORD_MM else max(chord, s[k] - s[before])
        steps = usual[None, :] - usual[:, None]
        cost = best[:, None] + np.where(steps > 0, ((gap - steps) / CONTACT_MM)**2, 1e9)
        back.append(cost.argmin(0))
        best = cost.min(0) + own
    at = int(best.argmin())
    chosen = [at]
    for choice in reversed(back):
        at = int(choice[at])
        chosen.append(at)
    return float(best.min()), {int(k): teeth[at] for k, at in zip(order, chosen[::-1], strict=True)}


def _distinct(numbers: list[int], known: tuple[int | None, ...], teeth: tuple[int, ...]) -> tuple[int, ...]:
    """Set numbers that run against the order of the clicks can make two guesses meet; the later one goes to the nearest free tooth."""
    taken = {number for number in known if number is not None}
    for k, number in enumerate(numbers):
        if known[k] is not None:
            continue
        if number in taken:
            free = [tooth for tooth in teeth if tooth not in taken]
            number = min(free, key=lambda tooth: abs(teeth.index(tooth) - teeth.index(numbers[k])))
            numbers[k] = number
        taken.add(number)
    return tuple(numbers)


@lru_cache(maxsize=2)
def _places(upper: bool) -> np.ndarray:
    """[16] s of the middle of every tooth of an arch in contact."""
    widths = np.array([size(number)[0] for number in (fdi.UPPER if upper else fdi.LOWER)])
    ends = np.cumsum(widths)
    return ends - widths / 2 - ends[7]


@lru_cache(maxsize=2)
def _curve(upper: bool) -> tuple[np.ndarray, np.ndarray]:
    """Points [401, 2] of a usual arch through the middles of the crowns, and their s."""
    arch = closed("beta", 27.5 if upper else 25.0, float(_places(upper)[14]))
    s = np.linspace(-75, 75, 401)
    return arch.at(s)[0], s


def _along(points: np.ndarray, upper: bool, front: np.ndarray, scale: float) -> np.ndarray:
    """[K] s of the place nearest to each click on the usual arch, made larger or smaller."""
    curve, s = _curve(upper)
    away = ((points[:, None, :2] - (scale * curve + front)[None])**2).sum(-1)
    return scale * s[away.argmin(1)]
