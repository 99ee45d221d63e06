"""A card floating over its window: the palette and the shortcut sheet. Escape or a click beside it closes it."""

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtWidgets import QFrame, QWidget

from widgets import tokens

TOP_PX = 64


class Overlay(QFrame):
    """Child of `window`, hidden until `present`; `width_px` x `height_px` at most, less in a small window."""

    def __init__(self, window: QWidget, width_px: int, height_px: int) -> None:
        super().__init__(window)
        self.setObjectName("overlay")
        self._wanted = (width_px, height_px)
        self._before: QWidget | None = None
        self.hide()

    def present(self) -> None:
        self._before = self.window().focusWidget()
        self._place()
        self.show()
        self.raise_()
        self.window().installEventFilter(self)

    def dismiss(self) -> None:
        if self.isHidden():
            return
        self.window().removeEventFilter(self)
        self.hide()
        if self._before is not None:
            self._before.setFocus()
        self._before = None

    def _place(self) -> None:
        room = self.parentWidget().rect().adjusted(tokens.SPACE_L, TOP_PX, -tokens.SPACE_L, -tokens.SPACE_L)
        width, height = min(self._wanted[0], room.width()), min(self._wanted[1], room.height())
        self.setGeometry(room.center().x() - width // 2, room.top(), width, height)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        if event.type() == QEvent.Type.Resize:
            self._place()
        elif event.type() == QEvent.Type.MouseButtonPress:
            self.dismiss()
        return super().eventFilter(watched, event)

    def keyPressEvent(self, event) -> None:  # noqa: N802
        if event.key() == Qt.Key.Key_Escape:
            self.dismiss()
        else:
            super().keyPressEvent(event)
