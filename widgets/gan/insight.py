"""The right panel: the numbers now, their curves, and several seeds."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QGridLayout, QScrollArea, QVBoxLayout, QWidget

from engines.gan.outcome import GanOutcome, Measures
from widgets import tokens
from widgets.gan import catalog
from widgets.gan.curves import INKS, curves_of, draw
from widgets.gan.seeds_page import SeedsPage
from widgets.paint import Caption, font
from widgets.plots import Plot
from widgets.tabs import Tabs

WIDTH_PX, PLOT_PX, NUMBER_PX = 320, 104, 54


class Numbers(QWidget):
    """A, B and true samples beside one another."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Measures")
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setVerticalSpacing(tokens.SPACE_XS)
        grid.setColumnStretch(0, 1)
        self.cells: dict[tuple[str, int], Caption] = {}
        for k, (word, ink) in enumerate((("A", "accent"), ("B", "second"), ("data", "muted"))):
            head = Caption(word, tokens.BODY_PX, ink, semibold=True)
            head.setAlignment(Qt.AlignmentFlag.AlignRight)
            grid.addWidget(head, 0, k + 1)
        for row, (name, title, _, tip) in enumerate(catalog.MEASURES, 1):
            label = Caption(title.removesuffix(" (%)").replace("Off the manifold", "Off manifold"), tokens.CAPTION_PX, "muted")
            label.setToolTip(tip)
            grid.addWidget(label, row, 0)
            for k, ink in enumerate((*INKS, "muted")):
                cell = self.cells[name, k] = Caption("", tokens.CAPTION_PX, ink)
                cell.setFont(font(tokens.CAPTION_PX))
                cell.setAlignment(Qt.AlignmentFlag.AlignRight)
                cell.setFixedWidth(NUMBER_PX)
                cell.setToolTip(tip)
                grid.addWidget(cell, row, k + 1)

    def show_outcome(self, outcome: GanOutcome) -> None:
        looks: list[Measures | None] = [twin.history[-1] if twin.history else None for twin in outcome.twins]
        looks += [None] * (2 - len(looks)) + [outcome.scene.best]
        for (name, k), cell in self.cells.items():
            cell.setText("\N{EN DASH}" if looks[k] is None else catalog.number(name, getattr(looks[k], name)))


class Insight(QWidget):
    """Tabs "Now" and "Seeds"."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Insight")
        self.setObjectName("panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedWidth(WIDTH_PX)
        self.tabs, self.numbers, self.seeds = Tabs("Insight"), Numbers(), SeedsPage()
        self.plots = {name: Plot(title, "step", tip, height_px=PLOT_PX) for name, title, _, tip in catalog.MEASURES[2:]}
        self.plots["loss_g"] = Plot("Generators' loss", "step", "Softplus of minus the discriminator's answer: it rises as the discriminator wins",
                                    height_px=PLOT_PX)
        self.plots["score"] = Plot("L_score of B", "step", "Mean squared error of the predicted noise on B's samples, where it was worked out",
                                   height_px=PLOT_PX)
        page = QWidget()
        page.setObjectName("panel")
        column = QVBoxLayout(page)
        column.setContentsMargins(tokens.SPACE_L, tokens.SPACE_M, tokens.SPACE_L, tokens.SPACE_L)
        column.setSpacing(tokens.SPACE_M)
        column.addWidget(self.numbers)
        for plot in self.plots.values():
            column.addWidget(plot)
        column.addStretch(1)
        self.tabs.add("Now", _scrolled(page), "The measures at the last look, and their curves")
        self.tabs.add("Seeds", _scrolled(self.seeds), "The same settings under several seeds: mean and spread")
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(self.tabs)
        self._shown: tuple[object, ...] = ()

    def show_outcome(self, outcome: GanOutcome) -> None:
        self.numbers.show_outcome(outcome)
        key = tuple(twin.history for twin in outcome.twins)
        if key == self._shown:
            return
        self._shown = key
        for name, plot in self.plots.items():
            factor = {key: scale for key, _, scale, _ in catalog.MEASURES}.get(name, 1)
            curves = curves_of(outcome, name, factor)
            draw(plot, curves[1:] if name == "score" else curves, y_from_zero=name != "mmd")


def _scrolled(page: QWidget) -> QScrollArea:
    area = QScrollArea()
    area.setObjectName("panel")
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setWidgetResizable(True)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setWidget(page)
    return area
