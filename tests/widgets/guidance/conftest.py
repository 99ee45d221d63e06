"""A workspace whose engine answers when the test says so."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from PySide6.QtCore import QObject, Signal

import resources
from app.documents import Document
from engines.guidance.outcome import Outcome, Side
from engines.guidance.request import Draw, GuidanceRequest
from widgets.guidance.workspace import GuidanceWorkspace


class Worker(QObject):
    """The signals of an EngineWorker; remembers what was asked."""

    done, preview, failed = Signal(object), Signal(object), Signal(Exception)
    progress, busy = Signal(float, str), Signal(bool)

    def __init__(self):
        super().__init__()
        self.asked, self.cancelled = [], 0

    def submit(self, request):
        self.asked.append(request)

    def cancel(self):
        self.cancelled += 1

    def answer(self, draw: Draw | None = None, shade=0):
        """Finishes a request (the newest) with flat images: A dark, B bright."""
        draw = draw or self.asked[-1]
        sides = tuple(Side(side, np.full((side.count, 32, 32, 3), 40 + 150 * k + shade, np.uint8), seconds=0.1, nfe=40,
                           class_names=(), per_step={key: np.ones(3) for key in ("t", "rho", "difference", "gamma_1", "gamma_0", "S")})
                      for k, side in enumerate(draw.sides()))
        self.done.emit(Outcome(draw.request, sides, draw.draft))


class Background(QObject):
    """The signals of a BackgroundWorker; remembers the tasks."""

    started_, stopped, progress = Signal(int), Signal(int), Signal(int, float, str)
    news, done, failed = Signal(int, object), Signal(int, object), Signal(int, Exception)

    def __init__(self):
        super().__init__()
        self.tasks, self.cancelled = [], []

    def submit(self, task):
        self.tasks.append(task)
        return len(self.tasks)

    def cancel(self, ticket):
        self.cancelled.append(ticket)
        self.stopped.emit(ticket)

    def waiting(self):
        return len(self.tasks)


@dataclass
class Bench:
    document: Document
    worker: Worker
    background: Background
    workspace: GuidanceWorkspace
    said: list = field(default_factory=list)


@pytest.fixture
def bench(qtbot):
    worker, background, document = Worker(), Background(), Document(GuidanceRequest())
    workspace = GuidanceWorkspace(document, worker, resources.path("samples"), background)
    qtbot.addWidget(workspace)
    workspace.resize(1280, 720)
    workspace.show()
    made = Bench(document, worker, background, workspace)
    workspace.noticed.connect(lambda *words: made.said.append(words))
    workspace.start()
    yield made
    workspace._rest.stop()
