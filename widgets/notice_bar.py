"""One line under the tabs: what happened, what to do, one action, and a way to the full report. Never takes the focus."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QSize, Qt, QTimer
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPlainTextEdit, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from widgets import tokens
from widgets.paint import GlyphButton

INFO_MS = 6000
REPORT_PX = 220
_WORDS = {"info": "Note", "warn": "Warning", "bad": "Problem"}
_INKS = {"info": "accent", "warn": "warn", "bad": "bad"}


@dataclass(frozen=True)
class Notice:
    """`kind` is info, warn or bad; `action` is a button's text and what it does; `report` is shown on demand."""

    kind: str
    text: str
    remedy: str = ""
    report: str = ""
    action: tuple[str, Callable[[], None]] | None = None


class Elided(QLabel):
    """A line that gives way in the middle when there is no room; the tooltip has all of it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._full = ""
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setTextFormat(Qt.TextFormat.PlainText)  # an error's text may hold a file name with any characters

    def set_full(self, text: str) -> None:
        self._full = text
        self.setToolTip(text)
        self.setAccessibleName(text)
        self._fit()

    def full(self) -> str:
        return self._full

    def resizeEvent(self, event) -> None:  # noqa: N802
        super().resizeEvent(event)
        self._fit()

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        return QSize(0, super().minimumSizeHint().height())

    def _fit(self) -> None:
        self.setText(self.fontMetrics().elidedText(self._full, Qt.TextElideMode.ElideMiddle, max(self.width(), 0)))


class NoticeBar(QFrame):
    """Shows the newest notice; information leaves by itself, problems stay until closed or replaced."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("noticeBar")
        self.setAccessibleName("Notice")
        self._notice: Notice | None = None
        self._word, self._line = QLabel(), Elided()
        self._word.setObjectName("noticeWord")
        self._action, self._details, self._copy = QPushButton(), QPushButton("Report"), QPushButton("Copy report")
        self._details.setCheckable(True)
        close = GlyphButton("close", "Close the notice")
        for button in (self._action, self._details, self._copy, close):
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # reachable by keyboard, never taken by a click
        self._report = QPlainTextEdit()
        self._report.setReadOnly(True)
        self._report.setFixedHeight(REPORT_PX)
        self._report.setAccessibleName("Report")
        row = QHBoxLayout()
        row.setContentsMargins(tokens.SPACE_L, tokens.SPACE_XS, tokens.SPACE_S, tokens.SPACE_XS)
        row.setSpacing(tokens.SPACE_S)
        row.addWidget(self._word)
        row.addWidget(self._line, 1)
        for button in (self._action, self._copy, self._details, close):
            row.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(row)
        column.addWidget(self._report)
        self._leave = QTimer(self)
        self._leave.setSingleShot(True)
        self._leave.setInterval(INFO_MS)
        self._leave.timeout.connect(self.clear)
        self._action.clicked.connect(self._act)
        self._details.toggled.connect(self._report.setVisible)
        self._details.toggled.connect(self._copy.setVisible)
        self._copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self._report.toPlainText()))
        close.clicked.connect(self.clear)
        self.hide()

    def notice(self) -> Notice | None:
        return self._notice

    def show_notice(self, notice: Notice) -> None:
        self._notice = notice
        if self.property("kind") != notice.kind:
            self.setProperty("kind", notice.kind)
            self.style().unpolish(self)  # a style sheet reads a property once
            self.style().polish(self)
        self._word.setText(_WORDS[notice.kind])
        self._tint()
        self._line.set_full(f"{notice.text} {notice.remedy}".strip())
        self._action.setVisible(notice.action is not None)
        self._action.setText(notice.action[0] if notice.action else "")
        self._details.setVisible(bool(notice.report))
        self._details.setChecked(False)
        self._report.setPlainText(notice.report)
        self._report.hide()
        self._copy.hide()
        self.show()
        if notice.kind == "info" and notice.action is None:
            self._leave.start()
        else:
            self._leave.stop()

    def clear(self) -> None:
        self._notice = None
        self._leave.stop()
        self.hide()

    def _act(self) -> None:
        notice = self._notice
        self.clear()
        if notice and notice.action:
            notice.action[1]()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        if event.type() == QEvent.Type.PaletteChange and self._notice:
            self._tint()
        super().changeEvent(event)

    def _tint(self) -> None:
        ink = getattr(tokens.current(), _INKS[self._notice.kind])
        sheet = f"color: {ink}; font-weight: 600;"
        if sheet != self._word.styleSheet():
            self._word.setStyleSheet(sheet)


class QuestionBar(QFrame):
    """A question in the same place, asked without a box. The first answer is the default, the last one is Escape's."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("questionBar")
        self._line = Elided()
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(tokens.SPACE_L, tokens.SPACE_S, tokens.SPACE_L, tokens.SPACE_S)
        self._row.addWidget(self._line, 1)
        self._buttons: list[QPushButton] = []
        self.hide()

    def ask(self, text: str, answers: Sequence[tuple[str, Callable[[], None]]]) -> None:
        self.dismiss()
        self._line.set_full(text)
        self.setAccessibleName(text)
        for word, then in answers:
            button = QPushButton(word)
            button.clicked.connect(lambda _=False, then=then: (self.dismiss(), then()))
            button.setAutoDefault(True)
            self._row.addWidget(button)
            self._buttons.append(button)
        self._buttons[0].setObjectName("primary")
        self.show()
        self._buttons[0].setFocus()

    def answers(self) -> list[QPushButton]:
        return list(self._buttons)

    def dismiss(self) -> None:
        for button in self._buttons:
            button.hide()
            button.deleteLater()
        self._buttons.clear()
        self.hide()

    def keyPressEvent(self, event) -> None:  # noqa: N802
        if event.key() == Qt.Key.Key_Escape and self._buttons:
            self._buttons[-1].click()
        else:
            super().keyPressEvent(event)
