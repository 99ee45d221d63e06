import numpy as np
import pytest
import pyvista

from engines.teeth import disturb, fdi, room
from engines.teeth.dentition import PRESETS, Wish, generate, preset


def surface(mesh):
    return pyvista.PolyData(mesh.vertices.astype(float), np.column_stack([np.full(len(mesh.faces), 3), mesh.faces]).ravel())


@pytest.fixture(scope="module")
def made():
    return generate(Wish(seed=3))


def test_the_same_seed_gives_the_same_bytes_and_another_seed_other_teeth(made):
    again, other = generate(Wish(seed=3)), generate(Wish(seed=4))
    assert all(again.teeth[n].start.tobytes() == tooth.start.tobytes() and again.teeth[n].crown.mesh.vertices.tobytes() == tooth.crown.mesh.vertices.tobytes()
               for n, tooth in made.teeth.items())
    assert again.upper_gum.vertices.tobytes() == made.upper_gum.vertices.tobytes()
    assert not np.allclose(other.teeth[11].start, made.teeth[11].start)


def test_poses_are_rotations_and_the_sides_are_the_patients(made):
    assert tuple(made.teeth) == tuple(n for n in fdi.PERMANENT if n % 10 < 8)
    for n, tooth in made.teeth.items():
        for pose in (tooth.start, tooth.aligned):
            assert np.allclose(pose[:3, :3] @ pose[:3, :3].T, np.eye(3)) and np.linalg.det(pose[:3, :3]) > 0
        assert (tooth.aligned[0, 3] < 0) == fdi.is_right(n)
    assert made.teeth[11].aligned[2, 3] > made.teeth[41].aligned[2, 3] and made.teeth[16].aligned[1, 3] > made.teeth[11].aligned[1, 3]


@pytest.mark.parametrize("seed", (1, 2))
def test_aligned_neighbours_touch_and_the_bite_is_in_the_norm(seed):
    made = generate(Wish(seed=seed, base="capped"))
    stand = {n: surface(t.crown.mesh.moved(t.aligned)) for n, t in made.teeth.items()}
    gaps = [min(stand[a].compute_implicit_distance(stand[b])["implicit_distance"].min() for a, b in (pair, pair[::-1]))
            for pair in fdi.neighbours(tuple(stand))]
    assert min(gaps) > -.05 and max(gaps) < .35 and np.mean(gaps) < .1
    facts = made.facts["aligned"]
    assert 1.5 < facts["overjet_mm"] < 3.5 and 1.5 < facts["overbite_mm"] < 3.3
    assert all(abs(value) < 1.75 for value in facts["molar_offset_mm"].values())


@pytest.mark.parametrize("more", (0, 100))
@pytest.mark.parametrize("name", PRESETS)
def test_a_start_measures_what_was_asked_for(name, more):
    wish = preset(name, seed=PRESETS[name].seed + more)
    facts = generate(wish).facts
    start, drawn = facts["start"], facts["drawn"]
    assert start["overjet_mm"] == pytest.approx(drawn["overjet_mm"], abs=.01) and start["overbite_mm"] == pytest.approx(drawn["overbite_mm"], abs=.01)
    room_off = 1.3 if wish.crossbite else 1.0
    assert start["crowding_upper_mm"] == pytest.approx(drawn["crowding_mm"] - max(drawn["spacing_mm"], drawn["diastema_mm"]), abs=room_off)
    assert start["crowding_lower_mm"] == pytest.approx(drawn["crowding_mm"] - drawn["spacing_mm"], abs=room_off)
    low, high = {"I": (-1, 1), "II": (2.5, 7), "III": (-4.6, -2.4)}[wish.molar_class]
    assert all(low < offset < high for offset in start["molar_offset_mm"].values())


def test_a_diastema_opens_between_the_upper_central_incisors_only():
    made = generate(preset("diastema"))

    def gap(right, left):
        a, b = (made.teeth[n].crown.mesh.moved(made.teeth[n].start).vertices[:, 0] for n in (right, left))
        return b.min() - a.max()
    assert gap(11, 21) == pytest.approx(2.5, abs=.3) and gap(41, 31) < .8


def test_crowded_teeth_stand_beside_each_other_and_not_in_each_other():
    for seed in (0, 2, 5):
        made = generate(Wish(seed=seed, crowding_mm=7))
        crowns = {n: t.crown for n, t in made.teeth.items()}
        for row in (fdi.UPPER, fdi.LOWER):
            deep = room.overlaps(crowns, made.poses(), tuple(n for n in row if n in crowns))
            assert max(deep.values(), default=0) < .2


def test_severity_is_how_far_single_teeth_stand_off():
    def off(severity):
        made = generate(Wish(seed=8, crowding_mm=0, spacing_mm=0, severity=severity))
        return np.mean([np.arccos(np.clip((np.trace(t.aligned[:3, :3].T @ t.start[:3, :3]) - 1) / 2, -1, 1)) for t in made.teeth.values()])
    assert off(0.0) < off(.5) * .5 < off(1.0) * .5


def test_disturbances_have_the_measured_spread():
    drawn = [disturb.draw(tuple(n for n in fdi.UPPER if n % 10 < 8), np.random.default_rng(k)) for k in range(3000)]
    for n in (21, 22, 23, 24, 25):
        bl, md, up, rotation = disturb.SPREAD[True][n % 10 - 1]
        # the median of |x| of 80 % N(0, 1) and 20 % N(0, 3) is .806
        assert np.median([abs(d[n].buccal) for d in drawn]) == pytest.approx(.806 * 1.3 * bl, rel=.08)
        assert np.median([abs(d[n].occlusal) for d in drawn]) == pytest.approx(.806 * up, rel=.08)
        assert np.median([abs(d[n].rotation) for d in drawn]) == pytest.approx(rotation, rel=.08)
    ranks = np.argsort(np.argsort([[d[21].buccal for d in drawn], [d[22].buccal for d in drawn]], axis=1), axis=1)
    assert -.45 < np.corrcoef(ranks)[0, 1] < -.2


def test_impossible_wishes_are_refused():
    for bad in ({"molar_class": "IV"}, {"severity": 3}, {"crowding_mm": -1},
                {"spacing_mm": 40}, {"crowding_mm": 3, "spacing_mm": 3}, {"bite": "odd"}, {"seed": -1}):
        with pytest.raises(ValueError):
            Wish(**bad)
    with pytest.raises(ValueError):
        preset("perfect")
