import threading

import pytest

from app.notices import Notices, notice
from engines.job import Cancelled, EngineError


def test_a_cancel_is_never_shown():
    assert notice(Cancelled()) is None


def test_an_engine_error_says_what_and_what_to_do_without_a_report():
    shown = notice(EngineError("The file is damaged.", remedy="Restore it."))
    assert (shown.kind, shown.text, shown.remedy, shown.report) == ("bad", "The file is damaged.", "Restore it.", "")


def test_a_bug_comes_with_a_report_of_versions_and_request():
    try:
        raise ZeroDivisionError("oh")
    except ZeroDivisionError as error:
        shown = notice(error, {"request": {"seed": 5}})
    assert "ZeroDivisionError" in shown.report and '"seed": 5' in shown.report and "numpy" in shown.report


@pytest.mark.logs_errors
def test_an_exception_in_any_thread_arrives_once_on_the_gui_thread(qtbot):
    notices = Notices()
    seen = []
    notices.posted.connect(lambda shown: seen.append((shown, threading.current_thread())))
    notices.install()
    try:
        def fall():
            raise KeyError("lost")
        for _ in range(2):
            thread = threading.Thread(target=fall)
            thread.start()
            thread.join()
        qtbot.waitUntil(lambda: len(seen) > 0)
        qtbot.wait(20)
    finally:
        notices.remove()
    assert len(seen) == 1 and "KeyError" in seen[0][0].text and seen[0][1] is threading.main_thread()
