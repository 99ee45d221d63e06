"""vernier train teeth: the arrangement network, or one that it is measured against, on generated pairs."""

import argparse
from typing import Any

from engines.job import Job
from engines.teeth.teeth_training import KINDS, PARTS, TeethTrainRequest

OPTIONS = ("model", "hours", "steps", "batch", "draws", "rate", "warmup", "seed", "threads", "crowns", "pretrain", "checks", "checked")


def add_parsers(subparsers: Any) -> None:
    from app.commands import verbs

    default = TeethTrainRequest("")
    parser = verbs(subparsers, "train").add_parser("teeth", help="train the model that arranges teeth; resumes, scales out with torchrun")
    parser.add_argument("--out", required=True, metavar="FILE", help="the .safetensors file to write; its checkpoint FILE.state lies beside it")
    parser.add_argument("--model", choices=KINDS, help="tadpm (default), or one that is only measured against it")
    parser.add_argument("--hours", type=float, metavar="H", help=f"the training ends then, default {default.hours:g}")
    parser.add_argument("--steps", type=int, metavar="N", help="or after so many steps, whichever comes first")
    parser.add_argument("--parts", metavar="LIST", default=",".join(PARTS), help="by commas: pretrain (the mesh branch alone), joint; default both")
    for name, kind, text in (("pretrain", float, "share of the run that is pre-training"), ("batch", int, "cases a step"),
                             ("draws", int, "noise levels a case is seen at in a step"), ("rate", float, "learning rate"),
                             ("warmup", int, "steps over which the rate rises"), ("seed", int, "of everything that is drawn"),
                             ("threads", int, "0 = as torch chooses"), ("crowns", int, "of each type that are at hand at a time"),
                             ("checks", int, "looks at the internal hold-out over the run"), ("checked", int, "cases of the internal hold-out")):
        parser.add_argument(f"--{name}", type=kind, metavar="N" if kind is int else "X", help=f"{text}, default {getattr(default, name):g}")
    parser.add_argument("--weights", type=_pairs(float), default={}, metavar="NAME=X,...",
                        help="of the loss: reconstruction .05, diffusion .5, relative 1, overlap 0, contact 0")
    parser.add_argument("--widths", type=_pairs(int), default={}, metavar="NAME=N,...", help="of the network: width, depth, denoiser_width, ...")
    parser.set_defaults(run=train)


def train(args: argparse.Namespace, job: Job) -> dict[str, Any]:
    """Trains until hours or steps are over; what was written and how it did on the internal hold-out."""
    from engines.parallel import Group
    from engines.teeth.train_tadpm import train as run

    given = {name: value for name in OPTIONS if (value := getattr(args, name)) is not None}
    parts = tuple(part.strip() for part in args.parts.split(",") if part.strip())
    request = TeethTrainRequest(args.out, parts=parts, weights=args.weights, widths=args.widths, **given)
    request.check()
    with Group() as group:
        return run(request, job, group)


def _pairs(kind: type) -> Any:
    """Reads NAME=VALUE,NAME=VALUE."""
    def read(text: str) -> dict[str, Any]:
        try:
            return {name.strip(): kind(value) for name, value in (part.split("=") for part in text.split(",") if part.strip())}
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"{text!r} is not NAME={'X' if kind is float else 'N'},...") from error
    return read
