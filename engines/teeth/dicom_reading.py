"""Reads a DICOM Encapsulated STL object [DICOM PS3.3 A.85.1]: an STL inside, with its units beside."""

import io
from dataclasses import replace

from engines.job import EngineError
from engines.teeth import mesh_reading
from engines.teeth.mesh_reading import Surface

STL_CLASS = "1.2.840.10008.5.1.4.1.1.104.3"
DEFLATED = b"1.2.840.10008.1.2.1.99"
UNITS = {"mm": "mm", "cm": "cm", "m": "m", "[in_i]": "inch"}  # UCUM codes


def read(data: bytes, name: str) -> Surface:
    """The STL inside; its unit is told where the object states it. EngineError for any other kind of DICOM object."""
    if DEFLATED in data[:4096]:  # it would be unpacked without a limit
        raise EngineError(f"{name} is a deflated DICOM file, which is not read here.", "Export it without compression, or as STL.")
    import pydicom

    try:
        found = pydicom.dcmread(io.BytesIO(data))
        kind, inside = str(found.get("SOPClassUID", "")), found.get("EncapsulatedDocument")
        units = str(found.MeasurementUnitsCodeSequence[0].CodeValue) if found.get("MeasurementUnitsCodeSequence") else ""
    except Exception as error:  # a damaged file trips pydicom in ways that it does not list
        raise ValueError(f"no DICOM object can be read from it ({str(error)[:80]})") from error
    if kind != STL_CLASS or not isinstance(inside, bytes):
        raise EngineError(f"{name} is a DICOM file of another kind: no STL is encapsulated in it.", "Export the scan as STL, PLY or DICOM Encapsulated STL.")
    return replace(mesh_reading.binary_stl(inside, name), unit=UNITS.get(units, ""))
