"""Several seeds in a row, as mean and spread: what a claim about a setting rests on. A window imports this: no torch at its head."""

import csv
import io
import math
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from engines.gan.outcome import NAMES, Measures
from engines.gan.request import GanRequest, Smart
from engines.job import Cancelled, EngineError, Job

FRESH = (1000, 1001, 1002, 1003, 1004)  # nobody chose a setting on these
LAST, EVERY = 5, 100  # a result is the mean of so many looks at the end, so many steps apart
MEASURED = ("off", "modes", "kl", "width", "mmd")
HEADS = {"off": "off the manifold", "modes": "modes", "kl": "KL", "width": "width", "mmd": "MMD^2"}


@dataclass(frozen=True)
class SeedResult:
    """One seed's end: the measures of every arm, and the wall time of a step of all of them."""

    seed: int
    measures: tuple[Measures, ...]
    stopped: tuple[str, ...]
    ms_per_step: float


@dataclass(frozen=True)
class Table:
    """Rows per arm from finished seeds."""

    arms: tuple[str, ...]
    results: tuple[SeedResult, ...]

    def values(self, arm: int, name: str) -> list[float]:
        """A measure of every seed whose arm did not run away."""
        found = [getattr(result.measures[arm], name) for result in self.results if not result.stopped[arm]]
        return [value for value in found if math.isfinite(value)]

    def summary(self, arm: int, name: str) -> tuple[float, float]:
        """Mean and spread (sample standard deviation; nan for one seed)."""
        values = self.values(arm, name)
        return (statistics.fmean(values) if values else math.nan, statistics.stdev(values) if len(values) > 1 else math.nan)

    def to_dict(self) -> dict[str, Any]:
        """For JSON, which knows no NaN: None stands for what cannot be said."""
        return {"seeds": [result.seed for result in self.results],
                "arms": [{"arm": arm, "ran_away": sum(bool(result.stopped[k]) for result in self.results)} | {
                    name: dict(zip(("mean", "spread"), map(_said, self.summary(k, name)), strict=True)) | {"each": self.values(k, name)} for name in MEASURED}
                    for k, arm in enumerate(self.arms)],
                "ms_per_step": round(statistics.fmean(result.ms_per_step for result in self.results), 3) if self.results else None}

    def text(self) -> str:
        """For people: one line an arm."""
        lines = [f"{'':10}" + "".join(f"{HEADS[name]:>20}" for name in MEASURED)]
        for k, arm in enumerate(self.arms):
            cells = [spoken(name, *self.summary(k, name)) for name in MEASURED]
            lines.append(f"{arm:10}" + "".join(f"{cell:>20}" for cell in cells))
        return "\n".join(lines)

    def csv(self) -> str:
        """One line a seed and arm."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(["seed", "arm", *MEASURED, "stopped"])
        for result in self.results:
            for arm, found, stopped in zip(self.arms, result.measures, result.stopped, strict=True):
                writer.writerow([result.seed, arm, *(getattr(found, name) for name in MEASURED), stopped])
        return out.getvalue()


def _said(value: float) -> float | None:
    return value if math.isfinite(value) else None


def spoken(name: str, mean: float, spread: float) -> str:
    """"32.2 +- 8.7 %" or "24.7 +- 0.5"."""
    factor, digits, unit = {"off": (100, 1, " %"), "modes": (1, 1, ""), "kl": (1, 3, ""), "width": (1, 2, ""), "mmd": (1000, 1, " e-3")}[name]
    if math.isnan(mean):
        return "-"
    about = "" if math.isnan(spread) else f" \N{PLUS-MINUS SIGN} {factor * spread:.{digits}f}"
    return f"{factor * mean:.{digits}f}{about}{unit}"


def mean_of(looks: Sequence[Measures]) -> Measures:
    """The mean of several looks at one generator; modes stay a number with a fraction."""
    last = looks[-1]
    return replace(last, **{name: statistics.fmean(getattr(look, name) for look in looks) for name in MEASURED})


def train_seed(request: GanRequest, job: Job, arms: Sequence[Smart | None] | None = None, file: Path | None = None, done: float = 0.0,
               total: float = 1.0) -> tuple[SeedResult, Any]:
    """Trains one seed to its end and measures it finely; the result and the Lab.

    Goes on from `file`, which must be of the same settings, and writes it now and then, on a cancel and at the end.
    """
    from engines.gan.lab import Lab
    from engines.gan.training import FINE_POINTS

    lab = Lab(request, file, arms)
    lab.resume(same_settings=True)
    run, looks, began, first, told, saved = lab.run, [], time.monotonic(), lab.run.iteration, 0.0, time.monotonic()
    looking = [request.steps - EVERY * k for k in range(LAST)]

    def tick() -> None:
        nonlocal told, saved
        if run.iteration in looking:
            looks.append(run.measure(FINE_POINTS, 2000))
        now = time.monotonic()
        if now - told > 0.1:
            told = now
            job.progress(round(1000 * (done + run.progress())), round(1000 * total), f"seed {request.seed}, step {run.iteration:,} of {request.steps:,}")
        if now - saved > 15:
            lab.save()
            saved = now

    try:
        lab.train(request.steps, tick)
    except Cancelled:
        lab.save()
        raise
    seconds = time.monotonic() - began
    if not looks:  # it was finished before, or every arm has stopped
        looks.append(run.measure(FINE_POINTS, 2000))
    lab.save()
    found = tuple(mean_of([look[k] for look in looks]) for k in range(len(run.arms)))
    return SeedResult(request.seed, found, tuple(run.stopped), 1000 * seconds / max(1, run.iteration - first)), lab


@dataclass(frozen=True)
class SeedsTask:
    """A request under several seeds, in the background. News are Tables that grow, the result is the whole one."""

    request: GanRequest
    seeds: tuple[int, ...]

    def __post_init__(self) -> None:
        if not self.seeds or len(self.seeds) > 100:
            raise EngineError(f"There are {len(self.seeds)} seeds.", remedy="Give 1 to 100 of them.")

    def carry_out(self, engine: Any, job: Job) -> Table:
        arms, table = NAMES if self.request.twin else NAMES[:1], Table(NAMES, ())
        for k, seed in enumerate(self.seeds):
            result, _ = train_seed(replace(self.request, seed=seed), job, done=k, total=len(self.seeds))
            table = Table(arms, (*table.results, result))
            job.news(table)
        return table
