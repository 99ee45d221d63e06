"""vernier evaluate teeth: setups against known aligned ones, as a table."""

import argparse
import sys
from pathlib import Path
from typing import Any

from engines.job import EngineError, Job

HOLDOUTS = ("holdout-a", "holdout-b")
RIVALS = ("mlp", "pstn", "tanet")


def add_parsers(subparsers: Any) -> None:
    from app.commands import verbs

    parser = verbs(subparsers, "evaluate").add_parser("teeth", help="measure arrangements against known aligned setups")
    parser.add_argument("--cases", required=True, metavar="DIR|NAME", help="a folder of cases that have an aligned setup, holdout-a or holdout-b")
    parser.add_argument("--model", type=Path, metavar="FILE", help="weights; otherwise those that ship")
    parser.add_argument("--rivals", type=Path, metavar="DIR", help="a folder with mlp, pstn and tanet .safetensors, trained with --model of that name")
    parser.add_argument("--geometry-only", action="store_true", help="identity and the arch-fits alone; needs no model")
    parser.add_argument("--disturb", type=int, metavar="N", help="take the teeth of each case as aligned, and measure how well N disturbances are undone")
    parser.add_argument("--limit", type=int, metavar="N", help="only the first N cases")
    parser.add_argument("--seed", type=int, default=0, help="of the proposals, default 0")
    parser.add_argument("--refine", type=float, default=1.0, metavar="S", help="share of the overlap refinement, 0 to 1; default 1")
    parser.add_argument("--volume", action="store_true", help="the shared volume in mm3 as well; some seconds a case and row")
    parser.set_defaults(run=evaluate)


def evaluate(args: argparse.Namespace, job: Job) -> dict[str, Any]:
    """The table on stderr for people, its numbers as JSON."""
    import resources
    from engines.teeth import arranger, holdouts
    from engines.teeth.evaluate_teeth import evaluate as run
    from engines.teeth.evaluate_teeth import table

    if not 0 <= args.refine <= 1 or args.seed < 0 or (args.limit is not None and args.limit < 1):
        raise EngineError("refine is from 0 to 1, seed not negative and limit at least 1.", "Change --refine, --seed or --limit.")
    nets: dict[str, Any] = {}
    if not args.geometry_only:
        nets["tadpm"] = arranger.load(arranger.find(resources.path("weights"), args.model))
        for kind in RIVALS if args.rivals else ():
            if (path := args.rivals / f"{kind}.safetensors").exists():
                nets[kind] = arranger.load(path)
    if args.disturb is not None and (args.disturb < 1 or args.cases in HOLDOUTS):
        raise EngineError("--disturb takes a number from 1 on, and a folder of cases; the hold-outs are disturbed already.", "Change --disturb or --cases.")
    if args.cases in HOLDOUTS:
        total = args.limit or holdouts.CASES
        found = holdouts.cases(args.cases, total, job)
    else:
        paths = _paths(Path(args.cases))[:args.limit]
        total, found = len(paths) * (args.disturb or 1), _opened(paths, args.disturb, job)
    result = run(found, total, nets, job, args.refine, args.seed, args.volume)
    job.tell("end", ())
    sys.stderr.write(table(result) + "\n")
    return {"of": args.cases, **result}


def _paths(folder: Path) -> list[Path]:
    """The cases in a folder: its subfolders and archives, or the folder itself where it is a case."""
    if not folder.is_dir():
        raise EngineError(f"{folder} is no folder.", f"Name a folder of cases, or one of {', '.join(HOLDOUTS)}.")
    if (folder / "case.json").exists() or (folder / "ori").is_dir():
        return [folder]
    return sorted(path for path in folder.iterdir() if path.is_dir() or path.suffix in (".zip", ".vtp"))


def _opened(paths: list[Path], draws: int | None, job: Job) -> Any:
    from engines.teeth.holdouts import disturbed
    from engines.teeth.opening import open_case

    for path in paths:
        job.check()
        case = open_case(path)
        yield from (disturbed(case, seed) for seed in range(draws)) if draws else (case,)
