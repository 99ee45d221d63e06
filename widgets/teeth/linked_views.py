"""Two Teeth views side by side that turn together: before and after, or two plans of one case."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QSplitter, QWidget

from widgets.teeth.scene import TeethScene
from widgets.teeth.view import TeethView


class LinkedViews(QSplitter):
    """`first` and `second` show a scene each; a camera moved in one is the camera of both."""

    def __init__(self, first: TeethScene, second: TeethScene, parent: QWidget | None = None) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self.first, self.second = TeethView(first), TeethView(second)
        self.setChildrenCollapsible(False)
        self.setHandleWidth(2)
        for view in (self.first, self.second):
            self.addWidget(view)
        self._following = False
        self.first.camera_changed.connect(lambda: self._follow(self.first, self.second))
        self.second.camera_changed.connect(lambda: self._follow(self.second, self.first))

    def look(self, view: str) -> None:
        """A standard view in both, fitted to the first."""
        self.second.look(view, glide=False)
        self.first.look(view)
        self._follow(self.first, self.second)

    def release_drawing(self) -> None:
        self.first.release_drawing()
        self.second.release_drawing()

    def closeEvent(self, event: object) -> None:  # noqa: N802
        self.release_drawing()
        super().closeEvent(event)

    def _follow(self, leader: TeethView, other: TeethView) -> None:
        if self._following:
            return
        self._following = True
        other.set_camera(leader.camera)
        self._following = False
