"""How fast the GAN lab is: wall and processor time of a step, and what the window's picture of it costs."""

import time
from dataclasses import replace
from typing import Any

import torch

from engines.gan.engine import GanEngine
from engines.gan.request import GanRequest, Play, Smart
from engines.gan.training import Run
from engines.job import Job

WHOLE_STEPS, LIMIT_S = 6000, 90.0  # A and B together, on two cores
WARM_UP, PICTURES = 20, 10


def measure(steps: int, data: str, job: Job) -> dict[str, Any]:
    """Milliseconds a step of A alone, of A and B without and with the regulariser (every 8th, every step), and of one picture."""
    request = GanRequest(data=data, steps=WHOLE_STEPS)
    ways = {"plain_alone": replace(request, twin=False), "both_without": replace(request, smart=Smart(lam=0.0)),
            "both_freq_8": replace(request, smart=Smart(freq=8)), "both_freq_1": request}
    found: dict[str, Any] = {}
    for k, (name, asked) in enumerate(ways.items()):
        run = Run(asked)
        for _ in range(WARM_UP):
            run.step()
        wall, busy = time.perf_counter(), time.process_time()
        for done in range(steps):
            run.step()
            job.progress(k * steps + done, len(ways) * steps, f"{name.replace('_', ' ')}")
        found[name] = {"ms": round(1000 * (time.perf_counter() - wall) / steps, 3), "cpu_ms": round(1000 * (time.process_time() - busy) / steps, 3)}
    engine, play = GanEngine(), Play(request)
    engine.run(play, job)
    began = time.perf_counter()
    for _ in range(PICTURES):
        job.check()
        engine.picture(play)
    picture_ms = 1000 * (time.perf_counter() - began) / PICTURES
    whole = WHOLE_STEPS * found["both_freq_1"]["ms"] / 1000
    return found | {"data": data, "batch": request.batch, "threads": torch.get_num_threads(), "picture_ms": round(picture_ms, 2),
                    "smart_over_plain": round(found["both_freq_1"]["cpu_ms"] / found["both_without"]["cpu_ms"], 3),
                    "seconds_6000_steps": round(whole, 1), "limit_s": LIMIT_S, "met": whole <= LIMIT_S}
