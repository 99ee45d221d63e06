"""Tooth arrangement by diffusion, after TADPM [Lei et al. 2024, CAGD 111:102293]: from what a case looks like to where its teeth should go.

    local features       points and mesh faces of every crown, each by a branch of its own, joined                                        [Sec. 3.2]
    feature propagation  a transformer over the teeth of the case                                                                         [Sec. 3.3]
    global feature       set abstraction over the points of both jaws                                                                     [Sec. 3.3]
    denoiser             z_0 = D(z_t, t | features) per tooth, six numbers each; deterministic DDIM                                       [Eq. 8]

Slots, frames and z are those of residual.py: z = 0 is "do not move". Where this differs from the paper's code, and why: absent teeth are masked in attention
and in the global feature; one time embedding for all teeth; a plain linear head; residuals instead of absolute places; 5 M parameters instead of 173 M.
A mirrored case gives mirrored results exactly: a tooth knows its type, and of another tooth the type and whether it stands on its own side; the global
feature is taken twice, seen from the right and from the left, and each tooth uses that of its side.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from engines.diffusion.schedules import Tabulated
from engines.teeth import fdi, residual, tooth_shapes, turns

KINDS = len(residual.SLOTS) // 2  # upper and lower, place 1 to 8
KIND = np.array([(0 if fdi.is_upper(number) else 8) + fdi.place(number) - 1 for number in residual.SLOTS])


@dataclass(frozen=True)
class Config:
    """Widths of the network."""

    points: int = tooth_shapes.POINTS
    point_width: int = 192
    face_width: int = 96
    face_depth: int = 2
    width: int = 256
    depth: int = 4
    heads: int = 8
    global_width: int = 128
    denoiser_width: int = 160
    denoiser_depth: int = 4
    denoiser_heads: int = 5

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


TINY = Config(32, 24, 16, 1, 32, 1, 4, 16, 32, 1, 4)  # for tests


@dataclass(frozen=True, eq=False)
class Batch:
    """mask [B, 32]; points [B, 32, P, 6] and faces [B, 32, FACES, CHANNELS] in the teeth's frames, mm about their centres; centres [B, 32, 3] mm and frames
    [B, 32, 3, 3] in the case frame; facts [B, 32, FACTS]; z [B, 32, 6] the target, where it is known."""

    mask: Tensor
    points: Tensor
    faces: Tensor
    centres: Tensor
    frames: Tensor
    facts: Tensor
    z: Tensor | None = None

    def to(self, device: torch.device) -> "Batch":
        return Batch(*(None if value is None else value.to(device) for value in self.parts()))

    def parts(self) -> tuple[Tensor | None, ...]:
        return self.mask, self.points, self.faces, self.centres, self.frames, self.facts, self.z

    def repeated(self, count: int) -> "Batch":
        """All cases `count` times, one after the other."""
        return Batch(*(None if value is None else value.repeat(count, *[1] * (value.ndim - 1)) for value in self.parts()))

    def rows(self, rows: slice) -> "Batch":
        return Batch(*(None if value is None else value[rows] for value in self.parts()))

    def fewer(self, points: int) -> "Batch":
        """With the first points of every crown only."""
        return Batch(self.mask, self.points[:, :, :points], self.faces, self.centres, self.frames, self.facts, self.z)

    def mirrored(self) -> "Batch":
        """The same mouths in a mirror."""
        order = torch.as_tensor(residual.MIRROR, device=self.mask.device)
        flip = torch.tensor([-1.0, 1.0, 1.0], device=self.mask.device)
        mask, points, faces, centres, frames, facts, z = (None if value is None else value[:, order] for value in self.parts())
        return Batch(mask, points, faces, centres * flip, frames * flip[:, None], facts, z)


def cosine_schedule(steps: int = 1000, s: float = 0.008) -> Tabulated:
    """Nichol and Dhariwal's alpha-bar with betas clipped at 0.999."""
    at = np.cos((np.arange(steps + 1) / steps + s) / (1 + s) * np.pi / 2)**2
    return Tabulated(alphas_bar=np.cumprod(1 - np.minimum(1 - at[1:] / at[:-1], .999)))


class Points(nn.Module):
    """The point branch: a shared perceptron over points with normals, then the maximum [PointNet]."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.rise = nn.Sequential(nn.Linear(6, width // 3), nn.GELU(), nn.Linear(width // 3, width // 2), nn.GELU(), nn.Linear(width // 2, width))

    def forward(self, points: Tensor) -> Tensor:
        """[.., width] of points [.., P, 6] in mm."""
        scale = torch.tensor([.2, .2, .2, 1, 1, 1], dtype=points.dtype, device=points.device)
        return self.rise(points * scale).max(-2).values


class Faces(nn.Module):
    """The mesh branch: patches of faces as the tokens of a small transformer, then the maximum [MeshMAE's encoder]."""

    def __init__(self, width: int, depth: int) -> None:
        super().__init__()
        self.patch = nn.Linear(tooth_shapes.PER_PATCH * tooth_shapes.CHANNELS, width)
        self.place = nn.Sequential(nn.Linear(3, width), nn.GELU(), nn.Linear(width, width))
        self.blocks = nn.ModuleList(Block(width, 4) for _ in range(depth))
        self.norm = nn.LayerNorm(width)

    def tokens(self, faces: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What patches hold [.., PATCHES, PER_PATCH * CHANNELS] (centres about that of the patch), their centres [.., PATCHES, 3] in 5 mm, and tokens."""
        groups = faces.unflatten(-2, (tooth_shapes.PATCHES, tooth_shapes.PER_PATCH))
        spots = groups[..., -3:] / 5
        middle = spots.mean(-2)
        held = torch.cat([groups[..., :-3], spots - middle[..., None, :]], -1).flatten(-2)
        return held, middle, self.patch(held) + self.place(middle)

    def forward(self, faces: Tensor) -> Tensor:
        """[.., width] of faces [.., FACES, CHANNELS]."""
        return self.through(self.tokens(faces)[2]).max(-2).values

    def through(self, tokens: Tensor) -> Tensor:
        x = tokens.flatten(0, -3)
        for block in self.blocks:
            x = block(x)
        return self.norm(x).unflatten(0, tokens.shape[:-2])


class Block(nn.Module):
    """One pre-norm transformer layer; bias [B or 1, heads, S, S] is added to the attention."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.before, self.between = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        q, k, v = self.qkv(self.before(x)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        mixed = nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=None if bias is None else bias.to(q.dtype))
        x = x + self.out(mixed.transpose(1, 2).flatten(2))
        return x + self.mlp(self.between(x))


class Relations(nn.Module):
    """What one tooth means to another by their types and whether they stand on one side: an attention bias. Absent teeth are not looked at."""

    def __init__(self, heads: int) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.zeros(2 * KINDS * KINDS, heads))
        same = residual.SIDE[:, None] == residual.SIDE
        self.register_buffer("index", torch.from_numpy((same * KINDS + KIND[:, None]) * KINDS + KIND), persistent=False)

    def forward(self, mask: Tensor) -> Tensor:
        """[B, heads, 32, 32] for masks [B, 32]; a case without teeth looks everywhere."""
        bias = self.table[self.index].permute(2, 0, 1)[None]
        hidden = ~(mask | ~mask.any(1, keepdim=True))
        return bias.masked_fill(hidden[:, None, None], float("-inf"))


class Jaws(nn.Module):
    """The global feature: set abstraction round every tooth at two scales, then over the teeth [PointNet++]; seen from the right and from the left."""

    SCALES = ((16, 8.0), (48, 16.0))  # points, mm
    EACH = 24  # points of a tooth that take part

    def __init__(self, width: int) -> None:
        super().__init__()
        self.near = nn.ModuleList(nn.Sequential(nn.Linear(3, width // 4), nn.GELU(), nn.Linear(width // 4, width // 2)) for _ in self.SCALES)
        self.whole = nn.Sequential(nn.Linear(width + 3, width), nn.GELU(), nn.Linear(width, width))
        self.register_buffer("side", torch.from_numpy(residual.SIDE).float(), persistent=False)

    def forward(self, batch: Batch) -> Tensor:
        """[B, 32, width]: for every slot the feature of its side."""
        B = len(batch.mask)
        spots = batch.centres[:, :, None] + batch.points[:, :, :self.EACH, :3] @ batch.frames.transpose(-1, -2)
        spots = spots.flatten(1, 2)
        with torch.no_grad():
            far = torch.cdist(batch.centres, spots, compute_mode="donot_use_mm_for_euclid_dist")
            far = far.masked_fill(~batch.mask.repeat_interleave(min(self.EACH, batch.points.shape[2]), 1)[:, None], 1e6)
            far, order = far.topk(min(self.SCALES[-1][0], spots.shape[1]), largest=False)
        taken = spots[torch.arange(B, device=spots.device)[:, None, None], order] - batch.centres[:, :, None]
        views = []
        for sign in (-1.0, 1.0):
            flip = torch.tensor([sign, 1.0, 1.0], dtype=taken.dtype, device=taken.device)
            parts = [part((taken[:, :, :count] * flip) / mm).masked_fill((far[:, :, :count] > mm)[..., None], -1e4).max(2).values
                     for part, (count, mm) in zip(self.near, self.SCALES, strict=True)]
            x = self.whole(torch.cat([*parts, batch.centres * flip / 30], -1))
            views.append(x.masked_fill(~batch.mask[..., None], -1e4).max(1).values)
        return torch.where(self.side[None, :, None] < 0, views[0][:, None], views[1][:, None])


class Encoder(nn.Module):
    """Features of every tooth in its case: computed once, however many proposals are drawn."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.points, self.faces = Points(config.point_width), Faces(config.face_width, config.face_depth)
        self.join = nn.Linear(config.point_width + config.face_width + residual.FACTS, config.width)
        self.kind = nn.Embedding(KINDS, config.width)
        self.relations = Relations(config.heads)
        self.blocks = nn.ModuleList(Block(config.width, config.heads) for _ in range(config.depth))
        self.jaws = Jaws(config.global_width)
        self.norm = nn.LayerNorm(config.width + config.global_width)
        self.register_buffer("kinds", torch.from_numpy(KIND), persistent=False)

    @property
    def width(self) -> int:
        return self.norm.normalized_shape[0]

    def forward(self, batch: Batch) -> Tensor:
        """[B, 32, width]; zero in absent slots."""
        rows = batch.mask.flatten().nonzero()[:, 0]  # crowns that are there: the branches see no others
        crowns = torch.cat([self.points(batch.points.flatten(0, 1)[rows]), self.faces(batch.faces.flatten(0, 1)[rows])], -1)
        local = torch.zeros(batch.mask.numel(), crowns.shape[1], dtype=crowns.dtype, device=crowns.device).index_copy(0, rows, crowns)
        x = self.join(torch.cat([local.unflatten(0, batch.mask.shape), batch.facts.to(local.dtype)], -1)) + self.kind(self.kinds)
        bias = self.relations(batch.mask)
        for block in self.blocks:
            x = block(x, bias)
        return self.norm(torch.cat([x, self.jaws(batch)], -1)) * batch.mask[..., None]


class Denoiser(nn.Module):
    """z_0 from z_t, the time and the features, with attention between the teeth."""

    def __init__(self, features: int, width: int, depth: int, heads: int, steps: int) -> None:
        super().__init__()
        self.steps = steps
        self.start, self.condition = nn.Linear(6, width), nn.Linear(features, width)
        self.time = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, width))
        self.relations = Relations(heads)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 6)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, z: Tensor, t: Tensor, features: Tensor, mask: Tensor) -> Tensor:
        """[B, 32, 6] for z [B, 32, 6] and t [B], one embedding for all teeth."""
        half = self.start.out_features // 2
        rates = torch.exp(torch.linspace(0, np.log(1000.0), half, device=z.device))
        angles = (t / self.steps)[:, None].float() * rates
        time = self.time(torch.cat([angles.cos(), angles.sin()], -1).to(z.dtype))
        x = self.start(z) + self.condition(features) + time[:, None]
        bias = self.relations(mask)
        for block in self.blocks:
            x = block(x, bias)
        return self.head(self.norm(x)) * mask[..., None]


class Tadpm(nn.Module):
    """The network: `features` once a case, `denoise` for every step of every proposal."""

    def __init__(self, config: Config | None = None) -> None:
        super().__init__()
        self.config = config or Config()
        self.schedule = cosine_schedule()
        self.encoder = Encoder(self.config)
        self.denoiser = Denoiser(self.encoder.width, self.config.denoiser_width, self.config.denoiser_depth, self.config.denoiser_heads, self.schedule.steps)

    def features(self, batch: Batch) -> Tensor:
        return self.encoder(batch)

    def denoise(self, z: Tensor, t: Tensor, features: Tensor, mask: Tensor) -> Tensor:
        return self.denoiser(z, t, features, mask)


def placed(batch: Batch, z: Tensor, points: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Centres [.., 32, 3] and points [.., 32, P, 3] in the case frame, mm, after moves z [.., 32, 6]; a leading axis of proposals may be there."""
    local = batch.points[..., :3] if points is None else points
    centres = batch.centres + (batch.frames @ (residual.SHIFT_MM * z[..., :3, None]))[..., 0]
    turn = batch.frames @ turns.exp(residual.TURN_RAD * z[..., 3:])
    return centres, centres[..., None, :] + local @ turn.transpose(-1, -2)
