"""The line of a dental arch as its teeth stand now, in the occlusal plane: a smoothing curve through places on the teeth.

    sum_k w_k |c(s_k) - p_k|^2  +  STIFF sum |third differences of c|^2  ->  least        [Whittaker 1923, Eilers 2003]

Third differences leave circles nearly free and carry the bend on past the last tooth; teeth that stand far out or in count less [Huber weights].
World x and y, mm; s is the arc length from the patient's right end.
"""

from dataclasses import dataclass

import numpy as np

NODES = 60
FINE = 4  # points of the line between two nodes
STIFF = 200.0
ROUNDS = 3
HUBER_MM = 0.7
BEYOND_MM = 2.0  # that the line is drawn past the last place


@dataclass(frozen=True, eq=False)
class ArchLine:
    """points [K, 2] close to each other along the line, from the patient's right to the left; s [K] their arc length; tangents [K, 2]."""

    points: np.ndarray
    s: np.ndarray
    tangents: np.ndarray

    def nearest(self, places: np.ndarray) -> np.ndarray:
        """Index of the line's point next to each place [.., 2]."""
        return ((places[..., None, :] - self.points)**2).sum(-1).argmin(-1)

    def along(self, places: np.ndarray) -> np.ndarray:
        """Arc length of the foot of each place [.., 2]."""
        k = self.nearest(places)
        return self.s[k] + ((places - self.points[k]) * self.tangents[k]).sum(-1)


def fit(places: np.ndarray) -> ArchLine | None:
    """The line through places [n, 2] that go from the patient's right to the left. None for fewer than four, or where they lie too close together."""
    if len(places) < 4 or np.linalg.norm(np.ptp(places, axis=0)) < 15:
        return None
    s = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(places, axis=0).T))])
    weights = np.ones(len(places))
    bends = np.diff(np.eye(NODES), 3, axis=0)
    stiff = STIFF * bends.T @ bends
    rows = np.arange(len(places))
    for turn in range(ROUNDS):
        low = s.min() - BEYOND_MM
        step = (s.max() + BEYOND_MM - low) / (NODES - 1)
        node = np.clip(((s - low) / step).astype(int), 0, NODES - 2)
        share = (s - low) / step - node
        at = np.zeros((len(places), NODES))
        at[rows, node], at[rows, node + 1] = 1 - share, share
        nodes = np.linalg.solve(at.T @ (at * weights[:, None]) + stiff, at.T @ (places * weights[:, None]))
        off = np.hypot(*(at @ nodes - places).T)
        weights = np.minimum(1, HUBER_MM / np.maximum(off, 1e-9))
        line = _drawn(nodes)
        if turn < ROUNDS - 1:
            s = line.along(places)
    return line


def _drawn(nodes: np.ndarray) -> ArchLine:
    at = np.linspace(0, NODES - 1, (NODES - 1) * FINE + 1)
    points = np.stack([np.interp(at, np.arange(NODES), column) for column in nodes.T], -1)
    lengths = np.hypot(*np.diff(points, axis=0).T)
    slopes = np.gradient(nodes, axis=0)
    tangents = np.stack([np.interp(at, np.arange(NODES), column) for column in slopes.T], -1)
    return ArchLine(points, np.concatenate([[0], np.cumsum(lengths)]), tangents / np.linalg.norm(tangents, axis=1, keepdims=True))
