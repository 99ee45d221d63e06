"""The treatment as an MP4: front, upper and lower view, stage by stage, with the stage and the note written into every picture."""

from pathlib import Path

import numpy as np

from engines.job import EngineError, Job
from engines.teeth.case import Case
from engines.teeth.look import INK, NOTE, QUIET, TITLES, Colour
from engines.teeth.rendering import Pictures, Scene, points_of, views_of
from engines.teeth.stages import Staging

SIZE = (1280, 720)
LAYOUT = {"front": (20, 60, 780, 600), "upper": (810, 60, 450, 300), "lower": (810, 385, 450, 285)}  # x, y, width, height in the picture
FPS, FRAMES_A_STAGE, HOLD_S = 12, 3, 1.5


def stops(count: int) -> list[float]:
    """The stages of all frames: the start is held, then every stage in FRAMES_A_STAGE steps, then the end is held."""
    hold = round(HOLD_S * FPS)
    moving = [k / FRAMES_A_STAGE for k in range(1, count * FRAMES_A_STAGE)]
    return [0.0] * hold + moving + [float(count)] * hold


def write(case: Case, staging: Staging, path: Path, job: Job | None = None) -> int:
    """Writes the film; how many frames it has. EngineError where it cannot be written; Cancelled leaves the unfinished file to whoever asked for it."""
    import cv2

    job = job or Job()
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), FPS, SIZE)
    if not writer.isOpened():
        raise EngineError(f"{path.name} cannot be written: this OpenCV has no MPEG-4 encoder.", "Export without the film.")
    frames, scene = stops(staging.count), Scene(case)
    fits = {view: _fit(scene, staging, view) for view in LAYOUT if view in views_of(case)}
    pictures = {view: Pictures(LAYOUT[view][2:]) for view in fits}
    last, picture = None, np.zeros((0, 0, 3), np.uint8)
    try:
        for k, stage in enumerate(frames):
            job.progress(k, len(frames), "film")
            if stage != last:
                bodies = scene.bodies(staging.poses(case, stage))
                parts = {view: one.draw(bodies, view, fits[view]) for view, one in pictures.items()}
                picture, last = _composed(parts, stage, staging.count), stage
            writer.write(picture[:, :, ::-1])
    finally:
        writer.release()
        for one in pictures.values():
            one.close()
    return len(frames)


def _fit(scene: Scene, staging: Staging, view: str) -> np.ndarray:
    """Points of the start and of the end, so that the camera stands still."""
    ends = [scene.bodies(staging.poses(scene.case, stage)).values() for stage in (0, staging.count)]
    return np.concatenate([points_of([entry for entry in end if view == "front" or entry[0].jaw in ("", view)]) for end in ends])


def _composed(parts: dict[str, np.ndarray], stage: float, count: int) -> np.ndarray:
    from PIL import Image, ImageDraw, ImageFont

    page = Image.new("RGB", SIZE, "white")
    for view, part in parts.items():
        page.paste(Image.fromarray(part), LAYOUT[view][:2])
    pen, ink, quiet = ImageDraw.Draw(page), _bytes(INK), _bytes(QUIET)
    shown = min(int(np.ceil(stage - 1e-9)), count)
    pen.text((24, 16), "Start" if shown == 0 else f"Stage {shown} of {count}", ink, ImageFont.load_default(30))
    for view in parts.keys() - {"front"}:
        pen.text((LAYOUT[view][0] - 4, LAYOUT[view][1] - 14), TITLES[view], quiet, ImageFont.load_default(16))
    pen.text((24, SIZE[1] - 36), NOTE, quiet, ImageFont.load_default(16))
    pen.rectangle((24, SIZE[1] - 8, SIZE[0] - 24, SIZE[1] - 5), _bytes((.88, .89, .9)))
    pen.rectangle((24, SIZE[1] - 8, 24 + (SIZE[0] - 48) * (stage / count if count else 1), SIZE[1] - 5), _bytes((.04, .42, .58)))
    return np.asarray(page)


def _bytes(colour: Colour) -> tuple[int, int, int]:
    red, green, blue = (round(255 * part) for part in colour)
    return red, green, blue
