"""Distances on the surface, and what reduction takes off: bodies whose answers are known."""

import numpy as np
import pytest
from test_contacts import sphere, spheres, still

from engines.job import Cancelled, EngineError, Job
from engines.teeth import case as cases
from engines.teeth import dentition, occlusogram, reduction
from engines.teeth.case import Case, Tooth
from engines.teeth.contacts import Contacts
from engines.teeth.request import Reduction
from engines.teeth.topology import loops, volume_mm3


def facing(gap: float) -> Case:
    return spheres(t11=((0, 0, 0), 4), t41=((0, 0, -8 - gap), 4), t12=((-8.2, 0, 0), 4))


@pytest.mark.parametrize("gap", [0.4, -0.3])
def test_every_vertex_gets_its_distance_to_the_antagonist(gap):
    case = facing(gap)
    contacts = Contacts(case)
    truth = np.minimum(np.linalg.norm(case.teeth[11].mesh.vertices - (0, 0, -8 - gap), axis=1) - 4, occlusogram.FAR_MM)
    rough = occlusogram.preview(contacts, still(case), [11])[11]
    fine = occlusogram.exact(contacts, still(case), [11], Job())[11]
    assert rough.dtype == fine.dtype == np.float32 and rough.shape == truth.shape
    near = truth < 1
    assert near.sum() > 50 and np.abs(rough - truth)[near].max() < .03 and np.abs(fine - truth)[near].max() < .01
    assert (rough[truth > 1.9] > 1.2).all()


def test_neighbours_count_only_where_they_are_asked_for():
    case = facing(3.0)
    contacts = Contacts(case)
    assert occlusogram.preview(contacts, still(case), [11])[11].min() == occlusogram.FAR_MM
    both = occlusogram.preview(contacts, still(case), [11], (occlusogram.NEIGHBOURS,))[11]
    assert both.min() == pytest.approx(.2, abs=.03)


def test_bands_are_the_five_of_the_legend():
    values = np.array([2, .51, .5, .06, .04, 0, -.04, -.1, -.19, -.3])
    assert [occlusogram.BANDS[k] for k in occlusogram.bands(values)] == ["apart"] * 2 + ["near"] * 2 + ["contact"] * 3 + ["heavy"] * 2 + ["deep"]


def test_exact_distances_tell_every_tooth_and_stop_when_cancelled():
    case, told = facing(.2), []
    occlusogram.exact(Contacts(case), still(case), [11, 41], Job(lambda kind, values: told.append((kind, values[0]))))
    assert [value[0] for kind, value in told if kind == "news"] == [11, 41]
    job = Job()
    job.cancelled = True
    with pytest.raises(Cancelled):
        occlusogram.exact(Contacts(case), still(case), [11], job)


def test_reduction_takes_exactly_its_mm_off_between_the_contact_planes_and_leaves_no_hole():
    case = cases.from_dentition(dentition.generate(dentition.Wish(seed=2)))
    for first, second in ((11, 21), (13, 14), (36, 37)):
        after = reduction.applied(case, (Reduction(first, second, .4),))
        lost = 0.0
        for number, other in ((first, second), (second, first)):
            axis = case.teeth[number].axis("mesial")
            old, new = (which.teeth[number].mesh.vertices @ axis for which in (case, after))
            lost += np.ptp(old) - np.ptp(new)
            far = new.min() - old.min() if reduction.towards(number, other) == "mesial" else new.max() - old.max()
            assert far == 0
            mesh = after.teeth[number].mesh
            assert np.array_equal(mesh.faces, case.teeth[number].mesh.faces) and len(loops(mesh.faces)) == len(loops(case.teeth[number].mesh.faces))
        assert lost == pytest.approx(.4, abs=1e-4)
        assert all(after.teeth[n] is tooth for n, tooth in case.teeth.items() if n not in (first, second))


def test_a_planed_sphere_loses_a_cap_and_stays_smooth():
    whole = Tooth(11, sphere(radius=5, rings=90), np.eye(4))
    cut = reduction.planed(whole, "mesial", .4)
    cap = np.pi * .4**2 * (15 - .4) / 3
    assert volume_mm3(whole.mesh) - volume_mm3(cut.mesh) == pytest.approx(cap, rel=.08)
    assert float(cut.mesh.vertices[:, 0].max()) == pytest.approx(4.6, abs=1e-5)


@pytest.mark.parametrize(("number", "other", "side"), [(11, 21, "mesial"), (21, 11, "mesial"), (12, 11, "mesial"), (12, 13, "distal"), (33, 35, "distal")])
def test_a_neighbour_stands_mesially_or_distally(number, other, side):
    assert reduction.towards(number, other) == side


def test_suggestions_remove_the_overlap_and_make_the_room_that_is_asked():
    case = spheres(t12=((-16, 0, 0), 4), t11=((-8.0, 0, 0), 4), t21=((-.3, 0, 0), 4), t22=((7.9, 0, 0), 4))
    contacts = Contacts(case)
    (found,) = reduction.suggested(contacts, still(case))
    assert (found.first, found.second, found.mm) == (11, 21, pytest.approx(.3, abs=.02))
    room = reduction.suggested(contacts, still(case), {"upper": 1.5})
    assert sum(entry.mm for entry in room) == pytest.approx(1.5, abs=.02) and len(room) == 3
    assert reduction.warnings(room) == [] and "11-21" in reduction.warnings([Reduction(11, 21, .6)])[0]
    teeth = reduction.applied(case, (found,))
    assert max((entry.depth_mm for entry in Contacts(teeth).measured(still(case))), default=0) < .05


@pytest.mark.parametrize("wrong", [Reduction(11, 19, .3), Reduction(11, 41, .3), Reduction(11, 21, 3.0), Reduction(11, 21, -.1)])
def test_a_reduction_that_cannot_be_is_said(wrong):
    case = spheres(t11=((0, 0, 0), 4), t21=((8, 0, 0), 4), t41=((0, 0, -8), 4))
    with pytest.raises(EngineError):
        reduction.applied(case, (wrong,))
