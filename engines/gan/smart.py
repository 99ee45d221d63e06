"""SMaRt: score matching regularity for generators [SMaRt, ICML 2024, Eqs. 10 and 15].

    L_score = E_{z, eps, t, c} || eps_theta(alpha_t G(z, c) + sigma_t eps, t, c) - eps ||^2      (mean over the coordinates)
    L_G     = L_adv + lambda L_score     on every freq-th iteration; L_adv alone on the others, and no factor freq for the skipped ones

Notation
    x_0 [B, ...]     what the generator made          t [B]     float timesteps of the score model, 0 = clean
    x_t [B, ...]     alpha_t x_0 + sigma_t eps        c         class labels, None without classes
    eps_theta        the diffusion model: frozen, and yet the gradient runs through it to x_0

With a fixed eps_theta L_score is mode seeking: its lowest value is a point mass at the place that is easiest to denoise, not the data. It is
only ever a small addition to L_adv.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import torch
from torch import Tensor

from engines.diffusion.schedules import Schedule
from engines.job import EngineError

LATE = 0.5, 0.75  # shares of a run: where schedule "late" begins to rise, and where it has risen
WORST = 1.5  # the most that L_score may be on true samples; answering nothing gives 1
QUANTILE = 0.95  # of the real samples' residuals: what reach "off" leaves alone


class Score(Protocol):
    """A diffusion model as the regulariser sees it: exact mixtures here, a trained network for images."""

    schedule: Schedule

    def eps(self, x_t: Tensor, t: Tensor, c: Tensor | None) -> Tensor:
        """The predicted noise, of x_t's shape; differentiable in x_t."""
        ...


def noised(x_0: Tensor, eps: Tensor, t: Tensor, schedule: Schedule) -> Tensor:
    """x_t = alpha_t x_0 + sigma_t eps, with t [B] of its own for every sample."""
    shape = (-1, *[1] * (x_0.dim() - 1))
    alpha, sigma = schedule.alpha(t).to(x_0).view(shape), schedule.sigma(t).to(x_0).view(shape)
    return alpha * x_0 + sigma * eps


def l_score(model: Score, x_0: Tensor, eps: Tensor, t: Tensor, c: Tensor | None = None, gradient: str = "full") -> Tensor:
    """L_score of every sample, [B].

    gradient "stop" gives the same value with another gradient, 2 alpha_t (eps_theta - eps): the Jacobian of eps_theta counts as the identity,
    as in score distillation. That is a comparison of ours, not the paper.
    """
    x_t = noised(x_0, eps, t, model.schedule)
    if gradient == "stop":
        residual = (model.eps(x_t, t, c) - eps).detach()
        along = (2 * residual * x_t).flatten(1).mean(1)
        return residual.square().flatten(1).mean(1) + along - along.detach()
    return (model.eps(x_t, t, c) - eps).square().flatten(1).mean(1)


def pull(model: Score, x_0: Tensor, eps: Tensor, t: Tensor, c: Tensor | None = None, gradient: str = "full", weights: Tensor | None = None,
         bound: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """The gradient of the batch's mean L_score with respect to x_0, [B, ...], and L_score of every sample [B].

    `weights` [B] make samples count differently; `bound` [B] takes out those whose L_score does not exceed it. Parameters of the model get
    no gradient.
    """
    x_0 = x_0.detach().requires_grad_()
    with frozen(model), torch.enable_grad():
        losses = l_score(model, x_0, eps, t, c, gradient)
        counted = losses if bound is None else torch.relu(losses - bound)
        (found,) = torch.autograd.grad((counted if weights is None else weights * counted).mean(), x_0)
    return found, losses.detach()


def limited(found: Tensor, push: Tensor, limit: float) -> Tensor:
    """The pull `found` with every sample's held to `limit` times the median length of `push`, the adversarial gradient; [B, ...] each.

    Not in the paper. Between two modes d eps_theta/dx is large, and a few such samples would drown what the discriminator says in Adam's averages.
    """
    shape = (-1, *[1] * (found.dim() - 1))
    most = limit * push.flatten(1).norm(dim=1).median()
    return found * (most / found.flatten(1).norm(dim=1).clamp(min=1e-30)).clamp(max=1.0).view(shape)


def ordinary(model: Score, real: Tensor, eps: Tensor, t: Tensor, c: Tensor | None = None) -> Tensor:
    """What L_score is at most for QUANTILE of the real samples, a scalar: the bound of reach "off", not in the paper."""
    with torch.no_grad():
        return torch.quantile(l_score(model, real, eps, t, c), QUANTILE)


def check_fits(model: Score, real: Tensor, eps: Tensor, t: Tensor, c: Tensor | None = None) -> None:
    """EngineError when a score model does not fit the data: another shape, or on true samples a worse guess at the noise than none at all."""
    remedy = "Choose a score model that was trained on these data."
    try:
        with torch.no_grad():
            shape = model.eps(noised(real, eps, t, model.schedule), t, c).shape
            loss = float(l_score(model, real, eps, t, c).mean()) if shape == real.shape else math.nan
    except (RuntimeError, IndexError, ValueError) as error:
        raise EngineError(f"The score model does not take samples of shape {list(real.shape[1:])}.", remedy) from error
    if shape != real.shape:
        raise EngineError(f"The score model answers in shape {list(shape[1:])} to samples of shape {list(real.shape[1:])}.", remedy)
    if not loss <= WORST:
        raise EngineError(f"The score model guesses the noise in true samples with an error of {loss:.2g}, where 1 is no guess at all.",
                          f"{remedy} Their range of values must be the same too.")


@contextmanager
def frozen(model: Any) -> Iterator[None]:
    """The model's parameters take no gradient inside; afterwards each is as it was."""
    parameters = list(model.parameters()) if hasattr(model, "parameters") else []
    before = [p.requires_grad for p in parameters]
    for p in parameters:
        p.requires_grad_(False)
    try:
        yield
    finally:
        for p, wanted in zip(parameters, before, strict=True):
            p.requires_grad_(wanted)


def timesteps(sigma_low: float, sigma_high: float, schedule: Schedule) -> tuple[float, float]:
    """The noise interval in timesteps of this model's schedule: the same sigma is another t elsewhere."""
    return t_of_sigma(sigma_low, schedule), t_of_sigma(sigma_high, schedule)


def t_of_sigma(sigma: float, schedule: Schedule) -> float:
    """The timestep whose sigma_t is this, clamped to the schedule; alpha_t^2 + sigma_t^2 = 1."""
    return schedule.t_of_lam(0.5 * math.log((1 - sigma**2) / sigma**2))


def due(iteration: int, freq: int) -> bool:
    """Whether this iteration is a regularised one."""
    return iteration % freq == 0


def lam_at(lam: float, schedule: str, progress: float) -> float:
    """lambda at a share of the run in 0..1. "late" and "fading" are ours."""
    if schedule == "late":
        return lam * min(1.0, max(0.0, (progress - LATE[0]) / (LATE[1] - LATE[0])))
    return lam * max(0.0, 1 - progress) if schedule == "fading" else lam


def freq_at(freq: int, schedule: str, progress: float) -> int:
    """freq at a share of the run. "denser" halves it again and again until every step is regularised; ours."""
    if schedule == "constant" or freq == 1:
        return freq
    return max(1, round(freq ** (1 - min(1.0, progress))))
