"""vernier teeth generate | inspect: a made dentition as files; what is in a case."""

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from engines.job import EngineError, Job
from engines.teeth.request import NUMBERINGS, SAMPLE, UNITS

CLASSES, BITES, FORMATS = ("I", "II", "III"), ("normal", "deep", "open"), ("stl", "ply", "obj")


def add_parsers(subparsers: Any) -> None:
    parser = subparsers.add_parser("teeth", help="dental cases")
    parser.set_defaults(verbs=parser.add_subparsers(metavar="VERB", required=True))
    made = verb(subparsers, "generate", "make a dentition: teeth, gums, start and aligned poses")
    made.add_argument("--seed", type=int, metavar="N", help="default 0, or the preset's")
    add_folder(made)
    made.add_argument("--preset", metavar="NAME", help="crowding, diastema, class-ii, class-iii, deep-bite or open-bite; the options below change it")
    made.add_argument("--class", dest="molar_class", choices=CLASSES, help="of the molars; what is not given is drawn as often as it occurs")
    made.add_argument("--crowding", type=float, metavar="MM", help="in each jaw, 0 to 12")
    made.add_argument("--spacing", type=float, metavar="MM", help="in each jaw, 0 to 12")
    made.add_argument("--diastema", type=float, metavar="MM", help="between the upper central incisors, 0 to 5")
    made.add_argument("--severity", type=float, metavar="S", help="how far single teeth stand off, 0 to 1.5; 1 as measured on patients, 0.5 mild")
    made.add_argument("--bite", choices=BITES, help="of the front teeth; otherwise drawn")
    made.add_argument("--crossbite", action="store_true", default=None, help="with a crossbite; otherwise drawn")
    made.add_argument("--third-molars", action="store_true", help="32 teeth instead of 28")
    made.add_argument("--roots", action="store_true", help="closed teeth with roots; otherwise crowns open at the neck")
    made.add_argument("--format", choices=FORMATS, default="stl", help="of the meshes, default stl")
    made.add_argument("--numbering", choices=NUMBERINGS, default="fdi", help="in the names of the files, default fdi")
    made.set_defaults(run=generate)
    seen = verb(subparsers, "inspect", "show what is in a case: jaws, teeth, numbering, units, axes, and what is in doubt")
    add_case(seen)
    seen.set_defaults(run=inspect)


def verb(subparsers: Any, name: str, what: str) -> argparse.ArgumentParser:
    """The parser of `vernier teeth NAME`."""
    return subparsers.choices["teeth"].get_default("verbs").add_parser(name, help=what, description=f"{what[:1].upper()}{what[1:]}.")


def add_case(parser: argparse.ArgumentParser) -> None:
    """CASE and how to read it."""
    parser.add_argument("case", type=Path, metavar="CASE", help=f"a folder, an archive or a mesh file, or {SAMPLE}NAME for a case that ships")
    parser.add_argument("--numbering", choices=NUMBERINGS, help="of the teeth in the files; otherwise found out")
    parser.add_argument("--units", choices=UNITS, help="of the files; otherwise found out")
    parser.add_argument("--orientation", type=float, nargs=16, metavar="X", help="4 x 4 row by row, the files' axes in mm to the world's; otherwise found out")


def add_plan(parser: argparse.ArgumentParser, without: str = "") -> None:
    """PLAN, or --plan where the verb also works without one."""
    what = "a plan of the case (JSON) that Vernier or another program wrote, or a saved Teeth request"
    parser.add_argument("--plan" if without else "plan", type=Path, metavar="PLAN", help=f"{what}; otherwise {without}" if without else what)


def add_folder(parser: argparse.ArgumentParser) -> None:
    """--out DIR of the verbs that write many files."""
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="a folder that is empty or not there yet")


def add_tolerance(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--tolerance-mm", type=float, default=.1, metavar="X", help="overlap of neighbours that counts as contact, 0 to 1, default 0.1")


def tolerance_mm(args: argparse.Namespace) -> float:
    """EngineError out of range."""
    if not 0 <= args.tolerance_mm <= 1:
        raise EngineError("tolerance_mm is from 0 to 1.", "Choose an overlap that neighbours may have.")
    return args.tolerance_mm


def open_case(args: argparse.Namespace, job: Job, case: Path | None = None) -> Any:
    """The case that add_case's options name, or another one read by the same options."""
    from engines.teeth import opening, samples

    path = case or args.case
    if str(path).startswith(SAMPLE):
        import resources

        return samples.load(str(path).removeprefix(SAMPLE), resources.path("samples/teeth"))
    return opening.open_case(path, args.numbering, args.units, args.orientation, job)


def inspect(args: argparse.Namespace, job: Job) -> dict[str, Any]:
    """The case in numbers and words."""
    from engines.teeth import opening

    return opening.describe(open_case(args, job))


def generate(args: argparse.Namespace, job: Job) -> dict[str, Any]:
    """Writes the start as meshes in world axes and everything else into case.json; a summary."""
    from engines.teeth import dentition, fdi, mesh_files

    try:
        wish = dentition.preset(args.preset) if args.preset else dentition.Wish()
        given = {"seed": args.seed, "molar_class": args.molar_class, "crowding_mm": args.crowding, "spacing_mm": args.spacing,
                 "diastema_mm": args.diastema, "severity": args.severity, "bite": args.bite,
                 "crossbite": args.crossbite, "third_molars": args.third_molars or None, "base": "root" if args.roots else None}
        wish = replace(wish, **{name: value for name, value in given.items() if value is not None})
    except ValueError as error:
        raise EngineError(f"This dentition cannot be made: {error}.", "Change the options; `vernier teeth generate --help` lists them.") from error
    if args.out.exists() and (not args.out.is_dir() or any(args.out.iterdir())):
        raise EngineError(f"{args.out} is not an empty folder.", "Name a folder that is empty or not there yet.")
    made = dentition.generate(wish)
    try:
        args.out.mkdir(parents=True, exist_ok=True)
        files = {}
        for k, (number, tooth) in enumerate(made.teeth.items()):
            job.progress(k, len(made.teeth) + 2, fdi.name(number))
            name = fdi.to_universal(number) if args.numbering == "universal" else str(number)
            files[number] = f"{name}.{args.format}"
            mesh_files.write(tooth.crown.mesh.moved(tooth.start), args.out / files[number])
        gums = {"upper": f"gum_upper.{args.format}", "lower": f"gum_lower.{args.format}"}
        mesh_files.write(made.upper_gum, args.out / gums["upper"])
        mesh_files.write(made.lower_gum, args.out / gums["lower"])
        teeth = {str(number): {"file": files[number], "start": tooth.start.tolist(), "aligned": tooth.aligned.tolist(),
                               "landmarks": {key: value.tolist() for key, value in tooth.crown.landmarks.items()}} for number, tooth in made.teeth.items()}
        case = {"vernier": 1, "generator": dentition.GENERATOR, "seed": wish.seed, "units": "mm", "numbering": args.numbering,
                "axes": {"x": "patient's left", "y": "back", "z": "up"}, "meshes": "start, world axes", "facts": made.facts, "gums": gums, "teeth": teeth}
        beside = args.out / "case.json.part"
        beside.write_text(json.dumps(case), "utf-8")
        beside.replace(args.out / "case.json")
    except OSError as error:
        raise EngineError(f"{args.out} could not be written: {error.strerror}.", "Name a folder that can be written to.") from error
    return {"out": str(args.out), "generator": dentition.GENERATOR, "seed": wish.seed, "teeth": len(files),
            "files": [*files.values(), *gums.values(), "case.json"],
            "start": made.facts["start"], "aligned": made.facts["aligned"]}
