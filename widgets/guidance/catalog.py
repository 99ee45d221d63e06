"""What the Guidance workspace offers, in words: models, classes with their pictures, modes, samplers, scales."""

import json
import math
from functools import lru_cache
from pathlib import Path

from PySide6.QtGui import QIcon, QPixmap

from engines.guidance.references import pictures_of
from engines.guidance.request import TOYS, Sampling
from engines.job import EngineError
from engines.weights import read_header
from widgets.guidance.words import MODE_ROWS as MODE_ROWS
from widgets.guidance.words import MODE_WORDS, MODELS
from widgets.guidance.words import SAMPLER_ROWS as SAMPLER_ROWS
from widgets.guidance.words import model_word as model_word
from widgets.vernier_slider import Scale

TOY_CLASSES = 4

VIEW_ROWS = (("side", "Side by side"), ("wipe", "Wipe: drag the line"), ("flip", "Flip: one place, X changes the side"),
             ("difference", "Difference: orange where B is brighter, blue where A is"))

GAMMA_1 = Scale(1, 8, 3, 0.1, 2, ticks=((1.0, "off"), (3.0, ""), (5.0, "")))
STEPS = Scale(1, 100, 20, 1, 0, ticks=((20, ""), (50, "")))
IMAGES = Scale(1, 64, 16, 1, 0, ticks=((16, ""), (36, ""), (64, "")))
POINTS = Scale(100, 50_000, 5000, 0.1, 1, ticks=((1000, "1,000"), (5000, "5,000"), (20_000, "20,000")), log=True)
SHARE = Scale(0, 1, 0, 0.05, 2, ticks=((0.5, ""),))
NUMBER_C = Scale(-3, 3, 1.5, 0.1, 2, ticks=((-1, ""), (0, "0"), (1, "")))
LOWEST, HIGHEST = 0.01, 160.0  # noise levels of the first and last timestep, rounded outwards
ABOVE = Scale(LOWEST, HIGHEST, LOWEST, 0.1, 1, ticks=((0.1, "0.1"), (1, "1"), (10, "10")), log=True, ends=("off", ""))
BELOW = Scale(LOWEST, HIGHEST, HIGHEST, 0.1, 1, ticks=((0.1, "0.1"), (1, "1"), (10, "10")), log=True, ends=("", "off"))
LEVEL = Scale(LOWEST, HIGHEST, HIGHEST, 0.1, 1, ticks=((0.1, "0.1"), (1, "1"), (10, "10")), log=True, ends=("", "as calibrated"))
SHARPNESS = Scale(0, 1, 0, 0.05, 2, ticks=((0, ""), (1, "")))
BAND = 0.1  # how far S may lie from 1 before pictures collapse or blow up [guidance.md, rule 4]


def gamma_0_scale(gamma_1: float) -> Scale:
    """The scale of gamma_0 beside a gamma_1: CFG's value marked, the band of S near 1 left clear."""
    cfg = round(1 - gamma_1, 2)
    return Scale(-8, 1, cfg, 0.1, 2, ticks=((cfg, "CFG"), (0, "0")), sane=(max(-8.0, cfg - BAND), min(1.0, cfg + BAND)),
                 reason="Hatched: the coefficient sum S is more than 0.1 from 1. Above, samples lose their variety; below, they blow up.")


@lru_cache
def class_names(model: str, samples: Path) -> tuple[str, ...]:
    """The classes of a shipped model, a toy, or a weight file of one's own; empty for toy-1d and where there are none to read."""
    if model in ("toy-gauss", "toy-bimodal"):
        return tuple(f"class {k}" for k in range(TOY_CLASSES))
    if model.endswith(".safetensors"):
        return _header_classes(model)
    path = samples / f"{model}_reference.json"
    return tuple(json.loads(path.read_text("utf-8"))["classes"]) if model in MODELS and path.exists() else ()


def _header_classes(model: str) -> tuple[str, ...]:
    try:
        return tuple(map(str, json.loads(read_header(Path(model))["vernier"])["classes"]))
    except (EngineError, KeyError, ValueError, TypeError):  # the engine says what is wrong with it
        return ()


@lru_cache
def class_icons(model: str, samples: Path) -> tuple[QIcon, ...]:
    """A real picture of every class of a shipped model, or of one whose training pictures lie beside it."""
    own = model.endswith(".safetensors")
    path = pictures_of(model).with_suffix(".json") if own else samples / f"{model}_reference.json"
    if not (own or model in MODELS) or not path.exists():
        return ()
    try:
        about = json.loads(path.read_text("utf-8"))
        sheet, size, columns = QPixmap(str(path.with_suffix(".png"))), about["size"], about["columns"]
        firsts = [about["labels"].index(k) for k in range(len(about["classes"]))]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return ()
    return tuple(QIcon(sheet.copy(k % columns * size, k // columns * size, size, size)) for k in firsts)


def class_word(settings: Sampling, names: tuple[str, ...]) -> str:
    """The class as words: "animal", "70 % animal, 30 % food", "c 1.50"."""
    if settings.model == "toy-1d":
        return f"c {settings.c:.2f}"
    name = _name(settings.label, names)
    if settings.label_2 is None or settings.blend == 0 or is_toy(settings):
        return name
    return f"{1 - settings.blend:.0%} {name}, {settings.blend:.0%} {_name(settings.label_2, names)}"


def _name(label: int, names: tuple[str, ...]) -> str:
    return names[label] if label < len(names) else f"class {label}"


def guidance_word(settings: Sampling) -> str:
    """Mode and coefficients: "ReCFG  gamma_1 3.0"."""
    text = f"{MODE_WORDS[settings.mode]}  \N{GREEK SMALL LETTER GAMMA}\N{SUBSCRIPT ONE} {settings.gamma_1:.2f}"
    if settings.mode == "free":
        text += f"  \N{GREEK SMALL LETTER GAMMA}\N{SUBSCRIPT ZERO} {gamma_0_of(settings):.2f}"
    return text


def gamma_0_of(settings: Sampling) -> float:
    """The gamma_0 that mode "free" uses."""
    return 1 - settings.gamma_1 if settings.gamma_0 is None else settings.gamma_0


def is_toy(settings: Sampling) -> bool:
    return settings.model in TOYS


def level(value: float) -> str:
    """A noise level as text."""
    return "off" if value == 0 or math.isinf(value) else f"{value:.2g}"
