"""The training of the talking face, tiny: on the small head and the small speech."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from engines import training_run
from engines.face import cache, face_holdout, talking, train_face
from engines.face.face_losses import Discriminator, Weights, fooled, read_lips, reconstruction, told_apart
from engines.face.face_training import FaceTrainRequest
from engines.face.lip_reader import LipReader, misread
from engines.face.pairs import Batch
from engines.job import Cancelled, EngineError, Job
from engines.weights import read_safetensors
from tests.engines.face import small_head, small_speech

NET = {"size": 32, "widths": [8, 8, 8, 8, 8, 16], "rank": 4, "audio": 8, "feature": 16}


@pytest.fixture(scope="module")
def request_(tmp_path_factory):
    """A request whose cache folder lies filled."""
    folder = tmp_path_factory.mktemp("face")
    small_head.save(folder / "head.npz")
    small_speech.save(folder / "speech.npz", small_speech.speech())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cache, "MOUTHS", 8)
        yield FaceTrainRequest(str(folder / "head.npz"), str(folder / "face.safetensors"), str(folder), steps=4, hearing=0.25, batch=2, warmup=1, heads=2,
                               held=1, checks=2, adversarial=0.5, net=NET)


def made_up(batch=2, size=32):
    draws = torch.Generator().manual_seed(0)
    rand = lambda *shape: torch.rand(shape, generator=draws)  # noqa: E731
    return Batch(rand(batch, 3, size, size), rand(batch, 3, size, size), rand(batch, 24, 80), torch.ones(batch, 24), rand(batch, 1, size, size).round(),
                 rand(batch, 1, size, size), rand(batch, 20, 2), torch.ones(batch), rand(batch, 8))


def test_a_training_writes_small_weights_that_speak_and_say_what_they_are(request_, tmp_path):
    request, news = replace(request_, out=str(tmp_path / "a.safetensors")), []
    facts = train_face.train(request, Job(lambda kind, values: news.append(values[0]) if kind == "news" else None))
    tensors, meta = read_safetensors(tmp_path / "a.safetensors")
    header = json.loads(meta["vernier"])
    with torch.no_grad():
        shown = talking.load(tmp_path / "a.safetensors")(torch.rand(1, 3, 32, 32), torch.zeros(1, 24, 80), torch.ones(1, 24))[0]
    assert shown.shape == (1, 3, 32, 32) and shown.isfinite().all()
    assert header["vernier"] == "talking-face" and "ICT-FaceKit" in header["credit"] and all(value.dtype == torch.float16 for value in tensors.values())
    assert facts["steps"] == 4 and facts["history"] and news and {"opening_r", "width_r", "closure", "psnr", "psnr_copied"} <= set(facts["hold_out"])
    longer = train_face.train(replace(request, steps=8, checks=4), Job())
    assert {6, 8} <= {look["step"] for look in longer["history"]} and longer["history"][0] == facts["history"][0]
    assert "adversarial" in facts["hold_out"] and not (tmp_path / "a.safetensors.lock").exists()


@pytest.mark.parametrize("said", ["", "not json", '{"vernier": "diffusion-model"}', '{"vernier": "talking-face", "config": {}}',
                                  '{"vernier": "talking-face", "config": {"widths": [8, 8, 8, 8, 8, 16]}}'])
def test_other_weights_are_named(tmp_path, said):
    save_file({"x": torch.zeros(1)}, tmp_path / "other.safetensors", {"vernier": said} if said else {})
    with pytest.raises(EngineError, match=r"other\.safetensors"):
        talking.load(tmp_path / "other.safetensors")


def test_a_cancelled_training_goes_on_where_it_was(request_, tmp_path):
    whole = replace(request_, out=str(tmp_path / "whole.safetensors"), adversarial=0.0, checks=1)
    train_face.train(whole, Job())

    class Stops(Job):
        def progress(self, done, total, text=""):
            if text.startswith("step 2"):
                self.cancelled = True
            super().progress(done, total, text)

    halved = replace(whole, out=str(tmp_path / "halved.safetensors"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training_run, "TELL_S", -1.0)
        with pytest.raises(Cancelled):
            train_face.train(halved, Stops())
    assert halved.state.exists() and not (tmp_path / "halved.safetensors").exists()
    train_face.train(halved, Job())
    first, second = (read_safetensors(request.state)[0] for request in (whole, halved))
    for name, value in first.items():
        torch.testing.assert_close(second[name], value, atol=1e-6, rtol=1e-5, msg=name)


def test_a_checkpoint_of_other_settings_is_refused(request_, tmp_path):
    request = replace(request_, out=str(tmp_path / "b.safetensors"), steps=1)
    train_face.train(request, Job())
    with pytest.raises(EngineError, match="dynamic"):
        train_face.train(replace(request, dynamic=False, steps=2), Job())


@pytest.mark.parametrize("change", [{"out": "x.pt"}, {"quality": "best"}, {"steps": 0}, {"hours": 0.0}, {"adversarial": 1.0}, {"hearing": 0.7}])
def test_a_request_that_no_training_can_use_is_refused(request_, change):
    with pytest.raises(EngineError) as caught:
        replace(request_, **change).check()
    assert caught.value.remedy


def test_a_mask_that_vanishes_costs_more_than_one_that_covers_the_mouth():
    batch = made_up()
    right = reconstruction(batch.target, batch.changed, batch.target, batch, Weights())
    copied = reconstruction(batch.image, batch.changed * 0, batch.image, batch, Weights())
    assert sum(right.values()) < 0.01 and all(copied[name] > right[name] + 0.01 for name in right)


def test_the_reader_learns_lips_and_takes_no_gradient_from_the_face():
    torch.manual_seed(0)
    reader, batch = LipReader(), made_up(4, 64)
    optimiser = torch.optim.Adam(reader.parameters(), 3e-3)
    before = misread(reader(batch.target), batch.lips).mean().item()
    for _ in range(40):
        optimiser.zero_grad()
        misread(reader(batch.target), batch.lips).mean().backward()
        optimiser.step()
    assert misread(reader(batch.target), batch.lips).mean().item() < 0.5 * before
    optimiser.zero_grad()
    shown = batch.target.clone().requires_grad_()
    read_lips(reader, shown, batch, Weights()).backward()
    assert shown.grad.abs().max() > 0 and all(p.grad is None for p in reader.parameters())


def test_the_discriminator_learns_to_tell_and_the_face_is_pulled_the_other_way():
    torch.manual_seed(0)
    critic, real, made = Discriminator(8), torch.rand(4, 3, 32, 32), torch.rand(4, 3, 32, 32) * 0.3
    optimiser, first = torch.optim.Adam(critic.parameters(), 2e-3), told_apart(critic, made, real).item()
    for _ in range(60):
        optimiser.zero_grad()
        told_apart(critic, made, real).backward()
        optimiser.step()
    assert told_apart(critic, made, real).item() < 0.5 * first and fooled(critic, made) > fooled(critic, real)


def test_the_measures_are_right_on_a_face_that_is_right(request_):
    pairs, held = train_face.prepare(request_, train_face.Alone(torch.device("cpu")), Job())

    class Knows(torch.nn.Module):
        training = False

        def forward(self, image, A, known):
            rows = held.rows[0]
            return (held.pixels[torch.from_numpy(rows[held.frame[rows] >= 0]), :3].float() / 255,)

    class Reads(torch.nn.Module):
        def forward(self, picture):
            rows = held.rows[0]
            return held.lips[torch.from_numpy(rows[held.frame[rows] >= 0])]

    found = face_holdout.measure(Knows(), Reads(), held, pairs.speech)
    assert found["opening_r"] == pytest.approx(1) and found["opening_gain"] == pytest.approx(1) and found["psnr"] > 80 > found["psnr_copied"]
    assert found["width_r"] == pytest.approx(1) or np.ptp(held.lips[:, 0, 0].numpy()) < 0.3
