"""How the files of a case are read: dialogs, the orientation by hand, the segmentation of a scan; strips over the picture that change the source."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from engines.teeth import fdi
from engines.teeth.moves import exp
from engines.teeth.request import Click
from widgets import tokens
from widgets.fields import Chips, Choice
from widgets.paint import Caption
from widgets.vernier_slider import Scale, VernierSlider

FILES = "Dental cases (*.stl *.ply *.obj *.vtp *.dcm *.zip *.tar *.tgz *.tar.gz *.tar.xz);;All files (*)"
TURNS = (("pitch", "Pitch", 0, "Front of the occlusal plane up or down"), ("roll", "Roll", 1, "Left side of the occlusal plane up or down"),
         ("yaw", "Yaw", 2, "Midline to the left or to the right"))
FLIPS = (("over", "Upside down", np.diag([-1.0, 1, -1, 1]), "Turn the case over: upper and lower change places"),
         ("round", "Back to front", np.diag([-1.0, -1, 1, 1]), "Turn the case half round"),
         ("mirror", "Mirror", np.diag([-1.0, 1, 1, 1]), "Swap left and right: only for scans that came mirrored"))
BRUSH_ROWS = (("click", "Click", "One click on each crown"), ("brush", "Brush", "Paint what belongs to the chosen tooth"),
              ("gum", "Gum", "Paint what is gum"))


class Strip(QWidget):
    """A row of controls over the picture."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.setObjectName("panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(tokens.SPACE_M, tokens.SPACE_S, tokens.SPACE_M, tokens.SPACE_S)
        self.column.setSpacing(tokens.SPACE_XS)
        self.row = QHBoxLayout()
        self.row.setSpacing(tokens.SPACE_S)
        self.column.addLayout(self.row)

    def button(self, text: str, tip: str, call: Any, primary: bool = False) -> QPushButton:
        button = QPushButton(text)
        button.setToolTip(tip)
        button.clicked.connect(lambda _=False: call())
        if primary:
            button.setObjectName("primary")
        self.row.addWidget(button)
        return button


class OrientStrip(Strip):
    """Three angles and three flips. `turned([4, 4], done)`: world to world since the strip came up; done when a slider rests or a flip is pressed."""

    turned = Signal(object, bool)
    left = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Orientation", parent)
        self.sliders: dict[str, VernierSlider] = {}
        for name, text, _, tip in TURNS:
            slider = self.sliders[name] = VernierSlider(text, Scale(-45, 45, 0, 1, 1, "\N{DEGREE SIGN}", ((0, ""),)), tip)
            slider.changed.connect(lambda _: self.turned.emit(self.matrix(), False))
            slider.held.connect(lambda down: None if down else self._rest())
            slider.field.editingFinished.connect(self._rest)
            self.row.addWidget(slider, 1)
        for _, text, matrix, tip in FLIPS:
            self.button(text, tip, lambda matrix=matrix: self._flip(matrix))
        self.button("Done", "Keep this orientation", self.left.emit, primary=True)

    def matrix(self) -> np.ndarray:
        made = np.eye(4)
        for name, _, axis, _ in TURNS:
            vector = np.zeros(3)
            vector[axis] = np.deg2rad(self.sliders[name].value)
            made[:3, :3] = exp(vector) @ made[:3, :3]
        return made

    def _rest(self) -> None:
        matrix = self.matrix()
        if not np.allclose(matrix, np.eye(4)):
            self._clear()
            self.turned.emit(matrix, True)

    def _flip(self, matrix: np.ndarray) -> None:
        turned = matrix @ self.matrix()
        self._clear()
        self.turned.emit(turned, True)

    def _clear(self) -> None:
        for slider in self.sliders.values():
            slider.set_value(0)


class SegmentStrip(Strip):
    """Which tooth the next click is, click or brush, and the way out. `found` asks for the boundaries of the clicks so far."""

    found, left, cleared = Signal(), Signal(), Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Segmentation", parent)
        self.words = Caption("Click the middle of each crown, from one end of the arch to the other.", ink="muted")
        self.column.insertWidget(0, self.words)  # a line of its own: the buttons stay where they are, whatever it says
        self.mode = Chips("Tool", BRUSH_ROWS, 3)
        self.mode.set_value("click")
        self.mode.changed.connect(self.mode.set_value)
        self.mode.setFixedWidth(190)
        self.number = Choice("Tooth")
        self.number.set_choices([(0, "by position", None), *((n, str(n), None) for n in fdi.PERMANENT)])
        self.number.set_value(0)
        self.number.setToolTip("The number that the next click or stroke is for; by position: guessed from where it lies")
        self.number.setFixedWidth(110)
        self.row.addWidget(self.mode)
        self.row.addWidget(self.number)
        self.row.addStretch(1)
        self.find = self.button("Find boundaries", "Find where each clicked crown ends", self.found.emit, primary=True)
        self.button("Clear", "Forget all clicks", self.cleared.emit)
        self.button("Done", "Back to planning", self.left.emit)

    def tool(self) -> str:
        return next((name for name, button in self.mode.buttons.items() if button.isChecked()), "click")


class Opening(QObject):
    """Works for the workspace: proposes requests whose `case` differs."""

    noticed = Signal(str, str, str)

    def __init__(self, workspace: Any, document: Any) -> None:
        super().__init__(workspace)
        self._workspace, self._document = workspace, document
        self._orient, self._segment = OrientStrip(), SegmentStrip()
        for strip in (self._orient, self._segment):
            workspace.stage.add_strip(strip)
        self._clicks: tuple[Click, ...] = ()
        self._given: set[int] = set()  # numbers that a person chose, or that the case has already: no guess changes them
        self._orient.turned.connect(self._turned)
        self._orient.left.connect(self.escape)
        self._segment.left.connect(self.escape)
        self._segment.found.connect(self._find)
        self._segment.cleared.connect(self._clear)
        self._segment.mode.changed.connect(lambda tool: workspace.stage.use("point" if tool == "click" else "brush"))
        workspace.stage.touched.connect(self._touched)
        workspace.stage.stroked.connect(self._stroked)

    # files -----------------------------------------------------------------------------------------------------------
    def ask(self, word: str) -> None:
        """A dialog for a file or a folder."""
        dialog = QFileDialog(self._workspace, "Open case")
        if word == "folder":
            dialog.setFileMode(QFileDialog.FileMode.Directory)
            dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        else:
            dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
            dialog.setNameFilter(FILES)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda name: self._workspace.open_path(Path(name)))
        dialog.open()

    def accept(self, field: str) -> None:
        """What was found is right: it is written into the source, so that nobody is asked again."""
        case = self._workspace.case
        if case is None:
            return
        if field == "orientation":
            self._source("orientation", orientation=tuple(map(float, case.to_world.ravel())))
        elif field in ("numbering", "units"):
            self._source(field, **{field: getattr(case, field)})

    def _source(self, text: str, **values: Any) -> None:
        request = self._document.request
        self._workspace.propose(replace(request, case=replace(request.case, **values)), text)

    def renumber(self, number: int, meant: int) -> None:
        """Another number for a tooth; one that has it already takes this one's."""
        case = self._workspace.case
        if case is None or number == meant:
            return
        pairs = dict(self._document.request.case.renumbered)
        found = {new: old for old, new in pairs.items()}  # the number in the files of a tooth that has another one now
        pairs[found.get(number, number)] = meant
        if meant in case.teeth:
            pairs[found.get(meant, meant)] = number
        self._source("tooth number", renumbered=tuple(sorted((old, new) for old, new in pairs.items() if old != new)))

    # orientation -----------------------------------------------------------------------------------------------------
    def orient(self) -> None:
        if self._workspace.case is not None:
            self._workspace.stage.show_strip(self._orient)

    def _turned(self, matrix: np.ndarray, done: bool) -> None:
        """While a slider is held the picture alone turns; then the case is read anew in the new axes."""
        stage, case = self._workspace.stage, self._workspace.case
        if case is None:
            return
        stage.turn_all(matrix)
        if done:
            self._source("orientation", orientation=tuple(map(float, (matrix @ case.to_world).ravel())))

    # segmentation ----------------------------------------------------------------------------------------------------
    def segment(self) -> None:
        case = self._workspace.case
        if case is None or not (case.scans or self._document.request.case.clicks):
            self.noticed.emit("info", "This case has no scan to segment: its teeth are separate already.", "Open a scan of a whole arch.")
            return
        self._clicks = self._document.request.case.clicks
        self._given = {click.number for click in self._clicks}
        self._workspace.stage.look(self._jaw(np.array(next(iter(case.scans.values())).vertices.mean(0) if case.scans else self._clicks[0].points[0])))
        self._workspace.stage.show_strip(self._segment, "point")
        self._segment.mode.set_value("click")
        self._show_clicks()

    def _segmenting(self) -> bool:
        return self._workspace.stage.strip() is self._segment

    def _jaw(self, point: np.ndarray) -> str:
        """Which scan was touched: the only one, or the one on that side of the bite."""
        jaws = [*self._workspace.case.scans] or sorted({click.jaw for click in self._clicks})
        return jaws[0] if len(jaws) == 1 else "upper" if point[2] > 0 else "lower"

    def _touched(self, point: np.ndarray) -> None:
        if not self._segmenting() or self._segment.tool() != "click":
            return
        jaw, number = self._jaw(point), self._segment.number.currentData()
        place = tuple(float(value) for value in point)
        if number:
            self._given.add(number)
            self._clicks = tuple(click for click in self._clicks if click.number != number)
        self._clicks = (*self._clicks, Click(jaw, number, (place,)))
        self._guess(jaw)
        self._segment.number.set_value(0)
        self._show_clicks()

    def _guess(self, jaw: str) -> None:
        """The clicks of a jaw whose number nobody chose get the numbers that fit all of them best."""
        from engines.teeth import click_numbers

        scan = self._workspace.case.scans.get(jaw, self._workspace.case.gums.get(jaw))
        rows = [k for k, click in enumerate(self._clicks) if click.jaw == jaw and len(click.points) == 1]
        points = np.array([self._clicks[k].points[0] for k in rows])
        known = tuple(self._clicks[k].number if self._clicks[k].number in self._given else None for k in rows)
        clicks = list(self._clicks)
        for k, number in zip(rows, click_numbers.guess_numbers(points, jaw == "upper", click_numbers.midline(scan.vertices), known), strict=True):
            clicks[k] = replace(clicks[k], number=number)
        self._clicks = tuple(clicks)

    def _stroked(self, points: np.ndarray) -> None:
        if not self._segmenting() or self._segment.tool() == "click" or not len(points):
            return
        number = 0 if self._segment.tool() == "gum" else self._segment.number.currentData()
        if self._segment.tool() == "brush" and not number:
            return self._say("Choose the tooth that the brush is for.")
        stroke = Click(self._jaw(points[0]), number, tuple(tuple(float(v) for v in point) for point in points))
        self._clicks = (*self._clicks, stroke)
        self._find()

    def _find(self) -> None:
        if not self._clicks:
            return self._say("Click at least one crown first.")
        self._source("segmentation", clicks=self._clicks)

    def _clear(self) -> None:
        self._clicks, self._given = (), set()
        self._source("segmentation", clicks=())
        self._show_clicks()

    def _show_clicks(self) -> None:
        named = [click for click in self._clicks if click.number]
        self._workspace.stage.show_marks(tuple((str(click.number), np.array([click.points[0]])) for click in named))
        self._say(f"{len({click.number for click in named})} teeth clicked." if named
                  else "Click the middle of each crown, from one end of the arch to the other.")

    def _say(self, text: str) -> None:
        self._segment.words.setText(text)

    def escape(self) -> bool:
        """Puts a strip away."""
        if self._workspace.stage.strip() is None:
            return False
        self._workspace.stage.show_strip(None)
        self._workspace.stage.show_marks(())
        return True
