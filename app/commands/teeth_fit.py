"""vernier teeth fit: a plan that sets the teeth of a case on an arch form, side by side and level."""

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

from app.commands.teeth import add_case, add_tolerance, open_case, tolerance_mm, verb
from engines.job import EngineError, Job

JAWS, KINDS = ("upper", "lower", "both"), ("beta", "polynomial", "free")


def add_parsers(subparsers: Any) -> None:
    parser = verb(subparsers, "fit", "make a plan by geometry alone: teeth on the arch form, in contact, level")
    add_case(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="PLAN", help="the plan's file (JSON); one that is there is replaced")
    parser.add_argument("--jaw", choices=JAWS, default="both", help="whose teeth are fitted, default both")
    parser.add_argument("--kind", choices=KINDS, default="polynomial", help="of arch form, fitted to the teeth as they stand; default polynomial")
    parser.add_argument("--strength", type=float, metavar="S", help="share of the way to the arch form, 0 to 1; default 0.7, measured to be best")
    parser.add_argument("--lock", type=int, nargs="*", default=[], metavar="TOOTH", help="FDI numbers of teeth that stay where they are")
    parser.add_argument("--extract", type=int, nargs="*", default=[], metavar="TOOTH", help="FDI numbers of teeth that go; their space closes")
    add_tolerance(parser)
    parser.set_defaults(run=fit)


def fit(args: argparse.Namespace, job: Job) -> dict[str, Any]:
    """Writes the plan; how far the teeth go, the widths of the arches, and overlaps before and after."""
    import numpy as np

    from engines.teeth import arch_fit, arch_form, measures, plan_files
    from engines.teeth.case import JAWS as BOTH
    from engines.teeth.contacts import Contacts
    from engines.teeth.poses import moves_of, poses_of
    from engines.teeth.request import Move, Plan

    strength = arch_fit.STRENGTH if args.strength is None else args.strength
    if not 0 <= strength <= 1:
        raise EngineError("strength is from 0 to 1.", "Choose how much of the way to the arch form the teeth go.")
    tolerance = tolerance_mm(args)
    case = open_case(args, job)
    if unknown := sorted({*args.lock, *args.extract} - set(case.teeth)):
        raise EngineError(f"{args.case} has no tooth {', '.join(map(str, unknown))}.", "--lock and --extract take FDI numbers of teeth that are there.")
    start = poses_of(case, Plan(extracted=tuple(args.extract)))
    jaws = BOTH if args.jaw == "both" else (args.jaw,)
    ready = tuple(jaw for jaw in jaws if len(arch_form.places(case, start, jaw)) >= arch_form.LEAST_TEETH)
    if not ready:
        raise EngineError(f"{args.case} has no jaw with {arch_form.LEAST_TEETH} teeth to fit.", "Choose another jaw, or plan these teeth by hand.")
    forms = tuple(arch_form.fitted(case, start, jaw, args.kind) for jaw in ready)
    contacts = Contacts(case, tolerance)
    poses = arch_fit.fit(case, start, forms, ready, args.kind, strength, tuple(args.lock), contacts, job)
    moves = {number: move for number, move in moves_of(case, poses).items() if move != Move()}
    plan = Plan("Arch-fit", tuple(sorted(moves.items())), tuple(args.lock), tuple(args.extract), arches=forms, origin="arch-fit")
    plan_files.write(args.out, case, poses, asdict(plan))
    far = [moves[number].distance_mm() if number in moves else 0.0 for number in poses]
    return {"out": str(args.out), "case": case.name, "jaws": list(ready), "kind": args.kind, "strength": strength, "teeth": len(poses), "moved": len(moves),
            "mean_mm": round(float(np.mean(far)), 3), "most_mm": round(max(far), 3),
            "widths": {form.jaw: arch_form.widths(form, case, poses) for form in forms},
            "overlaps": {name: _overlaps(contacts.pairs(stand)) for name, stand in (("before", start), ("after", poses))},
            "moves": {str(number): moves[number].to_dict() for number in sorted(moves)},
            "notices": [*case.notices, *measures.short_of_room(case, poses, ready)]}


def _overlaps(found: tuple[Any, ...]) -> dict[str, Any]:
    return {"pairs": len(found), "deepest_mm": round(max((entry.depth_mm for entry in found), default=0.0), 3),
            "depth_sum_mm": round(sum(entry.depth_mm for entry in found), 3)}
