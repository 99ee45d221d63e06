"""Starting noise that depends on the seed and the image's number alone: not on batch, device or precision."""

import math

import numpy as np
import torch
from torch import Tensor


def noise(seed: int, first: int, count: int, shape: tuple[int, ...]) -> Tensor:
    """Standard normal float32 [count, *shape] on the CPU; image k of seed s draws from SeedSequence([s, k])."""
    images = [np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, k]))).standard_normal(shape, np.float32)
              for k in range(first, first + count)]
    return torch.from_numpy(np.stack(images))


def mixed(seed: int, seed_2: int, mix: float, first: int, count: int, shape: tuple[int, ...]) -> Tensor:
    """On the arc between two seeds' noises, mix in [0, 1]: still standard normal, since cos^2 + sin^2 = 1."""
    angle = mix * math.pi / 2
    return math.cos(angle) * noise(seed, first, count, shape) + math.sin(angle) * noise(seed_2, first, count, shape)


def noise_block(seed: int, count: int, dim: int) -> Tensor:
    """Standard normal float64 [count, dim] for the toys, from one stream: the first n of any count are the same."""
    return torch.from_numpy(np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed]))).standard_normal((count, dim)))
