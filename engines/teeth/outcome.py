"""What the Teeth engine hands to the window."""

from dataclasses import dataclass
from typing import Any

from engines.teeth.case import Case, Poses
from engines.teeth.request import TeethRequest


@dataclass(frozen=True, eq=False)
class Outcome:
    """case is the same object as long as the request names the same files, read in the same way. poses: of the active plan. before, now:
    measures.Measure at the start and under the plan; contacts: contacts.Contact under the plan, the deepest first. A preview has only the case."""

    request: TeethRequest
    case: Case
    poses: Poses
    before: tuple[Any, ...] = ()
    now: tuple[Any, ...] = ()
    contacts: tuple[Any, ...] = ()
    measured: bool = False
