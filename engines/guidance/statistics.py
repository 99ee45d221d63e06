"""Mean and variance images of every class of a data set: what samples are held against, without the data themselves.

Images in network units, [-1, 1]; numbers for people in grey levels, 0-255 (127.5 times as much). Weighted as training
draws: ImageSet.weights, every rendering alike, mirrored half the time where that leaves the class.
    mean, variance   per pixel, [K, C, H, W]
    deviation        [K]: standard deviation over images of |y - mean|^2 / its average; of N real images the variance
                     ratio strays by deviation / sqrt(N) from 1, and their mean by sqrt(mean variance / N) from the mean
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engines.guidance.datasets import ImageSet
from engines.guidance.outcome import Against
from engines.guidance.picture import write_whole
from engines.guidance.request import Sampling
from engines.job import EngineError, Job
from engines.weights import read_header, read_safetensors, sha256

SUFFIX = ".statistics.safetensors"
GREY = 127.5  # grey levels of one network unit
KIND = "vernier-statistics"


@dataclass(frozen=True)
class ClassStatistics:
    """Of one model's data. Arrays float32 as in the module's notation; counts: images per class."""

    mean: np.ndarray
    variance: np.ndarray
    deviation: np.ndarray
    counts: tuple[int, ...]
    classes: tuple[str, ...]
    dataset: str
    credit: str
    licence: str
    hash: str = ""

    def level(self, label: int) -> tuple[float, float]:
        """A class's mean over all pixels, and its standard deviation between images (rms over pixels), in grey levels."""
        return float((self.mean[label].mean() + 1) * GREY), float(np.sqrt(self.variance[label].mean()) * GREY)

    def floor(self, label: int, count: int) -> float:
        """The shift that `count` real images would show by chance, in grey levels."""
        return float(np.sqrt(self.variance[label].mean() / count) * GREY)

    def against(self, label: int, images: np.ndarray) -> Against:
        """Images uint8 [N, H, W, C] beside the class: shift (rms over pixels, grey levels) and ratio of mean variances."""
        x = images.astype(np.float32).transpose(0, 3, 1, 2)
        shift = np.sqrt(np.mean(np.square(x.mean(0) - (self.mean[label] + 1) * GREY)))
        ratio = float(x.var(0, ddof=1).mean() / (self.variance[label].mean() * GREY**2)) if len(x) > 1 else None
        mean, deviation = self.level(label)
        return Against((mean,), (deviation,), float(shift), ratio, self.floor(label, len(x)),
                       float(self.deviation[label] / np.sqrt(len(x))), f"{self.counts[label]:,} real images")


def collect(data: ImageSet, job: Job) -> ClassStatistics:
    """The statistics of a data set. EngineError when a class has fewer than two images."""
    classes, means, variances, deviations, counts = len(data.classes), [], [], [], []
    for label in range(classes):
        job.progress(label, classes, data.classes[label])
        members = np.flatnonzero(data.labels == label)
        if len(members) < 2:
            raise EngineError(f"The class {data.classes[label]} has {len(members)} images.", remedy="A variance needs at least two.")
        weights = data.weights[members] / data.weights[members].sum()
        flipped = np.where(data.mirror[members], 0.5, 0.0)
        parts = [(data.images[members, v], weights * share / data.images.shape[1], flip)
                 for v in range(data.images.shape[1]) for flip, share in ((False, 1 - flipped), (True, flipped)) if np.any(share)]
        mean = sum(_weighted(_units(images, flip), chance) for images, chance, flip in parts)
        job.check()
        variance = sum(_weighted(np.square(_units(images, flip) - mean), chance) for images, chance, flip in parts)
        spread, second = float(variance.mean()), 0.0
        for images, chance, flip in parts:
            distance = np.square(_units(images, flip) - mean).mean(axis=(1, 2, 3)) / max(spread, 1e-12)
            second += float(chance @ np.square(distance - 1))
        means.append(mean)
        variances.append(variance)
        deviations.append(np.sqrt(second))
        counts.append(len(members))
    return ClassStatistics(np.stack(means).astype(np.float32), np.stack(variances).astype(np.float32), np.array(deviations, np.float32),
                           tuple(counts), data.classes, data.name, data.credit, data.licence)


def _units(images: np.ndarray, flip: bool) -> np.ndarray:
    """uint8 [N, H, W, C] -> float64 [N, C, H, W] in [-1, 1]."""
    return (images[:, :, ::-1] if flip else images).transpose(0, 3, 1, 2) / GREY - 1.0


def _weighted(values: np.ndarray, chance: np.ndarray) -> np.ndarray:
    return np.tensordot(chance, values, 1)


def write(path: Path, found: ClassStatistics, model: str) -> None:
    """One float16 .safetensors file with a header. EngineError when it cannot be written; nothing half-written."""
    from safetensors.numpy import save

    header = {"vernier": KIND, "model": model, "dataset": found.dataset, "counts": found.counts, "classes": found.classes,
              "credit": found.credit, "licence": found.licence}
    arrays = {"mean": found.mean, "variance": found.variance, "deviation": found.deviation}
    content = save({name: array.astype(np.float16) for name, array in arrays.items()}, {KIND: json.dumps(header)})
    write_whole(path, lambda file: file.write(content))


def read(path: Path) -> ClassStatistics:
    """EngineError when it is missing, damaged, or something else."""
    header = read_header(path)
    if KIND not in header:
        raise EngineError(f"{Path(path).name} holds no class statistics.", remedy="Build them: vernier statistics.")
    tensors, _ = read_safetensors(path)
    try:
        about = json.loads(header[KIND])
        arrays = [tensors[name].float().numpy() for name in ("mean", "variance", "deviation")]
        names = tuple(about["classes"])
        fits = arrays[0].ndim == 4 and arrays[0].shape == arrays[1].shape and len(arrays[0]) == len(arrays[2]) == len(about["counts"]) == len(names)
        found = ClassStatistics(*arrays, tuple(about["counts"]), names, about["dataset"], about["credit"], about["licence"], sha256(path))
    except (KeyError, ValueError, TypeError) as error:
        raise EngineError(f"{Path(path).name} is damaged ({error}).", remedy="Build it anew: vernier statistics.") from error
    if not fits:
        raise EngineError(f"{Path(path).name} is damaged: its parts do not fit together.", remedy="Build it anew: vernier statistics.")
    return found


def place(model: str, shipped: tuple[str, ...], samples: Path) -> Path:
    """Where a model's statistics lie: among the samples that ship, or beside a file of one's own."""
    return samples / f"{model}{SUFFIX}" if model in shipped else Path(model).with_suffix(SUFFIX)


def unfit(settings: Sampling) -> str:
    """Why what these settings ask for is no class of a data set; empty where it is one."""
    if settings.prompt:
        return "there are no data of a prompt"
    return "there are no data of a blend of classes" if settings.label_2 is not None and settings.blend else ""
