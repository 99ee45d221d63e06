"""Measures of a dental case, as an orthodontist reads them, each with its definition, its norm and what to draw for it.

World axes: the occlusal plane is z = 0, the midsagittal plane x = 0, sagittal = along y; mm and deg. A tooth that the poses leave out is not in the mouth.
Ids: overjet, overbite, midline_upper, _lower, _difference, crowding_, little_, intercanine_, intermolar_ + upper, lower; bolton_anterior, bolton_overall;
spee_, molar_class_, canine_class_ + right, left; crossbites; tip_NN, torque_NN with the FDI number.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from engines.teeth import arch_measures, bite_measures, fdi, norms, standing
from engines.teeth.case import Case, Poses
from engines.teeth.norms import Norm
from engines.teeth.reading import Reading
from engines.teeth.request import Reduction
from engines.teeth.standing import Standing

ROOM_MM = 1.0  # crowding below this is within what the measure itself is worth
TOLERANCE_MM = 0.1  # a cusp so little beyond its antagonist is edge to edge, not in crossbite

TIP = ("Angle between the facial axis of the crown and the perpendicular to the occlusal plane, seen from the side of the cheek, that is across the arch "
       "as it was where the tooth stood at the start; + = crown to mesial. Moving a tooth without turning it leaves this as it is.")
TORQUE = ("Angle between the tangent of the crown at its facial axis point and the perpendicular to the occlusal plane, along the arch as it was where the "
          "tooth stood at the start; + = crown labial.")


@dataclass(frozen=True, eq=False)
class Measure:
    """value: None where it cannot be computed, and then `missing` says which tooth it needs. text: what the value means in words. deviation: from the
    norm, in its standard deviations or, where the norm is a range, in the unit outside it. points: what to draw, named points and lines in the world."""

    id: str
    name: str
    value: float | None
    unit: str
    norm: Norm | None
    deviation: float | None
    text: str
    definition: str
    points: tuple[tuple[str, np.ndarray], ...]  # (label, [1, 3] a point or [n, 3] a line)
    missing: str = ""

    def to_dict(self) -> dict[str, Any]:
        """For JSON: without what is drawn."""
        value, deviation = (None if number is None else round(number, 3) for number in (self.value, self.deviation))
        return {"id": self.id, "name": self.name, "value": value, "unit": self.unit, "norm": self.norm.text(self.unit) if self.norm else None,
                "norm_source": self.norm.source if self.norm else None, "deviation": deviation, "text": self.text, "definition": self.definition,
                "missing": self.missing or None}


prepare = standing.prepare


def measure(case: Case, poses: Poses | None = None, reductions: Iterable[Reduction] = (), tolerance: float = TOLERANCE_MM) -> tuple[Measure, ...]:
    """Every measure of the case under the poses (None: the start; a tooth without a pose has been extracted). About 5 ms after `prepare`.

    tolerance: mm that a cusp may lie beyond its antagonist before it counts as a crossbite.
    """
    teeth = Standing(case, poses, reductions)
    made = [_measure(reading) for reading in (*bite_measures.front(teeth), *arch_measures.arches(teeth), *bite_measures.sides(teeth, tolerance))]
    made += [_measure(reading, norms.angle(reading.id.split("_")[0], int(reading.id[-2:]))) for reading in _angles(teeth)]
    return tuple(made)


def short_of_room(case: Case, poses: Poses, jaws: Iterable[str], reductions: Iterable[Reduction] = ()) -> list[str]:
    """One sentence for every jaw whose arch lacks more than ROOM_MM of room under the poses: what no movement along its curve can mend."""
    found = {measure.id: measure.value for measure in measure(case, poses, reductions)}
    return [f"The {jaw} arch still lacks {found[f'crowding_{jaw}']:.1f} mm of room: expand it, reduce between teeth, or extract."
            for jaw in jaws if (found.get(f"crowding_{jaw}") or 0.0) > ROOM_MM]


def _measure(reading: Reading, norm: Norm | None = None) -> Measure:
    norm = norm or norms.NORMS.get(reading.id)
    deviation, text = None, reading.text
    if reading.value is not None and norm is not None:
        deviation = norm.deviation(reading.value)
        text = text or norm.says(reading.value, reading.unit)
    return Measure(reading.id, reading.name, reading.value, reading.unit, norm, deviation, text, reading.definition, reading.points, reading.missing)


def _angles(teeth: Standing) -> list[Reading]:
    made = []
    for upper in (True, False):
        row = teeth.of(upper)
        if not row:
            continue
        along = teeth.start_tangents(row)  # not those of the moved arch: it is fitted anew, and would lean teeth that have only been shifted
        if along is None:
            short = f"needs more teeth of the {'upper' if upper else 'lower'} jaw: there are {len(row)}"
            made += [Reading(f"{which}_{n}", f"{which.capitalize()} {n}", None, "deg", sentence, missing=short)
                     for n in row for which, sentence in (("tip", TIP), ("torque", TORQUE))]
            continue
        ups = np.array([teeth.facial_up(n) for n in row])
        facial = np.array([teeth.point(n, "facial_axis") for n in row])
        right = np.where([fdi.is_right(n) for n in row], 1.0, -1.0)
        tip = np.rad2deg(np.arcsin(np.clip(right * (ups[:, :2] * along).sum(1), -1, 1)))
        out = ups[:, 0] * along[:, 1] - ups[:, 1] * along[:, 0]
        torque = np.rad2deg(np.arctan2(out, ups[:, 2] * (-1 if upper else 1)))
        for k, n in enumerate(row):
            axis = (("facial axis", np.stack([facial[k] - 4 * ups[k], facial[k] + 4 * ups[k]])), ("facial axis point", facial[k][None]))
            made.append(Reading(f"tip_{n}", f"Tip {n}", float(tip[k]), "deg", TIP, axis))
            made.append(Reading(f"torque_{n}", f"Torque {n}", float(torque[k]), "deg", TORQUE, axis))
    return made
