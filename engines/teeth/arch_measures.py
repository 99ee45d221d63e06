"""Measures within one arch, and of tooth sizes: crowding, irregularity, Bolton, widths.

Crowding is defined as in room.crowding, by which the generator makes cases; here the arch is fitted to landmarks of any case, maybe with missing teeth.
"""

import numpy as np

from engines.teeth import fdi, norms
from engines.teeth.reading import Reading, dot, lacks, line
from engines.teeth.standing import Standing

CROWDING = ("Sum of the widths of the teeth in front of the first molars, minus the length of the fitted arch between the mesial contact points of the "
            "first molars; + = the teeth lack room, - = there are spaces.")
LITTLE = ("Sum of the five distances between neighbouring contact points of the six front teeth, seen on the occlusal plane; along the arch, spaces do not "
          "count.")
BOLTON = "Sum of the widths of the {0} lower teeth as a percentage of the sum of the {0} upper ones; widths from contact point to contact point."
CANINES = "Distance between the tips of the two canines."
MOLARS = "Distance between the mesiobuccal cusp tips of the two first molars."


def arches(teeth: Standing) -> list[Reading]:
    made = [*(_crowding(teeth, upper) for upper in (True, False)), *(_little(teeth, upper) for upper in (True, False)),
            _bolton(teeth, "anterior", 3), _bolton(teeth, "overall", 6)]
    made += [_width(teeth, upper, *what) for what in (("intercanine", "Intercanine width", 3, "edge", CANINES),
                                                     ("intermolar", "Intermolar width", 6, "cusp_mb", MOLARS)) for upper in (True, False)]
    return made


def _jaw(upper: bool) -> str:
    return "upper" if upper else "lower"


def _crowding(teeth: Standing, upper: bool) -> Reading:
    jaw = _jaw(upper)
    key, name = f"crowding_{jaw}", f"Crowding, {jaw} arch"
    right, left = (16, 26) if upper else (46, 36)
    absent = [n for n in (right, left) if n not in teeth]
    if absent:
        return Reading(key, name, None, "mm", CROWDING, missing=lacks(absent))
    arch = teeth.contact_lines[upper]
    if arch is None:
        return Reading(key, name, None, "mm", CROWDING, missing=f"needs more teeth of the {jaw} arch between the first molars")
    row = [n for n in teeth.of(upper) if fdi.place(n) < 6]
    ends = np.array([teeth.point(right, "mesial_contact"), teeth.point(left, "mesial_contact")])
    start, end = arch.along(ends[:, :2])
    required = sum(teeth.width(n) for n in row)
    value = required - float(end - start)
    between = (arch.s >= start) & (arch.s <= end)
    drawn = np.column_stack([arch.points[between], np.full(between.sum(), ends[:, 2].mean())])
    widths = [line(f"width {n}", teeth.point(n, "mesial_contact"), teeth.point(n, "distal_contact")) for n in row]
    text = f"{abs(value):.1f} mm {'crowded' if value > 0 else 'spaced'}, {required:.1f} mm of teeth in {end - start:.1f} mm of arch"
    gone = [str(n) for n in (fdi.UPPER if upper else fdi.LOWER) if fdi.place(n) < 6 and n not in teeth]
    if gone:
        text += f", without {', '.join(gone)}"
    return Reading(key, name, value, "mm", CROWDING, (("arch", drawn), *widths), text)


def _little(teeth: Standing, upper: bool) -> Reading:
    key, name = f"little_{_jaw(upper)}", f"Little index, {_jaw(upper)} arch"
    row = (13, 12, 11, 21, 22, 23) if upper else (43, 42, 41, 31, 32, 33)
    absent = [n for n in row if n not in teeth]
    if absent:
        return Reading(key, name, None, "mm", LITTLE, missing=lacks(absent))
    total, drawn, arch = 0.0, [], teeth.cusp_lines[upper]
    for a, b in zip(row, row[1:], strict=False):
        first = teeth.point(a, "mesial_contact" if fdi.is_right(a) else "distal_contact")
        second = teeth.point(b, "distal_contact" if fdi.is_right(b) else "mesial_contact")
        drawn.append(line(f"{a} to {b}", first, second))
        way = (second - first)[:2]
        if arch is None:
            total += float(np.hypot(*way))
            continue
        along = arch.tangents[arch.nearest((first + second)[:2] / 2)]
        total += float(np.hypot(way[0] * along[1] - way[1] * along[0], min(way @ along, 0.0)))
    return Reading(key, name, total, "mm", LITTLE, tuple(drawn), norms.little_words(total))


def _bolton(teeth: Standing, which: str, last: int) -> Reading:
    key, name, sentence = f"bolton_{which}", f"Bolton ratio, {which}", BOLTON.format(2 * last)
    rows = {upper: [n for n in (fdi.UPPER if upper else fdi.LOWER) if fdi.place(n) <= last] for upper in (True, False)}
    absent = [n for row in rows.values() for n in row if n not in teeth]
    if absent:
        return Reading(key, name, None, "%", sentence, missing=lacks(absent))
    sums = {upper: sum(teeth.width(n) for n in row) for upper, row in rows.items()}
    drawn = tuple(line(f"width {n}", teeth.point(n, "mesial_contact"), teeth.point(n, "distal_contact")) for row in rows.values() for n in row)
    value = 100 * sums[False] / sums[True]
    excess = sums[False] - sums[True] * norms.NORMS[key].mean / 100
    text = (f"lower teeth {excess:.1f} mm too wide for the upper ones" if excess > 0 else
            f"upper teeth {-excess * 100 / norms.NORMS[key].mean:.1f} mm too wide for the lower ones")
    return Reading(key, name, value, "%", sentence, drawn, text)


def _width(teeth: Standing, upper: bool, key: str, name: str, place: int, landmark: str, sentence: str) -> Reading:
    key, name = f"{key}_{_jaw(upper)}", f"{name}, {_jaw(upper)}"
    right, left = (10 + place, 20 + place) if upper else (40 + place, 30 + place)
    absent = [n for n in (right, left) if not teeth.has(n, landmark)]
    if absent:
        return Reading(key, name, None, "mm", sentence, missing=lacks(absent))
    a, b = teeth.point(right, landmark), teeth.point(left, landmark)
    return Reading(key, name, float(np.linalg.norm(b - a)), "mm", sentence, (line(name, a, b), dot(str(right), a), dot(str(left), b)))
