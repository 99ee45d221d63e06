"""A grid as one annotated picture, for a paper or a chat: heads on two edges, a title, thin gaps, whole pixels."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engines.guidance import lettering
from engines.guidance.density import Inks, density_picture
from engines.guidance.grid import Cell
from engines.guidance.outcome import Side
from engines.guidance.picture import caption, contact_sheet, save_png
from engines.guidance.request import Grid, GuidanceRequest, wrap
from engines.job import EngineError

IMAGE_PX = 96  # small images are enlarged to about this, by whole factors
TOY_PX = 192
LONGEST_PX = 8192  # no side of a sheet's cells together is longer: larger ones are reduced
GAP, MARGIN, TITLE_PX, HEAD_PX, NOTE_PX = 6, 36, 26, 17, 15
DOT = " \N{MIDDLE DOT} "


@dataclass(frozen=True)
class Legend:
    """The words of a sheet. y is empty for a grid of one row; `shared` are facts that hold for all cells."""

    title: str
    shared: tuple[str, ...]
    x: str
    columns: tuple[str, ...]
    y: str = ""
    rows: tuple[str, ...] = ("",)


def block(side: Side, inks: Inks, toy_px: int = TOY_PX) -> np.ndarray:
    """All images of a cell as one, uint8 [H, W, 3 or 1]; a toy's densities."""
    return density_picture(side.toy, inks, toy_px) if side.images is None else contact_sheet(side.images)


def draw(cells: Iterable[Cell], legend: Legend, inks: Inks) -> np.ndarray:
    """uint8 [H, W, 3]. Cells that are missing stay blank, cells that failed say so."""
    from PIL import Image

    blocks = {(cell.row, cell.column): cell for cell in cells}
    pictures = {place: block(cell.side, inks) for place, cell in blocks.items() if cell.side is not None}
    rows, columns = len(legend.rows), len(legend.columns)
    width, height = _cell_size(blocks.values(), pictures, max(rows, columns))
    heads = round(max((lettering.width(word, HEAD_PX) for word in legend.rows), default=0)) + (12 if any(legend.rows) else 0)
    left = MARGIN + (HEAD_PX + 14 if legend.y else 0) + heads
    widest = max(lettering.width(word, HEAD_PX) for word in legend.columns) + 10
    width = max(width, round(widest))
    inner = columns * (width + GAP) - GAP
    total = max(left + inner + MARGIN, round(MARGIN * 2 + lettering.width(legend.title, TITLE_PX)), 420)
    notes = _lines(legend.shared, total - 2 * MARGIN)
    top = MARGIN + TITLE_PX + 8 + len(notes) * (NOTE_PX + 7) + 22 + 2 * HEAD_PX + 16
    sheet = Image.new("RGB", (total, top + rows * (height + GAP) - GAP + MARGIN), inks.panel)
    lettering.write(sheet, MARGIN, MARGIN + TITLE_PX * 0.8, legend.title, TITLE_PX, inks.text)
    for k, line in enumerate(notes):
        lettering.write(sheet, MARGIN, MARGIN + TITLE_PX + 14 + NOTE_PX * 0.8 + k * (NOTE_PX + 7), line, NOTE_PX, inks.muted)
    lettering.write(sheet, left + (inner - lettering.width(legend.x, HEAD_PX)) / 2, top - HEAD_PX - 20, legend.x, HEAD_PX, inks.muted)
    for column, word in enumerate(legend.columns):
        x = left + column * (width + GAP) + (width - lettering.width(word, HEAD_PX)) / 2
        lettering.write(sheet, x, top - 12, word, HEAD_PX, inks.text)
    for row, word in enumerate(legend.rows):
        y = top + row * (height + GAP) + height / 2 + HEAD_PX * 0.35
        lettering.write(sheet, left - 12 - lettering.width(word, HEAD_PX), y, word, HEAD_PX, inks.text)
    if legend.y:
        _write_upwards(sheet, MARGIN, top + (rows * (height + GAP) - GAP) / 2, legend.y, inks)
    for row in range(rows):
        for column in range(columns):
            box = (left + column * (width + GAP), top + row * (height + GAP), width, height)
            _place(sheet, box, pictures.get((row, column)), blocks.get((row, column)), inks)
    return np.asarray(sheet)


def save_sheet(path: Path, request: GuidanceRequest, cells: Iterable[Cell], legend: Legend, inks: Inks) -> None:
    """The grid as one PNG that carries its request. EngineError if no cell is there or the file cannot be written."""
    cells = list(cells)
    side = next((cell.side for cell in cells if cell.side is not None), None)
    if side is None:
        raise EngineError("There is no finished cell to save.", remedy="Draw the grid first.")
    save_png(path, draw(cells, legend, inks), caption(side) | wrap(request))


def save_cells(folder: Path, grid: Grid, cells: Iterable[Cell], inks: Inks) -> dict[tuple[int, int], str]:
    """One PNG a cell, each with the request of its cell; (row, column) -> file. EngineError if one cannot be written."""
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EngineError(f"{Path(folder).name} is no folder that can be written to: {error.strerror}.", remedy="Choose another.") from error
    names = {}
    for cell in cells:
        if cell.side is not None:
            values = "-".join(f"{name}={Path(str(getattr(cell.settings, name))).stem if name == 'model' else getattr(cell.settings, name)}"
                              for name, _ in grid.axes())
            path = Path(folder) / f"{cell.row + 1:02d}-{cell.column + 1:02d}-{re.sub(r'[^A-Za-z0-9_.=+-]+', '_', values)[:80]}.png"
            save_png(path, block(cell.side, inks), caption(cell.side))
            names[cell.row, cell.column] = str(path)
    return names


def _cell_size(cells: Iterable[Cell], pictures: dict[Any, np.ndarray], across: int) -> tuple[int, int]:
    """Width and height of a cell: its images enlarged by a whole factor, or reduced where the sheet would get too long."""
    sizes = [(*pictures[cell.row, cell.column].shape[1::-1], 1 if cell.side.images is None else max(1, round(IMAGE_PX / cell.side.images.shape[2])))
             for cell in cells if cell.side is not None]
    width, height = max((w * k for w, _, k in sizes), default=TOY_PX), max((h * k for _, h, k in sizes), default=TOY_PX)
    shrink = min(1.0, LONGEST_PX / (across * max(width, height)))
    whole = min((w * k // w for w, _, k in sizes), default=1)
    if shrink < 1 and whole > 1:  # a smaller whole factor first
        return _reduced(width, height, max(1, int(whole * shrink)) / whole, across)
    return _reduced(width, height, shrink, across)


def _reduced(width: int, height: int, factor: float, across: int) -> tuple[int, int]:
    width, height = max(8, round(width * factor)), max(8, round(height * factor))
    rest = min(1.0, LONGEST_PX / (across * max(width, height)))
    return max(8, int(width * rest)), max(8, int(height * rest))


def _place(sheet: Any, box: tuple[int, int, int, int], picture: np.ndarray | None, cell: Cell | None, inks: Inks) -> None:
    """One cell's picture in the middle of its box, as large as fits by a whole factor."""
    from PIL import Image, ImageDraw

    x, y, width, height = box
    if picture is None:
        ImageDraw.Draw(sheet).rectangle((x, y, x + width - 1, y + height - 1), fill=inks.control)
        word = "failed" if cell is not None else "not drawn"
        size = min(NOTE_PX, max(8, width // 6))
        lettering.write(sheet, x + (width - lettering.width(word, size)) / 2, y + height / 2 + size * 0.35, word, size, inks.bad if cell else inks.muted)
        return
    image = Image.fromarray(picture.squeeze()).convert("RGB")
    factor = min(width / image.width, height / image.height)
    if factor >= 1:
        image = image.resize((image.width * int(factor), image.height * int(factor)), Image.Resampling.NEAREST)
    else:
        image = image.resize((max(1, int(image.width * factor)), max(1, int(image.height * factor))), Image.Resampling.LANCZOS)
    sheet.paste(image, (x + (width - image.width) // 2, y + (height - image.height) // 2))
    ImageDraw.Draw(sheet).rectangle((x + (width - image.width) // 2 - 1, y + (height - image.height) // 2 - 1,
                                     x + (width + image.width) // 2, y + (height + image.height) // 2), outline=inks.border)


def _write_upwards(sheet: Any, x: float, middle: float, text: str, inks: Inks) -> None:
    from PIL import Image

    band = Image.new("RGB", (round(lettering.width(text, HEAD_PX)) + 4, 2 * HEAD_PX), inks.panel)
    lettering.write(band, 2, 1.3 * HEAD_PX, text, HEAD_PX, inks.muted)
    band = band.rotate(90, expand=True)
    sheet.paste(band, (round(x - 0.5 * HEAD_PX), round(middle - band.height / 2)))


def _lines(parts: tuple[str, ...], room: float) -> list[str]:
    """Facts joined by dots into lines that fit."""
    lines: list[str] = []
    for part in parts:
        joined = f"{lines[-1]}{DOT}{part}" if lines else part
        if lines and lettering.width(joined, NOTE_PX) <= room:
            lines[-1] = joined
        else:
            lines.append(part)
    return lines
