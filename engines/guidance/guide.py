"""One run's guidance: turns a model's two predictions into eps_hat at every network call, and remembers what it did.

Everything that does not depend on the picture (coefficients, table rows, which steps are guided) is worked out
before the run, so that a mode costs no more than the others while sampling.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from engines.diffusion import samplers
from engines.diffusion.schedules import Schedule
from engines.guidance import recfg, rivals
from engines.guidance.curves import value_at
from engines.guidance.request import Sampling
from engines.job import EngineError

APG_RADIUS = 15.0 / math.sqrt(16384)  # the paper's norm threshold of 15 for 4 x 64 x 64 latents, per root pixel
SINGULAR = 1e-3  # below this alpha x is noise alone and says nothing of x_0: eps_hat is CFG's there, which every space agrees on
Pair = Callable[[Tensor, float, float], tuple[Tensor, Tensor]]  # (x, t, tau): the network is asked at tau, what surrounds it stays at t


class Correction(Protocol):
    """What mode "calibrated" adds for one class and strength (engines/guidance/calibrated.py)."""

    def offset(self, lam: float) -> Tensor | None:
        """o [1, C, H, W] in eps units at lambda; None where there is none."""

    def restore(self, x: Tensor, lam: float, lam_next: float, alpha_next: float) -> Tensor:
        """x after a guided step, its variance given back."""


@dataclass
class Call:
    """What is known of one network call beforehand."""

    t: float
    guided: bool
    gamma_1: float
    gamma_0: Any  # number or [1, C, H, W]
    tau: float  # where the network is asked: t itself unless the timesteps are tuned
    offset: Tensor | None = None  # added to eps_hat
    held: bool = False  # r t lies beyond the model's time range


def guided_steps(settings: Sampling, schedule: Schedule) -> list[bool]:
    """For each step, whether guidance acts: guide_above < sigma/alpha <= guide_below at its start."""
    return [settings.guide_above < schedule.rho(t) <= settings.guide_below
            for t in samplers.grid(settings.sampler, schedule, settings.steps)]


def notes(settings: Sampling, schedule: Schedule, calls: Sequence[Call] = ()) -> tuple[str, ...]:
    """The guidance interval in steps, where it leaves some out; tuned timesteps that stand at the end of the model's range."""
    on = [i + 1 for i, guided in enumerate(guided_steps(settings, schedule)) if guided]
    held = [k + 1 for k, call in enumerate(calls) if call.held]
    told = (f"tuned timesteps held at the end of the model's range: network call {', '.join(map(str, held))}",) if held else ()
    if len(on) == settings.steps:
        return told
    return (f"guided in {len(on)} of {settings.steps} steps" + (f" ({on[0]} to {on[-1]})" if on else ""), *told)


def coefficients(settings: Sampling, rho: float, ratio: Callable[[], Any]) -> tuple[float, Any]:
    """gamma_1 and gamma_0 of a guided call at noise level rho. ratio() is r of the ReCFG modes."""
    g1 = settings.gamma_1
    if settings.mode == "free":
        return g1, 1 - g1 if settings.gamma_0 is None else settings.gamma_0
    if settings.mode == "curve":
        g1 = value_at(settings.curve_1, rho) if settings.curve_1 else g1
        return g1, value_at(settings.curve_0, rho) if settings.curve_0 else 1 - g1
    return g1, recfg.gamma_0(g1, ratio()) if settings.mode in ("recfg", "literal") else 1 - g1


def plan(settings: Sampling, schedule: Schedule, ratio: Callable[[float], Any], correction: Correction | None = None,
         ratios: Sequence[float] = ()) -> list[Call]:
    """One Call per network call, in the sampler's order; a step's second call is guided if its first is.

    ratio(t) is the table's row for ReCFG modes; `ratios` are tau / t of every call. EngineError where they are too few or too many.
    """
    guided, asked = guided_steps(settings, schedule), samplers.calls(settings.sampler, schedule, settings.steps)
    if ratios and len(ratios) != len(asked):
        raise EngineError(f"There are {len(ratios)} timestep ratios for {len(asked)} network calls.",
                          remedy="Reset them to the tuned ones, or go back to the sampler and the steps they were made for.")
    return [call_at(settings, schedule, t, guided[i], ratio, correction, r) for (i, t), r in zip(asked, ratios or [1.0] * len(asked), strict=True)]


def call_at(settings: Sampling, schedule: Schedule, t: float, guided: bool, ratio: Callable[[float], Any], correction: Correction | None = None,
            r: float = 1.0) -> Call:
    """A call at timestep t. tau = r t, held in the model's time range."""
    g1, g0 = coefficients(settings, schedule.rho(t), lambda: ratio(t)) if guided else (1.0, 0.0)
    g0 = 1 - g1 if guided and schedule.alpha(t) < SINGULAR else g0
    acts = guided and not (g1 == 1 and (settings.mode not in ("free", "curve") or g0 == 0))
    tau = min(max(r * t, 0.0), latest(schedule, t))
    return Call(t, acts, g1, g0, tau, correction.offset(schedule.lam(t)) if correction and acts else None, tau != r * t)


def latest(schedule: Schedule, t: float) -> float:
    """The noisiest timestep a network may be told: the schedule's last, or t itself (flow models start at 1000)."""
    return max(schedule.last, t)


@dataclass
class Guide:
    """eps(x, t) for engines/diffusion/samplers.py. `conditional` answers alone where guidance is off (half the work)."""

    settings: Sampling
    schedule: Schedule
    calls: list[Call]
    pair: Pair
    conditional: Callable[[Tensor, float, float], Tensor]
    check: Callable[[], None]
    correction: Correction | None = None
    measure: bool = True
    limit: float | None = None  # samples beyond +-limit are counted as clipped
    nfe: int = 0
    network_seconds: float = 0.0
    record: dict[str, list[float]] = field(default_factory=lambda: {k: [] for k in ("t", "rho", "difference", "gamma_1", "gamma_0", "S")})

    def __post_init__(self) -> None:
        self._next = iter(self.calls)
        self._times = samplers.grid(self.settings.sampler, self.schedule, self.settings.steps)
        self._guided = guided_steps(self.settings, self.schedule)
        self._apg: rivals.Apg | None = None
        self._seen: list[tuple[float, Tensor]] = []  # left on their device until the run is over: reading one waits for it

    def __call__(self, x: Tensor, t: float) -> Tensor:
        self.check()
        call = next(self._next)
        started = time.perf_counter()
        eps_c, eps_u = self.pair(x, t, call.tau) if call.guided else (self.conditional(x, t, call.tau), None)
        self.network_seconds += time.perf_counter() - started
        self.nfe += 2 if call.guided else 1
        if self.measure:
            self._note(call, eps_c, eps_u)
        return eps_c if eps_u is None else self._combined(call, x, t, eps_c, eps_u)

    def eps_hat(self, call: Call, x: Tensor) -> Tensor:
        """What a call answers, unrecorded: for whoever asks it more than once."""
        if not call.guided:
            return self.conditional(x, call.t, call.tau)
        return self._combined(call, x, call.t, *self.pair(x, call.t, call.tau))

    def _combined(self, call: Call, x: Tensor, t: float, eps_c: Tensor, eps_u: Tensor) -> Tensor:
        mode, g1 = self.settings.mode, call.gamma_1
        if mode == "zero-star":
            return rivals.zero_star(eps_c, eps_u, g1)
        if mode == "apg":
            alpha, sigma = self.schedule.alpha(t), self.schedule.sigma(t)
            self._apg = self._apg or rivals.Apg(g1, radius=APG_RADIUS * math.sqrt(x[0].numel()))
            x0 = self._apg((x - sigma * eps_c) / alpha, (x - sigma * eps_u) / alpha)
            return (x - alpha * x0) / sigma
        eps_hat = recfg.combine(eps_c, eps_u, g1, call.gamma_0)
        if call.offset is not None:
            eps_hat = eps_hat + call.offset
        return rivals.rescale(eps_hat, eps_c) if mode == "rescale" else eps_hat

    def after(self, i: int, t: float, x: Tensor) -> Tensor:
        """Hook between two steps: the correction's variance stage, where step i was guided."""
        if self.correction is None or not self._guided[i]:
            return x
        start = self._times[i]
        return self.correction.restore(x, self.schedule.lam(start), self.schedule.lam(t), self.schedule.alpha(t))

    def look(self, step: samplers.Step) -> None:
        """Notes the predicted sample of a step; two passes over it, 0.1 to 0.5 % of a network call."""
        if not self.measure:
            return
        x0 = step.x0.float()
        mean = x0.mean(0) if x0.ndim == 2 else x0.mean()[None]
        spread = x0.var(0).mean().sqrt() if len(x0) > 1 else torch.full((), math.nan, device=x0.device)
        beyond = (x0.abs() > self.limit).float().mean() if self.limit is not None else torch.full((), math.nan, device=x0.device)
        self._seen.append((self.schedule.rho(step.t), torch.cat([mean, spread[None], beyond[None]])))

    def samples_seen(self) -> dict[str, np.ndarray]:
        """Over steps, of the predicted sample: "step_rho", "mean" [steps, D] (D = 1 of images), "deviation", "clipped" where there is a limit."""
        if not self._seen:
            return {}
        values = torch.stack([numbers for _, numbers in self._seen]).cpu().numpy().astype(float)
        found = {"step_rho": np.array([rho for rho, _ in self._seen]), "mean": values[:, :-2], "deviation": values[:, -2]}
        return found | ({"clipped": values[:, -1]} if self.limit is not None else {})

    def _note(self, call: Call, eps_c: Tensor, eps_u: Tensor | None) -> None:
        g0 = float(call.gamma_0.mean()) if isinstance(call.gamma_0, Tensor) else float(call.gamma_0)
        gap = 0.0 if eps_u is None else float((eps_c - eps_u).square().mean().sqrt())
        values = (call.t, self.schedule.rho(call.t), gap, call.gamma_1, g0, recfg.coefficient_sum(call.gamma_1, g0))
        for key, value in zip(self.record, values, strict=True):
            self.record[key].append(value)


def run(guide: Guide, x: Tensor, shown: Callable[[samplers.Step], None] = lambda step: None) -> Tensor:
    """The finished samples [B, ...]; `shown` sees every step."""
    with torch.inference_mode():
        for step in samplers.sample(guide.settings.sampler, guide, x, guide.schedule, guide.settings.steps, guide.after):
            guide.look(step)
            shown(step)
    return step.x
