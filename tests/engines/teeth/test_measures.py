"""Measures: exact numbers on teeth placed by hand, known changes on generated dentitions, and what stays the same under mirrors and other axes."""

import json
import time
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest

from engines.teeth import case as cases
from engines.teeth import dentition, fdi, measures, moves, norms
from engines.teeth.case import Case, Tooth, from_dentition
from engines.teeth.mesh import Mesh
from engines.teeth.moves import Move
from engines.teeth.request import Reduction

MIRROR = np.diag([-1.0, 1, 1, 1])
SWAP = {"right": "left", "left": "right"}
BLOCK = np.array([(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float)
FACES = np.array([(0, 1, 3), (0, 3, 2), (4, 6, 7), (4, 7, 5), (0, 4, 5), (0, 5, 1), (2, 3, 7), (2, 7, 6), (0, 2, 6), (0, 6, 4), (1, 5, 7), (1, 7, 3)])


def placed(number: int, at: tuple[float, float], tangent: tuple[float, float], width: float = 7.0, **points: tuple[float, float, float]) -> Tooth:
    """A small block that stands upright at x, y where the arch runs along tangent (to the patient's left). Its edge lies in z = 0; contacts half a width
    to either side, 2 mm above or below; further landmarks as given, from the edge, in mesial, buccal, occlusal mm."""
    way = np.array([*tangent, 0]) / np.hypot(*tangent)
    buccal = np.array([way[1], -way[0], 0])
    up = np.array([0, 0, -1.0 if fdi.is_upper(number) else 1.0])
    frame = np.eye(4)
    frame[:3, :3] = np.stack([np.cross(buccal, up), buccal, up], -1)
    middle = np.array([*at, 0.0])
    frame[:3, 3] = middle - 4 * up
    axes = frame[:3, :3] * (cases.side(number), 1, 1)
    local = {"edge": (0, 0, 0), "mesial_contact": (width / 2, 0, -2), "distal_contact": (-width / 2, 0, -2), "facial_axis": (0, 1, -4), **points}
    if number % 10 > 5:
        local = {"cusp_mb": (0, 0, 0), "cusp_db": (-2, 0, 0), "buccal_groove": (0, 0, -1), "cusp_ml": (0, -5, 0), **local}
    elif number % 10 > 3:
        local = {"cusp_b": (0, 0, 0), "cusp_l": (0, -5, 0), **local}
    elif number % 10 < 3:
        local = {"edge_mesial": (.4 * width, 0, 0), "edge_distal": (-.4 * width, 0, 0), **local}
    return Tooth(number, Mesh(BLOCK * (1, 1, 4) @ frame[:3, :3].T + frame[:3, 3], FACES), frame, {name: middle + axes @ point for name, point in local.items()})


@lru_cache
def semicircle(gap: float = 0.0, width: float = 7.0, radius: float = 30.0, drop: tuple[int, ...] = ()) -> Case:
    """Both jaws on one circle about (0, radius): upright teeth of one width, `gap` mm of arc apart; upper front teeth 3 mm in front, overlapping by 2 mm."""
    teeth = {}
    for number in fdi.PERMANENT:
        if fdi.place(number) > 7 or number in drop:
            continue
        angle = (fdi.place(number) - .5) * (2 * np.arcsin(width / 2 / radius) + gap / radius) * (-1 if fdi.is_right(number) else 1)
        at, tangent = (radius * np.sin(angle), radius - radius * np.cos(angle)), (np.cos(angle), np.sin(angle))
        tooth = placed(number, at, tangent, width)
        if number in (11, 21):
            shift = np.eye(4)
            shift[:3, 3] = (0, -3, -2)
            tooth = replace(cases.moved(Case("", {number: tooth}), {number: shift}).teeth[number])
        teeth[number] = tooth
    return Case("semicircle", teeth)


def values(case: Case, poses=None, **more) -> dict[str, float | None]:
    return {measure.id: measure.value for measure in measures.measure(case, poses, **more)}


def shifted(case: Case, by: tuple[float, float, float], which: str | tuple[int, ...] = "lower") -> cases.Poses:
    matrix = np.eye(4)
    matrix[:3, 3] = by
    numbers = case.of(which) if isinstance(which, str) else which
    return {number: matrix if number in numbers else np.eye(4) for number in case.teeth}


@pytest.fixture(scope="module")
def generated() -> Case:
    return from_dentition(dentition.generate(dentition.preset("crowding")))


def test_overjet_overbite_and_midlines_are_distances_of_edges_and_contacts():
    case = semicircle()
    found = values(case)
    assert found["overjet"] == pytest.approx(3) and found["overbite"] == pytest.approx(2)
    assert found["midline_upper"] == pytest.approx(0, abs=1e-9) and found["midline_difference"] == pytest.approx(0, abs=1e-9)
    moved = values(case, shifted(case, (1.25, 2, -3)))
    assert moved["overjet"] == pytest.approx(5) and moved["overbite"] == pytest.approx(-1)
    assert moved["midline_lower"] == moved["midline_difference"] == pytest.approx(1.25) and moved["midline_upper"] == pytest.approx(0, abs=1e-9)


def test_widths_are_distances_of_tips():
    found = values(semicircle())
    canine, molar = (2 * 30 * np.sin((place - .5) * 2 * np.arcsin(7 / 60)) for place in (3, 6))
    for jaw in ("upper", "lower"):
        assert found[f"intercanine_{jaw}"] == pytest.approx(canine) and found[f"intermolar_{jaw}"] == pytest.approx(molar)


@pytest.mark.parametrize("gap", [-.6, 0, .5])
def test_crowding_is_what_the_arch_lacks(gap):
    found = values(semicircle(gap))
    assert found["crowding_lower"] == pytest.approx(-11 * gap, abs=.8)  # eleven contacts between the first molars; arc and chord differ a little


def test_little_index_sums_displaced_contacts_and_passes_over_spaces():
    case = semicircle()
    plain, out = values(case)["little_lower"], values(case, shifted(case, (0, -1.5, 0), (42,)))["little_lower"]
    assert plain < .1 and 2.4 < out - plain < 3.2  # both contacts of one incisor, 1.5 mm each
    assert values(semicircle(1.0))["little_lower"] < .5


def test_bolton_is_the_ratio_of_widths_and_counts_reductions():
    case = semicircle()
    thin = case.with_teeth({n: replace(t, landmarks=placed(n, tuple(t.landmarks["edge"][:2]), _tangent(t), 5.0).landmarks) if n // 10 > 2 and n % 10 < 4 else t
                            for n, t in case.teeth.items()})
    found = values(thin)
    assert found["bolton_anterior"] == pytest.approx(100 * 30 / 42) and found["bolton_overall"] == pytest.approx(100 * (30 + 42) / 84)
    reduced = values(thin, reductions=(Reduction(11, 21, .6), Reduction(13, 14, .4)))
    assert reduced["bolton_anterior"] == pytest.approx(100 * 30 / (42 - .6 - .2)) and reduced["bolton_overall"] == pytest.approx(100 * 72 / (84 - 1.0))


def _tangent(tooth: Tooth) -> tuple[float, float]:
    y = tooth.frame[:3, 1]
    return -y[1], y[0]


def test_the_curve_of_spee_is_the_deepest_cusp_under_the_line():
    case = semicircle()
    assert values(case)["spee_right"] == pytest.approx(0, abs=1e-9)
    deep = values(case, shifted(case, (0, 0, -1.7), (45,)))
    assert deep["spee_right"] == pytest.approx(1.7) and deep["spee_left"] == pytest.approx(0, abs=1e-9)


def test_classes_are_measured_along_the_arch_and_named():
    case = semicircle()
    assert values(case)["molar_class_left"] == pytest.approx(0, abs=1e-6)
    angle = 5.5 * 2 * np.arcsin(7 / 60)
    for back, word in ((1.5, "class I"), (4.5, "half unit class II"), (8.0, "full unit class II"), (-4.5, "half unit class III")):
        found = {m.id: m for m in measures.measure(case, shifted(case, (0, back, 0)))}
        for side in ("right", "left"):
            assert found[f"molar_class_{side}"].value == pytest.approx(back * np.sin(angle), abs=.15) and found[f"molar_class_{side}"].text == word
    assert [norms.class_words(x) for x in (1.7, 3.5, -7)] == ["class I", "half unit class II", "full unit class III"]


def test_crossbites_are_listed_by_tooth():
    case = semicircle()
    wide = {n: 1.5 for n in case.of("upper")}

    def bite(extra: dict[int, float]) -> measures.Measure:
        poses = {n: moves.matrix(t, Move(buccal=wide.get(n, 0) + extra.get(n, 0))) for n, t in case.teeth.items()}
        return next(m for m in measures.measure(case, poses) if m.id == "crossbites")
    assert bite({}).value == 0 and bite({}).text == "none"
    assert bite({16: -4, 15: -3, 22: -3}).text == "16 crossbite, 15 crossbite, 22 anterior crossbite"
    assert bite({25: 5}).text == "25 scissor bite" and bite({25: -1.55}).value == 0 and bite({25: -1.65}).value == 1


@pytest.mark.parametrize("number", [11, 22, 14, 25, 31, 43, 35])
def test_tip_and_torque_follow_a_movement_of_the_tooth(generated, number):
    poses = generated.reference
    before, tooth = values(generated, poses), cases.moved(generated, poses).teeth[number]
    for which in ("tip", "torque"):
        after = values(generated, {**poses, number: moves.matrix(tooth, Move(**{which: 6.0})) @ poses[number]})
        assert after[f"{which}_{number}"] - before[f"{which}_{number}"] == pytest.approx(6, abs=1.2)


def test_tip_and_torque_of_aligned_dentitions_are_what_they_were_made_with():
    off = []
    for seed in (3, 4):
        case = from_dentition(dentition.generate(dentition.Wish(seed=seed)))
        off += [m.deviation * norms.ANGLE_SD_DEG for m in measures.measure(case, case.reference) if m.id.startswith(("tip", "torque"))]
    assert len(off) == 112 and abs(np.mean(off)) < 1 and np.std(off) < 4


def test_a_generated_dentition_measures_as_it_was_made(generated):
    made = dentition.generate(dentition.preset("crowding")).facts["start"]
    found = values(generated)
    for name in ("overjet", "overbite", "intercanine_upper", "intercanine_lower", "intermolar_upper", "intermolar_lower"):
        assert found[name] == pytest.approx(made[f"{name}_mm"], abs=1e-3)
    back = values(generated, shifted(generated, (0, 2, 0)))
    assert back["overjet"] - found["overjet"] == pytest.approx(2) and back["overbite"] == pytest.approx(found["overbite"])
    assert 1.5 < back["molar_class_right"] - found["molar_class_right"] < 2.0 and 1.0 < back["canine_class_left"] - found["canine_class_left"] < 2.0
    aligned = values(generated, generated.reference)
    assert abs(aligned["crowding_lower"]) < 1 < 3 < found["crowding_lower"] and aligned["little_upper"] < 3 < found["little_upper"]
    assert aligned["crossbites"] == 0 and aligned["bolton_anterior"] == pytest.approx(found["bolton_anterior"])


def test_landmarks_found_on_bare_meshes_give_nearly_the_same_measures(generated):
    bare = generated.with_teeth({n: replace(t, landmarks={}) for n, t in generated.teeth.items()})
    found, given = values(bare), values(generated)
    for key, value in found.items():
        limit = 1.5 if key.startswith(("tip", "torque", "crowding", "little", "bolton", "molar")) else .5
        assert value == pytest.approx(given[key], abs=limit), key


def test_a_mirrored_case_swaps_its_sides(generated):
    teeth = {}
    for n, t in generated.teeth.items():
        m = fdi.mirror(n)
        teeth[m] = Tooth(m, t.mesh.moved(MIRROR), MIRROR @ t.frame @ MIRROR, {name: MIRROR[:3, :3] @ p for name, p in t.landmarks.items()})
    found, mirrored = values(generated), values(generated.with_teeth(teeth))
    for key, value in found.items():
        stem, _, last = key.rpartition("_")
        other = f"{stem}_{SWAP[last]}" if last in SWAP else f"{stem}_{fdi.mirror(int(last))}" if last.isdigit() else key
        assert mirrored[other] == pytest.approx(-value if key.startswith("midline") else value, abs=.02), key


def test_the_axes_of_the_input_do_not_matter(generated):
    raw = np.eye(4)
    raw[:3, :3], raw[:3, 3] = moves.exp(np.array([1.2, -.4, 2.0])), (300, -40, 12)
    back = np.linalg.inv(raw)
    teeth = {n: replace(t, mesh=t.mesh.moved(raw).moved(back), landmarks={}) for n, t in generated.teeth.items()}
    bare = {n: replace(t, landmarks={}) for n, t in generated.teeth.items()}
    there, here = values(replace(generated.with_teeth(teeth), to_world=back)), values(generated.with_teeth(bare))
    for key, value in there.items():
        assert value == pytest.approx(here[key], abs=.6 if key.startswith(("tip", "torque")) else .1), key  # a point may be found one vertex further on


def test_a_measure_that_cannot_be_computed_says_which_tooth_it_needs(generated):
    poses = {n: np.eye(4) for n in generated.teeth if n not in (16, 13, 31, 41)}
    found = {m.id: m for m in measures.measure(generated, poses)}
    assert "upper right first molar (16)" in found["crowding_upper"].missing and found["crowding_upper"].value is None
    assert "upper right canine (13)" in found["little_upper"].missing and "(31)" in found["overjet"].missing and "(41)" in found["bolton_anterior"].missing
    assert "(16)" in found["molar_class_right"].missing and found["molar_class_left"].value is not None and found["intermolar_lower"].value is not None
    assert not [m for m in found.values() if (m.value is None) != bool(m.missing)] and "tip_16" not in found
    one_jaw = generated.with_teeth(generated.of("upper"))
    assert {m.id for m in measures.measure(one_jaw) if m.value is not None} >= {"crowding_upper", "little_upper", "intermolar_upper", "tip_11"}
    assert "lower jaw" in {m.id: m for m in measures.measure(one_jaw)}["crossbites"].missing
    for few in ({}, {11: generated.teeth[11]}, {n: generated.teeth[n] for n in (11, 21, 31)}):
        assert all(m.value is not None or m.missing for m in measures.measure(generated.with_teeth(few)))


def test_an_empty_mesh_counts_as_no_tooth(generated):
    hollow = replace(generated.teeth[11], mesh=Mesh(np.zeros((0, 3)), np.zeros((0, 3), int)))
    assert "(11)" in {m.id: m for m in measures.measure(generated.with_teeth({**generated.teeth, 11: hollow}))}["midline_upper"].missing


def test_every_measure_has_a_definition_a_norm_and_something_to_draw(generated):
    found = measures.measure(generated)
    assert len({m.id for m in found}) == len(found) == 22 + 2 * 28
    for m in found:
        assert m.definition.endswith(".") and m.norm is not None and m.deviation is not None and m.text and m.name
        assert m.points and all(label and line.ndim == 2 and line.shape[1] == 3 and np.isfinite(line).all() for label, line in m.points)
    assert json.dumps([m.to_dict() for m in found])


def test_norms_tell_how_far_a_value_is_off():
    bolton, spee = norms.NORMS["bolton_anterior"], norms.NORMS["spee_left"]
    assert bolton.deviation(77.2 + 1.65) == pytest.approx(1) and bolton.says(77.2 - 3.3, "%") == "-2.0 sd"
    assert spee.deviation(1.0) == 0 and spee.deviation(3.0) == pytest.approx(.5) and spee.says(-.5, "mm") == "0.5 mm below normal"
    assert norms.angle("torque", 46).mean == -30.7 and norms.angle("tip", 18) is None and norms.angle("tip", 75) is None


def test_new_poses_are_measured_within_15_ms(generated):
    measures.prepare(generated)
    took = []
    for _ in range(5):
        start = time.process_time()
        measures.measure(generated, generated.reference)
        took.append(time.process_time() - start)
    assert min(took) < .015


@pytest.mark.parametrize("move", [Move(mesial=2.0), Move(buccal=-3.0), Move(extrusion=1.5)])
def test_shifting_teeth_leaves_every_tip_and_torque_as_it_is(generated, move):
    before = values(generated)
    after = values(generated, {n: moves.matrix(generated.teeth[n], move if n in (13, 12, 21) else Move()) for n in generated.teeth})
    for key in before:
        if key.startswith(("tip", "torque")):
            assert after[key] == pytest.approx(before[key], abs=1e-9), key
