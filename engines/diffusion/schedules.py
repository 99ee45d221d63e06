"""The noise schedules: the one shared by every shipped diffusion model, and those of models of one's own.

Notation (VP diffusion, float64 on the CPU unless said otherwise)
    x_t = alpha_t x_0 + sigma_t eps          alpha_t^2 + sigma_t^2 = 1
    t                                        float timestep in [0, 999]; knots at the integers
    lambda_t = log(alpha_t / sigma_t)        half the log-SNR, strictly falling in t
    rho_t = sigma_t / alpha_t                the noise level shown to people, e^-lambda
"""

import hashlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Schedule:
    """DDPM's linear beta schedule, log alpha linear between its knots [DDPM, Sec. 4; TimeTuner code].

    Floats in, floats out; tensors in, float64 tensors of the same shape out.
    """

    steps: int = 1000
    beta_first: float = 1e-4
    beta_last: float = 2e-2
    log_alphas: np.ndarray = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        betas = np.linspace(self.beta_first, self.beta_last, self.steps)
        object.__setattr__(self, "log_alphas", 0.5 * np.cumsum(np.log1p(-betas)))

    @property
    def last(self) -> float:
        """The noisiest timestep, 999 for 1000 steps."""
        return float(self.steps - 1)

    def describe(self) -> dict[str, Any]:
        """What a file header carries, so that a table of another schedule can be refused."""
        return {"kind": "ddpm-linear", "steps": self.steps, "beta": [self.beta_first, self.beta_last]}

    def log_alpha(self, t: Any) -> Any:
        """log alpha_t; differentiable where t is a tensor (TimeTuner moves t by gradient)."""
        if not isinstance(t, Tensor):
            return float(np.interp(t, np.arange(self.steps), self.log_alphas))
        knots = torch.as_tensor(self.log_alphas, device=t.device)
        t = t.to(torch.float64).clamp(0, self.last)
        low = t.detach().floor().clamp(max=self.last - 1).long()
        return knots[low] + (t - low) * (knots[low + 1] - knots[low])

    def alpha(self, t: Any) -> Any:
        log_alpha = self.log_alpha(t)
        return torch.exp(log_alpha) if isinstance(log_alpha, Tensor) else float(np.exp(log_alpha))

    def sigma(self, t: Any) -> Any:
        log_alpha = self.log_alpha(t)
        if isinstance(log_alpha, Tensor):
            return torch.sqrt(-torch.expm1(2 * log_alpha))
        return float(np.sqrt(-np.expm1(2 * log_alpha)))

    def lam(self, t: Any) -> Any:
        """lambda_t = log(alpha_t / sigma_t)."""
        log_alpha = self.log_alpha(t)
        if isinstance(log_alpha, Tensor):
            return log_alpha - 0.5 * torch.log(-torch.expm1(2 * log_alpha))
        return float(log_alpha - 0.5 * np.log(-np.expm1(2 * log_alpha)))

    def rho(self, t: Any) -> Any:
        """Noise level sigma_t / alpha_t."""
        lam = self.lam(t)
        return torch.exp(-lam) if isinstance(lam, Tensor) else float(np.exp(-lam))

    def t_of_lam(self, lam: float) -> float:
        """The timestep with this lambda, clamped to [0, last]."""
        log_alpha = -0.5 * np.log1p(np.exp(-2.0 * np.clip(lam, -300.0, 300.0)))
        return float(np.interp(-log_alpha, -self.log_alphas, np.arange(self.steps)))

    def timesteps(self, n: int, last: float | None = None) -> list[float]:
        """n + 1 falling timesteps, evenly spaced from `last` to 0. The sampler's final state is x_0 itself.

        ValueError unless n >= 1.
        """
        if n < 1:
            raise ValueError(f"at least one step is needed, got {n}")
        return [float(t) for t in np.linspace(self.last if last is None else last, 0.0, n + 1)]


@dataclass(frozen=True)
class Tabulated(Schedule):
    """Any VP schedule, given by alpha-bar at its whole timesteps (as diffusers' schedulers hold it); log alpha linear between."""

    alphas_bar: np.ndarray = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        log_alphas = 0.5 * np.log(np.clip(np.asarray(self.alphas_bar, np.float64), 1e-8, 1 - 1e-12))  # a zero terminal SNR has alpha-bar 0
        object.__setattr__(self, "steps", len(log_alphas))
        object.__setattr__(self, "log_alphas", log_alphas)

    def describe(self) -> dict[str, Any]:
        return {"kind": "tabulated", "steps": self.steps, "digest": hashlib.sha256(self.log_alphas.astype(np.float32).tobytes()).hexdigest()[:16]}


@dataclass(frozen=True)
class Flow(Schedule):
    """Rectified flow: x_t = (1 - s) x_0 + s eps, s = t / 1000 [SD3, arXiv 2403.03206]. alpha + sigma = 1 here.

    s is held in [1e-3, 1 - 1e-4], where alpha / sigma and its logarithm are finite.
    """

    def __post_init__(self) -> None:
        s = np.clip(np.arange(self.steps + 1) / self.steps, 1e-3, 1 - 1e-4)
        object.__setattr__(self, "log_alphas", np.log1p(-s))

    def describe(self) -> dict[str, Any]:
        return {"kind": "flow", "steps": self.steps}

    def _level(self, t: Any) -> Any:
        return (t / self.steps).clamp(1e-3, 1 - 1e-4) if isinstance(t, Tensor) else min(max(t / self.steps, 1e-3), 1 - 1e-4)

    def log_alpha(self, t: Any) -> Any:
        s = self._level(t.to(torch.float64) if isinstance(t, Tensor) else t)
        return torch.log1p(-s) if isinstance(s, Tensor) else float(np.log1p(-s))

    def sigma(self, t: Any) -> Any:
        return self._level(t.to(torch.float64) if isinstance(t, Tensor) else float(t))

    def lam(self, t: Any) -> Any:
        s = self.sigma(t)
        return torch.log((1 - s) / s) if isinstance(s, Tensor) else float(np.log((1 - s) / s))

    def t_of_lam(self, lam: float) -> float:
        return self.steps * self._level(self.steps / (1 + float(np.exp(np.clip(lam, -300.0, 300.0)))))
