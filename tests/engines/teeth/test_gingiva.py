from collections import Counter
from time import process_time

import numpy as np
import pytest

from engines.teeth import fdi
from engines.teeth.dentition import Wish, generate, preset
from engines.teeth.gingiva import gum


@pytest.fixture(scope="module")
def made():
    return generate(preset("crowding"))


def is_closed(mesh):
    directed = Counter(map(tuple, np.concatenate([mesh.faces[:, [0, 1]], mesh.faces[:, [1, 2]], mesh.faces[:, [2, 0]]]).tolist()))
    return set(directed.values()) == {1} and all(edge[::-1] in directed for edge in directed)


def volume(mesh):
    a, b, c = mesh.corners().swapaxes(0, 1)
    return float((a * np.cross(b, c)).sum() / 6)


@pytest.mark.parametrize("which", ("start", "aligned"))
def test_the_gum_is_a_closed_surface_that_looks_outwards(made, which):
    for mesh in made.gums(made.poses(which)):
        assert np.isfinite(mesh.vertices).all() and is_closed(mesh) and volume(mesh) > 2000


def test_every_crown_stands_in_the_gum_and_most_of_it_out(made):
    for which in ("start", "aligned"):
        poses = made.poses(which)
        for upper, mesh in zip((True, False), made.gums(poses), strict=True):
            up = -1 if upper else 1
            for n, tooth in made.teeth.items():
                if fdi.is_upper(n) is upper:
                    neck, edge = poses[n][:3, 3], tooth.crown.landmarks["edge"] @ poses[n][:3, :3].T + poses[n][:3, 3]
                    near = mesh.vertices[np.hypot(*(mesh.vertices[:, :2] - neck[:2]).T) < 2.5]
                    assert len(near) and (up * near[:, 2]).max() > up * neck[2] and np.quantile(up * near[:, 2], .6) < up * edge[2] - 2


def test_the_gum_follows_one_tooth_smoothly_and_stays_elsewhere(made):
    poses = {n: pose.copy() for n, pose in made.poses("aligned").items()}
    before, _ = made.gums(poses)
    poses[11][1, 3] -= .5
    after, _ = made.gums(poses)
    moved = np.linalg.norm(after.vertices - before.vertices, axis=1)
    far = np.hypot(*(before.vertices[:, :2] - poses[11][:2, 3]).T) > 25
    assert .3 < moved.max() < 1.2 and np.median(moved[far]) < .1


def test_the_gum_of_few_teeth_and_of_none(made):
    crowns, poses = {n: t.crown for n, t in made.teeth.items()}, made.poses("aligned")
    for kept in ((11,), (36, 37), (16, 15, 22), tuple(n for n in crowns if n not in (14, 24, 35))):
        upper = fdi.is_upper(kept[0])
        mesh = gum({n: crowns[n] for n in kept}, poses, upper)
        assert np.isfinite(mesh.vertices).all() and is_closed(mesh) and volume(mesh) > 0
    assert not len(gum({}, {}, True).faces)


def test_both_gums_take_less_than_80_ms(made):
    took = []
    for _ in range(5):
        begun = process_time()
        made.gums(made.poses())
        took.append(process_time() - begun)
    assert min(took) < .08


@pytest.mark.parametrize("seed", range(3))
def test_any_start_has_a_gum(seed):
    made = generate(Wish(seed=40 + seed, third_molars=True))
    assert is_closed(made.upper_gum) and is_closed(made.lower_gum)
