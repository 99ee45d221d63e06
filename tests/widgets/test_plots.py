"""Labels of a logarithmic axis, alone and as a plot paints them."""

import itertools
import math

import numpy as np
import pytest

from widgets.log_axis import GAP_PX, labelled, small, word
from widgets.plots import Curve, Plot

RANGES = [(0.01, 160), (0.5, 2), (1, 1.3), (0.9, 1.1), (3, 40), (0.07, 0.2), (95, 160), (0.0001, 10_000), (1e-9, 1e9), (9, 11), (1.009, 1.021), (0.2, 30)]


@pytest.mark.parametrize("ends", RANGES)
@pytest.mark.parametrize("room", [160, 230, 480])
def test_labels_never_touch_and_there_are_at_least_two(ends, room):
    low, high = map(math.log10, ends)
    values = labelled(low, high, room, lambda text: 6.5 * len(text))
    assert 2 <= len(values) <= 7 and all(ends[0] * 0.999 <= value <= ends[1] * 1.001 for value in values)
    spans = [((math.log10(value) - low) / (high - low) * room, 6.5 * len(word(value)) / 2) for value in values]
    assert all(a + half + GAP_PX <= b - other + 1e-9 for (a, half), (b, other) in itertools.pairwise(spans))
    assert len({word(value) for value in values}) == len(values)


def test_familiar_ranges_have_familiar_labels():
    said = {ends: [word(v) for v in labelled(*map(math.log10, ends), 230, lambda text: 6.5 * len(text))] for ends in [(0.01, 160), (0.5, 2)]}
    assert said[0.01, 160] == ["0.01", "0.1", "1", "10", "100"] and said[0.5, 2] == ["0.5", "1", "1.5", "2"]
    assert [word(value) for value in (1e-9, 1e5, 0.0001, 300.0)] == ["10\u207b\u2079", "10\u2075", "0.0001", "300"]
    assert len(small(-2, 0)) == 19 and len(small(-9, 9)) == 19


@pytest.mark.parametrize("ends", RANGES)
def test_a_plot_paints_labels_that_do_not_overlap(qtbot, ends):
    plot = Plot("Coefficients", "noise level", log_x=True, falling=True)
    qtbot.addWidget(plot)
    plot.set_curves([Curve("a", np.geomspace(*ends, 20), np.arange(20.0))])
    plot.resize(288, 206)
    plot.show()
    qtbot.waitExposed(plot)
    axis = plot.view().getPlotItem().getAxis("bottom")
    plot.grab()
    axis.picture = None
    from pyqtgraph.Qt.QtGui import QImage, QPainter

    image = QImage(400, 400, QImage.Format.Format_RGB32)
    painter = QPainter(image)
    painter.setFont(axis.style["tickFont"])
    boxes = sorted((rect.left(), rect.right(), text) for rect, _, text in axis.generateDrawSpecs(painter)[2])
    painter.end()
    assert len(boxes) >= 2 and all(a[1] < b[0] for a, b in itertools.pairwise(boxes))
