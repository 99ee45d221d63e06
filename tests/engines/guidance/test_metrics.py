"""Distances between feature clouds whose answer is known."""

import numpy as np
import pytest
import torch

from engines.guidance.metrics import frechet, moments, precision_recall


def test_the_frechet_distance_of_two_gaussians_is_the_closed_form():
    a = torch.zeros(3, dtype=torch.float64), torch.diag(torch.tensor([1.0, 4.0, 9.0], dtype=torch.float64))
    b = torch.tensor([1.0, 0.0, 2.0], dtype=torch.float64), torch.diag(torch.tensor([4.0, 4.0, 1.0], dtype=torch.float64))
    assert frechet(a, b) == pytest.approx(5 + (2 - 1) ** 2 + 0 + (3 - 1) ** 2)
    assert frechet(a, a) == pytest.approx(0, abs=1e-9) and frechet(a, b) == pytest.approx(frechet(b, a))


def test_it_does_not_change_when_both_clouds_turn():
    random = np.random.default_rng(0)
    x, y = (torch.from_numpy(random.standard_normal((500, 4)) * scale) for scale in (1, 2))
    turn = torch.linalg.qr(torch.from_numpy(random.standard_normal((4, 4))))[0]
    assert frechet(moments(x @ turn), moments(y @ turn)) == pytest.approx(frechet(moments(x), moments(y)))


def test_precision_and_recall_tell_a_narrow_cloud_from_a_stray_one():
    random = np.random.default_rng(0)
    real = torch.from_numpy(random.standard_normal((400, 2))).float()
    again = torch.from_numpy(random.standard_normal((400, 2))).float()
    alike = precision_recall(real, again)
    assert min(alike) > 0.85
    narrow = precision_recall(real, 0.2 * again)
    assert narrow[0] > 0.95 and narrow[1] < 0.3
    assert precision_recall(real, again + 100) == (0.0, 0.0)
