"""Sheets of real pictures that ship: a few per class to show and compare with, and all drawings of a small set.

A sheet is one PNG of equal cells, row after row, with a JSON beside it: {"size", "columns", "labels", "classes", "credit"}.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engines.guidance.datasets import ImageSet
from engines.job import EngineError


@dataclass(frozen=True)
class Sheet:
    """images uint8 [N, H, W, C], labels [N], class names."""

    images: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]
    credit: str


def per_class(data: ImageSet, count: int, seed: int = 0) -> np.ndarray:
    """Rows of `count` plain images for each class in turn, drawn with the set's own weights."""
    random, rows = np.random.default_rng(seed), []
    for label in range(len(data.classes)):
        members = np.flatnonzero(data.labels == label)
        chance = data.weights[members] / data.weights[members].sum()
        rows.append(random.choice(members, size=count, replace=len(members) < count, p=chance))
    return np.concatenate(rows)


def write_sheet(path: Path, data: ImageSet, rows: np.ndarray, columns: int) -> None:
    """The plain rendering of `rows` as <path>.png and <path>.json."""
    from PIL import Image

    images = data.images[rows, 0]
    n, h, w, c = images.shape
    cells = np.full((-(-n // columns) * columns, h, w, c), 255, np.uint8)
    cells[:n] = images
    sheet = cells.reshape(-1, columns, h, w, c).swapaxes(1, 2).reshape(-1, columns * w, c)
    about = {"size": h, "columns": columns, "labels": data.labels[rows].tolist(), "classes": list(data.classes),
             "credit": f"{data.credit} ({data.licence})"}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for suffix, save in ((".png", lambda part: Image.fromarray(sheet[..., 0] if c == 1 else sheet).save(part, "PNG", optimize=True)),
                             (".json", lambda part: part.write_text(json.dumps(about), "utf-8"))):
            part = path.with_suffix(f"{suffix}.part")
            save(part)
            os.replace(part, path.with_suffix(suffix))
    except OSError as error:
        raise EngineError(f"{path.name} could not be written: {error.strerror or error}.", remedy="Free some space, or choose another folder.") from error


def pictures_of(model: str) -> Path:
    """Where the training pictures of a model of one's own lie: NAME.train.png beside NAME.safetensors."""
    return Path(model).with_suffix(".train.png")


def read_sheet(path: Path) -> Sheet:
    """EngineError if the sheet or its JSON is missing or damaged."""
    from PIL import Image

    try:
        about = json.loads(path.with_suffix(".json").read_text("utf-8"))
        sheet = np.asarray(Image.open(path.with_suffix(".png")))
        size, columns, labels = about["size"], about["columns"], np.array(about["labels"])
        sheet = sheet.reshape(-1, size, columns, size, 1 if sheet.ndim == 2 else sheet.shape[2])
    except (OSError, ValueError, KeyError) as error:
        raise EngineError(f"The reference pictures {path.name} could not be read ({error}).",
                          remedy="Restore resources/samples from the installation.") from error
    images = sheet.swapaxes(1, 2).reshape(-1, size, size, sheet.shape[-1])[: len(labels)]
    return Sheet(images, labels, tuple(about["classes"]), about["credit"])


def as_image_set(sheet: Sheet, name: str) -> ImageSet:
    """A sheet's pictures as a data set, every one with the same chance: what there is when no data folder was given."""
    count = len(sheet.labels)
    return ImageSet(name, sheet.images[:, None], sheet.labels, np.ones(count), np.zeros(count, bool), sheet.classes, sheet.credit, "")


def nearest(image: np.ndarray, sheet: Sheet) -> tuple[int, float]:
    """The sheet's image closest to `image` uint8 [H, W, C]: its index and root-mean-square distance in grey levels, 0-255."""
    gap = sheet.images.astype(np.float32) - image.astype(np.float32)
    rms = np.sqrt(np.square(gap).mean(axis=(1, 2, 3)))
    best = int(rms.argmin())
    return best, float(rms[best])

