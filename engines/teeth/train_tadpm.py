"""Training of the arrangement network and of the networks it is measured against, on pairs that are made as it goes.

First the mesh branch alone on hidden patches (face_pretraining.py), then everything by tadpm_losses.py. Stopped early by an INTERNAL hold-out, whose crowns
and arches are of another family than those trained on: the weights that ship are the moving average that did best there, not the last. One process, or several
under torchrun (gradients averaged, every rank makes its own part of a batch). A checkpoint is one safetensors file; a run goes on exactly where it was.
"""

import json
import math
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from engines.device import pick, precision
from engines.guidance.train import Alone, write
from engines.guidance.training import only_one
from engines.job import EngineError, Job
from engines.teeth import crown_bank, residual, tadpm_sampling, training_cases, turns, wide_layouts
from engines.teeth.baselines import MODELS
from engines.teeth.dentition import GENERATOR
from engines.teeth.face_pretraining import MaskedFaces
from engines.teeth.tadpm import Batch, Config, Tadpm, placed
from engines.teeth.tadpm_losses import Weights, reconstruction, total
from engines.teeth.teeth_training import TeethTrainRequest
from engines.training_run import Pace, carry_through
from engines.weights import read_header, read_safetensors

PIECE = 8  # cases between two looks at the cancel
SAVE_S = 60.0
INTERNAL_SEED, INTERNAL_CROWNS = 771, 12


def train(request: TeethTrainRequest, job: Job, group: Any = None) -> dict[str, Any]:
    """Trains, writes `out` and returns what the card needs. The checkpoint lies beside it as `<out>.state`, written each minute and on a cancel.

    EngineError on a checkpoint of another request, a full disk, or when another process trains into the same file.
    """
    request.check()
    if request.threads:
        torch.set_num_threads(request.threads)
    group = group or Alone(pick())
    with only_one(Path(request.out)) if group.rank == 0 else nullcontext():
        job.progress(0, 1, "Making crowns")
        return carry_through(start(request, group.device, job), group, job, SAVE_S)


def start(request: TeethTrainRequest, device: torch.device, job: Job) -> "Run":
    """A run from its checkpoint, or afresh. EngineError when the network cannot be built or the checkpoint will not do."""
    torch.manual_seed(request.seed)
    try:
        net = MODELS[request.model](Config(**request.widths)).to(device)
        weights = Weights(**request.weights)
    except (TypeError, ValueError, AssertionError) as error:
        raise EngineError(f"This network cannot be trained: {error}.", "Check the widths and the weights of the loss.") from error
    run = Run(net, weights, request, device)
    run.resume()
    run.bank = crown_bank.Bank(request.seed, request.crowns, step=run.step, check=job.check)
    return run


def predicted(net: nn.Module, batch: Batch, draws: int, random: torch.Generator) -> tuple[Batch, Tensor]:
    """The batch as often as it was seen, and z for it: at `draws` noise levels a case for the diffusion model, once for the others.

    The first draw is at the highest level, where z_0 is the expected move, which is what is proposed first; the others are anywhere.
    """
    if not isinstance(net, Tadpm):
        return batch, net(batch)
    many = batch.repeated(draws)
    t = torch.rand(len(many.mask), generator=random).to(many.z.device) * net.schedule.last
    t[:len(batch.mask)] = net.schedule.last
    eps = torch.randn(many.z.shape, generator=random).to(many.z.device)
    alpha, sigma = (f(t).float()[:, None, None] for f in (net.schedule.alpha, net.schedule.sigma))
    return many, net.denoise(alpha * many.z + sigma * eps, t, net.features(batch).repeat(draws, 1, 1), many.mask)


@torch.no_grad()
def restored(net: nn.Module, batch: Batch, seed: int = 0) -> Tensor:
    """z [B, 32, 6] that is expected of every case: of proposals their mean, because a single one adds what nobody can know to what is known."""
    if not isinstance(net, Tadpm):
        return net(batch)
    return tadpm_sampling.expected(net, net.features(batch), batch.mask, tadpm_sampling.seeded(seed, len(batch.mask)))


class Run(Pace):
    """The moving parts of one training: network, average, optimiser, counters."""

    def __init__(self, net: nn.Module, weights: Weights, request: TeethTrainRequest, device: torch.device) -> None:
        self.net, self.weights, self.request, self.device = net, weights, request, device
        self.masked = MaskedFaces(net.encoder.faces).to(device) if request.pretrained_share else None
        self.part = "pretrain" if self.masked else "joint"
        self.average = {name: p.detach().clone() for name, p in net.named_parameters()}
        self.best, self.best_score = {}, math.inf
        self.step = self.part_step = 0
        self.hours, self.clock = 0.0, time.monotonic()
        self.history: list[dict[str, float]] = []
        self.bank: crown_bank.Bank | None = None
        self._loss, self._looked, self._began = 1.0, 0.0, (0, 0.0)
        self._kind, self._holdout = precision(device), None
        self._optimise()

    def _trained(self) -> dict[str, nn.Parameter]:
        if self.part == "joint":
            return dict(self.net.named_parameters())
        return {f"masked.{name}": p for name, p in self.masked.named_parameters()}

    def _optimise(self) -> None:
        decays, plain = [], []
        for name, p in self._trained().items():
            (decays if p.ndim > 1 and "table" not in name and "kind" not in name else plain).append(p)
        self.optimiser = torch.optim.AdamW([{"params": decays, "weight_decay": self.request.decay}, {"params": plain, "weight_decay": 0.0}],
                                           lr=self.request.rate, betas=(.9, .98))

    def warmed(self) -> int:
        """Each part has a warm-up of its own."""
        return self.part_step

    def spoken(self) -> str:
        steps, hours = self.step - self._began[0], self.hours - self._began[1]
        left = 3600 * min((self.request.steps - self.step) * hours / max(steps, 1), self.request.hours - self.hours)
        best = f", hold-out {self.best_score:.3f}" if self.best else ""
        return f"{self.part} step {self.step:,}, loss {self._loss:.4f}{best}, {self.hours:.2f} h, about {max(left, 0) / 60:.0f} min left"

    def update(self, group: Any, check: Any = lambda: None) -> None:
        """One step of Adam and of the average. `check` may raise between two pieces: then nothing has moved."""
        if self.part == "pretrain" and self.fraction() >= self.request.pretrained_share:
            self.part, self.part_step = "joint", 0
            self._optimise()
        size = max(1, self.request.batch // group.size)
        random = torch.Generator().manual_seed((self.request.seed * 1_000_003 + self.step) * 64 + group.rank)
        batch = training_cases.draw(self.bank, (self.request.seed, 1, self.step, group.rank), size, self.net.config.points).to(self.device)
        self.optimiser.zero_grad(set_to_none=True)
        whole = 0.0
        for low in range(0, size, PIECE):
            check()
            piece = batch.rows(slice(low, low + PIECE))
            with torch.autocast(self.device.type, self._kind, enabled=self._kind != torch.float32):
                if self.part == "pretrain":
                    loss = self.masked(piece.faces[piece.mask], random)
                else:
                    seen, z = predicted(self.net, piece, self.request.draws, random)
            if self.part == "joint":
                loss = total(seen, z.float(), self.weights)["loss"]
            loss = loss * (len(piece.mask) / size)
            loss.backward()
            whole += float(loss.detach())
        trained = [p for p in self._trained().values() if p.grad is not None]
        group.average([p.grad for p in trained])
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        for options in self.optimiser.param_groups:
            options["lr"] = self.rate()
        self.optimiser.step()
        self.bank.advance()
        self.step, self.part_step = self.step + 1, self.part_step + 1
        decay = min(.999, (1 + self.part_step) / (10 + self.part_step))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.values()), list(self.net.parameters()), 1 - decay)
        now = time.monotonic()
        self.hours, self.clock = group.agree(self.hours + (now - self.clock) / 3600), now
        share = max(.02, 2 / (self.part_step + 1))
        self._loss += share * (whole - self._loss)
        if not math.isfinite(self._loss):
            raise EngineError(f"The training came apart: its loss is no number at step {self.step:,}.",
                              f"Start over with a lower rate than {self.request.rate:g}; the last checkpoint is kept.")

    def due(self) -> bool:
        """Whether it is time for a look at the hold-out."""
        return self.part == "joint" and self.fraction() - self._looked >= 1 / self.request.checks

    def look(self) -> None:
        """Measures the average on the internal hold-out, and keeps it where it is the best so far."""
        self._looked = self.fraction()
        if self._holdout is None:
            self._holdout = internal(self.request.checked, self.net.config.points)
        kept = {name: p.detach().clone() for name, p in self.net.named_parameters()}
        with torch.no_grad():
            for name, p in self.net.named_parameters():
                p.copy_(self.average[name])
            found = measure(self.net, self._holdout, self.device)
            for name, p in self.net.named_parameters():
                p.copy_(kept[name])
        self.history.append({"step": self.step, "hours": round(self.hours, 3), "loss": round(self._loss, 4), **found})
        if found["score"] < self.best_score:
            self.best_score, self.best = found["score"], {name: value.clone() for name, value in self.average.items()}

    def save(self) -> None:
        """The checkpoint, whole or not at all. EngineError when it cannot be written."""
        tensors: dict[str, Tensor] = {}
        for name, p in self.net.named_parameters():
            tensors |= {f"net.{name}": p, f"ema.{name}": self.average[name]} | ({f"best.{name}": self.best[name]} if self.best else {})
        if self.masked:
            tensors |= {f"masked.{name}": p for name, p in self.masked.named_parameters() if not name.startswith("faces.")}
        for name, p in self._trained().items():
            if values := self.optimiser.state.get(p):
                tensors |= {f"m.{name}": values["exp_avg"], f"v.{name}": values["exp_avg_sq"]}
        meta = {"request": json.dumps(self.request.identity()), "step": str(self.step), "part": self.part, "part_step": str(self.part_step),
                "hours": repr(self.hours), "loss": repr(self._loss), "best": repr(self.best_score), "looked": repr(self._looked),
                "history": json.dumps(self.history)}
        write(self.request.state, {key: value.detach().cpu().contiguous().clone() for key, value in tensors.items()}, meta)

    def resume(self) -> None:
        """Goes on from the checkpoint, where there is one. EngineError when it is another training's."""
        path = self.request.state
        if not path.exists():
            return
        meta = read_header(path)
        try:
            other = {key: value for key, value in json.loads(meta["request"]).items() if self.request.identity().get(key) != value}
            self.step, self.part, self.part_step = int(meta["step"]), meta["part"], int(meta["part_step"])
            self.hours, self._loss, self.best_score, self._looked = (float(meta[key]) for key in ("hours", "loss", "best", "looked"))
            self.history = json.loads(meta["history"])
        except (KeyError, ValueError, AttributeError) as error:
            raise EngineError(f"{path.name} is no checkpoint of this training.", "Delete it, or choose another name for the model.") from error
        if other:
            raise EngineError(f"{path.name} belongs to a training with other settings ({', '.join(f'{key} {value}' for key, value in other.items())}).",
                              "Use its settings, delete it, or choose another name for the model.")
        tensors, _ = read_safetensors(path)
        self._optimise()
        self._began = self.step, self.hours
        with torch.no_grad():
            for name, p in self.net.named_parameters():
                p.copy_(tensors[f"net.{name}"])
                self.average[name].copy_(tensors[f"ema.{name}"])
            if f"best.{name}" in tensors:
                self.best = {name: tensors[f"best.{name}"].to(self.device) for name in self.average}
            for name, p in self.masked.named_parameters() if self.masked else ():
                if not name.startswith("faces."):
                    p.copy_(tensors[f"masked.{name}"])
            for name, p in self._trained().items():
                if f"m.{name}" in tensors:
                    self.optimiser.state[p] = {"step": torch.tensor(float(self.part_step)), "exp_avg": tensors[f"m.{name}"].to(p.device),
                                               "exp_avg_sq": tensors[f"v.{name}"].to(p.device)}
        self.clock = time.monotonic()

    def publish(self, processes: int) -> dict[str, Any]:
        """Writes the weights that did best in float16, with the header that arranger.py reads."""
        header = {"vernier": "teeth-arrangement", "model": self.request.model, "config": self.net.config.to_dict(), "generator": GENERATOR,
                  "steps": self.step, "hours": round(self.hours, 3), "hold-out": self.best_score, "seed": self.request.seed,
                  "licence": "MIT", "credit": "Trained on generated dentitions only."}
        kept = self.best or self.average
        write(Path(self.request.out), {name: value.detach().cpu().half().contiguous() for name, value in kept.items()}, {"vernier": json.dumps(header)})
        return {"out": self.request.out, "model": self.request.model, "steps": self.step, "hours": round(self.hours, 3), "loss": round(self._loss, 4),
                "processes": processes, "parameters": sum(p.numel() for p in self.net.parameters()), "hold_out": round(self.best_score, 4),
                "history": self.history}


def internal(count: int, points: int) -> tuple[Batch, Batch]:
    """The internal hold-out: disturbed mouths of another crown and arch family, and a few undisturbed ones."""
    bank = crown_bank.Bank(INTERNAL_SEED, min(INTERNAL_CROWNS, max(1, count // 8)), crown_bank.SHIFTED["internal"])
    wide = wide_layouts.SHIFTED["internal"]
    return (training_cases.draw(bank, (INTERNAL_SEED, 1), count, points, wide, 1.0),
            training_cases.draw(bank, (INTERNAL_SEED, 2), max(1, count // 6), points, wide, 0.0))


def measure(net: nn.Module, holdout: tuple[Batch, Batch], device: torch.device) -> dict[str, float]:
    """Ratios to identity on disturbed mouths, mm that undisturbed ones are moved, and the score that is made small: mean of both ratios + a fifth of the mm."""
    sums = dict.fromkeys(("add", "add_0", "rot", "rot_0"), 0.0)
    for low in range(0, len(holdout[0].mask), PIECE):
        batch = holdout[0].rows(slice(low, low + PIECE)).to(device)
        z = restored(net, batch, low)
        for name, at in (("", z), ("_0", torch.zeros_like(z))):
            sums[f"add{name}"] += float(reconstruction(placed(batch, at)[1], placed(batch, batch.z)[1], batch.mask)) * len(batch.mask)
            sums[f"rot{name}"] += float(turned_deg(at, batch.z, batch.mask)) * len(batch.mask)
    still = holdout[1].to(device)
    moved = float(reconstruction(placed(still, restored(net, still))[1], placed(still, still.z)[1], still.mask))
    found = {"add": sums["add"] / sums["add_0"], "rot": sums["rot"] / sums["rot_0"], "still_mm": moved}
    return {name: round(value, 4) for name, value in (found | {"score": (found["add"] + found["rot"]) / 2 + moved / 5}).items()}


def turned_deg(z: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Mean angle between the rotations of two moves."""
    a, b = (turns.exp(residual.TURN_RAD * value[..., 3:]) for value in (z, target))
    angle = torch.rad2deg(turns.log(a.transpose(-1, -2) @ b).norm(dim=-1))
    return (angle * mask).sum() / mask.sum().clamp(min=1)
