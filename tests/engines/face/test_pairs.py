"""The cache of rendered heads, and pairs drawn from it, on the small head and the small speech."""

import numpy as np
import pytest
import torch

from engines.face import cache, morphable, pairs
from engines.face.articulation import REST
from engines.face.head import opening_and_width
from engines.job import Cancelled, EngineError, Job
from tests.engines.face import small_head, small_speech

CPU = torch.device("cpu")


@pytest.fixture(scope="module", autouse=True)
def few_mouths():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cache, "MOUTHS", 8)
        yield


@pytest.fixture(scope="module")
def made(tmp_path_factory, few_mouths):
    """A folder with two heads and one held-out head of 64 pixels, the head and the speech."""
    folder = tmp_path_factory.mktemp("cache")
    small_head.save(folder / "head.npz")
    head, speech = morphable.load(folder / "head.npz"), small_speech.speech()
    cache.fill(folder, head, speech, 0, (2, 1), 64, Job())
    return folder, head, speech


def store(made, held=False, size=32):
    return pairs.Store(made[0], held, 9, size, CPU, Job())


def test_a_folder_is_filled_once_and_by_any_number_of_processes_alike(made, tmp_path):
    folder, head, speech = made
    for turn in ((1, 2), (0, 2)):
        cache.fill(tmp_path, head, speech, 0, (2, 1), 64, Job(), turn)
    names = sorted(path.name for path in folder.glob("he*-*.npz"))
    assert names == sorted(path.name for path in tmp_path.iterdir()) and len(names) == 3
    for name in names:
        first, second = cache.read(folder / name, 64), cache.read(tmp_path / name, 64)
        np.testing.assert_array_equal(first.pictures, second.pictures)


def test_a_stopped_rendering_leaves_no_half_file(made, tmp_path):
    job = Job()
    job.cancelled = True
    with pytest.raises(Cancelled):
        cache.fill(tmp_path, made[1], made[2], 0, (1, 1), 64, job)
    assert not list(tmp_path.iterdir())


def test_a_head_rests_first_and_then_shows_mouths_of_the_speech(made):
    shots = cache.read(cache.path_of(made[0], 0, False), 64)
    assert shots.frame[0] == -1 and shots.kind[0] == REST and not shots.mouth[0].any()
    np.testing.assert_allclose(shots.mouth[1:], made[2].mouth[shots.frame[1:]] / 255, atol=1e-6)
    assert len(set(shots.kind)) > 2


def test_a_held_out_head_speaks_one_run_of_a_held_out_sentence(made):
    frames = cache.read(cache.path_of(made[0], 0, True), 64).frame[1:]
    assert (np.diff(frames) == cache.HELD_STEP).all()
    sentence = np.searchsorted(made[2].start, frames, side="right") - 1
    assert len(set(sentence)) == 1 and made[2].held[sentence[0]]


def test_both_ways_of_a_pair_share_everything_but_the_mouth(made):
    batch = pairs.Pairs(store(made), made[2], CPU, 0).draw((0, 1), 3)
    torch.testing.assert_close(batch.image[:3], batch.target[3:])
    torch.testing.assert_close(batch.image[3:], batch.target[:3])
    torch.testing.assert_close(batch.changed[:3], batch.changed[3:])
    assert batch.A.shape == (6, 24, 80) and batch.image.min() >= 0 and batch.image.max() <= 1
    assert set(batch.known.sum(1).int().tolist()) <= {16, 19, 24}


def test_the_same_seed_draws_the_same_batch(made):
    drawn = pairs.Pairs(store(made), made[2], CPU, 0)
    first, again, other = drawn.draw((0, 1), 2), drawn.draw((0, 1), 2), drawn.draw((0, 2), 2)
    torch.testing.assert_close(first.image, again.image)
    torch.testing.assert_close(first.A, again.A)
    assert not torch.equal(first.image, other.image)


def test_a_mouth_is_heard_through_frames_with_nearly_the_same_mouth(made):
    kept = store(made)
    near = pairs.heard_as(kept, made[2], 0)
    heard = made[2].mouth[near] / 255
    assert np.abs(heard - kept.mouth[:, None]).max() < pairs.NEAR + 0.01
    speaking = kept.mouth.max(1) >= 0.03
    assert speaking.any() and (near[speaking, 0] == kept.frame[speaking]).all()
    usable = set(made[2].frames(False, cache.BEFORE, cache.AFTER).tolist())
    assert {int(k) for k in near.ravel()} <= usable


def test_lips_stay_on_the_picture_when_it_is_turned_and_mirrored(made):
    kept = store(made, size=64)
    drawn = pairs.Pairs(kept, made[2], CPU, 0)
    rows = np.arange(4)
    for seed in range(5):
        pixels, lips = drawn._moved(np.concatenate([rows, rows]), np.random.default_rng(seed), 4)
        centre = (lips[:, :12].mean(1) * 64).round().long().clamp(0, 63)
        weight = torch.stack([pixels[k, 3] for k in range(8)])
        at = torch.stack(torch.meshgrid(torch.arange(64.), torch.arange(64.), indexing="ij"), -1)
        seen = (weight[..., None] * at).sum((1, 2)) / weight.sum((1, 2))[:, None]
        assert (seen.flip(1) - centre).abs().max() < 4
        scale = opening_and_width(lips.numpy())[:, 1] / opening_and_width(kept.lips[np.concatenate([rows, rows])].numpy())[:, 1]
        assert (lips[:, 0, 0] < lips[:, 6, 0]).all() and (abs(scale - 1) < 0.2).all()


def test_heads_of_another_speech_are_refused(made):
    with pytest.raises(EngineError, match=r"another speech\.npz"):
        pairs.Pairs(store(made), small_speech.speech(seed=5), CPU, 0)


def test_a_damaged_or_missing_head_is_named(made, tmp_path):
    with pytest.raises(EngineError, match="no rendered head"):
        pairs.Store(tmp_path, False, 3, 32, CPU, Job())
    (tmp_path / "head-00000.npz").write_bytes(b"PK\x03\x04")
    with pytest.raises(EngineError, match=r"head-00000\.npz"):
        pairs.Store(tmp_path, False, 3, 32, CPU, Job())


def test_more_heads_than_memory_holds_are_refused_before_it_is_full():
    with pytest.raises(EngineError, match="GiB of memory") as caught:
        pairs._has_room(10**15, CPU, 9000)
    assert "--heads" in caught.value.remedy
