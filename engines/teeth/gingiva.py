"""The gum of one jaw as a smooth closed surface that follows the necks of the teeth, wherever these stand.

A smooth curve runs along the arch under the teeth: u is the arc length on it, d the distance to the outside, z the height. Rings of points round the
necks span two soft envelopes d(u), one facial, one lingual, and the heights of the free margin; so the surface cannot fold over, however crowded the
teeth are. It passes INTO the crowns: the visible margin is where it meets them. Between neighbours it rises to a papilla under their contact.
"""

from dataclasses import dataclass

import numpy as np

from engines.teeth import fdi
from engines.teeth.crown_shapes import SIZES
from engines.teeth.crowns import Crown, kind, mesial
from engines.teeth.mesh import Mesh
from engines.teeth.palate import close_lower, close_upper

RING = 28  # points round a neck
SECTIONS = 280  # across the arch
BEHIND_MM = 4.5  # gum behind the last tooth
SHARP, ROUND = 3.0, 0.30  # 1/mm of the soft envelope; its fall in mm at 1 mm from a point
STAND_OFF_MM = 0.10  # of the margin from the tooth
RIDGE_MM = 2.2  # half width of the ridge where a tooth is missing
DEEP_MM = 7.5  # from the margin to the base, in the middle


@dataclass(frozen=True, eq=False)
class _Line:
    """The curve under the teeth: points [S, 2], outward unit normals [S, 2], arc length u [S]."""

    points: np.ndarray
    out: np.ndarray
    u: np.ndarray

    def locate(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """u and d of points [N, 3]."""
        away = points[:, None, :2] - self.points[None]
        k = (away**2).sum(-1).argmin(1)
        away = away[np.arange(len(k)), k]
        out = self.out[k]
        along = np.stack([-out[:, 1], out[:, 0]], -1)
        return self.u[k] + (away * along).sum(-1), (away * out).sum(-1)


def gum(crowns: dict[int, Crown], poses: dict[int, np.ndarray], upper: bool) -> Mesh:
    """The gum of one jaw for these poses (own frame of each crown to the world, z up), closed by a base; an empty mesh without teeth."""
    row = [n for n in (fdi.UPPER if upper else fdi.LOWER) if n in crowns and n in poses]
    if not row:
        return Mesh(np.zeros((0, 3)), np.zeros((0, 3), int))
    up = -1.0 if upper else 1.0  # towards the teeth
    rings = np.stack([_neck(crowns[n]) @ poses[n][:3, :3].T + poses[n][:3, 3] for n in row])  # [K, RING, 3], facial half first
    line = _line(rings, poses, row)
    u, d = (part.reshape(len(row), RING) for part in line.locate(rings.reshape(-1, 3)))
    z = rings[..., 2] * up  # grows towards the teeth in either jaw
    half = RING // 2
    face, face_z = _envelope(line.u, u[:, :half], d[:, :half], z[:, :half])
    back, back_z = _envelope(line.u, u[:, half:], -d[:, half:], z[:, half:])
    back = -back
    face, back, face_z, back_z = (_held(part, line.u, u) for part in (face, back, _shallow(face_z), _shallow(back_z)))
    thin = face - back < 1.0  # where lips and tongue sides would cross
    middle = (face + back) / 2
    face, back = np.where(thin, middle + .5, face), np.where(thin, middle - .5, back)
    crest, share = _papillae(crowns, poses, row, line, up, (face_z + back_z) / 2)
    ends = _ends(line.u, u)
    heights = [a + (crest - a) * share * .72 - 2.2 * ends for a in (face_z, back_z)]
    grid, base = _sections(face, back, *heights, crest * share + np.minimum(*heights) * (1 - share) + 1.6 * ends * (1.5 - ends), upper)
    axis = _soften((face + back) / 2, 16)[:, None]
    slim = np.sqrt(1 - .93 * ends[:, None]**2)  # rounded behind the last teeth; the palate goes straight back
    across = grid[..., 0] - axis
    grid[..., 0] = axis + across * (np.where(across > 0, slim, 1.0) if upper else slim)
    points = np.empty((*grid.shape[:2], 3))
    points[..., :2] = line.points[:, None] + grid[..., :1] * line.out[:, None]
    points[..., 2] = grid[..., 1] * up
    return close_upper(points, base * up) if upper else close_lower(points)


def _neck(crown: Crown) -> np.ndarray:
    """[RING, 3] in the crown's own frame: the line at which gum and crown meet, from +x over the face to -x and back over the lingual side."""
    hidden = SIZES[kind(crown.number)].hidden if crown.number in fdi.PERMANENT else 1.0
    points = crown.mesh.vertices
    points = points[(points[:, 2] > hidden - 1.0) & (points[:, 2] < hidden + 3.2)].astype(np.float64)
    if len(points) < 12:
        points = crown.mesh.vertices.astype(np.float64)
    low, high = points[:, 0].min(), points[:, 0].max()
    middle = np.array([(low + high) / 2, (points[:, 1].min() + points[:, 1].max()) / 2])
    width = max((high - low) / 2, .5)

    def margin(x: np.ndarray) -> np.ndarray:
        return hidden + 1.6 * np.minimum(np.abs((x - middle[0]) / width), 1.0)**3.2
    near = points[np.abs(points[:, 2] - margin(points[:, 0])) < .8]
    near = near if len(near) >= 12 else points
    away = near[:, :2] - middle
    angle = np.arctan2(away[:, 1], away[:, 0])
    order = np.argsort(angle)
    turn = (np.arange(RING) + .5) * 2 * np.pi / RING
    reach = np.interp(turn, angle[order], np.hypot(*away[order].T), period=2 * np.pi)
    ring = middle + (reach + STAND_OFF_MM)[:, None] * np.stack([np.cos(turn), np.sin(turn)], -1)
    return np.column_stack([ring, margin(ring[:, 0])])


def _line(rings: np.ndarray, poses: dict[int, np.ndarray], row: list[int]) -> _Line:
    """The curve of least squares through the necks, sampled evenly; straight beyond the last teeth."""
    widths = np.array([SIZES[kind(n)].md if n in fdi.PERMANENT else 7.0 for n in row])
    place = np.cumsum(widths) - widths / 2
    centres = rings[..., :2].mean(1)
    along = np.stack([poses[n][:2, 0] * (1 if (mesial(n) > 0) == fdi.is_right(n) else -1) for n in row])
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
    for k in range(1, len(row)):  # a gap of missing teeth is as long as it is
        place[k:] += max(float(np.linalg.norm(centres[k] - centres[k - 1])) - 1.6 * (place[k] - place[k - 1]), 0.0)
    side = (widths / 2)[:, None]
    at = np.concatenate([place, place - widths / 2, place + widths / 2])
    through = np.concatenate([centres, centres - along * side, centres + along * side])
    weight = np.concatenate([np.ones(len(row)), np.full(2 * len(row), .25)])[:, None]
    if len(row) > 3:  # the curve goes on as the last teeth stand, or a polynomial turns aside there
        for k, before, sign in ((0, 2, -1), (-1, -3, 1)):
            way = centres[k] - centres[before]
            way /= max(float(np.linalg.norm(way)), 1e-9)
            reach = np.array([2.0, 4.0, 6.0])
            at = np.concatenate([at, place[k] + sign * (widths[k] / 2 + reach)])
            through = np.concatenate([through, centres[k] + way * (widths[k] / 2 + reach)[:, None]])
            weight = np.concatenate([weight, np.full((3, 1), .5)])
    start, length = at.min(), max(np.ptp(at), 1.0)
    degree = min(6, 1 + len(row) // 2)
    powers = np.polynomial.chebyshev.chebvander(2 * (at - start) / length - 1, degree)
    fit = np.linalg.lstsq(powers * weight, through * weight, rcond=None)[0]
    ends = 2 * (np.array([place[0] - widths[0] / 2, place[-1] + widths[-1] / 2]) - start) / length - 1
    fine = np.polynomial.chebyshev.chebval(np.linspace(*ends, 400), fit).T
    head, tail = fine[0] - fine[4], fine[-1] - fine[-5]
    head, tail = head / np.linalg.norm(head), tail / np.linalg.norm(tail)
    more = np.linspace(BEHIND_MM / 8, BEHIND_MM, 8)[:, None]
    fine = np.concatenate([(fine[0] + head * more)[::-1], fine, fine[-1] + tail * more])
    length_at = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(fine, axis=0), axis=1))])
    u = np.linspace(0, length_at[-1], SECTIONS)
    points = np.stack([np.interp(u, length_at, fine[:, k]) for k in range(2)], -1)
    tangent = _soften(np.gradient(points, axis=0), 4)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    return _Line(points, np.stack([tangent[:, 1], -tangent[:, 0]], -1), u)


def _envelope(at: np.ndarray, u: np.ndarray, d: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The smooth maximum of points (u, d) seen along the arch, [S], and the height that goes with it; a narrow ridge where no tooth is near."""
    u, d, z = u.reshape(1, -1), d.reshape(1, -1), z.reshape(1, -1)
    far2 = (at[:, None] - u)**2
    weight = np.exp(SHARP * np.clip(d - ROUND * far2, -12, 12))
    wide = np.exp(-far2 / 50) + 1e-9
    level = (wide * z).sum(1) / wide.sum(1) - .6
    floor = np.exp(SHARP * RIDGE_MM) * .5
    total = weight.sum(1) + floor
    return np.log(total) / SHARP - .62, ((weight * z).sum(1) + floor * level) / total


def _papillae(crowns: dict[int, Crown], poses: dict[int, np.ndarray], row: list[int], line: _Line, up: float,
              level: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Height of the crest between the teeth, [S], and how much of a papilla a place is, 0 to 1."""
    if len(row) < 2:
        return level, np.zeros(len(level))
    tips, sizes, spots = [], [], []
    for a, b in zip(row, row[1:], strict=False):
        ends, bases = [], []
        for n, towards in ((a, b), (b, a)):
            contacts = np.stack([crowns[n].landmarks[key] for key in ("mesial_contact", "distal_contact")])
            contacts = contacts @ poses[n][:3, :3].T + poses[n][:3, 3]
            ends.append(contacts[((contacts - poses[towards][:3, 3])**2)[:, :2].sum(1).argmin()])
            bases.append(poses[n][2, 3] * up)
        apart = float(np.linalg.norm((ends[0] - ends[1])[:2]))
        base, contact = np.mean(bases), min(end[2] * up for end in ends)
        fill = np.clip(.66 - .16 * max(apart - .6, 0), .30, .66)
        spots.append((ends[0] + ends[1]) / 2)
        tips.append(base + fill * (contact - base))
        sizes.append(np.clip(.085 * sum(SIZES[kind(n)].md if n in fdi.PERMANENT else 7.0 for n in (a, b)), .85, 1.6) + .16 * min(apart, 6.0))
    where, _ = line.locate(np.array(spots))
    near = np.exp(-.5 * ((line.u[:, None] - where) / np.array(sizes))**2)
    share = near.max(1)
    weight = near**2 + 1e-12
    return (weight * np.array(tips)).sum(1) / weight.sum(1), share


def _held(values: np.ndarray, at: np.ndarray, u: np.ndarray) -> np.ndarray:
    """Values whose course ends at the middle of the first and of the last tooth and stays there: the gum behind is as broad as they are."""
    first, last = np.sort(u.mean(1))[[0, -1]]
    return np.interp(np.clip(at, first, last), at, values) if last > first else values


def _shallow(margin: np.ndarray) -> np.ndarray:
    """A margin without narrow deep notches: gum bridges them."""
    bridge = _soften(margin, 8) - .15
    return margin + np.log1p(np.exp(np.clip(4.0 * (bridge - margin), -30, 30))) / 4.0 - .12


def _ends(at: np.ndarray, u: np.ndarray) -> np.ndarray:
    """0 along the teeth, growing to 1 at both ends of the gum behind them."""
    first, last = u.min() + .5, u.max() - .5
    return np.clip(np.maximum((first - at) / max(first - at[0], .5), (at - last) / max(at[-1] - last, .5)), 0, 1)


def _soften(line: np.ndarray, width: int) -> np.ndarray:
    """A running mean along the first axis with its ends held."""
    kernel = np.hanning(2 * width + 3)[1:-1]
    kernel /= kernel.sum()
    if line.ndim == 1:
        return np.convolve(np.concatenate([np.full(width, line[0]), line, np.full(width, line[-1])]), kernel, "valid")
    return np.stack([_soften(part, width) for part in line.T], -1)


def _sections(face: np.ndarray, back: np.ndarray, face_z: np.ndarray, back_z: np.ndarray, crest: np.ndarray, upper: bool) -> tuple[np.ndarray, float]:
    """[S, rows, 2] of (d, z) from the facial base over the crest to the lingual side; and the height of the base."""
    wide_face, wide_back = _soften(face, 16), _soften(back, 16)
    wide_face_z, wide_back_z = _soften(face_z, 16), _soften(back_z, 16)
    lowest = float(min(face_z.min(), back_z.min()))
    base = min(float((wide_face_z.mean() + wide_back_z.mean()) / 2) - DEEP_MM, lowest - 4.0)
    half_face, half_face_z, half_back, half_back_z = (_soften(part, 6) for part in (face, face_z, back, back_z))
    middle = (face + back) / 2
    flat = np.full_like(face, base)
    lip = .6 * face + .4 * half_face
    rows = [(wide_face - .1, flat), (wide_face + .45, flat + .25), (wide_face + .70, flat + .9), (wide_face + .75, .62 * flat + .38 * (wide_face_z - 2.0)),
            (.5 * wide_face + .5 * half_face + .68, .30 * flat + .70 * (half_face_z - 2.0)),
            (half_face + .58, .35 * half_face_z + .65 * face_z - 1.9), (lip + .44, face_z - 1.0), (face + .27, face_z - .42),
            (face + .06, face_z - .06), (face - .32, face_z + .16)]
    ridge = [(.66 * face + .34 * middle, .45 * crest + .55 * face_z + .12), (.30 * face + .70 * middle, .85 * crest + .15 * face_z), (middle, crest),
             (.30 * back + .70 * middle, .85 * crest + .15 * back_z), (.66 * back + .34 * middle, .45 * crest + .55 * back_z + .12)]
    lip = .6 * back + .4 * half_back
    inner = [(back + .32, back_z + .16), (back - .06, back_z - .06), (back - .27, back_z - .42), (lip - .44, back_z - 1.0),
             (half_back - .60, .35 * half_back_z + .65 * back_z - 1.9)]
    if upper:
        inner += [(.6 * wide_back + .4 * half_back - .95, .7 * wide_back_z + .3 * half_back_z - 3.3)]
    else:
        inner += [(.5 * wide_back + .5 * half_back - .85, .30 * flat + .70 * (half_back_z - 2.0)), (wide_back - 1.1, .62 * flat + .38 * (wide_back_z - 2.0)),
                  (wide_back - 1.1, flat + .9), (wide_back - .85, flat + .25), (wide_back - .3, flat)]
    return np.stack([np.stack(pair, -1) for pair in rows + ridge + inner], 1), base
