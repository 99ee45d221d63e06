"""Log-mel frames: the same by blocks as whole, and the numbers of the paper."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.face import mel


def tone(hz, seconds=0.5, level=0.5):
    return (level * np.sin(2 * np.pi * hz * np.arange(int(seconds * mel.RATE)) / mel.RATE)).astype(np.float32)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, 900), min_size=1, max_size=12), st.integers(0, 99))
def test_blocks_of_any_size_give_the_same_frames_as_the_whole(blocks, seed):
    sound = np.random.default_rng(seed).normal(0, 0.1, sum(blocks)).astype(np.float32)
    stream, at, found = mel.Stream(), 0, []
    for size in blocks:
        found.append(stream.push(sound[at:at + size]))
        at += size
    found = np.concatenate([*found, stream.finish()])
    np.testing.assert_allclose(found, mel.log_mel(sound), atol=2e-5)
    assert found.shape == (1 + len(sound) // mel.HOP, mel.MELS)


def test_a_frame_is_known_25_ms_after_its_time():
    stream = mel.Stream()
    assert len(stream.push(np.zeros(399))) == 0 and len(stream.push(np.zeros(1))) == 1 and len(stream.push(np.zeros(200))) == 1


def test_silence_is_the_floor():
    assert (mel.log_mel(np.zeros(4000)) == mel.SILENCE).all()


@pytest.mark.parametrize("hz", [120, 440, 1000, 3000, 7000])
def test_a_tone_is_loudest_in_the_mel_that_holds_it(hz):
    edges = mel._hz(np.linspace(*mel._mel(np.array([mel.LOW_HZ, mel.HIGH_HZ])), mel.MELS + 2))
    loudest = mel.log_mel(tone(hz))[20].argmax()
    assert edges[loudest] - 20 <= hz <= edges[loudest + 2] + 20


def test_twice_the_sound_is_six_decibels_more():
    quiet, loud = mel.log_mel(tone(440, level=0.1))[20], mel.log_mel(tone(440, level=0.2))[20]
    k = quiet.argmax()
    assert loud[k] - quiet[k] == pytest.approx(20 * np.log10(2) * 8 / 100, abs=1e-3)


def test_every_filter_has_unit_area():
    np.testing.assert_allclose(mel.filters().sum(1)[20:] * mel.RATE / mel.WINDOW, 1, atol=0.06)


def test_the_window_of_a_frame_is_silent_outside_the_sound():
    frames = np.zeros((10, mel.MELS), np.float32)
    found = mel.window(frames, np.array([0, 5, 9]), 4, 2)
    assert found.shape == (3, 6, mel.MELS)
    assert (found[0, :4] == mel.SILENCE).all() and (found[1] == 0).all() and (found[2, -1] == mel.SILENCE).all()
