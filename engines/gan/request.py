"""What the GAN lab asks for: document, undo unit, engine message and batch file in one. No torch here: a window imports it."""

import math
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

from engines.job import EngineError

VERSION = 1
DATA = ("25gaussians", "two-rings", "spiral", "checkerboard", "drawing")
GRADIENTS = ("full", "stop")
LAM_SCHEDULES = ("constant", "late", "fading")
FREQ_SCHEDULES = ("constant", "denser")
REACHES = ("all", "off")
FEWEST, MOST = 10, 5000  # points of a drawing
STRUCTURAL = ("data", "drawing", "seed", "batch", "twin")  # a change of these starts a training anew; all others act while it runs
NO_REQUEST = "Use a file that Vernier saved."
LIMITS = {"seed": (0, 2**32 - 1), "batch": (16, 4096), "steps": (1, 1_000_000), "rate_g": (1e-6, 1.0), "rate_d": (1e-6, 1.0), "r1": (0.0, 100.0)}
SMART_LIMITS = {"lam": (0.0, 10.0), "sigma_low": (0.01, 0.999), "sigma_high": (0.01, 0.999), "freq": (1, 1000), "limit": (0.0, 100.0), "balance": (0.0, 1.0)}
WHOLE = ("seed", "batch", "steps", "freq")


@dataclass(frozen=True)
class Smart:
    """Score matching regularity: how strongly, at which noise, how often. The noise is sigma_t of a variance preserving model."""

    lam: float = 0.1
    sigma_low: float = 0.095  # timestep 25 of DDPM-linear
    sigma_high: float = 0.127  # timestep 35
    freq: int = 1  # the paper's tables use 8
    gradient: str = "full"  # "stop": a comparison of ours that leaves the score model's Jacobian out
    lam_schedule: str = "constant"  # "late": nothing in the first half, then rising; "fading": falling to nothing. Not in the paper
    freq_schedule: str = "constant"  # "denser": from every freq-th step to every step. Not in the paper
    reach: str = "all"  # "off": only samples that are harder to denoise than real ones are pulled. Not in the paper
    limit: float = 0.0  # no sample is pulled harder than so many times the median push of the discriminator; 0: no limit. Not in the paper
    balance: float = 0.0  # 0: every sample is pulled alike; 1: one of a full mode less, of an empty one more. Not in the paper

    def __post_init__(self) -> None:
        _check(self, SMART_LIMITS)
        for name, words in (("gradient", GRADIENTS), ("lam_schedule", LAM_SCHEDULES), ("freq_schedule", FREQ_SCHEDULES), ("reach", REACHES)):
            _one_of(name, getattr(self, name), words)
        if self.sigma_low > self.sigma_high:
            raise EngineError(f"The noise interval runs from {self.sigma_low:g} to {self.sigma_high:g}.", remedy="Give the smaller noise first.")


@dataclass(frozen=True)
class GanRequest:
    """Two generators on one set of points: A plain, B with score matching regularity, from the same weights and the same draws."""

    data: str = "25gaussians"
    drawing: tuple[tuple[float, float], ...] = ()  # of data "drawing": points in [-1, 1]^2
    seed: int = 0
    batch: int = 256
    steps: int = 6000
    rate_g: float = 1e-3
    rate_d: float = 1e-3
    r1: float = 0.01
    twin: bool = True  # whether B is trained beside A
    smart: Smart = field(default_factory=Smart)

    def __post_init__(self) -> None:
        _one_of("data", self.data, DATA)
        _check(self, LIMITS)
        if not isinstance(self.smart, Smart) or not isinstance(self.twin, bool):
            raise EngineError("This request is incomplete or damaged.", remedy=NO_REQUEST)
        fits = isinstance(self.drawing, tuple) and all(isinstance(p, tuple) and len(p) == 2 and all(map(_finite, p)) for p in self.drawing)
        if not fits or any(abs(value) > 1 for point in self.drawing for value in point):
            raise EngineError("The drawing of this request is damaged.", remedy="Its points lie between -1 and 1 on both axes.")
        if self.data == "drawing":
            check_drawing(len(self.drawing))

    def structure(self) -> tuple[Any, ...]:
        """What a training under way depends on from its first step."""
        drawing = self.drawing if self.data == "drawing" else ()
        return tuple(drawing if name == "drawing" else getattr(self, name) for name in STRUCTURAL)

    def to_dict(self) -> dict[str, Any]:
        """As JSON gives it back: lists for tuples."""
        return asdict(self) | {"drawing": [list(point) for point in self.drawing]}

    @classmethod
    def from_dict(cls, values: Any) -> Self:
        """EngineError on a field this version does not know or a value out of range."""
        values = _known(cls, values)
        if "smart" in values:
            values["smart"] = Smart(**_known(Smart, values["smart"]))
        if "drawing" in values:
            listed = values["drawing"] if isinstance(values["drawing"], list) else None
            if listed is None or not all(isinstance(point, list) for point in listed):
                raise EngineError("The drawing of this request is damaged.", remedy=NO_REQUEST)
            values["drawing"] = tuple(map(tuple, listed))
        return cls(**values)


@dataclass(frozen=True)
class Play:
    """What the window sends to its engine: the request and what to do with it.

    action "look" shows where the training stands, "train" goes on to the last step, "step" takes `count` steps, "rewind" goes back to the last
    checkpoint at or before step `at`, "reset" begins anew, "again" does that and trains. `field` and `arrows` ask for the discriminator's field
    and for L_score's gradient.
    """

    request: GanRequest
    action: str = "look"
    at: int = 0
    count: int = 1
    field: bool = True
    arrows: bool = True


def check_drawing(count: int) -> None:
    """EngineError when so many points are too few or too many to learn from."""
    if count < FEWEST:
        raise EngineError(f"The drawing has {count} point{'' if count == 1 else 's'}.", remedy=f"Paint a little more: {FEWEST} points are enough to begin.")
    if count > MOST:
        raise EngineError(f"The drawing has {count:,} points.", remedy=f"Use at most {MOST:,}.")


def _finite(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _check(settings: Any, limits: dict[str, tuple[float, float]]) -> None:
    for name, (low, high) in limits.items():
        value = getattr(settings, name)
        if not _finite(value) or not low <= value <= high:
            raise EngineError(f"{name} is {value}.", remedy=f"It must lie between {low:g} and {high:g}.")
        if name in WHOLE and not isinstance(value, int):
            raise EngineError(f"{name} is {value}.", remedy="It must be a whole number.")


def _one_of(name: str, value: Any, words: tuple[str, ...]) -> None:
    if value not in words:
        raise EngineError(f"{name} is {value!r}.", remedy=f"Use one of: {', '.join(words)}.")


def _known(cls: type, values: Any) -> dict[str, Any]:
    if not isinstance(values, dict):
        raise EngineError("This request is not a table of settings.", remedy=NO_REQUEST)
    unknown = set(values) - {f.name for f in fields(cls)}
    if unknown:
        raise EngineError(f"The request has settings this version does not know: {', '.join(sorted(map(str, unknown)))}.",
                          remedy="Open it with a newer Vernier.")
    return dict(values)


def wrap(request: GanRequest) -> dict[str, Any]:
    """The form in files: version, workspace, request."""
    return {"vernier": VERSION, "workspace": "gan", "request": request.to_dict()}


def unwrap(values: Any) -> GanRequest:
    """A GanRequest from wrap()'s form. EngineError if newer or foreign."""
    if not isinstance(values, dict) or not isinstance(values.get("vernier"), int):
        raise EngineError("This is not a Vernier request.", remedy=NO_REQUEST)
    if values["vernier"] > VERSION:
        raise EngineError(f"This request was written by a newer Vernier (form {values['vernier']}, this one reads {VERSION}).",
                          remedy="Update Vernier to open it.")
    if values.get("workspace") != "gan":
        raise EngineError(f"This request belongs to the {values.get('workspace')} workspace.", remedy="Open it there.")
    return GanRequest.from_dict(values.get("request"))
