"""The current request of a workspace, and the way back to every earlier one."""

from dataclasses import dataclass

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QUndoCommand, QUndoStack

_MERGING = 1  # any id but -1 lets Qt offer neighbours to mergeWith


@dataclass(frozen=True)
class _Gesture:
    """One press to release: changes of the same gesture are one undo step."""

    key: str
    number: int


class _Change(QUndoCommand):
    """From one request to another. `gesture` None = a step of its own."""

    def __init__(self, document: "Document", request: object, text: str, gesture: _Gesture | None) -> None:
        super().__init__(text)
        self._document, self.old, self.new, self.gesture = document, document.request, request, gesture

    def id(self) -> int:
        return _MERGING if self.gesture else -1

    def mergeWith(self, other: QUndoCommand) -> bool:  # noqa: N802
        if not isinstance(other, _Change) or other.gesture != self.gesture:
            return False
        self.new = other.new
        self.setText(other.text())
        self.setObsolete(self.new == self.old)  # dragged back to where it began
        return True

    def redo(self) -> None:
        self._document._show(self.new)

    def undo(self) -> None:
        self._document._show(self.old)


class Document(QObject):
    """Owns a workspace's request; widgets show it and propose another one. GUI thread only."""

    changed = Signal(object)  # the new request, only when it differs from the last

    def __init__(self, request: object, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._request, self._gestures = request, 0
        self.undo_stack = QUndoStack(self)

    @property
    def request(self) -> object:
        return self._request

    def replace(self, request: object, text: str, gesture: str | None = None) -> None:
        """Makes `request` current as an undo step called `text`. Steps with the same gesture key merge until
        `end_gesture`; an equal request is no step at all."""
        if request != self._request:
            self.undo_stack.push(_Change(self, request, text, _Gesture(gesture, self._gestures) if gesture else None))

    def end_gesture(self) -> None:
        """The next change begins a new undo step, whatever its key."""
        self._gestures += 1

    def load(self, request: object) -> None:
        """Another session's request: there is no way back from it."""
        self.undo_stack.clear()
        self._show(request)

    def _show(self, request: object) -> None:
        if request != self._request:
            self._request = request
            self.changed.emit(request)
