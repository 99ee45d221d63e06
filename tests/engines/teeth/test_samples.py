import json

import numpy as np
import pytest

import resources
from engines.job import EngineError
from engines.teeth import samples
from engines.teeth.contacts import ANTAGONIST, Contacts
from engines.teeth.dentition import GENERATOR, PRESETS

FOLDER = resources.path("samples", "teeth")


@pytest.mark.parametrize("name", samples.names())
def test_a_sample_builds_a_whole_case_with_its_aligned_arch(name):
    case, sample = samples.load(name, FOLDER), samples.read(name, FOLDER)
    assert len(case.teeth) == 28 and set(case.gums) == {"upper", "lower"} and set(case.reference) == set(case.teeth)
    assert case.name == sample.title and sample.description.endswith(".")
    assert 1000 < sample.picture.stat().st_size < 60_000
    assert json.loads((FOLDER / f"{name}.json").read_text())["generator"] == GENERATOR, "the picture shows another generator's teeth: render it again"
    assert name in PRESETS


def test_what_is_no_sample_is_refused(tmp_path):
    with pytest.raises(EngineError, match="no sample"):
        samples.load("perfect", FOLDER)
    with pytest.raises(EngineError, match="could not be read"):
        samples.load("crowding", tmp_path)
    for text in ("{", "{}", '{"title": "a", "description": "b", "wish": {"seeed": 1}}', '{"title": "a", "description": "b", "wish": {"crowding_mm": 99}}'):
        (tmp_path / "crowding.json").write_text(text)
        with pytest.raises(EngineError, match="crowding.json is damaged"):
            samples.load("crowding", tmp_path)


@pytest.mark.parametrize("name", samples.names())
def test_no_front_tooth_of_a_sample_stands_inside_one_of_the_other_jaw(name):
    case = samples.load(name, FOLDER)
    front = case.with_teeth({number: tooth for number, tooth in case.teeth.items() if number % 10 < 4})
    assert all(contact.depth_mm < .1 for contact in Contacts(front).measured({number: np.eye(4) for number in front.teeth}, (ANTAGONIST,)))
