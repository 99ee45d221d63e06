"""An atlas between its points: a smooth surface over (log gamma_1, S), and its iso-lines."""

import numpy as np

from engines.guidance.atlas import BLOWN, Atlas

NAMES = ("shift", "shift_error", "ratio", "ratio_error", "unclipped")
RATIOS = ("ratio", "unclipped")
LEAST_RATIO, MOST_RATIO = 1e-3, 256.0  # ends of the logarithm; what is not finite lies at the upper one
FINE = (91, 67)  # columns and rows that iso-lines are followed on


class Surface:
    """Monotone cubic between points, so that no hill appears that was not measured. Ratios are interpolated in their logarithm.

    It is that of the finest pass that is complete (points of the next one would dent it); `complete` is False before the first is.
    """

    def __init__(self, atlas: Atlas) -> None:
        strengths, sums = atlas.task.axes()
        self.x, self.y = np.log(strengths), np.array(sums)
        measured = ~np.isnan(atlas.field("clipped"))
        self._lattice = self._complete_lattice(atlas, measured, strengths, sums)
        self.complete = self._lattice is not None
        self._nodes: dict[str, np.ndarray] = {}
        if self.complete:
            for name in NAMES:
                values = atlas.field(name)
                values = np.log2(np.clip(np.where(np.isfinite(values), values, MOST_RATIO), LEAST_RATIO, MOST_RATIO)) if name in RATIOS else values
                highest = float(np.nanmax(values)) if np.isfinite(values).any() else 0.0
                self._nodes[name] = self._filled(np.where(np.isfinite(values), values, highest))

    @staticmethod
    def _complete_lattice(atlas: Atlas, measured: np.ndarray, strengths: list[float], sums: list[float]) -> tuple[list[int], list[int]] | None:
        done, found = set(), None
        for part in atlas.task.passes():
            if not all(measured[sums.index(s), strengths.index(g)] for g, s in part):
                return found
            done |= set(part)
            found = sorted({strengths.index(g) for g, _ in done}), sorted({sums.index(s) for _, s in done})
        return found

    def _filled(self, values: np.ndarray) -> np.ndarray:
        columns, rows = self._lattice
        return _along(_along(values[np.ix_(rows, columns)], self.x[columns], self.x, 1), self.y[rows], self.y, 0)

    def grid(self, name: str, columns: int, rows: int) -> np.ndarray:
        """[rows, columns] evenly over the map, S rising. Ratios as log2."""
        x, y = np.linspace(self.x[0], self.x[-1], columns), np.linspace(self.y[0], self.y[-1], rows)
        return _along(_along(self._nodes[name], self.x, x, 1), self.y, y, 0)

    def at(self, name: str, gamma_1: float, total: float) -> float:
        """The value at one pair, clamped to the map; a ratio as such."""
        x, y = np.clip([np.log(gamma_1)], self.x[0], self.x[-1]), np.clip([total], self.y[0], self.y[-1])
        value = float(_along(_along(self._nodes[name], self.x, x, 1), self.y, y, 0)[0, 0])
        return 2.0**value if name in RATIOS else value

    def blown(self, columns: int, rows: int) -> np.ndarray:
        """Where the variance before clipping is more than BLOWN times the class's; bool [rows, columns], S rising."""
        return self.grid("unclipped", columns, rows) > np.log2(BLOWN)

    def lines(self, name: str, level: float) -> list[np.ndarray]:
        """The iso-line of `level` (log2 for ratios): polylines [n, 2] of (gamma_1, S)."""
        return contours(self.grid(name, *FINE), np.linspace(self.x[0], self.x[-1], FINE[0]), np.linspace(self.y[0], self.y[-1], FINE[1]), level)


def contours(values: np.ndarray, log_x: np.ndarray, y: np.ndarray, level: float) -> list[np.ndarray]:
    """Polylines [n, 2] of (e^x, y) along which values [len(y), len(log_x)] equal `level`."""
    from pyqtgraph.functions import isocurve

    found = []
    for line in isocurve(values, level, connected=True, extendToEdge=False):
        points = np.array(line, float) - 0.5  # pyqtgraph counts from the corner of the first pixel
        rows, columns = points[:, 0], points[:, 1]
        found.append(np.stack([np.exp(np.interp(columns, np.arange(len(log_x)), log_x)), np.interp(rows, np.arange(len(y)), y)], 1))
    return found


def _along(values: np.ndarray, old: np.ndarray, new: np.ndarray, axis: int) -> np.ndarray:
    """Monotone cubic interpolation along an axis [Fritsch and Carlson 1980, slopes by the harmonic mean]; held at the ends."""
    v = np.moveaxis(values, axis, 0)
    if len(old) < 2:
        return np.moveaxis(np.repeat(v, len(new), 0), 0, axis)
    h = np.diff(old)[:, None]
    d = np.diff(v, axis=0) / h
    slope = np.zeros_like(v)
    slope[0], slope[-1] = d[0], d[-1]
    if len(old) > 2:
        w_1, w_2 = 2 * h[1:] + h[:-1], h[1:] + 2 * h[:-1]
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = (w_1 + w_2) / (w_1 / d[:-1] + w_2 / d[1:])
        slope[1:-1] = np.where(d[:-1] * d[1:] > 0, mean, 0.0)
    i = np.clip(np.searchsorted(old, new, side="right") - 1, 0, len(old) - 2)
    t = np.clip((new - old[i]) / (old[i + 1] - old[i]), 0, 1)[:, None]
    a, b, m_a, m_b, step = v[i], v[i + 1], slope[i], slope[i + 1], h[i]
    out = a * (1 + 2 * t) * (1 - t) ** 2 + step * m_a * t * (1 - t) ** 2 + b * t * t * (3 - 2 * t) + step * m_b * t * t * (t - 1)
    return np.moveaxis(out, 0, axis)
