"""The table of workspaces: one row each says everything the frame needs to know. Heavy parts arrive when first asked for."""

from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Any

import resources
from app.settings import cache, home
from engines.guidance.request import GuidanceRequest, unwrap, wrap
from engines.job import Engine, Job, Task


@dataclass(frozen=True)
class Row:
    """`widget` and `engine` import their libraries when called: the widget on the GUI thread, the engine on its own.

    `widget(document, worker, background)` follows the workspace protocol of widgets/guidance/workspace.py; `engine(device)` takes the
    person's choice of device ("auto", "cpu", "cuda").
    """

    id: str
    title: str
    glyph: str
    request: Callable[[], Any]
    wrap: Callable[[Any], dict[str, Any]]
    unwrap: Callable[[Any], Any]
    widget: Callable[..., Any]
    engine: Callable[[str], Engine]


class LazyEngine:
    """An engine whose libraries are imported on its own thread, at the first request."""

    def __init__(self, factory: Callable[[], Engine]) -> None:
        self._factory, self._engine, self._gate = factory, None, Lock()

    def run(self, request: Any, job: Job) -> Any:
        return self._made().run(request, job)

    def carry_out(self, task: Task, job: Job) -> Any:
        """A long task, on the background lane's thread."""
        return task.carry_out(self._made(), job)

    def _made(self) -> Engine:
        with self._gate:
            if self._engine is None:
                self._engine = self._factory()
            return self._engine

    def close(self) -> None:
        if self._engine is not None:
            self._engine.close()


def _guidance_widget(document: Any, worker: Any, background: Any) -> Any:
    from widgets.guidance.workspace import GuidanceWorkspace

    return GuidanceWorkspace(document, worker, resources.path("samples"), background, cache(), home() / "tuned")


def _guidance_engine(device: str) -> Engine:
    from engines.device import pick
    from engines.guidance.engine import GuidanceEngine

    return GuidanceEngine(resources.path("weights"), pick(device))


TABLE = (Row("guidance", "Guidance", "guidance", GuidanceRequest, wrap, unwrap, _guidance_widget, _guidance_engine),)
