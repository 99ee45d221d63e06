"""The measured table behind "Quality against steps": what every sampler, step count, mode and kind of timesteps was worth.

A file (`<model>.quality.json`) holds sets; a set is all that was measured at one strength with one number of images:
    {"vernier-quality": 1, "model", "model_hash", "sets": [{"gamma_1", "count", "floor": [mean, spread] or null, "command", "rows": [...]}]}
    row      one setting and seed: frechet (null where the model has no held-out features), precision, recall, accuracy
    point    a setting's mean over its seeds, and the standard deviation
    nfe      network evaluations an image, both branches counted, as the status bar counts them; evaluations: those of one branch
Measures: "frechet" (lower is better) where all rows have it, else "accuracy" (higher is better).
"""

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from statistics import fmean, median, pstdev
from typing import Any, Self

from engines.guidance.picture import write_whole
from engines.guidance.request import MODES, SAMPLERS, Sampling, in_mode
from engines.job import EngineError

VERSION = 1
LONGEST = 8 << 20  # bytes
FIRST_ORDER = ("ddim", "euler", "dpm-1")
Setting = tuple[str, int, str, bool]  # sampler, steps, mode, tuned


@dataclass(frozen=True)
class Row:
    """One setting drawn with one seed. schedule: names the tuned ratios that were in force."""

    sampler: str
    steps: int
    mode: str
    tuned: bool
    seed: int
    evaluations: int
    nfe: float
    accuracy: float
    frechet: float | None = None
    precision: float | None = None
    recall: float | None = None
    schedule: str = ""

    def __post_init__(self) -> None:
        numbers = [self.nfe, self.accuracy] + [v for v in (self.frechet, self.precision, self.recall) if v is not None]
        if not (self.sampler in SAMPLERS and self.mode in MODES and isinstance(self.tuned, bool)
                and all(isinstance(v, int) for v in (self.steps, self.seed, self.evaluations)) and self.evaluations > 0
                and all(isinstance(v, int | float) and math.isfinite(v) for v in numbers) and self.nfe > 0):
            raise ValueError("a row is damaged")

    @property
    def setting(self) -> Setting:
        return self.sampler, self.steps, self.mode, self.tuned


@dataclass(frozen=True)
class Point:
    """A setting's mean over `seeds` seeds; the spreads are 0 where there is one seed."""

    sampler: str
    steps: int
    mode: str
    tuned: bool
    evaluations: int
    nfe: float
    seeds: int
    accuracy: float
    accuracy_sd: float
    frechet: float | None = None
    frechet_sd: float = 0.0
    precision: float | None = None
    recall: float | None = None

    @property
    def setting(self) -> Setting:
        return self.sampler, self.steps, self.mode, self.tuned

    def value(self, measure: str) -> float:
        return getattr(self, measure)

    def spread(self, measure: str) -> float:
        return getattr(self, f"{measure}_sd")


@dataclass(frozen=True)
class Measured:
    """All that was measured at one strength with one number of images. floor: distance of as many other real pictures, and its spread."""

    gamma_1: float
    count: int
    floor: tuple[float, float] | None = None
    command: str = ""
    rows: tuple[Row, ...] = ()

    @property
    def key(self) -> tuple[float, int]:
        return self.gamma_1, self.count

    @cached_property
    def measure(self) -> str:
        return "frechet" if self.rows and all(row.frechet is not None for row in self.rows) else "accuracy"

    @cached_property
    def points(self) -> tuple[Point, ...]:
        """One a setting, by network evaluations."""
        groups: dict[Setting, list[Row]] = {}
        for row in self.rows:
            groups.setdefault(row.setting, []).append(row)
        return tuple(sorted((_point(rows) for rows in groups.values()), key=lambda p: (p.nfe, p.setting)))

    def joined(self, other: Self) -> Self:
        """With the rows of another set of the same key, which win; a setting tuned anew forgets the rows of its old schedule."""
        new = {(row.setting, row.seed): row for row in other.rows}
        schedules = {row.setting: row.schedule for row in other.rows}
        kept = [row for row in self.rows if (row.setting, row.seed) not in new and schedules.get(row.setting, row.schedule) == row.schedule]
        rows = sorted([*kept, *new.values()], key=lambda row: (row.nfe, row.setting, row.seed))
        return replace(self, floor=other.floor or self.floor, command=self.command or other.command, rows=tuple(rows))


def _point(rows: Sequence[Row]) -> Point:
    first = rows[0]

    def mean(name: str, take=fmean) -> float | None:
        values = [getattr(row, name) for row in rows]
        return None if None in values else round(take(values), 4)

    return Point(*first.setting, first.evaluations, mean("nfe"), len(rows), mean("accuracy"), mean("accuracy", pstdev),
                 mean("frechet"), mean("frechet", pstdev) or 0.0, mean("precision"), mean("recall"))


@dataclass(frozen=True)
class Table:
    """What was measured of one model."""

    model: str
    model_hash: str
    sets: tuple[Measured, ...] = ()

    def find(self, key: tuple[float, int]) -> Measured:
        """The set of this strength and number of images, empty where nothing was measured."""
        return next((found for found in self.sets if found.key == key), Measured(*key))

    def joined(self, other: Self) -> Self:
        """With what another table of the same model holds, which wins."""
        sets = {found.key: found for found in self.sets}
        for found in other.sets:
            sets[found.key] = sets[found.key].joined(found) if found.key in sets else found
        return replace(self, sets=tuple(sets[key] for key in sorted(sets)))

    def nearest(self, gamma_1: float) -> Measured | None:
        """The set with most points among those nearest in strength; None where there is none."""
        full = [found for found in self.sets if found.rows]
        return min(full, key=lambda s: (abs(s.gamma_1 - gamma_1), -len(s.points), -s.count), default=None)


# choosing ------------------------------------------------------------------------------------------------------------------
def cost(point: Point, measure: str) -> float:
    """What is small where a point is good."""
    return point.value(measure) if measure == "frechet" else -point.value(measure)


def typical_spread(points: Iterable[Point], measure: str) -> float:
    """The median spread over seeds: what a point with one seed is taken to have."""
    return median([p.spread(measure) for p in points if p.seeds > 1] or [0.0])


def best(points: Sequence[Point], measure: str, most: float) -> Point | None:
    """The best point of at most so many network evaluations an image, both branches counted; None where none is so cheap.

    What lies within the spread over seeds of the best counts as good as it: of those the cheapest, then the plainest, is taken.
    """
    within = [p for p in points if p.nfe <= most + 1e-9]
    if not within:
        return None
    usual = typical_spread(points, measure)
    top = min(within, key=lambda p: cost(p, measure))
    ties = [p for p in within if cost(p, measure) - cost(top, measure) <= math.hypot(_spread(p, measure, usual), _spread(top, measure, usual))]
    return min(ties, key=lambda p: (p.nfe, p.tuned, MODES.index(p.mode), cost(p, measure)))


def _spread(point: Point, measure: str, usual: float) -> float:
    return point.spread(measure) if point.seeds > 1 else usual


def beaten(points: Sequence[Point], measure: str, first: str = "ddim") -> list[tuple[Point, Point]]:
    """(plain point of a higher-order solver, tuned point of `first` that it beats beyond the spread), one a tuned point: the best such.

    Both in one mode, the plain one asking the network no more often.
    """
    usual, found = typical_spread(points, measure), []
    for tuned in (p for p in points if p.tuned and p.sampler == first):
        others = [p for p in points if not p.tuned and p.mode == tuned.mode and p.sampler not in FIRST_ORDER and p.nfe <= tuned.nfe + 1e-9
                  and cost(tuned, measure) - cost(p, measure) > math.hypot(_spread(p, measure, usual), _spread(tuned, measure, usual))]
        if others:
            found.append((min(others, key=lambda p: cost(p, measure)), tuned))
    return found


def adopted(settings: Sampling, point: Point) -> Sampling:
    """The settings with a point's sampler, steps, mode and timesteps; ratios set by hand belong to other steps and go, and so
    do a guidance interval and a sharpness: points are measured without."""
    measured = in_mode(settings, point.mode) | {"guide_below": math.inf, "guide_above": 0.0, "sharpness": 0.0}
    return replace(settings, **measured, sampler=point.sampler, steps=point.steps, tuned=point.tuned, tuning="", ratios=())


# files ---------------------------------------------------------------------------------------------------------------------
def beside(model: str, weights: Path, what: str = "quality.json") -> Path:
    """Where a model's table (or another companion) lies: among the shipped weights, or beside a model of one's own."""
    path = Path(model)
    if path.suffix == ".safetensors":
        return path.with_suffix(f".{what}")
    return path.with_name(f"{path.name}.{what}") if path.is_absolute() else weights / f"{model}.{what}"


def read(path: Path, model_hash: str = "") -> Table:
    """The table in `path`. EngineError when it is damaged, or was measured with other weights than those of `model_hash`."""
    try:
        if path.stat().st_size > LONGEST:
            raise ValueError("it is too long")
        found = json.loads(path.read_text("utf-8"))
        if found["vernier-quality"] != VERSION:
            raise EngineError(f"{path.name} was written by a newer Vernier.", remedy="Update Vernier to use it.")
        table = Table(str(found["model"]), str(found["model_hash"]), tuple(_set(values) for values in found["sets"]))
    except OSError as error:
        raise EngineError(f"{path.name} cannot be read: {error.strerror}.", remedy="Choose a table that vernier quality wrote.") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise EngineError(f"{path.name} is not a table of measurements ({error}).", remedy="Make one: vernier quality.") from error
    if model_hash and table.model_hash != model_hash:
        raise EngineError(f"{path.name} was measured with other weights ({table.model_hash[:8]}, these are {model_hash[:8]}).",
                          remedy="Measure these: vernier quality with another --out.")
    return table


def _set(values: dict[str, Any]) -> Measured:
    known = {f.name for f in fields(Row)}
    rows = tuple(Row(**{key: value for key, value in row.items() if key in known}) for row in values["rows"])
    floor = values["floor"] and tuple(float(v) for v in values["floor"])
    if floor and len(floor) != 2:
        raise ValueError("a floor is damaged")
    return Measured(float(values["gamma_1"]), int(values["count"]), floor or None, str(values.get("command", "")), rows)


def write(path: Path, table: Table) -> None:
    """Writes the file whole or not at all, one row a line."""
    sets = []
    for found in table.sets:
        rows = ",\n    ".join(json.dumps({key: value for key, value in asdict(row).items() if value not in (None, "")}) for row in found.rows)
        head = json.dumps({"gamma_1": found.gamma_1, "count": found.count, "floor": found.floor and list(found.floor), "command": found.command})
        sets.append(f"  {head[:-1]}, \"rows\": [\n    {rows}\n  ]}}")
    head = json.dumps({"vernier-quality": VERSION, "model": table.model, "model_hash": table.model_hash})
    text = f"{head[:-1]}, \"sets\": [\n" + ",\n".join(sets) + "\n]}\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, lambda file: file.write(text.encode()))
