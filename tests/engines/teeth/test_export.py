"""What an export holds, what it leaves out, and that it is there whole or not at all."""

import csv
import json
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from engines.job import Cancelled, EngineError, Job
from engines.teeth import case, dentition, film, report
from engines.teeth.case import Case
from engines.teeth.export import PARTS, Export, anonymous, export, movements_csv
from engines.teeth.look import NOTE, VIEWS
from engines.teeth.measures import measure
from engines.teeth.mesh import Mesh
from engines.teeth.moves import Move
from engines.teeth.plan_opening import open_plan
from engines.teeth.poses import poses_of
from engines.teeth.reduction import applied
from engines.teeth.rendering import Pictures, Scene
from engines.teeth.request import Limits, Patient, Plan, Reduction, TeethRequest, wrap
from engines.teeth.stages import Staging, stage
from engines.teeth.topology import volume_mm3, watertight

PATIENT = Patient("Rosalind Quux", "1920-07-25", "Allergic to larch; prefers mornings.")
HASH = "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8"


@cache
def opened() -> Case:
    """The lower front teeth of a generated case, as if they came from files with a name in them."""
    whole = case.from_dentition(dentition.generate(dentition.preset("crowding")))
    teeth = {number: replace(tooth, source=f"Quux_{number}.stl") for number, tooth in whole.of("lower").items() if number % 10 < 4}
    return Case("Quux Rosalind", teeth, {"lower": whole.gums["lower"]}, hashes={f"Quux_{number}.stl": f"{number}" + HASH[2:] for number in teeth})


@cache
def plan() -> Plan:
    moves = ((31, Move(buccal=.5, torque=2)), (33, Move(rotation=4)), (41, Move(mesial=-.2, tip=1)))
    return Plan("Quux first", moves, reductions=(Reduction(31, 41, .2),), spans=((33, 2, 3),))


@cache
def staged() -> Staging:
    return stage(opened(), plan())


def stl(path) -> Mesh:
    data = path.read_bytes()
    count = int.from_bytes(data[80:84], "little")
    corners = np.frombuffer(data, np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")]), count, 84)["corners"].reshape(-1, 3)
    return Mesh(corners, np.arange(3 * count).reshape(-1, 3))


def written(tmp_path, *parts: str, patient: Patient | None = None):
    told = export(opened(), plan(), staged(), Limits(), tmp_path / "out", Export(parts or PARTS, patient=patient, today="2026-01-02"))
    assert told["files"] == sorted(p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*") if p.is_file())
    return told, tmp_path / "out"


def test_models_and_teeth_of_every_stage_are_there_and_the_models_are_closed(tmp_path):
    told, out = written(tmp_path, "models", "teeth", "final")
    assert told["stages"] == staged().count == 3
    for k in range(4):
        model = stl(out / f"models/stage_{k:02d}_lower.stl")
        assert watertight(model) and volume_mm3(model) > 1000
        assert {p.name for p in (out / f"teeth/stage_{k:02d}").iterdir()} == {f"{n}.stl" for n in opened().teeth}
    last = applied(opened(), plan().reductions).teeth[31].mesh.moved(poses_of(opened(), plan())[31])
    assert not np.array_equal(last.vertices, opened().teeth[31].mesh.moved(poses_of(opened(), plan())[31]).vertices)
    for name in ("teeth/stage_03/31.stl", "final/31.stl"):
        assert np.allclose(stl(out / name).vertices, last.corners().reshape(-1, 3), atol=1e-4)
    assert len(stl(out / "final/gum_lower.stl").faces) == len(opened().gums["lower"].faces)
    assert not (out / "models/stage_00_upper.stl").exists()


def test_movements_come_back_from_their_table():
    text = movements_csv(staged())
    assert NOTE in text and "crown mesial" in text and "stage,tooth,mesial_mm,buccal_mm,extrusion_mm,tip_deg,torque_deg,rotation_deg" in text
    rows = list(csv.reader(line for line in text.splitlines() if not line.startswith("#")))[1:]
    back = [{int(row[1]): Move(*map(float, row[2:8])) for row in rows if int(row[0]) == k} for k in range(int(rows[-1][0]) + 1)]
    assert len(back) == len(staged().steps)
    for got, meant in zip(back, staged().steps, strict=True):
        assert got.keys() == meant.keys()
        assert all(np.allclose(list(got[n].to_dict().values()), list(meant[n].to_dict().values()), atol=1e-4) for n in meant)


def test_the_plan_comes_back_from_its_file_exactly(tmp_path):
    _, out = written(tmp_path, "plan", patient=PATIENT)
    back = open_plan(out / "plan.json", opened())
    assert back.plan == plan() and back.patient == PATIENT and not back.notices
    middle = open_plan(out / "plans/stage_02.json", opened()).plan
    assert all(np.allclose(list(middle.move(n).to_dict().values()), list(move.to_dict().values()), atol=1e-6) for n, move in staged().steps[2].items())
    values = json.loads((out / "plan.json").read_text())
    assert values["inputs"] == opened().hashes
    values["teeth"]["32"]["matrix"][0][3] += 1.0  # another program changed the matrix: that counts
    (out / "other.json").write_text(json.dumps(values))
    assert open_plan(out / "other.json", opened()).plan.move(32) != Move()
    (out / "request.json").write_text(json.dumps(wrap(TeethRequest(plans=(plan(),), limits=Limits(tip_deg=1), patient=PATIENT))))
    assert open_plan(out / "request.json", opened()) == replace(back, limits=Limits(tip_deg=1))
    values["plan"]["moves"] = [[99, {}]]
    (out / "bad.json").write_text(json.dumps(values))
    with pytest.raises(EngineError, match=r"bad\.json"):
        open_plan(out / "bad.json", opened())


def test_an_anonymous_export_names_nobody(tmp_path, monkeypatch):
    real = report.write
    monkeypatch.setattr(report, "write", lambda content, path: real(content, path, compressed=False))
    monkeypatch.setattr("engines.teeth.export.PICTURE", (120, 80))
    _, out = written(tmp_path, *(part for part in PARTS if part not in ("film", "teeth")))
    held = b"".join(path.read_bytes() for path in out.rglob("*") if path.is_file())
    for word in ("Quux", "Rosalind", "1920-07-25", "larch", str(tmp_path)):
        assert word.encode() not in held and not [path for path in out.rglob("*") if word in path.name]
    values = json.loads((out / "plan.json").read_text())
    assert set(values["inputs"]) == {f"input-{k}.stl" for k in range(1, 7)} and set(values["inputs"].values()) == set(opened().hashes.values())
    assert open_plan(out / "plan.json", opened()).plan == replace(plan(), name="Plan")
    assert len(list((out / "views").iterdir())) == 2 * (len(VIEWS) - 1)  # no upper jaw
    assert anonymous(opened(), plan())[0].teeth[31].source == ""


def test_the_report_says_what_a_clinic_needs(tmp_path):
    before, planned = measure(opened(), poses_of(opened(), Plan())), measure(opened(), poses_of(opened(), plan()))
    picture = np.full((20, 30, 3), 200, np.uint8)
    content = report.Content(opened(), plan(), staged(), Limits(), "2026-01-02", {("start", "front"): picture, ("planned", "front"): picture}, before, planned,
                             PATIENT, ("Quux_31.stl",))
    pages = report.write(content, tmp_path / "r.pdf", compressed=False)
    data = (tmp_path / "r.pdf").read_bytes()
    assert data.startswith(b"%PDF") and pages >= 4
    assert data.count(b"Planned movement, not expected result; not a medical device.") >= pages
    for words in (f"Page 1 of {pages}", f"Page {pages} of {pages}", "Rosalind Quux", "2026-01-02", "Stages", "Movements", "Measures", "lower left canine",
                  "49%", "Simon", "Allergic to larch", "Intercanine width, lower", "31/41 0.20 mm"):
        assert words.encode() in data, words


def test_a_report_takes_names_in_other_letters(tmp_path):
    content = report.Content(opened(), Plan("ΑΒΓ план"), stage(opened(), Plan()), Limits(), "2026-01-02", patient=Patient("Анна Ωμέγα", "", "a < b & c"))
    assert report.write(content, tmp_path / "r.pdf") >= 2


def test_a_cancelled_export_leaves_nothing(tmp_path):
    for after in (0, 3, 10):
        job, count = Job(), [after]

        def tell(kind, values, job=job, count=count):
            count[0] -= 1
            job.cancelled = count[0] < 0

        job.tell = tell
        with pytest.raises(Cancelled):
            export(opened(), plan(), staged(), Limits(), tmp_path / "deep" / "out", Export(("plan", "models", "teeth", "film")), job)
        assert not list(tmp_path.rglob("*.*")) and not (tmp_path / "deep" / "out").exists()


def test_an_export_never_writes_into_a_folder_with_something_in_it(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("x")
    with pytest.raises(EngineError, match="not an empty folder"):
        export(opened(), plan(), staged(), Limits(), tmp_path / "out")
    with pytest.raises(EngineError, match="no teeth"):
        export(Case("x"), plan(), staged(), Limits(), tmp_path / "new")
    assert [p.name for p in tmp_path.rglob("*")] == ["out", "mine.txt"]
    with pytest.raises(ValueError, match="parts are"):
        Export(("everything",))


def test_a_film_holds_its_ends_and_passes_every_stage():
    stops = film.stops(4)
    assert stops[0] == 0 and stops[-1] == 4 and {1.0, 2.0, 3.0} <= set(stops) and stops == sorted(stops)


def test_a_film_can_be_played(tmp_path, monkeypatch):
    import cv2

    monkeypatch.setattr(film, "HOLD_S", .1)
    monkeypatch.setattr(film, "FRAMES_A_STAGE", 1)
    _, out = written(tmp_path, "film")
    played = cv2.VideoCapture(str(out / "treatment.mp4"))
    frames = []
    while (read := played.read())[0]:
        frames.append(read[1])
    assert len(frames) == len(film.stops(3)) == 4 and frames[0].shape == (720, 1280, 3)
    assert np.abs(frames[0].astype(int) - frames[-1]).max() > 60


def test_a_picture_shows_teeth_in_enamel_and_gum_on_paper():
    scene = Scene(opened())
    poses = poses_of(opened(), plan())
    with Pictures((160, 120)) as pictures:
        made = {view: pictures.draw(scene.bodies(poses), view) for view in VIEWS}
        gone = pictures.draw(scene.bodies({}), "front")
        pictures.close()
    assert all(picture.shape == (120, 160, 3) for picture in made.values())
    assert (made["upper"] == 255).all()  # there is no upper jaw
    for view in ("front", "lower"):
        light = made[view].astype(int)
        assert (light.min(-1) > 150).mean() > .02 and ((light[..., 0] - light[..., 2]) > 40).mean() > .02 and (light[0, 0] == 255).all()
    assert ((gone[..., 0].astype(int) - gone[..., 2]) > 40).mean() > .02  # the gum is still there
