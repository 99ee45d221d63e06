"""Front teeth of both jaws that would stand in each other: the upper ones tip about their edges until they clear the lower ones."""

import numpy as np

from engines.teeth import fdi, layout
from engines.teeth.crowns import Crown

CELL_MM = 0.6
MOST_DEG = 16.0  # that one tooth is tipped
ALLOWED_MM = 0.05


def clear(crowns: dict[int, Crown], poses: dict[int, np.ndarray], tipped: dict[int, float]) -> None:
    """Tips upper incisors and canines out of the lower front teeth, in place; their edges stay. tipped: number -> deg so far, kept up to date.

    Lateral incisors and canines that tipping does not clear move away. A tooth in front of the lower ones is tipped back (as in deep bites), one
    behind them forwards (as in class III).
    """
    lower = [n for n in poses if not fdi.is_upper(n) and fdi.place(n) < 5]
    upper = [n for n in poses if fdi.is_upper(n) and fdi.place(n) < 4]
    if not lower or not upper:
        return
    wall = np.concatenate([layout.spread(poses[n], crowns[n].mesh.vertices) for n in lower])
    edges = np.array([layout.spread(poses[n], crowns[n].landmarks["edge"]) for n in lower])
    for n in upper:
        edge = layout.spread(poses[n], crowns[n].landmarks["edge"])
        nearest = edges[np.abs(edges[:, 0] - edge[0]).argmin()]
        sign = 1.0 if nearest[1] >= edge[1] else -1.0  # the lower teeth are behind
        own = layout.spread(poses[n], crowns[n].mesh.vertices)
        deep, height = _clash(own, wall, sign)
        if deep <= ALLOWED_MM:
            continue
        left = MOST_DEG - tipped.get(n, 0.0)
        if height - edge[2] < 1.0 or left < .1:  # tipping would not help
            poses[n][1, 3] -= sign * min(deep, .6) * (fdi.place(n) > 1)
            continue
        turn = min(np.rad2deg(np.arctan2(deep, height - edge[2])), left)
        tipped[n] = tipped.get(n, 0.0) + turn
        move = np.eye(4)
        move[:3, :3] = layout.axis_turn(0, sign * np.deg2rad(turn))
        move[:3, 3] = edge - move[:3, :3] @ edge
        poses[n] = move @ poses[n]


def _clash(own: np.ndarray, wall: np.ndarray, sign: float) -> tuple[float, float]:
    """Depth in mm along y by which own points stand behind (sign 1) the wall's front, and the height where that is; seen on a grid from the front."""
    low, n = wall[:, [0, 2]].min(0), 128

    def cells(points: np.ndarray) -> np.ndarray:
        places = np.floor((points[:, [0, 2]] - low) / CELL_MM).astype(int)
        return np.where(((places < 0) | (places >= n)).any(1), n * n, places[:, 0] * n + places[:, 1])
    front, back = np.full(n * n + 1, np.inf), np.full(n * n + 1, -np.inf)
    np.minimum.at(front, cells(wall), sign * wall[:, 1])
    np.maximum.at(back, cells(own), sign * own[:, 1])
    deep = (back - front)[:-1]
    worst = int(deep.argmax())
    return float(deep[worst]), float(low[1] + (worst % n + .5) * CELL_MM)
