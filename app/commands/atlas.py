"""vernier statistics, vernier atlas."""

import argparse
import json
import math
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.commands.guidance import MODEL_HELP, add_data, class_number, dataset, images, open_engine
from engines.guidance.request import SAMPLERS, TOYS, Sampling
from engines.job import EngineError, Job

if TYPE_CHECKING:
    from engines.guidance.atlas import Atlas


def add_parsers(subparsers: Any) -> None:
    statistics = subparsers.add_parser("statistics", help="mean and variance images of every class of a model's data (for developers)")
    statistics.add_argument("--model", required=True, help=MODEL_HELP)
    add_data(statistics)
    statistics.add_argument("--renderings", type=int, default=8, help="of each emoji drawing, as training draws them (default 8)")
    statistics.add_argument("--out", type=Path, required=True, help="the .statistics.safetensors file to write; the model looks for it beside itself")
    statistics.set_defaults(run=build_statistics)

    atlas = subparsers.add_parser("atlas", help="a map of what every pair of coefficients does to the mean and the variance of a class; resumes")
    atlas.add_argument("--model", default="emoji3d", help=MODEL_HELP)
    atlas.add_argument("--class", dest="label", default="0", metavar="CLASS", help="number or name")
    atlas.add_argument("--c", type=float, default=1.5, help="the class of toy-1d, a number")
    atlas.add_argument("--table", default="", help="a ReCFG table other than the one beside the model, for the ReCFG line")
    atlas.add_argument("--gamma1", type=_pair, default=(1.0, 8.0), metavar="LOW,HIGH", help="default 1,8")
    atlas.add_argument("--sums", type=_pair, default=(0.8, 1.2), metavar="LOW,HIGH", help="S = gamma_1 + gamma_0 (default 0.8,1.2)")
    atlas.add_argument("--cells", type=_cells, default=(12, 9), metavar="COLUMNSxROWS", help="default 12x9")
    atlas.add_argument("--samples", type=int, help="samples a cell (default 32; 2,000 points of a toy)")
    atlas.add_argument("--steps", type=int, help="default 8; 50 of a toy")
    atlas.add_argument("--sampler", choices=SAMPLERS, default="dpmpp-2m")
    atlas.add_argument("--guide-below", type=float, default=math.inf, metavar="RHO", help="guide at noise levels sigma/alpha up to this")
    atlas.add_argument("--guide-above", type=float, default=0.0, metavar="RHO", help="and above this")
    atlas.add_argument("--seed", type=int, default=0)
    atlas.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    atlas.add_argument("--theme", choices=("light", "dark"), default="light", help="colours of a PNG or SVG")
    atlas.add_argument("--no-cache", action="store_true", help="measure every cell anew, and keep none")
    atlas.add_argument("--out", type=Path, required=True, help="the suffix says what is written: .json, .csv, .png or .svg")
    atlas.set_defaults(run=draw_atlas)


def _pair(text: str) -> tuple[float, float]:
    low, high = (float(part) for part in text.split(","))
    return low, high


def _cells(text: str) -> tuple[int, int]:
    columns, rows = (int(part) for part in text.lower().split("x"))
    return columns, rows


def draw_atlas(args: argparse.Namespace, job: Job) -> dict[str, Any]:
    from app.settings import cache
    from engines.guidance.atlas import AtlasTask

    if args.out.suffix.lower() not in (".json", ".csv", ".png", ".svg"):
        raise EngineError(f"An atlas cannot be written as {args.out.name}.", remedy="Use a name that ends in .json, .csv, .png or .svg.")
    toy, engine = args.model in TOYS, open_engine(args.device)
    settings = Sampling(model=args.model, table=args.table, label=class_number(engine, args.model, args.label), c=args.c, sampler=args.sampler,
                        seed=args.seed, guide_below=args.guide_below, guide_above=args.guide_above)
    samples, steps = (2000, 50) if toy else (32, 8)
    task = AtlasTask(settings, args.gamma1, args.sums, *args.cells, samples=samples if args.samples is None else args.samples,
                     steps=steps if args.steps is None else args.steps, cache="" if args.no_cache else str(cache()))
    counted = _Counted(job)
    started = time.perf_counter()
    atlas = task.carry_out(engine, counted)
    _write(args, atlas, engine)
    return {"file": str(args.out), "cells": atlas.done(), "found_in_cache": counted.found, "nfe": atlas.nfe - counted.nfe_before, "nfe_in_all": atlas.nfe,
            "samples": task.samples, "steps": task.steps, "reference": atlas.reference, "unit": atlas.unit, "floor": round(atlas.floor, 4),
            "blown_up": sum(point.blown for point in atlas.on_map()), "seconds": round(time.perf_counter() - started, 2)}


class _Counted(Job):
    """A job that remembers how much the cache already held."""

    def __init__(self, job: Job) -> None:
        super().__init__(job.tell)
        self.check = job.check
        self.found = self.nfe_before = -1

    def news(self, value: "Atlas") -> None:
        self.check()
        if self.found < 0:
            self.found, self.nfe_before = value.done(), value.nfe


def _write(args: argparse.Namespace, atlas: "Atlas", engine: Any) -> None:
    from engines.guidance.picture import write_whole
    from widgets import plot_files

    form = args.out.suffix.lower()
    if form == ".json":
        header, rows = atlas.table()
        numbers = [{name.partition(" (")[0].replace(" ", "_"): value if math.isfinite(value) else None for name, value in zip(header, row, strict=True)}
                   for row in rows]
        write_whole(args.out, lambda file: file.write(json.dumps(atlas.describe() | {"cells": numbers}, indent=1).encode()))
    elif form == ".csv":
        write_whole(args.out, lambda file: file.write(plot_files.csv_text(*atlas.table()).encode()))
    else:
        _draw(args, atlas, engine)


def _draw(args: argparse.Namespace, atlas: "Atlas", engine: Any) -> None:
    """PNG or SVG with Qt's painter, which needs an application but no display."""
    if "DISPLAY" not in os.environ and "WAYLAND_DISPLAY" not in os.environ:
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtWidgets import QApplication

    from widgets import plot_files, tokens
    from widgets.guidance import catalog
    from widgets.guidance.atlas_map import Figure

    application = QApplication.instance() or QApplication(["vernier"])
    settings, before = atlas.task.settings, tokens.current()
    names = () if settings.model in TOYS else engine.model(settings.model).classes
    tokens.use(tokens.LIGHT if args.theme == "light" else tokens.DARK)
    try:
        plot_files.save(Figure(atlas, f"Atlas of {catalog.model_word(settings.model)}, {catalog.class_word(settings, names)}"), args.out)
    finally:
        tokens.use(before)
        del application


def build_statistics(args: argparse.Namespace, job: Job) -> dict[str, Any]:
    from engines.guidance import statistics

    if args.renderings < 1:
        raise EngineError("--renderings must be at least 1.", remedy="Training uses 8.")
    found = statistics.collect(images(args, dataset(args), args.renderings), job)
    statistics.write(args.out, found, Path(args.model).stem)
    levels = [found.level(label) for label in range(len(found.classes))]
    return {"file": str(args.out), "dataset": found.dataset, "images": sum(found.counts),
            "classes": {name: {"images": count, "mean": round(mean, 2), "deviation": round(deviation, 2)}
                        for name, count, (mean, deviation) in zip(found.classes, found.counts, levels, strict=True)}}
