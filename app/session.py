"""Session files (*.vernier): the requests of all workspaces in a zip, saved whole, kept every few seconds, found again.

`session.json` = {"vernier_session": 1, "active": id, "origin": path or null, "workspaces": {id: request as in a PNG}}.
"""

import io
import json
import os
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.settings import write_whole
from engines.job import EngineError

VERSION = 1
MIGRATIONS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}  # version n -> its values as version n + 1
SUFFIX = ".vernier"
MAX_BYTES = 16 * 2**20  # of session.json, unpacked: a thousand times what one needs, and small enough for any memory


@dataclass(frozen=True)
class Session:
    """`workspaces` maps a workspace id to its wrapped request; `origin` is the file an autosave belongs to."""

    workspaces: dict[str, dict[str, Any]] = field(default_factory=dict)
    active: str = ""
    origin: str | None = None


def save(path: Path, session: Session) -> None:
    """Replaces `path` as a whole. EngineError if it cannot be written."""
    values = {"vernier_session": VERSION, "active": session.active, "origin": session.origin, "workspaces": session.workspaces}
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("session.json", json.dumps(values, indent=1, allow_nan=False))
    try:
        write_whole(path, content.getvalue())
    except OSError as error:
        raise EngineError(f"{path.name} could not be saved: {error.strerror or error}.",
                          remedy="Choose another folder, or free some space.") from error


def load(path: Path) -> Session:
    """EngineError naming the file and what is wrong with it: missing, damaged, foreign, newer, or too large."""
    try:
        with zipfile.ZipFile(path) as archive, archive.open("session.json") as entry:
            text = entry.read(MAX_BYTES + 1)
        if len(text) > MAX_BYTES:
            raise EngineError(f"{path.name} is larger than any session.", remedy="Open a file that Vernier saved.")
        values = json.loads(text)
    except OSError as error:
        raise EngineError(f"{path.name} could not be read: {error.strerror or error}.",
                          remedy="Check that the file is there and may be read.") from error
    except (zipfile.BadZipFile, zlib.error, KeyError, ValueError, EOFError, RuntimeError) as error:
        raise EngineError(f"{path.name} is damaged or is not a Vernier session.",
                          remedy="Open a *.vernier file that Vernier saved.") from error
    return _parsed(values, path.name)


def _parsed(values: Any, name: str) -> Session:
    if not isinstance(values, dict) or not isinstance(values.get("vernier_session"), int):
        raise EngineError(f"{name} is not a Vernier session.", remedy="Open a *.vernier file that Vernier saved.")
    version = values["vernier_session"]
    if version > VERSION:
        raise EngineError(f"{name} was saved by a newer Vernier (form {version}, this one reads {VERSION}).",
                          remedy="Update Vernier to open it.")
    for step in range(version, VERSION):
        values = MIGRATIONS[step](values)
    workspaces, active, origin = values.get("workspaces"), values.get("active", ""), values.get("origin")
    if (not isinstance(workspaces, dict) or not all(isinstance(request, dict) for request in workspaces.values())
            or not isinstance(active, str) or not isinstance(origin, str | None)):
        raise EngineError(f"{name} is damaged: its list of workspaces cannot be read.", remedy="Open an earlier copy.")
    return Session(workspaces, active, origin)


class Autosave:
    """This process's unsaved work in `folder`; it outlives a kill, and a clean end removes it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / f"{os.getpid()}-{_started(os.getpid())}{SUFFIX}"

    def write(self, session: Session) -> None:
        """EngineError if it cannot be written."""
        save(self.path, session)

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)

    def orphans(self) -> list[Path]:
        """Work that ended processes left behind, newest first. Unreadable files are dropped from the list, not deleted."""
        found = []
        for path in self.folder.glob(f"*{SUFFIX}"):
            pid, _, started = path.stem.partition("-")
            if pid.isdigit() and path != self.path and str(_started(int(pid))) != started:
                found.append(path)
        return sorted(found, key=lambda path: path.stat().st_mtime, reverse=True)


def _started(pid: int) -> int:
    """When process `pid` began, in s since 1970; 0 if there is none, or it has ended and nobody has asked for its status (a container without init
    keeps it listed). A pid alone may have been given out again.
    """
    import psutil
    try:
        process = psutil.Process(pid)
        return 0 if process.status() == psutil.STATUS_ZOMBIE else int(process.create_time())
    except psutil.Error:
        return 0
