"""Reads what `vernier teeth generate` wrote: case.json beside one mesh a tooth, in world axes, with landmarks and the aligned setup."""

import json
from hashlib import sha256
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from engines.job import EngineError, Job
from engines.teeth import fdi, frames, mesh_reading
from engines.teeth.archives import Files
from engines.teeth.case import JAWS, Case, Poses, Tooth
from engines.teeth.mesh import Mesh

NEAREST_MM = 25.0  # a landmark further from its tooth's centre than this belongs elsewhere


def read(files: Files, job: Job) -> Case | None:
    """The case, or None where there is no case.json of ours or it does not fit: then the meshes are opened like anybody's."""
    index = next((name for name in files.names if PurePosixPath(name).name == "case.json"), None)
    if index is None:
        return None
    folder = PurePosixPath(index).parent
    try:
        data = files.read(index)
        values = json.loads(data)
        if values["vernier"] != 1 or values["units"] != "mm" or not isinstance(values["teeth"], dict):
            return None
        entries = {_number(key): entry for key, entry in values["teeth"].items()}
        poses = {number: (_pose(entry["start"]), _pose(entry["aligned"])) for number, entry in entries.items()}
    except (EngineError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
    hashes, notices, teeth, reference, gums = {index: sha256(data).hexdigest()}, list(files.notices), {}, {}, {}

    def mesh_of(name: Any) -> Mesh:
        full = (folder / str(name)).as_posix()
        if full not in files.names:
            raise EngineError(f"{name} is named in case.json and is not there.", "Copy the whole folder again.")
        content = files.read(full)
        hashes[full] = sha256(content).hexdigest()
        surface = mesh_reading.read(content, full)
        notices.extend(surface.notices)
        return surface.mesh
    meshes: dict[int, Mesh] = {}
    for k, (number, entry) in enumerate(entries.items()):
        job.progress(k, len(entries) + 1, fdi.name(number))
        try:
            meshes[number] = mesh_of(entry.get("file"))
        except EngineError as error:
            notices.append(f"{error} {error.remedy}")
    for which in JAWS:
        name = values.get("gums", {}).get(which) if isinstance(values.get("gums"), dict) else None
        try:
            if name:
                gums[which] = mesh_of(name)
        except EngineError as error:
            notices.append(f"{error} {error.remedy}")
    if not meshes:
        raise EngineError(f"None of the teeth that case.json of {files.title} names can be read: {notices[0]}", "Copy or generate the case again.")
    found = frames.of_teeth(meshes)
    for number, mesh in meshes.items():
        start, aligned = poses[number]
        landmarks = _landmarks(entries[number].get("landmarks"), start, found[number][:3, 3])
        teeth[number] = Tooth(number, mesh, _frame(mesh, start), landmarks, str(entries[number].get("file")))
        reference[number] = aligned @ np.linalg.inv(start)
    case = Case(files.title, {}, gums, numbering="universal" if values.get("numbering") == "universal" else "fdi", hashes=hashes, reference=_all(reference),
                notices=tuple(notices))
    return case.with_teeth(teeth)


def _all(reference: Poses) -> Poses | None:
    return reference or None


def _number(key: str) -> int:
    if int(key) not in fdi.PERMANENT:
        raise ValueError(f"{key} is no permanent tooth")
    return int(key)


def _pose(values: Any) -> np.ndarray:
    matrix = np.array(values, np.float64)
    if matrix.shape != (4, 4) or not np.isfinite(matrix).all() or not np.allclose(matrix[:3, :3] @ matrix[:3, :3].T, np.eye(3), atol=1e-4):
        raise ValueError("a pose is no rotation and shift")
    return matrix


def _frame(mesh: Mesh, start: np.ndarray) -> np.ndarray:
    """The crown's own axes, origin moved from the neck to the middle of the crown."""
    own = (mesh.vertices.astype(np.float64) - start[:3, 3]) @ start[:3, :3]
    middle = np.eye(4)
    middle[:3, 3] = (0.0, float(own[own[:, 2] > 0, 1].mean()) if (own[:, 2] > 0).any() else 0.0, float(own[:, 2].max()) / 2)
    return start @ middle


def _landmarks(values: Any, start: np.ndarray, centre: np.ndarray) -> dict[str, np.ndarray]:
    """Points in the world; what is no point near its tooth is left out."""
    found = {}
    for name, value in values.items() if isinstance(values, dict) else ():
        try:
            point = np.array(value, np.float64)
        except (ValueError, TypeError):
            continue
        if name != "facial_up" and point.shape == (3,) and np.isfinite(point).all():
            point = start[:3, :3] @ point + start[:3, 3]
            if np.linalg.norm(point - centre) < NEAREST_MM:
                found[name] = point
    return found
