"""Speech to train on: rooms and windows always; espeak where it is installed."""

import numpy as np
import pytest

from engines.face import corpus, mel, voice
from engines.face.articulation import REST, SOUNDS
from engines.job import EngineError, Job
from tests.engines.face.small_speech import speech

needs_espeak = pytest.mark.skipif(not voice.available(), reason="libespeak-ng is not installed: apt install libespeak-ng1")


def test_frames_have_their_whole_window_within_their_sentence_and_voices_stay_apart():
    made = speech()
    for held in (False, True):
        frames = made.frames(held, 17, 7)
        sentence = np.searchsorted(made.start, frames, side="right") - 1
        assert len(frames) and (made.held[sentence] == held).all()
        assert (frames - 17 >= made.start[sentence]).all() and (frames + 7 <= made.start[sentence + 1]).all()


def test_a_room_keeps_length_and_range_and_is_the_same_for_a_seed():
    sound = np.sin(np.arange(16_000) * 0.2).astype(np.float32)
    for seed in range(6):
        first, again = (corpus.in_a_room(sound, np.random.default_rng(seed)) for _ in range(2))
        np.testing.assert_array_equal(first, again)
        assert first.shape == sound.shape and np.abs(first).max() <= 1


def test_held_out_voices_are_never_trained_on():
    random = np.random.default_rng(0)
    heard, apart = ({corpus.drawn_voice(random, held).name for _ in range(300)} for held in (False, True))
    assert not heard & apart
    assert not {name.split("+")[0] for name in heard} & {name.split("+")[0] for name in apart}


def test_bytes_keep_a_frame_to_half_a_decibel():
    frames = np.random.default_rng(0).uniform(-4, 4, (50, mel.MELS)).astype(np.float32)
    stored = np.round((frames + mel.TOP) * (255 / (2 * mel.TOP))).astype(np.uint8)
    assert np.abs(corpus.quantised(stored) - frames).max() < 0.04 * 0.5


def test_a_damaged_speech_file_is_named(tmp_path):
    (tmp_path / "speech.npz").write_bytes(b"PK\x03\x04")
    with pytest.raises(EngineError, match="speech.npz"):
        corpus.speech(tmp_path, 1.0, 0, Job())


@needs_espeak
def test_phonemes_tile_the_sound_and_carry_its_letters():
    sound, rate, phones = voice.speak("move my map", voice.Voice("en-us"))
    assert np.abs(sound).max() > 0.05 and len(sound) / rate == pytest.approx(phones[-1].end)
    assert all(a.end == pytest.approx(b.start) for a, b in zip(phones[:-1], phones[1:], strict=True))
    assert [phone.ipa[0] for phone in phones if phone.ipa][:3] == ["m", "u", "v"]


@needs_espeak
def test_every_voice_that_is_drawn_exists():
    for language in voice.LANGUAGES + voice.HELD_OUT_LANGUAGES:
        assert voice.has(language), language
    for variant in voice.VARIANTS + voice.HELD_OUT_VARIANTS:
        assert voice.has(f"en-us{variant}"), variant
    with pytest.raises(EngineError, match="no voice"):
        voice.speak("hello", voice.Voice("xx-nowhere"))


@needs_espeak
def test_made_speech_is_written_once_and_read_again(tmp_path):
    made = corpus.speech(tmp_path, 0.004, 1, Job())
    assert len(made.mel) == len(made.mouth) == len(made.kind) == made.start[-1] and made.held.any()
    again = corpus.speech(tmp_path, 9.0, 9, Job())
    np.testing.assert_array_equal(made.mel, again.mel)
    assert made.kind.max() < len(SOUNDS) and (made.kind == REST).any() and made.mouth.max() > 200
