"""The theme's tokens as Qt colours, fonts and small painted shapes."""

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontDatabase, QPainter, QPen
from PySide6.QtWidgets import QLabel, QToolButton, QWidget

from widgets import glyphs, tokens


def color(name: str, alpha: float = 1.0) -> QColor:
    """The token `name` ("accent", "muted", ...) of the theme in force, `alpha` in 0..1."""
    result = QColor(getattr(tokens.current(), name))
    result.setAlphaF(alpha)
    return result


def font(px: int = tokens.BODY_PX, semibold: bool = False) -> QFont:
    """The system font at `px` pixels, with tabular figures where the font has them."""
    result = QFontDatabase.systemFont(QFontDatabase.SystemFont.GeneralFont)
    result.setPixelSize(px)
    result.setWeight(QFont.Weight.DemiBold if semibold else QFont.Weight.Normal)
    result.setFeature(QFont.Tag("tnum"), 1)
    return result


def focus_ring(painter: QPainter, box: QRectF) -> None:
    """The 2 px ring of the focused widget, just inside `box`."""
    painter.setPen(QPen(color("accent"), 2))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRoundedRect(box.adjusted(1, 1, -1, -1), tokens.RADIUS_PX, tokens.RADIUS_PX)


class Caption(QLabel):
    """A label in one of the three type sizes and one of the theme's colours; follows a change of theme."""

    def __init__(self, text: str = "", px: int = tokens.BODY_PX, ink: str = "text", semibold: bool = False,
                 parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        self._ink, self._kind = ink, (px, semibold)
        self.set_ink(ink)

    def set_ink(self, ink: str) -> None:
        self._ink = ink
        px, semibold = self._kind
        weight = 600 if semibold else 400
        # a style sheet of its own: an application style sheet wins over palettes and fonts
        sheet = f"color: {getattr(tokens.current(), ink)}; font-size: {px}px; font-weight: {weight}; background: transparent;"
        if sheet != self.styleSheet():
            self.setStyleSheet(sheet)

    def changeEvent(self, event) -> None:  # noqa: N802
        if event.type() == event.Type.PaletteChange:
            self.set_ink(self._ink)
        super().changeEvent(event)


class GlyphButton(QToolButton):
    """A flat square button with one of our glyphs; muted at rest, accent while checked."""

    def __init__(self, glyph: str, name: str, tip: str = "", checkable: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._glyph = glyph
        self.setCheckable(checkable)
        self.setAutoRaise(True)
        self.setFixedSize(tokens.CONTROL_PX, tokens.CONTROL_PX)
        self.setIconSize(QSize(glyphs.SIZE_PX, glyphs.SIZE_PX))
        self.setAccessibleName(name)
        self.setToolTip(tip or name)
        self.set_glyph(glyph)

    def set_glyph(self, glyph: str) -> None:
        self._glyph = glyph
        theme = tokens.current()
        self.setIcon(glyphs.icon(glyph, theme.muted, theme.accent))

    def changeEvent(self, event) -> None:  # noqa: N802
        if event.type() == event.Type.PaletteChange:
            self.set_glyph(self._glyph)
        super().changeEvent(event)
