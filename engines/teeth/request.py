"""What the Teeth workspace asks for: document, undo unit, engine message, batch file and export caption in one.

Plain numbers and words, no meshes: the files of the case are read again from `source`, and everything a person did to it is here.
"""

from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Self

from engines.job import EngineError
from engines.teeth import fdi
from engines.teeth.moves import Move

VERSION = 1
SAMPLE = "sample:"  # a source that begins so is one of the shipped samples
NUMBERINGS, UNITS = ("fdi", "universal"), ("mm", "cm", "m", "inch")
Point = tuple[float, float, float]  # mm, world axes


@dataclass(frozen=True)
class Click:
    """One click on a crown of a scan without labels. number 0 = gum (a stroke of the eraser). points: where, in mm, in the world."""

    jaw: str
    number: int
    points: tuple[Point, ...]


@dataclass(frozen=True)
class CaseSource:
    """Which files, and how they are read. Empty = found out from the files. orientation: 4 x 4 row by row, input mm -> world."""

    path: str = SAMPLE + "crowding"
    numbering: str = ""
    units: str = ""
    orientation: tuple[float, ...] = ()
    renumbered: tuple[tuple[int, int], ...] = ()  # (number found, number meant), after reading; meant 0 = not a tooth
    clicks: tuple[Click, ...] = ()  # segmentation of scans: the first touch of a number is its click, the others are strokes

    def __post_init__(self) -> None:
        if self.numbering not in ("", *NUMBERINGS) or self.units not in ("", *UNITS) or len(self.orientation) not in (0, 16):
            raise ValueError("the case's numbering, units or orientation")


@dataclass(frozen=True)
class Reduction:
    """Interproximal reduction between two neighbours: mm taken off in all, half from each."""

    first: int
    second: int
    mm: float


@dataclass(frozen=True)
class ArchForm:
    """A curve for one jaw, seen from above, in world x and y: `points` are its handles from the patient's right to the left, mm.

    kind: beta, polynomial or free. Empty points = fitted to the case.
    """

    jaw: str
    kind: str = "polynomial"
    points: tuple[tuple[float, float], ...] = ()

    def __post_init__(self) -> None:
        if self.jaw not in ("upper", "lower") or self.kind not in ("beta", "polynomial", "free"):
            raise ValueError("an arch form is of one jaw, and beta, polynomial or free")


@dataclass(frozen=True)
class Made:
    """The proposal that a plan began from: which of how many, by which model file, from which seed, how. teeth: those it was applied to, empty = all."""

    setup: str
    model: str
    sha256: str
    seed: int
    mode: str
    strength: float
    refine: float
    teeth: tuple[int, ...] = ()

    def spoken(self) -> str:
        """One line for a report."""
        teeth = f", for tooth {', '.join(map(str, self.teeth))}" if self.teeth else ""
        return (f"{self.setup}{teeth}; {self.mode}, strength {self.strength:.0%}, refinement {self.refine:.0%}, seed {self.seed}; "
                f"model {self.model}, sha256 {self.sha256[:16]}")


@dataclass(frozen=True)
class Plan:
    """A setup: where the teeth shall go. `moves` holds the teeth that move; `origin` says who made it (by hand, arch-fit, model ...).

    spans: (number, first stage, last stage) set by hand; other teeth go from the first stage to where their limits let them arrive.
    made: the proposal that it began from, where it began from one.
    """

    name: str = "Plan A"
    moves: tuple[tuple[int, Move], ...] = ()
    locked: tuple[int, ...] = ()
    extracted: tuple[int, ...] = ()
    reductions: tuple[Reduction, ...] = ()
    arches: tuple[ArchForm, ...] = ()
    spans: tuple[tuple[int, int, int], ...] = ()
    origin: str = "by hand"
    made: Made | None = None

    def move(self, number: int) -> Move:
        return dict(self.moves).get(number, Move())

    def with_move(self, number: int, move: Move) -> "Plan":
        """Another movement for one tooth; a locked or extracted tooth keeps what it has."""
        if number in self.locked or number in self.extracted:
            return self
        others = {n: m for n, m in self.moves if n != number}
        if move != Move():
            others[number] = move
        return replace(self, moves=tuple(sorted(others.items())))

    def with_moves(self, moves: dict[int, Move]) -> "Plan":
        plan = self
        for number, move in moves.items():
            plan = plan.with_move(number, move)
        return plan


@dataclass(frozen=True)
class Limits:
    """The most one tooth moves in one stage, by kind. rotations_from: the first stage in which teeth turn about their long axes."""

    translation_mm: float = 0.25
    extrusion_mm: float = 0.2
    rotation_deg: float = 2.0
    tip_deg: float = 2.0
    torque_deg: float = 1.5
    rotations_from: int = 1

    def __post_init__(self) -> None:
        for entry in fields(self):
            value = getattr(self, entry.name)
            low, high = (1, 200) if entry.name == "rotations_from" else (0.01, 10)
            if not low <= value <= high:
                raise ValueError(f"{entry.name} is from {low} to {high}")


@dataclass(frozen=True)
class Patient:
    """Stays in the session and the case's own files; exports leave it out unless a person says otherwise, logs and reports always."""

    name: str = ""
    born: str = ""
    notes: str = ""


@dataclass(frozen=True)
class TeethRequest:
    """plans: one or two setups of the same case; `active` is the one that controls move. landmarks: (number, name, point) set by hand, at the start."""

    case: CaseSource = CaseSource()
    plans: tuple[Plan, ...] = (Plan(),)
    active: int = 0
    limits: Limits = Limits()
    landmarks: tuple[tuple[int, str, Point], ...] = ()
    tolerance_mm: float = 0.1  # overlap that counts as contact: neighbours in real scans already touch
    patient: Patient = Patient()

    def __post_init__(self) -> None:
        if not 1 <= len(self.plans) <= 2 or not 0 <= self.active < len(self.plans) or not 0 <= self.tolerance_mm <= 1:
            raise ValueError("one or two plans, one of them active, a tolerance of at most 1 mm")

    @property
    def plan(self) -> Plan:
        return self.plans[self.active]

    def with_plan(self, plan: Plan) -> "TeethRequest":
        """Another active plan."""
        return replace(self, plans=tuple(plan if k == self.active else old for k, old in enumerate(self.plans)))

    def anonymous(self) -> "TeethRequest":
        return replace(self, patient=Patient())

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Any) -> Self:
        """EngineError naming the part that is wrong; unknown keys are refused, missing ones take their defaults."""
        try:
            case = dict(values.get("case", {}))
            case["clicks"] = tuple(Click(c["jaw"], int(c["number"]), tuple(map(_point, c["points"]))) for c in case.get("clicks", ()))
            case["orientation"] = tuple(map(float, case.get("orientation", ())))
            case["renumbered"] = tuple((int(a), int(b)) for a, b in case.get("renumbered", ()))
            landmarks = tuple((int(n), str(name), _point(point)) for n, name, point in values.get("landmarks", ()))
            made = {"case": CaseSource(**case), "plans": tuple(map(plan_of, values["plans"])) if "plans" in values else (Plan(),),
                    "limits": Limits(**values.get("limits", {})), "patient": Patient(**values.get("patient", {})), "landmarks": landmarks}
            return cls(**{**values, **made})
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise EngineError(f"This Teeth request cannot be read: {error}.", remedy="Use a file that Vernier saved.") from error


def plan_of(values: dict[str, Any]) -> Plan:
    """A Plan from asdict()'s form. KeyError, TypeError or ValueError on anything else."""
    made = {**values, "moves": tuple((_number(n), Move(**move)) for n, move in values.get("moves", ())),
            "reductions": tuple(Reduction(**entry) for entry in values.get("reductions", ())),
            "arches": tuple(ArchForm(entry["jaw"], entry["kind"], tuple((float(x), float(y)) for x, y in entry["points"]))
                            for entry in values.get("arches", ())),
            "spans": tuple((_number(n), int(a), int(b)) for n, a, b in values.get("spans", ()))}
    for name in ("locked", "extracted"):
        made[name] = tuple(map(_number, values.get(name, ())))
    if values.get("made"):
        made["made"] = Made(**{**values["made"], "teeth": tuple(map(_number, values["made"].get("teeth", ())))})
    return Plan(**made)


def _point(values: Any) -> Point:
    x, y, z = map(float, values)
    return x, y, z


def _number(value: Any) -> int:
    if int(value) not in fdi.PERMANENT + fdi.DECIDUOUS:
        raise ValueError(f"{value} is no tooth")
    return int(value)


def wrap(request: TeethRequest) -> dict[str, Any]:
    """The form in files: version, workspace, request."""
    return {"vernier": VERSION, "workspace": "teeth", "request": request.to_dict()}


def unwrap(values: Any) -> TeethRequest:
    """A TeethRequest from wrap()'s form. EngineError if newer or foreign."""
    if not isinstance(values, dict) or not isinstance(values.get("vernier"), int):
        raise EngineError("This is not a Vernier request.", remedy="Use a file that Vernier saved.")
    if values["vernier"] > VERSION:
        raise EngineError(f"This request was written by a newer Vernier (form {values['vernier']}, this one reads {VERSION}).",
                          remedy="Update Vernier to open it.")
    if values.get("workspace") != "teeth":
        raise EngineError(f"This request belongs to the {values.get('workspace')} workspace.", remedy="Open it there.")
    return TeethRequest.from_dict(values.get("request"))
