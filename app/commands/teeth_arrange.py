"""vernier teeth arrange: plans that the trained model proposes."""

import argparse
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from app.commands.teeth import add_case, add_tolerance, open_case, tolerance_mm, verb
from engines.job import EngineError, Job


def add_parsers(subparsers: Any) -> None:
    parser = verb(subparsers, "arrange", "let the model propose plans")
    add_case(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="gets plan_0.json (the consensus), plan_1.json, ...")
    parser.add_argument("--proposals", type=int, default=1, metavar="N", help="1 to 8, default 1")
    parser.add_argument("--seed", type=int, default=0, metavar="K", help="default 0; proposal k of a seed is always the same")
    parser.add_argument("--lock", type=_numbers, default=(), metavar="TOOTH,...", help="FDI numbers of teeth that stay exactly where they are")
    parser.add_argument("--extract", type=_numbers, default=(), metavar="TOOTH,...", help="FDI numbers of teeth that go; their space closes")
    parser.add_argument("--only", type=_numbers, default=(), metavar="TOOTH,...", help="FDI numbers of teeth that may move, default all")
    parser.add_argument("--plan", type=Path, metavar="FILE",
                        help="a plan of this case: its locked and extracted teeth count too; teeth that may not move stand as it says")
    parser.add_argument("--again", action="store_true", help="begin where --plan puts the teeth; hardly gains, may drift")
    parser.add_argument("--mode", choices=("blend", "hybrid", "network"), default="blend",
                        help="blend (default): half the model, half the arch-fit; hybrid: learned rotation, arch-fit positions; network: everything learned")
    parser.add_argument("--strength", type=float, default=1.0, metavar="S", help="share of the way that every tooth goes, 0 to 1; default 1")
    parser.add_argument("--refine", type=float, default=1.0, metavar="S", help="share of the refinement that parts overlaps, 0 to 1; default 1")
    parser.add_argument("--guide", type=float, default=0.0, metavar="MM", help="how far overlap may push a tooth in a step of the sampler; default 0")
    parser.add_argument("--steps", type=int, default=25, metavar="N", help="of the sampler, default 25")
    parser.add_argument("--model", type=Path, metavar="FILE", help="weights; otherwise those that ship")
    add_tolerance(parser)
    parser.set_defaults(run=arrange)


def arrange(args: argparse.Namespace, job: Job) -> dict[str, Any]:
    """Writes the plans; {"plans": [...], "seconds": s}, what they agree on, and their overlaps beside the start's and the arch-fit's."""
    import resources
    from engines import weights
    from engines.teeth import arranger, offer, plan_files, propose
    from engines.teeth.contacts import Contacts
    from engines.teeth.landmarks import with_overrides
    from engines.teeth.measures import prepare
    from engines.teeth.plan_opening import open_plan
    from engines.teeth.reduction import applied
    from engines.teeth.request import Made, Move, Plan

    tolerance = tolerance_mm(args)
    try:
        ask = propose.Ask(args.proposals, args.seed, (), (), args.mode, args.strength, args.refine, args.guide, args.steps)
    except ValueError as error:
        raise EngineError(f"These proposals cannot be made: {error}.", "Change the options; `vernier teeth arrange --help` lists them.") from error
    path = arranger.find(resources.path("weights"), args.model)
    net = arranger.load(path)
    case = open_case(args, job)
    if unknown := sorted({*args.lock, *args.extract, *args.only} - set(case.teeth)):
        raise EngineError(f"{args.case} has no tooth {', '.join(map(str, unknown))}.", "--lock, --extract and --only take FDI numbers of teeth that are there.")
    plan = open_plan(args.plan, case).plan if args.plan else Plan()
    plan = replace(plan, locked=tuple(sorted({*plan.locked, *args.lock})), extracted=tuple(sorted({*plan.extracted, *args.extract})))
    marked, shaped = with_overrides(case, ()), applied(case, plan.reductions)
    prepare(marked)
    clock = time.monotonic()
    made = offer.offer(net, shaped, marked, plan, ask, Contacts(shaped, tolerance), args.only, args.again, job)
    try:
        args.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EngineError(f"{args.out} could not be made: {error.strerror}.", "Name a folder that can be written to.") from error
    found, sha256 = made.proposals, weights.sha256(path)
    named = {f"plan_{k}": setup for k, setup in enumerate(made.setups[-len(found.poses):])}
    for name, setup in named.items():
        moves = tuple(sorted((number, move) for number, move in {**dict(plan.moves), **setup.moves}.items() if move != Move()))
        origin = Made(setup.name, path.name, sha256, args.seed, args.mode, args.strength, args.refine, args.only)
        written = replace(plan, name=setup.name, moves=moves, origin=offer.ORIGINS[args.mode], made=origin)
        plan_files.write(args.out / f"{name}.json", case, setup.poses, asdict(written))
    return {"plans": [str(args.out / f"{name}.json") for name in named], "seconds": round(time.monotonic() - clock, 3), "case": case.name, "mode": args.mode,
            "seed": args.seed, "model": path.name, "sha256": sha256, "teeth": len(made.begin), "most_mm": round(made.best.numbers.most_mm, 3),
            "overlap_mm": found.overlap_mm, "spread_mm": {str(n): round(value, 3) for n, value in found.spread_mm.items()},
            "spread_deg": {str(n): round(value, 2) for n, value in found.spread_deg.items()}, **offer.facts(made), "notices": list(case.notices)}


def _numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no list of FDI numbers") from error
