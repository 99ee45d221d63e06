"""Finds, verifies and reads weight files. Safetensors only: nothing here can run code from a file."""

import hashlib
import json
from pathlib import Path

from torch import Tensor

from engines.job import EngineError

LIMIT_BYTES = 4 << 30


def sha256(path: Path) -> str:
    """The file's hash, hex."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and header metadata of a .safetensors file.

    EngineError naming the file when it is missing, a pickle, truncated, damaged, or over 4 GiB.
    """
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    try:
        with open(path, "rb") as file:
            first = file.read(9)
        size = path.stat().st_size
    except OSError as error:
        raise EngineError(f"{path.name} could not be read: {error.strerror}.", remedy="Choose another file.") from error
    if first[:2] in (b"PK", b"\x80\x02", b"\x80\x04", b"\x80\x05"):
        raise EngineError(f"{path.name} is a pickle checkpoint, which can run code when opened.",
                          remedy="Only .safetensors files are accepted.")
    if size > LIMIT_BYTES:
        raise EngineError(f"{path.name} is larger than 4 GiB.", remedy="Choose a smaller model.")
    try:
        with safe_open(path, framework="pt") as file:
            return {key: file.get_tensor(key) for key in file.keys()}, dict(file.metadata() or {})
    except (SafetensorError, OSError, ValueError, RuntimeError) as error:
        raise EngineError(f"{path.name} is damaged or not a safetensors file ({error}).",
                          remedy="Restore the file, or choose another.") from error


def shipped(folder: Path) -> dict[str, str]:
    """File name -> sha256 of every weight that ships, from `manifest.json`."""
    return json.loads((folder / "manifest.json").read_text("utf-8"))


def verify(path: Path) -> None:
    """EngineError if a shipped file's hash is not the manifest's."""
    expected = shipped(path.parent).get(path.name)
    if expected != sha256(path):
        raise EngineError(f"{path.name} is not the file that was shipped (its hash differs).",
                          remedy="Restore it: git checkout resources/weights, or install Vernier again.")
