"""Reads one mesh from bytes: STL and OBJ here, PLY, VTP and DICOM in the modules beside; the format is told by the content, then by the name.

Coordinates stay as the file has them (no units yet). Whatever the bytes are, the answer is a Surface or an EngineError that names the file.
"""

import lzma
import re
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import PurePath

import numpy as np

from engines.job import EngineError
from engines.teeth.mesh import Mesh

MAX_BYTES, MAX_FACES, MAX_COORDINATE = 1_000_000_000, 8_000_000, 1e7
BAD_SHARE = 0.2  # of the triangles with no finite corners: more than that is no tooth any more
AGAIN = "Export or copy this file again; STL, PLY, OBJ and VTP are accepted."
STRANGE = (ValueError, LookupError, ArithmeticError, TypeError, struct.error, zlib.error, lzma.LZMAError, MemoryError, RecursionError, EOFError)


@dataclass(frozen=True, eq=False)
class Surface:
    """mesh in the file's own units; face_values and vertex_values: name -> [F] or [V] numbers that came with it; notices: what was mended;
    unit: mm, cm, m or inch where the file itself says so."""

    mesh: Mesh
    face_values: dict[str, np.ndarray] = field(default_factory=dict)
    vertex_values: dict[str, np.ndarray] = field(default_factory=dict)
    notices: tuple[str, ...] = ()
    unit: str = ""


def read(data: bytes, name: str, labels: np.ndarray | None = None) -> Surface:
    """The surface in a file's bytes. labels: numbers for its vertices from a file beside it, kept as vertex_values["label"] where they are as many.

    EngineError where the file is damaged, empty, too large or of another kind.
    """
    if len(data) > MAX_BYTES:
        raise EngineError(f"{name} is larger than {MAX_BYTES // 1_000_000} MB.", "Reduce the number of triangles before opening it.")
    if not data.strip(b"\0 \r\n\t"):
        raise EngineError(f"{name} is empty.", AGAIN)
    reader = _reader(data, name)
    try:
        with np.errstate(all="ignore"):
            surface = reader(data, name)
            if labels is not None and len(labels) == len(surface.mesh.vertices):
                surface = replace(surface, vertex_values={**surface.vertex_values, "label": labels})
            if b"Vernier, millimetres" in data[:200]:
                surface = replace(surface, unit="mm")
            return _checked(surface, name)
    except STRANGE as error:  # a damaged file trips a parser in more ways than can be listed
        raise EngineError(f"{name} is damaged: {str(error)[:120] or type(error).__name__}.", AGAIN) from error


def _reader(data: bytes, name: str) -> Callable[[bytes, str], Surface]:
    from engines.teeth import dicom_reading, ply_reading, vtp_reading

    head, ending = data[:4096].lstrip(b"\xef\xbb\xbf \r\n\t"), PurePath(name).suffix.lower()
    if data[128:132] == b"DICM":
        return dicom_reading.read
    if head.startswith(b"ply") and head[3:4] in b"\r\n":
        return ply_reading.read
    if b"<VTKFile" in head:
        return vtp_reading.read
    if head.startswith(b"<") and (b"<HPS" in head or ending == ".dcm"):
        raise EngineError(f"{name} is a 3Shape DCM file, whose content is locked.", "Export the scan as STL or PLY from the 3Shape software.")
    if ending == ".obj":
        return _read_obj
    if ending == ".stl" or _is_ascii_stl(data):
        return _read_stl
    if ending == ".dcm":
        raise EngineError(f"{name} is no DICOM file with a mesh in it.", "Export the scan as STL, PLY or DICOM Encapsulated STL.")
    raise EngineError(f"{name} does not hold a mesh that can be read.", AGAIN)


def _is_ascii_stl(data: bytes) -> bool:
    return data[:512].lstrip().startswith(b"solid") and b"facet" in data[:4096] and b"\0" not in data[:512]


def _read_stl(data: bytes, name: str) -> Surface:
    count = int.from_bytes(data[80:84], "little")
    if len(data) >= 84 and len(data) == 84 + 50 * count:  # some binary files begin with "solid": their size tells
        return binary_stl(data, name)
    return _read_ascii_stl(data, name) if data.lstrip().startswith(b"solid") and b"\0" not in data[:80].rstrip(b"\0") else binary_stl(data, name)


def binary_stl(data: bytes, name: str) -> Surface:
    """A binary STL; bytes after the last triangle are left out."""
    count = int.from_bytes(data[80:84], "little")
    if len(data) < 84 or len(data) < 84 + 50 * count:
        raise EngineError(f"{name} is cut short: {max(len(data) - 84, 0) // 50:,} of {count:,} triangles are there.", AGAIN)
    if count == 0 and len(data) > 84:
        raise EngineError(f"{name} is no STL file.", AGAIN)
    _limit(count, name)
    records = np.frombuffer(data, np.dtype([("normal", "<f4", 3), ("corners", "<f4", 9), ("attribute", "<u2")]), count, 84)
    return Surface(weld(records["corners"].reshape(-1, 3)))


def _read_ascii_stl(data: bytes, name: str) -> Surface:
    corners = re.findall(rb"\bvertex[ \t]+(\S+)[ \t]+(\S+)[ \t]+(\S+)", data)
    if len(corners) % 3 or b"endsolid" not in data[-4096:]:
        raise EngineError(f"{name} is cut short after {len(corners) // 3:,} triangles.", AGAIN)
    _limit(len(corners) // 3, name)
    return Surface(weld(np.array(corners, "S32").astype(np.float64).astype(np.float32).reshape(-1, 3)))


def weld(corners: np.ndarray) -> Mesh:
    """The mesh of triangle corners float32 [3 F, 3]: corners at exactly the same place become one vertex."""
    corners = np.ascontiguousarray(corners, np.float32) + np.float32(0)  # -0 becomes 0
    bits = corners.view(np.uint32).astype(np.uint64)
    mixed = (bits + np.arange(3, dtype=np.uint64)) * np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9], np.uint64)
    key = mixed[:, 0] ^ mixed[:, 1] ^ mixed[:, 2]
    _, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    inverse = inverse.reshape(-1)
    if not np.array_equal(corners[first][inverse].view(np.uint32), corners.view(np.uint32)):  # two places share a key: once in never, or on purpose
        _, first, inverse = np.unique(corners, axis=0, return_index=True, return_inverse=True)
        inverse = inverse.reshape(-1)
    order = np.argsort(first)  # vertices in the order of the file
    rank = np.empty(len(order), np.int32)
    rank[order] = np.arange(len(order), dtype=np.int32)
    return Mesh(corners[first[order]], rank[inverse].reshape(-1, 3))


def _read_obj(data: bytes, name: str) -> Surface:
    """v and f lines; texture and normal indices, groups, materials and lines are left out, polygons become fans."""
    lines = [line.strip() for line in data.replace(b"\\\r\n", b" ").replace(b"\\\n", b" ").replace(b"\t", b" ").replace(b"\r", b"\n").split(b"\n")]
    points = [line for line in lines if line.startswith(b"v ")]
    polygons = [line for line in lines if line.startswith(b"f ")]
    if not points:
        raise EngineError(f"{name} holds no vertices.", AGAIN)
    _limit(len(polygons), name)
    vertices = np.array([word for line in points for word in line.split()[1:4]], "S32").astype(np.float64).reshape(-1, 3)
    if len(vertices) != len(points):
        raise ValueError("a vertex has not three coordinates")
    words = [[word.partition(b"/")[0] for word in line.split()[1:]] for line in polygons]
    counts = np.array([len(line) for line in words], np.int64)
    flat = np.array([word for line in words for word in line], "S24").astype(np.int64)
    if (flat < 0).any():  # counted back from the vertices that stand above the line
        above = np.cumsum([line.startswith(b"v ") for line in lines])[[k for k, line in enumerate(lines) if line.startswith(b"f ")]]
        flat = np.where(flat < 0, flat + np.repeat(above, counts), flat - 1)
    else:
        flat = flat - 1
    faces, _ = fans(flat, counts)
    if faces.size and not 0 <= faces.min() <= faces.max() < len(vertices):
        raise ValueError("a face names a vertex that is not there")
    return Surface(Mesh(vertices, faces))


def fans(flat: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Polygons as triangles [F, 3] and the polygon each came from [F]; flat holds the corners one polygon after the other, counts how many each has."""
    if len(counts) and (counts == 3).all():
        return flat.reshape(-1, 3), np.arange(len(counts))
    starts, pieces = np.cumsum(counts) - counts, np.maximum(counts - 2, 0)
    owner = np.repeat(np.arange(len(counts)), pieces)
    step = np.arange(len(owner)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    return np.stack([flat[starts[owner]], flat[starts[owner] + step + 1], flat[starts[owner] + step + 2]], -1).reshape(-1, 3), owner


def _limit(count: int, name: str) -> None:
    if count > MAX_FACES:
        raise EngineError(f"{name} holds {count:,} triangles; {MAX_FACES:,} are the limit.", "Reduce the number of triangles before opening it.")


def _checked(surface: Surface, name: str) -> Surface:
    """Without triangles that have no finite corners or no area, and without vertices that no triangle uses."""
    mesh, notices = surface.mesh, list(surface.notices)
    _limit(len(mesh.faces), name)
    if not len(mesh.faces):
        raise EngineError(f"{name} holds no triangles.", AGAIN if not len(mesh.vertices) else "It is a cloud of points: export a surface.")
    finite = np.isfinite(mesh.vertices).all(1) & (np.abs(mesh.vertices) < MAX_COORDINATE).all(1)
    sound = finite[mesh.faces].all(1)
    broken = int((~sound).sum())
    if broken > BAD_SHARE * len(sound):
        raise EngineError(f"{name} is damaged: {broken:,} of {len(sound):,} triangles have corners that are no numbers.", AGAIN)
    if broken:
        notices.append(f"{name}: {broken:,} triangles with corners that are no numbers were left out. Check this tooth, or export it again.")
    a, b, c = mesh.faces.T
    keep = sound & (a != b) & (b != c) & (c != a)
    used = np.zeros(len(mesh.vertices), bool)
    used[mesh.faces[keep]] = True
    if not keep.any():
        raise EngineError(f"{name} holds no triangle with an area.", AGAIN)
    if keep.all() and used.all():
        return replace(surface, notices=tuple(notices))
    place = np.cumsum(used, dtype=np.int32) - 1
    return Surface(Mesh(mesh.vertices[used], place[mesh.faces[keep]]), {key: value[keep] for key, value in surface.face_values.items()},
                   {key: value[used] for key, value in surface.vertex_values.items()}, tuple(notices), surface.unit)
