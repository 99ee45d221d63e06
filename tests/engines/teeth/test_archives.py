import io
import os
import tarfile
import warnings
import zipfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engines.job import EngineError, Job
from engines.teeth import archives


def pack_zip(path, entries, **how):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as pack:
        for name, data in entries.items():
            pack.writestr(name, data, **how)
    return path


def pack_tar(path, entries, mode):
    with tarfile.open(path, mode) as pack:
        for name, data in entries.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            pack.addfile(entry, io.BytesIO(data))
    return path


ENTRIES = {"Fall Müller/Zahn_11.stl": b"one", "Fall Müller/牙齿/21.ply": b"two", "Fall Müller/notes.txt": b"no", "__MACOSX/._11.stl": b"no"}


def test_folders_zips_and_tars_hold_the_same_files_under_any_names(tmp_path):
    for name, data in ENTRIES.items():
        (tmp_path / "folder" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "folder" / name).write_bytes(data)
    made = [tmp_path / "folder", pack_zip(tmp_path / "a.zip", ENTRIES)]
    made += [pack_tar(tmp_path / name, ENTRIES, mode) for name, mode in (("a.tar", "w"), ("a.tar.gz", "w:gz"), ("a.tar.xz", "w:xz"), ("a.tbz2", "w:bz2"))]
    for path in made:
        files = archives.open_files(path, Job())
        assert sorted(files.names) == ["Fall Müller/Zahn_11.stl", "Fall Müller/牙齿/21.ply"] and not files.notices
        assert [files.read(name) for name in sorted(files.names)] == [b"one", b"two"]


def test_a_name_in_utf8_without_the_mark_is_read_as_it_was_meant(tmp_path):
    path = pack_zip(tmp_path / "a.zip", {"Za_hn_11.stl": b"x"})
    path.write_bytes(path.read_bytes().replace(b"Za_hn_11.stl", "Zähn_11.stl".encode()))
    assert archives.open_files(path, Job()).names == ["Zähn_11.stl"]


def test_paths_that_lead_out_and_links_are_left_out_with_a_notice(tmp_path):
    entries = {"../11.stl": b"x", "/etc/12.stl": b"x", "a/../../13.stl": b"x", "C:/14.stl": b"x", "21.stl": b"good"}
    for path in (pack_zip(tmp_path / "a.zip", entries), pack_tar(tmp_path / "a.tar", entries, "w")):
        files = archives.open_files(path, Job())
        assert files.names == ["21.stl"] and len(files.notices) == 4 and all("leads out" in text for text in files.notices)
    with tarfile.open(tmp_path / "b.tar", "w") as pack:
        link = tarfile.TarInfo("11.stl")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        pack.addfile(link)
    files = archives.open_files(tmp_path / "b.tar", Job())
    assert not files.names and "is a link" in files.notices[0]


def test_bombs_are_refused_before_they_are_unpacked(tmp_path, monkeypatch):
    zeros = {"11.stl": bytes(30_000_000)}
    for path in (pack_zip(tmp_path / "a.zip", zeros), pack_tar(tmp_path / "a.tar.gz", zeros, "w:gz"), pack_tar(tmp_path / "a.tar.xz", zeros, "w:xz")):
        with pytest.raises(EngineError, match="zip bomb"):
            archives.open_files(path, Job())
    monkeypatch.setattr(archives, "MAX_ENTRIES", 5)
    many = {f"{k}.stl": b"x" for k in range(9)}
    for path in (pack_zip(tmp_path / "b.zip", many), pack_tar(tmp_path / "b.tar", many, "w")):
        with pytest.raises(EngineError, match="9 entries|6 entries"):
            archives.open_files(path, Job())
    (tmp_path / "folder").mkdir()
    for name in many:
        (tmp_path / "folder" / name).write_bytes(b"x")
    with pytest.raises(EngineError, match="too much for one case"):
        archives.open_files(tmp_path / "folder", Job())


def test_an_entry_that_lies_about_its_size_is_refused(tmp_path):
    path = pack_zip(tmp_path / "a.zip", {"11.stl": b"x" * 1000})
    data = path.read_bytes()
    path.write_bytes(data.replace((1000).to_bytes(4, "little"), (10).to_bytes(4, "little")))
    files = archives.open_files(path, Job())
    with pytest.raises(EngineError, match="11.stl"):
        files.read("11.stl")


def test_damaged_foreign_and_missing_files_say_what_to_do(tmp_path):
    good = pack_tar(tmp_path / "a.tar.xz", {"11.stl": os.urandom(5000)}, "w:xz").read_bytes()
    (tmp_path / "cut.tar.xz").write_bytes(good[:2000])
    (tmp_path / "cut.zip").write_bytes(b"PK\x03\x04 and no more")
    (tmp_path / "case.3oxz").write_bytes(b"PK")
    (tmp_path / "case.rar").write_bytes(b"Rar!")
    (tmp_path / "letter.docx").write_bytes(b"x")
    for name, message in (("cut.tar.xz", "damaged or cut short"), ("cut.zip", "damaged or cut short"), ("case.3oxz", "3Shape"), ("case.rar", "RAR"),
                          ("letter.docx", "no kind of file"), ("nowhere", "not there")):
        with pytest.raises(EngineError, match=message) as caught:
            archives.open_files(tmp_path / name, Job())
        assert name in str(caught.value) and caught.value.remedy


def test_a_mesh_brings_its_labels_and_labels_bring_their_mesh(tmp_path):
    for name in ("a_lower.obj", "a_lower.json", "b_lower.obj"):
        (tmp_path / name).write_bytes(b"x")
    assert archives.open_files(tmp_path / "a_lower.obj", Job()).names == ["a_lower.obj", "a_lower.json"]
    assert archives.open_files(tmp_path / "a_lower.json", Job()).names == ["a_lower.json", "a_lower.obj"]
    assert archives.open_files(tmp_path / "b_lower.obj", Job()).names == ["b_lower.obj"]


EDITS = st.lists(st.tuples(st.sampled_from(("set", "cut", "insert")), st.floats(0, 1), st.binary(min_size=1, max_size=6)), min_size=1, max_size=4)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.sampled_from(("a.zip", "a.tar", "a.tar.gz", "a.tar.xz", "a.tbz2")), EDITS)
def test_a_damaged_archive_gives_files_or_an_engine_error(tmp_path, name, edits):
    path = tmp_path / name
    entries = {"case/11.stl": b"one" * 30, "case/gum.ply": b"two" * 20}
    mode = {"tar": "w", "gz": "w:gz", "xz": "w:xz", "tbz2": "w:bz2"}.get(name.split(".")[-1])
    data = (pack_tar(path, entries, mode) if mode else pack_zip(path, entries)).read_bytes()
    for kind, place, what in edits:
        at = int(place * len(data))
        data = {"set": data[:at] + what + data[at + len(what):], "cut": data[:at], "insert": data[:at] + what + data[at:]}[kind]
    path.write_bytes(data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # zipfile warns of names that are there twice
            files = archives.open_files(path, Job())
            for entry in files.names:
                files.read(entry)
    except EngineError as error:
        assert error.remedy
