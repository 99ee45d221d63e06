"""What ships beside the code: weights, samples, screenshots."""

from importlib.resources import files
from pathlib import Path


def path(*names: str) -> Path:
    """The place of a shipped file or folder, installed or in a checkout."""
    return Path(str(files(__name__).joinpath(*names)))
