"""Soft shadows fall where surfaces stand close together, and nowhere on an open one."""

import numpy as np

from widgets.off_screen import Frame
from widgets.shade import contact_shadow

NEAR, FAR = 50.0, 150.0


def frame(distance):
    depth = (FAR - NEAR * FAR / distance) / (FAR - NEAR)
    return Frame(np.zeros((*depth.shape, 4), np.uint8), depth.astype(np.float32), NEAR, FAR)


def test_a_groove_is_dark_and_a_slope_is_not():
    x = np.tile(np.linspace(-15, 15, 300), (200, 1))
    slope = 100 + 0.3 * x
    groove = slope + 1.5 * np.exp(-(x / 0.8) ** 2)
    assert contact_shadow(frame(slope), 10.0).max() == 0
    shadow = contact_shadow(frame(groove), 10.0)
    assert shadow[100, 150] > 60
    assert shadow[100, 40] == 0 and shadow[100, 260] == 0


def test_a_thing_far_in_front_casts_no_halo():
    far = np.full((200, 300), 100.0)
    far[80:120, 100:200] = 80.0
    assert contact_shadow(frame(far), 10.0).max() == 0


def test_the_background_stays_as_it_is_and_no_depth_means_no_shadow():
    distance = np.full((200, 300), FAR)
    distance[:, 100:102] = 100.0
    assert contact_shadow(frame(distance), 10.0)[:, 150:].max() == 0
    assert contact_shadow(Frame(np.zeros((4, 4, 4), np.uint8), np.ones((0, 0), np.float32), NEAR, FAR), 10.0).size == 0
