"""vernier bench teeth: contacts, occlusogram, arch-fit, stages and proposals of a generated case, in seconds and against a named alternative."""

import argparse
from pathlib import Path
from typing import Any

from engines.job import Job


def add_parsers(subparsers: Any) -> None:
    from app.commands import verbs

    parser = verbs(subparsers, "bench").add_parser("teeth", help="contacts, occlusogram, arch-fit, stages and proposals")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--model", type=Path, metavar="FILE", help="arrangement weights; otherwise those that ship")
    parser.set_defaults(run=bench)


def bench(args: argparse.Namespace, job: Job) -> dict[str, Any]:
    import resources
    from engines.teeth import arranger
    from engines.teeth.bench import measure

    net = arranger.load(arranger.find(resources.path("weights"), args.model))
    return measure(net, args.seed, args.repeats, job)
