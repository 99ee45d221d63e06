"""Tooth numbers over the 3D view. A tooth that others hide has a faint number, one behind the camera none."""

from collections.abc import Callable

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPen

from widgets import paint, tokens
from widgets.teeth.scene import TeethScene
from widgets.view_layers import Layer, Seen

OUT_MM = 0.5  # anchors stand a little off the surface
SHACKLE_PX = 5.0
WIDE_PX, HIGH_PX = 20.0, 13.0  # a number nearer than this to one in front of it is left out


class LabelLayer(Layer):
    """`text` names a tooth (FDI, Universal or Palmer, as the caller likes); None shows no numbers. A locked tooth carries a small padlock."""

    wants_depth = True

    def __init__(self, scene: TeethScene) -> None:
        self.scene, self.text = scene, None
        self.covered: Callable[[], tuple[int, ...]] = tuple  # teeth whose number something else covers
        self._anchors: dict[int, tuple[object, np.ndarray]] = {}
        self.text: Callable[[int], str] | None

    def anchors(self, number: int) -> np.ndarray:
        """[5, 3] on the start mesh: the farthest surface points to the lip, the tongue, both neighbours and the edge; the label takes a seen one."""
        mesh, frame = self.scene.meshes[number], self.scene.frames[number]
        kept = self._anchors.get(number)
        if kept is None or kept[0] is not mesh:
            own = (mesh.vertices - frame[:3, 3]) @ frame[:3, :3]
            middle = (own.min(0) + own.max(0)) / 2 if len(own) else np.zeros(3)
            rows = []
            for direction in ((0, 1, 0), (0, -1, 0), (0, 0, 1), (1, 0, 0), (-1, 0, 0)):
                way = np.array(direction, float)
                beside = np.linalg.norm((own - middle) - np.outer((own - middle) @ way, way), axis=1) if len(own) else np.zeros(0)
                along = (own - middle) @ way if len(own) else np.zeros(0)
                row = own[(beside - 0.3 * along).argmin()] + OUT_MM * way if len(own) else middle
                rows.append(frame[:3, 3] + frame[:3, :3] @ row)
            kept = self._anchors[number] = (mesh, np.array(rows))
        return kept[1]

    def places(self, seen: Seen) -> dict[int, tuple[float, float, float, bool]]:
        """For each shown tooth: pixel x, y, distance in mm, and whether it is seen there (and not cut away)."""
        numbers = self.scene.visible()
        if not numbers:
            return {}
        matrices = np.array([self.scene.placed(number) for number in numbers])
        own = np.array([self.anchors(number) for number in numbers])
        points = own @ matrices[:, :3, :3].swapaxes(1, 2) + matrices[:, None, :3, 3]
        middle = points.mean(1, keepdims=True)
        towards = ((points - middle) * (seen.camera.position - middle)).sum(-1)
        order = np.argsort(-towards, axis=1)[:, :3]  # those on the near side
        points = np.take_along_axis(points, order[..., None], 1)
        clear = seen.visible(points.reshape(-1, 3), slack_mm=0.9).reshape(order.shape)
        if self.scene.plane is not None:
            clear &= points @ self.scene.plane[:3] >= self.scene.plane[3]
        chosen = points[np.arange(len(numbers)), clear.argmax(1)]
        flat, seen_there = seen.project(chosen), clear.any(1)
        return {number: (*(float(value) for value in flat[index]), bool(seen_there[index]))
                for index, number in enumerate(numbers) if flat[index, 2] > 0}

    def paint(self, painter: QPainter, seen: Seen) -> None:
        locked = self.scene.locked
        if self.text is None and not locked:
            return
        drawn: list[tuple[float, float]] = []
        covered = self.covered()
        for number, (x, y, _, clear) in sorted(self.places(seen).items(), key=lambda item: item[1][2]):
            text = self.text(number) if self.text is not None else ""
            if not clear or number in covered or not (text or number in locked) or any(abs(x - a) < WIDE_PX and abs(y - b) < HIGH_PX for a, b in drawn):
                continue
            drawn.append((x, y))
            _pill(painter, QPointF(x, y), text, number in self.scene.selected, number in locked)


def _pill(painter: QPainter, at: QPointF, text: str, selected: bool, locked: bool) -> None:
    painter.setFont(paint.font(tokens.CAPTION_PX, semibold=True))
    metrics = painter.fontMetrics()
    lock = SHACKLE_PX * 2 if locked else 0.0
    gap = 3.0 if locked and text else 0.0
    width = max(metrics.horizontalAdvance(text) + lock + gap + 10, metrics.height() + 2)
    box = QRectF(at.x() - width / 2, at.y() - metrics.height() / 2 - 1, width, metrics.height() + 2)
    painter.setPen(QPen(paint.color("accent" if selected else "border", 0.9), 1))
    painter.setBrush(paint.color("accent", 0.95) if selected else paint.color("panel", 0.82))
    painter.drawRoundedRect(box, box.height() / 2, box.height() / 2)
    ink = paint.color("panel" if selected else "text")
    painter.setPen(ink)
    painter.drawText(box.adjusted(lock + gap, 0, 0, 0), Qt.AlignmentFlag.AlignCenter, text)
    if locked:
        x, y = box.left() + (6 if text else (width - lock) / 2), box.center().y()
        painter.setPen(QPen(ink, 1.4))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawArc(QRectF(x + 1.5, y - 5, SHACKLE_PX, 7), 0, 180 * 16)
        painter.fillRect(QRectF(x, y - 1.5, SHACKLE_PX + 3, 5.5), ink)
