"""Keeps the work: which file it belongs to, whether it has changed, copies every few seconds, and what a kill left behind."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal

from app.documents import Document
from app.session import Autosave, Session, load, save
from app.workspaces import Row
from engines.job import EngineError

AUTOSAVE_MS = 2000
Extras = tuple[Callable[[], dict[str, Any]], Callable[[dict[str, Any]], None]]


class Keeper(QObject):
    """Reads and writes sessions for `documents` (workspace id -> document). GUI thread only.

    A workspace may add what it wants to find again beside its request (starred results) through `extras`.
    """

    named = Signal()  # the file or its state changed
    failed = Signal(Exception)

    def __init__(self, rows: Mapping[str, Row], documents: Mapping[str, Document], home: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows, self._documents = rows, documents
        self._autosave, self._last = Autosave(home / "autosave"), home / "last.vernier"
        self._extras: dict[str, Extras] = {}
        self._waiting: dict[str, dict[str, Any]] = {}  # what a workspace that is not built yet will be given
        self.path: Path | None = None
        self.active = next(iter(rows))
        self._clean = self._content()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(AUTOSAVE_MS)
        self._timer.timeout.connect(self._write)
        for document in documents.values():
            document.changed.connect(lambda _: self.touch())

    def register(self, workspace: str, extras: Extras) -> None:
        """Called when a workspace has been built."""
        self._extras[workspace] = extras
        if workspace in self._waiting:
            extras[1](self._waiting.pop(workspace))

    def session(self) -> Session:
        parts = {}
        for name, row in self._rows.items():
            extra = self._extras[name][0]() if name in self._extras else self._waiting.get(name, {})
            parts[name] = row.wrap(self._documents[name].request) | ({"kept": extra} if extra else {})
        return Session(parts, self.active, str(self.path) if self.path else None)

    @property
    def dirty(self) -> bool:
        """Whether a named file no longer holds what is on screen. Unnamed work is kept without asking."""
        return self.path is not None and self._content() != self._clean

    def touch(self) -> None:
        """Something changed: a copy is written within AUTOSAVE_MS."""
        if not self._timer.isActive():
            self._timer.start()
        self.named.emit()

    def new(self) -> None:
        self._show(Session({name: row.wrap(row.request()) for name, row in self._rows.items()}), None)

    def open(self, path: Path) -> None:
        """EngineError if the file will not do; what was on screen stays then."""
        self._show(load(path), path)

    def save(self, path: Path) -> None:
        """EngineError if it cannot be written."""
        self.path = path
        save(path, replace(self.session(), origin=None))
        self._clean = self._content()
        self.named.emit()

    def recover(self) -> bool:
        """Brings back the newest work that a killed process left, else the last unnamed work. True after a kill."""
        for path in self._autosave.orphans():
            try:
                session = load(path)
                self._show(session, Path(session.origin) if session.origin else None)
            except EngineError as error:
                path.rename(path.with_suffix(".unreadable"))
                self.failed.emit(error)
                continue
            if self.path is not None:
                self._clean = ""  # the file on disk is older than what was brought back
            self._write()
            path.unlink(missing_ok=True)
            return True
        if self._last.exists():
            try:
                self._show(load(self._last), None)
            except EngineError as error:
                self._last.rename(self._last.with_suffix(".unreadable"))
                self.failed.emit(error)
        return False

    def finish(self) -> None:
        """A clean end: unnamed work is found again at the next start, a named file is what was saved."""
        self._timer.stop()
        try:
            if self.path is None:
                save(self._last, self.session())
            else:
                self._last.unlink(missing_ok=True)
            self._autosave.remove()
        except (EngineError, OSError) as error:
            self.failed.emit(error)

    def _show(self, session: Session, path: Path | None) -> None:
        requests = {name: self._rows[name].unwrap(part) for name, part in session.workspaces.items() if name in self._rows}
        for name in self._rows:
            extra = session.workspaces.get(name, {}).get("kept", {})
            if name in self._extras:
                self._extras[name][1](extra)
            else:
                self._waiting[name] = extra
        for name, request in requests.items():
            self._documents[name].load(request)
        if session.active in self._rows:
            self.active = session.active
        self.path, self._clean = path, self._content()
        self.named.emit()

    def _write(self) -> None:
        try:
            self._autosave.write(self.session())
        except EngineError as error:
            self.failed.emit(error)

    def _content(self) -> str:
        return json.dumps(self.session().workspaces, sort_keys=True)
