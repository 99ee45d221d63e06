"""vernier teeth stage | export: a plan in stages, as models, numbers, pictures, a film and a report."""

import argparse
from dataclasses import fields, replace
from typing import Any

from app.commands.teeth import add_case, add_folder, add_plan, add_tolerance, open_case, tolerance_mm, verb
from engines.job import EngineError, Job
from engines.teeth.request import Limits

STAGED = ("plan", "movements", "models", "teeth", "final")
HELP = {"translation_mm": "sideways, default 0.25", "extrusion_mm": "in or out, default 0.2", "rotation_deg": "default 2", "tip_deg": "default 2",
        "torque_deg": "default 1.5", "rotations_from": "the first stage in which teeth rotate, default 1"}


def add_parsers(subparsers: Any) -> None:
    staged = verb(subparsers, "stage", "divide a plan into stages; write models of the jaws, the teeth and the movements of each")
    _add(staged)
    staged.add_argument("--numbers-only", action="store_true", help="no meshes: the plan, the stages and the movements")
    staged.set_defaults(run=stage)
    out = verb(subparsers, "export", "write everything of a plan: as stage does, and pictures, a film and a report")
    _add(out)
    out.add_argument("--parts", metavar="LIST", help="only these, by commas: plan, movements, models, teeth, final, views, film, report")
    out.set_defaults(run=export)


def _add(parser: argparse.ArgumentParser) -> None:
    add_case(parser)
    add_plan(parser)
    add_folder(parser)
    for entry in fields(Limits):
        kind = int if entry.name == "rotations_from" else float
        parser.add_argument(f"--{entry.name.replace('_', '-')}", type=kind, metavar="N" if kind is int else "X", help=f"most in one stage: {HELP[entry.name]}"
                            if kind is float else HELP[entry.name])
    add_tolerance(parser)
    parser.add_argument("--base", choices=("gum", "full"), default="gum", help="of the models: the outline of the gum, or filled to a plate")
    parser.add_argument("--with-patient", action="store_true", help="with the patient's name and notes and the names of the files; otherwise anonymous")


def stage(args: argparse.Namespace, job: Job) -> dict[str, Any]:
    """The stages in numbers, and the files that were written."""
    return _run(args, job, STAGED[:2] if args.numbers_only else STAGED)


def export(args: argparse.Namespace, job: Job) -> dict[str, Any]:
    """As stage, with every part."""
    from engines.teeth.export import PARTS

    return _run(args, job, tuple(part.strip() for part in args.parts.split(",") if part.strip()) if args.parts else PARTS)


def _run(args: argparse.Namespace, job: Job, parts: tuple[str, ...]) -> dict[str, Any]:
    from engines.teeth import export, stages
    from engines.teeth.plan_opening import open_plan

    tolerance = tolerance_mm(args)
    case = open_case(args, job)
    opened = open_plan(args.plan, case)
    given = {entry.name: getattr(args, entry.name) for entry in fields(Limits) if getattr(args, entry.name) is not None}
    if unknown := [part for part in parts if part not in export.PARTS]:
        raise EngineError(f"--parts has {', '.join(unknown)}, which is no part of an export.", f"Use some of {', '.join(export.PARTS)}.")
    try:
        limits = replace(opened.limits or Limits(), **given)
        what = export.Export(parts, args.base, opened.patient if args.with_patient else None)
    except ValueError as error:
        raise EngineError(f"{error}.", "`vernier teeth stage --help` lists the options.") from error
    made = stages.stage(case, opened.plan, limits, tolerance, job)
    written = export.export(case, opened.plan, made, limits, args.out, what, job)
    return {**written, **made.to_dict(), "notices": [*case.notices, *opened.notices, *written["notices"]]}
