"""A toy's film: the points after each step over the density of their class, with the paths behind them, as the toy view shows them.

1-D: densities of the data and of each side above the paths of 24 samples. 2-D: one plane a side. Colours come from the caller.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engines.guidance import lettering
from engines.guidance.density import Inks, resized, rgb
from engines.guidance.film import write_film
from engines.guidance.outcome import Side
from engines.job import Job

REACH, PLANE_PX, LINE_PX = 4.0, 460, (640, 300, 180)  # the plane's half width; its pixels; width of a line's plots and their two heights
PLANE_PATHS, LINE_PATHS = 32, 24  # as many as the view draws
EDGE_PX, FOOT_PX, HEAD_PX, WORD_PX, LABEL_PX = 44, 24, 34, 15, 12
DOT_PX, DOT_ALPHA, PATH_ALPHA, FILL_ALPHA = 3, 0.55, 0.25, 0.18
FINE = 2  # dots are spread on a raster so many times finer
SUB = 4  # bits of a pixel's fraction in OpenCV's lines


@dataclass(frozen=True, eq=False)
class SaveToyFilm:
    """Writes the film of one or two toys of the same kind: a task for the background lane. `titles` name the sides, `about` goes with every PNG."""

    path: Path
    sides: tuple[Side, ...]
    about: dict[str, Any]
    inks: Inks
    titles: tuple[str, ...]

    def carry_out(self, engine: Any, job: Job) -> list[str]:
        """The files written. EngineError where they cannot be, Cancelled; neither leaves anything behind."""
        return write_film(self.path, frames(self.sides, self.inks, self.titles), len(levels(self.sides)), self.about, job)


def levels(sides: Sequence[Side]) -> tuple[float, ...]:
    """Noise level at the start of every step, of the side with the most."""
    each = [side.per_step["step_rho"] for side in sides]
    return tuple(float(level) for level in max(each, key=len))


def density_after(side: Side, step: int | None) -> np.ndarray:
    """A 1-D toy's density over its axis: at the end as the engine gives it, after a step from the paths that are kept."""
    if step is None:
        return side.toy.sampled_density
    axis = side.toy.axes[0]
    points = side.trajectories[min(step + 1, len(side.trajectories) - 1), :, 0]
    width = 1.06 * max(float(points.std()), 0.05) * len(points) ** -0.2  # Silverman's bandwidth
    return np.exp(-0.5 * ((axis[:, None] - points[None]) / width) ** 2).mean(1) / (width * np.sqrt(2 * np.pi))


def frames(sides: Sequence[Side], inks: Inks, titles: Sequence[str]) -> Iterator[np.ndarray]:
    """uint8 [H, W, 3] after each step; all sides are toys of as many dimensions."""
    ends, flat = levels(sides), len(sides[0].toy.axes) == 1
    painted = _line(sides, inks, titles, len(ends)) if flat else _planes(sides, inks, titles, len(ends))
    for step, (picture, level) in enumerate(zip(painted, ends, strict=True)):
        text = f"step {step + 1} of {len(ends)}, noise level {f'{level:.0f}' if level >= 10 else f'{level:.2g}'}"
        yield _lettered(picture, [(EDGE_PX, len(picture) - 8, text, LABEL_PX, inks.muted)])


@dataclass(frozen=True)
class _Plot:
    """A box of pixels (left, top, width, height) that shows x and y between two ends each, y upwards."""

    box: tuple[int, int, int, int]
    x: tuple[float, float]
    y: tuple[float, float]

    def places(self, xy: np.ndarray) -> np.ndarray:
        """[..., 2] in units -> pixels of the whole picture; far outside is brought near, for OpenCV counts in whole numbers."""
        left, top, width, height = self.box
        across = (xy[..., 0] - self.x[0]) / (self.x[1] - self.x[0]) * width + left
        down = (self.y[1] - xy[..., 1]) / (self.y[1] - self.y[0]) * height + top
        return np.clip(np.stack([across, down], -1), -4000, 8000)

    def cut(self, picture: np.ndarray) -> np.ndarray:
        """The part of a picture inside the box, a view."""
        left, top, width, height = self.box
        return picture[top : top + height, left : left + width]


def _planes(sides: Sequence[Side], inks: Inks, titles: Sequence[str], steps: int) -> Iterator[np.ndarray]:
    """2-D: dots over the class's density, one plane a side."""
    plots = [_Plot((EDGE_PX + k * (PLANE_PX + EDGE_PX), HEAD_PX, PLANE_PX, PLANE_PX), (-REACH, REACH), (-REACH, REACH)) for k in range(len(sides))]
    width = plots[-1].box[0] + PLANE_PX + EDGE_PX // 2
    ground = np.full((HEAD_PX + PLANE_PX + 2 * FOOT_PX, width, 3), rgb(inks.panel), np.float32)
    words = []
    for plot, side, title, ink in zip(plots, sides, titles, (inks.accent, inks.second), strict=False):
        heat = resized(side.toy.true_density / max(side.toy.true_density.max(), 1e-12), PLANE_PX)[::-1, :, None]
        cut = plot.cut(ground)
        cut += heat * (rgb(inks.muted) - cut)
        words += [(plot.box[0], HEAD_PX - 12, title, WORD_PX, ink), *_axes(ground, plot, inks, range(-4, 5, 2), range(-4, 5, 2))]
    ground = _lettered(ground, words).astype(np.float32)
    for step in range(steps):
        picture = ground.copy()
        for plot, side, ink in zip(plots, sides, (inks.accent, inks.second), strict=False):
            walked = side.trajectories[: step + 2]
            _blend(plot.cut(picture), plot.cut(_lines(picture.shape, plot, walked[:, :PLANE_PATHS].transpose(1, 0, 2), 1)), inks.text, PATH_ALPHA)
            _dots(plot.cut(picture), plot.places(walked[-1]) - plot.box[:2], ink)
        yield np.rint(picture).astype(np.uint8)


def _line(sides: Sequence[Side], inks: Inks, titles: Sequence[str], steps: int) -> Iterator[np.ndarray]:
    """1-D: the densities, and below them the paths from noise (left) to their end."""
    axis, truth = sides[0].toy.axes[0], sides[0].toy.true_density
    width, upper, lower = LINE_PX
    highest = 1.05 * max(float(truth.max()), *(float(side.toy.sampled_density.max()) for side in sides))
    longest = max(len(side.trajectories) for side in sides) - 1
    paths = np.concatenate([side.trajectories[:, :LINE_PATHS].ravel() for side in sides])
    margin = 0.05 * float(np.ptp(paths)) + 0.1
    above = _Plot((EDGE_PX, HEAD_PX, width, upper), (float(axis[0]), float(axis[-1])), (0.0, highest))
    below = _Plot((EDGE_PX, HEAD_PX + upper + FOOT_PX + 8, width, lower), (0.0, float(longest)),
                  (float(paths.min()) - margin, float(paths.max()) + margin))
    ground = np.full((below.box[1] + lower + 2 * FOOT_PX, width + EDGE_PX + EDGE_PX // 2, 3), rgb(inks.panel), np.float32)
    filled = _filled(ground.shape, above, axis, truth)
    _blend(above.cut(ground), above.cut(filled), inks.muted, FILL_ALPHA)
    _blend(above.cut(ground), above.cut(_lines(ground.shape, above, np.stack([axis, truth], -1)[None], 2)), inks.muted, 1.0)
    words, x = [(EDGE_PX, HEAD_PX - 12, "data q(x | c)", WORD_PX, inks.muted)], EDGE_PX + lettering.width("data q(x | c)", WORD_PX) + 24
    for title, ink in zip(titles, (inks.accent, inks.second), strict=False):
        words.append((round(x), HEAD_PX - 12, title, WORD_PX, ink))
        x += lettering.width(title, WORD_PX) + 24
    words += _axes(ground, above, inks, range(-6, 7, 2), ()) + _axes(ground, below, inks, _whole(longest), ())
    for side in sides:
        _blend(below.cut(ground), below.cut(_lines(ground.shape, below, _walks(side, longest + 1), 1)), inks.border, 1.0)
    ground = _lettered(ground, words).astype(np.float32)
    for step in range(steps):
        picture = ground.copy()
        for side, ink in zip(sides, (inks.accent, inks.second), strict=False):
            drawn = density_after(side, None if step == steps - 1 else step)
            _blend(above.cut(picture), above.cut(_lines(picture.shape, above, np.stack([axis, drawn], -1)[None], 2)), ink, 1.0)
            _blend(below.cut(picture), below.cut(_lines(picture.shape, below, _walks(side, step + 2), 1)), ink, 1.0)
        yield np.rint(picture).astype(np.uint8)


def _walks(side: Side, steps: int) -> np.ndarray:
    """(step, x) of the first paths, [paths, steps, 2]."""
    paths = side.trajectories[:steps, :LINE_PATHS, 0].T
    return np.stack([np.broadcast_to(np.arange(paths.shape[1], dtype=float), paths.shape), paths], -1)


def _whole(longest: int) -> list[int]:
    """Steps to name under the paths: at most six, evenly."""
    step = next(k for k in (1, 2, 5, 10, 20, 25, 50, 100, 200, 500) if longest <= 5 * k or k == 500)
    return list(range(0, longest + 1, step))


def _lines(shape: tuple[int, ...], plot: _Plot, lines: np.ndarray, thickness: int) -> np.ndarray:
    """How much of each pixel of a picture the lines [lines, points, 2] cover, [H, W] in 0..1."""
    import cv2

    mask = np.zeros(shape[:2], np.uint8)
    cv2.polylines(mask, list(np.ascontiguousarray(np.rint(plot.places(lines) * 2**SUB), np.int32)), False, 255, thickness, cv2.LINE_AA, SUB)
    return mask / np.float32(255)


def _filled(shape: tuple[int, ...], plot: _Plot, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The area under a curve, [H, W] in 0..1."""
    import cv2

    outline = plot.places(np.concatenate([[[x[0], 0.0]], np.stack([x, y], -1), [[x[-1], 0.0]]]))
    mask = np.zeros(shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.rint(outline * 2**SUB).astype(np.int32)], 255, cv2.LINE_AA, SUB)
    return mask / np.float32(255)


def _dots(picture: np.ndarray, places: np.ndarray, ink: str) -> None:
    """Round dots, each letting what lies below shine through; `places` [N, 2] in pixels of the picture."""
    import cv2

    height, width = picture.shape[:2]
    counts = np.zeros((height * FINE, width * FINE), np.float32)
    at = np.floor(places * FINE).astype(int)
    at = at[((at >= 0) & (at < [width * FINE, height * FINE])).all(1)]
    np.add.at(counts, (at[:, 1], at[:, 0]), 1)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (DOT_PX * FINE, DOT_PX * FINE)).astype(np.float32)
    covered = 1 - (1 - DOT_ALPHA) ** cv2.filter2D(counts, -1, disc, borderType=cv2.BORDER_CONSTANT)
    _blend(picture, cv2.resize(covered, (width, height), interpolation=cv2.INTER_AREA), ink, 1.0)


def _blend(picture: np.ndarray, cover: np.ndarray, ink: str, alpha: float) -> None:
    """Lays a colour over a picture in place, as far as `cover` [H, W] goes."""
    picture += (alpha * cover)[..., None] * (rgb(ink) - picture)


def _axes(picture: np.ndarray, plot: _Plot, inks: Inks, across: Sequence[int], up: Sequence[int]) -> list[tuple[float, float, str, int, str]]:
    """Draws the left and lower edge of a plot with small ticks; the labels, to be written."""
    left, top, width, height = plot.box
    picture[top : top + height, left - 1] = picture[top + height, left - 1 : left + width] = rgb(inks.border)
    words = []
    for value in across:
        x = int(plot.places(np.array([float(value), plot.y[0]]))[0])
        picture[top + height : top + height + 4, min(x, left + width - 1)] = rgb(inks.border)
        text = f"{value}".replace("-", "\N{MINUS SIGN}")
        words.append((x - lettering.width(text, LABEL_PX) / 2, top + height + 6 + LABEL_PX, text, LABEL_PX, inks.muted))
    for value in up:
        y = int(plot.places(np.array([plot.x[0], float(value)]))[1])
        picture[min(y, top + height - 1), left - 5 : left - 1] = rgb(inks.border)
        text = f"{value}".replace("-", "\N{MINUS SIGN}")
        words.append((left - 9 - lettering.width(text, LABEL_PX), y + 0.35 * LABEL_PX, text, LABEL_PX, inks.muted))
    return words


def _lettered(picture: np.ndarray, words: Sequence[tuple[float, float, str, int, str]]) -> np.ndarray:
    """A picture with lines of text (left, base line, text, px, ink), uint8."""
    from PIL import Image

    image = Image.fromarray(np.rint(picture).astype(np.uint8))
    for x, y, text, px, ink in words:
        lettering.write(image, x, y, text, px, ink)
    return np.asarray(image)
