"""vernier bench gui: how soon the window is up and drawn, and how smooth it stays while the engine works."""

import argparse
import os
import random
from collections.abc import Callable
from dataclasses import replace
from time import monotonic, perf_counter
from typing import Any

from engines.job import EngineError, Job

TICK_MS, LATE_LIMIT_MS, WINDOW_LIMIT_S, SAMPLE_LIMIT_S, PICTURE_LIMIT_MS = 10, 33.0, 1.5, 5.0, 350.0
SETTLE_S, DRAG_MS = 1.0, 40


def add_parsers(subparsers: Any) -> None:
    """`bench gui`."""
    from app.commands import verbs

    parser = verbs(subparsers, "bench").add_parser("gui", help="start-up times and smoothness of the window")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long to drag a slider (default 10)")
    parser.set_defaults(run=bench)


def bench(args: argparse.Namespace, job: Job) -> dict[str, Any]:
    """Opens the real window in a home of its own, drags gamma_1 for a while, closes it. EngineError when nothing was drawn."""
    import tempfile

    os.environ["VERNIER_HOME"] = tempfile.mkdtemp(prefix="vernier-bench-")
    if not any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")) and os.name == "posix":
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
    import psutil
    from PySide6.QtCore import QEvent, QObject, Qt, QTimer
    from PySide6.QtGui import QGuiApplication
    from PySide6.QtWidgets import QApplication

    from app.main import Application

    began = psutil.Process().create_time()  # of this process: what a person waits for
    clock_offset = _wall_offset()
    application = QApplication(["vernier"])
    facts: dict[str, Any] = {"platform": QGuiApplication.platformName()}
    running = Application()
    window = running.window

    class FirstPaint(QObject):
        def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
            if event.type() == QEvent.Type.Paint and "window_s" not in facts:
                facts["window_s"] = round(monotonic() + clock_offset - began, 3)
            return False

    first_paint = FirstPaint()
    window.centralWidget().installEventFilter(first_paint)
    lateness: list[float] = []
    asked: dict[float, float] = {}  # strength -> when the slider came there
    waits: list[float] = []
    state = {"due": 0.0, "until": 0.0}
    tick, drag = QTimer(), QTimer()
    tick.setTimerType(Qt.TimerType.PreciseTimer)
    tick.setInterval(TICK_MS)

    def on_tick() -> None:
        now = perf_counter()
        if state["due"]:
            lateness.append((now - state["due"]) * 1000)
        state["due"] = now + TICK_MS / 1000
        if job.cancelled or now > state["until"]:
            tick.stop()
            drag.stop()
            window.close()

    def on_drag() -> None:
        document = window.documents["guidance"]
        request = document.request
        strength = round(random.Random(len(lateness)).uniform(1.5, 6.0), 2)
        asked[strength] = perf_counter()
        window.workspaces["guidance"].controls.proposed.emit(replace(request, a=replace(request.a, gamma_1=strength)), "strength", "gamma_1")

    def measure() -> None:
        state["until"] = perf_counter() + args.seconds
        tick.start()
        drag.start()

    def drawn(outcome: Any) -> None:
        if "sample_s" not in facts and not getattr(outcome, "unfinished", False):
            facts["sample_s"] = round(monotonic() + clock_offset - began, 3)
            QTimer.singleShot(int(SETTLE_S * 1000), window, measure)
        elif outcome.draft and outcome.request.a.gamma_1 in asked:
            waits.append((perf_counter() - asked[outcome.request.a.gamma_1]) * 1000)

    tick.timeout.connect(on_tick)
    drag.timeout.connect(on_drag)
    drag.setInterval(DRAG_MS)

    def watch() -> None:
        worker = window.workers["guidance"]
        worker.preview.connect(lambda _: facts.setdefault("preview_s", round(monotonic() + clock_offset - began, 3)))
        worker.done.connect(drawn)

    QTimer.singleShot(0, window, watch)
    give_up: Callable[[], None] = window.close
    QTimer.singleShot(int((60 + args.seconds) * 1000), window, give_up)
    application.exec()
    running.close()
    if not lateness:
        raise EngineError("The window drew nothing within a minute.", remedy="Run vernier check.")
    lateness.sort()
    at = {f"late_p{share}_ms": round(lateness[min(len(lateness) - 1, int(len(lateness) * share / 100))], 2) for share in (50, 99)}
    waits.sort()
    at |= {f"picture_p{share}_ms": round(waits[min(len(waits) - 1, int(len(waits) * share / 100))], 1) for share in (50, 99) if waits}
    at["pictures_per_second"] = round(len(waits) / args.seconds, 1)
    at["late_max_ms"] = round(lateness[-1], 2)
    return facts | at | {"ticks": len(lateness), "met": {
        "window": facts["window_s"] <= WINDOW_LIMIT_S, "sample": facts["sample_s"] <= SAMPLE_LIMIT_S,
        "smooth": at["late_p99_ms"] < LATE_LIMIT_MS, "picture": at.get("picture_p50_ms", PICTURE_LIMIT_MS) < PICTURE_LIMIT_MS}}


def _wall_offset() -> float:
    """What turns monotonic() into seconds since 1970, the clock of a process's creation time."""
    from time import time

    return time() - monotonic()
