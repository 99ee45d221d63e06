"""Quiet tabs inside a panel: words with a line under the one in front, pages below."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from widgets import tokens


class Tabs(QWidget):
    """`add` pages; Left and Right move between the words. `changed(name)` when another page comes to the front. tight: many words in little room."""

    changed = Signal(str)

    def __init__(self, name: str, tight: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self._tight = tight
        self.buttons: dict[str, QPushButton] = {}
        self.pages, self._group, self._bar = QStackedWidget(), QButtonGroup(self), QHBoxLayout()
        self._bar.setContentsMargins(tokens.SPACE_S, 0, tokens.SPACE_S, 0)
        self._bar.setSpacing(0)
        self._bar.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(self._bar)
        column.addWidget(self.pages, 1)

    def add(self, title: str, page: QWidget, tip: str = "") -> None:
        """A page behind the word `title`; the first one added is in front."""
        button = self.buttons[title] = QPushButton(title)
        button.setObjectName("tab")
        button.setProperty("tight", self._tight)
        button.setCheckable(True)
        button.setToolTip(tip)
        button.setAccessibleName(f"{self.accessibleName()}: {title}")
        button.clicked.connect(lambda _=False: self.show_page(title))
        self._group.addButton(button)
        self._bar.insertWidget(self._bar.count() - 1, button)
        self.pages.addWidget(page)
        if len(self.buttons) == 1:
            button.setChecked(True)

    def current(self) -> str:
        return list(self.buttons)[self.pages.currentIndex()]

    def show_page(self, title: str) -> None:
        self.buttons[title].setChecked(True)
        if title != self.current():
            self.pages.setCurrentIndex(list(self.buttons).index(title))
            self.changed.emit(title)

    def keyPressEvent(self, event) -> None:  # noqa: N802
        step = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(event.key())
        names = list(self.buttons)
        if step and self.focusWidget() in self.buttons.values():
            name = names[(names.index(self.current()) + step) % len(names)]
            self.show_page(name)
            self.buttons[name].setFocus()
        else:
            super().keyPressEvent(event)
