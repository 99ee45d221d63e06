"""Training on a tiny data folder: it learns, stops cleanly, and goes on from its checkpoint as if never stopped."""

import gzip
import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from engines.guidance import datasets
from engines.guidance.train import Batches, TrainRequest, train
from engines.job import Cancelled, EngineError, Job
from engines.weights import read_safetensors


@pytest.fixture
def request_(tmp_path):
    random = np.random.default_rng(0)
    labels = random.integers(10, size=200).astype(np.uint8)
    images = np.zeros((200, 28, 28), np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[2 * label : 2 * label + 6] = 255
    for name, array, header in (("images-idx3", images, 16), ("labels-idx1", labels, 8)):
        with gzip.open(tmp_path / f"train-{name}-ubyte.gz", "wb") as file:
            file.write(bytes(header) + array.tobytes())
    return TrainRequest("fashion-mnist", str(tmp_path), str(tmp_path / "out.safetensors"), (16, 16), 1, 32, steps=30, batch=16,
                        warmup=1, rate=2e-3)


def test_the_loss_falls_and_the_weights_carry_their_header(request_):
    told = []
    facts = train(replace(request_, steps=100), Job(lambda kind, values: told.append(values)))
    tensors, meta = read_safetensors(request_.out)
    header = json.loads(meta["vernier"])
    first = float(told[0][1].split("loss ")[1].split(",")[0])
    assert facts["steps"] == 100 and facts["loss"] < 0.8 * first and len(told) >= 10
    assert header["classes"] == list(datasets.FASHION) and header["prediction"] == "eps"
    assert all(t.dtype == torch.float16 for t in tensors.values())


def test_a_cancelled_run_goes_on_where_it_was(request_):
    job, told = Job(), []

    def tell(kind, values):
        told.append(values[1])
        job.cancelled = True

    job.tell = tell
    with pytest.raises(Cancelled):
        train(replace(request_, steps=60), job)  # told once, raised in the next one: nothing of that has moved
    _, meta = read_safetensors(request_.out + ".state")
    assert len(told) == 1 and told[0].startswith(f"step {meta['step']},")
    assert train(request_, Job())["steps"] == 30


def test_a_checkpoint_of_other_settings_is_refused(request_):
    train(request_, Job())
    with pytest.raises(EngineError, match="other settings"):
        train(replace(request_, seed=5), Job())


def test_a_folder_without_the_data_says_what_is_missing(request_, tmp_path):
    with pytest.raises(EngineError, match="train-images-idx3-ubyte.gz could not be read"):
        train(replace(request_, data=str(tmp_path / "nowhere")), Job())


def test_batches_follow_the_weights_and_mirror_only_where_allowed():
    images = np.zeros((3, 1, 4, 4, 1), np.uint8)
    images[:, :, :, 0] = 255  # a bar on the left
    data = datasets.ImageSet("x", images, np.array([0, 1, 2]), np.array([1.0, 1.0, 2.0]), np.array([False, True, False]),
                             ("a", "b", "c"), "", "")
    x, c = Batches(data, 0, torch.device("cpu")).draw(8000)
    share = torch.bincount(c) / 8000
    assert share.tolist() == pytest.approx([0.25, 0.25, 0.5], abs=0.02)
    left = (x[:, 0, 0, 0] == 1).float()
    assert left[c != 1].min() == 1 and left[c == 1].mean().item() == pytest.approx(0.5, abs=0.05)


def test_emoji_categories_leave_the_vague_ones_out():
    assert datasets._class_of("Smileys & Emotion", "cat-face") == "face"
    assert datasets._class_of("Smileys & Emotion", "monkey-face") == "animal"
    assert datasets._class_of("Food & Drink", "dishware") is None
    assert datasets._class_of("Objects", "clothing") == "clothing"
    assert datasets._class_of("Objects", "tool") is None
