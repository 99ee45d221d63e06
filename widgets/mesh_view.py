"""A 3D view in a plain QWidget: VTK draws into memory, QPainter paints the picture and everything flat over it.

There is no OpenGL window, so it works on software OpenGL, on a GPU, under Xvfb and with QT_QPA_PLATFORM=offscreen alike, and the rest of the
window is not composited by OpenGL. It draws inside paintEvent alone: changes merge, and nothing is drawn while hidden. While something moves,
coarse forms (and on a slow machine fewer pixels) stand in; after REST_MS everything is drawn again in full and smooth.
Left drag orbits, middle drag or Shift + left drag pans, the wheel zooms towards the cursor, a double click centres.
"""

from collections.abc import Callable, Hashable
from dataclasses import replace
from time import perf_counter
from typing import Any
from weakref import ref

import numpy as np
from PySide6.QtCore import QEasingCurve, QPointF, QRectF, QSize, Qt, QTimer, QVariantAnimation, Signal
from PySide6.QtGui import QImage, QMouseEvent, QPainter
from PySide6.QtWidgets import QStyle, QWidget

from engines.job import EngineError
from widgets import paint, tokens
from widgets.camera import Camera
from widgets.colours import rgb
from widgets.off_screen import Frame, OffScreen
from widgets.shade import contact_shadow
from widgets.view_layers import Layer, Scene, Seen

REST_MS, IDLE_MS = 150, 20
SCALES, SLOW_S, QUICK_S = (1.0, 0.8, 0.65, 0.5), 0.042, 0.024  # pixels of a moving picture on software OpenGL, and when to have fewer or more
SMOOTH, SMOOTH_PIXELS = 2, 9_000_000  # a picture at rest is drawn so many times larger and reduced, up to that size
MARGIN_PX, SAME_MM = 4.0, 0.06  # around a silhouette, and how far apart two depths of one place may lie
CLICK_PX = 4  # a press that moved less was a click
WHEEL_STEP = 1.0013


def motion_allowed(widget: QWidget) -> bool:
    """False where the system asks for less motion."""
    return widget.style().styleHint(QStyle.StyleHint.SH_Widget_Animation_Duration) > 0


class MeshView(QWidget):
    """Shows a Scene. `layers` are painted in order and asked for the mouse in reverse. `release_drawing` gives VTK back; closing calls it."""

    camera_changed = Signal()
    failed = Signal(str, str)  # what happened, what to do

    def __init__(self, scene: Scene, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.scene = scene
        self.layers: list[Layer] = []
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setMinimumSize(160, 120)
        self._camera, self._fitted = Camera(), False
        self._drawing = OffScreen()
        self.destroyed.connect(self._drawing.close)
        self._image, self._frame, self._shot_of = QImage(), None, (0, 0)
        self._stale, self._moving, self._smooth, self._scale = True, False, False, 0
        self._held: Layer | None = None
        self._mouse = self._pressed = QPointF()
        self._error = ""  # the text alone: an exception kept would keep the frames that painted, painter and all
        self._rest, self._idle = QTimer(self), QTimer(self)
        for timer, wait, call in ((self._rest, REST_MS, self._come_to_rest), (self._idle, IDLE_MS, self._make_coarse)):
            timer.setSingleShot(True)
            timer.setInterval(wait)
            timer.timeout.connect(call)
        self._glide = QVariantAnimation(self)
        self._glide.setStartValue(0.0)
        self._glide.setEndValue(1.0)
        self._glide.setEasingCurve(QEasingCurve.Type.OutCubic)
        self._ends = (self._camera, self._camera)
        self._glide.valueChanged.connect(self._glided)
        self._changed = _teller(self)
        scene.on_change.append(self._changed)
        self.destroyed.connect(_forgetter(scene.on_change, self._changed))

    # the camera

    @property
    def camera(self) -> Camera:
        return self._camera

    def set_camera(self, camera: Camera, glide: bool = False) -> None:
        """glide: in a short smooth move, unless hidden or the system asks for less motion."""
        self._glide.stop()
        self._fitted = True
        if glide and self.isVisible() and motion_allowed(self):
            self._ends = (self._camera, camera)
            self._glide.setDuration(tokens.MOTION_MS)
            self._glide.start()
        elif camera != self._camera:
            self._camera = camera
            self.touch(True)
            self.camera_changed.emit()

    def fit(self, glide: bool = False) -> None:
        """Everything shown fills the picture, seen from where it is seen now."""
        self.set_camera(self._camera.fitted(self.scene.points(), self._size()), glide)

    def look(self, view: str, glide: bool = True) -> None:
        """front, right, left, upper, lower or back, fitted."""
        self.set_camera(self._camera.looking(view).fitted(self.scene.points(), self._size()), glide)

    def fly_to(self, point: np.ndarray, room_mm: float = 16.0) -> None:
        """A place of the world [3] comes to the middle with that much room around it, seen from the same side."""
        corners = np.array([(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) * room_mm / 2
        self.set_camera(self._camera.fitted(np.asarray(point) + corners, self._size()), glide=True)

    def _glided(self, share: float) -> None:
        self._camera = self._ends[0].blended(self._ends[1], share) if share < 1 else self._ends[1]
        self.touch(True)
        self.camera_changed.emit()

    # drawing

    def touch(self, moving: bool = False) -> None:
        """The picture is out of date; moving: a coarse one will do until things rest."""
        self._stale, self._smooth = True, False
        self._moving = moving
        self.update()

    def seen(self) -> Seen:
        return Seen(self._camera, self._size(), self._frame)

    def picture(self, width: int, height: int, camera: Camera | None = None, layers: bool = True) -> QImage:
        """A full-detail picture of any size in pixels, also while hidden; layers: with labels and lines. EngineError without OpenGL."""
        seen = Seen(camera or self._camera, (width, height))
        image, frame = self._draw(seen.camera, (width, height), coarse=False, factor=SMOOTH)
        self._darken(image, frame, seen.camera)
        painter = QPainter(image)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for layer in self.layers if layers else ():
            layer.paint(painter, replace(seen, frame=frame))
        painter.end()
        self._stale = True
        return image

    def silhouette(self, key: Hashable) -> tuple[QImage, QRectF] | None:
        """Where one body is seen in the last picture: white with that much alpha, and its place in logical pixels. None where it is not seen.

        Only this body is drawn again, for its depth: a highlight costs no new picture of the scene.
        """
        bodies, frame = self.scene.bodies(), self._frame
        if frame is None or self._stale or self._moving or key not in bodies or not frame.depth.size:
            return None
        alone = {name: replace(body, visible=body.visible and name == key, outline=None) for name, body in bodies.items()}
        body = bodies[key]
        flat = self.seen().project(body.surface.extremes @ body.matrix[:3, :3].T + body.matrix[:3, 3])
        if not len(flat) or not np.isfinite(flat).all():
            return None
        rows, columns = frame.depth.shape
        scale = np.array([columns / self.width(), rows / self.height()])
        left, top = np.clip(np.floor((flat[:, :2].min(0) - MARGIN_PX) * scale), 0, (columns, rows)).astype(int)
        right, bottom = np.clip(np.ceil((flat[:, :2].max(0) + MARGIN_PX) * scale), 0, (columns, rows)).astype(int)
        if right <= left or bottom <= top:
            return None
        dark = (np.zeros(3), np.zeros(3))
        own = self._drawing.render(alone, self._camera, (columns, rows), dark, self.scene.plane)
        window = (slice(rows - bottom, rows - top), slice(left, right))
        there = own.depth[window] < 1.0
        near_enough = own.distance(*window) <= frame.distance(*window) + SAME_MM
        mask = np.repeat(np.where(there & near_enough, 255, 0).astype(np.uint8)[::-1, :, None], 4, axis=2)
        image = QImage(mask.tobytes(), mask.shape[1], mask.shape[0], 4 * mask.shape[1], QImage.Format.Format_RGBA8888_Premultiplied).copy()
        return image, QRectF(left / scale[0], top / scale[1], (right - left) / scale[0], (bottom - top) / scale[1])

    @property
    def software(self) -> bool | None:
        """Whether the CPU draws; None before the first picture."""
        return self._drawing.software

    @property
    def moving_scale(self) -> float:
        """The share of each side's pixels that a moving picture has just now."""
        return SCALES[self._scale]

    def release_drawing(self) -> None:
        """Gives the OpenGL context and every VTK object back; the next paint would make new ones."""
        for timer in (self._rest, self._idle, self._glide):
            timer.stop()
        self._drawing.close()
        self._image, self._frame, self._stale = QImage(), None, True

    def detach(self) -> None:
        """The scene no longer tells this view of changes; for a view that goes while its scene stays."""
        if self._changed in self.scene.on_change:
            self.scene.on_change.remove(self._changed)

    def _size(self) -> tuple[float, float]:
        return (max(self.width(), 1), max(self.height(), 1))

    def _draw(self, camera: Camera, pixels: tuple[int, int], coarse: bool, factor: float) -> tuple[QImage, Frame]:
        """An image of just that many pixels, drawn `factor` times larger; QImage rows are turned to run downwards."""
        size = tuple(max(1, round(side * factor)) for side in pixels)
        theme = tokens.current()
        ends = tuple(rgb(name) for name in (theme.window, theme.control))
        frame = self._drawing.render(self.scene.bodies(), camera, size, ends, self.scene.plane, self.scene.coarse_forms() if coarse else None,
                                     any(layer.wants_depth for layer in self.layers))
        rows = np.ascontiguousarray(frame.pixels[::-1])
        image = QImage(rows.data, *size, 4 * size[0], QImage.Format.Format_RGBX8888)
        if size != pixels and factor >= 1:
            return image.scaled(QSize(*pixels), Qt.AspectRatioMode.IgnoreAspectRatio, Qt.TransformationMode.SmoothTransformation), frame
        return image.copy(), frame

    def _darken(self, image: QImage, frame: Frame, camera: Camera) -> None:
        """Soft shadows between neighbours."""
        shadow = contact_shadow(frame, 1 / camera.mm_per_px(np.array(camera.focus), frame.pixels.shape[0]))
        if not shadow.size:
            return
        rows = np.zeros((*shadow.shape, 4), np.uint8)
        rows[..., 3] = shadow[::-1]
        rows[..., 0] = shadow[::-1] // 6  # a shadow in the mouth is warm
        painter = QPainter(image)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        mask = QImage(rows.data, shadow.shape[1], shadow.shape[0], 4 * shadow.shape[1], QImage.Format.Format_RGBA8888_Premultiplied)
        painter.drawImage(QRectF(image.rect()), mask, QRectF(mask.rect()))
        painter.end()

    def _refresh(self) -> None:
        ratio = self.devicePixelRatioF()
        pixels = (max(1, round(self.width() * ratio)), max(1, round(self.height() * ratio)))
        if not self._stale and self._shot_of == pixels:
            return
        if not self._fitted:
            self._camera = self._camera.fitted(self.scene.points(), self._size())
            self._fitted = bool(len(self.scene.points()))
        software = self.software is not False
        factor, coarse = 1.0, self._moving
        if self._smooth and pixels[0] * pixels[1] * SMOOTH**2 <= SMOOTH_PIXELS:
            factor = SMOOTH
        elif coarse and software:
            factor = SCALES[self._scale] / max(1.0, ratio)
        began = perf_counter()
        try:
            self._image, self._frame = self._draw(self._camera, pixels, coarse, factor)
        except EngineError as error:
            self._error = f"{error}\n{error.remedy}"
            self.failed.emit(str(error), error.remedy)
            return
        took = perf_counter() - began
        if self._smooth:
            self._darken(self._image, self._frame, self._camera)
        if coarse and software:
            self._scale += (took > SLOW_S and self._scale < len(SCALES) - 1) - (took < QUICK_S and self._scale > 0)
        self._stale, self._shot_of = False, pixels
        if not self._smooth:
            self._rest.start()
        else:
            self._idle.start()

    def _come_to_rest(self) -> None:
        self._stale, self._smooth, self._moving = True, True, False
        self.update()

    def _make_coarse(self) -> None:
        """One body at a time, so that the window never waits long for them."""
        if self.isVisible() and self.scene.make_coarse():
            self._idle.start()

    # Qt

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(1000, 700)

    def paintEvent(self, event: Any) -> None:  # noqa: N802
        if not self._error:
            self._refresh()
        painter = QPainter(self)
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        if self._error:
            painter.fillRect(self.rect(), paint.color("window"))
            painter.setPen(paint.color("muted"))
            painter.setFont(paint.font())
            room = self.rect().adjusted(tokens.SPACE_XL, 0, -tokens.SPACE_XL, 0)
            painter.drawText(room, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, self._error)
            painter.end()
            return
        painter.drawImage(QRectF(self.rect()), self._image, QRectF(self._image.rect()))
        seen = self.seen()
        for layer in self.layers:
            layer.paint(painter, seen)
        painter.end()

    def closeEvent(self, event: Any) -> None:  # noqa: N802
        self.release_drawing()
        super().closeEvent(event)

    def showEvent(self, event: Any) -> None:  # noqa: N802
        if not self._smooth:
            self._rest.start()
        super().showEvent(event)

    def hideEvent(self, event: Any) -> None:  # noqa: N802
        for timer in (self._rest, self._idle, self._glide):
            timer.stop()
        super().hideEvent(event)

    def changeEvent(self, event: Any) -> None:  # noqa: N802
        if event.type() == event.Type.PaletteChange:
            self.touch()
        super().changeEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        self._glide.stop()
        self._mouse = self._pressed = event.position()
        self._held = None
        if event.button() == Qt.MouseButton.LeftButton:
            self._held = next((layer for layer in reversed(self.layers) if layer.press(event, self.seen())), None)
        self.update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        step, self._mouse = event.position() - self._mouse, event.position()
        if self._held is not None:
            self._held.drag(event, self.seen())
        elif event.buttons() == Qt.MouseButton.NoButton:
            for layer in reversed(self.layers):
                if layer.hover(event, self.seen()):
                    break
        elif event.buttons() & Qt.MouseButton.MiddleButton or event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self.set_camera(self._camera.panned(step.x(), step.y(), self.height()))
        elif event.buttons() & Qt.MouseButton.LeftButton and (event.position() - self._pressed).manhattanLength() >= CLICK_PX:
            self._pressed = QPointF(-CLICK_PX, -CLICK_PX)  # from now on it is no click
            self.set_camera(self._camera.orbited(step.x(), step.y()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        held, self._held = self._held, None
        if held is not None:
            held.release(event, self.seen())
        elif event.button() == Qt.MouseButton.LeftButton and (event.position() - self._pressed).manhattanLength() < CLICK_PX:
            self.clicked_at(event)
        self.update()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        point = self.surface_at(event.position())
        if point is not None:
            self.set_camera(replace(self._camera, focus=tuple(point.tolist())), glide=True)

    def wheelEvent(self, event: Any) -> None:  # noqa: N802
        at = event.position()
        self.set_camera(self._camera.zoomed(WHEEL_STEP ** event.angleDelta().y(), at.x(), at.y(), self._size()))
        event.accept()

    def keyPressEvent(self, event: Any) -> None:  # noqa: N802
        middle = (self.width() / 2, self.height() / 2)
        if event.key() == Qt.Key.Key_Escape and any([layer.cancel() for layer in reversed(self.layers)]):
            self._held = None
            self.update()
        elif event.key() in (Qt.Key.Key_Plus, Qt.Key.Key_Equal, Qt.Key.Key_Minus):
            self.set_camera(self._camera.zoomed(1 / 1.2 if event.key() == Qt.Key.Key_Minus else 1.2, *middle, self._size()))
        elif event.key() == Qt.Key.Key_Home:
            self.fit(glide=True)
        else:
            super().keyPressEvent(event)

    def surface_at(self, position: QPointF) -> np.ndarray | None:
        """[3] in the world of the surface under a pixel, from the depth of the last picture; None where there is none."""
        frame = self._frame
        if frame is None or not frame.depth.size:
            return None
        rows, columns = frame.depth.shape
        row = int(np.clip(rows * (1 - position.y() / self.height()), 0, rows - 1))
        column = int(np.clip(columns * position.x() / self.width(), 0, columns - 1))
        if frame.depth[row, column] >= 1.0:
            return None
        start, direction = self._camera.ray(position.x(), position.y(), self._size())
        ahead = float(direction @ self._camera.axes[2])
        return start + direction * float(frame.distance(np.array(row), np.array(column))) / ahead

    def clicked_at(self, event: QMouseEvent) -> None:
        """A click that no layer took; for subclasses."""


def _teller(view: MeshView) -> Callable[[bool], None]:
    """Passes a scene's changes on without keeping the view alive."""
    kept = ref(view)

    def tell(only_places: bool) -> None:
        alive = kept()
        if alive is not None:
            alive.touch(only_places)
    return tell


def _forgetter(calls: list, call: Callable) -> Callable[[], None]:
    def forget() -> None:
        if call in calls:
            calls.remove(call)
    return forget
