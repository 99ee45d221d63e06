"""A training: the same from the same seed, back and forth, with one twin stopped; and what the regulariser alone does."""

from dataclasses import replace

import pytest
import torch

from engines.gan.request import GanRequest, Smart
from engines.gan.training import CHECK_EVERY, Run

SMALL = GanRequest(batch=32, steps=400)


def walked(run, steps):
    for _ in range(steps):
        run.step()
    return run


def test_twins_begin_alike_and_a_is_what_it_is_alone():
    both, alone = walked(Run(SMALL), 8), walked(Run(replace(SMALL, twin=False)), 8)
    assert torch.allclose(both.G.flat[0], alone.G.flat[0], atol=1e-4)
    assert not torch.allclose(both.G.flat[0], both.G.flat[1], atol=1e-3)
    start = Run(SMALL)
    assert torch.equal(start.G.flat[0], start.G.flat[1]) and torch.equal(start.D.flat[0], start.D.flat[1])


def test_lambda_zero_makes_b_the_twin_of_a():
    run = walked(Run(replace(SMALL, smart=Smart(lam=0.0))), 40)
    assert torch.equal(run.G.flat[0], run.G.flat[1])


def test_only_the_due_steps_are_regularised():
    run = Run(replace(SMALL, smart=Smart(freq=8)))
    run.iteration = 1
    walked(run, 7)
    assert torch.equal(run.G.flat[0], run.G.flat[1])
    walked(run, 1)
    assert not torch.equal(run.G.flat[0], run.G.flat[1])


def test_going_back_and_on_again_gives_the_same_numbers():
    run = walked(Run(SMALL), 50)
    state = run.state()
    there = walked(run, 50).state()
    run.load(state)
    assert run.iteration == 50
    again = walked(run, 50).state()
    assert all(torch.equal(there[key], again[key]) for key in there)


@pytest.mark.parametrize("data", ["25gaussians", "two-rings", "spiral", "checkerboard"])
def test_every_data_set_trains_and_is_measured(data):
    run = walked(Run(replace(SMALL, data=data, smart=Smart(reach="off", balance=0.5))), 2 * CHECK_EVERY)
    found = run.note(500, 200)
    assert len(found) == 2 and all(0 <= m.off <= 1 and 0 <= m.modes <= m.of_modes for m in found)
    assert [len(past) for past in run.history] == [1, 1]
    assert found[1].score == found[1].score and found[0].score != found[0].score  # A has no L_score


def test_a_twin_that_runs_away_stops_alone_and_keeps_its_last_good_state():
    run = walked(Run(SMALL), CHECK_EVERY)
    run.good = run.state()
    kept = run.good["G.flat"][1].clone()
    run.G.flat[1] = float("nan")
    before = run.G.flat[0].clone()
    walked(run, 2 * CHECK_EVERY)
    assert run.stopped[0] == "" and "ran away" in run.stopped[1]
    assert torch.equal(run.G.flat[1], kept)
    assert run.G.flat.isfinite().all() and not torch.equal(run.G.flat[0], before)
    assert not run.finished()
    run.stopped[0] = "too"
    assert run.finished()


def test_a_learning_rate_that_is_far_too_high_is_noticed():
    run = walked(Run(replace(SMALL, rate_g=1.0, rate_d=1.0, r1=0.0)), 200)
    assert all(run.stopped) and run.G.flat.isfinite().all()


def test_sliders_that_move_act_on_the_next_step():
    run, still = walked(Run(SMALL), 20), walked(Run(SMALL), 20)
    run.request = replace(SMALL, smart=Smart(lam=2.0), rate_d=5e-4)
    assert not torch.equal(walked(run, 1).G.flat[1], walked(still, 1).G.flat[1])


def test_arms_train_beside_one_another():
    run = walked(Run(SMALL, arms=(None, Smart(), Smart(freq=8), Smart(gradient="stop"))), 9)
    assert len({float(row.sum()) for row in run.G.flat}) == 4


def test_the_score_alone_seeks_a_few_modes_so_that_more_lambda_is_not_better():
    run = Run(replace(SMALL, batch=128, steps=100_000, rate_d=1e-6, smart=Smart(lam=10.0)))
    run.D.flat[:] = 0  # a discriminator that says nothing
    run.G.W[-1].mul_(8)  # generators that reach over the whole plane
    plain, before = run.measure(2000, 200)
    walked(run, 500)
    still, pulled = run.measure(2000, 200)
    assert still.off == plain.off == before.off > 0.9
    assert pulled.off < 0.05 and pulled.modes <= 2 < pulled.of_modes
