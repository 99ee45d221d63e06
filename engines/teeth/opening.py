"""Opens a case: a folder, an archive or a file -> teeth, gums and scans in world axes, with notices for what is wrong and questions for what is in doubt.

Steps: files (archives), meshes and labels (pieces), units, tooth numbers, world axes (orientation), tooth frames. A damaged part costs a notice, never
the rest of the case.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from engines.job import EngineError, Job
from engines.teeth import archives, case_folder, crown_geometry, fdi, frames, numbering, orientation, pieces, registration, scan_orientation, units
from engines.teeth.case import JAWS, Case, Poses, Question, Tooth, jaw
from engines.teeth.mesh import Mesh
from engines.teeth.pieces import Piece
from engines.teeth.topology import open_edges
from engines.teeth.units import MM


@dataclass(eq=False)
class _Reading:
    """What the steps hand on."""

    notices: list[str]
    questions: list[Question]


def open_case(path: Path, numbering: str | None = None, units: str | None = None, orientation: Any = None, job: Job | None = None) -> Case:
    """The case in `path`. What a person says goes before what is found: numbering fdi or universal; units mm, cm, m or inch; orientation 4 x 4 (or its 16
    numbers row by row), input axes in mm -> world. Single teeth are renumbered afterwards (rereading).

    EngineError where nothing at all can be opened; Cancelled.
    """
    job = job or Job()
    files = archives.open_files(Path(path), job)
    axes = np.array(orientation, np.float64) if orientation is not None and len(orientation) else None
    made = case_folder.read(files, job) if not (numbering or units) and axes is None else None
    if made is not None:
        return made
    found = pieces.gather(files, job)
    job.check()
    if not found.pieces:
        what = f"Nothing in {files.title} can be opened: {found.notices[0]}" if found.notices else f"{files.title} holds no meshes."
        raise EngineError(what, "Choose a folder, an archive or a file with STL, PLY, OBJ or VTP meshes.")
    reading = _Reading(found.notices, [])
    unit = _scale(found.pieces, units or "", reading)
    for piece in found.final:
        piece.mesh = _scaled(piece.mesh, MM[piece.unit if piece.unit and not units else unit])
    decided, teeth = _number(found.pieces, numbering or "", files, reading)
    _turn_outwards(found.pieces, reading)
    scans = _by_jaw([piece for piece in found.pieces if piece.kind == "scan"], reading, [])
    gums = _by_jaw([piece for piece in found.pieces if piece.kind == "gum"], reading, list(teeth))
    meshes = {number: piece.mesh for number, piece in teeth.items()}
    to_world = _axes(meshes, scans, reading) if axes is None else _usable(axes)
    job.check()
    world = {number: mesh.moved(to_world) for number, mesh in meshes.items()}
    axes_of = frames.of_teeth(world)
    _compare_jaws(world, scans, reading)
    reference = _reference(found.final, meshes, decided.system, to_world, reading, job)
    job.progress(1, 1, "opened")
    case = Case(files.title, {}, {which: mesh.moved(to_world) for which, mesh in gums.items()}, {which: mesh.moved(to_world) for which, mesh in scans.items()},
                unit, decided.system, to_world, found.hashes, reference, tuple(dict.fromkeys(reading.notices)), tuple(reading.questions),
                decided.confidence if teeth else 1.0)
    return case.with_teeth({number: Tooth(number, mesh, axes_of[number], source=teeth[number].file) for number, mesh in world.items()})


def _usable(matrix: np.ndarray) -> np.ndarray:
    if matrix.size != 16 or not np.isfinite(matrix).all():
        raise EngineError("The orientation is no 4 x 4 matrix.", "Give 16 numbers, row by row.")
    matrix = matrix.reshape(4, 4)
    if not np.allclose(matrix[:3, :3] @ matrix[:3, :3].T, np.eye(3), atol=1e-3) or not np.allclose(matrix[3], (0, 0, 0, 1)):
        raise EngineError("The orientation is no rotation (or mirror) and shift.", "Give a 4 x 4 matrix from the input's axes in mm to the world's.")
    return matrix


def _scaled(mesh: Mesh, factor: float) -> Mesh:
    return mesh if factor == 1.0 else Mesh(mesh.vertices * np.float32(factor), mesh.faces)


def _scale(parts: list[Piece], unit: str, reading: _Reading) -> str:
    """Brings every mesh to mm; the unit's name."""
    if unit:
        for piece in parts:
            piece.mesh = _scaled(piece.mesh, MM[unit])
        _check_width(parts, unit, reading)
        return unit
    for piece in parts:
        if piece.unit:
            piece.mesh = _scaled(piece.mesh, MM[piece.unit])
    silent = [piece for piece in parts if not piece.unit]
    if not silent:
        return parts[0].unit
    teeth = [piece for piece in silent if piece.kind == "tooth"]
    sizes = {piece.file: units.tooth_size(piece.mesh.vertices) for piece in teeth}
    for file, factor in units.odd_ones(sizes).items() if len(sizes) == len(teeth) else ():
        for piece in teeth:
            if piece.file == file:
                piece.mesh = _scaled(piece.mesh, factor)
        reading.notices.append(f"{file} is in another unit than the other files and was scaled by {factor:g}. Check this tooth, or export it in the same unit.")
    scans = [units.width(piece.mesh.vertices) for piece in silent if piece.kind == "scan"]
    arch = _width(teeth) or (max(scans) if scans and not teeth else None)
    found = units.decide([units.tooth_size(piece.mesh.vertices) for piece in teeth], arch, scan=not teeth)
    if found.confidence < units.SURE:
        reading.questions.append(Question("units", f"Which unit are these files in? Taken: {found.name}, because {found.why}.", found.name, tuple(MM)))
    for piece in silent:
        piece.mesh = _scaled(piece.mesh, found.factor)
    return found.name


def _width(teeth: list[Piece]) -> float | None:
    """Of the arch, where enough teeth are there to tell."""
    return units.width(np.concatenate([piece.mesh.vertices for piece in teeth])) if len(teeth) >= units.FULL_ARCH else None


def _check_width(parts: list[Piece], unit: str, reading: _Reading) -> None:
    arch = _width([piece for piece in parts if piece.kind == "tooth"])
    low, high = units.ARCH_MM
    if arch and not 0.5 * low < arch < 2.5 * high:
        reading.notices.append(f"In {unit} the arch is {arch:,.3g} mm wide; arches are {low:.0f} to {high:.0f} mm. Check the unit.")


def _number(parts: list[Piece], system: str, files: archives.Files, reading: _Reading) -> tuple[numbering.Numbered, dict[int, Piece]]:
    """How the teeth are numbered, and the teeth by FDI number; what is no tooth or there twice is left out with a notice."""
    teeth = [piece for piece in parts if piece.kind == "tooth"]
    if not system:
        _recount(teeth, reading)
    given = list(dict.fromkeys(piece.word for piece in teeth))
    centres = {piece.word: crown_geometry.centroid(piece.mesh) for piece in reversed(teeth)}
    decided = numbering.decide(given, centres, system or None, " ".join([files.title, *files.names]))
    if teeth and not system and decided.confidence < numbering.SURE:
        reading.questions.append(Question("numbering", f"Are these teeth numbered by FDI or Universal? Taken: {decided.system}, because {decided.why}.",
                                          decided.system, ("fdi", "universal")))
    numbered: dict[int, Piece] = {}
    twice: dict[tuple[str, str], list[int]] = {}
    for piece in teeth:
        number = decided.numbers.get(piece.word)
        shown = f"{piece.file} (label {piece.word})" if len([p for p in teeth if p.file == piece.file]) > 1 else piece.file
        if number is None:
            reading.notices.append(f"{shown}: {piece.word or 'its name'} is no tooth number in {'FDI' if decided.system == 'fdi' else 'Universal'} "
                                   "and was left out. Rename it, or choose the other numbering.")
        elif number in numbered:
            twice.setdefault((piece.file, numbered[number].file), []).append(number)
        else:
            numbered[number] = piece
    for (file, other), row in twice.items():
        reading.notices.append(f"{file} is tooth {', '.join(map(str, row))} a second time and was left out; {other} was taken. Rename one of them.")
    return decided, numbered


def _recount(teeth: list[Piece], reading: _Reading) -> None:
    """Some labelled scans count both jaws from 1 to 16: the lower one's labels become Universal numbers, the way round that suits the upper jaw."""
    files: dict[str, list[Piece]] = {}
    for piece in teeth:
        files.setdefault(piece.file, []).append(piece)
    for file, row in files.items():
        words = [piece.word for piece in row]
        if len(row) < 4 or numbering.jaw_of_name(PurePosixPath(file).stem) != "lower" or not all(word.isdigit() and int(word) <= 16 for word in words):
            continue
        upper = {n: crown_geometry.centroid(p.mesh) for p in teeth if p.file != file for n in [fdi.from_universal(p.word)] if n and fdi.is_upper(n)}
        ways = [{piece.word: str(33 - int(piece.word)) for piece in row}, {piece.word: str(16 + int(piece.word)) for piece in row}]
        off = [orientation.misfit(upper | {fdi.from_universal(way[p.word]): crown_geometry.centroid(p.mesh) for p in row}) for way in ways]
        way = ways[int(off[1] < off[0])]
        for piece in row:
            piece.word = way[piece.word]
        reading.notices.append(f"{file} counts the lower teeth from 1 to 16; they were numbered from {'the right' if way is ways[0] else 'the left'} side. "
                               "Check the numbers, or export the scan with FDI or Universal labels.")


def _turn_outwards(parts: list[Piece], reading: _Reading) -> None:
    """Faces of surfaces that look inwards are turned round; the files of a case are mostly alike, so many become one notice."""
    inwards = [piece for piece in parts if piece.kind != "gum" and crown_geometry.inside_out(piece.mesh)]
    everything = len(inwards) > 0.7 * sum(piece.kind != "gum" for piece in parts)
    for piece in parts if everything else inwards:
        piece.mesh = Mesh(piece.mesh.vertices, piece.mesh.faces[:, ::-1])
    if everything:
        reading.notices.append("The surfaces are inside out and were turned round; scans become so when they are mirrored. Check left and right.")
    elif inwards:
        reading.notices.append(f"{', '.join(dict.fromkeys(piece.file for piece in inwards))}: the surface was inside out and was turned round. Nothing to do.")


def _by_jaw(parts: list[Piece], reading: _Reading, numbers: list[int]) -> dict[str, Mesh]:
    """Meshes by jaw: by name, or the only jaw that has teeth, or a guess with a question."""
    found: dict[str, Mesh] = {}
    only = {jaw(number) for number in numbers}
    for piece in parts:
        path = PurePosixPath(piece.file)
        named = numbering.jaw_of_name(path.stem) or numbering.jaw_of_name(piece.file)
        which = named or (next(iter(only)) if len(only) == 1 else None)
        if which is None:
            free = [name for name in JAWS if name not in found]
            which = free[0] if free else None
            if which and piece.kind == "scan":
                reading.questions.append(Question("jaw", f"Which jaw is {piece.file}? Taken: {which}.", which, JAWS))
        if which is None or which in found:
            reading.notices.append(f"{piece.file} is one more {piece.kind} of a jaw that is there already and was left out. Name the files upper and lower.")
        else:
            found[which] = piece.mesh
    return found


def _axes(teeth: dict[int, Mesh], scans: dict[str, Mesh], reading: _Reading) -> np.ndarray:
    if len(teeth) < 3 and scans:
        reading.questions.append(Question("orientation", "Where are front, left and up in this scan? The view shows a guess from its shape.",
                                          orientation.AXES, (orientation.AXES,)))
        return scan_orientation.of_scans(scans)
    found = orientation.of_teeth(teeth)
    notices, questions = orientation.doubts(found)
    reading.notices += notices
    reading.questions += questions
    return found.to_world


def _compare_jaws(world: dict[int, Mesh], scans: dict[str, Mesh], reading: _Reading) -> None:
    present = {jaw(number) for number in world}
    if len(present) == 1 and set(scans) - present:
        reading.notices.append(f"The {(set(scans) - present).pop()} jaw has no tooth labels yet: mark its teeth to measure and move them.")
    elif len(present) == 1:
        reading.notices.append(f"Only the {present.pop()} jaw is there: measures between the jaws cannot be made. Add the other jaw's files to have them.")
    if world and len(world) < 4:
        reading.notices.append(f"Only {len(world)} {'tooth is' if len(world) == 1 else 'teeth are'} there: no arch can be measured or fitted.")


def _reference(final: list[Piece], start: dict[int, Mesh], system: str, to_world: np.ndarray, reading: _Reading, job: Job) -> Poses | None:
    """Poses that carry the start's teeth onto those of the final model, in the world; both stand in the same axes."""
    target = {number: piece.mesh for piece in final if piece.kind == "tooth" for number in [numbering.to_fdi(piece.word, system)] if number}
    poses: Poses = {}
    for number in target:
        if number in start:
            job.check()
            moved = registration.onto(start[number], target[number])
            poses[number] = to_world @ moved @ np.linalg.inv(to_world)
    missing = sorted(set(start) - set(poses)) if final else []
    if missing:
        reading.notices.append(f"The final model has no tooth {', '.join(map(str, missing))}; the comparison leaves them out.")
    return poses or None


def describe(case: Case) -> dict:
    """The case in plain numbers and words, as `vernier teeth inspect` prints it."""
    teeth = {}
    for number, tooth in case.teeth.items():
        box = np.ptp(tooth.mesh.vertices.astype(np.float64) @ tooth.frame[:3, :3], axis=0)
        teeth[str(number)] = {"name": fdi.name(number), "file": tooth.source, "triangles": len(tooth.mesh.faces),
                              "size_mm": [round(float(side), 2) for side in box],
                              "closed": not len(open_edges(tooth.mesh.faces)), "centre_mm": [round(float(x), 2) for x in tooth.centre],
                              "landmarks": len(tooth.landmarks)}
    jaws: dict[str, dict] = {}
    shapes: list[tuple[str, Callable[[str], Mesh | None]]] = [("gum_triangles", case.gums.get), ("scan_triangles", case.scans.get)]
    for which in JAWS:
        row = {"teeth": len(case.of(which)), **{key: len(mesh.faces) for key, get in shapes for mesh in [get(which)] if mesh is not None}}
        if any(row.values()):
            jaws[which] = row
    return {"case": case.name, "jaws": jaws, "teeth": teeth, "numbering": case.numbering,
            "numbering_confidence": round(case.numbering_confidence, 3), "units": case.units,
            "orientation": {"to_world": case.to_world.round(9).tolist(), "mirrored": bool(np.linalg.det(case.to_world[:3, :3]) < 0)},
            "reference": case.reference is not None, "notices": list(case.notices),
            "questions": [{"field": q.field, "text": q.text, "guess": q.guess, "choices": list(q.choices)} for q in case.questions]}
