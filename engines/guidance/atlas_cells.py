"""The points of an atlas: sampling from one noise, with whatever all of them share asked of the network only once.

Notation
    x, y       samples and reference samples, float64 [N, D]; d = x - E[y] (or x - y, pair by pair, where y grew from the same noise)
    m          mean of d; shift^2 = scale (|m|^2 - sum Var[d] / N), scale = 1 / D for images and 1 for toys
The last term is what N samples show by chance. A toy's starting points have mean 0 and variance 1 exactly, so there it is left
out: the flow of toy-1d is linear, and its moments come out without sampling error.
"""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engines.diffusion import samplers
from engines.diffusion.mixture import toy
from engines.diffusion.noise import mixed, noise, noise_block
from engines.guidance import sources
from engines.guidance.atlas import AtlasTask, Pair, Point, Theory
from engines.guidance.guide import Call, guided_steps, plan
from engines.guidance.request import TOYS
from engines.guidance.statistics import GREY
from engines.guidance.theory import finite_t
from engines.guidance.toys import ratio as toy_ratio
from engines.job import EngineError, Job

AT_ONCE = 512  # samples in one batch on a GPU; a processor is busy with the samples of one point
TOY_POINTS = 16_000  # below what torch splits over threads: a busy machine would wait for them
CLIPPED = 1.05  # as engine.py: a white ground a little too white is not burnt
THEORY = (57, 33)  # columns and rows of the closed form


@dataclass(frozen=True)
class Reference:
    """What samples are held against: mean [D] or samples [N, D] of the same noise, and the mean variance."""

    centre: np.ndarray
    variance: float
    scale: float
    matched: bool  # the noise has exact moments: nothing is taken off the shift
    exact: bool  # and the flow is linear: no sampling error at all

    def point(self, pair: Pair, x: np.ndarray, raw_variance: float, clipped: float) -> Point:
        """A Point from samples [N, D] in the units of the reference."""
        n = len(x)
        unclipped = raw_variance / self.variance
        if not np.isfinite(x).all():
            return Point(*pair, *[math.nan] * 4, clipped, math.nan)
        d = x - self.centre
        m = d.mean(0)
        chance = 0.0 if self.matched else float(d.var(0, ddof=1).sum()) / n
        square = max(0.0, self.scale * (float(m @ m) - chance))
        error = 0.0 if self.exact else float(np.std(2 * self.scale * (d @ m), ddof=1)) / math.sqrt(n)
        shift = math.sqrt(square)
        spreads = np.square(x - x.mean(0)).mean(1) * (n / (n if self.matched else n - 1))
        ratio = float(spreads.mean()) / self.variance
        ratio_error = 0.0 if self.exact else float(spreads.std(ddof=1)) / math.sqrt(n) / self.variance
        return Point(*pair, shift, error / (shift + math.sqrt(square + error)) if error else 0.0, ratio, ratio_error, clipped, unclipped)


class Cells:
    """Measures pairs. `reference`, `unit` and `floor` describe what they are held against. EngineError where there is no such model or class."""

    def __init__(self, engine, task: AtlasTask, job: Job) -> None:
        self._engine, self._task, self._job = engine, task, job
        self._ground, self._nfe, self._shared = task.ground(), 0, {}
        self._toy = toy(self._ground.model) if self._ground.model in TOYS else None
        n = task.samples
        if self._toy is not None:
            self._c = self._ground.c if self._toy.dim == 1 else self._ground.label
            if self._toy.dim > 1 and self._ground.label >= self._toy.classes:
                raise EngineError(f"{self._ground.model} has no class {self._ground.label}.", remedy=f"Its classes are 0 to {self._toy.classes - 1}.")
            self.schedule, self.model_hash, self.at_once = self._toy.schedule, "", max(1, TOY_POINTS // n)
            x = noise_block(self._ground.seed, n, self._toy.dim)
            self._noise = _whitened(x)
        else:
            model = self._model = engine.model(self._ground.model)
            self.schedule, self.model_hash = model.schedule, model.hash
            self.at_once = max(1, AT_ONCE // n) if model.device.type == "cuda" else 1
            self._rows_of(1)  # an unknown class is refused before anything else is done
            sources.memory_check(model, n * self.at_once)
            s = self._ground
            x = noise(s.seed, 0, n, model.shape) if s.seed_2 is None else mixed(s.seed, s.seed_2, s.seed_mix, 0, n, model.shape)
            self._noise = x.to(model.device)
        guided = [call.guided for call in self._calls((2.0, 1.0))]
        self._first = guided.index(True) if True in guided else len(guided)  # up to this call every pair has the same x
        self._refer()

    # what the points are held against --------------------------------------------------------------------------------------
    def _refer(self) -> None:
        n = self._task.samples
        if self._toy is not None:
            mean, variance = self._toy.mean(self._c).numpy(), self._toy.variance(self._c).numpy()
            linear = self._toy.dim == 1
            self._held = Reference(mean, float(variance.mean()), 1.0, True, linear)
            self.reference, self.unit = "the exact moments", "units of x"
            self.floor = 0.0 if linear else float(np.sqrt(variance.sum() / n))
            return
        known, _ = self._engine.class_statistics(self._ground)
        self.unit = "grey levels"
        if known is not None:
            mean, label = known.mean[self._ground.label].reshape(-1).astype(float), self._ground.label
            self._held = Reference((mean + 1) * GREY, float(known.variance[label].mean()) * GREY**2, 1 / mean.size, False, False)
            self.reference, self.floor = f"{known.counts[label]:,} real images", known.floor(label, n)
            return
        y, _, _ = self._pixels(self._sampled([(1.0, 1.0)])[0])
        variance = float(y.var(0, ddof=1).mean())
        if variance <= 0 or not math.isfinite(variance):
            raise EngineError(f"Without guidance, {self._ground.model} draws the same picture every time.", remedy="There is nothing to hold a map against.")
        self._held = Reference(y, variance, 1 / y.shape[1], False, False)
        self.reference, self.floor = "its own unguided samples", math.sqrt(variance / n)

    def recfg_ratio(self) -> float | None:
        """ReCFG's ratio r of this class, averaged over pixels and guided steps; None without a table."""
        asked = replace(self._ground, mode="recfg", table=self._task.settings.table)
        times = [t for t, on in zip(samplers.grid(asked.sampler, self.schedule, asked.steps), guided_steps(asked, self.schedule), strict=True) if on]
        if not times:
            return None
        if self._toy is not None:
            return float(np.mean([float(torch.as_tensor(toy_ratio(self._toy, "recfg", self._c, t)).mean()) for t in times]))
        try:
            table = self._engine.table(asked)
        except EngineError:
            return None
        weights = table.weights(self._model, asked)
        return float(np.mean([float(table.at("ratio", weights, self.schedule.lam(t)).float().mean()) for t in times]))

    def theory(self) -> Theory | None:
        """The closed form of toy-1d over the map, where guidance acts at every level."""
        if self._toy is None or self._toy.dim > 1 or self._ground.guide_above > 0 or self._first or not math.isinf(self._ground.guide_below):
            return None
        strengths, sums = self._task.axes()
        columns, rows = np.geomspace(strengths[0], strengths[-1], THEORY[0]), np.linspace(sums[0], sums[-1], THEORY[1])
        moments = np.array([[finite_t(self._c, g, s - g, self.schedule) for g in columns] for s in rows])
        return Theory(columns, rows, np.abs(moments[..., 0] - self._c), moments[..., 1])

    # sampling --------------------------------------------------------------------------------------------------------------
    def spent(self) -> int:
        """Network evaluations since it was last asked."""
        spent, self._nfe = self._nfe, 0
        return spent

    def measure(self, pairs: list[Pair]) -> list[Point]:
        """One Point a pair. A pair whose samples run off to infinity is blown up, not an error."""
        plain = [pair for pair in pairs if pair == (1.0, 1.0)]
        guided = [pair for pair in pairs if pair != (1.0, 1.0)]
        return [point for part in (plain, guided) if part for point in self._measured(part)]

    def _measured(self, pairs: list[Pair]) -> list[Point]:
        try:
            return [self._held.point(pair, *self._pixels(x)) for pair, x in zip(pairs, self._sampled(pairs), strict=True)]
        except EngineError:  # the network met numbers that are not finite: find out which pair it was
            if len(pairs) > 1:
                return [point for pair in pairs for point in self._measured([pair])]
            return [Point(*pairs[0], *[math.nan] * 4, 1.0, math.nan)]

    def _pixels(self, x: Tensor) -> tuple[np.ndarray, float, float]:
        """Samples [N, D] in the reference's units, their mean variance before clipping, and the share clipped."""
        if self._toy is not None:
            flat = x.double().numpy()
            return flat, float(flat.var(0).mean()), 0.0
        flat = self._model.decode(x).flatten(1).double().cpu().numpy()
        clipped = np.where(np.isfinite(flat), (np.clip(flat, -1, 1) + 1) * GREY, np.nan)
        with np.errstate(all="ignore"):
            return clipped, float(flat.var(0, ddof=1).mean()) * GREY**2, float((np.abs(flat) > CLIPPED).mean())

    def _calls(self, pair: Pair) -> list[Call]:
        g1, total = pair
        return plan(replace(self._ground, gamma_1=g1, gamma_0=round(total - g1, 6)), self.schedule, lambda t: 1.0)

    def _sampled(self, pairs: list[Pair]) -> list[Tensor]:
        """The samples of every pair, from one batch."""
        n, plans = self._task.samples, [self._calls(pair) for pair in pairs]
        shape = (-1,) + (1,) * (self._noise.ndim - 1)
        asked = iter(range(len(plans[0])))

        def eps(x: Tensor, t: float) -> Tensor:
            self._job.check()
            k = next(asked)
            if k <= self._first:
                if k not in self._shared:
                    self._shared[k] = self._ask(x[:n], t, self._rows_of(1), k == self._first, 1)
                eps_c, eps_u = (None if e is None else e.repeat(len(pairs), *[1] * (e.ndim - 1)) for e in self._shared[k])
            else:
                eps_c, eps_u = self._ask(x, t, self._rows_of(len(pairs)), plans[0][k].guided, len(pairs))
            if not plans[0][k].guided or eps_u is None:
                return eps_c
            g1, g0 = (torch.tensor([float(getattr(calls[k], name)) for calls in plans], dtype=x.dtype, device=x.device).repeat_interleave(n).view(shape)
                      for name in ("gamma_1", "gamma_0"))
            return g1 * eps_c + g0 * eps_u

        with torch.inference_mode():
            x = self._noise.repeat(len(pairs), *[1] * (self._noise.ndim - 1))
            for step in samplers.sample(self._ground.sampler, eps, x, self.schedule, self._ground.steps):
                x = step.x
        return list(x.split(n))

    def _rows_of(self, pairs: int) -> Any:
        """The condition of so many pairs' samples."""
        return None if self._toy is not None else self._model.condition(self._ground, pairs * self._task.samples)

    def _ask(self, x: Tensor, t: float, rows: Tensor | None, both: bool, pairs: int) -> tuple[Tensor, Tensor | None]:
        self._nfe += pairs * (2 if both else 1)
        if self._toy is not None:
            return self._toy.eps(x, t, self._c), self._toy.eps(x, t, None) if both else None
        return self._model.pair(x, t, rows) if both else (self._model.predict(x, t, rows), None)


def _whitened(x: Tensor) -> Tensor:
    """Points [N, D] with mean 0 and covariance 1, exactly."""
    x = x - x.mean(0)
    root = torch.linalg.cholesky(x.T @ x / len(x))
    return torch.linalg.solve_triangular(root, x.T, upper=False).T.contiguous()
