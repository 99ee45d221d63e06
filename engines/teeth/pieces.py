"""The meshes of a case as its files have them, each with what is known of it: a numbered tooth, a gum, a jaw without labels, a labelled scan."""

import json
import re
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from engines.job import EngineError, Job
from engines.teeth import labels, mesh_reading, numbering, units
from engines.teeth.archives import Files
from engines.teeth.mesh import Mesh
from engines.teeth.split import split

MAX_JSON = 200_000_000
LARGE = 2.6  # so many times the typical width of a numbered mesh is no tooth
SCAN_FACES = 30_000  # a mesh alone or in a pair with more is a scan, whatever number its name holds
_SCAN = re.compile(r"scan|arch|jaw|model|cast|kiefer|upper|lower|maxill|mandib|impression", re.I)


@dataclass(eq=False)
class Piece:
    """kind: tooth, gum or scan; word: how the tooth is numbered there; mesh in the file's unit until it is scaled; unit: where the file states it."""

    kind: str
    file: str
    mesh: Mesh
    word: str = ""
    unit: str = ""


@dataclass(eq=False)
class Found:
    """pieces of the case, and of its `final` models where the folder has ori/ and final/; hashes and notices by the way."""

    pieces: list[Piece] = field(default_factory=list)
    final: list[Piece] = field(default_factory=list)
    hashes: dict[str, str] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)


def notice(error: EngineError) -> str:
    return f"{error} {error.remedy}".strip()


def gather(files: Files, job: Job) -> Found:
    """Every mesh that can be read; a notice for every file that cannot."""
    found = Found(notices=list(files.notices))
    notes = {name: values for name in files.names if name.lower().endswith(".json") for values in [_json(files, name, found)] if values is not None}
    meshes = [name for name in files.names if not name.lower().endswith(".json")]
    pairs = _pairs(meshes, notes)
    parted = {_part(name) for name in meshes} >= {"ori", "final"}
    plain: list[tuple[str, mesh_reading.Surface]] = []
    for k, name in enumerate(meshes):
        job.progress(k, len(meshes) + 1, PurePosixPath(name).name)
        target = found.final if parted and _part(name) == "final" else found.pieces
        try:
            data = files.read(name)
            found.hashes[name] = sha256(data).hexdigest()
            each, points = labels.of_json(notes.get(pairs.get(name, "")))
            surface = mesh_reading.read(data, name, each)
            if each is not None and "label" not in surface.vertex_values:
                found.notices.append(f"{pairs[name]} has {len(each):,} labels for the {len(surface.mesh.vertices):,} vertices of {name}: they do not "
                                     "belong together. Put the right label file beside the scan.")
            found.notices += surface.notices
            marked = labels.from_points(surface.mesh, points) if points else labels.of_faces(surface)
            if marked is not None and (marked > 0).any():
                target += _cut(name, surface, marked)
            elif target is found.pieces:
                plain.append((name, surface))
            else:
                target.append(Piece("tooth", name, surface.mesh, numbering.words([name]).get(name, ""), surface.unit))
        except EngineError as error:
            found.notices.append(notice(error))
        except ValueError as error:
            found.notices.append(f"The labels of {name} are damaged ({str(error)[:80]}) and were left out. Export them again.")
    found.pieces += _told_apart(plain)
    return found


def _part(name: str) -> str:
    folders = [folder.lower() for folder in PurePosixPath(name).parts[:-1]]
    return next((folder for folder in folders if folder in ("ori", "final")), "")


def _json(files: Files, name: str, found: Found) -> Any:
    try:
        data = files.read(name)
        found.hashes[name] = sha256(data).hexdigest()
        if len(data) > MAX_JSON:
            raise ValueError("it is too large")
        return json.loads(data)
    except EngineError as error:
        found.notices.append(notice(error))
    except (ValueError, RecursionError) as error:
        found.notices.append(f"{name} is damaged ({str(error)[:80] or 'nested too deeply'}) and was left out. Export it again.")
    return None


def _pairs(meshes: list[str], notes: dict[str, Any]) -> dict[str, str]:
    """Mesh -> label file: the same name, or the only one for that jaw in the same folder."""
    usable = {name for name, values in notes.items() if isinstance(values, dict) and ({"labels", "segmentation"} & values.keys())}
    folders: dict[PurePosixPath, list[PurePosixPath]] = {}
    for mesh in map(PurePosixPath, meshes):
        folders.setdefault(mesh.parent, []).append(mesh)
    pairs = {}
    for folder, inside in folders.items():
        same = sorted(path for path in map(PurePosixPath, usable) if path.parent == folder)
        stems, jaws = {path.stem: path for path in same}, {}
        for path in same:
            jaws.setdefault(numbering.jaw_of_name(path.name), []).append(path)
        for mesh in inside:
            of_jaw = jaws.get(numbering.jaw_of_name(mesh.name), [])
            chosen = stems.get(mesh.stem) or (of_jaw[0] if len(of_jaw) == 1 and numbering.jaw_of_name(mesh.name) else None)
            if chosen is None and len(same) == len(inside) == 1:
                chosen = same[0]
            if chosen is not None:
                pairs[str(mesh)] = str(chosen)
    return pairs


def _cut(name: str, surface: mesh_reading.Surface, marked: np.ndarray) -> list[Piece]:
    unit_mm = units.MM[surface.unit] if surface.unit else units.decide([], units.width(surface.mesh.vertices), scan=True).factor
    parts = split(surface.mesh, marked, unit_mm=unit_mm)
    pieces = [Piece("tooth", name, part.mesh, str(label), surface.unit) for label, part in parts.crowns.items()]
    return pieces + ([Piece("gum", name, parts.gum.mesh, unit=surface.unit)] if len(parts.gum.faces) else [])


def _told_apart(plain: list[tuple[str, mesh_reading.Surface]]) -> list[Piece]:
    """Teeth by the number in their names, gums by their names, the rest scans."""
    if not plain:
        return []
    sizes = {name: units.tooth_size(surface.mesh.vertices) for name, surface in plain}
    words = numbering.words([name for name, _ in plain if not numbering.is_gum(name)])
    if len(plain) <= 2:
        surfaces = dict(plain)
        words = {name: word for name, word in words.items() if not _SCAN.search(PurePosixPath(name).stem)
                 and (len(surfaces[name].mesh.faces) < SCAN_FACES or re.fullmatch(r"\D*\d\d?", PurePosixPath(name).stem))}
    elif words:
        typical = float(np.median([sizes[name] for name in words]))
        many = len(words) > 4
        words = {name: word for name, word in words.items() if not (many and LARGE < sizes[name] / max(typical, 1e-12) < 9 and numbering.jaw_of_name(name))}
    pieces = []
    for name, surface in plain:
        kind = "tooth" if name in words else "gum" if numbering.is_gum(name) and len(plain) > 1 else "scan"
        pieces.append(Piece(kind, name, surface.mesh, words.get(name, ""), surface.unit))
    return pieces
