"""What the Guidance workspace offers, in words: models, classes with their pictures, modes, samplers, scales."""

import json
import math
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from PySide6.QtGui import QIcon, QPixmap

from engines.guidance.pipeline_folder import Folder, read
from engines.guidance.references import pictures_of
from engines.guidance.request import SAMPLERS, TOYS, Sampling, in_mode, opposite
from engines.job import EngineError
from engines.weights import read_header
from widgets.guidance.words import MODE_ROWS as MODE_ROWS
from widgets.guidance.words import MODE_WORDS as MODE_WORDS
from widgets.guidance.words import MODELS
from widgets.guidance.words import SAMPLER_ROWS as SAMPLER_ROWS
from widgets.guidance.words import gamma_0_of as gamma_0_of
from widgets.guidance.words import guidance_word as guidance_word
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
LEVEL = Scale(LOWEST, HIGHEST, HIGHEST, 0.1, 1, ticks=((0.1, "0.1"), (1, "1"), (10, "10")), log=True, ends=("", "tuned"))
SHARPNESS = Scale(0, 1, 0, 0.05, 2, ticks=((0, ""), (1, "")))
BAND = 0.1  # how far S may lie from 1 before pictures collapse or blow up [guidance.md, rule 4]


def gamma_0_scale(gamma_1: float) -> Scale:
    """The scale of gamma_0 beside a gamma_1: CFG's value marked, the band of S near 1 left clear."""
    cfg = round(1 - gamma_1, 2)
    return Scale(-8, 1, cfg, 0.1, 2, ticks=((cfg, "CFG"), (0, "0")), sane=(max(-8.0, cfg - BAND), min(1.0, cfg + BAND)),
                 reason="Hatched: the coefficient sum S is more than 0.1 from 1. Above, samples lose their variety; below, they blow up.")


FAMILIES = {"dit": "DiT", "sd": "Stable Diffusion", "sdxl": "Stable Diffusion XL", "sd3": "Stable Diffusion 3", "unet": "UNet2DModel"}
LARGE_PX, LARGE_COUNT = 256, 4  # images from this size on are drawn a few at a time


def pipeline(model: str) -> Folder | None:
    """What a diffusers folder holds; None for every other model, and for a folder that will not do (the engine says why)."""
    if model in MODELS or not Path(model).is_dir():
        return None
    index = next((file for name in ("model_index.json", "config.json") if (file := Path(model) / name).exists()), None)
    return _pipeline(model, index.stat().st_mtime_ns) if index else None


@lru_cache
def _pipeline(model: str, changed: int) -> Folder | None:
    try:
        return read(model)
    except EngineError:
        return None


def reads_text(model: str) -> bool:
    """Whether a model is asked with a prompt instead of a class."""
    found = pipeline(model)
    return found is not None and found.text


def samplers(model: str) -> tuple[str, ...]:
    """The solvers that a model has."""
    found = pipeline(model)
    return found.samplers if found else SAMPLERS


def fitted(folder: Folder, settings: Sampling) -> dict[str, Any]:
    """What must change in the settings so that they make sense for a pipeline that was just opened."""
    toy, large = is_toy(settings), folder.size * (1 if folder.family == "unet" else 8) >= LARGE_PX
    table = has_table(replace(settings, model=str(folder.path), table=""))
    return {"label": 0, "label_2": None, "blend": 0.0, "table": "", "calibration": "", **in_mode(settings, "recfg" if table else "cfg"),
            "sampler": settings.sampler if settings.sampler in folder.samplers else folder.samplers[0],
            "steps": 20 if toy else settings.steps, "count": LARGE_COUNT if large else 16 if toy else min(settings.count, 64)}


def has_table(settings: Sampling) -> bool:
    """Whether mode "recfg" can be drawn: models that ship have a table, others where one lies beside them or was opened."""
    path = Path(settings.model)
    stem = path.stem if path.suffix == ".safetensors" else path.name
    return settings.model in MODELS or bool(settings.table) or path.with_name(f"{stem}.table.safetensors").exists()


def other_side(settings: Sampling) -> Sampling:
    """Side B of the one-click comparison; CFG-Zero*, which needs no table, where there is none."""
    other = opposite(settings)
    return other if other.mode == "cfg" or has_table(settings) else replace(other, mode="zero-star")


def class_names(model: str, samples: Path) -> tuple[str, ...]:
    """The classes of a shipped model, a toy, a pipeline or a weight file of one's own; empty for toy-1d, text models and where none are read."""
    found = pipeline(model)
    return found.classes if found else _file_names(model, samples)


@lru_cache
def _file_names(model: str, samples: Path) -> tuple[str, ...]:
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


def forget() -> None:
    """A file of one's own was written anew: names and pictures are read again."""
    _file_names.cache_clear()
    class_icons.cache_clear()


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
    if reads_text(settings.model):
        return f"\N{LEFT DOUBLE QUOTATION MARK}{settings.prompt}\N{RIGHT DOUBLE QUOTATION MARK}" if settings.prompt else "no prompt"
    name = _name(settings.label, names)
    if settings.label_2 is None or settings.blend == 0 or is_toy(settings):
        return name
    return f"{1 - settings.blend:.0%} {name}, {settings.blend:.0%} {_name(settings.label_2, names)}"


def _name(label: int, names: tuple[str, ...]) -> str:
    return names[label] if label < len(names) else f"class {label}"


def is_toy(settings: Sampling) -> bool:
    return settings.model in TOYS


def level(value: float) -> str:
    """A noise level as text."""
    return "off" if value == 0 or math.isinf(value) else f"{value:.2g}"
