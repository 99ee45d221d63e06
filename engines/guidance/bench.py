"""How fast sampling is, beside what else there is: every alternative in turn, round after round, medians of the ratios.

    recfg / cfg              ReCFG's table may cost next to nothing
    loop / diffusers same    our loop against diffusers' DDIMScheduler around the same network, batch, precision and layout
    loop / diffusers default against what a first script does: float32, contiguous, the two predictions in two passes
"""

import copy
import time
from collections.abc import Callable
from dataclasses import replace
from statistics import median
from typing import Any

import torch

from engines.diffusion.noise import noise
from engines.guidance.engine import GuidanceEngine
from engines.guidance.request import Draw, GuidanceRequest, Sampling
from engines.guidance.sources import Model
from engines.job import Job

LIMITS = {"recfg_over_cfg": 1.02, "loop_over_diffusers_same": 1.01, "loop_over_diffusers_default": 0.75, "full_s": 1.0, "preview_s": 0.35,
          "toy_5000_s": 0.15, "toy_20000_s": 0.5}
LEAST = {"network_share": 0.95}


def measure(engine: GuidanceEngine, name: str, count: int, steps: int, repeats: int, job: Job) -> dict[str, Any]:
    """Seconds and ratios; `met` compares them with the targets, which are for two CPU cores."""
    model = engine.model(name)
    cfg = Sampling(model=name, mode="cfg", sampler="ddim", steps=steps, count=count)
    shares: list[float] = []

    def ours(settings: Sampling) -> Callable[[], None]:
        def run() -> None:
            side = engine.side(settings, Job())
            shares.append(side.network_seconds / side.seconds)
        return run

    draft = Draw(GuidanceRequest(replace(cfg, mode="recfg", sampler="dpmpp-2m", count=count, steps=20)), draft=True)
    toys = {f"toy_{n}": Sampling(model="toy-bimodal", mode="recfg", steps=50, count=n) for n in (5000, 20_000)}
    plain = copy.deepcopy(model.net).to(dtype=torch.float32, memory_format=torch.contiguous_format)
    ways: dict[str, Callable[[], None]] = {
        "cfg": ours(cfg), "recfg": ours(replace(cfg, mode="recfg")), "diffusers_same": lambda: _stock(model, cfg, _same(model, cfg)),
        "diffusers_default": lambda: _stock(model, cfg, _default(model, plain, cfg)), "preview": lambda: engine.run(draft, Job())}
    ways |= {key: (lambda toy=toy: engine.side(toy, Job())) for key, toy in toys.items()}
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for way in ways.values():
        way()  # warm-up
    shares.clear()
    for round_ in range(repeats):
        order = list(ways) if round_ % 2 == 0 else list(ways)[::-1]
        for k, way in enumerate(order):
            job.progress(round_ * len(ways) + k, repeats * len(ways), way)
            clock = time.perf_counter()
            ways[way]()
            if model.device.type == "cuda":
                torch.cuda.synchronize()
            seconds[way].append(time.perf_counter() - clock)

    def ratio(a: str, b: str) -> float:
        return round(median(x / y for x, y in zip(seconds[a], seconds[b], strict=True)), 4)

    found = {"recfg_over_cfg": ratio("recfg", "cfg"), "loop_over_diffusers_same": ratio("cfg", "diffusers_same"),
             "loop_over_diffusers_default": ratio("cfg", "diffusers_default"), "network_share": round(median(shares), 4),
             "full_s": round(median(seconds["recfg"]), 4)} | {f"{way}_s": round(median(seconds[way]), 4) for way in ("preview", *toys)}
    met = {key: found[key] <= limit for key, limit in LIMITS.items()} | {key: found[key] >= least for key, least in LEAST.items()}
    return {"model": name, "count": count, "steps": steps, "repeats": repeats, "device": model.device.type,
            "precision": str(model.precision).removeprefix("torch."), "threads": torch.get_num_threads(),
            "redraws_per_second": round(1 / found["full_s"], 2)} | found | {"met": met}


def _stock(model: Model, settings: Sampling, predict: Callable[[torch.Tensor, Any], torch.Tensor]) -> None:
    """diffusers' own loop: DDIMScheduler, scheduler.step for every timestep."""
    from diffusers import DDIMScheduler

    scheduler = DDIMScheduler(beta_start=1e-4, beta_end=2e-2, beta_schedule="linear", clip_sample=False, set_alpha_to_one=True,
                              timestep_spacing="trailing")
    scheduler.set_timesteps(settings.steps)
    x = noise(settings.seed, 0, settings.count, model.shape).to(model.device)
    with torch.inference_mode():
        for t in scheduler.timesteps:
            x = scheduler.step(predict(x, t), t, x).prev_sample
    ((x.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous().cpu().numpy()


def _same(model: Model, settings: Sampling) -> Callable[[torch.Tensor, Any], torch.Tensor]:
    rows = model.label_rows(settings.label, settings.count)

    def predict(x: torch.Tensor, t: Any) -> torch.Tensor:
        eps_c, eps_u = model.pair(x, float(t), rows)
        return eps_u + settings.gamma_1 * (eps_c - eps_u)
    return predict


def _default(model: Model, net: torch.nn.Module, settings: Sampling) -> Callable[[torch.Tensor, Any], torch.Tensor]:
    rows = model.label_rows(settings.label, settings.count).contiguous()
    null = torch.zeros_like(rows)
    null[:, -1] = 1

    def predict(x: torch.Tensor, t: Any) -> torch.Tensor:
        times = torch.full((len(x),), float(t), device=x.device)
        eps_c, eps_u = net(x, times, rows), net(x, times, null)
        return eps_u + settings.gamma_1 * (eps_c - eps_u)
    return predict
