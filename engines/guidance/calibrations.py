"""Files of calibrated guidance: built class by class with the model alone, kept in one safetensors file, read for any run.

S strengths, K calibrated classes, T guided steps, r directions, n = C H W; all float16:
    offsets [S, K, T, C, H, W]     stretches [S, K, T, r]     targets [K, T, r]     directions [K, n, r]
A class that was not calibrated, a blend of two, and a model without a file use the guidance interval alone.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engines.diffusion.noise import noise
from engines.guidance.calibrated import SOLVER, ClassCalibration, calibrate
from engines.guidance.train import write
from engines.job import EngineError, Job
from engines.weights import read_safetensors, sha256

PARTS = ("offsets", "stretches", "targets", "directions")
SEED = 1_000_003  # of the calibration's noise: far from the seeds a person types
DEFAULT_LEVEL = 1.0  # rho_hi of a model that was never calibrated


@dataclass(frozen=True)
class CalibrateRequest:
    """`vernier calibrate`: everything a calibration depends on but the model."""

    gammas: tuple[float, ...] = (2.0, 3.0, 5.0)
    rho_hi: float = DEFAULT_LEVEL
    steps: int = 50
    draws: int = 64
    directions: int = 8
    classes: tuple[int, ...] = ()  # empty = all
    shrink: bool = True

    def __post_init__(self) -> None:
        fine = (self.gammas and all(1 < g <= 30 for g in self.gammas) and list(self.gammas) == sorted(set(self.gammas))
                and self.rho_hi > 0 and self.steps >= 2 and 8 <= self.draws <= 4096 and 1 <= self.directions < self.draws)
        if not fine:
            raise EngineError("These settings of a calibration do not fit together.",
                              remedy="Strengths rise and lie between 1 and 30, at least 2 steps, 8 to 4,096 draws, fewer directions than draws.")


@dataclass(frozen=True)
class Calibrations:
    """A file that fits its model."""

    classes: tuple[int, ...]
    gammas: tuple[float, ...]
    rho_hi: float
    lam: np.ndarray
    tensors: dict[str, Tensor]
    hash: str

    def of(self, label: int) -> ClassCalibration | None:
        """A class's calibration; None where it has none."""
        if label not in self.classes:
            return None
        k = self.classes.index(label)
        offsets, stretches, targets, directions = (self.tensors[part] for part in PARTS)
        return ClassCalibration(self.gammas, self.rho_hi, self.lam, offsets[:, k], stretches[:, k], targets[k], directions[k])


def read(path: Path, model: Any) -> Calibrations:
    """The file in `path` on the model's device. EngineError with the reason when it is damaged or was made for another model."""
    tensors, meta = read_safetensors(path)
    try:
        header = json.loads(meta["vernier-calibration"])
        reasons = [f"its {word} is {header[key]!r}, the model's {value!r}" for key, word, value in _fit(model) if header[key] != value]
        lam, classes, gammas = np.array(header["lam"], float), tuple(header["classes"]), tuple(header["gammas"])
        s, k, t, r = len(gammas), len(classes), len(lam), int(header["directions"])
        shapes = {"offsets": (s, k, t, *model.shape), "stretches": (s, k, t, r), "targets": (k, t, r), "directions": (k, int(np.prod(model.shape)), r)}
        found = {part: tensors[part].float() for part in PARTS}
    except (KeyError, ValueError, TypeError) as error:
        raise EngineError(f"{path.name} is not a calibration ({error}).", remedy="Make one: vernier calibrate.") from error
    reasons += [f"its {part} are {tuple(found[part].shape)}, not {shape}" for part, shape in shapes.items() if tuple(found[part].shape) != shape]
    if reasons:
        raise EngineError(f"{path.name} does not fit {model.name}: {'; '.join(reasons)}.", remedy=f"Make one: vernier calibrate --model {model.name}.")
    if not all(part.isfinite().all() for part in found.values()):
        raise EngineError(f"{path.name} holds numbers that are not finite.", remedy="Make it anew: vernier calibrate.")
    return Calibrations(classes, gammas, float(header["rho_hi"]), lam, {k: v.to(model.device) for k, v in found.items()}, sha256(path))


def _fit(model: Any) -> tuple[tuple[str, str, Any], ...]:
    return (("model_hash", "model hash", model.hash), ("prediction", "prediction type", model.prediction), ("shape", "shape", list(model.shape)),
            ("schedule", "schedule", model.schedule.describe()))


def build(model: Any, request: CalibrateRequest, out: Path, job: Job) -> dict[str, Any]:
    """Calibrates class after class and writes the file; returns its facts. Resumes after the last whole class from `<out>.state`."""
    if model.text:
        raise EngineError("A calibration belongs to classes; this model reads prompts.", remedy="Mode calibrated works with it by the guidance interval alone.")
    classes = request.classes or tuple(range(len(model.classes)))
    identity = json.dumps([model.hash, request.gammas, request.rho_hi, request.steps, request.draws, request.directions, request.shrink, SEED])
    state = out.with_name(f"{out.name}.state")
    done = _resume(state, identity)
    z = noise(SEED, 0, request.draws, model.shape).to(model.device)
    lam = np.zeros(0)
    for k, label in enumerate(classes):
        inner = Job(lambda kind, values, k=k, label=label: job.tell(kind, ((k + values[0]) / len(classes), f"{model.classes[label]}")))
        inner.check = job.check
        if f"offsets.{label}" in done:
            continue
        rows = model.label_rows(label, len(z))
        try:
            with torch.inference_mode():
                made = calibrate(lambda x, t, rows=rows: model.pair(x, t, rows), lambda x, t, rows=rows: model.predict(x, t, rows), model.schedule, z,
                                 request.gammas, request.rho_hi, request.steps, request.directions, inner, request.shrink)
        except ValueError as error:
            raise EngineError(f"This calibration cannot be made: {error}.", remedy="Raise the noise level or the number of steps.") from error
        done |= {f"{part}.{label}": getattr(made, part).half().cpu().contiguous() for part in PARTS} | {"lam": torch.from_numpy(made.lam)}
        write(state, done, {"identity": identity})
    lam = done["lam"].numpy()
    tensors = {part: torch.stack([done[f"{part}.{label}"] for label in classes], 1 if part in ("offsets", "stretches") else 0) for part in PARTS}
    header = {key: value for key, _, value in _fit(model)} | {
        "model": model.name, "classes": list(classes), "gammas": list(request.gammas), "rho_hi": request.rho_hi, "steps": request.steps,
        "draws": request.draws, "directions": request.directions, "shrink": request.shrink, "solver": SOLVER, "lam": lam.tolist()}
    write(out, {k: v.contiguous() for k, v in tensors.items()}, {"vernier-calibration": json.dumps(header)})
    state.unlink(missing_ok=True)
    offset = tensors["offsets"].float().square().mean().sqrt()
    return {"out": str(out), "classes": len(classes), "guided_steps": len(lam), "bytes": out.stat().st_size, "offset_rms": round(float(offset), 4),
            "evaluations": len(classes) * request.draws * (request.steps + 2 * len(lam) * len(request.gammas))}


def _resume(state: Path, identity: str) -> dict[str, Tensor]:
    if not state.exists():
        return {}
    tensors, meta = read_safetensors(state)
    return tensors if meta.get("identity") == identity else {}
