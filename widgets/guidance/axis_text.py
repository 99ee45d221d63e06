"""The values of a grid's axis as text: what a person may write, and what is suggested. No Qt: the command line reads the same."""

import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from engines.guidance.request import AXES, CELLS, SAMPLERS, Grid, Sampling
from engines.job import EngineError
from widgets.guidance.words import MODE_WORDS, MODELS, SAMPLER_WORDS, axis_word, value_word

KINDS = {f.name: f.type for f in fields(Sampling)}
CLASSES = ("label", "label_2")
PROSE = ("prompt", "negative")  # may hold commas: values are parted by |
CHOICES: dict[str, Mapping[str, str]] = {"mode": MODE_WORDS, "sampler": SAMPLER_WORDS, "model": MODELS}
ALIASES = {"gamma1": "gamma_1", "gamma0": "gamma_0", "class": "label", "seed2": "seed_2", "class_2": "label_2", "blend_with": "label_2"}
SWITCH = {"plain": False, "tuned": True, "off": False, "on": True, "false": False, "true": True, "no": False, "yes": True}
RANGE = re.compile(r"(-?[\d.]+)\s*\.\.\s*(-?[\d.]+)(?:\s*:\s*([\d.]+))?")  # 1..5, 1..5:0.5


def axis_named(word: str) -> str:
    """A field of Sampling by its own name or as the command line spells it. EngineError where there is none."""
    name = word.strip().lower().lstrip("-").replace("-", "_")
    name = ALIASES.get(name, name)
    if name not in AXES:
        raise EngineError(f"{word.strip()!r} is no axis of a grid.", remedy=f"Use one of: {', '.join(AXES)}.")
    return name


def parse(field: str, text: str, names: tuple[str, ...] = ()) -> tuple[Any, ...]:
    """The values in "1, 2, 3", "5..20:5", "CFG, apg", "animal, heart". EngineError naming the one that is none."""
    parts = text.split("|") if field in PROSE else re.split(r"[,;|]", text)
    found: list[Any] = []
    for part in (part.strip() for part in parts):
        if not part and field not in PROSE:
            continue
        match = RANGE.fullmatch(part) if KINDS[field] not in (str, bool) else None
        found += _stretch(field, match) if match else [_value(field, part, names)]
    if not found or not text.strip():
        raise EngineError(f"The axis {axis_word(field)} has no values.", remedy=f"Give some, as in {suggestions(field, Sampling(), names)[0]}.")
    return tuple(found)


def _value(field: str, part: str, names: tuple[str, ...]) -> Any:
    word, kind = part.lower(), KINDS[field]
    if field in CLASSES and part in names:
        return names.index(part)
    if field in ("guide_below", "guide_above") and word == "off":
        return float("inf") if field == "guide_below" else 0.0
    if kind in (int | None, float | None) and word in ("none", "cfg"):
        return None
    if kind is bool:
        if word not in SWITCH:
            raise EngineError(f"{part!r} is no value of {axis_word(field)}.", remedy="Write plain, tuned.")
        return SWITCH[word]
    if kind is str:
        choices = CHOICES.get(field, {})
        return next((value for value, spoken in choices.items() if word in (value.lower(), spoken.lower())), part)
    try:
        number = float(part.replace("\N{MINUS SIGN}", "-"))
    except ValueError as error:
        known = f" Its classes are {', '.join(names)}." if field in CLASSES and names else ""
        raise EngineError(f"{part!r} is no value of {axis_word(field)}.", remedy=f"Write numbers with commas between, or 1..5 or 1..5:0.5.{known}") from error
    whole = kind in (int, int | None) and number.is_integer()
    return int(number) if whole else number


def _stretch(field: str, match: re.Match) -> list[Any]:
    """The numbers of a range, both ends included."""
    try:
        low, high, step = float(match[1]), float(match[2]), float(match[3] or 1)
    except ValueError as error:
        raise EngineError(f"{match[0]!r} is no range.", remedy="Write it as 1..5 or 1..5:0.5.") from error
    count = int((high - low) / step + 1e-9) + 1 if step > 0 else 0
    if not 1 <= count <= CELLS:
        raise EngineError(f"{match[0]!r} holds {max(count, 0)} values.", remedy=f"The range must rise and hold at most {CELLS}.")
    return [_value(field, f"{low + k * step:.6g}", ()) for k in range(count)]


def text_of(field: str, values: tuple[Any, ...], names: tuple[str, ...] = ()) -> str:
    """Values as parse reads them."""
    if field in ("table", "calibration", "model", "tuning"):
        return ", ".join(CHOICES.get(field, {}).get(value, value) for value in values)
    return (" | " if field in PROSE else ", ").join(_plain(field, value, names) for value in values)


def _plain(field: str, value: Any, names: tuple[str, ...]) -> str:
    if value is None:
        return "none"
    if field in CLASSES and value >= len(names):
        return str(value)
    if field == "mode":
        return MODE_WORDS[value] if "," not in MODE_WORDS[value] else value  # "ReCFG, literal" would be two values
    return value_word(field, value, names)


def suggestions(field: str, base: Sampling, names: tuple[str, ...] = ()) -> list[str]:
    """Texts worth a look for an axis, the best first."""
    cfg = round(1 - base.gamma_1, 2)
    classes = [", ".join(names[:6]), ", ".join(names)] if names else ["0, 1, 2, 3"]
    seeds = range(base.seed, base.seed + 4)
    off = "" if base.mode == "calibrated" else ", off"  # there no number stands for the level that was calibrated
    offered: dict[str, list[str]] = {
        "gamma_1": ["1, 2, 3, 5", "1, 1.5, 2, 2.5, 3, 4", "1, 3, 5, 8", "1..8"], "steps": ["5, 10, 20", "2, 4, 8, 16, 32", "10, 20, 50"],
        "gamma_0": [", ".join(f"{cfg + k / 10:.4g}" for k in (-2, -1, 0, 1, 2)), ", ".join(f"{cfg + k / 20:.4g}" for k in (-2, -1, 0, 1, 2))],
        "mode": ["CFG, ReCFG, Rescale, CFG-Zero*, APG", "CFG, ReCFG", "CFG, ReCFG, Calibrated"],
        "sampler": [", ".join(SAMPLER_WORDS[name] for name in SAMPLERS)], "seed": [", ".join(map(str, seeds)), f"{base.seed}..{base.seed + 7}"],
        "seed_2": [", ".join(str(k + 1) for k in seeds)],
        "label": classes, "label_2": classes, "c": ["-2, -1, 0, 1, 2", "0.5, 1, 1.5, 2"], "blend": ["0, 0.25, 0.5, 0.75, 1"],
        "seed_mix": ["0, 0.25, 0.5, 0.75, 1"], "sharpness": ["0, 0.25, 0.5, 0.75, 1"], "guide_below": ["0.5, 1, 2, 5" + off, "1, 3, 10" + off],
        "guide_above": ["off, 0.1, 0.3, 1", "off, 0.05, 0.2"], "model": ["Emoji 3D, Fashion-MNIST"], "tuned": ["plain, tuned"],
        "negative": [f"{base.negative} | blurry", f"{base.negative} | blurry | low quality"]}
    return offered.get(field) or [text_of(field, (getattr(base, field),), names)]


def suggested(base: Sampling) -> Grid:
    """The grid that is offered before a person has chosen one; a drawn curve leaves no strength to vary."""
    if base.mode == "curve" and base.curve_1:
        return Grid("seed", tuple(base.seed + k for k in range(4)), "steps", (5, 10, 20))
    return Grid(y="c", y_values=(0.5, 1.0, 1.5, 2.0)) if base.model == "toy-1d" else Grid()
