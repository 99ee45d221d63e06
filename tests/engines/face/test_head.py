"""The rendered head, on a ball with a mouth; with VERNIER_HEAD, on the real one too."""

import os

import numpy as np
import pytest

from engines.face import head as heads
from engines.face import morphable
from engines.face.crop import Square, square
from engines.face.mouth import CLOSE, JAW
from engines.job import EngineError
from tests.engines.face.small_head import arrays, save


@pytest.fixture(scope="module")
def head(tmp_path_factory):
    path = tmp_path_factory.mktemp("head") / "small.npz"
    save(path)
    return morphable.load(path)


def mouth(**numbers):
    found = np.zeros(8, np.float32)
    for column, value in numbers.items():
        found[{"jaw": JAW, "close": CLOSE}[column]] = value
    return found


def test_a_seed_gives_the_same_head_and_another_seed_another(head):
    first, again, other = (heads.Portrait(head, seed, 64).frame(mouth()).picture for seed in (1, 1, 2))
    assert first.shape == (64, 64, 3) and first.dtype == np.uint8
    np.testing.assert_array_equal(first, again)
    assert (first != other).mean() > 0.5


def test_only_what_moves_with_the_mouth_changes_and_the_truth_says_how(head):
    portrait = heads.Portrait(head, 3, 64, plain=True)
    rest, opened = portrait.frame(mouth()), portrait.frame(mouth(jaw=0.8))
    assert (rest.picture[:16] == opened.picture[:16]).all() and (rest.picture != opened.picture).any()
    gap = [heads.opening_and_width(frame.lips)[0] for frame in (rest, opened)]
    assert gap[1] > gap[0] + 1


def test_lips_of_a_closed_mouth_meet_at_any_jaw(head):
    portrait = heads.Portrait(head, 4, 64, plain=True)
    gaps = [heads.opening_and_width(portrait.frame(mouth(jaw=jaw, close=1)).lips)[0] for jaw in (0, 0.25)]
    assert max(gaps) < 1.0


def test_a_still_frame_is_the_same_as_the_head_at_rest_drawn_at_once(head):
    portrait = heads.Portrait(head, 5, 64)
    once, twice = portrait.frame(mouth(jaw=0.4)), portrait.frame(mouth(jaw=0.4))
    np.testing.assert_array_equal(once.picture, twice.picture)
    assert (once.picture != portrait.frame(mouth(jaw=0.5)).picture).any()


def test_the_crop_follows_the_face_and_not_the_mouth():
    eyes_nose = np.array([[100, 100], [200, 100], [150, 150]], float)
    seen = square(*eyes_nose)
    assert (seen.x, seen.y, seen.side, seen.roll) == pytest.approx((150, 180, 135, 0))
    turn = np.array([[0, -1], [1, 0]])  # a quarter turn
    assert square(*(eyes_nose @ turn.T)).roll == pytest.approx(np.pi / 2)
    corners = np.array([[150 - 67.5, 180 - 67.5, 1], [150, 180, 1]])
    np.testing.assert_allclose(corners @ seen.matrix(64).T, [[0, 0], [32, 32]], atol=1e-9)
    tilted = Square(10, 20, 5, 0.3).matrix(10)
    np.testing.assert_allclose(tilted @ [10, 20, 1], [5, 5], atol=1e-9)


def test_normals_point_outwards(head):
    ball = np.unique(head.triangles)
    outward = head.neutral[ball] - [0, -1, 0]
    facing = (morphable.normals(head.neutral, head.triangles)[ball] * outward).sum(1)
    assert (facing > 0).all()


@pytest.mark.parametrize("fault", ["missing", "no archive", "lacks a field", "wrong shape", "lacks a shape"])
def test_a_file_that_is_no_head_is_named(tmp_path, fault):
    path, made = tmp_path / "head.npz", arrays()
    if fault == "no archive":
        path.write_bytes(b"PK\x03\x04 and nothing else")
    elif fault != "missing":
        if fault == "lacks a field":
            del made["identity"]
        elif fault == "wrong shape":
            made["neutral"] = made["neutral"][:100]
        else:
            made["expression_names"] = np.array([f"x{name}" for name in made["expression_names"]])
        np.savez(path, **made)
    with pytest.raises(EngineError, match="head.npz") as caught:
        morphable.load(path)
    assert "--head" in caught.value.remedy


@pytest.mark.skipif("VERNIER_HEAD" not in os.environ, reason="needs the morphable head: VERNIER_HEAD=ict_facekit_light.npz")
def test_the_real_head_opens_rounds_spreads_and_closes():
    portrait = heads.Portrait(morphable.load(os.environ["VERNIER_HEAD"]), 1, 128, plain=True)
    numbers = {"rest": [0] * 8, "aa": [.9, .3, 0, 0, 0, 0, 0, 0], "iy": [.2, .5, .9, 0, 0, 0, 0, 0], "uw": [.2, 0, 0, .95, .4, 0, 0, 0],
               "m": [.12, 0, 0, 0, 0, 1, 0, 0]}
    seen = {name: heads.opening_and_width(portrait.frame(np.array(values, np.float32)).lips) for name, values in numbers.items()}
    assert seen["aa"][0] > 5 * seen["rest"][0] and seen["m"][0] < 2.5
    assert seen["uw"][1] < 0.9 * seen["rest"][1] < seen["rest"][1] < 0.95 * seen["iy"][1]
