"""vernier bench teeth-view: how smoothly the 3D view turns and a tooth follows the mouse, beside drawing everything in full each time."""

import argparse
import os
import statistics
from time import perf_counter, process_time
from typing import Any

from engines.job import EngineError, Job

ORBIT_FPS, DRAG_FPS = 15.0, 20.0
WARM_FRAMES = 12  # first frames hand meshes to OpenGL and find out how many pixels this machine manages


def add_parsers(subparsers: Any) -> None:
    """`bench teeth-view`."""
    from app.commands import verbs

    parser = verbs(subparsers, "bench").add_parser("teeth-view", help="frame rates of the 3D view of the Teeth workspace")
    parser.add_argument("--width", type=int, default=1000, help="of the view in pixels (default 1000)")
    parser.add_argument("--height", type=int, default=700, help="of the view in pixels (default 700)")
    parser.add_argument("--frames", type=int, default=60, help="timed for each row (default 60)")
    parser.set_defaults(run=bench)


def bench(args: argparse.Namespace, job: Job) -> dict[str, Any]:
    """Frames a second and CPU ms a frame of orbiting, of dragging one of 28 teeth, also with a gum that follows, and of orbiting in full detail."""
    if min(args.width, args.height) < 100 or max(args.width, args.height) > 4096 or args.frames < 5:
        raise EngineError("The view is from 100 to 4096 pixels wide and high, and at least 5 frames are timed.", remedy="Give other numbers.")
    if not any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")) and os.name == "posix":
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
    import numpy as np
    from PySide6.QtCore import QPointF, Qt
    from PySide6.QtTest import QTest
    from PySide6.QtWidgets import QApplication

    from engines.teeth import dentition
    from widgets.teeth.gizmo import handles
    from widgets.teeth.view import TeethView

    application = QApplication.instance() or QApplication(["vernier"])
    wanted = dentition.generate(dentition.preset("crowding"))
    view = TeethView()
    view.scene.set_teeth({number: tooth.crown.mesh.moved(tooth.start) for number, tooth in wanted.teeth.items()}, wanted.poses())
    view.scene.set_gum("upper", wanted.upper_gum)
    view.scene.set_gum("lower", wanted.lower_gum)
    view.resize(args.width, args.height)
    view.show()
    application.processEvents()
    while view.scene.make_coarse():
        job.check()
    view.set_camera(view.camera_for("front", (args.width, args.height)).orbited(60, 40))

    def frames(step: Any) -> tuple[list[float], list[float]]:
        wall, cpu = [], []
        for index in range(WARM_FRAMES + args.frames):
            job.check()
            before, busy = perf_counter(), process_time()
            step(index)
            view.repaint()
            if index >= WARM_FRAMES:
                wall.append(perf_counter() - before)
                cpu.append(process_time() - busy)
        return wall, cpu

    def orbit(index: int) -> None:
        view.set_camera(view.camera.orbited(3 if index % 40 < 20 else -3, 0))

    def full(index: int) -> None:
        orbit(index)
        view.touch(False)

    rows = {"orbit": frames(orbit), "full_detail": frames(full)}
    number = 23
    view.scene.set_selected([number])
    view.repaint()
    arrow = next(part for part in handles(view.gizmo.frame(), view.camera, (args.width, args.height)) if part.kind == "occlusal")
    tip = QPointF(*np.asarray(arrow.line[-1], float))
    QTest.mousePress(view, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, tip.toPoint())
    moved = []

    def drag(index: int) -> None:
        QTest.mouseMove(view, (tip + QPointF(0, index % 20)).toPoint())

    view.dragged.connect(lambda *event: moved.append(event[3]))
    def drag_with_gum(index: int) -> None:
        view.scene.move_gum("upper", wanted.upper_gum.vertices + np.float32(0.001 * (index % 5)))
        drag(index)

    rows["drag"] = frames(drag)
    rows["drag_with_gum"] = frames(drag_with_gum)
    QTest.mouseRelease(view, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, tip.toPoint())
    facts = {"software": view.software, "moving_scale": view.moving_scale, "triangles": sum(len(mesh.faces) for mesh in view.scene.meshes.values()),
             "lp_num_threads": os.environ.get("LP_NUM_THREADS"), "cpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()}
    view.close()
    if not moved:
        raise EngineError("The gizmo did not take hold of the tooth.", remedy="Run vernier check and report this.")
    for name, (wall, cpu) in rows.items():
        facts[f"{name}_fps"] = round(1 / statistics.median(wall), 1)
        facts[f"{name}_cpu_ms"] = round(1000 * statistics.median(cpu), 1)
        facts[f"{name}_best_fps"] = round(1 / sorted(wall)[len(wall) // 10], 1)  # least disturbed by whatever else the machine does
    facts["orbit_to_full_detail"] = round(statistics.median(rows["full_detail"][0]) / statistics.median(rows["orbit"][0]), 2)
    facts["orbit_to_full_detail_cpu"] = round(facts["full_detail_cpu_ms"] / facts["orbit_cpu_ms"], 2)
    return facts | {"met": {"orbit": facts["orbit_fps"] >= ORBIT_FPS, "drag": facts["drag_fps"] >= DRAG_FPS}}
