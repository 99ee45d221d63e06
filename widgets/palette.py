"""The command palette: type a few letters of any action, press Enter."""

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QModelIndex, QObject, Qt
from PySide6.QtGui import QAction, QKeySequence, QPainter
from PySide6.QtWidgets import QLineEdit, QListWidget, QListWidgetItem, QStyledItemDelegate, QStyleOptionViewItem, QVBoxLayout, QWidget

from widgets import tokens
from widgets.overlay import Overlay
from widgets.paint import color

WIDTH_PX, HEIGHT_PX = 520, 420
KEYS = Qt.ItemDataRole.UserRole + 1


def score(words: str, query: str) -> int | None:
    """How far `words` is from `query` (0 = begins with it), None if its letters do not occur in order."""
    words, query = words.lower(), query.lower().strip()
    whole = words.find(query)
    if whole >= 0:
        return whole
    at = -1
    for letter in query.replace(" ", ""):
        at = words.find(letter, at + 1)
        if at < 0:
            return None
    return len(words) + at


class _Row(QStyledItemDelegate):
    """An entry with its keys at the right edge."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        super().paint(painter, option, index)
        painter.save()
        painter.setPen(color("muted"))
        painter.drawText(option.rect.adjusted(0, 0, -tokens.SPACE_M, 0), Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, index.data(KEYS))
        painter.restore()


class Palette(Overlay):
    """Offers the enabled ones of `actions` when presented."""

    def __init__(self, window: QWidget, actions: Sequence[QAction]) -> None:
        super().__init__(window, WIDTH_PX, HEIGHT_PX)
        self.setAccessibleName("Command palette")
        self._actions = actions
        self.field, self.list = QLineEdit(), QListWidget()
        self.field.setPlaceholderText("Type a command")
        self.field.setAccessibleName("Command")
        self.list.setAccessibleName("Commands")
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setItemDelegate(_Row(self.list))
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        column = QVBoxLayout(self)
        column.setContentsMargins(tokens.SPACE_S, tokens.SPACE_S, tokens.SPACE_S, tokens.SPACE_S)
        column.addWidget(self.field)
        column.addWidget(self.list, 1)
        self.field.textChanged.connect(self._fill)
        self.field.returnPressed.connect(self._run)
        self.field.installEventFilter(self)
        self.list.itemClicked.connect(self._run)

    def present(self) -> None:
        super().present()
        self.field.clear()
        self._fill("")
        self.field.setFocus()

    def _fill(self, query: str) -> None:
        self.list.clear()
        found = [(score(text_of(action), query), text_of(action), action) for action in self._actions if action.isEnabled()]
        for _, text, action in sorted((entry for entry in found if entry[0] is not None), key=lambda entry: entry[0]):
            keys = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
            item = QListWidgetItem(text)
            item.setData(KEYS, keys)
            item.setData(Qt.ItemDataRole.UserRole, action)
            item.setToolTip(action.toolTip())
            self.list.addItem(item)
        if not self.list.count():
            item = QListWidgetItem("No command of that name")
            item.setFlags(Qt.ItemFlag.NoItemFlags)
            self.list.addItem(item)
        self.list.setCurrentRow(0)

    def _run(self) -> None:
        item = self.list.currentItem()
        if item is not None and item.data(Qt.ItemDataRole.UserRole) is not None:
            self.dismiss()
            item.data(Qt.ItemDataRole.UserRole).trigger()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        if watched is self.field and event.type() == QEvent.Type.KeyPress and event.key() in (Qt.Key.Key_Down, Qt.Key.Key_Up):
            step = 1 if event.key() == Qt.Key.Key_Down else -1
            self.list.setCurrentRow((self.list.currentRow() + step) % max(1, self.list.count()))
            return True
        return super().eventFilter(watched, event)


def text_of(action: QAction) -> str:
    """The action's menu text without its mnemonic and dots."""
    return action.text().replace("&", "").removesuffix("...").removesuffix("…")
