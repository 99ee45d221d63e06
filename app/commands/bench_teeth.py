"""vernier bench teeth: contacts, occlusogram and arch-fit of a generated case, in seconds and against a named alternative."""

import argparse
from typing import Any

from engines.job import Job


def add_parsers(subparsers: Any) -> None:
    from app.commands import verbs

    parser = verbs(subparsers, "bench").add_parser("teeth", help="contacts, occlusogram and arch-fit")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--repeats", type=int, default=7)
    parser.set_defaults(run=bench)


def bench(args: argparse.Namespace, job: Job) -> dict[str, Any]:
    from engines.teeth.bench import measure

    return measure(args.seed, args.repeats, job)
