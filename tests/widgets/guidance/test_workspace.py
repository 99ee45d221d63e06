from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest

from engines.guidance.picture import caption, save_png
from engines.guidance.request import GuidanceRequest, Sampling, first_mode
from engines.job import EngineError


def drag(slider, *values):
    track = slider.track

    def at(value):
        return QPoint(round(track._x(value)), 10)

    QTest.mousePress(track, Qt.MouseButton.LeftButton, pos=at(slider.value))
    for value in values:
        QTest.mouseMove(track, at(value))
    return lambda: QTest.mouseRelease(track, Qt.MouseButton.LeftButton, pos=at(values[-1]))


def test_the_first_request_is_drawn_without_being_asked_for(bench):
    assert [draw.draft for draw in bench.worker.asked] == [False]


def test_a_drag_asks_for_drafts_and_its_end_for_the_whole(bench):
    bench.worker.answer()
    release = drag(bench.workspace.controls.sliders["gamma_1"], 4, 5, 6)
    drafts = bench.worker.asked[1:]
    assert drafts and all(draw.draft for draw in drafts)
    release()
    assert not bench.worker.asked[-1].draft and bench.worker.asked[-1].request.a.gamma_1 == pytest.approx(6, abs=0.11)
    bench.document.undo_stack.undo()
    assert bench.document.request.a.gamma_1 == 3.0  # the drag was one step


def test_a_slider_that_rests_while_held_is_refined(bench, qtbot):
    bench.worker.answer()
    release = drag(bench.workspace.controls.sliders["gamma_1"], 4)
    qtbot.waitUntil(lambda: not bench.worker.asked[-1].draft, timeout=2000)
    release()


def test_a_drag_that_pauses_is_still_one_undo_step(bench, qtbot, monkeypatch):
    bench.worker.answer()
    monkeypatch.setattr(QGuiApplication, "mouseButtons", lambda: Qt.MouseButton.LeftButton)
    slider = bench.workspace.controls.sliders["gamma_1"]
    drag(slider, 4)
    qtbot.waitUntil(lambda: not bench.worker.asked[-1].draft, timeout=2000)
    QTest.mouseMove(slider.track, QPoint(round(slider.track._x(6)), 10))
    monkeypatch.undo()
    QTest.mouseRelease(slider.track, Qt.MouseButton.LeftButton, pos=QPoint(round(slider.track._x(6)), 10))
    drag(slider, 8)()
    bench.document.undo_stack.undo()
    assert bench.document.request.a.gamma_1 == pytest.approx(6, abs=0.11)
    bench.document.undo_stack.undo()
    assert bench.document.request.a.gamma_1 == 3.0


def test_going_back_to_what_was_drawn_costs_nothing(bench):
    bench.worker.answer()
    bench.workspace.controls.mode.buttons["cfg"].click()
    bench.worker.answer(shade=9)
    asked = len(bench.worker.asked)
    bench.document.undo_stack.undo()
    assert len(bench.worker.asked) == asked
    assert bench.workspace.stage.outcome.sides[0].settings.mode == "recfg"


def test_settings_that_cannot_be_drawn_do_not_claim_the_picture_in_sight(bench):
    bench.worker.answer()
    bench.workspace.controls.mode.buttons["cfg"].click()
    bench.worker.failed.emit(EngineError("It broke."))
    assert bench.workspace.stage._draft.text() == "an earlier picture"
    bench.document.undo_stack.undo()
    assert bench.workspace.stage._draft.text() == ""


def test_compare_is_one_click_and_shares_the_noise(bench):
    bench.workspace.commands()["guidance.compare"]()
    request = bench.document.request
    assert (request.a.mode, request.b.mode) == ("recfg", "cfg") and request.a == replace(request.b, mode="recfg")
    bench.workspace.controls.edit("b")
    bench.workspace.controls.seed.roll()
    assert bench.document.request.a.seed == bench.document.request.b.seed
    bench.workspace.controls.sliders["gamma_1"].changed.emit(5.0)
    assert (bench.document.request.a.gamma_1, bench.document.request.b.gamma_1) == (3.0, 5.0)


def test_with_both_sides_edited_the_strength_moves_together_and_the_mode_does_not(bench):
    bench.workspace.commands()["guidance.compare"]()
    bench.workspace.controls.sliders["gamma_1"].changed.emit(5.0)
    bench.workspace.controls.mode.changed.emit("apg")
    request = bench.document.request
    assert (request.a.gamma_1, request.b.gamma_1) == (5.0, 5.0) and (request.a.mode, request.b.mode) == ("apg", "cfg")


def shade(bench):
    stage = bench.workspace.stage
    grid = stage.grids[0]
    return grid.grab().toImage().pixelColor(grid.cell(0).center().toPoint()).lightness()


def test_flip_shows_the_other_side_in_the_same_place(bench):
    bench.workspace.commands()["guidance.compare"]()
    bench.worker.answer()
    flip = bench.workspace.commands()["guidance.flip"]
    flip()
    assert bench.document.request.view == "flip" and shade(bench) < 80
    flip()
    assert shade(bench) > 150
    flip()
    assert shade(bench) < 80


def test_a_change_of_view_draws_nothing_anew(bench):
    bench.workspace.commands()["guidance.compare"]()
    bench.worker.answer()
    asked = len(bench.worker.asked)
    for view in ("wipe", "difference", "side"):
        bench.workspace.stage.views[view].click()
        assert bench.document.request.view == view
    assert len(bench.worker.asked) == asked


def test_a_view_asked_for_by_name_makes_the_second_side(bench):
    bench.workspace.commands()["guidance.difference"]()
    assert bench.document.request.view == "difference" and bench.document.request.b.mode == "cfg"


def test_the_history_returns_and_keeps_what_is_starred(bench):
    bench.worker.answer()
    bench.workspace.commands()["guidance.star"]()
    first = bench.document.request
    bench.workspace.controls.mode.buttons["cfg"].click()
    bench.worker.answer()
    assert [seen.request.a.mode for seen in bench.workspace.history.seen] == ["cfg", "recfg"]
    bench.workspace.history.thumbs()[1].click()
    assert bench.document.request == first
    kept = bench.workspace.kept()
    bench.workspace.set_kept({})
    assert bench.workspace.history.starred() == []
    bench.workspace.set_kept(kept)
    assert bench.workspace.history.starred() == [first]


def test_a_saved_picture_restores_its_request_exactly(bench, tmp_path):
    bench.worker.answer()
    settings = Sampling(mode="free", gamma_1=2.5, gamma_0=-1.6, label=3, seed=99, steps=7, count=4, guide_above=0.2, sampler="heun")
    save_png(tmp_path / "x.png", np.zeros((32, 32, 3), np.uint8), caption(replace(bench.workspace.stage.outcome.sides[0], settings=settings)))
    assert bench.workspace.open_path(tmp_path / "x.png")
    assert bench.document.request == GuidanceRequest(settings)


def test_a_picture_drawn_with_other_weights_is_told(bench, tmp_path):
    bench.worker.answer()
    side = replace(bench.workspace.stage.outcome.sides[0], settings=Sampling(seed=5), model_hash="f" * 64)
    save_png(tmp_path / "x.png", np.zeros((32, 32, 3), np.uint8), caption(side))
    bench.workspace.open_path(tmp_path / "x.png")
    bench.worker.answer()
    assert [kind for kind, *_ in bench.said] == ["warn"] and "another model" in bench.said[0][1]


@pytest.mark.parametrize(("name", "content"), [
    ("a.png", b"\x89PNG\r\n\x1a\nbroken"), ("m.safetensors", b"1234"), ("m.pt", b"PK\x03\x04"), ("m.ckpt", b"\x80\x02x")])
def test_a_bad_file_is_refused_and_the_request_stays(bench, tmp_path, name, content):
    before = bench.document.request
    (tmp_path / name).write_bytes(content)
    with pytest.raises(EngineError, match=name):
        bench.workspace.open_path(tmp_path / name)
    assert bench.document.request == before


def test_files_of_others_are_left_to_others(bench, tmp_path):
    assert bench.workspace.open_path(tmp_path / "teeth.stl") is False


def test_an_image_opens_large_beside_its_nearest_training_image(bench):
    bench.worker.answer()
    bench.workspace.stage.open(0, 2)
    closeup = bench.workspace.stage.closeup
    assert closeup.grids[1].count() == 1 and "training images" in closeup._captions[1].text()
    assert bench.workspace.escape() and not bench.workspace.escape()


def test_copy_and_save_take_the_chosen_image(bench, tmp_path):
    bench.worker.answer()
    bench.workspace.commands()["guidance.copy"]()
    assert QGuiApplication.clipboard().image().width() == 32
    side = bench.workspace.stage.outcome.sides[0]
    bench.workspace.exports.save_to(tmp_path / "one.png", side, 0)
    bench.workspace.exports.save_all_to(tmp_path / "all")
    assert (tmp_path / "one.png").exists() and len(list((tmp_path / "all").glob("*.png"))) == 17


def test_a_folder_that_cannot_be_written_is_told(bench, tmp_path):
    bench.worker.answer()
    (tmp_path / "file").write_text("")
    bench.workspace.exports.save_to(tmp_path / "file" / "one.png", bench.workspace.stage.outcome.sides[0], 0)
    bench.workspace.exports.save_all_to(tmp_path / "file")
    assert [kind for kind, *_ in bench.said] == ["bad", "bad"]


def test_free_mode_shows_the_sum_and_warns_outside_the_band(bench):
    controls = bench.workspace.controls
    controls.mode.changed.emit("free")
    assert bench.document.request.a.gamma_0 == -2.0 and controls.warning.isHidden()
    controls.sliders["gamma_0"].changed.emit(-1.0)
    assert "S = 2.00" in controls.warning.text() and not controls.warning.isHidden()
    controls.sliders["gamma_0"].changed.emit(-2.08)
    assert controls.warning.isHidden()


def test_the_interval_is_off_at_its_ends(bench):
    sliders = bench.workspace.controls.sliders
    sliders["guide_below"].changed.emit(12.0)
    sliders["guide_above"].changed.emit(0.3)
    assert (bench.document.request.a.guide_below, bench.document.request.a.guide_above) == (12.0, 0.3)
    sliders["guide_below"].changed.emit(sliders["guide_below"].scale.high)
    sliders["guide_above"].changed.emit(sliders["guide_above"].scale.low)
    settings = bench.document.request.a
    assert settings.guide_below == float("inf") and settings.guide_above == 0.0


def test_a_blend_needs_a_second_class_and_gets_one(bench):
    bench.workspace.controls.sliders["blend"].changed.emit(0.4)
    assert bench.document.request.a.label_2 == 1
    bench.workspace.controls.sliders["seed_mix"].changed.emit(0.4)
    assert bench.document.request.a.seed_2 == 1


def test_every_toy_and_model_can_be_chosen(bench):
    controls = bench.workspace.controls
    for index in range(controls.model.count()):
        controls.model.activated.emit(index)
        settings = bench.document.request.a
        assert settings.model == controls.model.itemData(index)
        assert settings.count == (5000 if settings.model.startswith("toy") else 16)


def test_a_locked_seed_is_not_rolled(bench):
    bench.workspace.commands()["guidance.lock_seed"](True)
    bench.workspace.commands()["guidance.new_seed"]()
    assert bench.document.request.a.seed == 0
    bench.workspace.commands()["guidance.lock_seed"](False)
    bench.workspace.controls.seed.box.setText("123")
    bench.workspace.controls.seed.box.editingFinished.emit()
    assert bench.document.request.a.seed == 123


def test_every_control_has_a_name_for_screen_readers(bench):
    from PySide6.QtWidgets import QAbstractButton, QComboBox, QLineEdit
    nameless = [widget for kind in (QAbstractButton, QComboBox, QLineEdit) for widget in bench.workspace.findChildren(kind)
                if not (widget.accessibleName() or getattr(widget, "text", str)()) and not widget.objectName().startswith("qt_")]
    assert nameless == []


def test_calibrated_mode_brings_its_two_sliders_and_the_level_is_the_interval(bench):
    sliders = bench.workspace.controls.sliders
    assert not sliders["level"].isVisible() and not sliders["sharpness"].isVisible()
    bench.workspace.controls.mode.buttons["calibrated"].click()
    assert sliders["level"].isVisible() and sliders["sharpness"].isVisible() and sliders["guide_below"].isHidden()
    sliders["level"].changed.emit(0.5)
    sliders["sharpness"].changed.emit(0.4)
    assert (bench.document.request.a.guide_below, bench.document.request.a.sharpness) == (0.5, 0.4)
    sliders["level"].changed.emit(sliders["level"].scale.high)
    assert bench.document.request.a.guide_below == float("inf") and sliders["level"].scale.text(sliders["level"].value) == "tuned"


def test_a_model_comes_in_the_mode_that_serves_it_best_unless_another_was_chosen(bench):
    bench.workspace.controls.model.changed.emit("fashion-mnist")
    assert bench.document.request.a.mode == "calibrated"
    bench.workspace.controls.model.changed.emit("emoji3d")
    assert bench.document.request.a.mode == first_mode("emoji3d")
    bench.workspace.controls.mode.buttons["apg"].click()
    bench.workspace.controls.model.changed.emit("fashion-mnist")
    assert bench.document.request.a.mode == "apg"


def test_the_calibrated_level_does_not_leak_into_another_mode_or_the_other_side(bench):
    bench.workspace.controls.mode.buttons["calibrated"].click()
    bench.workspace.controls.sliders["level"].changed.emit(5.5)
    bench.workspace.commands()["guidance.compare"]()
    assert (bench.document.request.a.guide_below, bench.document.request.b.guide_below) == (5.5, float("inf"))
    bench.workspace.commands()["guidance.compare"]()
    bench.workspace.controls.mode.buttons["cfg"].click()
    assert bench.document.request.a.guide_below == float("inf")
