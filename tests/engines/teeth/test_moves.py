"""Six numbers and their matrix, on every tooth; requests and cases as files hold them."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.job import EngineError
from engines.teeth import case, dentition, fdi, moves
from engines.teeth.case import Tooth, side
from engines.teeth.mesh import Mesh
from engines.teeth.moves import Move
from engines.teeth.poses import moves_of, poses_of
from engines.teeth.request import ArchForm, CaseSource, Click, Patient, Plan, Reduction, TeethRequest, unwrap, wrap

NAMES = ("mesial", "buccal", "extrusion", "tip", "torque", "rotation")


def tooth(number: int, turn: np.ndarray | None = None) -> Tooth:
    frame = np.eye(4)
    frame[:3, :3] = moves.exp(np.array([.3, -2.1, 1.0])) if turn is None else turn
    frame[:3, 3] = (3, -20, 7)
    return Tooth(number, Mesh(np.zeros((0, 3)), np.zeros((0, 3), int)), frame)


@given(number=st.sampled_from(fdi.PERMANENT), mm=st.tuples(*[st.floats(-9, 9)] * 3), deg=st.tuples(*[st.floats(-60, 60)] * 3))
@settings(max_examples=60, deadline=None)
def test_a_movement_comes_back_from_its_matrix(number, mm, deg):
    move = Move(*mm, *deg)
    back = moves.move_of(tooth(number), moves.matrix(tooth(number), move))
    assert np.allclose([getattr(back, n) for n in NAMES], [getattr(move, n) for n in NAMES], atol=1e-6)


@pytest.mark.parametrize("number", [11, 21, 31, 41, 16, 26, 36, 46])
def test_signs_are_an_orthodontists_on_every_side(number):
    t = tooth(number)
    mesial, buccal, occlusal = (t.axis(which) for which in ("mesial", "buccal", "occlusal"))

    def goes(move: Move, offset: np.ndarray) -> np.ndarray:
        matrix, point = moves.matrix(t, move), t.centre + offset
        return matrix[:3, :3] @ point + matrix[:3, 3] - point

    for name, axis in (("mesial", mesial), ("buccal", buccal), ("extrusion", occlusal)):
        assert np.allclose(goes(Move(**{name: 1.0}), np.zeros(3)), axis)
    assert goes(Move(tip=5), occlusal) @ mesial > 0.08
    assert goes(Move(torque=5), occlusal) @ buccal > 0.08
    assert goes(Move(rotation=5), mesial) @ buccal > 0.08


def test_half_a_turn_has_a_logarithm():
    for axis in np.eye(3).tolist() + [[.6, -.8, 0]]:
        turn = moves.exp(np.pi * np.array(axis))
        assert np.allclose(moves.exp(moves.log(turn)), turn, atol=1e-6)


def test_the_generators_mesial_is_towards_the_midline_and_its_reference_restores_the_arch():
    made = dentition.generate(dentition.preset("crowding"))
    opened = case.from_dentition(made)
    for number, tooth_ in opened.teeth.items():
        if fdi.place(number) < 3:
            assert tooth_.axis("mesial")[0] * (1 if fdi.is_right(number) else -1) > 0.3
        aligned = made.teeth[number].crown.mesh.moved(made.teeth[number].aligned).vertices
        assert np.allclose(tooth_.mesh.moved(opened.reference[number]).vertices, aligned, atol=1e-4)
    plan = Plan().with_moves(moves_of(opened, opened.reference))
    for number, pose in poses_of(opened, plan).items():
        assert np.allclose(pose, opened.reference[number], atol=1e-5)
    stood = case.moved(opened, opened.reference)
    assert np.allclose(stood.teeth[11].landmarks["edge"], opened.reference[11][:3, :3] @ opened.teeth[11].landmarks["edge"] + opened.reference[11][:3, 3])


def test_a_locked_or_extracted_tooth_does_not_move():
    plan = Plan(locked=(11,), extracted=(14,)).with_moves({11: Move(1), 14: Move(1), 12: Move(1)})
    assert plan.moves == ((12, Move(1)),)
    assert plan.with_move(12, Move()).moves == ()


def test_a_request_comes_back_from_its_file():
    arch = ArchForm("lower", "free", ((-20.0, 30.0), (0.0, 0.0)))
    plan = Plan("B", ((11, Move(.1, tip=3)),), (12,), (14, 24), (Reduction(31, 41, .2),), (arch,), ((11, 2, 9),))
    request = TeethRequest(CaseSource("a b/ü.zip", "universal", "cm", tuple(map(float, np.eye(4).ravel())), ((17, 18),),
                                      (Click("upper", 11, ((1.0, 2.0, 3.0),)),)),
                           (Plan(), plan), 1, landmarks=((11, "edge", (0.0, 1.0, 2.0)),), patient=Patient("N", "2001", "x"))
    assert unwrap(json.loads(json.dumps(wrap(request)))) == request
    assert request.anonymous() == replace(request, patient=Patient())


@pytest.mark.parametrize("spoilt", [{"plans": []}, {"plans": [{"moves": [[99, {}]]}]}, {"limits": {"tip_deg": 0}}, {"case": {"units": "ell"}}, {"other": 1},
                                    {"plans": [{"moves": [[11, {"tip": float("nan")}]]}]}, [], None])
def test_a_spoilt_request_is_refused(spoilt):
    with pytest.raises(EngineError):
        TeethRequest.from_dict(spoilt)


def test_mesial_signs_agree_with_the_generator():
    from engines.teeth.crowns import mesial

    assert all(side(n) == mesial(n) for n in fdi.PERMANENT)
