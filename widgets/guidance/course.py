"""What the predicted sample goes through from noise to picture, beside what the class's data are like."""

from collections.abc import Sequence

import numpy as np
from PySide6.QtWidgets import QVBoxLayout, QWidget

from engines.guidance.outcome import Side
from widgets import tokens
from widgets.paint import Caption
from widgets.plots import Curve, Plot

NOISE_LEVEL = "noise level sigma/alpha (falling)"
INKS = ("accent", "second")
SMALL_PX = 110
Row = tuple[str, Sequence[str], str]


class Course(QWidget):
    """Three plots: mean, standard deviation between samples, share clipped. Dashed: the class's data."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("The predicted sample over the noise level")
        self.mean = Plot("Mean of the predicted sample", NOISE_LEVEL, "Mean over pixels and images of the picture as each step predicts it.",
                         log_x=True, falling=True, height_px=SMALL_PX, y_label="mean")
        self.deviation = Plot("Deviation between samples", NOISE_LEVEL,
                              "How different the predicted samples are from one another (rms over pixels): guidance eats variety.",
                              log_x=True, falling=True, height_px=SMALL_PX, y_label="standard deviation")
        self.clipped = Plot("Clipped pixels", NOISE_LEVEL, "Share of the predicted sample that lies outside the range of colours.",
                            log_x=True, falling=True, height_px=SMALL_PX, y_label="share of pixels, %")
        self.note = Caption("", tokens.CAPTION_PX, "muted")
        self.note.setWordWrap(True)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(tokens.SPACE_L)
        for part in (self.mean, self.deviation, self.note, self.clipped):
            column.addWidget(part)
        self.hide()

    def plots(self) -> tuple[Plot, Plot, Plot]:
        return self.mean, self.deviation, self.clipped

    def show_sides(self, sides: Sequence[Side]) -> None:
        """Sides whose engine noted nothing are left out."""
        known = [(name if len(sides) > 1 else "", ink, side) for name, ink, side in zip("AB", INKS, sides, strict=False) if "step_rho" in side.per_step]
        self.setVisible(bool(known))
        if not known:
            return
        toy = known[0][2].toy is not None
        unit = "units of x" if toy else "grey levels"
        self.mean.set_y_label(f"mean, {unit}")
        self.deviation.set_y_label(f"standard deviation, {unit}")
        means, deviations, clipped = [], [], []
        for name, ink, side in known:
            rho, mean = side.per_step["step_rho"], side.per_step["mean"]
            for axis, values in enumerate(mean.T if mean.ndim == 2 else [mean]):
                word = "xy"[axis] if mean.ndim == 2 and mean.shape[1] > 1 else ""
                means.append(Curve(f"{name} {word}".strip() or "samples", rho, values, ink))
            if np.isfinite(side.per_step["deviation"]).all():
                deviations.append(Curve(name or "samples", rho, side.per_step["deviation"], ink))
            if "clipped" in side.per_step:
                clipped.append(Curve(name or "samples", rho, 100 * side.per_step["clipped"], ink))
        self._add_data(known, means, deviations)
        self.mean.set_curves(means)
        self.deviation.setVisible(bool(deviations))
        self.deviation.set_curves(deviations, y_from_zero=True)
        self.clipped.setVisible(bool(clipped))
        self.clipped.set_curves(clipped, y_from_zero=True)
        reasons = {side.unknown for *_, side in known if side.unknown}
        self.note.setText(f"Without the class's own line: {'; '.join(sorted(reasons))}.")
        self.note.setVisible(bool(reasons))

    @staticmethod
    def _add_data(known: list, means: list[Curve], deviations: list[Curve]) -> None:
        """One dashed line for both sides where they ask for the same class, else one each in the side's ink."""
        there = [(name, ink, side) for name, ink, side in known if side.against is not None]
        same = len({(side.against.mean, side.against.deviation) for *_, side in there}) == 1
        for name, ink, side in there[:1] if same else there:
            ends = side.per_step["step_rho"][[0, -1]]
            for lines, values in ((means, side.against.mean), (deviations, side.against.deviation)):
                for value in values if lines or lines is means else ():
                    lines.append(Curve("data" if same else f"{name} data", ends, np.full(2, value), "muted" if same else ink, dashed=True))


def against_rows(sides: Sequence[Side]) -> list[Row]:
    """Rows of a Numbers table: the finished result beside the class's data, with what chance alone would show."""
    found = [side.against for side in sides]
    if not any(found):
        return []
    source = next(one.source for one in found if one)
    return [("Expectation shift", [f"{one.shift:.1f}" if one else "" for one in found],
             f"Rms over pixels of the difference between the mean of the samples and that of {source}, in grey levels"),
            ("  by chance", [f"{one.floor:.1f}" if one else "" for one in found],
             "The shift that as many real images would show by chance: what is not above it says nothing"),
            ("Variance / data", [f"{one.variance_ratio:.2f}" if one and one.variance_ratio is not None else "" for one in found],
             "Mean over pixels of the variance, over that of the data: one is right, below one variety is lost"),
            ("  by chance", [f"1 \N{PLUS-MINUS SIGN} {one.ratio_error:.2f}" if one else "" for one in found], "What as many real images would show")]
