"""The editable curve of one jaw: from handles to a curve, from teeth to handles.

Seen from above in world x (patient's left) and y (back), mm; handles and curves run from the patient's right to the left.
  beta        3 handles, right end, apex, left end:  y = y0 + k (x - x0) + D (1 - (4 (1/2 + u) (1/2 - u))^0.8),  u = (x - x0) / W  [Braun 1998; k tilts it]
  polynomial  5 handles: the polynomial of degree 4 through them, odd terms included, so that an asymmetric arch fits too  [AlHarbi 2008]
  free        any number from 3: a natural cubic spline through them
"""

from dataclasses import dataclass, replace

import numpy as np

from engines.job import EngineError
from engines.teeth.case import Case, Poses
from engines.teeth.request import ArchForm

POINTS = 401
HANDLES = {"beta": 3, "polynomial": 5, "free": 7}
LEAST_TEETH = 5
KNEE_MM = 1.0  # residual from which a tooth counts less in a fit
SPREAD_MM = np.array([np.inf, 1.0, np.inf, 1.0, np.inf])  # prior sd of the polynomial's coefficients: arches are nearly symmetric
PLACES = (.0, .29, .5, .71, 1.0)  # of the polynomial's handles, as shares of its width: molars, canines, midline


@dataclass(frozen=True, eq=False)
class Curve:
    """points [N, 2] from right to left in mm, s [N] their arc length from the first; beyond its ends a curve goes on straight."""

    points: np.ndarray
    s: np.ndarray

    @property
    def length_mm(self) -> float:
        return float(self.s[-1])

    def nearest(self, places: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """For places [N, 2]: arc length [N] (outside 0..length beyond the ends), nearest point [N, 2], unit tangent [N, 2]."""
        line = np.diff(self.points, axis=0)
        span = np.diff(self.s)
        unit = line / span[:, None]
        along = ((places[:, None] - self.points[:-1]) * unit).sum(-1)
        low, high = np.zeros(len(span)), span.copy()
        low[0], high[-1] = -np.inf, np.inf
        along = np.clip(along, low, high)
        spots = self.points[:-1] + along[..., None] * unit
        best = np.argmin(((places[:, None] - spots)**2).sum(-1), axis=1)
        row = np.arange(len(places))
        return self.s[best] + along[row, best], spots[row, best], self._tangents()[best]

    def at(self, s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Points [N, 2] and unit tangents [N, 2] at arc lengths."""
        k = np.clip(np.searchsorted(self.s, s, side="right") - 1, 0, len(self.s) - 2)
        tangent = self._tangents()[k]
        return self.points[k] + (s - self.s[k])[:, None] * tangent, tangent

    def _tangents(self) -> np.ndarray:
        return np.diff(self.points, axis=0) / np.diff(self.s)[:, None]


def curve(form: ArchForm) -> Curve:
    """The curve of a form. EngineError where its handles make none: too few, or out of order."""
    handles = np.array(form.points, float).reshape(-1, 2)
    least = 3 if form.kind == "free" else HANDLES[form.kind]
    right = np.diff(handles[:, 0]) if form.kind != "free" else np.linalg.norm(np.diff(handles, axis=0), axis=1)
    if len(handles) < least or (form.kind != "free" and len(handles) != least) or (right < .5).any() or not np.isfinite(handles).all():
        raise EngineError(f"The {form.jaw} arch form has no curve: a {form.kind} one needs {least} handles from the patient's right to the left.",
                          "Drag the handles apart, or reset the curve to the teeth.")
    points = {"beta": _beta, "polynomial": _polynomial, "free": _free}[form.kind](handles)
    return _even(points)


def _even(points: np.ndarray) -> Curve:
    """The same line at POINTS equal steps."""
    s = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    at = np.linspace(0, s[-1], POINTS)
    made = np.stack([np.interp(at, s, points[:, k]) for k in (0, 1)], 1)
    return Curve(made, np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(made, axis=0), axis=1))]))


def beta_height(u: np.ndarray) -> np.ndarray:
    """The beta curve of unit depth: 0 at the apex u = 0, 1 at the ends u = -1/2 and 1/2."""
    return 1 - (4 * np.maximum((.5 + u) * (.5 - u), 0))**.8


def _beta(handles: np.ndarray) -> np.ndarray:
    (xr, yr), (xa, ya), (xl, yl) = handles
    width, middle, tilt = xl - xr, (xl + xr) / 2, (yl - yr) / (xl - xr)
    u = np.sin(np.linspace(-np.pi / 2, np.pi / 2, 1201)) / 2
    apex = float(beta_height(np.array((xa - middle) / width)))
    depth = ((yl + yr) / 2 + tilt * (xa - middle) - ya) / max(1 - apex, 1e-3)
    return np.stack([middle + width * u, (yl + yr) / 2 - depth + tilt * width * u + depth * beta_height(u)], 1)


def _polynomial(handles: np.ndarray) -> np.ndarray:
    middle, half = handles[[0, -1], 0].mean(), np.ptp(handles[:, 0]) / 2
    powers = np.vander((handles[:, 0] - middle) / half, len(handles))
    t = np.linspace(-1, 1, 1201)
    return np.stack([middle + half * t, np.polyval(np.linalg.solve(powers, handles[:, 1]), t)], 1)


def _free(handles: np.ndarray) -> np.ndarray:
    from scipy.interpolate import CubicSpline

    t = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(handles, axis=0), axis=1))])
    return CubicSpline(t, handles, bc_type="natural")(np.linspace(0, t[-1], 1201))


def places(case: Case, poses: Poses, jaw: str) -> dict[int, np.ndarray]:
    """The centre of every tooth of a jaw that has a pose, [3] mm in the world, from right to left."""
    return {number: poses[number][:3, :3] @ tooth.centre + poses[number][:3, 3] for number, tooth in case.of(jaw).items() if number in poses}


def fitted(case: Case, poses: Poses, jaw: str, kind: str = "polynomial") -> ArchForm:
    """The form of a kind that follows the teeth of a jaw; teeth that stand out count less [Cauchy weights]. EngineError for fewer than five teeth."""
    spots = np.array([point[:2] for point in places(case, poses, jaw).values()])
    if len(spots) < LEAST_TEETH:
        raise EngineError(f"The {jaw} jaw has {len(spots)} teeth, an arch form needs {LEAST_TEETH}.", "Plan these teeth by hand.")
    return ArchForm(jaw, kind, tuple((round(float(x), 4), round(float(y), 4)) for x, y in _handles(spots, kind)))


def _handles(spots: np.ndarray, kind: str) -> np.ndarray:
    x, y = spots.T
    low, high = float(x.min()), float(x.max())
    if kind == "beta":
        return _beta_handles(x, y)
    middle, half = (low + high) / 2, max((high - low) / 2, 1.0)
    powers = np.arange(min(5, len(spots) - 1))
    t = ((x - middle) / half)[:, None]
    solution, _ = robust(t**powers, powers * t**np.maximum(powers - 1, 0) / half, y, SPREAD_MM)

    def height(at: np.ndarray) -> np.ndarray:
        return ((at - middle) / half)[:, None]**powers @ solution
    if kind == "polynomial":
        at = low + np.array(PLACES) * (high - low)
        return np.stack([at, height(at)], 1)
    dense = np.linspace(low, high, 401)
    line = _even(np.stack([dense, height(dense)], 1))
    return line.at(np.linspace(0, line.length_mm, HANDLES["free"]))[0]


def _beta_handles(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Width and middle by trial, the rest by least squares."""
    span, best, least = float(np.ptp(x)), None, np.inf
    for width in span * np.linspace(1.01, 1.25, 9):
        room = (width - span) / 2
        for middle in (x.min() + x.max()) / 2 + room * np.linspace(-.9, .9, 5):
            u = (x - middle) / width
            inside = np.maximum((.5 + u) * (.5 - u), 1e-4)
            rise = .8 * 4**.8 * inside**-.2 * 2 * u / width
            one = np.ones(len(x))
            solution, cost = robust(np.stack([one, x - middle, beta_height(u)], 1), np.stack([0 * one, one, rise], 1), y, rounds=6)
            if cost < least:
                best, least = (width, middle, *solution), cost
    width, middle, apex, tilt, depth = best
    return np.array([[middle + share * width, apex + tilt * share * width + 4 * depth * share**2] for share in (-.5, 0, .5)])


def robust(columns: np.ndarray, slopes: np.ndarray, y: np.ndarray, spread: np.ndarray | None = None, rounds: int = 12) -> tuple[np.ndarray, float]:
    """Coefficients c of y = columns c (its slope is slopes c) with Cauchy weights, and what is left over.

    Residuals are taken across the curve, not along y: the steep sides must not count more than the front. spread: prior standard deviations of c about 0, in
    mm; the prior counts as much as the teeth are scattered round the free fit, so that teeth on a curve give that curve.
    """
    weight, steep, cost, scatter = np.ones(len(y)), np.ones(len(y)), np.inf, 0.0
    spread = np.full(columns.shape[1], np.inf) if spread is None else spread[:columns.shape[1]]
    for k in range(2 * rounds):  # free first, which tells the scatter, then with the prior
        root = np.sqrt(weight) / steep
        rows = np.concatenate([columns * root[:, None], np.diag(scatter / spread)])
        solution = np.linalg.lstsq(rows, np.concatenate([y * root, np.zeros(len(spread))]), rcond=None)[0]
        steep = np.hypot(1, slopes @ solution)
        rest = (y - columns @ solution) / steep
        weight, cost = 1 / (1 + (rest / KNEE_MM)**2), float(np.log1p((rest / KNEE_MM)**2).sum())
        if k == rounds - 1:
            if np.isinf(spread).all():
                break
            scatter = 1.4826 * float(np.median(np.abs(rest))) * np.sqrt(len(y) / max(len(y) - len(spread), 1))
    return solution, cost


def moved_handle(form: ArchForm, k: int, to: tuple[float, float], symmetric: bool = False) -> ArchForm:
    """The form with handle k at `to`, mm; symmetric: the handle of the other side moves as its mirror image does, about the middle of the ends."""
    points = [tuple(point) for point in form.points]
    partner = len(points) - 1 - k
    middle = (points[0][0] + points[-1][0]) / 2
    if symmetric and partner != k:
        dx, dy = to[0] - points[k][0], to[1] - points[k][1]
        points[partner] = (points[partner][0] - dx, points[partner][1] + dy)
    elif symmetric:
        to = (middle, to[1])
    points[k] = (float(to[0]), float(to[1]))
    return replace(form, points=tuple(points))


def widths(form: ArchForm, case: Case, poses: Poses) -> dict[str, float | None]:
    """Of the curve in mm, where the teeth of the case stand on it: intercanine, intermolar (first molars), arch length between the first molars along the
    curve, depth from the front of the curve to the line that joins them. None where the teeth are missing."""
    line = curve(form)
    spots = places(case, poses, form.jaw)
    quadrants = (1, 2) if form.jaw == "upper" else (4, 3)

    def pair(place: int) -> tuple[np.ndarray, np.ndarray] | None:
        numbers = [quadrant * 10 + place for quadrant in quadrants]
        if not all(number in spots for number in numbers):
            return None
        along, points, _ = line.nearest(np.array([spots[number][:2] for number in numbers]))
        return along, points
    found: dict[str, float | None] = dict.fromkeys(("intercanine_mm", "intermolar_mm", "arch_length_mm", "arch_depth_mm"))
    for name, place in (("intercanine_mm", 3), ("intermolar_mm", 6)):
        if (ends := pair(place)) is not None:
            found[name] = float(np.linalg.norm(ends[1][1] - ends[1][0]))
    if (ends := pair(6)) is not None:
        along, (right, left) = ends
        across = (left - right) / max(np.linalg.norm(left - right), 1e-9)
        found["arch_length_mm"] = float(along[1] - along[0])
        found["arch_depth_mm"] = float(((line.points - right) @ np.array([across[1], -across[0]])).max())
    return found


def form_of(case: Case, poses: Poses, forms: tuple[ArchForm, ...], jaw: str, kind: str = "polynomial") -> ArchForm:
    """The form that a plan keeps for a jaw, fitted to the teeth where it holds no handles."""
    kept = next((form for form in forms if form.jaw == jaw), ArchForm(jaw, kind))
    return kept if kept.points else fitted(case, poses, jaw, kept.kind)
