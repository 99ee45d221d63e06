import json

import pytest
import torch

import resources
from engines.guidance import sources
from engines.job import EngineError
from engines.weights import read_header, seal


def test_label_rows_are_one_hot_and_blend(model):
    assert model.label_rows(1, 2).tolist() == [[0, 1, 0, 0]] * 2
    assert torch.allclose(model.label_rows(0, 1, 2, 0.25), torch.tensor([[0.75, 0, 0.25, 0]]))
    with pytest.raises(EngineError, match="no class 3"):
        model.label_rows(3, 1)


def test_the_doubled_batch_gives_the_two_predictions(model):
    x, rows = torch.randn(4, *model.shape), model.label_rows(2, 4)
    with torch.inference_mode():
        eps_c, eps_u = model.pair(x, 321.5, rows)
        null = torch.zeros(4, 4)
        null[:, 3] = 1
        assert torch.allclose(eps_c, model.predict(x, 321.5, rows), atol=1e-5)
        assert torch.allclose(eps_u, model.predict(x, 321.5, null), atol=1e-5)
    assert not torch.allclose(eps_c, eps_u, atol=1e-3)


def test_timesteps_between_the_knots_are_understood(model):
    x, rows = torch.randn(1, *model.shape), model.label_rows(0, 1)
    with torch.inference_mode():
        a, middle, b = (model.predict(x, t, rows) for t in (400.0, 400.5, 401.0))
    assert torch.allclose(middle, (a + b) / 2, atol=1e-3) and not torch.equal(a, b)


def test_a_network_that_answers_nan_is_an_error_with_a_remedy(model):
    next(model.net.parameters()).data.fill_(float("nan"))
    with pytest.raises(EngineError, match="not finite") as raised:
        model.predict(torch.randn(1, *model.shape), 5.0, model.label_rows(0, 1))
    assert raised.value.remedy


@pytest.mark.parametrize(("damage", "word"), [
    (lambda b: b[:-100], "damaged"), (lambda b: b"PK\x03\x04" + b, "pickle"), (lambda b: b"\x80\x04" + b, "pickle"), (lambda b: b"", "damaged"),
    (lambda b: b"\xff" * 64, "damaged")])
def test_damaged_weights_are_refused_by_name(tiny, tmp_path, damage, word):
    tiny.write_bytes(damage(tiny.read_bytes()))
    with pytest.raises(EngineError, match="tiny.safetensors") as raised:
        sources.open_model(str(tiny), tmp_path)
    assert word in str(raised.value) and raised.value.remedy


def test_shipped_weights_with_a_wrong_hash_are_refused(save_model, tmp_path):
    path = save_model(tmp_path / "emoji3d.safetensors")
    seal(tmp_path)
    sources.open_model("emoji3d", tmp_path)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(EngineError, match="hash differs"):
        sources.open_model("emoji3d", tmp_path)


@pytest.mark.parametrize("changes", [{"vernier": "teeth"}, {"schedule": {"kind": "cosine"}}, {"classes": ["one"]}, {"config": {"depth": 3}}, {"config": None},
                                     {"config": {"image_channels": 3, "image_size": 8, "classes": 3, "widths": [17, 32]}},
                                     {"config": {"image_channels": 3, "image_size": 8, "classes": 3, "widths": [16000000, 16000000]}}])
def test_a_header_of_another_kind_is_refused(save_model, tmp_path, changes):
    path = save_model(tmp_path / "odd.safetensors", **changes)
    with pytest.raises(EngineError, match="odd.safetensors"):
        sources.open_model(str(path), tmp_path)


@pytest.mark.parametrize("name", ["magic", "model.ckpt", "gone.safetensors"])
def test_a_model_that_is_not_there_is_refused(tmp_path, name):
    with pytest.raises(EngineError) as raised:
        sources.open_model(str(tmp_path / name) if "." in name else name, tmp_path)
    assert name in str(raised.value)


def test_a_batch_that_does_not_fit_says_how_much_it_needs_and_what_would_fit(model, monkeypatch):
    import psutil
    monkeypatch.setattr(psutil, "virtual_memory", lambda: type("M", (), {"available": 2**20})())
    with pytest.raises(EngineError, match="GiB are free") as raised:
        sources.memory_check(model, 10_000)
    assert "at most" in raised.value.remedy
    sources.memory_check(model, 1)


@pytest.mark.parametrize("name", sources.SHIPPED)
def test_what_ships_opens_under_twelve_megabytes_and_has_a_card(name):
    folder = resources.path("weights")
    model = sources.open_model(name, folder)
    assert (folder / f"{name}.safetensors").stat().st_size < 12e6 and (folder / f"{name}.table.safetensors").stat().st_size < 12e6
    card = (folder / f"{name}.md").read_text("utf-8")
    assert all(word in card for word in ("Licence", "Command", "Seed", "Baseline"))
    assert json.loads(read_header(folder / f"{name}.safetensors")["vernier"])["classes"] == list(model.classes)
