"""Distances between two sets of feature vectors [N, D] (float64 inside)."""

import numpy as np
import torch
from torch import Tensor

NEIGHBOURS = 3
CHUNK = 1000


def moments(features: Tensor) -> tuple[Tensor, Tensor]:
    """Mean [D] and covariance [D, D]."""
    features = features.double()
    return features.mean(0), torch.cov(features.T)


def frechet(a: tuple[Tensor, Tensor], b: tuple[Tensor, Tensor]) -> float:
    """|m_a - m_b|^2 + tr(C_a + C_b - 2 (C_a C_b)^(1/2)) between two Gaussians [Heusel et al. 2017, Eq. 6]."""
    (m_a, c_a), (m_b, c_b) = a, b
    values, vectors = torch.linalg.eigh(c_a)
    root = vectors * values.clamp_min(0).sqrt() @ vectors.T
    cross = torch.linalg.eigvalsh(root @ c_b @ root).clamp_min(0).sqrt().sum()
    return float((m_a - m_b).square().sum() + c_a.trace() + c_b.trace() - 2 * cross)


def precision_recall(real: Tensor, made: Tensor, k: int = NEIGHBOURS) -> tuple[float, float]:
    """Share of made points inside the real manifold, and of real points inside the made one [Kynkaanniemi et al. 2019, Eq. 1].

    A manifold is the union of balls around its points, each reaching to that point's k-th neighbour. Use equal counts.
    """
    return _inside(made, real, k), _inside(real, made, k)


def _inside(points: Tensor, manifold: Tensor, k: int) -> float:
    radii = torch.cat([torch.cdist(part, manifold).kthvalue(k + 1, dim=1).values for part in manifold.split(CHUNK)])
    return float(np.mean([bool(hit) for part in points.split(CHUNK) for hit in (torch.cdist(part, manifold) <= radii).any(1)]))
