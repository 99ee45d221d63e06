"""The last lines of the log, newest below. Looks for news twice a second, and only while it can be seen."""

from collections.abc import Callable
from typing import Protocol

from PySide6.QtCore import QTimer
from PySide6.QtGui import QFontDatabase, QGuiApplication
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

from widgets import tokens
from widgets.paint import GlyphButton

REFRESH_MS, HEIGHT_PX = 500, 180


class Lines(Protocol):
    """Where the lines come from; `count` grows with every line written."""

    count: int

    def lines(self) -> list[str]: ...


class LogPanel(QFrame):
    """A strip above the job row. `closed` is called when the person shuts it."""

    def __init__(self, source: Lines, closed: Callable[[], None] = lambda: None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("logPanel")
        self.setFixedHeight(HEIGHT_PX)
        self._source, self._seen = source, -1
        title = QLabel("Log")
        title.setObjectName("section")
        self._text = QPlainTextEdit()
        self._text.setReadOnly(True)
        self._text.setAccessibleName("Log")
        self._text.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self._text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        copy = QPushButton("Copy all")
        copy.setObjectName("quiet")
        copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self.text()))
        shut = GlyphButton("close", "Close the log")
        shut.clicked.connect(closed)
        top = QHBoxLayout()
        top.addWidget(title)
        top.addStretch(1)
        top.addWidget(copy)
        top.addWidget(shut)
        column = QVBoxLayout(self)
        column.setContentsMargins(tokens.SPACE_L, tokens.SPACE_S, tokens.SPACE_L, tokens.SPACE_S)
        column.setSpacing(tokens.SPACE_XS)
        column.addLayout(top)
        column.addWidget(self._text, 1)
        self._timer = QTimer(self)
        self._timer.setInterval(REFRESH_MS)
        self._timer.timeout.connect(self.refresh)

    def text(self) -> str:
        return self._text.toPlainText()

    def refresh(self) -> None:
        if self._seen != self._source.count:
            self._seen = self._source.count
            bar = self._text.verticalScrollBar()
            at_end = bar.value() >= bar.maximum() - 1
            self._text.setPlainText("\n".join(self._source.lines()))
            if at_end:
                bar.setValue(bar.maximum())

    def showEvent(self, event) -> None:  # noqa: N802
        self.refresh()
        self._timer.start()
        super().showEvent(event)

    def hideEvent(self, event) -> None:  # noqa: N802
        self._timer.stop()
        super().hideEvent(event)
