"""What the tuner of timesteps is asked, and what it tells on the way. No torch: the window reads this; tuning.py does the work."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engines.diffusion.solver_names import ASKS_TWICE
from engines.guidance.request import SAMPLERS, Sampling
from engines.job import EngineError, Job

if TYPE_CHECKING:
    from engines.guidance.engine import GuidanceEngine
    from engines.guidance.time_tuner import Found

OBJECTIVES = ("teacher", "trajectory", "endpoint", "paper", "paper-unbounded")
TRAININGS = ("sequential", "parallel")
PARALLEL = ("teacher", "paper", "paper-unbounded")  # the others compare with one path, which only a run from noise has
MODES = ("cfg", "recfg", "literal", "rescale", "zero-star")  # what a single network call decides; the others move x or remember
FINE = 4  # teacher's Heun steps inside a step
ROUNDS, DAMPING = 2, (1e-3, 1e-1, 1.0)  # of Levenberg-Marquardt, where all ratios are found together; every damping is tried in every round
ALL = -1  # in place of a network call: all of them
TRIALS = 4  # of a search in one dimension, as a rule


@dataclass(frozen=True)
class TuneRequest:
    """`vernier tune`: every sampler with every step count, class and strength."""

    model: str = "emoji3d"
    samplers: tuple[str, ...] = ("ddim",)
    steps: tuple[int, ...] = (10,)
    labels: tuple[int | None, ...] = (None,)  # None = one schedule for all classes
    strengths: tuple[float, ...] = (3.0,)
    mode: str = "cfg"
    objective: str = "endpoint"
    training: str = "sequential"
    draws: int = 24  # noises trained on; half as many more are held out
    iterations: int = 500  # of Adam, for the paper's objectives; 0 searches as for the others
    prompt: str = ""
    table: str = ""

    def __post_init__(self) -> None:
        for name, words in (("objective", OBJECTIVES), ("training", TRAININGS), ("mode", MODES)):
            if getattr(self, name) not in words:
                raise EngineError(f"{name} is {getattr(self, name)!r}.", remedy=f"Use one of: {', '.join(words)}.")
        if self.training == "parallel" and self.objective not in PARALLEL:
            raise EngineError(f"The objective {self.objective} follows one path from noise.", remedy="Train it sequentially.")
        for name in ("samplers", "steps", "labels", "strengths"):
            if not getattr(self, name):
                raise EngineError(f"There are no {name} to tune.", remedy="Name at least one.")
        if not all(isinstance(n, int) and 2 <= n <= 100 for n in self.steps):
            raise EngineError(f"steps are {self.steps}.", remedy="Tuned schedules have 2 to 100 steps: the last one is left alone.")
        if not 8 <= self.draws <= 4096 or not 0 <= self.iterations <= 100_000:
            raise EngineError("These numbers of draws and iterations will not do.", remedy="Use 8 to 4,096 draws and at most 100,000 iterations.")
        for settings in self.schedules():
            if settings.sampler not in SAMPLERS:
                raise EngineError(f"sampler is {settings.sampler!r}.", remedy=f"Use one of: {', '.join(SAMPLERS)}.")

    def schedules(self) -> list[Sampling]:
        """What is tuned, one after the other; `label` is the class, or 0 where one schedule serves all."""
        return [Sampling(model=self.model, sampler=sampler, steps=n, label=label or 0, gamma_1=g, mode=self.mode, prompt=self.prompt, table=self.table)
                for sampler in self.samplers for n in self.steps for label in self.labels for g in self.strengths]

    def whole(self) -> list[int | None]:
        """For each of `schedules` the class it is for, None for all."""
        return [label for _ in self.samplers for _ in self.steps for label in self.labels for _ in self.strengths]


@dataclass(frozen=True)
class Tuning:
    """News of a running job: schedule `index` of `count`, and the network call that was just tuned, of `calls`."""

    index: int
    count: int
    settings: Sampling
    found: "Found"
    calls: int


@dataclass(frozen=True)
class Trial:
    """News of a `live` job: network call `call` of schedule `index` was tried at a ratio; ALL of them with their mean after a round."""

    index: int
    call: int
    ratio: float
    loss: float


@dataclass(frozen=True)
class TuneTask:
    """For the background lane: tunes what the request asks for into the file `out`. A `live` one tells every trial too."""

    request: TuneRequest
    out: str
    live: bool = False

    def carry_out(self, engine: "GuidanceEngine", job: Job) -> dict[str, Any]:
        from engines.guidance.tuning import build
        from engines.parallel import Group

        with Group() as group:
            return build(engine, self.request, Path(self.out), job, group, self.live)


def evaluations(request: TuneRequest) -> int:
    """About how many times every draw asks the network, both branches counted; Adam's gradient counts as two more forward passes."""
    total = 0
    for settings in request.schedules():
        steps, twice = settings.steps, settings.sampler in ASKS_TWICE
        calls = (steps - 1) * (2 if twice else 1)
        path = 2 * FINE * steps if request.training == "parallel" or request.objective in ("trajectory", "endpoint") else 0
        if request.objective == "endpoint":
            total += path + (calls + 1) + ROUNDS * (calls * (calls + 3) // 2 + len(DAMPING) * (calls + 1))
            continue
        behind = 1.5 if twice else 1.0  # calls that a trial asks
        if request.objective.startswith("paper"):
            trials = 3 * request.iterations if request.iterations else TRIALS
            each = 1 + trials * (behind + 1)
        else:
            each = TRIALS * behind + (2 * FINE if request.objective == "teacher" else 0)
        total += round(path + calls * (each + 1))
    return (2 if max(request.strengths) > 1 else 1) * total
