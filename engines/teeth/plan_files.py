"""Reads and writes a plan as JSON: {"units": "mm", "teeth": {"11": {"matrix": 4 x 4}, ...}, "inputs": {file: sha256}, ...}.

    P_file = inv(T) P_world T        T = case.to_world, from the input's axes in mm to the world

Matrices in the file are row-major, act on column vectors in the input's own axes scaled to mm, and so can be used on the input files without Vernier.
"""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from engines.job import EngineError
from engines.teeth import fdi
from engines.teeth.case import Case, Poses
from engines.teeth.look import NOTE
from engines.teeth.units import MM

MAX_BYTES, RIGID = 50_000_000, 1e-4


@dataclass(frozen=True, eq=False)
class PlanFile:
    """poses in the world; plan: what Vernier wrote beside the matrices, as it was ({} in files of others); notices."""

    poses: Poses
    plan: dict[str, Any] = field(default_factory=dict)
    notices: tuple[str, ...] = ()


def to_input(pose: np.ndarray, to_world: np.ndarray) -> np.ndarray:
    """A world-to-world pose as a matrix on input coordinates in mm. Rigid also where to_world mirrors."""
    return np.linalg.inv(to_world) @ pose @ to_world


def to_world(matrix: np.ndarray, axes: np.ndarray) -> np.ndarray:
    """The other way round; axes = case.to_world."""
    return axes @ matrix @ np.linalg.inv(axes)


def encode(case: Case, poses: Poses, plan: dict[str, Any] | None = None) -> dict[str, Any]:
    """The JSON object of a plan; teeth without a pose stand as identity."""
    teeth = {str(number): {"matrix": to_input(np.asarray(poses.get(number, np.eye(4)), np.float64), case.to_world).tolist()} for number in case.teeth}
    return {"vernier": 1, "kind": "teeth plan", "note": NOTE, "case": case.name, "units": "mm", "numbering": "fdi", "axes": "those of the input files",
            "input": {"units": case.units, "numbering": case.numbering, "to_world": case.to_world.tolist()}, "inputs": dict(case.hashes), "teeth": teeth,
            **({"plan": plan} if plan else {})}


def write(path: Path, case: Case, poses: Poses, plan: dict[str, Any] | None = None) -> None:
    """EngineError where the file cannot be written; it appears whole or not at all."""
    beside = path.with_name(path.name + ".part")
    try:
        beside.write_text(json.dumps(encode(case, poses, plan), indent=1), "utf-8")
        os.replace(beside, path)
    except OSError as error:
        raise EngineError(f"{path} could not be written: {error.strerror}.", "Name a file in a folder that can be written to.") from error


def read(path: Path, case: Case) -> PlanFile:
    """The plan in a file, for this case. EngineError where the file is no plan, or is one for another case (it says why)."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise EngineError(f"{path.name} is too large for a plan.", "Choose a plan that Vernier or another program wrote.")
        values = json.loads(path.read_bytes())
    except OSError as error:
        raise EngineError(f"{path.name} cannot be read: {error.strerror}.", "Check the file.") from error
    except (ValueError, RecursionError) as error:
        raise EngineError(f"{path.name} is no plan: it is not JSON.", "Choose a plan that Vernier or another program wrote.") from error
    return decode(values, case, path.name)


def decode(values: Any, case: Case, name: str) -> PlanFile:
    """A plan out of its JSON object. EngineError as in read()."""
    if not isinstance(values, dict) or not isinstance(values.get("teeth"), dict):
        raise EngineError(f"{name} is no plan: it has no teeth.", 'A plan is {"units": "mm", "teeth": {"11": {"matrix": 4 x 4}, ...}}.')
    notices = _belongs(values.get("inputs"), values.get("case"), case, name)
    factor = MM.get(str(values.get("units", "mm")))
    if factor is None:
        raise EngineError(f"{name} is in {str(values['units'])[:20]}, which is no unit of length here.", f"Use one of {', '.join(MM)}.")
    poses, missing = {}, []
    for key, entry in values["teeth"].items():
        number = int(key) if str(key).isascii() and str(key).isdigit() else 0
        if number not in fdi.PERMANENT + fdi.DECIDUOUS:
            raise EngineError(f"{name}: {str(key)[:20]!r} is no FDI number.", "Teeth in a plan are numbered by FDI, 11 to 85.")
        matrix = _rigid(entry, number, name)
        matrix[:3, 3] *= factor
        if number in case.teeth:
            poses[number] = to_world(matrix, case.to_world)
        else:
            missing.append(key)
    if missing and not poses:
        raise EngineError(f"{name} is a plan for another case: none of its teeth ({', '.join(missing[:6])}) is in {case.name}.",
                          "Open the case it was made for.")
    if missing:
        notices.append(f"{name} moves tooth {', '.join(missing)}, which this case does not have; the others were read.")
    plan = values.get("plan")
    return PlanFile(poses, plan if isinstance(plan, dict) else {}, tuple(notices))


def _rigid(entry: Any, number: int, name: str) -> np.ndarray:
    remedy = "A matrix is 4 x 4, row by row, and holds a rotation and a shift in mm."
    try:
        matrix = np.array(entry["matrix"], np.float64)
    except (KeyError, TypeError, ValueError) as error:
        raise EngineError(f"{name}: tooth {number} has no matrix of numbers.", remedy) from error
    if matrix.size != 16 or not np.isfinite(matrix).all():
        raise EngineError(f"{name}: the matrix of tooth {number} is not 4 x 4 numbers.", remedy)
    matrix = matrix.reshape(4, 4)
    turn = matrix[:3, :3]
    if np.abs(matrix[3] - (0, 0, 0, 1)).max() > RIGID or np.abs(turn @ turn.T - np.eye(3)).max() > 10 * RIGID or np.linalg.det(turn) < 0:
        raise EngineError(f"{name}: the matrix of tooth {number} is no rotation and shift.", remedy + " Is it written column by column?")
    return matrix


def _belongs(inputs: Any, title: Any, case: Case, name: str) -> list[str]:
    """Notices about where the plan comes from. EngineError where its input files are not those of this case."""
    if not isinstance(inputs, dict) or not inputs:
        return [f"{name} does not say which files it was made for; check that it belongs to this case."]
    meant = {str(file): str(digest) for file, digest in inputs.items() if not str(file).endswith(".json")}
    there = {digest for file, digest in case.hashes.items() if not file.endswith(".json")}
    changed = [file for file, digest in meant.items() if digest not in there]
    if changed and len(changed) == len(meant):
        raise EngineError(f"{name} is a plan for another case ({str(title)[:60]}): none of the {len(meant)} files it was made for is in {case.name}.",
                          "Open the case it was made for.")
    if changed:
        raise EngineError(f"{name} was made for other versions of the files; missing or changed: {', '.join(changed[:4])}.",
                          "Open the case with the files as they were, or plan anew.")
    return []
