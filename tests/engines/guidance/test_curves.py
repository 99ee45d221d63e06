from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from engines.diffusion import samplers
from engines.diffusion.schedules import Schedule
from engines.guidance import curves, tables
from engines.guidance.engine import GuidanceEngine
from engines.guidance.request import CURVE_POINTS, Sampling
from engines.job import EngineError, Job

SCHEDULE = Schedule()
LEVELS = np.linspace(SCHEDULE.lam(SCHEDULE.last), SCHEDULE.lam(0.0), 32)
RATIO = tuple((float(np.exp(-lam)), float(0.5 + 0.4 * np.sin(lam))) for lam in LEVELS[::-1])


@pytest.fixture
def flat(tiny, model, tmp_path, monkeypatch):
    """An engine whose table has one ratio for all pixels of a level, and settings of its model."""
    rows = torch.tensor([r for _, r in reversed(RATIO)])[None, :, None, None, None].expand(4, 32, *model.shape)
    engine = GuidanceEngine(tmp_path)
    table = tables.Table(LEVELS, {"ratio": rows, "literal": rows}, "hash")
    monkeypatch.setattr(engine, "table", lambda settings: table)
    return engine, Sampling(model=str(tiny), steps=6, count=2, label=1, gamma_1=2.5, sampler="ddim")


def drawn(engine, settings, pair):
    return engine.side(replace(settings, mode="curve", curve_1=pair[0], curve_0=pair[1]), Job())


@pytest.mark.parametrize("sampler", samplers.NAMES)
def test_the_constant_curve_draws_the_pixels_of_cfg(flat, sampler):
    engine, settings = flat
    settings = replace(settings, sampler=sampler)
    assert np.array_equal(drawn(engine, settings, curves.constant(2.5)).images, engine.side(replace(settings, mode="cfg"), Job()).images)


@pytest.mark.parametrize("sampler", ["ddim", "euler", "dpmpp-2m"])  # Heun asks a step's second question at another level than its first
def test_below_a_level_draws_the_pixels_of_cfg_with_an_interval_at_its_price(flat, sampler):
    engine, settings = flat
    settings = replace(settings, sampler=sampler)
    level = SCHEDULE.rho(samplers.grid(sampler, SCHEDULE, 6)[2])  # on a step: the level itself is guided
    for pair in (curves.below(2.5, level), curves.calibrated(2.5, level)):
        mine, other = drawn(engine, settings, pair), engine.side(replace(settings, mode="cfg", guide_below=level), Job())
        assert np.array_equal(mine.images, other.images) and mine.nfe == other.nfe == 10


@pytest.mark.parametrize("sampler", samplers.NAMES)
def test_the_rectified_curve_draws_recfg_where_the_table_has_one_ratio_a_level(flat, sampler):
    engine, settings = flat
    settings = replace(settings, sampler=sampler)
    mine, other = drawn(engine, settings, curves.rectified(2.5, RATIO, within=0)), engine.side(replace(settings, mode="recfg"), Job())
    assert np.abs(mine.images.astype(int) - other.images).max() <= 1  # fp32 table against float64 curve
    assert np.allclose(mine.per_step["gamma_0"], other.per_step["gamma_0"], atol=1e-6)


def test_the_engine_gives_the_ratio_that_the_preset_needs(flat):
    engine, settings = flat
    assert np.allclose(engine.side(replace(settings, mode="curve"), Job()).rectified, RATIO, atol=1e-6)
    assert engine.side(replace(settings, mode="cfg"), Job()).rectified == ()


def test_the_calibrated_preset_takes_the_level_that_the_model_was_tuned_to(flat, monkeypatch):
    from engines.guidance.calibrations import DEFAULT_LEVEL
    engine, settings = flat
    assert engine.side(replace(settings, mode="curve"), Job()).tuned_level == DEFAULT_LEVEL == curves.TUNED
    monkeypatch.setattr(engine, "calibration", lambda settings: type("Found", (), {"rho_hi": 0.7}))
    level = engine.side(replace(settings, mode="curve"), Job()).tuned_level
    assert level == 0.7 and curves.preset("calibrated", 2.5, tuned=level) == curves.below(2.5, 0.7)
    assert GuidanceEngine(None).tuned_level(Sampling(model="toy-1d")) == DEFAULT_LEVEL


def test_a_model_without_a_table_has_no_rectified_curve_and_draws_the_others(tiny, tmp_path):
    side = drawn(GuidanceEngine(tmp_path), Sampling(model=str(tiny), steps=2, count=1), curves.constant(3.0))
    assert side.rectified == () and side.images.shape == (1, 8, 8, 3)


def test_the_rectified_curve_of_the_one_dimensional_toy_is_its_closed_form():
    settings = Sampling(model="toy-1d", c=2.0, count=50, steps=5, mode="curve")
    side = GuidanceEngine(None).side(settings, Job())
    for rho, r in side.rectified:
        a2 = 1 / (1 + rho * rho)
        assert r == pytest.approx((1 + a2) / (1 + 4 * a2))
    assert side.rectified[0][0] == pytest.approx(SCHEDULE.rho(0.0)) and side.rectified[-1][0] == pytest.approx(SCHEDULE.rho(SCHEDULE.last))


def test_a_ramp_rises_evenly_over_the_logarithm_of_the_level():
    curve, linked = curves.ramp(5.0, 1.0, 100.0)
    assert [curves.value_at(curve, rho) for rho in (0.1, 1.0, 10.0, 100.0, 150.0)] == [5.0, 5.0, pytest.approx(3.0), 1.0, 1.0] and linked == ()


@pytest.mark.parametrize("name", curves.PRESETS)
@pytest.mark.parametrize("gamma_1", [1.5, 3.0, 7.77])
def test_every_preset_is_a_request_is_recognised_and_follows_the_strength(name, gamma_1):
    pair = curves.preset(name, gamma_1, RATIO)
    settings = Sampling(mode="curve", gamma_1=gamma_1, curve_1=pair[0], curve_0=pair[1])
    assert curves.named(settings, RATIO) == name
    other = curves.with_strength(settings, 4.25, RATIO)
    assert (other.curve_1, other.curve_0) == curves.preset(name, 4.25, RATIO) and other.gamma_1 == 4.25


def test_a_curve_drawn_by_hand_keeps_its_shape_when_the_strength_moves():
    settings = Sampling(mode="curve", curve_1=((0.1, 2.0), (1.0, 4.0), (9.0, 1.0)))
    assert curves.named(settings) == "" and curves.with_strength(settings, 5.0) == replace(settings, gamma_1=5.0)
    assert curves.named(replace(settings, curve_1=((1.0, 4.0),))) == ""


def test_a_preset_that_is_not_there_is_refused_with_a_remedy():
    for name in ("rectified", "wavy"):
        with pytest.raises(EngineError) as raised:
            curves.preset(name, 3.0)
        assert raised.value.remedy


@examples(max_examples=40)
@given(st.lists(st.tuples(st.floats(0.01, 150), st.floats(-5, 5)), min_size=1, max_size=CURVE_POINTS, unique_by=lambda point: round(point[0], 3)))
def test_a_thinned_curve_stays_as_near_as_promised_and_gains_no_points(points):
    curve = tuple(sorted(points))
    thin = curves.thinned(curve, 0.05)
    assert len(thin) <= len(curve)
    assert all(abs(curves.value_at(thin, rho) - value) <= 0.05 + 1e-9 for rho, value in curve)


def test_a_straight_curve_is_thinned_to_its_ends_and_a_flat_one_to_a_point():
    straight = tuple((2.0**k, 0.5 * k) for k in range(20))
    assert curves.thinned(straight) == (straight[0], straight[-1])
    assert curves.thinned(tuple((float(k), 3.0) for k in range(1, 9))) == ((curves.MIDDLE, 3.0),)


def test_a_curve_is_read_as_it_is_written_in_any_order():
    curve = ((0.05, 3.0), (1.0, -2.5), (40.0, 1.0))
    assert curves.parse(curves.spoken(curve)) == curve == curves.parse("40:1, 0.05:3,1:-2.5")
    for text in ("3", "a:b", "1:2:3", "1:2,,"):
        with pytest.raises(EngineError, match="not a curve"):
            curves.parse(text)
