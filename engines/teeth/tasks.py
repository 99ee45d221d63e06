"""Long work of the Teeth workspace for the background lane: frozen, picklable, done with the workspace's engine."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engines.job import Job
from engines.teeth.moves import Move
from engines.teeth.poses import moves_of, poses_of
from engines.teeth.request import ArchForm, TeethRequest

if TYPE_CHECKING:
    from engines.teeth.engine import TeethEngine
    from engines.teeth.offer import Offer
    from engines.teeth.propose import Ask


@dataclass(frozen=True)
class StageTask:
    """The stages of the active plan (stages.Staging)."""

    request: TeethRequest

    def carry_out(self, engine: "TeethEngine", job: Job) -> Any:
        from engines.teeth.stages import stage

        request = self.request
        return stage(engine.case(request, job), request.plan, request.limits, request.tolerance_mm, job)


@dataclass(frozen=True)
class ContactsTask:
    """The collision bodies of the case, for the quick contacts of the other lane."""

    request: TeethRequest

    def carry_out(self, engine: "TeethEngine", job: Job) -> bool:
        engine.contacts(self.request, job)
        return True


@dataclass(frozen=True)
class ExactTask:
    """The contacts of the active plan with the volumes that teeth share."""

    request: TeethRequest

    def carry_out(self, engine: "TeethEngine", job: Job) -> Any:
        case = engine.shaped(self.request, job)
        return engine.contacts(self.request, job).exact(poses_of(case, self.request.plan), job)


@dataclass(frozen=True)
class OcclusogramTask:
    """The exact distances behind the quick occlusogram: FDI -> signed mm from every vertex to the other jaw."""

    request: TeethRequest

    def carry_out(self, engine: "TeethEngine", job: Job) -> Any:
        from engines.teeth import occlusogram

        poses = poses_of(engine.shaped(self.request, job), self.request.plan)
        return occlusogram.exact(engine.contacts(self.request, job), poses, poses, job)


@dataclass(frozen=True)
class FitTask:
    """The teeth of one jaw on an arch form: moves by FDI number, and what to say about the room. strength: share of the way to the curve."""

    request: TeethRequest
    form: ArchForm
    strength: float

    def carry_out(self, engine: "TeethEngine", job: Job) -> tuple[dict[int, Move], list[str]]:
        from engines.teeth import arch_fit, measures

        request, plan = self.request, self.request.plan
        case = engine.shaped(request, job)
        poses = poses_of(case, plan)
        fitted = arch_fit.fit(case, poses, (self.form,), (self.form.jaw,), strength=self.strength, locked=plan.locked,
                              contacts=engine.contacts(request, job), job=job)
        moves = moves_of(case, {number: fitted[number] for number in case.of(self.form.jaw) if number in poses and number not in plan.locked})
        return moves, measures.short_of_room(engine.marked(request, job), fitted, (self.form.jaw,), plan.reductions)


@dataclass(frozen=True)
class ProposeTask:
    """Proposals of the model in a weights file for the active plan (offer.Offer). chosen: the teeth that may move, empty = all that are not locked;
    again: from where the plan has put the teeth, not from the start. The job hears of a propose.Step after every step."""

    request: TeethRequest
    ask: "Ask"
    weights: str
    chosen: tuple[int, ...] = ()
    again: bool = False

    def carry_out(self, engine: "TeethEngine", job: Job) -> Any:
        from engines.teeth import offer

        request, path = self.request, Path(self.weights)
        job.progress(0, 1, "Loading the model")
        net, sha256 = engine.network(path)
        job.check()
        made = offer.offer(net, engine.shaped(request, job), engine.marked(request, job), request.plan, self.ask, engine.contacts(request, job),
                           self.chosen, self.again, job)
        return replace(made, weights=path.name, sha256=sha256)


@dataclass(frozen=True)
class FinishTask:
    """Proposals that were made, by another mode, strength or refinement."""

    request: TeethRequest
    offer: "Offer"
    ask: "Ask"

    def carry_out(self, engine: "TeethEngine", job: Job) -> Any:
        from engines.teeth import offer

        request = self.request
        return offer.changed(self.offer, engine.shaped(request, job), engine.marked(request, job), request.plan, self.ask, engine.contacts(request, job), job)


@dataclass(frozen=True)
class OverlayTask:
    """A later scan over the teeth where the moves put them (later_scan.LaidOver)."""

    request: TeethRequest
    moves: tuple[tuple[int, Move], ...]
    path: str

    def carry_out(self, engine: "TeethEngine", job: Job) -> Any:
        from engines.teeth import later_scan

        case = engine.shaped(self.request, job)
        return later_scan.lay_over(case, poses_of(case, replace(self.request.plan, moves=self.moves)), Path(self.path), job)


@dataclass(frozen=True)
class ExportTask:
    """The plan with its stages into a folder that is empty or not there yet; export.export's facts. parts: export.PARTS; empty = all."""

    request: TeethRequest
    folder: str
    anonymous: bool = True
    parts: tuple[str, ...] = ()

    def carry_out(self, engine: "TeethEngine", job: Job) -> dict[str, Any]:
        from engines.teeth import export

        request = self.request
        what = export.Export(self.parts or export.PARTS, patient=None if self.anonymous else request.patient)
        case = engine.case(request, job)
        return export.export(case, request.plan, StageTask(request).carry_out(engine, job), request.limits, Path(self.folder), what, job)
