"""A grid of pictures over two controls: which cells it has, in what order they are drawn, and what they share."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from engines.diffusion.solver_names import evaluations
from engines.guidance.outcome import Side
from engines.guidance.request import DRAFT_POINTS, TOYS, Grid, GuidanceRequest, Sampling, refitted
from engines.job import EngineError, Job

if TYPE_CHECKING:
    from engines.guidance.engine import GuidanceEngine

ONLY_IN = {"gamma_0": "free", "sharpness": "calibrated"}  # controls that one mode alone reads; as an axis they bring it with them
PARTNERS = {"blend": ("label_2", "a second class"), "seed_mix": ("seed_2", "a second seed")}


@dataclass(frozen=True)
class Cell:
    """One finished cell. `side` is None where it failed; `error` and `remedy` say why. `again`: not drawn this time but taken over."""

    row: int
    column: int
    settings: Sampling
    side: Side | None = None
    error: str = ""
    remedy: str = ""
    again: bool = False


@dataclass(frozen=True)
class GridResult:
    """A drawn grid. nfe: network evaluations that this run made; nfe_alone: what its cells would cost one by one."""

    request: GuidanceRequest
    cells: tuple[Cell, ...]
    nfe: int
    nfe_alone: int
    seconds: float


def cell_settings(base: Sampling, grid: Grid, row: int, column: int) -> Sampling:
    """The settings of one cell. A toy's densities need more than a few points, so it takes those of a draft.

    An axis that only one mode reads (gamma_0, sharpness) puts the cell in that mode, unless the mode is the other axis.
    """
    changes = {grid.x: grid.x_values[column]} | ({grid.y: grid.y_values[row]} if grid.y is not None else {})
    for name in ONLY_IN.keys() & changes.keys():
        changes.setdefault("mode", ONLY_IN[name])
    settings = refitted(base, replace(base, **changes))
    return replace(settings, count=DRAFT_POINTS if settings.model in TOYS else grid.each)


@lru_cache(16)
def cells(request: GuidanceRequest) -> dict[tuple[int, int], Sampling]:
    """(row, column) -> settings of every cell. EngineError where an axis cannot act on this request. Only to be read."""
    grid, base = request.grid or Grid(), request.a
    names = [name for name, _ in grid.axes()]
    for name, (partner, words) in PARTNERS.items():
        if name in names and partner not in names and getattr(base, partner) is None:
            raise EngineError(f"{name} is an axis, and there is nothing to mix with.", remedy=f"Choose {words} ({partner}).")
    if base.mode == "curve" and base.curve_1 and "gamma_1" in names and "mode" not in names:
        raise EngineError("gamma_1 is an axis, and the curve says what it is at every noise level.", remedy="Choose another axis, or another mode.")
    if "model" not in names:
        flat = base.model == "toy-1d"
        if "c" in names and not flat:
            raise EngineError(f"c is an axis, and {base.model} has classes by number.", remedy="Use label, or the model toy-1d.")
        if "label" in names and flat:
            raise EngineError("label is an axis, and the class of toy-1d is the number c.", remedy="Use c.")
    return {(row, column): cell_settings(base, grid, row, column) for row in range(grid.rows) for column in range(grid.columns)}


def order(rows: int, columns: int) -> Iterator[tuple[int, int]]:
    """Every (row, column) once: the corners first, then always the cell farthest from those before it.

    So the ends of both axes and their middle are seen early, and the last cells only fill in.
    """
    places = [(row / max(rows - 1, 1), column / max(columns - 1, 1), row, column) for row in range(rows) for column in range(columns)]
    near = {place: float("inf") for place in places}
    while near:
        place = max(near, key=near.get)  # the first of several in reading order
        del near[place]
        yield place[2:]
        for other in near:
            near[other] = min(near[other], (place[0] - other[0]) ** 2 + (place[1] - other[1]) ** 2)


def weight(settings: Sampling) -> int:
    """What a cell costs beside others, for the progress bar."""
    return evaluations(settings.sampler, settings.steps)


@dataclass(frozen=True)
class GridTask:
    """Draws a request's grid, cell after cell. Each Cell is told as news; a failed one does not stop the others.

    `known` are sides that need not be drawn again; `folder` keeps finished cells on disk, where an interrupted run finds
    them. EngineError where no cell at all could be drawn; Cancelled, with every cell told so far finished and kept.
    """

    request: GuidanceRequest
    folder: Path | None = None
    known: Mapping[Sampling, Side] = field(default_factory=dict, compare=False)

    def carry_out(self, engine: "GuidanceEngine", job: Job) -> GridResult:
        from engines.guidance.memo import Memo
        from engines.guidance.store import Store

        started, memo, store = time.perf_counter(), Memo(), Store(self.folder, engine) if self.folder else None
        places, grid = cells(self.request), self.request.grid or Grid()
        asked = dict.fromkeys(places.values())  # settings that occur twice are drawn once
        total, done, found = sum(map(weight, asked)), 0, []
        drawn: dict[Sampling, Cell] = {}
        for place in order(grid.rows, grid.columns):
            settings = places[place]
            if settings not in drawn:
                def tell(step: int, steps: int, done: int = done, part: int = weight(settings)) -> None:
                    job.progress(done * steps + part * step, total * steps, f"Cell {len(found) + 1} of {len(places)}")

                tell(0, 1)
                drawn[settings] = self._cell(settings, engine, job, tell, memo, store)
                done += weight(settings)
            found.append(replace(drawn[settings], row=place[0], column=place[1]))
            job.news(found[-1])
        if failed := [cell for cell in found if cell.side is None]:
            if len(failed) == len(found):
                raise EngineError(failed[0].error, remedy=failed[0].remedy)
        alone = sum(cell.side.nfe for cell in found if cell.side)
        return GridResult(self.request, tuple(sorted(found, key=lambda cell: (cell.row, cell.column))), memo.nfe, alone, time.perf_counter() - started)

    def _cell(self, settings: Sampling, engine: "GuidanceEngine", job: Job, tell, memo, store) -> Cell:
        """One cell, from what is known or drawn; row and column are filled in by the caller."""
        try:
            side = self.known.get(settings) or (store.load(settings) if store else None)
            if side is not None:
                return Cell(0, 0, settings, side, again=True)
            side = engine.side(settings, job, tell=tell, memo=memo)
            if store:
                store.save(side)
            return Cell(0, 0, settings, side)
        except EngineError as error:
            return Cell(0, 0, settings, error=str(error), remedy=error.remedy)
