"""gamma_1 and gamma_0 as curves over the noise level: the vernier slider's sibling, with numbers to type, presets and a comparison."""

from contextlib import suppress

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from engines.guidance import curves
from engines.guidance.request import Curve, Sampling
from widgets import tokens
from widgets.fields import Chips
from widgets.guidance.curve_canvas import ONE, ZERO, Canvas
from widgets.guidance.points import number_field, typed
from widgets.paint import Caption, GlyphButton

PRESET_ROWS = (
    ("constant", "Constant", "gamma_1 at every noise level: CFG"),
    ("below", "Below", "Guided up to a noise level and not above it: drag the step along the scale"),
    ("ramp", "Ramp", "No guidance while there is only noise, then more and more"),
    ("rectified", "Rectified", "gamma_0 from the model's ReCFG table, the mean over its pixels"),
    ("calibrated", "Calibrated", "The interval of the calibrated mode, without its stored corrections"),
)
HOW = ("Drag a point, or pull a curve anywhere to make one. Double click adds a point, right click or Delete removes it.\n"
       "Keys: Tab goes from point to point, arrows move it, Insert adds one. Shift: ten times finer.\n"
       "Hatched: the coefficient sum S is more than 0.1 from 1. Above, samples lose their variety; below, they blow up.")


class CurveEditor(QWidget):
    """`proposed(curve_1, curve_0, text, gesture)` as Controls.proposed; `released` ends a gesture; `compare_asked` a side B."""

    proposed = Signal(object, object, str, object)
    released = Signal()
    compare_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Curve editor")
        self._settings, self._ratio, self._tuned, self._compared = Sampling(mode="curve"), (), curves.TUNED, False
        self.canvas = Canvas(self)
        self.canvas.setToolTip(HOW)
        self.canvas.setAccessibleDescription(HOW)
        self.name, self._at = Caption("", parent=self), Caption("at noise level", tokens.CAPTION_PX, "muted", parent=self)
        self.level, self.value = number_field("Noise level of the point", 62, self), number_field("Value of the point", 62, self)
        self.reset = GlyphButton("reset", "Reset the curves", f"Back to the constant {ONE}", parent=self)
        keep = self.reset.sizePolicy()
        keep.setRetainSizeWhenHidden(True)
        self.reset.setSizePolicy(keep)
        self.presets = Chips("Curve preset", PRESET_ROWS)
        self.free = QPushButton(f"Free {ZERO}", self)
        self.free.setToolTip("gamma_0 as a curve of its own; otherwise it is 1 - gamma_1, as in CFG")
        self.compare = QPushButton("Compare with constant", self)
        self.compare.setToolTip("The other side becomes CFG with the constant gamma_1 of the slider, on the same noise")
        for button in (self.free, self.compare):
            button.setProperty("chip", True)
            button.setCheckable(True)
            button.setFixedHeight(tokens.CONTROL_PX)
            button.setAccessibleName(button.text())
        self._lay_out()
        self.canvas.edited.connect(self.proposed)
        self.canvas.held.connect(lambda held: None if held else self.released.emit())
        self.canvas.chosen.connect(self._show_point)
        self.level.editingFinished.connect(self._on_typed)
        self.value.editingFinished.connect(self._on_typed)
        self.reset.clicked.connect(lambda: self._preset("constant"))
        self.presets.changed.connect(self._preset)
        self.free.clicked.connect(self._on_free)
        self.compare.clicked.connect(self.compare_asked)
        self.show_run((), ())

    def _lay_out(self) -> None:
        head = QGridLayout()
        head.setHorizontalSpacing(tokens.SPACE_XS)
        for column, widget in enumerate((self.name, self.value, self._at, self.level, self.reset)):
            head.addWidget(widget, 0, column)
        head.setColumnStretch(0, 1)
        foot = QHBoxLayout()
        foot.setSpacing(tokens.SPACE_XS)
        foot.addWidget(self.free, 1)
        foot.addWidget(self.compare, 2)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(tokens.SPACE_XS)
        column.addLayout(head)
        column.addWidget(self.canvas)
        column.addWidget(self.presets)
        column.addLayout(foot)

    # showing ---------------------------------------------------------------------------------------------------------
    def show_settings(self, settings: Sampling, ink: str, compared: bool) -> None:
        """The curves of a side in its colour; `compared` where the other side is their constant."""
        self._settings = settings
        self.canvas.show_curves(settings.curve_1, settings.curve_0, settings.gamma_1, ink)
        self.presets.set_value(curves.named(settings, self._ratio, self._tuned) or None)
        self.reset.setVisible(curves.named(settings) != "constant")
        self.free.setChecked(bool(settings.curve_0))
        self._compared = compared
        self.compare.setChecked(compared)
        self._show_point()

    def show_run(self, steps: tuple[float, ...], ratio: Curve, tuned: float = curves.TUNED) -> None:
        """Noise levels at which the network was asked, the class's mean ratio where the model has a table, the level of its calibration."""
        self.canvas.steps, self._ratio, self._tuned = steps, ratio, tuned
        rectified = self.presets.buttons["rectified"]
        rectified.setEnabled(bool(ratio))
        rectified.setToolTip(PRESET_ROWS[3][2] if ratio else "Needs the ReCFG table of the model: there is none, or it is still being read")
        self.presets.set_value(curves.named(self._settings, ratio, tuned) or None)
        self.canvas.update()

    def ratio(self) -> Curve:
        return self._ratio

    def compared(self) -> bool:
        """Whether the other side is the constant already."""
        return self._compared

    def _show_point(self) -> None:
        level, value = self.canvas.point()
        self.name.setText(ONE if self.canvas.selected[0] else ZERO)
        self.level.setText(f"{level:.3g}")
        self.value.setText(f"{value:.2f}")

    # proposing -------------------------------------------------------------------------------------------------------
    def _on_typed(self) -> None:
        with suppress(ValueError):  # after nonsense the fields show what still holds
            level, value = typed(self.level), typed(self.value)
            now = self.canvas.point()
            if (f"{level:.3g}", f"{value:.2f}") != (f"{now[0]:.3g}", f"{now[1]:.2f}") and level > 0:
                self.canvas.place(level, value)
        self._show_point()

    def _preset(self, name: str) -> None:
        pair = curves.preset(name, self._settings.gamma_1, self._ratio, self._tuned)
        self.presets.set_value(name)
        self.proposed.emit(*pair, f"{name} curve", None)

    def _on_free(self, free: bool) -> None:
        curve_1 = self.canvas.curve_1
        curve_0 = tuple((level, round(1 - value, 2)) for level, value in curve_1) if free else ()
        self.proposed.emit(curve_1, curve_0, "free gamma 0" if free else "gamma 0 = 1 - gamma 1", None)
