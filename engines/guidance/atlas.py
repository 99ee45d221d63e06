"""The atlas: what every pair of coefficients does to the mean and the variance of one class, as a map that grows finer.

Coordinates: gamma_1 (evenly spaced in its logarithm) and the coefficient sum S = gamma_1 + gamma_0, since samples live only
near S = 1, the line of CFG. At every point N samples grow from the same noise; against the class (its data, a toy's exact
moments, or the model's own unguided samples where there is neither):
    shift    rms over pixels of the difference of the means, grey levels (a toy: |E[x] - mu_c|), the part that N samples
             show by chance taken off
    ratio    mean over pixels of the variance over that of the class: 1 is right, below it variety is lost
Plain Python and numpy: atlas_cells.py, imported when a task is carried out, does the sampling.
"""

import hashlib
import json
import math
import os
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from engines.diffusion import solver_names
from engines.guidance.request import TOYS, Sampling
from engines.job import Cancelled, EngineError, Job

VERSION = 1
BLOWN = 4.0  # a variance ratio beyond which a point counts as blown up
LEAST, MOST, CELLS_MOST = 2, 64, 2048
COARSE = (5, 3)  # columns and rows of the first pass, at least
KEEP_S = 2.0  # seconds between two writings of the cache
Pair = tuple[float, float]  # gamma_1, S


@dataclass(frozen=True)
class Point:
    """One measured pair; NaN where the samples were not finite. `clipped`: share beyond the range of colours.

    Pixels are clipped as a picture is, in shift and ratio; `unclipped` is the ratio before that, and says what has blown up.
    """

    gamma_1: float
    total: float  # S
    shift: float
    shift_error: float
    ratio: float
    ratio_error: float
    clipped: float
    unclipped: float

    @property
    def blown(self) -> bool:
        return not self.unclipped <= BLOWN

    @property
    def gamma_0(self) -> float:
        return round(self.total - self.gamma_1, 6)


@dataclass(frozen=True)
class Theory:
    """A closed form on a finer grid: shift and ratio [len(sums), len(gamma_1)]."""

    gamma_1: np.ndarray
    sums: np.ndarray
    shift: np.ndarray
    ratio: np.ndarray


@dataclass(frozen=True)
class AtlasTask:
    """Everything that decides a map. EngineError where a range makes none."""

    settings: Sampling
    gamma_1: tuple[float, float] = (1.0, 8.0)
    sums: tuple[float, float] = (0.8, 1.2)
    columns: int = 12
    rows: int = 9
    samples: int = 32
    steps: int = 8
    cache: str = ""  # folder; empty = nothing is kept

    def __post_init__(self) -> None:
        low, high = self.gamma_1
        if not 0.05 <= low < high <= 30:
            raise EngineError(f"gamma_1 from {low:g} to {high:g} makes no map.", remedy="Give two rising values between 0.05 and 30, such as 1,8.")
        low, high = self.sums
        if not 0 <= low < high <= 2:
            raise EngineError(f"Sums from {low:g} to {high:g} make no map.", remedy="Give two rising values between 0 and 2, such as 0.8,1.2.")
        if not (LEAST <= self.columns <= MOST and LEAST <= self.rows <= MOST and self.columns * self.rows <= CELLS_MOST):
            raise EngineError(f"A map of {self.columns} x {self.rows} points is not possible.",
                              remedy=f"Use {LEAST} to {MOST} each way, {CELLS_MOST:,} in all.")
        if not 2 <= self.samples <= 50_000:
            raise EngineError(f"{self.samples} samples a point are not possible.", remedy="A variance needs at least 2; use at most 50,000.")
        if not 1 <= self.steps <= 1000:
            raise EngineError(f"{self.steps} steps are not possible.", remedy="Use 1 to 1,000.")

    def ground(self) -> Sampling:
        """The settings that all points share; what a map does not depend on at its default, so that equal maps have equal keys."""
        s = self.settings
        blend = {} if s.label_2 is None or not s.blend else {"label_2": s.label_2, "blend": s.blend}
        mixed = {} if s.seed_2 is None or not s.seed_mix else {"seed_2": s.seed_2, "seed_mix": s.seed_mix}
        own = {"c": s.c} if s.model == "toy-1d" else {"label": s.label}
        return Sampling(model=s.model, prompt=s.prompt, negative=s.negative, **own, **blend, **mixed, seed=s.seed, sampler=s.sampler, mode="free",
                        gamma_1=1.0, gamma_0=0.0, steps=self.steps, count=self.samples, guide_above=s.guide_above, guide_below=s.guide_below)

    def axes(self) -> tuple[list[float], list[float]]:
        """gamma_1 and S of the columns and rows; between the ends the row nearest to S = 1 is put there."""
        strengths = [round(float(g), 2) for g in np.geomspace(*self.gamma_1, self.columns)]
        sums = [round(float(s), 4) for s in np.linspace(*self.sums, self.rows)]
        if sums[0] < 1 < sums[-1] and len(sums) > 2:
            sums[min(range(1, len(sums) - 1), key=lambda i: abs(sums[i] - 1))] = 1.0
        return sorted(set(strengths)), sorted(set(sums))

    def passes(self) -> list[list[Pair]]:
        """The pairs in the order they are measured, coarse map first: every pass completes a map. CFG's line leads each pass."""
        strengths, sums = self.axes()
        columns, rows = _levels(len(strengths), COARSE[0]), _levels(len(sums), COARSE[1])
        done: set[Pair] = set()
        found = []
        for k in range(2 * max(len(columns), len(rows))):  # rows and columns grow finer in turn
            pairs = [(strengths[i], sums[j]) for i in columns[min(k // 2, len(columns) - 1)] for j in rows[min((k + 1) // 2, len(rows) - 1)]]
            fresh = sorted((pair for pair in pairs if pair not in done), key=lambda pair: (abs(pair[1] - 1), pair[0]))
            done.update(fresh)
            if fresh:
                found.append(fresh)
        return found

    def key(self, model_hash: str) -> str:
        """What its points are filed under. The ranges are left out: another map of the same settings finds its points here."""
        text = json.dumps([VERSION, self.ground().to_dict(), model_hash], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:24]

    def carry_out(self, engine: Any, job: Job) -> "Atlas":
        """The finished map. Tells every point, as an Atlas that holds all so far; a cancel keeps what was measured."""
        from engines.guidance.atlas_cells import Cells

        cells = Cells(engine, self, job)
        atlas = Atlas(self, cells.model_hash, cells.reference, cells.unit, cells.floor, cells.recfg_ratio(), theory=cells.theory())
        atlas = atlas.joined(stored(self, cells.model_hash))
        job.news(atlas)
        wanted = [pair for part in self.passes() for pair in part]
        keeper = _Keeper(self.cache, atlas)
        try:
            for part in self.passes():
                fresh = [pair for pair in part if pair not in atlas.points]
                for first in range(0, len(fresh), cells.at_once):
                    have = sum(pair in atlas.points for pair in wanted)
                    job.progress(have, len(wanted), f"Atlas, point {have + 1} of {len(wanted)}")
                    points = cells.measure(fresh[first : first + cells.at_once])
                    atlas = atlas.joined(points, cells.spent())
                    keeper.keep(atlas)
                    job.news(atlas)
        except Cancelled:
            keeper.keep(atlas, now=True)
            raise
        keeper.keep(atlas, now=True)
        return atlas


@dataclass(frozen=True)
class Atlas:
    """A map, perhaps unfinished: points by pair, and what they are held against."""

    task: AtlasTask
    model_hash: str
    reference: str  # in words: "6,000 real images", "the exact moments", "its own unguided samples"
    unit: str  # of the shift
    floor: float  # the shift that as many true samples would show by chance, before it is taken off
    recfg: float | None = None  # mean of ReCFG's ratio r over pixels and steps: on average S = 1 + (gamma_1 - 1)(1 - r)
    points: dict[Pair, Point] = field(default_factory=dict)
    nfe: int = 0  # network evaluations spent on this map by this run and by earlier ones it resumed
    theory: Theory | None = None

    def joined(self, points: "Iterable[Point] | Atlas | None", nfe: int = 0) -> "Atlas":
        """With more points; of a stored atlas only if it was held against the same reference."""
        if isinstance(points, Atlas):
            if points.reference != self.reference or points.unit != self.unit:
                return self
            points, nfe = points.points.values(), points.nfe
        return replace(self, points=self.points | {(p.gamma_1, p.total): p for p in points or ()}, nfe=self.nfe + nfe)

    def field(self, name: str) -> np.ndarray:
        """An attribute of Point over the map, [rows (S rising), columns (gamma_1 rising)]; NaN where nothing is measured yet."""
        strengths, sums = self.task.axes()
        nothing = float("nan")
        return np.array([[float(getattr(self.points[g, s], name)) if (g, s) in self.points else nothing for g in strengths] for s in sums])

    def done(self) -> int:
        """Points of the map that are measured."""
        strengths, sums = self.task.axes()
        return sum((g, s) in self.points for g in strengths for s in sums)

    def size(self) -> int:
        strengths, sums = self.task.axes()
        return len(strengths) * len(sums)

    def on_map(self) -> list[Point]:
        """The measured points of this map, column by column."""
        strengths, sums = self.task.axes()
        return [self.points[g, s] for g in strengths for s in sums if (g, s) in self.points]

    def recfg_sum(self, gamma_1: float) -> float | None:
        """The S that ReCFG has on average at this strength."""
        return None if self.recfg is None else 1 + (gamma_1 - 1) * (1 - self.recfg)

    def describe(self) -> dict[str, Any]:
        """What it was made with, in words and numbers."""
        strengths, sums = self.task.axes()
        return {"model": self.task.settings.model, "model_hash": self.model_hash, "settings": self.task.ground().to_dict(),
                "gamma_1": strengths, "sums": sums, "samples": self.task.samples, "steps": self.task.steps, "reference": self.reference,
                "unit": self.unit, "floor": self.floor, "recfg_ratio": self.recfg, "nfe": self.nfe, "cells": self.done()}

    def table(self) -> tuple[list[str], list[list[Any]]]:
        """Header with units, and one row a point."""
        header = ["gamma_1", "gamma_0", "S", f"shift ({self.unit})", f"shift error ({self.unit})", "variance ratio", "variance ratio error",
                  "clipped (share)", "variance ratio before clipping", "blown up"]
        return header, [[p.gamma_1, p.gamma_0, p.total, p.shift, p.shift_error, p.ratio, p.ratio_error, p.clipped, p.unclipped, int(p.blown)]
                        for p in self.on_map()]


def fitting(settings: Sampling, fine: bool = False, cache: str = "") -> AtlasTask:
    """The map the window offers: quick to see, or `fine` with the person's own steps and twice the samples."""
    if settings.model in TOYS:
        return AtlasTask(settings, columns=23 if fine else 12, rows=17 if fine else 9, samples=4000 if fine else 2000,
                         steps=max(settings.steps, 100) if fine else min(settings.steps, 100), cache=cache)
    return AtlasTask(settings, samples=64 if fine else 32, steps=settings.steps if fine else min(settings.steps, 8), cache=cache)


def evaluations(task: AtlasTask) -> int:
    """Network evaluations of one sample of a whole map, at most: what the window says before it is asked for."""
    calls = solver_names.evaluations(task.settings.sampler, task.steps)
    strengths, sums = task.axes()
    return 2 + 2 * (calls - 1) * len(strengths) * len(sums) + calls


def _levels(n: int, least: int) -> list[list[int]]:
    """Index sets of 0..n-1, each holding the one before, by halving the gaps; the first has `least` or all."""
    found, now = [], [0, n - 1] if n > 1 else [0]
    while True:
        if len(now) >= min(least, n):
            found.append(now)
        if len(now) == n:
            return found
        now = sorted({*now, *((a + b) // 2 for a, b in zip(now, now[1:], strict=False))})


# the cache ----------------------------------------------------------------------------------------------------------------
def stored(task: AtlasTask, model_hash: str) -> Atlas | None:
    """What earlier runs with these settings left in the cache; None where there is nothing, or nothing that can be read."""
    if not task.cache:
        return None
    try:
        about = json.loads(_file(task.cache, task.key(model_hash)).read_text("utf-8"))
        if about["vernier_atlas"] != VERSION:
            return None
        points = [Point(*(math.nan if value is None else value for value in row)) for row in about["points"]]
        return Atlas(task, model_hash, about["reference"], about["unit"], float(about["floor"]), about["recfg"],
                     {(p.gamma_1, p.total): p for p in points}, int(about["nfe"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _file(cache: str, key: str) -> Path:
    return Path(cache) / "atlas" / f"{key}.json"


class _Keeper:
    """Writes an atlas to the cache now and then: a whole file or none. A cache that cannot be written is no reason to stop."""

    def __init__(self, cache: str, atlas: Atlas) -> None:
        self._path = _file(cache, atlas.task.key(atlas.model_hash)) if cache else None
        self._at, self._held = 0.0, len(atlas.points)

    def keep(self, atlas: Atlas, now: bool = False) -> None:
        if self._path is None or len(atlas.points) == self._held or (not now and time.monotonic() - self._at < KEEP_S):
            return
        self._at, self._held = time.monotonic(), len(atlas.points)
        rows = [[None if isinstance(v, float) and not math.isfinite(v) else v for v in asdict(p).values()] for p in atlas.points.values()]
        about = {"vernier_atlas": VERSION, "reference": atlas.reference, "unit": atlas.unit, "floor": atlas.floor, "recfg": atlas.recfg,
                 "nfe": atlas.nfe, "settings": atlas.task.ground().to_dict(), "points": rows}
        part = self._path.with_name(f"{self._path.name}.{os.getpid()}.part")
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            part.write_text(json.dumps(about), "utf-8")
            os.replace(part, self._path)
