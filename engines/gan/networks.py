"""The toy's generators and discriminators: one small network per twin, all twins worked out together.

    h_0 = x,   h_i = leaky(h_{i-1} W_i + b_i),   out = h_{L-1} W_L + b_L       leaky(u) = max(u, 0.2 u)
Tensors carry the twin first: x [T, B, in], W_i [T, in, out]. Gradients are written out by hand: on a processor that is faster than autograd,
and the two derivatives that a penalty on the gradient needs become one more pass (the network is linear between its kinks).
"""

import math

import torch
from torch import Tensor
from torch.nn.functional import leaky_relu

SLOPE = 0.2
BETAS, EPSILON = (0.5, 0.99), 1e-8
ALIGNED = 64  # floats: twins at unlike addresses are multiplied with unlike rounding, and A and B would part without any cause


class Twins:
    """T networks of the same shape that start from the same weights; `flat`, `m`, `v` [T, P] are weights and Adam's averages."""

    def __init__(self, sizes: tuple[int, ...], twins: int, seed: int) -> None:
        self.sizes, self.twins = sizes, twins
        count = sum((a + 1) * b for a, b in zip(sizes, sizes[1:], strict=False))
        count += -count % ALIGNED
        draws = torch.Generator().manual_seed(seed)
        self.flat = torch.zeros(twins, count)
        self.grad, self.m, self.v = (torch.zeros(twins, count) for _ in range(3))
        self.steps = 0
        self.W, self.b = self._views(self.flat)
        self.dW, self.db = self._views(self.grad)
        for W, b in zip(self.W, self.b, strict=True):
            bound = 1 / math.sqrt(W.shape[1])
            for part in (W, b):
                part.copy_((2 * torch.rand(part.shape[1:], generator=draws) - 1) * bound)
        self._h: list[Tensor] = []

    def _views(self, flat: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        W, b, at = [], [], 0
        for size, out in zip(self.sizes, self.sizes[1:], strict=False):
            W.append(flat[:, at:at + size * out].view(-1, size, out))
            b.append(flat[:, at + size * out:at + (size + 1) * out].view(-1, 1, out))
            at += (size + 1) * out
        return W, b

    def forward(self, x: Tensor) -> Tensor:
        """[T, B, in] -> [T, B, out]; what a following backward needs is kept."""
        self._h = [x]
        for W, b in zip(self.W[:-1], self.b[:-1], strict=True):
            x = leaky_relu(torch.baddbmm(b, x, W), SLOPE, inplace=True)
            self._h.append(x)
        return torch.baddbmm(self.b[-1], x, self.W[-1])

    def show(self, x: Tensor) -> Tensor:
        """forward that leaves what backward needs alone: for looking on, between two steps."""
        kept, self._h = self._h, []
        out = self.forward(x)
        self._h = kept
        return out

    def backward(self, g: Tensor, weights: bool = True, inputs: bool = False) -> Tensor | None:
        """From the loss's gradient at the output [T, B, out]: with `weights` into `grad` (overwritten), with `inputs` the one at x."""
        for i in range(len(self.W) - 1, -1, -1):
            h = self._h[i]
            if weights:
                torch.bmm(h.transpose(1, 2), g, out=self.dW[i])
                torch.sum(g, 1, keepdim=True, out=self.db[i])
            if i or inputs:
                g = torch.bmm(g, self.W[i].transpose(1, 2))
            if i:
                g = _gate(g, h)
        return g if inputs else None

    def add_penalty(self, rows: slice, gamma: float) -> Tensor:
        """Adds the gradient of gamma/2 E|dD/dx|^2 (R1) over `rows` of the last forward to `grad`; E|dD/dx|^2 of every twin, [T].

        u_i is the gradient at layer i's output for out = 1, going down; w_i the penalty's gradient with respect to u_i, coming up.
        """
        h = [part[:, rows] for part in self._h]
        count = h[0].shape[1]
        u = [None] * len(self.W)
        u[-1] = torch.ones(self.twins, count, 1)
        for i in range(len(self.W) - 1, 0, -1):
            u[i - 1] = _gate(torch.bmm(u[i], self.W[i].transpose(1, 2)), h[i])
        slope = torch.bmm(u[0], self.W[0].transpose(1, 2))
        w = slope * (gamma / count)
        for i in range(len(self.W)):
            self.dW[i].baddbmm_(w.transpose(1, 2), u[i])
            if i + 1 < len(self.W):
                w = _gate(torch.bmm(w, self.W[i]), h[i + 1])
        return slope.square().sum(2).mean(1)

    def adam(self, rate: Tensor) -> None:
        """One step of Adam from `grad`; rate [T, 1], zero for a twin that stands still."""
        self.steps += 1
        first, second = BETAS
        self.m.lerp_(self.grad, 1 - first)
        self.v.mul_(second).addcmul_(self.grad, self.grad, value=1 - second)
        scale = self.v.sqrt().mul_(1 / math.sqrt(1 - second**self.steps)).add_(EPSILON)
        self.flat.sub_(self.m.div(scale).mul_(rate / (1 - first**self.steps)))

    def state(self) -> dict[str, Tensor]:
        """A copy of everything that decides what comes next."""
        return {"flat": self.flat.clone(), "m": self.m.clone(), "v": self.v.clone(), "steps": torch.tensor(self.steps)}

    def load(self, state: dict[str, Tensor], twin: int | None = None) -> None:
        """Back to a state, all twins or one (whose count of steps is the others')."""
        for name in ("flat", "m", "v"):
            mine = getattr(self, name)
            mine.copy_(state[name]) if twin is None else mine[twin].copy_(state[name][twin])
        if twin is None:
            self.steps = int(state["steps"])


def _gate(g: Tensor, h: Tensor) -> Tensor:
    """g times the slope of leaky at each unit, read from its result h."""
    return torch.ops.aten.leaky_relu_backward(g, h, SLOPE, True)
