"""Proposals as a person chooses between them: what is held, measured, said, and remembered."""

import json
from dataclasses import asdict, replace
from functools import lru_cache

import numpy as np
import pytest
import torch

from engines.job import Cancelled, EngineError, Job
from engines.teeth import holdouts, offer, propose, report, tadpm
from engines.teeth.contacts import Contacts
from engines.teeth.engine import TeethEngine
from engines.teeth.landmarks import with_overrides
from engines.teeth.moves import Move
from engines.teeth.poses import poses_of
from engines.teeth.request import Made, Plan, TeethRequest, plan_of
from engines.teeth.stages import stage
from engines.teeth.tasks import ProposeTask

ASK = propose.Ask(2, 3, steps=3)
MADE = Made("Consensus", "teeth.safetensors", "0f" * 32, 3, "blend", .8, 1.0)


@lru_cache(1)
def network():
    torch.manual_seed(0)
    net = tadpm.Tadpm(tadpm.TINY).eval()
    with torch.no_grad():
        for p in net.parameters():
            p.add_(.05 * torch.randn_like(p))
    return net


@lru_cache(1)
def case():
    return holdouts.generated(3)


@lru_cache(1)
def contacts():
    return Contacts(case())


def offered(plan=None, ask=ASK, **more):
    return offer.offer(network(), case(), with_overrides(case(), ()), plan or Plan(), ask, contacts(), **more)


def test_locked_teeth_stand_bitwise_where_the_plan_has_them_and_the_others_begin_at_the_start():
    plan = Plan(moves=((11, Move(buccal=1.0)), (16, Move(mesial=.7, rotation=5.0))), locked=(16,))
    made, planned = offered(plan), poses_of(case(), plan)
    assert np.array_equal(made.begin[11], np.eye(4)) and 16 not in made.free
    assert all(np.array_equal(setup.poses[16], planned[16]) and 16 not in setup.moves for setup in made.setups)
    assert np.array_equal(offer.begin(case(), plan, again=True)[0][11], planned[11])


def test_with_chosen_teeth_all_others_are_held():
    made = offered(chosen=(11, 21))
    assert made.free == (11, 21)
    assert all(np.array_equal(pose, np.eye(4)) for setup in made.setups for number, pose in setup.poses.items() if number not in (11, 21))
    assert max(move.angle_deg() for move in made.best.moves.values()) > 0


def test_extracted_teeth_are_in_no_setup():
    assert all(14 not in setup.poses for setup in offered(Plan(extracted=(14,))).setups)


def test_start_arch_fit_and_consensus_stand_beside_the_proposals_with_their_measures():
    made = offered()
    assert [setup.key for setup in made.setups] == ["start", "fit", "consensus", "2"]
    start = made.setup("start").numbers
    assert start.most_mm == 0 and start.little_upper > 0 and start.overjet is not None
    assert made.setup("fit").numbers.overlap_mm <= start.overlap_mm and made.best.key == "consensus"
    assert offered(ask=replace(ASK, proposals=1)).best.key == "1"


def test_another_mode_strength_and_refinement_need_no_network(monkeypatch):
    made, other = offered(), replace(ASK, mode="network", strength=.5, refine=0.0)
    want = offered(ask=other)
    monkeypatch.setattr(propose, "drawn", None)
    found = offer.changed(made, case(), with_overrides(case(), ()), Plan(), other, contacts())
    for a, b in zip(found.setups, want.setups, strict=True):
        assert a.key == b.key and all(np.allclose(a.poses[n], b.poses[n], atol=1e-4) for n in a.poses)
    assert found.ask == want.ask


def test_the_job_hears_where_the_teeth_stand_after_every_step_and_a_cancel_ends_it_there():
    steps = []

    def tell(kind, values):
        if kind == "news":
            steps.append(values[0])
            job.cancelled = len(steps) == 2
    job = Job(tell)
    with pytest.raises(Cancelled):
        offered(Plan(locked=(36,)), job=job)
    assert [step.k for step in steps] == [1, 2] and np.array_equal(steps[1].poses[36], np.eye(4))
    assert not np.allclose(steps[0].poses[11], np.eye(4))


def numbers(**more):
    return offer.Numbers(**{"little_upper": 2.0, "little_lower": 2.0, "overlap_mm": .0, "spaces_mm": .0, "most_mm": 3.0, "most_deg": 9.0, "overjet": 2.5,
                            "overbite": 2.5} | more)


def judged(best, fit, moves=None):
    made = offer.Offer(ASK, (offer.Setup("fit", "Arch-fit", {}, {}, fit), offer.Setup("consensus", "Consensus", {}, moves or {}, best)), (), {}, None, ())
    said = offer.verdict(made)
    assert made.beats == ("no better" not in said[0])
    return said


def test_where_the_model_is_no_better_it_is_said_in_plain_words():
    words, = judged(numbers(little_upper=2.1), numbers())
    assert "consensus is no better than the arch-fit" in words and "Little index of both jaws 4.1 against 4.0 mm" in words
    assert "no better" in judged(numbers(most_mm=2.0, overlap_mm=.5), numbers())[0]  # going less far is no merit where more overlaps
    words, = judged(numbers(little_upper=.9, overlap_mm=.3), numbers())
    assert words == "The consensus beats the arch-fit in Little index of both jaws 2.9 against 4.0 mm, and is behind it in overlap 0.3 against 0.0 mm."


def test_a_tooth_that_goes_suspiciously_far_is_named():
    said = judged(numbers(), numbers(), {13: Move(buccal=9.0), 11: Move(rotation=-50.0), 12: Move(buccal=2.0)})
    assert "13 by 9.0 mm" in said[1] and "11 by 0.0 mm and 50" in said[1] and "12" not in said[1]


def test_a_plan_remembers_the_proposal_it_began_from():
    plan = Plan(moves=((11, Move(buccal=1.0)),), origin=offer.ORIGINS["blend"], made=replace(MADE, teeth=(11,)))
    assert plan_of(json.loads(json.dumps(asdict(plan)))) == plan
    request = TeethRequest(plans=(plan,))
    assert TeethRequest.from_dict(json.loads(json.dumps(request.to_dict()))) == request
    assert plan_of({"name": "old"}).made is None  # files from before
    with pytest.raises(EngineError):
        TeethRequest.from_dict({"plans": [asdict(plan) | {"made": {"seed": 1}}]})


def test_the_report_says_what_the_plan_began_from(tmp_path):
    plan = Plan(moves=((11, Move(buccal=.4)),), origin=offer.ORIGINS["blend"], made=MADE)
    request = TeethRequest(plans=(plan,))
    content = report.Content(case(), plan, stage(case(), plan, request.limits, .1, Job()), request.limits, "2026-11-26")
    report.write(content, tmp_path / "r.pdf", compressed=False)
    text = (tmp_path / "r.pdf").read_bytes()
    assert b"Begun from" in text and b"0f0f0f0f" in text


def test_a_weights_file_that_will_not_do_is_told_by_name(tmp_path, pytestconfig):
    engine = TeethEngine(pytestconfig.rootpath / "resources" / "samples" / "teeth")
    bad = tmp_path / "teeth.safetensors"
    bad.write_bytes(b"\x10\0\0\0\0\0\0\0 this is no file")
    for path in (bad, tmp_path / "gone.safetensors"):
        with pytest.raises(EngineError, match=path.name):
            engine.carry_out(ProposeTask(TeethRequest(), ASK, str(path)), Job())
