from dataclasses import replace

import pytest

from app.documents import Document
from app.keeper import Keeper
from app.session import load, save
from app.workspaces import TABLE
from engines.guidance.request import GuidanceRequest
from engines.job import EngineError

ROWS = {row.id: row for row in TABLE}


@pytest.fixture
def begin(qapp, tmp_path):
    def make():
        documents = {name: Document(row.request()) for name, row in ROWS.items()}
        return Keeper(ROWS, documents, tmp_path), documents["guidance"]
    made = []

    def begin():
        made.append(make())
        return made[-1]
    yield begin
    for keeper, _ in made:
        keeper._timer.stop()


def changed(document, **values):
    document.replace(replace(document.request, a=replace(document.request.a, **values)), "change")


def test_unnamed_work_is_found_again_at_the_next_start(begin):
    keeper, document = begin()
    changed(document, gamma_1=4.5)
    keeper.finish()
    again, found = begin()
    assert again.recover() is False and found.request.a.gamma_1 == 4.5


def test_work_of_a_killed_process_comes_back_with_its_file_and_counts_as_changed(begin, tmp_path):
    keeper, document = begin()
    keeper.save(tmp_path / "mine.vernier")
    changed(document, seed=77)
    keeper._write()
    keeper._autosave.path.rename(tmp_path / "autosave" / "999999-5.vernier")  # as if its process were gone
    again, found = begin()
    assert again.recover() is True
    assert found.request.a.seed == 77 and again.path == tmp_path / "mine.vernier" and again.dirty
    assert load(tmp_path / "mine.vernier").workspaces["guidance"]["request"]["a"]["seed"] == 0
    assert list((tmp_path / "autosave").glob("999999*")) == []


def test_a_change_is_copied_within_the_promised_time(begin, qtbot):
    keeper, document = begin()
    keeper._timer.setInterval(10)
    changed(document, seed=5)
    qtbot.waitUntil(keeper._autosave.path.exists)
    assert load(keeper._autosave.path).workspaces["guidance"]["request"]["a"]["seed"] == 5


def test_the_promise_is_five_seconds_at_most():
    from app.keeper import AUTOSAVE_MS
    assert AUTOSAVE_MS <= 5000


def test_a_session_that_will_not_do_leaves_what_is_on_screen(begin, tmp_path):
    keeper, document = begin()
    changed(document, seed=5)
    (tmp_path / "bad.vernier").write_bytes(b"no")
    with pytest.raises(EngineError):
        keeper.open(tmp_path / "bad.vernier")
    assert document.request.a.seed == 5 and keeper.path is None


def test_a_session_with_a_bad_request_leaves_what_is_on_screen(begin, tmp_path):
    keeper, document = begin()
    session = keeper.session()
    session.workspaces["guidance"]["request"]["a"]["steps"] = -4
    save(tmp_path / "odd.vernier", session)
    with pytest.raises(EngineError, match="steps"):
        keeper.open(tmp_path / "odd.vernier")
    assert document.request == GuidanceRequest()


def test_a_named_file_is_dirty_until_it_is_saved(begin, tmp_path):
    keeper, document = begin()
    changed(document, seed=5)
    assert not keeper.dirty  # unnamed work is kept without asking
    keeper.save(tmp_path / "a.vernier")
    assert not keeper.dirty
    changed(document, seed=6)
    assert keeper.dirty
    document.undo_stack.undo()
    assert not keeper.dirty


def test_what_a_workspace_wants_to_keep_travels_with_the_session(begin, tmp_path):
    keeper, _ = begin()
    keeper.register("guidance", (lambda: {"starred": [1]}, lambda values: None))
    keeper.save(tmp_path / "a.vernier")
    again, _ = begin()
    again.open(tmp_path / "a.vernier")
    given = []
    again.register("guidance", (dict, given.append))  # the workspace is built after the session was opened
    assert given == [{"starred": [1]}]
