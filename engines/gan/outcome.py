"""What a GAN training shows: numpy and plain numbers, so that a window needs no torch."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from engines.gan.request import GanRequest

NAMES = ("plain", "smart")


@dataclass(frozen=True)
class Measures:
    """One look at a generator after `step` steps; see engines/gan/measures.py. The losses are of the last step before it."""

    step: int
    off: float
    modes: int
    of_modes: int
    kl: float
    width: float
    mmd: float
    loss_g: float = float("nan")
    loss_d: float = float("nan")
    score: float = float("nan")  # mean L_score of generated points; nan where it was not worked out

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Twin:
    """One generator in the picture: points [N, 2], which of them are off the manifold, the discriminator's probability of "real" over the plane
    [R, R] (rows from low y), and at `tails` [M, 2] the way `arrows` [M, 2] that L_score pulls, -dL/dx.
    """

    name: str
    points: np.ndarray
    off: np.ndarray
    history: tuple[Measures, ...]
    stopped: str = ""  # why this twin trains no more
    field: np.ndarray | None = None
    tails: np.ndarray | None = None
    arrows: np.ndarray | None = None


@dataclass(frozen=True)
class Scene:
    """What depends on the data alone: true points [N, 2], the density [R, R] relative to its peak over [-reach, reach]^2, 4 std."""

    data: str
    points: np.ndarray
    density: np.ndarray
    reach: float
    off_from: float
    best: Measures  # of true samples


@dataclass(frozen=True)
class GanOutcome:
    """A training at one moment."""

    request: GanRequest
    step: int
    scene: Scene
    twins: tuple[Twin, ...]
    checkpoints: tuple[int, ...]
    ms_per_step: float = float("nan")
    timesteps: tuple[float, float] = (0.0, 0.0)  # the noise interval in timesteps of the score model in use
    lam: float = 0.0  # in force now
    freq: int = 1
