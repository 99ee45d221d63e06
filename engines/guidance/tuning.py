"""Tuned schedules of one model: which are asked for, what a run of the tuner is given, and the file that keeps them."""

import json
import time
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from engines.diffusion import samplers
from engines.diffusion.noise import noise, noise_block
from engines.guidance import toys, tunings
from engines.guidance.picture import write_whole
from engines.guidance.request import TOYS, Sampling
from engines.guidance.time_tuner import Draws, Found, Run, tune
from engines.guidance.tune_request import Trial, Tuning
from engines.guidance.tune_request import TuneRequest as TuneRequest
from engines.guidance.tune_request import TuneTask as TuneTask
from engines.guidance.tunings import Entry
from engines.job import EngineError, Job
from engines.parallel import Group

if TYPE_CHECKING:
    from engines.guidance.engine import GuidanceEngine

SEED = 2_000_003  # of the tuner's noise: far from the seeds a person types, and from the calibration's


def build(engine: "GuidanceEngine", request: TuneRequest, out: Path, job: Job, group: Group, live: bool = False) -> dict[str, Any]:
    """Tunes every schedule and writes the file after each; returns its facts. What `out` holds of this model already stays, replaced
    where it is tuned anew. Resumes from `<out>.state` after the last network call. Draws are shared out over the group's processes.
    """
    model = toys.as_model(request.model) if request.model in TOYS else engine.model(request.model, job)
    labels = [label for label in request.labels if label is not None]
    if model.classes and any(label >= len(model.classes) for label in labels):
        raise EngineError(f"{model.name} has no class {max(labels)}.", remedy=f"Its classes are 0 to {len(model.classes) - 1}.")
    entries = {_key(e): e for e in tunings.read(out, model).entries} if out.exists() else {}
    state = _State(out, json.dumps([model.hash, asdict(request), SEED]), group)
    rows, evaluations, started = [], 0, time.perf_counter()
    wanted = list(zip(request.schedules(), request.whole(), strict=True))
    for index, (settings, label) in enumerate(wanted):
        if index < state.whole:
            entry = Entry(**{k: tuple(v) if isinstance(v, list) else v for k, v in state.entries[index].items()})
        else:
            entry, asked = _tuned(engine, model, request, settings, label, index, len(wanted), state, job, group, live)
            evaluations += asked
        entries[_key(entry)] = entry
        if group.rank == 0:
            tunings.write(out, model, list(entries.values()))
        rows.append({"sampler": entry.sampler, "steps": entry.steps, "label": entry.label, "gamma_1": entry.gamma_1, "mode": entry.mode,
                     "ratios": list(entry.ratios), "moved": entry.moved, "seconds": entry.seconds,
                     "loss": [_over_calls(entry, entry.loss_before), _over_calls(entry, entry.loss_after)]})
    state.forget()
    return {"out": str(out), "objective": request.objective, "training": request.training, "schedules": rows,
            "evaluations": evaluations, "seconds": round(time.perf_counter() - started, 1)}


def _over_calls(entry: Entry, losses: tuple[float, ...]) -> float:
    """The sum over network calls; the one loss of endpoint, which stands at each of them."""
    return float(f"{losses[0] if entry.objective == 'endpoint' else sum(losses):.5g}")


def _key(e: Entry) -> tuple:
    return e.sampler, e.steps, e.label, e.mode, e.gamma_1


def _tuned(engine: "GuidanceEngine", model: Any, request: TuneRequest, settings: Sampling, label: int | None, index: int, count: int,
           state: "_State", job: Job, group: Group, live: bool = False) -> tuple[Entry, int]:
    """One schedule; (entry, images asked of one branch or both)."""
    started = time.perf_counter()
    draws = _draws(engine, model, request, settings, label, group)
    inner = Job(lambda kind, values: job.tell(kind, ((index + values[0]) / count, f"{settings.sampler} {settings.steps}: {values[1]}"))
                if kind == "progress" else job.tell(kind, values))
    inner.check = job.check
    try:
        run = Run(model, settings, draws, job.check)
        calls = sum(i < settings.steps - 1 for i in run.steps_of)
        if live:
            run.tried = lambda k, r, loss: job.news(Trial(index, k, r, loss))

        def told(found: Found) -> None:
            if request.objective != "endpoint":  # whose calls are found together: there is nothing to go on from
                state.add(found)
            job.news(Tuning(index, count, settings, found, calls))
        found = tune(run, request.objective, request.training, request.iterations, inner, group, told, state.calls)
    except ValueError as error:
        raise EngineError(f"These timesteps cannot be tuned: {error}.", remedy="Train sequentially, or choose another sampler.") from error
    rest = len(run.steps_of) - len(found)
    entry = Entry(settings.sampler, settings.steps, label, request.mode, settings.gamma_1, request.objective, request.training,
                  tuple(t for _, t in samplers.calls(settings.sampler, model.schedule, settings.steps)),
                  (*(f.ratio for f in found), *[1.0] * rest), (*(f.before for f in found), *[0.0] * rest),
                  (*(f.after for f in found), *[0.0] * rest), request.draws, SEED, round(state.spent + time.perf_counter() - started, 1))
    state.close(entry)
    return entry, run.evaluations * len(draws.z)


def _draws(engine: "GuidanceEngine", model: Any, request: TuneRequest, settings: Sampling, label: int | None, group: Group) -> Draws:
    """This process's part of the draws: noise, and for each its class (all in turn where the schedule is for all)."""
    total, held = request.draws + request.draws // 2, request.draws // 2
    mine = [*range(group.rank, request.draws, group.size), *range(request.draws + group.rank, total, group.size)]
    z = noise_block(SEED, total, model.shape[0]) if len(model.shape) == 1 else noise(SEED, 0, total, model.shape)
    classes = [(k % len(model.classes) if label is None else label) for k in mine] if model.classes else []

    def rows(part: slice) -> Any:
        if not classes:
            return model.condition(settings, part.stop - part.start)
        return torch.cat([model.label_rows(c, 1) for c in classes[part]])

    ratios = {c: engine.ratio_of(replace(settings, label=c), model) for c in sorted(set(classes))} if classes else {None: engine.ratio_of(settings, model)}

    def ratio(t: float, part: slice) -> Any:
        if settings.mode not in ("recfg", "literal"):
            return 1.0
        each = {c: torch.as_tensor(one(t)) for c, one in ratios.items()}
        return _rows([each[c] for c in classes[part]]) if classes else each[None]

    return Draws(z[mine].to(model.device), rows, ratio, len(range(group.rank, held, group.size)))


def _rows(values: list[Tensor]) -> Tensor:
    """[B, ...] of values that are numbers or [1, ...]."""
    return torch.cat([v if v.ndim else v.reshape(1, 1) for v in values])


class _State:
    """What is done so far, in `<out>.state<rank>`: whole schedules, and the network calls of the one under way."""

    def __init__(self, out: Path, identity: str, group: Group) -> None:
        self._path, self._identity = out.with_name(f"{out.name}.state{group.rank}"), identity
        self.entries: list[dict[str, Any]] = []
        self.calls: tuple[Found, ...] = ()
        self.spent, self._started = 0.0, time.perf_counter()
        if self._path.exists():
            self._read()

    @property
    def whole(self) -> int:
        return len(self.entries)

    def _read(self) -> None:
        """A state of another job, or a damaged one, is not used."""
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
            if found["identity"] == self._identity:
                known = {f.name for f in fields(Found)}
                self.entries, self.spent = found["entries"], float(found["spent"])
                self.calls = tuple(Found(**{k: tuple(map(tuple, v)) if k == "tried" else v for k, v in one.items() if k in known}) for one in found["calls"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            self.entries, self.calls, self.spent = [], (), 0.0

    def add(self, found: Found) -> None:
        self.calls += (found,)
        self._save()

    def close(self, entry: Entry) -> None:
        self.entries.append(asdict(entry))
        self.calls, self.spent, self._started = (), 0.0, time.perf_counter()
        self._save()

    def _save(self) -> None:
        spent = self.spent + time.perf_counter() - self._started if self.calls else 0.0
        body = {"identity": self._identity, "entries": self.entries, "calls": [asdict(found) for found in self.calls], "spent": spent}
        write_whole(self._path, lambda file: file.write(json.dumps(body).encode()))

    def forget(self) -> None:
        self._path.unlink(missing_ok=True)


