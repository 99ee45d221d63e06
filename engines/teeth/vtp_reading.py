"""Reads VTK PolyData XML: ascii, binary and appended (base64 or raw), plain or packed with zlib or LZMA; polygons and strips; cell and point arrays.

Own parser, so that nothing of VTK's native code meets a file from outside. The XML part may hold no document type, hence no entities.
"""

import base64
import lzma
import zlib
from collections.abc import Callable
from xml.etree import ElementTree

import numpy as np

from engines.job import EngineError
from engines.teeth.mesh import Mesh
from engines.teeth.mesh_reading import MAX_BYTES, Surface, fans

_TYPES = {"Int8": "i1", "UInt8": "u1", "Int16": "i2", "UInt16": "u2", "Int32": "i4", "UInt32": "u4",
          "Int64": "i8", "UInt64": "u8", "Float32": "f4", "Float64": "f8"}
_PACKED = {"": None, "vtkZLibDataCompressor": zlib.decompressobj, "vtkLZMADataCompressor": lambda: lzma.LZMADecompressor(memlimit=256 << 20)}
Array = Callable[[ElementTree.Element], np.ndarray]


def read(data: bytes, name: str) -> Surface:
    """ValueError or EngineError where a part is missing or does not fit."""
    cut = data.find(b"<AppendedData")
    text = data if cut < 0 else data[:cut] + b"</VTKFile>"
    if b"<!DOCTYPE" in text or b"<!ENTITY" in text:
        raise EngineError(f"{name} declares XML entities, which a mesh has no use for.", "Save it again from the program that made it.")
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise ValueError(f"its XML ends early or is broken ({error})") from error
    if root.get("type") != "PolyData":
        raise EngineError(f"{name} holds {str(root.get('type'))[:40]}, not a surface.", "Save it as VTK PolyData (.vtp).")
    decode = _Decoder(root, data[cut:] if cut >= 0 else b"", name)
    vertices, faces, face_values, vertex_values, before = [], [], [], [], 0
    for piece in root.iter("Piece"):
        points = _array(piece.find("Points/DataArray"), decode).astype(np.float64).reshape(-1, 3)
        triangles, cells = _triangles(piece, decode, len(points))
        vertices.append(points)
        faces.append(triangles + before)
        before += len(points)
        cell_count = sum(int(piece.get(key, "0")) for key in ("NumberOfVerts", "NumberOfLines", "NumberOfPolys", "NumberOfStrips"))
        face_values.append({key: value[cells] for key, value in _values(piece.find("CellData"), decode, cell_count).items()})
        vertex_values.append(_values(piece.find("PointData"), decode, len(points)))
    if not vertices:
        raise ValueError("it has no piece")
    return Surface(Mesh(np.concatenate(vertices), np.concatenate(faces)), _joined(face_values), _joined(vertex_values))


def _array(element: ElementTree.Element | None, decode: Array) -> np.ndarray:
    return np.zeros(0) if element is None else decode(element)


def _values(parent: ElementTree.Element | None, decode: Array, count: int) -> dict[str, np.ndarray]:
    """Arrays with one number an entry."""
    found = {}
    for element in [] if parent is None else parent.findall("DataArray"):
        if int(element.get("NumberOfComponents", "1")) == 1 and element.get("type") in _TYPES:
            value = decode(element)
            if len(value) == count:
                found[element.get("Name", "")] = value
    return found


def _joined(parts: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0] if all(key in part for part in parts)}


def _triangles(piece: ElementTree.Element, decode: Array, points: int) -> tuple[np.ndarray, np.ndarray]:
    """[F, 3] and the cell [F] each triangle came from; cells count verts, lines, polygons, strips."""
    at = int(piece.get("NumberOfVerts", "0")) + int(piece.get("NumberOfLines", "0"))
    flat, counts = _cells(piece.find("Polys"), decode)
    faces, owner = fans(flat, counts)
    strip_flat, strip_counts = _cells(piece.find("Strips"), decode)
    if len(strip_counts):
        windows = [(k, strip_flat[start + j:start + j + 3][::1 if j % 2 == 0 else -1])
                   for k, (start, count) in enumerate(zip(np.cumsum(strip_counts) - strip_counts, strip_counts, strict=True)) for j in range(count - 2)]
        faces = np.concatenate([faces, np.array([corners for _, corners in windows], np.int64).reshape(-1, 3)])
        owner = np.concatenate([owner, np.array([len(counts) + k for k, _ in windows], np.int64)])
    if faces.size and not 0 <= faces.min() <= faces.max() < points:
        raise ValueError("a face names a vertex that is not there")
    return faces, owner + at


def _cells(parent: ElementTree.Element | None, decode: Array) -> tuple[np.ndarray, np.ndarray]:
    """Corner indices one cell after the other, and how many each cell has."""
    arrays = {} if parent is None else {element.get("Name"): element for element in parent.findall("DataArray")}
    flat, ends = (_array(arrays.get(key), decode).astype(np.int64) for key in ("connectivity", "offsets"))
    counts = np.diff(ends, prepend=0)
    if (counts < 0).any() or (len(ends) and ends[-1] > len(flat)):
        raise ValueError("its cells overlap")
    return flat[:ends[-1] if len(ends) else 0], counts


class _Decoder:
    """Numbers of a DataArray, wherever and however they are written."""

    def __init__(self, root: ElementTree.Element, appended: bytes, name: str) -> None:
        self.order = ">" if root.get("byte_order") == "BigEndian" else "<"
        self.header = np.dtype(self.order + _TYPES[root.get("header_type", "UInt32")])
        packer = root.get("compressor", "")
        if packer not in _PACKED:
            raise EngineError(f"{name} is packed with {packer[:40]}, which is not read here.", "Save it with zlib packing or none.")
        self.unpack = _PACKED[packer]
        self.raw = b'encoding="raw"' in appended[:appended.find(b">") + 1]
        self.appended = appended[appended.find(b"_") + 1:]
        self.spent = 0

    def __call__(self, element: ElementTree.Element) -> np.ndarray:
        kind, form = self.order + _TYPES[element.get("type", "")], element.get("format", "ascii")
        if form == "ascii":
            return np.array((element.text or "").split(), "S32").astype(kind)
        if form == "appended":
            offset = int(element.get("offset", "0"))
            if not 0 <= offset <= len(self.appended):
                raise ValueError("an array lies outside of the file")
            data = self._bytes(self.appended, offset, self.raw)
        else:
            data = self._bytes("".join((element.text or "").split()).encode(), 0, False)
        return np.frombuffer(data, kind)

    def _bytes(self, source: bytes, at: int, raw: bool) -> bytes:
        def take(start: int, count: int) -> bytes:
            """count bytes from start of the group of base64 words that begins at `at`."""
            if raw:
                found = source[at + start:at + start + count]
            else:
                first = start // 3 * 4
                found = base64.b64decode(source[at + first:at + -(-(start + count) // 3) * 4] + b"==")[start % 3:][:count]
            if len(found) < count:
                raise ValueError("it is cut short")
            return found
        size = self.header.itemsize
        if self.unpack is None:
            count = int(np.frombuffer(take(0, size), self.header)[0])
            self._spend(count)
            return take(size, count)
        blocks, block, last = (int(n) for n in np.frombuffer(take(0, 3 * size), self.header))
        if blocks == 0:
            return b""
        if blocks * size > len(source):
            raise ValueError("it is cut short")
        self._spend((blocks - 1) * block + (last or block))
        packed = np.frombuffer(take(0, (3 + blocks) * size), self.header)[3:].astype(np.int64)
        head = (3 + blocks) * size
        at, start = (at + head, 0) if raw else (at + -(-head // 3) * 4, 0)  # the header is a base64 group of its own
        parts = []
        for k, length in enumerate(packed):
            whole = last if last and k == blocks - 1 else block
            part = self.unpack().decompress(take(start, int(length)), whole)
            if len(part) != whole:
                raise ValueError("a packed part has another size than announced")
            parts.append(part)
            start += int(length)
        return b"".join(parts)

    def _spend(self, count: int) -> None:
        """A few kilobytes must not unpack into more than a file may hold."""
        self.spent += count
        if count < 0 or self.spent > MAX_BYTES:
            raise ValueError("it would unpack into more than is allowed")
