"""vernier quality: Frechet distance against network evaluations, for every sampler, mode and kind of timesteps."""

import argparse
import shlex
from dataclasses import asdict
from pathlib import Path
from typing import Any

from app.commands.guidance import MODEL_HELP, open_engine
from app.commands.measure import ints, share_of, threads, tuned_of, words_of
from engines.guidance.request import MODES, SAMPLERS
from engines.job import Job


def add_parsers(subparsers: Any) -> None:
    parser = subparsers.add_parser("quality", help="measure quality against steps: the table that the window shows; resumes")
    parser.add_argument("--model", required=True, help=MODEL_HELP)
    parser.add_argument("--gamma1", type=float, default=2.0, help="the strength (default 2)")
    parser.add_argument("--steps", type=ints, default=(5, 10, 20), metavar="N,N,...", help="default 5,10,20")
    parser.add_argument("--sampler", dest="samplers", type=words_of(SAMPLERS), default=("ddim", "dpmpp-2m"), metavar="S,S,...",
                        help=f"of {', '.join(SAMPLERS)} (default ddim,dpmpp-2m)")
    parser.add_argument("--mode", dest="modes", type=words_of(MODES), default=("cfg", "recfg"), metavar="M,M,...",
                        help=f"of {', '.join(MODES)} (default cfg,recfg)")
    parser.add_argument("--tuned", type=tuned_of, default=(False,), metavar="plain,tuned", help="timesteps: plain (default), tuned, or both")
    parser.add_argument("--count", type=int, default=1000, help="images in all, in equal parts a class (default 1,000)")
    parser.add_argument("--seeds", type=ints, default=(0,), metavar="S,S,...")
    parser.add_argument("--out", type=Path, required=True, metavar="F.json", help="the table; rows are added to one that is there")
    parser.add_argument("--work", default="", help="folder for what is drawn already, the same as evaluate's; a stopped run goes on from there")
    parser.add_argument("--share", default="1/1", metavar="K/N", help="draw the K-th of N parts into --work and measure nothing: for several processes")
    parser.add_argument("--best", type=float, action="append", default=[], metavar="N", help="also say the best setting of at most N evaluations an image")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--threads", type=int, default=0, help="0 = as many as there are cores")
    parser.set_defaults(run=measure_quality)


def measure_quality(args: argparse.Namespace, job: Job) -> dict[str, Any]:
    from engines.guidance.quality import QualityTask
    from engines.guidance.quality_table import beaten, best

    threads(args)
    share = share_of(args.share)
    task = QualityTask(args.model, args.gamma1, args.samplers, args.steps, args.modes, args.tuned, args.count, args.seeds, args.work, str(args.out),
                       _command(args), share=share)
    table = task.carry_out(open_engine(args.device), job)
    if share[1] > 1:
        return {"model": args.model, "share": args.share, "work": args.work}
    ours = [found for found in table.sets if found.gamma_1 == args.gamma1 and found.count <= args.count]  # equal parts a class may be fewer
    found = max(ours, key=lambda found: found.count, default=None)
    points = found.points if found else ()
    measure = found.measure if found else "frechet"
    return {"model": args.model, "model_hash": table.model_hash, "out": str(args.out), "gamma_1": args.gamma1, "count": found and found.count,
            "measure": measure, "floor": found and found.floor, "counted": "nfe: network evaluations an image, both branches; evaluations: one branch",
            "points": [asdict(point) for point in points],
            "beaten": [{"plain": list(plain.setting), "tuned": list(tuned.setting)} for plain, tuned in beaten(points, measure)],
            "best": [{"at_most": most, "point": (chosen := best(points, measure, most)) and asdict(chosen)} for most in args.best]}


def _command(args: argparse.Namespace) -> str:
    """How this table can be made again, without the places of this machine."""
    words = {"--model": Path(args.model).name, "--gamma1": f"{args.gamma1:g}", "--steps": ",".join(map(str, args.steps)),
             "--sampler": ",".join(args.samplers), "--mode": ",".join(args.modes),
             "--tuned": ",".join("tuned" if tuned else "plain" for tuned in args.tuned), "--count": str(args.count),
             "--seeds": ",".join(map(str, args.seeds))}
    return "vernier quality " + " ".join(f"{key} {shlex.quote(value)}" for key, value in words.items())
