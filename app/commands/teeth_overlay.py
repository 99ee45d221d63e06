"""vernier teeth overlay: a later scan of the patient over a stage of a plan."""

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from app.commands.teeth import add_case, open_case
from engines.job import EngineError, Job


def add_parsers(subparsers: Any) -> None:
    verbs = subparsers.choices["teeth"].get_default("verbs")
    parser = verbs.add_parser("overlay", help="lay a later scan over a stage of a plan: how far every tooth is from where it should be by then")
    add_case(parser)
    parser.add_argument("plan", type=Path, metavar="PLAN")
    parser.add_argument("scan", type=Path, metavar="SCAN", help="a later scan, in any axes; it is laid on the teeth that the plan moves least")
    parser.add_argument("--stage", type=int, metavar="K", help="default: the planned setup")
    parser.set_defaults(run=overlay)


def overlay(args: argparse.Namespace, job: Job) -> dict[str, Any]:
    """Per tooth the mean distance of its planned surface from the scan, and how well the scan fits."""
    from engines.teeth import later_scan, stages
    from engines.teeth.plan_opening import open_plan
    from engines.teeth.poses import poses_of
    from engines.teeth.request import Limits

    case = open_case(args, job)
    opened = open_plan(args.plan, case)
    poses, stage = poses_of(case, opened.plan), None
    if args.stage is not None:
        made = stages.stage(case, opened.plan, opened.limits or Limits(), 0.1, job)
        if not 0 <= args.stage <= made.count:
            raise EngineError(f"There is no stage {args.stage}: the plan has {made.count}.", f"Choose 0 to {made.count}.")
        poses, stage = made.poses(case, args.stage), args.stage
    found = later_scan.lay_over(case, poses, args.scan, job)
    deviation = np.abs(found.overlay.deviation[np.isfinite(found.overlay.deviation)])
    return {"stage": stage, "rms_mm": round(found.overlay.rms_mm, 4), "anchors": list(found.overlay.anchors),
            "teeth_mm": {str(number): round(mm, 4) for number, mm in found.overlay.teeth.items()},
            "deviation_mm": {"mean": round(float(deviation.mean()), 4), "p95": round(float(np.quantile(deviation, .95)), 4)} if len(deviation) else None,
            "definitions": {"rms_mm": "of the anchors' points from the planes of the scan beside them, the worst fifth left out",
                            "teeth_mm": "mean distance of all points of a tooth at the stage from the planes of the scan beside them",
                            "deviation_mm": "of the scan's points from the nearest tooth at the stage; points without a tooth near them are left out"},
            "matrix": found.overlay.matrix.round(9).tolist()}
