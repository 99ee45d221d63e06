"""A row of controls over the picture, while something other than planning is done there."""

from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from widgets import tokens


class Strip(QWidget):
    """A row of controls over the picture."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.setObjectName("panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(tokens.SPACE_M, tokens.SPACE_S, tokens.SPACE_M, tokens.SPACE_S)
        self.column.setSpacing(tokens.SPACE_XS)
        self.row = QHBoxLayout()
        self.row.setSpacing(tokens.SPACE_S)
        self.column.addLayout(self.row)

    def button(self, text: str, tip: str, call: Any, primary: bool = False) -> QPushButton:
        button = QPushButton(text)
        button.setToolTip(tip)
        button.clicked.connect(lambda _=False: call())
        if primary:
            button.setObjectName("primary")
        self.row.addWidget(button)
        return button
