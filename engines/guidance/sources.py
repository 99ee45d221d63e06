"""Models that can be asked for (eps_c, eps_u): the ones that ship, any weight file of the same form, a diffusers folder."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from engines.device import pick, precision
from engines.diffusion.networks import UNet, UNetConfig
from engines.diffusion.schedules import Schedule
from engines.guidance.request import Sampling
from engines.job import EngineError, Job
from engines.weights import read_safetensors, sha256, verify

SHIPPED = ("emoji3d", "fashion-mnist")


class Asked(Protocol):
    """What sampling, tables and measurements need of a model. x is [B, *shape]: pixels in [-1, 1], or latents.

    `rows` is whatever `condition`, `label_rows` or `class_rows` gave: a condition for as many images as x has.
    """

    name: str
    classes: tuple[str, ...]  # empty where the model reads a prompt
    text: bool
    hash: str
    device: torch.device
    shape: tuple[int, int, int]
    schedule: Schedule
    prediction: str
    batch: int  # images sampled at once
    bytes_each: int  # memory of one more image in a batch

    def condition(self, settings: Sampling, count: int) -> Any: ...
    def label_rows(self, label: int, count: int, label_2: int | None = None, blend: float = 0.0) -> Any: ...
    def class_rows(self, word: str, count: int) -> Any: ...
    def class_names(self, words: tuple[str, ...]) -> tuple[str, ...]: ...
    def pair(self, x: Tensor, t: float, rows: Any, tau: float | Tensor | None = None) -> tuple[Tensor, Tensor]: ...
    def predict(self, x: Tensor, t: float, rows: Any, tau: float | Tensor | None = None) -> Tensor: ...
    def encode(self, images: Tensor) -> Tensor: ...
    def decode(self, x_0: Tensor) -> Tensor: ...
    def preview(self, x_0: Tensor) -> Tensor: ...
    def notes(self, settings: Sampling) -> tuple[str, ...]: ...


@dataclass
class Model:
    """A class-conditional eps-model, ready to run. shape is (C, H, W)."""

    name: str
    net: UNet
    classes: tuple[str, ...]
    hash: str
    device: torch.device
    precision: torch.dtype
    text = False
    batch = 64

    @property
    def bytes_each(self) -> int:
        """Both branches; Emoji 3D: 2.5 MB where 1.4 were measured."""
        c, h, w = self.shape
        return 2 * 4 * h * w * (2 * max(self.net.config.widths) + 16 * c)

    @property
    def shape(self) -> tuple[int, int, int]:
        config = self.net.config
        return config.image_channels, config.image_size, config.image_size

    @property
    def schedule(self) -> Schedule:
        return self.net.schedule

    @property
    def prediction(self) -> str:
        return "eps"

    def label_rows(self, label: int, count: int, label_2: int | None = None, blend: float = 0.0) -> Tensor:
        """Label rows [count, K + 1] of one class, or of a blend of two. EngineError on an unknown class."""
        k = len(self.classes)
        for number in (label, label_2):
            if number is not None and not 0 <= number < k:
                raise EngineError(f"{self.name} has no class {number}.", remedy=f"Its classes are 0 to {k - 1}: {', '.join(self.classes)}.")
        row = torch.zeros(k + 1)
        row[label] = 1 - blend if label_2 is not None else 1.0
        if label_2 is not None:
            row[label_2] += blend
        return row.expand(count, k + 1).to(self.device)

    def condition(self, settings: Sampling, count: int) -> Tensor:
        """Label rows of what the settings ask for."""
        return self.label_rows(settings.label, count, settings.label_2, settings.blend)

    def class_rows(self, word: str, count: int) -> Tensor:
        """Label rows of a class by name."""
        return self.label_rows(self.classes.index(word), count)

    def class_names(self, words: tuple[str, ...]) -> tuple[str, ...]:
        """The classes of a data set as this model names them. EngineError when they are others."""
        if words != self.classes:
            raise EngineError(f"The data set has other classes than {self.name}.", remedy="Give the data the model was trained on.")
        return words

    def encode(self, images: Tensor) -> Tensor:
        return images

    def decode(self, x_0: Tensor) -> Tensor:
        return x_0

    def preview(self, x_0: Tensor) -> Tensor:
        return x_0

    def notes(self, settings: Sampling) -> tuple[str, ...]:
        return ()

    def pair(self, x: Tensor, t: float, rows: Tensor, tau: float | Tensor | None = None) -> tuple[Tensor, Tensor]:
        """eps_c and eps_u [B, C, H, W] from one doubled batch. tau as in `predict`."""
        null = torch.zeros_like(rows)
        null[:, -1] = 1
        return self.predict(torch.cat([x, x]), t, torch.cat([rows, null]), tau).chunk(2)

    def predict(self, x: Tensor, t: float, rows: Tensor, tau: float | Tensor | None = None) -> Tensor:
        """eps [B, C, H, W] float32 for label rows [B, K + 1]; the network is asked at tau (t itself where None) and its velocity read at t.

        EngineError when the network answers with NaN.
        """
        times = told(len(x), t if tau is None else tau, x.device)
        v = self.net.velocity(x.to(self.precision), times, rows.to(self.precision))
        eps = torch.add(v, x, alpha=self.schedule.sigma(t) / self.schedule.alpha(t)) * self.schedule.alpha(t)
        if not math.isfinite(eps.sum().item()):
            raise EngineError(f"{self.name} answered with numbers that are not finite at timestep {t:.1f}.",
                              remedy="Lower the guidance or take more steps; if it stays, restore the weights.")
        return eps


def told(count: int, t: float | Tensor, device: torch.device) -> Tensor:
    """The timestep a network is told, [count]; a tensor keeps its gradient (TimeTuner moves it)."""
    return t.to(device).float().expand(count) if isinstance(t, Tensor) else torch.full((count,), float(t), device=device)


def beside(name: str, folder: Path, what: str = "table", suffix: str = ".safetensors") -> Path:
    """Where a model's table (or calibration) lies: `<name>.table.safetensors` beside its weights or its folder."""
    path = folder / name if name in SHIPPED else Path(name)
    stem = path.stem if path.suffix == ".safetensors" else path.name  # a folder's name may have a dot: sd-1.5
    return path.with_name(f"{stem}.{what}{suffix}")


def open_model(name: str, folder: Path, device: torch.device | None = None, job: Job | None = None) -> Asked:
    """A shipped model by name (its hash is verified), a .safetensors file or a diffusers folder by path. EngineError when it will not do.

    A folder's parts are told to `job`, which may cancel between two of them.
    """
    if name not in SHIPPED and Path(name).is_dir():
        from engines.guidance.pipeline_loading import open_folder

        return open_folder(Path(name), device, job)
    path = folder / f"{name}.safetensors" if name in SHIPPED else Path(name)
    if name not in SHIPPED and path.suffix != ".safetensors":
        raise EngineError(f"There is no model named {name!r}.",
                          remedy=f"Use {', '.join(SHIPPED)}, or the path of a .safetensors file or of a diffusers folder.")
    if name in SHIPPED and path.exists():
        verify(path)
    tensors, meta = read_safetensors(path)
    try:
        header = json.loads(meta["vernier"])
        config, classes = UNetConfig.from_dict(header["config"]), tuple(header["classes"])
        fits = header["vernier"] == "diffusion-model" and header["schedule"] == Schedule().describe() and len(classes) == config.classes
    except (KeyError, ValueError, TypeError) as error:
        raise EngineError(f"{path.name} is not a Vernier diffusion model ({error}).", remedy="Train one: vernier train guidance.") from error
    if not fits:
        raise EngineError(f"{path.name} was made for another kind of schedule or model.", remedy="Train it anew: vernier train guidance.")
    with torch.device("meta"):  # nothing is allocated for a header that promises more than its file holds
        net = UNet(config)
    try:
        net.load_state_dict(tensors, assign=True)
    except RuntimeError as error:
        raise EngineError(f"{path.name} does not hold the weights its header promises.", remedy="Restore the file.") from error
    device = device or pick()
    kind = precision(device)
    net = net.to(device=device, dtype=kind, memory_format=torch.channels_last).eval().requires_grad_(False)
    return Model(name, net, classes, sha256(path), device, kind)


def memory_check(model: Asked, count: int) -> None:
    """EngineError before a batch that cannot fit: says how much it needs, and the largest batch that fits."""
    import psutil

    each = model.bytes_each
    free = torch.cuda.mem_get_info(model.device)[0] if model.device.type == "cuda" else psutil.virtual_memory().available
    if count * each > 0.8 * free:
        fits = max(1, int(0.8 * free / each))
        raise EngineError(f"{count} images at once need {count * each / 2**30:.1f} GiB; {free / 2**30:.1f} GiB are free.",
                          remedy=f"Ask for at most {fits} at a time.")
