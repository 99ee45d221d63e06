"""The lower end of a crown: a flat cap at the cervix, or tapered roots, one to three, that part below a common trunk."""

import numpy as np

TRUNK = 0.28  # part of the root's length before it divides
RINGS = 9


def close_base(points: np.ndarray, faces: np.ndarray, around: int, apices: tuple[tuple[float, float], ...], root_mm: float) -> tuple[np.ndarray, np.ndarray]:
    """points [V, 3], faces [F, 3] of a closed mesh. The first `around` points are the cervix, counter-clockwise from above.

    apices: where each root ends, in half widths of the cervix. root_mm = 0 gives a flat cap.
    """
    loop = np.arange(around)
    if root_mm <= 0:
        middle = points[:around].mean(0)
        return _fan(points, faces, loop, middle)
    half = np.ptp(points[:around, :2], axis=0) / 2
    if len(apices) == 1:
        apex = np.array([apices[0][0] * half[0] - .06 * root_mm, apices[0][1] * half[1], -root_mm])
        return _taper(points, faces, loop, apex)
    trunk = points[:around].copy()
    trunk[:, :2] = trunk[:, :2] * .93
    trunk[:, 2] = -TRUNK * root_mm + .3 * (trunk[:, 2] - trunk[:, 2].mean())
    points, faces, loop = _ring(points, faces, loop, .5 * (points[loop] + trunk) + [0, 0, -.02])
    points, faces, loop = _ring(points, faces, loop, trunk)
    return _divide(points, faces, loop, [np.array([x * half[0] - .04 * root_mm, y * half[1], -root_mm]) for x, y in apices])


def _divide(points: np.ndarray, faces: np.ndarray, loop: np.ndarray, apices: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Splits a loop into as many loops as there are roots, by chords from the loop to one point in the middle."""
    centre = points[loop].mean(0)
    angle = np.arctan2(*(points[loop, :2] - centre[:2]).T[::-1])
    towards = np.sort([np.arctan2(apex[1] - centre[1], apex[0] - centre[0]) for apex in apices])
    apices = sorted(apices, key=lambda apex: np.arctan2(apex[1] - centre[1], apex[0] - centre[0]))
    gaps = [(a + (b - a) % (2 * np.pi) / 2) for a, b in zip(towards, np.roll(towards, -1), strict=True)]  # after root k
    cuts = [int(np.argmin(np.abs(np.angle(np.exp(1j * (angle - gap)))))) for gap in gaps]
    middle = len(points)
    points = np.concatenate([points, [centre + [0, 0, .6]]])
    chords = []
    for cut in cuts:
        t = np.linspace(0, 1, 6)[1:-1, None]
        line = points[loop[cut]] * (1 - t) + points[middle] * t + np.array([0, 0, .5]) * np.sin(np.pi * t)
        chords.append(np.arange(len(points), len(points) + len(t)))
        points = np.concatenate([points, line])
    for k, apex in enumerate(apices):  # from the cut before root k along the loop to the cut after it, and back through the middle
        first, last = cuts[k - 1], cuts[k]
        arc = loop[(first + np.arange((last - first) % len(loop) + 1)) % len(loop)]
        points, faces = _taper(points, faces, np.concatenate([arc, chords[k], [middle], chords[k - 1][::-1]]), apex)
    return points, faces


def _taper(points: np.ndarray, faces: np.ndarray, loop: np.ndarray, apex: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    start, centre = points[loop], points[loop].mean(0)
    for t in np.linspace(0, 1, RINGS + 1)[1:]:
        t = t**.9
        width = (1 - t**1.7) * .97 + .03
        middle = centre + (apex - centre) * np.array([t**1.6, t**1.6, t])
        flat = (1 - t)**2 * np.array([0, 0, 1.0])
        points, faces, loop = _ring(points, faces, loop, middle + (start - centre) * (np.array([width, width, 0]) + flat))
    return _fan(points, faces, loop, points[loop].mean(0) - [0, 0, .15])


def _ring(points: np.ndarray, faces: np.ndarray, loop: np.ndarray, ring: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    new = np.arange(len(points), len(points) + len(ring))
    a, b, c, d = loop, np.roll(loop, -1), new, np.roll(new, -1)
    more = np.concatenate([np.stack([a, c, d], -1), np.stack([a, d, b], -1)])
    return np.concatenate([points, ring]), np.concatenate([faces, more]), new


def _fan(points: np.ndarray, faces: np.ndarray, loop: np.ndarray, middle: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    fan = np.stack([loop, np.full(len(loop), len(points)), np.roll(loop, -1)], -1)
    return np.concatenate([points, middle[None]]), np.concatenate([faces, fan])
