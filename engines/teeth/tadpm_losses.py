"""What the arrangement network is trained on.

    L = .05 reconstruction + .5 diffusion + 1 relative position   [Lei et al. 2024, Eq. 12]   + w_o overlap + w_c contact   (ours, off unless asked for)

Reconstruction is the mean distance of corresponding points: the pairs are made, so that Chamfer's guess at the correspondence is not needed. Overlap and
contact use a signed distance sampled at points: from a point p to the other tooth, (p - q) . n with q its nearest sample and n the normal there.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from engines.teeth.tadpm import Batch, placed

REACH_MM = 2.5  # points farther away than that touch nothing
TOLERANCE_MM = 0.1
EACH = 48  # points of a tooth that are looked at
BESIDE = tuple((row + k, row + k + 1) for row in (0, 16) for k in range(15))
NEAR = tuple((row + k, row + k + 2) for row in (0, 16) for k in range(14))
OPPOSITE = tuple((k, 16 + j) for k in range(16) for j in (k - 1, k, k + 1) if 0 <= j < 16)
PAIRS = BESIDE + NEAR + OPPOSITE


@dataclass(frozen=True)
class Weights:
    """Of the parts of the loss."""

    reconstruction: float = 0.05
    diffusion: float = 0.5
    relative: float = 1.0
    overlap: float = 0.0
    contact: float = 0.0


def reconstruction(points: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Mean distance in mm of points [B, 32, P, 3] of the teeth that are there."""
    apart = (points - target).square().sum(-1).add(1e-8).sqrt().mean(-1)
    return (apart * mask).sum() / mask.sum().clamp(min=1)


def diffusion(z: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Mean square of z [B, 32, 6] against z_0."""
    return ((z - target).square().mean(-1) * mask).sum() / mask.sum().clamp(min=1)


def relative_position(centres: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Mean difference, in mm, of the L1 distances between all pairs of teeth of a case, centres [B, 32, 3]."""
    def distances(at: Tensor) -> Tensor:
        return (at[:, :, None] - at[:, None]).abs().sum(-1)
    pairs = mask[:, :, None] & mask[:, None] & ~torch.eye(mask.shape[1], dtype=torch.bool, device=mask.device)
    return ((distances(centres) - distances(target)).abs() * pairs).sum() / pairs.sum().clamp(min=1)


def gaps(points: Tensor, normals: Tensor, mask: Tensor, pairs: tuple[tuple[int, int], ...]) -> tuple[Tensor, Tensor]:
    """mm between the teeth of each pair, negative where they overlap, [B, K]; and whether both are there and near each other.

    points [B, 32, P, 3] with outward unit normals [B, 32, P, 3].
    """
    a, b = (torch.tensor(side, device=points.device) for side in zip(*pairs, strict=True))
    p, q, n = points[:, b], points[:, a], normals[:, a]
    with torch.no_grad():
        far, nearest = torch.cdist(p, q).min(-1)
    row = nearest[..., None].expand(*nearest.shape, 3)
    signed = ((p - q.gather(2, row)) * n.gather(2, row)).sum(-1)
    return torch.where(far < REACH_MM, signed, REACH_MM).amin(-1), mask[:, a] & mask[:, b] & (far.amin(-1) < REACH_MM)


def overlap(points: Tensor, normals: Tensor, mask: Tensor, goal: Tensor | None = None) -> Tensor:
    """Mean over the teeth that are there of the mm by which pairs, in a jaw and across, are deeper in each other than TOLERANCE_MM, or than in the goal, where
    its gaps [B, K] are given."""
    gap, there = gaps(points, normals, mask, PAIRS)
    limit = -torch.full_like(gap, TOLERANCE_MM) if goal is None else goal.clamp(max=-TOLERANCE_MM)
    return (torch.relu(limit - gap) * there).sum() / mask.sum().clamp(min=1)


def contact(points: Tensor, normals: Tensor, mask: Tensor, wanted: Tensor) -> Tensor:
    """Mean mm by which neighbours stand apart more than TOLERANCE_MM; wanted [B, 30]: pairs of BESIDE that shall touch."""
    gap, there = gaps(points, normals, mask, BESIDE)
    there = there & wanted
    return (torch.relu(gap - TOLERANCE_MM) * there).sum() / there.sum().clamp(min=1)


def total(batch: Batch, z: Tensor, weights: Weights) -> dict[str, Tensor]:
    """Every part that counts, and `loss`; batch.z is the target."""
    mask = batch.mask
    centres, points = placed(batch, z)
    there, goal = placed(batch, batch.z)
    parts = {"reconstruction": reconstruction(points, goal, mask), "diffusion": diffusion(z, batch.z, mask),
             "relative": relative_position(centres, there, mask)}
    if weights.overlap or weights.contact:
        few = batch.fewer(EACH)
        spots, normals = surfaces(few, z)
        with torch.no_grad():
            aligned = gaps(*surfaces(few, batch.z), mask, PAIRS)[0]
        parts["overlap"] = overlap(spots, normals, mask, aligned)
        parts["contact"] = contact(spots, normals, mask, aligned[:, :len(BESIDE)] < 4 * TOLERANCE_MM)
    parts["loss"] = sum(getattr(weights, name) * value for name, value in parts.items())
    return parts


def surfaces(batch: Batch, z: Tensor) -> tuple[Tensor, Tensor]:
    """Points and normals [B, 32, P, 3] in the case frame after moves z."""
    centres, points = placed(batch, z)
    return points, placed(batch, z, batch.points[..., 3:])[1] - centres[..., None, :]
