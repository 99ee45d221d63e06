"""The selected teeth: six numbers each, lock, extract, reset."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QIntValidator
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from engines.teeth import fdi
from engines.teeth.moves import Move
from widgets import tokens
from widgets.fields import Chips
from widgets.paint import Caption, GlyphButton
from widgets.teeth.words import KINDS, numbered, spoken
from widgets.vernier_slider import Scale, VernierSlider

MM, DEG = 6.0, 45.0
MOST_NAMED = 4  # teeth in the title
GESTURES = (("Click", "choose a tooth, here or in the chart"), ("Ctrl+click", "add or leave out another"), ("M", "add the mirror tooth"),
            ("Drag an arrow", "move along the tooth's axis"), ("Drag a ring", "turn about it"), ("Shift", "ten times finer"),
            ("Arrow keys", "0.1 mm mesial, distal, buccal, lingual"), ("Page keys", "0.1 mm out of the gum, into it"),
            ("Alt + those", "turn by 1\N{DEGREE SIGN}"), ("L, Delete", "lock, extract"), ("Backspace", "back to the start"))
PIVOT_ROWS = (("crown", "Crown", "Turn about the middle of the crown"),
              ("resistance", "Root", "Turn about the centre of resistance, estimated a third of a root below the neck"))


class ToothPanel(QWidget):
    """Shows the movement of the first selected tooth. `changed(field, value)` while a person moves one of the six numbers of it (the others of the
    selection take the same difference), `held` from press to release, `asked(word)`: lock, extract, reset, pair, none; `pivot_chosen(which)`."""

    changed = Signal(str, float)
    held = Signal(bool)
    asked = Signal(str)
    pivot_chosen = Signal(object)
    span_changed = Signal(int, int)  # first and last stage, set by hand

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        column = QVBoxLayout(self)
        column.setContentsMargins(tokens.SPACE_M, tokens.SPACE_M, tokens.SPACE_M, tokens.SPACE_M)
        column.setSpacing(tokens.SPACE_S)
        head = QHBoxLayout()
        self.title = Caption("", tokens.SECTION_PX, semibold=True)
        self.lock = GlyphButton("unlock", "Lock", "Locked teeth stay where they are, whatever moves (L)", checkable=True)
        self.reset = GlyphButton("reset", "Reset", "Back to where the tooth was at the start (Backspace)")
        head.addWidget(self.title, 1)
        head.addWidget(self.lock)
        head.addWidget(self.reset)
        self.words = Caption("", tokens.CAPTION_PX, "muted")
        self.words.setWordWrap(True)
        column.addLayout(head)
        column.addWidget(self.words)
        self.sliders: dict[str, VernierSlider] = {}
        for field, name, unit, tip in KINDS:
            scale = Scale(-MM, MM, 0, 0.1, 2, "mm", ((0, ""),)) if unit == "mm" else Scale(-DEG, DEG, 0, 1, 1, "\N{DEGREE SIGN}", ((0, ""),))
            slider = self.sliders[field] = VernierSlider(name, scale, tip)
            slider.changed.connect(lambda value, field=field: self.changed.emit(field, value))
            slider.held.connect(self.held)
            column.addWidget(slider)
        row = QHBoxLayout()
        self.extract = QPushButton("Extract")
        self.extract.setToolTip("Take the tooth out of the plan: its place can be closed")
        self.pair = QPushButton("Select pair")
        self.pair.setToolTip("Add the same tooth of the other side: both then move as mirror images")
        for button in (self.pair, self.extract):
            row.addWidget(button, 1)
        self.pivot = Chips("Pivot", PIVOT_ROWS, 2)
        self.pivot.set_value("crown")
        about = Caption("Turns about the middle of", tokens.CAPTION_PX, "muted")
        column.addWidget(about)
        column.addWidget(self.pivot)
        column.addLayout(row)
        self.known = Caption("", tokens.CAPTION_PX, "muted")
        self.known.setWordWrap(True)
        self.known.setToolTip("What studies found of such movements afterwards. A plan shows what is planned, not what will happen.")
        self.span = QWidget()
        stages = QHBoxLayout(self.span)
        stages.setContentsMargins(0, 0, 0, 0)
        stages.addWidget(Caption("Moves in stages"))
        self.ends = (QLineEdit(), QLineEdit())
        for field, name in zip(self.ends, ("First stage", "Last stage"), strict=True):
            field.setValidator(QIntValidator(1, 999, field))
            field.setFixedSize(48, tokens.CONTROL_PX)
            field.setAccessibleName(name)
            field.editingFinished.connect(self._span)
        stages.addWidget(self.ends[0])
        stages.addWidget(Caption("to"))
        stages.addWidget(self.ends[1])
        stages.addStretch(1)
        column.addWidget(self.span)
        column.addWidget(self.known)
        column.addStretch(1)
        self.empty = _gestures()
        column.insertWidget(0, self.empty)
        self._parts = (self.title, self.lock, self.reset, self.words, *self.sliders.values(), self.extract, self.pair, about, self.pivot)
        self.lock.clicked.connect(lambda: self.asked.emit("lock"))
        self.reset.clicked.connect(lambda: self.asked.emit("reset"))
        self.extract.clicked.connect(lambda: self.asked.emit("extract"))
        self.pair.clicked.connect(lambda: self.asked.emit("pair"))
        self.pivot.changed.connect(self.pivot_chosen)
        self._shown: tuple[int, int] | None = None
        self.show_teeth((), Move(), "fdi")
        self.show_stages(None, "")

    def show_stages(self, span: tuple[int, int] | None, known: str) -> None:
        """span: first and last stage of the first tooth, None without stages; known: what is known of the predictability of its movements."""
        self.span.setVisible(span is not None)
        for field, value in zip(self.ends, span or (1, 1), strict=True):
            field.setText(str(value))
        self._shown = span
        self.known.setText(known)
        self.known.setVisible(bool(known))

    def _span(self) -> None:
        first, last = (int(field.text() or 1) for field in self.ends)
        if (first, last) != self._shown and first <= last:
            self.span_changed.emit(first, last)

    def show_teeth(self, selected: tuple[int, ...], move: Move, notation: str, locked: bool = False, extracted: bool = False) -> None:
        """selected: FDI numbers, the first one is `move`'s."""
        self.empty.setVisible(not selected)
        for part in self._parts:
            part.setVisible(bool(selected))
        if not selected:
            return
        first, more = selected[0], len(selected) - 1
        others = [numbered(number, notation) for number in selected[1:]]
        self.title.setText(", ".join([numbered(first, notation), *others]) if more < MOST_NAMED else f"{numbered(first, notation)} and {more} more")
        self.words.setText((fdi.name(first).capitalize() + ": " + spoken(move)) if not more else "They move together; the numbers are the first one's.")
        for field, slider in self.sliders.items():
            slider.set_value(getattr(move, field))
            slider.setEnabled(not (locked or extracted))
        self.lock.setChecked(locked)
        self.lock.set_glyph("lock" if locked else "unlock")
        self.extract.setText("Put back" if extracted else "Extract")
        self.reset.setEnabled(move != Move() and not locked)


def _gestures() -> QWidget:
    """What can be done, while no tooth is chosen."""
    panel = QWidget()
    grid = QGridLayout(panel)
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setHorizontalSpacing(tokens.SPACE_M)
    grid.setVerticalSpacing(tokens.SPACE_S)
    grid.addWidget(Caption("No tooth chosen", tokens.SECTION_PX, semibold=True), 0, 0, 1, 2)
    for k, (what, does) in enumerate(GESTURES, 1):
        words = Caption(does, tokens.CAPTION_PX, "muted")
        words.setWordWrap(True)
        grid.addWidget(Caption(what, tokens.CAPTION_PX, semibold=True), k, 0, Qt.AlignmentFlag.AlignTop)
        grid.addWidget(words, k, 1)
    grid.setColumnStretch(1, 1)
    return panel
