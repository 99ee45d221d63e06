"""A toy's densities as a small picture: the data's in grey, the samples' over it in colour."""

from dataclasses import dataclass

import numpy as np

from engines.guidance.outcome import ToyNumbers

HEADROOM = 2.2  # a 1-D density may be this much higher than the data's before it leaves the picture at the top

LINE = 0.006  # half the width of its line, of the picture


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
    second: str


def rgb(ink: str) -> np.ndarray:
    """#rrggbb as float32 [3]."""
    return np.array([int(ink[k : k + 2], 16) for k in (1, 3, 5)], np.float32)


def density_picture(toy: ToyNumbers, inks: Inks, px: int = 192) -> np.ndarray:
    """uint8 [px, px, 3]. 1-D: the data's density filled, the samples' as a line. 2-D: both as heat, x to the right and y up."""
    ground, data, drawn = rgb(inks.panel), rgb(inks.muted), rgb(inks.accent)
    if toy.true_density.ndim == 2:
        weights = [resized(density / max(density.max(), 1e-12), px)[..., None] for density in (toy.true_density, toy.sampled_density)]
        picture = ground + 0.45 * weights[0] * (data - ground)
        return np.rint(picture + np.sqrt(weights[1]) * (drawn - picture)).astype(np.uint8)[::-1]
    top = toy.true_density.max() * HEADROOM
    place = np.linspace(0, len(toy.true_density) - 1, px)
    both = toy.true_density, toy.sampled_density
    data_px, drawn_px = ((np.minimum(np.interp(place, np.arange(len(d)), d) / top, 1.5) * px * 0.94).astype(np.float32) for d in both)
    up = (px - 0.5 - np.arange(px, dtype=np.float32)[:, None]) - np.float32(0.03 * px)  # from the base line to the middle of each row
    filled = np.clip(data_px - up + 0.5, 0, 1) * np.clip(up + 0.5, 0, 1)
    away = np.abs(up - drawn_px) / np.sqrt(1 + np.gradient(drawn_px) ** 2)  # as thick on a slope as on the level
    line = np.clip(LINE * px + 0.5 - away, 0, 1)
    picture = ground + 0.4 * filled[..., None] * (data - ground)
    return np.rint(picture + line[..., None] * (drawn - picture)).astype(np.uint8)


def resized(density: np.ndarray, px: int) -> np.ndarray:
    """[G, G] -> [px, px], linear."""
    place = np.linspace(0, len(density) - 1, px)
    rows = np.stack([np.interp(place, np.arange(len(density)), row) for row in density])
    return np.stack([np.interp(place, np.arange(len(density)), column) for column in rows.T], 1)
