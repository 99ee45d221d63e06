"""What a training of an arrangement network is asked for. No torch here.

Beside the model file OUT lie    OUT.state  the checkpoint     OUT.lock  who trains into it
"""

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from engines.job import EngineError

PARTS = ("pretrain", "joint")
KINDS = ("tadpm", "mlp", "pstn", "tanet")


@dataclass(frozen=True)
class TeethTrainRequest:
    """`vernier train teeth`: everything a run depends on. hours or steps ends it, whichever comes first.

    parts: masked pre-training of the mesh branch, then everything together; pretrain: share of the run for the first. draws: noise levels a case is seen at
    for one pass of the encoder. weights: of the loss, by name (tadpm_losses.Weights). widths: fields of tadpm.Config that differ from its defaults.
    """

    out: str
    model: str = "tadpm"
    hours: float = 2.0
    steps: int = 10_000_000
    parts: tuple[str, ...] = PARTS
    pretrain: float = 0.06
    batch: int = 16
    draws: int = 3
    rate: float = 8e-4
    decay: float = 0.02
    warmup: int = 200
    seed: int = 0
    threads: int = 0
    crowns: int = 48  # of each type, at a time
    checks: int = 40  # looks at the internal hold-out over the run
    checked: int = 96  # cases of it
    weights: dict[str, float] = field(default_factory=dict)
    widths: dict[str, int] = field(default_factory=dict)

    @property
    def state(self) -> Path:
        """The checkpoint's file."""
        return Path(f"{self.out}.state")

    def identity(self) -> dict[str, Any]:
        """What must not change between a checkpoint and the run that goes on from it."""
        return json.loads(json.dumps(asdict(replace(self, out="", hours=0.0, steps=0, threads=0, rate=0.0, checks=0, checked=0))))

    def check(self) -> None:
        """EngineError on values that no training can use."""
        if Path(self.out).suffix != ".safetensors":
            raise EngineError(f"{Path(self.out).name} is no name for a model.", "Let --out end in .safetensors.")
        if self.model not in KINDS:
            raise EngineError(f"There is no model {self.model!r}.", f"Use one of {', '.join(KINDS)}.")
        if not self.parts or set(self.parts) - set(PARTS) or "joint" not in self.parts:
            raise EngineError(f"--parts is {','.join(self.parts)}.", "Use pretrain,joint or joint.")
        for name in ("steps", "batch", "draws", "warmup", "crowns", "checks", "checked"):
            if getattr(self, name) < 1:
                raise EngineError(f"{name} is {getattr(self, name)}.", "It must be at least 1.")
        if not self.hours > 0 or not self.rate > 0 or not 0 <= self.pretrain < 1:
            raise EngineError(f"hours is {self.hours:g}, rate {self.rate:g} and pretrain {self.pretrain:g}.",
                              "Hours and rate are above 0, pretrain is from 0 to below 1.")

    @property
    def pretrained_share(self) -> float:
        """Of the run that is pre-training; models without a mesh branch have none."""
        return self.pretrain if "pretrain" in self.parts and self.model in ("tadpm", "mlp") else 0.0
