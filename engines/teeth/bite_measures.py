"""Measures between the jaws: overjet, overbite, midlines, curve of Spee, classes, crossbites."""

from dataclasses import replace

import numpy as np

from engines.teeth import fdi, norms
from engines.teeth.reading import Reading, dot, either, lacks, line
from engines.teeth.standing import Standing

OVERJET = "Sagittal distance from the middle of the lower to that of the upper central incisal edges (mean of both sides); + = the upper ones in front."
OVERBITE = "Vertical overlap of the upper and lower central incisal edges (mean of both sides); - = open bite."
MIDLINE = "Distance of the point between the two {} central incisors from the midsagittal plane; + = to the patient's left."
MIDLINES = "Distance of the lower dental midline from the upper one; + = lower midline to the patient's left."
SPEE = ("Greatest depth, seen from the side, of the {0} lower canine and the buccal cusps behind it under the line from the edge of the incisor to the last "
        "molar's distobuccal cusp.")
MOLAR = ("Distance, along the lower arch, from the tip of the upper first molar's mesiobuccal cusp back to the buccal groove of the lower first molar; "
         "0 = class I, + = class II.")
CANINE = ("Distance, along the lower arch, from the tip of the upper canine back to the contact between the lower canine and the lower first premolar; "
          "0 = class I, + = class II.")
CROSS = ("Number of upper teeth in crossbite: the edge or buccal cusp lies inside the line of the lower edges and buccal cusps, or (scissor bite) the palatal "
         "cusp outside it.")


def front(teeth: Standing) -> list[Reading]:
    """Overjet, overbite and midlines."""
    return [*_incisors(teeth), *_midlines(teeth)]


def sides(teeth: Standing, tolerance: float) -> list[Reading]:
    """Curve of Spee, classes and crossbites."""
    made = [_spee(teeth, side) for side in ("right", "left")]
    made += [_molar(teeth, side) for side in ("right", "left")]
    made += [_canine(teeth, side) for side in ("right", "left")]
    return [*made, _crossbites(teeth, tolerance)]


def _incisors(teeth: Standing) -> list[Reading]:
    upper, lower = ([n for n in pair if teeth.has(n, "edge")] for pair in ((11, 21), (31, 41)))
    if not upper or not lower:
        missing = "; ".join(either(*pair) for pair, found in (((11, 21), upper), ((31, 41), lower)) if not found)
        return [Reading("overjet", "Overjet", None, "mm", OVERJET, missing=missing), Reading("overbite", "Overbite", None, "mm", OVERBITE, missing=missing)]
    top, bottom = (np.mean([teeth.point(n, "edge") for n in row], axis=0) for row in (upper, lower))
    corner = np.array([top[0], bottom[1], top[2]])
    jet, bite = float(bottom[1] - top[1]), float(bottom[2] - top[2])
    ends = dot("upper edge", top), dot("lower edge", bottom)
    return [Reading("overjet", "Overjet", jet, "mm", OVERJET, (line("overjet", top, corner), *ends)),
            Reading("overbite", "Overbite", bite, "mm", OVERBITE, (line("overbite", corner, np.array([top[0], bottom[1], bottom[2]])), *ends))]


def _midlines(teeth: Standing) -> list[Reading]:
    made, found = [], {}
    for jaw, pair in (("upper", (11, 21)), ("lower", (41, 31))):
        absent = [n for n in pair if n not in teeth]
        key, name, sentence = f"midline_{jaw}", f"Midline, {jaw}", MIDLINE.format(jaw)
        if absent:
            made.append(Reading(key, name, None, "mm", sentence, missing=lacks(absent)))
            continue
        point = found[jaw] = (teeth.point(pair[0], "mesial_contact") + teeth.point(pair[1], "mesial_contact")) / 2
        made.append(Reading(key, name, float(point[0]), "mm", sentence, (dot(name, point), line("to the midsagittal plane", point, point * (0, 1, 1))),
                            _sideways(float(point[0]))))
    name = "Midlines, lower to upper"
    if len(found) < 2:
        missing = "; ".join(reading.missing for reading in made if reading.missing)
        return [*made, Reading("midline_difference", name, None, "mm", MIDLINES, missing=missing)]
    value = float(found["lower"][0] - found["upper"][0])
    return [*made, Reading("midline_difference", name, value, "mm", MIDLINES, tuple(dot(f"{jaw} midline", point) for jaw, point in found.items()),
                           _sideways(value))]


def _sideways(value: float) -> str:
    return "on the midline" if abs(value) < .05 else f"{abs(value):.1f} mm to the {'left' if value > 0 else 'right'}"


def _spee(teeth: Standing, side: str) -> Reading:
    key, name, sentence = f"spee_{side}", f"Curve of Spee, {side}", SPEE.format(side)
    quadrant = 40 if side == "right" else 30
    incisor = next((n for n in (quadrant + 1, quadrant + 2) if teeth.has(n, "edge")), None)
    molar = next((n for n in (quadrant + 7, quadrant + 6) if teeth.has(n, "cusp_db")), None)
    if incisor is None or molar is None:
        missing = "; ".join(either(*pair) for pair, found in (((quadrant + 1, quadrant + 2), incisor), ((quadrant + 7, quadrant + 6), molar)) if found is None)
        return Reading(key, name, None, "mm", sentence, missing=missing)
    start, end = teeth.point(incisor, "edge"), teeth.point(molar, "cusp_db")
    between = [p for k in range(3, molar % 10 + 1) if quadrant + k in teeth for p in teeth.buccal_cusps(quadrant + k) if not np.array_equal(p, end)]
    if not between:
        return Reading(key, name, None, "mm", sentence, missing=either(*(quadrant + k for k in range(3, 7))))
    chord = (end - start)[1:] / np.linalg.norm((end - start)[1:])
    depths = [float((p - start)[1:] @ (chord[1], -chord[0])) for p in between]
    deepest = between[int(np.argmax(depths))]
    share = (deepest - start)[1:] @ chord / np.linalg.norm((end - start)[1:])
    return Reading(key, name, max(depths), "mm", sentence, (line("incisor to molar", start, end), line("depth", deepest, start + share * (end - start)),
                                                           *(dot("cusp", p) for p in between)))


def _molar(teeth: Standing, side: str) -> Reading:
    upper, lower = (16, 46) if side == "right" else (26, 36)
    key, name = f"molar_class_{side}", f"Molar relation, {side}"
    absent = [n for n, landmark in ((upper, "cusp_mb"), (lower, "buccal_groove")) if not teeth.has(n, landmark)]
    if absent:
        return Reading(key, name, None, "mm", MOLAR, missing=lacks(absent))
    return _class(teeth, side, Reading(key, name, None, "mm", MOLAR), teeth.point(upper, "cusp_mb"), teeth.point(lower, "buccal_groove"))


def _canine(teeth: Standing, side: str) -> Reading:
    upper, lower, premolar = (13, 43, 44) if side == "right" else (23, 33, 34)
    key, name = f"canine_class_{side}", f"Canine relation, {side}"
    absent = [n for n in (upper, lower, premolar) if n not in teeth]
    if absent:
        return Reading(key, name, None, "mm", CANINE, missing=lacks(absent))
    contact = (teeth.point(lower, "distal_contact") + teeth.point(premolar, "mesial_contact")) / 2
    return _class(teeth, side, Reading(key, name, None, "mm", CANINE), teeth.point(upper, "edge"), contact)


def _class(teeth: Standing, side: str, reading: Reading, above: np.ndarray, below: np.ndarray) -> Reading:
    """Along the arch and not straight back: the upper teeth stand further out, which at the canine would look like 2 mm of class II."""
    arch = teeth.cusp_lines[False]
    if arch is None:
        return replace(reading, missing="needs more teeth of the lower jaw")
    back = arch.tangents[arch.nearest(below[:2])] * (-1 if side == "right" else 1)
    value = float((below - above)[:2] @ back)
    foot = np.array([*(below[:2] - value * back), below[2]])
    return replace(reading, value=value, text=norms.class_words(value), points=(dot("upper", above), dot("lower", below), line("offset", below, foot)))


def _crossbites(teeth: Standing, tolerance: float) -> Reading:
    name = "Crossbites"
    ground = [p for n in teeth.of(False) if fdi.place(n) < 8 for p in teeth.buccal_cusps(n)]
    rows = [n for n in teeth.of(True) if fdi.place(n) < 8]
    if len(ground) < 2 or not rows:
        jaws = [jaw for jaw, there in (("upper", rows), ("lower", len(ground) > 1)) if not there]
        return Reading("crossbites", name, None, "teeth", CROSS, missing=f"needs teeth of the {' and '.join(jaws)} jaw")
    below = np.array(ground)
    asked, points = [], []
    for n in rows:
        asked.append((n, -1))
        points.append(np.mean(teeth.buccal_cusps(n), axis=0))
        for landmark in ("cusp_l", "cusp_ml", "cusp_dl"):
            if teeth.has(n, landmark):
                asked.append((n, 1))
                points.append(teeth.point(n, landmark))
    outside = _outside(np.array(points)[:, :2], below[:, :2])
    found: dict[int, str] = {}
    inner: dict[int, list[bool]] = {}
    for (n, which), distance in zip(asked, outside, strict=True):
        if which < 0 and distance < -tolerance:
            found[n] = "anterior crossbite" if fdi.place(n) < 4 else "crossbite"
        elif which > 0:
            inner.setdefault(n, []).append(distance > tolerance)
    found |= {n: "scissor bite" for n, passed in inner.items() if all(passed)}
    drawn = [line("lower edges and buccal cusps", *ground)]
    drawn += [dot(f"{n}", np.mean(teeth.buccal_cusps(n), axis=0)) for n in rows if n in found]
    text = ", ".join(f"{n} {found[n]}" for n in rows if n in found) or "none"
    return Reading("crossbites", name, float(len(found)), "teeth", CROSS, tuple(drawn), text)


def _outside(points: np.ndarray, chain: np.ndarray) -> np.ndarray:
    """[n] distance of points [n, 2] from a chain [m, 2] that runs from the patient's right to the left, positive outside the arch; NaN for points that
    stand beyond its ends, above no tooth."""
    start, way = chain[:-1], np.diff(chain, axis=0)
    length = np.maximum((way**2).sum(1), 1e-12)
    raw = ((points[:, None] - start) * way).sum(-1) / length
    share = np.clip(raw, 0, 1)
    away = points[:, None] - (start + share[..., None] * way)
    distance = np.hypot(away[..., 0], away[..., 1])
    k = distance.argmin(1)
    n = np.arange(len(points))
    sign = np.sign(way[k, 1] * away[n, k, 0] - way[k, 0] * away[n, k, 1])
    beyond = (k == 0) & (raw[n, k] < -.5) | (k == len(way) - 1) & (raw[n, k] > 1.5)
    return np.where(beyond, np.nan, sign * distance[n, k])
