"""ReCFG's table: built from data, kept in one safetensors file, read at any noise level.

    ratio    r = E[eps_c eps_u] / E[eps_u^2]     [Eq. 45's minimiser]        fp16 [K + 1, T, C, H, W]
    literal  r = E[eps_c] / E[eps_u], guarded    [Eq. 42]                    the same shape
T = 32 levels, uniform in lambda = log(alpha/sigma); the last row is the mean over classes, for labels it does not know. Rows are
the model's classes; the header's "rows" names them where they are fewer (a large model) or prompts (a text model).
"""

import hashlib
import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from engines.guidance.datasets import ImageSet
from engines.guidance.recfg import least_squares_ratio, literal_ratio
from engines.guidance.request import Curve, Sampling
from engines.guidance.sources import Asked
from engines.guidance.train import write
from engines.job import EngineError, Job
from engines.parallel import Group
from engines.weights import read_safetensors, sha256

LEVELS = 32
SUMS = ("c", "u", "cu", "uu")


@dataclass(frozen=True)
class Table:
    """A table that fits its model. levels: lambda [T], rising."""

    levels: np.ndarray
    rows: dict[str, Tensor]  # "ratio", "literal": float32 [K + 1, T, C, H, W]
    hash: str
    names: tuple[str, ...] = ()

    def weights(self, model: Asked, settings: Sampling) -> Tensor:
        """Class weights [K] over this table's rows: all zero for a prompt or class that it does not know."""
        if not model.text and self.names == model.classes:
            return model.label_rows(settings.label, 1, settings.label_2, settings.blend)[0, :-1].cpu()
        if model.text:
            asked = settings.prompt
        else:
            asked = model.classes[int(model.label_rows(settings.label, 1, settings.label_2, settings.blend).argmax())]
        return torch.tensor([float(name == asked) for name in self.names])

    def at(self, kind: str, weights: Tensor, lam: float) -> Tensor:
        """r [1, C, H, W] for class weights [K], linear in lambda and held beyond the ends."""
        place = float(np.interp(lam, self.levels, np.arange(len(self.levels))))
        low = min(int(place), len(self.levels) - 2)
        rows = self.rows[kind][:-1, low : low + 2] if weights.sum() > 0 else self.rows[kind][-1:, low : low + 2]
        weights = weights if weights.sum() > 0 else torch.ones(1)
        pair = torch.einsum("k,ktchw->tchw", weights, rows)
        return torch.lerp(pair[0], pair[1], place - low)[None]

    def over_levels(self, kind: str, weights: Tensor) -> Curve:
        """r's mean over pixels at every level of the table, as a curve over rho."""
        return tuple((float(np.exp(-lam)), float(self.at(kind, weights, lam).mean())) for lam in self.levels[::-1])


def read(path: Path, model: Asked) -> Table:
    """The table in `path`. EngineError with the reason when it is damaged or was made for another model."""
    tensors, meta = read_safetensors(path)
    try:
        header = json.loads(meta["vernier-table"])
        reasons = [f"its {word} is {header[key]!r}, the model's {value!r}" for key, word, value in (
            ("model_hash", "model hash", model.hash), ("prediction", "prediction type", model.prediction),
            ("schedule", "schedule", model.schedule.describe())) if header[key] != value]
        levels = np.array(header["levels"])
        names = tuple(str(name) for name in header.get("rows", model.classes))
        shape = (len(names) + 1, len(levels), *model.shape)
        rows = {kind: tensors[kind].float() for kind in ("ratio", "literal")}
    except (KeyError, ValueError, TypeError) as error:
        raise EngineError(f"{path.name} is not a ReCFG table ({error}).", remedy="Build one: vernier table.") from error
    reasons += [f"its {kind} is {tuple(t.shape)}, not {shape}" for kind, t in rows.items() if tuple(t.shape) != shape]
    if reasons:
        raise EngineError(f"{path.name} does not fit {model.name}: {'; '.join(reasons)}.", remedy=f"Build one: vernier table --model {model.name}.")
    if not all(t.isfinite().all() for t in rows.values()):
        raise EngineError(f"{path.name} holds numbers that are not finite.", remedy="Build it anew: vernier table.")
    return Table(levels, rows, sha256(path), names)


def build(model: Asked, data: ImageSet, samples: int, out: Path, job: Job, group: Group, batch: int = 64, seed: int = 0) -> dict:
    """Traverses the data and writes the table; returns its facts. Resumes from `<out>.state` where it was stopped.

    Work is cut into chunks of one class and `batch` draws, each draw one image and one noise used at all levels;
    chunk j belongs to process j mod size, and draws depend on (seed, class, draw) alone, so that any split of the work
    gives the same table. EngineError when the data's classes are not the model's.
    """
    names = model.class_names(data.classes)
    ends = model.schedule.lam(model.schedule.last), model.schedule.lam(0.0)
    levels = np.linspace(*ends, LEVELS)
    present = [c for c in range(len(names)) if (data.labels == c).any()]
    if not present:
        raise EngineError(f"The data set {data.name} holds no images.", remedy="Give the data the model was trained on.")
    chunks = [(c, first) for c in present for first in range(0, samples, batch)]
    mine, identity = chunks[group.rank :: group.size], json.dumps([model.hash, samples, batch, seed, group.size, group.rank, names])
    state = out.with_name(f"{out.name}.state{group.rank}")
    sums = {key: torch.zeros(len(names), LEVELS, *model.shape, dtype=torch.float64, device=model.device) for key in SUMS}
    orders = {c: _order(data, c, seed) for c in present}
    done, network, saved = _resume(state, identity, sums), 0.0, time.perf_counter()
    started = saved
    for j, (c, first) in enumerate(mine[done:], done):
        x_0, eps = _draws(data, orders[c], c, first, min(batch, samples - first), seed, model)
        for level, lam in enumerate(levels):
            job.progress(j * LEVELS + level, len(mine) * LEVELS, f"{names[c]}, draws {first} to {first + len(eps)}")
            t = model.schedule.t_of_lam(lam)
            x_t = model.schedule.alpha(t) * x_0 + model.schedule.sigma(t) * eps
            clock = time.perf_counter()
            with torch.inference_mode():
                eps_c, eps_u = model.pair(x_t, t, model.class_rows(names[c], len(x_t)))
            network += time.perf_counter() - clock
            for key, value in (("c", eps_c), ("u", eps_u), ("cu", eps_c * eps_u), ("uu", eps_u.square())):
                sums[key][c, level] += value.sum(0)
        if time.perf_counter() - saved > 30:  # only whole chunks are saved: a stopped run repeats its last half minute
            _save_state(state, identity, j + 1, sums)
            saved = time.perf_counter()
    group.sum(sums.values())
    seconds = time.perf_counter() - started
    facts = {"out": str(out), "samples": samples, "seconds": round(seconds, 2), "network_share": round(network / seconds, 4)}
    if group.rank == 0:
        facts |= _publish(out, model, names, sums, levels, samples, present)
    state.unlink(missing_ok=True)
    return facts


def _draws(data: ImageSet, order: np.ndarray, c: int, first: int, count: int, seed: int, model: Asked) -> tuple[Tensor, Tensor]:
    """x_0 and eps [B, C, H, W] of draws first .. first + count of class c; images repeat where there are fewer."""
    draws = range(first, first + count)
    x_0 = data.images[[order[k % len(order)] for k in draws], 0]
    eps = [np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, c, k]))).standard_normal(model.shape, np.float32) for k in draws]
    x_0 = torch.from_numpy(x_0).permute(0, 3, 1, 2).float() / 127.5 - 1
    return model.encode(x_0.to(model.device)), torch.from_numpy(np.stack(eps)).to(model.device)


def _order(data: ImageSet, c: int, seed: int) -> np.ndarray:
    """Class c's images in a seeded order. Where the set weighs them (skin tones share one chance) the order follows."""
    members = np.flatnonzero(data.labels == c)
    chance = data.weights[members] / data.weights[members].sum()
    return np.random.default_rng([seed, c]).choice(members, size=len(members), replace=bool(np.ptp(chance) > 1e-12), p=chance)


def _save_state(path: Path, identity: str, done: int, sums: dict[str, Tensor]) -> None:
    write(path, {k: v.cpu() for k, v in sums.items()}, {"identity": identity, "done": str(done)})


def _resume(path: Path, identity: str, sums: dict[str, Tensor]) -> int:
    """Fills the sums from an unfinished run of the same table; the chunks that are done."""
    if not path.exists():
        return 0
    tensors, meta = read_safetensors(path)
    if meta.get("identity") != identity:
        return 0
    for key, value in sums.items():
        value.copy_(tensors[key])
    return int(meta["done"])


def _publish(out: Path, model: Asked, names: tuple[str, ...], sums: dict[str, Tensor], levels: np.ndarray, samples: int, present: list[int]) -> dict:
    sums = {key: value[present] for key, value in sums.items()}
    ratio = least_squares_ratio(sums["cu"], sums["uu"]).clamp(0, 2)
    literal, guarded = literal_ratio(sums["c"], sums["u"], sums["uu"], samples)
    rows = {"ratio": _with_mean(ratio, present, len(names)), "literal": _with_mean(literal, present, len(names))}
    facts = {"ratio_mean": round(float(ratio.mean()), 5), "ratio_sd": round(float(ratio.std()), 5), "guarded": round(guarded, 4)}
    header = {"model_hash": model.hash, "model": model.name, "prediction": model.prediction, "schedule": model.schedule.describe(),
              "levels": levels.tolist(), "samples": samples, "counts": [samples * (c in present) for c in range(len(names))]} | facts
    if names != model.classes:
        header["rows"] = names
    write(out, {k: v.half().cpu().contiguous() for k, v in rows.items()}, {"vernier-table": json.dumps(header)})
    return facts | {"table_hash": hashlib.sha256(out.read_bytes()).hexdigest()}


def _with_mean(rows: Tensor, present: list[int], classes: int) -> Tensor:
    """[len(present), ...] -> [classes + 1, ...]: classes without data, and the last row, get the mean row."""
    whole = rows.mean(0, keepdim=True).repeat(classes + 1, *[1] * (rows.ndim - 1))
    whole[present] = rows
    return whole
