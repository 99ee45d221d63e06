import pytest

from engines.teeth import units


@pytest.mark.parametrize("name", units.MM)
@pytest.mark.parametrize("arch, tooth", ((62.0, 9.0), (46.0, 6.5), (74.0, 11.0), (None, 8.5)))
def test_only_one_unit_makes_an_arch_of_teeth(name, arch, tooth):
    factor = units.MM[name]
    found = units.decide([tooth / factor] * 14, arch / factor if arch else None)
    assert found.name == name and (found.confidence >= units.SURE or arch is None)


def test_a_size_between_two_units_or_none_is_asked():
    for sizes, arch in (([2.2] * 12, 17.0), ([4000.0], None), ([], None)):
        assert units.decide(sizes, arch).confidence < units.SURE


def test_a_scan_with_gum_may_be_wider_than_an_arch():
    assert units.decide([], 82.0, scan=True).name == "mm"
    found = units.decide([], 8.2, scan=True)
    assert found.name == "cm" and found.confidence >= units.SURE


def test_single_files_in_another_unit_are_found():
    sizes = {f"{k}.stl": 8.0 + k for k in range(4)}
    assert units.odd_ones(sizes) == {}
    assert units.odd_ones({**sizes, "cm": 0.9}) == {"cm": 10.0} and units.odd_ones({**sizes, "m": 0.009}) == {"m": 1000.0}
    assert units.odd_ones({**sizes, "inch": 0.35}) == {"inch": 25.4} and units.odd_ones({"a": 1.0, "b": 10.0}) == {}
