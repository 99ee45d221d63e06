"""The right panel: what guidance did, in numbers and curves; a toy's samples beside the closed forms."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QGridLayout, QScrollArea, QVBoxLayout, QWidget

from engines.guidance.outcome import Outcome, Side
from widgets import tokens
from widgets.guidance import catalog
from widgets.guidance.course import NOISE_LEVEL, Course, against_rows
from widgets.paint import Caption, font
from widgets.plots import Curve, Plot
from widgets.tabs import Tabs

WIDTH_PX = 320
INKS = ("accent", "second")
Row = tuple[str, Sequence[str], str]  # name, a text per side, tip


class Numbers(QWidget):
    """Rows of a name and one value per side, tabular figures."""

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(title)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(tokens.SPACE_XS)
        column.addWidget(Caption(title, tokens.BODY_PX, semibold=True))
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(tokens.SPACE_M)
        self._grid.setVerticalSpacing(3)
        for place in range(3):
            self._grid.setColumnStretch(place, 1)
        column.addLayout(self._grid)
        self._cells: dict[tuple[int, int], Caption] = {}
        self.rows: tuple[Row, ...] = ()

    def set_rows(self, rows: Sequence[Row]) -> None:
        self.rows = tuple(rows)
        for cell in self._cells.values():
            cell.hide()
        for i, (name, values, tip) in enumerate(self.rows):
            self._cell(i, 0, name, "muted", tip)
            for k, value in enumerate(values):
                self._cell(i, k + 1, value, INKS[k] if len(values) > 1 else "text", tip)

    def _cell(self, i: int, k: int, text: str, ink: str, tip: str) -> None:
        if (i, k) not in self._cells:
            cell = self._cells[i, k] = Caption("", tokens.CAPTION_PX, ink)
            cell.setFont(font(tokens.CAPTION_PX))
            if k:
                cell.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignTop)
                cell.setWordWrap(True)  # two blended classes on both sides do not fit one line
            self._grid.addWidget(cell, i, k)
        cell = self._cells[i, k]
        cell.set_ink(ink)
        cell.setText(text)
        cell.setToolTip(tip)
        cell.show()


class Insight(QWidget):
    """Shows finished outcomes on the tab "Result"; `add` puts further tabs beside it."""

    def __init__(self, samples: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._samples = samples
        self.setAccessibleName("Insight")
        self.setObjectName("panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedWidth(WIDTH_PX)
        self.tabs = Tabs("Insight")
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(self.tabs)
        page = QWidget()
        page.setObjectName("panel")
        column = QVBoxLayout(page)
        column.setContentsMargins(tokens.SPACE_L, tokens.SPACE_M, tokens.SPACE_L, tokens.SPACE_L)
        column.setSpacing(tokens.SPACE_L)
        self.result, self.truth = Numbers("This result"), Numbers("Samples against the truth")
        self.difference = Plot("How far the predictions lie apart", NOISE_LEVEL,
                               "Root mean square of eps_c - eps_u at every step: where guidance has something to push.", log_x=True, falling=True,
                               y_label="rms of eps_c - eps_u")
        self.coefficients = Plot("Coefficients", NOISE_LEVEL,
                                 "gamma_1, gamma_0 (mean over pixels) and their sum S at every step.", log_x=True, falling=True, y_label="coefficient")
        self.course = Course()
        for part in (self.result, self.truth, self.difference, self.coefficients, self.course):
            column.addWidget(part)
        column.addStretch(1)
        self.tabs.add("Result", scrolled(page), "What guidance did in the picture, in numbers and over the noise level")
        self.truth.hide()

    def add(self, title: str, page: QWidget, tip: str) -> None:
        self.tabs.add(title, page, tip)

    def plots(self) -> list[Plot]:
        """Those that have something to show."""
        return [plot for plot in (self.difference, self.coefficients, *self.course.plots()) if plot.has_numbers()]

    def show_outcome(self, outcome: Outcome) -> None:
        sides = outcome.sides
        self.result.set_rows(self._result(sides))
        toys = [side for side in sides if side.toy]
        self.truth.setVisible(bool(toys))
        if toys:
            self.truth.set_rows(_truth(toys))
        gaps, coefficients = [], []
        for name, ink, side in zip("AB", INKS, sides, strict=False):
            if not side.per_step:
                continue
            rho = side.per_step["rho"]
            tag = name if len(sides) > 1 else ""
            gaps.append(Curve(tag, rho, side.per_step["difference"], ink))
            coefficients.append(Curve(f"{tag} \N{GREEK SMALL LETTER GAMMA}\N{SUBSCRIPT ONE}".strip(), rho, side.per_step["gamma_1"], ink))
            coefficients.append(Curve(f"{tag} \N{GREEK SMALL LETTER GAMMA}\N{SUBSCRIPT ZERO}".strip(), rho, side.per_step["gamma_0"], ink, dashed=True))
            if len(sides) == 1:
                coefficients.append(Curve("S", rho, side.per_step["S"], "good"))
        self.difference.set_curves(gaps, y_from_zero=True)
        self.coefficients.set_curves(coefficients)
        self.course.show_sides(sides)

    def _result(self, sides: Sequence[Side]) -> list[Row]:
        names = [side.class_names or catalog.class_names(side.settings.model, self._samples) for side in sides]
        asked = "Prompt" if catalog.reads_text(sides[0].settings.model) else "Class"
        rows: list[Row] = [
            (asked, [catalog.class_word(side.settings, found) for side, found in zip(sides, names, strict=True)], "What was asked for"),
            ("Guidance", [catalog.MODE_WORDS[side.settings.mode] for side in sides], "How the two predictions are combined"),
            ("Time", [f"{side.seconds:.2f} s" for side in sides], "From noise to picture, on this machine"),
            ("In the network", [f"{side.network_seconds / max(side.seconds, 1e-9):.0%}" for side in sides], "Share of that time"),
            ("Network evaluations", [f"{side.nfe}" for side in sides], "NFE: both predictions of a guided step count")]
        if sides[0].images is not None:
            rows.append(("Clipped", [f"{side.clipped:.1%}" for side in sides], "Share of values outside the range of colours: too strong guidance burns"))
            rows.append(("Spread", [f"{_spread(side.images):.1f}" for side in sides],
                         "Mean standard deviation of a pixel over the images, in grey levels: how different they are from one another"))
            rows += against_rows(sides)
        return rows


def scrolled(page: QWidget) -> QScrollArea:
    """A page that scrolls up and down only."""
    area = QScrollArea()
    area.setObjectName("panel")
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setWidgetResizable(True)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setWidget(page)
    return area


def _spread(images: np.ndarray) -> float:
    return float(images.astype(np.float32).std(axis=0).mean()) if len(images) > 1 else 0.0


def _truth(sides: Sequence[Side]) -> list[Row]:
    toys = [side.toy for side in sides]

    def vector(values: np.ndarray) -> str:
        return ", ".join(f"{value:.3f}" for value in values)

    rows: list[Row] = [
        ("True mean", [vector(toy.true_mean) for toy in toys], "Mean of the class"),
        ("Mean of samples", [vector(toy.mean) for toy in toys], "E[x]"),
        ("Expectation shift", [f"{toy.shift:.3f}" for toy in toys], "|E[x] - mu_c|: zero is right"),
        ("Variance", [f"{toy.variance:.4g}" for toy in toys], f"The class has {toys[0].true_variance:.3g}"),
        ("Variance / true", [f"{toy.variance_ratio:.4g}" for toy in toys], "One is right; below one, variety is lost")]
    if any(toy.finite_t for toy in toys):
        rows += [("Mean, closed form", [f"{toy.finite_t[0]:.3f}" if toy.finite_t else "" for toy in toys], "Finite T, infinitely many steps"),
                 ("Variance, closed form", [f"{toy.finite_t[1]:.4g}" if toy.finite_t else "" for toy in toys], "Finite T, infinitely many steps")]
    if any(toy.limit for toy in toys):
        rows += [("Limit c phi(gamma)", [f"{toy.limit[0]:.3f}" if toy.limit else "" for toy in toys], "Theorem 2, T to infinity"),
                 ("Limit 2^(1 - gamma)", [f"{toy.limit[1]:.4g}" if toy.limit else "" for toy in toys], "Theorem 4, T to infinity")]
    return rows
