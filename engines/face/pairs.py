"""Pairs of one head at two mouths, each with a sound that makes it: the paper's paired supervision with exact truth [DCK, IV-B].

f(X1, A2) -> X2 and f(X2, A1) -> X1. All pictures lie decoded on the device, with a fourth channel that is bright along the lips' edges. A mouth is heard
through any frame of the speech with nearly the same mouth, so one picture is paired with several voices.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from engines.face import cache, corpus
from engines.face.articulation import CLOSED, REST, TUCKED
from engines.face.corpus import Speech
from engines.face.dck import AFTER, BEFORE, FRAMES, LOOK_AHEADS_MS, heard
from engines.job import EngineError, Job

HEARD_AS = 8  # frames of the speech for one mouth
NEAR = 0.10  # how far, over all eight numbers, a mouth may be from the picture's
SAME = 0.1  # pairs of a picture with itself: a right mouth is left alone
LOOK_AHEAD_CHANCE = (0.2, 0.4, 0.4)
CHANGED = 0.04  # of the brightness range: what the mask has to cover


@dataclass(frozen=True)
class Batch:
    """image, target [B, 3, S, S] in [0, 1]; A [B, FRAMES, 80]; known [B, FRAMES]; changed, edge [B, 1, S, S] in [0, 1]; lips [B, 20, 2] of the target
    in crop sides; weight [B]; mouth [B, 8] of the sound."""

    image: Tensor
    target: Tensor
    A: Tensor
    known: Tensor
    changed: Tensor
    edge: Tensor
    lips: Tensor
    weight: Tensor
    mouth: Tensor


class Store:
    """The heads of a cache folder, decoded, on a device."""

    def __init__(self, folder: Path, held: bool, count: int, size: int, device: torch.device, job: Job) -> None:
        paths = [path for number in range(count) if (path := cache.path_of(folder, number, held)).exists()]
        if not paths:
            raise EngineError(f"There is no rendered head in {Path(folder).name}.", "Let the training render them: give --head.")
        most = len(paths) * (cache.MOUTHS + 1)
        _has_room(most * 4 * size * size, device, len(paths))
        self.size, self.pixels = size, torch.empty((most, 4, size, size), dtype=torch.uint8, device=device)
        parts, at = [], 0
        for k, path in enumerate(paths):
            job.progress(k, len(paths), f"Reading heads: {k} of {len(paths)}")
            shots = cache.read(path, size)
            count = len(shots.kind)
            self.pixels[at:at + count, :3] = torch.from_numpy(shots.pictures).permute(0, 3, 1, 2).to(device)
            self.pixels[at:at + count, 3] = torch.from_numpy(edges(shots.lips, size)).to(device)
            parts.append((np.full(count, k), shots.mouth, shots.kind, shots.frame, shots.lips))
            at += count
        self.pixels = self.pixels[:at]
        self.head, self.mouth, self.kind, self.frame, lips = (np.concatenate(part) for part in zip(*parts, strict=True))
        self.lips = torch.from_numpy(lips / size).float().to(device)
        self.rows = [np.flatnonzero(self.head == k) for k in range(len(paths))]


def _has_room(needed: int, device: torch.device, heads: int) -> None:
    """EngineError when the decoded heads would fill the memory."""
    import psutil

    free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else psutil.virtual_memory().available
    if needed > 0.7 * free:
        raise EngineError(f"{heads:,} heads need {needed / 2**30:.1f} GiB of memory and {free / 2**30:.1f} are free.", "Train with fewer --heads.")


def same_speech(store: Store, speech: Speech) -> None:
    """EngineError when the heads were rendered for another speech than this one."""
    rows = np.flatnonzero(store.frame >= 0)
    frame = store.frame[rows]
    if len(frame) and (frame.max() >= len(speech.mel) or np.abs(speech.mouth[frame] / np.float32(255) - store.mouth[rows]).max() > 1e-3):
        raise EngineError("The heads in the cache folder were rendered for another speech.npz.", "Delete them, or choose another --cache folder.")


def edges(lips: np.ndarray, size: int) -> np.ndarray:
    """[K, size, size] uint8, bright along both lip rings of lips [K, 20, 2] in pixels."""
    import cv2

    found = np.zeros((len(lips), size, size), np.uint8)
    for picture, points in zip(found, lips, strict=True):
        for ring in (points[:12], points[12:]):
            cv2.polylines(picture, [np.round(ring * 16).astype(np.int32)], True, 255, max(1, size // 40), cv2.LINE_AA, 4)
        picture[:] = cv2.GaussianBlur(picture, (0, 0), size / 100)
    return found


def heard_as(store: Store, speech: Speech, seed: int) -> np.ndarray:
    """[N, HEARD_AS] frames of the speech that each picture may be heard as: its own, and others whose mouth is nearly the same."""
    from scipy.spatial import cKDTree

    usable = speech.frames(False, BEFORE, AFTER)
    mouths = speech.mouth[usable].astype(np.float32) / 255
    resting = usable[(mouths.max(1) < 0.03) & (speech.kind[usable] == REST)]
    away, near = cKDTree(mouths).query(store.mouth, HEARD_AS, distance_upper_bound=NEAR)
    found = np.where(np.isfinite(away), usable[near.clip(max=len(usable) - 1)], store.frame[:, None])
    found[:, 0] = np.where(store.frame >= 0, store.frame, found[:, 0])
    silent = store.mouth.max(1) < 0.03
    if len(resting):
        found[silent] = np.random.default_rng(seed).choice(resting, (int(silent.sum()), HEARD_AS))
    return found


def listened(speech: Speech, frames: np.ndarray) -> np.ndarray:
    """[N, FRAMES, 80] mel windows around frames of the speech."""
    return corpus.quantised(speech.mel[frames[:, None] + np.arange(-BEFORE, AFTER)])


class Pairs:
    """Endless batches of one rank."""

    def __init__(self, store: Store, speech: Speech, device: torch.device, seed: int) -> None:
        self.store, self.speech, self.device = store, speech, device
        same_speech(store, speech)
        self.near = heard_as(store, speech, seed)
        usable = speech.frames(False, BEFORE, AFTER)
        self._by_sound = [usable[speech.kind[usable] == kind] for kind in np.unique(speech.kind[usable])]

    def listen(self, seed: tuple[int, ...], count: int) -> tuple[Tensor, Tensor, Tensor]:
        """A, known and mouth of `count` frames of the speech, every class of sound as often as the others."""
        random = np.random.default_rng(seed)
        frames = np.array([random.choice(self._by_sound[k]) for k in random.integers(len(self._by_sound), size=count)])
        return self._sound(frames, random)

    def _sound(self, frames: np.ndarray, random: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
        A = _heard_differently(listened(self.speech, frames), random)
        ahead = np.array([heard(LOOK_AHEADS_MS[k]) for k in random.choice(3, len(frames), p=LOOK_AHEAD_CHANCE)])
        known = (np.arange(FRAMES) < ahead[:, None]).astype(np.float32)
        return tuple(torch.from_numpy(part).to(self.device) for part in (A, known, self.speech.mouth[frames] / np.float32(255)))

    def draw(self, seed: tuple[int, ...], pairs: int) -> Batch:
        """2 x pairs examples, both ways of each pair; the same for the same seed."""
        random, store = np.random.default_rng(seed), self.store
        draws = torch.Generator(self.device).manual_seed(int(random.integers(2**62)))
        head = random.integers(len(store.rows), size=pairs)
        first = np.array([random.choice(store.rows[k]) for k in head])
        second = np.where(random.random(pairs) < SAME, first, [random.choice(store.rows[k]) for k in head])
        rows = np.concatenate([first, second])
        pixels, lips = self._moved(rows, random, pairs)
        changed = _changed(pixels[:pairs, :3], pixels[pairs:, :3]).repeat(2, 1, 1, 1)
        pictures = self._coloured(pixels[:, :3], draws, pairs)
        frames = self.near[rows, random.integers(HEARD_AS, size=2 * pairs)]
        A, known, mouth = self._sound(frames, random)
        weight = np.where(np.isin(store.kind[rows], (CLOSED, TUCKED)), 1.6, 1.0)
        return Batch(pictures.roll(pairs, 0), pictures, A, known, changed, pixels[:, 3:], lips,
                     torch.from_numpy(weight).float().to(self.device), mouth)

    def _moved(self, rows: np.ndarray, random: np.random.Generator, pairs: int) -> tuple[Tensor, Tensor]:
        """Pictures [2P, 4, S, S] and lips, both of a pair turned, scaled, shifted and mirrored alike."""
        angle, scale = random.normal(0, 0.06, pairs), np.exp(random.uniform(-0.12, 0.12, pairs))
        shift, flip = random.uniform(-0.12, 0.12, (pairs, 2)), np.where(random.random(pairs) < 0.5, -1.0, 1.0)
        c, s = np.cos(angle) * scale, np.sin(angle) * scale
        theta = np.stack([np.stack([c * flip, -s, shift[:, 0]], 1), np.stack([s * flip, c, shift[:, 1]], 1)], 1)  # output -> input, in [-1, 1]
        theta = torch.from_numpy(np.concatenate([theta, theta])).float().to(self.device)
        at = torch.from_numpy(rows).to(self.device)
        pixels = self.store.pixels[at].float() / 255
        grid = F.affine_grid(theta, list(pixels.shape), align_corners=False)
        lips = self.store.lips[at] * 2 - 1 - theta[:, None, :, 2]
        lips = torch.linalg.solve(theta[:, None, :, :2], lips[..., None])[..., 0]
        mirrored = torch.from_numpy(np.concatenate([flip, flip]) < 0).to(self.device)
        lips = torch.where(mirrored[:, None, None], lips[:, _MIRROR], lips)
        return F.grid_sample(pixels, grid, padding_mode="border", align_corners=False), (lips + 1) / 2

    def _coloured(self, pictures: Tensor, draws: torch.Generator, pairs: int) -> Tensor:
        """Exposure, white balance, gamma, softness and grain, the same for both of a pair."""
        def chance(*shape: int) -> Tensor:
            return torch.rand(shape, generator=draws, device=self.device)

        gamma = torch.exp((chance(pairs, 1, 1, 1) - 0.5) * 0.7)
        gain = torch.exp((chance(pairs, 1, 1, 1) - 0.5) * 0.5 + (chance(pairs, 3, 1, 1) - 0.5) * 0.2)
        soft = (chance(pairs, 1, 1, 1) < 0.25).float() * chance(pairs, 1, 1, 1)
        grain = (chance(pairs, 1, 1, 1) ** 3) * 0.06 * (chance(pairs, 1, *pictures.shape[2:]) - 0.5)
        gamma, gain, soft, grain = (value.repeat(2, 1, 1, 1) for value in (gamma, gain, soft, grain))
        blurred = F.avg_pool2d(F.pad(pictures, (1, 1, 1, 1), mode="replicate"), 3, 1)
        pictures = pictures + soft * (blurred - pictures)
        return (pictures.clamp(1e-4, 1) ** gamma * gain + grain).clamp(0, 1)


_MIRROR = [*range(6, -1, -1), *range(11, 6, -1), 16, 15, 14, 13, 12, 19, 18, 17]  # the lip rings seen in a mirror


def _changed(a: Tensor, b: Tensor) -> Tensor:
    """[P, 1, S, S] in [0, 1]: where two pictures differ, grown by about 2 % of the side and softened."""
    reach = max(1, a.shape[-1] // 42)
    apart = F.avg_pool2d(a - b, 3, 1, 1).abs().amax(1, keepdim=True)  # beard and pores that move by a pixel are no change
    grown = F.max_pool2d((apart > CHANGED).float(), 2 * reach + 1, 1, reach)
    return F.avg_pool2d(grown, 2 * reach + 1, 1, reach, count_include_pad=False)


def _heard_differently(A: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Mel windows at another loudness and through another microphone: 0.08 is one decibel."""
    count, mels = len(A), A.shape[2]
    gain, tilt = random.uniform(-0.6, 0.5, (count, 1, 1)), random.normal(0, 0.25, (count, 1, 1)) * np.linspace(-1, 1, mels)
    heard_now = A + (gain + tilt) * (A > -3.99)
    floor = random.uniform(-4.5, -2.5, (count, 1, 1)) + random.normal(0, 0.15, A.shape)
    return np.clip(np.maximum(heard_now, floor), -4, 4).astype(np.float32)
