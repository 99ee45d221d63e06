"""The square of a face that the network sees: mouth, jaw and the nose above them, by points that speech does not move."""

from dataclasses import dataclass

import numpy as np

SIDE, BELOW = 2.7, 0.6  # side of the square and its centre below the nose, in midface heights (eyes to the base of the nose)


@dataclass(frozen=True)
class Square:
    """centre x, y in pixels of the picture, side in pixels, roll in radians (+ = clockwise on the screen)."""

    x: float
    y: float
    side: float
    roll: float = 0.0

    def matrix(self, size: int) -> np.ndarray:
        """[2, 3], picture pixel -> pixel of the crop of `size`; what cv2.warpAffine takes."""
        scale = size / self.side
        c, s = scale * np.cos(self.roll), scale * np.sin(self.roll)
        turn = np.array([[c, s], [-s, c]])
        return np.column_stack([turn, size / 2 - turn @ [self.x, self.y]])


def square(right_eye: np.ndarray, left_eye: np.ndarray, nose_base: np.ndarray) -> Square:
    """Of the outer eye corners (the person's right, left) and the base of the nose, x, y in pixels, y down."""
    middle = (np.asarray(right_eye, float) + left_eye) / 2
    down = np.asarray(nose_base, float) - middle
    height = max(float(np.linalg.norm(down)), 1e-6)
    across = np.asarray(left_eye, float) - right_eye
    centre = nose_base + down * BELOW
    return Square(float(centre[0]), float(centre[1]), SIDE * height, float(np.arctan2(across[1], across[0])))
