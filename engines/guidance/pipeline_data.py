"""Pictures for a pipeline's ReCFG table: a folder whose subfolders are its classes (names, numbers, or prompts)."""

from pathlib import Path

import numpy as np

from engines.guidance.datasets import ImageSet
from engines.job import EngineError, Job

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
PIXELS = 100_000_000  # of one picture: more is a bomb, or no photograph


def load(folder: Path, size: int, most: int, job: Job) -> ImageSet:
    """The middle square of at most `most` pictures a class, size x size, RGB. EngineError naming the file that will not do."""
    if not folder.is_dir():
        raise EngineError(f"There is no folder {folder.name}.", remedy="Give --data a folder with one subfolder of pictures for each class or prompt.")
    found = {path.name: sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES)[:most]
             for path in sorted(folder.iterdir()) if path.is_dir() and not path.name.startswith(".")}
    found = {name: files for name, files in found.items() if files}
    if not found:
        raise EngineError(f"{folder.name} holds no subfolders with pictures (PNG, JPEG or WebP).", remedy="Make one subfolder for each class or prompt.")
    total, images = sum(map(len, found.values())), []
    for files in found.values():
        for file in files:
            job.progress(len(images), total, f"Reading {file.name}")
            images.append(_square(file, size))
    labels = np.repeat(np.arange(len(found)), [len(files) for files in found.values()])
    return ImageSet(folder.name, np.stack(images)[:, None], labels, np.ones(total), np.zeros(total, bool), tuple(found), "Pictures of one's own", "")


def _square(file: Path, size: int) -> np.ndarray:
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(file) as image:
            if image.width * image.height > PIXELS:
                raise ValueError("it has too many pixels")
            image = ImageOps.exif_transpose(image).convert("RGB")
            return np.asarray(ImageOps.fit(image, (size, size), Image.Resampling.LANCZOS))
    except (OSError, ValueError, SyntaxError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise EngineError(f"{file.parent.name}/{file.name} is not a readable picture ({error}).", remedy="Repair it, or take it out of the folder.") from error
