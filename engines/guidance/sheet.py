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
from engines.guidance.picture import caption, contact_sheet, save_png, write_whole
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


@dataclass(frozen=True)
class Word:
    """A line of text of a sheet: the start, middle or end of its base line; "upwards" is turned, x its top and y its middle."""

    x: float
    y: float
    text: str
    px: int
    ink: str
    anchor: str = "start"


@dataclass(frozen=True)
class Slot:
    """Where a cell lies: x, y, width, height of its picture, or of the empty field of a cell that has none."""

    box: tuple[int, int, int, int]
    picture: np.ndarray | None


@dataclass(frozen=True)
class Layout:
    """A whole sheet before it is painted: fields first, words over them."""

    width: int
    height: int
    words: tuple[Word, ...]
    slots: tuple[Slot, ...]


def block(side: Side, inks: Inks, toy_px: int = TOY_PX) -> np.ndarray:
    """All images of a cell as one, uint8 [H, W, 3 or 1]; a toy's densities."""
    return density_picture(side.toy, inks, toy_px) if side.images is None else contact_sheet(side.images)


def lay_out(cells: Iterable[Cell], legend: Legend, inks: Inks) -> Layout:
    """Where everything of a sheet lies. Cells that are missing stay blank, cells that failed say so."""
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
    words = [Word(MARGIN, MARGIN + TITLE_PX * 0.8, legend.title, TITLE_PX, inks.text)]
    words += [Word(MARGIN, MARGIN + TITLE_PX + 14 + NOTE_PX * 0.8 + k * (NOTE_PX + 7), line, NOTE_PX, inks.muted) for k, line in enumerate(notes)]
    words.append(Word(left + inner / 2, top - HEAD_PX - 20, legend.x, HEAD_PX, inks.muted, "middle"))
    words += [Word(left + column * (width + GAP) + width / 2, top - 12, word, HEAD_PX, inks.text, "middle") for column, word in enumerate(legend.columns)]
    words += [Word(left - 12, top + row * (height + GAP) + height / 2 + HEAD_PX * 0.35, word, HEAD_PX, inks.text, "end")
              for row, word in enumerate(legend.rows)]
    if legend.y:
        words.append(Word(MARGIN, top + (rows * (height + GAP) - GAP) / 2, legend.y, HEAD_PX, inks.muted, "upwards"))
    slots = []
    for row, column in ((row, column) for row in range(rows) for column in range(columns)):
        box, cell = (left + column * (width + GAP), top + row * (height + GAP), width, height), blocks.get((row, column))
        slots.append(_slot(box, pictures.get((row, column))))
        if slots[-1].picture is None:
            size = min(NOTE_PX, max(8, width // 6))
            words.append(Word(box[0] + width / 2, box[1] + height / 2 + size * 0.35, "not drawn" if cell is None else "failed", size,
                              inks.muted if cell is None else inks.bad, "middle"))
    return Layout(total, top + rows * (height + GAP) - GAP + MARGIN, tuple(words), tuple(slots))


def draw(cells: Iterable[Cell], legend: Legend, inks: Inks) -> np.ndarray:
    """uint8 [H, W, 3]."""
    from PIL import Image, ImageDraw

    layout = lay_out(cells, legend, inks)
    sheet = Image.new("RGB", (layout.width, layout.height), inks.panel)
    for slot in layout.slots:
        x, y, width, height = slot.box
        if slot.picture is None:
            ImageDraw.Draw(sheet).rectangle((x, y, x + width - 1, y + height - 1), fill=inks.control)
            continue
        image = Image.fromarray(slot.picture.squeeze()).convert("RGB")
        sheet.paste(image.resize((width, height), Image.Resampling.NEAREST if width >= image.width else Image.Resampling.LANCZOS), (x, y))
        ImageDraw.Draw(sheet).rectangle((x - 1, y - 1, x + width, y + height), outline=inks.border)
    for word in layout.words:
        if word.anchor == "upwards":
            _write_upwards(sheet, word, inks)
        else:
            back = {"start": 0.0, "middle": 0.5, "end": 1.0}[word.anchor] * lettering.width(word.text, word.px)
            lettering.write(sheet, word.x - back, word.y, word.text, word.px, word.ink)
    return np.asarray(sheet)


def save_sheet(path: Path, request: GuidanceRequest, cells: Iterable[Cell], legend: Legend, inks: Inks) -> None:
    """The grid as one PNG or SVG that carries its request. EngineError if no cell is there or the file cannot be written."""
    cells = list(cells)
    side = next((cell.side for cell in cells if cell.side is not None), None)
    if side is None:
        raise EngineError("There is no finished cell to save.", remedy="Draw the grid first.")
    about = caption(side) | wrap(request)
    if path.suffix.lower() == ".svg":
        from engines.guidance.sheet_svg import svg_text

        text = svg_text(lay_out(cells, legend, inks), legend.title, about, inks)
        write_whole(path, lambda file: file.write(text.encode()))
    else:
        save_png(path, draw(cells, legend, inks), about)


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


def _slot(box: tuple[int, int, int, int], picture: np.ndarray | None) -> Slot:
    """A picture in the middle of its box, as large as fits by a whole factor."""
    if picture is None:
        return Slot(box, None)
    x, y, width, height = box
    high, wide = picture.shape[:2]
    factor = min(width / wide, height / high)
    size = (wide * int(factor), high * int(factor)) if factor >= 1 else (max(1, int(wide * factor)), max(1, int(high * factor)))
    return Slot((x + (width - size[0]) // 2, y + (height - size[1]) // 2, *size), picture)


def _write_upwards(sheet: Any, word: Word, inks: Inks) -> None:
    from PIL import Image

    band = Image.new("RGB", (round(lettering.width(word.text, word.px)) + 4, 2 * word.px), inks.panel)
    lettering.write(band, 2, 1.3 * word.px, word.text, word.px, word.ink)
    band = band.rotate(90, expand=True)
    sheet.paste(band, (round(word.x - 0.5 * word.px), round(word.y - band.height / 2)))


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
