"""vernier train face: the network that makes a face speak, on rendered heads and synthetic speech."""

import argparse
from typing import Any

from engines.face.face_training import SIZES, FaceTrainRequest
from engines.job import Job

OPTIONS = ("quality", "hours", "steps", "batch", "rate", "warmup", "seed", "threads", "workers", "heads", "held", "speech", "hearing", "adversarial", "checks")


def add_parsers(subparsers: Any) -> None:
    from app.commands import verbs

    default = FaceTrainRequest("", "", "")
    parser = verbs(subparsers, "train").add_parser("face", help="train the network that makes a face speak; resumes, scales out with torchrun")
    parser.add_argument("--head", required=True, metavar="FILE", help="the morphable head, ict_facekit_light.npz")
    parser.add_argument("--out", required=True, metavar="FILE", help="the .safetensors file to write; its checkpoint FILE.state lies beside it")
    parser.add_argument("--cache", metavar="DIR", help="folder for speech and rendered heads, made where missing; default in Vernier's cache")
    parser.add_argument("--quality", choices=SIZES, help="fast: 128 pixels (default), fine: 256")
    parser.add_argument("--without-dck", action="store_true", help="the ablation: sound concatenated, no dynamic kernels")
    parser.add_argument("--hours", type=float, metavar="H", help=f"the training ends then, default {default.hours:g}")
    parser.add_argument("--steps", type=int, metavar="N", help="or after so many steps, whichever comes first")
    for name, kind, text in (("batch", int, "pairs a step, each trained both ways"), ("rate", float, "learning rate"),
                             ("warmup", int, "steps over which the rate rises"), ("seed", int, "of everything that is drawn"),
                             ("threads", int, "0 = as torch chooses"), ("workers", int, "processes that render heads"),
                             ("heads", int, "that are trained on"), ("held", int, "heads of the hold-out"), ("speech", float, "hours of it to make"),
                             ("hearing", float, "share of the run, at its start, in which the audio encoder learns alone"),
                             ("adversarial", float, "share of the run, at its end, with the discriminator"), ("checks", int, "looks at the hold-out")):
        parser.add_argument(f"--{name}", type=kind, metavar="N" if kind is int else "X", help=f"{text}, default {getattr(default, name):g}")
    parser.set_defaults(run=train)


def train(args: argparse.Namespace, job: Job) -> dict[str, Any]:
    """Trains until hours or steps are over; what was written and how it did on held-out identities and voices."""
    from app.settings import cache

    given = {name: value for name in OPTIONS if (value := getattr(args, name)) is not None}
    request = FaceTrainRequest(args.head, args.out, args.cache or str(cache() / "face"), dynamic=not args.without_dck, **given)
    request.check()
    from engines.face.train_face import train as run
    from engines.parallel import Group

    with Group() as group:
        return run(request, job, group)
