"""The denoising as a film: frames of one or two sides, written as GIF, MP4 or a folder of PNG. Whole files or none."""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np

from engines.guidance.outcome import Film
from engines.guidance.picture import contact_sheet, save_png, write_whole
from engines.job import EngineError, Job

KINDS = ("predicted", "noisy")
LEAST_PX = 512  # lower frames are enlarged by a whole factor: square pixels stay square
LENGTH_MS, FASTEST_MS, SLOWEST_MS = 3000, 40, 200  # a film lasts so long, within the limits of what an eye takes in
HOLD_MS = 1000  # the finished picture stands so long before the film begins again


def interval_ms(steps: int) -> int:
    """How long a step is shown; whole hundredths of a second, as GIF counts."""
    return min(max(LENGTH_MS // steps, FASTEST_MS), SLOWEST_MS) // 10 * 10


def length(films: Sequence[Film]) -> int:
    """Steps of the longest film."""
    return max(len(film.levels) for film in films)


def moment(film: Film, step: int, steps: int) -> int:
    """The frame of one film at a step of the longest: both sides begin and end together."""
    return round(step * (len(film.levels) - 1) / max(steps - 1, 1))


def frames(films: Sequence[Film], kind: str = "predicted", image: int | None = None) -> Iterator[np.ndarray]:
    """uint8 [H, W, C] after each step: all images as one sheet or `image` alone, A beside B, enlarged crisply to LEAST_PX."""
    steps = length(films)
    for step in range(steps):
        shown = [getattr(film, kind)[moment(film, step, steps)] for film in films]
        yield _enlarged(_beside([contact_sheet(images) if image is None else images[min(image, len(images) - 1)] for images in shown]))


def _beside(pictures: list[np.ndarray]) -> np.ndarray:
    """One picture, white between the two and where the smaller one ends."""
    height, channels = max(len(picture) for picture in pictures), max(picture.shape[-1] for picture in pictures)
    parts = []
    for picture in pictures:
        picture = np.repeat(picture, channels // picture.shape[-1], -1)
        part = np.full((height, picture.shape[1] + (height // 32 if parts else 0), channels), 255, np.uint8)
        part[: len(picture), part.shape[1] - picture.shape[1] :] = picture
        parts.append(part)
    return np.concatenate(parts, 1)


def _enlarged(picture: np.ndarray) -> np.ndarray:
    factor = max(1, LEAST_PX // len(picture))
    return picture.repeat(factor, 0).repeat(factor, 1)


def form_of(path: Path) -> str:
    """"gif", "mp4" or "png" (a folder). EngineError for a name that is none of them."""
    forms = {".gif": "gif", ".mp4": "mp4", "": "png"}
    if path.suffix.lower() not in forms:
        raise EngineError(f"A film cannot be written as {path.suffix}.", remedy="Name a .gif file, an .mp4 file, or a folder for PNG pictures.")
    return forms[path.suffix.lower()]


@dataclass(frozen=True, eq=False)
class SaveFilm:
    """Writes a film: a task for the background lane. `about` goes with every PNG."""

    path: Path
    films: tuple[Film, ...]
    about: dict[str, Any]
    kind: str = "predicted"
    image: int | None = None  # None = all of them as a sheet

    def carry_out(self, engine: Any, job: Job) -> list[str]:
        """The files written. EngineError where they cannot be, Cancelled; neither leaves anything behind."""
        return write_film(self.path, frames(self.films, self.kind, self.image), length(self.films), self.about, job)


def write_film(path: Path, pictures: Iterator[np.ndarray], steps: int, about: dict[str, Any], job: Job) -> list[str]:
    """Writes a picture a step in the form that the name asks for; the files written. EngineError, Cancelled: neither leaves anything behind."""
    form = form_of(path)

    def told() -> Iterator[np.ndarray]:
        for step, picture in enumerate(pictures):
            job.progress(step, steps, f"Writing {path.name}, step {step + 1} of {steps}")
            yield picture
        job.progress(steps, steps, f"Writing {path.name}")

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EngineError(f"{path.name} could not be written: {error.strerror}.", remedy="Choose a folder that you may write to.") from error
    return {"gif": _save_gif, "mp4": _save_mp4, "png": _save_folder}[form](path, told(), steps, about)


def _save_gif(path: Path, pictures: Iterator[np.ndarray], steps: int, about: dict[str, Any]) -> list[str]:
    from PIL import Image

    def save(file: Any) -> None:
        images = (Image.fromarray(picture.squeeze()) for picture in pictures)
        durations = [interval_ms(steps)] * (steps - 1) + [HOLD_MS]
        next(images).save(file, "GIF", save_all=True, append_images=images, duration=durations, loop=0)

    write_whole(path, save)
    return [str(path)]


def _save_mp4(path: Path, pictures: Iterator[np.ndarray], steps: int, about: dict[str, Any]) -> list[str]:
    import cv2

    part, rate = path.with_name(f"{path.stem}.part.mp4"), 1000 / interval_ms(steps)
    video, count = None, 0
    try:
        for picture in pictures:
            picture = np.pad(picture, ((0, len(picture) % 2), (0, picture.shape[1] % 2), (0, 0)), "edge")  # the codec wants even sizes
            picture = cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR if picture.shape[-1] == 1 else cv2.COLOR_RGB2BGR)
            video = video or cv2.VideoWriter(str(part), cv2.VideoWriter_fourcc(*"mp4v"), rate, picture.shape[1::-1])
            if not video.isOpened():
                raise EngineError(f"{path.name} could not be begun.", remedy="Choose a folder that you may write to, or write a GIF.")
            count += 1
            video.write(picture)
        for _ in range(round(HOLD_MS / 1000 * rate)):
            count += 1
            video.write(picture)
        video.release()
        found = cv2.VideoCapture(str(part))
        complete = int(found.get(cv2.CAP_PROP_FRAME_COUNT)) == count
        found.release()
        if not complete:  # the writer itself says nothing of a full disk
            raise EngineError(f"{path.name} could not be written whole.", remedy="Choose a folder with room.")
        os.replace(part, path)
    except OSError as error:
        raise EngineError(f"{path.name} could not be written: {error.strerror}.", remedy="Choose a folder that you may write to.") from error
    finally:
        if video is not None:
            video.release()
        with suppress(OSError):
            part.unlink(missing_ok=True)
    return [str(path)]


def _save_folder(path: Path, pictures: Iterator[np.ndarray], steps: int, about: dict[str, Any]) -> list[str]:
    """One PNG a step, numbered; they appear in the folder once all are written."""
    part = None
    try:
        part = Path(mkdtemp(prefix=f"{path.name}.", suffix=".part", dir=path.parent))
        names = [f"step-{step + 1:0{len(str(steps))}d}.png" for step in range(steps)]
        for step, (name, picture) in enumerate(zip(names, pictures, strict=True)):
            save_png(part / name, picture, about | {"step": step + 1})
        path.mkdir(exist_ok=True)
        for name in names:
            os.replace(part / name, path / name)
    except OSError as error:
        raise EngineError(f"{path.name} could not be written: {error.strerror}.", remedy="Choose a folder that you may write to.") from error
    finally:
        if part is not None:
            shutil.rmtree(part, ignore_errors=True)
    return [str(path / name) for name in names]
