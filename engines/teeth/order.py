"""In which order two neighbours may go their ways: every combination of how far each has come, and which of them lead on without a clash.

    g[i, j]  overlap in mm after i steps of the first and j of the second tooth
    D[i, j]  =  max(g[i, j], min(D[i+1, j], D[i, j+1], D[i+1, j+1]))       the least worst overlap from there to the end [bottleneck path]

A combination is free when D is at most what is allowed: from there some order of steps keeps the two apart. Staying in free combinations is what
lets one tooth wait while another makes room, without ever running into a dead end between two.
"""

from dataclasses import dataclass

import numpy as np

KNOTS = 9  # along one way; overlaps between them are interpolated


@dataclass(frozen=True, eq=False)
class Crossing:
    """first, second: FDI. ahead [n + 1, m + 1]: D above, mm. allowed: mm; more than tolerance where the start or the end or every order has more."""

    first: int
    second: int
    ahead: np.ndarray
    overlap: np.ndarray
    allowed: float

    def free(self, now: tuple[int, int], then: tuple[int, int]) -> bool:
        """Whether a step may be made; out of a clash every step that is no worse may."""
        return self.ahead[then] <= max(self.allowed, self.ahead[now]) + 1e-9


def knots(steps: int) -> np.ndarray:
    """The steps at which overlaps are measured."""
    return np.unique(np.linspace(0, steps, min(steps + 1, KNOTS)).round().astype(int))


def crossing(first: int, second: int, gaps: np.ndarray, steps: tuple[int, int], tolerance_mm: float) -> Crossing:
    """From gaps measured at the knots [K, L]."""
    grid = -gaps
    for axis, count in enumerate(steps):
        grid = _along(grid, knots(count), np.arange(count + 1), axis)
    ahead = bottleneck(grid)
    return Crossing(first, second, ahead, grid, float(max(tolerance_mm, grid[0, 0], grid[-1, -1], ahead[0, 0])))


def bottleneck(overlap: np.ndarray) -> np.ndarray:
    """D [n + 1, m + 1], diagonal by diagonal from the end."""
    n, m = overlap.shape
    ahead = np.full((n + 1, m + 1), np.inf)
    ahead[n - 1, m - 1] = overlap[n - 1, m - 1]
    for total in range(n + m - 3, -1, -1):
        i = np.arange(max(0, total - m + 1), min(n - 1, total) + 1)
        j = total - i
        best = np.minimum(np.minimum(ahead[i + 1, j], ahead[i, j + 1]), ahead[i + 1, j + 1])
        ahead[i, j] = np.maximum(overlap[i, j], best)
    return ahead[:n, :m]


def _along(grid: np.ndarray, at: np.ndarray, to: np.ndarray, axis: int) -> np.ndarray:
    """Linear interpolation along one axis."""
    k = np.clip(np.searchsorted(at, to, side="right") - 1, 0, max(len(at) - 2, 0))
    if len(at) == 1:
        return np.take(grid, k, axis)
    share = ((to - at[k]) / (at[k + 1] - at[k])).reshape(-1, 1) if axis == 0 else (to - at[k]) / (at[k + 1] - at[k])
    return (1 - share) * np.take(grid, k, axis) + share * np.take(grid, k + 1, axis)
