"""What samples of a model are measured against; one safetensors file a model ships (`vernier reference` builds it).

    features     [N, D] float16    held-out pictures through EfficientNet-Lite0, along the D leading principal directions
    centre, basis [1280], [1280, D] the projection
    mean, variance [K, C, H, W]    of the held-out pictures of each class, in grey levels 0-255
    classifier.*                   a small network that tells the classes apart
The header carries the floor: the distance of as many other real pictures, which no model can beat by more than luck.
A set too small for a floor (Emoji 3D) has the classifier alone.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engines.guidance.datasets import ImageSet
from engines.guidance.features import Classifier, Lite0
from engines.guidance.metrics import frechet, moments, precision_recall
from engines.guidance.train import Batches, write
from engines.job import EngineError, Job
from engines.weights import read_safetensors

DIRECTIONS = 256
FLOOR_DRAWS, FLOOR_COUNTS = 3, (1000, 2000, 5000)
BATCH, RATE = 128, 2e-3


@dataclass(frozen=True)
class Reference:
    """features is None where the set is too small for a distance."""

    name: str
    classifier: Classifier
    about: dict[str, Any]
    features: Tensor | None = None
    centre: Tensor | None = None
    basis: Tensor | None = None
    mean: np.ndarray | None = None
    variance: np.ndarray | None = None

    def project(self, features: Tensor) -> Tensor:
        """[N, 1280] -> [N, D]."""
        return (features - self.centre) @ self.basis

    def distance(self, made: Tensor) -> dict[str, float]:
        """Frechet distance to all held-out pictures; precision and recall against as many of them as were made."""
        real = self.features.float()
        equal = real[np.random.default_rng(0).permutation(len(real))[: len(made)]]
        precision, recall = precision_recall(equal, made[: len(equal)])
        return {"frechet": frechet(moments(real), moments(made)), "precision": precision, "recall": recall}

    def floor(self, count: int) -> dict[str, Any] | None:
        """What `count` other real pictures get; None where that was not measured."""
        return self.about.get("floor", {}).get(str(count))


def read(path: Path, classes: tuple[str, ...]) -> Reference:
    """EngineError when the file is damaged or tells other classes apart."""
    tensors, meta = read_safetensors(path)
    try:
        about = json.loads(meta["vernier-reference"])
        classifier = Classifier(about["channels"], len(about["classes"]))
        classifier.load_state_dict({k.removeprefix("classifier."): v.float() if v.is_floating_point() else v
                                    for k, v in tensors.items() if k.startswith("classifier.")})
    except (KeyError, ValueError, TypeError, RuntimeError) as error:
        raise EngineError(f"{path.name} is not a reference for measurements ({error}).", remedy="Build one: vernier reference.") from error
    if tuple(about["classes"]) != classes:
        raise EngineError(f"{path.name} was made for other classes.", remedy="Build one for this model: vernier reference.")
    more = {}
    if "features" in tensors:
        more = {key: tensors[key].float() for key in ("features", "centre", "basis")} | {key: tensors[key].float().numpy() for key in ("mean", "variance")}
    return Reference(about["name"], classifier, about, **more)


def build(data: ImageSet, held_out: ImageSet | None, out: Path, job: Job, epochs: float = 3.0, seed: int = 0) -> dict[str, Any]:
    """Trains the classifier on `data` and, where pictures are held out, takes their features and moments; the facts of the file."""
    classifier, tensors = train_classifier(data, job, epochs, seed), {}
    about: dict[str, Any] = {"name": data.name, "classes": list(data.classes), "channels": int(data.images.shape[-1]), "epochs": epochs, "seed": seed,
                             "credit": data.credit, "licence": data.licence,
                             "classifier_accuracy_train": round(_accuracy(classifier, data), 4)}
    if held_out is not None:
        about["classifier_accuracy_held_out"] = round(_accuracy(classifier, held_out), 4)
        tensors, floor = _distances(data, held_out, job, seed)
        about |= {"held_out": len(held_out.labels), "directions": DIRECTIONS, "floor": floor}
    tensors |= {f"classifier.{k}": v.half() if v.is_floating_point() else v for k, v in classifier.state_dict().items()}
    write(out, {k: v.contiguous() for k, v in tensors.items()}, {"vernier-reference": json.dumps(about)})
    return about


def train_classifier(data: ImageSet, job: Job, epochs: float, seed: int) -> Classifier:
    """Adam with a one-cycle rate; each class as likely as the set's weights make it."""
    torch.manual_seed(seed)
    net = Classifier(data.images.shape[-1], len(data.classes)).train()
    steps = max(1, round(epochs * len(data.labels) / BATCH))
    optimiser = torch.optim.Adam(net.parameters(), RATE)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimiser, 5 * RATE, total_steps=steps)
    batches = Batches(data, seed, torch.device("cpu"))
    for step in range(steps):
        x, c = batches.draw(BATCH)
        loss = torch.nn.functional.cross_entropy(net(x), c, label_smoothing=0.05)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        cycle.step()
        job.progress(step + 1, steps, f"classifier, loss {loss.item():.3f}")
    return net.eval()


def _accuracy(classifier: Classifier, data: ImageSet, most: int = 10_000) -> float:
    return float((classifier.predict(data.images[:most, 0]) == data.labels[:most]).mean())


def _distances(data: ImageSet, held_out: ImageSet, job: Job, seed: int) -> tuple[dict[str, Tensor], dict[str, Any]]:
    extract = Lite0()

    def features(images: np.ndarray, word: str) -> Tensor:
        parts = np.array_split(images, max(1, len(images) // 512))
        found = []
        for k, part in enumerate(parts):
            job.progress(k, len(parts), word)
            found.append(extract(part))
        return torch.cat(found)

    real = features(held_out.images[:, 0], "features of the held-out pictures")
    centre = real.mean(0)
    _, vectors = torch.linalg.eigh(torch.cov(real.T))
    basis = vectors[:, -DIRECTIONS:].flip(1)
    projected = (real - centre) @ basis
    images = held_out.images[:, 0].astype(np.float32)
    groups = [images[held_out.labels == k] for k in range(len(held_out.classes))]
    tensors = {"features": projected.half(), "centre": centre, "basis": basis, "mean": _chw([g.mean(0) for g in groups]),
               "variance": _chw([g.var(0) for g in groups])}
    order = np.random.default_rng(seed).permutation(len(data.labels))
    others = (features(data.images[order[: FLOOR_DRAWS * max(FLOOR_COUNTS)], 0], "features of other real pictures") - centre) @ basis
    reference = Reference(data.name, Classifier(1, 1), {}, projected.half(), centre, basis)
    floor = {}
    for count in FLOOR_COUNTS:
        rows = [reference.distance(others[k * max(FLOOR_COUNTS) :][:count]) for k in range(FLOOR_DRAWS) if len(others) >= k * max(FLOOR_COUNTS) + count]
        if rows:
            floor[str(count)] = {key: round(float(np.mean([row[key] for row in rows])), 4) for key in rows[0]} | {
                "frechet_sd": round(float(np.std([row["frechet"] for row in rows])), 4), "draws": len(rows)}
    return tensors, floor


def _chw(images: list[np.ndarray]) -> Tensor:
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).contiguous()
