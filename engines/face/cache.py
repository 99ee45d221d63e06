"""Rendered heads on disk: head-00017.npz is one random head at a few dozen mouths, held-003.npz one that no training sees, speaking.

A head's mouths are those of frames of the speech, drawn so that every class of sound comes up; frame 0 is the mouth at rest. Each file is written
whole or not at all and depends on the seed, its number and the speech alone, so several processes may fill one folder and a stopped one goes on.
jpeg uint8 (all pictures one after the other)    offset int64 [K + 1]    mouth float32 [K, 8]    lips float32 [K, 20, 2] pixels    kind int8 [K]
frame int64 [K] number in the speech (-1 for the rest)    drawn: DRAWN
"""

import os
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engines.face.articulation import REST, SOUNDS
from engines.face.corpus import Speech
from engines.face.morphable import Head
from engines.job import EngineError, Job

MOUTHS = 24
BEFORE, AFTER = 17, 7  # mel frames of the audio window around a frame (dck.py)
HELD_STEP = 3  # mel frames between two pictures of a held-out head: 26.7 a second
BALANCE = np.array([1.5, 2.0, 1.5, 1.8, 2.4, 2.2, 1.8, 1.0, 1.2, 1.3, 0.8])  # draws by class of SOUNDS: closures, tucks and rounding more than their time
QUALITY = 94
DRAWN = 2  # raised when heads or mouths are drawn in another way: old and new pictures do not mix


@dataclass(frozen=True)
class Shots:
    """pictures [K, S, S, 3] uint8, mouth [K, 8], lips [K, 20, 2] in pixels of S, kind [K], frame [K]."""

    pictures: np.ndarray
    mouth: np.ndarray
    lips: np.ndarray
    kind: np.ndarray
    frame: np.ndarray


def drawn_frames(speech: Speech, seed: int, number: int, held: bool) -> np.ndarray:
    """Frames of the speech that a head is shown at: balanced over the sounds, or one run of a held-out sentence."""
    random = np.random.default_rng([seed, 32, number, held])
    usable = speech.frames(held, BEFORE, AFTER)
    if held:
        runs = np.split(usable, np.flatnonzero(np.diff(usable) > 1) + 1)
        runs = [run for run in runs if len(run) >= MOUTHS * HELD_STEP // 2]
        run = runs[random.integers(len(runs))]
        talking = run[speech.kind[run] != REST]
        middle = int(talking[random.integers(len(talking))]) if len(talking) else int(run[len(run) // 2])
        first = int(np.clip(middle - MOUTHS * HELD_STEP // 2, run[0], max(run[0], run[-1] - (MOUTHS - 1) * HELD_STEP)))
        return np.arange(first, run[-1] + 1, HELD_STEP)[:MOUTHS]
    kind = speech.kind[usable]
    there = np.bincount(kind, minlength=len(SOUNDS)) > 0
    chance = BALANCE * there / (BALANCE * there).sum()
    return np.array([random.choice(usable[kind == k]) for k in random.choice(len(SOUNDS), MOUTHS, p=chance)])


def render(head: Head, speech: Speech, seed: int, number: int, held: bool, size: int, job: Job) -> Shots:
    """One head at rest and at its mouths."""
    from engines.face.head import Portrait

    frames = drawn_frames(speech, seed, number, held)
    portrait = Portrait(head, seed * 100_000 + number + (50_000 if held else 0), size)
    mouth = np.concatenate([np.zeros((1, 8), np.float32), speech.mouth[frames] / np.float32(255)])
    shots = []
    for one in mouth:
        job.check()
        shots.append(portrait.frame(one))
    return Shots(np.stack([s.picture for s in shots]), mouth, np.stack([s.lips for s in shots]),
                 np.concatenate([[REST], speech.kind[frames]]).astype(np.int8), np.concatenate([[-1], frames]))


def path_of(folder: Path, number: int, held: bool) -> Path:
    return Path(folder) / (f"held-{number:03d}.npz" if held else f"head-{number:05d}.npz")


def fill(folder: Path, head: Head, speech: Speech, seed: int, counts: tuple[int, int], size: int, job: Job, turn: tuple[int, int] = (0, 1)) -> None:
    """Renders the files that are missing: counts of (heads, held-out heads); of several processes each takes its turn (rank, size)."""
    wanted = [(number, True) for number in range(counts[1])] + [(number, False) for number in range(counts[0])]
    for k, (number, held) in enumerate(wanted):
        job.progress(k, len(wanted), f"Rendering heads: {k} of {len(wanted)}")
        path = path_of(folder, number, held)
        if k % turn[1] == turn[0] and not path.exists():
            write(path, render(head, speech, seed, number, held, size, job))


def write(path: Path, shots: Shots) -> None:
    """EngineError when the folder has no room or may not be written to."""
    import cv2

    options = [cv2.IMWRITE_JPEG_QUALITY, QUALITY, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    coded = [cv2.imencode(".jpg", np.ascontiguousarray(picture[..., ::-1]), options)[1].ravel() for picture in shots.pictures]
    offset = np.concatenate([[0], np.cumsum([len(part) for part in coded])])
    part = path.with_name(f"{path.stem}.{os.getpid()}.part.npz")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(part, jpeg=np.concatenate(coded), offset=offset, mouth=shots.mouth, lips=shots.lips, kind=shots.kind, frame=shots.frame, drawn=DRAWN)
        os.replace(part, path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise EngineError(f"{path.name} could not be written: {error.strerror}.", "Choose a --cache folder with room that you may write to.") from error


def read(path: Path, size: int) -> Shots:
    """A file's pictures at `size`, lips in its pixels. EngineError when the file is damaged."""
    import cv2

    try:
        with np.load(path, allow_pickle=False) as file:
            jpeg, offset, mouth, lips, kind, frame, drawn = (file[name] for name in ("jpeg", "offset", "mouth", "lips", "kind", "frame", "drawn"))
        pictures = [cv2.imdecode(jpeg[a:b], cv2.IMREAD_COLOR_RGB) for a, b in zip(offset[:-1], offset[1:], strict=True)]
        if any(picture is None for picture in pictures):
            raise ValueError
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, cv2.error) as error:
        raise EngineError(f"{path.name} in the cache folder is damaged.", "Delete it: it is rendered again.") from error
    if int(drawn) != DRAWN:
        raise EngineError(f"{path.name} in the cache folder was rendered by another version of Vernier.", "Delete the heads there: they are rendered again.")
    was = len(pictures[0])
    if was != size:
        pictures = [cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA) for picture in pictures]
    return Shots(np.stack(pictures), mouth, lips * (size / was), kind, frame)
