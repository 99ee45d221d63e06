"""vernier teeth render: pictures of a case or of a plan in the standard views."""

import argparse
import shutil
from pathlib import Path
from typing import Any

from app.commands.teeth import add_case, add_plan, open_case, verb
from engines.job import EngineError, Job
from engines.teeth.look import VIEWS


def add_parsers(subparsers: Any) -> None:
    parser = verb(subparsers, "render", "draw a case, or a plan of it, in the standard views")
    add_case(parser)
    add_plan(parser, "the teeth stand where they are")
    parser.add_argument("--views", default="all", metavar="LIST", help=f"all in which something is seen, or by commas: {', '.join(VIEWS)}")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="a folder; pictures of the same name in it are replaced")
    parser.add_argument("--width", type=int, default=1200, metavar="PX", help="64 to 4096, default 1200")
    parser.add_argument("--height", type=int, default=840, metavar="PX", help="64 to 4096, default 840")
    parser.add_argument("--ghost", action="store_true", help="with --plan: the start is seen through the teeth")
    parser.set_defaults(run=render)


def render(args: argparse.Namespace, job: Job) -> dict[str, Any]:
    """Writes one PNG a view; their names."""
    from PIL import Image

    from engines.teeth.plan_opening import open_plan
    from engines.teeth.poses import poses_of
    from engines.teeth.reduction import applied
    from engines.teeth.rendering import Pictures, Scene, views_of
    from engines.teeth.request import Plan

    views = () if args.views == "all" else tuple(view.strip() for view in args.views.split(","))
    if set(views) - set(VIEWS):
        raise EngineError(f"{', '.join(sorted(set(views) - set(VIEWS)))} is no view.", f"Choose from {', '.join(VIEWS)}, or all.")
    if not all(64 <= size <= 4096 for size in (args.width, args.height)):
        raise EngineError("A picture is 64 to 4096 pixels wide and high.", "Give another --width or --height.")
    case = open_case(args, job)
    views = views or views_of(case)
    start = poses_of(case, Plan())
    opened = open_plan(args.plan, case) if args.plan else None
    poses = poses_of(case, opened.plan) if opened else start
    beside = args.out / ".part"
    try:
        beside.mkdir(parents=True, exist_ok=True)
        with Pictures((args.width, args.height)) as pictures:
            bodies = Scene(applied(case, opened.plan.reductions) if opened else case).bodies(poses, start if args.ghost and opened else None)
            for k, view in enumerate(views):
                job.progress(k, len(views), view)
                Image.fromarray(pictures.draw(bodies, view)).save(beside / f"{view}.png")
        for view in views:
            (beside / f"{view}.png").replace(args.out / f"{view}.png")
    except OSError as error:
        raise EngineError(f"{args.out} could not be written: {error.strerror}.", "Name a folder that can be written to.") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return {"out": str(args.out), "views": list(views), "files": [f"{view}.png" for view in views], "size": [args.width, args.height],
            "notices": [*case.notices, *(opened.notices if opened else ())]}
