"""Plain shapes for the tests of the 3D view."""

import gc
import sys

import numpy as np

from engines.teeth.mesh import Mesh

DRAWING = ("RenderWindow", "Renderer", "Actor", "PolyDataMapper", "PolyData", "StaticCellLocator", "Matrix4x4", "Camera", "Light")


def placed(point):
    frame = np.eye(4)
    frame[:3, 3] = point
    return frame


def ball(radius, centre, rows=24):
    """A closed ball, faces outwards."""
    rise, turn = np.linspace(0, np.pi, rows)[1:-1], np.linspace(0, 2 * np.pi, 2 * rows, endpoint=False)
    around = np.stack([np.outer(np.sin(rise), np.cos(turn)), np.outer(np.sin(rise), np.sin(turn)), np.outer(np.cos(rise), np.ones_like(turn))], -1)
    points = np.concatenate([around.reshape(-1, 3), [(0, 0, 1), (0, 0, -1)]])
    count, faces = len(turn), []
    for row in range(len(rise) - 1):
        for column in range(count):
            a, b = row * count + column, row * count + (column + 1) % count
            faces += [(a, a + count, b), (b, a + count, b + count)]
    last = (len(rise) - 1) * count
    for column in range(count):
        following = (column + 1) % count
        faces += [(len(points) - 2, column, following), (len(points) - 1, last + following, last + column)]
    return Mesh(radius * points + np.array(centre, float), np.array(faces))


def vtk_alive():
    """Names of the drawing objects of VTK that Python still holds."""
    if "vtkmodules.vtkCommonCore" not in sys.modules:
        return []
    from vtkmodules.vtkCommonCore import vtkObjectBase
    gc.collect()
    return sorted(type(item).__name__ for item in gc.get_objects() if isinstance(item, vtkObjectBase) and type(item).__name__.endswith(DRAWING))
