"""Gradients written out by hand against autograd, Adam against torch's."""

import torch

from engines.gan.networks import SLOPE, Twins


def autograd_of(nets, twin):
    """The same network of one twin with tensors that autograd follows."""
    parts = [(W[twin].clone().requires_grad_(), b[twin].clone().requires_grad_()) for W, b in zip(nets.W, nets.b, strict=True)]

    def forward(x):
        for k, (W, b) in enumerate(parts):
            x = x @ W + b
            if k + 1 < len(parts):
                x = torch.nn.functional.leaky_relu(x, SLOPE)
        return x
    return parts, forward


def differing(sizes=(2, 16, 16, 1)):
    nets = Twins(sizes, 2, seed=1)
    nets.flat[1] += 0.1 * torch.randn(nets.flat.shape[1], generator=torch.Generator().manual_seed(2))
    return nets


def close(nets, twin, parts, rtol=1e-4):
    for k, (W, b) in enumerate(parts):
        for mine, theirs in ((nets.dW[k][twin], W.grad), (nets.db[k][twin], b.grad)):
            theirs = torch.zeros_like(mine) if theirs is None else theirs
            assert torch.allclose(mine, theirs, rtol=rtol, atol=1e-6)


def test_weights_and_inputs_get_the_gradient_of_autograd():
    nets = differing()
    x, g = torch.randn(2, 32, 2), torch.randn(2, 32, 1)
    out = nets.forward(x)
    dx = nets.backward(g, inputs=True)
    for twin in range(2):
        parts, forward = autograd_of(nets, twin)
        mine = x[twin].clone().requires_grad_()
        theirs = forward(mine)
        theirs.backward(g[twin])
        assert torch.allclose(out[twin], theirs, atol=1e-6) and torch.allclose(dx[twin], mine.grad, atol=1e-6)
        close(nets, twin, parts)


def test_r1_is_the_double_backward_of_autograd():
    nets = differing()
    x = torch.randn(2, 48, 2)
    nets.forward(x)
    nets.grad.zero_()
    found = nets.add_penalty(slice(0, 32), gamma=0.7)
    for twin in range(2):
        parts, forward = autograd_of(nets, twin)
        mine = x[twin, :32].clone().requires_grad_()
        (slope,) = torch.autograd.grad(forward(mine).sum(), mine, create_graph=True)
        squared = slope.square().sum(1).mean()
        (0.35 * squared).backward()
        assert torch.allclose(found[twin], squared, rtol=1e-4)
        close(nets, twin, parts)


def test_adam_is_torchs_adam():
    nets = Twins((2, 8, 1), 1, seed=0)
    theirs = nets.flat[0].clone().requires_grad_()
    adam = torch.optim.Adam([theirs], lr=3e-3, betas=(0.5, 0.99))
    for k in range(5):
        nets.grad.copy_(torch.randn(nets.grad.shape, generator=torch.Generator().manual_seed(k)))
        theirs.grad = nets.grad[0].clone()
        nets.adam(torch.full((1, 1), 3e-3))
        adam.step()
    assert torch.allclose(nets.flat[0], theirs, atol=1e-6)


def test_twins_start_alike_and_do_not_touch_one_another():
    nets = Twins((2, 8, 1), 2, seed=5)
    assert torch.equal(nets.flat[0], nets.flat[1])
    alone = Twins((2, 8, 1), 1, seed=5)
    for k in range(3):
        x = torch.randn(1, 16, 2, generator=torch.Generator().manual_seed(k))
        for net, inputs in ((nets, torch.cat([x, x * float("nan")])), (alone, x)):
            net.backward(torch.ones_like(net.forward(inputs)))
            net.adam(torch.full((net.twins, 1), 1e-3))
    assert torch.allclose(nets.flat[0], alone.flat[0]) and nets.flat[1].isnan().any()


def test_looking_leaves_what_a_step_needs_alone():
    nets = differing()
    x, g = torch.randn(2, 8, 2), torch.randn(2, 8, 1)
    nets.forward(x)
    nets.backward(g)
    before = nets.grad.clone()
    nets.forward(x)
    nets.show(torch.randn(2, 5, 2))
    nets.backward(g)
    assert torch.equal(nets.grad, before)
