"""How close generated points are to the data, against the exact distribution.

off      share of samples farther than 4 std from every centre
modes    how many modes hold at least 10 % of their fair share of the samples
KL       of the occupancy of modes against the fair shares, in nats
width    rms distance of on-manifold samples to the nearest centre over that of true samples: 1 is right, below is shrunk
MMD^2    squared maximum mean discrepancy, sum of Gaussian kernels of width .05, .2, .5; the data's side is exact, the samples' unbiased
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from engines.gan.outcome import Measures
from engines.gan.toys import Mixture

OFF_STDS, COVERED = 4.0, 0.1
KERNELS = (0.05, 0.2, 0.5)
MMD_POINTS, PART = 2000, 500
TRUE_POINTS = 20_000


@dataclass(frozen=True)
class Ruler:
    """What depends on the data alone; `spread` is the rms distance of true samples to their nearest centre."""

    data: Mixture
    spread: float
    self_term: float  # E k(y, y') of the data

    def measure(self, points: Tensor, step: int = 0, mmd_points: int = MMD_POINTS, **more: float) -> Measures:
        """All five of generated points [N, 2]; `more` are the losses to keep beside them."""
        distance, modes = self.data.nearest(points)
        on = distance <= OFF_STDS * self.data.std
        fair = self.data.mode_shares
        counts = torch.bincount(modes[on], minlength=len(fair)).float()
        shares = counts / counts.sum().clamp(min=1)
        covered = int((counts / len(points) >= COVERED * fair).sum())
        held = shares > 0
        kl = float((shares[held] * (shares[held] / fair[held]).log()).sum()) if on.any() else float("nan")
        width = float(distance[on].square().mean().sqrt()) / self.spread if on.any() else float("nan")
        return Measures(step, 1 - float(on.float().mean()), covered, len(fair), kl, width, self.mmd(points[:mmd_points]), **more)

    def off(self, points: Tensor) -> Tensor:
        """Which points lie off the manifold, [N] bool."""
        return self.data.nearest(points)[0] > OFF_STDS * self.data.std

    def mmd(self, points: Tensor) -> float:
        """MMD^2 of points [N, 2]; may fall a little below zero, being unbiased."""
        count = len(points)
        across = sum(float(_blurred(part, self.data.means, self.data.weights, self.data.std**2).sum()) for part in points.split(PART)) / count
        within = sum(float(_kernels(torch.cdist(part, points).square(), 0.0).sum()) for part in points.split(PART)) - len(KERNELS) * count
        return within / (count * (count - 1)) - 2 * across + self.self_term


def ruler(data: Mixture) -> Ruler:
    """The data's side of every measure. Drawn with a seed of its own, so that it is the same in every run."""
    true = torch.from_numpy(data.draw(np.random.default_rng(20), TRUE_POINTS))
    distance, _ = data.nearest(true)
    on = distance <= OFF_STDS * data.std
    own = data.weights @ _blurred(data.means, data.means, data.weights, 2 * data.std**2)
    return Ruler(data, float(distance[on].square().mean().sqrt()), float(own))


def _kernels(squared: Tensor, blur: float) -> Tensor:
    """Sum of the kernels at squared distances, averaged over a Gaussian of variance `blur` per axis."""
    total = torch.zeros_like(squared)
    for width in KERNELS:
        v = width**2 + blur
        total += torch.exp(squared * (-1 / (2 * v))).mul_(width**2 / v)
    return total


def _blurred(points: Tensor, means: Tensor, weights: Tensor, blur: float) -> Tensor:
    """E k(x, y) for each x, y from Gaussians of variance `blur` around the means, [N]."""
    return _kernels(torch.cdist(points, means).square(), blur) @ weights


def best(measure: Ruler) -> Measures:
    """What true samples themselves score: the best that can be reached."""
    return measure.measure(torch.from_numpy(measure.data.draw(np.random.default_rng(21), 10_000)))
