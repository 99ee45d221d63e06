"""What a person says about a case after its files were read: other tooth numbers, and clicks that turn a scan into teeth and gum."""

from dataclasses import replace
from typing import Any

from engines.job import EngineError, Job
from engines.teeth import frames
from engines.teeth.case import Case, Tooth, jaw
from engines.teeth.request import CaseSource, Click


def reread(case: Case, source: CaseSource, kept: dict[str, Any], job: Job) -> Case:
    """The case as the source wants it. kept: prepared scans by jaw, filled here, so that another stroke is quick. EngineError for clicks off the scan."""
    if source.clicks:
        case = segmented(case, source.clicks, kept, job)
    return renumbered(case, source.renumbered) if source.renumbered else case


def renumbered(case: Case, pairs: tuple[tuple[int, int], ...]) -> Case:
    """Teeth under other numbers, 0 = no tooth at all. Pairs act together, so that two teeth can change places. EngineError where two would be one."""
    wanted = dict(pairs)
    taken: dict[int, int] = {}
    for number in case.teeth:
        new = wanted.get(number, number)
        if new and new in taken:
            raise EngineError(f"Two teeth would be number {new}: {taken[new]} and {number}.", "Give one of them another number.")
        if new:
            taken[new] = number
    axes = frames.of_teeth({new: case.teeth[old].mesh for new, old in taken.items()})
    teeth = {new: case.teeth[old] if new == old else Tooth(new, case.teeth[old].mesh, axes[new], source=case.teeth[old].source)
             for new, old in taken.items()}
    reference = {new: case.reference[old] for new, old in taken.items() if old in case.reference} if case.reference is not None else None
    return replace(case.with_teeth(teeth), reference=reference)


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
