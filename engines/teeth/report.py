"""The report that a clinic prints: views, stages, movements with what is known of their predictability, measures, notes. PDF, A4, by reportlab."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from engines.teeth import predictability
from engines.teeth.case import JAWS, Case
from engines.teeth.fdi import name
from engines.teeth.look import ACCENT, INK, NOTE, QUIET, TITLES
from engines.teeth.moves import Move
from engines.teeth.request import Limits, Patient, Plan
from engines.teeth.stages import KINDS, Staging

MOVES = ("mesial", "buccal", "extrusion", "tip", "torque", "rotation")
SIGNS = ("Signs: mesial, buccal and extrusion (towards the occlusal plane) +; tip + = crown mesial; torque + = crown labial; rotation + = the mesial side "
         "turns towards the lip. mm and degrees in the tooth's own axes, from the start.")


@dataclass(frozen=True, eq=False)
class Content:
    """What goes into a report. pictures: (start or planned, view) -> uint8 [H, W, 3]. measures: before and planned. patient None = anonymous."""

    case: Case
    plan: Plan
    staging: Staging
    limits: Limits
    date: str
    pictures: dict[tuple[str, str], np.ndarray] = field(default_factory=dict)
    before: Sequence[Any] = ()
    planned: Sequence[Any] = ()
    patient: Patient | None = None
    files: tuple[str, ...] = ()


def write(content: Content, path: Path, compressed: bool = True) -> int:
    """Writes the PDF; how many pages it has."""
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.units import mm
    from reportlab.platypus import SimpleDocTemplate

    from engines.teeth.report_parts import NumberedCanvas, face_for, styled

    patient = content.patient or Patient()
    face = face_for([patient.name, patient.born, patient.notes, content.plan.name, content.case.name])
    title = f"Treatment plan: {content.case.name}"
    document = SimpleDocTemplate(str(path), pagesize=A4, leftMargin=16 * mm - 6, rightMargin=16 * mm - 6, topMargin=16 * mm, bottomMargin=20 * mm,
                                 title=title, author="Vernier", subject=NOTE, pageCompression=int(compressed), invariant=1)
    style = styled(face)
    parts = [*_head(content, style), *_views(content, style), *_stages(content, style), *_movements(content, style), *_measures(content, style),
             *_end(content, style)]
    pages: list[int] = []
    document.build(parts, canvasmaker=lambda *args, **more: NumberedCanvas(NOTE, title, face[0], pages, *args, **more))
    return pages[-1]


def _head(content: Content, style: Any) -> list:
    plan, staging, patient = content.plan, content.staging, content.patient
    moved = sum(move != Move() for move in staging.steps[-1].values())
    rows = [("Case", content.case.name), ("Date", content.date), ("Plan", f"{plan.name} ({plan.origin})"),
            ("Stages", f"{staging.count}  (upper {staging.jaw_count('upper')}, lower {staging.jaw_count('lower')})"),
            ("Teeth", f"{len(staging.steps[0])} in the mouth, {moved} moved" + (f", extracted: {_list(plan.extracted)}" if plan.extracted else ""))]
    if patient is not None:
        rows = [("Patient", patient.name or "not given"), ("Born", patient.born or "not given"), *rows]
    if plan.made is not None:
        rows.append(("Begun from", plan.made.spoken()))
    if plan.reductions:
        rows.append(("Reduction", ", ".join(f"{r.first}/{r.second} {r.mm:.2f} mm" for r in plan.reductions)))
    return [style.text("Treatment plan", "title"), style.text(NOTE, "note"), style.space(2), style.facts(rows), style.space(3)]


def _views(content: Content, style: Any) -> list:
    made = []
    for when, title in (("start", "Start"), ("planned", "Planned")):
        pictures = [(TITLES[view], picture) for (w, view), picture in content.pictures.items() if w == when]
        if pictures:
            made += [style.together([style.text(title, "head"), style.pictures(pictures, 3)])]
    return made


def _stages(content: Content, style: Any) -> list:
    from engines.teeth.report_parts import Chart

    staging, limits = content.staging, content.limits
    made = [style.new_page(), style.text("Stages", "head")]
    told = ", ".join(f"{kind} {getattr(limits, f'{kind}_{unit}'):g} {unit}" for kind, unit in KINDS.items())
    made.append(style.text(f"Most that a tooth moves in one stage: {told}. Rotations begin in stage {limits.rotations_from}.", "body"))
    for which in JAWS:
        row = staging.row(which)
        if row:
            waits = {wait.number: wait.stages for wait in staging.waits}
            made.append(style.together([style.text(f"{TITLES[which]}: {staging.jaw_count(which)} stages", "small head"),
                                        Chart(row, waits, max(staging.count, 1), style.face, ACCENT, INK, QUIET), style.space(3)]))
    if staging.waits:
        told = "; ".join(f"{w.number} waits {len(w.stages)} {'stages' if len(w.stages) > 1 else 'stage'} for {w.behind}" for w in staging.waits)
        made.append(style.text(f"Teeth that wait until a neighbour has made room (light parts of the bars): {told}.", "body"))
    if staging.count:
        made += [style.space(2), style.text("Largest movement of each stage (tooth)", "small head"), _largest(staging, style)]
    for warning in staging.warnings:
        made.append(style.text(f"Note: {warning}", "warning"))
    return made


def _largest(staging: Staging, style: Any) -> Any:
    """One line a stage, in two columns where there are many."""
    lines = [[str(k), *(f"{largest[kind][0]:.2f} ({largest[kind][1]})" if kind in largest else "" for kind in KINDS)]
             for k, largest in enumerate(staging.largest, start=1)]
    head = ["Stage", *(f"{kind}\n{unit}" for kind, unit in KINDS.items())]
    if len(lines) <= 12:
        return style.table([head, *lines], [14, 24, 24, 24, 24, 24])
    half = (len(lines) + 1) // 2
    right = [*lines[half:], [""] * len(head)]
    return style.table([[*head, "", *head], *([*lines[k], "", *right[k]] for k in range(half))], [10, 16, 15, 15, 15, 15, 4, 10, 16, 15, 15, 15, 15])


def _movements(content: Content, style: Any) -> list:
    marks, staging = predictability.marks(content.plan), content.staging
    rows, signs = [["Tooth", "", *(f"{kind}\n{'mm' if k < 3 else 'deg'}" for k, kind in enumerate(MOVES)), "Stages"]], []
    for number, move in staging.steps[-1].items():
        if move == Move():
            continue
        known = marks.get(number, {})
        cells = []
        for kind in MOVES:
            figure = known.get(kind if kind not in ("mesial", "buccal") else "translation")
            mark = f"  {figure.share:.0%}" if figure and figure.share is not None and kind != "mesial" and abs(getattr(move, kind)) > .005 else ""
            cells.append((f"{getattr(move, kind):+.2f}" if abs(getattr(move, kind)) > .005 else "") + mark)
            if mark and figure.text not in signs:
                signs.append(figure.text)
        first, last = staging.spans.get(number, (0, 0))
        rows.append([str(number), name(number), *cells, f"{first}-{last}"])
    still = [number for number, move in staging.steps[-1].items() if move == Move()]
    made = [style.new_page(), style.text("Movements", "head"), style.text(SIGNS, "body"),
            style.table(rows, [11, 42, 18, 19, 18, 16, 22, 18, 14], left=2) if len(rows) > 1 else style.text("No tooth moves.", "body")]
    if still:
        made.append(style.text(f"Not moved: {_list(still)}.", "body"))
    made.append(style.text("Predictability. A percentage beside a number is the share of such planned movement that the literature found achieved: "
                           + " ".join(signs) + " For the other movements this program knows no figure. " + predictability.IN_GENERAL, "body"))
    return made


def _measures(content: Content, style: Any) -> list:
    if not content.planned:
        return []
    before = {entry.id: entry for entry in content.before}
    rows, angles = [["Measure", "Start", "Planned", "Norm", "Planned, in words"]], {}
    for entry in content.planned:
        kind, _, number = entry.id.partition("_")
        if kind in ("tip", "torque") and number.isdigit():
            angles.setdefault(int(number), {})[kind] = (before.get(entry.id), entry)
            continue
        norm = entry.norm.text(entry.unit) if entry.norm else ""
        rows.append([entry.name, _value(before.get(entry.id)), _value(entry), norm, entry.text if entry.value is not None else entry.missing])
    made = [style.new_page(), style.text("Measures", "head"), style.table(rows, [46, 22, 22, 34, 54], left=1, wrap=4)]
    if angles:
        heads = ["Tooth", "Tip\nstart", "planned", "norm", "Torque\nstart", "planned", "norm"]
        rows = [heads]
        for number, entry in angles.items():
            cells = [cell for kind in ("tip", "torque") for cell in (_value(entry.get(kind, (None, None))[0]), _value(entry.get(kind, (None, None))[1]),
                     entry[kind][1].norm.text("") if kind in entry and entry[kind][1].norm else "")]
            rows.append([str(number), *cells])
        made += [style.space(3), style.text("Tip and torque, degrees", "small head"), style.table(rows, [14, 27, 27, 27, 27, 27, 27])]
    return made


def _end(content: Content, style: Any) -> list:
    made = []
    if content.patient is not None and content.patient.notes:
        made += [style.text("Notes", "head"), style.text(content.patient.notes, "body")]
    if content.files:
        made += [style.text("Made from", "head"), style.text("; ".join(content.files), "small")]
    return made


def _value(entry: Any) -> str:
    if entry is None:
        return ""
    return f"{entry.value:.1f} {entry.unit}" if entry.value is not None else "-"


def _list(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))
