import json
from pathlib import Path

import pytest

from app.settings import RECENT_COUNT, Settings, SettingsFile, write_whole


def test_settings_come_back_as_they_were_saved(tmp_path):
    file = SettingsFile(tmp_path)
    kept = Settings(theme="dark", recent=("/a.vernier",), welcomed=True)
    file.save(kept)
    assert file.load() == (kept, "")


def test_a_first_start_uses_the_defaults_without_a_word(tmp_path):
    assert SettingsFile(tmp_path).load() == (Settings(), "")


@pytest.mark.parametrize("text", [
    "", "[]", "{", '{"vernier_settings": 1, "welcomed": "yes"}', '{"vernier_settings": 1, "recent": [3]}', '{"vernier_settings": 99}'])
def test_an_unreadable_file_is_kept_aside_and_told(tmp_path, text):
    file = SettingsFile(tmp_path)
    file.path.write_text(text)
    settings, problem = file.load()
    assert settings == Settings() and "settings.unreadable.json" in problem
    assert (tmp_path / "settings.unreadable.json").read_text() == text


def test_unknown_keys_of_a_friend_do_no_harm(tmp_path):
    file = SettingsFile(tmp_path)
    file.path.write_text(json.dumps({"vernier_settings": 1, "theme": "light", "sparkles": 3}))
    assert file.load() == (Settings(theme="light"), "")


def test_recent_files_are_newest_first_without_doubles():
    settings = Settings()
    for k in [*range(RECENT_COUNT + 3), 5]:
        settings = settings.with_recent(Path(f"/work/{k}.vernier"))
    assert settings.recent[0] == "/work/5.vernier" and len(settings.recent) == len(set(settings.recent)) == RECENT_COUNT


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "x"
    path.write_bytes(b"old")
    monkeypatch.setattr(Path, "replace", lambda *a: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old" and [p.name for p in tmp_path.iterdir()] == ["x"]
