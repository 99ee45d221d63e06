"""The network: its two sizes, its theorem, and that a batch's kernels stay apart."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.face import dck

TINY = dck.Config(32, (8, 8, 8, 8, 8, 16), 4, 8, 16)


def sound(batch, seed=0):
    draws = torch.Generator().manual_seed(seed)
    return torch.randn(batch, dck.FRAMES, dck.MELS, generator=draws), torch.ones(batch, dck.FRAMES)


@pytest.mark.parametrize("quality", dck.QUALITIES)
@pytest.mark.parametrize("dynamic", [True, False])
def test_both_sizes_have_at_most_six_million_parameters(quality, dynamic):
    with torch.device("meta"):
        net = dck.Dck(dck.Config(dck.QUALITIES[quality], dynamic=dynamic))
    assert sum(p.numel() for p in net.parameters()) <= 6_000_000


def test_a_batch_of_kernels_is_the_grouped_convolution_of_the_paper():
    h, kernel = torch.randn(3, 5, 4, 6), torch.randn(3, 5, 6)
    grouped = F.conv2d(h.reshape(1, 15, 4, 6), kernel[:, :, :-1].reshape(15, 5, 1, 1), kernel[:, :, -1].reshape(15), groups=3).view(3, 5, 4, 6)
    torch.testing.assert_close(dck.dynamic_conv(h, kernel), grouped, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("dynamic", [True, False])
def test_every_face_hears_its_own_voice_only(dynamic):
    torch.manual_seed(0)
    net = dck.Dck(dck.Config(**{**TINY.to_dict(), "dynamic": dynamic})).eval()
    image, (A, known) = torch.rand(2, 3, 32, 32), sound(2)
    with torch.no_grad():
        both = net(image, A, known)[0]
        for k in range(2):
            torch.testing.assert_close(net(image[k:k + 1], A[k:k + 1], known[k:k + 1])[0], both[k:k + 1], atol=1e-4, rtol=1e-4)
        assert (net(image, A.flip(0), known)[0] - both).abs().max() > 1e-5


def test_what_is_not_heard_yet_changes_nothing():
    net, image, (A, _) = dck.Dck(TINY).eval(), torch.rand(1, 3, 32, 32), sound(1)
    known = (torch.arange(dck.FRAMES) < dck.heard(40))[None].float()
    later = A.clone()
    later[:, dck.heard(40):] += 1
    with torch.no_grad():
        torch.testing.assert_close(net(image, A, known)[0], net(image, later, known)[0])


def test_a_look_ahead_includes_the_half_window_of_25_ms():
    assert [dck.heard(ms) - dck.BEFORE for ms in (0, 25, 40, 100)] == [-1, 1, 2, 7]


def test_the_face_is_a_blend_of_the_picture_and_the_motion_image():
    net, image, (A, known) = dck.Dck(TINY), torch.rand(2, 3, 32, 32), sound(2)
    shown, alpha, M = net(image, A, known)
    torch.testing.assert_close(shown, image * (1 - alpha) + M * alpha)
    assert alpha.shape == (2, 1, 32, 32) and alpha.min() >= 0 and alpha.max() <= 1


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 5), st.integers(1, 6), st.floats(0, 2), st.integers(0, 999))
def test_two_networks_differ_no_more_than_theorem_1_allows(layers, width, apart, seed):
    draws = torch.Generator().manual_seed(seed)
    first = [torch.randn(width, width, generator=draws, dtype=torch.float64) for _ in range(layers)]
    second = [k + apart * torch.randn(width, width, generator=draws, dtype=torch.float64) for k in first]
    x = torch.randn(width, generator=draws, dtype=torch.float64)

    def run(kernels):
        y = x
        for k in kernels:
            y = F.leaky_relu(k @ y, dck.SLOPE)
        return y

    assert (run(first) - run(second)).norm() <= dck.lipschitz_bound(first, second, float(x.norm())) * (1 + 1e-9) + 1e-12


def test_a_picture_moved_by_a_whole_cell_gives_the_same_face_moved():
    torch.manual_seed(1)
    net = dck.Dck(dck.Config(**{**TINY.to_dict(), "size": 128})).eval()
    image, (A, known) = torch.zeros(1, 3, 128, 128), sound(1)
    image[:, :, 40:72, 40:72] = torch.rand(3, 32, 32)
    with torch.no_grad():
        here, there = net(image, A, known)[1], net(image.roll(32, 3), A, known)[1]
    inner = slice(40, 72)
    difference = (here[..., inner, 40:72] - there[..., inner, 72:104]).abs().mean()
    assert difference < 0.35 * (here[..., inner, 40:72] - here[..., inner, 72:104]).abs().mean() + 1e-4
