"""The exact toys under guidance: points, trajectories and the numbers beside the closed forms."""

import math
import time
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import torch

from engines.diffusion import samplers
from engines.diffusion.mixture import Toy, toy
from engines.diffusion.noise import noise_block
from engines.guidance.calibrated import SOLVER, ClassCalibration, calibrate
from engines.guidance.calibrations import DEFAULT_LEVEL
from engines.guidance.calibrations import SEED as CALIBRATION_SEED
from engines.guidance.guide import Guide, notes, plan, run
from engines.guidance.memo import Memo, remembered
from engines.guidance.outcome import Against, Side, ToyNumbers
from engines.guidance.recfg import least_squares_ratio
from engines.guidance.request import FILM_POINTS, Curve, Sampling
from engines.guidance.theory import finite_t, limit
from engines.guidance.tunings import PLAIN, Tuned
from engines.job import EngineError, Job

PATHS = 64  # trajectories kept where no film is asked for
LEVELS = 16  # points of the rectified curve
DRAWS = 256  # of a toy's calibration
BINS = {1: 161, 2: 81}


def sample(settings: Sampling, job: Job, memo: Memo | None = None, film: bool = False, tuned: Tuned = PLAIN) -> Side:
    """Samples of a toy. In ReCFG modes r comes from exact expectations (toy-1d) or 4,000 true draws a level (2-D)."""
    model, c = _toy(settings)
    started = time.perf_counter()
    asked, correction = settings, None
    if settings.mode == "calibrated":
        settings = replace(settings, guide_below=DEFAULT_LEVEL if math.isinf(settings.guide_below) else settings.guide_below)
        correction = _calibrated(model.name, c, settings.gamma_1, settings.guide_below, settings.steps)
        correction = correction and correction.at(settings.gamma_1, settings.sharpness)
    calls = plan(settings, model.schedule, lambda t: ratio(model, settings.mode, c, t), correction, tuned.ratios)
    guide = Guide(settings, model.schedule, calls, remembered(memo, settings, lambda x, t, tau: (model.eps(x, tau, c), model.eps(x, tau, None)), 2),
                  remembered(memo, settings, lambda x, t, tau: model.eps(x, tau, c), 1), job.check, correction)
    x = noise_block(settings.seed, settings.count, model.dim)
    kept = FILM_POINTS if film else PATHS
    paths = [x[:kept].numpy().copy()]
    points = run(guide, x, lambda step: paths.append(step.x[:kept].numpy().copy())).numpy()
    if not np.isfinite(points).all():
        raise EngineError("The samples ran off to infinity.", remedy="Bring the coefficient sum S closer to 1, or take more steps.")
    seconds = time.perf_counter() - started
    names = () if model.dim == 1 else tuple(f"class {k}" for k in range(model.classes))
    return Side(asked, points=points, trajectories=np.stack(paths), seconds=seconds, network_seconds=guide.network_seconds,
                nfe=guide.nfe, class_names=names, per_step={k: np.array(v) for k, v in guide.record.items()} | guide.samples_seen(),
                toy=numbers(model, settings, c, points), notes=notes(settings, model.schedule, calls) + tuned.notes, against=against(model, c, points),
                rectified=rectified(settings) if settings.mode == "curve" else (), ratios=tuned.ratios, filed=tuned.filed, untuned=tuned.missing)


def ratio_of(settings: Sampling) -> Callable[[float], Any]:
    """t -> r for the settings' class."""
    model, c = _toy(settings)
    return lambda t: ratio(model, settings.mode, c, t)


class ToyModel:
    """A toy as sources.Asked has it, as far as the tuner asks. Rows are class numbers [B]; toy-1d's are its real class c."""

    text, prediction, device, batch = False, "eps", torch.device("cpu"), 4096

    def __init__(self, name: str) -> None:
        self.name = self.hash = name
        self._toy = toy(name)
        self.schedule, self.shape = self._toy.schedule, (self._toy.dim,)
        self.classes = () if self._toy.dim == 1 else tuple(f"class {k}" for k in range(self._toy.classes))

    def condition(self, settings: Sampling, count: int) -> torch.Tensor:
        return torch.full((count,), settings.c if self._toy.dim == 1 else float(settings.label), dtype=torch.float64)

    def label_rows(self, label: int, count: int) -> torch.Tensor:
        return torch.full((count,), float(label), dtype=torch.float64)

    def pair(self, x: torch.Tensor, t: float, rows: torch.Tensor, tau: Any = None) -> tuple[torch.Tensor, torch.Tensor]:
        return self.predict(x, t, rows, tau), self._toy.eps(x, t if tau is None else tau, None)

    def predict(self, x: torch.Tensor, t: float, rows: torch.Tensor, tau: Any = None) -> torch.Tensor:
        """The exact eps of every point's own class at tau."""
        classes, places = rows.unique(return_inverse=True)
        each = torch.stack([self._toy.eps(x, t if tau is None else tau, float(c)) for c in classes])
        return each[places, torch.arange(len(x))]


as_model = lru_cache(8)(ToyModel)


def _toy(settings: Sampling) -> tuple[Toy, float]:
    """The toy and its class. EngineError on a class it does not have."""
    model = toy(settings.model)
    if model.dim > 1 and settings.label >= model.classes:
        raise EngineError(f"{settings.model} has no class {settings.label}.", remedy=f"Its classes are 0 to {model.classes - 1}.")
    return model, settings.c if model.dim == 1 else settings.label


def against(model: Toy, c: float, points: np.ndarray) -> Against:
    """Points [N, D] beside the exact moments of their class; the shift is |E[x] - mu_c|, summed over axes."""
    mean, variance, n = model.mean(c).numpy(), model.variance(c).numpy(), len(points)
    ratio = float(points.var(0).mean() / variance.mean()) if n > 1 else None
    return Against(tuple(map(float, mean)), (float(np.sqrt(variance.mean())),), float(np.linalg.norm(points.mean(0) - mean)), ratio,
                   float(np.sqrt(variance.sum() / n)), math.sqrt(2 / (n * model.dim)), "the exact moments")


@lru_cache(64)
def _calibrated(name: str, c: float, gamma_1: float, level: float, steps: int) -> ClassCalibration | None:
    """A toy is calibrated on the spot, for the strength and the steps asked for; None where no step lies below the level, or w = 1."""
    model = toy(name)
    if gamma_1 <= 1 or not any(model.schedule.rho(t) <= level for t in samplers.grid(SOLVER, model.schedule, steps)):
        return None
    z = noise_block(CALIBRATION_SEED, DRAWS, model.dim)
    return calibrate(lambda x, t: (model.eps(x, t, c), model.eps(x, t, None)), lambda x, t: model.eps(x, t, c), model.schedule, z, (gamma_1,), level,
                     steps, model.dim, Job(), shrink=False)


def ratio(model: Toy, mode: str, c: float, t: float) -> torch.Tensor | float:
    """r of Eq. 45 (mode recfg) or Eq. 42 (literal) with exact expectations where the toy has them, per axis [1, D].

    toy-1d: E[eps_c] = 0 exactly, so the literal r is 0, and Eq. 45 gives (1 + a^2) / (1 + a^2 c^2).
    """
    if mode not in ("recfg", "literal"):
        return 1.0
    if mode == "literal":
        return 0.0
    a, s = model.schedule.alpha(t), model.schedule.sigma(t)
    if model.dim == 1:
        return (1 + a * a) / (1 + a * a * c * c)
    x = a * model.draw(4000, c, 0) + s * noise_block(1, 4000, model.dim)
    eps_c, eps_u = model.eps(x, t, c), model.eps(x, t, None)
    return least_squares_ratio((eps_c * eps_u).sum(0), eps_u.square().sum(0))[None]


def rectified(settings: Sampling) -> Curve:
    """Mean of r over the axes, as a curve over rho: what the rectified preset of the curve editor is made of."""
    model, c = _toy(settings)
    times = [model.schedule.t_of_lam(lam) for lam in np.linspace(model.schedule.lam(0.0), model.schedule.lam(model.schedule.last), LEVELS)]
    return tuple((model.schedule.rho(t), float(torch.as_tensor(ratio(model, "recfg", c, t)).mean())) for t in times)


def _smoothed(density: np.ndarray, width: float, deviation: float, count: int) -> np.ndarray:
    """A histogram's kernel density estimate: Gaussian kernel, Silverman's bandwidth."""
    bandwidth = 1.06 * deviation * count**-0.2
    reach = int(4 * bandwidth / width)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) * width / max(bandwidth, 1e-9)) ** 2)
    return np.convolve(density, kernel / kernel.sum(), mode="same")


def numbers(model: Toy, settings: Sampling, c: float, points: np.ndarray) -> ToyNumbers:
    """Moments and densities of the points beside the truth."""
    true_mean, true_variance = model.mean(c).numpy(), float(model.variance(c).mean())
    mean, variance = points.mean(0), float(points.var(0).mean())
    bins, span = BINS[model.dim], (-6.0, 6.0) if model.dim == 1 else (-4.0, 4.0)
    edges = np.linspace(*span, bins + 1)
    axis = (edges[1:] + edges[:-1]) / 2
    grid = torch.from_numpy(np.stack(np.meshgrid(*[axis] * model.dim, indexing="xy"), -1).reshape(-1, model.dim))
    true_density = model.density(grid, c).numpy().reshape([bins] * model.dim)
    sampled = np.histogramdd(points[:, ::-1], bins=[edges] * model.dim, density=True)[0] if len(points) > 1 else np.zeros([bins] * model.dim)
    if model.dim == 1:
        sampled = _smoothed(sampled, edges[1] - edges[0], math.sqrt(variance), len(points))
    forms = {}
    if model.dim == 1 and settings.mode in ("cfg", "free"):
        gamma_0 = 1 - settings.gamma_1 if settings.mode == "cfg" or settings.gamma_0 is None else settings.gamma_0
        forms = {"finite_t": finite_t(c, settings.gamma_1, gamma_0, model.schedule)}
        if abs(settings.gamma_1 + gamma_0 - 1) < 1e-9:
            forms["limit"] = limit(c, settings.gamma_1)
    elif model.dim == 1 and settings.mode == "literal":
        forms = {"finite_t": finite_t(c, settings.gamma_1, 0.0, model.schedule)}
    return ToyNumbers(mean, true_mean, float(np.linalg.norm(mean - true_mean)), variance, true_variance, variance / true_variance,
                      (axis,) * model.dim, true_density, sampled, **forms)
