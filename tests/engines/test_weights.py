"""Reading weights: damaged, truncated, pickled or swapped files are told apart and refused."""

import json
import pickle

import pytest
import torch
from safetensors.torch import save_file

from engines import weights
from engines.job import EngineError


@pytest.fixture
def good(tmp_path):
    path = tmp_path / "good.safetensors"
    save_file({"a": torch.arange(300.0)}, path, {"about": "test"})
    return path


def test_tensors_and_header_come_back(good):
    tensors, meta = weights.read_safetensors(good)
    assert tensors["a"].equal(torch.arange(300.0)) and meta == {"about": "test"}


def test_a_truncated_file_is_named(good):
    good.write_bytes(good.read_bytes()[:-50])
    with pytest.raises(EngineError, match="good.safetensors is damaged"):
        weights.read_safetensors(good)


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_a_pickle_is_refused_before_anything_is_read(tmp_path, protocol):
    path = tmp_path / "evil.safetensors"
    path.write_bytes(pickle.dumps({"a": 1}, protocol=protocol))
    with pytest.raises(EngineError, match="pickle checkpoint"):
        weights.read_safetensors(path)


def test_a_torch_archive_is_refused(tmp_path):
    path = tmp_path / "model.pt"
    torch.save({"a": torch.ones(2)}, path)
    with pytest.raises(EngineError, match="pickle checkpoint"):
        weights.read_safetensors(path)


def test_a_missing_file_and_an_empty_one_are_named(tmp_path):
    with pytest.raises(EngineError, match="nowhere.safetensors could not be read"):
        weights.read_safetensors(tmp_path / "nowhere.safetensors")
    (tmp_path / "empty.safetensors").touch()
    with pytest.raises(EngineError, match="empty.safetensors is damaged"):
        weights.read_safetensors(tmp_path / "empty.safetensors")


def test_a_shipped_file_with_one_changed_byte_is_refused(good):
    (good.parent / "manifest.json").write_text(json.dumps({good.name: weights.sha256(good)}))
    weights.verify(good)
    raw = bytearray(good.read_bytes())
    raw[-1] ^= 1
    good.write_bytes(raw)
    with pytest.raises(EngineError, match="hash differs"):
        weights.verify(good)


@pytest.mark.parametrize("length", [640, 896])
def test_a_header_whose_length_looks_like_a_pickle_is_none(tmp_path, length):
    header = b'{"__metadata__": {"note": "' + b"x" * (length - 30) + b'"}}'
    path = tmp_path / "fine.safetensors"
    path.write_bytes(length.to_bytes(8, "little") + header + b" " * (length - len(header)))
    assert path.read_bytes()[:2] in (b"\x80\x02", b"\x80\x03") and weights.read_header(path)["note"].startswith("xxx")
