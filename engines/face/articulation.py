"""Mouth tracks of timed phonemes: what jaw, lips and tongue do for each sound, and how neighbouring sounds share them.

Co-articulation by dominance [Cohen and Massaro 1993]: each sound pulls each of the eight numbers of engines/face/mouth.py towards its target with a
strength that falls off before and after it; the track is their weighted mean. A sound says nothing about what it does not need (h has no lips of its own).
Lip closure of p, b, m and the tucked lip of f, v are gestures of their own on top: reached at every rate of speech, as a phonetician would insist.
Jaw and lips are then smoothed as a mass moves (no jerk). Phonemes are IPA, as libespeak-ng names them.
"""

from dataclasses import dataclass

import numpy as np

from engines.face.mouth import CLOSE, FUNNEL, JAW, MOUTH, ROUND, SPREAD, TONGUE, TUCK

TRACK_RATE = 80  # a second: one for each mel frame
SMOOTH_S = 0.018
SOUNDS = ("rest", "open", "mid", "spread", "round", "closed", "tucked", "hiss", "push", "tongue", "other")  # classes for balance and for measuring
REST, OPEN, MID, SPREADS, ROUNDS, CLOSED, TUCKED, HISS, PUSH, TONGUES, OTHER = range(len(SOUNDS))


@dataclass(frozen=True)
class Phone:
    """One sound: IPA ("" is silence), start and end in seconds."""

    ipa: str
    start: float
    end: float


# height (0 close .. 1 open), front (1) to back (0), rounded
_VOWELS = {"i": (.10, 1, 0), "y": (.10, 1, 1), "ɨ": (.12, .5, 0), "ʉ": (.12, .5, 1), "ɯ": (.12, 0, 0), "u": (.10, 0, 1), "ɪ": (.22, .9, 0),
           "ʏ": (.22, .9, 1), "ʊ": (.25, .1, .8), "e": (.35, 1, 0), "ø": (.35, 1, 1), "ɘ": (.35, .5, 0), "ɵ": (.35, .5, 1), "ɤ": (.35, 0, 0),
           "o": (.42, 0, 1), "ə": (.36, .5, 0), "ɚ": (.34, .5, .3), "ɛ": (.58, .9, 0), "œ": (.55, .9, 1), "ɜ": (.50, .5, 0), "ɝ": (.42, .5, .3),
           "ɞ": (.55, .5, 1), "ʌ": (.62, .2, 0), "ɔ": (.62, 0, .75), "æ": (.80, .9, 0), "ɐ": (.72, .5, 0), "a": (.92, .6, 0), "ɶ": (.9, .8, .8),
           "ɑ": (.95, .1, 0), "ɒ": (.85, 0, .6), "ᵻ": (.22, .6, 0)}
# consonants: which numbers they set, to what; the rest they leave to their neighbours
_KINDS = {
    "closed": ("pbmɓʙ", {"jaw": (.12, 1.4), "part": (0, 2), "round": (0, .3), "funnel": (0, .3)}, CLOSED),
    "tucked": ("fvɱʋⱱ", {"jaw": (.16, 1.6), "part": (0, 1.5), "round": (0, .8), "funnel": (0, .8)}, TUCKED),
    "near": ("ɸβ", {"jaw": (.12, 2), "part": (.10, 2)}, OTHER),
    "dental": ("θð", {"jaw": (.30, 1.5), "round": (0, .4), "funnel": (0, .4), "part": (.40, 1.5), "tongue": (1., 4), "spread": (.1, .4)}, TONGUES),
    "lateral": ("lɫɬɮɭ", {"jaw": (.34, 1), "round": (0, .3), "funnel": (0, .3), "part": (.30, 1), "tongue": (.9, 3)}, TONGUES),
    "alveolar": ("tdnɾrɗʈɖɳɽ", {"jaw": (.20, 1.2), "round": (0, .3), "funnel": (0, .3), "part": (.35, 1), "tongue": (.7, 2.5), "spread": (.15, .3)}, TONGUES),
    "hiss": ("szʂʐ", {"jaw": (.07, 2.5), "round": (0, .5), "funnel": (0, .5), "part": (.50, 2), "spread": (.30, 1.2), "tongue": (.3, 1)}, HISS),
    "push": ("ʃʒɕʑ", {"jaw": (.07, 2.2), "part": (.10, 1.5), "funnel": (.60, 3.5), "round": (.30, 2), "spread": (0, 2)}, PUSH),
    "approx": ("ɹɻ", {"jaw": (.20, 1.5), "funnel": (.30, 1.5), "round": (.35, 1.5), "tongue": (.2, .5), "part": (.15, .6)}, OTHER),
    "palatal": ("jçɲʎɟcʝ", {"jaw": (.15, 1.8), "part": (.40, 1), "spread": (.55, 1.2)}, OTHER),
    "velar": ("kɡgŋxɣɠqχʁɢʀħʕ", {"jaw": (.28, .7), "part": (.28, .6), "round": (0, .2), "funnel": (0, .2)}, OTHER),
    "glide": ("wʍɥ", {"jaw": (.10, 1.6), "part": (.05, 2), "round": (1., 5), "funnel": (.30, 3), "spread": (0, 4)}, ROUNDS),
    "breath": ("hɦʔ", {}, OTHER),
}
_LEAD_S = {"round": 0.080, "funnel": 0.075, "spread": 0.060, "tongue": 0.040, "jaw": 0.045, "part": 0.045}  # how far ahead a number is prepared
_LAG_S = {"round": 0.055, "funnel": 0.055, "spread": 0.055, "tongue": 0.040, "jaw": 0.050, "part": 0.045}
_CONSONANT = {letter: (pulls, kind) for letters, pulls, kind in _KINDS.values() for letter in letters}


def letters(ipa: str) -> list[str]:
    """The sounds of an IPA string, without stress, length and diacritics: "aɪ" has two."""
    return [letter for letter in ipa if letter in _VOWELS or letter in _CONSONANT]


def pulls(letter: str) -> tuple[dict[str, tuple[float, float]], int]:
    """(target, strength) by number of MOUTH, and the class, of one IPA letter; "" is silence."""
    if letter in _CONSONANT:
        return _CONSONANT[letter]
    if letter not in _VOWELS:
        return {name: (0.0, 1.6) for name in _LEAD_S}, REST
    high, front, rounded = _VOWELS[letter]
    spread = (1 - rounded) * (0.15 + 0.80 * max(front - 0.4, 0) / 0.6 * (1 - 0.75 * high))
    made = {"jaw": (0.12 + 0.80 * high if not rounded else 0.12 + 0.75 * high, 2.0), "part": (0.30 + 0.15 * front * (1 - high) - 0.18 * rounded, 1.0),
            "spread": (spread if front > 0.4 else 0.05, 1.0), "round": (rounded * (1.0 - 0.65 * high), 1.0 + 1.6 * rounded),
            "funnel": (rounded * (0.30 + 0.45 * high), 1.0 + 0.8 * rounded), "tongue": (0.0, 0.6)}
    kind = ROUNDS if rounded >= 0.7 else OPEN if high >= 0.6 else SPREADS if front >= 0.8 and high < 0.4 else MID
    return made, kind


def sounds(phones: list[Phone]) -> list[Phone]:
    """One letter a phone: a diphthong or an affricate shares its time; pauses stay."""
    found = []
    for phone in phones:
        parts = letters(phone.ipa)
        if not parts and phone.ipa.strip("_ ː") and found:
            parts = letters(found[-1].ipa)  # a mark alone lengthens what came before
        edges = np.linspace(phone.start, phone.end, max(len(parts), 1) + 1)
        found += [Phone(letter, float(a), float(b)) for letter, a, b in zip(parts or [""], edges[:-1], edges[1:], strict=True)]
    return found


def tracks(phones: list[Phone], seconds: float) -> tuple[np.ndarray, np.ndarray]:
    """Mouth [N, 8] in [0, 1] and class [N] of SOUNDS at TRACK_RATE, frame k at k / TRACK_RATE, for a sound of `seconds`."""
    count = int(np.floor(seconds * TRACK_RATE)) + 1
    time = np.arange(count) / TRACK_RATE
    parts = sounds(phones)
    ends = [(0.0, parts[0].start), (parts[-1].end, seconds)] if parts else [(0.0, seconds)]
    parts = sorted(parts + [Phone("", a, b) for a, b in ends if b > a], key=lambda part: part.start)
    start, end = (np.array([getattr(part, name) for part in parts])[:, None] for name in ("start", "end"))
    before, after = np.maximum(start - time, 0), np.maximum(time - end, 0)
    mouth = np.zeros((count, len(MOUTH)))
    wanted = [pulls(part.ipa) for part in parts]
    for name, lead in _LEAD_S.items():
        target, strength = np.array([set_by.get(name, (0.0, 0.0)) for set_by, _ in wanted]).T
        pull = strength[:, None] * np.exp(-before / lead - after / _LAG_S[name]) + 1e-9
        mouth[:, MOUTH.index(name)] = (pull * target[:, None]).sum(0) / pull.sum(0)
    mouth = _smoothed(mouth)
    for kind, column, width in ((CLOSED, CLOSE, 0.045), (TUCKED, TUCK, 0.05)):
        for part, (_, of) in zip(parts, wanted, strict=True):
            if of == kind:
                mouth[:, column] = np.maximum(mouth[:, column], _gesture(time, part, width))
    mouth[:, [ROUND, FUNNEL]] *= 1 - 0.35 * mouth[:, [TUCK]]
    mouth[:, SPREAD] *= 1 - np.minimum(1, mouth[:, ROUND] + mouth[:, FUNNEL])
    mouth[:, TONGUE] *= 1 - mouth[:, CLOSE]
    mouth[:, JAW] = np.minimum(mouth[:, JAW], 1 - 0.75 * mouth[:, CLOSE])
    kinds = np.full(count, REST)
    for part, (_, of) in zip(parts, wanted, strict=True):
        kinds[(time >= part.start) & (time < part.end)] = of
    return mouth.clip(0, 1).astype(np.float32), kinds.astype(np.int8)


def _gesture(time: np.ndarray, part: Phone, width: float) -> np.ndarray:
    """Rises from `width` before the middle half of a sound to one, stays there, and falls: never slower than the sound itself."""
    quarter = min((part.end - part.start) / 4, 0.03)
    ramp = lambda gap: 0.5 + 0.5 * np.cos(np.pi * np.clip(gap / width, 0, 1))  # noqa: E731
    return ramp(part.start + quarter - time) * ramp(time - part.end + quarter)


def _smoothed(values: np.ndarray) -> np.ndarray:
    """Zero-phase smoothing along time."""
    reach = int(np.ceil(3 * SMOOTH_S * TRACK_RATE))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / (SMOOTH_S * TRACK_RATE)) ** 2)
    kernel /= kernel.sum()
    padded = np.pad(values, ((reach, reach), (0, 0)), mode="edge")
    return np.stack([np.convolve(padded[:, k], kernel, "valid") for k in range(values.shape[1])], 1)
