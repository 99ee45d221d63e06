"""What the diffusion model is measured against: networks trained on the same pairs with the same budget, and geometry without learning.

    mlp     the encoder of tadpm.py with a perceptron instead of the denoiser: the paper's ablation "MLP instead of diffusion"
    pstn    PSTN-like: a PointNet a tooth, a global one, then one perceptron for all teeth at once [Li et al. 2020]
    tanet   TANet-like: a PointNet a tooth, gated messages between neighbours, twins of the other side and two jaw nodes [Wei et al. 2020]

They see the same facts and predict the same residuals, so that what differs is the architecture. Geometry: identity, the arch-fit as it is used, and the
arch-fit with the gains that were best on real arches (teeth_targets.md 1.2).
"""

import numpy as np
import torch
from torch import Tensor, nn

from engines.teeth import residual
from engines.teeth.tadpm import Batch, Config, Encoder, Points, Tadpm

GAINS = (0.7, 0.6)  # lateral, vertical


class Mlp(nn.Module):
    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config, self.encoder = config, Encoder(config)
        self.head = _head(self.encoder.width, config.width)

    def forward(self, batch: Batch) -> Tensor:
        """z [B, 32, 6]."""
        return self.head(self.encoder(batch)) * batch.mask[..., None]


class PstnLike(nn.Module):
    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config, width = config, config.point_width
        self.points, self.whole = Points(width), Points(width)
        slots = len(residual.SLOTS)
        self.tooth = nn.Sequential(nn.Linear(width + residual.FACTS, width // 4), nn.GELU())
        self.head = _head(slots * (width // 4) + width, 2 * config.width, slots * 6)

    def forward(self, batch: Batch) -> Tensor:
        local = self.tooth(torch.cat([self.points(batch.points), batch.facts], -1)) * batch.mask[..., None]
        spots = batch.centres[:, :, None] / 8 + batch.points[:, :, :24, :3] @ batch.frames.transpose(-1, -2) / 8
        cloud = torch.cat([spots, torch.zeros_like(spots)], -1)
        cloud = torch.where(batch.mask[..., None, None], cloud, cloud.new_zeros(()))
        return self.head(torch.cat([local.flatten(1), self.whole(cloud.flatten(1, 2))], -1)).unflatten(-1, (-1, 6)) * batch.mask[..., None]


class TanetLike(nn.Module):
    ROUNDS = 3

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config, width = config, config.width
        self.points = Points(config.point_width)
        self.start = nn.Linear(config.point_width + residual.FACTS, width)
        self.messages = nn.ModuleList(nn.Linear(width, width) for _ in range(3))
        self.cell = nn.GRUCell(width, width)
        self.head = _head(3 * width, width)
        beside = torch.zeros(32, 32)
        for row in (0, 16):
            for k in range(row, row + 15):
                beside[k, k + 1] = beside[k + 1, k] = 1
        twin = torch.eye(32)[torch.from_numpy(residual.MIRROR)]
        jaw = torch.block_diag(torch.ones(16, 16), torch.ones(16, 16))
        self.register_buffer("edges", torch.stack([beside, twin, jaw]), persistent=False)

    def forward(self, batch: Batch) -> Tensor:
        there = batch.mask[..., None].float()
        state = self.start(torch.cat([self.points(batch.points), batch.facts], -1)) * there
        first = state
        for _ in range(self.ROUNDS):
            told = 0
            for edges, message in zip(self.edges, self.messages, strict=True):
                count = (edges @ there).clamp(min=1)
                told = told + edges @ (message(state) * there) / count
            state = self.cell(told.flatten(0, 1), state.flatten(0, 1)).unflatten(0, batch.mask.shape) * there
        whole = (state.sum(1) / there.sum(1).clamp(min=1))[:, None].expand_as(state)
        return self.head(torch.cat([first, state, whole], -1)) * there


def _head(inner: int, width: int, out: int = 6) -> nn.Sequential:
    """A perceptron that starts at zero: do not move."""
    last = nn.Linear(width, out)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return nn.Sequential(nn.Linear(inner, width), nn.GELU(), nn.Linear(width, width), nn.GELU(), last)


MODELS: dict[str, type[nn.Module]] = {"tadpm": Tadpm, "mlp": Mlp, "pstn": PstnLike, "tanet": TanetLike}


def gains(facts: np.ndarray) -> np.ndarray:
    """z [.., 6] of the arch-fit with gains: part of the way to the curve and to the level; facts as residual.see gives them."""
    z = np.zeros((*facts.shape[:-1], 6))
    z[..., 1], z[..., 2] = GAINS[0] * 2 * facts[..., 3] / residual.SHIFT_MM, GAINS[1] * 2 * facts[..., 4] / residual.SHIFT_MM
    return z
