"""Deterministic solvers of the probability-flow ODE, each a generator of steps: stop iterating to cancel.

Notation (coefficients float64, x in its own dtype)
    t -> s       one step from timestep t to the next, less noisy s; the last step ends at sigma = 0, alpha = 1
    eps          eps_hat(x, t), the combined prediction        x0 = (x - sigma_t eps) / alpha_t
    rho          sigma / alpha; x / alpha moves by d(x/alpha) = eps d rho
    lambda       log(alpha / sigma) = -log rho;  h = lambda_s - lambda_t

A solver asks eps once for every entry of `calls`, in that order, and takes its coefficients from its own grid alone: what
timestep the network is then told is the business of eps.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.polynomial.polynomial import polyfromroots
from torch import Tensor

from engines.diffusion.schedules import Schedule
from engines.diffusion.solver_names import ASKS_TWICE, NAMES

Eps = Callable[[Tensor, float], Tensor]
After = Callable[[int, float, Tensor], Tensor]  # (step, timestep reached, x) -> x that the next step starts from
DEIS_ORDER = 3  # ab_order in the authors' code


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
    """A schedule that brings solvers of its own (a diffusers pipeline does); those that it `drives` are used instead of ours."""

    def drives(self, name: str) -> bool: ...

    def grid(self, name: str, steps: int) -> list[float]: ...

    def calls(self, name: str, steps: int) -> list[tuple[int, float]]: ...

    def drive(self, name: str, eps: Eps, x: Tensor, steps: int, after: After) -> Iterator[Step]: ...


def _driven(name: str, schedule: Schedule) -> bool:
    return isinstance(schedule, Driven) and schedule.drives(name)


def grid(name: str, schedule: Schedule, steps: int) -> list[float]:
    """The falling timesteps at which the steps start, [steps]. After the last comes sigma = 0.

    ddim: whole timesteps evenly spaced from the noisiest one ("trailing", so that no step is lost on t = 0).
    dpm-1, dpm-2: evenly spaced in lambda [DPM-Solver, Sec. 3]. deis: evenly spaced in sqrt(t) [DEIS; ts_phase="t", ts_order=2 in its code].
    These two papers' solvers stop at t = 0, where they do not ask; so neither is asked here, and the last step goes on to sigma = 0.
    Others: Karras' noise levels, rho_i^(1/7) evenly spaced [EDM, Eq. 5]. ValueError unless steps >= 1.
    """
    if steps < 1:
        raise ValueError(f"at least one step is needed, got {steps}")
    if _driven(name, schedule):
        return schedule.grid(name, steps)
    if name == "ddim":
        return [max(0.0, schedule.steps - 1 - i * schedule.steps / steps) for i in range(steps)]
    if name in ("dpm-1", "dpm-2"):
        return [schedule.last, *(schedule.t_of_lam(lam) for lam in np.linspace(schedule.lam(schedule.last), schedule.lam(0.0), steps + 1)[1:-1])]
    if name == "deis":
        return [schedule.last * (1 - i / steps) ** 2 for i in range(steps)]
    ends = schedule.rho(schedule.last) ** (1 / 7), schedule.rho(0.0) ** (1 / 7)
    rhos = np.linspace(*ends, steps) ** 7 if steps > 1 else [schedule.rho(schedule.last)]
    return [schedule.t_of_lam(-math.log(rho)) for rho in rhos]


def _end(schedule: Schedule, t: float, s: float) -> float:
    return s


def _middle(schedule: Schedule, t: float, s: float) -> float:
    """The timestep half-way between t and s in lambda."""
    return schedule.t_of_lam((schedule.lam(t) + schedule.lam(s)) / 2)


_SECOND = dict(zip(ASKS_TWICE, (_end, _middle), strict=True))  # where a step t -> s asks once more


def calls(name: str, schedule: Schedule, steps: int) -> list[tuple[int, float]]:
    """(step, timestep) of every network call, in the order in which they are made. ValueError unless steps >= 1."""
    if _driven(name, schedule):
        return schedule.calls(name, steps)
    times, second = grid(name, schedule, steps), _SECOND.get(name)
    if second is None:
        return list(enumerate(times))
    pairs = [((i, t), (i, second(schedule, t, s))) for i, (t, s) in enumerate(zip(times, times[1:], strict=False))]
    return [call for pair in pairs for call in pair] + [(steps - 1, times[-1])]


def untouched(i: int, t: float, x: Tensor) -> Tensor:
    return x


def sample(name: str, eps: Eps, x: Tensor, schedule: Schedule, steps: int, after: After = untouched, first: int = 0) -> Iterator[Step]:
    """Runs the named solver from noise x [B, ...]; yields each step as it is done. ValueError on an unknown name.

    `after` may move x between two steps; it is not called after the last one. With `first` x is the state before that step, and a
    multistep solver begins there without a history; a schedule that brings its own solvers cannot do that (ValueError).
    """
    if name not in NAMES:
        raise ValueError(f"unknown sampler {name!r}")
    if _driven(name, schedule):
        if first:
            raise ValueError(f"{name} of this schedule starts from noise only")
        return schedule.drive(name, eps, x, steps, after)
    found = _SOLVERS[name](eps, x, schedule, grid(name, schedule, steps)[first:], lambda i, s, x: after(i + first, s, x))
    return (replace(step, i=step.i + first) for step in found)


def _first_order(eps: Eps, x: Tensor, schedule: Schedule, times: list[float], after: After) -> Iterator[Step]:
    """DDIM with eta = 0 [DDIM, Eq. 12]; in x / alpha over rho it is Euler's method, in lambda DPM-Solver-1 [DPM-Solver, Eq. 3.7]."""
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


def _dpm_2(eps: Eps, x: Tensor, schedule: Schedule, times: list[float], after: After) -> Iterator[Step]:
    """DPM-Solver-2, singlestep, r_1 = 1/2 [DPM-Solver, Alg. 1]; the last step is first order.

    sigma_s (e^h - 1) = alpha_s (rho_t - rho_s), so that in x / alpha over rho it is the midpoint method, the midpoint taken in lambda.
    """
    for i, (t, s) in enumerate(zip(times, [*times[1:], None], strict=True)):
        e = eps(x, t)
        x0 = (x - schedule.sigma(t) * e) / schedule.alpha(t)
        if s is None:
            x = x0
        else:
            m = _middle(schedule, t, s)
            e_m = eps(schedule.alpha(m) * x0 + schedule.sigma(m) * e, m)
            x = after(i, s, schedule.alpha(s) * (x / schedule.alpha(t) + (schedule.rho(s) - schedule.rho(t)) * e_m))
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


def _deis(eps: Eps, x: Tensor, schedule: Schedule, times: list[float], after: After, order: int = DEIS_ORDER) -> Iterator[Step]:
    """tAB-DEIS with eps extrapolated by a polynomial in log rho [DEIS, arXiv 2204.13902; the variable as in diffusers].

    The first steps have fewer predictions to go by and so a lower order; the last step, where log rho has no end, is first order.
    """
    past: list[tuple[float, Tensor]] = []  # (lambda, eps), the newest first
    for i, (t, s) in enumerate(zip(times, [*times[1:], None], strict=True)):
        e = eps(x, t)
        x0 = (x - schedule.sigma(t) * e) / schedule.alpha(t)
        if s is None:
            x = x0
        else:
            past = [(schedule.lam(t), e), *past][:order]
            weights = adams_weights([lam for lam, _ in past], schedule.lam(s))
            moved = sum(w * e_k for w, (_, e_k) in zip(weights, past, strict=True))
            x = after(i, s, schedule.alpha(s) * (x / schedule.alpha(t) + moved))
        yield Step(i, t, s, x, e, x0)


def adams_weights(lams: list[float], end: float) -> list[float]:
    """The integral over rho, from lambda = lams[0] to `end`, of each Lagrange polynomial in lambda through the nodes `lams`.

    With v = log rho - log rho_end it is rho_end times the integral of e^v L_j(v) from h to 0, in closed form.
    """
    v = [end - lam for lam in lams]
    powers = [-math.expm1(v[0])]  # of e^v v^k, by parts
    for k in range(1, len(v)):
        powers.append(-math.exp(v[0]) * v[0] ** k - k * powers[-1])
    polynomials = [polyfromroots(others) / math.prod(v_j - v_k for v_k in others) for j, v_j in enumerate(v) for others in [v[:j] + v[j + 1 :]]]
    return [math.exp(-end) * float(np.dot(L, powers)) for L in polynomials]


_SOLVERS = {"ddim": _first_order, "euler": _first_order, "dpm-1": _first_order, "heun": _heun, "dpm-2": _dpm_2, "dpmpp-2m": _dpmpp_2m, "deis": _deis}
