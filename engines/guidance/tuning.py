"""Tuned schedules of one model: which are asked for, what a run of the tuner is given, and the file that keeps them."""

import json
import time
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from engines.diffusion import samplers
from engines.diffusion.noise import noise, noise_block
from engines.guidance import toys, tunings
from engines.guidance.picture import write_whole
from engines.guidance.request import SAMPLERS, TOYS, Sampling
from engines.guidance.time_tuner import OBJECTIVES, PARALLEL, TRAININGS, Draws, Found, Run, tune
from engines.guidance.tunings import Entry
from engines.job import EngineError, Job
from engines.parallel import Group

if TYPE_CHECKING:
    from engines.guidance.engine import GuidanceEngine

SEED = 2_000_003  # of the tuner's noise: far from the seeds a person types, and from the calibration's
MODES = ("cfg", "recfg", "literal", "rescale", "zero-star")  # what a single network call decides; the others move x or remember


@dataclass(frozen=True)
class TuneRequest:
    """`vernier tune`: every sampler with every step count, class and strength."""

    model: str = "emoji3d"
    samplers: tuple[str, ...] = ("ddim",)
    steps: tuple[int, ...] = (10,)
    labels: tuple[int | None, ...] = (None,)  # None = one schedule for all classes
    strengths: tuple[float, ...] = (3.0,)
    mode: str = "cfg"
    objective: str = "endpoint"
    training: str = "sequential"
    draws: int = 24  # noises trained on; half as many more are held out
    iterations: int = 500  # of Adam, for the paper's objectives; 0 searches as for the others
    prompt: str = ""
    table: str = ""

    def __post_init__(self) -> None:
        for name, words in (("objective", OBJECTIVES), ("training", TRAININGS), ("mode", MODES)):
            if getattr(self, name) not in words:
                raise EngineError(f"{name} is {getattr(self, name)!r}.", remedy=f"Use one of: {', '.join(words)}.")
        if self.training == "parallel" and self.objective not in PARALLEL:
            raise EngineError(f"The objective {self.objective} follows one path from noise.", remedy="Train it sequentially.")
        for name in ("samplers", "steps", "labels", "strengths"):
            if not getattr(self, name):
                raise EngineError(f"There are no {name} to tune.", remedy="Name at least one.")
        if not all(isinstance(n, int) and 2 <= n <= 100 for n in self.steps):
            raise EngineError(f"steps are {self.steps}.", remedy="Tuned schedules have 2 to 100 steps: the last one is left alone.")
        if not 8 <= self.draws <= 4096 or not 0 <= self.iterations <= 100_000:
            raise EngineError("These numbers of draws and iterations will not do.", remedy="Use 8 to 4,096 draws and at most 100,000 iterations.")
        for settings in self.schedules():
            if settings.sampler not in SAMPLERS:
                raise EngineError(f"sampler is {settings.sampler!r}.", remedy=f"Use one of: {', '.join(SAMPLERS)}.")

    def schedules(self) -> list[Sampling]:
        """What is tuned, one after the other; `label` is the class, or 0 where one schedule serves all."""
        return [Sampling(model=self.model, sampler=sampler, steps=n, label=label or 0, gamma_1=g, mode=self.mode, prompt=self.prompt, table=self.table)
                for sampler in self.samplers for n in self.steps for label in self.labels for g in self.strengths]

    def whole(self) -> list[int | None]:
        """For each of `schedules` the class it is for, None for all."""
        return [label for _ in self.samplers for _ in self.steps for label in self.labels for _ in self.strengths]


@dataclass(frozen=True)
class Tuning:
    """News of a running job: schedule `index` of `count`, and the network call that was just tuned, of `calls`."""

    index: int
    count: int
    settings: Sampling
    found: Found
    calls: int


@dataclass(frozen=True)
class TuneTask:
    """For the background lane: tunes what the request asks for into the file `out`."""

    request: TuneRequest
    out: str

    def carry_out(self, engine: "GuidanceEngine", job: Job) -> dict[str, Any]:
        with Group() as group:
            return build(engine, self.request, Path(self.out), job, group)


def build(engine: "GuidanceEngine", request: TuneRequest, out: Path, job: Job, group: Group) -> dict[str, Any]:
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
            entry, asked = _tuned(engine, model, request, settings, label, index, len(wanted), state, job, group)
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
           state: "_State", job: Job, group: Group) -> tuple[Entry, int]:
    """One schedule; (entry, images asked of one branch or both)."""
    started = time.perf_counter()
    draws = _draws(engine, model, request, settings, label, group)
    inner = Job(lambda kind, values: job.tell(kind, ((index + values[0]) / count, f"{settings.sampler} {settings.steps}: {values[1]}"))
                if kind == "progress" else job.tell(kind, values))
    inner.check = job.check
    try:
        run = Run(model, settings, draws, job.check)
        calls = sum(i < settings.steps - 1 for i in run.steps_of)

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


