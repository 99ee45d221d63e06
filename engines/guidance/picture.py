"""Pictures that carry their request: PNG with an iTXt chunk `vernier`, and NPZ for numbers. Whole files or none."""

import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from engines.guidance.outcome import Side
from engines.guidance.request import GuidanceRequest, unwrap, wrap
from engines.job import EngineError

KEY = "vernier"


def caption(side: Side) -> dict[str, Any]:
    """What a saved picture of this side carries: its request, the hashes, the versions."""
    from importlib.metadata import version

    return wrap(GuidanceRequest(side.settings)) | {
        "model_hash": side.model_hash, "table_hash": side.table_hash,
        "versions": {name: version(name) for name in ("torch", "numpy")}}


def contact_sheet(images: np.ndarray, columns: int | None = None) -> np.ndarray:
    """uint8 [N, H, W, C] -> one [R H, K W, C] picture, white where cells are left."""
    n, h, w, c = images.shape
    columns = columns or int(np.ceil(np.sqrt(n)))
    cells = np.full((-(-n // columns) * columns, h, w, c), 255, np.uint8)
    cells[:n] = images
    return cells.reshape(-1, columns, h, w, c).swapaxes(1, 2).reshape(-1, columns * w, c)


def save_png(path: Path, image: np.ndarray, about: dict[str, Any]) -> None:
    """uint8 [H, W, C] as PNG with `about` in its caption. EngineError if it cannot be written; nothing half-written."""
    from PIL import Image, PngImagePlugin

    text = PngImagePlugin.PngInfo()
    text.add_itxt(KEY, json.dumps(about))
    write_whole(path, lambda file: Image.fromarray(image.squeeze()).save(file, "PNG", pnginfo=text))


def save_side(side: Side, folder: Path, form: str = "png") -> list[str]:
    """Every image of a side as its own PNG (image k says so), or all in one NPZ; the names written."""
    folder.mkdir(parents=True, exist_ok=True)
    about = caption(side)
    stem = f"{Path(side.settings.model).stem}-{side.settings.label}-{side.settings.mode}-{side.settings.seed}"
    if side.points is not None or form == "npz":
        arrays = {"points": side.points} if side.points is not None else {"images": side.images}
        path = folder / f"{stem}.npz"
        write_whole(path, lambda file: np.savez_compressed(file, **arrays, vernier=np.array(json.dumps(about))))
        return [str(path)]
    names = []
    for k, image in enumerate(side.images):
        path = folder / f"{stem}-{k:04d}.png"
        save_png(path, image, about | {"image": k})
        names.append(str(path))
    return names


def read_png_request(path: Path) -> tuple[GuidanceRequest, dict[str, Any]]:
    """The request a PNG carries and its whole caption. EngineError when it is damaged, carries none, or is newer."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            image.load()
            text = getattr(image, "text", {}).get(KEY)
    except FileNotFoundError as error:
        raise EngineError(f"There is no file {Path(path).name}.", remedy="Choose a PNG that Vernier saved.") from error
    except (OSError, UnidentifiedImageError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise EngineError(f"{Path(path).name} is not a readable picture.", remedy="Drop a PNG that Vernier saved.") from error
    if text is None:
        raise EngineError(f"{Path(path).name} carries no Vernier request.", remedy="Drop a PNG that Vernier saved and no other program rewrote.")
    try:
        about = json.loads(text)
    except ValueError as error:
        raise EngineError(f"The request in {Path(path).name} is damaged.", remedy="Drop a PNG that Vernier saved.") from error
    return unwrap(about), about


def write_whole(path: Path, save: Callable[[Any], object]) -> None:
    """save(file) under another name, then moved into place. EngineError if that fails; nothing half-written."""
    part = Path(path).with_name(f"{Path(path).name}.part")
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        with open(part, "wb") as file:
            save(file)
        os.replace(part, path)
    except OSError as error:
        raise EngineError(f"{Path(path).name} could not be written: {error.strerror}.", remedy="Choose a folder with room that you may write to.") from error
    finally:  # a cancelled job leaves nothing either
        with suppress(OSError):
            part.unlink(missing_ok=True)
