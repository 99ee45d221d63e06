"""Which tooth is which: numbers out of file names or labels, told FDI or Universal by looking at the whole set.

11-18, 21-28, 31 and 32 are teeth in both systems. Numbers that only one system has decide; where there are none, the places of the crowns do:
in the right numbering every tooth stands about where such a tooth stands in a typical dentition.
"""

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np

from engines.teeth import fdi, orientation

SURE = 0.9
FEW = 5  # teeth that say something by where they stand: three or four fit many places of an arch
_PALMER = re.compile(r"(?<![A-Za-z])([UL])([RL])[ _-]?([1-8A-Ea-e])(?![A-Za-z0-9])")
_NUMBER = re.compile(r"(?<![0-9])0?([0-9]{1,2})(?![0-9])")
_LETTER = re.compile(r"(?<![A-Za-z])([A-T])(?![A-Za-z])")
_GUM = re.compile(r"gum|ging|soft|base(?!line)|jawbone|bone|sockel|zahnfleisch", re.I)
_UPPER = re.compile(r"upper|maxill|superior|oberkiefer|(?<![a-z])(ok|max|u)(?![a-z])|upperjaw|haut", re.I)
_LOWER = re.compile(r"lower|mandib|inferior|unterkiefer|(?<![a-z])(uk|mand|l)(?![a-z])|lowerjaw|bas(?![a-z])", re.I)


@dataclass(frozen=True)
class Numbered:
    """system: fdi or universal; numbers: the word of each tooth -> FDI, only teeth that there are; impossible: words that are no tooth;
    confidence 0-1: below SURE a person should be asked; why: in words."""

    system: str
    numbers: dict[str, int]
    impossible: tuple[str, ...]
    confidence: float
    why: str


def jaw_of_name(name: str) -> str | None:
    """upper, lower, or None where a file's or folder's name does not say so (or says both)."""
    upper, lower = bool(_UPPER.search(name)), bool(_LOWER.search(name))
    return None if upper == lower else "upper" if upper else "lower"


def is_gum(name: str) -> bool:
    return bool(_GUM.search(PurePosixPath(name).stem))


def words(names: list[str]) -> dict[str, str]:
    """The word that numbers the tooth in each file's name: digits, a Palmer place ("UR6") or a deciduous letter; names without one are left out.

    Where names hold several numbers ("case12_tooth36_v2"), the one that tells the files apart is taken.
    """
    stems = {name: PurePosixPath(name).stem for name in names}
    found = {}
    for name, stem in stems.items():
        palmer = _PALMER.search(stem)
        if palmer:
            found[name] = (palmer[1] + palmer[2] + palmer[3]).upper()
    rest = {name: [(m.start(), m[1]) for m in _NUMBER.finditer(stem)] for name, stem in stems.items() if name not in found}
    columns = {}  # by shape of the name: the same text between the numbers
    for name, entries in rest.items():
        if entries:
            columns.setdefault((re.sub("[0-9]+", "#", stems[name]).lower(), len(entries)), []).append(name)
    for (_, count), group in columns.items():
        best = max(range(count), key=lambda k: (len({rest[n][k][1] for n in group}), _hinted(stems[group[0]], rest[group[0]][k][0]), k))
        for name in group:
            found[name] = str(int(rest[name][best][1]))
    for name, stem in stems.items():
        letter = _LETTER.search(stem)
        if name not in found and letter and not is_gum(name) and len(stem) < 12:
            found[name] = letter[1]
    return found


def _hinted(stem: str, start: int) -> bool:
    return bool(re.search(r"(tooth|fdi|zahn|dent|dente|diente|t|#)[ _#-]*$", stem[:start], re.I))


def to_fdi(word: str, system: str) -> int | None:
    """FDI of a word in a system; Palmer places and letters mean the same in both."""
    if _PALMER.fullmatch(word):
        quadrant = {"UR": 1, "UL": 2, "LL": 3, "LR": 4}[word[:2]]
        return (quadrant + 4) * 10 + "ABCDE".index(word[2]) + 1 if word[2].isalpha() else quadrant * 10 + int(word[2])
    if not word.isdigit():
        return fdi.from_universal(word)
    if system == "universal":
        return fdi.from_universal(word)
    number = int(word)
    return number if number in fdi.PERMANENT or number in fdi.DECIDUOUS else None


def decide(given: list[str], centres: dict[str, np.ndarray] | None = None, system: str | None = None, hint: str = "") -> Numbered:
    """FDI or Universal for a set of words. centres: where each stands, any axes and unit; hint: text that may name the system; system: said by a person."""
    plain = [word for word in given if word.isdigit()]
    only = {name: [word for word in plain if to_fdi(word, name) and not to_fdi(word, other)] for name, other in (("fdi", "universal"), ("universal", "fdi"))}
    if system:
        return _numbered(system, given, 1.0, "as you said")
    if not plain:
        return _numbered("universal" if any(len(word) == 1 for word in given) else "fdi", given, 1.0, "by the words in the names")
    if only["fdi"] and not only["universal"]:
        return _numbered("fdi", given, min(1.0, 0.8 + 0.1 * len(only["fdi"])), f"{only['fdi'][0]} is a tooth in FDI only")
    if only["universal"] and not only["fdi"]:
        return _numbered("universal", given, min(1.0, 0.8 + 0.1 * len(only["universal"])), f"{only['universal'][0]} is a tooth in Universal only")
    if re.search(r"universal|(?<![a-z])ada(?![a-z])", hint, re.I):
        return _numbered("universal", given, 0.95, "the names say so")
    if re.search(r"(?<![a-z])(fdi|iso)(?![a-z])", hint, re.I):
        return _numbered("fdi", given, 0.95, "the names say so")
    off = {name: _misfit(plain, centres, name) for name in ("fdi", "universal")}
    if off["fdi"] is not None and off["universal"] is not None and not only["fdi"] and not only["universal"]:
        better = min(off, key=lambda name: off[name])
        ratio = min(off.values()) / max(*off.values(), 1e-9)
        return _numbered(better, given, float(np.clip(1.4 - ratio, 0.5, 0.98)), "the teeth then stand where such teeth usually are")
    counts = {name: len(only[name]) for name in only}
    if counts["fdi"] or counts["universal"]:
        better = "fdi" if counts["fdi"] >= counts["universal"] else "universal"
        return _numbered(better, given, max(counts.values()) / sum(counts.values()) * 0.9, "most of the numbers fit")
    return _numbered("fdi", given, 0.5 if len(plain) < 6 else 0.8, "the numbers fit both systems")


def _numbered(system: str, given: list[str], confidence: float, why: str) -> Numbered:
    numbers = {word: to_fdi(word, system) for word in given}
    return Numbered(system, {word: number for word, number in numbers.items() if number},
                    tuple(word for word, number in numbers.items() if not number), confidence, why)


def _misfit(plain: list[str], centres: dict[str, np.ndarray] | None, system: str) -> float | None:
    """mm between the crowns and a typical dentition in a numbering; None for fewer than FEW teeth."""
    at = {to_fdi(word, system): centres[word] for word in plain if word in centres and to_fdi(word, system)} if centres else {}
    return orientation.misfit(at) if len(at) >= FEW else None
