"""Between the quality page and the background lane: which measurements are known of a model, what is being measured, what is kept."""

import json
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any

from PySide6.QtCore import QObject, Signal

from engines.diffusion.solver_names import evaluations
from engines.guidance import quality_table
from engines.guidance.outcome import Outcome
from engines.guidance.quality import QualityTask
from engines.guidance.quality_table import Table
from engines.guidance.request import TOYS, Sampling
from engines.job import EngineError
from engines.weights import read_header
from widgets.guidance import catalog

BATCH = 64  # images that the engine draws at once
BESIDE_WORK = 1.4  # a background thread gives way: this much longer than the same work in front
FEATURES_S = 0.05  # the feature network on one picture and one thread, measured
IDLE, WAITING, BUSY = "idle", "waiting", "busy"


class QualityDesk(QObject):
    """`changed` after every point and every change of what is known; `progressed` in between; `finished` a last word."""

    changed, progressed = Signal(), Signal()
    finished = Signal(str)

    def __init__(self, background: Any, samples: Path, cache: str = "", parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._background, self._samples, self._weights, self._cache = background, samples, samples.parent / "weights", cache
        self.settings = Sampling()
        self._hashes: dict[str, str] = {}
        self._pace: dict[str, float] = {}  # seconds a network evaluation and image
        self._shipped: dict[str, Table] = {}
        self._own: dict[str, Table] = {}
        self._problems: dict[str, str] = {}
        self._ticket, self._began, self.fraction, self.text, self.state = 0, 0.0, 0.0, "", IDLE
        self.task: QualityTask | None = None
        for name in ("started_", "stopped", "progress", "news", "done", "failed"):
            getattr(background, name).connect(getattr(self, f"_on_{name.rstrip('_')}"))

    # what is known ---------------------------------------------------------------------------------------------------
    def show_settings(self, settings: Sampling) -> None:
        """The side whose model is looked at."""
        if settings != self.settings:
            self.settings = settings
            self._load(settings.model)
            self.changed.emit()

    def show_outcome(self, outcome: Outcome) -> None:
        """A finished result tells the model's hash, so that measurements of other weights are not shown, and how fast it is here."""
        for side in outcome.sides:
            if side.images is None or not side.nfe:
                continue
            model = side.settings.model
            self._pace[model] = side.network_seconds / side.nfe / min(side.settings.count, BATCH)
            if side.model_hash and self._hashes.get(model) != side.model_hash:
                self._hashes[model] = side.model_hash
                self._own.pop(model, None)
                self._shipped.pop(model, None)
                self._load(model)
                self.changed.emit()

    def table(self) -> Table | None:
        """All that is known of the model in force: what came with it, and what was measured here."""
        model = self.settings.model
        found = [kept[model] for kept in (self._shipped, self._own) if model in kept]
        return None if not found else found[0] if len(found) == 1 else found[0].joined(found[1])

    def reason(self) -> str:
        """Why nothing can be measured of the model in force; "" where it can."""
        model = self.settings.model
        if model in TOYS:
            return "A toy has no pictures to measure: its exact densities, beside the samples, show the error of every step themselves."
        if catalog.pipeline(model) is not None:
            return "Quality is measured against held-out pictures of the model's own classes, and a diffusers folder brings none."
        if not quality_table.beside(model, self._weights, "reference.safetensors").exists():
            return "There is nothing to measure this model against. The command vernier reference makes what is needed from its training pictures."
        return ""

    def accuracy_only(self) -> bool:
        """Whether the model in force has a classifier to be measured with and no held-out pictures to be near to."""
        try:
            header = read_header(quality_table.beside(self.settings.model, self._weights, "reference.safetensors"))
            return "held_out" not in json.loads(header["vernier-reference"])
        except (EngineError, KeyError, ValueError, TypeError):  # what is wrong with it the measuring says
            return False

    def problem(self) -> str:
        """Why the table that lies beside the model is not shown; "" where it is, or there is none."""
        return self._problems.get(self.settings.model, "")

    def _load(self, model: str) -> None:
        own = self._place(model)
        for kept, path in ((self._shipped, quality_table.beside(model, self._weights)), (self._own, own)):
            if path is None or model in kept or not path.exists():
                continue
            try:
                kept[model] = quality_table.read(path, self._hashes.get(model, ""))
                self._problems.pop(model, None)
            except EngineError as error:
                self._problems[model] = f"{error} {error.remedy}"

    def _place(self, model: str) -> Path | None:
        """Where what is measured here is kept; None before the model's hash is known."""
        known = self._hashes.get(model)
        return Path(self._cache) / "quality" / f"{Path(model).stem}-{known[:12]}.quality.json" if self._cache and known else None

    # measuring -------------------------------------------------------------------------------------------------------
    def planned(self, **choices: Any) -> QualityTask:
        """What would be measured of the model in force; what is known already is left out. EngineError on senseless choices."""
        model, place = self.settings.model, self._place(self.settings.model)
        task = QualityTask(model, lenient=True, out=str(place or ""), work=str(Path(self._cache) / "quality" / "parts") if self._cache else "",
                           command="measured in the window", **choices)
        table = self.table()
        return replace(task, known=table.find(self.key(task)).rows) if table else task

    def key(self, task: QualityTask) -> tuple[float, int]:
        """The set that a task measures: equal parts a class may be fewer images than were asked for."""
        classes = len(catalog.class_names(task.model, self._samples)) or 1
        return task.gamma_1, task.count // classes * classes

    def missing(self, task: QualityTask) -> list[tuple[Sampling, int]]:
        """(settings, seed) that are not known yet."""
        have = {(row.setting, row.seed) for row in task.known}
        return [(s, seed) for seed in task.seeds for s in task.settings() if ((s.sampler, s.steps, s.mode, s.tuned), seed) not in have]

    def seconds(self, task: QualityTask) -> float | None:
        """What it will take on this machine; None before the model has drawn anything."""
        pace = self._pace.get(task.model)
        if pace is None:
            return None
        return BESIDE_WORK * task.count * sum(2 * evaluations(s.sampler, s.steps) * pace + FEATURES_S for s, _ in self.missing(task))

    def measure(self, task: QualityTask) -> None:
        """Measures in the background, in place of any other measurement."""
        self.cancel()
        self.task, self.state, self.fraction, self.text = task, WAITING, 0.0, ""
        self._ticket = self._background.submit(task)
        self.changed.emit()

    def cancel(self) -> None:
        """Stops; the points that are there stay."""
        if self.state != IDLE:
            self._background.cancel(self._ticket)

    def seconds_left(self) -> float | None:
        """From the pace so far; None while there is too little to tell."""
        passed = monotonic() - self._began
        return passed * (1 - self.fraction) / self.fraction if self.state == BUSY and passed > 2 and self.fraction > 0.01 else None

    def _on_started(self, ticket: int) -> None:
        if ticket == self._ticket and self.state == WAITING:
            self.state, self._began = BUSY, monotonic()
            self.changed.emit()

    def _on_progress(self, ticket: int, fraction: float, text: str) -> None:
        if ticket == self._ticket and self.state != IDLE:
            self.fraction, self.text = fraction, text
            self.progressed.emit()

    def _on_news(self, ticket: int, part: Any) -> None:
        if ticket == self._ticket and isinstance(part, Table):
            self._keep(part)
            self.changed.emit()

    def _keep(self, part: Table) -> None:
        known = self._own.get(self.task.model)
        self._own[self.task.model] = part if known is None else known.joined(part)

    def _on_done(self, ticket: int, result: Any) -> None:
        if ticket == self._ticket and isinstance(result, Table):
            self._keep(result)
            self._end("Quality against steps: measured")

    def _on_stopped(self, ticket: int) -> None:
        if ticket == self._ticket and self.state != IDLE:
            self._end("Measuring stopped; the points that are there stay")

    def _on_failed(self, ticket: int, error: Exception) -> None:
        if ticket == self._ticket and self.state != IDLE:
            self._end("")  # the window says why

    def _end(self, word: str) -> None:
        self.state = IDLE
        self.changed.emit()
        if word:
            self.finished.emit(word)
