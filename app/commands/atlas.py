"""vernier statistics, vernier atlas."""

import argparse
from pathlib import Path
from typing import Any

from engines.job import Job


def add_parsers(subparsers: Any) -> None:
    from app.commands.guidance import MODEL_HELP, _add_data

    statistics = subparsers.add_parser("statistics", help="mean and variance images of every class of a model's data (for developers)")
    statistics.add_argument("--model", required=True, help=MODEL_HELP)
    _add_data(statistics)
    statistics.add_argument("--renderings", type=int, default=8, help="of each emoji drawing, as training draws them (default 8)")
    statistics.add_argument("--out", type=Path, required=True, help="the .statistics.safetensors file to write; the model looks for it beside itself")
    statistics.set_defaults(run=build_statistics)


def build_statistics(args: argparse.Namespace, job: Job) -> dict[str, Any]:
    from app.commands.guidance import _dataset, _images
    from engines.guidance import statistics
    from engines.job import EngineError

    if args.renderings < 1:
        raise EngineError("--renderings must be at least 1.", remedy="Training uses 8.")
    found = statistics.collect(_images(args, _dataset(args), args.renderings), job)
    statistics.write(args.out, found, Path(args.model).stem)
    levels = [found.level(label) for label in range(len(found.classes))]
    return {"file": str(args.out), "dataset": found.dataset, "images": sum(found.counts),
            "classes": {name: {"images": count, "mean": round(mean, 2), "deviation": round(deviation, 2)}
                        for name, count, (mean, deviation) in zip(found.classes, found.counts, levels, strict=True)}}
