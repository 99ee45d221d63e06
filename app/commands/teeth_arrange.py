"""vernier teeth arrange: plans that the trained model proposes."""

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

from app.commands.teeth import add_case, add_tolerance, open_case, tolerance_mm, verb
from engines.job import EngineError, Job


def add_parsers(subparsers: Any) -> None:
    parser = verb(subparsers, "arrange", "let the model propose plans")
    add_case(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="gets plan_0.json, plan_1.json, ... and consensus.json")
    parser.add_argument("--proposals", type=int, default=1, metavar="N", help="1 to 8, default 1")
    parser.add_argument("--seed", type=int, default=0, metavar="K", help="default 0; proposal k of a seed is always the same")
    parser.add_argument("--lock", type=_numbers, default=(), metavar="TOOTH,...", help="FDI numbers of teeth that stay exactly where they are")
    parser.add_argument("--extract", type=_numbers, default=(), metavar="TOOTH,...", help="FDI numbers of teeth that go; their space closes")
    parser.add_argument("--mode", choices=("hybrid", "network"), default="hybrid",
                        help="hybrid (default): learned rotation, positions of the arch-fit; network: everything learned")
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
    from engines.teeth import arranger, plan_files, propose
    from engines.teeth.contacts import Contacts
    from engines.teeth.poses import moves_of, poses_of
    from engines.teeth.request import Move, Plan

    tolerance = tolerance_mm(args)
    try:
        ask = propose.Ask(args.proposals, args.seed, args.lock, args.extract, args.mode, args.strength, args.refine, args.guide, args.steps)
    except ValueError as error:
        raise EngineError(f"These proposals cannot be made: {error}.", "Change the options; `vernier teeth arrange --help` lists them.") from error
    net = arranger.load(arranger.find(resources.path("weights"), args.model))
    case = open_case(args, job)
    if unknown := sorted({*args.lock, *args.extract} - set(case.teeth)):
        raise EngineError(f"{args.case} has no tooth {', '.join(map(str, unknown))}.", "--lock and --extract take FDI numbers of teeth that are there.")
    start = poses_of(case, Plan(extracted=args.extract))
    made = propose.propose(net, case, start, ask, Contacts(case, tolerance), job)
    origin = "TADPM-style model" if args.mode == "network" else "hybrid: learned rotation, arch-fit positions"
    named = {f"plan_{k}": poses for k, poses in enumerate(made.poses)} | ({"consensus": made.consensus} if len(made.poses) > 1 else {})
    try:
        args.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EngineError(f"{args.out} could not be made: {error.strerror}.", "Name a folder that can be written to.") from error
    for name, poses in named.items():
        moves = tuple(sorted((number, move) for number, move in moves_of(case, poses).items() if move != Move()))
        plan = Plan(name.replace("_", " ").capitalize(), moves, args.lock, args.extract, origin=origin)
        plan_files.write(args.out / f"{name}.json", case, poses, asdict(plan))
    far = [move.distance_mm() for move in moves_of(case, made.consensus).values()]
    return {"plans": [str(args.out / f"{name}.json") for name in named], "seconds": round(made.seconds, 3), "case": case.name, "mode": args.mode,
            "seed": args.seed, "teeth": len(start), "most_mm": round(max(far, default=0.0), 3), "overlap_mm": made.overlap_mm,
            "spread_mm": {str(n): round(value, 3) for n, value in made.spread_mm.items()},
            "spread_deg": {str(n): round(value, 2) for n, value in made.spread_deg.items()}, "notices": list(case.notices)}


def _numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no list of FDI numbers") from error
