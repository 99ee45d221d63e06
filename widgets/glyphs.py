"""Line icons of the controls: 20 px, 1.5 px strokes, tinted with the theme's colours when asked for."""

from functools import cache

from PySide6.QtCore import QByteArray, QRectF, QSize, Qt
from PySide6.QtGui import QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

SIZE_PX = 20
_PATHS = {
    "reset": "<path d='M5 7.5A6 6 0 1 1 4 11.5M5 3.5v4h4'/>",
    "lock": "<rect x='5' y='9' width='10' height='8' rx='1.5'/><path d='M7 9V6.5a3 3 0 0 1 6 0V9'/>",
    "unlock": "<rect x='5' y='9' width='10' height='8' rx='1.5'/><path d='M7 9V5.5a3 3 0 0 1 5.8-1'/>",
    "dice": "<rect x='3.5' y='3.5' width='13' height='13' rx='2.5'/><path d='M7 7h.01M13 7h.01M10 10h.01M7 13h.01M13 13h.01' "
            "stroke-width='2.2'/>",
    "star": "<path d='M10 3l2.1 4.5 4.9.6-3.6 3.4.9 4.9-4.3-2.4-4.3 2.4.9-4.9L3 8.1l4.9-.6z'/>",
    "starred": "<path fill='INK' d='M10 3l2.1 4.5 4.9.6-3.6 3.4.9 4.9-4.3-2.4-4.3 2.4.9-4.9L3 8.1l4.9-.6z'/>",
    "open": "<path d='M5.5 8l4.5 4.5L14.5 8'/>",
    "folded": "<path d='M8 5.5l4.5 4.5L8 14.5'/>",
    "previous": "<path d='M12 5.5L7.5 10l4.5 4.5'/>",
    "compare": "<rect x='3' y='4.5' width='8.5' height='11' rx='1.5'/><path d='M13.5 4.5h2A1.5 1.5 0 0 1 17 6v8a1.5 1.5 0 0 1-1.5 1.5h-2'/>",
    "side": "<rect x='3' y='4.5' width='14' height='11' rx='1.5'/><path d='M10 4.5v11'/>",
    "wipe": "<rect x='3' y='4.5' width='14' height='11' rx='1.5'/><path d='M8 2.5v15M11 8l2 2-2 2'/>",
    "flip": "<path d='M4 8h11l-3-3M16 12H5l3 3'/>",
    "difference": "<circle cx='8' cy='10' r='4.8'/><circle cx='12' cy='10' r='4.8'/>",
    "grid": "<rect x='3' y='3.5' width='6' height='5.5' rx='1'/><rect x='11' y='3.5' width='6' height='5.5' rx='1'/>"
            "<rect x='3' y='11' width='6' height='5.5' rx='1'/><rect x='11' y='11' width='6' height='5.5' rx='1'/>",
    "smooth": "<path d='M3 15c3 0 4-10 7-10s4 10 7 10'/>",
    "crisp": "<path d='M3 15h4V9h4V5h4v10h2'/>",
    "copy": "<rect x='7' y='7' width='9.5' height='9.5' rx='1.5'/><path d='M4.5 13A1 1 0 0 1 3.5 12V5A1.5 1.5 0 0 1 5 3.5h7a1 1 0 0 1 1 1'/>",
    "save": "<path d='M10 3v9.5M6 9l4 4 4-4M3.5 16.5h13'/>",
    "swap": "<path d='M6 16V4L3 7M14 4v12l3-3'/>",
    "warn": "<path d='M10 3.5l7 12.5H3zM10 8.5v3.5M10 14.2h.01'/>",
    "guidance": "<circle cx='10' cy='10' r='6.5'/><path d='M10 3.5a6.5 6.5 0 0 1 0 13z' fill='INK'/>",
    "teeth": "<path d='M6 3.5c1.6 0 2.4.8 4 .8s2.4-.8 4-.8c2 0 3 1.7 3 4 0 2.6-1 3.6-1.4 5.5-.4 1.9-.6 3.5-1.8 3.5"
             "-1.4 0-1.3-4.5-3.8-4.5s-2.4 4.5-3.8 4.5c-1.2 0-1.4-1.6-1.8-3.5C4 11.1 3 10.1 3 7.5c0-2.3 1-4 3-4z'/>",
    "gan": "<circle cx='5.5' cy='6' r='2'/><circle cx='14.5' cy='6' r='2'/><circle cx='10' cy='14.5' r='2'/>"
           "<path d='M9.5 6h1M7 8.500l1 2M13 8.500l-1 2' />",
    "teeth-ghost": "<path d='M5 16.5V9a5 5 0 0 1 10 0v7.5l-1.7-1.5-1.6 1.5-1.7-1.5-1.7 1.5-1.6-1.500z'/><path d='M8.2 9h.01M11.8 9h.01' stroke-width='2'/>",
    "teeth-split": "<rect x='2.5' y='4.5' width='6.5' height='11' rx='1.5'/><rect x='11' y='4.5' width='6.5' height='11' rx='1.5'/>",
    "teeth-distance": "<path d='M3.5 10h13M13 6.500l3.5 3.5-3.5 3.5'/><circle cx='4.5' cy='10' r='1.6'/>",
    "teeth-agreement": "<circle cx='10' cy='10' r='6.5'/><path d='M8.2 8.4h.01M12.2 9.6h.01M9.2 12.2h.01' stroke-width='2.2'/>",
    "teeth-occlusogram": "<path d='M3 8c2.5-3.5 4.5-3.5 7 0 2.5-3.5 4.5-3.5 7 0M3 12c2.5 3.5 4.5 3.5 7 0 2.5 3.5 4.5 3.5 7 0'/>",
    "teeth-labels": "<path d='M6 6.500L8.5 4.500v11M12.5 4.500h4M16.5 4.500l-3 11' />",
    "teeth-landmarks": "<circle cx='10' cy='8' r='4'/><path d='M10 12v5M10 8h.01' stroke-width='2'/>",
    "teeth-ruler": "<path d='M3 13L13 3l4 4L7 17zM6 10l1.5 1.500M8.5 7.500l2 2M11 5l1.5 1.5'/>",
    "teeth-angle": "<path d='M16.5 16H3.500L13 4M8.5 16a5.5 5.5 0 0 0-1.6-4.2'/>",
    "logo": "<path d='M3 4h14M3 4v9M9 4v6M9 10h5M14 4v6'/><path d='M6 4v2.5M12 4v2.5M17 4v3' stroke-width='1.2'/>",
    "search": "<circle cx='9' cy='9' r='5'/><path d='M12.8 12.8L17 17'/>",
    "help": "<circle cx='10' cy='10' r='7'/><path d='M7.8 8a2.2 2.2 0 1 1 3.2 2c-.7.4-1 .8-1 1.6M10 14.2h.01'/>",
    "theme": "<circle cx='10' cy='10' r='3.5'/><path d='M10 2.5v2M10 15.5v2M2.5 10h2M15.5 10h2'/>"
             "<path d='M4.7 4.7l1.4 1.4M13.9 13.9l1.4 1.4M4.7 15.3l1.4-1.4M13.9 6.1l1.4-1.4'/>",
    "large": "<path d='M11.5 4H16v4.5M16 4l-5 5M8.5 16H4v-4.5M4 16l5-5'/>",
    "film": "<rect x='2.5' y='4.5' width='15' height='11' rx='1.5'/><path d='M2.5 7.5h15M2.5 12.5h15M7.5 7.5v5M12.5 7.5v5'/>"
            "<path d='M5 6h.01M10 6h.01M15 6h.01M5 14h.01M10 14h.01M15 14h.01' stroke-width='1.6'/>",
    "play": "<path d='M6.5 4.5l9 5.5-9 5.5z'/>",
    "pause": "<path d='M7 4.5v11M13 4.5v11' stroke-width='2.2'/>",
    "loop": "<path d='M4 9.5V8.5A2.5 2.5 0 0 1 6.5 6H16l-2.5-2.5M16 10.5v1a2.5 2.5 0 0 1-2.5 2.5H4l2.5 2.5'/>",
    "close": "<path d='M5 5l10 10M15 5L5 15'/>",
}


@cache
def pixmap(name: str, ink: str, scale: float = 2.0) -> QPixmap:
    """The glyph in colour `ink` (#rrggbb) at `scale` device pixels per pixel. KeyError for an unknown name."""
    svg = (f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 20 20'><g fill='none' stroke='{ink}' stroke-width='1.5' "
           f"stroke-linecap='round' stroke-linejoin='round'>{_PATHS[name].replace('INK', ink)}</g></svg>")
    side = round(SIZE_PX * scale)
    picture = QPixmap(QSize(side, side))
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    QSvgRenderer(QByteArray(svg.encode())).render(painter, QRectF(0, 0, side, side))
    painter.end()
    picture.setDevicePixelRatio(scale)
    return picture


def icon(name: str, ink: str, ink_on: str | None = None) -> QIcon:
    """The glyph as an icon; `ink_on` is its colour while checked."""
    result = QIcon(pixmap(name, ink))
    if ink_on:
        result.addPixmap(pixmap(name, ink_on), QIcon.Mode.Normal, QIcon.State.On)
    return result
