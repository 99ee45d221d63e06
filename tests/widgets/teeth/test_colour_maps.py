import numpy as np

from widgets.teeth.colour_maps import BANDS_MM, VIRIDIS, displacement, labels, occlusogram


def test_displacement_runs_through_viridis_and_leaves_what_is_not_known():
    colours = displacement(np.array([0.0, 1.0, 2.0, np.nan]), top_mm=2.0)
    assert tuple(colours[0, :3]) == tuple(VIRIDIS[0])
    assert tuple(colours[1, :3]) == tuple(VIRIDIS[4])
    assert tuple(colours[2, :3]) == tuple(VIRIDIS[-1])
    assert colours[:3, 3].min() > 200 and colours[3, 3] == 0


def test_no_displacement_at_all_is_the_darkest_colour():
    assert (displacement(np.zeros(4))[:, :3] == VIRIDIS[0]).all()


def test_the_occlusogram_is_red_deep_yellow_firm_green_light_and_clear_beyond():
    deep, firm, light, near = BANDS_MM
    red, yellow, green, fading, clear, unknown = occlusogram(np.array([deep - 0.1, (deep + firm) / 2, 0.06, 0.3, near, np.nan])).astype(int)
    assert red[0] > 180 and red[1] < 90
    assert yellow[0] > 200 and yellow[1] > 160
    assert green[1] > 150 and green[0] < 100
    assert green[3] > fading[3] > 0
    assert clear[3] == unknown[3] == 0


def test_labels_paint_their_own_vertices():
    colours = labels(np.array([0, 7, 7]), {7: "CONTACT_DEEP"})
    assert colours[0, 3] == 0 and (colours[1:, 3] > 0).all()
