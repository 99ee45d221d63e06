"""What a film shows at a step: the images of a side, or a toy's points as a small density."""

from dataclasses import replace

import numpy as np
from PySide6.QtGui import QImage

from engines.guidance import toy_film
from engines.guidance.film import moment
from engines.guidance.outcome import Film, Outcome, Side
from engines.guidance.request import FILM_POINTS
from widgets.image_view import to_qimage
from widgets.paint import color

BINS = 26
PATHS = 64  # a toy's trajectories that stay when its film is dropped
INKS = ("accent", "second")


def has_film(outcome: Outcome) -> bool:
    """Whether every step of both sides is there."""
    return all(side.trajectories.shape[1] >= min(side.settings.count, FILM_POINTS) if side.toy is not None else side.film is not None
               for side in outcome.sides)


def without_film(outcome: Outcome) -> Outcome:
    """The outcome without what only a film needs."""
    return replace(outcome, sides=tuple(replace(side, film=None, trajectories=None if side.trajectories is None else side.trajectories[:, :PATHS].copy())
                                        for side in outcome.sides))


def levels(outcome: Outcome) -> tuple[float, ...]:
    """Noise level at the start of every step, of the side with the most."""
    if outcome.sides[0].film is None:
        return toy_film.levels(outcome.sides)
    return tuple(float(level) for level in max((side.film.levels for side in outcome.sides), key=len))


def at(film: Film, kind: str, step: int, steps: int) -> np.ndarray:
    """A side's images [n, H, W, C] at a step of the longer film."""
    return getattr(film, kind)[moment(film, step, steps)]


def thumbnail(side: Side, kind: str, step: int, steps: int, index: int) -> QImage:
    """One image of the strip: image `index`, or the density of a toy's points."""
    if side.film is not None:
        images = at(side.film, kind, step, steps)
        return to_qimage(images[min(index, len(images) - 1)])
    points = side.trajectories[1 + min(step, len(side.trajectories) - 2)]
    if points.shape[1] == 1:
        counts = np.histogram(points[:, 0], BINS, (-4, 4))[0]
        share = (np.arange(BINS)[::-1, None] < counts[None] / max(counts.max(), 1) * BINS).astype(float)
    else:
        counts = np.histogram2d(points[:, 1], points[:, 0], BINS, ((-4, 4), (-4, 4)))[0][::-1]
        share = np.sqrt(counts / max(counts.max(), 1))
    ground, peak = (np.array(color(name).getRgb()[:3], float) for name in ("control", "text"))
    return to_qimage(np.rint(ground + share[..., None] * (peak - ground)).astype(np.uint8))
