"""One log: a rotating file for reports, and the last lines in memory for the log panel. Qt's own messages go in too."""

import logging
import logging.handlers
from collections import deque
from pathlib import Path

from PySide6.QtCore import QtMsgType, qInstallMessageHandler

LINES = 2000
FILE_BYTES, FILES = 1_000_000, 3
_LEVELS = {QtMsgType.QtDebugMsg: logging.DEBUG, QtMsgType.QtInfoMsg: logging.INFO, QtMsgType.QtWarningMsg: logging.WARNING,
           QtMsgType.QtCriticalMsg: logging.ERROR, QtMsgType.QtFatalMsg: logging.CRITICAL}


class Ring(logging.Handler):
    """The last LINES lines; `count` is the number ever written, so that a reader knows whether it is up to date."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._lines: deque[str] = deque(maxlen=LINES)
        self.count = 0

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(self.format(record))  # logging holds this handler's lock here
        self.count += 1

    def lines(self) -> list[str]:
        with self.lock:
            return list(self._lines)


class Log:
    """Installed for as long as the application runs; `close` puts everything back."""

    def __init__(self, folder: Path) -> None:
        self.ring = Ring()
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "vernier.log"
        file = logging.handlers.RotatingFileHandler(self.path, maxBytes=FILE_BYTES, backupCount=FILES - 1, encoding="utf-8",
                                                    delay=True)
        self._handlers = (self.ring, file)
        form = logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s", "%H:%M:%S")
        root = logging.getLogger()
        self._level = root.level
        root.setLevel(min(self._level or logging.INFO, logging.INFO))
        for handler in self._handlers:
            handler.setFormatter(form)
            root.addHandler(handler)
        self._qt_before = qInstallMessageHandler(_from_qt)

    def close(self) -> None:
        qInstallMessageHandler(self._qt_before)
        root = logging.getLogger()
        root.setLevel(self._level)
        for handler in self._handlers:
            root.removeHandler(handler)
            handler.close()


def _from_qt(kind: QtMsgType, context: object, text: str) -> None:
    logging.getLogger("qt").log(_LEVELS.get(kind, logging.WARNING), text)
