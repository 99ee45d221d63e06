"""vernier sample, run, table, train guidance, evaluate guidance."""

import argparse
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import resources
from engines.guidance import curves
from engines.guidance.curves import PRESETS
from engines.guidance.film import KINDS
from engines.guidance.request import MODES, SAMPLERS, Draw, GuidanceRequest, Sampling, first_mode, unwrap
from engines.job import EngineError, Job

if TYPE_CHECKING:
    from engines.guidance.datasets import ImageSet
    from engines.guidance.engine import GuidanceEngine

DATASETS = {"emoji3d": "emoji", "fashion-mnist": "fashion-mnist"}
DEBIAN = Path("/usr/share/datasets/fashion-mnist")  # where the package dataset-fashion-mnist puts its files
SHEETS = {"emoji3d": "emoji3d_train", "fashion-mnist": "fashion-mnist_reference"}  # all drawings of one, 16 a class of the other
DATASET_HELP = "emoji, fashion-mnist, or a folder whose subfolders are classes"
MODEL_HELP = "emoji3d, fashion-mnist, toy-1d, toy-gauss, toy-bimodal, a .safetensors file, or a diffusers folder"


def add_parsers(subparsers: Any) -> None:
    from app.commands import verbs

    _add_sample(subparsers)
    run = subparsers.add_parser("run", help="run a saved request")
    run.add_argument("request", type=Path, help="a JSON file, or a PNG that carries its request")
    run.add_argument("--out", type=Path, required=True, help="folder for the pictures")
    run.add_argument("--format", choices=("png", "npz"), default="png")
    run.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    _add_film(run)
    run.set_defaults(run=run_request)

    table = subparsers.add_parser("table", help="build a ReCFG table; scales out with torchrun")
    table.add_argument("--model", required=True, help=MODEL_HELP)
    add_data(table)
    table.add_argument("--samples", type=int, default=500, help="draws a class (default 500)")
    table.add_argument("--out", type=Path, required=True)
    table.add_argument("--batch", type=int, default=64)
    table.add_argument("--seed", type=int, default=0)
    table.add_argument("--threads", type=int, default=0, help="0 = as many as there are cores")
    table.set_defaults(run=build_table)

    train = verbs(subparsers, "train").add_parser("guidance", help="train a class-conditional diffusion model; resumes, scales out with torchrun")
    train.add_argument("--dataset", required=True, metavar="NAME|DIR", help=DATASET_HELP)
    train.add_argument("--data", type=Path, help="folder of a data set given by name (README says where to get it)")
    train.add_argument("--out", required=True, help="the .safetensors file to write")
    train.add_argument("--widths", type=_numbers, metavar="W,W,...", help="channels per level (default 64,128; for a folder what fits it and the machine)")
    for name, kind, default in (("embedding", int, 192), ("steps", int, 20_000), ("batch", int, 64)):
        train.add_argument(f"--{name}", type=kind, help=f"default {default}; for a folder what fits it and the machine")
    for name, kind, default in (("blocks", int, 2), ("hours", float, 24.0), ("rate", float, 6e-4), ("seed", int, 0), ("threads", int, 0)):
        train.add_argument(f"--{name}", type=kind, default=default, help=f"default {default}")
    train.add_argument("--size", type=int, default=32, help="pixels a side of a folder's pictures: 28, 32 (default), 48, 64")
    train.add_argument("--mirror", choices=("on", "off"), default="on", help="flip a folder's pictures at random; off keeps writing readable")
    train.add_argument("--sheet", type=Path, metavar="PNG", help="keep a sheet of what the model draws here, written while it trains")
    train.add_argument("--every", type=float, default=5.0, metavar="MINUTES", help="between two sheets (default 5)")
    train.set_defaults(run=train_model)


def add_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dataset", metavar="NAME|DIR", help=f"default: the shipped model's own; {DATASET_HELP}")
    parser.add_argument("--data", type=Path, help="folder of the data set the model was trained on; a table can also be built from the pictures that ship")


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))


def add_sampling(parser: argparse.ArgumentParser) -> None:
    """The options that describe one set of samples, for every command that draws some; `settings_of` reads them."""
    parser.add_argument("--model", default="emoji3d", help=MODEL_HELP)
    parser.add_argument("--table", default="", help="a ReCFG table other than the one beside the model")
    parser.add_argument("--class", dest="label", default="0", metavar="CLASS", help="number or name")
    parser.add_argument("--prompt", default="", help="what a text model is asked for")
    parser.add_argument("--negative", default="", help="what its unconditional branch is asked instead of nothing")
    parser.add_argument("--c", type=float, default=1.5, help="the class of toy-1d, a number")
    parser.add_argument("--blend-with", metavar="CLASS", help="a second class")
    parser.add_argument("--blend", type=float, default=0.5, help="share of the second class (default 0.5)")
    parser.add_argument("--mode", choices=MODES, help="default recfg, calibrated for fashion-mnist; cfg for a diffusers folder without a table")
    parser.add_argument("--gamma1", type=float, default=3.0)
    parser.add_argument("--gamma0", type=float, help="only in mode free; default 1 - gamma1")
    parser.add_argument("--curve1", default="", metavar="RHO:G,...", help="mode curve: gamma1 over the noise level sigma/alpha, as 0.05:3,1:3,1.2:1")
    parser.add_argument("--curve0", default="", metavar="RHO:G,...", help="mode curve: gamma0; default 1 - gamma1")
    parser.add_argument("--preset", choices=PRESETS, help="mode curve: a curve made of gamma1 instead of --curve1 and --curve0")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--sampler", choices=SAMPLERS, help="default dpmpp-2m; euler for flow models, which have heun too; heun, dpm-2: two calls a step")
    parser.add_argument("--guide-below", type=float, default=math.inf, metavar="RHO", help="guide at noise levels sigma/alpha up to this")
    parser.add_argument("--guide-above", type=float, default=0.0, metavar="RHO", help="and above this")
    parser.add_argument("--sharpness", type=float, default=0.0, help="mode calibrated: 0 gives the class's variance back, 1 leaves what guidance took")
    parser.add_argument("--calibration", default="", help="a calibration other than the one beside the model")
    parser.add_argument("--tuned", nargs="?", const="", metavar="FILE",
                        help="ask the network at tuned timesteps: those of a file that `vernier tune` wrote, or those beside the model")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seed-2", type=int, help="another seed to mix with")
    parser.add_argument("--seed-mix", type=float, default=0.5, help="how far to go towards it (default 0.5)")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))


def settings_of(args: argparse.Namespace, engine: "GuidanceEngine", count: int = 16) -> Sampling:
    """What the options of add_sampling ask for."""
    sampler = args.sampler or ("euler" if _is_flow(args.model) else "dpmpp-2m")
    no_table = Path(args.model).is_dir() and not args.table and not engine.beside(args.model, "table").exists()
    blended, mixed = args.blend_with is not None, args.seed_2 is not None
    settings = Sampling(model=args.model, table=args.table, label=class_number(engine, args.model, args.label),
                        label_2=class_number(engine, args.model, args.blend_with) if blended else None, blend=args.blend if blended else 0.0,
                        c=args.c, mode=args.mode or _mode(args, no_table), gamma_1=args.gamma1, gamma_0=args.gamma0, steps=args.steps,
                        sampler=sampler, seed=args.seed, seed_2=args.seed_2, seed_mix=args.seed_mix if mixed else 0.0, count=count,
                        guide_above=args.guide_above, guide_below=args.guide_below, sharpness=args.sharpness, calibration=args.calibration,
                        prompt=args.prompt, negative=args.negative, tuned=args.tuned is not None, tuning=args.tuned or "",
                        curve_1=curves.parse(args.curve1) if args.curve1 else (), curve_0=curves.parse(args.curve0) if args.curve0 else ())
    engine.tuned(settings)  # says now where no schedule fits
    if args.preset is None:
        return settings
    ratio, tuned = engine.rectified(settings) if args.preset == "rectified" else (), engine.tuned_level(settings)
    curve_1, curve_0 = curves.preset(args.preset, args.gamma1, ratio, tuned)
    return replace(settings, mode="curve", curve_1=curve_1, curve_0=curve_0)


def _mode(args: argparse.Namespace, no_table: bool) -> str:
    """The mode where none was named: the one that a named file is for, else what serves the model best."""
    if args.table or args.calibration:
        return "recfg" if args.table else "calibrated"
    return "cfg" if no_table else first_mode(args.model)


def _add_sample(subparsers: Any) -> None:
    parser = subparsers.add_parser("sample", help="draw images, or a toy's points")
    add_sampling(parser)
    parser.add_argument("--count", type=int, default=16)
    parser.add_argument("--out", type=Path, required=True, help="folder for the pictures")
    parser.add_argument("--format", choices=("png", "npz"), default="png")
    _add_film(parser)
    parser.set_defaults(run=sample)


def _add_film(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--film", type=Path, metavar="FILE", help="also write the denoising, step by step: a .gif or .mp4 file, or a folder of PNG")
    parser.add_argument("--film-of", choices=KINDS, default="predicted", help="the picture as the network sees it at each step, or the noisy one")


def sample(args: argparse.Namespace, job: Job) -> dict[str, Any]:
    engine = open_engine(args.device)
    return _drawn(engine, GuidanceRequest(settings_of(args, engine, args.count)), args, job)


def run_request(args: argparse.Namespace, job: Job) -> dict[str, Any]:
    from engines.guidance.picture import read_png_request

    path: Path = args.request
    if path.suffix.lower() == ".png":
        request, _ = read_png_request(path)
    else:
        try:
            values = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise EngineError(f"{path.name} could not be read as a request ({error}).", remedy="Give a JSON request or a PNG that Vernier saved.") from error
        if isinstance(values, dict) and values.get("workspace") == "gan":
            from app.commands.gan import run_saved

            return run_saved(values, args.out, job)
        request = unwrap(values)
    if request.grid is not None:
        from app.commands.grid import draw

        return draw(open_engine(args.device), request, args.out, ("sheet",), job)
    return _drawn(open_engine(args.device), request, args, job)


def open_engine(device: str) -> "GuidanceEngine":
    from engines.device import pick
    from engines.guidance.engine import GuidanceEngine

    return GuidanceEngine(resources.path("weights"), pick(device))


def class_number(engine: "GuidanceEngine", model: str, word: str) -> int:
    """A class by number or name. EngineError when the model has none of that name."""
    if word.isdigit():
        return int(word)
    names = [] if model.startswith("toy-") else list(engine.model(model).classes)
    if word not in names:
        raise EngineError(f"{model} has no class {word!r}.", remedy=f"Its classes are {', '.join(names) or 'numbers'}.")
    return names.index(word)


def _is_flow(model: str) -> bool:
    from engines.guidance.pipeline_folder import read

    return Path(model).is_dir() and read(Path(model)).prediction == "flow"


def _drawn(engine: "GuidanceEngine", request: GuidanceRequest, args: argparse.Namespace, job: Job) -> dict[str, Any]:
    from engines.guidance.film import form_of
    from engines.guidance.picture import save_side
    from engines.guidance.request import wrap
    from widgets import tokens
    from widgets.guidance.films import check_film, film_of
    from widgets.guidance.words import inks

    if args.film is not None:
        form_of(args.film)
        check_film(request)
    outcome = engine.run(Draw(request, film=args.film is not None), job)
    files: list[str] = []
    if args.film is not None:
        files += film_of(outcome, args.film, args.film_of, inks=inks(tokens.LIGHT)).carry_out(engine, job)
    for letter, side in zip("AB", outcome.sides, strict=False):
        files += save_side(side, args.out / letter if len(outcome.sides) > 1 else args.out, args.format)
    notes = [note for side in outcome.sides for note in side.notes]
    toys = [_toy_numbers(side) for side in outcome.sides if side.toy]
    return {"request": wrap(request), "seconds": round(sum(side.seconds for side in outcome.sides), 4),
            "nfe": sum(side.nfe for side in outcome.sides), "files": files} | ({"toy": toys} if toys else {}) | ({"notes": notes} if notes else {})


def _toy_numbers(side: Any) -> dict[str, Any]:
    toy = side.toy
    return {"mean": toy.mean.tolist(), "true_mean": toy.true_mean.tolist(), "shift": toy.shift, "variance": toy.variance,
            "variance_ratio": toy.variance_ratio, "finite_t": toy.finite_t, "limit": toy.limit}


def dataset(args: argparse.Namespace) -> str:
    name = args.dataset or DATASETS.get(args.model)
    if name is None:
        raise EngineError(f"It is not known which data {args.model} was trained on.", remedy="Say so with --dataset: emoji, fashion-mnist or a folder.")
    return name


def images(args: argparse.Namespace, name: str, renderings: int = 1, job: Job | None = None) -> "ImageSet":
    """The data set in --data, where Debian's package puts it, the pictures of a shipped model, or those of a folder of one's own."""
    from engines.guidance import datasets, references

    if datasets.is_own(name):
        return _own_images(args, name, job)
    folder = folder_of(args, name)
    if folder is not None:
        return datasets.load(name, folder, renderings)
    if args.model not in SHEETS:
        raise EngineError(f"It is not known where the data of {args.model} lie.", remedy="Give their folder with --data.")
    return references.as_image_set(references.read_sheet(resources.path("samples", SHEETS[args.model])), name)


def _own_images(args: argparse.Namespace, name: str, job: Job | None) -> "ImageSet":
    """A folder's pictures in the size and the colours of the model that was trained on them."""
    from engines.guidance import datasets, folders
    from engines.weights import read_header

    path = resources.path("weights", f"{args.model}.safetensors") if args.model in DATASETS else Path(args.model)
    try:
        config = json.loads(read_header(path)["vernier"])["config"]
        size, channels = config["image_size"], config["image_channels"]
    except (KeyError, ValueError, TypeError) as error:
        raise EngineError(f"{path.name} is not a Vernier diffusion model.", remedy="Train one: vernier train guidance.") from error
    return folders.load_folder(datasets.folder_of(name), size, job=job, channels=channels)


def folder_of(args: argparse.Namespace, name: str) -> Path | None:
    return args.data or (DEBIAN if name == "fashion-mnist" and DEBIAN.is_dir() else None)


def build_table(args: argparse.Namespace, job: Job) -> dict[str, Any]:
    import torch

    from engines.guidance import pipeline_data, sources, tables
    from engines.parallel import Group

    if args.threads:
        torch.set_num_threads(args.threads)
    if args.samples < 1 or args.batch < 1:
        raise EngineError("--samples and --batch must be at least 1.", remedy="Use 500 and 64.")
    folder = None
    if Path(args.model).is_dir():
        folder = args.data or (args.dataset and Path(args.dataset))
        if not folder:
            raise EngineError("A table needs pictures.", remedy="Give --data a folder with one subfolder of pictures for each class or prompt.")
    with Group() as group:
        model = sources.open_model(args.model, resources.path("weights"), group.device)
        data = pipeline_data.load(folder, model.pixels, args.samples, job) if folder else images(args, dataset(args), job=job)
        return tables.build(model, data, args.samples, args.out, job, group, args.batch, args.seed) | {"images": len(data.labels)}


def train_model(args: argparse.Namespace, job: Job) -> dict[str, Any]:
    import torch

    from engines.guidance import datasets, folders
    from engines.guidance.train import train
    from engines.guidance.training import Live, TrainRequest, suggested
    from engines.parallel import Group

    if datasets.is_own(args.dataset):
        folder = datasets.folder_of(args.dataset)
        defaults = suggested(folders.look(folder, job).count, args.size, torch.cuda.is_available())
        name = str(folder)
    else:
        folder, name, defaults = folder_of(args, args.dataset), args.dataset, {}
    if folder is None:
        raise EngineError("Training data do not ship with Vernier.", remedy="Get them as README says, and give their folder with --data.")
    if not args.every > 0:
        raise EngineError(f"--every is {args.every:g}.", remedy="It must be above zero.")
    chosen = {key: value for key in ("widths", "blocks", "embedding", "steps", "hours", "batch", "rate", "seed", "threads", "size")
              if (value := getattr(args, key)) is not None}
    request = TrainRequest(**defaults | chosen | {"dataset": name, "data": str(folder), "out": args.out, "mirror": args.mirror == "on"})
    live = Live(seconds=60 * args.every, sheet=args.sheet) if args.sheet else None
    with Group() as group:
        return train(request, job, group, live) | ({"sheet": str(args.sheet)} if args.sheet else {})
