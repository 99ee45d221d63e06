"""Prompt and negative prompt of a text model. Typing draws nothing: Enter does, or leaving the field."""

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QFocusEvent
from PySide6.QtWidgets import QLineEdit, QPlainTextEdit, QVBoxLayout, QWidget

from widgets import tokens
from widgets.paint import Caption

PROMPT_PX = 76


class PromptFields(QWidget):
    """`changed(field, text)` with "prompt" or "negative" once a text is finished."""

    changed = Signal(str, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shown = {"prompt": "", "negative": ""}
        self.prompt, self.negative = QPlainTextEdit(), QLineEdit()
        self.prompt.setAccessibleName("Prompt")
        self.prompt.setPlaceholderText("Describe the picture")
        self.prompt.setToolTip("What the picture shall show. Enter draws it; Shift+Enter begins a new line.")
        self.prompt.setFixedHeight(PROMPT_PX)
        self.prompt.setTabChangesFocus(True)
        self.prompt.document().setDocumentMargin(1)  # in line with the field below
        self.prompt.installEventFilter(self)
        self.negative.setAccessibleName("Negative prompt")
        self.negative.setPlaceholderText("Not in the picture")
        self.negative.setToolTip("What guidance pushes away from: the unconditional prediction is asked for this instead of nothing. Enter draws.")
        self.negative.setMinimumHeight(tokens.CONTROL_PX)
        self.negative.editingFinished.connect(self._finish)
        self.note = Caption("", tokens.CAPTION_PX, "warn")
        self.note.setWordWrap(True)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(tokens.SPACE_XS)
        for name, part in (("Prompt", self.prompt), ("Negative", self.negative)):
            label = Caption(name)
            label.setBuddy(part)
            column.addWidget(label)
            column.addWidget(part)
        column.addWidget(self.note)
        self.note.hide()

    def set_values(self, prompt: str, negative: str) -> None:
        """Shows both without announcing them; a text that is being typed stays unless the request's has changed."""
        for field, text in (("prompt", prompt), ("negative", negative)):
            if text != self._shown[field]:
                self._shown[field] = text
                if text != self._typed(field):
                    self.prompt.setPlainText(text) if field == "prompt" else self.negative.setText(text)
                self.say("")

    def pending(self) -> dict[str, str]:
        """Texts that were typed and not yet announced."""
        return {field: text for field in self._shown if (text := self._typed(field)) != self._shown[field]}

    def say(self, text: str) -> None:
        """A word on the prompt: how much of it was read."""
        self.note.setText(text)
        self.note.setVisible(bool(text))

    def _typed(self, field: str) -> str:
        return self.prompt.toPlainText() if field == "prompt" else self.negative.text()

    def _finish(self) -> None:
        for field, text in self.pending().items():
            self._shown[field] = text
            self.say("")
            self.changed.emit(field, text)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        if watched is self.prompt:
            if event.type() == QEvent.Type.KeyPress and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                if not event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
                    self._finish()
                    return True
            elif event.type() == QEvent.Type.FocusOut and isinstance(event, QFocusEvent) and event.reason() != Qt.FocusReason.ActiveWindowFocusReason:
                self._finish()
        return super().eventFilter(watched, event)
