"""Mouth tracks: what a phonetician would look for."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.face import articulation as art
from engines.face.articulation import Phone
from engines.face.mouth import CLOSE, JAW, MOUTH, ROUND, SPREAD, TUCK, shape_weights


def said(*ipa, each=0.09, first=0.3):
    phones = [Phone(letter, first + k * each, first + (k + 1) * each) for k, letter in enumerate(ipa)]
    mouth, kind = art.tracks(phones, first * 2 + len(ipa) * each)
    middle = [round((phone.start + phone.end) / 2 * art.TRACK_RATE) for phone in phones]
    return mouth, kind, middle


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from("pbmfvszʃtkɹwaiuəoɛ"), min_size=1, max_size=12), st.floats(0.04, 0.2))
def test_every_number_stays_between_nought_and_one_and_moves_without_jumps(letters, each):
    mouth, kind, _ = said(*letters, each=each)
    assert mouth.min() >= 0 and mouth.max() <= 1 and len(mouth) == len(kind)
    assert np.abs(np.diff(mouth[:, JAW])).max() < 0.3


@pytest.mark.parametrize("letter", "pbm")
@pytest.mark.parametrize("each", [0.05, 0.08, 0.15])
def test_lips_close_for_p_b_m_between_open_vowels_however_fast(letter, each):
    mouth, kind, middle = said("a", letter, "a", each=each)
    assert mouth[middle[1], CLOSE] > 0.95 and kind[middle[1]] == art.CLOSED
    assert mouth[middle[0], CLOSE] < 0.6 and mouth[middle[0], JAW] > mouth[middle[1], JAW]


def test_the_lower_lip_is_tucked_for_f_and_v_only():
    mouth, _, middle = said("a", "f", "a", "v", "a", "t", "a")
    assert min(mouth[middle[1], TUCK], mouth[middle[3], TUCK]) > 0.95 and mouth[middle[5], TUCK] < 0.05


def test_u_and_w_are_round_i_is_spread_a_is_open():
    mouth, _, middle = said("t", "u", "t", "w", "t", "i", "t", "a", "t", each=0.14)
    assert min(mouth[middle[k], ROUND] for k in (1, 3)) > 0.6 > 0.3 > max(mouth[middle[k], ROUND] for k in (5, 7))
    assert mouth[middle[5], SPREAD] > 0.5 > mouth[middle[1], SPREAD] and mouth[middle[7], JAW] > 2 * mouth[middle[5], JAW]


def test_rounding_begins_before_its_vowel():
    round_u, _, middle = said("t", "s", "u", "t")
    round_i, _, _ = said("t", "s", "i", "t")
    assert round_u[middle[1], ROUND] > round_i[middle[1], ROUND] + 0.1


def test_silence_is_still():
    mouth, kind = art.tracks([], 2.0)
    assert mouth.max() < 1e-6 and (kind == art.REST).all()
    mouth, _, _ = said("a", "p", "a", first=1.0)
    assert mouth[:40].max() < 0.02 and mouth[-40:].max() < 0.02


def test_a_diphthong_shares_its_time_and_a_length_mark_lengthens():
    assert [phone.ipa for phone in art.sounds([Phone("aɪ", 0, 0.2), Phone("tʃ", 0.2, 0.3), Phone("", 0.3, 0.5)])] == ["a", "ɪ", "t", "ʃ", ""]
    assert art.letters("iː") == ["i"] and art.letters("ˈ") == []


def test_a_sealed_mouth_undoes_on_the_lips_what_the_jaw_opens():
    mouth = np.zeros(len(MOUTH), np.float32)
    mouth[[JAW, CLOSE]] = 0.5, 1
    weights = shape_weights(mouth)
    assert weights[0] == pytest.approx(weights[1]) and weights[0] > 0
