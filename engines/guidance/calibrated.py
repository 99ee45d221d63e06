"""Calibrated guidance (ours, not the ReCFG paper's): strong guidance that keeps the mean and the variance of a class.

Guidance moves the mean of the samples with E[d] and their covariance with Cov(x, d), d = (w - 1)(eps_c - eps_u). So
    1  guide only below a noise level, rho <= rho_hi: most of the shift comes from above it, and the network calls are halved there
    2  add an offset, stored for each class and step:    eps_hat = w eps_c + (1 - w) eps_u + o(lambda)
    3  give variance back in a few directions after a guided step:    x' <- x' + U ((D - 1) (U^T x' - p))
o, D and p come from the model alone: its own w = 1 run from the same noise is the target, and no data set is read.

Notation
    w = gamma_1         rho = sigma / alpha         lambda = -log rho         (a, s) -> (a', s') alpha and sigma across a step
    o    [C, H, W]      offset in eps units         k = dx' / d eps_hat = s' - a' s / a for a first-order step
    U    [n, r]         leading principal directions of the w = 1 samples, orthonormal; n = C H W
    D    [r]            factor of a step; stored as L(lambda), the sum of log D up to there, so that any other steps take their part of it:
                        D = exp(L(lambda') - L(lambda)). A rate held over a step, as the design has it, gives second-order solvers at 20
                        steps a third too much variance
    p    [r]            a' mu, where the w = 1 run's mean lies along U
    sharpness           0: D as calibrated (the variance of w = 1); 1: D = 1 (what guidance leaves); between, D^(1 - sharpness)
Everything is added in eps. recfg.from_eps carries it to the other prediction types: o is -(s/a) o in x0 and o/a in v and flow.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from engines.diffusion import samplers
from engines.diffusion.schedules import Schedule
from engines.job import Job

SOLVER = "ddim"  # first order: the offset of a step is its mean error over k, nothing else
D_LOW, D_HIGH = 0.7, 1.4
Predict = Callable[[Tensor, float], Tensor]
Pair = Callable[[Tensor, float], tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class ClassCalibration:
    """One class at several strengths. T = guided steps of the calibration, S = strengths, r = directions.

    lam [T] rising, at the start of each step; offsets [S, T, ...]; stretches [S, T, r] = L(lam), 0 at the first; targets [T, r] = p / a'
    at the end of a step; directions [n, r]. The last step ends at the clean sample and gives nothing back.
    """

    gammas: tuple[float, ...]
    rho_hi: float
    lam: np.ndarray
    offsets: Tensor
    stretches: Tensor
    targets: Tensor
    directions: Tensor

    def at(self, gamma_1: float, sharpness: float = 0.0) -> "Calibrated":
        """The correction for one strength: linear between the stored ones and to zero at w = 1, in proportion to w - 1 beyond the last."""
        knots = np.array([1.0, *self.gammas])
        if gamma_1 > knots[-1]:
            shares = np.append(np.zeros(len(self.gammas) - 1), (gamma_1 - 1) / (knots[-1] - 1))
        else:
            shares = np.array([np.interp(gamma_1, knots, row) for row in np.eye(len(knots))[1:]])
        shares = torch.from_numpy(shares).to(self.offsets)
        return Calibrated(self, torch.einsum("s,s...->...", shares, self.offsets), torch.einsum("s,s...->...", shares, self.stretches) * (1 - sharpness))


@dataclass(frozen=True)
class Calibrated:
    """A guide.Correction. offsets [T, ...], stretches [T, r] of one class, strength and sharpness."""

    of: ClassCalibration
    offsets: Tensor
    stretches: Tensor

    def offset(self, lam: float) -> Tensor | None:
        """o [1, ...] in eps units, linear in lambda, held beyond the ends; None above the level it was calibrated for."""
        return self._between(self.offsets, lam)[None] if math.exp(-lam) <= self.of.rho_hi * (1 + 1e-9) else None

    def restore(self, x: Tensor, lam: float, lam_next: float, alpha_next: float) -> Tensor:
        """x' [B, ...] of a guided step from lam to lam_next, its variance along the directions given back."""
        if math.exp(-lam) > self.of.rho_hi * (1 + 1e-9) or not self.stretches.any():
            return x
        scale = torch.exp(self._between(self.stretches, lam_next) - self._between(self.stretches, lam)).clamp(D_LOW, D_HIGH)
        return _stretched(x, self.of.directions, scale, alpha_next * self._between(self.of.targets, lam))

    def _between(self, rows: Tensor, lam: float) -> Tensor:
        place = float(np.interp(lam, self.of.lam, np.arange(len(self.of.lam))))
        low = min(int(place), max(0, len(self.of.lam) - 2))
        return torch.lerp(rows[low], rows[min(low + 1, len(rows) - 1)], place - low)


def _stretched(x: Tensor, U: Tensor, scale: Tensor, p: Tensor) -> Tensor:
    inside = x.flatten(1) @ U
    return x + (((scale - 1) * (inside - p)) @ U.T).reshape(x.shape)


def calibrate(pair: Pair, conditional: Predict, schedule: Schedule, z: Tensor, gammas: Sequence[float], rho_hi: float, steps: int,
              directions: int, job: Job, shrink: bool = True) -> ClassCalibration:
    """Calibrates one class from noise z [M, ...]: one run at w = 1, then each strength in lock-step with it from the same noise.

    Costs M (N + 2 T S) network calls. `shrink` takes the part of an offset that M draws cannot tell from zero away, per
    element: o max(0, 1 - SE^2 / o^2), with the standard error of the paired difference. ValueError if no step lies below rho_hi.
    """
    times = samplers.grid(SOLVER, schedule, steps)
    first = next((i for i, t in enumerate(times) if schedule.rho(t) <= rho_hi), None)
    if first is None:
        raise ValueError(f"none of {steps} steps lies at or below the noise level {rho_hi:g}")
    ends = [*times[1:], None]
    guided = range(first, steps)
    total, done = steps + len(gammas) * len(guided), 0

    def tell() -> None:
        nonlocal done
        done += 1
        job.progress(done, total)

    x, states = z, []
    for i, (t, s) in enumerate(zip(times, ends, strict=True)):
        if i >= first:
            states.append(x)
        x = _step(schedule, x, conditional(x, t), t, s)
        tell()
    reference = [*states[1:], x]
    U = _principal(x, directions)
    targets = torch.stack([(state.flatten(1).mean(0) @ U) / (1.0 if s is None else schedule.alpha(s))
                           for state, s in zip(reference, ends[first:], strict=True)])
    offsets, stretches = [], []
    for w in gammas:
        x, o = states[0], []
        logs = [torch.zeros(U.shape[1], dtype=x.dtype, device=x.device)]
        for j, i in enumerate(guided):
            t, s = times[i], ends[i]
            eps_c, eps_u = pair(x, t)
            x = _step(schedule, x, eps_u + w * (eps_c - eps_u), t, s)
            delta = (reference[j] - x).mean(0, keepdim=True)
            if shrink:
                error = (reference[j] - x).var(0, keepdim=True) / len(x)
                delta = delta * (1 - error / delta.square().clamp_min(1e-20)).clamp_min(0)
            o.append(delta[0] / _gain(schedule, t, s))
            x = x + delta
            if s is not None:
                inside = reference[j].flatten(1) @ U
                scale = (inside.var(0) / (x.flatten(1) @ U).var(0).clamp_min(1e-20)).sqrt().clamp(D_LOW, D_HIGH)
                x = _stretched(x, U, scale, inside.mean(0))
                logs.append(logs[-1] + scale.log())
            tell()
        offsets.append(torch.stack(o))
        stretches.append(torch.stack(logs))
    lam = np.array([schedule.lam(times[i]) for i in guided])
    return ClassCalibration(tuple(gammas), rho_hi, lam, torch.stack(offsets), torch.stack(stretches), targets, U)


def _step(schedule: Schedule, x: Tensor, e: Tensor, t: float, s: float | None) -> Tensor:
    x0 = (x - schedule.sigma(t) * e) / schedule.alpha(t)
    return x0 if s is None else schedule.alpha(s) * x0 + schedule.sigma(s) * e


def _gain(schedule: Schedule, t: float, s: float | None) -> float:
    """k: how far x' moves with eps_hat."""
    return -schedule.rho(t) if s is None else schedule.sigma(s) - schedule.alpha(s) * schedule.rho(t)


def _principal(x: Tensor, r: int) -> Tensor:
    """The r leading principal directions [n, r] of x [M, ...]."""
    centred = x.flatten(1) - x.flatten(1).mean(0)
    return torch.linalg.svd(centred, full_matrices=False).Vh[:r].T.contiguous()
