"""What a network has answered already: asked the same again, it is not run again.

A key is the network's input itself, so that runs share what they have in common without knowing of each other: the
first call of every cell that grows from the same noise, and every step before guidance sets in. An answer is only given
to a call of the same kind (both branches in one batch, or one): another batch rounds differently, and a cell of a grid
must equal a run of its own to the bit.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import fields
from typing import Any

from torch import Tensor

from engines.guidance.request import Sampling

LIMIT_BYTES = 256 << 20
# what acts on the network's answers or decides its input, and is no input of its own; a new setting counts as input until it is named here
OUTSIDE = {"table", "calibration", "mode", "gamma_1", "gamma_0", "steps", "sampler", "seed", "seed_2", "seed_mix", "count", "guide_above",
           "guide_below", "sharpness", "curve_1", "curve_0", "tuned", "tuning", "ratios"}
INPUTS = tuple(f.name for f in fields(Sampling) if f.name not in OUTSIDE)


class Memo:
    """Answers by input, the longest unused dropped at `limit` bytes. `nfe` counts what was really evaluated."""

    def __init__(self, limit: int = LIMIT_BYTES) -> None:
        self._answers: OrderedDict[tuple, Any] = OrderedDict()
        self._limit, self._bytes = limit, 0
        self.nfe = 0

    def over(self, settings: Sampling, network: Callable[[Tensor, float, float], Any], evaluations: int) -> Callable[[Tensor, float, float], Any]:
        """`network(x, t, tau)` that looks here first. `evaluations` is what one call of it counts: 2 for a pair, 1 for one branch."""
        asked = tuple(getattr(settings, name) for name in INPUTS)

        def answer(x: Tensor, t: float, tau: float) -> Any:
            key = (evaluations, asked, t, tau, tuple(x.shape), digest(x))
            if key in self._answers:
                self._answers.move_to_end(key)
                return self._answers[key]
            found = network(x, t, tau)
            self.nfe += evaluations
            self._keep(key, found)
            return found
        return answer

    def _keep(self, key: tuple, found: Any) -> None:
        self._answers[key] = found
        self._bytes += size(found)
        while self._bytes > self._limit:
            self._bytes -= size(self._answers.popitem(last=False)[1])


def remembered(memo: Memo | None, settings: Sampling, network: Callable[[Tensor, float, float], Any],
               evaluations: int) -> Callable[[Tensor, float, float], Any]:
    """`network` over a memo, or itself where there is none."""
    return network if memo is None else memo.over(settings, network, evaluations)


def size(answer: Any) -> int:
    """Bytes of a tensor or a tuple of tensors."""
    return sum(t.numel() * t.element_size() for t in (answer if isinstance(answer, tuple | list) else (answer,)))


def digest(x: Tensor) -> bytes:
    """A hash of a tensor's values."""
    return hashlib.blake2b(x.detach().cpu().contiguous().numpy().data, digest_size=16).digest()
