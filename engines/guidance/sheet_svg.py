"""A sheet as SVG: text that stays text, every cell as an embedded PNG of its own pixels, the request in the metadata."""

import base64
import io
import json
from typing import Any
from xml.sax.saxutils import escape

import numpy as np

from engines.guidance.density import Inks
from engines.guidance.sheet import Layout, Slot, Word

HEAD = ('<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="{w}" height="{h}" viewBox="0 0 {w} {h}" '
        'font-family="Helvetica, Arial, Liberation Sans, sans-serif">')
CRISP = "image-rendering:optimizeSpeed;image-rendering:pixelated"  # the first is what older readers know


def svg_text(layout: Layout, title: str, about: dict[str, Any], inks: Inks) -> str:
    """The whole file as text."""
    lines = [HEAD.format(w=layout.width, h=layout.height), f"<title>{escape(title)}</title>", f'<metadata id="vernier">{escape(json.dumps(about))}</metadata>',
             f'<rect width="{layout.width}" height="{layout.height}" fill="{inks.panel}"/>']
    lines += [_field(slot, inks) for slot in layout.slots]
    lines += [_line(word) for word in layout.words if word.text]
    return "\n".join([*lines, "</svg>\n"])


def _field(slot: Slot, inks: Inks) -> str:
    x, y, width, height = slot.box
    place = f'x="{x}" y="{y}" width="{width}" height="{height}"'
    if slot.picture is None:
        return f'<rect {place} fill="{inks.control}"/>'
    style = f' style="{CRISP}"' if width > slot.picture.shape[1] else ""
    frame = f'<rect x="{x - 0.5}" y="{y - 0.5}" width="{width + 1}" height="{height + 1}" fill="none" stroke="{inks.border}"/>'
    return f'{frame}<image {place}{style} xlink:href="data:image/png;base64,{_png(slot.picture)}"/>'


def _png(picture: np.ndarray) -> str:
    """uint8 [H, W, C] as a PNG in base64."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(picture.squeeze()).save(file, "PNG", optimize=True)
    return base64.b64encode(file.getvalue()).decode()


def _line(word: Word) -> str:
    look = f'font-size="{word.px}" fill="{word.ink}"'
    if word.anchor == "upwards":
        x = round(word.x + 0.8 * word.px, 1)  # the base line of text that is turned to the left
        return f'<text transform="translate({x} {word.y:.1f}) rotate(-90)" {look} text-anchor="middle">{escape(word.text)}</text>'
    return f'<text x="{word.x:.1f}" y="{word.y:.1f}" {look} text-anchor="{word.anchor}">{escape(word.text)}</text>'
