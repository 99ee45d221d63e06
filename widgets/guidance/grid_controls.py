"""The Grid section of the controls: two axes with their values, images a cell, and drawing in place."""

from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QProgressBar, QPushButton, QStyledItemDelegate, QVBoxLayout, QWidget

from engines.guidance.request import AXES, TOYS, Grid, GuidanceRequest, Sampling
from engines.job import EngineError
from widgets import tokens
from widgets.fields import Choice, Labelled, Section, paint_arrow
from widgets.guidance import grid_run, words
from widgets.guidance.axis_text import parse, suggested, suggestions, text_of
from widgets.guidance.grid_run import GridRun
from widgets.paint import Caption
from widgets.vernier_slider import Scale, VernierSlider

FIRST = ("gamma_1", "gamma_0", "steps", "mode", "sampler", "tuned", "seed", "label", "c", "guide_below", "guide_above",
         "sharpness")  # the rest follow by themselves
NETWORK = {"label_2", "blend", "seed_2", "seed_mix", "table", "calibration", "prompt", "negative"}  # nothing to a toy
PROMPTED, FILES = {"prompt", "negative"}, {"table", "calibration", "tuning"}
SHARES = {"label_2": "blend", "seed_2": "seed_mix"}  # a partner that takes no share changes nothing
EACH = Scale(1, 16, 4, 1, 0, ticks=((4, ""), (9, ""), (16, "")))
VALUES_TIP = "Values with commas between; 1..5 and 1..5:0.5 are ranges. The arrow offers some."


def axes_for(settings: Sampling) -> list[str]:
    """The axes that make sense for these settings, the usual ones first."""
    toy = settings.model in TOYS
    left_out = {"c"} if settings.model != "toy-1d" else {"label"}
    left_out |= NETWORK | {"sharpness"} if toy else set() if settings.prompt else set(PROMPTED)
    left_out |= {name for name in FILES if not getattr(settings, name)}
    return [name for name in dict.fromkeys((*FIRST, *AXES)) if name in AXES and name not in left_out]


class Values(QComboBox):
    """The values of an axis as text; `changed(values)` once they can be read, `refused(error)` when they cannot."""

    changed = Signal(object)
    refused = Signal(object)

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.setEditable(True)
        self.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.setCompleter(None)
        self.setMinimumHeight(tokens.CONTROL_PX)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(8)
        self.setItemDelegate(QStyledItemDelegate(self))
        self.setToolTip(VALUES_TIP)
        self._field, self._values, self._names = "", (), ()
        self._refused = False
        self.lineEdit().setAccessibleName(name)
        self.lineEdit().editingFinished.connect(self._read)
        self.activated.connect(lambda _: self._read())

    def show_values(self, field: str, values: tuple[Any, ...], base: Sampling, names: tuple[str, ...]) -> None:
        """Shows them without announcing; what a person is typing for the same values stays as it is."""
        same = (field, values, names) == (self._field, self._values, self._names)
        if same and (not self._refused or self.lineEdit().hasFocus()):
            return
        self._field, self._values, self._names, self._refused = field, values, names, False
        self.clear()
        self.addItems(suggestions(field, base, names))
        self.setEditText(text_of(field, values, names))
        self.lineEdit().setCursorPosition(0)

    def _read(self) -> None:
        try:
            values = parse(self._field, self.currentText(), self._names)
            if values != self._values:
                Grid(self._field, values, None, ())
        except EngineError as error:
            self._refused = True
            return self.refused.emit(error)
        self._refused = False
        self.changed.emit(values)

    def readable(self) -> bool:
        """Whether the text stands for the values; False once it was refused."""
        return not self._refused

    def paintEvent(self, event) -> None:  # noqa: N802
        super().paintEvent(event)
        painter = QPainter(self)
        paint_arrow(self, painter)
        painter.end()

    def wheelEvent(self, event) -> None:  # noqa: N802
        """The wheel scrolls the panel."""
        event.ignore()


class GridSection(Section):
    """`proposed(grid, changes of the settings)`; `asked`: "draw" or "cancel"."""

    proposed = Signal(object, object)
    asked = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Grid", open_=False, parent=parent)
        self._request, self._names, self._grid = GuidanceRequest(), (), Grid()
        self.x, self.y = Choice("Columns of the grid"), Choice("Rows of the grid")
        self.x.setToolTip("The control whose values make the columns")
        self.y.setToolTip("The control whose values make the rows")
        self.x_values, self.y_values = Values("Values of the columns"), Values("Values of the rows")
        self.x.changed.connect(lambda field: self._choose("x", field))
        self.y.changed.connect(lambda field: self._choose("y", field))
        for axis, box in (("x", self.x_values), ("y", self.y_values)):
            box.changed.connect(lambda values, axis=axis: self._set(**{f"{axis}_values": values}))
            box.refused.connect(self._refuse)
        self.each = VernierSlider("Images a cell", EACH, "How many images each cell shows. All cells grow from the same noise.")
        self.each.changed.connect(lambda value: self._set(each=int(round(value))))
        self.note = Caption("", tokens.CAPTION_PX, "muted")
        self.note.setWordWrap(True)
        self._x_values_row, self._y_values_row = Labelled("", self.x_values), Labelled("", self.y_values)
        self.add(Labelled("Columns", self.x), self._x_values_row, Labelled("Rows", self.y), self._y_values_row, self.each, self.note, self._foot())

    def _foot(self) -> QWidget:
        foot = QWidget()
        column, row = QVBoxLayout(foot), QHBoxLayout()
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(tokens.SPACE_XS)
        row.setSpacing(tokens.SPACE_S)
        self.draw, self.stop = QPushButton("Draw grid"), QPushButton("Cancel")
        self.draw.setObjectName("primary")
        self.draw.setToolTip("Draw every cell, the corners first (G shows the grid)")
        self.stop.setToolTip("Stop drawing; finished cells stay")
        self.draw.clicked.connect(self._draw)
        self.stop.clicked.connect(lambda: self.asked.emit("cancel"))
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setRange(0, 200)
        self.bar.setFixedHeight(tokens.SPACE_XS)
        self.bar.setAccessibleName("Progress of the grid")
        row.addWidget(self.draw, 1)
        row.addWidget(self.stop)  # always in its own place: a second click must not draw again
        self.stop.setEnabled(False)
        column.addLayout(row)
        column.addWidget(self.bar)
        policy = self.bar.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self.bar.setSizePolicy(policy)
        self.bar.hide()
        return foot

    # showing ---------------------------------------------------------------------------------------------------------
    def show_request(self, request: GuidanceRequest, names: tuple[str, ...]) -> None:
        self._request, self._names = request, names
        grid = self._grid = request.grid or suggested(request.a)
        offered = axes_for(request.a)
        for choice, mine, other, rows in ((self.x, grid.x, grid.y, []), (self.y, grid.y, grid.x, [(None, "none: one row", None)])):
            fields = [name for name in (offered if mine is None or mine in offered else [*offered, mine]) if name != other]
            choice.set_choices([*rows, *((name, words.axis_word(name), None) for name in fields)])
            choice.set_value(mine)
            if mine is None:
                choice.setCurrentIndex(0)
        self.x_values.show_values(grid.x, grid.x_values, request.a, names)
        self._y_values_row.setVisible(grid.y is not None)
        if grid.y is not None:
            self.y_values.show_values(grid.y, grid.y_values, request.a, names)
        self.each.set_value(grid.each)
        self.each.setVisible(request.a.model not in TOYS)
        self._say()

    def _say(self) -> None:
        grid = self._grid
        count = grid.rows * grid.columns
        side = " of side A" if self._request.b is not None else ""
        self.note.set_ink("muted")
        self.note.setText(f"{count} cell{'s' if count > 1 else ''}{side}. A click on one adopts its settings.")

    def _refuse(self, error: EngineError) -> None:
        self.note.set_ink("bad")
        self.note.setText(f"{error} {error.remedy}")

    def show_run(self, run: GridRun) -> None:
        """Progress under the buttons while it draws."""
        busy = run.state == grid_run.BUSY
        self.draw.setEnabled(not busy)
        self.bar.setVisible(busy)
        self.stop.setEnabled(busy)
        self.bar.setValue(round(200 * run.fraction))

    # proposing -------------------------------------------------------------------------------------------------------
    def _choose(self, axis: str, field: str | None) -> None:
        """Another axis, with values that suit it, and with the partner that a mix needs."""
        base, changes = self._request.a, {}
        if field == "blend" and base.label_2 is None:
            changes = {"label_2": (base.label + 1) % max(2, len(self._names)), "blend": 0.5}
        elif field == "seed_mix" and base.seed_2 is None:
            changes = {"seed_2": (base.seed + 1) % 2**31}
        elif field in SHARES and not getattr(base, SHARES[field]):
            changes = {SHARES[field]: 0.5}
        values = () if field is None else parse(field, suggestions(field, base, self._names)[0], self._names)
        self._set(changes, **{axis: field, f"{axis}_values": values})

    def _draw(self) -> None:
        """Draws what stands there; a text that was refused is not replaced behind the person's back."""
        for box in (self.x_values, self.y_values):
            if box.isVisible() and not box.readable():
                return box.setFocus()
        self.asked.emit("draw")

    def _set(self, base: dict[str, Any] | None = None, **changes: Any) -> None:
        mine = {name: getattr(self._grid, name) for name in ("x", "x_values", "y", "y_values", "each")}
        try:
            grid = Grid(**mine | changes)
        except EngineError as error:
            return self._refuse(error)
        self._say()
        if grid != self._grid or base:
            self.proposed.emit(grid, base or {})
