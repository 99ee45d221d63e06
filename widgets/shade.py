"""Soft shadow where surfaces stand close together, from the depth of a finished picture: screen-space ambient occlusion in numpy, 7 ms a picture.

VTK's own SSAO cost 90 ms on software OpenGL, left blocks of noise on the crowns and took the background's gradient away (9.7.2).
"""

import numpy as np

from widgets.off_screen import Frame

RINGS_MM = (0.4, 0.8, 1.3, 1.9)  # how far around a pixel the depth is asked
WAYS = 5  # directions on each ring, each to both sides
BIAS_MM, REACH_MM = 0.12, 3.0  # steps below the first are the surface's own slope, beyond the second another part of the mouth
STRENGTH, GAIN = 0.42, 1.2
CELLS = 360  # of the map along the longer side
BLUR = 2  # cells to each side, twice


def contact_shadow(frame: Frame, px_per_mm: float) -> np.ndarray:
    """uint8 [h, w] darkness on a coarse grid, rows from the bottom as in the frame; px_per_mm of the frame at the focus. Empty without depth."""
    if not frame.depth.size:
        return np.zeros((0, 0), np.uint8)
    step = max(1, round(max(frame.depth.shape) / CELLS))
    raw = frame.depth[::step, ::step]
    depth = frame.near * frame.far / (frame.far - raw * (frame.far - frame.near))
    there = raw < 1.0
    dark = np.zeros_like(depth)
    count = 0
    for ring, radius in enumerate(RINGS_MM):
        cells = radius * px_per_mm / step
        if cells < 0.7:
            continue
        for way in range(WAYS):
            angle = np.pi * (way + 0.37 * ring) / WAYS
            move = np.rint(cells * np.array([np.sin(angle), np.cos(angle)])).astype(int)
            ahead, behind = _rise(depth, move), _rise(depth, -move)
            # a slope rises on one side as much as it falls on the other: only what rises more is a hollow
            dark += _share(np.maximum(ahead, behind) + np.minimum(np.minimum(ahead, behind), 0), radius)
            count += 1
    if not count:
        return np.zeros((0, 0), np.uint8)
    dark = _blurred(_blurred(np.where(there, dark / count, 0.0)))
    return np.where(there, 255 * np.minimum(STRENGTH, GAIN * dark), 0).astype(np.uint8)


def _rise(depth: np.ndarray, move: np.ndarray) -> np.ndarray:
    """mm by which the neighbour at `move` cells stands nearer; far below beyond the picture's edge, so that nothing is guessed there."""
    rows, columns = depth.shape
    result = np.full_like(depth, -10 * REACH_MM)
    here = tuple(slice(max(0, -m), side - max(0, m)) for m, side in zip(move, (rows, columns), strict=True))
    there = tuple(slice(max(0, m), side - max(0, -m)) for m, side in zip(move, (rows, columns), strict=True))
    result[here] = depth[here] - depth[there]
    return result


def _share(rise: np.ndarray, radius: float) -> np.ndarray:
    return np.clip((rise - BIAS_MM) / radius, 0, 1) * np.clip((REACH_MM - rise) / (0.6 * REACH_MM), 0, 1)


def _blurred(values: np.ndarray) -> np.ndarray:
    """The mean over a square of 2 BLUR + 1 cells."""
    width = 2 * BLUR + 1
    for axis in (0, 1):
        padded = np.pad(values, [(BLUR + 1, BLUR) if one == axis else (0, 0) for one in (0, 1)], mode="edge")
        summed = np.cumsum(padded, axis)
        values = (np.take(summed, range(width, summed.shape[axis]), axis) - np.take(summed, range(summed.shape[axis] - width), axis)) / width
    return values
