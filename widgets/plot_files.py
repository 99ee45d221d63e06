"""Plots as files: PNG at twice the size, SVG with real lines and letters, CSV whose header names the units. Whole files or none."""

import csv
import io
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from PySide6.QtCore import QBuffer, QRect, QSize
from PySide6.QtGui import QImage, QPainter
from PySide6.QtSvg import QSvgGenerator
from PySide6.QtWidgets import QFileDialog, QWidget

from engines.guidance.picture import write_whole
from engines.job import EngineError
from widgets.paint import color

FORMS = ("png", "svg", "csv")
SCALE = 2  # a PNG's pixels per pixel of the screen
FILTER = "PNG (*.png);;SVG (*.svg);;CSV (*.csv)"


class Figure(Protocol):
    """What can be saved: it paints itself in the colours of the theme in force, and knows its numbers."""

    def figure_name(self) -> str: ...

    def figure_size(self) -> QSize: ...

    def paint_figure(self, painter: QPainter, box: QRect) -> None: ...

    def table(self) -> tuple[Sequence[str], Sequence[Sequence[Any]]]: ...


def save(figure: Figure, path: Path) -> None:
    """The form is the suffix. EngineError on another suffix, or when the file cannot be written."""
    form = path.suffix.lower().removeprefix(".")
    if form not in FORMS:
        raise EngineError(f"A plot cannot be saved as {path.suffix or 'a file without a suffix'}.", remedy="Use .png, .svg or .csv.")
    write_whole(path, lambda file: file.write({"png": _png, "svg": _svg, "csv": _csv}[form](figure)))


def save_all(figures: Sequence[Figure], folder: Path, forms: Sequence[str] = FORMS) -> list[Path]:
    """Every figure in every form, named after its title; the files written."""
    paths = []
    for figure in figures:
        for form in forms:
            path = folder / f"{slug(figure.figure_name())}.{form}"
            save(figure, path)
            paths.append(path)
    return paths


def ask(parent: QWidget, figure: Figure, said: Callable[[str], None], failed: Callable[[EngineError], None]) -> None:
    """Asks where to and saves there; the dialog does not block."""
    dialog = QFileDialog(parent, "Save plot", f"{slug(figure.figure_name())}.png", FILTER)
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)

    def chosen(name: str) -> None:
        path = Path(name)
        if not path.suffix:
            path = path.with_suffix(f".{dialog.selectedNameFilter().partition(' ')[0].lower()}")
        try:
            save(figure, path)
            said(f"Saved {path.name}")
        except EngineError as error:
            failed(error)

    dialog.fileSelected.connect(chosen)
    dialog.open()


def slug(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or "plot"


def csv_text(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Comma separated with a header line; numbers with all their digits."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return out.getvalue()


def _box(figure: Figure) -> QRect:
    size = figure.figure_size()
    return QRect(0, 0, size.width(), size.height())


def _png(figure: Figure) -> bytes:
    box = _box(figure)
    image = QImage(box.size() * SCALE, QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(SCALE)
    image.fill(color("panel"))
    painter = QPainter(image)
    painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.TextAntialiasing | QPainter.RenderHint.SmoothPixmapTransform)
    figure.paint_figure(painter, box)
    painter.end()
    buffer = QBuffer()
    buffer.open(QBuffer.OpenModeFlag.WriteOnly)
    image.save(buffer, "PNG")
    return bytes(buffer.data())


def _svg(figure: Figure) -> bytes:
    box, buffer, generator = _box(figure), QBuffer(), QSvgGenerator()
    generator.setOutputDevice(buffer)
    generator.setSize(box.size())
    generator.setViewBox(box)
    generator.setTitle(figure.figure_name())
    generator.setDescription("Vernier")
    painter = QPainter(generator)
    painter.fillRect(box, color("panel"))
    figure.paint_figure(painter, box)
    painter.end()
    return bytes(buffer.data())


def _csv(figure: Figure) -> bytes:
    return csv_text(*figure.table()).encode()
