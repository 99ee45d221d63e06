"""The real application in a process of its own: opened, used, killed and opened again."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from tests.e2e.started import ROOT, SCRIPT, start


def finished(process, seconds=90):
    out, error = process.communicate(timeout=seconds)
    assert process.returncode == 0, error
    return out


def test_the_first_screen_draws_real_samples_and_a_picture_brings_them_back(tmp_path):
    use = f"""
    workspace, state = window.workspaces["guidance"], {{}}
    workspace.worker = window.workers["guidance"]
    folder = Path({str(tmp_path)!r})
    def drawn(outcome):
        if outcome.draft or outcome.unfinished:
            return
        images = outcome.sides[0].images
        if "first" not in state:
            state["first"] = images
            workspace.exports.save_to(folder / "mine.png", outcome.sides[0], 3)
            request = window.documents["guidance"].request
            QTimer.singleShot(0, window, lambda: window.documents["guidance"].replace(replace(request, a=replace(request.a, seed=9, steps=3)), "seed"))
        elif "second" not in state:
            state["second"] = images
            workspace._results.clear()
            QTimer.singleShot(0, window, lambda: window.open_path(folder / "mine.png"))
        else:
            same, other = (images == state["first"]).all(), (images[:len(state["second"])] == state["second"]).all()
            print(images.shape, bool(same), bool(other))
            window.close()
    window.workers["guidance"].done.connect(drawn)
"""
    assert finished(start(tmp_path / "home", use)).strip() == "(16, 32, 32, 3) True False"


@pytest.mark.parametrize("wait_ms", [0, 400])
def test_closing_while_the_engine_starts_or_works_ends_cleanly(tmp_path, wait_ms):
    finished(start(tmp_path, f"QTimer.singleShot({wait_ms}, window, window.close)"))


def test_work_comes_back_after_a_kill(tmp_path):
    use = """
    request = window.documents["guidance"].request
    window.documents["guidance"].replace(replace(request, a=replace(request.a, seed=4321)), "seed")
"""
    process = start(tmp_path, use)
    deadline = time.monotonic() + 60
    while not list((tmp_path / "autosave").glob("*.vernier")):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    again = """
    print(window.documents["guidance"].request.a.seed, "not end cleanly" in window.notice_bar.notice().text)
    window.close()
"""
    assert finished(start(tmp_path, again)).strip() == "4321 True"


def test_a_session_file_named_on_the_command_line_is_opened(tmp_path):
    from app.session import Session, save
    from engines.guidance.request import GuidanceRequest, Sampling, wrap
    save(tmp_path / "a.vernier", Session({"guidance": wrap(GuidanceRequest(Sampling(model="toy-1d", count=100, seed=77)))}, "guidance"))
    code = f"import sys; sys.argv = ['vernier', {str(tmp_path / 'a.vernier')!r}]\n" + SCRIPT.format(
        use='print(window.documents["guidance"].request.a.seed)\n    window.close()').replace("application.main()", "__import__('app.cli').cli.main()")
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=90,
                          env=os.environ | {"VERNIER_HOME": str(tmp_path / "home"), "QT_QPA_PLATFORM": "offscreen"})
    assert done.returncode == 0 and done.stdout.strip() == "77", done.stderr


def test_without_a_display_it_says_so_instead_of_crashing(tmp_path):
    environment = {key: value for key, value in os.environ.items() if key not in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")}
    done = subprocess.run([sys.executable, "-m", "app"], cwd=ROOT, capture_output=True, text=True, timeout=60, env=environment)
    assert done.returncode == 1 and "no display" in done.stderr


def test_the_bench_of_the_window_prints_its_numbers(tmp_path):
    done = subprocess.run([sys.executable, "-m", "app", "bench", "gui", "--seconds", "1"], cwd=ROOT, capture_output=True, text=True, timeout=120,
                          env=os.environ | {"QT_QPA_PLATFORM": "offscreen"})
    facts = json.loads(done.stdout)
    assert done.returncode == 0 and facts["ticks"] > 20 and set(facts["met"]) == {"window", "sample", "smooth", "picture"}


def test_a_dental_case_is_opened_moved_and_back_after_a_kill(tmp_path):
    case = tmp_path / "fall für zwei"
    made = subprocess.run([sys.executable, "-m", "app", "teeth", "generate", "--preset", "deep-bite", "--out", str(case)], cwd=ROOT, capture_output=True,
                          text=True, timeout=120)
    assert made.returncode == 0, made.stderr
    use = f"""
    from engines.teeth.moves import Move
    window.open_path(Path({str(case)!r}))
    workspace, state = window.workspaces["teeth"], {{}}
    def measured(outcome):
        if "moved" not in state:
            state["moved"] = True
            QTimer.singleShot(0, window, lambda: workspace.edit(workspace.plan.with_move(11, Move(buccal=1.5)), "move"))
    window.workers["teeth"].done.connect(measured)
"""
    process = start(tmp_path / "home", use)
    deadline = time.monotonic() + 120
    while not any(b'"buccal": 1.5' in _autosaved(path) for path in (tmp_path / "home" / "autosave").glob("*.vernier")):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    again = """
    workspace = window.workspaces["teeth"]
    def back(outcome):
        print(len(outcome.case.teeth), workspace.plan.move(11).buccal, outcome.case.name)
        window.close()
    window.workers["teeth"].done.connect(back)
"""
    assert finished(start(tmp_path / "home", again), 150).strip() == "28 1.5 fall für zwei"


def _autosaved(path):
    import zipfile

    try:
        with zipfile.ZipFile(path) as archive:
            return archive.read("session.json")
    except (OSError, zipfile.BadZipFile, KeyError):
        return b""
