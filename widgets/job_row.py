"""The line at the foot of the window: the running job on the left, a file that is being written, the machine on the right."""

from time import monotonic

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QProgressBar, QPushButton, QWidget

from widgets import tokens
from widgets.notice_bar import Elided

BAR_PX, WRITTEN_PX, BAR_HEIGHT_PX, ROW_PX = 180, 100, 4, 32
ESTIMATE_S = 1.0  # an estimate from less than this is a guess


class JobRow(QFrame):
    """Empty when nothing runs. `cancelled` when the person stops the job, `writing_cancelled` when they stop what is written beside it."""

    cancelled = Signal()
    writing_cancelled = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("jobRow")
        self.setFixedHeight(ROW_PX)
        self._text, self._left, self._machine = Elided(), QLabel(), QLabel()
        self._text.setObjectName("caption")
        self._left.setObjectName("caption")
        self._machine.setObjectName("caption")
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setFixedSize(BAR_PX, BAR_HEIGHT_PX)
        self._bar.setAccessibleName("Progress of the job")
        self._cancel = QPushButton("Cancel")
        self._cancel.setObjectName("quiet")
        self._cancel.setAccessibleName("Cancel the job")
        self._cancel.setToolTip("Stop what is running (Esc)")
        self._cancel.clicked.connect(self.cancelled)
        self._began = 0.0
        row = QHBoxLayout(self)
        row.setContentsMargins(tokens.SPACE_L, 0, tokens.SPACE_L, 0)
        row.setSpacing(tokens.SPACE_M)
        row.addWidget(self._text, 1)
        for part in (self._bar, self._left, self._cancel):
            row.addWidget(part)
        self._writing, self._written, self._stop = Elided(), QProgressBar(), QPushButton("Cancel")
        self._writing.setObjectName("caption")
        self._writing.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._written.setTextVisible(False)
        self._written.setFixedSize(WRITTEN_PX, BAR_HEIGHT_PX)
        self._written.setAccessibleName("Progress of the file")
        self._stop.setObjectName("quiet")
        self._stop.setAccessibleName("Cancel the file")
        self._stop.setToolTip("Stop writing this file; nothing half-written is left")
        self._stop.clicked.connect(self.writing_cancelled)
        for part, stretch in ((self._writing, 1), (self._written, 0), (self._stop, 0)):
            row.addWidget(part, stretch)
        row.addSpacing(tokens.SPACE_L)
        row.addWidget(self._machine)
        self.set_writing("", -1.0)
        self._running(False)

    def set_busy(self, busy: bool) -> None:
        if busy and not self.busy():
            self._began = monotonic()
            self._bar.setRange(0, 0)  # working, length unknown
            self._text.set_full("Working")
            self._left.clear()
        self._running(busy)

    def busy(self) -> bool:
        return not self._cancel.isHidden()

    def set_progress(self, fraction: float, text: str) -> None:
        """`fraction` in 0..1."""
        if not self.busy():
            return
        self._bar.setRange(0, 1000)
        self._bar.setValue(round(1000 * fraction))
        self._text.set_full(text or "Working")
        passed = monotonic() - self._began
        if passed > ESTIMATE_S and 0 < fraction < 1:
            self._left.setText(f"about {spoken(passed * (1 - fraction) / fraction)} left")

    def set_writing(self, text: str, fraction: float) -> None:
        """A file that is written in the background, 0..1; below 0 it waits. No text: there is none."""
        self._writing.set_full(text)
        for part in (self._writing, self._written, self._stop):
            part.setVisible(bool(text))
        self._written.setRange(0, 0 if fraction < 0 and text else 1000)
        self._written.setValue(round(1000 * max(0.0, fraction)))

    def writing(self) -> str:
        return self._writing.full()

    def say(self, text: str) -> None:
        """A last word on what was done; it stays until the next job."""
        if not self.busy():
            self._text.set_full(text)

    def set_machine(self, text: str) -> None:
        self._machine.setText(text)
        self._machine.setAccessibleName(f"Machine: {text}")

    def text(self) -> str:
        return self._text.full()

    def machine(self) -> str:
        return self._machine.text()

    def _running(self, running: bool) -> None:
        for part in (self._bar, self._left, self._cancel):
            part.setVisible(running)
        if not running:
            self._text.set_full("")


def spoken(seconds: float) -> str:
    """A duration as a person says it: "3 s", "5 min", "2 h", "2 h 10 min"."""
    if seconds < 60:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h" + (f" {minutes % 60} min" if minutes % 60 else "")
