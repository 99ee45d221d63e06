"""Small pictures of setups, seen on the biting surfaces: drawn one at a time while the window has nothing else to do."""

from collections import deque
from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtGui import QImage

from engines.job import EngineError
from engines.teeth.case import Case, Poses
from widgets.camera import Camera
from widgets.teeth.scene import TeethScene
from widgets.teeth.view import TeethView

WIDTH_PX, HEIGHT_PX = 96, 82
SCALE = 2  # pixels of a picture for each of the screen, so that they are crisp where two make one


class Thumbnails(QObject):
    """`ask` for pictures; `drawn(key, jaw, QImage)` as each is there. A new `ask` forgets the old one, `stop` gives the drawing back."""

    drawn = Signal(str, str, QImage)

    def __init__(self, parent: QObject | None = None, view: Callable[[TeethScene], TeethView] = TeethView) -> None:
        super().__init__(parent)
        self._make, self._view, self._scene, self._case = view, None, TeethScene(), None
        self._waiting: deque[tuple[str, str, Poses]] = deque()
        self._cameras: dict[str, Camera] = {}
        self._clock = QTimer(self)
        self._clock.setInterval(0)
        self._clock.timeout.connect(self._draw_one)

    def ask(self, case: Case, setups: list[tuple[str, Poses]], jaws: tuple[str, ...]) -> None:
        """Pictures of every setup (key, poses), first all of the first jaw. The cameras are the first setup's, so that pictures can be compared."""
        self._waiting = deque((key, jaw, poses) for jaw in jaws if case.of(jaw) for key, poses in setups)
        if not self._waiting:
            return self.stop()
        if case is not self._case:
            self._case = case
            self._scene.set_teeth({number: tooth.mesh for number, tooth in case.teeth.items()}, {number: tooth.frame for number, tooth in case.teeth.items()})
        self._pose(setups[0][1])
        for jaw in jaws:
            self._scene.jaws(jaw)
            self._cameras[jaw] = Camera().looking(jaw).fitted(self._scene.points(), (WIDTH_PX, HEIGHT_PX))
        self._clock.start()

    def stop(self) -> None:
        """Nothing more is drawn; OpenGL and the meshes are given back."""
        self._clock.stop()
        self._waiting.clear()
        if self._view is not None:
            view, self._view = self._view, None
            view.detach()
            view.release_drawing()
            view.deleteLater()
        self._scene, self._case = TeethScene(), None

    def _pose(self, poses: Poses) -> None:
        self._scene.set_hidden(number for number in self._scene.meshes if number not in poses)
        self._scene.set_poses(poses)

    def _draw_one(self) -> None:
        if self._view is None:
            self._view = self._make(self._scene)
        key, jaw, poses = self._waiting.popleft()
        self._scene.jaws(jaw)
        self._pose(poses)
        try:
            image = self._view.picture(WIDTH_PX * SCALE, HEIGHT_PX * SCALE, self._cameras[jaw], layers=False)
        except EngineError:  # no OpenGL: the large view says so, and cards do without
            return self.stop()
        image.setDevicePixelRatio(SCALE)
        self.drawn.emit(key, jaw, image)
        if not self._waiting:
            self.stop()
