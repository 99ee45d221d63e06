"""What trainings share: how far a run is, its learning rate, and the loop with progress, looks at a hold-out, checkpoints and a cancel that keeps the work."""

import time
from typing import Any, Protocol

from engines.job import Cancelled, Job

FALL = 0.4  # of the run, over which the rate falls to zero
TELL_S, TELL_STEPS = 1.0, 10


class Pace:
    """For a run that has a request (steps, hours, rate, warmup), and counts `step` and `hours`."""

    request: Any
    step: int
    hours: float

    def fraction(self) -> float:
        """How much of the run is over: by steps or by hours, whichever is further."""
        return min(1.0, max(self.step / self.request.steps, self.hours / self.request.hours))

    def finished(self) -> bool:
        return self.fraction() >= 1.0

    def rate(self) -> float:
        """Warm-up, constant, then linear to zero over the last 40 % of the run."""
        return self.request.rate * min(1.0, (self.warmed() + 1) / self.request.warmup, max(.01, (1 - self.fraction()) / FALL))

    def warmed(self) -> int:
        """Steps since the last warm-up began."""
        return self.step


class Run(Protocol):
    """What `carry_through` drives. history: one entry a look, with its `step`."""

    step: int
    history: list[dict[str, float]]

    def fraction(self) -> float: ...
    def finished(self) -> bool: ...
    def spoken(self) -> str: ...
    def update(self, group: Any, check: Any) -> None: ...
    def due(self) -> bool: ...
    def look(self) -> None: ...
    def save(self) -> None: ...
    def publish(self, processes: int) -> dict[str, Any]: ...


def carry_through(run: Run, group: Any, job: Job, save_s: float) -> dict[str, Any]:
    """Trains to the end and returns what is published; {} in all processes but the first, which alone tells, looks and saves. A cancel saves and goes on up."""
    first = group.rank == 0
    told = saved = time.monotonic()
    try:
        while not run.finished():
            run.update(group, job.check)
            now = time.monotonic()
            if first and (run.step % TELL_STEPS == 0 or now - told > TELL_S):
                told = now
                job.progress(round(1000 * run.fraction()), 1000, run.spoken())
            if first and run.due():
                run.look()
                job.news(run.history[-1])
            if first and now - saved > save_s:
                run.save()
                saved = now
    except Cancelled:
        if first:
            run.save()
        raise
    if not first:
        return {}
    if not run.history or run.history[-1]["step"] < run.step:
        run.look()
    run.save()
    return run.publish(group.size)
