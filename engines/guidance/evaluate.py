"""What a model card says: how well a model knows its data, how close samples lie to it, and what guidance does to them.

Pixels in grey levels 0-255. Per class and setting, with samples x and the class's real images y:
    shift       rms over pixels of E[x] - E[y]
    variance    mean over pixels of Var[x] / mean over pixels of Var[y]
    nearest     rms distance of a sample to the nearest real image; `same class` = that image is of the class asked for
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from engines.guidance.datasets import ImageSet
from engines.guidance.engine import GuidanceEngine
from engines.guidance.request import Sampling
from engines.guidance.sources import Model
from engines.job import Job

CHUNK = 256


def evaluate(engine: GuidanceEngine, base: Sampling, data: ImageSet, held_out: ImageSet | None, modes: Sequence[str],
             strengths: Sequence[float], job: Job) -> dict[str, Any]:
    """Every mode at every strength, `base.count` samples of every class from the same noise. Averages over classes."""
    model = engine.model(base.model)
    real = _plain(data)
    settings = [replace(base, mode=mode, gamma_1=g) for g in strengths for mode in (modes if g != 1 else modes[:1])]
    rows, total = [], len(settings) * len(data.classes)
    for i, asked in enumerate(settings):
        found = []
        for label in range(len(data.classes)):
            job.progress(i * len(data.classes) + label, total, f"{asked.mode} {asked.gamma_1:g}, {data.classes[label]}")
            silent = Job()  # its own progress is of no interest; the cancel is
            silent.check = job.check
            images = engine.side(replace(asked, label=label), silent).images
            found.append(_compared(images, label, data, real))
        rows.append({"mode": asked.mode, "gamma_1": asked.gamma_1} | {key: round(float(np.mean([one[key] for one in found])), 3) for key in found[0]})
    facts = {"samples_per_class": base.count, "steps": base.steps, "sampler": base.sampler, "rows": rows, "real": _among_themselves(data, real, base.count),
             "loss_train": round(loss(model, data, job), 4)}
    return facts | ({"loss_held_out": round(loss(model, held_out, job), 4)} if held_out else {})


def loss(model: Model, data: ImageSet, job: Job, images: int = 2000, seed: int = 0) -> float:
    """Mean squared error in eps over random images, timesteps and noise: 1 would be a model that knows nothing."""
    random = np.random.default_rng(seed)
    chosen = random.choice(len(data.labels), images, p=data.weights / data.weights.sum())
    errors = []
    with torch.inference_mode():
        for first in range(0, images, 64):
            job.check()
            rows = chosen[first : first + 64]
            t = float(random.uniform(0, model.schedule.last))  # one timestep a batch: what the networks take
            x_0 = torch.from_numpy(data.images[rows, 0]).permute(0, 3, 1, 2).float().to(model.device) / 127.5 - 1
            eps = torch.from_numpy(random.standard_normal(tuple(x_0.shape), np.float32)).to(model.device)
            labels = torch.cat([model.label_rows(int(k), 1) for k in data.labels[rows]])
            x_t = model.schedule.alpha(t) * x_0 + model.schedule.sigma(t) * eps
            errors.append(float((model.predict(x_t, t, labels) - eps).square().mean()))
    return float(np.mean(errors))


def _plain(data: ImageSet) -> torch.Tensor:
    """[N, D] float32 of the plain renderings."""
    return torch.from_numpy(data.images[:, 0].reshape(len(data.labels), -1)).float()


def _nearest(x: torch.Tensor, y: torch.Tensor, skip_zero: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """For each row of x the nearest row of y and its rms distance; `skip_zero` passes over identical rows."""
    squares, indices, distances = y.square().sum(1), [], []
    for part in x.split(CHUNK):
        gap = part.square().sum(1, keepdim=True) + squares - 2 * part @ y.T
        if skip_zero:
            gap[gap < 0.25 * x.shape[1]] = torch.inf  # identical up to half a grey level
        low, at = gap.min(1)
        indices.append(at)
        distances.append((low.clamp_min(0) / x.shape[1]).sqrt())
    return torch.cat(indices).numpy(), torch.cat(distances).numpy()


def _compared(images: np.ndarray, label: int, data: ImageSet, real: torch.Tensor) -> dict[str, float]:
    x, members = torch.from_numpy(images.reshape(len(images), -1)).float(), torch.from_numpy(data.labels == label)
    weights = torch.from_numpy(data.weights[data.labels == label]).float()
    weights = (weights / weights.sum())[:, None]
    y = real[members]
    mean = (weights * y).sum(0)
    variance = (weights * (y - mean).square()).sum(0).mean()
    at, distance = _nearest(x, real)
    return {"shift": float((x.mean(0) - mean).square().mean().sqrt()), "variance": float(x.var(0).mean() / variance),
            "nearest": float(distance.mean()), "same_class": float((data.labels[at] == label).mean())}


def _among_themselves(data: ImageSet, real: torch.Tensor, count: int, images: int = 500) -> dict[str, float]:
    """The same for real images: what a perfect model would get with `count` samples a class. `nearest` among the others."""
    random, drawn = np.random.default_rng(1), []
    for label in range(len(data.classes)):
        members = np.flatnonzero(data.labels == label)
        chosen = random.choice(members, count, p=data.weights[members] / data.weights[members].sum())
        drawn.append(_compared(data.images[chosen, 0], label, data, real))
    floor = {key: round(float(np.mean([one[key] for one in drawn])), 3) for key in ("shift", "variance")}
    chosen = np.random.default_rng(0).choice(len(data.labels), min(images, len(data.labels)), replace=False)
    at, distance = _nearest(real[chosen], real, skip_zero=True)
    return floor | {"nearest": round(float(distance.mean()), 3), "same_class": round(float((data.labels[at] == data.labels[chosen]).mean()), 3)}
