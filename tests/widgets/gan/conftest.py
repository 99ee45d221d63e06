"""The GAN lab with its real engine, run at once in this thread, or not at all until the test says so."""

from dataclasses import dataclass, field, replace

import pytest
from PySide6.QtCore import QObject, Signal

from app.documents import Document
from engines.gan.engine import GanEngine
from engines.gan.request import GanRequest, Play
from engines.job import Cancelled, Job
from widgets.gan.workspace import GanWorkspace

SMALL = GanRequest(batch=32, steps=1000)


class Worker(QObject):
    """The signals of an EngineWorker. Looks, steps and rewinds are answered at once; a training goes on when `work` is called."""

    done, preview, failed = Signal(object), Signal(object), Signal(Exception)
    progress, busy = Signal(float, str), Signal(bool)

    def __init__(self):
        super().__init__()
        self.engine, self.asked = GanEngine(), []

    def submit(self, play):
        self.asked.append(play)
        self.busy.emit(True)
        if play.action not in ("train", "again"):
            self._finish(self.engine.run(play, Job()))

    def _finish(self, outcome):
        self.busy.emit(False)
        self.done.emit(outcome)

    def work(self, steps=None):
        """Trains so many steps, shows a preview; without a number to the end."""
        play = self.asked[-1]
        assert play.action in ("train", "again")
        if steps is None:
            return self._finish(self.engine.run(play, Job()))
        if play.action == "again":
            self.engine.run(replace(play, action="reset"), Job())
        self.preview.emit(self.engine.run(Play(play.request, "step", count=steps), Job()))

    def cancel(self):
        self.busy.emit(False)


class Background(QObject):
    """The signals of a BackgroundWorker; `work` does what waits."""

    started_, stopped = Signal(int), Signal(int)
    progress = Signal(int, float, str)
    news, done = Signal(int, object), Signal(int, object)
    failed = Signal(int, Exception)

    def __init__(self):
        super().__init__()
        self.tasks = []

    def submit(self, task):
        self.tasks.append(task)
        return len(self.tasks)

    def cancel(self, ticket):
        self.stopped.emit(ticket)

    def waiting(self):
        return len(self.tasks)

    def work(self, until=None):
        ticket = len(self.tasks)
        tell = lambda kind, values: getattr(self, kind).emit(ticket, *values)  # noqa: E731
        try:
            self.done.emit(ticket, self.tasks[-1].carry_out(None, Job(tell)))
        except Cancelled:
            self.stopped.emit(ticket)


@dataclass
class Bench:
    document: Document
    worker: Worker
    background: Background
    workspace: GanWorkspace
    said: list = field(default_factory=list)
    done: list = field(default_factory=list)

    def do(self, name):
        self.workspace.commands()[f"gan.{name}"]()


@pytest.fixture
def bench(qtbot):
    worker, background, document = Worker(), Background(), Document(SMALL)
    workspace = GanWorkspace(document, worker, background)
    qtbot.addWidget(workspace)
    workspace.resize(1280, 720)
    workspace.show()
    made = Bench(document, worker, background, workspace)
    workspace.noticed.connect(lambda *words: made.said.append(words))
    workspace.worked.connect(made.done.append)
    workspace.start()
    return made
