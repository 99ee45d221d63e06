"""A folder of one's own pictures as a data set: every subfolder is a class, named like the folder.

PNG, JPEG, WebP, BMP and GIF (its first frame) at any depth below a class. What each picture goes through:
    turned as its EXIF note says; transparency laid on white; 16-bit values brought down to 8
    made square: padded where its rim is one flat colour (a drawing stays whole), else the middle is cut out (a photo)
    brought to size x size with a Lanczos filter; one channel where every picture is grey, else three
Hidden files and folders, and files of other kinds, are passed over; what cannot be read is left out, counted and named.
"""

import math
import os
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engines.job import EngineError, Job

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif")
MOST_CLASSES, MOST_IMAGES, LEAST_IMAGES = 1000, 200_000, 2
PIXELS = 64_000_000  # of one picture; larger ones are more likely a bomb than a photo
SIZES = (8, 64)
GREY_GAP = 3  # how far apart the channels of a grey picture may lie: JPEG rounds
FLAT_GAP = 12  # how far a flat rim may stray from its median colour, in grey levels
NAMED = 3  # how many files a message names
LAYOUT = "Vernier wants FOLDER/CLASS/picture.png: one subfolder for each class, named like it."
PIPELINE_FILES = ("model_index.json", "config.json")  # a diffusers folder is no folder of pictures


@dataclass(frozen=True)
class Found:
    """What the names in a folder promise; no picture has been opened yet. files[k] are the pictures of classes[k]."""

    folder: Path
    classes: tuple[str, ...]
    files: tuple[tuple[Path, ...], ...]
    notes: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        return sum(map(len, self.files))


def readable(name: str) -> str:
    """A file name for a message, whatever bytes it holds."""
    return os.fsencode(name).decode("utf-8", "replace")


def holds_classes(folder: Path) -> bool:
    """Whether a folder looks like one of pictures by class: quick, for a drop on the window."""
    if not folder.is_dir() or any((folder / name).exists() for name in PIPELINE_FILES):
        return False
    return any(next(_pictures(path), None) is not None for path in _entries(folder) if path.is_dir())


def look(folder: Path, job: Job | None = None) -> Found:
    """The classes of a folder and their files. EngineError when it is no such folder, or over a limit."""
    job = job or Job()
    loose, others, classes, files, empty = 0, 0, [], [], []
    for path in _entries(folder):
        if not path.is_dir():
            picture = path.suffix.lower() in SUFFIXES
            loose, others = loose + picture, others + (not picture)
            continue
        members = []
        for file in _pictures(path):
            members.append(file)
            if sum(map(len, files)) + len(members) > MOST_IMAGES:
                raise EngineError(f"{readable(folder.name)} holds more than {MOST_IMAGES:,} pictures.", remedy="Take a part of them.")
            job.check()
        if not members:
            empty.append(readable(path.name))
            continue
        if not _is_utf8(path.name):
            raise EngineError(f"The subfolder {readable(path.name)} has a name that is not UTF-8.", remedy="Rename it: its name becomes the class's.")
        classes.append(path.name)
        files.append(tuple(members))
    _refuse(folder, classes, files, loose)
    notes = []
    if loose:
        notes.append(f"{_s(loose, 'picture')} directly in the folder: no class, left out")
    if empty:
        notes.append(f"no pictures in {_some(empty)}: left out")
    return Found(folder, tuple(classes), tuple(files), tuple(notes))


def load_folder(folder: Path, size: int = 32, mirror: bool = True, job: Job | None = None, channels: int | None = None) -> Any:
    """The folder as an ImageSet with one rendering; classes drawn by the root of their number. `channels` forces 1 or 3.

    EngineError when the folder will not do, more than half of its pictures cannot be read, or memory is short.
    """
    from engines.guidance.datasets import ImageSet

    job = job or Job()
    found = look(folder, job)
    _check_size(size, found.count)
    images, labels, bad, coloured = np.empty((found.count, size, size, 3), np.uint8), [], [], False
    names = [(label, file) for label, members in enumerate(found.files) for file in members]
    for k, pixels in enumerate(_decoded([file for _, file in names], size)):
        job.progress(k, len(names), f"Reading pictures: {k:,} of {len(names):,}")
        if isinstance(pixels, str):
            bad.append(f"{readable(names[k][1].name)} ({pixels})")
            continue
        images[len(labels)] = pixels
        coloured = coloured or bool(np.ptp(pixels.astype(np.int16), axis=2).max() > GREY_GAP)
        labels.append(names[k][0])
    if not folder.is_dir():
        raise EngineError(f"The folder {readable(folder.name)} vanished while it was read.", remedy="Bring it back, then start again.")
    if 2 * len(bad) > len(names):
        raise EngineError(f"{len(bad):,} of {len(names):,} pictures could not be read: {_some(bad)}.", remedy="Remove or repair them.")
    counts = np.bincount(labels, minlength=len(found.classes))
    few = [found.classes[k] for k in np.flatnonzero(counts < LEAST_IMAGES)]
    if few:
        raise EngineError(f"{_some(few)}: fewer than {LEAST_IMAGES} readable pictures. A class needs at least {LEAST_IMAGES}.",
                          remedy="Add pictures, or move the subfolder away.")
    images = images[: len(labels)]
    if (channels or (3 if coloured else 1)) == 1:
        images = np.rint(images.mean(axis=3, keepdims=True)).astype(np.uint8)
    labels = np.array(labels)
    notes = found.notes + ((f"{_s(len(bad), 'picture')} could not be read, left out: {_some(bad)}",) if bad else ())
    return ImageSet(readable(folder.name), images[:, None], labels, 1 / np.sqrt(counts[labels]), np.full(len(labels), mirror), found.classes,
                    "Pictures of one's own", "not stated", notes)


def thumbnails(found: Found, size: int, each: int, classes: int) -> tuple[np.ndarray, ...]:
    """For each of the first classes, uint8 [n <= each, size, size, 3] of its first readable pictures."""
    strips = []
    for members in found.files[:classes]:
        kept = [pixels for pixels in _decoded(list(members[: 2 * each]), size) if not isinstance(pixels, str)][:each]
        strips.append(np.stack(kept) if kept else np.empty((0, size, size, 3), np.uint8))
    return tuple(strips)


def _entries(folder: Path) -> list[Path]:
    """What is not hidden, in order of the names. EngineError when the folder cannot be read."""
    try:
        return sorted((path for path in folder.iterdir() if _wanted(path.name)), key=lambda path: os.fsencode(path.name))
    except FileNotFoundError as error:
        raise EngineError(f"There is no folder {readable(folder.name)}.", remedy="Check its name, or bring it back.") from error
    except NotADirectoryError as error:
        raise EngineError(f"{readable(folder.name)} is no folder.", remedy=LAYOUT) from error
    except OSError as error:
        raise EngineError(f"{readable(folder.name)} could not be read: {error.strerror}.", remedy="Choose another folder.") from error


def _pictures(folder: Path) -> Iterator[Path]:
    """Every picture below `folder`, in order of the names; links to folders are not followed."""
    for place, below, names in os.walk(folder):
        below[:] = sorted(filter(_wanted, below))
        yield from (Path(place, name) for name in sorted(names, key=os.fsencode) if _wanted(name) and os.path.splitext(name)[1].lower() in SUFFIXES)


def _wanted(name: str) -> bool:
    return not name.startswith((".", "__MACOSX"))


def _is_utf8(name: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in name)


def _refuse(folder: Path, classes: list[str], files: list[tuple[Path, ...]], loose: int) -> None:
    name = readable(folder.name)
    if not classes and loose:
        raise EngineError(f"{name} holds {_s(loose, 'picture')} but no subfolders: it is not said what each one shows.",
                          remedy=f"{LAYOUT} One subfolder is enough for a model of one class.")
    if not classes:
        raise EngineError(f"{name} holds no subfolders with pictures (PNG, JPEG, WebP, BMP or GIF).", remedy=LAYOUT)
    if len(classes) > MOST_CLASSES:
        raise EngineError(f"{name} has {len(classes):,} classes; at most {MOST_CLASSES:,} are taken.", remedy="Take a part of them.")
    few = [word for word, members in zip(classes, files, strict=True) if len(members) < LEAST_IMAGES]
    if few:
        raise EngineError(f"{_some(few)}: fewer than {LEAST_IMAGES} pictures. A class needs at least {LEAST_IMAGES}.",
                          remedy="Add pictures, or move the subfolder away.")


def _check_size(size: int, count: int) -> None:
    import psutil

    low, high = SIZES
    if not low <= size <= high or size % 4:
        raise EngineError(f"The size {size} will not do.", remedy=f"Use a multiple of 4 from {low} to {high}; 28, 32, 48 and 64 are usual.")
    need, free = count * size * size * 3 * 2, psutil.virtual_memory().available
    if need > 0.8 * free:
        raise EngineError(f"{count:,} pictures of {size} x {size} need {need / 2**30:.1f} GiB; {free / 2**30:.1f} GiB are free.",
                          remedy="Choose a smaller size, or take a part of the pictures.")


def _decoded(files: list[Path], size: int) -> Iterator[np.ndarray | str]:
    """Each file's pixels uint8 [size, size, 3], or why there are none, in order; a few are decoded side by side."""
    from PIL import Image

    warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)  # PIXELS is stricter
    pool = ThreadPoolExecutor(min(4, os.cpu_count() or 1))
    try:
        yield from pool.map(lambda file: _square(file, size), files)
    finally:
        pool.shutdown(cancel_futures=True)


def _square(file: Path, size: int) -> np.ndarray | str:
    """One picture's pixels, or the reason in a few words."""
    from PIL import Image, ImageOps

    try:
        with Image.open(file) as image:
            if math.prod(image.size) > PIXELS:
                return f"{image.width} x {image.height} pixels, over the limit of {PIXELS // 1_000_000} million"
            image.draft("RGB", (2 * size, 2 * size))  # a JPEG is decoded no larger than it is needed
            picture = _on_white(ImageOps.exif_transpose(image))
            return np.asarray(_fitted(picture).resize((size, size), Image.Resampling.LANCZOS))
    except FileNotFoundError:
        return "no longer there"
    except Image.DecompressionBombError:
        return "far too many pixels"
    except Exception as error:  # a damaged file can make the decoders raise anything; it costs that one file
        return str(error).partition("\n")[0][:80] if isinstance(error, OSError) and error.strerror else "damaged or not a picture"


def _on_white(image: Any) -> Any:
    """RGB, with what shows through laid on white."""
    from PIL import Image

    if image.mode.startswith("I"):  # 16 bits of grey
        return Image.fromarray((np.asarray(image, np.float64) / 257).clip(0, 255).astype(np.uint8)).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        sheet = Image.new("RGBA", image.size, "white")
        sheet.alpha_composite(image.convert("RGBA"))
        return sheet.convert("RGB")
    return image.convert("RGB")


def _fitted(image: Any) -> Any:
    """A square: padded with the rim's colour where the rim is flat, else the middle."""
    from PIL import Image, ImageOps

    w, h = image.size
    if w == h:
        return image
    pixels = np.asarray(image, np.int16)
    rim = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    middle = np.median(rim, axis=0)
    if np.quantile(np.abs(rim - middle).max(axis=1), 0.98) <= FLAT_GAP:
        return ImageOps.pad(image, (max(w, h),) * 2, Image.Resampling.NEAREST, color=tuple(int(v) for v in middle))
    return ImageOps.fit(image, (min(w, h),) * 2, Image.Resampling.NEAREST)


def _s(count: int, word: str) -> str:
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def _some(names: list[str]) -> str:
    rest = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {rest:,} more" if rest > 0 else "")
