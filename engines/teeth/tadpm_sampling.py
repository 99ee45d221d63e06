"""Proposals from the trained network: deterministic DDIM from seeded noise, locked teeth held, and what several proposals agree on."""

from collections.abc import Callable

import torch
from torch import Tensor

from engines.diffusion.noise import noise
from engines.teeth import residual, turns
from engines.teeth.tadpm import Batch, Tadpm

STEPS = 25


def seeded(seed: int, count: int) -> Tensor:
    """Starting noise [count, 32, 6]; proposal k of a seed is the same whatever the count."""
    return noise(seed, 0, count, (len(residual.SLOTS), 6))


@torch.no_grad()
def sample(net: Tadpm, features: Tensor, mask: Tensor, start: Tensor, steps: int = STEPS, locked: Tensor | None = None,
           guide: Callable[[Tensor], Tensor] | None = None, each: Callable[[int, Tensor], None] = lambda step, z: None, guide_from: float = 0.5) -> Tensor:
    """z [N, 32, 6] of N proposals for one case: features [1, 32, W], mask [1, 32], noise [N, 32, 6].

    locked [32]: these stay at z = 0, by replacement at every step, and come back as exactly 0. guide: may change z_0 before a step uses it, from that
    share of the steps on. each(step, z_0) is called after every one of the steps; what it raises ends the sampling.
    """
    count = len(start)
    features, mask = features.expand(count, -1, -1), mask.expand(count, -1)
    held = ~mask if locked is None else ~mask | locked
    schedule, z = net.schedule, start.to(features.device)
    times = schedule.timesteps(steps)
    for k, (t, after) in enumerate(zip(times[:-1], times[1:], strict=True)):
        alpha, sigma = schedule.alpha(t), schedule.sigma(t)
        z_0 = net.denoise(z, torch.full((count,), t, device=z.device), features, mask).float().masked_fill(held[..., None], 0.0)
        if guide is not None and k >= guide_from * steps:
            z_0 = guide(z_0).masked_fill(held[..., None], 0.0)
        eps = (z - alpha * z_0) / sigma
        z = schedule.alpha(after) * z_0 + schedule.sigma(after) * eps if k < steps - 1 else z_0
        each(k, z_0)
    return z


@torch.no_grad()
def expected(net: Tadpm, features: Tensor, mask: Tensor, start: Tensor) -> Tensor:
    """z_0 [N, 32, 6] at the highest noise level, where z_t says nothing of z_0: the mean of all proposals in one call. features [N or 1, 32, W], mask alike."""
    count = len(start)
    features, mask = features.expand(count, -1, -1), mask.expand(count, -1)
    last = torch.full((count,), float(net.schedule.last), device=features.device)
    return net.denoise(start.to(features.device), last, features, mask).float().masked_fill(~mask[..., None], 0.0)


def consensus(z: Tensor) -> Tensor:
    """[32, 6] of proposals [N, 32, 6]: the mean of where the teeth go, and the chordal mean of how they turn."""
    if len(z) == 1:
        return z[0]
    turn = turns.log(turns.chordal_mean(turns.exp(residual.TURN_RAD * z[..., 3:].double()))) / residual.TURN_RAD
    return torch.cat([z[..., :3].mean(0), turn.to(z.dtype)], -1)


def spread(z: Tensor) -> tuple[Tensor, Tensor]:
    """How far proposals [N, 32, 6] are from their consensus, root mean square: mm [32] and deg [32]."""
    middle = consensus(z)
    apart = (z[..., :3] - middle[..., :3]) * residual.SHIFT_MM
    back = turns.exp(residual.TURN_RAD * middle[..., 3:].double()).transpose(-1, -2)
    angle = turns.log(back @ turns.exp(residual.TURN_RAD * z[..., 3:].double())).norm(dim=-1)
    return apart.square().sum(-1).mean(0).sqrt(), torch.rad2deg(angle.square().mean(0).sqrt()).to(z.dtype)


def overlap_guide(batch: Batch, strength: float) -> Callable[[Tensor], Tensor]:
    """Moves z_0 down the slope of the sampled overlap, `strength` mm at most a step: teeth of a proposal part while they are still being placed."""
    from engines.teeth.tadpm_losses import EACH, overlap, surfaces

    few = batch.fewer(EACH)

    def guide(z_0: Tensor) -> Tensor:
        with torch.enable_grad():
            moving = z_0.detach().requires_grad_()
            slope = torch.autograd.grad(overlap(*surfaces(few, moving), batch.mask.expand(len(z_0), -1)) * len(z_0) * len(residual.SLOTS), moving)[0]
        slope[..., 3:] = 0
        size = slope.norm(dim=-1, keepdim=True)
        return z_0 - strength / residual.SHIFT_MM * slope / size.clamp(min=1.0)
    return guide
