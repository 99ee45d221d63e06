"""Curves of the dental arch in the occlusal plane, with arc length.

x to the patient's left, y backwards from the front, mm; s is the arc length, 0 at the midline, positive on the left. Beyond its ends a curve
goes on straight. Families: beta [Braun 1998], A x^6 + B x^2 [Noroozi 2001], A x^4 + B x^2 [AlHarbi 2008, even part], catenary.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

SAMPLES = 1024  # intervals from the midline to one end
FAMILIES = ("beta", "sextic", "quartic", "catenary")
Profile = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True, eq=False)
class Arch:
    """family; half_width in mm; profile(x) = (y, dy/dx) for x in [0, half_width]; the curve is symmetric about x = 0."""

    family: str
    half_width: float
    profile: Profile

    def __post_init__(self) -> None:
        # x = half_width sin(phi) keeps the speed finite where the slope is not
        phi = np.linspace(0, np.pi / 2, 2 * SAMPLES + 1)
        speed = self._speed(phi)
        h = phi[1] - phi[0]
        pairs = h / 3 * (speed[:-2:2] + 4 * speed[1::2] + speed[2::2])  # Simpson
        object.__setattr__(self, "_s", np.concatenate([[0], np.cumsum(pairs)]))
        object.__setattr__(self, "_phi", phi[::2])

    def _speed(self, phi: np.ndarray) -> np.ndarray:
        phi = np.minimum(phi, np.pi / 2 - 1e-4)
        _, slope = self.profile(self.half_width * np.sin(phi))
        return self.half_width * np.cos(phi) * np.hypot(1, slope)

    @property
    def half_length(self) -> float:
        """Arc length from the midline to one end, mm."""
        return float(self._s[-1])

    def at(self, s: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
        """Points [..., 2] and unit tangents [..., 2] (towards growing s) at arc lengths s."""
        s = np.asarray(s, np.float64)
        side, along = np.where(s < 0, -1.0, 1.0), np.abs(s)
        inside = np.minimum(along, self._s[-1])
        x = np.minimum(self.half_width * np.sin(np.interp(inside, self._s, self._phi)), self.half_width * (1 - 1e-9))
        y, slope = self.profile(x)
        tangent = np.stack([np.ones_like(slope), slope], -1) / np.hypot(1, slope)[..., None]
        point = np.stack([x, y], -1) + (along - inside)[..., None] * tangent
        point[..., 0] *= side
        tangent = tangent * np.stack([np.ones_like(side), side], -1)
        return point, tangent


def beta(width: float, depth: float) -> Arch:
    """y = depth - 3.0314 depth ((1/2 + x/W) (1/2 - x/W))^0.8: the beta curve, opened backwards."""
    def profile(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        u = np.maximum(.25 - (x / width)**2, 1e-12)
        scale = depth / .25**.8  # 3.0314 depth
        return depth - scale * u**.8, scale * .8 * u**-.2 * 2 * x / width**2
    return Arch("beta", width / 2, profile)


def polynomial(power: int, canine: tuple[float, float], molar: tuple[float, float]) -> Arch:
    """y = A x^power + B x^2 through canine and molar, each (x, y); power 4 or 6. ValueError where they are not two places on one side."""
    (xc, yc), (xm, ym) = canine, molar
    if power not in (4, 6) or not 0 < xc < xm:
        raise ValueError("power is 4 or 6 and the molar stands further out than the canine")
    a, b = np.linalg.solve([[xc**power, xc**2], [xm**power, xm**2]], [yc, ym])

    def profile(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return a * x**power + b * x**2, power * a * x**(power - 1) + 2 * b * x
    return Arch("sextic" if power == 6 else "quartic", xm, profile)


def catenary(half_width: float, a: float) -> Arch:
    """y = a (cosh(x / a) - 1); its arc length is a sinh(x / a)."""
    return Arch("catenary", half_width, lambda x: (a * (np.cosh(x / a) - 1), np.sinh(x / a)))


def closed(family: str, half_width: float, half_length: float, canine: tuple[float, float] = (13.0, 5.0)) -> Arch:
    """The curve of a family and width whose half has the given arc length: its depth is what gives way.

    canine: (x, y) on the curve, for the polynomials. ValueError for an unknown family or a length that is shorter than the half width.
    """
    if family not in FAMILIES or half_length <= half_width * 1.02:
        raise ValueError(f"family is one of {', '.join(FAMILIES)} and the arch longer than wide")
    if family == "beta":
        def make(q: float) -> Arch:
            return beta(2 * half_width, q)
    elif family == "catenary":
        def make(q: float) -> Arch:
            return catenary(half_width, half_width**2 / q)  # deeper for greater q
    else:
        def make(q: float) -> Arch:
            return polynomial(6 if family == "sextic" else 4, canine, (half_width, q))
    low, high = half_width * .2, half_length * (4 if family == "catenary" else 1)
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if make(middle).half_length < half_length else (low, middle)
    return make((low + high) / 2)
