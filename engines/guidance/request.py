"""What the Guidance workspace asks for: document, undo unit, engine message, batch file and export caption in one."""

import math
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Self

from engines.diffusion import solver_names
from engines.job import EngineError

VERSION = 1
TOYS = ("toy-1d", "toy-gauss", "toy-bimodal")
MODES = ("cfg", "recfg", "calibrated", "literal", "free", "curve", "rescale", "zero-star", "apg")
SAMPLERS = solver_names.NAMES
VIEWS = ("side", "wipe", "flip", "difference")
OPTIONAL = ("gamma_0", "label_2", "seed_2")
BEST_MODES = {"fashion-mnist": "calibrated"}  # where a measurement says that another mode than ReCFG serves a model better; see its card
DRAFT_STEPS, DRAFT_POINTS = 4, 5000
FILM_POINTS = 2500  # a toy's trajectories in a film
CURVE_POINTS = 32
RATIO = 0.2, 2.0  # lowest and highest tau / t
CELLS, EACH = 400, 64  # the most cells of a grid, and images of a cell
Curve = tuple[tuple[float, float], ...]  # (noise level sigma/alpha, value), levels rising; linear in log sigma/alpha between


@dataclass(frozen=True)
class Sampling:
    """Every setting that decides the pixels of one set of samples."""

    model: str = "emoji3d"  # a shipped model, a toy, or the path of a .safetensors file
    table: str = ""  # path of a ReCFG table; empty = the one beside the model
    calibration: str = ""  # path of a calibration for mode "calibrated"; empty = the one beside the model
    prompt: str = ""  # of a text-conditioned pipeline; its `label` is not read
    negative: str = ""  # what the unconditional branch is asked instead of nothing
    label: int = 0
    label_2: int | None = None  # blend partner
    blend: float = 0.0  # 0 = label, 1 = label_2
    c: float = 1.5  # the class of toy-1d is a number
    mode: str = "recfg"
    gamma_1: float = 3.0
    gamma_0: float | None = None  # only read in mode "free"; None = 1 - gamma_1
    steps: int = 20
    sampler: str = "dpmpp-2m"
    seed: int = 0
    seed_2: int | None = None  # interpolation partner
    seed_mix: float = 0.0  # 0 = seed, 1 = seed_2
    count: int = 16
    guide_above: float = 0.0  # guided where guide_above < sigma/alpha <= guide_below
    guide_below: float = math.inf  # in mode "calibrated" infinity stands for the level that the calibration was tuned to
    sharpness: float = 0.0  # mode "calibrated": 0 gives the unguided variance back, 1 leaves what guidance took
    curve_1: Curve = ()  # mode "curve": gamma_1 over the noise level; empty = gamma_1 everywhere
    curve_0: Curve = ()  # mode "curve": gamma_0; empty = 1 - gamma_1
    tuned: bool = False  # the network is asked at tuned timesteps tau = r t; every coefficient stays at t [TimeTuner]
    tuning: str = ""  # path of a file of tuned ratios; empty = the one beside the model
    ratios: tuple[float, ...] = ()  # r of every network call, set by hand; empty = the file's

    def __post_init__(self) -> None:
        limits = {"gamma_1": (0, 30), "gamma_0": (-29, 29), "steps": (1, 1000), "count": (1, 50_000), "blend": (0, 1),
                  "seed_mix": (0, 1), "sharpness": (0, 1), "c": (-5, 5), "label": (0, 100_000), "label_2": (0, 100_000),
                  "seed": (0, 2**32 - 1), "seed_2": (0, 2**32 - 1), "guide_above": (0, math.inf), "guide_below": (0, math.inf)}
        for name, (low, high) in limits.items():
            value = getattr(self, name)
            if value is None and name in OPTIONAL:
                continue
            if isinstance(value, bool) or not (isinstance(value, int | float) and low <= value <= high):
                raise EngineError(f"{name} is {value}.", remedy=f"It must lie between {low:g} and {high:g}.")
        for name, words in (("mode", MODES), ("sampler", SAMPLERS)):
            if getattr(self, name) not in words:
                raise EngineError(f"{name} is {getattr(self, name)!r}.", remedy=f"Use one of: {', '.join(words)}.")

        for name in ("curve_1", "curve_0"):
            _check_curve(name, getattr(self, name))
        if not isinstance(self.tuned, bool):
            raise EngineError(f"tuned is {self.tuned!r}.", remedy="It is true or false.")
        if not isinstance(self.ratios, tuple) or not all(
                isinstance(r, int | float) and not isinstance(r, bool) and RATIO[0] <= r <= RATIO[1] for r in self.ratios):
            raise EngineError("The timestep ratios of this request are damaged.", remedy=f"Each lies between {RATIO[0]:g} and {RATIO[1]:g}.")
        for name in ("model", "table", "calibration", "prompt", "negative", "tuning"):
            if not isinstance(getattr(self, name), str):
                raise EngineError(f"{name} is {getattr(self, name)!r}.", remedy="It must be text.")
        for name in ("label", "label_2", "steps", "seed", "seed_2", "count"):
            if isinstance(getattr(self, name), float):
                raise EngineError(f"{name} is {getattr(self, name)}.", remedy="It must be a whole number.")

    def to_dict(self) -> dict[str, Any]:
        """As JSON gives it back: lists for tuples, None for infinity."""
        return asdict(self) | {"guide_below": None if math.isinf(self.guide_below) else self.guide_below, "ratios": list(self.ratios),
                               "curve_1": [list(point) for point in self.curve_1], "curve_0": [list(point) for point in self.curve_0]}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """EngineError on a field this version does not know or a value out of range."""
        values = _known(cls, values)
        if values.get("guide_below", 0) is None:
            values["guide_below"] = math.inf
        for name in {"curve_1", "curve_0", "ratios"} & values.keys():
            values[name] = _tuples(values[name])
        return cls(**values)


def _check_curve(name: str, curve: Any) -> None:
    """EngineError unless `curve` is a Curve with at most CURVE_POINTS points and values in [-29, 30]."""
    fits = isinstance(curve, tuple) and len(curve) <= CURVE_POINTS and all(
        isinstance(point, tuple) and len(point) == 2 and all(isinstance(v, int | float) and math.isfinite(v) for v in point)
        and point[0] > 0 and -29 <= point[1] <= 30 for point in curve)
    if not fits or any(low[0] >= high[0] for low, high in zip(curve, curve[1:], strict=False)):
        raise EngineError(f"{name} is not a curve over the noise level.",
                          remedy=f"Give up to {CURVE_POINTS} points (level, value), levels rising, values between -29 and 30.")


def _tuples(value: Any) -> Any:
    """JSON knows lists only."""
    return tuple(_tuples(entry) for entry in value) if isinstance(value, list) else value


AXES = tuple(f.name for f in fields(Sampling) if f.type in (int, float, str, bool, int | None, float | None) and f.name != "count")  # any control


@dataclass(frozen=True)
class Grid:
    """Two controls of side A as the axes of a grid of pictures; without `y` it has one row.

    Values are as in Sampling. EngineError on an unknown axis, the same axis twice, no or too many values, a value out of range.
    """

    x: str = "gamma_1"
    x_values: tuple[Any, ...] = (1.0, 2.0, 3.0, 5.0)
    y: str | None = "steps"
    y_values: tuple[Any, ...] = (5, 10, 20)
    each: int = 4  # images a cell

    def __post_init__(self) -> None:
        if self.x == self.y:
            raise EngineError(f"Both axes of the grid are {self.x}.", remedy="Choose another control for one of them.")
        for name, values in self.axes():
            if name not in AXES:
                raise EngineError(f"{name!r} is no axis of a grid.", remedy=f"Use one of: {', '.join(AXES)}.")
            if not isinstance(values, tuple) or not values:
                raise EngineError(f"The axis {name} has no values.", remedy=f"Give some, as in {name}=1,2,3.")
            for value in values:
                Sampling(**{name: value})
        if isinstance(self.each, bool) or not isinstance(self.each, int) or not 1 <= self.each <= EACH:
            raise EngineError(f"each is {self.each}.", remedy=f"A cell holds 1 to {EACH} images.")
        if self.rows * self.columns > CELLS:
            raise EngineError(f"This grid has {self.rows * self.columns} cells.", remedy=f"Leave some values out: a grid holds at most {CELLS}.")

    def axes(self) -> list[tuple[str, tuple[Any, ...]]]:
        """(control, values) of the columns and, if there are any, of the rows."""
        return [(self.x, self.x_values)] + ([(self.y, self.y_values)] if self.y is not None else [])

    @property
    def columns(self) -> int:
        return len(self.x_values)

    @property
    def rows(self) -> int:
        return 1 if self.y is None else len(self.y_values)

    def to_dict(self) -> dict[str, Any]:
        return {"x": self.x, "x_values": [_plain(v) for v in self.x_values], "y": self.y, "each": self.each,
                "y_values": [] if self.y is None else [_plain(v) for v in self.y_values]}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """EngineError as for Grid itself, and on what this version does not know."""
        values = _known(cls, values)
        for name in {"x_values", "y_values"} & values.keys():
            listed = values[name] if isinstance(values[name], list) else []
            values[name] = tuple(math.inf if value == "inf" else value for value in listed)
        return cls(**values)


def _plain(value: Any) -> Any:
    """JSON knows no infinity."""
    return "inf" if isinstance(value, float) and math.isinf(value) else value


@dataclass(frozen=True)
class GuidanceRequest:
    """The whole workspace: side A, the optional side B drawn from the same noise, how the two are looked at, and a grid around A."""

    a: Sampling = field(default_factory=Sampling)
    b: Sampling | None = None
    view: str = "side"
    grid: Grid | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.grid, Grid | None):
            raise EngineError("The grid of this request is damaged.", remedy="Use a request that Vernier saved.")
        if not isinstance(self.a, Sampling) or not isinstance(self.b, Sampling | None) or self.view not in VIEWS:
            raise EngineError("This request is incomplete or damaged.", remedy="Use a request that Vernier saved.")

    def to_dict(self) -> dict[str, Any]:
        return {"a": self.a.to_dict(), "b": self.b and self.b.to_dict(), "view": self.view} | ({"grid": self.grid.to_dict()} if self.grid else {})

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """EngineError on anything this version does not know."""
        values = _known(cls, values)
        for side in ("a", "b"):
            if values.get(side) is not None:
                values[side] = Sampling.from_dict(values[side])
        if values.get("grid") is not None:
            values["grid"] = Grid.from_dict(values["grid"])
        return cls(**values)


def _known(cls: type, values: Any) -> dict[str, Any]:
    if not isinstance(values, dict):
        raise EngineError("This request is not a table of settings.", remedy="Use a request that Vernier saved.")
    unknown = set(values) - {f.name for f in fields(cls)}
    if unknown:
        raise EngineError(f"The request has settings this version does not know: {', '.join(sorted(map(str, unknown)))}.",
                          remedy="Open it with a newer Vernier.")
    return dict(values)


def wrap(request: Any) -> dict[str, Any]:
    """The form in files and PNG captions: version, workspace, request."""
    return {"vernier": VERSION, "workspace": "guidance", "request": request.to_dict()}


def unwrap(values: Any) -> GuidanceRequest:
    """A GuidanceRequest from wrap()'s form; a bare Sampling becomes side A. EngineError if newer or foreign."""
    if not isinstance(values, dict) or not isinstance(values.get("vernier"), int):
        raise EngineError("This is not a Vernier request.", remedy="Use a PNG or JSON file that Vernier saved.")
    if values["vernier"] > VERSION:
        raise EngineError(f"This request was written by a newer Vernier (form {values['vernier']}, this one reads {VERSION}).",
                          remedy="Update Vernier to open it.")
    if values.get("workspace") != "guidance":
        raise EngineError(f"This request belongs to the {values.get('workspace')} workspace.", remedy="Open it there.")
    request = values.get("request")
    if isinstance(request, dict) and "a" not in request:
        return GuidanceRequest(a=Sampling.from_dict(request))
    return GuidanceRequest.from_dict(request)


def first_mode(model: str) -> str:
    """The mode that a model is first shown in."""
    return BEST_MODES.get(model, Sampling().mode)


def opposite(settings: Sampling) -> Sampling:
    """The other side of the one-click comparison: the same settings under CFG, or under ReCFG where they are CFG."""
    return replace(settings, **in_mode(settings, "recfg" if settings.mode == "cfg" else "cfg"))


def refitted(before: Sampling, after: Sampling) -> Sampling:
    """`after`, which `before` became, without what no longer fits: ratios set by hand for another sampler, number of steps or model, and a
    file of tuned timesteps of another model.
    """
    changes: dict[str, Any] = {}
    if after.ratios and after.ratios == before.ratios and any(getattr(before, name) != getattr(after, name) for name in ("sampler", "steps", "model")):
        changes["ratios"] = ()
    if after.tuning and after.tuning == before.tuning and before.model != after.model:
        changes["tuning"] = ""
    return replace(after, **changes) if changes else after


def in_mode(settings: Sampling, mode: str) -> dict[str, Any]:
    """What changes with the mode. The noise level of the calibrated mode is its own: it neither comes from another mode nor goes along."""
    crossing = (settings.mode == "calibrated") != (mode == "calibrated")
    return {"mode": mode} | ({"guide_below": math.inf} if crossing else {})


@dataclass(frozen=True)
class Draw:
    """What the window sends to its engine: the request, as a quick draft while a control is held or in full.

    `film` asks for the images after every step as well; a `whole` draft takes all steps, for what would not be seen in four.
    """

    request: GuidanceRequest
    draft: bool = False
    film: bool = False
    whole: bool = False

    def sides(self) -> list[Sampling]:
        """A and, if asked for, B. A draft takes four steps of a network; a toy has the time for all, with fewer points."""
        sides = [side for side in (self.request.a, self.request.b) if side is not None]
        return [_drafted(side) for side in sides] if self.draft and not self.whole else sides


def _drafted(side: Sampling) -> Sampling:
    if side.model in TOYS:
        return replace(side, count=min(side.count, DRAFT_POINTS))
    return side if side.steps <= DRAFT_STEPS else replace(side, steps=DRAFT_STEPS, tuned=False)
