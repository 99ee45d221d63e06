"""Opens the case of a request and says what its plan does: poses, measures, contacts.

What costs time (reading, landmarks, collision bodies) is kept per case, so that a dragged tooth costs a few milliseconds.
"""

from dataclasses import replace
from pathlib import Path
from threading import RLock
from typing import Any

from engines.job import EngineError, Job, Task
from engines.teeth.case import Case
from engines.teeth.outcome import Ask, Outcome
from engines.teeth.poses import poses_of
from engines.teeth.request import SAMPLE, CaseSource, Plan, Reduction, TeethRequest


class TeethEngine:
    """`samples` is the folder of the shipped cases."""

    def __init__(self, samples: Path) -> None:
        self._samples = samples
        self._opened: tuple[CaseSource, Case] | None = None
        self._prepared: dict[str, Any] = {}  # of the case that is open: landmarks, measures at the start
        self._files: tuple[CaseSource, Case] | None = None
        self._scans: dict[str, Any] = {}  # segmentation.Segmenter of its scans, by jaw
        self._bodies: dict[Any, Any] = {}  # contacts.Contacts of that case, by its shape
        self._network: tuple[Any, Any, str] | None = None  # what the last proposals were made with
        self._reading, self._building = RLock(), RLock()

    def run(self, ask: Ask | TeethRequest, job: Job) -> Outcome:
        """First the case as a preview, then everything that is measured. EngineError when the case cannot be opened."""
        ask = ask if isinstance(ask, Ask) else Ask(ask)
        request = ask.request
        case = self.shaped(request, job)
        poses = poses_of(case, request.plan)
        job.preview(Outcome(request, case, poses))
        if not case.teeth:
            return Outcome(request, case, poses, measured=True)
        from engines.teeth import landmarks, measures, metrics, reduction

        marked = self.marked(request, job)
        job.check()
        before = self._once(("before", request.landmarks), lambda: measures.measure(marked))
        now = measures.measure(marked, poses, request.plan.reductions)
        found = {number: landmarks.of(tooth).points for number, tooth in marked.teeth.items()}
        distance = None
        if case.reference is not None:
            at_start = self._once(("distance",), lambda: metrics.compare(marked, poses_of(case, Plan()), case.reference))
            distance = at_start, metrics.compare(marked, poses, case.reference)
        job.check()
        outcome = Outcome(request, case, poses, before, now, landmarks=found, distance=distance, measured=True)
        bodies = self._bodies.get(_shape(request))
        if bodies is None:  # a ContactsTask makes them on the background lane
            return outcome
        contacts = bodies.pairs(poses)
        job.check()
        marks = {}
        if ask.occlusogram:
            from engines.teeth import occlusogram

            marks = occlusogram.preview(bodies, poses, poses)
        return replace(outcome, contacts=contacts, suggested=reduction.suggested(bodies, poses), occlusogram=marks, touched=True)

    def carry_out(self, task: Task, job: Job) -> Any:
        return task.carry_out(self, job)

    def case(self, request: TeethRequest, job: Job) -> Case:
        """The case of the request, read once; both lanes may ask."""
        with self._reading:
            if self._opened is None or self._opened[0] != request.case:
                case = self._read(request.case, job)
                self._opened, self._prepared = (request.case, case), {}
            return self._opened[1]

    def shaped(self, request: TeethRequest, job: Job) -> Case:
        """The case with the interproximal reduction of the active plan on its crowns."""
        from engines.teeth import reduction

        with self._reading:
            case = self.case(request, job)
            taken = request.plan.reductions
            return self._once(("shape", taken), lambda: reduction.applied(case, taken)) if taken else case

    def marked(self, request: TeethRequest, job: Job) -> Case:
        """The case with all landmarks that could be found, and those that were set by hand."""
        from engines.teeth import landmarks, measures

        case = self.case(request, job)
        marked = self._once(("marks", request.landmarks), lambda: landmarks.with_overrides(case, request.landmarks))
        measures.prepare(marked)
        return marked

    def contacts(self, request: TeethRequest, job: Job) -> Any:
        """The collision bodies of the case, made once, on whichever thread asks first: about 2 s for 28 teeth."""
        from engines.teeth.contacts import Contacts

        with self._building:
            shape = _shape(request)
            if shape not in self._bodies:
                made = Contacts(self.shaped(request, job), request.tolerance_mm)
                made.build(job)
                self._bodies = {shape: made}
            return self._bodies[shape]

    def network(self, path: Path) -> tuple[Any, str]:
        """The arrangement network of a weights file and the file's sha256, loaded once. EngineError where the file will not do."""
        from engines import weights
        from engines.teeth import arranger

        try:
            state = path.stat()
        except OSError as error:
            raise EngineError(f"{path.name} could not be read: {error.strerror}.", "Choose another model, or fit the teeth to the arch.") from error
        key = (path, state.st_mtime_ns, state.st_size)
        if self._network is None or self._network[0] != key:
            listed = path.parent / "manifest.json"
            if listed.exists() and path.name in weights.shipped(path.parent):
                weights.verify(path)
            self._network = (key, arranger.load(path), weights.sha256(path))
        return self._network[1:]

    def _once(self, key: Any, make: Any) -> Any:
        kind = key[0]
        if kind not in self._prepared or self._prepared[kind][0] != key:
            self._prepared[kind] = (key, make())
        return self._prepared[kind][1]

    def _read(self, source: CaseSource, job: Job) -> Case:
        """The files once, and what a person said about them as often as that changes."""
        from engines.teeth import rereading

        files = replace(source, renumbered=(), clicks=())
        if self._files is None or self._files[0] != files:
            self._files, self._scans = (files, self._read_files(files, job)), {}
        return rereading.reread(self._files[1], source, self._scans, job)

    def _read_files(self, source: CaseSource, job: Job) -> Case:
        from engines.teeth import opening, samples

        if source.path.startswith(SAMPLE):
            case = samples.load(source.path.removeprefix(SAMPLE), self._samples)
        else:
            path = Path(source.path)
            if not path.exists():
                raise EngineError(f"{path.name} is not there any more.", remedy="Open the case from where it lies now.")
            case = opening.open_case(path, source.numbering or None, source.units or None, source.orientation or None, job)
        return case

    def close(self) -> None:
        self._opened = self._files = self._network = None
        self._prepared, self._bodies, self._scans = {}, {}, {}


def _shape(request: TeethRequest) -> tuple[CaseSource, tuple[Reduction, ...]]:
    """What the crowns of a request look like."""
    return request.case, request.plan.reductions
