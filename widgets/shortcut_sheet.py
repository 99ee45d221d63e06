"""All keys at a glance, by menu."""

from collections.abc import Mapping, Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from widgets import tokens
from widgets.overlay import Overlay
from widgets.paint import GlyphButton
from widgets.palette import text_of

WIDTH_PX, HEIGHT_PX = 640, 560


class ShortcutSheet(Overlay):
    """`groups` maps a heading to its actions; those without a key are left out. `extra` are keys no action has."""

    def __init__(self, window: QWidget, groups: Mapping[str, Sequence[QAction]],
                 extra: Mapping[str, Sequence[tuple[str, str]]] | None = None) -> None:
        super().__init__(window, WIDTH_PX, HEIGHT_PX)
        self.setAccessibleName("Keyboard shortcuts")
        rows = {head: [(text_of(action), _keys(action)) for action in actions if action.shortcuts()]
                for head, actions in groups.items()}
        for head, entries in (extra or {}).items():
            rows[head] = [*rows.get(head, []), *entries]
        title = QLabel("Keyboard shortcuts")
        title.setObjectName("section")
        shut = GlyphButton("close", "Close")
        shut.clicked.connect(self.dismiss)
        top = QHBoxLayout()
        top.addWidget(title)
        top.addStretch(1)
        top.addWidget(shut)
        page = QWidget()
        columns = QHBoxLayout(page)
        columns.setContentsMargins(0, 0, tokens.SPACE_S, 0)
        columns.setSpacing(tokens.SPACE_XL)
        halves = _halves({head: entries for head, entries in rows.items() if entries})
        for half in halves:
            columns.addLayout(_column(half), 1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setWidget(page)
        self._area = area
        column = QVBoxLayout(self)
        column.setContentsMargins(tokens.SPACE_L, tokens.SPACE_M, tokens.SPACE_M, tokens.SPACE_M)
        column.addLayout(top)
        column.addWidget(area, 1)

    def present(self) -> None:
        super().present()  # first: only what is on screen has its style, and with it its width
        sides = self.layout().contentsMargins()
        beside = self._area.verticalScrollBar().sizeHint().width() + 2 * (self._area.frameWidth() + self.frameWidth()) + sides.left() + sides.right()
        self._wanted = max(WIDTH_PX, self._area.widget().minimumSizeHint().width() + beside), HEIGHT_PX  # the longest row of each column in full
        self._place()
        self._area.setFocus()


def _keys(action: QAction) -> str:
    return "  or  ".join(key.toString(QKeySequence.SequenceFormat.NativeText) for key in action.shortcuts())


def _halves(rows: dict[str, list[tuple[str, str]]]) -> tuple[dict, dict]:
    """Groups in two columns of about the same length, in order."""
    total = sum(len(entries) + 2 for entries in rows.values())
    left, right, height = {}, {}, 0
    for head, entries in rows.items():
        (left if height < total / 2 else right)[head] = entries
        height += len(entries) + 2
    return left, right


def _column(rows: dict[str, list[tuple[str, str]]]) -> QVBoxLayout:
    column = QVBoxLayout()
    column.setSpacing(tokens.SPACE_XS)
    for head, entries in rows.items():
        title = QLabel(head)
        title.setObjectName("captionHead")
        column.addWidget(title)
        grid = QGridLayout()
        grid.setColumnStretch(0, 1)
        grid.setVerticalSpacing(tokens.SPACE_XS)
        for i, (text, keys) in enumerate(entries):
            key = QLabel(keys)
            key.setObjectName("key")
            key.setAccessibleName(f"{text}: {keys}")
            grid.addWidget(QLabel(text), i, 0)
            grid.addWidget(key, i, 1, Qt.AlignmentFlag.AlignRight)
        column.addLayout(grid)
        column.addSpacing(tokens.SPACE_M)
    column.addStretch(1)
    return column
