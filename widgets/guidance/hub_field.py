"""Where a person types the id of a model on the hub, and the strip that shows it coming. Nothing is fetched before that."""

from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QLineEdit, QProgressBar, QPushButton, QVBoxLayout, QWidget

from engines.guidance.hub import Fetch
from engines.guidance.pipeline_folder import ACCEPTED
from engines.job import EngineError
from widgets import tokens
from widgets.notice_bar import Elided
from widgets.overlay import Overlay
from widgets.paint import Caption

WIDTH_PX, HEIGHT_PX = 520, 216
BAR_PX, BAR_HEIGHT_PX = 180, 4


class HubField(Overlay):
    """`asked(task)` once an id was typed and the download agreed to."""

    asked = Signal(object)

    def __init__(self, window: QWidget) -> None:
        super().__init__(window, WIDTH_PX, HEIGHT_PX)
        self.setAccessibleName("Model from the hub")
        title = QLabel("Model from the hub")
        title.setObjectName("section")
        self.field = QLineEdit()
        self.field.setPlaceholderText("owner/name")
        self.field.setAccessibleName("Hub id")
        self.field.setToolTip("The id of a diffusers pipeline on huggingface.co")
        text = Caption(f"Downloads from huggingface.co over the network, often several GB: safetensors, settings and vocabularies, never code. "
                       f"Vernier takes {ACCEPTED}.", tokens.CAPTION_PX, "muted")
        text.setWordWrap(True)
        self.said = Caption("", tokens.CAPTION_PX, "bad")
        self.said.setWordWrap(True)
        self.fetch, self.leave = QPushButton("Download"), QPushButton("Cancel")
        self.fetch.setObjectName("primary")
        self.fetch.setToolTip("Fetch it in the background, then open it")
        self.leave.setToolTip("Fetch nothing (Esc)")
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(self.leave)
        row.addWidget(self.fetch)
        column = QVBoxLayout(self)
        column.setContentsMargins(tokens.SPACE_L, tokens.SPACE_M, tokens.SPACE_L, tokens.SPACE_M)
        column.setSpacing(tokens.SPACE_S)
        for part in (title, self.field, text, self.said):
            column.addWidget(part)
        column.addStretch(1)
        column.addLayout(row)
        self.field.returnPressed.connect(self._ask)
        self.field.textChanged.connect(lambda: self.said.setText(""))
        self.fetch.clicked.connect(self._ask)
        self.leave.clicked.connect(self.dismiss)

    def present(self) -> None:
        super().present()
        self.said.setText("")
        self.field.selectAll()
        self.field.setFocus()

    def _ask(self) -> None:
        try:
            task = Fetch(self.field.text().strip())
        except EngineError as error:
            self.said.setText(f"{error} {error.remedy}")
            return
        self.dismiss()
        self.asked.emit(task)


class FetchStrip(QFrame):
    """One line while a model is coming: text, bar, Cancel. Hidden otherwise."""

    cancelled = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("questionBar")
        self.setAccessibleName("Download")
        self._text, self.bar, cancel = Elided(), QProgressBar(), QPushButton("Cancel")
        self.bar.setTextVisible(False)
        self.bar.setRange(0, 1000)
        self.bar.setFixedSize(BAR_PX, BAR_HEIGHT_PX)
        self.bar.setAccessibleName("Progress of the download")
        cancel.setAccessibleName("Cancel the download")
        cancel.setToolTip("Stop; what has arrived is kept for the next time")
        cancel.clicked.connect(self.cancelled)
        row = QHBoxLayout(self)
        row.setContentsMargins(tokens.SPACE_L, tokens.SPACE_XS, tokens.SPACE_L, tokens.SPACE_XS)
        row.setSpacing(tokens.SPACE_M)
        row.addWidget(self._text, 1)
        row.addWidget(self.bar)
        row.addWidget(cancel)
        self.hide()

    def show_progress(self, fraction: float, text: str) -> None:
        self.bar.setValue(round(1000 * fraction))
        self._text.set_full(text)
        self.show()

    def text(self) -> str:
        return self._text.full()


class Hub(QObject):
    """Asks for an id, fetches on the background lane, and says what arrived; `strip` shows how far it is."""

    arrived = Signal(Path)

    def __init__(self, workspace: QWidget, background: Any) -> None:
        super().__init__(workspace)
        self._workspace, self._background, self._ticket = workspace, background, 0
        self.field: HubField | None = None
        self.strip = FetchStrip()
        self.strip.cancelled.connect(lambda: background.cancel(self._ticket))
        background.progress.connect(lambda ticket, part, text: self.strip.show_progress(part, text) if ticket == self._ticket else None)
        for signal in (background.stopped, background.failed, background.done):
            signal.connect(self._ended)

    def ask(self) -> None:
        """The field, over the window."""
        if self.field is None:
            self.field = HubField(self._workspace.window())
            self.field.asked.connect(self.fetch)
        self.field.present()

    def dismiss(self) -> bool:
        """Closes the field; False if it was not open."""
        if self.field is None or not self.field.isVisible():
            return False
        self.field.dismiss()
        return True

    def fetch(self, task: Any) -> None:
        self._ticket = self._background.submit(task)
        self.strip.show_progress(0, f"Waiting to fetch {task.id}")

    def _ended(self, ticket: int, path: Any = None) -> None:
        """The download's end, whatever it was."""
        if ticket != self._ticket:
            return
        self._ticket = 0
        self.strip.hide()
        if isinstance(path, str):
            self.arrived.emit(Path(path))
