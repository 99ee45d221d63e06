"""What a request becomes when a person takes over what a grid, an atlas or a measured table shows; and a result's small picture."""

from dataclasses import replace

from PySide6.QtGui import QImage

from engines.guidance.density import density_picture
from engines.guidance.grid import Cell
from engines.guidance.outcome import Outcome
from engines.guidance.picture import contact_sheet
from engines.guidance.quality_table import Point, adopted
from engines.guidance.request import GuidanceRequest
from widgets import tokens
from widgets.guidance import catalog
from widgets.guidance.controls import NOISE
from widgets.guidance.history import THUMB_PX
from widgets.guidance.words import inks
from widgets.image_view import to_qimage


def with_cell(request: GuidanceRequest, cell: Cell) -> GuidanceRequest:
    """A cell's settings become those of side A; noise is shared with side B as ever."""
    settings = cell.settings
    same_kind = catalog.is_toy(settings) == catalog.is_toy(request.a)
    a = replace(settings, count=request.a.count if same_kind else 5000 if catalog.is_toy(settings) else 16)
    return replace(request, a=a, b=request.b and replace(request.b, **{name: getattr(a, name) for name in NOISE}))


def with_point(request: GuidanceRequest, side: str, point: Point) -> GuidanceRequest:
    """A measured setting on side "a" or "b"."""
    return replace(request, **{side: adopted(getattr(request, side), point)})


def with_pair(request: GuidanceRequest, side: str, gamma_1: float, total: float) -> GuidanceRequest:
    """A pair of the atlas on side "a" or "b". On S = 1 it is CFG."""
    on_line = abs(total - 1) < 1e-9
    changes = {"gamma_1": gamma_1, "mode": "cfg" if on_line else "free", "gamma_0": None if on_line else round(total - gamma_1, 4)}
    return replace(request, **{side: replace(getattr(request, side), **changes)})


def thumbnail(outcome: Outcome) -> QImage:
    """Up to four images in a square; a toy's densities in the colours of the theme."""
    side = outcome.sides[0]
    if side.images is not None:
        return to_qimage(contact_sheet(side.images[:4], 1 if len(side.images) == 1 else 2)).scaled(2 * THUMB_PX, 2 * THUMB_PX)
    return to_qimage(density_picture(side.toy, inks(tokens.current()), 2 * THUMB_PX))
