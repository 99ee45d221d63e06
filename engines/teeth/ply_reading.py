"""Reads PLY: ascii, binary little and big endian, polygons of any size, extra numbers of vertices and faces."""

import numpy as np

from engines.job import EngineError
from engines.teeth.mesh import Mesh
from engines.teeth.mesh_reading import AGAIN, Surface, fans

_TYPES = {"char": "i1", "int8": "i1", "uchar": "u1", "uint8": "u1", "short": "i2", "int16": "i2", "ushort": "u2", "uint16": "u2", "int": "i4", "int32": "i4",
          "uint": "u4", "uint32": "u4", "float": "f4", "float32": "f4", "double": "f8", "float64": "f8"}
_ORDER = {"binary_little_endian": "<", "binary_big_endian": ">", "ascii": ""}
_SHAPE = {"x", "y", "z", "nx", "ny", "nz", "red", "green", "blue", "alpha", "u", "v", "s", "t"}
_MOST_CORNERS = 64

Property = tuple[str, str, str]  # name, type, type of the count or ""


def read(data: bytes, name: str) -> Surface:
    """ValueError or EngineError where the header or the body does not fit."""
    end = data.find(b"end_header")
    if end < 0 or end > 100_000:
        raise ValueError("the header has no end")
    form, elements = _header(data[:end].decode("latin-1"))
    body_at = data.index(b"\n", end) + 1 if b"\n" in data[end:end + 12] else end + 11
    body = _Words(data[body_at:]) if form == "ascii" else _Records(data[body_at:], _ORDER[form])
    found = {}
    for element, count, properties in elements:
        try:
            found[element] = body.take(count, properties)
        except EOFError:
            raise EngineError(f"{name} is cut short: the list of {element} elements does not hold all {count:,} that are announced.", AGAIN) from None
    values, _ = found.get("vertex", ({}, {}))
    if not {"x", "y", "z"} <= values.keys():
        raise ValueError("the vertices have no x, y and z")
    vertices = np.stack([values[key].astype(np.float64) for key in "xyz"], -1)
    face_values, lists = found.get("face", ({}, {}))
    flat, counts = next((lists[key] for key in ("vertex_indices", "vertex_index") if key in lists), (np.zeros(0, np.int64), np.zeros(0, np.int64)))
    faces, owner = fans(flat, counts)
    if faces.size and not 0 <= faces.min() <= faces.max() < len(vertices):
        raise ValueError("a face names a vertex that is not there")
    return Surface(Mesh(vertices, faces), {key: value[owner] for key, value in face_values.items() if key not in _SHAPE},
                   {key: value for key, value in values.items() if key not in _SHAPE})


def _header(text: str) -> tuple[str, list[tuple[str, int, list[Property]]]]:
    form, elements = "", []
    for line in text.splitlines():
        words = line.split()
        if len(words) > 1 and words[0] == "format":
            form = words[1]
        elif len(words) > 2 and words[0] == "element":
            elements.append((words[1], int(words[2]), []))
        elif len(words) > 2 and words[0] == "property":
            entry = (words[4], _TYPES[words[3]], _TYPES[words[2]]) if words[1] == "list" else (words[2], _TYPES[words[1]], "")
            elements[-1][2].append(entry)
    if form not in _ORDER or any(count < 0 for _, count, _ in elements):
        raise ValueError("the header names no known format or a negative count")
    return form, elements


Taken = tuple[dict[str, np.ndarray], dict[str, tuple[np.ndarray, np.ndarray]]]  # numbers; lists as flat entries and counts


class _Records:
    """A binary body."""

    def __init__(self, data: bytes, order: str) -> None:
        self.data, self.order, self.at = data, order, 0

    def take(self, count: int, properties: list[Property]) -> Taken:
        """The next element. EOFError where the bytes end before it does."""
        least = sum(np.dtype(counted or kind).itemsize for _, kind, counted in properties)
        if count * least > len(self.data) - self.at:
            raise EOFError
        if not count or not properties:
            return {}, {}
        lengths = {}
        if any(counted for *_, counted in properties):  # as long as every list has the length of the first one, numpy reads them at once
            lengths = self._first_lengths(properties)
        record = np.dtype([entry for k, (_, kind, counted) in enumerate(properties)
                           for entry in ([(f"n{k}", self.order + counted), (f"p{k}", self.order + kind, (lengths[k],))] if counted
                                         else [(f"p{k}", self.order + kind)])])
        if count * record.itemsize <= len(self.data) - self.at:
            rows = np.frombuffer(self.data, record, count, self.at)
            if all((rows[f"n{k}"] == length).all() for k, length in lengths.items()):
                self.at += rows.nbytes
                numbers = {key: rows[f"p{k}"] for k, (key, _, counted) in enumerate(properties) if not counted}
                lists = {properties[k][0]: (rows[f"p{k}"].reshape(-1).astype(np.int64), np.full(count, length)) for k, length in lengths.items()}
                return numbers, lists
        return self._one_by_one(count, properties)

    def _read(self, kind: str, count: int) -> np.ndarray:
        step = np.dtype(kind).itemsize * count
        if self.at + step > len(self.data):
            raise EOFError
        self.at += step
        return np.frombuffer(self.data, self.order + kind, count, self.at - step)

    def _length(self, counted: str) -> int:
        length = int(self._read(counted, 1)[0])
        if not 0 <= length <= _MOST_CORNERS:
            raise ValueError(f"a list has {length} entries")
        return length

    def _first_lengths(self, properties: list[Property]) -> dict[int, int]:
        begin, lengths = self.at, {}
        for k, (_, kind, counted) in enumerate(properties):
            length = self._length(counted) if counted else 1
            self._read(kind, length)
            if counted:
                lengths[k] = length
        self.at = begin
        return lengths

    def _one_by_one(self, count: int, properties: list[Property]) -> Taken:
        numbers = {key: np.zeros(count, self.order + kind) for key, kind, counted in properties if not counted}
        lists = {key: [] for key, _, counted in properties if counted}
        for row in range(count):
            for key, kind, counted in properties:
                if counted:
                    lists[key].append(self._read(kind, self._length(counted)))
                else:
                    numbers[key][row] = self._read(kind, 1)[0]
        return numbers, _joined(lists)


class _Words:
    """An ascii body."""

    def __init__(self, data: bytes) -> None:
        self.words, self.at = data.split(), 0

    def take(self, count: int, properties: list[Property]) -> Taken:
        """The next element. EOFError where the words end before it does."""
        if count * len(properties) > len(self.words) - self.at:
            raise EOFError
        if not count or not properties:
            return {}, {}
        if not any(counted for *_, counted in properties):
            rows = np.array(self._next(count * len(properties)), "S32").astype(np.float64).reshape(count, -1)
            return {key: rows[:, k] for k, (key, _, _) in enumerate(properties)}, {}
        numbers, lists = {key: np.zeros(count) for key, _, counted in properties if not counted}, {key: [] for key, _, counted in properties if counted}
        for row in range(count):
            for key, _, counted in properties:
                if counted:
                    length = int(self._next(1)[0])
                    if not 0 <= length <= _MOST_CORNERS:
                        raise ValueError(f"a list has {length} entries")
                    lists[key].append(self._next(length))
                else:
                    numbers[key][row] = float(self._next(1)[0])
        return numbers, _joined({key: [np.array(words, "S24").astype(np.float64) for words in rows] for key, rows in lists.items()})

    def _next(self, count: int) -> list[bytes]:
        if self.at + count > len(self.words):
            raise EOFError
        self.at += count
        return self.words[self.at - count:self.at]


def _joined(lists: dict[str, list[np.ndarray]]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    return {key: (np.concatenate(rows).astype(np.int64) if rows else np.zeros(0, np.int64), np.array([len(row) for row in rows], np.int64))
            for key, rows in lists.items()}
