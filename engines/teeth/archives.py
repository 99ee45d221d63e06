"""The files of a case, wherever they lie: a folder, a zip or tar archive, or one file. Nothing is ever unpacked to disk.

Limits stand against bombs: so many entries, so many bytes, so much bigger than the archive. What breaks a limit is an EngineError, what is merely
odd about one entry (a path that leads out, a link, a locked entry) is left out with a notice.
"""

import bz2
import gzip
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from engines.job import EngineError, Job

MAX_ENTRIES, MAX_TOTAL, MAX_FILE, MAX_RATIO, MAX_DEPTH = 4000, 2_000_000_000, 1_000_000_000, 200, 5
SMALL = 4_000_000  # bytes: below that the ratio does not matter
WANTED = (".stl", ".ply", ".obj", ".vtp", ".dcm", ".json")
ARCHIVES = (".zip", ".tar", ".tgz", ".txz", ".gz", ".xz", ".bz2", ".tbz2")
OTHERS = {".3oxz": ("a 3Shape exchange file", "Export the scan as STL or PLY from the 3Shape software."),
          ".3ox": ("a 3Shape exchange file", "Export the scan as STL or PLY."),
          ".7z": ("a 7z archive", "Unpack it first, or pack it as zip."), ".rar": ("a RAR archive", "Unpack it first, or pack it as zip.")}
_BROKEN = (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, OSError, IndexError,
           ValueError, NotImplementedError, RuntimeError, KeyError, OverflowError)


@dataclass
class Files:
    """names: relative, with forward slashes, in order, only the kinds that a case is made of; read(name) gives the bytes."""

    title: str
    names: list[str]
    read: Callable[[str], bytes]
    notices: list[str] = field(default_factory=list)


def open_files(path: Path, job: Job) -> Files:
    """What is in a folder, an archive or a file. EngineError where there is nothing, or nothing that can be read."""
    if not path.exists():
        raise EngineError(f"{path.name or path} is not there.", "Choose a folder, an archive or a mesh file.")
    try:
        if path.is_dir():
            return _folder(path, job)
        for ending, (what, remedy) in OTHERS.items():
            if path.name.lower().endswith(ending):
                raise EngineError(f"{path.name} is {what}, which cannot be opened here.", remedy)
        if path.suffix.lower() in WANTED:
            return _one(path)
        if zipfile.is_zipfile(path):
            return _zip(path)
        if path.suffix.lower() in ARCHIVES:
            return _tar(path, job)
    except PermissionError as error:
        raise EngineError(f"{path.name} may not be read.", "Allow reading it, or copy it to a folder of yours.") from error
    except EngineError:
        raise
    except _BROKEN as error:
        raise EngineError(f"{path.name} cannot be opened: it is damaged or cut short.", "Download or copy it again.") from error
    raise EngineError(f"{path.name} is no kind of file that a case comes in.",
                      "Choose a folder, a zip or tar archive, or a mesh file (STL, PLY, OBJ, VTP, DICOM STL).")


def _one(path: Path) -> Files:
    """A mesh brings its label file along; a label file brings its mesh."""
    beside = [other for ending in WANTED for other in [path.with_suffix(ending)] if other != path and other.is_file()]
    if path.suffix.lower() == ".json":
        partners = [path, *beside[:1]]
    else:
        partners = [path, *(other for other in beside if other.suffix.lower() == ".json")]
    by_name = {other.name: other for other in partners}
    return Files(path.stem, list(by_name), lambda name: _read(by_name[name]))


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_FILE:
            raise EngineError(f"{path.name} is larger than {MAX_FILE // 1_000_000} MB.", "Reduce the number of triangles before opening it.")
        return path.read_bytes()
    except OSError as error:
        raise EngineError(f"{path.name} cannot be read: {error.strerror}.", "Check the file and its permissions.") from error


def _folder(path: Path, job: Job) -> Files:
    files = Files(path.name or str(path), [], lambda name: _read(path / name))
    waiting, total = [(path, 0)], 0
    while waiting:
        folder, depth = waiting.pop(0)
        job.check()
        for entry in sorted(folder.iterdir()):
            if entry.name.startswith(".") or entry.name == "__MACOSX":
                continue
            if entry.is_dir() and not entry.is_symlink() and depth < MAX_DEPTH:
                waiting.append((entry, depth + 1))
            elif entry.is_file() and _keep(files, entry.relative_to(path).as_posix()):
                total += entry.stat().st_size
        if len(files.names) > MAX_ENTRIES or total > MAX_TOTAL or len(waiting) > MAX_ENTRIES:
            raise EngineError(f"{path.name} holds too much for one case: more than {MAX_ENTRIES:,} files or {MAX_TOTAL // 1_000_000_000} GB.",
                              "Choose the folder of one patient.")
    return files


def _keep(files: Files, name: str) -> bool:
    """Adds a name of a wanted kind; says so where a file of a kind that people expect to open is left out."""
    ending = PurePosixPath(name).suffix.lower()
    if ending in WANTED:
        files.names.append(name)
        return True
    if ending in OTHERS:
        what, remedy = OTHERS[ending]
        files.notices.append(f"{name} is {what} and was left out. {remedy}")
    return False


def _safe(files: Files, name: str) -> bool:
    """False, with a notice, for a path that leads out of the archive."""
    parts = name.replace("\\", "/").split("/")
    if name.startswith(("/", "\\")) or ".." in parts or ":" in parts[0]:
        files.notices.append(f"{files.title}: the entry {name[:80]!r} leads out of the archive and was left out. Ask where this archive comes from.")
        return False
    return not any(part.startswith(".") or part == "__MACOSX" for part in parts if part)


def _zip(path: Path) -> Files:
    pack, packed = zipfile.ZipFile(path), path.stat().st_size
    infos = pack.infolist()
    _within(path, len(infos), sum(info.file_size for info in infos), packed)
    entries: dict[str, zipfile.ZipInfo] = {}
    files = Files(path.stem, [], lambda name: _unzip(pack, entries[name], name))
    for info in infos:
        name = _name(info)
        if info.is_dir() or not _safe(files, name):
            continue
        if info.flag_bits & 1 and PurePosixPath(name).suffix.lower() in WANTED:
            files.notices.append(f"{name} is locked with a password and was left out. Pack the case again without one.")
        elif name not in entries and _keep(files, name):
            entries[name] = info
    files.names.sort()
    return files


def _name(info: zipfile.ZipInfo) -> str:
    """A name without the UTF-8 mark was read as code page 437; many programs write UTF-8 all the same."""
    if not info.flag_bits & 0x800:
        try:
            return info.filename.encode("cp437").decode("utf-8")
        except (UnicodeEncodeError, UnicodeDecodeError):
            pass
    return info.filename


def _unzip(pack: zipfile.ZipFile, info: zipfile.ZipInfo, name: str) -> bytes:
    try:
        with pack.open(info) as stream:  # an entry can lie about its size
            data = stream.read(info.file_size + 1)
    except _BROKEN as error:
        raise EngineError(f"{name} cannot be unpacked: the archive is damaged there.", "Download or copy the archive again.") from error
    if len(data) > info.file_size:
        raise EngineError(f"{name} unpacks into more than the archive announces.", "Do not open this archive; ask where it comes from.")
    return data


def _within(path: Path, entries: int, total: int, packed: int) -> None:
    if entries > MAX_ENTRIES:
        raise EngineError(f"{path.name} holds {entries:,} entries; {MAX_ENTRIES:,} are the limit.", "Pack the files of one case only.")
    if total > MAX_TOTAL or (total > SMALL and total > MAX_RATIO * packed):
        raise EngineError(f"{path.name} would unpack into {total / 1e6:,.0f} MB from {packed / 1e6:,.2f} MB: it looks like a zip bomb and was not opened.",
                          "Ask where this archive comes from, or pack the case again.")


class _Counted:
    """Bytes out of a packed stream, as long as their number stays within the limits."""

    def __init__(self, stream, path: Path) -> None:
        self.stream, self.path, self.packed, self.total = stream, path, path.stat().st_size, 0

    def read(self, size: int = -1) -> bytes:
        data = self.stream.read(min(size, 1 << 22) if size >= 0 else 1 << 22)
        self.total += len(data)
        _within(self.path, 0, self.total, self.packed)
        return data


def _tar(path: Path, job: Job) -> Files:
    opener = {b"\x1f\x8b": gzip.open, b"\xfd7": lzma.open, b"BZ": bz2.open}
    with path.open("rb") as plain:
        start = plain.read(2)
    held: dict[str, bytes] = {}
    files = Files(path.name.partition(".")[0], [], lambda name: held[name])
    count, total = 0, 0
    with opener.get(start, open)(path, "rb") as stream, tarfile.open(fileobj=_Counted(stream, path), mode="r|") as pack:
        for member in pack:
            job.check()
            count, total = count + 1, total + max(member.size, 0)
            _within(path, count, total, path.stat().st_size)
            if not _safe(files, member.name) or member.isdir():
                continue
            if not member.isreg():
                files.notices.append(f"{files.title}: the entry {member.name[:80]!r} is a link and was left out. Pack the file itself.")
            elif member.name not in held and _keep(files, member.name):
                inside = pack.extractfile(member)
                held[member.name] = inside.read() if inside else b""
    files.names.sort()
    return files
