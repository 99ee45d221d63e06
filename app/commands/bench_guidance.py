"""vernier bench guidance: sampling speed as ratios against named alternatives, measured in turn in one run."""

import argparse
from typing import Any

import resources
from engines.job import Job


def add_parsers(subparsers: Any) -> None:
    from app.commands import verbs

    parser = verbs(subparsers, "bench").add_parser("guidance", help="sampling speed against diffusers and against CFG")
    parser.add_argument("--model", default="emoji3d")
    parser.add_argument("--count", type=int, default=16)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=7)
    parser.set_defaults(run=bench)


def bench(args: argparse.Namespace, job: Job) -> dict[str, Any]:
    from engines.device import pick
    from engines.guidance.bench import measure
    from engines.guidance.engine import GuidanceEngine

    return measure(GuidanceEngine(resources.path("weights"), pick()), args.model, args.count, args.steps, args.repeats, job)
