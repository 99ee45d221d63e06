"""Films on their way into files: one after the other on the background lane, with progress and a way to stop."""

from typing import Any

from PySide6.QtCore import QObject, Signal

from engines.guidance.film import SaveFilm
from engines.guidance.toy_film import SaveToyFilm


class FilmSaving(QObject):
    """`background` is a BackgroundWorker. `told` at every change: words and a fraction, below 0 while it waits; no words when nothing is left."""

    told = Signal(str, float)
    worked = Signal(str)  # a last word on each film

    def __init__(self, background: Any, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._background = background
        self._films: dict[int, str] = {}  # names of the files by their tickets, in the order they are written
        for name in ("started_", "progress", "done", "failed", "stopped"):
            getattr(background, name).connect(getattr(self, f"_on_{name.rstrip('_')}"))

    def save(self, task: SaveFilm | SaveToyFilm) -> None:
        """Queues a film."""
        self._films[self._background.submit(task)] = task.path.name
        if len(self._films) == 1:
            self._tell_first()

    def cancel(self) -> None:
        """Stops the film that is told of; nothing of it is left, and others go on."""
        if self._films:
            self._background.cancel(next(iter(self._films)))

    def _tell_first(self) -> None:
        first = next(iter(self._films.values()), "")
        self.told.emit(f"{first} waits for the work before it" if first else "", -1.0)

    def _on_started(self, ticket: int) -> None:
        if ticket in self._films:
            self.told.emit(f"Writing {self._films[ticket]}", 0.0)

    def _on_progress(self, ticket: int, fraction: float, text: str) -> None:
        if ticket in self._films:
            self.told.emit(text, fraction)

    def _on_done(self, ticket: int, result: object) -> None:
        self._ended(ticket, "Saved {}")

    def _on_stopped(self, ticket: int) -> None:
        self._ended(ticket, "{} was not written")

    def _on_failed(self, ticket: int, error: Exception) -> None:
        self._ended(ticket, "")  # the window says why

    def _ended(self, ticket: int, word: str) -> None:
        name = self._films.pop(ticket, None)
        if name is None:
            return
        self._tell_first()
        if word:
            self.worked.emit(word.format(name))
