"""vernier train gan, vernier evaluate gan, vernier bench gan: the two-dimensional GAN lab without a window."""

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from engines.gan.request import DATA, FREQ_SCHEDULES, GRADIENTS, LAM_SCHEDULES, REACHES, GanRequest, Smart, unwrap, wrap
from engines.gan.seeds import FRESH, Table, train_seed
from engines.job import EngineError, Job

DEFAULT, SMART = GanRequest(), Smart()
PAPER = Smart(freq=8)  # lambda 0.1, timesteps 25 to 35, every 8th step: the row of most of the paper's data sets
EVERY_STEP = Smart(freq=1)


def add_parsers(subparsers: Any) -> None:
    from app.commands import verbs

    train = verbs(subparsers, "train").add_parser("gan", help="train toy generators, plain and with score matching regularity; resumes")
    _add_training(train)
    train.add_argument("--smart", choices=("on", "off"), default="on", help="on (default): a plain generator and one with SMaRt beside it; off: plain alone")
    train.add_argument("--seeds", type=_whole_numbers, default=(0,), metavar="N,N,...", help="default 0")
    train.add_argument("--out", type=Path, required=True, metavar="DIR", help="gets a checkpoint and the curves of every seed, and the table")
    train.set_defaults(run=train_gan)

    evaluate = verbs(subparsers, "evaluate").add_parser("gan", help="plain, the paper's setting, every step, and yours over fresh seeds: mean and spread")
    _add_training(evaluate)
    evaluate.add_argument("--seeds", type=_whole_numbers, default=FRESH, metavar="N,N,...", help=f"default {','.join(map(str, FRESH))}")
    evaluate.add_argument("--out", type=Path, metavar="DIR", help="keeps checkpoints there, so that it resumes, and table.csv")
    evaluate.set_defaults(run=evaluate_gan)

    bench = verbs(subparsers, "bench").add_parser("gan", help="time of a training step and of a picture")
    bench.add_argument("--data", choices=DATA[:-1], default=DEFAULT.data)
    bench.add_argument("--steps", type=int, default=300, help="measured of each way, default 300")
    bench.set_defaults(run=bench_gan)


def _add_training(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", default=DEFAULT.data, metavar="NAME|FILE.csv", help=f"{', '.join(DATA[:-1])}, or points of one's own: two columns")
    parser.add_argument("--lambda", dest="lam", type=float, default=SMART.lam, metavar="L", help=f"weight of L_score, default {SMART.lam:g}")
    parser.add_argument("--sigma", type=_pair, default=(SMART.sigma_low, SMART.sigma_high), metavar="A,B",
                        help=f"noise interval, default {SMART.sigma_low:g},{SMART.sigma_high:g} (timesteps 25 to 35)")
    parser.add_argument("--freq", type=int, default=SMART.freq, metavar="N", help=f"every N-th step is regularised, default {SMART.freq}; the paper uses 8")
    parser.add_argument("--gradient", choices=GRADIENTS, default=SMART.gradient, help="full (the paper), or stop: the score's Jacobian left out, to compare")
    for name, words, text in (("lam-schedule", LAM_SCHEDULES, "lambda over the run"), ("freq-schedule", FREQ_SCHEDULES, "freq over the run"),
                              ("reach", REACHES, "which samples are pulled: all, or off: those harder to denoise than real ones")):
        parser.add_argument(f"--{name}", choices=words, default=words[0], help=f"{text}; default {words[0]}, the paper's")
    parser.add_argument("--limit", type=float, default=SMART.limit, metavar="X",
                        help="no sample is pulled harder than X times the discriminator's median push; 0, the default and the paper's: no limit")
    parser.add_argument("--balance", type=float, default=SMART.balance, metavar="X", help="0: all modes pull alike; 1: full ones less, empty ones more")
    for name, text in (("steps", "of a run"), ("batch", "samples a step")):
        parser.add_argument(f"--{name}", type=int, default=getattr(DEFAULT, name), metavar="N", help=f"{text}, default {getattr(DEFAULT, name)}")
    for name, text in (("rate-g", "the generator's learning rate"), ("rate-d", "the discriminator's"), ("r1", "gradient penalty")):
        value = getattr(DEFAULT, name.replace("-", "_"))
        parser.add_argument(f"--{name}", type=float, default=value, metavar="X", help=f"{text}, default {value:g}")


def _pair(text: str) -> tuple[float, float]:
    low, high = (float(part) for part in text.split(","))
    return low, high


def _whole_numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))


def request_of(args: argparse.Namespace) -> GanRequest:
    """The request of a command line. EngineError on values that cannot be."""
    data, drawing = args.data, ()
    if data not in DATA[:-1]:
        if Path(data).suffix.lower() != ".csv":
            raise EngineError(f"There are no points named {data!r}.", remedy=f"Use {', '.join(DATA[:-1])}, or the name of a .csv file.")
        from engines.gan.drawing import read_points

        data, drawing = "drawing", read_points(Path(data))
    smart = Smart(args.lam, *args.sigma, args.freq, args.gradient, args.lam_schedule, args.freq_schedule, args.reach, args.limit, args.balance)
    return GanRequest(data, drawing, args.seeds[0], args.batch, args.steps, args.rate_g, args.rate_d, args.r1, getattr(args, "smart", "on") == "on", smart)


def train_gan(args: argparse.Namespace, job: Job) -> dict[str, Any]:
    """Trains every seed into --out; the table."""
    return _trained(request_of(args), args.seeds, args.out, job)


def run_saved(values: dict[str, Any], out: Path, job: Job) -> dict[str, Any]:
    """A saved request, trained into `out`: `vernier run` and result.json's "request"."""
    request = unwrap(values)
    return _trained(request, (request.seed,), out, job)


def _trained(request: GanRequest, seeds: tuple[int, ...], out: Path, job: Job) -> dict[str, Any]:
    results, arms = [], ("plain",)
    for k, seed in enumerate(seeds):
        result, lab = train_seed(replace(request, seed=seed), job, file=out / f"seed-{seed}.safetensors", done=k, total=len(seeds))
        arms = lab.run.names
        _write(out / f"seed-{seed}.curves.csv", _curves(lab))
        results.append(result)
    table = Table(arms, tuple(results))
    told = {"request": wrap(request), **table.to_dict()}
    _write(out / "table.csv", table.csv())
    _write(out / "result.json", json.dumps(told, indent=1))
    _say(table, job)
    return told | {"out": str(out)}


def evaluate_gan(args: argparse.Namespace, job: Job) -> dict[str, Any]:
    """Plain, the paper's setting, the same at every step and the given one, trained beside one another on each seed."""
    request, results = request_of(args), []
    arms = {"plain": None, "paper": PAPER, "freq 1": EVERY_STEP} | ({} if request.smart in (PAPER, EVERY_STEP) else {"given": request.smart})
    for k, seed in enumerate(args.seeds):
        file = args.out and args.out / f"seed-{seed}.safetensors"
        result, _ = train_seed(replace(request, seed=seed), job, tuple(arms.values()), file, done=k, total=len(args.seeds))
        results.append(result)
    table = Table(tuple(arms), tuple(results))
    if args.out:
        _write(args.out / "table.csv", table.csv())
    _say(table, job)
    return {"request": wrap(request), **table.to_dict()}


def bench_gan(args: argparse.Namespace, job: Job) -> dict[str, Any]:
    if args.steps < 1:
        raise EngineError("--steps must be at least 1.", remedy="300 give a steady number.")
    from engines.gan.bench import measure

    return measure(args.steps, args.data, job)


def _say(table: Table, job: Job) -> None:
    job.tell("end", ())
    sys.stderr.write(table.text() + "\n")


def _curves(lab: Any) -> str:
    """Every look at every arm as CSV."""
    names = list(lab.run.history[0][0].to_dict())
    lines = [",".join(["arm", *names])]
    for arm, past in zip(lab.run.names, lab.run.history, strict=True):
        lines += [",".join([arm, *map(str, look.to_dict().values())]) for look in past]
    return "\n".join(lines) + "\n"


def _write(path: Path, text: str) -> None:
    from engines.guidance.picture import write_whole

    write_whole(path, lambda file: file.write(text.encode()))
