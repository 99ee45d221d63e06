"""Pictures of a Teeth scene without a window, for reports and `vernier teeth render`."""

from collections.abc import Callable, Iterable

from PySide6.QtGui import QImage

from widgets.camera import VIEWS, Camera
from widgets.teeth.scene import TeethScene
from widgets.teeth.view import TeethView


def pictures(scene: TeethScene, views: Iterable[str] = tuple(VIEWS), width: int = 1600, height: int = 1100,
             text: Callable[[int], str] | None = None) -> dict[str, QImage]:
    """A picture of each standard view, full detail; upper and lower show their own jaw. text: numbers on the teeth.

    A QApplication must exist (QT_QPA_PLATFORM=offscreen will do). EngineError without OpenGL, KeyError for another view.
    """
    view = TeethView(scene)
    view.labels.text = text
    view.gizmo.enabled = view.cube.visible = False
    before, result = scene.shown_jaws, {}
    try:
        for name in views:
            scene.jaws(name if name in ("upper", "lower") else before)
            camera = Camera().looking(name).fitted(scene.points(), (width, height))
            result[name] = view.picture(width, height, camera)
    finally:
        scene.jaws(before)
        view.detach()
        view.release_drawing()
        view.deleteLater()
    return result
