"""While a training runs: where it is, the curve of its loss, and what the model draws by now."""

import math

import numpy as np
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QProgressBar, QPushButton, QScrollArea, QVBoxLayout, QWidget

from engines.guidance.training import Moment
from widgets import tokens
from widgets.guidance.class_rows import ClassRow, ClassRows
from widgets.job_row import BAR_HEIGHT_PX, spoken
from widgets.notice_bar import Elided
from widgets.paint import Caption
from widgets.plots import Curve, Plot

PLOT_PX = 320
POINTS = 2000  # of the curve; older ones are thinned out
BUTTONS = (("pause", "Pause", "Stops and keeps a checkpoint: Resume goes on from it, today or another day"),
           ("resume", "Resume", "Goes on from the checkpoint"),
           ("stop", "Stop and keep the model", "Ends the training: the model is written as it is by now"),
           ("back", "New training", "Back to the folder and the settings; the checkpoint stays"),
           ("table", "Build its ReCFG table", "What rectified guidance needs for this model; built in the background"),
           ("use", "Use this model", "Opens it in the workspace, with its own classes"))
SHOWN = {"waiting": ("pause",), "running": ("pause", "stop"), "paused": ("resume", "stop", "back"), "finishing": (), "failed": ("resume", "back"),
         "done": ("back", "table", "use"), "building": ("use",), "built": ("back", "use")}
PRIMARY = {"paused": "resume", "failed": "resume", "done": "use", "building": "use", "built": "use"}


class TrainingRun(QWidget):
    """`asked(command)`: "pause", "resume", "stop", "back", "table", "use"."""

    asked = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.state = "waiting"
        self._points: list[tuple[int, float]] = []
        self._line, self._out = Caption("", tokens.BODY_PX), Elided()
        self._line.setWordWrap(True)
        self._out.setObjectName("caption")
        self.bar = QProgressBar()
        self.bar.setRange(0, 1000)
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(BAR_HEIGHT_PX)
        self.bar.setAccessibleName("Progress of the training")
        self.plot = Plot("Loss", "steps", "Mean squared error of the network's prediction, averaged over the last steps: it falls fast, "
                         "then slowly; pictures go on getting better while it hardly moves.", height_px=None)
        self.rows = ClassRows("What the model draws by now", "The first pictures come after about twenty seconds of training")
        scroll = QScrollArea()
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidgetResizable(True)
        scroll.setWidget(self.rows)
        scroll.setAccessibleName("What the model draws by now, list")
        samples = QVBoxLayout()
        samples.setSpacing(tokens.SPACE_S)
        head = Caption("What the model draws by now", tokens.BODY_PX, semibold=True)
        head.setToolTip("A moving average of the weights, always from the same noise, guided by gamma_1 = 2")
        samples.addWidget(head)
        samples.addWidget(scroll, 1)
        middle = QHBoxLayout()
        middle.setSpacing(tokens.SPACE_XL)
        self.plot.setMaximumHeight(PLOT_PX)
        middle.addWidget(self.plot, 2, Qt.AlignmentFlag.AlignTop)
        middle.addLayout(samples, 3)
        self._notes = Caption("", tokens.CAPTION_PX, "warn")
        self._notes.setWordWrap(True)
        self._notes.hide()
        self.buttons: dict[str, QPushButton] = {}
        foot = QHBoxLayout()
        foot.setSpacing(tokens.SPACE_S)
        foot.addWidget(self._out, 1)
        for name, word, tip in BUTTONS:
            button = self.buttons[name] = QPushButton(word)
            button.setToolTip(tip)
            button.clicked.connect(lambda _=False, name=name: self.asked.emit(name))
            foot.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(tokens.SPACE_M)
        column.addWidget(self._line)
        column.addWidget(self.bar)
        column.addLayout(middle, 1)
        column.addWidget(self._notes)
        column.addLayout(foot)
        self.set_state("waiting", "")

    def begin(self, out: str, fresh: bool) -> None:
        """A training into `out`; `fresh` forgets the curve of another one."""
        self._out.set_full(out)
        self.show_notes(())
        if fresh:
            self._points.clear()
            self.rows.set_rows(())
            self.bar.setValue(0)
            self.plot.set_curves([Curve("", np.zeros(0), np.zeros(0))])

    def set_state(self, state: str, text: str) -> None:
        """One of SHOWN, and a line that says it."""
        self.state = state
        self._line.set_ink("bad" if state == "failed" else "text")
        self._line.setText(text)
        for name, button in self.buttons.items():
            button.setVisible(name in SHOWN[state])
            primary = "primary" if PRIMARY.get(state) == name else ""
            if button.objectName() != primary:
                button.setObjectName(primary)
                button.style().unpolish(button)
                button.style().polish(button)
        self.bar.setVisible(state not in ("done", "built"))

    def text(self) -> str:
        return self._line.text()

    def show_progress(self, fraction: float, text: str) -> None:
        self.bar.setValue(round(1000 * fraction))
        self._line.setText(text)

    def show_moment(self, moment: Moment) -> None:
        """A point of the curve, and the pictures where it brings some."""
        left = "" if math.isnan(moment.seconds_left) else f", about {spoken(moment.seconds_left)} left"
        self.show_progress(moment.fraction, f"{moment.fraction:.1%}  \N{MIDDLE DOT}  step {moment.step:,}, loss {moment.loss:.3f}, "
                                            f"{spoken(3600 * moment.hours)} of training{left}")
        if not self._points or moment.step > self._points[-1][0]:
            self._points.append((moment.step, moment.loss))
            if len(self._points) > POINTS:
                self._points = self._points[:-POINTS // 4:2] + self._points[-POINTS // 4:]
            steps, losses = np.array(self._points, float).T
            self.plot.set_curves([Curve("", steps, losses)], y_from_zero=True)
        self.show_notes(moment.notes)
        if moment.images is not None:
            strips = moment.images.reshape(len(moment.classes), moment.each, *moment.images.shape[1:])
            self.rows.set_rows([ClassRow(name, "", strip) for name, strip in zip(moment.classes, strips, strict=True)])

    def show_notes(self, notes: tuple[str, ...]) -> None:
        """Files that were left out."""
        self._notes.setText(". ".join(note[:1].upper() + note[1:] for note in notes))
        self._notes.setVisible(bool(notes))
