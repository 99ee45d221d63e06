"""TimeTuner: the network is asked at a better timestep, and nothing else changes [TimeTuner, arXiv 2310.09469, Sec. 3].

At step i from t_i to s = t_{i+1} the network sees tau_i = r_i t_i in place of t_i; every alpha, sigma and history weight of the solver stays
on t_i. Few steps make x_i stray from the model's own path, so that the noise level x_i really has is no longer that of t_i: r_i mends it.
One r for each network call, shared by all samples; the last step keeps r = 1.

    x_i            the state before step i; x_s(r) the solver's state after it, asked at r t_i
    eps_hat        the guided prediction (CFG, ReCFG, ...), so that r is tuned under the guidance in use
    e(r)           what an objective wants to be zero, one value a pixel; the loss is its mean square over draws
      teacher      x_s(r) - X_s(x_i)               X_s(x): FINE small Heun steps of the plain model from x at t_i to s
      trajectory   x_s(r) - X_s                    the same model's fine path from the same noise: errors made before are mended too (ours)
      endpoint     x_0(r_1, ..., r_N) - X_0        the finished sample, all ratios at once: Levenberg-Marquardt (ours)
      paper        eps_hat(x_s(r), s) - sg[eps_hat(x_i, t_i)]      [TimeTuner's released loss]
    training       sequential: x_i comes from the steps tuned before it, from noise
                   parallel:   x_i = alpha x_0 + sigma eps, each call for itself; x_0 are the model's own fine samples

A ratio is kept only where the loss of held-out draws went down; else it is 1. teacher and trajectory are searched in one dimension
(Gauss-Newton on e, then a parabola: about 5 evaluations); the paper's by Adam, 500 iterations from 1, learning rate 2e-3.
Errors of single steps do not add up to the error of the picture: on the toys and on the shipped models teacher and trajectory lower their own
losses much and the finished sample's error little, endpoint lowers that error itself (the model cards have the numbers).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from engines.diffusion import samplers
from engines.guidance.guide import Call, Guide, call_at, guided_steps, latest, plan
from engines.guidance.request import RATIO, Sampling
from engines.guidance.tune_request import ALL, DAMPING, FINE, ROUNDS
from engines.guidance.tune_request import OBJECTIVES as OBJECTIVES
from engines.guidance.tune_request import PARALLEL as PARALLEL
from engines.guidance.tune_request import TRAININGS as TRAININGS
from engines.job import Job
from engines.parallel import Group

BOUNDS = 0.9, 1.1
WIDE = 0.8, 1.25  # of endpoint, whose loss cannot be fooled by a step that does nothing
PROBE = 0.02  # from 1, for the slope of e
PULL = 1e-3  # towards r = 1 in flat directions, as a share of the largest curvature
RATE, BETAS = 2e-3, (0.9, 0.999)
HISTORY = {"dpmpp-2m": 1, "deis": samplers.DEIS_ORDER - 1}  # steps that a multistep solver looks back


@dataclass(frozen=True)
class Draws:
    """Noise z [B, ...] and what the network is told of it; rows `of` a slice. The last `held` draws are never trained on."""

    z: Tensor
    rows: Callable[[slice], Any]
    ratio: Callable[[float, slice], Any]  # r of ReCFG, for the modes that have one
    held: int


@dataclass(frozen=True)
class Found:
    """One network call. tried: (ratio, loss, held-out loss) of every trial, in order; before and after: held-out losses at 1 and at `ratio`."""

    call: int
    t: float
    tried: tuple[tuple[float, float, float], ...]
    ratio: float
    before: float
    after: float


class Run:
    """A model under a guidance, asked for any call of a sampler or between its steps. Batches of `model.batch` draws."""

    def __init__(self, model: Any, settings: Sampling, draws: Draws, check: Callable[[], None]) -> None:
        self.model, self.settings, self.draws, self.schedule = model, settings, draws, model.schedule
        self.parts = [slice(first, min(first + model.batch, len(draws.z))) for first in range(0, len(draws.z), model.batch)]
        self.guides = [_guide(model, settings, draws.rows(part), check) for part in self.parts]
        self.calls = [plan(settings, model.schedule, lambda t, part=part: draws.ratio(t, part)) for part in self.parts]
        self.steps_of = [i for i, _ in samplers.calls(settings.sampler, model.schedule, settings.steps)]
        self.times = samplers.grid(settings.sampler, model.schedule, settings.steps)
        self.ends = [*self.times[1:], None]
        self.guided = guided_steps(settings, model.schedule)
        self.evaluations = 0
        self.tried: Callable[[int, float, float], None] = lambda k, r, loss: None  # hears of every trial

    def ask(self, k: int, x: Tensor, r: Any = 1.0) -> Tensor:
        """eps_hat of network call k at tau = r t."""
        def one(g: int) -> Call:
            call = self.calls[g][k]
            tau, end = r * call.t, latest(self.schedule, call.t)
            return replace(call, tau=tau.clamp(0, end) if isinstance(tau, Tensor) else min(max(tau, 0.0), end))
        return self._over_parts(x, one)

    def _over_parts(self, x: Tensor, call: Callable[[int], Call]) -> Tensor:
        self.evaluations += 1
        answers = []
        for g, (part, guide) in enumerate(zip(self.parts, self.guides, strict=True)):
            guide.check()
            answers.append(guide.eps_hat(call(g), x[part]))
        return torch.cat(answers)

    def at(self, x: Tensor, t: float, step: int) -> Tensor:
        """eps_hat at any timestep inside a step, plain."""
        return self._over_parts(x, lambda g: call_at(self.settings, self.schedule, t, self.guided[step],
                                                     lambda t: self.draws.ratio(t, self.parts[g])))

    def fine(self, x: Tensor, step: int) -> Tensor:
        """The teacher: from x at the start of a step to its end, Heun's method in FINE steps even in lambda."""
        schedule, t, s = self.schedule, self.times[step], self.ends[step]
        low, high = schedule.lam(t), schedule.lam(s if s is not None else 0.0)
        inner = [schedule.t_of_lam(low + (high - low) * j / FINE) for j in range(1, FINE)] if high > low else []
        for p, q in zip([t, *inner], [*inner, s], strict=True):
            e = self.at(x, p, step)
            x_0 = (x - schedule.sigma(p) * e) / schedule.alpha(p)
            if q is None:
                return x_0
            e_q = self.at(schedule.alpha(q) * x_0 + schedule.sigma(q) * e, q, step)
            x = schedule.alpha(q) * (x / schedule.alpha(p) + (schedule.rho(q) - schedule.rho(p)) * (e + e_q) / 2)
        return x

    def path(self, z: Tensor, job: Job, share: tuple[float, float]) -> list[Tensor]:
        """The fine path from noise: the state after every step."""
        states = []
        for i in range(len(self.times)):
            states.append(self.fine(states[-1] if states else z, i))
            job.progress(share[0] + (share[1] - share[0]) * (i + 1) / len(self.times), 1, "the fine path")
        return states

    def replay(self, start: Tensor, first: int, answers: list[Tensor], ask: Callable[[int, Tensor], Tensor], until: int) -> Tensor:
        """The state after step `until`, starting before step `first`. Calls with known answers are not asked again; `ask(k, x)` does the others."""
        k = self.steps_of.index(first)
        known = iter(answers)

        def eps(x: Tensor, t: float) -> Tensor:
            nonlocal k
            answer = next(known, None)
            answer = ask(k, x) if answer is None else answer
            k += 1
            return answer

        for step in samplers.sample(self.settings.sampler, eps, start, self.schedule, self.settings.steps, first=first):
            if step.i == until:
                return step.x
        raise ValueError(f"there is no step {until}")


def _guide(model: Any, settings: Sampling, rows: Any, check: Callable[[], None]) -> Guide:
    return Guide(settings, model.schedule, [], lambda x, t, tau: model.pair(x, t, rows, tau), lambda x, t, tau: model.predict(x, t, rows, tau), check,
                 measure=False)


def tune(run: Run, objective: str, training: str, iterations: int, job: Job, group: Group, told: Callable[[Found], None] = lambda found: None,
         known: tuple[Found, ...] = ()) -> list[Found]:
    """A ratio for every network call but those of the last step, whose r is 1. `known`: calls that an earlier run has tuned."""
    last = len(run.times) - 1
    calls = [k for k, i in enumerate(run.steps_of) if i < last]
    if objective == "endpoint":
        return _together(run, calls, job, group, told)
    made = (_Sequential if training == "sequential" else _Parallel)(run, objective, job)
    bounds = RATIO if objective == "paper-unbounded" else BOUNDS
    paper = objective.startswith("paper")
    found = list(known)
    for entry in known:
        made.settle(entry.call, entry.ratio)
    for k in calls[len(known):]:
        residual = made.residual(k)
        tried = (_descend if paper and iterations else _search)(residual, run, bounds, iterations, job, group, k, len(calls))
        before, best = tried[0], min(tried, key=lambda trial: trial[1]) if not (paper and iterations) else tried[-1]
        kept = best if best[2] < before[2] else before
        found.append(Found(k, run.calls[0][k].t, tuple(tried), kept[0], before[2], kept[2]))
        made.settle(k, kept[0])
        told(found[-1])
    return found


class _Sequential:
    """Every call from the state that the steps tuned before it have reached, from noise."""

    def __init__(self, run: Run, objective: str, job: Job) -> None:
        self.run, self.objective, self.answers = run, objective, []
        with torch.no_grad():
            self.path = run.path(run.draws.z, job, (0.0, 0.2)) if objective == "trajectory" else []

    def residual(self, k: int) -> Callable[[Any], Tensor]:
        run, step = self.run, self.run.steps_of[k]
        start = self._before(step)
        if self.objective == "trajectory":
            target = self.path[step]
        else:
            with torch.no_grad():
                target = run.fine(start, step) if self.objective == "teacher" else run.at(start, run.times[step], step)

        def at(r: Any) -> Tensor:
            x = run.replay(run.draws.z, 0, self.answers, lambda j, x: run.ask(j, x, r if j == k else 1.0), step)
            return (run.at(x, run.ends[step], step + 1) if self.objective.startswith("paper") else x) - target
        return at

    def settle(self, k: int, r: float) -> None:
        with torch.no_grad():
            step, run = self.run.steps_of[k], self.run
            kept: list[Tensor] = []

            def ask(j: int, x: Tensor) -> Tensor:
                if j == k:
                    kept.append(run.ask(j, x, r))
                    return kept[0]
                return torch.zeros_like(x)  # of a later call of the same step: its state is thrown away
            run.replay(run.draws.z, 0, self.answers, ask, step)
            self.answers.append(kept[0])

    def _before(self, step: int) -> Tensor:
        if step == 0:
            return self.run.draws.z
        with torch.no_grad():
            return self.run.replay(self.run.draws.z, 0, self.answers, lambda j, x: self.run.ask(j, x), step - 1)


class _Parallel:
    """Every call for itself, from the model's own samples put back under noise; a multistep solver gets its history from plain steps."""

    def __init__(self, run: Run, objective: str, job: Job) -> None:
        self.run, self.objective = run, objective
        with torch.no_grad():
            self.x_0 = run.path(run.draws.z, job, (0.0, 0.2))[-1]
        self.noise = run.draws.z.flip(0)  # not the noise that its own sample grew from

    def residual(self, k: int) -> Callable[[Any], Tensor]:
        run, step = self.run, self.run.steps_of[k]
        first = max(0, step - HISTORY.get(run.settings.sampler, 0))
        t = run.times[first]
        start, answers = run.schedule.alpha(t) * self.x_0 + run.schedule.sigma(t) * self.noise, []

        def noted(j: int, x: Tensor) -> Tensor:
            answers.append(run.ask(j, x))
            return answers[-1]
        with torch.no_grad():
            before = start if step == first else run.replay(start, first, [], noted, step - 1)
            inside = k - run.steps_of.index(step)  # a second call of the step needs the first one's answer
            if inside:
                run.replay(start, first, list(answers), lambda j, x: noted(j, x) if j < k else torch.zeros_like(x), step)
            target = run.fine(before, step) if self.objective == "teacher" else run.at(before, run.times[step], step)
        history = list(answers)

        def at(r: Any) -> Tensor:
            x = run.replay(start, first, history, lambda j, x: run.ask(j, x, r if j == k else 1.0), step)
            return (run.at(x, run.ends[step], step + 1) if self.objective.startswith("paper") else x) - target
        return at

    def settle(self, k: int, r: float) -> None:
        """Calls do not depend on each other."""


def _together(run: Run, calls: list[int], job: Job, group: Group, told: Callable[[Found], None]) -> list[Found]:
    """All ratios from the finished sample's error. `told` hears of every call after each round; a round is kept where both losses went down."""
    held, last, n = run.draws.held, len(run.times) - 1, len(calls)
    asks = ROUNDS * (n * (n + 1) // 2 + (1 + len(DAMPING)) * n)
    done = 0

    def finished(ratios: Tensor, known: list[Tensor], kept: list[Tensor]) -> Tensor:
        def ask(k: int, x: Tensor) -> Tensor:
            nonlocal done
            done += 1
            job.progress(0.2 + 0.8 * min(done / asks, 1), 1, "all network calls together")
            kept.append(run.ask(k, x, float(ratios[k]) if k < n else 1.0))
            return kept[-1]
        return run.replay(run.draws.z, 0, known, ask, last) - target

    with torch.no_grad():
        target = run.path(run.draws.z, job, (0.0, 0.2))[-1]
        ratios, answers = torch.ones(n, dtype=torch.float64), []
        e = finished(ratios, [], answers)
        first = best = _losses(e, held, group)
        tried = [(ratios, *best)]
        run.tried(ALL, 1.0, best[0])
        for _ in range(ROUNDS):
            columns = []
            for k in range(n):
                moved = ratios.clone()
                moved[k] -= PROBE if moved[k] - PROBE >= WIDE[0] else -PROBE
                change = finished(moved, answers[:k], []) - e
                columns.append((change / (moved[k] - ratios[k]))[:-held].double().flatten())
            jacobian = torch.stack(columns)
            curvature, slope = (jacobian @ jacobian.T).cpu(), (jacobian @ e[:-held].double().flatten()).cpu()
            group.sum([curvature, slope])
            pull = PULL * curvature.diag().max().clamp_min(1e-30)
            steps = []
            for damping in DAMPING:
                system = curvature + torch.diag(damping * curvature.diag() + pull)
                moved = (ratios - torch.linalg.solve(system, slope + pull * (ratios - 1))).clamp(*WIDE)
                asked: list[Tensor] = []
                e_moved = finished(moved, [], asked)
                steps.append((_losses(e_moved, held, group), moved, e_moved, asked))
            losses, moved, e_moved, asked = min(steps, key=lambda step: step[0][0])
            if not (losses[0] < best[0] and losses[1] < best[1]):
                break
            gained, best, ratios, e, answers = 1 - losses[0] / best[0], losses, moved, e_moved, asked
            tried.append((ratios, *best))
            run.tried(ALL, float(ratios.mean()), best[0])
            for entry in _all_found(run, calls, tried, first, best):
                told(entry)
            if gained < 0.01:
                break
    return _all_found(run, calls, tried, first, best)


def _all_found(run: Run, calls: list[int], tried: list[tuple[Tensor, float, float]], first: tuple[float, float], best: tuple[float, float]) -> list[Found]:
    return [Found(k, run.calls[0][k].t, tuple((round(float(ratios[k]), 5), loss, held) for ratios, loss, held in tried), round(float(tried[-1][0][k]), 5),
                  first[1], best[1]) for k in calls]


def _losses(e: Tensor, held: int, group: Group) -> tuple[float, float]:
    """Mean square of e over the trained and the held-out draws, over all processes."""
    each = e.detach().double().square().flatten(1).mean(1)
    sums = torch.stack([each[:-held].sum(), each[-held:].sum(), torch.tensor(float(len(each) - held)), torch.tensor(float(held))])
    group.sum([sums])
    return float(sums[0] / sums[2]), float(sums[1] / sums[3])


def _search(residual: Callable[[Any], Tensor], run: Run, bounds: tuple[float, float], iterations: int, job: Job, group: Group, k: int,
            total: int) -> list[tuple[float, float, float]]:
    """Trials (ratio, loss, held-out loss) from 1 to the minimum in `bounds`: Gauss-Newton on e, then two parabolas through the best three."""
    tried: list[tuple[float, float, float]] = []
    held = run.draws.held

    def ask(r: float) -> Tensor:
        with torch.no_grad():
            e = residual(r)
        tried.append((r, *_losses(e, held, group)))
        run.tried(k, *tried[-1][:2])
        job.progress(0.2 + 0.8 * (k + min(len(tried) / 5, 1)) / total, 1, f"network call {k + 1} of {total}")
        return e[:-held]

    def inside(r: float) -> float:
        return round(min(max(r, bounds[0]), bounds[1]), 5)

    e, probe = ask(1.0), 1 - PROBE
    slope = (ask(probe) - e) / (probe - 1)
    sums = torch.stack([(slope * e).double().sum(), slope.double().square().sum()]).cpu()
    group.sum([sums])
    new = inside(1 - float(sums[0] / sums[1].clamp_min(1e-30)))
    for _ in range(3):
        if any(abs(new - r) < 5e-4 for r, _, _ in tried):
            break
        ask(new)
        new = inside(_vertex(sorted(tried, key=lambda trial: trial[1])[:3]))
    return tried


def _vertex(trials: list[tuple[float, float, float]]) -> float:
    """Where the parabola through three trials is lowest; the best of them where it opens downwards."""
    (a, fa, _), (b, fb, _), (c, fc, _) = trials
    curvature = fa * (c - b) + fb * (a - c) + fc * (b - a)  # its sign is that of (a-b)(b-c)(c-a) times the second derivative
    if curvature * (a - b) * (b - c) * (c - a) <= 0:
        return a
    return 0.5 * (fa * (c * c - b * b) + fb * (a * a - c * c) + fc * (b * b - a * a)) / curvature


def _descend(residual: Callable[[Any], Tensor], run: Run, bounds: tuple[float, float], iterations: int, job: Job, group: Group, k: int,
             total: int) -> list[tuple[float, float, float]]:
    """The paper's training: Adam on r from 1, the loss summed over pixels; r is held in `bounds`. Trials at the start, now and then, the end."""
    held, tried = run.draws.held, []
    r = torch.ones((), dtype=torch.float64, device=run.draws.z.device, requires_grad=True)
    optimiser = torch.optim.Adam([r], lr=RATE, betas=BETAS)
    for i in range(iterations):
        e = residual(r)
        if i % max(1, iterations // 20) == 0:
            tried.append((float(r.detach()), *_losses(e, held, group)))
            run.tried(k, *tried[-1][:2])
        loss = e[:-held].square().flatten(1).sum(1).mean()
        optimiser.zero_grad()
        loss.backward()
        group.average([r.grad])
        optimiser.step()
        with torch.no_grad():
            r.clamp_(*bounds)
        job.progress(0.2 + 0.8 * (k + (i + 1) / iterations) / total, 1, f"network call {k + 1} of {total}, iteration {i + 1}")
    final = round(float(r.detach()), 5)
    with torch.no_grad():
        tried.append((final, *_losses(residual(final), held, group)))
    run.tried(k, *tried[-1][:2])
    return tried
