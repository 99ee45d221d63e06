"""Several seeds in a row, in the background: mean and spread as a table that grows."""

from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFileDialog, QGridLayout, QHBoxLayout, QProgressBar, QPushButton, QVBoxLayout, QWidget

from engines.gan.seeds import Table, spoken
from engines.guidance.picture import write_whole
from engines.job import EngineError
from widgets import tokens
from widgets.gan import catalog
from widgets.paint import Caption, font
from widgets.vernier_slider import Scale, VernierSlider

COUNT = Scale(2, 20, 5, unit="seeds", ticks=((5, ""),))
BAR_PX = 4


class SeedsPage(QWidget):
    """`asked(count)` to run so many, `stopped` to end that."""

    asked = Signal(int)
    stopped = Signal()
    saved = Signal(str)
    save_failed = Signal(Exception)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("panel")
        self.table: Table | None = None
        self.count = VernierSlider("How many", COUNT, "One seed proves little: runs differ by chance. Five tell a real difference from luck.")
        self.start, self.save = QPushButton("Run seeds"), QPushButton("Save table\N{HORIZONTAL ELLIPSIS}")
        self.start.setToolTip("Trains A and B anew under each seed, in the background, with the settings on the left")
        self.start.clicked.connect(self._pressed)
        self.save.clicked.connect(self._ask)
        for button in (self.start, self.save):
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._line, self._settings = Caption("", tokens.CAPTION_PX, "muted"), Caption("", tokens.CAPTION_PX, "muted")
        for line in (self._line, self._settings):
            line.setWordWrap(True)
        self.bar = QProgressBar()
        self.bar.setRange(0, 1000)
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(BAR_PX)
        self.bar.setAccessibleName("Progress of the seeds")
        self._grid = QGridLayout()
        self._grid.setVerticalSpacing(tokens.SPACE_S)
        self._grid.setColumnStretch(0, 1)
        self.cells: dict[tuple[str, int], Caption] = {}
        for k, (word, ink) in enumerate((("A  plain", "accent"), ("B  SMaRt", "second"))):
            self._grid.addWidget(self._cell(word, ink, True), 0, k + 1)
        for row, (name, title, _, tip) in enumerate(catalog.MEASURES, 1):
            label = Caption(title.partition(" (")[0], tokens.CAPTION_PX, "muted")
            label.setToolTip(tip)
            self._grid.addWidget(label, row, 0)
            for k, ink in enumerate(("accent", "second")):
                cell = self.cells[name, k] = self._cell("\N{EN DASH}", ink)
                self._grid.addWidget(cell, row, k + 1)
        row = QHBoxLayout()
        row.addWidget(self.start, 1)
        row.addWidget(self.save)
        column = QVBoxLayout(self)
        column.setContentsMargins(tokens.SPACE_L, tokens.SPACE_M, tokens.SPACE_L, tokens.SPACE_L)
        column.setSpacing(tokens.SPACE_M)
        column.addWidget(self.count)
        column.addLayout(row)
        column.addWidget(self.bar)
        column.addWidget(self._line)
        column.addLayout(self._grid)
        column.addWidget(self._settings)
        column.addStretch(1)
        self.set_state("idle", "Mean \N{PLUS-MINUS SIGN} spread over seeds, at the last step.")

    @staticmethod
    def _cell(text: str, ink: str, head: bool = False) -> Caption:
        cell = Caption(text, tokens.CAPTION_PX, ink, semibold=head)
        cell.setFont(font(tokens.CAPTION_PX, semibold=head))
        cell.setAlignment(Qt.AlignmentFlag.AlignRight)
        return cell

    def set_state(self, state: str, text: str) -> None:
        """"idle" or "running", and a line that says it."""
        self.running = state == "running"
        self.start.setText("Stop" if self.running else "Run seeds")
        self.count.setEnabled(not self.running)
        self.bar.setVisible(self.running)
        self.save.setEnabled(self.table is not None and bool(self.table.results))
        self._line.setText(text)

    def text(self) -> str:
        return self._line.text()

    def begin(self, words: str) -> None:
        """A new run with the settings in `words`."""
        self.table = None
        self._settings.setText(words)
        for cell in self.cells.values():
            cell.setText("\N{EN DASH}")
        self.bar.setValue(0)
        self.set_state("running", "Waiting for what runs in the background")

    def show_progress(self, part: float, text: str) -> None:
        self.bar.setValue(round(1000 * part))
        self._line.setText(text[:1].upper() + text[1:])

    def show_table(self, table: Table) -> None:
        self.table = table
        for (name, k), cell in self.cells.items():
            cell.setText(spoken(name, *table.summary(k, name)) if k < len(table.arms) else "\N{EN DASH}")
        self.save.setEnabled(True)

    def _pressed(self) -> None:
        if self.running:
            self.stopped.emit()
        else:
            self.asked.emit(int(self.count.value))

    def _ask(self) -> None:
        dialog = QFileDialog(self, "Save table", "seeds.csv", "CSV (*.csv)")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("csv")
        dialog.fileSelected.connect(lambda name: self.save_to(Path(name)))
        dialog.open()

    def save_to(self, path: Path) -> None:
        """One line a seed and arm, as CSV."""
        try:
            write_whole(path, lambda file: file.write(self.table.csv().encode()))
            self.saved.emit(f"Saved {path.name}")
        except EngineError as error:
            self.save_failed.emit(error)
