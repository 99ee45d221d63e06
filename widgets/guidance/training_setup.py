"""Before a training: which folder, what was found in it, size, length, and where the model goes."""

from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QPainter, QPen
from PySide6.QtWidgets import QFileDialog, QFrame, QGridLayout, QHBoxLayout, QLineEdit, QPushButton, QScrollArea, QStackedWidget, QVBoxLayout, QWidget

from engines.guidance.training import MEASURED_SIZE, MOST_STEPS, SIZES, Look, TrainRequest
from widgets import tokens
from widgets.fields import Chips, Labelled
from widgets.guidance.class_rows import ClassRow, ClassRows
from widgets.job_row import spoken
from widgets.notice_bar import Elided
from widgets.paint import Caption, color
from widgets.vernier_slider import Scale, VernierSlider

HOURS = Scale(0.1, 48, 2, 0.1, 1, "h", ticks=((0.5, "30 min"), (2, "2 h"), (8, "8 h"), (24, "24 h")), log=True)
SIZE_ROWS = tuple((size, f"{size} px", f"Pictures of {size} x {size} pixels: the time a step takes grows with their number") for size in SIZES)
MIRROR_ROWS = ((True, "On", "Pictures are flipped left to right at random: more variety from few pictures"),
               (False, "Off", "Never flipped: keeps writing, clocks and faces of known people readable"))
DOTS = "\N{HORIZONTAL ELLIPSIS}"
INVITATION = (("Drop a folder of pictures here", tokens.SECTION_PX, "text"),
              ("Its subfolders become the classes of a model of your own.", tokens.BODY_PX, "text"),
              (f"pets / cat / 1.jpg, 2.jpg {DOTS}\npets / dog / 1.png, 2.png {DOTS}", tokens.BODY_PX, "muted"),
              ("PNG, JPEG, WebP, BMP or GIF; at least 2 pictures a class, a few hundred are better. They stay on this machine.",
               tokens.CAPTION_PX, "muted"))
CARD_PX = 460


class DropCard(QWidget):
    """The page before there is a folder: what to bring, and a dashed frame to drop it in."""

    def __init__(self, button: QPushButton, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setMaximumWidth(CARD_PX)
        self.problem = Caption("", tokens.BODY_PX, "bad")
        column = QVBoxLayout(self)
        column.setContentsMargins(*[2 * tokens.SPACE_XL] * 4)
        column.setSpacing(tokens.SPACE_M)
        for text, px, ink in INVITATION:
            column.addWidget(Caption(text, px, ink, semibold=px == tokens.SECTION_PX))
        column.addWidget(self.problem)
        for k in range(column.count()):
            label = column.itemAt(k).widget()
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
            label.setWordWrap(True)
        column.addSpacing(tokens.SPACE_S)
        column.addWidget(button, alignment=Qt.AlignmentFlag.AlignCenter)

    def show_problem(self, text: str) -> None:
        self.problem.setText(text)
        self.problem.setVisible(bool(text))

    def paintEvent(self, event) -> None:  # noqa: N802
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(color("border"), 1.5, Qt.PenStyle.DashLine))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 2 * tokens.RADIUS_PX, 2 * tokens.RADIUS_PX)
        painter.end()


class TrainingSetup(QWidget):
    """`looked(folder)` when a folder was chosen; `started(request)`, and `restarted(request)` without the old checkpoint."""

    looked = Signal(str)
    started = Signal(object)
    restarted = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.look: Look | None = None
        self._folder, self._stored = "", None
        self.choose, other = QPushButton(f"Choose folder{DOTS}"), QPushButton(f"Another folder{DOTS}")
        self.choose.setObjectName("primary")
        for button in (self.choose, other):
            button.setToolTip("A folder whose subfolders are classes; PNG, JPEG, WebP, BMP or GIF")
            button.clicked.connect(self._ask_folder)
        self.card = DropCard(self.choose)
        self._place = Elided()
        self._place.setObjectName("caption")
        self.rows = ClassRows("Classes found")
        scroll = QScrollArea()
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidgetResizable(True)
        scroll.setWidget(self.rows)
        scroll.setAccessibleName("Classes found, list")
        self._notes = Caption("", tokens.CAPTION_PX, "warn")
        self._notes.setWordWrap(True)
        self.settings = self._settings()
        self.start = QPushButton("Start training")
        self.start.setObjectName("primary")
        self.start.setToolTip("Trains in the background; the rest of Vernier goes on")
        self.start.clicked.connect(lambda: self.started.emit(self.request()))
        self.conflict = self._conflict()
        top = QHBoxLayout()
        top.setSpacing(tokens.SPACE_M)
        top.addWidget(self._place, 1)
        top.addWidget(other)
        foot = QHBoxLayout()
        foot.addWidget(self.estimate, 1)
        foot.addWidget(self.start)
        found, empty = QWidget(), QWidget()
        middle = QHBoxLayout(empty)
        middle.addStretch(1)
        middle.addWidget(self.card, 2, Qt.AlignmentFlag.AlignVCenter)
        middle.addStretch(1)
        self.pages = QStackedWidget()
        for page in (empty, found):
            self.pages.addWidget(page)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(self.pages)
        column = QVBoxLayout(found)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(tokens.SPACE_M)
        column.addLayout(top)
        column.addWidget(scroll, 1)
        column.addWidget(self._notes)
        column.addWidget(self.settings)
        column.addWidget(self.conflict)
        column.addLayout(foot)
        self.show_look(None)

    def _settings(self) -> QWidget:
        self.size, self.mirror, self.hours = Chips("Size", SIZE_ROWS, 4), Chips("Mirror", MIRROR_ROWS, 2), VernierSlider(
            "Training time", HOURS, "The training ends by the clock. More is better, up to what the estimate below suggests.")
        self.size.set_value(32)
        self.mirror.set_value(True)
        self.size.changed.connect(self._sized)
        self.mirror.changed.connect(lambda _: self.forget_conflict())
        self.hours.changed.connect(lambda _: self._tell())
        self.out = QLineEdit()
        self.out.setAccessibleName("Model file")
        self.out.setToolTip("The .safetensors file that is written; its checkpoint lies beside it")
        self.out.setMinimumHeight(tokens.CONTROL_PX)
        self.out.textEdited.connect(lambda _: self.forget_conflict())
        save = QPushButton(f"Save as{DOTS}")
        save.setToolTip("Choose where the model goes")
        save.clicked.connect(self._ask_out)
        self.estimate = Caption("", tokens.CAPTION_PX, "muted")
        self.estimate.setWordWrap(True)
        place = QWidget()
        row = QHBoxLayout(place)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.out, 1)
        row.addWidget(save)
        box = QWidget()
        grid = QGridLayout(box)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(tokens.SPACE_XL)
        grid.setVerticalSpacing(tokens.SPACE_S)
        grid.addWidget(Labelled("Size", self.size), 0, 0)
        grid.addWidget(Labelled("Mirror", self.mirror), 1, 0)
        grid.addWidget(self.hours, 0, 1, 2, 1)
        grid.addWidget(Labelled("Model file", place), 2, 0, 1, 2)
        grid.setColumnStretch(0, 1)
        grid.setColumnStretch(1, 1)
        return box

    def _conflict(self) -> QWidget:
        box = QFrame()
        box.setObjectName("card")
        self._conflict_text = Caption("", tokens.BODY_PX, "warn")
        self._conflict_text.setWordWrap(True)
        self.adopt, self.over = QPushButton("Go on with it"), QPushButton("Start over")
        self.adopt.setToolTip("Take the settings of the checkpoint and train on")
        self.over.setToolTip("Delete the checkpoint and train with the settings above")
        self.adopt.clicked.connect(self._adopt)
        self.over.clicked.connect(lambda: self.restarted.emit(self.request()))
        row = QHBoxLayout(box)
        row.addWidget(self._conflict_text, 1)
        row.addWidget(self.adopt)
        row.addWidget(self.over)
        box.hide()
        return box

    # showing ---------------------------------------------------------------------------------------------------------
    def show_folder(self, folder: str, waiting: bool) -> None:
        """A folder that is being looked at."""
        self._folder = folder
        self.show_look(None)
        self.pages.setCurrentIndex(1)
        self._place.set_full(folder)
        self.rows.empty_text = "Looking at the folder, after what runs in the background" if waiting else "Looking at the folder"
        self.rows.update()
        self.out.setText(str(Path(folder).with_name(f"{Path(folder).name}.safetensors")))

    def show_look(self, look: Look | None) -> None:
        """What was found; None empties the page. The first news has the pictures, the result has the advice."""
        if look is not None and not look.thumbs and self.look is not None:
            look = replace(look, thumbs=self.look.thumbs)
        fresh = look is not None and look.advice is not None
        self.look = look
        self.pages.setCurrentIndex(0 if look is None else 1)
        self.card.show_problem("")
        self.settings.setVisible(look is not None)
        self.start.setVisible(look is not None)
        self.estimate.setVisible(look is not None)
        self.forget_conflict()
        if look is None:
            self.rows.empty_text = ""
            self.rows.set_rows(())
            self._notes.hide()
            return
        rows = [ClassRow(name, f"{count:,} pictures", thumbs) for name, count, thumbs in zip(look.classes, look.counts, look.thumbs, strict=False)]
        self.rows.set_rows(rows)
        notes = list(look.notes) + ([f"{len(look.classes) - len(rows)} more classes are not shown"] if len(look.classes) > len(rows) else [])
        self._notes.setText(". ".join(note[:1].upper() + note[1:] for note in notes))
        self._notes.setVisible(bool(notes))
        if fresh:
            self.hours.set_value(HOURS.rounded(min(24.0, self._advice()["steps"] * self._step_seconds() / 3600)))
        self.start.setEnabled(fresh)
        self._tell()

    def show_problem(self, text: str) -> None:
        """A folder that will not do."""
        self.show_look(None)
        self.card.show_problem(text)

    def show_conflict(self, text: str, stored: dict | None, over: bool = True) -> None:
        """Why it cannot start: a checkpoint of other settings (`stored`, where they can be taken over), which can be deleted (`over`)."""
        self._stored = stored
        self._conflict_text.setText(text)
        self.adopt.setVisible(stored is not None)
        self.over.setVisible(over)
        self.conflict.show()

    def forget_conflict(self) -> None:
        self.conflict.hide()

    def _tell(self) -> None:
        look = self.look
        total = sum(look.counts)
        text = f"{total:,} pictures in {len(look.classes)} {'class' if len(look.classes) == 1 else 'classes'}. "
        if look.advice is None:
            text += f"Measuring how fast this machine trains{DOTS}"
        else:
            each, steps = self._step_seconds(), self._advice()["steps"]
            reach = 3600 * self.hours.value / each
            text += (f"About {each:.2g} s a step here: {float(f'{reach:.2g}'):,.0f} steps in {spoken(3600 * self.hours.value)}; "
                     f"{steps:,} suggested ({spoken(steps * each)}).")
        self.estimate.setText(text)

    def _advice(self) -> dict:
        return self.look.advice[self._size()]

    def _step_seconds(self) -> float:
        return self.look.step_seconds * (self._size() / MEASURED_SIZE) ** 2

    def _size(self) -> int:
        return next((size for size, button in self.size.buttons.items() if button.isChecked()), 32)

    def _sized(self, size: int) -> None:
        self.forget_conflict()
        self._tell()

    # asking ----------------------------------------------------------------------------------------------------------
    def request(self) -> TrainRequest:
        """What would be trained now."""
        return TrainRequest(self._folder, self._folder, self.out.text().strip(), size=self._size(), mirror=self.mirror.buttons[True].isChecked(),
                            hours=self.hours.value, **self._advice() | {"steps": MOST_STEPS})

    def _adopt(self) -> None:
        stored = {**self._stored, "widths": tuple(self._stored["widths"])}
        mine = self.request()
        kept = {name: getattr(mine, name) for name in ("dataset", "data", "out", "hours", "steps", "rate", "threads", "batch")}
        self.started.emit(TrainRequest(**stored | kept))

    def _ask_folder(self) -> None:
        dialog = QFileDialog(self, "A folder whose subfolders are classes")
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.fileSelected.connect(self.looked)
        dialog.open()

    def _ask_out(self) -> None:
        dialog = QFileDialog(self, "Save the model as", self.out.text(), "Models (*.safetensors)")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("safetensors")
        dialog.fileSelected.connect(self.out.setText)
        dialog.open()
