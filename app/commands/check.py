"""vernier check: is everything there, and is it what was shipped?"""

import argparse
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import resources
from engines.job import EngineError, Job

PACKAGES = ("PySide6-Essentials", "torch", "numpy", "safetensors", "pillow", "pyqtgraph", "psutil", "diffusers", "pyvista", "sounddevice",
            "opencv-python-headless")
GL_TIMEOUT_S = 20
# In a process of its own: a broken driver ends the process that asks it.
ASK_GL = """
from PySide6.QtGui import QGuiApplication, QOffscreenSurface, QOpenGLContext
application = QGuiApplication([])
surface, context = QOffscreenSurface(), QOpenGLContext()
surface.create()
if context.create() and context.makeCurrent(surface):
    print("renderer:", context.functions().glGetString(0x1F01))
"""


def add_parsers(subparsers: Any) -> None:
    parser = subparsers.add_parser("check", help="versions, device, weights, graphics, sound")
    parser.add_argument("--seal", type=Path, metavar="FOLDER", help="for developers: write FOLDER/manifest.json anew from the weights in it")
    parser.set_defaults(run=check)


def check(args: argparse.Namespace, job: Job) -> dict[str, Any]:
    """Everything a person needs to know to get help; `problems` lists what is missing, each with a remedy."""
    if args.seal:
        from engines.weights import seal

        return {"sealed": seal(args.seal)}
    problems: list[dict[str, str]] = []
    packages = _packages(problems)
    about: dict[str, Any] = {"vernier": packages.pop("vernier"), "python": platform.python_version(), "system": platform.platform(), "packages": packages}
    if packages["torch"]:
        from engines.device import describe

        about |= describe()
    about |= {"weights": _weights(problems, job), "opengl": _renderer(), "audio": _audio()}
    return about | {"ok": not problems, "problems": problems, "_exit": 1 if problems else 0}


def _packages(problems: list[dict[str, str]]) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for name in ("vernier", *PACKAGES):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
            if name != "vernier":  # run from a checkout without being installed
                problems.append({"error": f"The package {name} is missing.", "remedy": "Run ./vernier setup, or pip install vernier again."})
    return found


def _weights(problems: list[dict[str, str]], job: Job) -> dict[str, dict[str, Any]]:
    from engines.weights import sha256, shipped

    folder, found = resources.path("weights"), {}
    try:
        manifest = shipped(folder)
    except EngineError as error:
        problems.append({"error": str(error), "remedy": error.remedy})
        return found
    for name, expected in manifest.items():
        job.check()
        path = folder / name
        actual = sha256(path) if path.exists() else None
        found[name] = {"sha256": actual, "ok": actual == expected, "bytes": path.stat().st_size if path.exists() else 0}
        if actual != expected:
            problems.append({"error": f"{name} is {'missing' if actual is None else 'not the file that was shipped'}.",
                             "remedy": "Restore it: git checkout resources/weights, or install Vernier again."})
    return found


def _renderer() -> str | None:
    """OpenGL's renderer, None where there is none: the Guidance workspace needs none."""
    try:
        done = subprocess.run([sys.executable, "-c", ASK_GL], capture_output=True, text=True, timeout=GL_TIMEOUT_S)
    except (OSError, subprocess.TimeoutExpired):
        return None
    lines = [line for line in done.stdout.splitlines() if line.startswith("renderer: ")]
    return lines[0].removeprefix("renderer: ") if lines else None


def _audio() -> dict[str, Any]:
    try:
        import sounddevice

        devices = sounddevice.query_devices()
    except (ImportError, OSError) as error:
        return {"inputs": [], "outputs": [], "note": f"no sound system ({error})"}
    return {"inputs": [d["name"] for d in devices if d["max_input_channels"]], "outputs": [d["name"] for d in devices if d["max_output_channels"]]}

