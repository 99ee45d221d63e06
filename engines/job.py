"""What a workspace and an engine agree on. Plain Python: no Qt, no torch."""

from collections.abc import Callable
from threading import Event
from typing import Any, Protocol


class Cancelled(Exception):
    """The caller no longer wants this result. Never shown to the user."""


class EngineError(Exception):
    """A failure the user can act on: what happened, and what to do about it."""

    def __init__(self, what: str, remedy: str = "") -> None:
        super().__init__(what)
        self.remedy = remedy


class Job:
    """One run of one request, as the engine sees it.

    `tell(kind, values)` carries news to whoever asked: "progress" (fraction, text) and "preview" (value,).
    """

    def __init__(self, tell: Callable[[str, tuple], None] = lambda kind, values: None, drawn: Event | None = None) -> None:
        self.tell, self.drawn = tell, drawn
        self.cancelled = self.superseded = self.shown = False

    def check(self) -> None:
        """Cancelled is raised here once nobody wants the result: at a cancel, or when a newer request waits and
        this job has already shown something."""
        if self.cancelled or (self.superseded and self.shown):
            raise Cancelled

    def progress(self, done: int, total: int, text: str = "") -> None:
        self.check()
        self.tell("progress", (done / total, text))

    def preview(self, value: Any) -> None:
        """Hands an unfinished picture over, unless the last one is still waiting to be drawn."""
        self.check()
        if self.drawn is None or self.drawn.is_set():
            if self.drawn is not None:
                self.drawn.clear()
            self.shown = True
            self.tell("preview", (value,))

    def news(self, value: Any) -> None:
        """Hands a finished part of a long task over (a cell of a grid, a point of a curve); none is dropped."""
        self.check()
        self.tell("news", (value,))


class Task(Protocol):
    """Long work for the background lane: a frozen dataclass that knows how to be done with an engine."""

    def carry_out(self, engine: Any, job: Job) -> Any: ...


class Engine(Protocol):
    """What runs on an engine thread. Both methods are called on that thread only."""

    def run(self, request: Any, job: Job) -> Any: ...

    def close(self) -> None: ...
