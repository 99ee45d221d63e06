"""How well setups restore cases whose aligned setup is known: the table of the arrangement network and of all that it is measured against.

Rows: identity, arch-fit, arch-fit gains, one for every comparison network, and for the diffusion model one sample, the consensus of eight, the best of eight
(by ADD, chosen with the answer known, and so labelled), the expected move (z_0 at the highest noise level) alone and with the arch-fit (propose.py). Every
row has the means over cases of metrics.py, ratios to identity on the same cases, and

    CSA_motion   mean cosine between the movement of a tooth's centre and the one that was needed, over teeth that needed 0.2 mm or more
    better       share of cases with a smaller ADD than identity
    overlap_mm   sum of overlaps beyond the tolerance, over that of the start
"""

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from engines.job import EngineError, Job
from engines.teeth import arch_fit, arranger, baselines, propose
from engines.teeth.case import Case, Poses
from engines.teeth.contacts import Contacts
from engines.teeth.metrics import compare, occlusion
from engines.teeth.refining import overlap_mm, refined

if TYPE_CHECKING:
    from torch import nn

MEANS = ("ADD", "PA_ADD", "CSA", "ME_rot", "FD_cur")
LEAST_MM = 0.2
SAMPLES = 8
ONE, CONSENSUS, BEST = "tadpm, one sample", "tadpm, consensus of 8", "tadpm, best of 8 (chosen by ADD)"


def evaluate(cases: Iterable[Case], total: int, nets: dict[str, "nn.Module"], job: Job, refine: float = 1.0, seed: int = 0,
             exact: bool = False) -> dict[str, Any]:
    """The table: {"rows": {name: {...}}, "cases": n, "undisturbed_mm": {name: mm}}. nets by kind, "tadpm" among them or not.

    undisturbed_mm: ADD of rows given the aligned setup itself, on every fifth case. exact: the shared volume in mm^3 as well, slow.
    EngineError where no case has a reference setup.
    """
    sums: dict[str, list[dict[str, float]]] = {}
    still: dict[str, list[float]] = {}
    count = 0
    for k, case in enumerate(cases):
        job.progress(k, max(total, 1), case.name)
        if not case.reference or len(case.teeth) < arranger.LEAST_TEETH:
            continue
        contacts = Contacts(case)
        contacts.build(job)
        start = {number: np.eye(4) for number in case.teeth}
        for name, (poses, seconds) in setups(case, start, nets, contacts, job, refine, seed).items():
            sums.setdefault(name, []).append(_measured(case, start, poses, contacts, job, exact) | {"seconds": seconds})
        if count % 5 == 0:
            for name, (poses, _) in setups(case, dict(case.reference), nets, contacts, job, refine, seed).items():
                still.setdefault(name, []).append(compare(case, poses, case.reference).means()["ADD"] or 0.0)
        count += 1
    if not count:
        raise EngineError("None of these cases has an aligned setup to be measured against.", "Use generated cases, or cases with a setup of their own.")
    rows = {name: _row(values, sums["identity"]) for name, values in sums.items()}
    return {"cases": count, "seed": seed, "refine": refine, "rows": rows,
            "undisturbed_mm": {name: round(float(np.mean(values)), 3) for name, values in still.items()}}


def setups(case: Case, start: Poses, nets: dict[str, "nn.Module"], contacts: Contacts, job: Job, refine: float, seed: int) -> dict[str, tuple[Poses, float]]:
    """Every row's poses for a case and the seconds they took, from where `start` puts the teeth."""
    made: dict[str, tuple[Poses, float]] = {"identity": (start, 0.0)}

    def timed(name: str, work: Callable[[], Poses]) -> Poses:
        clock = time.perf_counter()
        poses = work()
        made[name] = poses, time.perf_counter() - clock
        return poses
    timed("arch-fit", lambda: arch_fit.fit(case, start, contacts=contacts, job=job))
    seen = arranger.view(case, start)
    timed("arch-fit gains", lambda: seen.moved(baselines.gains(seen.seen.facts[0])))
    for kind in ("pstn", "tanet", "mlp"):
        if kind in nets:
            timed(kind, lambda net=nets[kind]: refined(case, seen.moved(_regressed(net, seen)), contacts, strength=refine, job=job))
    if "tadpm" in nets:
        import torch

        from engines.teeth import tadpm_sampling

        net, clock = nets["tadpm"], time.perf_counter()
        with torch.no_grad():
            features = net.features(seen.batch)
        z = propose.sampled(net, features, seen, propose.Ask(SAMPLES, seed), SAMPLES)
        taken = time.perf_counter() - clock
        each = [refined(case, seen.moved(one), contacts, strength=refine, job=job) for one in z]
        made[ONE] = each[0], taken / SAMPLES
        made[CONSENSUS] = refined(case, seen.moved(tadpm_sampling.consensus(z)), contacts, strength=refine, job=job), taken
        if case.reference:
            made[BEST] = min(each, key=lambda poses: compare(case, poses, case.reference).means()["ADD"]), taken
        mean = propose.expected(net, features, seen, seed).numpy()
        turned, level = (seen.encoded(arch_fit.fit(case, start, contacts=contacts, turn=turn, job=job)) for turn in (arch_fit.TURN, 0.0))
        for mode in ("network", "hybrid", "blend"):
            timed(f"{mode}, expected", lambda mode=mode: refined(case, seen.moved(propose.mixed(mode, mean, turned, level)), contacts,
                                                                 strength=refine, job=job))
    return made


def _regressed(net: "nn.Module", seen: arranger.View) -> np.ndarray:
    import torch

    with torch.no_grad():
        return net(seen.batch)[0].numpy()


def _measured(case: Case, start: Poses, poses: Poses, contacts: Contacts, job: Job, exact: bool) -> dict[str, float]:
    found = compare(case, poses, case.reference).means()
    values = {name: np.nan if found[name] is None else found[name] for name in MEANS}
    scores = occlusion(case, poses)
    values |= {name: np.nan if score is None else score for name, score in scores.items()}
    values["CSA_motion"] = motion_cosine(case, start, poses, case.reference)
    values["overlap_mm"] = overlap_mm(contacts, poses)
    if exact:
        values["overlap_mm3"] = float(sum(entry.volume_mm3 or 0.0 for entry in contacts.exact(poses, job)))
    return values


def motion_cosine(case: Case, start: Poses, poses: Poses, reference: Poses) -> float:
    """Mean cosine between how teeth went and how they had to go; a tooth that had to go and stayed counts 0; nan where none had to."""
    cosines = []
    for number, tooth in case.teeth.items():
        if number not in reference or number not in poses:
            continue
        here, there, goal = (pose[:3, :3] @ tooth.centre + pose[:3, 3] for pose in (start[number], poses[number], reference[number]))
        need = goal - here
        if np.linalg.norm(need) >= LEAST_MM:
            cosines.append(float((there - here) @ need / max(np.linalg.norm(there - here) * np.linalg.norm(need), 1e-9)))
    return float(np.mean(cosines)) if cosines else float("nan")


def _row(values: list[dict[str, float]], identity: list[dict[str, float]]) -> dict[str, Any]:
    """Means over cases, ratios to identity of the means, and the share of cases that got better."""
    names = values[0].keys()
    with np.errstate(invalid="ignore"):
        means = {name: float(np.nanmean([entry[name] for entry in values])) if any(np.isfinite(entry[name]) for entry in values) else None
                 for name in names}
    base = {name: float(np.nanmean([entry[name] for entry in identity])) for name in ("ADD", "PA_ADD", "ME_rot", "FD_cur", "overlap_mm")}
    ratios = {name: round(means[name] / base[name], 3) if means[name] is not None and base[name] > 0 else None for name in base}
    better = float(np.mean([mine["ADD"] < other["ADD"] for mine, other in zip(values, identity, strict=True)]))
    return {**{name: None if value is None else round(value, 4) for name, value in means.items()},
            "ADD_sd": round(float(np.std([entry["ADD"] for entry in values])), 4), "of_identity": ratios, "better": round(better, 3)}


def table(found: dict[str, Any]) -> str:
    """The rows as text, for people: ADD, PA-ADD, CSA, ME_rot, FD_cur, the three occlusion scores, overlap, seconds."""
    heads = ("ADD", "PA_ADD", "CSA", "ME_rot", "FD_cur", "alignment", "anterior", "posterior", "CSA_motion", "overlap_mm", "seconds")
    lines = [f"{'':34}" + "".join(f"{head:>11}" for head in heads)]
    for name, row in found["rows"].items():
        lines.append(f"{name:34}" + "".join(f"{'-' if row[head] is None else format(row[head], '.3f'):>11}" for head in heads))
        ratios = (row["of_identity"].get(head) for head in heads)
        lines.append(f"{'  of identity':34}" + "".join(f"{'' if ratio is None else format(ratio, '.2f'):>11}" for ratio in ratios))
    return "\n".join(lines)
