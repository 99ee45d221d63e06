"""Every test: own home, no display needed, and nothing left behind (threads, timers, logged errors, modal boxes)."""

import logging
import os
import sys
import weakref

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "logs_errors: this test provokes a logged error on purpose")
    config.addinivalue_line("markers", "xvfb: needs a real window under a virtual display")


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory, monkeypatch):
    """Settings, sessions, logs and caches of a test lie in a folder of its own."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("VERNIER_HOME", str(home))
    return home


class _Errors(logging.Handler):
    def __init__(self):
        super().__init__(logging.ERROR)
        self.lines = []

    def emit(self, record):
        self.lines.append(f"{record.name}: {record.getMessage()}")


@pytest.fixture(autouse=True)
def no_logged_error(request):
    handler = _Errors()
    logging.getLogger().addHandler(handler)
    yield
    logging.getLogger().removeHandler(handler)
    if request.node.get_closest_marker("logs_errors") is None:
        assert not handler.lines, f"an error was logged: {handler.lines}"


def _uses_qt(request) -> bool:
    return "PySide6.QtCore" in sys.modules and bool({"qapp", "qtbot"} & set(request.fixturenames))


@pytest.fixture(autouse=True)
def no_modal_box(request, monkeypatch):
    """A modal box stops a program that nobody watches: questions and errors belong in the window."""
    if not _uses_qt(request):
        yield
        return
    from PySide6.QtWidgets import QDialog, QInputDialog, QMessageBox
    seen = []

    def refuse(*args, **kwargs):
        seen.append(args[1:])
        raise AssertionError(f"a modal box was opened: {args[1:]}")

    for box, names in ((QDialog, ("exec",)), (QMessageBox, ("exec", "question", "critical", "warning", "information", "about")),
                       (QInputDialog, ("getText", "getItem", "getInt", "getDouble"))):
        for name in names:
            monkeypatch.setattr(box, name, refuse)
    yield
    assert not seen, f"a modal box was opened: {seen}"


@pytest.fixture(autouse=True)
def nothing_left_running(request, monkeypatch):
    """No QThread runs and no QTimer ticks once the test and its widgets are gone."""
    if not _uses_qt(request):
        yield
        return
    from PySide6.QtCore import QCoreApplication, QEvent, QThread, QTimer
    from shiboken6 import isValid
    started = {QThread: weakref.WeakSet(), QTimer: weakref.WeakSet()}
    for kind, alive in started.items():
        monkeypatch.setattr(kind, "start", _remembering(kind.start, alive))
    yield
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    threads = [thread for thread in started[QThread] if isValid(thread) and thread.isRunning()]
    timers = [timer for timer in started[QTimer] if isValid(timer) and timer.isActive()]
    left = [f"{item!r} of {item.parent()!r}" for item in threads + timers]
    for timer in timers:
        timer.stop()
    assert not left, f"still running after the test: {left}"


def _remembering(start, alive):
    def remember(self, *args):
        alive.add(self)
        return start(self, *args)
    return remember
