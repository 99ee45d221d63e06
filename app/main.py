"""Opens the application: log, hooks, settings, theme, window, and the order in which they end."""

import os
import signal
import sys
from pathlib import Path

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from app.logs import Log
from app.notices import Notices
from app.settings import SettingsFile, home
from app.theme import Theme
from app.window import Window


class Application:
    """Everything that lives as long as the window; `close` takes it down in order."""

    def __init__(self, files: tuple[Path, ...] = ()) -> None:
        folder = home()
        self.log = Log(folder / "logs")
        self.notices = Notices(lambda: self.window.facts())
        self.notices.install()
        settings_file = SettingsFile(folder)
        settings, problem = settings_file.load()
        self.theme = Theme(QApplication.instance(), settings.theme)
        self.window = Window(folder, settings_file, settings, self.theme, self.log, self.notices)
        if problem:
            self.notices.post("warn", problem)
        self.window.show()
        QTimer.singleShot(0, self.window, lambda: self.window.start(files))

    def close(self) -> None:
        self.notices.remove()
        self.log.close()


def main(files: tuple[Path, ...] = ()) -> int:
    """Runs until the window is closed; the exit status, 1 where there is no display."""
    if sys.platform == "linux" and not any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")):
        print("vernier: there is no display to open a window on. Commands work without one: vernier --help", file=sys.stderr)
        return 1
    sys.setswitchinterval(0.001)  # engine threads hand the interpreter over sooner: the window stays smooth
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl+C in a terminal ends it; autosave keeps the work
    application = QApplication(sys.argv[:1])
    application.setApplicationName("Vernier")
    application.setDesktopFileName("vernier")
    running = Application(files)
    status = application.exec()
    running.close()
    return status
