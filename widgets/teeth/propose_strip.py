"""The strip over the picture while a proposal is looked at: what is shown, that it is not the plan yet, and what can be done with it."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QProgressBar, QWidget

from widgets import tokens
from widgets.paint import Caption, GlyphButton
from widgets.teeth.opening import Strip

BAR_PX = 120


class ProposeStrip(Strip):
    """`applied(selected only)`, `stepped(-1 or 1)`, `stopped` while the job runs, `left` when the preview is closed or another strip takes the place."""

    applied = Signal(bool)
    stepped = Signal(int)
    stopped, left = Signal(), Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Proposal", parent)
        self.title, self.words = Caption("", semibold=True), Caption("", tokens.CAPTION_PX, "muted")
        self.words.setWordWrap(True)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedSize(BAR_PX, 4)
        self.bar.setAccessibleName("Progress of the proposals")
        self.back, self.next = GlyphButton("previous", "Previous setup", "The setup before"), GlyphButton("folded", "Next setup", "The next setup")
        self.back.clicked.connect(lambda: self.stepped.emit(-1))
        self.next.clicked.connect(lambda: self.stepped.emit(1))
        for part in (self.back, self.next, self.title):
            self.row.addWidget(part)
        self.row.addWidget(self.bar)
        self.row.addStretch(1)
        self.stop = self.button("Stop", "Stop; the teeth go back (Esc)", self.stopped.emit)
        self.some = self.button("Apply to selected", "Only the selected teeth take this setup's places", lambda: self.applied.emit(True))
        self.all = self.button("Apply", "Make this the plan: one undo step", lambda: self.applied.emit(False), primary=True)
        self.close_ = self.button("Close", "Back to the plan (Esc)", self.left.emit)
        self.column.addWidget(self.words)

    def show_step(self, k: int, steps: int) -> None:
        """The sampler is at work: k of `steps` done."""
        self.title.setText(f"Proposing: step {k} of {steps}")
        self.words.setText("Where the teeth would go by what the model has found so far. Nothing is changed yet.")
        self.bar.setRange(0, steps)
        self.bar.setValue(k)
        self._running(True)

    def show_setup(self, name: str, words: str, can: bool, selected: bool) -> None:
        """A setup is in sight. can: it may be applied; selected: teeth are chosen that it would move."""
        self.title.setText(name)
        self.words.setText(words)
        self._running(False)
        self.all.setEnabled(can)
        self.some.setEnabled(can and selected)

    def _running(self, running: bool) -> None:
        for part in (self.bar, self.stop):
            part.setVisible(running)
        for part in (self.back, self.next, self.some, self.all, self.close_):
            part.setVisible(not running)

    def hideEvent(self, event) -> None:  # noqa: N802
        """Put away by another strip, not merely out of sight with its window: the preview ends."""
        super().hideEvent(event)
        if self.isHidden():
            self.left.emit()
