"""Three small coach marks for a first start: a strip of its own at the foot of the window, so that it covers nothing. Dismissed for good."""

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QWidget

from widgets import tokens


class Welcome(QFrame):
    """Shows `marks` (title, sentence) one after the other. `dismissed` once, after the last or at `dismiss`."""

    dismissed = Signal()

    def __init__(self, marks: Sequence[tuple[str, str]], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("welcome")
        self.setAccessibleName("First steps")
        self._marks, self._at = marks, 0
        self._title, self._text, self._count = QLabel(), QLabel(), QLabel()
        self._title.setObjectName("section")
        self._count.setObjectName("caption")
        self._text.setWordWrap(True)
        self._text.setMinimumWidth(1)  # the sentence takes a second line before the window has to grow
        self.skip, self.next = QPushButton("Don't show again"), QPushButton("Next")
        self.skip.setObjectName("quiet")
        self.skip.setToolTip("Put the notes away (Esc); Help has them again")
        self.next.setObjectName("primary")
        self.next.setToolTip("On to the next note")
        for button in (self.skip, self.next):
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        row = QHBoxLayout(self)
        row.setContentsMargins(tokens.SPACE_L, tokens.SPACE_S, tokens.SPACE_L, tokens.SPACE_S)
        row.setSpacing(tokens.SPACE_M)
        row.addWidget(self._title)
        row.addWidget(self._text, 1)
        for part in (self._count, self.skip, self.next):
            row.addWidget(part)
        self.skip.clicked.connect(self.dismiss)
        self.next.clicked.connect(self._on)
        self._show()

    def _show(self) -> None:
        title, text = self._marks[self._at]
        self._title.setText(title)
        self._text.setText(text)
        self._count.setText(f"{self._at + 1} of {len(self._marks)}")
        last = self._at == len(self._marks) - 1
        self.next.setText("Start" if last else "Next")

    def _on(self) -> None:
        self._at += 1
        if self._at == len(self._marks):
            self.dismiss()
        else:
            self._show()

    def dismiss(self) -> None:
        """Ends the notes, wherever they are."""
        self.hide()
        self.dismissed.emit()
        self.deleteLater()
