"""The gum of one jaw as a smooth surface that follows the necks of the teeth, wherever these stand.

It is lofted over sections across the arch: vestibule, attached gum, free margin on the face of the tooth, crest (hidden in the teeth, or the
papilla between two), lingual margin, lingual side, base. Works for any crowns with the landmarks of crowns.py and rises `hidden` mm over the cervix.
"""

import numpy as np

from engines.teeth import fdi
from engines.teeth.crown_shapes import SIZES
from engines.teeth.crowns import Crown, kind, mesial
from engines.teeth.mesh import Mesh

ACROSS = np.array([-.86, -.60, -.30, 0, .30, .60, .86])  # places on a tooth, in half widths at the neck
FINE = 4  # sections between two places
THICK_MM = 0.28  # how far the free margin stands off the tooth
DEEP_MM = 11.0  # from the margin to the base
PALATE = 7  # rows from the base of the upper gum to the middle of the palate


def gum(crowns: dict[int, Crown], poses: dict[int, np.ndarray], upper: bool) -> Mesh:
    """The gum of one jaw for these poses (own frame of each crown to the world, z up); an empty mesh without teeth."""
    row = [n for n in (fdi.UPPER if upper else fdi.LOWER) if n in crowns and n in poses]
    if not row:
        return Mesh(np.zeros((0, 3)), np.zeros((0, 3), int))
    faces, backs = _margins(crowns, poses, row)
    face, back = _smooth_curve(faces), _smooth_curve(backs)
    up = -1.0 if upper else 1.0  # towards the teeth
    return _loft(face, back, up, upper)


def _margins(crowns: dict[int, Crown], poses: dict[int, np.ndarray], row: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Control points [M, 3] of the facial and the lingual margin from right to left, papillae and both ends included."""
    facial, lingual, ends = [], [], []
    for n in row:
        f, b = _neck(crowns[n])
        pose = poses[n]
        f, b = f @ pose[:3, :3].T + pose[:3, 3], b @ pose[:3, :3].T + pose[:3, 3]
        along = pose[:3, 0] * (1 if (mesial(n) > 0) == fdi.is_right(n) else -1)
        if (f[-1] - f[0]) @ along < 0:
            f, b = f[::-1], b[::-1]
        ends.append((crowns[n], pose, along))
        facial.append(f)
        lingual.append(b)
    rows = []
    for parts, outer in ((facial, True), (lingual, False)):
        line = [parts[0]]
        for k in range(1, len(parts)):
            line += [_papilla(parts[k - 1][-1], parts[k][0], ends[k - 1], ends[k], outer)[None], parts[k]]
        rows.append(line)
    for where, line_index in ((0, 0), (-1, -1)):
        (_, pose, along), sign = ends[where], (-1 if where == 0 else 1)
        middle = (facial[where][line_index] + lingual[where][line_index]) / 2
        occlusal = pose[:3, 2]
        for line, k in ((rows[0], facial), (rows[1], lingual)):
            edge = k[where][line_index]
            tail = [middle * (1 - t) + edge * t + sign * along * reach - occlusal * drop
                    for t, reach, drop in ((.80, 1.6, .3), (.45, 3.4, .8), (.06, 4.6, 1.8))]
            if where == 0:
                line.insert(0, np.array(tail[::-1]))
            else:
                line.append(np.array(tail))
    return np.concatenate(rows[0]), np.concatenate(rows[1])


def _neck(crown: Crown) -> tuple[np.ndarray, np.ndarray]:
    """[7, 3] each: where the gum's margin crosses the facial and the lingual surface, in the crown's own frame, from -x to +x."""
    size = SIZES[kind(crown.number)] if crown.number in fdi.PERMANENT else None
    points = crown.mesh.vertices.astype(np.float64)
    hidden = size.hidden if size else 1.0
    band = points[np.abs(points[:, 2] - hidden - .4) < 1.2]
    if len(band) < 8:
        band = points
    low, high = band[:, 0].min(), band[:, 0].max()
    x = (low + high) / 2 + ACROSS * (high - low) / 2
    z = hidden + 1.7 * np.abs(ACROSS)**2.4
    made = []
    for sign in (1, -1):
        near = (np.abs(points[None, :, 0] - x[:, None]) < .65) & (np.abs(points[None, :, 2] - z[:, None]) < .75)
        reach = np.where(near, sign * points[None, :, 1], -np.inf).max(1)
        middle = (band[:, 1].max() + band[:, 1].min()) / 2
        reach = np.where(np.isfinite(reach), reach, sign * middle)
        made.append(np.stack([x, sign * (reach + THICK_MM), z], -1))
    return made[0], made[1]


def _papilla(a: np.ndarray, b: np.ndarray, left: tuple, right: tuple, outer: bool) -> np.ndarray:
    """The tip of the gum between two teeth: up towards their contact, and in; lower where they stand apart."""
    middle = (a + b) / 2
    apart = np.linalg.norm(b - a)
    occlusal = left[1][:3, 2] + right[1][:3, 2]
    occlusal = occlusal / np.linalg.norm(occlusal)
    buccal = left[1][:3, 1] + right[1][:3, 1]
    buccal = buccal - (buccal @ occlusal) * occlusal
    buccal = buccal / max(np.linalg.norm(buccal), 1e-9)
    rise = float(np.clip(1.1 - .28 * max(apart - 2.0, 0), -.4, 1.1))
    return middle + occlusal * rise - buccal * (.45 if outer else -.45) * np.clip(2.5 - apart / 2, .2, 1)


def _smooth_curve(control: np.ndarray) -> np.ndarray:
    """Catmull-Rom through the control points, FINE sections to each."""
    padded = np.concatenate([2 * control[:1] - control[1:2], control, 2 * control[-1:] - control[-2:-1]])
    t = (np.arange(FINE) / FINE)[None, :, None]
    p0, p1, p2, p3 = (padded[k:len(padded) - 3 + k, None] for k in range(4))
    made = .5 * (2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 + (3 * p1 - p0 - 3 * p2 + p3) * t**3)
    return np.concatenate([made.reshape(-1, 3), control[-1:]])


def _blur(line: np.ndarray, width: int) -> np.ndarray:
    """A running mean along the curve with its ends held."""
    kernel = np.hanning(2 * width + 3)[1:-1]
    kernel /= kernel.sum()
    padded = np.concatenate([np.repeat(line[:1], width, 0) + 0, line, np.repeat(line[-1:], width, 0)])
    return np.stack([np.convolve(padded[:, k], kernel, "valid") for k in range(3)], -1)


def _loft(face: np.ndarray, back: np.ndarray, up: float, upper: bool) -> Mesh:
    z = np.array([0, 0, up])
    wide_face, wide_back = _blur(face, 22), _blur(back, 22)
    along = np.gradient((wide_face + wide_back) / 2, axis=0)
    along[:, 2] = 0
    along = _blur(along, 12)
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
    out = np.stack([along[:, 1], -along[:, 0], np.zeros(len(along))], -1)
    flip = np.sign(((face - back) * out).sum(1).mean())
    out *= flip or 1.0
    base = float((up * np.concatenate([face, back])[:, 2]).min()) * up - up * DEEP_MM * .55

    def at_base(line: np.ndarray, push: float) -> np.ndarray:
        made = line + push * out
        made[:, 2] = base
        return made

    thick = np.clip(np.linalg.norm(face - back, axis=1, keepdims=True) / 4.0, 0, 1)
    near_face, near_back = _blur(face, 5), _blur(back, 5)
    rows = [at_base(wide_face, 1.3), .45 * at_base(wide_face, 1.5) + .55 * (wide_face + 1.2 * out - 2.2 * z), near_face + (.95 * out - 2.0 * z) * thick,
            face + (.55 * out - 1.05 * z) * thick, face + (.26 * out - .38 * z) * thick, face, face + (-.30 * out + .10 * z) * thick,
            .62 * face + .38 * back - .25 * z, .38 * face + .62 * back - .25 * z,
            back + (.30 * out + .10 * z) * thick, back, back + (-.26 * out - .38 * z) * thick, back + (-.55 * out - 1.05 * z) * thick,
            near_back + (-.95 * out - 2.2 * z) * thick]
    if upper:
        rows += _palate(near_back, wide_back, out, z)
    else:
        rows += [.45 * at_base(wide_back, -1.6) + .55 * (wide_back - 1.4 * out - 2.4 * z), at_base(wide_back, -1.2)]
    grid = np.stack(rows, 1)  # [along, across, 3]
    n, m = grid.shape[:2]
    i, j = np.meshgrid(np.arange(n - 1), np.arange(m - 1), indexing="ij")
    a = i * m + j
    quads = np.concatenate([np.stack([a, a + 1, a + m + 1], -1).reshape(-1, 3), np.stack([a, a + m + 1, a + m], -1).reshape(-1, 3)])
    corners = grid.reshape(-1, 3)
    probe = quads[(n // 2 - 1) * (m - 1) + 3]
    normal = np.cross(corners[probe[1]] - corners[probe[0]], corners[probe[2]] - corners[probe[0]])
    if normal @ (out[n // 2]) < 0:
        quads = quads[:, ::-1]
    return Mesh(corners, quads)


def _palate(near: np.ndarray, wide: np.ndarray, out: np.ndarray, z: np.ndarray) -> list[np.ndarray]:
    """Rows from the lingual gum to the middle of the palate: a vault over the mirrored places of both sides."""
    start = near - .95 * out - 2.2 * z
    middle = (wide + wide[::-1]) / 2 + [0, 1.0, 0]
    half = np.linalg.norm((wide - middle)[:, :2], axis=1, keepdims=True)
    deep = np.clip(half / 20.0, 0, 1)**.8 * 13.0
    rows = []
    for t in np.linspace(0, 1, PALATE + 1)[1:]:
        sink = np.sin(np.pi / 2 * t)**.9
        rows.append(start + (middle - start) * [1, 1, 0] * t**1.35 + (middle - start) * [0, 0, 1] * t - z * sink * deep)
    return rows
