import numpy as np
import pytest

from engines.teeth import fdi, numbering, orientation


def centres(words, system, rng=None):
    numbers = [numbering.to_fdi(word, system) for word in words]
    turn = np.linalg.qr((rng or np.random.default_rng(0)).standard_normal((3, 3)))[0]
    return dict(zip(words, orientation.expected(numbers) @ turn.T / 10 + 3, strict=True))


@pytest.mark.parametrize("names, words", (
    (("11.stl", "case/48.stl"), ("11", "48")), (("Zahn_11.stl", "Zahn_12.stl"), ("11", "12")), (("tooth_08.stl",), ("8",)),
    (("case12_tooth36_v2.stl", "case12_tooth37_v2.stl"), ("36", "37")), (("2024-11-03_21.ply", "2024-11-03_22.ply"), ("21", "22")),
    (("UR6.stl", "LL_2.stl"), ("UR6", "LL2")), (("#3.stl", "#4.stl"), ("3", "4")), (("A.stl", "T.stl"), ("A", "T")),
    (("牙11.stl", "牙12.stl"), ("11", "12")), (("7.stl", "gum.stl"), ("7", None)), (("upper_11.stl", "lower_36.stl"), ("11", "36"))))
def test_the_word_that_numbers_a_tooth_is_found_in_the_name(names, words):
    found = numbering.words(list(names))
    assert tuple(found.get(name) for name in names) == words


def test_a_number_that_one_system_alone_has_decides():
    sets = ((["11", "21", "36"], "fdi"), (["8", "9", "21"], "universal"), (["19", "30"], "universal"), (["55", "65"], "fdi"),
            ([str(n) for n in fdi.LOWER], "fdi"), ([str(n) for n in range(2, 16)], "universal"))
    for words, system in sets:
        decided = numbering.decide(words)
        assert decided.system == system and decided.confidence >= numbering.SURE and not decided.impossible and len(decided.numbers) == len(words)


@pytest.mark.parametrize("words, system", (
    (["11", "12", "13", "21", "22", "23"], "fdi"), (["11", "12", "13", "14", "15", "16"], "universal"), (["21", "22", "23", "24", "25", "26"], "universal"),
    ([str(n) for n in fdi.UPPER if n % 10 < 8], "fdi"), (["16", "11", "26"], "fdi")))
def test_where_numbers_fit_both_systems_the_places_of_the_crowns_decide(words, system):
    assert numbering.decide(words, centres(words, system)).system == system


def test_what_fits_both_systems_and_stands_nowhere_is_asked():
    decided = numbering.decide(["11", "21"])
    assert decided.system == "fdi" and decided.confidence < numbering.SURE
    assert numbering.decide(["11", "21"], hint="scan universal numbering").system == "universal"
    assert numbering.decide(["8", "9"], hint="fdi export").system == "universal"
    assert numbering.decide(["11", "21"], system="universal").numbers == {"11": 23, "21": 34}


def test_impossible_numbers_are_named_and_the_rest_is_numbered():
    decided = numbering.decide(["11", "12", "36", "47", "99", "0"])
    assert decided.system == "fdi" and decided.impossible == ("99", "0") and set(decided.numbers.values()) == {11, 12, 36, 47}


def test_palmer_places_letters_and_jaws():
    palmer = ("UR1", "UL8", "LL3", "LR6", "URA", "LLE", "A", "T")
    assert [numbering.to_fdi(word, "fdi") for word in palmer] == [11, 28, 33, 46, 51, 75, 55, 85]
    for name, which in (("P1_upper.stl", "upper"), ("maxilla.ply", "upper"), ("Unterkiefer.stl", "lower"), ("x_lowerjaw.stl", "lower"),
                        ("11.stl", None), ("upper_lower.stl", None)):
        assert numbering.jaw_of_name(name) == which


def test_three_incisors_are_not_taken_for_universal_numbers_by_chance():
    """11, 21 and 22 as Universal numbers are a canine and two teeth of the other jaw, and three places can fit those better."""
    made = numbering.decide(["11", "21", "22"], {"11": np.array([-4.3, 1.0, 0.5]), "21": np.array([4.4, -1.5, 0.2]), "22": np.array([9.0, 5.5, 1.8])})
    assert made.system == "fdi" and made.confidence <= 0.5
