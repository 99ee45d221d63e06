"""vernier teeth measure | compare: the measures of a case, before and under a plan; how far a plan is from a reference setup."""

import argparse
from pathlib import Path
from typing import Any

from app.commands import teeth
from engines.job import EngineError, Job

DEFINITIONS = {
    "ADD": "mm: mean distance of all vertices of a tooth from where the reference has them; then the mean over the teeth that both have",
    "PA_ADD": "mm: ADD after one rigid movement of the whole setup that brings it as near as can be, every tooth counting alike",
    "CSA": "share of teeth whose three axes all lie within 5 degrees of the reference's (our definition)",
    "ME_rot": "deg: mean angle of the rotation between setup and reference",
    "FD_cur": "mm: discrete Frechet distance of the arch curves, mean of the jaws; a cubic spline through edges, tips and buccal cusps (our definition)",
    "alignment": "mm: sum of the distances of neighbouring contact points",
    "anterior": "mm: sum of the distances of the upper and lower incisal midpoints",
    "posterior": "mm: sum of the distances from upper mesiobuccal cusps to lower buccal grooves of the first molars (our reading)"}


def add_parsers(subparsers: Any) -> None:
    measured = teeth.verb(subparsers, "measure", "measure overjet, overbite, crowding, Bolton, classes, tip, torque and more: before, and under a plan")
    teeth.add_case(measured)
    teeth.add_plan(measured, "only the start is measured")
    measured.set_defaults(run=measure)
    compared = teeth.verb(subparsers, "compare", "compare a plan with a reference: ADD, PA_ADD, CSA, ME_rot and FD_cur")
    teeth.add_case(compared)
    teeth.add_plan(compared)
    compared.add_argument("--reference", type=Path, metavar="PLAN2|CASE2", help="a plan or a case of the same teeth; otherwise the setup that came with CASE")
    compared.set_defaults(run=compare)


def measure(args: argparse.Namespace, job: Job) -> dict[str, Any]:
    """Every measure with its value before and, with a plan, now; deviation and text are those of the latest value."""
    from engines.teeth import measures
    from engines.teeth.plan_opening import open_plan
    from engines.teeth.poses import poses_of

    case = teeth.open_case(args, job)
    _teeth_of(case)
    notices = list(case.notices)
    poses, reductions = None, ()
    if args.plan:
        opened = open_plan(args.plan, case)
        poses, reductions = poses_of(case, opened.plan), opened.plan.reductions
        notices += opened.notices
    job.progress(0, 1, "landmarks")
    before = {found.id: found.to_dict() for found in measures.measure(case)}
    now = {found.id: found.to_dict() for found in measures.measure(case, poses, reductions)} if args.plan else before
    rows = []
    for key, at_start in before.items():
        row = now.get(key) or {**at_start, "value": None, "deviation": None, "text": "", "missing": "extracted in this plan"}
        value = row.pop("value")
        rows.append({**row, "before": at_start.get("value", value), **({"now": value} if args.plan else {})})
    return {"case": case.name, "plan": str(args.plan) if args.plan else None, "teeth": len(case.teeth),
            "values": {row["id"]: row["now" if args.plan else "before"] for row in rows}, "measures": rows, "notices": notices}


def compare(args: argparse.Namespace, job: Job) -> dict[str, Any]:
    """The five metrics, per tooth and mean, with those of not moving at all beside them; the occlusion scores of start, plan and reference."""
    import numpy as np

    from engines.teeth import metrics
    from engines.teeth.plan_opening import open_plan
    from engines.teeth.poses import poses_of

    case = teeth.open_case(args, job)
    _teeth_of(case)
    opened = open_plan(args.plan, case)
    poses, told = poses_of(case, opened.plan), list(opened.notices)
    reference, kind = _reference(args, case, told, job)
    job.progress(1, 2, "comparing")
    found, still = metrics.compare(case, poses, reference), metrics.compare(case, {n: np.eye(4) for n in poses}, reference)
    if not found.teeth:
        raise EngineError("The plan and the reference have no tooth in common.", "Choose a reference of the same patient, numbered alike.")
    rows = {str(n): {"ADD": found.add[n], "PA_ADD": found.pa_add[n], "CSA": float(found.csa[n]), "ME_rot": found.rot[n]} for n in found.teeth}
    left = sorted(set(case.teeth) - set(found.teeth))
    occlusion = {"start": metrics.occlusion(case), "plan": metrics.occlusion(case, poses, opened.plan.reductions),
                 "reference": metrics.occlusion(case, reference)}
    return {"case": case.name, "plan": str(args.plan), "reference": kind, **found.means(), "teeth": rows,
            "jaws": {jaw: {"FD_cur": value} for jaw, value in found.frechet.items()}, "compared": len(found.teeth), "left_out": left,
            "not_moved": still.means(), "occlusion": occlusion, "definitions": DEFINITIONS, "notices": [*case.notices, *told]}


def _teeth_of(case: Any) -> None:
    if not case.teeth:
        raise EngineError(f"{case.name} has no separate teeth to measure.", "Segment the scan first, in the window, or open a case with teeth.")


def _reference(args: argparse.Namespace, case: Any, told: list[str], job: Job) -> tuple[Any, str]:
    """Poses of the reference, and what it is."""
    from engines.teeth import matching
    from engines.teeth.plan_opening import is_plan, open_plan
    from engines.teeth.poses import poses_of

    if args.reference is None:
        if case.reference is None:
            raise EngineError(f"{case.name} has no setup of its own to compare with.", "Name one: --reference PLAN2 or CASE2.")
        return case.reference, "the case's own setup"
    if is_plan(args.reference):
        opened = open_plan(args.reference, case)
        told += opened.notices
        return poses_of(case, opened.plan), str(args.reference)
    other = teeth.open_case(args, job, args.reference)
    told += other.notices
    return matching.poses_onto(case, other), str(args.reference)
