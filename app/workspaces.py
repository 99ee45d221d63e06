"""The table of workspaces: one row each says everything the frame needs to know. Heavy parts arrive when first asked for."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import resources
from app.settings import cache, home
from engines.gan import request as lab
from engines.guidance.request import GuidanceRequest, unwrap, wrap
from engines.job import Engine, Job, Task
from engines.teeth import request as dental_request
from engines.teeth import sources as dental


@dataclass(frozen=True)
class Row:
    """`widget` and `engine` import their libraries when called: the widget on the GUI thread, the engine on its own.

    `widget(document, worker, background)` follows the workspace protocol of widgets/guidance/workspace.py; `engine(device)` takes the
    person's choice of device ("auto", "cpu", "cuda"). `takes(path)` says, from its look alone, whether a file or folder is for this workspace;
    `marks` are its coach marks (title, sentence).
    """

    id: str
    title: str
    glyph: str
    request: Callable[[], Any]
    wrap: Callable[[Any], dict[str, Any]]
    unwrap: Callable[[Any], Any]
    widget: Callable[..., Any]
    engine: Callable[[str], Engine]
    takes: Callable[[Path], bool] = lambda path: True
    marks: tuple[tuple[str, str], ...] = ()


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


def _teeth_widget(document: Any, worker: Any, background: Any) -> Any:
    from widgets.teeth.workspace import TeethWorkspace

    return TeethWorkspace(document, worker, background, resources.path("samples") / "teeth", resources.path("weights"))


def _teeth_engine(device: str) -> Engine:
    from engines.teeth.engine import TeethEngine

    return TeethEngine(resources.path("samples") / "teeth")


def _gan_widget(document: Any, worker: Any, background: Any) -> Any:
    from widgets.gan.workspace import GanWorkspace

    return GanWorkspace(document, worker, background)


def _gan_engine(device: str) -> Engine:
    from engines.gan.engine import GanEngine

    return GanEngine(cache() / "gan")  # its networks are so small that a processor is the fastest device


_GUIDANCE_MARKS = (
    ("Drag \N{GREEK SMALL LETTER GAMMA}\N{SUBSCRIPT ONE}",
     "It is the strength of guidance. The picture follows while you drag and refines when you let go. Hold Shift for a ten times finer scale."),
    ("Compare with C", "CFG and the mode you chose grow from the same noise, side by side. X flips between them in the same place."),
    ("Everything is a command", "Ctrl+K finds any of them, F1 lists the keys. A saved PNG carries its settings: drop it on the window to return to it."))
_TEETH_MARKS = (
    ("Click a tooth", "Drag the arrows to move it along its own axes and the rings to turn it. Shift: ten times finer. Ctrl+click adds teeth."),
    ("See what it does", "Measures, contacts and stages follow every move. G shows the start as a ghost, X both side by side, O the contacts as colours."),
    ("Open your own case", "Drop a folder, a zip or a scan on the window. Numbering, units and axes are found, and asked when in doubt."))

_GAN_MARKS = (
    ("Press Space", "Two generators learn the same points from the same weights. B is also pulled to the data by an exact score. Space pauses."),
    ("Move a slider while they learn", "It acts on the next step. The dots under the picture are checkpoints: click one to go back."),
    ("Paint your own data", "W opens a canvas. Seeds on the right repeats a setting, so that luck is told from effect."))

TABLE = (Row("guidance", "Guidance", "guidance", GuidanceRequest, wrap, unwrap, _guidance_widget, _guidance_engine,
             lambda path: not dental.looks_dental(path) and path.suffix.lower() != ".csv", _GUIDANCE_MARKS),
         Row("teeth", "Teeth", "teeth", dental_request.TeethRequest, dental_request.wrap, dental_request.unwrap, _teeth_widget, _teeth_engine,
             dental.looks_dental, _TEETH_MARKS),
         Row("gan", "GAN lab", "gan", lab.GanRequest, lab.wrap, lab.unwrap, _gan_widget, _gan_engine, lambda path: path.suffix.lower() == ".csv",
             _GAN_MARKS))
