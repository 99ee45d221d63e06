"""A training with a memory: checkpoints to go back to, curves, and a file that outlives a crash."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor

from engines.gan.outcome import Measures
from engines.gan.request import GanRequest, Smart
from engines.gan.training import Run
from engines.guidance.picture import write_whole
from engines.job import EngineError
from engines.weights import read_safetensors

MEASURE_EVERY, CHECKPOINT_EVERY, CHECKPOINTS = 100, 200, 40
FORM = "gan-training 1"


@dataclass(frozen=True)
class Checkpoint:
    """A step, its state, and which twins had stopped by then."""

    step: int
    state: dict[str, Tensor]
    stopped: tuple[str, ...]


class Lab:
    """A Run, its checkpoints and the file it is kept in (None: in none)."""

    def __init__(self, request: GanRequest, file: Path | None = None, arms: Sequence[Smart | None] | None = None) -> None:
        self.run, self.file = Run(request, arms), file
        self.checkpoints: list[Checkpoint] = []
        self.note()

    def note(self) -> None:
        """Measures, and a checkpoint, as they are now."""
        self.run.note()
        self._keep()

    def train(self, until: int, tick: Callable[[], None] = lambda: None) -> None:
        """Steps until the iteration `until` or the end; `tick` after each, which may raise."""
        run = self.run
        while run.iteration < until and not run.finished():
            run.step()
            if run.iteration % MEASURE_EVERY == 0:
                run.note()
            if run.iteration % CHECKPOINT_EVERY == 0:
                self._keep()
            tick()

    def _keep(self) -> None:
        run = self.run
        run.good = run.state()
        self.checkpoints.append(Checkpoint(run.iteration, run.good, tuple(run.stopped)))
        if len(self.checkpoints) > CHECKPOINTS:  # every second of the older ones goes: what lies far back is coarser
            del self.checkpoints[1:-1:2]

    def rewind(self, step: int) -> int:
        """Back to the last checkpoint at or before `step`; its step. Later ones are forgotten."""
        while len(self.checkpoints) > 1 and self.checkpoints[-1].step > step:
            self.checkpoints.pop()
        last = self.checkpoints[-1]
        self.run.load(last.state, last.stopped)
        return last.step

    # the file --------------------------------------------------------------------------------------------------------
    def save(self) -> None:
        """Writes where the training stands, whole or not at all. EngineError when it cannot be written."""
        if self.file is not None:
            run = self.run
            meta = {"form": FORM, "structure": fingerprint(run.request), "settings": settings(run.request),
                    "arms": str(len(run.arms)), "stopped": json.dumps(run.stopped),
                    "history": json.dumps([[entry.to_dict() for entry in past] for past in run.history])}
            content = save({key: value.contiguous() for key, value in run.state().items()}, meta)
            write_whole(self.file, lambda file: file.write(content))

    def resume(self, same_settings: bool = False) -> bool:
        """Goes on from the file, where there is one. EngineError when it is damaged, another training's, or, if that matters, of other settings."""
        if self.file is None or not self.file.exists():
            return False
        state, meta = read_safetensors(self.file)
        run, remedy = self.run, "Delete it, or choose another folder."
        if meta.get("form") != FORM:
            raise EngineError(f"{self.file.name} is no checkpoint of the GAN lab.", remedy=remedy)
        if meta["structure"] != fingerprint(run.request) or int(meta["arms"]) != len(run.arms):
            raise EngineError(f"{self.file.name} belongs to a training with other data, another seed or batch.", remedy=remedy)
        if same_settings and meta.get("settings") != settings(run.request):
            raise EngineError(f"{self.file.name} belongs to a training with other settings.", remedy=remedy)
        mine = run.state()
        if any(key not in state or state[key].shape != value.shape for key, value in mine.items()):
            raise EngineError(f"{self.file.name} does not fit these networks.", remedy=remedy)
        try:
            history = [[Measures(**entry) for entry in past] for past in json.loads(meta["history"])]
            stopped = [str(reason) for reason in json.loads(meta["stopped"])]
        except (KeyError, TypeError, ValueError) as error:
            raise EngineError(f"{self.file.name} is damaged.", remedy=remedy) from error
        run.load(state, stopped)
        run.history = history
        if run.iteration > 0:
            self._keep()
        return True


def fingerprint(request: GanRequest) -> str:
    """Names a training by what it depends on from its first step."""
    return hashlib.sha256(json.dumps(request.structure()).encode()).hexdigest()[:24]


def settings(request: GanRequest) -> str:
    """Everything but the length: a training may be made longer."""
    return json.dumps(replace(request, steps=1).to_dict(), sort_keys=True)


def centres(cells: int, reach: float) -> Tensor:
    """The middles of cells x cells squares over [-reach, reach]^2, rows from low y, [cells^2, 2]."""
    axis = (torch.arange(cells) + 0.5) / cells * 2 * reach - reach
    return torch.cartesian_prod(axis, axis).flip(1)
