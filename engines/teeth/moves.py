"""A movement as an orthodontist writes it: six numbers in the tooth's own axes, and the matrix they stand for.

    p'  =  c + F t + F R F^T (p - c)        c centre of the crown, F axes of the tooth (case.py), both at the start
    t   =  (m mesial, buccal, extrusion)                                         m = case.side(number)
    R   =  exp of the rotation vector (-torque, m tip, m rotation)

Signs on every side of both jaws: mesial, buccal, extrusion (towards the occlusal plane) +; tip + = crown mesial; torque + = crown labial;
rotation + = the mesial side turns towards the lip. A rotation vector, unlike three angles in a row, needs no order and has no singular pose below 180 deg.
"""

from dataclasses import asdict, astuple, dataclass

import numpy as np

from engines.teeth.case import Tooth, side


@dataclass(frozen=True)
class Move:
    """mm and deg. All zero = the tooth stays."""

    mesial: float = 0.0
    buccal: float = 0.0
    extrusion: float = 0.0
    tip: float = 0.0
    torque: float = 0.0
    rotation: float = 0.0

    def __post_init__(self) -> None:
        values = astuple(self)
        if not all(isinstance(value, int | float) and np.isfinite(value) for value in values):
            raise ValueError("a movement is six numbers")
        if max(map(abs, values[:3])) > 50 or max(map(abs, values[3:])) > 180:
            raise ValueError("a movement is at most 50 mm and 180 degrees")

    def distance_mm(self) -> float:
        """How far the centre of the crown goes."""
        return float(np.hypot(np.hypot(self.mesial, self.buccal), self.extrusion))

    def angle_deg(self) -> float:
        return float(np.sqrt(self.tip**2 + self.torque**2 + self.rotation**2))

    def scaled(self, share: float) -> "Move":
        return Move(*(share * value for value in astuple(self)))

    def to_dict(self) -> dict[str, float]:
        return asdict(self)


def exp(vector: np.ndarray) -> np.ndarray:
    """[3, 3] rotation of a rotation vector in rad [Rodrigues]."""
    angle = float(np.linalg.norm(vector))
    x, y, z = vector
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    if angle < 1e-9:
        return np.eye(3) + cross
    return np.eye(3) + np.sin(angle) / angle * cross + (1 - np.cos(angle)) / angle**2 * cross @ cross


def log(turn: np.ndarray) -> np.ndarray:
    """The rotation vector in rad of a rotation [3, 3], shorter than pi."""
    skew = np.array([turn[2, 1] - turn[1, 2], turn[0, 2] - turn[2, 0], turn[1, 0] - turn[0, 1]])
    sine, cosine = np.linalg.norm(skew) / 2, (np.trace(turn) - 1) / 2
    angle = float(np.arctan2(sine, cosine))
    if sine > 1e-7:
        return skew * (angle / (2 * sine))
    if cosine > 0:
        return skew / 2
    symmetric = (turn + np.eye(3)) / 2  # half a turn: the axis is the column of the largest diagonal entry
    k = int(np.argmax(np.diag(symmetric)))
    axis = symmetric[:, k] / np.sqrt(symmetric[k, k])
    return np.pi * axis / np.linalg.norm(axis)


def matrix(tooth: Tooth, move: Move) -> np.ndarray:
    """[4, 4] world to world, on the start mesh of the tooth."""
    m, axes, centre = side(tooth.number), tooth.frame[:3, :3], tooth.frame[:3, 3]
    turn = axes @ exp(np.deg2rad([-move.torque, m * move.tip, m * move.rotation])) @ axes.T
    made = np.eye(4)
    made[:3, :3] = turn
    made[:3, 3] = centre + axes @ (m * move.mesial, move.buccal, move.extrusion) - turn @ centre
    return made


def move_of(tooth: Tooth, pose: np.ndarray) -> Move:
    """The inverse of `matrix`."""
    m, axes, centre = side(tooth.number), tooth.frame[:3, :3], tooth.frame[:3, 3]
    shift = axes.T @ (pose[:3, :3] @ centre + pose[:3, 3] - centre)
    turn = np.rad2deg(log(axes.T @ pose[:3, :3] @ axes))
    return Move(*(float(round(value, 9)) + 0.0 for value in (m * shift[0], shift[1], shift[2], m * turn[1], -turn[0], m * turn[2])))


def pivot(tooth: Tooth, which: str) -> np.ndarray:
    """[3] mm at the start: the centre of the crown, or (which = "resistance") an estimate of the centre of resistance, a third of a root below the neck.

    Roots are not in a scan: the neck is taken half a crown below its centre, the root 13 mm long [mean of Wheeler's table].
    """
    if which == "crown":
        return tooth.centre
    heights = (tooth.mesh.vertices - tooth.centre) @ tooth.frame[:3, 2]
    return tooth.centre - tooth.frame[:3, 2] * (float(heights.max()) + 13.0 / 3)
