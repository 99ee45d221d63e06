"""The network's form: exact where x is nearly noise, blends of labels, float timesteps."""

import pytest
import torch

from engines.diffusion.networks import UNet, UNetConfig


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    net = UNet(UNetConfig(3, 16, 4, (32, 48), 1, 64))
    torch.nn.init.normal_(net.head.weight, std=0.05)  # an untrained head is zero and would hide everything
    for block in (*net.down, *net.middle[::2], *net.up):
        torch.nn.init.normal_(block.conv_2.weight, std=0.05)
    return net.eval()


def inputs(net, n=3):
    torch.manual_seed(1)
    return torch.randn(n, 3, 16, 16), torch.tensor([3.0, 400.5, 999.0])[:n], net.labels(torch.arange(n))


@torch.no_grad()
def test_eps_is_sigma_x_plus_alpha_times_velocity(net):
    x, t, label = inputs(net)
    alpha, sigma = net.schedule.alpha(t).float(), net.schedule.sigma(t).float()
    expected = sigma[:, None, None, None] * x + alpha[:, None, None, None] * net.velocity(x, t, label)
    torch.testing.assert_close(net(x, t, label), expected)


@torch.no_grad()
def test_class_time_and_pixels_all_reach_the_output(net):
    x, t, label = inputs(net)
    base = net.velocity(x, t, label)
    assert (net.velocity(x, t, label.roll(1, 0)) - base).abs().max() > 1e-4
    assert (net.velocity(x, t + 0.5, label) - base).abs().max() > 1e-6
    moved = x.clone()
    moved[0, 0, 0, 0] += 1
    change = (net.velocity(moved, t, label) - base).abs().amax(dim=(1, 2, 3))
    assert change[0] > 1e-4 and change[1:].max() < 1e-6


@torch.no_grad()
def test_a_batch_gives_what_its_images_give_alone(net):
    x, t, label = inputs(net)
    alone = torch.cat([net(x[i : i + 1], t[i : i + 1], label[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(net(x, t, label), alone, rtol=1e-4, atol=1e-5)


def test_gradient_reaches_the_timestep(net):
    x, t, label = inputs(net)
    t = t.clone().requires_grad_()
    net(x, t, label).square().sum().backward()
    assert t.grad.abs()[:2].min() > 0


def test_a_size_that_does_not_halve_is_refused():
    with pytest.raises(ValueError, match="does not halve"):
        UNet(UNetConfig(1, 30, 2, (32, 32), 1, 64))


def test_the_config_survives_json():
    config = UNetConfig(1, 28, 10, (48, 80))
    assert UNetConfig.from_dict(config.to_dict()) == config
