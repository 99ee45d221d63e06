"""Rotations in torch: rotation vectors, matrices; and the mean of several."""

import torch
from torch import Tensor


def exp(vectors: Tensor) -> Tensor:
    """[.., 3, 3] of rotation vectors [.., 3] in rad [Rodrigues]; differentiable at zero."""
    square = vectors.square().sum(-1)[..., None, None]
    angle = (square + 1e-12).sqrt()
    x, y, z = vectors.unbind(-1)
    o = torch.zeros_like(x)
    cross = torch.stack([o, -z, y, z, o, -x, -y, x, o], -1).unflatten(-1, (3, 3))
    eye = torch.eye(3, dtype=vectors.dtype, device=vectors.device)
    return eye + torch.sinc(angle / torch.pi) * cross + torch.sinc(angle / (2 * torch.pi)).square() / 2 * (cross @ cross)


def log(turns: Tensor) -> Tensor:
    """Rotation vectors [.., 3] of rotations [.., 3, 3], for angles below about 179 deg."""
    skew = torch.stack([turns[..., 2, 1] - turns[..., 1, 2], turns[..., 0, 2] - turns[..., 2, 0], turns[..., 1, 0] - turns[..., 0, 1]], -1) / 2
    sine = skew.norm(dim=-1)
    angle = torch.atan2(sine, (turns.diagonal(dim1=-2, dim2=-1).sum(-1) - 1) / 2)
    return skew * torch.where(sine > 1e-6, angle / sine.clamp(min=1e-6), torch.ones_like(sine))[..., None]


def chordal_mean(turns: Tensor) -> Tensor:
    """[.., 3, 3] of [N, .., 3, 3]: the rotation nearest to their arithmetic mean [Hartley 2013, Sec. 5.3]."""
    u, _, vt = torch.linalg.svd(turns.mean(0))
    sign = torch.ones_like(u[..., 0])
    sign[..., 2] = torch.sign(torch.linalg.det(u @ vt))
    return (u * sign[..., None, :]) @ vt
