"""A plan as files: models and teeth of every stage, movements, the plan, pictures, a film and a report.

    plan.json  movements.csv  stages.json  report.pdf  treatment.mp4         plans/stage_03.json ...  every stage as a plan of its own
    views/start_front.png ...          models/stage_03_upper.stl ...  closed solids, gum and base
    teeth/stage_03/11.stl ...          final/11.stl, final/gum_upper.stl ...  the setup

Meshes are in world axes (x patient's left, y backwards, z up), mm; plan.json says how the input's axes lie in them. The folder appears whole or not at all.
"""

import csv
import io
import json
import os
import shutil
from dataclasses import asdict, astuple, dataclass, fields, replace
from datetime import date
from pathlib import Path
from typing import Any

from engines.job import EngineError, Job
from engines.teeth import mesh_files, plan_files
from engines.teeth.case import JAWS, Case
from engines.teeth.gum_follow import GumFollow
from engines.teeth.look import NOTE
from engines.teeth.models import BASES, JawModels
from engines.teeth.moves import Move
from engines.teeth.reduction import applied
from engines.teeth.request import Limits, Patient, Plan
from engines.teeth.stages import Staging

PARTS = ("plan", "movements", "models", "teeth", "final", "views", "film", "report")
SIGNS = ("mesial, buccal, extrusion (towards the occlusal plane) in mm; tip + = crown mesial, torque + = crown labial, "
         "rotation + = mesial side towards the lip, in degrees; tooth's own axes; from the start, not from the stage before")
PICTURE = (960, 680)


@dataclass(frozen=True)
class Export:
    """What is written. patient None = anonymous: no name, no notes, no file names, no name of case or plan. today: as it shall stand in the report."""

    parts: tuple[str, ...] = PARTS
    base: str = "gum"
    patient: Patient | None = None
    today: str = ""

    def __post_init__(self) -> None:
        if self.base not in BASES or set(self.parts) - set(PARTS):
            raise ValueError(f"a base is {' or '.join(BASES)}; parts are {', '.join(PARTS)}")


def export(case: Case, plan: Plan, staging: Staging, limits: Limits, out: Path, what: Export | None = None, job: Job | None = None) -> dict[str, Any]:
    """Writes the folder `out`, which must be empty or not there yet; the files and what is to be known of them.

    case: as it was opened; the plan's interproximal reduction is cut here, out of every mesh and picture.

    EngineError where it cannot be written; after that, and after Cancelled, nothing of it is left.
    """
    what, job = what or Export(), job or Job()
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise EngineError(f"{out} is not an empty folder.", "Name a folder that is empty or not there yet.")
    if not case.teeth:
        raise EngineError("This case has no teeth to export.", "Segment the scan first, or open a case with teeth.")
    if what.patient is None:
        case, plan = anonymous(case, plan)
    beside = out.parent / f".{out.name}.part-{os.getpid()}"
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        beside.mkdir()
        notices = _Writer(case, applied(case, plan.reductions), plan, staging, limits, what, job, beside).all()
        files = sorted(str(path.relative_to(beside).as_posix()) for path in beside.rglob("*") if path.is_file())
        if out.exists():
            out.rmdir()
        beside.rename(out)
    except OSError as error:
        raise EngineError(f"{out} could not be written: {error.strerror or error}.", "Name a folder that can be written to and has room.") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return {"out": str(out), "anonymous": what.patient is None, "stages": staging.count, "files": files, "notices": notices}


def anonymous(case: Case, plan: Plan) -> tuple[Case, Plan]:
    """The same without names that a person chose: of the case, its files and the plan."""
    hashes = {f"input-{k}{Path(file).suffix.lower()}": digest for k, (file, digest) in enumerate(sorted(case.hashes.items()), start=1)}
    teeth = {number: replace(tooth, source="") for number, tooth in case.teeth.items()}
    return replace(case, name="anonymous", teeth=teeth, hashes=hashes, notices=(), questions=()), replace(plan, name="Plan")


def movements_csv(staging: Staging) -> str:
    """The six numbers of every tooth at every stage; signs and units in the head, lines that begin with # are no data."""
    text = io.StringIO()
    text.write(f"# {NOTE}\n# {SIGNS}\n")
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(["stage", "tooth", *(f"{entry.name}_{'mm' if k < 3 else 'deg'}" for k, entry in enumerate(fields(Move)))])
    for k, step in enumerate(staging.steps):
        for number, move in step.items():
            lines.writerow([k, number, *(f"{value + 0.0:.4f}" for value in astuple(move))])
    return text.getvalue()


@dataclass(eq=False)
class _Writer:
    start: Case  # with its crowns as they are
    case: Case  # with reduced crowns
    plan: Plan
    staging: Staging
    limits: Limits
    what: Export
    job: Job
    folder: Path

    def all(self) -> list[str]:
        """Writes every part; notices about them."""
        notices: list[str] = []
        for part in PARTS:
            if part in self.what.parts:
                told = getattr(self, f"_{part}")()
                notices += told or []
        return notices

    def _poses(self, stage: int) -> dict:
        return self.staging.poses(self.case, stage)

    def _plan(self) -> None:
        values = plan_files.encode(self.case, self._poses(self.staging.count), asdict(self.plan))
        if self.what.patient is not None:
            values["patient"] = asdict(self.what.patient)
        self._text("plan.json", json.dumps(values, indent=1))
        self._made("plans")
        for k in range(self.staging.count + 1):
            self._text(f"plans/stage_{k:02d}.json", json.dumps(plan_files.encode(self.case, self._poses(k)), indent=1))
        self._text("stages.json", json.dumps({"note": NOTE, "limits": asdict(self.limits), **self.staging.to_dict()}, indent=1))

    def _movements(self) -> None:
        self._text("movements.csv", movements_csv(self.staging))

    def _models(self) -> list[str]:
        notices, (folder, end) = [], (self._made("models"), self._poses(self.staging.count))
        jaws = [which for which in JAWS if self.case.of(which)]
        for which in jaws:
            made, last = JawModels(self.case, which, end, self.what.base), None
            for k, step in enumerate(self.staging.steps):
                self.job.progress(k, self.staging.count + 1, f"models, {which} jaw, stage {k}")
                row = {number: move for number, move in step.items() if number in self.case.of(which)}
                path = folder / f"stage_{k:02d}_{which}.stl"
                if last is not None and row == last[0]:
                    shutil.copyfile(last[1], path)
                    continue
                model = made.at(self._poses(k))
                mesh_files.write(model.mesh, path)
                last = (row, path)
                if not model.exact:
                    notices.append(f"The model of the {which} jaw at stage {k} was built of voxels, because its scan could not be cut exactly.")
        return notices

    def _teeth(self) -> None:
        for k in range(self.staging.count + 1):
            self.job.progress(k, self.staging.count + 1, f"teeth, stage {k}")
            folder = self._made(f"teeth/stage_{k:02d}")
            for number, pose in self._poses(k).items():
                mesh_files.write(self.case.teeth[number].mesh.moved(pose), folder / f"{number}.stl")

    def _final(self) -> None:
        folder, poses = self._made("final"), self._poses(self.staging.count)
        for number, pose in poses.items():
            mesh_files.write(self.case.teeth[number].mesh.moved(pose), folder / f"{number}.stl")
        for which, gum in self.case.gums.items():
            if len(gum.faces):
                mesh_files.write(GumFollow(gum, self.case.of(which)).moved(poses), folder / f"gum_{which}.stl")

    def _views(self) -> None:
        folder = self._made("views")
        for (when, view), picture in self._pictures().items():
            self._picture(folder / f"{when}_{view}.png", picture)

    def _pictures(self) -> dict:
        from engines.teeth.rendering import Pictures, Scene, views_of

        if not hasattr(self, "_drawn"):
            made, scene, views = {}, Scene(self.case), views_of(self.case)
            with Pictures(PICTURE) as pictures:
                for when, stage in (("start", 0), ("planned", self.staging.count)):
                    bodies = scene.bodies(self._poses(stage))
                    for view in views:
                        self.job.progress(len(made), 2 * len(views), f"{when}, {view}")
                        made[when, view] = pictures.draw(bodies, view)
            self._drawn = made
        return self._drawn

    def _picture(self, path: Path, picture: Any) -> None:
        from PIL import Image

        Image.fromarray(picture).save(path)

    def _film(self) -> list[str]:
        from engines.teeth import film

        if not self.staging.count:
            return ["There is no film: no tooth moves."]
        film.write(self.case, self.staging, self.folder / "treatment.mp4", self.job)
        return []

    def _report(self) -> None:
        from engines.teeth import report
        from engines.teeth.measures import measure

        self.job.progress(0, 1, "report")
        before, planned = (measure(self.start, self._poses(stage), taken) for stage, taken in ((0, ()), (self.staging.count, self.plan.reductions)))
        files = tuple(f"{file} (sha256 {digest[:12]})" for file, digest in self.case.hashes.items())
        content = report.Content(self.case, self.plan, self.staging, self.limits, self.what.today or date.today().isoformat(), self._pictures(), before,
                                 planned, self.what.patient, files)
        report.write(content, self.folder / "report.pdf")

    def _made(self, name: str) -> Path:
        folder = self.folder / name
        folder.mkdir(parents=True)
        return folder

    def _text(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text + "\n" if not text.endswith("\n") else text, "utf-8")
