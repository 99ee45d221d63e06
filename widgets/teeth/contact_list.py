"""The collisions of a setup: which teeth, how deep, what to take off; a click flies there."""

from dataclasses import dataclass

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QListWidget, QListWidgetItem, QPushButton, QVBoxLayout, QWidget

from widgets import tokens
from widgets.paint import Caption, font
from widgets.vernier_slider import Scale, VernierSlider


@dataclass(frozen=True)
class ContactRow:
    """first, second: FDI numbers; depth_mm: overlap beyond the surface; volume_mm3: None until it is computed; kind: neighbours or opposing."""

    first: int
    second: int
    label: str
    depth_mm: float
    volume_mm3: float | None
    kind: str
    reduction_mm: float = 0.0  # suggested, 0 = none
    reduced_mm: float = 0.0  # what the plan already takes off


class ContactList(QWidget):
    """`chosen(first, second)` for a row, `tolerance(mm)` for the slider, `reduce(first, second, mm)` for the button."""

    chosen = Signal(int, int)
    tolerance = Signal(float)
    reduce = Signal(int, int, float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        column = QVBoxLayout(self)
        column.setContentsMargins(tokens.SPACE_M, tokens.SPACE_M, tokens.SPACE_M, tokens.SPACE_M)
        column.setSpacing(tokens.SPACE_S)
        self.slider = VernierSlider("Tolerance", Scale(0, 0.5, 0.1, 0.05, 2, "mm"),
                                    "Overlap up to here counts as contact: neighbours in real scans already touch")
        self.slider.changed.connect(self.tolerance)
        self.head = Caption("", semibold=True)
        self.list = QListWidget()
        self.list.setAccessibleName("Collisions")
        self.list.setFont(font(tokens.CAPTION_PX))
        self.list.currentRowChanged.connect(self._on_row)
        self.button = QPushButton("Reduce here")
        self.button.setToolTip("Interproximal reduction: take off what the teeth overlap, half from each. At most 0.5 mm a contact is usual.")
        self.button.clicked.connect(self._reduce)
        self.note = Caption("", tokens.CAPTION_PX, "muted")
        self.note.setWordWrap(True)
        foot = QHBoxLayout()
        foot.addWidget(self.button)
        foot.addStretch(1)
        for part in (self.slider, self.head, self.list):
            column.addWidget(part, 1 if part is self.list else 0)
        column.addWidget(self.note)
        column.addLayout(foot)
        self.rows: tuple[ContactRow, ...] = ()
        self.wait()

    def wait(self) -> None:
        """Nothing is known yet: a case was opened, its collision bodies are being made."""
        self.set_rows((), self.slider.value)
        self.head.setText("Preparing contacts\N{HORIZONTAL ELLIPSIS}")
        self.note.setText("The shapes of all teeth are read once; after that contacts follow every move.")

    def prepare(self, share: float) -> None:
        """How much of that is done, 0 to 1."""
        self.head.setText(f"Preparing contacts, {share:.0%}")

    def set_rows(self, rows: tuple[ContactRow, ...], tolerance_mm: float) -> None:
        """Deepest first. The chosen row stays chosen while its pair is there."""
        self.slider.set_value(tolerance_mm)
        pair = self._pair()
        self.rows = rows
        self.head.setText(f"{len(rows)} collisions beyond {tolerance_mm:.2f} mm" if len(rows) != 1 else f"1 collision beyond {tolerance_mm:.2f} mm")
        self.list.blockSignals(True)
        self.list.clear()
        for row in rows:
            volume = f", {row.volume_mm3:.2f} mm\N{SUPERSCRIPT THREE}" if row.volume_mm3 is not None else ""
            taken = f", {row.reduced_mm:.1f} mm reduced" if row.reduced_mm else ""
            item = QListWidgetItem(f"{row.label}   {row.depth_mm:.2f} mm deep{volume}{taken}")
            item.setToolTip(f"{row.kind}; click to see it")
            item.setData(Qt.ItemDataRole.UserRole, (row.first, row.second))
            self.list.addItem(item)
            if (row.first, row.second) == pair:
                self.list.setCurrentItem(item)
        self.list.blockSignals(False)
        self._show_foot()

    def _pair(self) -> tuple[int, int] | None:
        item = self.list.currentItem()
        return item.data(Qt.ItemDataRole.UserRole) if item is not None else None

    def _row(self) -> ContactRow | None:
        pair = self._pair()
        return next((row for row in self.rows if (row.first, row.second) == pair), None)

    def _on_row(self, k: int) -> None:
        self._show_foot()
        if (row := self._row()) is not None:
            self.chosen.emit(row.first, row.second)

    def _show_foot(self) -> None:
        row = self._row()
        possible = row is not None and row.reduction_mm > 0
        self.button.setEnabled(possible)
        self.button.setText(f"Reduce {row.reduction_mm:.2f} mm here" if possible else "Reduce here")
        if not self.rows:
            self.note.setText("No two teeth overlap by more than the tolerance.")
        elif row is None:
            self.note.setText("Click a line to fly there.")
        elif row.kind != "neighbours" or not row.reduction_mm:
            self.note.setText("Opposing teeth: move them apart; reduction is for neighbours.")
        elif row.reduction_mm > 0.5:
            self.note.setText("More than 0.5 mm at one contact: consider moving the teeth apart instead.")
        else:
            self.note.setText("")

    def _reduce(self) -> None:
        if (row := self._row()) is not None:
            self.reduce.emit(row.first, row.second, row.reduction_mm)
