"""Long work of the Teeth workspace for the background lane: frozen, picklable, done with the workspace's engine."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engines.job import Job
from engines.teeth.moves import Move
from engines.teeth.poses import moves_of, poses_of
from engines.teeth.request import TeethRequest

if TYPE_CHECKING:
    from engines.teeth.engine import TeethEngine


@dataclass(frozen=True)
class StageTask:
    """The stages of the active plan (stages.Staging)."""

    request: TeethRequest

    def carry_out(self, engine: "TeethEngine", job: Job) -> Any:
        from engines.teeth.stages import stage

        request = self.request
        return stage(engine.case(request, job), request.plan, request.limits, request.tolerance_mm, job)


@dataclass(frozen=True)
class ExactTask:
    """The contacts of the active plan with the volumes that teeth share."""

    request: TeethRequest

    def carry_out(self, engine: "TeethEngine", job: Job) -> Any:
        case = engine.case(self.request, job)
        return engine.contacts(self.request, job).exact(poses_of(case, self.request.plan), job)
