"""Other answers to strong guidance, so that a person can judge which picture is best. All act on one step.

Guidance is written D_u + w (D_c - D_u); w = gamma_1. Tensors [B, C, H, W], statistics over each image.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor


def rescale(eps_hat: Tensor, eps_c: Tensor, phi: float = 0.7) -> Tensor:
    """Guidance rescale [Lin et al. 2305.08891, Eq. 14-16]: the guided prediction gets the conditional one's spread."""
    dims = tuple(range(1, eps_hat.ndim))
    rescaled = eps_hat * (eps_c.std(dims, keepdim=True) / eps_hat.std(dims, keepdim=True))
    return phi * rescaled + (1 - phi) * eps_hat


def zero_star(eps_c: Tensor, eps_u: Tensor, gamma_1: float) -> Tensor:
    """CFG-Zero* [2503.18886, Eq. 9]: the unconditional branch is scaled by the projection s* of the conditional on it.

    Its second half, zero output on the first steps, belongs to flow models and is left out for eps-models.
    """
    dims = tuple(range(1, eps_c.ndim))
    s = (eps_c * eps_u).sum(dims, keepdim=True) / (eps_u.square().sum(dims, keepdim=True) + 1e-8)
    return s * eps_u + gamma_1 * (eps_c - s * eps_u)


@dataclass
class Apg:
    """Adaptive projected guidance [2410.02416, Alg. 1] on x0 predictions; keeps the running difference of one run."""

    gamma_1: float
    eta: float = 0.0  # share of the part parallel to the conditional prediction
    radius: float = 15.0  # largest norm of the difference, per image; the paper's value for latents
    momentum: float = -0.5
    running: Tensor | None = field(default=None, init=False)

    def __call__(self, x0_c: Tensor, x0_u: Tensor) -> Tensor:
        """The guided x0."""
        dims = tuple(range(1, x0_c.ndim))
        difference = x0_c - x0_u
        self.running = difference if self.running is None else difference + self.momentum * self.running
        norm = self.running.flatten(1).norm(dim=1).reshape(-1, *[1] * len(dims))
        difference = self.running * torch.clamp(self.radius / norm.clamp_min(1e-12), max=1.0)
        unit = x0_c / x0_c.flatten(1).norm(dim=1).reshape(-1, *[1] * len(dims)).clamp_min(1e-12)
        parallel = (difference * unit).sum(dims, keepdim=True) * unit
        return x0_c + (self.gamma_1 - 1) * (difference - parallel + self.eta * parallel)
