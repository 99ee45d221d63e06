"""Contacts, distances and shared volumes on bodies whose answers are known."""

import numpy as np
import pytest

from engines.job import Cancelled, Job
from engines.teeth import solid
from engines.teeth.caps import cap
from engines.teeth.case import Case, Tooth
from engines.teeth.contacts import ANTAGONIST, NEIGHBOUR, Contacts
from engines.teeth.distance import Fields, Surface, field
from engines.teeth.mesh import Mesh
from engines.teeth.topology import loops, volume_mm3


def sphere(centre=(0, 0, 0), radius: float = 1.0, rings: int = 40) -> Mesh:
    """A closed sphere of rings x 2 rings cells, its vertices on the true sphere."""
    theta, phi = np.linspace(0, np.pi, rings + 1)[1:-1], np.arange(2 * rings) * np.pi / rings
    t, p = np.meshgrid(theta, phi, indexing="ij")
    points = np.stack([np.sin(t) * np.cos(p), np.sin(t) * np.sin(p), np.cos(t)], -1).reshape(-1, 3)
    points = np.concatenate([points, [[0, 0, 1], [0, 0, -1]]])
    many, top, bottom = 2 * rings, len(points) - 2, len(points) - 1
    k = np.arange(many)
    after = np.roll(k, -1)
    faces = [np.column_stack([np.full(many, top), k, after]), np.column_stack([np.full(many, bottom), (rings - 2) * many + after, (rings - 2) * many + k])]
    for row in range(rings - 2):
        a, b, c, d = row * many + k, (row + 1) * many + k, (row + 1) * many + after, row * many + after
        faces += [np.column_stack([a, b, c]), np.column_stack([a, c, d])]
    return Mesh(radius * points + centre, np.concatenate(faces))


def spheres(**centres) -> Case:
    teeth = {}
    for name, (centre, radius) in centres.items():
        number, frame = int(name[1:]), np.eye(4)
        frame[:3, 3] = centre
        teeth[number] = Tooth(number, sphere(centre, radius), frame)
    return Case("spheres").with_teeth(teeth)


def still(case: Case) -> dict[int, np.ndarray]:
    return {number: np.eye(4) for number in case.teeth}


def lens(radius: float, depth: float) -> float:
    """Volume that two spheres of one radius share: two caps, each half the depth high."""
    h = depth / 2
    return 2 * np.pi * h**2 * (3 * radius - h) / 3


@pytest.mark.parametrize("depth", [0.2, 0.5])
def test_two_spheres_overlap_by_their_known_depth_and_volume(depth):
    case = spheres(t11=((-1 + depth / 2, 0, 0), 1), t21=((1 - depth / 2, 0, 0), 1))
    (found,) = Contacts(case).pairs(still(case))
    assert (found.first, found.second, found.kind, found.volume_mm3) == (11, 21, NEIGHBOUR, None)
    assert found.depth_mm == pytest.approx(depth, abs=.02)
    assert np.allclose(found.normal, (1, 0, 0), atol=.05) and np.allclose(found.point, 0, atol=.05)
    (exact,) = Contacts(case).exact(still(case), Job())
    assert exact.depth_mm == pytest.approx(depth, abs=.006)
    assert exact.volume_mm3 == pytest.approx(lens(1, depth), rel=.03)


def test_neighbours_three_tenths_apart_have_that_gap_and_no_contact():
    case = spheres(t11=((-4.15, 0, 0), 4), t21=((4.15, 0, 0), 4))
    contacts = Contacts(case)
    assert contacts.pairs(still(case)) == () and contacts.exact(still(case), Job()) == ()
    assert contacts.gaps(still(case))[11, 21] == pytest.approx(.3, abs=.01)


def test_a_gap_of_centimetres_is_still_measured_between_neighbours_alone():
    case = spheres(t11=((-14, 0, 0), 4), t21=((14, 0, 0), 4), t41=((-14, 0, -20), 4))
    assert [(entry.kind, round(entry.gap_mm)) for entry in Contacts(case).measured(still(case))] == [(NEIGHBOUR, 20)]


def test_poses_move_contacts_with_the_teeth_and_leave_out_those_without():
    case = spheres(t11=((-20, 0, 0), 4), t21=((20, 0, 0), 4), t22=((60, 0, 0), 4), t31=((20, 30, 0), 4))
    poses = still(case)
    poses[21][:3, 3], poses[31][:3, 3] = (-32.5, 0, 0), (-32.5, -30, -7.8)
    found = {(entry.first, entry.second): entry for entry in Contacts(case).pairs(poses)}
    assert {pair: entry.kind for pair, entry in found.items()} == {(11, 21): NEIGHBOUR, (21, 31): ANTAGONIST}
    assert found[11, 21].depth_mm == pytest.approx(.5, abs=.035) and found[21, 31].depth_mm == pytest.approx(.2, abs=.035)
    assert np.allclose(found[21, 31].normal, (0, 0, -1), atol=.03)
    del poses[21]
    assert (11, 22) in Contacts(case).gaps(poses)


def test_a_rigid_motion_of_everything_changes_no_gap():
    case = spheres(t11=((-3.9, 0, 0), 4), t21=((3.9, .5, .3), 4), t41=((-2, 0, -7.9), 4))
    contacts, turned = Contacts(case), np.eye(4)
    turned[:3, :3] = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0]
    turned[:3, :3] *= np.linalg.det(turned[:3, :3])
    turned[:3, 3] = (5, -9, 2)
    before, after = (contacts.measured({number: pose for number in case.teeth}) for pose in (np.eye(4), turned))
    assert np.allclose([entry.gap_mm for entry in before], [entry.gap_mm for entry in after], atol=1e-6)
    assert np.allclose([turned[:3, :3] @ entry.normal for entry in before], [entry.normal for entry in after], atol=1e-6)


def test_one_tooth_or_none_has_no_contacts():
    case = spheres(t11=((0, 0, 0), 4))
    assert Contacts(case).pairs(still(case)) == () and Contacts(Case("empty")).pairs({}) == ()


def test_exact_contacts_stop_when_cancelled():
    case = spheres(t11=((-3.9, 0, 0), 4), t21=((3.9, 0, 0), 4))
    job = Job()
    job.cancelled = True
    with pytest.raises(Cancelled):
        Contacts(case).exact(still(case), job)


def test_distances_to_a_sphere_are_signed_and_a_grid_gives_them_back():
    points = np.random.default_rng(1).uniform(-6, 6, (800, 3))
    surface = Surface(sphere(radius=5, rings=60))
    truth = np.linalg.norm(points, axis=1) - 5
    assert np.abs(surface.distances(points)[0] - truth).max() < .01
    grids, near = Fields([field(surface)]), np.abs(truth) < .45
    which = np.zeros(near.sum(), int)
    assert np.abs(grids.at(which, points[near]) - truth[near]).max() < .015
    outward = points[near] / np.linalg.norm(points[near], axis=1, keepdims=True)
    assert ((grids.slopes(which, points[near]) * outward).sum(1) > .995).all()


def test_an_open_sphere_is_closed_with_a_lid_and_keeps_its_volume():
    whole = sphere(radius=5)
    heights = whole.corners()[:, :, 2].min(1)
    cut = Mesh(whole.vertices, whole.faces[heights > -3.0])
    triangles = cut.corners().reshape(-1, 3)  # as an STL has them
    lidded = cap(Mesh(triangles, np.arange(len(triangles)).reshape(-1, 3)))
    assert not loops(lidded.faces) and len(loops(cut.faces)) == 1
    height = 5 - float(cut.vertices[cut.faces][..., 2].min())
    assert volume_mm3(lidded) == pytest.approx(np.pi * height**2 * (15 - height) / 3, rel=.01)
    assert (Surface(lidded).distances(np.array([[0, 0, 0], [0, 0, -4.5]]))[0] < 0).tolist() == [True, False]


def test_a_body_that_is_no_solid_gets_its_volume_from_points():
    a, b = spheres(t11=((-3.75, 0, 0), 4), t21=((3.75, 0, 0), 4)).teeth.values()
    torn = Mesh(a.mesh.vertices, np.concatenate([a.mesh.faces, a.mesh.faces[:40, [0, 2, 1]], a.mesh.faces[:40]]))
    case = Case("torn").with_teeth({11: Tooth(11, torn, a.frame), 21: b})
    exact = Contacts(case).exact(still(case), Job())
    assert exact and exact[0].volume_mm3 == pytest.approx(lens(4, .5), rel=.06)


def test_a_very_fine_mesh_is_decimated_and_touches_where_it_did():
    case = spheres(t11=((-3.9, 0, 0), 4), t21=((3.9, 0, 0), 4))
    fine = Tooth(11, sphere((-3.9, 0, 0), 4, rings=120), case.teeth[11].frame)
    assert len(fine.mesh.faces) > 50_000 and len(solid.thinned(fine.mesh, 12_000).faces) <= 12_000
    assert solid.thinned(case.teeth[21].mesh, 12_000).faces.shape == case.teeth[21].mesh.faces.shape
    (found,) = Contacts(case.with_teeth({11: fine, 21: case.teeth[21]})).pairs(still(case))
    assert found.depth_mm == pytest.approx(.2, abs=.035)
