"""The strip of what was seen: click to return, star to keep."""

from dataclasses import dataclass

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QImage, QPainter, QPen
from PySide6.QtWidgets import QAbstractButton, QFrame, QHBoxLayout, QScrollArea, QWidget

from engines.guidance.request import GuidanceRequest
from widgets import glyphs, tokens
from widgets.guidance import catalog
from widgets.paint import color, focus_ring, font

LENGTH, THUMB_PX, FOOT_PX = 40, 64, 16
BAND_PX, BAND_FONT_PX = 14, 10  # two words side by side fit a thumbnail
SHORT = {"calibrated": "Calib.", "zero-star": "Zero*"}  # words too long for a thumbnail


@dataclass
class Seen:
    """One result: its request and a small picture (None for a kept one that has not been drawn again)."""

    request: GuidanceRequest
    picture: QImage | None
    starred: bool = False
    tuned: tuple[bool, ...] = ()  # of each side, whether tuned timesteps were in force; empty where it was not drawn yet

    def timesteps(self) -> str:
        """Which timesteps it was drawn at: "tuned", with two sides "tuned | plain"; "" where all are plain."""
        sides = [side for side in (self.request.a, self.request.b) if side is not None]
        tuned = self.tuned or tuple(side.tuned for side in sides)
        return " | ".join("tuned" if on else "plain" for on in tuned) if any(tuned) else ""


def same(one: GuidanceRequest, other: GuidanceRequest) -> bool:
    """Whether two requests have the same pictures: view and grid do not matter."""
    return (one.a, one.b) == (other.a, other.b)


class Thumb(QAbstractButton):
    """One result of the strip; right click or S stars it."""

    starred = Signal()

    def __init__(self, seen: Seen, current: bool, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.seen, self._current = seen, current
        settings = seen.request.a
        text = f"{catalog.guidance_word(settings)}, {settings.steps} steps, seed {settings.seed}"
        times = [f", {word} timesteps" for word in (seen.timesteps() or "plain").split(" | ")]
        text += times[0]
        if seen.request.b:
            text += f"  |  B: {catalog.guidance_word(seen.request.b)}{times[-1]}"
        self.setAccessibleName(f"Earlier result: {text}{', starred' if seen.starred else ''}")
        self.setToolTip(f"{catalog.model_word(settings.model)}: {text}\nClick to return, right click to star")
        self.setFixedSize(THUMB_PX, THUMB_PX + FOOT_PX)
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(THUMB_PX, THUMB_PX + FOOT_PX)

    def paintEvent(self, event) -> None:  # noqa: N802
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRectF(0, 0, THUMB_PX, THUMB_PX)
        painter.fillRect(box, color("control"))
        if self.seen.picture is not None:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(box, self.seen.picture)
        painter.setPen(QPen(color("accent" if self._current else "border"), 2 if self._current else 1))
        painter.drawRect(box.adjusted(1, 1, -1, -1))
        painter.setPen(color("text" if self._current else "muted"))
        painter.setFont(font(tokens.CAPTION_PX))
        settings = self.seen.request.a
        word = "A|B" if self.seen.request.b else SHORT.get(settings.mode) or catalog.MODE_WORDS[settings.mode].split(",")[0]
        painter.drawText(QRectF(0, THUMB_PX, THUMB_PX, FOOT_PX), Qt.AlignmentFlag.AlignCenter, f"{word} {settings.gamma_1:.1f}")
        times = self.seen.timesteps()
        if times:
            band = QRectF(2, THUMB_PX - BAND_PX - 2, THUMB_PX - 4, BAND_PX)
            painter.fillRect(band, color("panel", 0.88))
            painter.setPen(color("text"))
            painter.setFont(font(BAND_FONT_PX))
            painter.drawText(band, Qt.AlignmentFlag.AlignCenter, "|".join(dict.fromkeys(times.split(" | "))))  # two alike need one word
        if self.seen.starred:
            painter.drawPixmap(QRectF(THUMB_PX - 20, 2, 18, 18).toRect(), glyphs.pixmap("starred", tokens.current().warn))
        if self.hasFocus():
            focus_ring(painter, QRectF(self.rect()))
        painter.end()

    def contextMenuEvent(self, event) -> None:  # noqa: N802
        self.starred.emit()


class History(QScrollArea):
    """Newest on the left; a starred result is never dropped."""

    chosen = Signal(object)  # GuidanceRequest
    kept = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("History")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFixedHeight(THUMB_PX + FOOT_PX + tokens.SPACE_M)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWidgetResizable(True)
        self._row = QHBoxLayout(page := QWidget())
        self._row.setContentsMargins(0, 0, 0, tokens.SPACE_S)
        self._row.setSpacing(tokens.SPACE_XS)
        self._row.addStretch(1)
        self.setWidget(page)
        self.seen: list[Seen] = []
        self._current: GuidanceRequest | None = None

    def add(self, request: GuidanceRequest, picture: QImage | None, tuned: tuple[bool, ...] = ()) -> None:
        """A new result goes to the left end; one that was there keeps its place and gets the new picture. tuned: as in Seen."""
        known = next((seen for seen in self.seen if same(seen.request, request)), None)
        if known:
            known.picture, known.tuned = picture or known.picture, tuned
        else:
            self.seen.insert(0, Seen(request, picture, tuned=tuned))
        loose = [seen for seen in self.seen if not seen.starred]
        for old in loose[LENGTH:]:
            self.seen.remove(old)
        self.show_current(request)

    def show_current(self, request: GuidanceRequest) -> None:
        self._current = request
        self._fill()

    def star(self, request: GuidanceRequest) -> bool:
        """Turns the star of a result over; False if it is not in the strip."""
        for seen in self.seen:
            if same(seen.request, request):
                seen.starred = not seen.starred
                self._fill()
                self.kept.emit()
                return True
        return False

    def starred(self) -> list[GuidanceRequest]:
        return [seen.request for seen in self.seen if seen.starred]

    def set_starred(self, requests: list[GuidanceRequest]) -> None:
        """Another session's kept results: only requests, drawn again when clicked."""
        self.seen = [Seen(request, None, True) for request in requests]
        self._fill()

    def thumbs(self) -> list[Thumb]:
        return [widget for k in range(self._row.count()) if isinstance(widget := self._row.itemAt(k).widget(), Thumb)]

    def _fill(self) -> None:
        for thumb in self.thumbs():
            self._row.removeWidget(thumb)
            thumb.hide()
            thumb.deleteLater()
        for k, seen in enumerate(self.seen):
            thumb = Thumb(seen, self._current is not None and same(seen.request, self._current))
            thumb.clicked.connect(lambda _=False, seen=seen: self.chosen.emit(seen.request))
            thumb.starred.connect(lambda seen=seen: self.star(seen.request))
            self._row.insertWidget(k, thumb)
