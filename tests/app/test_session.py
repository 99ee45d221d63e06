import json
import os
import subprocess
import sys
import zipfile

import psutil
import pytest

from app.session import Autosave, Session, load, save
from engines.job import EngineError

WORK = Session({"guidance": {"vernier": 1, "workspace": "guidance", "request": {}}}, "guidance", None)


def test_a_session_comes_back_as_it_was_saved(tmp_path):
    save(tmp_path / "a.vernier", WORK)
    assert load(tmp_path / "a.vernier") == WORK


def written(path, values):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("session.json", json.dumps(values))
    return path


@pytest.mark.parametrize(("content", "word"), [
    (b"", "damaged"), (b"PK\x03\x04 not really", "damaged"), ({"vernier_session": 99}, "newer"), ({"x": 1}, "not a Vernier session"),
    ({"vernier_session": 1, "workspaces": [], "active": ""}, "list of workspaces")])
def test_a_bad_file_is_refused_by_name_and_reason(tmp_path, content, word):
    path = tmp_path / "bad.vernier"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        written(path, content)
    with pytest.raises(EngineError, match="bad.vernier") as raised:
        load(path)
    assert word in str(raised.value) and raised.value.remedy


def test_a_truncated_session_is_refused(tmp_path):
    path = tmp_path / "cut.vernier"
    save(path, WORK)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(EngineError, match="cut.vernier"):
        load(path)


def test_a_missing_file_is_refused_by_name(tmp_path):
    with pytest.raises(EngineError, match="gone.vernier"):
        load(tmp_path / "gone.vernier")


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path):
    path = tmp_path / "bomb.vernier"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("session.json", " " * (17 * 2**20))
    with pytest.raises(EngineError, match="larger than any session"):
        load(path)


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(EngineError, match="could not be saved"):
        save(tmp_path / "file" / "a.vernier", WORK)


def test_only_the_work_of_ended_processes_is_an_orphan(tmp_path):
    mine = Autosave(tmp_path)
    mine.write(WORK)
    dead = tmp_path / "999999-123.vernier"
    save(dead, WORK)
    reused = tmp_path / f"{os.getpid()}-1.vernier"  # our pid, but another process's start
    save(reused, WORK)
    assert set(mine.orphans()) == {dead, reused}
    mine.remove()
    assert not mine.path.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems list no process that has ended")
def test_the_work_of_a_killed_process_that_is_still_listed_is_an_orphan(tmp_path):
    mine, killed = Autosave(tmp_path), subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    started = int(psutil.Process(killed.pid).create_time())
    work = tmp_path / f"{killed.pid}-{started}.vernier"
    save(work, WORK)
    assert mine.orphans() == []
    killed.kill()
    os.waitid(os.P_PID, killed.pid, os.WEXITED | os.WNOWAIT)  # ended, and not asked for its status
    assert mine.orphans() == [work]
    killed.communicate()
