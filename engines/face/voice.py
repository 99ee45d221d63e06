"""Synthetic speech with exact phoneme times from libespeak-ng, a tool of the training only.

The library (GPL) is loaded by name where the person has installed it (Debian: apt install libespeak-ng1); it is no dependency of Vernier
and no part of it, and nothing of it lies in what is shipped: the network learns from its sound.
"""

import ctypes
import ctypes.util
from dataclasses import dataclass
from functools import cache

import numpy as np

from engines.face.articulation import Phone
from engines.job import EngineError

_SYNCHRONOUS, _PHONEME_EVENTS, _IPA, _DONT_EXIT = 2, 1, 2, 0x8000
_END, _PHONEME = 0, 7
_RATE, _PITCH, _RANGE = 1, 3, 4  # parameters
LANGUAGES = ("en", "en-us", "de", "fr", "es", "it", "nl", "sv", "pl", "pt", "tr", "fi")
VARIANTS = ("", "+m1", "+m2", "+m3", "+m4", "+m5", "+m6", "+m7", "+f1", "+f2", "+f3", "+f4", "+f5")
HELD_OUT_LANGUAGES, HELD_OUT_VARIANTS = ("en-gb-scotland", "cs", "ro"), ("+m8", "+croak", "+Annie")


@dataclass(frozen=True)
class Voice:
    """An espeak voice, words a minute, pitch and its range in 0-100."""

    name: str
    rate: int = 165
    pitch: int = 50
    range: int = 50


class _Id(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    _fields_ = [("type", ctypes.c_int), ("unique_identifier", ctypes.c_uint), ("text_position", ctypes.c_int), ("length", ctypes.c_int),
                ("audio_position", ctypes.c_int), ("sample", ctypes.c_int), ("user_data", ctypes.c_void_p), ("id", _Id)]


_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


@cache
def _library() -> tuple[ctypes.CDLL, int]:
    """The library, started, and its sample rate. EngineError when it is not installed."""
    names = ["libespeak-ng.so.1", ctypes.util.find_library("espeak-ng"), "libespeak-ng.dll", "libespeak-ng.dylib"]
    for name in filter(None, names):
        try:
            library = ctypes.CDLL(name)
        except OSError:
            continue
        rate = library.espeak_Initialize(_SYNCHRONOUS, 0, None, _PHONEME_EVENTS | _IPA | _DONT_EXIT)
        if rate > 0:
            return library, rate
    raise EngineError("Making speech to train on needs libespeak-ng, which is not installed.",
                      "Install it (Debian, Ubuntu: sudo apt install libespeak-ng1), or copy speech.npz of another training into the cache folder.")


def available() -> bool:
    """Whether libespeak-ng is installed."""
    try:
        _library()
    except EngineError:
        return False
    return True


def has(name: str) -> bool:
    """Whether there is a voice of that name."""
    return _library()[0].espeak_SetVoiceByName(name.encode()) == 0


def speak(text: str, voice: Voice) -> tuple[np.ndarray, int, list[Phone]]:
    """Sound [n] float32 in [-1, 1], its sample rate, and its phonemes with sample-exact starts.

    EngineError when the library is missing, knows no such voice, or made no sound.
    """
    library, rate = _library()
    blocks: list[np.ndarray] = []
    marks: list[tuple[int, str]] = []

    def heard(samples: object, count: int, events: object) -> int:
        if count and samples:
            blocks.append(np.ctypeslib.as_array(samples, (count,)).copy())
        k = 0
        while events[k].type != _END:
            if events[k].type == _PHONEME:
                marks.append((events[k].sample, events[k].id.string.decode("utf-8", "replace")))
            k += 1
        return 0

    callback = _CALLBACK(heard)
    library.espeak_SetSynthCallback(callback)
    if library.espeak_SetVoiceByName(voice.name.encode()) != 0:
        raise EngineError(f"libespeak-ng has no voice {voice.name!r}.", "Install espeak-ng-data, or name another voice.")
    for parameter, value in ((_RATE, voice.rate), (_PITCH, voice.pitch), (_RANGE, voice.range)):
        library.espeak_SetParameter(parameter, int(value), 0)
    said = text.encode("utf-8")
    library.espeak_Synth(said, ctypes.c_size_t(len(said) + 1), 0, 1, 0, 1, None, None)
    if not blocks:
        raise EngineError(f"libespeak-ng made no sound of {text[:40]!r}.", "Use another text or voice.")
    sound = np.concatenate(blocks).astype(np.float32) / 32768
    marks.sort(key=lambda mark: mark[0])
    ends = [start for start, _ in marks[1:]] + [len(sound)]
    return sound, rate, [Phone(ipa, start / rate, end / rate) for (start, ipa), end in zip(marks, ends, strict=True) if end > start]
