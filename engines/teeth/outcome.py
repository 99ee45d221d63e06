"""What the Teeth engine hands to the window."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from engines.teeth.case import Case, Poses
from engines.teeth.request import Reduction, TeethRequest


@dataclass(frozen=True)
class Ask:
    """A request as the window sends it: with the occlusogram where somebody looks at it."""

    request: TeethRequest
    occlusogram: bool = False


@dataclass(frozen=True, eq=False)
class Outcome:
    """case is the same object as long as the request names the same files, read in the same way. poses: of the active plan. before, now:
    measures.Measure at the start and under the plan; contacts: contacts.Contact under the plan; suggested: the reduction that would part the
    neighbours among them. occlusogram: FDI -> signed mm
    from every vertex to the other jaw. landmarks: FDI -> name -> [3] at the start. distance: metrics.Comparison of the start and of the
    plan with the reference setup, where the case has one. A preview has only the case;
    measured: with measures; touched: with contacts too, once the bodies of the case are there."""

    request: TeethRequest
    case: Case
    poses: Poses
    before: tuple[Any, ...] = ()
    now: tuple[Any, ...] = ()
    contacts: tuple[Any, ...] = ()
    suggested: tuple[Reduction, ...] = ()
    occlusogram: dict[int, np.ndarray] = field(default_factory=dict)
    landmarks: dict[int, dict[str, np.ndarray]] = field(default_factory=dict)
    distance: tuple[Any, Any] | None = None
    measured: bool = False
    touched: bool = False
