"""Measures quality against steps: one point after the other, cheap ones first, for a window or a file.

The numbers are those of `vernier evaluate guidance`, and the folder of finished parts is shared with it. All points of the first seed come
before the second seed: the whole picture is there early, its spread later.
"""

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from engines.diffusion.solver_names import evaluations
from engines.guidance import quality_table
from engines.guidance.quality_table import Measured, Row, Table
from engines.guidance.request import MODES, SAMPLERS, TOYS, Sampling
from engines.job import EngineError, Job

if TYPE_CHECKING:
    from engines.guidance.engine import GuidanceEngine


@dataclass(frozen=True)
class QualityTask:
    """Every mode, sampler, step count and kind of timesteps at one strength; `count` images in all, in equal parts a class.

    work: folder of finished parts ("" = none is kept). out: table that every row is written into as it is done ("" = none). known: rows
    that need not be measured again. lenient: a tuned setting without a schedule is left out; otherwise it is refused.
    share (k, n): every n-th part of the drawing alone, and nothing measured.
    """

    model: str
    gamma_1: float
    samplers: tuple[str, ...]
    steps: tuple[int, ...]
    modes: tuple[str, ...] = ("cfg", "recfg")
    tuned: tuple[bool, ...] = (False,)
    count: int = 1000
    seeds: tuple[int, ...] = (0,)
    work: str = ""
    out: str = ""
    command: str = ""
    known: tuple[Row, ...] = ()
    lenient: bool = False
    share: tuple[int, int] = (0, 1)

    def __post_init__(self) -> None:
        for name in ("samplers", "steps", "modes", "tuned", "seeds"):
            if not getattr(self, name):
                raise EngineError(f"There are no {name} to measure.", remedy="Choose at least one.")
        self.settings()

    def settings(self) -> list[Sampling]:
        """What is measured, by what it costs; at strength 1 all modes are one. EngineError on a value out of range."""
        modes = self.modes if self.gamma_1 != 1 else self.modes[:1]
        found = {Sampling(model=self.model, sampler=s, steps=n, mode=m, gamma_1=self.gamma_1, tuned=t)
                 for s in self.samplers for n in self.steps for m in modes for t in self.tuned}
        return sorted(found, key=lambda s: (evaluations(s.sampler, s.steps), s.tuned, MODES.index(s.mode), SAMPLERS.index(s.sampler)))

    def carry_out(self, engine: "GuidanceEngine", job: Job) -> Table:
        """The finished table; each row is told as news: a Table with this row alone.

        EngineError where the model has nothing to measure with, a table or a tuned schedule is missing, or there are too few images.
        """
        from engines.guidance import reference
        from engines.guidance.evaluate import Samples, measured, shared

        model = None if self.model in TOYS else engine.model(self.model, job)
        place = engine.beside(self.model, "reference")
        if model is None or model.text or not place.exists():
            raise EngineError(f"There is nothing to measure {Path(self.model).name} against.",
                              remedy="A model needs a reference of real pictures: vernier reference makes one.")
        against, each = reference.read(place, model.classes), shared(self.count, model.classes)
        images = each * len(model.classes)
        floor = against.floor(images)
        head = Measured(self.gamma_1, images, floor and (floor["frechet"], floor["frechet_sd"]), self.command)
        table = Table(Path(self.model).name, model.hash)
        if self.out and Path(self.out).exists():
            table = quality_table.read(Path(self.out), model.hash)
        settings = self._possible(engine, len(model.classes))
        schedules = {asked: _schedule(engine, asked, len(model.classes)) for asked in settings}
        have = {(row.setting, row.seed, row.schedule) for row in (*self.known, *table.find(head.key).rows)}
        todo = [(asked, seed) for seed in self.seeds for asked in settings
                if ((asked.sampler, asked.steps, asked.mode, asked.tuned), seed, schedules[asked]) not in have]
        samples = Samples(engine, against, Path(self.work) if self.work else None, None)
        costs = [evaluations(asked.sampler, asked.steps) for asked, _ in todo]
        done, total, part = 0.0, max(1, sum(costs)), 0
        for (asked, seed), price in zip(todo, costs, strict=True):
            found = []
            for label, word in enumerate(model.classes):
                job.progress(done + price * label / len(model.classes), total,
                             f"{asked.sampler} {asked.steps} {'tuned ' * asked.tuned}steps, {asked.mode}, seed {seed}: {word}")
                if part % self.share[1] == self.share[0]:
                    found.append(samples.of(asked, seed, label, each, job))
                part += 1
            done += price
            if self.share[1] > 1:
                continue
            values = measured(found, against, None)
            row = Row(asked.sampler, asked.steps, asked.mode, asked.tuned, seed, price, schedule=schedules[asked], **values)
            news = replace(table, sets=(replace(head, rows=(row,)),))
            table = table.joined(news)
            if self.out:
                quality_table.write(Path(self.out), table)
            job.news(news)
        return table

    def _possible(self, engine: "GuidanceEngine", classes: int) -> list[Sampling]:
        """The settings; where `lenient`, without those that cannot be drawn. EngineError where none is left, or with the reason of the first."""
        from engines.guidance.evaluate import check

        fine, why = [], None
        for asked in self.settings():
            try:
                check(engine, [asked], classes)
                fine.append(asked)
            except EngineError as error:
                if not self.lenient:
                    raise
                why = why or error
        if not fine and why is not None:
            raise why
        return fine


def _schedule(engine: "GuidanceEngine", asked: Sampling, classes: int) -> str:
    """Names the tuned ratios of all classes; "" for plain timesteps."""
    if not asked.tuned:
        return ""
    ratios = [engine.tuned(replace(asked, label=label)).ratios for label in range(classes)]
    return hashlib.sha256(json.dumps(ratios).encode()).hexdigest()[:12]
