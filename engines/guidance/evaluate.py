"""What a model card says: how close samples lie to held-out pictures, and what guidance does to them.

Per setting, samples x of every class in equal number, from noise that no two classes share:
    frechet           Frechet distance on EfficientNet-Lite0 features (256 directions); beside it the floor, what as many other real pictures get
    precision, recall k-nearest-neighbour manifolds, k = 3, on the same features
    accuracy          share of samples that a small classifier takes for the class asked for
    shift, variance   per class: rms over pixels of E[x] - E[y] in grey levels; mean Var[x] / mean Var[y]; means over classes
    evaluations, nfe  network evaluations of one branch; of both, an image
    nearest           rms distance of a sample to the nearest training picture, grey levels (small sets only)
A class and setting is the unit of work: each is written as it is done, so that a stopped run goes on where it was.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from engines.diffusion.solver_names import evaluations
from engines.guidance.datasets import ImageSet
from engines.guidance.engine import BATCH, GuidanceEngine
from engines.guidance.features import Lite0, as_tensor
from engines.guidance.picture import contact_sheet, save_png
from engines.guidance.reference import Reference
from engines.guidance.request import GuidanceRequest, Sampling, wrap
from engines.guidance.sources import Model
from engines.job import EngineError, Job

CHUNK = 256
SETTING = ("mode", "gamma_1", "steps", "sampler", "tuned")
SUMMARISED = ("frechet", "precision", "recall", "accuracy", "shift", "variance", "nearest", "nfe")


@dataclass(frozen=True)
class Plan:
    """Every mode at every strength, step count, sampler and seed, at plain or tuned timesteps; `count` samples in all, in equal parts a class."""

    base: Sampling
    modes: tuple[str, ...]
    strengths: tuple[float, ...]
    steps: tuple[int, ...]
    seeds: tuple[int, ...]
    count: int
    samplers: tuple[str, ...] = ()  # empty: the base's
    tuned: tuple[bool, ...] = (False,)

    def settings(self) -> list[tuple[Sampling, int]]:
        """(settings, seed); at strength 1 all modes are one."""
        return [(replace(self.base, mode=mode, gamma_1=g, steps=n, sampler=sampler, tuned=tuned), seed)
                for seed in self.seeds for sampler in self.samplers or (self.base.sampler,) for g in self.strengths for n in self.steps
                for mode in (self.modes if g != 1 else self.modes[:1]) for tuned in self.tuned]


class Samples:
    """Draws one class of one setting and keeps what the measures need of it, in `folder` where one is given."""

    def __init__(self, engine: GuidanceEngine, reference: Reference | None, folder: Path | None, near: ImageSet | None) -> None:
        self.engine, self.reference, self.folder = engine, reference, folder
        self._near = None if near is None else torch.from_numpy(near.images[:, 0].reshape(len(near.labels), -1)).float()
        self._extract: Lite0 | None = None

    def of(self, settings: Sampling, seed: int, label: int, count: int, job: Job) -> dict[str, np.ndarray]:
        """sums [2, C, H, W], nfe, a few pictures; what the reference adds: features [N, D] float16, predicted [N]; nearest [N]."""
        asked = replace(settings, label=label, seed=1000 * seed + label, count=count)
        path = None if self.folder is None else self.folder / f"{self._key(asked)}.npz"
        if path is not None and path.exists():
            with np.load(path, allow_pickle=False) as kept:
                return dict(kept)
        silent = Job()  # its own progress is of no interest; the cancel is
        silent.check = job.check
        side = self.engine.side(asked, silent)
        pixels = side.images.astype(np.float64).transpose(0, 3, 1, 2)
        found = {"count": np.array(count), "nfe": np.array(side.nfe / -(-count // BATCH)), "sums": np.stack([pixels.sum(0), np.square(pixels).sum(0)]),
                 "sheet": side.images[:8]}
        if self.reference is not None:
            found["predicted"] = self.reference.classifier.predict(side.images)
        if self.reference is not None and self.reference.features is not None:
            self._extract = self._extract or Lite0()
            found["features"] = self.reference.project(self._extract(side.images)).half().numpy()
        if self._near is not None:
            found["nearest"] = _nearest(torch.from_numpy(side.images.reshape(count, -1)).float(), self._near)
        if path is not None:
            self.folder.mkdir(parents=True, exist_ok=True)
            part = path.with_suffix(".part.npz")
            np.savez(part, **found)
            part.replace(path)
        return found

    def _key(self, asked: Sampling) -> str:
        """Names the work by everything that decides it: settings, weights, table or calibration, classifier, tuned ratios."""
        hashes = [self.engine.model(asked.model).hash, self.reference and self.reference.about]
        if asked.mode in ("recfg", "literal"):
            hashes.append(self.engine.table(asked).hash)
        if asked.mode == "calibrated" and (calibration := self.engine.calibration(asked)):
            hashes.append(calibration.hash)
        return hashlib.sha256(json.dumps([self._named(asked), hashes], sort_keys=True).encode()).hexdigest()[:24]

    def _named(self, asked: Sampling) -> dict[str, Any]:
        """The settings, of tuned timesteps the ratios in force; plain ones as they were named before there were tuned ones."""
        values = {key: value for key, value in asked.to_dict().items() if key not in ("tuned", "tuning", "ratios")}
        return values | ({"ratios": list(self.engine.tuned(asked).ratios)} if asked.tuned else {})


def check(engine: GuidanceEngine, settings: Sequence[Sampling], classes: int) -> None:
    """EngineError with the reason where a table or a tuned schedule of any class is missing: before anything is drawn."""
    for asked in settings:
        if asked.mode in ("recfg", "literal"):
            engine.table(asked)
        for label in range(classes if asked.tuned else 0):
            engine.tuned(replace(asked, label=label))


def evaluate(engine: GuidanceEngine, plan: Plan, reference: Reference | None, data: ImageSet | None, folder: Path | None, job: Job,
             share: tuple[int, int] = (0, 1)) -> dict[str, Any]:
    """One row a setting and seed, and their mean and spread over seeds. `data` (training pictures) adds `nearest` and a class's moments
    where the reference has none. `share` (k, n) draws every n-th part of the work alone, for several processes on one folder.

    EngineError when there are fewer samples than classes, or where a tuned schedule does not exist.
    """
    model = engine.model(plan.base.model)
    each = shared(plan.count, model.classes)
    check(engine, [asked for asked, _ in plan.settings()], len(model.classes))
    samples, rows = Samples(engine, reference, folder, data if reference is None or reference.features is None else None), []
    moments = held_out_moments(reference, data)
    settings = plan.settings()
    total = len(settings) * len(model.classes)
    for i, (asked, seed) in enumerate(settings):
        found = []
        for label in range(len(model.classes)):
            job.progress(i * len(model.classes) + label, total, f"{asked.mode} {asked.gamma_1:g}, {asked.steps} {'tuned ' * asked.tuned}steps of "
                         f"{asked.sampler}, seed {seed}: {model.classes[label]}")
            if (i * len(model.classes) + label) % share[1] == share[0]:
                found.append(samples.of(asked, seed, label, each, job))
        if share[1] == 1:
            rows.append({name: getattr(asked, name) for name in SETTING} | {
                "evaluations": evaluations(asked.sampler, asked.steps), "seed": seed, "images": each * len(model.classes)}
                | measured(found, reference, moments))
    facts: dict[str, Any] = {"model": plan.base.model, "rows": rows, "summary": summary(rows)}
    if reference is not None:
        facts |= {"floor": reference.floor(each * len(model.classes))} | {
            key: reference.about[key] for key in ("classifier_accuracy_train", "classifier_accuracy_held_out") if key in reference.about}
    if data is not None:
        facts |= {"loss": round(loss(model, data, job), 4), "real": _among_themselves(data, each)}
    return facts


def shared(count: int, classes: tuple[str, ...]) -> int:
    """Samples a class. EngineError when there are fewer than two."""
    if count // len(classes) < 2:
        raise EngineError(f"{count} samples are too few for {len(classes)} classes.", remedy="Ask for at least two a class.")
    return count // len(classes)


def write_sheets(engine: GuidanceEngine, plan: Plan, reference: Reference | None, data: ImageSet | None, work: Path | None, folder: Path,
                 job: Job) -> list[str]:
    """One PNG a setting: a row a class, eight samples each, all settings from the same noise; the names written."""
    model, names = engine.model(plan.base.model), []
    samples = Samples(engine, reference, work, data if reference is None or reference.features is None else None)
    for asked, seed in plan.settings():
        found = [samples.of(asked, seed, label, plan.count // len(model.classes), job) for label in range(len(model.classes))]
        pictures = np.concatenate([one["sheet"] for one in found])
        path = folder / f"{asked.mode}-{asked.gamma_1:g}-{asked.steps}{f'-{asked.sampler}' * (len(plan.samplers) > 1)}{'-tuned' * asked.tuned}-{seed}.png"
        folder.mkdir(parents=True, exist_ok=True)
        save_png(path, contact_sheet(pictures, len(found[0]["sheet"])), wrap(GuidanceRequest(asked)))
        names.append(str(path))
    return names


def summary(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Mean and standard deviation over seeds of every setting that has several."""
    groups: dict[tuple, list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(tuple(row[name] for name in SETTING), []).append(row)
    return [dict(zip(SETTING, key, strict=True)) | {"seeds": len(found)} | {
        name: [round(float(np.mean([row[name] for row in found])), 4), round(float(np.std([row[name] for row in found])), 4)]
        for name in SUMMARISED if name in found[0]} for key, found in groups.items() if len(found) > 1]


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
            x_0 = as_tensor(data.images[rows, 0]).to(model.device)
            eps = torch.from_numpy(random.standard_normal(tuple(x_0.shape), np.float32)).to(model.device)
            labels = torch.cat([model.label_rows(int(k), 1) for k in data.labels[rows]])
            x_t = model.schedule.alpha(t) * x_0 + model.schedule.sigma(t) * eps
            errors.append(float((model.predict(x_t, t, labels) - eps).square().mean()))
    return float(np.mean(errors))


def _among_themselves(data: ImageSet, count: int, images: int = 500) -> dict[str, float]:
    """What a perfect model would get: `count` real pictures a class by chance, and how far a real picture lies from its nearest other one."""
    random, drawn = np.random.default_rng(1), []
    for label in range(len(data.classes)):
        members = np.flatnonzero(data.labels == label)
        pixels = data.images[random.choice(members, count, p=data.weights[members] / data.weights[members].sum()), 0].astype(np.float64)
        drawn.append({"count": np.array(count), "nfe": np.array(0), "sums": np.stack([pixels.sum(0), np.square(pixels).sum(0)]).transpose(0, 3, 1, 2)})
    flat = torch.from_numpy(data.images[:, 0].reshape(len(data.labels), -1)).float()
    chosen = random.choice(len(flat), min(images, len(flat)), replace=False)
    return {key: value for key, value in measured(drawn, None, held_out_moments(None, data)).items() if key != "nfe"} | {
        "nearest": round(float(_nearest(flat[chosen], flat, skip_same=True).mean()), 3)}


def held_out_moments(reference: Reference | None, data: ImageSet | None) -> tuple[np.ndarray, np.ndarray] | None:
    """Mean and variance [K, C, H, W] of each class in grey levels: held-out pictures, else the training set's, weighted as it is drawn."""
    if reference is not None and reference.mean is not None:
        return reference.mean, reference.variance
    if data is None:
        return None
    means, variances = [], []
    for label in range(len(data.classes)):
        y, w = data.images[data.labels == label, 0].astype(np.float64), data.weights[data.labels == label]
        mean = np.average(y, axis=0, weights=w)
        means.append(mean)
        variances.append(np.average(np.square(y - mean), axis=0, weights=w))
    return np.stack(means).transpose(0, 3, 1, 2), np.stack(variances).transpose(0, 3, 1, 2)


def measured(found: list[dict[str, np.ndarray]], reference: Reference | None, moments: tuple[np.ndarray, np.ndarray] | None) -> dict[str, float]:
    """The measures of one setting and seed from what was kept of every class. nfe: network evaluations an image, both branches counted."""
    row = {"nfe": float(np.mean([one["nfe"] for one in found]))}
    if reference is not None:
        row["accuracy"] = float(np.mean([(one["predicted"] == label).mean() for label, one in enumerate(found)]))
    if reference is not None and reference.features is not None:
        row |= reference.distance(torch.from_numpy(np.concatenate([one["features"] for one in found])).float())
    if moments is not None:
        shifts, ratios = [], []
        for one, mean, variance in zip(found, *moments, strict=True):
            n, (total, squares) = int(one["count"]), one["sums"]
            shifts.append(np.sqrt(np.square(total / n - mean).mean()))
            ratios.append(((squares - total**2 / n) / (n - 1)).mean() / variance.mean())
        row |= {"shift": float(np.mean(shifts)), "variance": float(np.mean(ratios))}
    if "nearest" in found[0]:
        row["nearest"] = float(np.mean([one["nearest"].mean() for one in found]))
    return {key: round(value, 4) for key, value in row.items()}


def _nearest(x: torch.Tensor, y: torch.Tensor, skip_same: bool = False) -> np.ndarray:
    """For each row of x the rms distance to the nearest row of y; `skip_same` passes over identical rows."""
    squares, distances = y.square().sum(1), []
    for part in x.split(CHUNK):
        gap = part.square().sum(1, keepdim=True) + squares - 2 * part @ y.T
        if skip_same:
            gap[gap < 0.25 * x.shape[1]] = torch.inf  # identical up to half a grey level
        distances.append((gap.min(1).values.clamp_min(0) / x.shape[1]).sqrt())
    return torch.cat(distances).numpy()
