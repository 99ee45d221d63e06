"""The random numbers of a training: those of step n depend on the seed and on n alone, so that going back needs no saved state."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from engines.gan.toys import Mixture

BLOCK = 32  # steps drawn at once
DRAWS, LOOKS = 1, 2  # streams of a seed


@dataclass(frozen=True)
class Draw:
    """One step's: real [B, 2], latents z [B, 2], noise eps [B, 2], u [B] uniform in 0..1 for the timestep."""

    real: Tensor
    z: Tensor
    eps: Tensor
    u: Tensor


class Draws:
    """The data stream that all twins share."""

    def __init__(self, data: Mixture, seed: int, batch: int) -> None:
        self._data, self._seed, self._batch = data, seed, batch
        self._number, self._block = -1, ()

    def at(self, step: int) -> Draw:
        """The draws of a step, whichever came before."""
        number, place = divmod(step, BLOCK)
        if number != self._number:
            random, count = np.random.default_rng([DRAWS, self._seed, number]), BLOCK * self._batch
            normal = random.standard_normal((2, BLOCK, self._batch, 2), np.float32)
            real = self._data.draw(random, count).reshape(BLOCK, self._batch, 2)
            self._number, self._block = number, tuple(map(torch.from_numpy, (real, normal[0], normal[1], random.random((BLOCK, self._batch), np.float32))))
        return Draw(*(part[place] for part in self._block))

    def latents(self, count: int) -> Tensor:
        """The fixed latents that measures and pictures are made from, [count, 2]: the first n of any count are the same."""
        return torch.from_numpy(np.random.default_rng([LOOKS, self._seed]).standard_normal((count, 2), np.float32))
