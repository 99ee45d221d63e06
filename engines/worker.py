"""The only place where an engine meets Qt: an engine thread whose newest request wins."""

from functools import partial
from threading import Condition, Event

from PySide6.QtCore import QObject, Qt, QThread, Signal

from engines.job import Cancelled, Engine, Job


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
