"""vernier fetch: a pipeline from the Hugging Face hub."""

import argparse
from typing import Any

from engines.job import Job


def add_parsers(subparsers: Any) -> None:
    parser = subparsers.add_parser("fetch", help="download a diffusers pipeline from the Hugging Face hub; goes on where it was stopped")
    parser.add_argument("id", help="owner/name, with @revision behind it where one is wanted")
    parser.set_defaults(run=fetch)


def fetch(args: argparse.Namespace, job: Job) -> dict[str, Any]:
    from engines.guidance import pipeline_folder
    from engines.guidance.hub import Fetch

    path = Fetch(args.id).carry_out(None, job)
    folder = pipeline_folder.read(path)
    return {"folder": path, "family": folder.family, "parameters": folder.parameters}
