"""All movements of the plan in one table, six numbers a tooth, to be read and edited."""

from PySide6.QtCore import QAbstractTableModel, QModelIndex, Qt, Signal
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QVBoxLayout, QWidget

from engines.teeth import fdi
from engines.teeth.moves import Move
from engines.teeth.request import Plan
from widgets import tokens
from widgets.paint import Caption, color, font
from widgets.teeth.words import KINDS, numbered, signed

HINT = "Millimetres and degrees in each tooth's own axes. Double click to type."
HEADS = ("Mes", "Buc", "Ext", "Tip", "Torq", "Rot")


class _Model(QAbstractTableModel):
    edited = Signal(int, str, float)
    refused = Signal(str)  # why a typed cell was not taken

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.numbers: tuple[int, ...] = ()
        self.plan, self.notation = Plan(), "fdi"

    def show(self, numbers: tuple[int, ...], plan: Plan, notation: str) -> None:
        if numbers != self.numbers or notation != self.notation:
            self.beginResetModel()
            self.numbers, self.plan, self.notation = numbers, plan, notation
            self.endResetModel()
        elif plan != self.plan:
            self.plan = plan
            self.dataChanged.emit(self.index(0, 0), self.index(len(numbers) - 1, len(KINDS) - 1))

    def rowCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: N802, B008
        return 0 if parent.isValid() else len(self.numbers)

    def columnCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: N802, B008
        return 0 if parent.isValid() else len(KINDS)

    def fixed(self, number: int) -> bool:
        return number in self.plan.locked or number in self.plan.extracted

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole):
        number, (field, name, unit, tip) = self.numbers[index.row()], KINDS[index.column()]
        value = getattr(self.plan.move(number), field)
        if role == Qt.ItemDataRole.DisplayRole:
            return signed(value, 1 if unit == "mm" else 0) if value else "\N{MIDDLE DOT}"
        if role == Qt.ItemDataRole.EditRole:
            return f"{value:.2f}"
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        if role == Qt.ItemDataRole.ForegroundRole:
            return color("muted" if self.fixed(number) or not value else "text")
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{fdi.name(number)}, {name.lower()} {value:.2f} {unit}. {tip}"
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole):  # noqa: N802
        across = orientation == Qt.Orientation.Horizontal
        if role == Qt.ItemDataRole.DisplayRole:
            return HEADS[section] if across else numbered(self.numbers[section], self.notation)
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{KINDS[section][1]} in {KINDS[section][2]}. {KINDS[section][3]}" if across else fdi.name(self.numbers[section])
        return None

    def flags(self, index: QModelIndex) -> Qt.ItemFlag:
        flags = Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsEnabled
        return flags if self.fixed(self.numbers[index.row()]) else flags | Qt.ItemFlag.ItemIsEditable

    def setData(self, index: QModelIndex, value: object, role: int = Qt.ItemDataRole.EditRole) -> bool:  # noqa: N802
        number, field = self.numbers[index.row()], KINDS[index.column()][0]
        try:
            typed = float(str(value).replace(",", ".").replace("\N{MINUS SIGN}", "-"))
        except ValueError:
            self.refused.emit(f"\N{LEFT DOUBLE QUOTATION MARK}{value}\N{RIGHT DOUBLE QUOTATION MARK} is no number: the cell shows what still holds.")
            return False
        try:
            Move(**{field: typed})
        except ValueError as error:
            self.refused.emit(f"{typed:g} is too much ({error}): the cell shows what still holds.")
            return False
        self.edited.emit(number, field, typed)
        return True


class MovementTable(QWidget):
    """`edited(number, field, value)` for a typed cell; `picked(number)` for a row."""

    edited = Signal(int, str, float)
    picked = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model = _Model(self)
        self.view = QTableView(self)
        self.view.setModel(self.model)
        self.view.setAccessibleName("Movements of all teeth")
        self.view.setFont(font(tokens.CAPTION_PX))
        self.view.setShowGrid(False)
        self.view.setAlternatingRowColors(False)
        self.view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectItems)
        self.view.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.view.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.view.verticalHeader().setDefaultSectionSize(22)
        self.view.verticalHeader().setFixedWidth(38)
        column = QVBoxLayout(self)
        column.setContentsMargins(tokens.SPACE_S, tokens.SPACE_S, tokens.SPACE_S, tokens.SPACE_S)
        self.head = Caption(HINT, tokens.CAPTION_PX, "muted")
        self.head.setWordWrap(True)
        column.addWidget(self.head)
        column.addWidget(self.view, 1)
        self.model.edited.connect(self.edited)
        self.model.refused.connect(lambda words: self._say(words, "warn"))
        self.view.selectionModel().currentChanged.connect(lambda index, _: index.isValid() and self.picked.emit(self.model.numbers[index.row()]))

    def _say(self, words: str, ink: str) -> None:
        self.head.set_ink(ink)
        self.head.setText(words)

    def show_plan(self, numbers: tuple[int, ...], plan: Plan, notation: str) -> None:
        self._say(HINT, "muted")
        self.model.show(numbers, plan, notation)
