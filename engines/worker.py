"""The only place where an engine meets Qt: an engine thread whose newest request wins."""

import os
import sys
from collections import deque
from functools import partial
from threading import Condition, Event, get_native_id

from PySide6.QtCore import QObject, Qt, QThread, Signal

from engines.job import Cancelled, Engine, Job, Task

NICE = 10  # how much a background thread gives way to the one that a person waits for


class EngineWorker(QThread):
    """An engine on its own thread. Signals arrive on the GUI thread, and only for the newest request.

    A running job is never cut off before it has shown something: a newer request waits until the job ends or has
    sent one preview (else a dragged slider would never draw anything). `cancel` and `close` cut at once.
    """

    done, preview, failed = Signal(object), Signal(object), Signal(Exception)
    progress = Signal(float, str)  # 0..1, text
    busy = Signal(bool)
    _news = Signal(int, str, tuple)

    def __init__(self, engine: Engine, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._engine, self._gate, self._closing = engine, Condition(), False
        self._drawn = Event()
        self._drawn.set()
        self._ticket, self._oldest, self._waiting, self._job = 0, 0, None, Job()
        self._news.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    def submit(self, request: object) -> None:
        """Asks for `request`; whatever was asked before and has not begun is forgotten."""
        with self._gate:
            self._ticket += 1
            self._waiting = (self._ticket, request)
            self._job.superseded = True
            self._gate.notify()
        self.busy.emit(True)

    def cancel(self) -> None:
        """Nothing that was asked so far is shown any more."""
        with self._gate:
            self._ticket += 1
            self._oldest, self._waiting = self._ticket, None
            self._job.cancelled = True
        self.busy.emit(False)

    def close(self, wait_ms: int = 5000) -> bool:
        """Cancels, lets the engine free what it holds, joins. False if the thread would not end."""
        self._closing = True
        self.cancel()
        with self._gate:
            self._gate.notify()
        return self.wait(wait_ms)

    def run(self) -> None:
        while True:
            with self._gate:
                self._gate.wait_for(lambda: self._closing or self._waiting)
                if self._closing:
                    return self._engine.close()
                (ticket, request), self._waiting = self._waiting, None
                self._job = job = Job(partial(self._news.emit, ticket), self._drawn)
            try:
                job.tell("done", (self._engine.run(request, job),))
            except Cancelled:
                job.tell("stopped", ())
            except Exception as error:  # the thread outlives any one failure
                job.tell("failed", (error,))

    def _deliver(self, ticket: int, kind: str, values: tuple) -> None:
        if kind == "preview":
            self._drawn.set()
        if self._closing or ticket < self._oldest:
            return
        newest = ticket == self._ticket
        if kind in ("done", "failed", "stopped") and newest:
            self.busy.emit(False)
        # a picture of an older request is still shown while its successor works: that is what a drag looks like
        if kind in ("preview", "done") or (newest and kind != "stopped"):
            getattr(self, kind).emit(*values)


class BackgroundWorker(QThread):
    """Long tasks in a queue, one after the other, on a thread that gives way to the interactive one.

    `carry_out(task, job)` does one. Every signal names the ticket that `submit` gave out and arrives on the GUI thread;
    after `cancel` nothing of that ticket arrives but its `stopped`.
    """

    started_, stopped = Signal(int), Signal(int)
    progress = Signal(int, float, str)  # ticket, 0..1, text
    news, done = Signal(int, object), Signal(int, object)
    failed = Signal(int, Exception)
    _tell = Signal(int, str, tuple)

    def __init__(self, carry_out, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._carry_out, self._gate, self._closing = carry_out, Condition(), False
        self._queue: deque[tuple[int, Task]] = deque()
        self._ticket, self._running, self._job, self._live = 0, 0, Job(), set()
        self._tell.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    def submit(self, task: Task) -> int:
        """Queues a task behind the others; its ticket."""
        with self._gate:
            self._ticket += 1
            self._queue.append((self._ticket, task))
            self._live.add(self._ticket)
            self._gate.notify()
            return self._ticket

    def cancel(self, ticket: int) -> None:
        """Takes a waiting task out of the queue, or stops the running one at its next step."""
        with self._gate:
            if ticket not in self._live:
                return
            self._live.discard(ticket)
            self._queue = deque(entry for entry in self._queue if entry[0] != ticket)
            if ticket == self._running:
                self._job.cancelled = True
        self.stopped.emit(ticket)

    def waiting(self) -> int:
        """Tasks that run or wait."""
        return len(self._live)

    def close(self, wait_ms: int = 5000) -> bool:
        """Stops the running task, forgets the others, joins. False if the thread would not end."""
        with self._gate:
            self._closing = self._job.cancelled = True
            self._queue.clear()
            self._live.clear()
            self._gate.notify()
        return self.wait(wait_ms)

    def run(self) -> None:
        if sys.platform == "linux":  # a thread's nice value is its own there, and torch's helpers inherit it
            os.setpriority(os.PRIO_PROCESS, get_native_id(), NICE)
        while True:
            with self._gate:
                self._gate.wait_for(lambda: self._closing or self._queue)
                if self._closing:
                    return
                self._running, task = self._queue.popleft()
                self._job = job = Job(partial(self._tell.emit, self._running))
            try:
                job.tell("started_", ())
                job.tell("done", (self._carry_out(task, job),))
            except Cancelled:
                job.tell("stopped", ())
            except Exception as error:  # the thread outlives any one failure
                job.tell("failed", (error,))

    def _deliver(self, ticket: int, kind: str, values: tuple) -> None:
        if self._closing or ticket not in self._live:
            return
        if kind in ("done", "failed", "stopped"):
            self._live.discard(ticket)
        getattr(self, kind).emit(ticket, *values)
