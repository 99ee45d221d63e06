"""Which tooth is which: numbers out of file names or labels, told FDI or Universal by looking at the whole set.

11-18, 21-28, 31 and 32 are teeth in both systems. Numbers that only one system has decide; where there are none, the places of the crowns do:
teeth that follow each other in the right numbering stand next to each other.
"""

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np

from engines.teeth import case, fdi

SURE = 0.9
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
    """FDI or Universal for a set of words. centres: where each of them stands, any axes and unit; hint: text that may name the system; system: given by a person."""
    plain = [word for word in given if word.isdigit()]
    only = {name: [word for word in plain if to_fdi(word, name) and not to_fdi(word, other)] for name, other in (("fdi", "universal"), ("universal", "fdi"))}
    if system:
        return _numbered(system, given, 1.0, "as you said")
    if not plain:
        return _numbered("universal" if any(len(word) == 1 for word in given) else "fdi", given, 1.0, "by the words in the names")
    if re.search(r"universal|(?<![a-z])ada(?![a-z])", hint, re.I):
        return _numbered("universal", given, 0.95, "the names say so")
    if re.search(r"(?<![a-z])(fdi|iso)(?![a-z])", hint, re.I):
        return _numbered("fdi", given, 0.95, "the names say so")
    if only["fdi"] and not only["universal"]:
        return _numbered("fdi", given, min(1.0, 0.8 + 0.1 * len(only["fdi"])), f"{only['fdi'][0]} is a tooth in FDI only")
    if only["universal"] and not only["fdi"]:
        return _numbered("universal", given, min(1.0, 0.8 + 0.1 * len(only["universal"])), f"{only['universal'][0]} is a tooth in Universal only")
    chains = {name: _chain(plain, centres, name) for name in ("fdi", "universal")} if centres else {}
    fitting = [name for name in ("fdi", "universal") if chains.get(name) is not None]
    if len(fitting) == 2 and not only["fdi"] and not only["universal"]:
        a, b = chains["fdi"], chains["universal"]
        better, ratio = ("fdi" if a <= b else "universal"), min(a, b) / max(a, b, 1e-9)
        return _numbered(better, given, float(np.clip(1.2 - ratio, 0.5, 0.98)), "neighbours stand next to each other that way")
    counts = {name: len(only[name]) for name in only}
    if counts["fdi"] or counts["universal"]:
        better = "fdi" if counts["fdi"] >= counts["universal"] else "universal"
        return _numbered(better, given, max(counts.values()) / sum(counts.values()) * 0.9, "most of the numbers fit")
    return _numbered("fdi", given, 0.5 if len(plain) < 6 else 0.8, "the numbers fit both systems")


def _numbered(system: str, given: list[str], confidence: float, why: str) -> Numbered:
    numbers = {word: to_fdi(word, system) for word in given}
    return Numbered(system, {word: number for word, number in numbers.items() if number}, tuple(word for word, number in numbers.items() if not number), confidence, why)


def _chain(plain: list[str], centres: dict[str, np.ndarray], system: str) -> float | None:
    """Mean distance of neighbours along each arch, per place between them; None where a numbering leaves no pair. Jaws are chained one by one."""
    at = {to_fdi(word, system): centres[word] for word in plain if word in centres and to_fdi(word, system)}
    steps, places = 0.0, 0
    for which in case.JAWS:
        row = sorted((n for n in at if case.jaw(n) == which), key=case.order)
        for a, b in zip(row, row[1:], strict=False):
            steps += float(np.linalg.norm(at[a] - at[b]))
            places += (case.order(b) - case.order(a) + 1) // 2
    return steps / places if places else None
