"""Reads the lips of a crop: twenty points from a picture. One reads the generator's mouth for its loss, another, never in a loss, judges it.

Trained beside the generator on rendered pictures whose lips are known exactly.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

READ_PX = 64  # side that a crop is read at
POINTS = 20
SCALE = 0.05  # of what the last layer says: one step of Adam over a thousand inputs would else throw the lips off the picture


class LipReader(nn.Module):
    """picture [B, 3, S, S] in [0, 1] -> lips [B, 20, 2] in crop sides, in the order of morphable (outer ring, inner ring)."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        widths = [3, width, 2 * width, 3 * width, 4 * width]
        layers: list[nn.Module] = []
        for a, b in zip(widths[:-1], widths[1:], strict=True):
            layers += [nn.Conv2d(a, b, 3, 2, 1), nn.GroupNorm(8, b), nn.SiLU()]
        self.body = nn.Sequential(*layers)
        self.out = nn.Linear(widths[-1] * (READ_PX // 16) ** 2, 2 * POINTS)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, picture: Tensor) -> Tensor:
        if picture.shape[-1] != READ_PX:
            picture = F.interpolate(picture, size=(READ_PX, READ_PX), mode="area" if picture.shape[-1] > READ_PX else "bilinear")
        return 0.5 + SCALE * self.out(self.body(picture * 2 - 1).flatten(1)).unflatten(1, (POINTS, 2))


def opening_and_width(lips: Tensor) -> Tensor:
    """[..., 2] of lips [..., 20, 2]: gap between the inner lips, signed so that it can be learnt, and distance of the corners."""
    gap = (lips[..., [19, 18, 17], 1] - lips[..., 13:16, 1]).mean(-1)
    return torch.stack([gap, (lips[..., 0, :] - lips[..., 6, :]).norm(dim=-1)], -1)


def misread(read: Tensor, truth: Tensor) -> Tensor:
    """[B] distance between lips: of the points, and of opening and width, which say what was spoken."""
    return (read - truth).abs().mean((1, 2)) + (opening_and_width(read) - opening_and_width(truth)).abs().mean(1)
