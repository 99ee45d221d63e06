"""Dentitions for the 3D view, and a watch that no VTK object outlives a test."""

import gc
import sys

import pytest
from teeth_shapes import ball, placed

from engines.teeth.dentition import generate, preset

DRAWING = ("RenderWindow", "Renderer", "Actor", "PolyDataMapper", "PolyData", "StaticCellLocator", "Matrix4x4", "Camera", "Light")


@pytest.fixture(scope="session")
def dentition():
    return generate(preset("crowding"))


@pytest.fixture(scope="session")
def start(dentition):
    """What set_teeth wants: start meshes in the world and the frames at the crowns' middles."""
    meshes = {number: tooth.crown.mesh.moved(tooth.start) for number, tooth in dentition.teeth.items()}
    frames = {}
    for number, tooth in dentition.teeth.items():
        frames[number] = tooth.start.copy()
        frames[number][:3, 3] = meshes[number].vertices.mean(0)
    return meshes, frames


@pytest.fixture
def scene(dentition, start):
    from widgets.teeth.scene import TeethScene

    scene = TeethScene()
    scene.set_teeth(*start)
    scene.set_gum("upper", dentition.upper_gum)
    scene.set_gum("lower", dentition.lower_gum)
    return scene


@pytest.fixture
def balls():
    """A scene of three plain teeth: 11 and 21 side by side, 41 below; each a ball of radius 4 mm on upright axes."""
    from widgets.teeth.scene import TeethScene

    meshes = {number: ball(4.0, centre) for number, centre in ((11, (-5, 0, 5)), (21, (5, 0, 5)), (41, (-5, 0, -5)))}
    frames = {number: placed(mesh.vertices.mean(0)) for number, mesh in meshes.items()}
    scene = TeethScene()
    scene.set_teeth(meshes, frames)
    return scene


def vtk_alive():
    """Names of the drawing objects of VTK that Python still holds."""
    if "vtkmodules.vtkCommonCore" not in sys.modules:
        return []
    from vtkmodules.vtkCommonCore import vtkObjectBase
    gc.collect()
    return sorted(type(item).__name__ for item in gc.get_objects() if isinstance(item, vtkObjectBase) and type(item).__name__.endswith(DRAWING))


@pytest.fixture(autouse=True)
def no_vtk_left(request):
    before = vtk_alive()
    yield
    if "qtbot" in request.fixturenames:
        from PySide6.QtCore import QCoreApplication, QEvent
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    after = vtk_alive()
    assert len(after) <= len(before), f"VTK objects outlive the test: {after}"
