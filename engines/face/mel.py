"""Log-mel frames of 16 kHz speech, the whole of a sound or block by block with the same result.

Pre-emphasis 0.97, window and FFT 800 samples (50 ms, Hann), hop 200 (12.5 ms: 80 frames a second), 80 mels 55-7600 Hz with unit area (Slaney),
amplitude in dB with reference 20, floor -100, mapped to [-4, 4]: the numbers of Wav2Lip, which DCK takes [DCK, VI-A].
Frame k is centred on sample 200 k; outside the sound there is silence. So it is known 25 ms after its time.
"""

from functools import cache

import numpy as np

RATE, HOP, WINDOW, MELS, FRAMES_A_SECOND = 16_000, 200, 800, 80, 80
LOW_HZ, HIGH_HZ, PREEMPHASIS = 55.0, 7600.0, 0.97
FLOOR_DB, REFERENCE_DB, TOP = -100.0, 20.0, 4.0
SILENCE = -TOP


def _mel(hz: np.ndarray) -> np.ndarray:
    """Slaney's scale: linear to 1 kHz, then logarithmic."""
    hz = np.asarray(hz, float)
    return np.where(hz < 1000, hz * 3 / 200, 15 + np.log(np.maximum(hz, 1000) / 1000) * 27 / np.log(6.4))


def _hz(mel: np.ndarray) -> np.ndarray:
    return np.where(mel < 15, mel * 200 / 3, 1000 * np.exp((mel - 15) * np.log(6.4) / 27))


@cache
def filters() -> np.ndarray:
    """[MELS, WINDOW / 2 + 1] triangles whose area in Hz is one."""
    edges = _hz(np.linspace(*_mel(np.array([LOW_HZ, HIGH_HZ])), MELS + 2))
    bins = np.arange(WINDOW // 2 + 1) * RATE / WINDOW
    rising = (bins - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - bins) / np.diff(edges)[1:, None]
    return (np.maximum(0, np.minimum(rising, falling)) * (2 / (edges[2:] - edges[:-2]))[:, None]).astype(np.float32)


class Stream:
    """Mel frames of a sound that comes in blocks. Keeps 50 ms of sound."""

    def __init__(self) -> None:
        self._last = 0.0
        self._kept = np.zeros(WINDOW // 2, np.float32)

    def push(self, sound: np.ndarray) -> np.ndarray:
        """The frames [N, MELS] that are complete with these samples [n] in [-1, 1] (float)."""
        sound = np.asarray(sound, np.float32)
        if len(sound):
            before = np.concatenate([[np.float32(self._last)], sound[:-1]])
            self._last = float(sound[-1])
            self._kept = np.concatenate([self._kept, sound - np.float32(PREEMPHASIS) * before])
        count = max(0, (len(self._kept) - WINDOW) // HOP + 1)
        frames = _frames(self._kept, count)
        self._kept = self._kept[count * HOP:]
        return frames

    def finish(self) -> np.ndarray:
        """The frames that reach beyond the end, silence after it."""
        return self.push(np.zeros(WINDOW // 2, np.float32))


@cache
def _hann() -> np.ndarray:
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)).astype(np.float32)


def _frames(sound: np.ndarray, count: int) -> np.ndarray:
    if not count:
        return np.zeros((0, MELS), np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(sound, WINDOW)[::HOP][:count] * _hann()
    amplitude = np.abs(np.fft.rfft(windows, axis=1)).astype(np.float32)
    level = 20 * np.log10(np.maximum(amplitude @ filters().T, 10 ** (FLOOR_DB / 20))) - REFERENCE_DB
    return np.clip(2 * TOP * (level - FLOOR_DB) / -FLOOR_DB - TOP, -TOP, TOP).astype(np.float32)


def log_mel(sound: np.ndarray) -> np.ndarray:
    """Frames [1 + n // HOP, MELS] in [-4, 4] of a whole sound [n] in [-1, 1] at RATE."""
    stream = Stream()
    return np.concatenate([stream.push(sound), stream.finish()])


def window(frames: np.ndarray, at: np.ndarray, before: int, after: int) -> np.ndarray:
    """[N, before + after, MELS]: the frames at - before .. at + after - 1 around each of `at` [N]; silence outside the sound."""
    rows = np.asarray(at)[:, None] + np.arange(-before, after)
    found = frames[rows.clip(0, len(frames) - 1)].astype(np.float32)
    found[(rows < 0) | (rows >= len(frames))] = SILENCE
    return found
