"""Which unit a case is in: STL does not say. A dental arch is 45-75 mm wide, a crown 5-12 mm; only one unit makes that true."""

from dataclasses import dataclass

import numpy as np

MM = {"mm": 1.0, "cm": 10.0, "m": 1000.0, "inch": 25.4}
ARCH_MM, SCAN_MM, TOOTH_MM = (45.0, 75.0), (45.0, 100.0), (5.5, 13.0)
SURE = 0.9
FULL_ARCH = 10  # teeth from which the arch's width is a measure


@dataclass(frozen=True)
class Unit:
    """name: mm, cm, m or inch; confidence 0-1, below SURE a person should be asked; why: in words."""

    name: str
    confidence: float
    why: str

    @property
    def factor(self) -> float:
        """What makes millimetres of it."""
        return MM[self.name]


def width(points: np.ndarray) -> float:
    """The widest extent [in the points' unit] along the principal axes: of an arch, from molar to molar."""
    points = np.asarray(points, np.float64)
    _, axes = np.linalg.eigh(np.cov((points - points.mean(0)).T))
    return float(np.ptp(points @ axes, axis=0).max())


def tooth_size(points: np.ndarray) -> float:
    """The middle extent along a tooth's principal axes: its width, with or without a root."""
    points = np.asarray(points, np.float64)
    _, axes = np.linalg.eigh(np.cov((points - points.mean(0)).T))
    return float(np.sort(np.ptp(points @ axes, axis=0))[1])


def decide(sizes: list[float], arch: float | None, scan: bool = False) -> Unit:
    """sizes: tooth_size of every tooth; arch: width of an arch of FULL_ARCH teeth or more, or of a scan (scan=True); None where there is none."""
    typical = float(np.median(sizes)) if sizes else None
    low, high = SCAN_MM if scan else ARCH_MM
    scores = {}
    for name, factor in MM.items():
        arch_fits = None if arch is None else _fits(arch * factor, low, high)
        tooth_fits = None if typical is None else _fits(typical * factor, *TOOTH_MM)
        known = [fit for fit in (arch_fits, tooth_fits) if fit is not None]
        scores[name] = float(np.prod(known)) if known else 0.25
    if arch is not None and typical is not None and max(scores.values()) < 0.1:  # jaws side by side make no arch: the teeth alone decide
        return decide(sizes, None)
    best = max(scores, key=lambda name: (scores[name], name == "mm"))
    confidence = scores[best] / max(sum(scores.values()), 1e-9) * min(1.0, scores[best] + (0.05 if arch is None else 0))
    if arch is not None:
        why = f"the {'scan' if scan else 'arch'} is then {arch * MM[best]:.0f} mm wide"
    elif typical is not None:
        why = f"a tooth is then {typical * MM[best]:.1f} mm wide"
    else:
        why = "there is nothing to measure"
    return Unit(best, confidence if scores[best] > 0.02 else 0.1, why)


def _fits(value: float, low: float, high: float) -> float:
    """1 within the range, less and less outside of it: half at a factor of 1.25."""
    outside = max(np.log(low / max(value, 1e-12)), np.log(max(value, 1e-12) / high), 0.0)
    return float(np.exp(-0.5 * (outside / 0.19)**2))


def odd_ones(sizes: dict[str, float]) -> dict[str, float]:
    """Files whose teeth are in another unit than most: name -> factor that brings them to the others' unit. A set of fewer than 3 has no majority."""
    if len(sizes) < 3:
        return {}
    typical = float(np.median(list(sizes.values())))
    found = {}
    for name, size in sizes.items():
        ratio = typical / max(size, 1e-12)
        factor = min(_ratios(), key=lambda f: abs(np.log(ratio / f)))
        if factor != 1.0 and abs(np.log(ratio)) > np.log(4) and abs(np.log(ratio / factor)) < np.log(1.9):
            found[name] = factor
    return found


def _ratios() -> list[float]:
    return sorted({a / b for a in MM.values() for b in MM.values()})
