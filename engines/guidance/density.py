"""A toy's densities as a small picture: the data's in grey, the samples' over it in colour."""

from dataclasses import dataclass

import numpy as np

from engines.guidance.outcome import ToyNumbers

HEADROOM = 1.6  # a 1-D density may be this much higher than the data's before it touches the edge


@dataclass(frozen=True)
class Inks:
    """Colours #rrggbb; engines have none of their own."""

    ground: str
    panel: str
    control: str
    border: str
    text: str
    muted: str
    accent: str
    bad: str


def rgb(ink: str) -> np.ndarray:
    """#rrggbb as float [3]."""
    return np.array([int(ink[k : k + 2], 16) for k in (1, 3, 5)], float)


def density_picture(toy: ToyNumbers, inks: Inks, px: int = 192) -> np.ndarray:
    """uint8 [px, px, 3]. 1-D: the data's density filled, the samples' as a line. 2-D: both as heat, x to the right and y up."""
    ground, data, drawn = rgb(inks.panel), rgb(inks.muted), rgb(inks.accent)
    if toy.true_density.ndim == 2:
        weights = [_resized(density / max(density.max(), 1e-12), px)[..., None] for density in (toy.true_density, toy.sampled_density)]
        picture = ground + 0.45 * weights[0] * (data - ground)
        return np.rint(picture + np.sqrt(weights[1]) * (drawn - picture)).astype(np.uint8)[::-1]
    fine = 3 * px  # drawn three times too large and averaged: smooth edges
    top = toy.true_density.max() * HEADROOM
    place = np.linspace(0, len(toy.true_density) - 1, fine)
    heights = [np.clip(np.interp(place, np.arange(len(d)), d) / top, 0, 0.98) * fine * 0.94 for d in (toy.true_density, toy.sampled_density)]
    up = fine - 1 - np.arange(fine)[:, None] - 0.03 * fine
    picture = np.broadcast_to(ground, (fine, fine, 3)).copy()
    picture[(up >= 0) & (up < heights[0])] = ground + 0.4 * (data - ground)
    slope = np.gradient(heights[1])
    picture[np.abs(up - heights[1]) < 0.008 * fine * np.sqrt(1 + slope**2)] = drawn  # as thick on a slope as on the level
    return np.rint(picture.reshape(px, 3, px, 3, 3).mean((1, 3))).astype(np.uint8)


def _resized(density: np.ndarray, px: int) -> np.ndarray:
    """[G, G] -> [px, px], linear."""
    place = np.linspace(0, len(density) - 1, px)
    rows = np.stack([np.interp(place, np.arange(len(density)), row) for row in density])
    return np.stack([np.interp(place, np.arange(len(density)), column) for column in rows.T], 1)
