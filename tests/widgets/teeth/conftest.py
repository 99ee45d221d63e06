"""Dentitions for the 3D view, and a watch that no VTK object outlives a test."""

import pytest
from teeth_shapes import ball, placed, vtk_alive

from engines.teeth.dentition import generate, preset


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


@pytest.fixture(autouse=True)
def no_vtk_left(request):
    before = vtk_alive()
    yield
    if "qtbot" in request.fixturenames:
        from PySide6.QtCore import QCoreApplication, QEvent
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    after = vtk_alive()
    assert len(after) <= len(before), f"VTK objects outlive the test: {after}"
