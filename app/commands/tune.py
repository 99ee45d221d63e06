"""vernier tune: a better timestep for every network call of a few-step sampler (TimeTuner)."""

import argparse
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import resources
from app.commands.guidance import MODEL_HELP, class_number
from engines.guidance.request import SAMPLERS
from engines.guidance.tune_request import MODES, OBJECTIVES, TRAININGS, TuneRequest
from engines.job import EngineError, Job


def add_parsers(subparsers: Any) -> None:
    parser = subparsers.add_parser("tune", help="tune the timesteps of few-step sampling; resumes, scales out with torchrun")
    parser.add_argument("--model", required=True, help=MODEL_HELP)
    parser.add_argument("--sampler", dest="samplers", type=_words, default=("ddim", "euler", "dpmpp-2m"), metavar="S,S,...",
                        help=f"of {', '.join(SAMPLERS)} (default ddim,euler,dpmpp-2m)")
    parser.add_argument("--steps", type=_ints, default=(5, 8, 10, 20), metavar="N,N,...", help="default 5,8,10,20")
    parser.add_argument("--class", dest="classes", type=_words, default=("all",), metavar="all|C,C,...",
                        help="one schedule for all classes (default), or one each for classes by number or name")
    parser.add_argument("--prompt", default="", help="of a text model: what its schedule is tuned on")
    parser.add_argument("--gamma1", dest="strengths", type=_floats, default=(3.0,), metavar="G,G,...", help="guidance strengths (default 3)")
    parser.add_argument("--mode", choices=MODES, default="cfg", help="the guidance in use (default cfg)")
    parser.add_argument("--table", default="", help="a ReCFG table other than the one beside the model")
    parser.add_argument("--objective", choices=OBJECTIVES, default="endpoint",
                        help="what is to match: the finished sample, all steps together (endpoint, default: it wins on our models), each step a fine step of "
                             "the model (teacher), the fine path from the same noise (trajectory); or the paper's own loss, its ratios held in 0.9 to 1.1 "
                             "(paper) or not (paper-unbounded)")
    parser.add_argument("--training", choices=TRAININGS, default="sequential",
                        help="states from the steps tuned before (default), or from the model's samples put back under noise")
    parser.add_argument("--draws", type=int, default=24, help="noises to train on, half as many more are held out (default 24)")
    parser.add_argument("--iterations", type=int, default=500, help="of Adam, for the paper's objectives (default 500); 0 = a search")
    parser.add_argument("--out", type=Path, required=True, help="JSON file; what it holds of the model already stays")
    parser.add_argument("--threads", type=int, default=0, help="0 = as many as there are cores")
    parser.set_defaults(run=tune_model)


def _words(text: str) -> tuple[str, ...]:
    return tuple(part for part in text.split(",") if part)


def _ints(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))


def _floats(text: str) -> tuple[float, ...]:
    return tuple(float(part) for part in text.split(","))


def tune_model(args: argparse.Namespace, job: Job) -> dict[str, Any]:
    import torch

    from engines.guidance.engine import GuidanceEngine
    from engines.guidance.tuning import build
    from engines.parallel import Group

    if args.threads:
        torch.set_num_threads(args.threads)
    with ExitStack() as stack:
        group = stack.enter_context(Group())
        engine = GuidanceEngine(resources.path("weights"), group.device)
        if args.classes == ("all",):
            labels: tuple[int | None, ...] = (None,)
        elif "all" in args.classes:
            raise EngineError("--class is all or a list of classes, not both.", remedy="Tune all first, then single classes into the same file.")
        else:
            labels = tuple(class_number(engine, args.model, word) for word in args.classes)
        request = TuneRequest(args.model, args.samplers, args.steps, labels, args.strengths, args.mode, args.objective, args.training, args.draws,
                              args.iterations, args.prompt, args.table)
        return build(engine, request, args.out, job, group)
