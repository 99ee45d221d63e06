"""The GAN lab in the real application: it trains in its own thread, and closing or a kill in the middle loses nothing."""

import json
import os
import signal

from tests.e2e import started

GAN = """window.activate("gan")
    workspace, document = window.workspaces["gan"], window.documents["gan"]
    document.replace(replace(document.request, batch=32), "small")
    """


def start(home, use):
    return started.start(home, GAN + use.lstrip())


def test_closing_while_it_trains_keeps_the_training_and_a_slider_acts_meanwhile(tmp_path):
    use = """
    seen = []
    def drawn(outcome):
        seen.append((outcome.step, outcome.request.smart.lam))
        if len(seen) == 2:
            workspace.controls.sliders["lam"].changed.emit(0.5)
        if outcome.request.smart.lam == 0.5 and outcome.step > 30:
            print(seen[-1][0], flush=True)
            window.close()
    window.workers["gan"].preview.connect(drawn)
    QTimer.singleShot(0, window, workspace.commands()["gan.train"])
"""
    process = start(tmp_path, use)
    out, error = process.communicate(timeout=240)
    assert process.returncode == 0, error
    step = int(out.split()[0])
    again = start(tmp_path, "window.workers['gan'].done.connect(lambda outcome: (print(outcome.step), window.close()))")
    out, error = again.communicate(timeout=240)
    assert again.returncode == 0, error
    assert int(out.split()[-1]) >= step > 30


def test_work_is_there_again_after_a_kill(tmp_path):
    use = """
    def drawn(outcome):
        if outcome.step > 10:
            print(outcome.step, flush=True)
    import engines.gan.engine
    engines.gan.engine.SAVE_S = 0.0
    window.workers["gan"].preview.connect(drawn)
    QTimer.singleShot(0, window, workspace.commands()["gan.train"])
"""
    process = start(tmp_path, use)
    first = int(process.stdout.readline())
    process.stdout.readline()  # the second picture comes after the first file
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    (file,) = (tmp_path / "cache" / "gan").glob("*.safetensors")
    from engines.weights import read_safetensors

    state, meta = read_safetensors(file)
    assert int(state["iteration"]) >= first > 10 and json.loads(meta["stopped"]) == ["", ""]
