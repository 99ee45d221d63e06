"""The 3D view of the Teeth workspace: scene, gizmo, numbers, marks and tools in one widget."""

import numpy as np
from PySide6.QtCore import QRectF, Signal
from PySide6.QtGui import QImage, QMouseEvent, QPainter
from PySide6.QtWidgets import QWidget

from widgets import paint
from widgets.camera import Camera
from widgets.mesh_view import MeshView
from widgets.teeth.gizmo_layer import GizmoLayer
from widgets.teeth.labels import LabelLayer
from widgets.teeth.marks import MarkLayer
from widgets.teeth.picking import Hit, Picker
from widgets.teeth.scene import JAWS, TeethScene
from widgets.teeth.tools import ToolLayer
from widgets.teeth.view_cube import ViewCubeLayer
from widgets.view_layers import Layer, Seen

GLOW = 0.24  # strength of the accent over the tooth under the mouse
OWN_JAW = {"upper": "upper", "lower": "lower"}  # views that would look at the back of the other jaw


class _HoverLayer(Layer):
    """The lowest layer: the tooth under the mouse lights up, over the finished picture."""

    def __init__(self, view: "TeethView") -> None:
        self._view = view
        self.number: int | None = None
        self._glow: tuple[QImage, QRectF] | None = None
        self._frame: object = None

    def leave(self) -> None:
        self._set(None)

    def hover(self, event: QMouseEvent, seen: Seen) -> bool:
        hit = self._view.pick(event.position().x(), event.position().y())
        self._set(hit.key if hit is not None and isinstance(hit.key, int) else None)
        return True

    def paint(self, painter: QPainter, seen: Seen) -> None:
        if self._glow is not None and seen.frame is self._frame and self._view.tools.tool != "brush":
            image, place = self._glow
            painter.drawImage(place, image, QRectF(image.rect()))

    def _set(self, number: int | None) -> None:
        frame = self._view.seen().frame
        if number == self.number and (frame is self._frame or number is None):
            return
        if number != self.number:
            self._view.hovered.emit(number)
        self.number, self._frame = number, frame
        self._glow = None if number is None else self._view.silhouette(number)
        if self._glow is not None:
            self._glow = (tinted(self._glow[0]), self._glow[1])
        self._view.update()


def tinted(mask: QImage) -> QImage:
    """A silhouette filled with a breath of the accent."""
    painter = QPainter(mask)
    painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_SourceIn)
    painter.fillRect(mask.rect(), paint.color("accent", GLOW))
    painter.end()
    return mask


class TeethView(MeshView):
    """Set the teeth through `scene`. Parts: `gizmo`, `labels`, `marks`, `tools`, `cube`. Points and matrices that are handed out belong to the closed jaw."""

    picked = Signal(object, object)  # tooth number or None, keyboard modifiers: a click with the select tool
    hovered = Signal(object)  # tooth number or None
    jaws_changed = Signal(str)  # a view of one jaw was chosen or left
    point_picked = Signal(object, object)  # tooth number or None, [3]
    stroked = Signal(object, object, bool)  # numbers, [N, 3], True at the end
    measured = Signal(str, float)  # ruler in mm, angle in deg
    drag_started = Signal(int, str)
    dragged = Signal(int, object, str, float)  # number, 4 x 4 world to world since the press, kind, mm or deg
    drag_ended = Signal(int, bool)

    def __init__(self, scene: TeethScene | None = None, parent: QWidget | None = None) -> None:
        super().__init__(scene if scene is not None else TeethScene(), parent)
        self.scene: TeethScene
        self._picker = Picker()
        self._jaws_before: str | None = None
        self.labels = LabelLayer(self.scene)
        self.marks = MarkLayer(self.scene, self._surface, self.update)
        self.tools = ToolLayer(self.scene, self.pick, self.update)
        self.gizmo = GizmoLayer(self.scene, self.update)
        self.labels.covered = self._under_gizmo
        self.hover = _HoverLayer(self)
        self.cube = ViewCubeLayer(self.look, self.update)
        self.layers = [self.hover, self.labels, self.marks, self.tools, self.gizmo, self.cube]
        self.setAccessibleName("3D view of the teeth")
        for signal in ("drag_started", "dragged", "drag_ended"):
            getattr(self.gizmo.signals, signal).connect(getattr(self, signal))
        for signal in ("point_picked", "stroked", "measured"):
            getattr(self.tools.signals, signal).connect(getattr(self, signal))

    def use(self, tool: str) -> None:
        """select, point, brush, ruler or angle; the gizmo shows with select alone."""
        self.tools.use(tool)
        self.gizmo.enabled = tool == "select"
        self.hover.leave()
        self.update()

    def look(self, view: str, glide: bool = True) -> None:
        """A standard view. upper and lower show their own jaw alone; the next other view brings back what was shown before."""
        if view in OWN_JAW:
            if self._jaws_before is None:
                self._jaws_before = self.scene.shown_jaws
            self._show_jaws(OWN_JAW[view])
        elif self._jaws_before is not None:
            before, self._jaws_before = self._jaws_before, None
            self._show_jaws(before)
        super().look(view, glide)

    def pick(self, x: float, y: float, seen: Seen | None = None) -> Hit | None:
        """The tooth or gum under a pixel, and where."""
        seen = seen or self.seen()
        start, direction = seen.camera.ray(x, y, seen.size)
        return self._picker.pick(self.scene.bodies(), start, direction, self.scene.plane)

    def camera_for(self, view: str, size: tuple[float, float]) -> Camera:
        """The fitted camera of a standard view for a picture of that size."""
        return Camera().looking(view).fitted(self.scene.points(), size)

    def clicked_at(self, event: QMouseEvent) -> None:
        if self.tools.click(event):
            return
        hit = self.pick(event.position().x(), event.position().y())
        self.picked.emit(hit.key if hit is not None and isinstance(hit.key, int) else None, event.modifiers())

    def leaveEvent(self, event: object) -> None:  # noqa: N802
        self.hover.leave()
        super().leaveEvent(event)

    def release_drawing(self) -> None:
        self._picker.forget()
        super().release_drawing()


    def _under_gizmo(self) -> tuple[int, ...]:
        numbers = self.gizmo.numbers() if self.gizmo.enabled else ()
        return numbers if len(numbers) == 1 else ()

    def _show_jaws(self, which: str) -> None:
        if which != self.scene.shown_jaws:
            self.scene.jaws(which)
            self.jaws_changed.emit(which)

    def _surface(self, x: float, y: float) -> tuple[object, np.ndarray] | None:
        hit = self.pick(x, y)
        return None if hit is None else (None if hit.key in JAWS else hit.key, hit.point)
