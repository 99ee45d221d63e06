"""Three small coach marks for a first start. One card in a corner, out of the way, dismissed for good."""

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QObject, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from widgets import tokens

WIDTH_PX, FOOT_PX = 320, 48


class Welcome(QFrame):
    """Shows `marks` (title, sentence) one after the other over `window`. `dismissed` once, after the last or on Skip."""

    dismissed = Signal()

    def __init__(self, window: QWidget, marks: Sequence[tuple[str, str]]) -> None:
        super().__init__(window)
        self.setObjectName("overlay")
        self.setAccessibleName("First steps")
        self._marks, self._at = marks, 0
        self._title, self._text, self._count = QLabel(), QLabel(), QLabel()
        self._title.setObjectName("section")
        self._count.setObjectName("caption")
        self._text.setWordWrap(True)
        self.skip, self.next = QPushButton("Don't show again"), QPushButton("Next")
        self.skip.setObjectName("quiet")
        self.next.setObjectName("primary")
        row = QHBoxLayout()
        row.addWidget(self._count)
        row.addStretch(1)
        row.addWidget(self.skip)
        row.addWidget(self.next)
        column = QVBoxLayout(self)
        column.setContentsMargins(tokens.SPACE_L, tokens.SPACE_M, tokens.SPACE_L, tokens.SPACE_M)
        column.setSpacing(tokens.SPACE_S)
        column.addWidget(self._title)
        column.addWidget(self._text)
        column.addLayout(row)
        self.skip.clicked.connect(self._end)
        self.next.clicked.connect(self._on)
        window.installEventFilter(self)
        self._show()

    def _show(self) -> None:
        title, text = self._marks[self._at]
        self._title.setText(title)
        self._text.setText(text)
        self._count.setText(f"{self._at + 1} of {len(self._marks)}")
        last = self._at == len(self._marks) - 1
        self.next.setText("Start" if last else "Next")
        self._place()

    def _on(self) -> None:
        self._at += 1
        if self._at == len(self._marks):
            self._end()
        else:
            self._show()

    def _end(self) -> None:
        self.parentWidget().removeEventFilter(self)
        self.hide()
        self.dismissed.emit()
        self.deleteLater()

    def _place(self) -> None:
        room = self.parentWidget().rect()
        width = min(WIDTH_PX, room.width() - 2 * tokens.SPACE_L)
        height = self.layout().heightForWidth(width)
        self.setGeometry(room.right() - width - tokens.SPACE_L, room.bottom() - FOOT_PX - height, width, height)
        self.raise_()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        if event.type() in (QEvent.Type.Resize, QEvent.Type.Show):
            self._place()
        return super().eventFilter(watched, event)
