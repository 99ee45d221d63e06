"""One training of the two-dimensional lab: twins from the same weights and the same draws, differing in the regulariser alone.

    L_D = E softplus(-D(x)) + E softplus(D(G(z))) + every R1_EVERY-th step R1_EVERY r1/2 E|dD/dx|^2      (lazy R1, StyleGAN2)
    L_G = E softplus(-D(G(z))) + lambda L_score                                                           (non-saturating; SMaRt)
Adam (0.5, 0.99); learning rates constant in the first half and falling linearly to zero in the second. The discriminator steps first; the
generator's step uses the same z.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import softplus

from engines.gan import smart
from engines.gan.draws import Draw, Draws
from engines.gan.measures import ruler
from engines.gan.networks import Twins
from engines.gan.outcome import NAMES, Measures
from engines.gan.request import GanRequest, Smart
from engines.gan.toys import mixture

WIDTHS = (128, 128, 128)
R1_EVERY = 8
CHECK_EVERY, LARGEST = 20, 1e4  # steps between two looks for divergence; a logit beyond this is one
FINE_POINTS, LIVE_POINTS, LIVE_MMD = 10_000, 2000, 800


class Run:
    """`step` takes one step of every twin. `request` may be replaced between two steps, except in its structure.

    `arms` are the twins' regularisers, None for a plain GAN; without them the request's own: A plain, B its smart settings.
    """

    def __init__(self, request: GanRequest, arms: Sequence[Smart | None] | None = None) -> None:
        self.request, self._arms = request, arms
        self.data = mixture(request)
        self.ruler, self.draws = ruler(self.data), Draws(self.data, request.seed, request.batch)
        count = len(self.arms)
        self.G = Twins((2, *WIDTHS, 2), count, 2 * request.seed)
        self.D = Twins((2, *WIDTHS, 1), count, 2 * request.seed + 1)
        self.iteration = 0
        first = self.draws.at(0)
        smart.check_fits(self.data, first.real, first.eps, self.times(request.smart, first.u))
        self.stopped = [""] * count
        self.history: list[list[Measures]] = [[] for _ in range(count)]
        self.loss_g, self.loss_d, self.score = (torch.full((count,), float("nan")) for _ in range(3))
        self._fills: list[Tensor | None] = [None] * count  # shares of the modes, a moving average
        self.good = self.state()  # the last state that was whole

    @property
    def arms(self) -> Sequence[Smart | None]:
        """The regulariser of each twin now."""
        return self._arms if self._arms is not None else ((None, self.request.smart) if self.request.twin else (None,))

    @property
    def names(self) -> tuple[str, ...]:
        return NAMES[:len(self.arms)] if self._arms is None else tuple(f"arm {k}" for k in range(len(self.arms)))

    def progress(self) -> float:
        return min(1.0, self.iteration / self.request.steps)

    def finished(self) -> bool:
        return self.iteration >= self.request.steps or all(self.stopped)

    # a step ----------------------------------------------------------------------------------------------------------
    @torch.no_grad()
    def step(self) -> None:
        """One step of the discriminators, then one of the generators."""
        request, batch, draw = self.request, self.request.batch, self.draws.at(self.iteration)
        decay = min(1.0, 2 * (1 - self.progress()))
        moving = torch.tensor([[0.0 if reason else decay] for reason in self.stopped])
        twins = len(self.arms)
        fake = self.G.forward(draw.z.expand(twins, -1, -1))
        logits = self.D.forward(torch.cat([draw.real.expand(twins, -1, -1), fake], 1))
        real, made = logits[:, :batch], logits[:, batch:]
        self.D.backward(torch.cat([torch.sigmoid(-real).neg_(), torch.sigmoid(made)], 1).div_(batch))
        if request.r1 > 0 and smart.due(self.iteration, R1_EVERY):
            self.D.add_penalty(slice(0, batch), request.r1 * R1_EVERY)
        self.D.adam(moving * request.rate_d)
        told = self.iteration % CHECK_EVERY == CHECK_EVERY - 1
        if told:
            self.loss_d = softplus(-real).mean((1, 2)) + softplus(made).mean((1, 2))
        logits = self.D.forward(fake)
        push = self.D.backward(torch.sigmoid(-logits).div_(-batch), weights=False, inputs=True)
        for k, arm in enumerate(self.arms):
            if arm is not None and not self.stopped[k]:
                self._regularise(k, arm, fake[k], draw, push[k])
        self.G.backward(push)
        self.G.adam(moving * request.rate_g)
        self.iteration += 1
        if told:
            self.loss_g = softplus(-logits).mean((1, 2))
            self._watch()

    def _regularise(self, k: int, arm: Smart, fake: Tensor, draw: Draw, push: Tensor) -> None:
        """Adds lambda dL_score/dx to twin k's `push` where this iteration is due."""
        if not smart.due(self.iteration, smart.freq_at(arm.freq, arm.freq_schedule, self.progress())):
            return
        lam = smart.lam_at(arm.lam, arm.lam_schedule, self.progress())
        if lam == 0:
            return
        t = self.times(arm, draw.u)
        bound = smart.ordinary(self.data, draw.real, draw.eps, t) if arm.reach == "off" else None
        weights = self._weights(k, fake, arm.balance) if arm.balance else None
        found, losses = smart.pull(self.data, fake, draw.eps, t, gradient=arm.gradient, weights=weights, bound=bound)
        self.score[k] = losses.mean()
        push.add_(smart.limited(lam * found, push, arm.limit) if arm.limit else lam * found)

    def times(self, arm: Smart, u: Tensor) -> Tensor:
        """Timesteps, uniform in the arm's noise interval, from u in 0..1."""
        low, high = smart.timesteps(arm.sigma_low, arm.sigma_high, self.data.schedule)
        return low + (high - low) * u

    def _weights(self, k: int, fake: Tensor, balance: float) -> Tensor:
        """(fair share / share now)^balance of each sample's mode, mean 1 over the batch: a full mode pulls less, an empty one more."""
        _, modes = self.data.nearest(fake)
        fair = self.data.mode_shares
        now = torch.bincount(modes, minlength=len(fair)).float() / len(fake)
        self._fills[k] = now if self._fills[k] is None else self._fills[k].lerp(now, 0.02)
        weights = (fair / self._fills[k].clamp(min=0.1 * float(fair.min())))[modes].pow(balance)
        return weights / weights.mean()

    # divergence ------------------------------------------------------------------------------------------------------
    def _watch(self) -> None:
        """Stops a twin whose numbers ran away and puts its last good state back."""
        finite = self.G.flat.isfinite().all(1) & self.D.flat.isfinite().all(1) & self.loss_g.isfinite() & self.loss_d.isfinite()
        calm = (self.loss_g.abs() < LARGEST) & (self.loss_d.abs() < LARGEST)
        for k, fine in enumerate((finite & calm).tolist()):
            if not fine and not self.stopped[k]:
                self.stopped[k] = f"its losses ran away at step {self.iteration:,}"
                self._back(k)

    def _back(self, k: int) -> None:
        for name, nets in (("G", self.G), ("D", self.D)):
            nets.load({key.partition(".")[2]: value for key, value in self.good.items() if key.startswith(f"{name}.")}, k)
            nets.grad[k] = 0

    # looking on ------------------------------------------------------------------------------------------------------
    @torch.no_grad()
    def points(self, count: int) -> Tensor:
        """What every generator makes of the same latents, [T, count, 2]."""
        z = self.draws.latents(count)
        return torch.cat([self.G.show(part.expand(len(self.arms), -1, -1)) for part in z.split(2500)], 1)

    def measure(self, points: int = LIVE_POINTS, mmd_points: int = LIVE_MMD) -> list[Measures]:
        """The measures of every twin now."""
        made = self.points(points)
        losses = zip(self.loss_g.tolist(), self.loss_d.tolist(), self.score.tolist(), strict=True)
        return [self.ruler.measure(made[k], self.iteration, mmd_points, loss_g=g, loss_d=d, score=s) for k, (g, d, s) in enumerate(losses)]

    def note(self, points: int = LIVE_POINTS, mmd_points: int = LIVE_MMD) -> list[Measures]:
        """Measures, kept in the history."""
        found = self.measure(points, mmd_points)
        for past, now in zip(self.history, found, strict=True):
            if not past or past[-1].step < now.step:
                past.append(now)
        return found

    @torch.no_grad()
    def believed(self, at: Tensor) -> Tensor:
        """Every discriminator's probability of "real" at points [N, 2], as [T, N]."""
        return torch.sigmoid(self.D.show(at.expand(len(self.arms), -1, -1)))[:, :, 0]

    def arrows(self, k: int, tails: Tensor, draws: int = 16) -> Tensor:
        """-dL_score/dx at points [M, 2], mean over so many draws of the noise."""
        arm = self.arms[k] or self.request.smart
        random = torch.Generator().manual_seed(0)
        eps = torch.randn(draws * len(tails), 2, generator=random)
        t = self.times(arm, torch.rand(draws * len(tails), generator=random))
        found, _ = smart.pull(self.data, tails.repeat(draws, 1), eps, t, gradient=arm.gradient)
        return -(found * len(found)).view(draws, *tails.shape).mean(0)

    # going back ------------------------------------------------------------------------------------------------------
    def state(self) -> dict[str, Tensor]:
        """Everything that the next step depends on beside the request, as tensors."""
        found = {f"{name}.{key}": value for name, nets in (("G", self.G), ("D", self.D)) for key, value in nets.state().items()}
        found |= {f"fill.{k}": fill.clone() for k, fill in enumerate(self._fills) if fill is not None}
        return found | {"iteration": torch.tensor(self.iteration)}

    def load(self, state: dict[str, Tensor], stopped: Sequence[str] = ()) -> None:
        """Back to a state; what the history holds beyond it is forgotten."""
        for name, nets in (("G", self.G), ("D", self.D)):
            nets.load({key.partition(".")[2]: value for key, value in state.items() if key.startswith(f"{name}.")})
        self._fills = [state.get(f"fill.{k}") for k in range(len(self.arms))]
        self.iteration, self.good = int(state["iteration"]), state
        self.stopped = list(stopped) or [""] * len(self.arms)
        self.history = [[entry for entry in past if entry.step <= self.iteration] for past in self.history]
