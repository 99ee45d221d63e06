"""Masked pre-training of the mesh branch, in the spirit of MeshMAE: half of a crown's patches are hidden, a small decoder says what they hold.

    L = .5 Chamfer-L1 of the hidden faces' centres + mean square of their ten features        [Liang et al. 2022; the weights of TADPM's code]
"""

import torch
from torch import Tensor, nn

from engines.teeth import tooth_shapes
from engines.teeth.tadpm import Block, Faces

MASKED = 0.5
CHAMFER = 0.5
TYPICAL = torch.tensor([1.0, .6, 1.0, 1.6, .92, .96, .98, 0, 0, 0])  # mean of the features, and their spread
SPREAD = torch.tensor([.7, .25, .25, .35, .1, .06, .04, .6, .6, .6])


class MaskedFaces(nn.Module):
    """The mesh branch with a decoder; forward gives the loss of crowns [N, FACES, CHANNELS]."""

    def __init__(self, faces: Faces, width: int = 64, depth: int = 1) -> None:
        super().__init__()
        self.faces = faces
        inner = faces.patch.out_features
        self.down, self.hidden = nn.Linear(inner, width), nn.Parameter(torch.zeros(width))
        self.place = nn.Sequential(nn.Linear(3, width), nn.GELU(), nn.Linear(width, width))
        self.blocks = nn.ModuleList(Block(width, 4) for _ in range(depth))
        self.out = nn.Linear(width, tooth_shapes.PER_PATCH * tooth_shapes.CHANNELS)

    def forward(self, faces: Tensor, random: torch.Generator | None = None) -> Tensor:
        held, middles, tokens = self.faces.tokens(faces)
        count, patches = tokens.shape[:2]
        order = torch.rand(count, patches, generator=random).argsort(1).to(tokens.device)
        shown, gone = order[:, :int(patches * (1 - MASKED))], order[:, int(patches * (1 - MASKED)):]

        def take(values: Tensor, rows: Tensor) -> Tensor:
            return values.gather(1, rows[..., None].expand(-1, -1, values.shape[-1]))
        seen = self.down(self.faces.through(take(tokens, shown)))
        x = torch.cat([seen, self.hidden.expand(count, gone.shape[1], -1)], 1) + self.place(torch.cat([take(middles, shown), take(middles, gone)], 1))
        for block in self.blocks:
            x = block(x)
        made = self.out(x[:, shown.shape[1]:]).float().unflatten(-1, (tooth_shapes.PER_PATCH, tooth_shapes.CHANNELS))
        true = take(held, gone).unflatten(-1, (tooth_shapes.PER_PATCH, tooth_shapes.CHANNELS))
        far = (made[..., :, None, -3:] - true[..., None, :, -3:]).abs().sum(-1)
        chamfer = (far.amin(-1).mean() + far.amin(-2).mean()) / 2
        features = ((true[..., :-3] - TYPICAL.to(true.device)) / SPREAD.to(true.device) - made[..., :-3]).square().mean()
        return CHAMFER * chamfer + features
