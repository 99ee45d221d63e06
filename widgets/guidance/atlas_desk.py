"""Between the atlas panels and the background lane: which map fits the settings, what is running, what is kept."""

from collections import OrderedDict
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal

from engines.guidance.atlas import Atlas, AtlasTask, evaluations, fitting, stored
from engines.guidance.outcome import Outcome
from engines.guidance.request import Sampling
from engines.job import EngineError

BATCH = 64  # images that the engine draws at once
KEPT = 32  # maps held in memory
REDRAW_MS = 120  # points of a toy come faster than a map can be drawn
BESIDE_WORK = 1.4  # a background thread gives way: this much longer than the same work in front


class AtlasDesk(QObject):
    """`changed` when anything that a panel shows has changed. `background` is a BackgroundWorker."""

    changed = Signal()

    def __init__(self, background: Any, cache: str = "", parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._background, self._cache = background, cache
        self.settings = Sampling()
        self._hash, self._per_evaluation_s = "", 0.0
        self._maps: OrderedDict[str, Atlas] = OrderedDict()
        self._running: dict[int, AtlasTask] = {}
        self._fractions: dict[int, tuple[float, str] | None] = {}  # None = waiting
        self._looked: set[str] = set()
        self.stopped_short = False
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(REDRAW_MS)
        self._soon.timeout.connect(self.changed)
        for name in ("started_", "stopped", "progress", "news", "done", "failed"):
            getattr(background, name).connect(getattr(self, f"_on_{name.rstrip('_')}"))

    # what is asked ---------------------------------------------------------------------------------------------------
    def show_settings(self, settings: Sampling) -> None:
        """The side that a map is wanted for."""
        if settings != self.settings:
            if settings.model != self.settings.model:
                self._hash, self._per_evaluation_s = "", 0.0
            self.settings, self.stopped_short = settings, False
            self.changed.emit()

    def show_outcome(self, outcome: Outcome) -> None:
        """A finished result tells the model's hash (needed to find maps on disk) and how fast it is here."""
        for side in outcome.sides:
            if side.settings.model == self.settings.model and side.nfe:
                at_once = side.settings.count if side.images is None else min(side.settings.count, BATCH)
                self._hash, self._per_evaluation_s = side.model_hash, side.network_seconds / side.nfe / at_once
        self.changed.emit()

    def task(self, fine: bool = False) -> AtlasTask:
        return fitting(self.settings, fine, self._cache)

    def atlas(self) -> Atlas | None:
        """The best map of the settings: the fine one once it is whole in its coarsest form, else the quick one."""
        fine, quick = self._find(self.task(True)), self._find(self.task())
        first = len(self.task(True).passes()[0])
        return fine if fine is not None and (fine.done() >= first or quick is None) else quick

    def can_refine(self) -> bool:
        """Whether the quick map is whole and the fine one is not."""
        quick, fine = self._find(self.task()), self._find(self.task(True))
        return quick is not None and quick.done() == quick.size() and (fine is None or fine.done() < fine.size()) and self.task(True) != self.task()

    def _find(self, task: AtlasTask) -> Atlas | None:
        key = task.key(self._hash)
        if key not in self._maps and key not in self._looked and (self._hash or self.settings.model.startswith("toy-")):
            self._looked.add(key)
            found = stored(task, self._hash)
            if found is not None and found.done():
                self._keep(key, found)
        return self._maps.get(key)

    def _keep(self, key: str, atlas: Atlas) -> None:
        self._maps[key] = atlas
        self._maps.move_to_end(key)
        while len(self._maps) > KEPT:
            self._looked.discard(self._maps.popitem(last=False)[0])

    def cost(self, fine: bool = False) -> tuple[int, int, float]:
        """Points, network evaluations of the whole map (each of so many samples), and the seconds they take here (0 = not known yet)."""
        task = self.task(fine)
        strengths, sums = task.axes()
        count = evaluations(task)
        return len(strengths) * len(sums), count, count * task.samples * self._per_evaluation_s * BESIDE_WORK

    def seconds_each(self) -> float:
        """Seconds that one evaluation of the network takes for one sample, in front; 0 while it is not known."""
        return self._per_evaluation_s

    def compute(self, fine: bool = False) -> None:
        """Queues the map of the settings, unless it is under way."""
        if self.ticket() is None:
            self.stopped_short = False
            task = self.task(fine)
            ticket = self._background.submit(task)
            self._running[ticket], self._fractions[ticket] = task, None
            self.changed.emit()

    def cancel(self) -> None:
        """Stops the map of the settings; its points stay."""
        ticket = self.ticket()
        if ticket is not None:
            self.stopped_short = True
            self._background.cancel(ticket)

    def ticket(self) -> int | None:
        """Of the map of the settings, while it runs or waits."""
        wanted = {self.task(fine).ground() for fine in (False, True)}
        return next((ticket for ticket, task in self._running.items() if task.ground() in wanted), None)

    def state(self) -> tuple[float, str] | None:
        """Fraction and text of the running map; a fraction below 0 while it waits behind other work. None when nothing runs."""
        ticket = self.ticket()
        return None if ticket is None else self._fractions[ticket] or (-1.0, "Waiting for the work before it")

    # what comes back -------------------------------------------------------------------------------------------------
    def _on_started(self, ticket: int) -> None:
        if ticket in self._running:
            self._fractions[ticket] = (0.0, "Starting")
            self.changed.emit()

    def _on_progress(self, ticket: int, fraction: float, text: str) -> None:
        if ticket in self._running:
            self._fractions[ticket] = (fraction, text)
            self._later()

    def _on_news(self, ticket: int, atlas: Atlas) -> None:
        if ticket in self._running:
            self._keep(atlas.task.key(atlas.model_hash), atlas)
            self._hash = atlas.model_hash if atlas.task.settings.model == self.settings.model else self._hash
            self._later()

    def _on_done(self, ticket: int, atlas: Any) -> None:
        if ticket in self._running:
            self._keep(atlas.task.key(atlas.model_hash), atlas)
            self._ended(ticket)

    def _on_failed(self, ticket: int, error: EngineError) -> None:
        self._ended(ticket)

    def _on_stopped(self, ticket: int) -> None:
        self._ended(ticket)

    def _ended(self, ticket: int) -> None:
        if self._running.pop(ticket, None) is not None:
            self._fractions.pop(ticket)
            self._soon.stop()
            self.changed.emit()

    def _later(self) -> None:
        if not self._soon.isActive():
            self._soon.start()
