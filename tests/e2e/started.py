"""The application in a process of its own, with a few lines run in its window."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
SCRIPT = """
import sys
from dataclasses import replace
from pathlib import Path
from PySide6.QtCore import QTimer
import app.main as application
built = application.Application
def use(window):
    {use}
class Used(built):
    def __init__(self, files=()):
        super().__init__(files)
        QTimer.singleShot(0, self.window, lambda: use(self.window))
application.Application = Used
sys.exit(application.main())
"""


def start(home, use):
    environment = os.environ | {"VERNIER_HOME": str(home), "QT_QPA_PLATFORM": "offscreen"}
    return subprocess.Popen([sys.executable, "-c", SCRIPT.format(use=use)], cwd=ROOT, env=environment, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)
