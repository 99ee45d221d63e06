"""What a training is asked for, what it tells while it runs, and its tasks for the background lane. No torch here:
a window may import it.

Beside the model file OUT lie    OUT.state  the checkpoint     OUT.lock  who trains into it
                                 NAME.train.png, .json  the pictures of a small set, for the nearest one to a sample
"""

import json
import os
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from engines.guidance.datasets import is_own
from engines.job import EngineError, Job
from engines.weights import read_header

SHEET_IMAGES = 4000  # of a set whose pictures are kept beside the model
MOST_STEPS = 10_000_000
SIZES = (28, 32, 48, 64)
MEASURED_SIZE = 32  # of the pictures on which a step is timed
THUMBS, ROWS, THUMB_PX = 8, 12, 64  # pictures shown of a class, classes shown, pixels of a side


@dataclass(frozen=True)
class TrainRequest:
    """`vernier train guidance`: everything a run depends on. hours or steps ends it, whichever comes first.

    `dataset` is a name of engines/guidance/datasets.py (then `data` is its folder), or a folder whose subfolders are classes.
    """

    dataset: str
    data: str
    out: str
    widths: tuple[int, ...] = (64, 128)
    blocks: int = 2
    embedding: int = 192
    steps: int = 20_000
    hours: float = 24.0
    batch: int = 64
    rate: float = 6e-4
    warmup: int = 300
    drop: float = 0.12
    seed: int = 0
    threads: int = 0
    size: int = 32  # of a folder's pictures
    mirror: bool = True  # whether a folder's pictures may be flipped left to right

    @property
    def state(self) -> Path:
        """The checkpoint's file."""
        return Path(f"{self.out}.state")

    def identity(self) -> dict[str, Any]:
        """What must not change between a checkpoint and the run that goes on from it. A folder may be moved and may grow."""
        fixed = replace(self, steps=0, hours=0.0, threads=0, data="", out="", rate=0.0)
        fixed = replace(fixed, dataset="folder", batch=0) if is_own(self.dataset) else replace(fixed, size=32, mirror=True)
        return json.loads(json.dumps(asdict(fixed)))

    def check(self) -> None:
        """EngineError on a number that no training can use."""
        for name, low in (("steps", 1), ("batch", 1), ("warmup", 1)):
            if getattr(self, name) < low:
                raise EngineError(f"{name} is {getattr(self, name)}.", remedy=f"It must be at least {low}.")
        if not self.hours > 0 or not self.rate > 0:
            raise EngineError(f"hours is {self.hours:g} and rate {self.rate:g}.", remedy="Both must be above zero.")
        if Path(self.out).suffix != ".safetensors":
            raise EngineError(f"{Path(self.out).name} is no name for a model.", remedy="Let --out end in .safetensors.")


def suggested(images: int, size: int, cuda: bool) -> dict[str, Any]:
    """Network and length for a folder of so many pictures: small ones on a processor, where a step takes a second or more.

    Emoji 3D (3,000 pictures) was good after 22,000 steps of 64; fewer pictures are learnt by heart sooner.
    """
    steps = min(20_000, max(4000, 2000 + 5 * images))
    if cuda:
        widths, embedding = ((96, 160), 256) if size <= 32 else ((64, 128, 192), 256)
    else:
        widths, embedding = ((48, 96), 128) if size <= 32 else ((32, 64, 96), 128)
    fitting = next(n for n in range(len(widths), 0, -1) if size % 2**n == 0)
    return {"widths": widths[:fitting], "embedding": embedding, "steps": steps, "batch": 64 if images >= 64 else max(8, images)}


@dataclass(frozen=True)
class Moment:
    """What a running training tells: where it is, and now and then what its average draws."""

    step: int
    fraction: float
    hours: float
    loss: float
    seconds_left: float  # nan before it can be said
    images: np.ndarray | None = None  # uint8 [classes shown * each, H, W, C], class after class
    each: int = 0
    classes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Live:
    """How often a training shows what it draws: `each` images of the first `classes` classes every `seconds`."""

    seconds: float = 20.0
    each: int = 4
    classes: int = 8
    solver_steps: int = 10
    gamma_1: float = 2.0
    sheet: Path | None = None  # written as well, where the caller wants a file


@dataclass(frozen=True)
class TrainTask:
    """A training in the window. News are Moments, the result is train()'s."""

    request: TrainRequest
    live: Live = Live()

    def carry_out(self, engine: Any, job: Job) -> dict[str, Any]:
        from engines.guidance.train import train

        facts = train(self.request, job, live=self.live)
        engine.forget(self.request.out)
        return facts


@dataclass(frozen=True)
class FinishTask:
    """Ends a paused training: the model of its checkpoint is written as it is."""

    request: TrainRequest

    def carry_out(self, engine: Any, job: Job) -> dict[str, Any]:
        from engines.guidance.train import finish

        facts = finish(self.request, job)
        engine.forget(self.request.out)
        return facts


@dataclass(frozen=True)
class LookTask:
    """What a folder holds, and how long a training step takes here. The result is a Look."""

    folder: str

    def carry_out(self, engine: Any, job: Job) -> "Look":
        from engines.guidance.folders import look, thumbnails
        from engines.guidance.train import device_of, step_seconds

        found = look(Path(self.folder), job)
        job.news(Look(self.folder, found.classes, tuple(map(len, found.files)), found.notes, thumbnails(found, THUMB_PX, THUMBS, ROWS)))
        device = device_of(engine)
        advice = {size: suggested(found.count, size, device.type == "cuda") for size in SIZES}
        request = TrainRequest(self.folder, self.folder, "", size=MEASURED_SIZE, **advice[MEASURED_SIZE])
        return Look(self.folder, found.classes, tuple(map(len, found.files)), found.notes, (), advice,
                    step_seconds(request, len(found.classes), device, job))


@dataclass(frozen=True)
class Look:
    """classes, how many pictures each has, what to know, thumbs[k] uint8 [n, S, S, 3]; then what is suggested for each size."""

    folder: str
    classes: tuple[str, ...]
    counts: tuple[int, ...]
    notes: tuple[str, ...]
    thumbs: tuple[np.ndarray, ...] = ()
    advice: dict[int, dict[str, Any]] | None = None
    step_seconds: float = 0.0  # at MEASURED_SIZE


@dataclass(frozen=True)
class TableTask:
    """The ReCFG table of a model trained on a folder, written beside it."""

    model: str
    folder: str
    samples: int = 200
    batch: int = 32

    @property
    def out(self) -> Path:
        return Path(self.model).with_suffix(".table.safetensors")

    def carry_out(self, engine: Any, job: Job) -> dict[str, Any]:
        from engines.guidance import tables
        from engines.guidance.folders import load_folder
        from engines.guidance.train import Alone

        model = engine.model(self.model)
        data = load_folder(Path(self.folder), model.shape[1], job=job, channels=model.shape[0])
        facts = tables.build(model, data, self.samples, self.out, job, Alone(model.device), self.batch)
        engine.forget(self.model)
        return facts


def checkpoint(out: str) -> dict[str, Any] | None:
    """What the checkpoint beside `out` says of itself: "step", "hours", "request", "classes". None where there is none.

    EngineError when it cannot be read.
    """
    state = Path(f"{out}.state")
    if not state.exists():
        return None
    meta = read_header(state)
    try:
        request = json.loads(meta["request"])
        return {"step": int(meta["step"]), "hours": float(meta["hours"]), "request": request,
                "classes": tuple(json.loads(meta.get("header", "{}")).get("classes", ()))}
    except (KeyError, ValueError, AttributeError) as error:
        raise EngineError(f"{state.name} is no checkpoint of a training.", remedy="Delete it, or choose another name for the model.") from error


def same_settings(stored: dict[str, Any], request: TrainRequest) -> bool:
    """Whether a checkpoint's request is this one; a field that an older Vernier did not write counts as its default."""
    mine = request.identity()
    return {**TrainRequest("", "", "").identity(), "dataset": "", **stored} == mine


@contextmanager
def only_one(out: Path):
    """Holds OUT.lock while a training runs. EngineError when another living process trains into the same file."""
    import psutil

    lock, me = Path(f"{out}.lock"), f"{os.getpid()} {psutil.Process().create_time()}"
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        try:
            handle = os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
        except FileExistsError:
            if _alive(lock):
                raise EngineError(f"Another training writes {out.name} at the moment.", remedy="Wait for it, stop it, or choose another name.") from None
            handle = os.open(lock, os.O_CREAT | os.O_TRUNC | os.O_WRONLY)  # left by a process that was killed
        with os.fdopen(handle, "w") as file:
            file.write(me)
    except OSError as error:
        raise EngineError(f"{out.name} could not be written: {error.strerror}.", remedy="Choose a folder with room that you may write to.") from error
    try:
        yield
    finally:
        with suppress(OSError):
            lock.unlink()


def _alive(lock: Path) -> bool:
    """Whether the process that a lock names still runs: its number and its birth must fit."""
    import psutil

    try:
        number, born = lock.read_text("utf-8").split()
        return abs(psutil.Process(int(number)).create_time() - float(born)) < 1
    except (OSError, ValueError, psutil.Error):
        return False
