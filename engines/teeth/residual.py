"""The frame in which the arrangement network sees a case and says what to move: the arch form and the level that the case itself has.

Batched, numpy. Slots: the 32 permanent teeth in the order of fdi.PERMANENT; B cases, mask [B, 32] says which teeth are there.

    case frame     the teeth laid over a typical dentition [Kabsch]: so a case turned or shifted as a whole gives the same numbers
    F [3, 3]       of a slot, columns mesial, buccal, occlusal: along and across the arch curve of its jaw at the foot of the tooth's centre, and vertical.
                   Left-handed on one side of the mouth, so that a mirrored case gives the same numbers in the mirrored slots
    z [6]          (F^T (c' - c) / SHIFT_MM,  log(F^T R F) / TURN_RAD): where the tooth's centre goes and how it turns; zero = do not move

The paper predicts in millimetres of the whole jaw; residuals against the case's own arch are what transfers to arch forms that were never seen. Their units
bring them to about 1, the size of the noise.
"""

from dataclasses import dataclass

import numpy as np

from engines.teeth import fdi, orientation

SLOTS = fdi.PERMANENT
SLOT = {number: k for k, number in enumerate(SLOTS)}
MIRROR = np.array([SLOT[fdi.mirror(number)] for number in SLOTS])
SIDE = np.array([-1.0 if fdi.is_right(number) else 1.0 for number in SLOTS])  # of x
UP = np.array([-1.0 if fdi.is_upper(number) else 1.0 for number in SLOTS])  # of z, towards the biting surface
TYPICAL = orientation.expected(list(SLOTS))
SHIFT_MM, TURN_RAD = 1.0, 0.2
KNEE_MM, LEAST_TEETH, ROUNDS = 1.0, 5, 8
ODD, QUARTIC, LEAN = 0.25, 0.01, 0.06  # ridges: arches are nearly symmetric, and level from side to side
TABLE = np.linspace(-1.15, 1.15, 47)
FACTS = 18  # numbers in `facts`


@dataclass(frozen=True, eq=False)
class Seen:
    """turn [B, 3, 3], shift [B, 3]: world to case frame. centres [B, 32, 3] and frames F [B, 32, 3, 3] in the case frame; facts [B, 32, FACTS].

    Absent slots hold zeros and identities.
    """

    mask: np.ndarray
    turn: np.ndarray
    shift: np.ndarray
    centres: np.ndarray
    frames: np.ndarray
    facts: np.ndarray


def see(centres: np.ndarray, points: np.ndarray, mask: np.ndarray, extracted: np.ndarray | None = None) -> Seen:
    """What a batch looks like from its own arches.

    centres [B, 32, 3] mm in the world; points [B, 32, P, 3] of the crowns, about their centres, in world axes; extracted [B, 32]: their gap shall close.
    """
    gone = np.zeros_like(mask) if extracted is None else extracted & ~mask
    turn, shift = case_frames(centres, mask)
    centres = np.where(mask[..., None], centres @ turn.swapaxes(1, 2) + shift[:, None], 0.0)
    points = points @ turn.swapaxes(1, 2)[:, None]
    rows = {name: values.reshape(-1, 16, *values.shape[2:]) for name, values in (("c", centres), ("m", mask))}
    line = _curves(rows["c"], rows["m"])
    frames = arch_frames(line["tangent"].reshape(*mask.shape, 2))
    frames[~mask] = np.eye(3)
    local = np.where(mask[..., None, None], points @ frames, 0.0)
    top = np.where(mask, local[..., 2].max(2), 0.0) if points.shape[2] else np.zeros(mask.shape)
    rise = _rise(rows["c"], rows["m"], (centres[..., 2] + UP * top / 2).reshape(-1, 16)).reshape(mask.shape) * UP
    facts = _facts(centres, mask, gone, local, line, rise)
    return Seen(mask, turn, shift, centres, frames, facts)


def case_frames(centres: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rotation and shift onto the typical dentition; identity below four teeth."""
    weight = mask / np.maximum(mask.sum(1, keepdims=True), 1)
    here, there = (weight[..., None] * centres).sum(1), weight @ TYPICAL
    cross = np.einsum("bs,bsi,bsj->bij", weight, TYPICAL - there[:, None], centres - here[:, None])
    u, _, vt = np.linalg.svd(cross)
    sign = np.ones((len(mask), 3))
    sign[:, 2] = np.sign(np.linalg.det(u) * np.linalg.det(vt))
    turn = (u * sign[:, None]) @ vt
    few = mask.sum(1) < 4
    turn[few], there[few] = np.eye(3), here[few]
    return turn, there - np.einsum("bij,bj->bi", turn, here)


def _robust(columns: np.ndarray, slopes: np.ndarray, y: np.ndarray, mask: np.ndarray, ridge: np.ndarray) -> np.ndarray:
    """Coefficients [J, K] of y = columns c with Cauchy weights; residuals are taken across the curve."""
    weight, steep = mask.astype(float), np.ones_like(y)
    solution = np.zeros((len(y), columns.shape[2]))
    for _ in range(ROUNDS):
        w = (weight / steep**2)[..., None]
        solution = np.linalg.solve(columns.swapaxes(1, 2) @ (w * columns) + np.diag(ridge), (columns * w * y[..., None]).sum(1)[..., None])[..., 0]
        steep = np.hypot(1, (slopes @ solution[..., None])[..., 0])
        rest = (y - (columns @ solution[..., None])[..., 0]) / steep
        weight = mask / (1 + (rest / KNEE_MM)**2)
    return solution


def _curves(centres: np.ndarray, mask: np.ndarray) -> dict[str, np.ndarray]:
    """Per jaw: tangent [J, 16, 2] to the patient's left, lateral [J, 16] mm from tooth to curve (outwards +), s [J, 16] from the midline, half, depth [J]."""
    x, y = centres[..., 0], centres[..., 1]
    half = np.maximum(np.where(mask, np.abs(x), 0).max(1), 5.0)
    t = x / half[:, None]

    def columns(t: np.ndarray) -> np.ndarray:
        return np.stack([np.ones_like(t), t, t * t, t**2 * t, (t * t)**2], -1)

    def slopes(t: np.ndarray) -> np.ndarray:
        return np.stack([np.zeros_like(t), np.ones_like(t), 2 * t, 3 * t * t, 4 * t * t * t], -1) / half[:, None, None]
    solution = _robust(columns(t), slopes(t), y, mask, np.array([1e-6, ODD, 1e-6, ODD, QUARTIC]))[..., None]
    def height(t: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """y, dy/dx and its derivative on the curve; straight beyond the last teeth."""
        inside = np.clip(t, -1, 1)
        rise = (slopes(inside) @ solution)[..., 0]
        bend = (2 * solution[:, 2] + 6 * solution[:, 3] * inside + 12 * solution[:, 4] * inside * inside) / half[:, None]**2
        return (columns(inside) @ solution)[..., 0] + (t - inside) * half[:, None] * rise, rise, np.where(t == inside, bend, 0.0)
    table = np.broadcast_to(TABLE, (len(half), len(TABLE)))
    line = np.stack([table * half[:, None], height(table)[0]], -1)
    s = np.concatenate([np.zeros((len(half), 1)), np.cumsum(np.linalg.norm(np.diff(line, axis=1), axis=2), 1)], 1)
    s = s - s[:, len(TABLE) // 2, None]
    foot = TABLE[((x[..., None] - line[:, None, :, 0])**2 + (y[..., None] - line[:, None, :, 1])**2).argmin(2)]
    for _ in range(4):  # Newton, where the distance is convex
        at, rise, bend = height(foot)
        slope = np.maximum(1 + rise**2 + (at - y) * bend, .3)
        foot = np.clip(foot - ((foot * half[:, None] - x) + (at - y) * rise) / slope / half[:, None], TABLE[0], TABLE[-1])
    at, rise, _ = height(foot)
    tangent = np.stack([np.ones_like(rise), rise], -1) / np.hypot(1, rise)[..., None]
    lateral = (foot * half[:, None] - x) * tangent[..., 1] - (at - y) * tangent[..., 0]
    place = np.clip((foot - TABLE[0]) / (TABLE[1] - TABLE[0]), 0, len(TABLE) - 1 - 1e-9)
    low = place.astype(int)
    before, after = np.take_along_axis(s, low, 1), np.take_along_axis(s, low + 1, 1)
    along = before + (place - low) * (after - before)
    few = mask.sum(1) < LEAST_TEETH
    if few.any():  # too few teeth for a curve of their own: the typical arch's direction, and no wish to go there
        rows = TYPICAL.reshape(2, 16, 3)[..., :2]
        typical = np.gradient(rows, axis=1)
        typical /= np.linalg.norm(typical, axis=2, keepdims=True)
        which = np.arange(len(few)) % 2
        tangent[few], lateral[few] = typical[which[few]], 0.0
    depth = np.where(mask, y, -np.inf).max(1, initial=-1e3) - line[:, len(TABLE) // 2, 1]
    return {"tangent": tangent, "lateral": lateral, "s": along, "half": half, "depth": np.clip(depth, 0, 80)}


def arch_frames(tangent: np.ndarray) -> np.ndarray:
    """F [B, 32, 3, 3] from tangents [B, 32, 2] to the patient's left."""
    frames = np.zeros((*tangent.shape[:2], 3, 3))
    frames[..., :2, 0] = -SIDE[:, None] * tangent
    frames[..., 0, 1], frames[..., 1, 1] = tangent[..., 1], -tangent[..., 0]
    frames[..., 2, 2] = UP
    return frames


def _rise(centres: np.ndarray, mask: np.ndarray, heights: np.ndarray) -> np.ndarray:
    """mm in z from each tooth to the level surface of its jaw: quadratic backwards, leaning a little sideways."""
    x, y = centres[..., 0] / 30, centres[..., 1] / 30
    columns = np.stack([np.ones_like(x), x, y, y**2], -1)
    solution = _robust(columns, 0 * columns, heights, mask, np.array([1e-6, LEAN, 1e-3, 1e-3]))
    rise = (columns @ solution[..., None])[..., 0] - heights
    return np.where(mask & (mask.sum(1, keepdims=True) >= LEAST_TEETH), rise, 0.0)


def _facts(centres: np.ndarray, mask: np.ndarray, gone: np.ndarray, local: np.ndarray, line: dict[str, np.ndarray], rise: np.ndarray) -> np.ndarray:
    B = len(mask)
    facts = np.zeros((B, 32, FACTS))
    facts[..., :3] = centres * np.stack([SIDE, np.ones(32), np.ones(32)], -1) / 30
    facts[..., 3], facts[..., 4] = line["lateral"].reshape(B, 32) / 2, rise / 2
    s = line["s"].reshape(B, 32)
    facts[..., 5] = SIDE * s / 40
    if local.shape[2]:
        low, high = local.min(2), local.max(2)
        facts[..., 12:15] = (high - low) / 10
        left = np.where(SIDE > 0, -low[..., 0], high[..., 0])  # how far the tooth reaches to the patient's left along the arch, and to the right
        right = np.where(SIDE > 0, high[..., 0], -low[..., 0])
    else:
        left = right = np.zeros((B, 32))
    for start in (0, 16):
        for side, row in ((0, range(start, start + 16)), (1, range(start + 15, start - 1, -1))):  # neighbours on the right, then on the left
            last = np.full(B, -1)
            removed = np.zeros(B, bool)
            for k in row:
                there = mask[:, k] & (last >= 0)
                before = np.maximum(last, 0)
                every = np.arange(B)
                gap = np.abs(s[:, k] - s[every, before]) - (right[:, k] + left[every, before] if side == 0 else left[:, k] + right[every, before])
                mesial = (side == 0) == (SIDE[k] > 0)
                facts[:, k, 6 if mesial else 7] = np.where(there, np.clip(gap / 3, -1.5, 3), 0)
                facts[:, k, 8 if mesial else 9] = mask[:, k] & removed
                facts[:, k, 10 if mesial else 11] = mask[:, k] & (last < 0)
                removed = np.where(mask[:, k], False, removed | gone[:, k])
                last = np.where(mask[:, k], k, last)
    facts[..., 15] = np.repeat(line["half"].reshape(B, 2), 16, axis=1) / 30
    facts[..., 16] = np.repeat(line["depth"].reshape(B, 2), 16, axis=1) / 40
    facts[..., 17] = np.repeat(mask.reshape(B, 2, 16).any(2)[:, ::-1], 16, axis=1)
    return facts * mask[..., None]


def exp(vectors: np.ndarray) -> np.ndarray:
    """[.., 3, 3] rotations of rotation vectors [.., 3] in rad [Rodrigues]."""
    angle = np.linalg.norm(vectors, axis=-1)[..., None, None]
    cross = np.zeros((*vectors.shape[:-1], 3, 3))
    x, y, z = np.moveaxis(vectors, -1, 0)
    cross[..., 0, 1], cross[..., 0, 2], cross[..., 1, 2] = -z, y, -x
    cross[..., 1, 0], cross[..., 2, 0], cross[..., 2, 1] = z, -y, x
    return np.eye(3) + np.sinc(angle / np.pi) * cross + np.sinc(angle / 2 / np.pi)**2 / 2 * cross @ cross


def log(turns: np.ndarray) -> np.ndarray:
    """Rotation vectors [.., 3] of rotations [.., 3, 3], for angles below about 179 deg."""
    skew = np.stack([turns[..., 2, 1] - turns[..., 1, 2], turns[..., 0, 2] - turns[..., 2, 0], turns[..., 1, 0] - turns[..., 0, 1]], -1) / 2
    sine = np.linalg.norm(skew, axis=-1)
    angle = np.arctan2(sine, (np.trace(turns, axis1=-2, axis2=-1) - 1) / 2)
    return skew * np.where(sine > 1e-9, angle / np.maximum(sine, 1e-9), 1.0)[..., None]


def encode(frames: np.ndarray, shift: np.ndarray, turn: np.ndarray) -> np.ndarray:
    """z [.., 6] of displacements c' - c [.., 3] and rotations R [.., 3, 3], both in the axes of the frames."""
    back = frames.swapaxes(-1, -2)
    return np.concatenate([(back @ shift[..., None])[..., 0] / SHIFT_MM, log(back @ turn @ frames) / TURN_RAD], -1)


def decode(frames: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Displacements [.., 3] and rotations [.., 3, 3]: the inverse of `encode`."""
    shift = (frames @ (SHIFT_MM * z[..., :3, None]))[..., 0]
    return shift, frames @ exp(TURN_RAD * z[..., 3:]) @ frames.swapaxes(-1, -2)
