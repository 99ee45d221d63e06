"""The speech that training pairs hear: hours of made-up sentences in many voices and rooms, as mel frames with the mouth of each.

One file, speech.npz (portable: another machine needs no libespeak-ng then):
mel uint8 [N, 80] (0-255 for -4..4)    mouth uint8 [N, 8] (0-255 for 0..1)    kind int8 [N] of articulation.SOUNDS
start int64 [U + 1] first frame of each sentence    held bool [U] spoken by a voice that no training hears    settings: JSON
"""

import json
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engines.face import mel, voice
from engines.face.articulation import Phone, tracks
from engines.job import EngineError, Job

HELD_SHARE, WORDLESS_SHARE = 0.05, 0.05
PAD_S = 0.3  # silence around a sentence
_ONSETS = ("", *"bpmfvwdtnszlrkghjy", "sh", "ch", "th", "bl", "pr", "st", "fl", "tr", "gr", "sp", "sm")
_NUCLEI = ("a", "e", "i", "o", "u", "ee", "oo", "ai", "ou", "ow", "ar", "er", "or", "ie", "aw")
_CODAS = ("", "", "", "p", "b", "m", "f", "v", "t", "n", "s", "sh", "l", "k", "th", "mp", "nt")
_TEXT = """people move about before morning my father saw five blue boats Bob bought a map we fly above the house when you watch the show the chef has fresh
fish please put the book over there why would he wait for them cheap shoes never make me happy both brothers laughed very loudly the baby wants more soup a
purple moth on the window they hope to visit Rome in May bring your umbrella because it may rain who knew that room was empty she thinks the weather will
change soon papa made jam from plums every evening three sheep follow the farmer through the valley"""


@dataclass(frozen=True)
class Speech:
    """The arrays of speech.npz."""

    mel: np.ndarray
    mouth: np.ndarray
    kind: np.ndarray
    start: np.ndarray
    held: np.ndarray

    def frames(self, held: bool, before: int, after: int) -> np.ndarray:
        """Numbers of the frames whose audio window lies within its sentence, of the voices that are held out or of the others."""
        rows = [np.arange(a + before, b - after + 1) for a, b, h in zip(self.start[:-1], self.start[1:], self.held, strict=True)
                if h == held and b - a >= before + after]
        return np.concatenate(rows) if rows else np.zeros(0, np.int64)


def sentence(random: np.random.Generator, real: bool) -> str:
    """Four to nine words: English ones, or made-up ones that cover every sound of a language."""
    count = int(random.integers(4, 10))
    if real and random.random() < 0.7:
        return " ".join(random.choice(_TEXT.split(), count)) + "."
    syllable = lambda: random.choice(_ONSETS) + random.choice(_NUCLEI) + random.choice(_CODAS)  # noqa: E731
    words = ["".join(syllable() for _ in range(random.integers(1, 3))) for _ in range(count)]
    if random.random() < 0.3:
        words[count // 2] += ","
    return " ".join(words) + "."


def drawn_voice(random: np.random.Generator, held: bool) -> voice.Voice:
    """A voice at random, held out or not: no variant and no language is in both."""
    if held:
        name = voice.HELD_OUT_LANGUAGES[random.integers(len(voice.HELD_OUT_LANGUAGES))] + voice.HELD_OUT_VARIANTS[random.integers(len(voice.HELD_OUT_VARIANTS))]
    else:
        language = voice.LANGUAGES[random.integers(2)] if random.random() < 0.5 else voice.LANGUAGES[random.integers(len(voice.LANGUAGES))]
        name = language + voice.VARIANTS[random.integers(len(voice.VARIANTS))]
    return voice.Voice(name, int(random.integers(110, 230)), int(random.integers(15, 85)), int(random.integers(20, 80)))


def in_a_room(sound: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Sound [n] at 16 kHz with the colour of a microphone, reverberation, noise and gain, all at random; clips where it is too loud."""
    from scipy.signal import fftconvolve

    count = len(sound)
    if random.random() < 0.6:  # reverberation
        length = int(mel.RATE * random.uniform(0.08, 0.45))
        tail = random.normal(0, 1, length) * np.exp(-6.9 * np.arange(length) / length)
        tail *= random.uniform(0.05, 0.6) / np.sqrt((tail**2).sum())
        tail[0] += 1
        sound = fftconvolve(sound, tail)[:count]
    level = np.sqrt(np.mean(sound**2)) + 1e-6
    noise = _noise(count, random) * level * 10 ** (-random.uniform(8, 45) / 20)
    spectrum = np.fft.rfft(sound + noise)
    at = np.linspace(0, 1, len(spectrum)) ** 0.5
    curve = np.interp(at, np.linspace(0, 1, 7), random.normal(0, 4, 7))
    if random.random() < 0.2:  # a telephone or a cheap microphone
        hz = np.linspace(0, mel.RATE / 2, len(spectrum))
        curve = curve - 40 * (hz < random.uniform(80, 350)) - 40 * (hz > random.uniform(3300, 7000))
    sound = np.fft.irfft(spectrum * 10 ** (curve / 20), count)
    peak = 10 ** (random.uniform(-30, 2) / 20)
    return np.clip(sound * peak / (np.abs(sound).max() + 1e-6), -1, 1).astype(np.float32)


def _noise(count: int, random: np.random.Generator) -> np.ndarray:
    """Unit noise between white and brown, now and then with a hum."""
    spectrum = np.fft.rfft(random.normal(0, 1, count))
    hz = np.maximum(np.fft.rfftfreq(count, 1 / mel.RATE), 20)
    noise = np.fft.irfft(spectrum * hz ** -random.uniform(0, 1), count)
    if random.random() < 0.2:
        noise = noise / (noise.std() + 1e-9) + np.sin(2 * np.pi * random.choice([50, 60, 120, 440]) * np.arange(count) / mel.RATE)
    return noise / (noise.std() + 1e-9)


def spoken(random: np.random.Generator, held: bool) -> tuple[np.ndarray, list[Phone]]:
    """Sound at 16 kHz and its phonemes. The tape runs a little fast or slow: that makes larynx and mouth of another size."""
    from scipy.signal import resample

    who = drawn_voice(random, held)
    sound, rate, phones = voice.speak(sentence(random, who.name.startswith("en")), who)
    speed = float(np.exp(random.uniform(-0.17, 0.17)))
    sound = resample(sound, round(len(sound) * mel.RATE / (rate * speed)))
    pad = int(PAD_S * mel.RATE)
    return np.pad(sound, pad), [Phone(p.ipa, p.start / speed + PAD_S, p.end / speed + PAD_S) for p in phones]


def wordless(random: np.random.Generator) -> tuple[np.ndarray, list[Phone]]:
    """A sound in which nobody speaks: noise that swells, tones, knocks; the mouth rests."""
    count = int(mel.RATE * random.uniform(1.5, 4))
    time = np.arange(count) / mel.RATE
    kind = random.integers(3)
    if kind == 0:
        sound = _noise(count, random) * (0.6 + 0.4 * np.sin(2 * np.pi * random.uniform(0.2, 3) * time))
    elif kind == 1:
        sound = sum(np.sin(2 * np.pi * hz * time + hz) * np.exp(-((time * random.uniform(0.5, 4)) % 1)) for hz in random.uniform(80, 3000, 4))
    else:
        sound = _noise(count, random) * np.exp(-30 * ((time * random.uniform(0.7, 3)) % 1))
    return sound.astype(np.float32), []


def make(hours: float, seed: int, job: Job) -> Speech:
    """So many hours of speech. Sentence k depends on the seed and on k alone. EngineError when libespeak-ng is missing."""
    mels, mouths, kinds, held, total, k = [], [], [], [], 0, 0
    wanted = int(hours * 3600 * mel.FRAMES_A_SECOND)
    while total < wanted or not any(held):
        random = np.random.default_rng([seed, 16, k])
        apart = k % round(1 / HELD_SHARE) == 0
        sound, phones = wordless(random) if not apart and random.random() < WORDLESS_SHARE else spoken(random, apart)
        mouth, kind = tracks(phones, len(sound) / mel.RATE)
        frames = mel.log_mel(in_a_room(sound, random))
        count = min(len(frames), len(mouth))
        mels.append(np.round((frames[:count] + mel.TOP) * (255 / (2 * mel.TOP))).astype(np.uint8))
        mouths.append(np.round(mouth[:count] * 255).astype(np.uint8))
        kinds.append(kind[:count])
        held.append(apart)
        total, k = total + count, k + 1
        job.progress(min(total, wanted), wanted, f"Speaking: {total / mel.FRAMES_A_SECOND / 60:.1f} of {hours * 60:.0f} min")
    start = np.concatenate([[0], np.cumsum([len(part) for part in mels])])
    return Speech(np.concatenate(mels), np.concatenate(mouths), np.concatenate(kinds), start, np.array(held))


def speech(folder: Path, hours: float, seed: int, job: Job) -> Speech:
    """speech.npz of a cache folder as it lies there, or made where it is missing. EngineError when it is damaged or cannot be written."""
    path = Path(folder) / "speech.npz"
    if path.exists():
        return read(path)
    settings = json.dumps({"hours": hours, "seed": seed})
    made = make(hours, seed, job)
    part = path.with_name("speech.part.npz")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(part, settings=np.array(settings), **vars(made))
        os.replace(part, path)
    except OSError as error:
        raise EngineError(f"{path.name} could not be written: {error.strerror}.", "Choose a --cache folder with room that you may write to.") from error
    return made


def read(path: Path) -> Speech:
    """The speech of a file. EngineError when it is damaged."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return Speech(*(file[name] for name in ("mel", "mouth", "kind", "start", "held")))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise EngineError(f"{path.name} in the cache folder is damaged.", "Delete it and the heads beside it: they are made again.") from error


def quantised(frames: np.ndarray) -> np.ndarray:
    """Mel frames in [-4, 4] of stored bytes."""
    return frames.astype(np.float32) * (2 * mel.TOP / 255) - mel.TOP
