"""Rectified classifier-free guidance [ReCFG, arXiv 2410.18737].

Notation (elementwise products throughout)
    eps_c, eps_u   conditional and unconditional prediction at (x_t, t)        [B, C, H, W]
    gamma_1        guidance scale, a number; gamma_0 the other coefficient, a number or [B, C, H, W]
    r              ratio per class, noise level and pixel; gamma_0 = (1 - gamma_1) r; r = 1 is CFG
    S              gamma_1 + gamma_0
Everything is combined in eps; to_eps and from_eps turn the other prediction types into it and back. With S = 1 all
spaces agree; with S != 1 they do not, and eps is the one the expectation in Eq. 30 is taken in.
"""

from typing import Any

import torch
from torch import Tensor

KINDS = ("eps", "x0", "v", "flow")
SIGNIFICANCE = 3.0  # standard errors of a mean before Eq. 42 may divide by it


def combine(eps_c: Tensor, eps_u: Tensor, gamma_1: Any, gamma_0: Any) -> Tensor:
    """gamma_1 eps_c + gamma_0 eps_u [Eq. 29]."""
    return gamma_1 * eps_c + gamma_0 * eps_u


def gamma_0(gamma_1: float, ratio: Any) -> Any:
    """The rectified coefficient (1 - gamma_1) r [Eq. 42 and Eq. 45 share this form]."""
    return (1 - gamma_1) * ratio


def coefficient_sum(gamma_1: float, gamma_0: Any) -> Any:
    """S. The sample variance goes like abar_T^(S - 1): above 1 it collapses, below 1 it grows (guidance of the bands)."""
    return gamma_1 + gamma_0


def annihilation(eps_c: Tensor, eps_u: Tensor, gamma_1: Any, gamma_0: Any) -> Tensor:
    """Mean over the batch of gamma_1 eps_c + gamma_0 eps_u - eps_c: zero when Eq. 30 holds. [C, H, W]."""
    return (combine(eps_c, eps_u, gamma_1, gamma_0) - eps_c).mean(dim=0)


def objective(eps_c: Tensor, eps_u: Tensor, gamma_1: Any, gamma_0: Any) -> Tensor:
    """E || (gamma_1 - 1) eps_c + gamma_0 eps_u ||^2 per pixel [Eq. 45]."""
    return ((gamma_1 - 1) * eps_c + gamma_0 * eps_u).square().mean(dim=0)


def least_squares_ratio(sum_cu: Tensor, sum_uu: Tensor) -> Tensor:
    """r = E[eps_c eps_u] / E[eps_u^2], the per-pixel minimiser of Eq. 45; 1 where eps_u is identically zero."""
    return torch.where(sum_uu > 0, sum_cu / sum_uu.clamp_min(torch.finfo(sum_uu.dtype).tiny), torch.ones_like(sum_uu))


def literal_ratio(sum_c: Tensor, sum_u: Tensor, sum_uu: Tensor, n: int) -> tuple[Tensor, float]:
    """r = E[eps_c] / E[eps_u] [Eq. 42], guarded; returns r and the share of entries that the guard or the clamp changed.

    Where |E[eps_u]| is within three standard errors of zero the quotient is estimator noise and r is 1; the rest is
    clamped to [0, 2]. Both are ours: the paper has neither.
    """
    mean_c, mean_u = sum_c / n, sum_u / n
    error = torch.sqrt(sum_uu / n / n)
    raw = mean_c / mean_u
    trusted = (mean_u.abs() > SIGNIFICANCE * error) & raw.isfinite()
    ratio = torch.where(trusted, raw.clamp(0, 2), torch.ones_like(raw))
    return ratio, float((~trusted | (ratio != raw)).double().mean())


def to_eps(kind: str, output: Tensor, x: Tensor, alpha: float, sigma: float) -> Tensor:
    """A network's output as eps. Kinds: eps; x0 (a denoiser); v = alpha eps - sigma x0 (VP);
    flow = eps - x0 with x = alpha x0 + sigma eps, alpha + sigma = 1. ValueError on another kind."""
    if kind == "eps":
        return output
    if kind == "x0":
        return (x - alpha * output) / sigma
    if kind == "v":
        return alpha * output + sigma * x
    if kind == "flow":
        return x + alpha * output
    raise ValueError(f"unknown prediction type {kind!r}")


def from_eps(kind: str, eps: Tensor, x: Tensor, alpha: float, sigma: float) -> Tensor:
    """The inverse of to_eps; what a stock scheduler of that kind expects. Flow is singular at alpha = 0."""
    if kind == "eps":
        return eps
    if kind == "x0":
        return (x - sigma * eps) / alpha
    if kind == "v":
        return (eps - sigma * x) / alpha
    if kind == "flow":
        return (eps - x) / alpha
    raise ValueError(f"unknown prediction type {kind!r}")
