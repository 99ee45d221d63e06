"""What a training of the talking face is asked for. No torch here.

Beside the model file OUT lie    OUT.state  the checkpoint     OUT.lock  who trains into it
In the cache folder lie speech.npz and the rendered heads (corpus.py, cache.py); several trainings may share one.
"""

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from engines.job import EngineError

SIZES = {"fast": 128, "fine": 256}


@dataclass(frozen=True)
class FaceTrainRequest:
    """`vernier train face`: everything a run depends on. hours or steps ends it, whichever comes first.

    head: the morphable head's .npz; batch: pairs a step, each trained both ways; heads, held: rendered for training and apart from it; speech: hours of it;
    hearing: share of the run, at its start, in which the audio encoder alone learns which mouth a sound has; adversarial: share, at its end, with the
    discriminator; dynamic False: the ablation without dynamic kernels; net: fields of dck.Config that
    differ from its defaults; mouths come from the cache; workers: processes that render.
    """

    head: str
    out: str
    cache: str
    quality: str = "fast"
    hours: float = 4.0
    steps: int = 10_000_000
    batch: int = 8
    rate: float = 1e-3
    warmup: int = 100
    seed: int = 0
    threads: int = 0
    workers: int = 1
    heads: int = 300
    held: int = 16
    speech: float = 2.0
    hearing: float = 0.05
    adversarial: float = 0.35
    dynamic: bool = True
    checks: int = 20
    net: dict[str, Any] = field(default_factory=dict)

    @property
    def state(self) -> Path:
        """The checkpoint's file."""
        return Path(f"{self.out}.state")

    @property
    def size(self) -> int:
        """Side of the crop in pixels."""
        return self.net.get("size", SIZES[self.quality])

    def identity(self) -> dict[str, Any]:
        """What must not change between a checkpoint and the run that goes on from it. More heads, another machine and other lengths may."""
        free = {"head": "", "out": "", "cache": "", "hours": 0.0, "steps": 0, "rate": 0.0, "threads": 0, "workers": 0, "heads": 0, "held": 0, "speech": 0.0,
                "checks": 0, "batch": 0, "warmup": 0, "adversarial": 0.0,
                "hearing": 0.0}
        return json.loads(json.dumps(asdict(replace(self, **free))))

    def check(self) -> None:
        """EngineError on values that no training can use."""
        if Path(self.out).suffix != ".safetensors":
            raise EngineError(f"{Path(self.out).name} is no name for a model.", "Let --out end in .safetensors.")
        if self.quality not in SIZES:
            raise EngineError(f"There is no quality {self.quality!r}.", f"Use one of {', '.join(SIZES)}.")
        for name in ("steps", "batch", "warmup", "workers", "heads", "held", "checks"):
            if getattr(self, name) < 1:
                raise EngineError(f"{name} is {getattr(self, name)}.", "It must be at least 1.")
        if not self.hours > 0 or not self.rate > 0 or not self.speech > 0 or self.hearing < 0 or self.adversarial < 0 or self.hearing + self.adversarial >= 1:
            raise EngineError(f"hours is {self.hours:g}, rate {self.rate:g}, speech {self.speech:g}, hearing {self.hearing:g} and adversarial "
                              f"{self.adversarial:g}.", "Hours, rate and speech are above 0; hearing and adversarial are shares, together below 1.")
