"""Where teeth touch and how deep they overlap, fast enough to follow a dragged tooth.

Every tooth becomes a body: a distance grid and about 2,000 points of its surface in CLUSTERS groups, all in the tooth's own frame, built when first asked for.
A pair is measured by looking the points of each up in the grid of the other; a group is skipped where its middle is farther away than its radius
[branch and bound: a distance changes by at most the way gone]. All pairs of a dentition are looked up together.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from engines.job import Job
from engines.teeth import solid
from engines.teeth.caps import cap
from engines.teeth.case import JAWS, Case, Poses, jaw, order, side
from engines.teeth.distance import Field, Fields, Surface, field, samples_of
from engines.teeth.mesh import Mesh

NEIGHBOUR, ANTAGONIST = "neighbour", "antagonist"
CLUSTERS = 256  # a power of two
POINTS = 2560  # at most, of one body
BODY_FACES, EXACT_FACES = 12_000, 60_000  # finer meshes are decimated
REACH_MM = 1.0  # antagonists and teeth two places apart are measured up to this gap, true neighbours at any
EXACT_BELOW_MM = 0.1  # pairs nearer than this are measured exactly
SPREAD_MM = 0.1  # the normal of a contact is the mean over points so close to the deepest one


@dataclass(frozen=True, eq=False)
class Contact:
    """Two teeth that are near each other.

    gap_mm: least distance of their surfaces, negative where they overlap. point [3] mm and normal [3], the direction in which `second` must go to leave
    `first`, in the world. kind: neighbour (same jaw) or antagonist. volume_mm3: what they share, where it was computed.
    """

    first: int
    second: int
    gap_mm: float
    point: np.ndarray
    normal: np.ndarray
    kind: str
    volume_mm3: float | None = None

    @property
    def depth_mm(self) -> float:
        """How deep they overlap; 0 where they do not."""
        return max(-self.gap_mm, 0.0)


@dataclass(frozen=True, eq=False)
class Body:
    """groups [CLUSTERS, M, 3] points, the first of each its middle one, radii [CLUSTERS] about that; reach of the whole body from its frame's origin. In the
    tooth's frame."""

    field: Field
    groups: np.ndarray
    radii: np.ndarray
    reach: float


def body(mesh: Mesh) -> Body:
    """The body of a mesh that is already in its tooth's frame: about 70 ms for 4,800 triangles."""
    mesh = solid.thinned(mesh, BODY_FACES)
    points = _thinned(np.concatenate([mesh.vertices.astype(np.float64), samples_of(mesh.corners())[0]]), float(mesh.areas().sum()))
    groups = points[_split(points)]
    middle = np.argmin(np.linalg.norm(groups - groups.mean(1, keepdims=True), axis=2), axis=1)
    row = np.arange(CLUSTERS)
    groups[row, 0], groups[row, middle] = groups[row, middle].copy(), groups[:, 0].copy()
    radii = np.linalg.norm(groups - groups[:, :1], axis=2).max(1)
    return Body(field(Surface(cap(mesh, rings=1))), groups, radii, float(np.linalg.norm(points, axis=1).max()))


def _thinned(points: np.ndarray, area: float) -> np.ndarray:
    """One point a cube, cubes of the size that leaves no more than POINTS of a surface of `area` mm^2."""
    size, low = np.sqrt(1.3 * area / POINTS), points.min(0)
    while len(points) > POINTS:
        x, y, z = np.floor((points - low) / size).astype(np.int64).T
        _, first = np.unique((x * 4096 + y) * 4096 + z, return_index=True)
        if len(first) <= POINTS:
            points = points[np.sort(first)]
        size *= 1.1
    return points


def _split(points: np.ndarray) -> np.ndarray:
    """Indices [CLUSTERS, M] of nearby points, halved again and again along the longest side; a point fills up a group that has one less."""
    groups = [np.arange(len(points))]
    while len(groups) < CLUSTERS:
        halves = []
        for group in groups:
            axis = int(np.argmax(np.ptp(points[group], axis=0)))
            ranked = group[np.argsort(points[group, axis], kind="stable")]
            half = max(len(ranked) // 2, 1)
            halves += [ranked[:half], ranked[half:] if len(ranked) > half else ranked[:half]]
        groups = halves
    most = max(map(len, groups))
    return np.array([np.resize(group, most) for group in groups])


class Contacts:
    """Contacts of one case for any poses. tolerance_mm: overlap that still counts as touching."""

    def __init__(self, case: Case, tolerance_mm: float = 0.1) -> None:
        self.case, self.tolerance_mm = case, tolerance_mm
        self.numbers = tuple(number for number in sorted(case.teeth, key=order) if len(case.teeth[number].mesh.faces))
        self._index = {number: k for k, number in enumerate(self.numbers)}
        self._bodies: dict[int, Body] = {}
        self._packed: tuple[Fields, np.ndarray, np.ndarray] | None = None

    def build(self, job: Job | None = None) -> None:
        """Makes the bodies that are still missing: about 2 s for 28 teeth. Called by itself when something is asked."""
        missing = [number for number in self.numbers if number not in self._bodies]
        for k, number in enumerate(missing):
            if job is not None:
                job.progress(k, len(missing), "Preparing contacts")
            self._bodies[number] = body(self.case.teeth[number].mesh.moved(np.linalg.inv(self._axes(number))))
        if self._packed is None and self.numbers:
            bodies = [self._bodies[number] for number in self.numbers]
            most = max(entry.groups.shape[1] for entry in bodies)
            groups = np.stack([np.concatenate([entry.groups, np.repeat(entry.groups[:, :1], most - entry.groups.shape[1], axis=1)], 1) for entry in bodies])
            self._packed = Fields([entry.field for entry in bodies]), groups, np.stack([entry.radii for entry in bodies])

    @property
    def fields(self) -> Fields:
        """The grids of all teeth, in the order of `numbers`."""
        self.build()
        return self._packed[0]

    def frames(self, poses: Poses) -> dict[int, np.ndarray]:
        """Where the axes of every tooth that has a pose stand, [4, 4], x to mesial; teeth without one are not in the mouth."""
        return {number: poses[number] @ self._axes(number) for number in self.numbers if number in poses}

    def _axes(self, number: int) -> np.ndarray:
        """The frame with x to mesial on both sides (left-handed on one): a mirrored case then has the same bodies, and mirrored contacts."""
        return self.case.teeth[number].frame @ np.diag([side(number), 1.0, 1.0, 1.0])

    def sphere(self, number: int, poses: Poses) -> tuple[np.ndarray, float]:
        """A ball that holds the tooth: its centre [3] in the world and its radius, mm."""
        self.build()
        return self.frames({number: poses[number]})[number][:3, 3], self._bodies[number].reach

    def rows(self, poses: Poses) -> dict[str, list[int]]:
        """The teeth of each jaw that have a pose, from the patient's right to the left."""
        return {which: [number for number in self.numbers if number in poses and jaw(number) == which] for which in JAWS}

    def measured(self, poses: Poses, kinds: Iterable[str] = (NEIGHBOUR, ANTAGONIST)) -> tuple[Contact, ...]:
        """Every pair of neighbours with its gap, and every other pair that is nearer than REACH_MM: 28 teeth in under 15 ms once built."""
        frames = self.frames(poses)
        pairs = self._candidates(frames, poses, tuple(kinds))
        if not pairs:
            return ()
        self.build()
        fields, groups, radii = self._packed
        i, j = (np.array([self._index[pair[side]] for pair in pairs] + [self._index[pair[1 - side]] for pair in pairs]) for side in (0, 1))
        always = np.array([pair[3] for pair in pairs] * 2)
        stand = np.stack([frames.get(number, np.eye(4)) for number in self.numbers])
        back = np.swapaxes(stand[:, :3, :3], 1, 2)
        turn = np.swapaxes(back[j] @ stand[i, :3, :3], 1, 2)  # for rows of points
        shift = (back[j] @ (stand[i, :3, 3] - stand[j, :3, 3])[:, :, None])[:, :, 0]
        middles = groups[i, :, 0] @ turn + shift[:, None]
        value = fields.at(np.repeat(j, CLUSTERS), middles.reshape(-1, 3)).reshape(len(i), CLUSTERS)
        least, lowest = value.min(1), value - radii[i]
        least = np.minimum(least[:len(pairs)], least[len(pairs):])  # of a pair, whichever way
        bound = np.tile(np.where(always[:len(pairs)], least, np.minimum(least, REACH_MM)), 2) + SPREAD_MM
        row, group = np.nonzero(lowest <= bound[:, None])
        points = (groups[i[row], group] @ turn[row] + shift[row][:, None]).reshape(-1, 3)
        row = np.repeat(row, groups.shape[2])
        return self._gathered(pairs, row, fields.at(j[row], points), points, stand, j)

    def pairs(self, poses: Poses) -> tuple[Contact, ...]:
        """The pairs that overlap by more than the tolerance, deepest first."""
        return tuple(sorted((entry for entry in self.measured(poses) if entry.depth_mm > self.tolerance_mm), key=lambda entry: entry.gap_mm))

    def gaps(self, poses: Poses) -> dict[tuple[int, int], float]:
        """mm between each two teeth that stand next to each other, negative where they overlap."""
        rows = self.rows(poses)
        beside = {pair for row in rows.values() for pair in zip(row, row[1:], strict=False)}
        return {(entry.first, entry.second): entry.gap_mm for entry in self.measured(poses, (NEIGHBOUR,)) if (entry.first, entry.second) in beside}

    def exact(self, poses: Poses, job: Job) -> tuple[Contact, ...]:
        """The overlaps of `pairs`, measured on the full meshes, with the volume they share; about 0.1 s a pair. Cancelled by the job."""
        near = [entry for entry in self.measured(poses) if entry.gap_mm < EXACT_BELOW_MM]
        surfaces: dict[int, Surface] = {}
        made = []
        for k, entry in enumerate(near):
            job.progress(k, len(near), "Measuring contacts")
            for number in {entry.first, entry.second} - set(surfaces):
                surfaces[number] = self.surface(number, poses)
            made.append(self._exact(entry, poses, surfaces))
        return tuple(sorted((entry for entry in made if entry.depth_mm > self.tolerance_mm), key=lambda entry: entry.gap_mm))

    def surface(self, number: int, poses: Poses) -> Surface:
        """The closed surface of a tooth where its pose puts it."""
        return Surface(cap(solid.thinned(self.case.teeth[number].mesh, EXACT_FACES).moved(poses[number]), rings=1))

    def signed(self, number: int, poses: Poses, surface: Surface, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Exact distances [N] to a tooth's surface and its nearest points [N, 3]; farther than a cell away, inside is what the grid calls so."""
        gaps, spots = surface.distances(points)
        away = np.linalg.inv(self.frames(poses)[number])
        which = np.full(len(points), self._index[number])
        rough = self.fields.at(which, points @ away[:3, :3].T + away[:3, 3])
        return np.where(np.abs(rough) > self.fields.cell[which], np.copysign(gaps, rough), gaps), spots

    def _exact(self, contact: Contact, poses: Poses, surfaces: dict[int, Surface]) -> Contact:
        """Least distance over the vertices of both, and the shared volume: by a boolean, or from points where a body is no proper solid."""
        best, pair = contact, (contact.first, contact.second)
        for one, other, sign in ((*pair, -1), (*pair[::-1], 1)):
            points = self.case.teeth[one].mesh.moved(poses[one]).vertices.astype(np.float64)
            points = points[np.linalg.norm(points - contact.point, axis=1) < 2 + 3 * contact.depth_mm]
            if not len(points):
                continue
            gaps, spots = self.signed(other, poses, surfaces[other], points)
            k = int(np.argmin(gaps))
            if gaps[k] < best.gap_mm or best is contact:
                away = (points[k] - spots[k]) * np.sign(gaps[k])
                size = np.linalg.norm(away)
                best = replace(contact, gap_mm=float(gaps[k]), point=(points[k] + spots[k]) / 2, normal=sign * away / size if size > 1e-6 else contact.normal)
        shared = solid.shared_mm3(*(surfaces[number].mesh for number in pair))
        return replace(best, volume_mm3=self._sampled_mm3(pair, poses, surfaces) if shared is None else shared)

    def _sampled_mm3(self, pair: tuple[int, int], poses: Poses, surfaces: dict[int, Surface], parts: int = 32) -> float:
        """Shared volume by counting the cells of a box round the overlap, each by how much of it both surfaces leave inside."""
        a, b = (surfaces[number].vertices for number in pair)
        low, high = np.maximum(a.min(0), b.min(0)), np.minimum(a.max(0), b.max(0))
        if (high <= low).any():
            return 0.0
        step = (high - low) / parts
        points = low + step * (np.stack(np.meshgrid(*[np.arange(parts)] * 3, indexing="ij"), -1).reshape(-1, 3) + .5)
        reach = float(np.cbrt(step.prod()))
        first = self.signed(pair[0], poses, surfaces[pair[0]], points)[0]
        kept = first < reach
        depth = np.maximum(first[kept], self.signed(pair[1], poses, surfaces[pair[1]], points[kept])[0])
        return float(np.clip(.5 - depth / reach, 0, 1).sum() * step.prod())

    def _candidates(self, frames: dict[int, np.ndarray], poses: Poses, kinds: tuple[str, ...]) -> list[tuple[int, int, str, bool]]:
        """(first, second, kind, whether to measure at any distance)."""
        rows = self.rows(poses)
        found = []
        if NEIGHBOUR in kinds:
            for row in rows.values():
                found += [(a, b, NEIGHBOUR, True) for a, b in zip(row, row[1:], strict=False)]
                found += [(a, b, NEIGHBOUR, False) for a, b in zip(row, row[2:], strict=False)]
        if ANTAGONIST in kinds:
            found += [(a, b, ANTAGONIST, False) for a in rows["upper"] for b in rows["lower"]]
        if not found:
            return []
        self.build()
        centre = np.array([frames[number][:3, 3] if number in frames else np.zeros(3) for number in self.numbers])
        reach = np.array([self._bodies[number].reach for number in self.numbers])
        a, b = (np.array([self._index[entry[side]] for entry in found]) for side in (0, 1))
        near = np.linalg.norm(centre[a] - centre[b], axis=1) < reach[a] + reach[b] + REACH_MM
        return [entry for entry, kept in zip(found, near, strict=True) if kept or entry[3]]

    def _gathered(self, pairs: list, row: np.ndarray, gaps: np.ndarray, points: np.ndarray, stand: np.ndarray, j: np.ndarray) -> tuple[Contact, ...]:
        """One contact a pair from its points in both directions; rows r and r + len(pairs) are the two directions of pair r."""
        many = len(pairs)
        least = np.full(2 * many, np.inf)
        np.minimum.at(least, row, gaps)
        weight = least[row] + SPREAD_MM - gaps + 1e-6
        near = weight > 0
        row, weight, gaps, points = row[near], weight[near], gaps[near], points[near]
        slopes = self.fields.slopes(j[row], points)
        total = np.bincount(row, weight, 2 * many)
        middle, normal = np.zeros((2 * many, 3)), np.zeros((2 * many, 3))
        for axis in range(3):
            middle[:, axis] = np.bincount(row, weight * (points - .5 * gaps[:, None] * slopes)[:, axis], 2 * many) / np.maximum(total, 1e-30)
            normal[:, axis] = np.bincount(row, weight * slopes[:, axis], 2 * many)
        middle = np.einsum("pij,pj->pi", stand[j, :3, :3], middle) + stand[j, :3, 3]
        normal = np.einsum("pij,pj->pi", stand[j, :3, :3], normal)
        normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-30)
        made = []
        for k, (first, second, kind, always) in enumerate(pairs):
            way = k if least[k] <= least[k + many] else k + many
            if np.isfinite(least[way]) and (always or least[way] < REACH_MM):
                made.append(Contact(first, second, float(least[way]), middle[way], (-1 if way == k else 1) * normal[way], kind))
        return tuple(made)
