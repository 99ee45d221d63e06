"""Finds, verifies and reads weight files. Safetensors only: nothing here can run code from a file."""

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

from engines.job import EngineError

if TYPE_CHECKING:
    from torch import Tensor

LIMIT_BYTES = 4 << 30
HEADER_BYTES = 32 << 20


def sha256(path: Path) -> str:
    """The file's hash, hex."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_header(path: Path) -> dict[str, str]:
    """Header metadata of a .safetensors file, without its tensors and without torch: quick enough for a window.

    EngineError naming the file when it is missing, a pickle, truncated, damaged, or over 4 GiB.
    """
    return read_layout(path)[0]


def read_layout(path: Path, limit_bytes: float = LIMIT_BYTES) -> tuple[dict[str, str], dict[str, tuple[int, ...]]]:
    """Header metadata and the shape of every tensor. EngineError as for read_header, with another limit."""
    path = Path(path)
    try:
        size = path.stat().st_size
        with open(path, "rb") as file:
            first = file.read(8)
            length = int.from_bytes(first, "little")
            text = file.read(length) if length <= min(size, HEADER_BYTES) else b""
    except OSError as error:
        raise EngineError(f"{path.name} could not be read: {error.strerror}.", remedy="Choose another file.") from error
    # a header of 640 or 896 bytes begins like a pickle too: what follows it tells them apart
    if first[:2] in (b"PK", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05") and not text.startswith(b"{"):
        raise EngineError(f"{path.name} is a pickle checkpoint, which can run code when opened.",
                          remedy="Only .safetensors files are accepted.")
    if size > limit_bytes:
        raise EngineError(f"{path.name} is larger than {limit_bytes / 2**30:g} GiB.", remedy="Choose a smaller model.")
    try:
        header = json.loads(text)
        meta = header.pop("__metadata__", None) or {}
        end = max((entry["data_offsets"][1] for entry in header.values()), default=0)
        shapes = {key: tuple(int(length) for length in entry["shape"]) for key, entry in header.items()}
    except (ValueError, AttributeError, KeyError, TypeError, IndexError) as error:
        raise EngineError(f"{path.name} is damaged or not a safetensors file.", remedy="Restore the file, or choose another.") from error
    if size != 8 + length + end:
        raise EngineError(f"{path.name} is damaged: it has {size} bytes where its header promises {8 + length + end}.",
                          remedy="Restore the file, or choose another.")
    return dict(meta), shapes


def read_safetensors(path: Path) -> tuple[dict[str, "Tensor"], dict[str, str]]:
    """Tensors and header metadata of a .safetensors file. EngineError as for read_header."""
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    meta = read_header(path)
    try:
        with safe_open(path, framework="pt") as file:
            return {key: file.get_tensor(key) for key in file.keys()}, meta
    except (SafetensorError, OSError, ValueError, RuntimeError) as error:
        raise EngineError(f"{path.name} is damaged or not a safetensors file ({error}).",
                          remedy="Restore the file, or choose another.") from error


def shipped(folder: Path) -> dict[str, str]:
    """File name -> sha256 of every weight that ships, from `manifest.json`. EngineError when it cannot be read."""
    try:
        return json.loads((folder / "manifest.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise EngineError(f"The list of shipped weights could not be read ({error}).",
                          remedy="Restore it: git checkout resources/weights, or install Vernier again.") from error


SHIPPED_JSON = ([".tuned", ".json"], [".quality", ".json"])


def verify(path: Path) -> None:
    """EngineError if a shipped file's hash is not the manifest's."""
    expected = shipped(path.parent).get(path.name)
    if expected != sha256(path):
        raise EngineError(f"{path.name} is not the file that was shipped (its hash differs).",
                          remedy="Restore it: git checkout resources/weights, or install Vernier again.")


def seal(folder: Path) -> dict[str, str]:
    """Writes `manifest.json` anew from what lies in `folder`: weights, tuned timesteps, measured tables; after a training, before they ship."""
    found = {path.name: sha256(path) for path in sorted(folder.iterdir()) if path.suffix == ".safetensors" or path.suffixes[-2:] in SHIPPED_JSON}
    (folder / "manifest.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    return found
