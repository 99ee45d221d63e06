"""Writes meshes: binary STL, binary PLY, OBJ text. Millimetres; a file appears whole or not at all."""

import os
from pathlib import Path

import numpy as np

from engines.teeth.mesh import Mesh

FORMATS = ("stl", "ply", "obj")


def encode(mesh: Mesh, form: str) -> bytes:
    """The bytes of a mesh file. ValueError for another format than stl, ply or obj."""
    if form == "stl":
        a, b, c = mesh.corners().swapaxes(0, 1)
        normals = np.cross(b - a, c - a)
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-30)
        records = np.zeros(len(mesh.faces), np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")]))
        records["normal"], records["corners"] = normals, mesh.vertices[mesh.faces]
        return b"Vernier, millimetres".ljust(80) + np.uint32(len(records)).astype("<u4").tobytes() + records.tobytes()
    if form == "ply":
        records = np.zeros(len(mesh.faces), np.dtype([("count", "u1"), ("corners", "<i4", 3)]))
        records["count"], records["corners"] = 3, mesh.faces
        head = (f"ply\nformat binary_little_endian 1.0\ncomment Vernier, millimetres\nelement vertex {len(mesh.vertices)}\nproperty float x\nproperty float y\n"
                f"property float z\nelement face {len(mesh.faces)}\nproperty list uchar int vertex_indices\nend_header\n")
        return head.encode() + mesh.vertices.astype("<f4").tobytes() + records.tobytes()
    if form == "obj":
        lines = ["# Vernier, millimetres", *("v {:.6g} {:.6g} {:.6g}".format(*v) for v in mesh.vertices.tolist()),
                 *("f {} {} {}".format(*f) for f in (mesh.faces + 1).tolist())]
        return ("\n".join(lines) + "\n").encode()
    raise ValueError(f"a mesh is written as {', '.join(FORMATS)}, not as {form}")


def write(mesh: Mesh, path: Path) -> None:
    """The format is the file's ending."""
    data = encode(mesh, path.suffix.lower().lstrip("."))
    beside = path.with_name(path.name + ".part")
    beside.write_bytes(data)
    os.replace(beside, path)
