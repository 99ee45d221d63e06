"""How the files of a case are read: dialogs, tooth numbers, and the strip over the picture that sets the orientation by hand."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QFileDialog, QWidget

from engines.teeth.moves import exp
from widgets.teeth.strips import Strip
from widgets.vernier_slider import Scale, VernierSlider

FILES = "Dental cases (*.stl *.ply *.obj *.vtp *.dcm *.zip *.tar *.tgz *.tar.gz *.tar.xz);;All files (*)"
TURNS = (("pitch", "Pitch", 0, "Front of the occlusal plane up or down"), ("roll", "Roll", 1, "Left side of the occlusal plane up or down"),
         ("yaw", "Yaw", 2, "Midline to the left or to the right"))
FLIPS = (("over", "Upside down", np.diag([-1.0, 1, -1, 1]), "Turn the case over: upper and lower change places"),
         ("round", "Back to front", np.diag([-1.0, -1, 1, 1]), "Turn the case half round"),
         ("mirror", "Mirror", np.diag([-1.0, 1, 1, 1]), "Swap left and right: only for scans that came mirrored"))


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


class Opening(QObject):
    """Works for the workspace: proposes requests whose `case` differs."""

    noticed = Signal(str, str, str)

    def __init__(self, workspace: Any, document: Any) -> None:
        super().__init__(workspace)
        self._workspace, self._document = workspace, document
        self._orient = OrientStrip()
        workspace.stage.add_strip(self._orient)
        self._orient.turned.connect(self._turned)
        self._orient.left.connect(self.escape)

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
            clicks = tuple(replace(click, points=tuple(tuple(map(float, matrix[:3, :3] @ point)) for point in click.points))
                           for click in self._document.request.case.clicks)  # they lie in the world, which turns
            self._source("orientation", orientation=tuple(map(float, (matrix @ case.to_world).ravel())), clicks=clicks)

    def escape(self) -> bool:
        """Puts the strip away."""
        if self._workspace.stage.strip() is not self._orient:
            return False
        self._workspace.stage.show_strip(None)
        return True
