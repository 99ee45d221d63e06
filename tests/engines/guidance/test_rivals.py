import pytest
import torch

from engines.guidance import rivals

GENERATOR = torch.Generator().manual_seed(1)
C, U = (torch.randn(3, 2, 8, 8, dtype=torch.float64, generator=GENERATOR) for _ in range(2))


def test_rescale_gives_the_conditional_spread_at_phi_one_and_nothing_at_zero():
    guided = U + 4 * (C - U)
    assert torch.allclose(rivals.rescale(guided, C, 1.0).std((1, 2, 3)), C.std((1, 2, 3)))
    assert torch.equal(rivals.rescale(guided, C, 0.0), guided)


def test_zero_star_projects_each_image_by_itself():
    guided = rivals.zero_star(C, U, 3.0)
    for k in range(3):
        s = (C[k] * U[k]).sum() / U[k].square().sum()
        assert torch.allclose(guided[k], s * U[k] + 3 * (C[k] - s * U[k]))
    assert torch.allclose(rivals.zero_star(C, U, 1.0), C)


def test_zero_star_of_parallel_predictions_changes_nothing():
    assert torch.allclose(rivals.zero_star(1.7 * U, U, 5.0), 1.7 * U)


def test_apg_pushes_only_across_the_conditional_prediction():
    push = rivals.Apg(4.0, radius=1e9)(C, U) - C
    assert (push * C).sum((1, 2, 3)).abs().max() < 1e-9 * push.norm() * C.norm()


def test_apg_without_its_parts_is_cfg():
    guided = rivals.Apg(4.0, eta=1.0, radius=1e9, momentum=0.0)(C, U)
    assert torch.allclose(guided, U + 4 * (C - U))


def test_apg_bounds_the_difference_per_image():
    push = rivals.Apg(2.0, eta=1.0, radius=0.5)(C, U) - C
    assert push.flatten(1).norm(dim=1).tolist() == pytest.approx([0.5] * 3)


def test_apg_remembers_the_run_with_reverse_momentum():
    apg = rivals.Apg(2.0, eta=1.0, radius=1e9, momentum=-0.5)
    apg(C, U)
    assert torch.allclose(apg(C, U) - C, 0.5 * (C - U))


@pytest.mark.parametrize("act", [lambda: rivals.zero_star(C, U, 1.0), lambda: rivals.Apg(1.0)(C, U), lambda: rivals.rescale(C, C)])
def test_at_strength_one_every_rival_is_off(act):
    assert torch.allclose(act(), C)
