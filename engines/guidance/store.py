"""Finished cells of grids on disk, one NPZ each, found again by their settings and by the files that drew them."""

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np

from engines.guidance.outcome import Side
from engines.guidance.picture import write_whole
from engines.guidance.request import TOYS, Sampling
from engines.job import EngineError

if TYPE_CHECKING:
    from engines.guidance.engine import GuidanceEngine

FOLDER = ".cells"
NUMBERS = ("seconds", "network_seconds", "nfe", "model_hash", "table_hash", "clipped", "class_names", "notes", "ratios", "filed", "untuned")
ARRAYS = ("images", "points", "trajectories")


class Store:
    """The cells in `folder`/.cells. A file that is damaged, or that other weights or another table drew, counts as absent."""

    def __init__(self, folder: Path, engine: "GuidanceEngine") -> None:
        self._folder, self._engine = Path(folder) / FOLDER, engine

    def path(self, settings: Sampling) -> Path:
        text = json.dumps(settings.to_dict(), sort_keys=True)
        return self._folder / f"{hashlib.sha256(text.encode()).hexdigest()[:24]}.npz"

    def save(self, side: Side) -> None:
        """EngineError if it cannot be written; nothing half-written."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise EngineError(f"{self._folder.parent.name} is no folder that can be written to: {error.strerror}.", remedy="Choose another.") from error
        arrays = {name: getattr(side, name) for name in ARRAYS if getattr(side, name) is not None}
        arrays |= {f"per_step/{name}": values for name, values in side.per_step.items()}
        about = {"settings": side.settings.to_dict()} | {name: getattr(side, name) for name in NUMBERS}
        write_whole(self.path(side.settings), lambda file: np.savez(file, **arrays, about=np.array(json.dumps(about))))

    def load(self, settings: Sampling) -> Side | None:
        """A finished cell, or None."""
        try:
            with np.load(self.path(settings), allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            about = json.loads(str(arrays.pop("about")))
            if about.pop("settings") != json.loads(json.dumps(settings.to_dict())) or not self._same_files(settings, about):
                return None
            about |= {name: tuple(about[name]) for name in ("class_names", "notes", "ratios", "filed") if name in about}
            per_step = {name.partition("/")[2]: values for name, values in arrays.items() if name.startswith("per_step/")}
            kept = {name: arrays[name] for name in ARRAYS if name in arrays}
            return Side(settings, per_step=per_step, toy=_numbers(settings, kept), **kept, **about)
        except (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile):
            return None

    def _same_files(self, settings: Sampling, about: dict[str, Any]) -> bool:
        """Whether today's weights, table or calibration, and timestep ratios are those that the cell was drawn with."""
        if list(self._engine.asked_at(settings).ratios) != list(about.get("ratios", ())):
            return False
        if settings.model in TOYS:
            return True
        mine = self._engine.model(settings.model).hash, self._engine.companion_hash(settings)
        return mine == (about["model_hash"], about["table_hash"])


def _numbers(settings: Sampling, arrays: dict[str, np.ndarray]) -> Any:
    """A toy's numbers, worked out anew from its points."""
    if "points" not in arrays:
        return None
    from engines.diffusion.mixture import toy
    from engines.guidance import toys

    model = toy(settings.model)
    return toys.numbers(model, settings, settings.c if model.dim == 1 else settings.label, arrays["points"])
