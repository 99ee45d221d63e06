"""The class-conditional U-Net behind the shipped models.

    eps_theta(x, t, c) = sigma_t x + alpha_t F(x, t, c)      [B, C, H, W]

F is the network proper. The identity eps = sigma_t x + alpha_t v makes F a velocity, so the output stays
exact where t is large (x is nearly eps there) while the model is an eps-model to everything outside.
Pixels are gathered 2 x 2 into channels first: most of the work happens at half the side, where it is cheap.
A label is a row of class weights [B, K + 1], the last column "no class"; blending two classes is a blend of rows.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engines.diffusion.schedules import Schedule

GROUPS = 16  # of every GroupNorm


@dataclass(frozen=True)
class UNetConfig:
    """Everything that shapes the weights; stored in their file."""

    image_channels: int
    image_size: int
    classes: int
    widths: tuple[int, ...] = (96, 160)
    blocks: int = 2
    embedding: int = 256
    heads: int = 4

    def __post_init__(self) -> None:
        counts = (self.image_channels, self.image_size, self.classes, self.blocks, self.embedding, self.heads, *self.widths)
        if not self.widths or not all(isinstance(n, int) and n > 0 for n in counts):
            raise ValueError("sizes must be whole numbers above zero")
        if any(width % GROUPS for width in self.widths):
            raise ValueError(f"widths must be multiples of {GROUPS}, not {self.widths}")
        if self.image_size % 2 ** len(self.widths):
            raise ValueError(f"image size {self.image_size} does not halve {len(self.widths)} times")

    def to_dict(self) -> dict[str, Any]:
        return asdict(self) | {"widths": list(self.widths)}

    @staticmethod
    def from_dict(values: dict[str, Any]) -> "UNetConfig":
        return UNetConfig(**(values | {"widths": tuple(values["widths"])}))


def time_features(t: Tensor, width: int) -> Tensor:
    """Sinusoids of a float timestep [B] -> [B, width]; smooth in t, so a tuned timestep is as good as a whole one."""
    frequencies = torch.exp(-math.log(10000.0) * torch.arange(width // 2, device=t.device, dtype=torch.float32) / (width // 2))
    angles = t.float()[:, None] * frequencies
    return torch.cat([angles.cos(), angles.sin()], dim=1)


class Norm(nn.GroupNorm):
    """GroupNorm in float32 where torch's own kernel is slow: channels-last bfloat16 on the CPU.

    [32, 64, 16, 16] on two cores: 1.5 ms there, 0.2 ms in float32; a call of the Emoji 3D network (16 images, both branches)
    falls from 52 to 36 ms.
    """

    def forward(self, x: Tensor) -> Tensor:
        if x.device.type != "cpu" or x.dtype != torch.bfloat16 or x.is_contiguous():
            return super().forward(x)
        return F.group_norm(x.float(), self.num_groups, self.weight.float(), self.bias.float(), self.eps).to(x.dtype)


class ResBlock(nn.Module):
    """GroupNorm-SiLU-conv twice; the embedding scales and shifts in between [ADM, Sec. 3]."""

    def __init__(self, inputs: int, outputs: int, embedding: int) -> None:
        super().__init__()
        self.norm_1 = Norm(GROUPS, inputs)
        self.conv_1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.modulation = nn.Linear(embedding, 2 * outputs)
        self.norm_2 = Norm(GROUPS, outputs)
        self.conv_2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.skip = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()
        nn.init.zeros_(self.conv_2.weight)
        nn.init.zeros_(self.conv_2.bias)

    def forward(self, x: Tensor, emb: Tensor) -> Tensor:
        scale, shift = self.modulation(emb)[:, :, None, None].chunk(2, dim=1)
        h = self.conv_1(F.silu(self.norm_1(x)))
        h = torch.addcmul(shift, self.norm_2(h), 1 + scale)
        return self.skip(x) + self.conv_2(F.silu(h))


class Attention(nn.Module):
    """Self-attention over the pixels of the coarsest level."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = Norm(GROUPS, width)
        self.qkv = nn.Conv2d(width, 3 * width, 1)
        self.out = nn.Conv2d(width, width, 1)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, x: Tensor) -> Tensor:
        b, c, h, w = x.shape
        q, k, v = self.qkv(self.norm(x)).permute(0, 2, 3, 1).reshape(b, h * w, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v)
        return x + self.out(y.permute(0, 2, 1, 3).reshape(b, h, w, c).permute(0, 3, 1, 2))


class UNet(nn.Module):
    """eps_theta with float timesteps and a null class. See the module's first lines for the form."""

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config, self.schedule = config, Schedule()
        emb, widths = config.embedding, config.widths
        self.time = nn.Sequential(nn.Linear(emb, emb), nn.SiLU(), nn.Linear(emb, emb))
        self.label = nn.Linear(config.classes + 1, emb, bias=False)
        nn.init.normal_(self.label.weight, std=0.5)
        self.stem = nn.Conv2d(4 * config.image_channels, widths[0], 3, padding=1)

        self.down, self.shrink, skips = nn.ModuleList(), nn.ModuleList(), [widths[0]]
        width = widths[0]
        for level, outputs in enumerate(widths):
            for _ in range(config.blocks):
                self.down.append(ResBlock(width, outputs, emb))
                width = outputs
                skips.append(width)
            if level + 1 < len(widths):
                self.shrink.append(nn.Conv2d(width, width, 3, stride=2, padding=1))
                skips.append(width)
        self.middle = nn.ModuleList([ResBlock(width, width, emb), Attention(width, config.heads), ResBlock(width, width, emb)])
        self.up, self.grow = nn.ModuleList(), nn.ModuleList()
        for level, outputs in reversed(list(enumerate(widths))):
            for _ in range(config.blocks + 1):
                self.up.append(ResBlock(width + skips.pop(), outputs, emb))
                width = outputs
            if level:
                self.grow.append(nn.Conv2d(width, width, 3, padding=1))
        self.norm = Norm(GROUPS, width)
        self.head = nn.Conv2d(width, 4 * config.image_channels, 3, padding=1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def labels(self, c: Tensor) -> Tensor:
        """Class numbers [B] (K = no class) -> label rows [B, K + 1]."""
        return F.one_hot(c, self.config.classes + 1).float()

    def velocity(self, x: Tensor, t: Tensor, label: Tensor) -> Tensor:
        """F(x, t, c) [B, C, H, W]."""
        features = time_features(t, self.config.embedding).to(label.dtype)
        emb = F.silu(self.time(features) + self.label(label))
        h = self.stem(F.pixel_unshuffle(x, 2).contiguous(memory_format=torch.channels_last))
        skips, blocks, levels = [h], iter(self.down), len(self.config.widths)
        for level in range(levels):
            for _ in range(self.config.blocks):
                h = next(blocks)(h, emb)
                skips.append(h)
            if level + 1 < levels:
                h = self.shrink[level](h)
                skips.append(h)
        first, attend, last = self.middle
        h = last(attend(first(h, emb)), emb)
        blocks = iter(self.up)
        for level in range(levels):
            for _ in range(self.config.blocks + 1):
                h = next(blocks)(torch.cat([h, skips.pop()], dim=1), emb)
            if level + 1 < levels:
                h = self.grow[level](F.interpolate(h, scale_factor=2.0, mode="nearest"))
        return F.pixel_shuffle(self.head(F.silu(self.norm(h))), 2).float()

    def forward(self, x: Tensor, t: Tensor, label: Tensor) -> Tensor:
        """eps_theta [B, C, H, W], float32. x [B, C, H, W], t [B] float in [0, 999], label [B, K + 1] class weights."""
        alpha, sigma = self.schedule.alpha(t), self.schedule.sigma(t)
        alpha, sigma = (s.to(x.dtype)[:, None, None, None] for s in (alpha, sigma))
        return sigma * x + alpha * self.velocity(x, t, label)
