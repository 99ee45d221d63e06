"""The cells of a grid as a CSV list: what each was drawn with, in which file it lies, what it cost."""

import csv
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from engines.guidance.grid import Cell
from engines.guidance.picture import write_whole
from engines.guidance.request import Grid, Sampling


def save_list(path: Path, grid: Grid, cells: Iterable[Cell], files: Mapping[tuple[int, int], str] | None = None) -> None:
    """One line a cell, the first row and column counting 1 as in the file names. EngineError where it cannot be written."""
    text = list_text(grid, cells, files or {})
    write_whole(path, lambda file: file.write(text.encode()))


def list_text(grid: Grid, cells: Iterable[Cell], files: Mapping[tuple[int, int], str]) -> str:
    """Row, column, the axes, where it lies and what it cost, then every other setting; a noise level of infinity is "inf", none is empty."""
    axes = [name for name, _ in grid.axes()]
    others = [entry.name for entry in fields(Sampling) if entry.name not in axes]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["row", "column", *axes, "file", "seconds", "nfe", "error", *others])
    for cell in sorted(cells, key=lambda cell: (cell.row, cell.column)):
        cost = ["", ""] if cell.side is None else [round(cell.side.seconds, 4), cell.side.nfe]
        file = Path(files.get((cell.row, cell.column), "")).name
        writer.writerow([cell.row + 1, cell.column + 1, *(_entry(cell.settings, name) for name in axes), file, *cost, cell.error,
                         *(_entry(cell.settings, name) for name in others)])
    return out.getvalue()


def _entry(settings: Sampling, name: str) -> Any:
    value = getattr(settings, name)
    return json.dumps(value) if isinstance(value, tuple) and value else "" if value == () else value
