"""Setups to choose from, as cards in rows of three: picture, name, measures; and two of them beside the start as a small table."""

from dataclasses import dataclass

from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QImage, QPainter, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from engines.teeth.offer import FIT, START, Numbers, Offer, Setup
from widgets import tokens
from widgets.paint import color, focus_ring, font
from widgets.teeth.thumbnails import HEIGHT_PX, WIDTH_PX

COLUMNS, LINE_PX, PAD_PX, GAP_PX = 3, 14, 3, 4
ROW_PX, HEAD_PX, VALUE_PX = 20, 24, 62
DEG = "\N{DEGREE SIGN}"
# field of Numbers, word, unit, whether less is better, sentence
TABLE = (("little_upper", "Little, upper", "mm", True, "Sum of the steps between the contact points of the six front teeth; 0 is ideal"),
         ("little_lower", "Little, lower", "mm", True, "Sum of the steps between the contact points of the six front teeth; 0 is ideal"),
         ("overlap_mm", "Overlap", "mm", True, "Sum over all pairs of what they are deeper in each other than the tolerance"),
         ("spaces_mm", "Spaces", "mm", True, "Sum of the gaps between neighbours that are wider than 0.1 mm"),
         ("most_mm", "Largest shift", "mm", None, "The farthest that the centre of a crown goes, from the start of the case"),
         ("most_deg", "Largest turn", DEG, None, "The most that a tooth turns, from the start of the case"),
         ("overjet", "Overjet", "mm", None, "How far the upper front teeth stand before the lower ones; 2 to 3 mm is usual"),
         ("overbite", "Overbite", "mm", None, "How far the upper front teeth cover the lower ones; 2 to 3 mm is usual"))


def text(value: float | None, unit: str) -> str:
    """One decimal for mm, none for degrees, a dash where it cannot be measured."""
    if value is None:
        return "\N{EN DASH}"
    shown = f"{value:.0f}{DEG}" if unit == DEG else f"{value:.1f}"
    return shown.replace("-", "\N{MINUS SIGN}") if float(shown.rstrip(DEG)) else shown.lstrip("-")


def lines(numbers: Numbers) -> tuple[str, str, str]:
    """What stands on a card."""
    return (f"Little {text(numbers.little_upper, 'mm')} / {text(numbers.little_lower, 'mm')}",
            f"overlap {text(numbers.overlap_mm, 'mm')} mm", f"most {text(numbers.most_mm, 'mm')} mm, {text(numbers.most_deg, DEG)}")


def spoken(setup: Setup) -> str:
    """All measures of a setup, a line each, as a tooltip says them."""
    return "\n".join([setup.name, *(f"{word}: {text(getattr(setup.numbers, name), unit)}{' mm' if unit == 'mm' else ''}" for name, word, unit, _, _ in TABLE)])


class SetupCards(QWidget):
    """`show_offer`, `set_picture`; `chosen(key)` for a click or the arrow keys."""

    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Setups to choose from")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.offer: Offer | None = None
        self.current, self._hover, self.jaw = "", "", "upper"
        self._pictures: dict[tuple[str, str], QImage] = {}
        self.show_offer(None)

    def show_offer(self, offer: Offer | None, current: str = "") -> None:
        """Other setups; their old pictures stay until new ones come."""
        self.offer, self.current = offer, current
        if offer is None:
            self._pictures = {}
        count = len(self._setups())
        self.setFixedHeight(max(1, (count + COLUMNS - 1) // COLUMNS) * self._card().height())
        self.setAccessibleDescription("; ".join(spoken(setup).replace("\n", ", ") for setup in self._setups()))
        self.update()

    def set_picture(self, key: str, jaw: str, image: QImage) -> None:
        self._pictures[key, jaw] = image
        self.update()

    def set_jaw(self, jaw: str) -> None:
        self.jaw = jaw
        self.update()

    def set_current(self, key: str) -> None:
        self.current = key
        self.update()

    def _setups(self) -> tuple[Setup, ...]:
        return self.offer.setups if self.offer is not None else ()

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(COLUMNS * (WIDTH_PX + GAP_PX), self.height())

    def _card(self) -> QRectF:
        """Size of a card with the gap to the next one."""
        return QRectF(0, 0, (self.width() + GAP_PX) / COLUMNS, HEIGHT_PX + 4 * LINE_PX + 3 * PAD_PX + GAP_PX)

    def place(self, k: int) -> QRectF:
        """Where card k is."""
        card = self._card()
        return card.translated(k % COLUMNS * card.width(), k // COLUMNS * card.height()).adjusted(0, 0, -GAP_PX, -GAP_PX)

    def key_at(self, point) -> str:
        return next((setup.key for k, setup in enumerate(self._setups()) if self.place(k).contains(point)), "")

    def mousePressEvent(self, event) -> None:  # noqa: N802
        if key := self.key_at(event.position()):
            self.chosen.emit(key)

    def mouseMoveEvent(self, event) -> None:  # noqa: N802
        if (key := self.key_at(event.position())) != self._hover:
            self._hover = key
            self.setCursor(Qt.CursorShape.PointingHandCursor if key else Qt.CursorShape.ArrowCursor)
            self.update()

    def leaveEvent(self, event) -> None:  # noqa: N802
        self._hover = ""
        self.update()

    def keyPressEvent(self, event) -> None:  # noqa: N802
        step = {Qt.Key.Key_Right: 1, Qt.Key.Key_Left: -1, Qt.Key.Key_Down: COLUMNS, Qt.Key.Key_Up: -COLUMNS}.get(event.key())
        keys = [setup.key for setup in self._setups()]
        if step and keys:
            k = keys.index(self.current) + step if self.current in keys else 0
            if 0 <= k < len(keys):
                self.chosen.emit(keys[k])
        else:
            super().keyPressEvent(event)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip:
            setup = self.offer.setup(self.key_at(event.pos().toPointF())) if self.offer is not None else None
            if setup is not None:
                QToolTip.showText(event.globalPos(), spoken(setup), self)
            return True
        return super().event(event)

    def paintEvent(self, event) -> None:  # noqa: N802
        painter = QPainter(self)
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        for k, setup in enumerate(self._setups()):
            self._paint_card(painter, setup, self.place(k))
        if self.hasFocus():
            focus_ring(painter, QRectF(self.rect()))
        painter.end()

    def _paint_card(self, painter: QPainter, setup: Setup, box: QRectF) -> None:
        mine = setup.key == self.current
        painter.setPen(QPen(color("accent" if mine else "muted" if setup.key == self._hover else "border"), 2 if mine else 1))
        painter.setBrush(color("control"))
        painter.drawRoundedRect(box.adjusted(1, 1, -1, -1), tokens.RADIUS_PX, tokens.RADIUS_PX)
        image, top = self._pictures.get((setup.key, self.jaw)), box.top() + PAD_PX
        if image is not None:
            room = QRectF(box.left() + PAD_PX, top, box.width() - 2 * PAD_PX, HEIGHT_PX)
            width = min(room.width(), WIDTH_PX)
            painter.drawImage(QRectF(room.center().x() - width / 2, room.top(), width, width * HEIGHT_PX / WIDTH_PX), image, QRectF(image.rect()))
        top += HEIGHT_PX + PAD_PX
        for k, words in enumerate((setup.name, *lines(setup.numbers))):
            painter.setFont(font(tokens.CAPTION_PX if k == 0 else tokens.CAPTION_PX - 1, semibold=k == 0))
            painter.setPen(color("text" if k == 0 else "muted"))
            row = QRectF(box.left() + PAD_PX + 2, top + k * LINE_PX, box.width() - 2 * PAD_PX - 2, LINE_PX)
            words = painter.fontMetrics().elidedText(words, Qt.TextElideMode.ElideRight, int(row.width()))
            painter.drawText(row, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, words)


@dataclass(frozen=True)
class _Column:
    name: str
    numbers: Numbers


class SetupTable(QWidget):
    """Start, arch-fit and the setup in sight, a measure a row; where less is better the lesser of the last two is in bold."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Start, arch-fit and the chosen setup")
        self.setFixedHeight(HEAD_PX + len(TABLE) * ROW_PX)
        self.columns: tuple[_Column, ...] = ()

    def show_setups(self, offer: Offer | None, key: str) -> None:
        """key: the setup in sight; where that is the start or the arch-fit, the best one stands in the third column."""
        self.columns = ()
        if offer is not None:
            third = offer.setup(key) if key not in (START, FIT) else None
            setups = (offer.setup(START), offer.setup(FIT), third or offer.best)
            self.columns = tuple(_Column(setup.name.partition(" of ")[0], setup.numbers) for setup in setups)
        self.setAccessibleDescription("; ".join(f"{word}: " + ", ".join(f"{column.name} {text(getattr(column.numbers, name), unit)}" for column in self.columns)
                                                for name, word, unit, _, _ in TABLE))
        self.update()

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip:
            k = int((event.pos().y() - HEAD_PX) // ROW_PX)
            if 0 <= k < len(TABLE):
                QToolTip.showText(event.globalPos(), TABLE[k][4], self)
            return True
        return super().event(event)

    def paintEvent(self, event) -> None:  # noqa: N802
        painter = QPainter(self)
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        for k, column in enumerate(self.columns):
            painter.setFont(font(tokens.CAPTION_PX, semibold=True))
            painter.setPen(color("muted"))
            painter.drawText(self._cell(k, 0, HEAD_PX), right, column.name)
        for row, (name, word, unit, less, _) in enumerate(TABLE if self.columns else ()):
            top = HEAD_PX + row * ROW_PX
            painter.setFont(font(tokens.CAPTION_PX))
            painter.setPen(color("muted"))
            painter.drawText(QRectF(0, top, self.width(), ROW_PX), Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter,
                             word + (f", {unit}" if unit == "mm" else ""))
            values = [getattr(column.numbers, name) for column in self.columns]
            for k, value in enumerate(values):
                rival = values[3 - k] if k else None
                best = bool(less and k and value is not None and rival is not None and round(value, 1) < round(rival, 1))
                painter.setFont(font(tokens.CAPTION_PX, semibold=best))
                painter.setPen(color("text" if best or k == 2 else "muted"))
                painter.drawText(self._cell(k, top, ROW_PX), right, text(value, unit))
        painter.setPen(color("border"))
        painter.drawLine(0, HEAD_PX - 1, self.width(), HEAD_PX - 1)
        painter.end()

    def _cell(self, k: int, top: float, height: float) -> QRectF:
        return QRectF(self.width() - (3 - k) * VALUE_PX, top, VALUE_PX - 4, height)
