"""The engine thread: newest wins, nothing after cancel, a drag still shows pictures, failures do not end it."""

from threading import Event, Semaphore, current_thread, main_thread

import pytest

from engines.job import EngineError
from engines.worker import BackgroundWorker, EngineWorker


class StepEngine:
    """Takes ten steps, each one let through by the test; sends a preview at the step the test names."""

    def __init__(self):
        self.go, self.started, self.third = Semaphore(0), Event(), Event()
        self.preview_at, self.finished, self.closed = None, [], False

    def run(self, request, job):
        self.started.set()
        if request == "bad":
            raise EngineError("The weights file is missing.", remedy="Settings > Models")
        for i in range(10):
            self.go.acquire()
            if i == self.preview_at:
                job.preview(f"{request}?")
            job.progress(i + 1, 10)
            if i == 2:
                self.third.set()
        self.finished.append(request)
        return request

    def close(self):
        self.closed = True


@pytest.fixture
def engine():
    return StepEngine()


@pytest.fixture
def worker(qtbot, engine):
    worker = EngineWorker(engine)
    worker.start()
    yield worker
    engine.go.release(1000)
    assert worker.close(), "engine thread did not stop"
    assert engine.closed


def listen(worker, *names):
    heard = []
    for name in names:
        getattr(worker, name).connect(lambda *news, name=name: heard.append((name, *news, current_thread() is main_thread())))
    return heard


def test_a_waiting_request_is_replaced_by_the_newest(qtbot, engine, worker):
    heard = listen(worker, "done")
    worker.submit("running")
    assert engine.started.wait(2)
    worker.submit("waiting")
    worker.submit("newest")
    engine.go.release(100)
    qtbot.waitUntil(lambda: ("done", "newest", True) in heard)
    assert engine.finished == ["running", "newest"]


def test_a_running_job_is_not_cut_before_it_has_shown_something(qtbot, engine, worker):
    heard = listen(worker, "done")
    worker.submit("first")
    assert engine.started.wait(2)
    worker.submit("second")
    engine.go.release(20)
    qtbot.waitUntil(lambda: len(heard) == 2)
    assert [news[1] for news in heard] == ["first", "second"]


def test_a_running_job_gives_way_after_its_first_preview(qtbot, engine, worker):
    engine.preview_at = 1
    heard = listen(worker, "preview", "done")
    worker.submit("first")
    assert engine.started.wait(2)
    worker.submit("second")
    engine.go.release(100)
    qtbot.waitUntil(lambda: ("done", "second", True) in heard)
    assert ("preview", "first?", True) in heard and engine.finished == ["second"]


def test_nothing_is_shown_after_cancel(qtbot, engine, worker):
    heard = listen(worker, "progress", "preview", "done", "failed")
    engine.preview_at = 1
    worker.submit("x")
    engine.go.release(3)
    assert engine.third.wait(2)  # reports are queued, none delivered yet
    worker.cancel()
    engine.go.release(100)
    qtbot.wait(50)
    assert heard == []


def test_one_preview_is_in_flight_at_a_time(qtbot, engine, worker):
    class Chatty(StepEngine):
        def run(self, request, job):
            for i in range(50):
                job.preview(i)
            self.third.set()
            return "end"

    chatty = Chatty()
    other = EngineWorker(chatty)
    heard = listen(other, "preview", "done")
    other.start()
    other.submit("x")
    assert chatty.third.wait(2)
    qtbot.waitUntil(lambda: ("done", "end", True) in heard)
    assert heard[0] == ("preview", 0, True) and len(heard) == 2
    assert other.close()


def test_a_failure_is_reported_and_the_next_request_still_runs(qtbot, engine, worker):
    with qtbot.waitSignal(worker.failed) as failed:
        worker.submit("bad")
    assert failed.args[0].remedy == "Settings > Models"
    engine.go.release(10)
    with qtbot.waitSignal(worker.done) as done:
        worker.submit("good")
    assert done.args == ["good"]


def test_busy_goes_off_when_the_last_request_ends_and_not_before(qtbot, engine, worker):
    heard = listen(worker, "busy")
    worker.submit("first")
    assert engine.started.wait(2)
    worker.submit("second")
    engine.go.release(10)
    qtbot.waitUntil(lambda: engine.finished == ["first"])
    qtbot.wait(20)
    assert [news[1] for news in heard] == [True, True]
    engine.go.release(10)
    qtbot.waitUntil(lambda: [news[1] for news in heard] == [True, True, False])


class Counted:
    """A long task: tells its parts, fails or waits as the test says."""

    def __init__(self, name, parts=3, gate=None, fault=None):
        self.name, self.parts, self.gate, self.fault = name, parts, gate, fault

    def carry_out(self, job):
        for part in range(self.parts):
            job.news(part)
            while self.gate is not None and not self.gate.wait(0.002):
                job.check()
        if self.fault:
            raise self.fault
        return self.name


@pytest.fixture
def background(qapp):
    made = BackgroundWorker(lambda task, job: task.carry_out(job))
    heard = []
    for kind in ("started_", "news", "done", "failed", "stopped"):
        getattr(made, kind).connect(lambda *values, kind=kind: heard.append((kind, *values)))
    made.start()
    yield made, heard
    assert made.close()


def test_long_tasks_run_one_after_the_other_and_tell_every_part(background, qtbot):
    worker, heard = background
    first, second = worker.submit(Counted("a")), worker.submit(Counted("b", parts=1))
    qtbot.waitUntil(lambda: ("done", second, "b") in heard)
    assert heard == [("started_", first), *(("news", first, part) for part in range(3)), ("done", first, "a"),
                     ("started_", second), ("news", second, 0), ("done", second, "b")]


def test_a_cancelled_task_says_nothing_more_and_the_next_one_runs(background, qtbot):
    worker, heard = background
    gate = Event()
    first, waiting, last = worker.submit(Counted("a", gate=gate)), worker.submit(Counted("b")), worker.submit(Counted("c", parts=0))
    qtbot.waitUntil(lambda: ("news", first, 0) in heard)
    worker.cancel(waiting)
    worker.cancel(first)
    qtbot.waitUntil(lambda: ("done", last, "c") in heard)
    after = heard[heard.index(("stopped", first)) + 1 :]
    assert [entry for entry in after if entry[1] != last] == []
    assert not any(entry[1] == waiting for entry in heard if entry[0] != "stopped") and worker.waiting() == 0


def test_a_failed_task_is_told_and_the_thread_lives_on(background, qtbot):
    worker, heard = background
    fault = ValueError("no")
    broken, whole = worker.submit(Counted("a", parts=0, fault=fault)), worker.submit(Counted("b", parts=0))
    qtbot.waitUntil(lambda: ("done", whole, "b") in heard)
    assert ("failed", broken, fault) in heard


def test_closing_stops_the_running_task(background, qtbot):
    worker, heard = background
    ticket = worker.submit(Counted("a", gate=Event()))
    qtbot.waitUntil(lambda: ("news", ticket, 0) in heard)
    assert worker.close(2000)
