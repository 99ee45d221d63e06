"""Files of tuned timesteps (JSON): one entry a sampler, step count, class and strength, all of one model.

    {"vernier-tuned": 1, "model", "model_hash", "prediction", "shape", "schedule", "entries": [{"sampler", "steps", "label", "mode", "gamma_1",
     "objective", "training", "times", "ratios", "loss_before", "loss_after", "draws", "seed", "seconds", ...}]}
An entry's ratios are tau / t of every network call, in order. "label" null stands for all classes.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from engines.diffusion import samplers
from engines.guidance.picture import write_whole
from engines.guidance.request import RATIO, SAMPLERS, Sampling
from engines.job import EngineError
from engines.weights import sha256

VERSION = 1
LONGEST = 1 << 20  # bytes: 100 schedules of 50 steps are a tenth of it
NEAR = 1e-3  # timesteps: a schedule's times must be those of the sampler that replays it


@dataclass(frozen=True)
class Entry:
    """One tuned schedule. times: where the coefficients stand at each network call; losses: held out, one a call."""

    sampler: str
    steps: int
    label: int | None
    mode: str
    gamma_1: float
    objective: str
    training: str
    times: tuple[float, ...]
    ratios: tuple[float, ...]
    loss_before: tuple[float, ...]
    loss_after: tuple[float, ...]
    draws: int
    seed: int
    seconds: float

    def __post_init__(self) -> None:
        rows = (self.times, self.ratios, self.loss_before, self.loss_after)
        fine = (self.sampler in SAMPLERS and isinstance(self.steps, int) and self.steps > 0 and len({len(row) for row in rows}) == 1 and self.times
                and all(isinstance(v, int | float) and np.isfinite(v) for row in rows for v in row)
                and all(RATIO[0] <= r <= RATIO[1] for r in self.ratios))
        if not fine:
            raise ValueError("an entry's parts do not fit together")

    @property
    def moved(self) -> int:
        """How many network calls are asked elsewhere than at their own timestep."""
        return sum(r != 1 for r in self.ratios)


@dataclass(frozen=True)
class Tuned:
    """What a run is asked to do: the ratios of its network calls, and what a person should know of them."""

    ratios: tuple[float, ...]
    notes: tuple[str, ...] = ()
    hash: str = ""
    filed: tuple[float, ...] = ()  # the file's own, where a hand has set others
    missing: str = ""  # why there are none in a file


class NoSchedule(EngineError):
    """A file that fits its model has nothing for these settings."""


PLAIN = Tuned(())


@dataclass(frozen=True)
class Tunings:
    """A file that fits its model."""

    name: str
    entries: tuple[Entry, ...]
    hash: str

    def find(self, settings: Sampling) -> Tuned:
        """The ratios for these settings: of their class before those of all, of their guidance mode before another, linear in strength between
        entries and held beyond them. EngineError naming what there is instead.
        """
        fitting = [e for e in self.entries if e.sampler == settings.sampler and e.steps == settings.steps]
        if not fitting:
            raise NoSchedule(f"{self.name} has no tuned timesteps for {settings.steps} steps of {settings.sampler}.",
                             remedy=f"It has {self.offered()}. Tune these: vernier tune.")
        blended = settings.label_2 is not None and settings.blend > 0
        own = [e for e in fitting if e.label == settings.label and not blended]
        fitting = own or [e for e in fitting if e.label is None]
        if not fitting:
            raise NoSchedule(f"{self.name} has no tuned timesteps for this class.", remedy="Tune them for all classes: vernier tune --class all.")
        same = [e for e in fitting if e.mode == settings.mode]
        rows = sorted(same or fitting, key=lambda e: e.gamma_1)
        rows = [e for e in rows if e.mode == rows[0].mode]
        strengths = [e.gamma_1 for e in rows]
        ratios = [float(np.interp(settings.gamma_1, strengths, values)) for values in zip(*(e.ratios for e in rows), strict=True)]
        notes = () if same else (f"timesteps tuned under {rows[0].mode.upper()}",)
        if not strengths[0] - 0.25 <= settings.gamma_1 <= strengths[-1] + 0.25:
            notes += (f"timesteps tuned at strength {min(strengths, key=lambda g: abs(g - settings.gamma_1)):g}",)
        return Tuned(tuple(ratios), notes, self.hash, tuple(ratios))

    def instead(self, settings: Sampling) -> str:
        """What there is where `find` has nothing, in a sentence for the window."""
        mine = [e for e in self.entries if e.sampler == settings.sampler]
        if any(e.steps == settings.steps for e in mine):
            return "No tuned timesteps for this class; the file holds other classes."
        steps = sorted({e.steps for e in mine})
        return (f"No tuned timesteps for {settings.steps} steps; tuned for {', '.join(map(str, steps))} steps." if steps else
                f"No tuned timesteps for this sampler; tuned are {self.offered()}.")

    def offered(self) -> str:
        """Samplers and step counts in words: "ddim 5, 8; euler 10"."""
        steps: dict[str, set[int]] = {}
        for entry in self.entries:
            steps.setdefault(entry.sampler, set()).add(entry.steps)
        return "; ".join(f"{sampler} {', '.join(map(str, sorted(found)))}" for sampler, found in steps.items()) or "none"


def about(model: Any) -> dict[str, Any]:
    """What a file says of the model it was made for."""
    return {"model_hash": model.hash, "prediction": model.prediction, "shape": list(model.shape), "schedule": model.schedule.describe()}


def read(path: Path, model: Any) -> Tunings:
    """The file in `path`. EngineError with the reason when it is damaged, or was made for another model or other timesteps."""
    try:
        if path.stat().st_size > LONGEST:
            raise ValueError("it is too long")
        found = json.loads(path.read_text(encoding="utf-8"))
        if found["vernier-tuned"] != VERSION:
            raise EngineError(f"{path.name} was written by a newer Vernier.", remedy="Update Vernier to use it.")
        entries = tuple(_entry(values) for values in found["entries"])
        reasons = [f"its {key.replace('_', ' ')} is {found[key]!r}, the model's {value!r}" for key, value in about(model).items() if found[key] != value]
    except OSError as error:
        raise EngineError(f"{path.name} cannot be read: {error.strerror}.", remedy="Choose a file of tuned timesteps.") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise EngineError(f"{path.name} is not a file of tuned timesteps ({error}).", remedy="Make one: vernier tune.") from error
    if not reasons:
        for e in entries:
            times = [t for _, t in samplers.calls(e.sampler, model.schedule, e.steps)]
            if len(times) != len(e.times) or max(abs(a - b) for a, b in zip(times, e.times, strict=True)) > NEAR:
                reasons.append(f"its {e.steps} steps of {e.sampler} stand at other timesteps")
    if reasons:
        raise EngineError(f"{path.name} does not fit {model.name}: {'; '.join(reasons)}.", remedy=f"Make one: vernier tune --model {model.name}.")
    return Tunings(path.name, entries, sha256(path))


def _entry(values: dict[str, Any]) -> Entry:
    known = {f.name for f in fields(Entry)}
    return Entry(**{key: tuple(value) if isinstance(value, list) else value for key, value in values.items() if key in known})


def write(path: Path, model: Any, entries: Sequence[Entry]) -> None:
    """Writes the file whole or not at all."""
    order = sorted(entries, key=lambda e: (SAMPLERS.index(e.sampler), e.steps, -1 if e.label is None else e.label, e.mode, e.gamma_1))
    listed = [{key: [round(v, 6) for v in value] if isinstance(value, tuple) else value for key, value in asdict(e).items()} for e in order]
    body = {"vernier-tuned": VERSION, "model": Path(model.name).name, **about(model), "entries": listed}
    write_whole(path, lambda file: file.write((json.dumps(body, indent=1) + "\n").encode()))
