"""The Guidance engine: requests in, pictures or points out. Keeps the models and tables it has opened."""

import math
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from engines.diffusion.noise import mixed, noise
from engines.diffusion.samplers import Step
from engines.guidance import calibrations, sources, statistics, tables, toys, tunings
from engines.guidance.guide import Correction, Guide, notes, plan, run
from engines.guidance.memo import Memo, remembered
from engines.guidance.outcome import Film, Outcome, Side
from engines.guidance.request import TOYS, Curve, Draw, GuidanceRequest, Sampling
from engines.guidance.tunings import PLAIN, Tuned
from engines.job import EngineError, Job
from engines.weights import verify

BATCH = 64
CLEAR_RHO = 4.0  # above this noise level a predicted picture is worse to look at than the four-step draft before it
CLIP_MARGIN = 0.05  # a white ground predicted a little too white is not burnt
FILM_BYTES = 96 * 2**20  # a side's film holds as many of its first images as fit: 3 of 512 x 512 in 20 steps, all of the small ones


class GuidanceEngine:
    """Runs Draw requests. `folder` holds the shipped weights and, beside each, its table `<name>.table.safetensors`."""

    def __init__(self, folder: Path, device: torch.device | None = None) -> None:
        self.folder, self.device = folder, device
        self._models: dict[str, sources.Asked] = {}
        self._tables: dict[str, tables.Table] = {}
        self._calibrations: dict[str, calibrations.Calibrations] = {}
        self._tunings: dict[str, tunings.Tunings] = {}
        self._statistics: dict[str, statistics.ClassStatistics | None] = {}

    def run(self, draw: Draw | GuidanceRequest | Sampling, job: Job) -> Outcome:
        """Both sides of a request, previews after every step unless it is a draft. Raises EngineError, Cancelled."""
        draw = draw if isinstance(draw, Draw) else Draw(draw if isinstance(draw, GuidanceRequest) else GuidanceRequest(draw))
        sides: list[Side] = []
        settings = draw.sides()
        for k, side in enumerate(settings):
            def show(part: Side, k: int = k) -> None:
                if not draw.draft:
                    job.preview(Outcome(draw.request, (*sides, part), unfinished=True))

            def tell(done: int, total: int, k: int = k) -> None:
                job.progress(k * total + done, len(settings) * total, "Sampling")

            sides.append(self.side(side, job, show, tell, film=draw.film))
        return Outcome(draw.request, tuple(sides), draw.draft)

    def side(self, settings: Sampling, job: Job, show: Callable[[Side], None] = lambda side: None,
             tell: Callable[[int, int], None] | None = None, memo: Memo | None = None, film: bool = False) -> Side:
        """One set of samples. With a memo, what the network has answered before is not asked again; `nfe` is what it costs without one."""
        if settings.model in TOYS:
            return toys.sample(settings, job, memo, film, self.asked_at(settings))
        return self._images(settings, job, show, tell or (lambda done, total: job.progress(done, total, "Sampling")), memo, film)

    def model(self, name: str, job: Job | None = None) -> sources.Asked:
        """The model, opened when it is first asked for; `job` hears of it and may cancel. Of large pipelines two stay open at most, or as fit."""
        if name not in self._models:
            others = [other for other in self._models if Path(other).is_dir()] if Path(name).is_dir() else []
            for other in others[:-1]:
                del self._models[other]
            try:
                self._models[name] = sources.open_model(name, self.folder, self.device, job)
            except EngineError:
                if not others:
                    raise
                del self._models[others[-1]]  # there may be room without it
                self._models[name] = sources.open_model(name, self.folder, self.device, job)
        return self._models[name]

    def table(self, settings: Sampling) -> tables.Table:
        """The table that the settings name, or the one beside their model. EngineError saying how to build it where there is none."""
        name, beside = settings.model, self.beside(settings.model, "table")
        path = Path(settings.table) if settings.table else beside
        key = f"{name}\n{path}"
        if key not in self._tables:
            if not path.exists():
                raise EngineError(f"{name} has no ReCFG table{' at ' + path.name if settings.table else ''}.",
                                  remedy=f"Build one: vernier table --model {name} --out {path.name}, or use CFG.")
            if path == beside and name in sources.SHIPPED:
                verify(path)
            self._tables[key] = tables.read(path, self.model(name))
        return self._tables[key]

    def calibration(self, settings: Sampling) -> calibrations.Calibrations | None:
        """The calibration that the settings name, or the one beside their model; None where there is none beside it."""
        name, beside = settings.model, self.beside(settings.model, "calibration")
        path = Path(settings.calibration) if settings.calibration else beside
        if path == beside and not path.exists():
            return None
        key = f"{name}\n{path}"
        if key not in self._calibrations:
            if path == beside and name in sources.SHIPPED:
                verify(path)
            self._calibrations[key] = calibrations.read(path, self.model(name))
        return self._calibrations[key]

    def class_statistics(self, settings: Sampling) -> tuple[statistics.ClassStatistics | None, str]:
        """What the class's data are like, or None and why that is not known. EngineError when the file is damaged."""
        if why := statistics.unfit(settings):
            return None, why
        name, path = settings.model, statistics.place(settings.model, sources.SHIPPED, self.folder.parent / "samples")
        if name not in self._statistics:
            self._statistics[name] = statistics.read(path) if path.exists() else None
        found = self._statistics[name]
        if found is None:
            return None, "the model came without statistics of its data (vernier statistics makes them)"
        if found.mean.shape[1:] != self.model(name).shape or found.classes != self.model(name).classes:
            raise EngineError(f"{path.name} belongs to another model.", remedy=f"Build it anew: vernier statistics --model {Path(name).name}.")
        return (found, "") if settings.label < len(found.classes) else (None, "the model has no such class")

    def forget(self, name: str) -> None:
        """A model file of one's own has been written anew: it and what belongs to it are read again when next asked for."""
        self._models.pop(name, None)
        self._statistics.pop(name, None)
        for cache in (self._tables, self._calibrations, self._tunings):
            for key in [key for key in cache if key.startswith(f"{name}\n")]:
                cache.pop(key, None)

    def close(self) -> None:
        for cache in (self._models, self._tables, self._calibrations, self._tunings, self._statistics):
            cache.clear()

    def beside(self, name: str, kind: str) -> Path:
        """Where a model's table, calibration or reference lies when no other is named."""
        return sources.beside(name, self.folder, kind, ".json" if kind in ("tuned", "quality") else ".safetensors")

    def tuned(self, settings: Sampling) -> Tuned:
        """The timestep ratios that these settings ask the network at. EngineError where a file is asked for and has none that fit."""
        if not settings.tuned:
            return PLAIN
        if settings.ratios:
            return Tuned(settings.ratios)
        return self.tunings(settings).find(settings)

    def tunings(self, settings: Sampling) -> tunings.Tunings:
        """The file of tuned timesteps that the settings name, or the one beside their model. EngineError saying how to make it."""
        name, beside = settings.model, self.beside(settings.model, "tuned")
        path = Path(settings.tuning) if settings.tuning else beside
        key = f"{name}\n{path}\n{path.stat().st_mtime_ns if path.exists() else 0}"  # a file may be tuned further while it is in use
        if key not in self._tunings:
            if not path.exists():
                raise EngineError(f"{Path(name).name} has no tuned timesteps{' at ' + path.name if settings.tuning else ''}.",
                                  remedy=f"Tune them: vernier tune --model {name} --out {path.name}.")
            if path == beside and name in sources.SHIPPED:
                verify(path)
            self._tunings[key] = tunings.read(path, toys.as_model(name) if name in TOYS else self.model(name))
        return self._tunings[key]

    def asked_at(self, settings: Sampling) -> Tuned:
        """As `tuned`, with what the file has where a hand has set others. Plain timesteps and a note where nothing fits; a file that was named
        and will not do at all (another model's, damaged, not there) is an EngineError.
        """
        if not settings.tuned:
            return PLAIN
        try:
            found = self.tunings(settings).find(settings)
        except EngineError as error:
            soft = isinstance(error, tunings.NoSchedule)
            if settings.tuning and not settings.ratios and not soft:
                raise
            there = Path(settings.tuning or self.beside(settings.model, "tuned")).exists()
            missing = self.tunings(settings).instead(settings) if soft else str(error) if there else "There are no tuned timesteps for this model yet."
            return Tuned(settings.ratios, () if settings.ratios else (f"plain timesteps: {error}",), missing=missing)
        return replace(found, ratios=settings.ratios, notes=(), hash="") if settings.ratios else found

    def _corrected(self, settings: Sampling) -> tuple[Sampling, Correction | None, str, tuple[str, ...]]:
        """Mode "calibrated": the settings with the noise level in force, the correction, its file's hash, and what to tell."""
        if settings.mode != "calibrated":
            return settings, None, "", ()
        found = self.calibration(settings)
        level = settings.guide_below if math.isfinite(settings.guide_below) else self.tuned_level(settings)
        settings = replace(settings, guide_below=level)
        blended = settings.label_2 is not None and settings.blend > 0
        one = None if found is None or blended or self.model(settings.model).text else found.of(settings.label)
        if one is None:
            why = "this model has no calibration" if found is None else "a blend has no calibration" if blended else "this class has no calibration"
            return settings, None, "", (f"{why}: the guidance interval alone",)
        beyond = (f"no offset above noise level {found.rho_hi:g}, where the calibration ends",) if level > found.rho_hi * (1 + 1e-9) else ()
        return settings, one.at(settings.gamma_1, settings.sharpness), found.hash, beyond

    def companion_hash(self, settings: Sampling) -> str:
        """The hash of the table or the calibration that these settings draw with, "" where it is neither. EngineError as for them."""
        if settings.mode in ("recfg", "literal"):
            return self.table(settings).hash
        return self._corrected(settings)[2]

    def ratio_of(self, settings: Sampling, model: Any) -> Callable[[float], Any]:
        """t -> r of the settings' class, [1, ...] or a number; 1 for modes without a table. `model` as opened, a toy too."""
        return toys.ratio_of(settings) if settings.model in TOYS else self._ratio(settings, model)[0]

    def _ratio(self, settings: Sampling, model: sources.Asked) -> tuple[Callable[[float], Any], str]:
        """t -> r for the table modes, and the table's hash."""
        if settings.mode not in ("recfg", "literal"):
            return (lambda t: 1.0), ""
        table, kind = self.table(settings), "ratio" if settings.mode == "recfg" else "literal"
        weights = table.weights(model, settings)
        return (lambda t: table.at(kind, weights, model.schedule.lam(t)).to(model.device)), table.hash

    def tuned_level(self, settings: Sampling) -> float:
        """The noise level that the calibrated mode guides below where none is set."""
        found = None if settings.model in TOYS else self.calibration(settings)
        return found.rho_hi if found else calibrations.DEFAULT_LEVEL

    def rectified(self, settings: Sampling) -> Curve:
        """r of Eq. 45 for the class, its mean over pixels or axes, over rho. EngineError for a model without a table."""
        if settings.model in TOYS:
            return toys.rectified(settings)
        table = self.table(settings)
        return table.over_levels("ratio", table.weights(self.model(settings.model), settings))

    def _images(self, settings: Sampling, job: Job, show: Callable[[Side], None], tell: Callable[[int, int], None],
                memo: Memo | None, film: bool) -> Side:
        model = self.model(settings.model, job)
        ratio, table_hash = self._ratio(settings, model)
        asked, (settings, correction, calibration_hash, told) = settings, self._corrected(settings)
        recorder, presets = _Recorder(settings, model) if film else None, {}
        if settings.mode == "curve":
            with suppress(EngineError):
                presets["tuned_level"] = self.tuned_level(settings)
            with suppress(EngineError):  # a model without a table has no rectified curve
                presets["rectified"] = self.rectified(settings)
        known, unknown = self.class_statistics(asked)
        batch = min(BATCH, model.batch)
        sources.memory_check(model, min(settings.count, batch))
        tuned = self.asked_at(settings)
        calls = plan(settings, model.schedule, ratio, correction, tuned.ratios)
        job.check()
        started, network, nfe = time.perf_counter(), 0.0, 0
        done, clipped, per_step = [], 0.0, {}
        pixels = model.shape[0] <= 3  # latents have no grey levels, and no range to leave

        def side(images: np.ndarray, **more: Any) -> Side:
            return Side(asked, images, class_names=model.classes, model_hash=model.hash, table_hash=table_hash or calibration_hash,
                        seconds=time.perf_counter() - started, **presets, **more)

        for first in range(0, settings.count, batch):
            count = min(batch, settings.count - first)
            rows = model.condition(settings, count)
            x = _start(settings, first, count, model)
            guide = Guide(settings, model.schedule, calls, remembered(memo, settings, lambda x, t, tau, rows=rows: model.pair(x, t, rows, tau), 2),
                          remembered(memo, settings, lambda x, t, tau, rows=rows: model.predict(x, t, rows, tau), 1), job.check, correction,
                          limit=1 + CLIP_MARGIN if pixels else None)

            def shown(step, first: int = first) -> None:
                if recorder is not None and first == 0:
                    recorder.add(step)
                tell(first * settings.steps // batch + step.i + 1, -(-settings.count // batch) * settings.steps)
                worth_seeing = model.schedule.rho(step.t) <= CLEAR_RHO or job.superseded  # a superseded job shows what it has, and is cut
                if first == 0 and step.i + 1 < settings.steps and worth_seeing and (job.drawn is None or job.drawn.is_set()):
                    show(side(to_pixels(model.preview(step.x0))))

            x_0 = model.decode(run(guide, x, shown))
            done.append(to_pixels(x_0))
            clipped += float((x_0.abs() > 1 + CLIP_MARGIN).float().mean()) * count / settings.count
            network, nfe = network + guide.network_seconds, nfe + guide.nfe
            per_step = per_step or {key: np.array(values) for key, values in guide.record.items()} | (
                in_grey(guide.samples_seen()) if pixels else {})
        images = np.concatenate(done)
        return side(images, network_seconds=network, nfe=nfe, clipped=clipped, per_step=per_step,
                    notes=notes(settings, model.schedule, calls) + told + tuned.notes + model.notes(settings),
                    against=known and known.against(settings.label, images), unknown=unknown, film=recorder and recorder.film(),
                    ratios=tuned.ratios, filed=tuned.filed, untuned=tuned.missing)


class _Recorder:
    """Keeps the first images of a run after every step; FILM_BYTES says how many. A latent model's are its previews."""

    def __init__(self, settings: Sampling, model: sources.Asked) -> None:
        self._model, self._predicted, self._noisy, self._levels = model, [], [], []
        self._count = max(1, min(BATCH, settings.count, FILM_BYTES // (2 * settings.steps * math.prod(model.shape))))

    def add(self, step: Step) -> None:
        sigma = 0.0 if step.t_next is None else self._model.schedule.sigma(step.t_next)
        self._predicted.append(to_pixels(self._model.preview(step.x0[: self._count])))
        # noise beyond two deviations is clipped, not all beyond one
        self._noisy.append(to_pixels(self._model.preview(step.x[: self._count] / (1 + sigma))))
        self._levels.append(self._model.schedule.rho(step.t))

    def film(self) -> Film:
        return Film(np.stack(self._predicted), np.stack(self._noisy), np.array(self._levels))


def _start(settings: Sampling, first: int, count: int, model: sources.Asked) -> torch.Tensor:
    if settings.seed_2 is None:
        x = noise(settings.seed, first, count, model.shape)
    else:
        x = mixed(settings.seed, settings.seed_2, settings.seed_mix, first, count, model.shape)
    return x.to(model.device)


def in_grey(seen: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Guide.samples_seen of images in [-1, 1] as grey levels, 0-255."""
    grey = {"mean": lambda values: (values[:, 0] + 1) * statistics.GREY, "deviation": lambda values: values * statistics.GREY}
    return {key: grey.get(key, lambda same: same)(values) for key, values in seen.items()}


def to_pixels(x_0: torch.Tensor) -> np.ndarray:
    """[-1, 1] [B, C, H, W] -> uint8 [B, H, W, C], clipped."""
    return ((x_0.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous().cpu().numpy()
