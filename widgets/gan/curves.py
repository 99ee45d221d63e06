"""The history of a training as curves."""

import numpy as np

from engines.gan.outcome import GanOutcome
from widgets.plots import Curve, Plot

FEWEST_STEPS = 100  # of the axis, before there is a curve
INKS, TAGS = ("accent", "second"), ("A", "B")


def draw(plot: Plot, curves: list[Curve], y_from_zero: bool = True) -> None:
    """Curves over whole steps from zero on."""
    plot.set_curves(curves, y_from_zero)
    last = max((float(curve.x[-1]) for curve in curves if len(curve.x)), default=0.0)
    plot.view().getPlotItem().getAxis("bottom").enableAutoSIPrefix(False)
    plot.view().setXRange(0, max(last, FEWEST_STEPS), padding=0.02)


def curves_of(outcome: GanOutcome, name: str, factor: float = 1.0) -> list[Curve]:
    """One curve a twin; what true samples score as a dashed line where it is not zero."""
    curves = []
    for tag, ink, twin in zip(TAGS, INKS, outcome.twins, strict=False):
        steps, values = np.array([look.step for look in twin.history], float), np.array([getattr(look, name) for look in twin.history], float)
        said = np.isfinite(values)  # a loss before the first step, the width where every point is off
        curves.append(Curve(tag, steps[said], factor * values[said], ink))
    best = getattr(outcome.scene.best, name, float("nan"))
    if name in ("modes", "width"):
        ends = np.array([0.0, max(outcome.step, FEWEST_STEPS)])
        curves.append(Curve("data", ends, np.full(2, factor * best), "muted", dashed=True))
    return curves
