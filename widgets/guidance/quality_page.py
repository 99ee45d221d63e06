"""Quality against steps on the stage: the plot of what was measured, the best for a price, measuring more, saving."""

from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QFontMetrics, QIcon, QIntValidator, QPainter, QPen, QPixmap
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLineEdit, QProgressBar, QPushButton, QSizePolicy, QStackedWidget, QVBoxLayout, QWidget

from engines.guidance.quality_table import Measured, Point, best
from engines.guidance.request import MODES, SAMPLERS, Sampling
from widgets import tokens
from widgets.fields import Choice
from widgets.guidance import quality_desk, quality_plot
from widgets.guidance import quality_words as words
from widgets.guidance.quality_desk import QualityDesk
from widgets.guidance.quality_plot import QualityPlot
from widgets.guidance.quality_setup import TIMESTEPS, QualitySetup, Toggles
from widgets.guidance.words import MODE_ROWS, SAMPLER_ROWS, model_word
from widgets.job_row import BAR_HEIGHT_PX, spoken
from widgets.notice_bar import Elided
from widgets.paint import Caption, GlyphButton, color, font
from widgets.plots import forms_menu

SET_LETTERS = 17  # "gamma_1 2, 2,000 images"
OTHER = "fashion-mnist"  # a model that measurements came with
FEW, USUAL = 500, 1000  # images to measure first: for accuracies alone, for distances
CROWDED = 14  # lines: with more, a fresh page shows the mode in force alone
BAR_PX, PLATE_PX, FIELD_PX, LONGEST = 100, 420, 56, 1000
HINT = "Point at a setting for its numbers; a click or Enter adopts it."
ICON_PX = (22, 12)


class QualityPage(QWidget):
    """`adopted(point)`; `model_asked(model)` for one with measurements; `left` to go back to the picture."""

    adopted = Signal(object)
    model_asked = Signal(str)
    left = Signal()

    def __init__(self, desk: QualityDesk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Quality against steps")
        self.desk, self._settings, self._key = desk, Sampling(), None
        self._greeted = None  # model and set that the page was set up for already
        self.plot, self.setup = QualityPlot(), QualitySetup(desk)
        self.setFocusProxy(self.plot)
        self.samplers, self.modes = Toggles("Show sampler", SAMPLER_ROWS), Toggles("Show mode", MODE_ROWS)
        self.tuned = Toggles("Show timesteps", TIMESTEPS)
        for toggles in (self.samplers, self.modes, self.tuned):
            toggles.changed.connect(self.refresh)
        self.verdict, self.info, self.status = Caption("", tokens.BODY_PX, "text"), Caption(HINT, tokens.CAPTION_PX, "muted"), Elided()
        self.status.setObjectName("caption")
        self.verdict.setWordWrap(True)
        self.info.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)  # its two lines never wrap, nor widen the window
        self.info.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.info.setFixedHeight(2 * QFontMetrics(font(tokens.CAPTION_PX)).height())  # the plot does not jump when a point's numbers take two lines
        self.note = Caption("", tokens.CAPTION_PX, "warn")
        self.note.setWordWrap(True)
        self.rival = Caption("", tokens.CAPTION_PX, "text")
        self.rival.setWordWrap(True)
        self._plate = self._make_plate()
        full = QWidget()
        column = QVBoxLayout(full)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(tokens.SPACE_XS)
        column.addLayout(self._legend())
        column.addWidget(self.plot, 1)
        self._below = QWidget()
        below = QVBoxLayout(self._below)
        below.setContentsMargins(0, 0, 0, 0)
        below.setSpacing(tokens.SPACE_XS)
        for part in (self.info, self.verdict, self.note):
            below.addWidget(part)
        below.addLayout(self._foot())
        below.addWidget(self.rival)
        column.addWidget(self._below)
        self._full, self._pages = full, QStackedWidget()
        empty = QWidget()
        around = QVBoxLayout(empty)
        around.addWidget(self._plate, alignment=Qt.AlignmentFlag.AlignCenter)
        for page in (full, empty):
            self._pages.addWidget(page)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(tokens.SPACE_S)
        outer.addLayout(self._head())
        self._busy = self._progress()
        outer.addWidget(self._busy)
        outer.addWidget(self._pages, 1)
        outer.addWidget(self.setup)
        self.setup.hide()
        self.setup.measured.connect(self._measure)
        self.plot.pointed.connect(lambda point: self._say(point))
        self.plot.chosen.connect(self._adopt)
        desk.changed.connect(self.refresh)
        desk.progressed.connect(self._show_progress)

    # building --------------------------------------------------------------------------------------------------------
    def _head(self) -> QHBoxLayout:
        head = QHBoxLayout()
        head.setSpacing(tokens.SPACE_S)
        head.addWidget(Caption("Quality against steps", tokens.BODY_PX, "text", semibold=True))
        self.sets = Choice("Measurements")
        self.sets.setToolTip("What was measured together: one strength, one number of images. Only such points can be compared.")
        self.sets.setMinimumContentsLength(SET_LETTERS)
        self.sets.changed.connect(self._choose_set)
        head.addWidget(self.sets)
        head.addStretch(1)
        self.more = QPushButton("Measure more\N{HORIZONTAL ELLIPSIS}")
        self.more.setCheckable(True)
        self.more.setToolTip("Measure other settings in the background")
        self.more.toggled.connect(lambda _: self.refresh())
        self.save = GlyphButton("save", "Save the plot", "Save the plot as PNG, SVG or CSV")
        self.save.clicked.connect(lambda: forms_menu(self.plot, self.plot.saved.emit, self.plot.save_failed.emit).popup(
            self.save.mapToGlobal(self.save.rect().bottomLeft())))
        leave = GlyphButton("close", "Back to the picture", "Back to the picture (Esc)")
        leave.clicked.connect(self.left)
        for part in (self.more, self.save, leave):
            head.addWidget(part)
        return head

    def _progress(self) -> QWidget:
        """How far a measurement is; seen while there is one."""
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setFixedSize(BAR_PX, BAR_HEIGHT_PX)
        self._bar.setRange(0, 1000)
        self._bar.setAccessibleName("Progress of the measurement")
        self.stop = QPushButton("Cancel")
        self.stop.setToolTip("Stop measuring; the points that are there stay")
        self.stop.clicked.connect(self.desk.cancel)
        row = QWidget()
        line = QHBoxLayout(row)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(tokens.SPACE_S)
        line.addWidget(self.status, 1)
        line.addWidget(self._bar)
        line.addWidget(self.stop)
        return row

    def _legend(self) -> QVBoxLayout:
        """Switches that take lines out of sight: by sampler, by mode, by timesteps."""
        self.log = QPushButton("Log")
        self.log.setCheckable(True)
        self.log.setObjectName("toggle")
        self.log.setFixedHeight(tokens.CONTROL_PX)
        self.log.setToolTip("A logarithmic distance axis: near the floor small differences become visible")
        self.log.clicked.connect(self.refresh)
        second = QHBoxLayout()
        second.setSpacing(tokens.SPACE_L)
        second.addWidget(self.modes)
        second.addWidget(self.tuned)
        second.addStretch(1)
        second.addWidget(self.log)
        legend = QVBoxLayout()
        legend.setSpacing(tokens.SPACE_XS)
        legend.addWidget(self.samplers)
        legend.addLayout(second)
        for toggles in (self.samplers, self.modes, self.tuned):
            toggles.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        return legend

    def _foot(self) -> QHBoxLayout:
        self.most = QLineEdit("20")
        self.most.setValidator(QIntValidator(1, LONGEST, self))
        self.most.setFixedWidth(FIELD_PX)
        self.most.setAccessibleName("Network evaluations an image")
        self.most.setToolTip("Network evaluations an image, both branches counted: CFG in 10 steps of DDIM takes 20")
        self.most.textChanged.connect(self._show_best)
        self.most.returnPressed.connect(self._take_best)
        self.take = QPushButton("Adopt")
        self.take.setObjectName("primary")
        self.take.setAccessibleName("Best for this many evaluations")
        self.take.setToolTip("Sampler, steps, mode and timesteps of the best setting that was measured within this price")
        self.take.clicked.connect(self._take_best)
        self.best_words = Elided()
        foot = QHBoxLayout()
        foot.setSpacing(tokens.SPACE_S)
        for part in (Caption("Best for"), self.most, Caption("evaluations:")):
            foot.addWidget(part)
        foot.addWidget(self.best_words, 1)
        foot.addWidget(self.take)
        return foot

    def _make_plate(self) -> QFrame:
        """What the page says where nothing is known."""
        plate = QFrame()
        plate.setObjectName("overlay")
        plate.setFixedWidth(PLATE_PX)
        column = QVBoxLayout(plate)
        column.setContentsMargins(*[tokens.SPACE_XL] * 4)
        column.setSpacing(tokens.SPACE_M)
        self.plate_title, self.plate_text = Caption("", tokens.SECTION_PX, "text", semibold=True), Caption("", tokens.BODY_PX, "muted")
        for label in (self.plate_title, self.plate_text):
            label.setWordWrap(True)
            column.addWidget(label)
        self.plate_measure, self.plate_other = QPushButton("Measure class accuracy\N{HORIZONTAL ELLIPSIS}"), QPushButton(f"Show {model_word(OTHER)}")
        self.plate_measure.setObjectName("primary")
        self.plate_measure.setToolTip("Choose what to measure; it says how long it will take before it begins")
        self.plate_measure.clicked.connect(lambda: self.more.setChecked(True))
        self.plate_other.setToolTip(f"Change to {model_word(OTHER)}, whose measurements came with it. Undo brings this model back.")
        self.plate_other.clicked.connect(lambda: self.model_asked.emit(OTHER))
        for button in (self.plate_measure, self.plate_other):
            column.addWidget(button)
        return plate

    # showing ---------------------------------------------------------------------------------------------------------
    def show_settings(self, settings: Sampling) -> None:
        """The side that the controls edit: its model's measurements, and where it stands among them."""
        if settings.model != self._settings.model:
            self._key = None
        self._settings = settings
        self.desk.show_settings(settings)
        self.setup.show_settings(settings)
        self.refresh()

    def found(self) -> Measured:
        """The measurements in sight."""
        table = self.desk.table()
        if table is None:
            return Measured(self._settings.gamma_1, 0)
        chosen = table.find(self._key) if self._key else None
        return chosen if chosen and chosen.rows else table.nearest(self._settings.gamma_1) or Measured(self._settings.gamma_1, 0)

    def refresh(self) -> None:
        if not self.isVisible():
            return
        found, reason, problem = self.found(), self.desk.reason(), self.desk.problem()
        table = self.desk.table()
        self.sets.set_choices([(_name(s.key), words.set_word(s), None) for s in table.sets if s.rows] if table else [])
        self.sets.set_value(_name(found.key))
        self.sets.setVisible(self.sets.count() > 0)
        busy = self.desk.state != quality_desk.IDLE
        self._pages.setCurrentIndex(0 if found.rows else 1)
        if not found.rows:
            self._show_plate(busy, reason, problem)
        self.more.setVisible(not reason and not busy and (bool(found.rows) or self.more.isChecked()))  # else the page itself offers it
        self._open_setup(self.more.isChecked() and not reason and not busy)
        self.save.setVisible(bool(found.rows))
        self._busy.setVisible(busy)
        self._offer(found)
        self._greet(found)
        hidden = {(kind, value) for kind, toggles in (("sampler", self.samplers), ("mode", self.modes), ("tuned", self.tuned))
                  for value in toggles.buttons if not toggles.buttons[value].isChecked()}
        self.log.setVisible(found.measure == "frechet")
        s = self._settings
        if found.rows:
            self.plot.show_set(found, (s.sampler, s.steps, s.mode, s.tuned), hidden, self.log.isChecked())
        self._words(found, problem)
        self._show_best()
        self._say(self.plot.current)
        self._show_progress()

    def _show_plate(self, busy: bool, reason: str, problem: str) -> None:
        """Why there is no plot, and the ways on."""
        name, few = model_word(self._settings.model), not reason and not problem and self.desk.accuracy_only()
        self.plate_title.setText("Measuring" if busy and not reason else "Nothing can be measured here" if reason else
                                 "Too small for a distance" if few else "Nothing was measured yet")
        self.plate_text.setText(reason or problem or (
            "The first point comes when all its images are drawn." if busy else
            f"{name} has too few pictures to hold some back, and a Frechet distance needs thousands to compare with. What can be measured is class "
            f"accuracy: how often a classifier sees in a picture the class that was asked for.\n\n{model_word(OTHER)} came with measured distances."
            if few else f"No measurements came with {name}. Measure some: they are kept on this machine."))
        self.plate_measure.setText(f"{'Measure class accuracy' if few else 'Measure'}\N{HORIZONTAL ELLIPSIS}")
        self.plate_measure.setVisible(not busy and not reason and not self.more.isChecked())
        self.plate_other.setVisible(not busy and self._settings.model != OTHER)

    def _offer(self, found: Measured) -> None:
        """Only switches of what was measured, with the look of their lines."""
        for toggles, values in ((self.samplers, {p.sampler for p in found.points}), (self.modes, {p.mode for p in found.points}),
                                (self.tuned, {p.tuned for p in found.points})):
            toggles.offer(values)
        for sampler in SAMPLERS:
            self.samplers.set_icon(sampler, _swatch(quality_plot.ink(sampler)))
        for mode in MODES:
            self.modes.set_icon(mode, _swatch(color("text"), symbol=quality_plot.symbol(mode)))
        for tuned in (False, True):
            self.tuned.set_icon(tuned, _swatch(color("text"), dashed=not tuned, knob=color("text" if tuned else "window")))

    def _greet(self, found: Measured) -> None:
        """How a set is shown at first. Of very many lines those of one mode; a logarithmic axis where values differ much. What is measured more is
        to be comparable: as many images.
        """
        self.setup.show_set(found)
        if self._greeted == (fresh := (self._settings.model, found.key if found.rows else None)):
            return
        self._greeted = fresh
        if not found.rows:
            return self.setup.set_count(FEW if self.desk.accuracy_only() else USUAL)
        self.setup.set_count(found.count)
        modes = {p.mode for p in found.points}
        crowded = len({(p.sampler, p.mode, p.tuned) for p in found.points}) > CROWDED
        self.modes.set_values({self._settings.mode if self._settings.mode in modes else next(m for m in MODES if m in modes)} if crowded else MODES)
        shown = self.modes.values()
        self.log.setChecked(quality_plot.wide([p for p in found.points if p.mode in shown], found.measure))

    def _words(self, found: Measured, problem: str) -> None:
        verdict = words.verdict(found.points, found.measure)
        self.verdict.setText(verdict)
        self.verdict.setVisible(bool(verdict))
        notes = [problem] if problem else []
        if found.rows and found.gamma_1 != self._settings.gamma_1:
            notes.append(f"Measured at {words.G1} {found.gamma_1:g}; yours is {self._settings.gamma_1:g}, where the order may differ.")
        if found.rows and found.measure == "accuracy" and self.desk.accuracy_only():
            notes.append(f"{model_word(self._settings.model)} has too few pictures for a Frechet distance; class accuracy stands in.")
        if found.measure == "frechet" and found.floor is None and found.rows:
            notes.append(f"{words.floor_word(found).capitalize()}.")
        self.note.setText(" ".join(notes))
        self.note.setVisible(bool(notes))

    def _show_progress(self) -> None:
        desk, text = self.desk, ""
        if desk.state == quality_desk.WAITING:
            text = "Waiting for what runs in the background"
        elif desk.state == quality_desk.BUSY:
            left = desk.seconds_left()
            text = f"Measuring {words.task_word(desk.text)}" + (f": about {spoken(left)} left" if left is not None else "")
        self._bar.setValue(round(1000 * desk.fraction))
        self.status.set_full(text)

    def _say(self, point: Point | None) -> None:
        self.info.setText(words.described(point, self.found()) if point else HINT)

    def showEvent(self, event) -> None:  # noqa: N802
        super().showEvent(event)
        self.refresh()

    def changeEvent(self, event) -> None:  # noqa: N802
        super().changeEvent(event)
        if event.type() == event.Type.PaletteChange:
            self._offer(self.found())

    # what is asked ---------------------------------------------------------------------------------------------------
    def best(self) -> Point | None:
        """The best point within the price in the field."""
        found = self.found()
        return best(found.points, found.measure, int(self.most.text())) if self.most.hasAcceptableInput() else None

    def _show_best(self) -> None:
        point, found = self.best(), self.found()
        self.take.setEnabled(point is not None)
        rival = words.without_tuning(point, [p for p in found.points if p.nfe <= int(self.most.text())], found.measure) if point else ""
        self.rival.setText(rival)
        self.rival.setVisible(bool(rival))
        if point is not None:
            self.best_words.set_full(f"{words.setting(point)}   {words.amount(point, found.measure)}")
        elif not self.most.hasAcceptableInput():
            self.best_words.set_full(f"Give a number from 1 to {LONGEST}.")
        else:
            cheapest = min((p.nfe for p in found.points), default=0)
            self.best_words.set_full(f"Nothing so cheap was measured; the cheapest takes {cheapest:g}." if found.points else "")

    def _take_best(self) -> None:
        point = self.best()
        if point is not None:
            self._adopt(point)

    def _adopt(self, point: Point) -> None:
        self.adopted.emit(point)

    def _choose_set(self, name: str) -> None:
        self._key = next(s.key for s in self.desk.table().sets if _name(s.key) == name)
        self.refresh()

    def _open_setup(self, on: bool) -> None:
        self.setup.setVisible(on)
        self._below.setVisible(not on)  # room for the plot
        self.setup.refresh()

    def _measure(self, task) -> None:
        self.more.setChecked(False)
        self._key = self.desk.key(task)
        self.desk.measure(task)


def _name(key: tuple[float, int]) -> str:
    """A set's key as a choice holds it."""
    return f"{key[0]!r} {key[1]}"


def _swatch(ink, dashed: bool = False, symbol: str = "", knob=None) -> QIcon:
    """A short line, or a symbol, as the plot draws it; `knob` fills a point on the line."""
    width, height = ICON_PX
    picture = QPixmap(2 * width, 2 * height)
    picture.setDevicePixelRatio(2)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    if symbol:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(ink)
        x, y, r = width / 2, height / 2, height / 2 - 1
        shapes = {"s": [(-1, -1), (1, -1), (1, 1), (-1, 1)], "t1": [(0, -1), (1, 1), (-1, 1)], "d": [(0, -1), (1, 0), (0, 1), (-1, 0)]}
        if symbol in shapes:
            painter.drawPolygon([QPointF(x + r * a, y + r * b) for a, b in shapes[symbol]])
        else:
            painter.drawEllipse(QRectF(x - r, y - r, 2 * r, 2 * r))
    else:
        painter.setPen(QPen(ink, 3, Qt.PenStyle.DotLine if dashed else Qt.PenStyle.SolidLine))
        painter.drawLine(QPointF(1, height / 2), QPointF(width - 1, height / 2))
        if knob is not None:
            painter.setPen(QPen(ink, 1.5))
            painter.setBrush(knob)
            painter.drawEllipse(QPointF(width / 2, height / 2), 4, 4)
    painter.end()
    return QIcon(picture)
