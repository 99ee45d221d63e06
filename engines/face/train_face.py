"""Training of the talking face on rendered pairs: speech, heads, then the network, its lip readers and, late, its discriminator.

One process, or several under torchrun (gradients averaged, every rank draws its own pairs and renders its share of the heads). A checkpoint is one
safetensors file with everything that moves, so a run goes on exactly where it was. What ships is the moving average that did best on held-out
identities and voices.
"""

import copy
import json
import math
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from engines.device import pick, precision
from engines.face import cache, corpus, face_holdout
from engines.face.dck import Config, Dck
from engines.face.face_losses import Discriminator, Weights, fooled, misheard, read_lips, reconstruction, told_apart
from engines.face.face_training import FaceTrainRequest
from engines.face.lip_reader import LipReader, misread
from engines.face.mouth import MOUTH
from engines.face.pairs import Batch, Pairs, Store
from engines.face.rendering import render_all
from engines.guidance.train import Alone, write
from engines.guidance.training import only_one
from engines.job import EngineError, Job
from engines.training_run import Pace, carry_through
from engines.weights import read_header, read_safetensors

HEARD = 12  # sounds for each pair of a batch, while the audio encoder learns alone
RATES = {"critic": 0.4, "reader": 2.0, "judge": 2.0}  # times the rate of the network
SAVE_S = 120.0
PIECE_PIXELS = 16 * 128 * 128  # of pictures between two looks at the cancel on a processor
LITERATE = (0.03, 0.10)  # misreading in crop sides at which the reader is listened to fully, and not at all
CREDIT = "Trained on renders of the ICT-FaceKit head (MIT, (c) 2020 USC Institute for Creative Technologies) and on synthetic speech only."


def train(request: FaceTrainRequest, job: Job, group: Any = None) -> dict[str, Any]:
    """Makes what the cache lacks, trains, writes `out` and returns what the card needs.

    The checkpoint `<out>.state` is written every two minutes and on a cancel.

    EngineError on a checkpoint of another request, a missing head or libespeak-ng, a full disk, or when another process trains into the same file.
    """
    request.check()
    if request.threads:
        torch.set_num_threads(request.threads)
    group = group or Alone(pick())
    with only_one(Path(request.out)) if group.rank == 0 else nullcontext():
        pairs, held = prepare(request, group, job)
        return carry_through(start(request, group.device, pairs, held), group, job, SAVE_S)


def prepare(request: FaceTrainRequest, group: Any, job: Job) -> tuple[Pairs, Store]:
    """Speech, heads and held-out heads of the cache folder, made where they are missing, on the device."""
    folder = Path(request.cache)
    if group.rank == 0:
        corpus.speech(folder, request.speech, request.seed, job)
    group.sum([torch.zeros(1, device=group.device)])  # the others wait until it lies there
    speech = corpus.read(folder / "speech.npz")
    counts = request.heads, request.held
    if not all(cache.path_of(folder, number, held).exists() for held in (False, True) for number in range(counts[held])):
        render_all(folder, Path(request.head), request.seed, counts, max(256, request.size), job, request.workers, (group.rank, group.size), speech)
    group.sum([torch.zeros(1, device=group.device)])
    held = Store(folder, True, request.held, request.size, group.device, job)
    store = Store(folder, False, request.heads, request.size, group.device, job)
    return Pairs(store, speech, group.device, request.seed), held


def start(request: FaceTrainRequest, device: torch.device, pairs: Pairs, held: Store) -> "Run":
    """A run from its checkpoint, or afresh. EngineError when the network cannot be built or the checkpoint will not do."""
    torch.manual_seed(request.seed)
    try:
        net = Dck(Config(**{"size": request.size, "dynamic": request.dynamic} | request.net))
    except (TypeError, ValueError) as error:
        raise EngineError(f"This network cannot be trained: {error}.", "Check the widths of the network.") from error
    run = Run(net, request, device, pairs, held)
    run.resume()
    return run


class Run(Pace):
    """The moving parts of one training: networks, average, optimisers, counters."""

    def __init__(self, net: Dck, request: FaceTrainRequest, device: torch.device, pairs: Pairs, held: Store) -> None:
        self.request, self.device, self.pairs, self.held = request, device, pairs, held
        self.weights = Weights()
        parts = {"net": net, "reader": LipReader(), "judge": LipReader(24), "critic": Discriminator(),
                 "ears": nn.Linear(net.config.feature, len(MOUTH))}
        self.parts = {name: part.to(device, memory_format=torch.channels_last) for name, part in parts.items()}
        self.net = self.parts["net"]
        self.average = copy.deepcopy(self.net).eval().requires_grad_(False)
        self.optimisers = {"net": torch.optim.AdamW(net.parameters(), lr=request.rate, betas=(0.9, 0.99), weight_decay=1e-4),
                           "reader": torch.optim.Adam(self.parts["reader"].parameters(), lr=request.rate),
                           "judge": torch.optim.Adam(self.parts["judge"].parameters(), lr=request.rate),
                           "ears": torch.optim.Adam(self.parts["ears"].parameters(), lr=request.rate),
                           "critic": torch.optim.Adam(self.parts["critic"].parameters(), lr=4e-4, betas=(0.5, 0.9))}
        self.best: dict[str, Tensor] = {}
        self.best_score, self.looked = math.inf, 0.0
        self.step, self.hours, self.clock = 0, 0.0, time.monotonic()
        self.history: list[dict[str, float]] = []
        self.losses: dict[str, float] = {}
        self._began, self._kind = (0, 0.0), precision(device)

    def trust(self) -> float:
        """How far the reader is listened to, by how well it reads true pictures: a reader that guesses would only pull the lips about."""
        return min(1.0, max(0.0, (LITERATE[1] - self.losses.get("reader", 1.0)) / (LITERATE[1] - LITERATE[0])))

    def hearing(self) -> bool:
        """Whether the audio encoder still learns alone."""
        return self.fraction() < self.request.hearing

    def late(self) -> bool:
        """Whether the discriminator takes part by now."""
        return self.fraction() >= 1 - self.request.adversarial

    def spoken(self) -> str:
        steps, hours = self.step - self._began[0], self.hours - self._began[1]
        left = 3600 * min((self.request.steps - self.step) * hours / max(steps, 1), self.request.hours - self.hours)
        parts = ", ".join(f"{name} {value:.4f}" for name, value in self.losses.items())
        return f"step {self.step:,}, {parts}, {self.hours:.2f} h, about {max(left, 0) / 60:.0f} min left"

    def update(self, group: Any, check: Any = lambda: None) -> None:
        """One step of every optimiser and of the average. `check` may raise between two pieces: then only running means of the norms have moved."""
        request, share = self.request, max(1, self.request.batch // group.size)
        each = share if self.device.type == "cuda" else max(1, min(share, PIECE_PIXELS // (2 * request.size**2)))
        for optimiser in self.optimisers.values():
            optimiser.zero_grad(set_to_none=True)
        sums: dict[str, Tensor] = {}
        for low in range(0, share, share if self.hearing() else each):
            check()
            count, seed = min(each, share - low), (request.seed, 48, self.step, group.rank, low)
            found = self._listen(seed, HEARD * share) if self.hearing() else self._losses(self.pairs.draw(seed, count), count / share)
            for name, value in found.items():
                sums[name] = sums.get(name, 0) + value
        for name, optimiser in self.optimisers.items():
            moved = [p for p in self.parts[name].parameters() if p.grad is not None]
            if not moved:
                continue
            group.average([p.grad for p in moved])
            torch.nn.utils.clip_grad_norm_(moved, 1.0)
            for options in optimiser.param_groups:
                options["lr"] = self.rate() * RATES.get(name, 1.0)
            optimiser.step()
        self.step += 1
        decay = min(0.999, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            torch._foreach_lerp_(list(_floats(self.average)), list(_floats(self.net)), 1 - decay)
        now = time.monotonic()
        self.hours, self.clock = self.hours + (now - self.clock) / 3600, now
        if group.size > 1:  # one clock for all: a stage that one process enters before another would have them sum other gradients
            hours = torch.tensor([self.hours], dtype=torch.float64, device=self.device)
            group.average([hours])
            self.hours = float(hours)
        if self.step % 5 == 0 or self.step < 5:
            self._note({name: float(value) for name, value in sums.items()})

    def _listen(self, seed: tuple[int, ...], count: int) -> dict[str, Tensor]:
        """The loss of the audio encoder alone, walked back."""
        A, known, mouth = self.pairs.listen(seed, count)
        with torch.autocast(self.device.type, self._kind, enabled=self._kind != torch.float32):
            feature = self.net.audio(A, known)
        loss = self.weights.hearing * misheard(self.parts["ears"](feature.float()), mouth)
        loss.backward()
        return {"hearing": loss.detach()}

    def _losses(self, batch: Batch, share: float) -> dict[str, Tensor]:
        """Every part of the loss of a piece of the batch, each already walked back."""
        net, late = self.net, self.late()
        with torch.autocast(self.device.type, self._kind, enabled=self._kind != torch.float32):
            feature = net.audio(batch.A, batch.known)
            alpha, M = net.decode(net.encode(batch.image.contiguous(memory_format=torch.channels_last)), net.kernels_of(feature))
        alpha, M = alpha.float(), M.float()
        shown = batch.image * (1 - alpha) + M * alpha
        parts = reconstruction(shown, alpha, M, batch, self.weights)
        parts["hearing"] = self.weights.hearing * misheard(self.parts["ears"](feature.float()), batch.mouth)
        parts["lips"] = read_lips(self.parts["reader"], shown, batch, self.weights) * self.trust()
        if late:
            parts["adversarial"] = fooled(self._frozen_critic(), shown)
        (sum(parts.values()) * share).backward()
        for name in ("reader", "judge"):
            parts[name] = misread(self.parts[name](batch.target), batch.lips).mean()
            (parts[name] * share).backward()
        if late:
            self.parts["critic"].requires_grad_(True)
            parts["critic"] = told_apart(self.parts["critic"], shown, batch.target)
            (parts["critic"] * share).backward()
        return {name: value.detach() * share for name, value in parts.items()}

    def _frozen_critic(self) -> nn.Module:
        return self.parts["critic"].requires_grad_(False)

    def _note(self, found: dict[str, float]) -> None:
        if not all(math.isfinite(value) for value in found.values()):
            raise EngineError(f"The training came apart: its loss is no number at step {self.step:,}.",
                              f"Start over with a lower rate than {self.request.rate:g}; the last checkpoint is kept.")
        share = max(0.05, 2 / (self.step + 1))
        self.losses = {name: self.losses.get(name, value) + share * (value - self.losses.get(name, value)) for name, value in found.items()}

    def due(self) -> bool:
        """Whether it is time for a look at the held-out heads."""
        return not self.hearing() and self.fraction() - self.looked >= 1 / self.request.checks

    def look(self) -> None:
        """Measures the average on the held-out heads, and keeps it where it is the best so far."""
        self.looked = self.fraction()
        found = face_holdout.measure(self.average, self.parts["judge"], self.held, self.pairs.speech)
        found |= face_holdout.heard_right(self.average, self.parts["ears"], self.pairs.speech, self.device)
        self.history.append({"step": self.step, "hours": round(self.hours, 3), **{k: round(v, 4) for k, v in self.losses.items()}, **found})
        if found["score"] < self.best_score:
            self.best_score, self.best = found["score"], {name: value.clone() for name, value in self.average.state_dict().items()}
        self.clock = time.monotonic()

    def save(self) -> None:
        """The checkpoint, whole or not at all. EngineError when it cannot be written."""
        tensors = {f"{part}.{name}": value for part, module in self.parts.items() for name, value in module.state_dict().items()}
        tensors |= {f"average.{name}": value for name, value in self.average.state_dict().items()} | {f"best.{name}": v for name, v in self.best.items()}
        for part, name, p in self._moments():
            if values := self.optimisers[part].state.get(p):
                tensors |= {f"m.{part}.{name}": values["exp_avg"], f"v.{part}.{name}": values["exp_avg_sq"], f"n.{part}.{name}": values["step"]}
        meta = {"request": json.dumps(self.request.identity()), "step": str(self.step), "hours": repr(self.hours), "best": repr(self.best_score),
                "looked": repr(self.looked), "history": json.dumps(self.history), "losses": json.dumps(self.losses)}
        write(self.request.state, {key: value.detach().cpu().contiguous().clone() for key, value in tensors.items()}, meta)

    def _moments(self) -> Iterator[tuple[str, str, nn.Parameter]]:
        for part, module in self.parts.items():
            for name, p in module.named_parameters():
                yield part, name, p

    def resume(self) -> None:
        """Goes on from the checkpoint, where there is one. EngineError when it is another training's."""
        path = self.request.state
        if not path.exists():
            return
        meta = read_header(path)
        try:
            other = {key: value for key, value in json.loads(meta["request"]).items() if self.request.identity().get(key) != value}
            self.step = int(meta["step"])
            self.hours, self.best_score, self.looked = (float(meta[key]) for key in ("hours", "best", "looked"))
            self.history, self.losses = json.loads(meta["history"]), json.loads(meta["losses"])
        except (KeyError, ValueError, AttributeError) as error:
            raise EngineError(f"{path.name} is no checkpoint of this training.", "Delete it, or choose another name for the model.") from error
        if other:
            raise EngineError(f"{path.name} belongs to a training with other settings ({', '.join(f'{key} {value}' for key, value in other.items())}).",
                              "Use its settings, delete it, or choose another name for the model.")
        tensors, _ = read_safetensors(path)
        for part, module in [*self.parts.items(), ("average", self.average)]:
            module.load_state_dict({name: tensors[f"{part}.{name}"] for name in module.state_dict()})
        if any(key.startswith("best.") for key in tensors):
            self.best = {name: tensors[f"best.{name}"].to(self.device) for name in self.average.state_dict()}
        for part, name, p in self._moments():
            if f"m.{part}.{name}" in tensors:
                self.optimisers[part].state[p] = {
                    "step": tensors[f"n.{part}.{name}"].clone(),
                    "exp_avg": tensors[f"m.{part}.{name}"].to(p.device).clone(memory_format=torch.preserve_format),
                    "exp_avg_sq": tensors[f"v.{part}.{name}"].to(p.device).clone(memory_format=torch.preserve_format)}
        self.looked = min(self.looked, self.fraction())  # a run that is made longer has looked at less of itself
        self._began, self.clock = (self.step, self.hours), time.monotonic()

    def publish(self, processes: int) -> dict[str, Any]:
        """Writes the weights that did best in float16, with the header that names their layout."""
        size = sum(p.numel() for p in self.net.parameters())
        header = {"vernier": "talking-face", "quality": self.request.quality, "config": self.net.config.to_dict(), "steps": self.step,
                  "hours": round(self.hours, 3), "seed": self.request.seed, "licence": "MIT", "credit": CREDIT}
        kept = {name: value.detach().cpu() for name, value in (self.best or self.average.state_dict()).items() if value.is_floating_point()}
        write(Path(self.request.out), {name: value.half().contiguous() for name, value in kept.items()}, {"vernier": json.dumps(header)})
        return {"out": self.request.out, "quality": self.request.quality, "steps": self.step, "hours": round(self.hours, 3), "parameters": size,
                "processes": processes, "heads": len(self.pairs.store.rows), "held": len(self.held.rows), "hold_out": self.history[-1], "history": self.history}


def _floats(module: nn.Module) -> Iterator[Tensor]:
    """Parameters and running means of a network; not its counters."""
    return (value for value in module.state_dict().values() if value.is_floating_point())
