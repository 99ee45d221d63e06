"""vernier evaluate guidance, calibrate, reference: what a model is worth, and the calibration that makes strong guidance true."""

import argparse
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import resources
from app.commands.guidance import MODEL_HELP, add_data, dataset, folder_of, images, open_engine
from engines.guidance.request import MODES, SAMPLERS, Sampling
from engines.job import EngineError, Job


def add_parsers(subparsers: Any) -> None:
    from app.commands import verbs

    _add_evaluate(verbs(subparsers, "evaluate").add_parser("guidance", help="the numbers of a model card; resumes"))

    calibrate = subparsers.add_parser("calibrate", help="calibrate strong guidance to keep a class's mean and variance; resumes")
    calibrate.add_argument("--model", required=True, help=MODEL_HELP)
    calibrate.add_argument("--gamma1", type=floats, default=(2.0, 3.0, 5.0), metavar="G,G,...", help="strengths (default 2,3,5)")
    calibrate.add_argument("--guide-below", type=float, default=1.0, metavar="RHO", help="guide at noise levels sigma/alpha up to this (default 1)")
    calibrate.add_argument("--class", dest="classes", type=ints, default=(), metavar="C,C,...", help="class numbers (default: all)")
    for name, default, text in (("steps", 50, "steps of the runs it learns from"), ("draws", 64, "noises a class"),
                                ("directions", 8, "directions in which variance is given back")):
        calibrate.add_argument(f"--{name}", type=int, default=default, help=f"{text} (default {default})")
    calibrate.add_argument("--no-shrink", action="store_true", help="keep what the draws cannot tell from zero")
    calibrate.add_argument("--out", type=Path, required=True)
    calibrate.add_argument("--threads", type=int, default=0, help="0 = as many as there are cores")
    calibrate.set_defaults(run=calibrate_model)

    reference = subparsers.add_parser("reference", help="for developers: the held-out features and the classifier that `evaluate` measures with")
    reference.add_argument("--model", required=True, help=MODEL_HELP)
    add_data(reference)
    reference.add_argument("--epochs", type=float, default=3.0, help="of the classifier (default 3)")
    reference.add_argument("--out", type=Path, required=True)
    reference.add_argument("--threads", type=int, default=0, help="0 = as many as there are cores")
    reference.set_defaults(run=build_reference)


def _add_evaluate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", required=True, help=MODEL_HELP)
    add_data(parser)
    parser.add_argument("--mode", dest="modes", type=lambda text: tuple(text.split(",")), default=("cfg", "recfg"), metavar="M,M,...",
                        help=f"of {', '.join(MODES)} (default cfg,recfg)")
    parser.add_argument("--gamma1", dest="strengths", type=floats, default=(1.0, 2.0, 4.0), metavar="G,G,...")
    parser.add_argument("--steps", type=ints, default=(20,), metavar="N,N,...")
    parser.add_argument("--sampler", dest="samplers", type=words_of(SAMPLERS), default=("dpmpp-2m",), metavar="S,S,...",
                        help=f"of {', '.join(SAMPLERS)} (default dpmpp-2m)")
    parser.add_argument("--tuned", type=tuned_of, default=(False,), metavar="plain,tuned", help="timesteps: plain (default), tuned, or both")
    parser.add_argument("--guide-below", type=float, default=math.inf, metavar="RHO")
    parser.add_argument("--sharpness", type=float, default=0.0)
    parser.add_argument("--calibration", default="", help="a calibration other than the one beside the model")
    parser.add_argument("--table", default="", help="a ReCFG table other than the one beside the model")
    parser.add_argument("--count", type=int, default=1000, help="samples in all, in equal parts a class (default 1,000)")
    parser.add_argument("--seeds", type=ints, default=(0,), metavar="S,S,...")
    parser.add_argument("--work", type=Path, help="folder for what is done already; a stopped run goes on from there")
    parser.add_argument("--sheets", type=Path, help="folder for one picture sheet a setting")
    parser.add_argument("--share", default="1/1", metavar="K/N", help="draw the K-th of N parts into --work and measure nothing: for several processes")
    parser.add_argument("--threads", type=int, default=0, help="0 = as many as there are cores")
    parser.set_defaults(run=evaluate_model)


def words_of(known: tuple[str, ...]) -> Callable[[str], tuple[str, ...]]:
    """Reads a list of known words."""
    def read(text: str) -> tuple[str, ...]:
        words = tuple(text.split(","))
        if unknown := [word for word in words if word not in known]:
            raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(known)}")
        return words
    return read


def tuned_of(text: str) -> tuple[bool, ...]:
    """"plain", "tuned" or both, as Plan and QualityTask have them."""
    return tuple(word == "tuned" for word in words_of(("plain", "tuned"))(text))


def floats(text: str) -> tuple[float, ...]:
    return tuple(float(part) for part in text.split(","))


def ints(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))


def threads(args: argparse.Namespace) -> None:
    """Lets torch use as many as were asked for."""
    import torch

    if args.threads:
        torch.set_num_threads(args.threads)


def share_of(text: str) -> tuple[int, int]:
    """"2/4" -> (1, 4). EngineError on anything else."""
    part, _, parts = text.partition("/")
    if not (part.isdigit() and parts.isdigit() and 1 <= int(part) <= int(parts)):
        raise EngineError(f"--share is {text!r}.", remedy="Use K/N, K from 1 to N, and a folder --work that all parts share.")
    return int(part) - 1, int(parts)


def evaluate_model(args: argparse.Namespace, job: Job) -> dict[str, Any]:
    from engines.guidance import reference
    from engines.guidance.evaluate import Plan, evaluate, write_sheets

    threads(args)
    share = share_of(args.share)
    made = open_engine("auto")
    model = made.model(args.model)
    base = Sampling(model=args.model, sampler=args.samplers[0], guide_below=args.guide_below, sharpness=args.sharpness, calibration=args.calibration,
                    table=args.table)
    plan = Plan(base, args.modes, args.strengths, args.steps, args.seeds, args.count, args.samplers, args.tuned)
    beside = made.beside(args.model, "reference")
    against = reference.read(beside, model.classes) if beside.exists() else None
    known = args.dataset or args.data or args.model in ("emoji3d",)
    data = images(args, dataset(args)) if known else None
    if against is None and data is None:
        raise EngineError(f"There is nothing to measure {args.model} against.", remedy="Give the pictures it was trained on with --dataset and --data.")
    found = evaluate(made, plan, against, data, args.work, job, share)
    if args.sheets and share[1] == 1:
        found["sheets"] = write_sheets(made, plan, against, data, args.work, args.sheets, job)
    return found


def calibrate_model(args: argparse.Namespace, job: Job) -> dict[str, Any]:
    from engines.device import pick
    from engines.guidance import sources
    from engines.guidance.calibrations import CalibrateRequest, build

    threads(args)
    request = CalibrateRequest(args.gamma1, args.guide_below, args.steps, args.draws, args.directions, args.classes, not args.no_shrink)
    return build(sources.open_model(args.model, resources.path("weights"), pick()), request, args.out, job)


def build_reference(args: argparse.Namespace, job: Job) -> dict[str, Any]:
    from engines.guidance import datasets, reference

    threads(args)
    name = dataset(args)
    where = folder_of(args, name)
    held_out = datasets.load_fashion(where, "t10k") if name == "fashion-mnist" and where else None
    return reference.build(images(args, name, 8), held_out, args.out, job, args.epochs)
