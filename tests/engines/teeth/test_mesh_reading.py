import struct
import time
import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engines.job import EngineError
from engines.teeth import labels, mesh_files, mesh_reading
from engines.teeth.mesh import Mesh
from tests.engines.teeth.mesh_samples import BOX, ascii_stl, dicom, ply, vtp

MARKS = np.arange(12) % 3


def corners(mesh):
    """The triangles as a sorted list, whatever the order of the vertices."""
    return sorted(tuple(np.roll(three, -min(range(3), key=lambda k: tuple(three[k])), 0).ravel().tolist()) for three in mesh.corners())


def same(mesh, other=BOX):
    return len(mesh.vertices) == len(other.vertices) and corners(mesh) == corners(other)


@pytest.mark.parametrize("form", ("stl", "ply", "obj"))
def test_what_vernier_writes_comes_back_and_says_its_unit(form):
    surface = mesh_reading.read(mesh_files.encode(BOX, form), f"11.{form}")
    assert same(surface.mesh) and surface.unit == "mm" and not surface.notices


def test_stl_in_words_and_a_binary_one_that_begins_with_solid():
    assert same(mesh_reading.read(ascii_stl(BOX), "a.stl").mesh) and same(mesh_reading.read(ascii_stl(BOX, "vertex"), "a.stl").mesh)
    data = mesh_files.encode(BOX, "stl")
    assert same(mesh_reading.read(b"solid facet normal".ljust(80, b" ") + data[80:], "a.stl").mesh)
    assert same(mesh_reading.read(data + b"tail", "a.stl").mesh)
    assert same(mesh_reading.read(ascii_stl(BOX), "no ending").mesh)


@pytest.mark.parametrize("form", ("ascii", "binary_little_endian", "binary_big_endian"))
def test_ply_of_every_kind_with_labels(form):
    surface = mesh_reading.read(ply(BOX, form, MARKS), "a.ply")
    assert same(surface.mesh) and np.array_equal(labels.of_faces(surface), MARKS) and "red" not in surface.vertex_values


def test_ply_with_polygons_of_several_sizes():
    head = ("ply\nformat {} 1.0\nelement vertex 5\nproperty float x\nproperty float y\nproperty float z\nelement face 2\n"
            "property list uchar int vertex_indices\nend_header\n")
    points = np.array([(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0), (2, 2, 1)], "<f4")
    words = head.format("ascii") + "\n".join(" ".join(map(str, p)) for p in points.tolist()) + "\n4 0 1 2 3\n3 1 2 4\n"
    binary = head.format("binary_little_endian").encode() + points.tobytes() + struct.pack("<B4iB3i", 4, 0, 1, 2, 3, 3, 1, 2, 4)
    for data in (words.encode(), binary):
        assert mesh_reading.read(data, "a.ply").mesh.faces.tolist() == [[0, 1, 2], [0, 2, 3], [1, 2, 4]]


def test_obj_with_quads_texture_indices_and_backward_counts():
    text = "o tooth\nv 0 0 0 1 1 1\nv 1 0 0\nv 1 1 0\nv 0 1 0\nvt 0 0\nf 1/1/1 2/1/1 3/1/1 4/1/1\nv 2 2 1\nf -4//1 -3//1 -1//1\n"
    assert mesh_reading.read(text.encode(), "a.obj").mesh.faces.tolist() == [[0, 1, 2], [0, 2, 3], [1, 2, 4]]
    assert mesh_reading.read(text.replace("\n", "\r\n").encode(), "a.obj").mesh.faces.shape == (3, 3)


@pytest.mark.parametrize("mode, encode", (("Ascii", True), ("Binary", True), ("Appended", True), ("Appended", False)))
@pytest.mark.parametrize("packer", ("None", "ZLib", "LZMA"))
def test_vtp_of_every_kind_that_vtk_writes(mode, encode, packer):
    for big, wide in ((False, False), (True, True)):
        data = vtp(BOX, MARKS, mode, packer, encode, big, wide)
        surface = mesh_reading.read(data, "a.vtp")
        assert same(surface.mesh) and np.array_equal(labels.of_faces(surface), MARKS)


def test_vtp_with_strips_keeps_the_labels_of_its_cells():
    def array(name, words, kind="Int32"):
        return f'<DataArray type="{kind}" Name="{name}" format="ascii">{words}</DataArray>'
    text = ('<VTKFile type="PolyData" byte_order="LittleEndian"><PolyData><Piece NumberOfPoints="4" NumberOfVerts="1" NumberOfPolys="1" NumberOfStrips="1">'
            f'<CellData>{array("label", "9 5 7")}</CellData><Points>{array("", "0 0 0 1 0 0 0 1 0 1 1 0", "Float32")}</Points>'
            f'<Polys>{array("connectivity", "0 1 2")}{array("offsets", "3")}</Polys>'
            f'<Strips>{array("connectivity", "0 1 2 3")}{array("offsets", "4")}</Strips></Piece></PolyData></VTKFile>')
    surface = mesh_reading.read(text.encode(), "a.vtp")
    assert surface.mesh.faces.tolist() == [[0, 1, 2], [0, 1, 2], [3, 2, 1]] and surface.face_values["label"].tolist() == [5, 7, 7]


def test_dicom_encapsulated_stl_with_its_unit():
    surface = mesh_reading.read(dicom(BOX, "cm"), "a.dcm")
    assert same(surface.mesh) and surface.unit == "cm"
    with pytest.raises(EngineError, match="another kind"):
        mesh_reading.read(dicom(BOX, kind="1.2.840.10008.5.1.4.1.1.104.1"), "a.dcm")
    with pytest.raises(EngineError, match="deflated"):
        mesh_reading.read(dicom(BOX).replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.1.99"), "a.dcm")


def test_welding_joins_exactly_equal_corners_and_minus_zero():
    mesh = mesh_reading.weld(np.array([(0.0, 0, 0), (1, 0, 0), (0, 1, 0), (-0.0, 0, 0), (0, 1, 0), (-1, 1e-7, 0)]))
    assert len(mesh.vertices) == 4 and mesh.faces.tolist() == [[0, 1, 2], [0, 2, 3]]


HEAD = b"ply\nformat binary_little_endian 1.0\nelement vertex 99999999999\nproperty float x\nend_header\n"
POINT = b"ply\nformat ascii 1.0\nelement vertex 1\nproperty float x\nproperty float y\nproperty float z\nend_header\n1 2 3\n"
NO_FACES = Mesh(np.zeros((0, 3)), np.zeros((0, 3), int))
BAD = {
    "nothing": (b"", "11.stl", "empty"),
    "blank": (b" \n\0 ", "11.ply", "empty"),
    "truncated binary STL": (mesh_files.encode(BOX, "stl")[:300], "11.stl", "cut short: 4 of 12"),
    "truncated STL": (ascii_stl(BOX)[:700], "11.stl", "cut short"),
    "header alone": (mesh_files.encode(BOX, "stl")[:60], "11.stl", "cut short"),
    "truncated PLY": (mesh_files.encode(BOX, "ply")[:-40], "11.ply", "cut short"),
    "empty STL": (mesh_files.encode(NO_FACES, "stl"), "11.stl", "no triangles"),
    "points": (POINT, "11.ply", "no triangles"),
    "all NaN": (mesh_files.encode(Mesh(BOX.vertices * np.nan, BOX.faces), "ply"), "11.ply", "no numbers"),
    "no area": (mesh_files.encode(Mesh(BOX.vertices[:1], np.zeros((2, 3), int)), "ply"), "11.ply", "no triangle with an area"),
    "index": (b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 9\n", "11.obj", "not there"),
    "huge count": (HEAD, "11.ply", "cut short"),
    "entities": (b'<!DOCTYPE a [<!ENTITY b "x">]><VTKFile type="PolyData">&b;</VTKFile>', "11.vtp", "entities"),
    "volume": (b'<VTKFile type="ImageData"/>', "11.vtp", "ImageData"),
    "3Shape": (b'<?xml version="1.0"?><HPS version="1.0">', "scan.dcm", "3Shape"),
    "no DICOM": (b"something else entirely", "scan.dcm", "no DICOM"),
    "picture": (b"\x89PNG\r\n\x1a\n" + bytes(50), "picture.png", "does not hold a mesh"),
    "words": (b"hello", "11.obj", "no vertices"),
    "LZ4": (b'<VTKFile type="PolyData" compressor="vtkLZ4DataCompressor"></VTKFile>', "11.vtp", "packed with")}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_file_is_named_with_what_is_wrong_and_what_to_do(what):
    data, name, message = BAD[what]
    with pytest.raises(EngineError, match=message) as caught:
        mesh_reading.read(data, name)
    assert name in str(caught.value) and caught.value.remedy


def test_a_few_broken_triangles_are_left_out_with_a_notice():
    vertices = np.tile(BOX.vertices, (10, 1))
    vertices[3] = np.nan
    mesh = Mesh(vertices, np.concatenate([BOX.faces + 8 * k for k in range(10)]))
    surface = mesh_reading.read(mesh_files.encode(mesh, "ply"), "11.ply", np.arange(80))
    assert len(surface.mesh.faces) == 116 and "11.ply: 4 triangles" in surface.notices[0] and np.isfinite(surface.mesh.vertices).all()
    assert surface.vertex_values["label"].tolist() == [k for k in range(80) if k != 3]


def test_a_packed_array_that_grows_beyond_the_limit_is_refused(monkeypatch):
    from engines.teeth import vtp_reading
    data = vtp(Mesh(np.zeros((5000, 3)), np.zeros((5000, 3), int)))
    monkeypatch.setattr(vtp_reading, "MAX_BYTES", 100_000)
    with pytest.raises(EngineError, match="more than is allowed"):
        mesh_reading.read(data, "bomb.vtp")


def test_a_million_triangles_are_kept():
    n = 708
    grid = np.arange(n * n).reshape(n, n)
    squares = np.stack([grid[:-1, :-1], grid[1:, :-1], grid[1:, 1:], grid[:-1, 1:]], -1).reshape(-1, 4)
    faces = np.concatenate([squares[:, :3], squares[:, [0, 2, 3]]])
    x, y = np.divmod(np.arange(n * n), n)
    mesh = Mesh(np.stack([x, y, np.sin(x / 9)], -1) / 70, faces)
    surface = mesh_reading.read(mesh_files.encode(mesh, "stl"), "big.stl")
    assert len(surface.mesh.faces) == len(faces) == 999_698 and len(surface.mesh.vertices) == n * n


SAMPLES = [(mesh_files.encode(BOX, "stl"), "a.stl"), (ascii_stl(BOX), "a.stl"), (ply(BOX, "ascii", MARKS), "a.ply"),
           (ply(BOX, "binary_big_endian", MARKS), "a.ply"), (mesh_files.encode(BOX, "obj"), "a.obj"), (vtp(BOX, MARKS), "a.vtp"),
           (vtp(BOX, MARKS, "Ascii"), "a.vtp"), (vtp(BOX, MARKS, "Appended", "None", False), "a.vtp"), (vtp(BOX, MARKS, "Binary", "LZMA"), "a.vtp"),
           (dicom(BOX), "a.dcm")]
EDITS = st.lists(st.tuples(st.sampled_from(("set", "cut", "insert", "drop", "repeat")), st.floats(0, 1), st.binary(min_size=1, max_size=8)), min_size=1,
                 max_size=5)


def mutated(data: bytes, edits) -> bytes:
    for kind, place, what in edits:
        at = int(place * len(data))
        end = at + len(what)
        data = {"set": data[:at] + what + data[end:], "cut": data[:at], "insert": data[:at] + what + data[at:], "drop": data[:at] + data[end:],
                "repeat": data[:end] + data[at:end] + data[end:]}[kind]
    return data


def check(data: bytes, name: str) -> None:
    begin = time.process_time()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pydicom warns about odd values
            surface = mesh_reading.read(data, name)
    except EngineError as error:
        assert name in str(error) and error.remedy
    else:
        assert len(surface.mesh.faces) and np.isfinite(surface.mesh.vertices).all()
        labels.of_faces(surface)
    assert time.process_time() - begin < 1


@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(SAMPLES), EDITS)
def test_damaged_bytes_give_a_sound_mesh_or_an_engine_error_in_bounded_time(sample, edits):
    check(mutated(sample[0], edits), sample[1])


@pytest.mark.parametrize("data, name", SAMPLES, ids=lambda value: value if isinstance(value, str) else "")
def test_one_wrong_byte_anywhere_does_no_harm(data, name):
    for at in np.linspace(0, len(data) - 1, 80).astype(int):
        check(data[:at] + bytes([data[at] ^ 0x15]) + data[at + 1:], name)
        check(data[:at], name)
