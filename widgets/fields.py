"""Small controls beside the vernier slider: folding sections, choices, a seed; each shows a value and proposes a new one."""

import secrets
from collections.abc import Sequence
from math import lcm

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QIcon, QIntValidator, QPainter
from PySide6.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionComboBox,
    QStylePainter,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from widgets import glyphs, tokens
from widgets.paint import Caption, GlyphButton, color, font

SEED_HIGH = 2**31 - 1  # what a QIntValidator holds


class Section(QWidget):
    """A titled group that folds; its content is laid out from above."""

    def __init__(self, title: str, open_: bool = True, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.head = QToolButton(self)
        self.head.setText(title)
        self.head.setFont(font(tokens.BODY_PX, semibold=True))
        self.head.setObjectName("fold")
        self.head.setCheckable(True)
        self.head.setAutoRaise(True)
        self.head.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.head.setAccessibleName(f"{title}, section")
        self.body = QWidget(self)
        self.rows = QVBoxLayout(self.body)
        self.rows.setContentsMargins(0, tokens.SPACE_XS, 0, tokens.SPACE_S)
        self.rows.setSpacing(tokens.SPACE_S)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.head, alignment=Qt.AlignmentFlag.AlignLeft)
        layout.addWidget(self.body)
        self.head.toggled.connect(self._fold)
        self.head.setChecked(open_)
        self._fold(open_)

    def add(self, *widgets: QWidget) -> None:
        for widget in widgets:
            self.rows.addWidget(widget)

    def _fold(self, open_: bool) -> None:
        self.body.setVisible(open_)
        self.head.setIcon(glyphs.icon("open" if open_ else "folded", tokens.current().muted))

    def changeEvent(self, event) -> None:  # noqa: N802
        if event.type() == event.Type.PaletteChange:
            self._fold(self.head.isChecked())
        super().changeEvent(event)


class Labelled(QWidget):
    """A name on the left, a control that takes the rest of the row."""

    LABEL_PX = 72

    def __init__(self, name: str, control: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(tokens.SPACE_S)
        label = Caption(name, parent=self)
        label.setFixedWidth(self.LABEL_PX)
        label.setBuddy(control)
        control.setAccessibleName(control.accessibleName() or name)
        row.addWidget(label)
        row.addWidget(control, 1)


def paint_arrow(box: QComboBox, painter: QPainter) -> None:
    """The arrow that says "a list opens here": a style sheet leaves it out unless it is given a file."""
    side, scale = glyphs.SIZE_PX, max(box.devicePixelRatioF(), 2.0)
    painter.drawPixmap(box.width() - side - tokens.SPACE_XS, (box.height() - side) // 2,
                       glyphs.pixmap("open", color("muted" if box.isEnabled() else "border").name(), scale))


class Choice(QComboBox):
    """One of several values, each with a word and perhaps a picture."""

    changed = Signal(object)

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.setMinimumHeight(tokens.CONTROL_PX)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(8)
        self.setItemDelegate(QStyledItemDelegate(self))  # the one that heeds a style sheet: rows as tall as other controls
        self.activated.connect(lambda index: self.changed.emit(self.itemData(index)))

    def set_choices(self, choices: Sequence[tuple[object, str, QIcon | None]]) -> None:
        """(value, word, picture) rows; nothing is announced."""
        self.clear()
        for value, word, picture in choices:
            self.addItem(picture or QIcon(), word, value)

    def set_value(self, value: object) -> None:
        """Shows `value` without announcing it; an unknown value shows nothing."""
        self.setCurrentIndex(self.findData(value))

    def paintEvent(self, event) -> None:  # noqa: N802
        """A word that is too long for the field is elided in its middle."""
        painter, option = QStylePainter(self), QStyleOptionComboBox()
        self.initStyleOption(option)
        painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
        field = self.style().subControlRect(QStyle.ComplexControl.CC_ComboBox, option, QStyle.SubControl.SC_ComboBoxEditField, self)
        picture = option.iconSize.width() + tokens.SPACE_S if not option.currentIcon.isNull() else 0
        option.currentText = self.fontMetrics().elidedText(option.currentText, Qt.TextElideMode.ElideMiddle, field.width() - picture - tokens.SPACE_XS)
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)
        paint_arrow(self, painter)

    def wheelEvent(self, event) -> None:  # noqa: N802
        """The wheel scrolls the panel; it changes a value only where the person has put the focus."""
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()


class Chips(QWidget):
    """One of a few values, all of them in sight, as buttons in a grid.

    Rows are (value, word, tip); `wide` values take a whole row; `spread` lets the last row's buttons share its width.
    """

    changed = Signal(object)

    def __init__(self, name: str, rows: Sequence[tuple[object, str, str]], columns: int = 3, wide: frozenset = frozenset(),
                 spread: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.buttons: dict[object, QPushButton] = {}
        group = QButtonGroup(self)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(tokens.SPACE_XS)
        place, last = 0, len(rows) % columns if spread else 0
        parts = lcm(columns, last) if last else columns  # of the grid's width: what both kinds of rows divide into
        for k, (value, word, tip) in enumerate(rows):
            button = QPushButton(word, self)
            button.setCheckable(True)
            button.setProperty("chip", True)
            button.setMinimumWidth(0)
            button.setFixedHeight(tokens.CONTROL_PX)
            button.setToolTip(tip)
            button.setAccessibleName(f"{name}: {word}")
            button.setAccessibleDescription(tip)
            if value in wide:
                place += -place % columns
                grid.addWidget(button, place // columns, 0, 1, parts)
                place += columns
            else:
                span = parts // (last if k >= len(rows) - last else columns)
                grid.addWidget(button, place // columns, place % columns * span, 1, span)
                place += 1
            group.addButton(button)
            self.buttons[value] = button
            button.clicked.connect(lambda _=False, v=value: self.changed.emit(v))
        for column in range(parts):
            grid.setColumnStretch(column, 1)
        self._group = group

    def set_value(self, value: object) -> None:
        """Shows `value` without announcing it; None unchecks all."""
        self._group.setExclusive(False)
        for key, button in self.buttons.items():
            button.setChecked(key == value)
        self._group.setExclusive(True)


class SeedField(QWidget):
    """A seed with a lock and a dice. Locked: the dice and `roll` do nothing."""

    changed = Signal(int)

    def __init__(self, name: str = "Seed", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.box = QLineEdit(self)
        self.box.setValidator(QIntValidator(0, SEED_HIGH, self))
        self.box.setAccessibleName(name)
        self.box.setFont(font())
        self.box.setMinimumHeight(tokens.CONTROL_PX)
        self.box.setToolTip("The noise that the samples grow from: same seed, same noise, whatever the number of images.")
        self.lock = GlyphButton("unlock", f"Lock {name.lower()}", "Keep this seed: the dice is off", checkable=True, parent=self)
        self.dice = GlyphButton("dice", f"New {name.lower()}", "Another seed, by chance", parent=self)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(tokens.SPACE_XS)
        row.addWidget(self.box, 1)
        row.addWidget(self.lock)
        row.addWidget(self.dice)
        self.setFocusProxy(self.box)
        self.box.editingFinished.connect(self._on_typed)
        self._value = 0
        self.lock.toggled.connect(self._on_lock)
        self.dice.clicked.connect(self.roll)

    def set_value(self, value: int) -> None:
        """Shows `value` without announcing it."""
        self._value = value
        self.box.setText(str(value))

    def roll(self) -> None:
        """A new seed, unless the lock is closed."""
        if not self.lock.isChecked():
            self._propose(secrets.randbelow(100_000))

    def _on_typed(self) -> None:
        self._propose(int(self.box.text()))

    def _propose(self, value: int) -> None:
        if value != self._value:
            self.set_value(value)
            self.changed.emit(value)

    def _on_lock(self, locked: bool) -> None:
        self.lock.set_glyph("lock" if locked else "unlock")
        self.dice.setEnabled(not locked)
        self.box.setReadOnly(locked)
