"""The pages that take the picture's place: the grid, the large atlas, quality against steps; and what becomes of the request when a person adopts
what they show.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from engines.guidance.grid import Cell
from engines.guidance.outcome import Outcome
from engines.guidance.quality_table import Point
from engines.guidance.request import GuidanceRequest
from engines.job import EngineError
from widgets.guidance import adopt, quality_words
from widgets.guidance.atlas_desk import AtlasDesk
from widgets.guidance.atlas_panel import AtlasPanel
from widgets.guidance.axis_text import suggested
from widgets.guidance.grid_run import GridRun
from widgets.guidance.insight import scrolled
from widgets.guidance.quality_desk import QualityDesk
from widgets.guidance.quality_page import QualityPage
from widgets.plots import Plot


class Pages(QObject):
    """`window` is the Guidance workspace, whose controls, stage and insight are there already. `noticed` and `worked` as a workspace has them."""

    noticed = Signal(str, str, str)
    worked = Signal(str)

    def __init__(self, window: Any, document: Any, background: Any, samples: Path, cache: str) -> None:
        super().__init__(window)
        self._window, self._document = window, document
        self._controls, self._stage = window.controls, window.stage
        self.grid_run = GridRun(background, self)
        self.atlas = AtlasDesk(background, cache, self)
        self.atlas_panels = [AtlasPanel(self.atlas, samples, large) for large in (False, True)]
        self.quality_desk = QualityDesk(background, samples, cache, self)
        self.quality = QualityPage(self.quality_desk)

    def lay_out(self) -> None:
        """The small atlas goes beside the pictures, the pages into their place."""
        self._window.insight.add("Atlas", scrolled(self.atlas_panels[0]),
                                 "A map of what every pair of coefficients does to the mean and the variety of the class")
        for page in (self.atlas_panels[1], self.quality):
            self._stage.add_page(page)

    def connect_parts(self) -> None:
        """Everything that the pages and the controls ask of each other."""
        grid, controls = self._stage.grid, self._controls
        asked = {"draw": self.draw_grid, "cancel": self.grid_run.cancel, "leave": self.leave}
        grid.bind(self.grid_run)
        for source in (grid, controls.grid):
            source.asked.connect(lambda word: asked[word]())
        grid.adopted.connect(self._adopt_cell)
        grid.noticed.connect(self.noticed)
        for source in (grid.worked, self.grid_run.finished, self.quality_desk.finished):
            source.connect(self.worked)
        for told in (self.grid_run.changed, self.grid_run.progressed):
            told.connect(lambda: controls.grid.show_run(self.grid_run))
        for panel in self.atlas_panels:
            panel.adopted.connect(self._adopt_pair)
            panel.enlarged.connect(lambda: self._show(self.atlas_panels[1]))
            panel.closed.connect(self.leave)
            for other in self.atlas_panels:
                panel.layer_chosen.connect(other.set_layer)
        for plot in (*(panel.map for panel in self.atlas_panels), *self._window.findChildren(Plot)):
            plot.saved.connect(self.worked)
            plot.save_failed.connect(lambda error: self.noticed.emit("bad", str(error), error.remedy))
        self._stage.left.connect(self.leave)
        controls.side.changed.connect(lambda side: self.show_settings())
        controls.quality_asked.connect(self.toggle_quality)
        self.quality.adopted.connect(self._adopt_point)
        self.quality.left.connect(self.leave)
        self.quality.model_asked.connect(controls.choose_model)

    def commands(self) -> dict[str, Callable[..., object]]:
        return {"guidance.grid": self.toggle_grid, "guidance.atlas": self.toggle_atlas, "guidance.quality": self.toggle_quality}

    # showing ---------------------------------------------------------------------------------------------------------
    def show_settings(self) -> None:
        """The side that the controls show is the one that an atlas and measurements are wanted for."""
        settings = self._controls.shown()
        self.atlas.show_settings(settings)
        for panel in self.atlas_panels:
            panel.show_settings(settings, self._window.names())
        self.quality.show_settings(settings)

    def show_outcome(self, outcome: Outcome) -> None:
        """A finished result tells what its model is and how fast it is here."""
        self.atlas.show_outcome(outcome)
        self.quality_desk.show_outcome(outcome)

    def _show(self, page: QWidget) -> None:
        """A page in the picture's place; the film belongs to the picture and is put away."""
        self._window.leave_film()
        self._stage.show_page(page)

    def leave(self) -> None:
        """Back to the picture."""
        self._stage.leave_page(self._document.request)

    def toggle_grid(self) -> None:
        if self._stage.grid_shown():
            self.leave()
        else:
            self._show(self._stage.grid)
            self._controls.show_grid()

    def toggle_atlas(self) -> None:
        """Large on the stage, or back to the picture."""
        if self._stage.pages.currentWidget() is self.atlas_panels[1]:
            self.leave()
        else:
            self._window.insight.tabs.show_page("Atlas")
            self._show(self.atlas_panels[1])
            self.atlas_panels[1].map.setFocus()

    def toggle_quality(self) -> None:
        """Quality against steps in the picture's place, or back to the picture."""
        if self._stage.pages.currentWidget() is self.quality:
            self.leave()
        else:
            self._show(self.quality)

    # asking and adopting ---------------------------------------------------------------------------------------------
    def draw_grid(self) -> None:
        """Draws the grid that the request asks for; the one that is offered becomes the request's."""
        request = self._document.request
        if request.grid is None:
            request = replace(request, grid=suggested(request.a))
            self._document.replace(request, "grid")
        try:
            self.grid_run.draw(request)
        except EngineError as error:
            return self.noticed.emit("bad", str(error), error.remedy)
        if not self._stage.grid_shown():
            self.toggle_grid()

    def _adopt_cell(self, cell: Cell) -> None:
        if self._stage.grid_shown():
            self.leave()
        self._document.replace(adopt.with_cell(self._document.request, cell), "grid cell")

    def _adopt_point(self, point: Point) -> None:
        self._document.replace(adopt.with_point(self._document.request, self._side(), point), "measured setting")
        self.worked.emit(f"Adopted {quality_words.setting(point)}")

    def _adopt_pair(self, gamma_1: float, total: float) -> None:
        self._document.replace(adopt.with_pair(self._document.request, self._side(), gamma_1, total), "pair of the atlas")

    def _side(self) -> str:
        """The side whose values the controls show."""
        request: GuidanceRequest = self._document.request
        return "b" if request.b is not None and self._controls.shown() is request.b else "a"
