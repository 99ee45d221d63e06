"""The history of a training as curves."""

import numpy as np

from engines.gan.outcome import GanOutcome
from widgets.plots import Curve

INKS, TAGS = ("accent", "second"), ("A", "B")


def curves_of(outcome: GanOutcome, name: str, factor: float = 1.0) -> list[Curve]:
    """One curve a twin; what true samples score as a dashed line where it is not zero."""
    curves = [Curve(tag, np.array([look.step for look in twin.history], float), factor * np.array([getattr(look, name) for look in twin.history], float), ink)
              for tag, ink, twin in zip(TAGS, INKS, outcome.twins, strict=False)]
    best = getattr(outcome.scene.best, name, float("nan"))
    if name in ("modes", "width"):
        ends = np.array([0.0, max(float(curves[0].x[-1]), 1.0)])
        curves.append(Curve("data", ends, np.full(2, factor * best), "muted", dashed=True))
    return curves
