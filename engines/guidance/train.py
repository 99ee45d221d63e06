"""Training of the class-conditional diffusion models that ship, and of those of one's own.

    L = E || F(x_t, t, c) - v ||^2,    v = alpha_t eps - sigma_t x_0,   t ~ U[0, 999] (float)   [Salimans & Ho 2022, Sec. 4]
    eps_theta = sigma_t x_t + alpha_t F     the form of engines/diffusion/networks.py

The label is dropped to "no class" with probability 0.12 [CFG, Alg. 1]. One process, or several under torchrun
(gradients averaged, every rank draws its own part of the batch). A checkpoint is one safetensors file, so an
interrupted run goes on where it was; weights ship as the moving average in float16.
"""

import json
import math
import os
import time
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from engines.device import pick, precision
from engines.diffusion.networks import UNet, UNetConfig
from engines.guidance import references
from engines.guidance.datasets import ImageSet, is_own, load
from engines.guidance.folders import load_folder, look
from engines.guidance.training import SHEET_IMAGES, Live, Moment, TrainRequest, checkpoint, only_one, same_settings
from engines.job import Cancelled, EngineError, Job
from engines.training_run import Pace
from engines.weights import read_safetensors

PIECE = 16  # images between two looks at the cancel on a processor, where a whole batch can take seconds
SAVE_S, TELL_S = 60.0, 1.0


class Alone:
    """A group of one process, for a training inside the window (engines/parallel.py is for several)."""

    size, rank = 1, 0

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def sum(self, values: Any) -> None:
        """Nobody to add."""

    average = sum

    def agree(self, value: float) -> float:
        """The value."""
        return value


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


def train(request: TrainRequest, job: Job, group: Any = None, live: Live | None = None) -> dict:
    """Trains, writes `out` (float16 EMA weights) and returns what the card needs.

    The checkpoint lies beside it as `<out>.state`, written each minute and on a cancel. With `live` the job's news are Moments.
    EngineError on bad data, a checkpoint of another request, a full disk, or when another process trains into the same file.
    """
    request.check()
    if request.threads:
        torch.set_num_threads(request.threads)
    group = group or Alone(pick())
    first = group.rank == 0
    with only_one(Path(request.out)) if first else nullcontext():
        data = load(request.dataset, Path(request.data), size=request.size, mirror=request.mirror, job=job)
        run = start(request, data, group.device)
        batches = Batches(data, request.seed * 1000 + run.step * 8 + group.rank, group.device)
        draws = torch.Generator(group.device).manual_seed(request.seed * 1000 + run.step * 8 + group.rank)
        painter = _painter(run, live, data) if first and live else None
        share, told = max(1, request.batch // group.size), time.monotonic()
        saved = told
        try:
            while not run.finished():
                run.update(*batches.draw(share), draws, group, job.check)
                now = time.monotonic()
                if first and (run.step % 10 == 0 or now - told > TELL_S):
                    told = now
                    job.progress(round(1000 * run.fraction()), 1000, run.spoken())
                    if live:
                        job.news(run.moment(data.notes))
                if painter and painter.due():
                    _show(painter, run, data, job)
                if first and now - saved > SAVE_S:
                    run.save(request.state)
                    saved = now
        except Cancelled:
            if first:
                run.save(request.state)
            raise
        if not first:
            return {}
        run.save(request.state)
        if painter:
            _show(painter, run, data, job)
        facts = run.publish(len(data.labels), group.size, data.notes)
        if is_own(request.dataset):
            write_pictures(request, data)
        return facts


def start(request: TrainRequest, data: ImageSet, device: torch.device) -> "Run":
    """A run from its checkpoint, or afresh. EngineError when the network cannot be built or the checkpoint will not do."""
    torch.manual_seed(request.seed)
    run = Run(build(request, len(data.classes), data.images.shape[2], data.images.shape[4], device), request, data)
    run.resume()
    return run


def build(request: TrainRequest, classes: int, size: int, channels: int, device: torch.device) -> UNet:
    """The network of a request. EngineError when its numbers do not fit."""
    try:
        config = UNetConfig(channels, size, classes, request.widths, request.blocks, request.embedding)
    except ValueError as error:
        raise EngineError(f"This network cannot be built: {error}.", remedy="Choose other --widths, --blocks, --embedding or --size.") from error
    return UNet(config).to(device, memory_format=torch.channels_last)


def _painter(run: "Run", live: Live, data: ImageSet) -> Any:
    from engines.guidance.live import Painter

    return Painter(run.net, data.classes, live)


def _show(painter: Any, run: "Run", data: ImageSet, job: Job) -> None:
    """Draws with the average and tells it. A sheet that cannot be written costs no training: the checkpoint is saved first."""
    try:
        images = painter.draw(run.average, job.check)
    except EngineError:
        run.save(run.request.state)
        raise
    job.news(run.moment(data.notes, images, painter.live.each, painter.classes))


def finish(request: TrainRequest, job: Job) -> dict:
    """Writes the model of a checkpoint as it is, without more training. EngineError when there is none."""
    with only_one(Path(request.out)):
        if not request.state.exists():
            raise EngineError(f"There is no checkpoint {request.state.name}.", remedy="Start the training anew.")
        tensors, meta = read_safetensors(request.state)
        if "header" not in meta:
            raise EngineError(f"{request.state.name} is no checkpoint of a training.", remedy="Start the training anew.")
        average = {key.removeprefix("ema."): value.half().contiguous() for key, value in tensors.items() if key.startswith("ema.")}
        write(Path(request.out), average, {"vernier": meta["header"]})
        with suppress(EngineError):  # without its folder the model does without the pictures
            folder = Path(request.dataset)
            if look(folder, job).count <= SHEET_IMAGES:
                write_pictures(request, load_folder(folder, request.size, job=job))
        return {"out": request.out, "steps": int(meta["step"]), "hours": round(float(meta["hours"]), 3), "loss": round(float(meta["loss"]), 4)}


def write_pictures(request: TrainRequest, data: ImageSet) -> None:
    """The pictures of a small set beside its model; of a large one none, nor those of an earlier model of that name."""
    path = references.pictures_of(request.out)
    if len(data.labels) <= SHEET_IMAGES:
        references.write_sheet(path, data, np.arange(len(data.labels)), math.ceil(math.sqrt(len(data.labels))))
    else:
        for old in (path, path.with_suffix(".json")):
            old.unlink(missing_ok=True)


def step_seconds(request: TrainRequest, classes: int, device: torch.device, job: Job) -> float:
    """How long one step of this request takes here: a piece of a batch, measured on noise, after one to warm up."""
    size, piece = request.size, min(PIECE, request.batch)
    data = ImageSet("", np.zeros((1, 1, size, size, 3), np.uint8), np.zeros(1, int), np.ones(1), np.ones(1, bool), ("",) * classes, "", "")
    run, draws = Run(build(request, classes, size, 3, device), request, data), torch.Generator(device).manual_seed(0)
    x, c = torch.randn(piece, 3, size, size, device=device), torch.zeros(piece, dtype=torch.long, device=device)
    run.update(x, c, draws, Alone(device), job.check)
    began = time.monotonic()
    run.update(x, c, draws, Alone(device), job.check)
    return (time.monotonic() - began) * request.batch / piece


def device_of(engine: Any) -> torch.device:
    """The device of the window's engine."""
    return getattr(engine, "device", None) or pick()


class Run(Pace):
    """The moving parts of one training: network, average, optimiser, counters."""

    def __init__(self, net: UNet, request: TrainRequest, data: ImageSet) -> None:
        self.net, self.request = net, request
        self.header = {"vernier": "diffusion-model", "name": data.name, "prediction": "eps", "classes": list(data.classes),
                       "config": net.config.to_dict(), "schedule": net.schedule.describe(), "credit": data.credit, "licence": data.licence}
        self.average = {name: p.detach().clone() for name, p in net.named_parameters()}
        self.optimiser = torch.optim.AdamW(net.parameters(), lr=request.rate, betas=(0.9, 0.99), weight_decay=0.0)
        self.step, self.hours, self.clock = 0, 0.0, time.monotonic()
        self._loss = torch.ones((), device=next(net.parameters()).device)  # stays there: reading it every step would make a GPU wait
        self._began = (0, 0.0)  # step and hours of the last start
        self._kind = precision(next(net.parameters()).device)

    def seconds_left(self) -> float:
        """By the pace since the last start; nan before there is one."""
        steps, hours = self.step - self._began[0], self.hours - self._began[1]
        if not steps:
            return math.nan
        return 3600 * max(0.0, min((self.request.steps - self.step) * hours / steps, self.request.hours - self.hours))

    def spoken(self) -> str:
        """One line of progress."""
        left = self.seconds_left()
        about = "" if math.isnan(left) else f", about {left / 3600:.1f} h left" if left > 5400 else f", about {left / 60:.0f} min left"
        return f"step {self.step:,}, loss {self.loss:.4f}, {self.hours:.2f} h{about}"

    def moment(self, notes: tuple[str, ...] = (), images: np.ndarray | None = None, each: int = 0, classes: tuple[str, ...] = ()) -> Moment:
        return Moment(self.step, self.fraction(), self.hours, self.loss, self.seconds_left(), images, each, classes, notes)

    def update(self, x_0: Tensor, c: Tensor, draws: torch.Generator, group: Any, check: Any = lambda: None) -> None:
        """One step of Adam and of the average. `check` may raise between two pieces: then nothing has moved."""
        net, request, schedule = self.net, self.request, self.net.schedule
        size, device = len(x_0), x_0.device
        c = torch.where(torch.rand(size, generator=draws, device=device) < request.drop, net.config.classes, c)
        t = torch.rand(size, generator=draws, device=device) * schedule.last
        alpha, sigma = (f(t).float()[:, None, None, None] for f in (schedule.alpha, schedule.sigma))
        eps = torch.randn(x_0.shape, generator=draws, device=device)
        x_t, target, labels = alpha * x_0 + sigma * eps, alpha * eps - sigma * x_0, net.labels(c)
        self.optimiser.zero_grad(set_to_none=True)
        total = torch.zeros((), device=device)
        for part in torch.arange(size, device=device).split(size if device.type == "cuda" else PIECE):
            check()
            with torch.autocast(device.type, self._kind, enabled=self._kind != torch.float32):
                v = net.velocity(x_t[part], t[part], labels[part])
            loss = (v - target[part]).square().mean() * (len(part) / size)
            loss.backward()
            total += loss.detach()
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
        self.hours, self.clock = group.agree(self.hours + (now - self.clock) / 3600), now
        self._loss.lerp_(total, max(0.01, 4 / (self.step + 3)))

    @property
    def loss(self) -> float:
        """Averaged over about the last hundred steps. EngineError when it is no number any more."""
        value = self._loss.item()
        if not math.isfinite(value):
            raise EngineError(f"The training came apart: its loss is no number at step {self.step:,}.",
                              remedy=f"Start over with a lower rate than {self.request.rate:g}; the last checkpoint is kept.")
        return value

    def save(self, path: Path) -> None:
        """The checkpoint, whole or not at all. EngineError when it cannot be written."""
        tensors = {}
        for name, p in self.net.named_parameters():
            tensors |= {f"net.{name}": p, f"ema.{name}": self.average[name]}
            if values := self.optimiser.state.get(p):
                tensors |= {f"m.{name}": values["exp_avg"], f"v.{name}": values["exp_avg_sq"]}
        meta = {"request": json.dumps(self.request.identity()), "header": json.dumps(self.header), "step": str(self.step),
                "hours": str(self.hours), "loss": str(self.loss)}
        write(path, {k: v.detach().cpu().contiguous() for k, v in tensors.items()}, meta)

    def resume(self) -> None:
        """Goes on from the checkpoint, where there is one. EngineError when it is another training's, or the data have changed."""
        stored = checkpoint(self.request.out)
        if stored is None:
            return
        name = self.request.state.name
        if not same_settings(stored["request"], self.request):
            mine = self.request.identity()
            other = [f"{key} {value}" for key, value in stored["request"].items() if mine.get(key) != value]
            raise EngineError(f"{name} belongs to a training with other settings ({', '.join(other)}).",
                              remedy="Start over without it, use its settings, or choose another name for the model.")
        tensors, meta = read_safetensors(self.request.state)
        before = json.loads(meta.get("header", json.dumps(self.header)))
        if (before["classes"], before["config"]) != (self.header["classes"], self.header["config"]):
            raise EngineError(f"The pictures have changed since {name} was written: other classes, or colour where there was none.",
                              remedy="Bring the folder back to what it was, start over, or choose another name for the model.")
        self.step, self.hours = int(meta["step"]), float(meta["hours"])
        self._loss.fill_(float(meta["loss"]))
        self._began = (self.step, self.hours)
        with torch.no_grad():
            for name, p in self.net.named_parameters():
                p.copy_(tensors[f"net.{name}"])
                self.average[name].copy_(tensors[f"ema.{name}"])
                if f"m.{name}" in tensors:
                    self.optimiser.state[p] = {"step": torch.tensor(float(self.step)),
                                               "exp_avg": tensors[f"m.{name}"].to(p.device).clone(memory_format=torch.preserve_format),
                                               "exp_avg_sq": tensors[f"v.{name}"].to(p.device).clone(memory_format=torch.preserve_format)}
        self.clock = time.monotonic()

    def publish(self, images: int, processes: int, notes: tuple[str, ...]) -> dict:
        """Writes the float16 weights with the header that engines/guidance/sources.py reads."""
        write(Path(self.request.out), {k: v.detach().cpu().half().contiguous() for k, v in self.average.items()}, {"vernier": json.dumps(self.header)})
        return {"out": self.request.out, "steps": self.step, "hours": round(self.hours, 3), "loss": round(self.loss, 4),
                "images": images, "processes": processes, "parameters": sum(p.numel() for p in self.net.parameters())} | (
                    {"notes": list(notes)} if notes else {})


def write(path: Path, tensors: dict[str, Tensor], meta: dict[str, str]) -> None:
    """A safetensors file, whole or not at all. EngineError when it cannot be written, on a full disk for one."""
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(tensors, part, meta)
        os.replace(part, path)
    except (OSError, SafetensorError) as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        reason = getattr(error, "strerror", None) or str(error)
        raise EngineError(f"{path.name} could not be written: {reason}.",
                          remedy="Free some space, or choose a folder that you may write to. What was written before is whole.") from error
