"""What belongs to the person: theme, device, folders, recent sessions. Typed, versioned, written whole or not at all."""

import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

VERSION = 1
MIGRATIONS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}  # version n -> its values as version n + 1
RECENT_COUNT = 10


def home() -> Path:
    """The folder of settings, autosaves and logs; VERNIER_HOME overrides the platform's place. Created if missing."""
    if "VERNIER_HOME" in os.environ:
        folder = Path(os.environ["VERNIER_HOME"])
    elif sys.platform == "win32":
        folder = Path(os.environ.get("APPDATA", Path.home())) / "Vernier"
    elif sys.platform == "darwin":
        folder = Path.home() / "Library/Application Support/Vernier"
    else:
        folder = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "vernier"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def cache() -> Path:
    """The folder of what can be computed again (atlases); below VERNIER_HOME, or the platform's cache. Not created here."""
    if "VERNIER_HOME" in os.environ:
        return Path(os.environ["VERNIER_HOME"]) / "cache"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home())) / "Vernier" / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library/Caches/Vernier"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vernier"


def write_whole(path: Path, content: bytes) -> None:
    """Replaces `path` by `content` so that a kill or a full disk leaves the old file. OSError if it cannot be written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


@dataclass(frozen=True)
class Settings:
    """Defaults are what a first start uses."""

    theme: str = "system"  # system, dark, light
    device: str = "auto"  # auto, cpu, cuda, mps
    folder: str = ""  # where file dialogs open; empty = the person's documents
    recent: tuple[str, ...] = ()  # newest first
    welcomed: bool = False  # the coach marks were dismissed for good
    controls_shown: bool = True
    insight_shown: bool = True

    def with_recent(self, path: Path) -> "Settings":
        """`path` on top of the recent sessions."""
        newest = str(path)
        others = tuple(other for other in self.recent if other != newest)
        return replace(self, recent=(newest, *others)[:RECENT_COUNT], folder=str(path.parent))


class SettingsFile:
    """settings.json in `folder`."""

    def __init__(self, folder: Path | None = None) -> None:
        self.path = (folder or home()) / "settings.json"

    def load(self) -> tuple[Settings, str]:
        """The settings and a problem to tell ("" = none). An unreadable file is kept aside and defaults are used."""
        try:
            return _parsed(json.loads(self.path.read_text("utf-8"))), ""
        except FileNotFoundError:
            return Settings(), ""
        except (OSError, ValueError) as error:
            aside = self.path.with_suffix(".unreadable.json")
            try:
                self.path.replace(aside)
                kept = f" They were kept as {aside.name}."
            except OSError:
                kept = ""
            return Settings(), f"The settings could not be read ({error}); defaults are used.{kept}"

    def save(self, settings: Settings) -> None:
        """OSError if the folder cannot be written."""
        values = {"vernier_settings": VERSION, **asdict(settings)}
        write_whole(self.path, json.dumps(values, indent=2).encode())


def _parsed(values: Any) -> Settings:
    """ValueError for a foreign, newer or wrongly typed file; unknown keys are dropped."""
    if not isinstance(values, dict) or not isinstance(values.get("vernier_settings"), int):
        raise ValueError("not a settings file")
    version = values.pop("vernier_settings")
    if version > VERSION:
        raise ValueError(f"written by a newer Vernier, form {version}")
    for step in range(version, VERSION):
        values = MIGRATIONS[step](values)
    known: dict[str, Any] = {}
    for entry in fields(Settings):
        if entry.name in values:
            value = values[entry.name]
            value = tuple(value) if isinstance(entry.default, tuple) and isinstance(value, list) else value
            if type(value) is not type(entry.default) or (isinstance(value, tuple) and not all(isinstance(v, str) for v in value)):
                raise ValueError(f"{entry.name} is {value!r}")
            known[entry.name] = value
    return Settings(**known)
