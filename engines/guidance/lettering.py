"""Text in pictures without a window library: PIL's own scalable font, and a gamma, which that font lacks."""

from functools import lru_cache
from typing import Any

import numpy as np

SUBSCRIPTS = {"\N{SUBSCRIPT ZERO}": "0", "\N{SUBSCRIPT ONE}": "1"}
GAMMA = "\N{GREEK SMALL LETTER GAMMA}"
# the pen's way in ems from the base line, y down: right arm, loop below the line, left arm with its hook
STROKE = ((0.50, -0.50), (0.43, -0.34), (0.34, -0.14), (0.25, 0.04), (0.21, 0.13), (0.205, 0.19), (0.24, 0.225), (0.275, 0.19), (0.27, 0.10), (0.24, -0.04),
          (0.19, -0.24), (0.14, -0.42), (0.10, -0.49), (0.05, -0.49), (0.01, -0.42))
WIDTH, PEN, SMALL, LOWERED, FINE = 0.54, 0.075, 0.66, 0.14, 4  # ems; FINE: the stroke is drawn so many times too large
OTHER_FONTS = ("DejaVuSans.ttf", "NotoSans-Regular.ttf", "LiberationSans-Regular.ttf")  # for letters that PIL's font lacks, where installed


def width(text: str, px: int) -> float:
    """How far a line of text reaches."""
    return sum(run_width for _, run_width in _runs(text, px))


def write(image: Any, x: float, y: float, text: str, px: int, ink: str) -> None:
    """Draws one line on a PIL image; (x, y) is the left end of its base line."""
    from PIL import ImageDraw

    draw = ImageDraw.Draw(image)
    for run, run_width in _runs(text, px):
        if run == GAMMA:
            image.paste(ink, (round(x), round(y - px)), _gamma(px))
        elif run in SUBSCRIPTS:
            draw.text((x, y + LOWERED * px), SUBSCRIPTS[run], ink, font=_font(round(SMALL * px)), anchor="ls")
        else:
            draw.text((x, y), run, ink, font=_fitting(run, px), anchor="ls")
        x += run_width


def _runs(text: str, px: int) -> list[tuple[str, float]]:
    """Stretches of plain text, gammas and subscripts, each with its width."""
    runs: list[str] = []
    for letter in text:
        own = letter == GAMMA or letter in SUBSCRIPTS
        if own or not runs or runs[-1] == GAMMA or runs[-1] in SUBSCRIPTS:
            runs.append(letter)
        else:
            runs[-1] += letter
    return [(run, WIDTH * px if run == GAMMA else _font(round(SMALL * px)).getlength(SUBSCRIPTS[run]) if run in SUBSCRIPTS
             else _fitting(run, px).getlength(run)) for run in runs]


@lru_cache
def _gamma(px: int) -> Any:
    """The letter as a mask of px wide, 2 px high, its base line at px."""
    from PIL import Image, ImageDraw

    mask = Image.new("L", (px * FINE, 2 * px * FINE))
    draw, points = ImageDraw.Draw(mask), np.array(STROKE)
    place = np.linspace(0, len(points) - 1, 12 * len(points))
    path = np.stack([_smooth(place, points[:, k]) for k in (0, 1)], 1) * px * FINE + (0.5 * PEN * px * FINE, px * FINE)
    radius = PEN * px * FINE / 2
    for x, y in path:
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    draw.line([tuple(point) for point in path], fill=255, width=round(2 * radius), joint="curve")
    return mask.resize((px, 2 * px), Image.Resampling.LANCZOS)


def _smooth(place: np.ndarray, values: np.ndarray) -> np.ndarray:
    """A Catmull-Rom curve through `values` at the knots 0, 1, ..."""
    knot = np.clip(place.astype(int), 0, len(values) - 2)
    u = place - knot
    padded = np.concatenate([[2 * values[0] - values[1]], values, [2 * values[-1] - values[-2]]])
    a, b, c, d = (padded[knot + k] for k in range(4))
    return b + 0.5 * u * (c - a + u * (2 * a - 5 * b + 4 * c - d + u * (3 * (b - c) + d - a)))


@lru_cache
def _font(px: int) -> Any:
    from PIL import ImageFont

    return ImageFont.load_default(px)


@lru_cache(512)
def _fitting(text: str, px: int) -> Any:
    """PIL's own font, or another that has letters which it lacks."""
    from PIL import ImageFont

    own = _font(px)
    lacking = bytes(own.getmask("\uffff"))
    if not any(bytes(own.getmask(letter)) == lacking for letter in set(text) if not letter.isspace()):
        return own
    for name in OTHER_FONTS:
        try:
            return ImageFont.truetype(name, px)
        except OSError:
            continue
    return own
