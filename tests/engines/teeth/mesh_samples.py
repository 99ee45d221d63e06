"""Small meshes and the bytes of every format, for tests."""

import io
import struct

import numpy as np

from engines.teeth import mesh_files
from engines.teeth.mesh import Mesh

BOX = Mesh(np.array([(x, y, z) for x in (0, 1.5) for y in (0, 2.25) for z in (0, 3.0)]),
           np.array([(0, 1, 3), (0, 3, 2), (4, 6, 7), (4, 7, 5), (0, 4, 5), (0, 5, 1), (2, 3, 7), (2, 7, 6), (0, 2, 6), (0, 6, 4), (1, 5, 7), (1, 7, 3)]))


def ascii_stl(mesh: Mesh, name: str = "tooth") -> bytes:
    lines = [f"solid {name}"]
    for corners in mesh.corners():
        lines += [" facet normal 0 0 0", "  outer loop", *(f"   vertex {x:.9g} {y:.9g} {z:.9g}" for x, y, z in corners), "  endloop", " endfacet"]
    return "\n".join([*lines, f"endsolid {name}", ""]).encode()


def ply(mesh: Mesh, form: str, labels: np.ndarray | None = None) -> bytes:
    order = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}[form]
    extra = "property uchar label\n" if labels is not None else ""
    head = (f"ply\nformat {form} 1.0\nelement vertex {len(mesh.vertices)}\nproperty double x\nproperty double y\nproperty double z\nproperty uchar red\n"
            f"element face {len(mesh.faces)}\nproperty list uchar uint vertex_index\n{extra}end_header\n").encode()
    marks = labels if labels is not None else [None] * len(mesh.faces)
    if form == "ascii":
        rows = [f"{x:.9g} {y:.9g} {z:.9g} 7" for x, y, z in mesh.vertices] + [f"3 {a} {b} {c}" + ("" if m is None else f" {m}")
                                                                              for (a, b, c), m in zip(mesh.faces, marks, strict=True)]
        return head + ("\n".join(rows) + "\n").encode()
    body = [struct.pack(order + "3dB", *map(float, v), 7) for v in mesh.vertices]
    body += [struct.pack(order + "B3I", 3, *map(int, f)) + (b"" if m is None else bytes([m])) for f, m in zip(mesh.faces, marks, strict=True)]
    return head + b"".join(body)


def vtp(mesh: Mesh, labels: np.ndarray | None = None, mode: str = "Appended", packer: str = "ZLib", encode: bool = True, big: bool = False, wide: bool = False,
        name: str = "Label") -> bytes:
    """Written by VTK itself."""
    from vtkmodules.util.numpy_support import numpy_to_vtk, numpy_to_vtkIdTypeArray
    from vtkmodules.vtkCommonCore import vtkPoints
    from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkPolyData
    from vtkmodules.vtkIOXML import vtkXMLPolyDataWriter
    surface, points, cells = vtkPolyData(), vtkPoints(), vtkCellArray()
    points.SetData(numpy_to_vtk(mesh.vertices, deep=True))
    cells.SetData(numpy_to_vtkIdTypeArray(3 * np.arange(len(mesh.faces) + 1, dtype=np.int64), deep=True),
                  numpy_to_vtkIdTypeArray(mesh.faces.astype(np.int64).ravel(), deep=True))
    surface.SetPoints(points)
    surface.SetPolys(cells)
    if labels is not None:
        array = numpy_to_vtk(labels.astype(np.float32), deep=True)
        array.SetName(name)
        surface.GetCellData().AddArray(array)
    writer = vtkXMLPolyDataWriter()
    writer.SetInputData(surface)
    writer.WriteToOutputStringOn()
    getattr(writer, f"SetDataModeTo{mode}")()
    getattr(writer, f"SetCompressorTypeTo{packer}")()
    writer.SetEncodeAppendedData(encode)
    (writer.SetByteOrderToBigEndian if big else writer.SetByteOrderToLittleEndian)()
    (writer.SetHeaderTypeToUInt64 if wide else writer.SetHeaderTypeToUInt32)()
    writer.Write()
    text = writer.GetOutputString()
    return text if isinstance(text, bytes) else text.encode("latin-1", "surrogateescape")


def dicom(mesh: Mesh, unit: str = "mm", kind: str = "1.2.840.10008.5.1.4.1.1.104.3") -> bytes:
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID = kind
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID = "1.2.3.4"
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.MIMETypeOfEncapsulatedDocument = "model/stl"
    inside = mesh_files.encode(mesh, "stl")
    made.EncapsulatedDocument = inside + b"\0" * (len(inside) % 2)
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = unit, "UCUM", unit
    made.MeasurementUnitsCodeSequence = [code]
    stream = io.BytesIO()
    made.save_as(stream, enforce_file_format=True)
    return stream.getvalue()
