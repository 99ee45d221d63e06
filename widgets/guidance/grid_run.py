"""The grid that is drawn or was drawn last: what was asked, which cells are there, and how far it is."""

from collections import OrderedDict
from time import monotonic
from typing import Any

from PySide6.QtCore import QObject, Signal

from engines.guidance.grid import Cell, GridResult, GridTask, cells
from engines.guidance.outcome import Side
from engines.guidance.request import GuidanceRequest, Sampling
from engines.job import EngineError

KNOWN = 800  # finished cells kept, so that a cancelled or wider grid draws only what is new
EMPTY, BUSY, DONE, CANCELLED, FAILED = "empty", "busy", "done", "cancelled", "failed"


class GridRun(QObject):
    """One grid at a time on the background lane. `changed` after every cell and every change of state, `progressed` in between."""

    changed, progressed = Signal(), Signal()
    finished = Signal(str)  # a last word

    def __init__(self, background: Any, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._background, self._ticket, self._began = background, 0, 0.0
        self._known: OrderedDict[Sampling, Side] = OrderedDict()
        self.state, self.fraction, self.error = EMPTY, 0.0, ""
        self.request: GuidanceRequest | None = None
        self.cells: dict[tuple[int, int], Cell] = {}
        background.progress.connect(self._on_progress)
        background.news.connect(self._on_news)
        background.done.connect(self._on_done)
        background.failed.connect(self._on_failed)
        background.stopped.connect(self._on_stopped)

    def draw(self, request: GuidanceRequest) -> None:
        """Draws the grid of a request in place of any other. EngineError, and nothing changes, where its axes cannot act."""
        places = cells(request)
        self.cancel()
        self.request, self.cells, self.fraction, self.error, self._began = request, {}, 0.0, "", monotonic()
        self.state = BUSY
        known = {settings: self._known[settings] for settings in places.values() if settings in self._known}
        self._ticket = self._background.submit(GridTask(request, known=known))
        self.changed.emit()

    def cancel(self) -> None:
        """Stops drawing; finished cells stay."""
        if self.state == BUSY:
            self._background.cancel(self._ticket)

    def forget(self, tuning: str) -> None:
        """A file of tuned timesteps was written anew: cells drawn with it are drawn again when next asked for."""
        for settings in [settings for settings in self._known if settings.tuned and settings.tuning == tuning]:
            del self._known[settings]

    def outdated(self, request: GuidanceRequest) -> bool:
        """Whether the cells in sight are no longer those that the request asks for."""
        if self.request is None:
            return False
        try:
            return cells(request) != cells(self.request)
        except EngineError:
            return True

    def names(self) -> tuple[str, ...]:
        """Class names of the model, once a cell has brought them."""
        return next((cell.side.class_names for cell in self.cells.values() if cell.side), ())

    def total(self) -> int:
        return self.request.grid.rows * self.request.grid.columns if self.request else 0

    def seconds_left(self) -> float | None:
        """An estimate from the pace so far; None while there is too little to tell."""
        passed = monotonic() - self._began
        return passed * (1 - self.fraction) / self.fraction if passed > 1 and self.fraction > 0.02 else None

    def _on_progress(self, ticket: int, fraction: float, text: str) -> None:
        if ticket == self._ticket:
            self.fraction = fraction
            self.progressed.emit()

    def _on_news(self, ticket: int, cell: Any) -> None:
        if ticket != self._ticket or self.state != BUSY:
            return
        self.cells[cell.row, cell.column] = cell
        if cell.side is not None:
            self._known[cell.settings] = cell.side
            self._known.move_to_end(cell.settings)
            while len(self._known) > KNOWN:
                self._known.popitem(last=False)
        self.changed.emit()

    def _on_done(self, ticket: int, result: Any) -> None:
        if ticket == self._ticket and isinstance(result, GridResult):
            self._end(DONE)
            saved = f", {1 - result.nfe / result.nfe_alone:.0%} shared or known" if result.nfe < result.nfe_alone else ""
            self.finished.emit(f"{len(result.cells)} cells in {result.seconds:.1f} s, {result.nfe:,} network evaluations{saved}")

    def _on_failed(self, ticket: int, error: Exception) -> None:
        if ticket == self._ticket:
            self.error = f"{error} {getattr(error, 'remedy', '')}".strip()
            self._end(FAILED)

    def _on_stopped(self, ticket: int) -> None:
        if ticket == self._ticket and self.state == BUSY:
            self._end(CANCELLED)
            self.finished.emit(f"Grid stopped; {len(self.cells)} finished cell{' stays' if len(self.cells) == 1 else 's stay'}")

    def _end(self, state: str) -> None:
        self.state = state
        self.changed.emit()
