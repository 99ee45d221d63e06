"""Points in the plane whose smoothed score is known exactly: every data set here is a mixture of round Gaussians.

    p_d(x) = sum_k w_k N(m_k, s^2 I)       q_t(x) = sum_k w_k N(alpha_t m_k, v I),   v = alpha_t^2 s^2 + sigma_t^2
    eps(x, t) = (sigma_t / v) (x - alpha_t sum_k p_k(x) m_k),   p_k the responsibilities
Curves and areas are many Gaussians close together, so that data, score and measures are all of the same distribution. float32 [N, 2].
"""

import math
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from engines.diffusion.schedules import Schedule
from engines.gan.request import GanRequest

STD, DRAWN_STD = 0.02, 0.03
REACH = 2.0  # half width of what pictures are worked out over: a little more than a window shows
COMPONENTS = 400  # at most of a drawing: its score is worked out at every step
GRID = 200  # cells a side of the density picture


@dataclass(frozen=True)
class Mixture:
    """means [K, 2], weights [K] summing to 1, modes [K]: which mode (blob, arc, square) a component belongs to, 0..M-1."""

    name: str
    means: Tensor
    weights: Tensor
    modes: Tensor
    std: float
    schedule: Schedule = field(default_factory=Schedule)

    @property
    def mode_shares(self) -> Tensor:
        """The fair share of every mode, [M]."""
        return torch.zeros(int(self.modes.max()) + 1).index_add_(0, self.modes, self.weights)

    def eps(self, x_t: Tensor, t: Tensor | float, c: Tensor | None = None) -> Tensor:
        """The exact noise prediction for x_t [B, 2] at t [B], or at one t; there are no classes."""
        alpha, sigma = (self._level(f, t, x_t) for f in (self.schedule.alpha, self.schedule.sigma))
        v = alpha.square() * self.std**2 + sigma.square()
        centre = self.responsibilities(x_t, alpha, v) @ self.means.to(x_t)
        return sigma / v * (x_t - alpha * centre)

    @staticmethod
    def _level(of, t: Tensor | float, like: Tensor) -> Tensor:
        return torch.as_tensor(of(t)).to(like).reshape(-1, 1)

    def responsibilities(self, x_t: Tensor, alpha: Tensor, v: Tensor) -> Tensor:
        """[B, K]. |x - alpha m|^2 without x^2, which cancels."""
        means = self.means.to(x_t)
        logits = (alpha / v) * (x_t @ means.T) - (alpha.square() / (2 * v)) * means.square().sum(1) + self.weights.to(x_t).log()
        return torch.softmax(logits, 1)

    def log_density(self, x: Tensor) -> Tensor:
        """log p_d at x [N, 2]."""
        logs = self.weights.log() - torch.cdist(x, self.means).square() / (2 * self.std**2)
        return torch.logsumexp(logs, 1) - math.log(2 * math.pi * self.std**2)

    def draw(self, random: np.random.Generator, count: int) -> np.ndarray:
        """True samples, float32 [count, 2]."""
        edges = np.cumsum(self.weights.numpy().astype(np.float64))
        which = np.searchsorted(edges, random.random(count) * edges[-1]).clip(max=len(edges) - 1)
        return self.means.numpy()[which] + np.float32(self.std) * random.standard_normal((count, 2), np.float32)

    def nearest(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Distance to the nearest centre, and the mode it belongs to, [N] each."""
        distance, which = torch.cdist(x, self.means).min(1)
        return distance, self.modes[which]

    def density(self) -> np.ndarray:
        """p_d over [-REACH, REACH]^2 relative to its peak, float32 [GRID, GRID], rows from low y; the square root is taken so that thin parts show."""
        centres = (torch.arange(GRID) + 0.5) / GRID * 2 * REACH - REACH
        at = torch.cartesian_prod(centres, centres).flip(1)
        logs = torch.cat([self.log_density(part) for part in at.split(4000)])
        return torch.exp((logs - logs.max()) / 2).reshape(GRID, GRID).numpy()


def mixture(request: GanRequest) -> Mixture:
    """The data of a request."""
    if request.data == "drawing":
        return from_points(np.array(request.drawing, np.float32))
    return {"25gaussians": _gaussians, "two-rings": _rings, "spiral": _spiral, "checkerboard": _checkerboard}[request.data]()


def _made(name: str, means: np.ndarray, modes: np.ndarray, std: float) -> Mixture:
    return Mixture(name, torch.from_numpy(means.astype(np.float32)), torch.full((len(means),), 1 / len(means)), torch.from_numpy(modes.astype(np.int64)), std)


def _gaussians() -> Mixture:
    """A grid of 5 x 5 over [-1, 1]^2, 0.5 apart."""
    axis = np.linspace(-1, 1, 5)
    return _made("25gaussians", np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2), np.arange(25), STD)


def _rings() -> Mixture:
    """Circles of radius 0.45 and 0.9; a mode is a twelfth of one."""
    means, modes = [], []
    for ring, (radius, count) in enumerate(((0.45, 96), (0.9, 192))):
        angle = np.arange(count) * 2 * np.pi / count
        means.append(radius * np.stack([np.cos(angle), np.sin(angle)], 1))
        modes.append(12 * ring + (np.arange(count) * 12) // count)
    return _made("two-rings", np.concatenate(means), np.concatenate(modes), STD)


def _spiral() -> Mixture:
    """Two turns of an Archimedean spiral, evenly along its length; a mode is a twentieth of it."""
    fine = np.linspace(0, 1, 4000)
    angle, radius = 4 * np.pi * fine, 0.12 + 0.85 * fine
    path = np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1)
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])
    at = np.linspace(0, length[-1], 240)
    means = np.stack([np.interp(at, length, path[:, axis]) for axis in (0, 1)], 1)
    return _made("spiral", means, np.arange(240) * 20 // 240, STD)


def _checkerboard() -> Mixture:
    """Eight filled squares of side 0.5, 7 x 7 Gaussians each; a mode is a square."""
    inside = (np.arange(7) + 0.5) / 14
    cell = np.stack(np.meshgrid(inside, inside), -1).reshape(-1, 2)
    corners = [(-1 + 0.5 * i, -1 + 0.5 * j) for j in range(4) for i in range(4) if (i + j) % 2 == 0]
    means = np.concatenate([cell + corner for corner in corners])
    return _made("checkerboard", means, np.repeat(np.arange(8), 49), DRAWN_STD)


def from_points(points: np.ndarray) -> Mixture:
    """A Gaussian at every painted point (at most COMPONENTS, evenly picked); a mode is a patch of them, at most 25."""
    if len(points) > COMPONENTS:
        points = points[np.linspace(0, len(points) - 1, COMPONENTS).round().astype(int)]
    return _made("drawing", points, _patches(points, min(25, max(1, len(points) // 5))), DRAWN_STD)


def _patches(points: np.ndarray, count: int) -> np.ndarray:
    """Each point's patch: seeds as far apart as can be, every point to the nearest one."""
    seeds, gap = [0], np.linalg.norm(points - points[0], axis=1)
    while len(seeds) < count and gap.max() > 2 * DRAWN_STD:
        seeds.append(int(gap.argmax()))
        gap = np.minimum(gap, np.linalg.norm(points - points[seeds[-1]], axis=1))
    return np.linalg.norm(points[:, None] - points[seeds], axis=2).argmin(1)
