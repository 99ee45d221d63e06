"""vernier grid: any two controls as the axes of a grid of pictures."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.commands.guidance import add_sampling, open_engine, settings_of
from engines.guidance.grid import Cell, GridResult, GridTask
from engines.guidance.request import DRAFT_POINTS, TOYS, Grid, GuidanceRequest, wrap
from engines.job import EngineError, Job
from widgets import tokens
from widgets.guidance import words
from widgets.guidance.axis_text import CLASSES, axis_named, parse

if TYPE_CHECKING:
    from engines.guidance.engine import GuidanceEngine

SHEET, VECTORS, LIST = "grid.png", "grid.svg", "grid.csv"
FORMS = ("sheet", "svg", "csv", "files", "both")
AXIS_HELP = "a control and its values: gamma1=1,2,3 or steps=5..20:5 or mode=cfg,recfg or class=animal,heart"


def add_parsers(subparsers: Any) -> None:
    parser = subparsers.add_parser("grid", help="draw a grid over any two controls; resumes, shares work between its cells")
    parser.add_argument("--x", required=True, metavar="AXIS=V,V,...", help=f"the columns: {AXIS_HELP}")
    parser.add_argument("--y", metavar="AXIS=V,V,...", help="the rows; one row without it")
    parser.add_argument("--each", type=int, default=4, help="images a cell (default 4)")
    add_sampling(parser)
    parser.add_argument("--out", type=Path, required=True, help="folder for the pictures; finished cells are kept in it")
    parser.add_argument("--format", type=_forms, default=("sheet",), metavar="FORM,...",
                        help="sheet: one annotated picture, grid.png (default); svg: the same as grid.svg; csv: a list of the cells, grid.csv; "
                             "files: one picture a cell, and the list; both: sheet and files")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, job: Job) -> dict[str, Any]:
    engine = open_engine(args.device)
    base = settings_of(args, engine, DRAFT_POINTS if args.model in TOYS else 16)
    x, x_values = _axis(args.x, engine, base.model)
    y, y_values = _axis(args.y, engine, base.model) if args.y is not None else (None, ())
    if "label_2" in (x, y):
        base = replace(base, blend=args.blend)
    if "seed_2" in (x, y):
        base = replace(base, seed_mix=args.seed_mix)
    return draw(engine, GuidanceRequest(base, grid=Grid(x, x_values, y, y_values, args.each)), args.out, args.format, job)


def _forms(text: str) -> tuple[str, ...]:
    """"svg,csv" as words."""
    found = tuple(text.split(","))
    if unknown := [form for form in found if form not in FORMS]:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(FORMS)}")
    return ("sheet", "files") if "both" in found else found


def _axis(text: str, engine: "GuidanceEngine", model: str) -> tuple[str, tuple[Any, ...]]:
    """"gamma1=1,2" as field and values."""
    word, equals, values = text.partition("=")
    if not equals:
        raise EngineError(f"{text!r} is no axis.", remedy="Write a control and its values, as in gamma1=1,2,3.")
    field = axis_named(word)
    names = tuple(engine.model(model).classes) if field in CLASSES and model not in TOYS else ()
    return field, parse(field, values, names)


def draw(engine: "GuidanceEngine", request: GuidanceRequest, out: Path, forms: tuple[str, ...], job: Job) -> dict[str, Any]:
    """Draws a request's grid into `out`; what a run before this one finished is taken over."""
    from engines.guidance.grid_list import save_list
    from engines.guidance.sheet import save_cells, save_sheet

    result = GridTask(request, out).carry_out(engine, job)
    inks, files = words.inks(tokens.LIGHT), []
    named = save_cells(out, request.grid, result.cells, inks) if "files" in forms else {}
    names = next((cell.side.class_names for cell in result.cells if cell.side), ())
    for form, name in (("sheet", SHEET), ("svg", VECTORS)):
        if form in forms:
            save_sheet(out / name, request, result.cells, words.legend(request, names), inks)
            files.append(str(out / name))
    if "csv" in forms or "files" in forms:
        save_list(out / LIST, request.grid, result.cells, named)
        files.append(str(out / LIST))
    return {"request": wrap(request), "cells": [_told(cell, request.grid, named) for cell in result.cells], "nfe": result.nfe,
            "nfe_alone": result.nfe_alone, "seconds": round(result.seconds, 4), "files": files + list(named.values())} | _counts(result)


def _counts(result: GridResult) -> dict[str, int]:
    failed, again = sum(cell.side is None for cell in result.cells), sum(cell.again for cell in result.cells)
    return {"drawn": len(result.cells) - failed - again, "reused": again, "failed": failed}


def _told(cell: Cell, grid: Grid, named: dict[tuple[int, int], str]) -> dict[str, Any]:
    """One cell for the JSON: where it is, its values, what it cost."""
    told: dict[str, Any] = {"row": cell.row, "column": cell.column} | {name: getattr(cell.settings, name) for name, _ in grid.axes()}
    if cell.side is None:
        return told | {"error": cell.error, "remedy": cell.remedy}
    told |= {"nfe": cell.side.nfe, "seconds": round(cell.side.seconds, 4)}
    return told | ({"file": named[cell.row, cell.column]} if (cell.row, cell.column) in named else {})
