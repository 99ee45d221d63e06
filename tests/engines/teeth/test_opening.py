import json
import shutil
import time

import numpy as np
import pytest

from engines.job import Cancelled, EngineError, Job
from engines.teeth import fdi, mesh_files, opening, orientation
from engines.teeth.mesh import Mesh
from tests.engines.teeth.made_cases import degrees, jaw_scan, made, teeth, turned
from tests.engines.teeth.mesh_samples import dicom, ply, vtp


def plain(data):
    """Without the note from which Vernier knows its own unit."""
    return data.replace(b"Vernier, millimetres", b"exported by somebody")


def scaled(mesh, factor):
    return Mesh(mesh.vertices * factor, mesh.faces)


def write(folder, meshes, name="{}.stl", factor=1.0, matrix=None, universal=False):
    folder.mkdir(parents=True, exist_ok=True)
    for number, mesh in meshes.items():
        path = folder / name.format(fdi.to_universal(number) if universal else number)
        path.write_bytes(plain(mesh_files.encode(scaled(mesh if matrix is None else mesh.moved(matrix), factor), path.suffix[1:])))
    return folder


def some(*numbers):
    return {number: teeth()[number] for number in numbers}


def fields(case):
    return {question.field for question in case.questions}


@pytest.mark.parametrize("name, unit, universal", (("{}.stl", "mm", False), ("Zahn_{}.ply", "cm", False), ("case7_tooth{}.obj", "inch", True),
                                                   ("牙{}.stl", "m", True)))
def test_a_folder_in_any_numbering_unit_and_axes_is_the_same_case(tmp_path, name, unit, universal):
    matrix = turned(len(name))
    case = opening.open_case(write(tmp_path / "Fälle", teeth(), name, 1 / {"mm": 1, "cm": 10, "m": 1000, "inch": 25.4}[unit], matrix, universal))
    assert tuple(case.teeth) == tuple(teeth()) and case.units == unit and case.numbering == ("universal" if universal else "fdi") and not case.questions
    assert not case.notices and len(case.hashes) == 28 and degrees(case.to_world @ matrix) < 3
    home = orientation.of_teeth(teeth()).to_world
    for number, tooth in case.teeth.items():
        assert tooth.number == number and len(tooth.mesh.faces) == len(teeth()[number].faces)
        start = home[:3, :3] @ teeth()[number].vertices.mean(0) + home[:3, 3]
        assert np.abs(tooth.mesh.vertices.mean(0) - start).max() < 0.05
    job_units = opening.open_case(tmp_path / "Fälle", numbering=case.numbering, units=unit, orientation=tuple(case.to_world.ravel()))
    assert np.allclose(job_units.teeth[36].mesh.vertices, case.teeth[36].mesh.vertices)


def test_a_mirrored_case_is_mirrored_back_and_said(tmp_path):
    case = opening.open_case(write(tmp_path / "case", teeth(), matrix=turned(3, mirrored=True)))
    assert np.linalg.det(case.to_world[:3, :3]) < 0 and "mirror image" in case.notices[0] and "orientation" in fields(case)
    assert case.teeth[11].centre[0] < 0 < case.teeth[21].centre[0]
    flipped = tmp_path / "flipped"
    for number, mesh in teeth().items():  # mirrored by a program that leaves the faces as they were
        write(flipped, {number: Mesh(mesh.vertices * (-1, 1, 1), mesh.faces)})
    case = opening.open_case(flipped)
    assert any("inside out" in text for text in case.notices) and np.linalg.det(case.to_world[:3, :3]) < 0
    from engines.teeth import crown_geometry
    assert not any(crown_geometry.inside_out(tooth.mesh) for tooth in case.teeth.values())


def test_what_generate_wrote_opens_with_landmarks_and_its_aligned_setup(tmp_path, monkeypatch):
    from app.cli import main
    assert main(["teeth", "generate", "--preset", "crowding", "--out", str(tmp_path / "case")]) == 0
    case = opening.open_case(tmp_path / "case")
    assert len(case.teeth) == 28 and set(case.gums) == {"upper", "lower"} and not case.notices and not case.questions and len(case.hashes) == 31
    tooth, source = case.teeth[16], made().teeth[16]
    assert np.allclose(tooth.landmarks["cusp_mb"], source.start[:3, :3] @ source.crown.landmarks["cusp_mb"] + source.start[:3, 3])
    assert np.allclose(case.reference[16] @ source.start, source.aligned) and np.allclose(tooth.frame[:3, :3], source.start[:3, :3])
    (tmp_path / "case/16.stl").unlink()
    case = opening.open_case(tmp_path / "case")
    assert len(case.teeth) == 27 and "16.stl" in case.notices[0]
    (tmp_path / "case/case.json").write_text('{"vernier": 1, "units": "mm", "teeth": {"11": {"start": "no"}}}')
    assert len(opening.open_case(tmp_path / "case").teeth) == 27


@pytest.mark.parametrize("form", ("vtp cells", "vtp universal", "teeth3ds", "ply"))
def test_a_labelled_scan_is_cut_into_crowns_and_gum(tmp_path, form):
    mesh, numbers = jaw_scan(upper=False)
    mesh = mesh.moved(turned(9))
    universal = np.array([int(fdi.to_universal(n)) if n else 0 for n in numbers])
    if form.startswith("vtp"):
        (tmp_path / "arch.vtp").write_bytes(vtp(mesh, universal if "universal" in form else numbers, name="PredictedID" if "universal" in form else "Label"))
    elif form == "ply":
        (tmp_path / "arch.ply").write_bytes(ply(mesh, "binary_little_endian", numbers.astype(np.uint8)))
    else:
        (tmp_path / "P1_lower.obj").write_bytes(plain(mesh_files.encode(mesh, "obj")))
        each = np.zeros(len(mesh.vertices), int)
        each[mesh.faces[::-1].ravel()] = np.repeat(numbers[::-1], 3)
        (tmp_path / "P1_lower.json").write_text(json.dumps({"id_patient": "P1", "jaw": "lower", "labels": each.tolist(), "instances": each.tolist()}))
    case = opening.open_case(tmp_path)
    assert [*case.teeth] == [n for n in teeth() if n > 30] and case.numbering == ("universal" if "universal" in form else "fdi") and not case.questions
    assert all(len(tooth.mesh.faces) == len(teeth()[n].faces) for n,
               tooth in case.teeth.items()) and len(case.gums["lower"].faces) == len(made().lower_gum.faces)
    assert case.notices == ("Only the lower jaw is there: measures between the jaws cannot be made. Add the other jaw's files to have them.",)


def test_labels_that_do_not_belong_to_a_scan_are_said(tmp_path):
    mesh, _ = jaw_scan(upper=False)
    (tmp_path / "P1_lower.obj").write_bytes(plain(mesh_files.encode(mesh, "obj")))
    (tmp_path / "P1_lower.json").write_text('{"labels": [0, 31, 32]}')
    case = opening.open_case(tmp_path)
    assert not case.teeth and "lower" in case.scans and "3 labels" in case.notices[0] and fields(case) == {"orientation"}
    (tmp_path / "P1_lower.json").write_text('{"labels": [0, "x"]}')
    with pytest.raises(EngineError, match="labels of P1_lower.obj are damaged"):
        opening.open_case(tmp_path)


def test_the_layout_with_ori_and_final_gives_the_final_model_as_reference(tmp_path):
    poses = {n: tooth.aligned @ np.linalg.inv(tooth.start) for n, tooth in made().teeth.items()}
    matrix = turned(4)
    for part in ("ori", "final"):
        (tmp_path / part).mkdir()
        for stem, numbers in (("U", (16, 14, 13, 11, 21, 23)), ("L", (46, 43, 41, 33, 36))):
            row = {n: teeth()[n].moved(matrix @ (poses[n] if part == "final" else np.eye(4))) for n in numbers}
            before = np.cumsum([0, *(len(m.vertices) for m in row.values())])
            whole = Mesh(np.concatenate([m.vertices for m in row.values()]), np.concatenate([m.faces + k for m, k in zip(row.values(), before, strict=False)]))
            (tmp_path / part / f"{stem}.stl").write_bytes(plain(mesh_files.encode(whole, "stl")))
            near = {str(n): {"vertices": (m.vertices + 1e-4).tolist()} for n, m in row.items()}
            (tmp_path / part / f"{stem}.json").write_text(json.dumps({"segmentation": near}))
    case = opening.open_case(tmp_path)
    assert len(case.teeth) == 11 and set(case.reference) == set(case.teeth)
    world = case.to_world @ matrix
    for number, reference in case.reference.items():
        away = reference @ world - world @ poses[number]
        centre = np.append(teeth()[number].vertices.mean(0), 1)
        assert np.linalg.norm(away @ centre) < 0.3


def test_scans_without_labels_open_as_scans_with_questions(tmp_path):
    for upper in (True, False):
        (tmp_path / f"case_{'upper' if upper else 'lower'}jaw.stl").write_bytes(plain(mesh_files.encode(jaw_scan(upper)[0], "stl")))
    case = opening.open_case(tmp_path)
    assert set(case.scans) == {"upper", "lower"} and not case.teeth and fields(case) == {"orientation"} and case.units == "mm"
    (tmp_path / "case_lowerjaw.stl").rename(tmp_path / "scan_1.stl")
    (tmp_path / "case_upperjaw.stl").unlink()
    assert fields(opening.open_case(tmp_path)) == {"orientation", "jaw"} and fields(opening.open_case(tmp_path / "scan_1.stl")) == {"orientation", "jaw"}


def test_one_dicom_tooth_in_centimetres_is_in_its_own_unit(tmp_path):
    (tmp_path / "11.dcm").write_bytes(dicom(scaled(teeth()[11], 0.1), "cm"))
    case = opening.open_case(tmp_path / "11.dcm")
    assert [*case.teeth] == [11] and case.units == "cm" and 8 < np.ptp(case.teeth[11].mesh.vertices, axis=0).max() < 14


def test_every_kind_of_bad_file_costs_a_notice_and_the_rest_opens(tmp_path):
    folder = write(tmp_path / "case", teeth())
    good = (folder / "11.stl").read_bytes()
    (folder / "11.stl").write_bytes(good[:9000])
    (folder / "12.stl").write_bytes(mesh_files.encode(Mesh(np.zeros((0, 3)), np.zeros((0, 3), int)), "stl"))
    (folder / "13.stl").write_bytes(mesh_files.encode(Mesh(teeth()[13].vertices * np.nan, teeth()[13].faces), "stl"))
    shutil.copy(folder / "14.stl", folder / "tooth_14.stl")
    shutil.copy(folder / "15.stl", folder / "99.stl")
    write(folder, {36: scaled(teeth()[36], 0.1)})
    (folder / "scan.3oxz").write_bytes(b"x")
    (folder / "broken.json").write_text("{")
    (folder / "47.stl").write_bytes(mesh_files.encode(Mesh(teeth()[47].vertices, teeth()[47].faces[:, ::-1]), "stl"))
    case = opening.open_case(folder)
    assert set(case.teeth) == set(teeth()) - {11, 12, 13}
    told = "\n".join(case.notices)
    for text in ("11.stl is cut short", "12.stl holds no triangles", "13.stl is damaged", "tooth_14.stl is tooth 14 a second time",
                 "99.stl: 99 is no tooth number", "36.stl is in another unit",
                 "scan.3oxz is a 3Shape", "broken.json is damaged", "47.stl: the surface was inside out"):
        assert text in told, (text, told)
    assert np.linalg.norm(case.teeth[36].centre - case.teeth[46].centre) > 35


def test_few_teeth_and_one_jaw_open_with_what_they_cannot_do(tmp_path):
    case = opening.open_case(write(tmp_path / "three", some(12, 11, 21)))
    assert [*case.teeth] == [12, 11, 21] and any("Only 3 teeth" in text for text in case.notices) and any("Only the upper jaw" in text for text in case.notices)
    case = opening.open_case(write(tmp_path / "two", some(11, 21)))
    assert {"orientation", "numbering"} <= fields(case)
    case = opening.open_case(write(tmp_path / "child", {53: teeth()[13], 63: teeth()[23], **some(16, 26, 11, 21)}))
    assert [*case.teeth] == [16, 53, 11, 21, 63, 26] and not {"numbering"} & fields(case)
    (tmp_path / "none").mkdir()
    (tmp_path / "none/letter.txt").write_text("x")
    for folder in ("none", "nowhere"):
        with pytest.raises(EngineError) as caught:
            opening.open_case(tmp_path / folder)
        assert caught.value.remedy
    (tmp_path / "none/11.stl").write_bytes(b"solid")
    with pytest.raises(EngineError, match="11.stl is cut short"):
        opening.open_case(tmp_path / "none")


def test_a_unit_that_cannot_be_is_said_and_bad_axes_are_refused(tmp_path):
    folder = write(tmp_path / "case", teeth())
    assert any("Check the unit" in text for text in opening.open_case(folder, units="m").notices)
    for bad in (np.ones(16), np.zeros((4, 4)), np.full(16, np.nan), (1.0, 2.0)):
        with pytest.raises(EngineError, match="orientation"):
            opening.open_case(folder, orientation=bad)


def test_opening_can_be_cancelled_and_is_quick(tmp_path):
    folder = write(tmp_path / "case", teeth())
    job = Job()
    job.cancelled = True
    with pytest.raises(Cancelled):
        opening.open_case(folder, job=job)
    begin = time.process_time()
    opening.open_case(folder)
    assert time.process_time() - begin < 1.0


def test_the_description_is_plain_json(tmp_path):
    told = opening.describe(opening.open_case(write(tmp_path / "case", some(16, 11, 21, 36))))
    assert json.loads(json.dumps(told)) == told and told["jaws"]["upper"]["teeth"] == 3
    tooth = told["teeth"]["16"]
    assert tooth["triangles"] == len(teeth()[16].faces) and tooth["closed"] is False and 7 < max(tooth["size_mm"]) < 14


def test_scans_that_count_both_jaws_from_1_to_16_are_numbered_by_how_they_stand(tmp_path):
    for way in (1, -1):
        for upper in (True, False):
            mesh, numbers = jaw_scan(upper)
            row = list(fdi.UPPER if upper else fdi.LOWER[::way])
            counted = np.array([row.index(n) + 1 if n else 0 for n in numbers])
            (tmp_path / f"{'upper' if upper else 'lower'}.ply").write_bytes(ply(mesh.moved(turned(6)), "binary_little_endian", counted.astype(np.uint8)))
        case = opening.open_case(tmp_path)
        assert tuple(case.teeth) == tuple(teeth()) and np.linalg.det(case.to_world[:3, :3]) > 0 and "lower.ply counts the lower teeth" in case.notices[0]
        assert case.teeth[41].centre[0] < 0 < case.teeth[31].centre[0]


def test_jaws_side_by_side_open_and_say_that_they_do_not_bite(tmp_path):
    case = opening.open_case(write(tmp_path / "case", {n: mesh if fdi.is_upper(n) else mesh.moved(turned(5)) for n, mesh in teeth().items()}))
    assert len(case.teeth) == 28 and fields(case) == {"orientation"} and "do not lie in one bite" in case.notices[0] and "lie apart" in case.questions[0].text


def test_one_jaw_of_teeth_and_one_scan_open_together(tmp_path):
    write(tmp_path, {n: mesh for n, mesh in teeth().items() if n < 30})
    (tmp_path / "lowerjaw.stl").write_bytes(plain(mesh_files.encode(jaw_scan(False)[0], "stl")))
    (tmp_path / "Zahnfleisch_upper.stl").write_bytes(plain(mesh_files.encode(made().upper_gum, "stl")))
    case = opening.open_case(tmp_path)
    assert len(case.teeth) == 14 and set(case.scans) == {"lower"} and set(case.gums) == {"upper"} and "no tooth labels yet" in case.notices[0]
