"""Deterministic solvers of the probability-flow ODE, each a generator of steps: stop iterating to cancel.

Notation (coefficients float64, x in its own dtype)
    t -> s       one step from timestep t to the next, less noisy s; the last step ends at sigma = 0, alpha = 1
    eps          eps_hat(x, t), the combined prediction        x0 = (x - sigma_t eps) / alpha_t
    rho          sigma / alpha; x / alpha moves by d(x/alpha) = eps d rho
    lambda       log(alpha / sigma) = -log rho;  h = lambda_s - lambda_t
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from torch import Tensor

from engines.diffusion.schedules import Schedule

Eps = Callable[[Tensor, float], Tensor]
After = Callable[[int, float, Tensor], Tensor]  # (step, timestep reached, x) -> x that the next step starts from
NAMES = ("ddim", "euler", "heun", "dpmpp-2m")


@dataclass(frozen=True)
class Step:
    """Step i of a run: x at t_next (None = clean), and what was predicted at t."""

    i: int
    t: float
    t_next: float | None
    x: Tensor
    eps: Tensor
    x0: Tensor


@runtime_checkable
class Driven(Protocol):
    """A schedule that brings its own solvers of these names (a diffusers pipeline does); they are used instead of ours."""

    def grid(self, name: str, steps: int) -> list[float]: ...

    def drive(self, name: str, eps: Eps, x: Tensor, steps: int, after: After) -> Iterator[Step]: ...


def grid(name: str, schedule: Schedule, steps: int) -> list[float]:
    """The falling timesteps at which the network is asked, [steps]. After the last comes sigma = 0.

    ddim: whole timesteps evenly spaced from the noisiest one ("trailing", so that no step is lost on t = 0).
    Others: Karras' noise levels, rho_i^(1/7) evenly spaced [EDM, Eq. 5]. ValueError unless steps >= 1.
    """
    if steps < 1:
        raise ValueError(f"at least one step is needed, got {steps}")
    if isinstance(schedule, Driven):
        return schedule.grid(name, steps)
    if name == "ddim":
        return [max(0.0, schedule.steps - 1 - i * schedule.steps / steps) for i in range(steps)]
    ends = schedule.rho(schedule.last) ** (1 / 7), schedule.rho(0.0) ** (1 / 7)
    rhos = np.linspace(*ends, steps) ** 7 if steps > 1 else [schedule.rho(schedule.last)]
    return [schedule.t_of_lam(-math.log(rho)) for rho in rhos]


def evaluations(name: str, steps: int) -> int:
    """Network evaluations of one branch."""
    return 2 * steps - 1 if name == "heun" else steps


def untouched(i: int, t: float, x: Tensor) -> Tensor:
    return x


def sample(name: str, eps: Eps, x: Tensor, schedule: Schedule, steps: int, after: After = untouched) -> Iterator[Step]:
    """Runs the named solver from noise x [B, ...]; yields each step as it is done. ValueError on an unknown name.

    `after` may move x between two steps; it is not called after the last one.
    """
    if name not in NAMES:
        raise ValueError(f"unknown sampler {name!r}")
    if isinstance(schedule, Driven):
        return schedule.drive(name, eps, x, steps, after)
    return _SOLVERS[name](eps, x, schedule, grid(name, schedule, steps), after)


def _first_order(eps: Eps, x: Tensor, schedule: Schedule, times: list[float], after: After) -> Iterator[Step]:
    """DDIM with eta = 0 [DDIM, Eq. 12]; in x / alpha over rho it is Euler's method, so both names share it."""
    for i, (t, s) in enumerate(zip(times, [*times[1:], None], strict=True)):
        e = eps(x, t)
        x0 = (x - schedule.sigma(t) * e) / schedule.alpha(t)
        x = x0 if s is None else after(i, s, schedule.alpha(s) * x0 + schedule.sigma(s) * e)
        yield Step(i, t, s, x, e, x0)


def _heun(eps: Eps, x: Tensor, schedule: Schedule, times: list[float], after: After) -> Iterator[Step]:
    """Heun's second-order method in x / alpha over rho [EDM, Alg. 1 without churn]; the last step is Euler's."""
    for i, (t, s) in enumerate(zip(times, [*times[1:], None], strict=True)):
        e = eps(x, t)
        x0 = (x - schedule.sigma(t) * e) / schedule.alpha(t)
        if s is None:
            x = x0
        else:
            e_s = eps(schedule.alpha(s) * x0 + schedule.sigma(s) * e, s)
            x = after(i, s, schedule.alpha(s) * (x / schedule.alpha(t) + (schedule.rho(s) - schedule.rho(t)) * (e + e_s) / 2))
        yield Step(i, t, s, x, e, x0)


def _dpmpp_2m(eps: Eps, x: Tensor, schedule: Schedule, times: list[float], after: After) -> Iterator[Step]:
    """DPM-Solver++ (2M) on x0 predictions [DPM-Solver++, Alg. 2]; the first and the last step are first order."""
    before, h_before = None, 0.0
    for i, (t, s) in enumerate(zip(times, [*times[1:], None], strict=True)):
        e = eps(x, t)
        x0 = (x - schedule.sigma(t) * e) / schedule.alpha(t)
        if s is None:
            x = x0
        else:
            h = schedule.lam(s) - schedule.lam(t)
            d = x0 if before is None else x0 + (x0 - before) * (h / (2 * h_before))
            x = after(i, s, (schedule.sigma(s) / schedule.sigma(t)) * x - schedule.alpha(s) * math.expm1(-h) * d)
            before, h_before = x0, h
        yield Step(i, t, s, x, e, x0)


_SOLVERS = {"ddim": _first_order, "euler": _first_order, "heun": _heun, "dpmpp-2m": _dpmpp_2m}
