"""Everything that goes wrong, from anywhere, as a notice in the window. A bug gets a report; a cancel gets nothing."""

import hashlib
import json
import logging
import platform
import sys
import threading
import traceback
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version

from PySide6.QtCore import QObject, Qt, Signal

from engines.job import Cancelled, EngineError
from widgets.notice_bar import Notice

log = logging.getLogger("vernier")
_PACKAGES = ("vernier", "PySide6-Essentials", "torch", "numpy", "pyqtgraph", "safetensors")


def report(error: BaseException, facts: dict[str, object]) -> str:
    """What a bug report needs: what happened, versions, device, the request. Nothing is sent anywhere."""
    versions = {}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    about = {"python": platform.python_version(), "system": platform.platform(), **versions, **facts}
    trace = "".join(traceback.format_exception(error))
    return f"{trace}\n{json.dumps(about, indent=1, default=str)}\n"


def notice(error: BaseException, facts: dict[str, object] | None = None) -> Notice | None:
    """None for a cancel; what happened and the remedy for an EngineError; a report for anything else."""
    if isinstance(error, Cancelled | KeyboardInterrupt | SystemExit):
        return None
    if isinstance(error, EngineError):
        return Notice("bad", str(error), error.remedy)
    what = str(error).strip().split("\n")[0][:200]
    return Notice("bad", f"Something in Vernier failed: {type(error).__name__}{': ' + what if what else ''}.",
                  "Your work is kept. The report says more.", report=report(error, facts or {}))


class Notices(QObject):
    """The one place where exceptions arrive. `posted` is emitted on the GUI thread; the same bug is told once."""

    posted = Signal(object)  # Notice
    _caught = Signal(object)

    def __init__(self, facts: Callable[[], dict[str, object]] = dict, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._facts, self._told, self._before = facts, set(), None
        self._caught.connect(self._deliver, Qt.ConnectionType.AutoConnection)

    def install(self) -> None:
        """From now on no exception is lost, in no thread. `remove` puts the former hooks back."""
        self._before = sys.excepthook, threading.excepthook
        sys.excepthook = lambda kind, error, trace: self.fail(error)
        threading.excepthook = lambda args: self.fail(args.exc_value) if args.exc_value else None

    def remove(self) -> None:
        if self._before:
            (sys.excepthook, threading.excepthook), self._before = self._before, None

    def post(self, kind: str, text: str, remedy: str = "") -> None:
        self.posted.emit(Notice(kind, text, remedy))

    def fail(self, error: BaseException) -> None:
        """From any thread."""
        self._caught.emit(error)

    def _deliver(self, error: BaseException) -> None:
        shown = notice(error, self._facts())
        if shown is None:
            return
        if shown.report:
            frames = "".join(f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__))
            mark = hashlib.sha256(f"{type(error)}{frames}".encode()).digest()
            if mark in self._told:
                log.warning("again: %r", error)
                return
            self._told.add(mark)
            log.error("%s", shown.report)
        else:
            log.warning("%s %s", shown.text, shown.remedy)
        self.posted.emit(shown)
