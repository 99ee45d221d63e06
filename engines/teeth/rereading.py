"""What a person says about a case after its files were read: other tooth numbers, and clicks that turn a scan into teeth and gum."""

from dataclasses import replace
from typing import Any

import numpy as np

from engines.job import EngineError, Job
from engines.teeth import fdi, frames, orientation
from engines.teeth.case import JAWS, Case, Tooth, jaw, moved
from engines.teeth.moves import log
from engines.teeth.request import CaseSource, Click

OTHER_AXES = np.deg2rad(30)  # axes found anew that differ by less are the same: they are never found twice alike


def reread(case: Case, source: CaseSource, kept: dict[str, Any], job: Job) -> Case:
    """The case as the source wants it. kept: prepared scans by jaw, filled here, so that another stroke is quick. EngineError for clicks off the scan."""
    if source.clicks:
        case = segmented(case, source.clicks, kept, job)
    # the points of clicks lie in the axes in which they were made
    return renumbered(case, source.renumbered, keep_axes=bool(source.orientation or source.clicks)) if source.renumbered else case


def renumbered(case: Case, pairs: tuple[tuple[int, int], ...], keep_axes: bool = False) -> Case:
    """Teeth under other numbers, 0 = no tooth at all. Pairs act together, so that two teeth can change places. Where the new numbers say that the world's
    axes are others (left and right were swapped), these follow, unless keep_axes. EngineError where two teeth would be one, or there is no such tooth."""
    wanted = dict(pairs)
    taken: dict[int, int] = {}
    for number in case.teeth:
        new = wanted.get(number, number)
        if new and new not in fdi.PERMANENT + fdi.DECIDUOUS:
            raise EngineError(f"{new} is no FDI number.", "Teeth are numbered 11 to 48 and 51 to 85.")
        if new and new in taken:
            raise EngineError(f"Two teeth would be number {new}: {taken[new]} and {number}.", "Give one of them another number.")
        if new:
            taken[new] = number
    case = _gums_along(case, taken) if keep_axes else _turned(_gums_along(case, taken), taken)
    axes = frames.of_teeth({new: case.teeth[old].mesh for new, old in taken.items()})
    teeth = {new: case.teeth[old] if new == old else Tooth(new, case.teeth[old].mesh, axes[new], source=case.teeth[old].source)
             for new, old in taken.items()}
    reference = {new: case.reference[old] for new, old in taken.items() if old in case.reference} if case.reference is not None else None
    return replace(case.with_teeth(teeth), reference=reference)


def _turned(case: Case, taken: dict[int, int]) -> Case:
    """The case in the axes that the new numbers (new -> old) tell, where these are others than it has."""
    found = orientation.of_teeth({new: case.teeth[old].mesh for new, old in taken.items()})
    turn = found.to_world
    if np.linalg.det(turn[:3, :3]) > 0 and np.linalg.norm(log(turn[:3, :3])) < OTHER_AXES:
        return case
    to_world, back = turn @ case.to_world, np.linalg.inv(turn)
    found = replace(found, to_world=to_world, mirrored=bool(np.linalg.det(to_world[:3, :3]) < 0))
    notices, questions = orientation.doubts(found)
    kept = tuple(text for text in case.notices if text not in (orientation.MIRRORED, orientation.APART))
    asked = tuple(question for question in case.questions if question.field != "orientation")
    turned = moved(case, dict.fromkeys(case.teeth, turn))
    meshes = frames.of_teeth({number: tooth.mesh for number, tooth in turned.teeth.items()})
    teeth = {number: replace(tooth, frame=meshes[number]) for number, tooth in turned.teeth.items()}
    reference = {number: turn @ pose @ back for number, pose in case.reference.items()} if case.reference is not None else None
    gums, scans = ({which: mesh.moved(turn) for which, mesh in part.items()} for part in (case.gums, case.scans))
    return replace(case, teeth=teeth, gums=gums, scans=scans, to_world=to_world, reference=reference, notices=(*kept, *notices), questions=(*asked, *questions))


def _gums_along(case: Case, taken: dict[int, int]) -> Case:
    """Gums of the other jaw where all teeth of a jaw become teeth of the other one."""
    becomes = {which: {jaw(new) for new, old in taken.items() if jaw(old) == which} for which in JAWS}
    named = {which: next(iter(becomes[which])) if len(becomes[which]) == 1 else which for which in case.gums}
    return replace(case, gums={named[which]: gum for which, gum in case.gums.items()}) if len(set(named.values())) == len(named) else case


def segmented(case: Case, clicks: tuple[Click, ...], kept: dict[str, Any], job: Job) -> Case:
    """Scans cut into crowns and gum. The first touch of a number is its click, later ones are strokes, in their order."""
    from engines.teeth import segmentation, split, surface

    meshes = {number: tooth.mesh for number, tooth in case.teeth.items()}
    scans, gums = dict(case.scans), dict(case.gums)
    for which, scan in case.scans.items():
        points, strokes = [], []
        for click in clicks:
            if click.jaw == which:
                if click.number and click.number not in {number for _, number in points}:
                    points.append((click.points[0], click.number))
                else:
                    strokes.append((click.number, click.points))
        if not points:
            continue
        if which not in kept:
            kept[which] = segmentation.Segmenter(surface.prepare(scan))
        found = kept[which].labels(tuple(points), tuple(strokes), job)
        parts = split.split(scan, found)
        crowns = {number: part.mesh for number, part in parts.crowns.items()}
        strange = sorted(number for number in crowns if jaw(number) != which)
        if strange:
            raise EngineError(f"{strange[0]} is no tooth of the {which} jaw.", "Give the click a number of that jaw.")
        meshes |= crowns
        gums[which] = parts.gum.mesh
        del scans[which]
    axes = frames.of_teeth(meshes)
    teeth = {number: case.teeth.get(number) or Tooth(number, mesh, axes[number], source="segmented") for number, mesh in meshes.items()}
    questions = tuple(question for question in case.questions if question.field != "jaw")
    return replace(case, scans=scans, gums=gums, questions=questions).with_teeth(teeth)
