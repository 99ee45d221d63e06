"""What the engine measured, as rows of the lists and marks in the picture."""

from typing import Any

import numpy as np

from engines.teeth.outcome import Outcome
from widgets.teeth.contact_list import ContactRow
from widgets.teeth.measure_list import MeasureRow
from widgets.teeth.words import numbered, signed

GROUPS = (("Bite", ("overjet", "overbite", "midline_", "crossbites")), ("Sides", ("molar_class_", "canine_class_")),
          ("Space", ("crowding_", "little_", "bolton_")), ("Arches", ("intercanine_", "intermolar_", "spee_")),
          ("Tip", ("tip_",)), ("Torque", ("torque_",)))
METRICS = (("ADD", "ADD", "mm", "Mean distance of a tooth's points from where the reference setup has them, then the mean over the teeth"),
           ("PA_ADD", "PA-ADD", "mm", "The same after one rigid movement of the whole setup onto the reference"),
           ("CSA", "CSA", "%", "Our definition: share of teeth whose three axes all lie within 5 degrees of the reference's"),
           ("ME_rot", "Rotation", "deg", "Mean angle between a tooth's rotation and the reference's"),
           ("FD_cur", "Arch curves", "mm", "Our definition: discrete Frechet distance of the curves through the edges and buccal cusps, mean of the jaws"))
Marks = tuple[tuple[str, np.ndarray], ...]


def measure_rows(outcome: Outcome) -> tuple[MeasureRow, ...]:
    """Grouped; a measure that cannot be computed says what is missing."""
    before = {measure.id: measure for measure in outcome.before}
    rows: list[MeasureRow] = []
    for title, heads in GROUPS:
        found = [measure for measure in outcome.now if any(measure.id.startswith(head) for head in heads)]
        if found:
            rows.append(MeasureRow("", title))
            rows += [_row(before.get(measure.id), measure) for measure in found]
    return tuple(rows + _distance_rows(outcome))


def _distance_rows(outcome: Outcome) -> list[MeasureRow]:
    """How far the start and the plan are from the reference setup that came with the case."""
    if outcome.distance is None:
        return []
    before, now = (part.means() for part in outcome.distance)

    def text(value: float | None, unit: str) -> str:
        if value is None:
            return "\N{EM DASH}"
        return f"{100 * value:.0f} %" if unit == "%" else f"{value:.1f}\N{DEGREE SIGN}" if unit == "deg" else f"{value:.2f} mm"
    return [MeasureRow("", "Against the reference setup")] + [
        MeasureRow(name, title, text(before[name], unit), text(now[name], unit), tip=tip) for name, title, unit, tip in METRICS]


def _row(before: Any, now: Any) -> MeasureRow:
    norm = f" Norm: {now.norm.text(now.unit)} ({now.norm.source})." if now.norm is not None else ""
    words = f" Now: {now.text}." if now.text else ""
    tip = f"{now.definition}{norm}{words}"
    if now.value is None:
        return MeasureRow(now.id, now.name, tip=tip, note=now.missing)
    return MeasureRow(now.id, now.name, _text(before), _text(now), before.deviation if before is not None else None, now.deviation, tip)


def _text(measure: Any) -> str:
    if measure is None or measure.value is None:
        return "\N{EM DASH}"
    if measure.unit == "deg":
        return f"{signed(measure.value, 0).removeprefix('+')}\N{DEGREE SIGN}"
    if measure.unit in ("mm", "%"):
        return f"{signed(measure.value, 1).removeprefix('+')} {measure.unit}"
    return f"{measure.value:g}"


def marks(outcome: Outcome, name: str) -> Marks:
    """The landmarks and lines of one measure, for the picture."""
    return next((measure.points for measure in outcome.now if measure.id == name), ())


def contact_rows(outcome: Outcome, notation: str) -> tuple[ContactRow, ...]:
    """Pairs that overlap by more than the tolerance, the deepest first."""
    tolerance = outcome.request.tolerance_mm
    wanted = {(entry.first, entry.second): entry.mm for entry in outcome.suggested}
    taken = {(entry.first, entry.second): entry.mm for entry in outcome.request.plan.reductions}
    rows = []
    for contact in outcome.contacts:
        depth, neighbours = contact.depth_mm, contact.kind == "neighbour"
        if depth > tolerance:
            pair = (min(contact.first, contact.second), max(contact.first, contact.second))
            label = f"{numbered(contact.first, notation)} \N{EN DASH} {numbered(contact.second, notation)}"
            rows.append(ContactRow(contact.first, contact.second, label, depth,
                                   contact.volume_mm3, "neighbours" if neighbours else "opposing", wanted.get((contact.first, contact.second), 0.0),
                                   taken.get(pair, 0.0)))
    return tuple(sorted(rows, key=lambda row: -row.depth_mm))
