"""A scan that was taken during the treatment, laid over a stage of the plan: how far the teeth are from where they should be by then."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engines.job import EngineError, Job
from engines.teeth.case import JAWS, Case, Poses, jaw
from engines.teeth.mesh import Mesh
from engines.teeth.opening import open_case
from engines.teeth.superimpose import Overlay, superimpose


@dataclass(frozen=True, eq=False)
class LaidOver:
    """scan: in the world, where it fits; overlay: the fit and the deviations of its vertices; name: of its file."""

    scan: Mesh
    overlay: Overlay
    name: str

    def spoken(self) -> str:
        """One line: what it was laid on, and the teeth that are farthest from their place."""
        far = sorted(self.overlay.teeth.items(), key=lambda entry: -entry[1])[:3]
        worst = ", ".join(f"{number} {mm:.1f} mm" for number, mm in far)
        return f"{self.name} laid on {len(self.overlay.anchors)} teeth (rms {self.overlay.rms_mm:.2f} mm); farthest off: {worst}"


def lay_over(case: Case, poses: Poses, path: Path, job: Job) -> LaidOver:
    """The scan in `path`, of one jaw or both, over the teeth at the poses. EngineError where the file holds no scan, or one that does not fit."""
    later = open_case(path, job=job)
    meshes = [*later.scans.values(), *(tooth.mesh for tooth in later.teeth.values()), *later.gums.values()]
    meshes = [mesh for mesh in meshes if len(mesh.faces)]
    if not meshes:
        raise EngineError(f"{path.name} holds no surface.", "Choose a scan of one or both arches (STL, PLY, OBJ, VTP).")
    starts = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes)])
    whole = Mesh(np.concatenate([mesh.vertices for mesh in meshes]), np.concatenate([mesh.faces + start for mesh, start in zip(meshes, starts, strict=False)]))
    found = _best(case, poses, whole, job)
    return LaidOver(whole.moved(found.matrix), found, path.name)


def _best(case: Case, poses: Poses, scan: Mesh, job: Job) -> Overlay:
    """The fit with the least left over, of the upper teeth, the lower ones, and both."""
    tried, failed = [], None
    for jaws in (("upper",), ("lower",), JAWS):
        some = {number: pose for number, pose in poses.items() if jaw(number) in jaws}
        try:
            tried.append(superimpose(case, some, scan, job=job))
        except EngineError as error:
            failed = failed or error
    if not tried:
        raise failed or EngineError("There are no teeth to lay a scan on.", "Open a case first.")
    return min(tried, key=lambda overlay: overlay.rms_mm)
