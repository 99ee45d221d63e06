import numpy as np

from engines.teeth import crowns, registration
from engines.teeth.mesh import Mesh
from tests.engines.teeth.made_cases import degrees, made, turned


def test_corresponding_vertices_are_laid_over_each_other_exactly():
    crown, matrix = made().teeth[11].crown.mesh, turned(2)
    assert np.abs(registration.onto(crown, crown.moved(matrix)) - matrix).max() < 1e-4


def test_another_scan_of_the_tooth_with_other_vertices_and_a_missing_part_is_found():
    crown, finer = crowns.crown(16).mesh, crowns.crown(16, around=104, up=40).mesh
    matrix = np.eye(4)
    c, s = np.cos(.15), np.sin(.15)
    matrix[:2, :2], matrix[:3, 3] = [[c, -s], [s, c]], (3, -2, 1)
    other = Mesh(finer.vertices, finer.faces[finer.corners().mean(1)[:, 2] > 1.0]).moved(matrix)
    found = registration.onto(crown, other)
    centre = np.array([0, 0, 4.0, 1])
    assert degrees(found[:3, :3] @ matrix[:3, :3].T) < 1 and np.linalg.norm((found - matrix) @ centre) < 0.1
