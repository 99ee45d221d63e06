"""Several seeds as mean and spread."""

import math
from dataclasses import replace

import pytest

from engines.gan.outcome import Measures
from engines.gan.request import GanRequest
from engines.gan.seeds import SeedResult, SeedsTask, Table, spoken, train_seed
from engines.job import Cancelled, EngineError, Job

SMALL = GanRequest(batch=16, steps=60)


def measures(off, modes=25):
    return Measures(6000, off, modes, 25, 0.1, 1.0, 0.01)


def test_mean_and_spread_leave_out_what_ran_away():
    results = tuple(SeedResult(k, (measures(off), measures(0.9)), ("", "ran away"), 10.0) for k, off in enumerate((0.4, 0.5, 0.6)))
    table = Table(("plain", "smart"), results)
    assert table.summary(0, "off") == (pytest.approx(0.5), pytest.approx(0.1))
    assert all(math.isnan(value) for value in table.summary(1, "off"))
    told = table.to_dict()
    assert told["arms"][1]["ran_away"] == 3 and told["arms"][0]["off"]["each"] == [0.4, 0.5, 0.6] and told["ms_per_step"] == 10
    assert "50.0 \N{PLUS-MINUS SIGN} 10.0 %" in table.text()
    assert table.csv().splitlines()[0] == "seed,arm,off,modes,kl,width,mmd,stopped" and len(table.csv().splitlines()) == 7


def test_one_seed_has_no_spread():
    assert spoken("modes", 24.0, math.nan) == "24.0" and spoken("off", math.nan, math.nan) == "-"


def test_the_task_tells_a_growing_table():
    told = []
    table = SeedsTask(SMALL, (3, 4)).carry_out(None, Job(lambda kind, values: told.append((kind, values))))
    grown = [values[0] for kind, values in told if kind == "news"]
    assert [len(part.results) for part in grown] == [1, 2] and grown[-1] == table
    assert [result.seed for result in table.results] == [3, 4] and table.arms == ("plain", "smart")
    assert table.results[0].measures[0].off != table.results[1].measures[0].off


def test_a_plain_request_has_one_arm():
    assert SeedsTask(replace(SMALL, twin=False, steps=20), (0,)).carry_out(None, Job()).arms == ("plain",)


def test_a_cancelled_seed_goes_on_from_its_file(tmp_path):
    file = tmp_path / "seed-0.safetensors"
    job = Job(lambda kind, values: setattr(job, "cancelled", True))
    with pytest.raises(Cancelled):
        train_seed(SMALL, job, file=file)
    assert file.exists()
    result, lab = train_seed(SMALL, Job(), file=file)
    straight, _ = train_seed(SMALL, Job())
    assert lab.run.iteration == 60 and result.measures[1].off == straight.measures[1].off


def test_no_seeds_are_refused():
    with pytest.raises(EngineError):
        SeedsTask(SMALL, ())
