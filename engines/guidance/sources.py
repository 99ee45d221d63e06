"""Models that can be asked for (eps_c, eps_u): the ones that ship, or any weight file of the same form."""

import json
import math
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from engines.device import pick, precision
from engines.diffusion.networks import UNet, UNetConfig
from engines.diffusion.schedules import Schedule
from engines.job import EngineError
from engines.weights import read_safetensors, sha256, verify

SHIPPED = ("emoji3d", "fashion-mnist")


@dataclass
class Model:
    """A class-conditional eps-model, ready to run. shape is (C, H, W)."""

    name: str
    net: UNet
    classes: tuple[str, ...]
    hash: str
    device: torch.device
    precision: torch.dtype

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

    def pair(self, x: Tensor, t: float, rows: Tensor) -> tuple[Tensor, Tensor]:
        """eps_c and eps_u [B, C, H, W] from one doubled batch."""
        null = torch.zeros_like(rows)
        null[:, -1] = 1
        return self.predict(torch.cat([x, x]), t, torch.cat([rows, null])).chunk(2)

    def predict(self, x: Tensor, t: float, rows: Tensor) -> Tensor:
        """eps [B, C, H, W] float32 for label rows [B, K + 1]. EngineError when the network answers with NaN."""
        times = torch.full((len(x),), float(t), device=x.device)
        v = self.net.velocity(x.to(self.precision), times, rows.to(self.precision))
        eps = torch.add(v, x, alpha=self.schedule.sigma(t) / self.schedule.alpha(t)) * self.schedule.alpha(t)
        if not math.isfinite(eps.sum().item()):
            raise EngineError(f"{self.name} answered with numbers that are not finite at timestep {t:.1f}.",
                              remedy="Lower the guidance or take more steps; if it stays, restore the weights.")
        return eps


def open_model(name: str, folder: Path, device: torch.device | None = None) -> Model:
    """A shipped model by name (its hash is verified), or a .safetensors file by path. EngineError when it will not do."""
    path = folder / f"{name}.safetensors" if name in SHIPPED else Path(name)
    if name not in SHIPPED and path.suffix != ".safetensors":
        raise EngineError(f"There is no model named {name!r}.", remedy=f"Use {', '.join(SHIPPED)} or the path of a .safetensors file.")
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


def memory_check(model: Model, count: int) -> None:
    """EngineError before a batch that cannot fit: says how much it needs, and the largest batch that fits."""
    import psutil

    c, h, w = model.shape
    each = 2 * 4 * h * w * (2 * max(model.net.config.widths) + 16 * c)  # both branches; Emoji 3D: 2.5 MB where 1.4 were measured
    free = torch.cuda.mem_get_info(model.device)[0] if model.device.type == "cuda" else psutil.virtual_memory().available
    if count * each > 0.8 * free:
        fits = max(1, int(0.8 * free / each))
        raise EngineError(f"{count} images at once need {count * each / 2**30:.1f} GiB; {free / 2**30:.1f} GiB are free.",
                          remedy=f"Ask for at most {fits} at a time.")
