import numpy as np
import pytest

from engines.teeth import fdi
from engines.teeth.click_numbers import guess_numbers, midline
from engines.teeth.dentition import Wish, generate


@pytest.fixture(scope="module", params=[(0, True), (1, False), (2, True), (3, False)])
def arch(request):
    seed, upper = request.param
    made = generate(Wish(seed=seed))
    teeth = {n: tooth for n, tooth in made.teeth.items() if fdi.is_upper(n) == upper}
    clicks = {n: tooth.crown.mesh.moved(tooth.aligned).vertices.mean(0).astype(float) for n, tooth in teeth.items()}
    front = midline(np.concatenate([tooth.crown.mesh.moved(tooth.aligned).vertices for tooth in teeth.values()]))
    return upper, clicks, front


def test_a_whole_arch_gets_its_numbers_in_any_order_of_clicks(arch):
    upper, clicks, front = arch
    for seed in range(3):
        order = [int(n) for n in np.random.default_rng(seed).permutation(list(clicks))]
        jitter = np.random.default_rng(seed + 9).normal(0, 0.6, (len(order), 3))
        assert guess_numbers(np.array([clicks[n] for n in order]) + jitter, upper, front) == tuple(order)


def test_each_click_is_guessed_as_it_is_made(arch):
    upper, clicks, front = arch
    made = ()
    right = 0
    for number, at in clicks.items():
        right += guess_numbers(np.array([*(point for point, _ in made), tuple(at)]), upper, front, tuple(known for _, known in made))[-1] == number
        made += ((tuple(at), number),)  # the person corrects a wrong one
    assert right >= len(clicks) - 1


def test_a_missing_first_premolar_leaves_its_number_free_when_its_gap_is_open(arch):
    upper, clicks, front = arch
    left = {n: at for n, at in clicks.items() if n not in (14, 34)}
    assert guess_numbers(np.array(list(left.values())), upper, front) == tuple(left)


def test_numbers_that_a_person_set_stay_and_move_their_neighbours():
    at = np.array([(x, 0.0, 0.0) for x in (-12, -4.2, 4.2, 12)])
    front = np.array([0.0, 0.0])
    assert guess_numbers(at, True, front) == (12, 11, 21, 22)
    assert guess_numbers(at[1:], True, front, (None, 22, None)) == (21, 22, 23)


def test_numbers_are_different_even_where_the_set_ones_run_backwards():
    at = np.array([(x, 0.0, 0.0) for x in (-12, -4.2, 4.2, 12)])
    found = guess_numbers(at, False, np.zeros(2), (31, None, 41, None))
    assert found[0] == 31 and found[2] == 41 and len(set(found)) == 4 and set(found) <= set(fdi.LOWER)


def test_impossible_numbers_are_refused():
    at = np.zeros((2, 3))
    for known in ((11, 11), (31, None), (55, None)):
        with pytest.raises(ValueError):
            guess_numbers(at, True, np.zeros(2), known)
    assert guess_numbers(np.zeros((0, 3)), True, np.zeros(2)) == ()
