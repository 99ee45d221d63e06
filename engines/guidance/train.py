"""Training of the class-conditional diffusion models that ship.

    L = E || F(x_t, t, c) - v ||^2,    v = alpha_t eps - sigma_t x_0,   t ~ U[0, 999] (float)   [Salimans & Ho 2022, Sec. 4]
    eps_theta = sigma_t x_t + alpha_t F     the form of engines/diffusion/networks.py

The label is dropped to "no class" with probability 0.12 [CFG, Alg. 1]. One process, or several under torchrun
(gradients averaged, every rank draws its own part of the batch). A checkpoint is one safetensors file, so an
interrupted run goes on where it was; weights ship as the moving average in float16.
"""

import json
import os
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from engines.diffusion.networks import UNet, UNetConfig
from engines.guidance.datasets import ImageSet, load
from engines.job import Cancelled, EngineError, Job
from engines.weights import read_safetensors


@dataclass(frozen=True)
class TrainRequest:
    """`vernier train guidance`: everything a run depends on. hours or steps ends it, whichever comes first."""

    dataset: str
    data: str
    out: str
    widths: tuple[int, ...] = (64, 128)
    blocks: int = 2
    embedding: int = 192
    steps: int = 20_000
    hours: float = 24.0
    batch: int = 64
    rate: float = 6e-4
    warmup: int = 300
    drop: float = 0.12
    seed: int = 0
    threads: int = 0


class Batches:
    """Endless training batches of one rank, uint8 images turned to float in [-1, 1] and mirrored at random."""

    def __init__(self, data: ImageSet, seed: int, device: torch.device) -> None:
        self.random, self.device = np.random.default_rng(seed), device
        self.images = torch.from_numpy(np.ascontiguousarray(data.images)).to(device)
        self.labels, self.mirror = data.labels, data.mirror
        self.chance = np.cumsum(data.weights / data.weights.sum())

    def draw(self, size: int) -> tuple[Tensor, Tensor]:
        """x_0 [B, C, H, W] and class numbers [B]."""
        rows = np.searchsorted(self.chance, self.random.random(size)).clip(max=len(self.labels) - 1)
        views = self.random.integers(self.images.shape[1], size=size)
        x = self.images[torch.from_numpy(rows).to(self.device), torch.from_numpy(views).to(self.device)]
        x = x.permute(0, 3, 1, 2).float() / 127.5 - 1
        flip = torch.from_numpy(self.mirror[rows] & (self.random.random(size) < 0.5)).to(self.device)
        return torch.where(flip[:, None, None, None], x.flip(3), x), torch.from_numpy(self.labels[rows]).to(self.device)


def train(request: TrainRequest, job: Job) -> dict:
    """Trains, writes `out` (float16 EMA weights) and returns what the card needs.

    The checkpoint lies beside it as `<out>.state`; cancelling keeps it. EngineError on bad data or a checkpoint of
    another request.
    """
    from engines.parallel import Group

    if request.threads:
        torch.set_num_threads(request.threads)
    with Group() as group:
        device = group.device
        data = load(request.dataset, Path(request.data))
        _, _, size, _, channels = data.images.shape
        try:
            config = UNetConfig(channels, size, len(data.classes), request.widths, request.blocks, request.embedding)
        except ValueError as error:
            raise EngineError(f"This network cannot be built: {error}.", remedy="Choose other --widths, --blocks or --embedding.") from error
        torch.manual_seed(request.seed)
        run = Run(UNet(config).to(device, memory_format=torch.channels_last), request)
        state = Path(request.out + ".state")
        run.resume(state)
        batches = Batches(data, request.seed * 1000 + run.step * 8 + group.rank, device)
        draws = torch.Generator(device).manual_seed(request.seed * 1000 + run.step * 8 + group.rank)
        share, saved = max(1, request.batch // group.size), time.monotonic()
        try:
            while not run.finished():
                loss = run.update(*batches.draw(share), draws, group)
                if run.step % 10 == 0 and group.rank == 0:
                    job.progress(run.step, request.steps, f"step {run.step}, loss {loss:.4f}, {run.hours:.2f} h")
                if group.rank == 0 and time.monotonic() - saved > 60:
                    run.save(state)
                    saved = time.monotonic()
        except Cancelled:
            if group.rank == 0:
                run.save(state)
            raise
        if group.rank == 0:
            run.save(state)
            return run.publish(data, group.size)
        return {}


class Run:
    """The moving parts of one training: network, average, optimiser, counters."""

    def __init__(self, net: UNet, request: TrainRequest) -> None:
        self.net, self.request = net, request
        self.average = {name: p.detach().clone() for name, p in net.named_parameters()}
        self.optimiser = torch.optim.AdamW(net.parameters(), lr=request.rate, betas=(0.9, 0.99), weight_decay=0.0)
        self.step, self.hours, self.loss, self.clock = 0, 0.0, 1.0, time.monotonic()

    def fraction(self) -> float:
        """How much of the run is over: by steps or by hours, whichever is further."""
        return min(1.0, max(self.step / self.request.steps, self.hours / self.request.hours))

    def finished(self) -> bool:
        return self.fraction() >= 1.0

    def rate(self) -> float:
        """Warm-up, constant, then linear to zero over the last 40 %."""
        return self.request.rate * min(1.0, (self.step + 1) / self.request.warmup, max(0.01, (1 - self.fraction()) / 0.4))

    def update(self, x_0: Tensor, c: Tensor, draws: torch.Generator, group) -> float:
        """One step of Adam and of the average; the running loss."""
        net, request, schedule = self.net, self.request, self.net.schedule
        size, device = len(x_0), x_0.device
        c = torch.where(torch.rand(size, generator=draws, device=device) < request.drop, net.config.classes, c)
        t = torch.rand(size, generator=draws, device=device) * schedule.last
        alpha, sigma = (f(t).float()[:, None, None, None] for f in (schedule.alpha, schedule.sigma))
        eps = torch.randn(x_0.shape, generator=draws, device=device)
        with torch.autocast(device.type, torch.bfloat16):
            v = net.velocity(alpha * x_0 + sigma * eps, t, net.labels(c))
        loss = (v - (alpha * eps - sigma * x_0)).square().mean()
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        group.average([p.grad for p in net.parameters()])
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        for options in self.optimiser.param_groups:
            options["lr"] = self.rate()
        self.optimiser.step()
        self.step += 1
        decay = min(0.9995, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.values()), list(net.parameters()), 1 - decay)
        now = time.monotonic()
        self.hours, self.clock = self.hours + (now - self.clock) / 3600, now
        if self.step % 10 == 0:
            self.loss += max(0.05, 10 / self.step) * (loss.item() - self.loss)
        return self.loss

    def save(self, path: Path) -> None:
        tensors = {}
        for (name, p), values in zip(self.net.named_parameters(), self.optimiser.state.values(), strict=False):
            tensors |= {f"net.{name}": p, f"ema.{name}": self.average[name]}
            tensors |= {f"m.{name}": values["exp_avg"], f"v.{name}": values["exp_avg_sq"]}
        meta = {"request": json.dumps(asdict(self._identity())), "step": str(self.step), "hours": str(self.hours), "loss": str(self.loss)}
        write(path, {k: v.detach().cpu().contiguous() for k, v in tensors.items()}, meta)

    def _identity(self) -> TrainRequest:
        return replace(self.request, steps=0, hours=0.0, threads=0, data="", out="", rate=0.0)

    def resume(self, path: Path) -> None:
        if not path.exists():
            return
        tensors, meta = read_safetensors(path)
        if json.loads(meta.get("request", "{}")) != json.loads(json.dumps(asdict(self._identity()))):
            raise EngineError(f"{path} belongs to a training with other settings.", remedy="Delete it, or choose another --out.")
        self.step, self.hours, self.loss = int(meta["step"]), float(meta["hours"]), float(meta["loss"])
        with torch.no_grad():
            for name, p in self.net.named_parameters():
                p.copy_(tensors[f"net.{name}"])
                self.average[name].copy_(tensors[f"ema.{name}"])
                self.optimiser.state[p] = {"step": torch.tensor(float(self.step)),
                                           "exp_avg": tensors[f"m.{name}"].to(p.device).clone(memory_format=torch.preserve_format),
                                           "exp_avg_sq": tensors[f"v.{name}"].to(p.device).clone(memory_format=torch.preserve_format)}

    def publish(self, data: ImageSet, processes: int) -> dict:
        """Writes the float16 weights with the header that engines/guidance/sources.py reads."""
        header = {"vernier": "diffusion-model", "name": data.name, "prediction": "eps", "classes": list(data.classes),
                  "config": self.net.config.to_dict(), "schedule": self.net.schedule.describe(),
                  "credit": data.credit, "licence": data.licence}
        write(Path(self.request.out), {k: v.detach().cpu().half().contiguous() for k, v in self.average.items()},
              {"vernier": json.dumps(header)})
        return {"out": self.request.out, "steps": self.step, "hours": round(self.hours, 3), "loss": round(self.loss, 4),
                "images": len(data.labels), "processes": processes, "parameters": sum(p.numel() for p in self.net.parameters())}


def write(path: Path, tensors: dict[str, Tensor], meta: dict[str, str]) -> None:
    """A safetensors file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    save_file(tensors, part, meta)
    os.replace(part, path)
