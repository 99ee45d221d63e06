"""Which files and folders look like dental cases, from their names alone: what decides where a dropped file goes."""

from itertools import islice
from pathlib import Path

MESHES = (".stl", ".ply", ".obj", ".vtp", ".dcm")
ARCHIVES = (".zip", ".tar", ".tgz", ".gz", ".xz")
SUFFIXES = MESHES + ARCHIVES
LOOKED_AT = 2000  # entries of a folder
HEAD_BYTES = 4096


def looks_dental(path: Path) -> bool:
    """A mesh, an archive, a plan or request of the Teeth workspace (JSON), or a folder with a mesh in it or two levels below."""
    if path.is_dir():
        try:
            return any(entry.suffix.lower() in MESHES for entry in islice(path.glob("**/*"), LOOKED_AT) if len(entry.relative_to(path).parts) <= 3)
        except OSError:
            return False
    if path.suffix.lower() == ".json":
        try:
            with path.open("rb") as file:
                return b"vernier-tuned" not in file.read(HEAD_BYTES)  # tuned timesteps are the other kind of JSON that is opened; a spoilt plan is a plan
        except OSError:
            return False
    return path.suffix.lower() in SUFFIXES
