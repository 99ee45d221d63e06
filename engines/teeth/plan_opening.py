"""A plan file as the program works with it: the Plan with its spans, locks and notes where Vernier wrote them, the movements of its matrices else."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from engines.job import EngineError
from engines.teeth import plan_files, request
from engines.teeth.case import Case
from engines.teeth.moves import Move
from engines.teeth.poses import moves_of, poses_of
from engines.teeth.request import Limits, Patient, Plan, TeethRequest

SAME = 1e-6  # mm and parts of a rotation: matrices that differ by more than this from the plan beside them were changed by another hand, and count


@dataclass(frozen=True)
class OpenedPlan:
    """limits: None where the file names none."""

    plan: Plan
    limits: Limits | None = None
    patient: Patient = Patient()
    notices: tuple[str, ...] = ()


def is_plan(path: Path) -> bool:
    """Whether a file is JSON, which a plan and a saved request are and no mesh or archive is."""
    try:
        with path.open("rb") as file:
            return file.read(64).lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"{")
    except OSError:
        return path.suffix.lower() == ".json"


def open_plan(path: Path, case: Case) -> OpenedPlan:
    """The plan in a plan file, or the active one of a saved Teeth request. EngineError where it is neither, or is for another case."""
    try:
        values = json.loads(path.read_bytes()) if path.stat().st_size <= plan_files.MAX_BYTES else None
    except (OSError, ValueError, RecursionError):
        values = None  # plan_files.read says what is wrong with it
    if isinstance(values, dict) and "workspace" in values:
        opened: TeethRequest = request.unwrap(values)
        return OpenedPlan(opened.plan, opened.limits, opened.patient)
    found = plan_files.read(path, case)
    plan, notices = Plan(name=path.stem, origin="a file"), list(found.notices)
    if found.plan:
        try:
            plan = request.plan_of(found.plan)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            if "vernier" in values:  # what was planned beside the matrices must not get lost
                raise EngineError(f"{path.name}: its plan cannot be read: {error}.",
                                  "Use a file that Vernier saved, or remove the part named plan.") from error
            notices.append(f"What {path.name} says beside its matrices (extractions, reductions, spans) cannot be read; the matrices were used.")
    meant = poses_of(case, plan)
    changed = {number: pose for number, pose in found.poses.items() if number in meant and np.abs(pose - meant[number]).max() > SAME}
    try:
        moves = {**dict(plan.moves), **moves_of(case, changed)}  # of locked teeth too: a lock holds a hand back, not a file
    except ValueError as error:
        raise EngineError(f"{path.name} moves a tooth too far: {error}.", "Are its matrices those of the input's axes, in its units?") from error
    moves = tuple(sorted((number, move) for number, move in moves.items() if move != Move()))
    return OpenedPlan(replace(plan, moves=moves), None, _patient(values), tuple(notices))


def _patient(values: object) -> Patient:
    told = values.get("patient") if isinstance(values, dict) else None
    if not isinstance(told, dict):
        return Patient()
    return Patient(*(str(told.get(name, "")) for name in ("name", "born", "notes")))
