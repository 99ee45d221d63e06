"""The training page: what is found, started, paused, finished, used, and what a bad folder or an old checkpoint is told."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from PIL import Image
from PySide6.QtWidgets import QLabel
from safetensors.torch import save_file

from engines.guidance import train
from engines.guidance.engine import GuidanceEngine
from engines.guidance.training import FinishTask, Look, LookTask, Moment, TableTask, TrainRequest, TrainTask, checkpoint
from engines.job import EngineError
from engines.worker import BackgroundWorker
from widgets.guidance.class_rows import LEAST_PX, ClassRow, ClassRows
from widgets.guidance.training_page import TrainingPage

WAIT_MS = 120_000  # the first training of a process brings in much of torch, on a thread that gives way
ADVICE = {size: {"widths": (16, 16), "embedding": 32, "steps": 5000, "batch": 4} for size in (28, 32, 48, 64)}


@pytest.fixture
def folder(tmp_path):
    for label, name in enumerate(("cat", "dog")):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for k in range(3):
            Image.new("RGB", (8, 8), (200 * label, 40 * k, 90)).save(tmp_path / "pets" / name / f"{k}.png")
    return tmp_path / "pets"


@pytest.fixture
def page(bench):
    return bench.workspace.training


def look_of(folder, notes=()):
    return Look(str(folder), ("cat", "dog"), (3, 1200), notes, tuple(np.zeros((3, 64, 64, 3), np.uint8) for _ in "ab"))


def found(bench, folder, notes=()):
    """Drops the folder, and answers as the background lane does."""
    bench.workspace.open_path(folder)
    ticket = len(bench.background.tasks)
    bench.background.news.emit(ticket, look_of(folder, notes))
    bench.background.done.emit(ticket, replace(look_of(folder, notes), thumbs=(), advice=ADVICE, step_seconds=2.0))


def moment(step=10, **more):
    return Moment(step, 0.25, 0.5, 0.4, 5400.0, **more)


def state(request, **changes):
    """A checkpoint as train.py writes it, without its tensors."""
    meta = {"request": json.dumps(replace(request, **changes).identity()), "header": json.dumps({"classes": ["cat", "dog"]}), "step": "300", "hours": "1.5",
            "loss": "0.3"}
    save_file({"x": torch.zeros(1)}, request.state, meta)


def running(bench, folder):
    found(bench, folder)
    bench.workspace.training.setup.start.click()
    ticket = len(bench.background.tasks)
    bench.background.started_.emit(ticket)
    return ticket


def test_a_dropped_folder_is_looked_at_and_shown(bench, page, folder):
    found(bench, folder, ("1 picture directly in the folder: no class, left out",))
    assert bench.background.tasks == [LookTask(str(folder))] and bench.workspace.middle.currentWidget() is page
    assert [(row.name, row.note, len(row.images)) for row in page.setup.rows.rows] == [("cat", "3 pictures", 3), ("dog", "1,200 pictures", 3)]
    assert page.setup._notes.text().startswith("1 picture directly") and page.setup._notes.isVisible()
    assert page.setup.out.text() == str(folder.with_name("pets.safetensors"))
    assert page.setup.hours.value == pytest.approx(2.8) and "5,000 suggested (2 h 47 min)" in page.setup.estimate.text()


def test_a_folder_of_another_kind_is_not_taken(bench, page, folder, tmp_path):
    (folder / "model_index.json").write_text("{}")
    (tmp_path / "nothing").mkdir()
    with pytest.raises(EngineError, match="pipeline class of its own"):  # it is looked at as a diffusers folder
        bench.workspace.open_path(folder)
    assert not bench.workspace.open_path(tmp_path / "nothing")
    assert bench.background.tasks == [] and bench.workspace.middle.currentIndex() == 0


def test_a_bad_folder_says_why_on_the_page(bench, page, folder):
    bench.workspace.open_path(folder)
    bench.background.failed.emit(1, EngineError("cat: fewer than 2 pictures.", remedy="Add pictures."))
    assert page.setup.card.problem.text() == "cat: fewer than 2 pictures. Add pictures." and page.setup.card.isVisible()


def test_nothing_starts_before_the_machine_was_measured(bench, page, folder):
    bench.workspace.open_path(folder)
    bench.background.news.emit(1, look_of(folder))
    assert not page.setup.start.isEnabled() and "Measuring" in page.setup.estimate.text()


def test_every_setting_reaches_the_training(bench, page, folder, tmp_path):
    found(bench, folder)
    page.setup.size.buttons[48].click()
    page.setup.mirror.buttons[False].click()
    page.setup.hours.changed.emit(3.5)
    page.setup.hours.set_value(3.5)
    page.setup.out.setText(str(tmp_path / "other.safetensors"))
    page.setup.start.click()
    asked = bench.background.tasks[-1]
    assert isinstance(asked, TrainTask)
    assert asked.request == TrainRequest(str(folder), str(folder), str(tmp_path / "other.safetensors"), (16, 16), embedding=32, steps=10_000_000, hours=3.5,
                                         batch=4, size=48, mirror=False)


def test_a_running_training_shows_its_loss_its_pictures_and_the_time_left(bench, page, folder):
    ticket = running(bench, folder)
    images = np.zeros((4, 8, 8, 3), np.uint8)
    bench.background.progress.emit(ticket, 0.9, "Reading pictures: 9 of 10")
    assert bench.workspace.controls.train.text() == "Reading pictures: 90%"
    bench.background.news.emit(ticket, moment(10))
    bench.background.news.emit(ticket, moment(20, images=images, each=2, classes=("cat", "dog"), notes=("1 picture could not be read",)))
    assert "step 20" in page.run.text() and "about 1 h 30 min left" in page.run.text()
    assert page.run.plot.curves[0].x.tolist() == [10, 20] and [len(row.images) for row in page.run.rows.rows] == [2, 2]
    assert page.run._notes.text() == "1 picture could not be read" and bench.workspace.controls.train.text() == "Training: 25%"
    bench.background.news.emit(ticket + 7, moment(99))
    assert "step 99" not in page.run.text()


def test_pause_cancels_and_resume_asks_for_the_same_again(bench, page, folder):
    ticket = running(bench, folder)
    bench.background.news.emit(ticket, moment(10))
    page.run.buttons["pause"].click()
    assert bench.background.cancelled[-1] == ticket and page.run.state == "paused"
    page.run.buttons["resume"].click()
    first, again = bench.background.tasks[-2:]
    assert again == first and page.run.state == "waiting"
    bench.background.started_.emit(ticket + 1)
    bench.background.news.emit(ticket + 1, moment(11))
    assert page.run.plot.curves[0].x.tolist() == [10, 11]


def test_stop_writes_the_model_of_the_checkpoint(bench, page, folder):
    ticket = running(bench, folder)
    page.run.buttons["stop"].click()
    request = bench.background.tasks[ticket - 1].request
    assert bench.background.cancelled[-1] == ticket and bench.background.tasks[-1] == FinishTask(request) and page.run.state == "finishing"
    bench.background.done.emit(ticket + 1, {"steps": 12, "loss": 0.3})
    assert page.run.state == "done" and "12 steps" in page.run.text()


def test_a_finished_model_gets_its_table_and_is_used_with_its_own_classes(bench, page, folder):
    ticket = running(bench, folder)
    out = bench.background.tasks[-1].request.out
    bench.background.done.emit(ticket, {"steps": 12, "loss": 0.3})
    page.run.buttons["table"].click()
    assert bench.background.tasks[-1] == TableTask(out, str(folder)) and page.run.state == "building"
    bench.background.done.emit(ticket + 1, {"ratio_mean": 0.99})
    assert page.run.state == "built" and "0.990" in page.run.text()
    save_file({"x": torch.zeros(1)}, out, {"vernier": json.dumps({"classes": ["cat", "dog"]})})
    page.run.buttons["use"].click()
    labels = bench.workspace.controls.label
    assert bench.document.request.a.model == out and [labels.itemText(k) for k in range(labels.count())] == ["cat", "dog"]
    assert bench.workspace.middle.currentIndex() == 0


def test_pictures_drawn_with_the_old_weights_are_drawn_anew(bench, page, folder):
    ticket = running(bench, folder)
    out = bench.background.tasks[-1].request.out
    old = replace(bench.document.request, a=replace(bench.document.request.a, model=out, mode="cfg"))
    bench.document.replace(old, "model")
    bench.worker.answer()
    asked = len(bench.worker.asked)
    bench.background.done.emit(ticket, {"steps": 12, "loss": 0.3})
    bench.document.replace(replace(old, a=replace(old.a, seed=5)), "seed")
    bench.document.undo_stack.undo()
    assert len(bench.worker.asked) == asked + 2


def test_a_checkpoint_of_other_settings_is_asked_about_and_nothing_is_lost_meanwhile(bench, page, folder):
    found(bench, folder)
    request = page.setup.request()
    state(request, size=28, mirror=False)
    page.setup.start.click()
    assert "step 300, 28 px, mirror off" in page.setup._conflict_text.text() and request.state.exists() and len(bench.background.tasks) == 1
    page.setup.adopt.click()
    asked = bench.background.tasks[-1].request
    assert (asked.size, asked.mirror, asked.hours, asked.out) == (28, False, request.hours, request.out)


def test_starting_over_deletes_the_old_checkpoint(bench, page, folder):
    found(bench, folder)
    request = page.setup.request()
    state(request, size=28)
    page.setup.start.click()
    page.setup.over.click()
    assert not request.state.exists() and bench.background.tasks[-1].request == request


def test_a_damaged_checkpoint_and_a_bad_name_are_told_on_the_page(bench, page, folder):
    found(bench, folder)
    page.setup.request().state.write_bytes(b"12345678")
    page.setup.start.click()
    assert "damaged" in page.setup._conflict_text.text() and page.setup.over.isVisible() and not page.setup.adopt.isVisible()
    page.setup.out.setText("model.bin")
    page.setup.start.click()
    assert "end in .safetensors" in page.setup._conflict_text.text() and not page.setup.over.isVisible() and len(bench.background.tasks) == 1


def test_a_failed_training_says_why_and_can_go_on(bench, page, folder):
    ticket = running(bench, folder)
    bench.background.failed.emit(ticket, EngineError("mine could not be written: No space left.", remedy="Free some space."))
    assert page.run.state == "failed" and "Free some space" in page.run.text() and page.run.buttons["resume"].isVisible()


def test_the_pictures_come_back_with_escape_or_a_moved_slider_while_it_trains(bench, page, folder):
    ticket = running(bench, folder)
    assert bench.workspace.escape() and bench.workspace.middle.currentIndex() == 0 and not bench.workspace.escape()
    bench.workspace.controls.train.click()
    assert bench.workspace.middle.currentWidget() is page
    bench.workspace.controls.sliders["gamma_1"].changed.emit(5.0)
    assert bench.workspace.middle.currentIndex() == 0 and ticket not in bench.background.cancelled
    assert bench.workspace.open_path(folder) and bench.said[-1][1] == "A training is under way."


def test_an_atlas_that_is_asked_for_comes_before_the_training_page(bench, page):
    bench.workspace.show_training()
    bench.workspace.stage.show_page(bench.workspace.pages.atlas_panels[1])
    assert bench.workspace.middle.currentIndex() == 0


def test_an_unfinished_training_is_found_again_at_the_next_start(bench, page, folder):
    running(bench, folder)
    kept = json.loads(json.dumps(bench.workspace.kept()))
    request = bench.background.tasks[-1].request
    assert kept["training"]["dataset"] == str(folder)
    other = TrainingPage(bench.background)
    other.set_kept(kept["training"])
    assert other.pages.currentWidget() is other.setup  # no checkpoint, nothing to go on from
    state(request)
    other.set_kept(kept["training"] | {"unknown": 1})
    assert other.pages.currentWidget() is other.setup
    other.set_kept(kept["training"])
    assert other.run.state == "paused" and "step 300" in other.run.text() and other._request == request
    other.deleteLater()


def test_rows_share_one_size_and_never_shrink_below_what_can_be_seen(qtbot):
    rows = ClassRows("Classes")
    qtbot.addWidget(rows)
    rows.resize(500, 220)
    strip = np.zeros((4, 8, 8, 3), np.uint8)
    rows.set_rows([ClassRow("a", "", strip), ClassRow("b", "x", strip[:2])])
    assert rows.side() == min((500 - 104 + 4) // 4 - 4, 220 // 2 - 4 + 2)
    rows.set_rows([ClassRow(str(k), "", strip) for k in range(50)])
    assert rows.side() == LEAST_PX and rows.minimumHeight() == 50 * (LEAST_PX + 4)
    rows.grab()


@pytest.fixture
def lane(qtbot, tmp_path):
    engine = GuidanceEngine(tmp_path, torch.device("cpu"))
    worker = BackgroundWorker(lambda task, job: task.carry_out(engine, job))
    worker.start()
    yield worker
    worker.close(20_000)


def test_a_real_training_in_the_background_pauses_goes_on_and_ends(qtbot, lane, folder, tmp_path, monkeypatch):
    monkeypatch.setattr(train, "TELL_S", -1)
    page = TrainingPage(lane)
    qtbot.addWidget(page)
    request = TrainRequest(str(folder), str(folder), str(tmp_path / "pets.safetensors"), (16, 16), 1, 32, steps=10_000, batch=4, size=8)
    page.start(request)
    qtbot.waitUntil(lambda: len(page.run._points) >= 2, timeout=WAIT_MS)
    page.run.buttons["pause"].click()
    qtbot.waitUntil(request.state.exists, timeout=WAIT_MS)
    page.run.asked.emit("stop")
    qtbot.waitUntil(lambda: page.run.state == "done", timeout=WAIT_MS)
    assert checkpoint(request.out)["step"] >= 2 and (tmp_path / "pets.safetensors").exists() and (tmp_path / "pets.train.png").exists()


def test_closing_in_the_middle_keeps_the_checkpoint(qtbot, lane, folder, tmp_path, monkeypatch):
    monkeypatch.setattr(train, "TELL_S", -1)
    page = TrainingPage(lane)
    qtbot.addWidget(page)
    request = TrainRequest(str(folder), str(folder), str(tmp_path / "pets.safetensors"), (16, 16), 1, 32, steps=10_000, batch=4, size=8)
    page.start(request)
    qtbot.waitUntil(lambda: len(page.run._points) >= 2, timeout=WAIT_MS)
    assert lane.close(20_000)
    assert checkpoint(request.out)["step"] >= 2 and not list(tmp_path.glob("*.lock")) and not list(tmp_path.glob("*.part"))
    assert not (tmp_path / "pets.safetensors").exists() and page.kept() == asdict(request)


def test_the_page_tells_its_own_failures_while_it_is_in_sight(bench, page, folder):
    bench.workspace.open_path(folder)
    ticket = len(bench.background.tasks)
    assert bench.workspace.shows(ticket) and not bench.workspace.shows(ticket + 1)
    bench.background.failed.emit(ticket, EngineError("The folder is empty.", remedy="Put pictures in."))
    assert "The folder is empty. Put pictures in." in " ".join(label.text() for label in page.setup.findChildren(QLabel) if label.isVisible())
    page.left.emit()
    assert not bench.workspace.shows(ticket)  # the person looks at the pictures
