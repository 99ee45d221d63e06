import json
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.guidance.request import DRAFT_POINTS, MODES, SAMPLERS, VIEWS, Draw, GuidanceRequest, Sampling, opposite, unwrap, wrap
from engines.job import EngineError

SAMPLINGS = st.builds(
    Sampling, model=st.sampled_from(["emoji3d", "toy-1d", "/a/b.safetensors"]), label=st.integers(0, 99), label_2=st.none() | st.integers(0, 99),
    blend=st.floats(0, 1), c=st.floats(-5, 5), mode=st.sampled_from(MODES), gamma_1=st.floats(0, 30), gamma_0=st.none() | st.floats(-29, 29),
    steps=st.integers(1, 1000), sampler=st.sampled_from(SAMPLERS), seed=st.integers(0, 2**32 - 1), seed_2=st.none() | st.integers(0, 2**32 - 1),
    seed_mix=st.floats(0, 1), count=st.integers(1, 50_000), guide_above=st.floats(0, 200), guide_below=st.floats(0, 200) | st.just(math.inf))


@given(SAMPLINGS, st.none() | SAMPLINGS, st.sampled_from(VIEWS))
def test_a_request_survives_json_exactly(a, b, view):
    request = GuidanceRequest(a, b, view)
    assert unwrap(json.loads(json.dumps(wrap(request), allow_nan=False))) == request


@pytest.mark.parametrize("change", [{"steps": 0}, {"steps": 2.5}, {"gamma_1": math.nan}, {"gamma_1": "3"}, {"count": True}, {"seed": -1}, {"seed": None},
                                    {"mode": "best"}, {"sampler": "euler a"}, {"model": 3}, {"blend": 1.1}, {"guide_below": -1.0}])
def test_a_value_that_cannot_be_meant_is_refused_by_name(change):
    name = next(iter(change))
    with pytest.raises(EngineError, match=name) as raised:
        replace(Sampling(), **change)
    assert raised.value.remedy


@pytest.mark.parametrize(("values", "word"), [
    (None, "not a Vernier request"), ({"request": {}}, "not a Vernier request"), ({"vernier": 2, "workspace": "guidance", "request": {}}, "newer"),
    ({"vernier": 1, "workspace": "teeth", "request": {}}, "teeth"), ({"vernier": 1, "workspace": "guidance", "request": {"a": {"glow": 3}}}, "glow"),
    ({"vernier": 1, "workspace": "guidance", "request": 5}, "not a table"), ({"vernier": 1, "workspace": "guidance", "request": {"a": 3}}, "not a table"),
    ({"vernier": 1, "workspace": "guidance", "request": {"a": {}, "view": "upside"}}, "damaged")])
def test_a_foreign_newer_or_damaged_request_is_refused_with_the_reason(values, word):
    with pytest.raises(EngineError, match=word):
        unwrap(values)


def test_a_bare_sampling_becomes_side_a():
    assert unwrap({"vernier": 1, "workspace": "guidance", "request": {"seed": 4}}) == GuidanceRequest(Sampling(seed=4))


def test_a_draft_of_a_network_takes_four_steps_and_of_a_toy_fewer_points():
    request = GuidanceRequest(Sampling(steps=50), Sampling(model="toy-1d", steps=50, count=20_000))
    a, b = Draw(request, draft=True).sides()
    assert (a.steps, b.steps, b.count) == (4, 50, DRAFT_POINTS)
    assert Draw(request).sides() == [request.a, request.b]


def test_the_opposite_differs_in_nothing_but_cfg_or_recfg():
    assert opposite(Sampling(seed=3)) == Sampling(seed=3, mode="cfg") and opposite(opposite(Sampling())) == Sampling()
