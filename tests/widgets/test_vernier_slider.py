import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from widgets.vernier_slider import FINE, Scale, VernierSlider

STRENGTH = Scale(1, 8, 3, 0.1, 2, ticks=((1.0, "off"),))


@pytest.fixture
def slider(qtbot):
    made = VernierSlider("strength", STRENGTH)
    made.resize(300, 80)
    qtbot.addWidget(made)
    made.show()
    made.seen = []
    made.changed.connect(made.seen.append)
    return made


def at(slider, value):
    return QPoint(round(slider.track._x(value)), 10)


def test_a_drag_moves_by_steps_and_says_when_it_is_held(slider):
    held = []
    slider.held.connect(held.append)
    QTest.mousePress(slider.track, Qt.MouseButton.LeftButton, pos=at(slider, 3))
    QTest.mouseMove(slider.track, at(slider, 5))
    QTest.mouseRelease(slider.track, Qt.MouseButton.LeftButton, pos=at(slider, 5))
    assert slider.value == pytest.approx(5, abs=0.11) and slider.seen[-1] == slider.value
    assert held == [True, False]


def test_shift_is_ten_times_finer(slider):
    slider.track.setFocus()
    QTest.keyClick(slider.track, Qt.Key.Key_Right)
    assert slider.value == 3.1
    QTest.keyClick(slider.track, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    assert slider.value == pytest.approx(3.1 + 0.1 / FINE)


def test_page_home_end_and_delete_keys(slider):
    track = slider.track
    QTest.keyClick(track, Qt.Key.Key_PageUp)
    assert slider.value == 4.0
    QTest.keyClick(track, Qt.Key.Key_End)
    assert slider.value == 8.0
    QTest.keyClick(track, Qt.Key.Key_Home)
    assert slider.value == 1.0
    QTest.keyClick(track, Qt.Key.Key_Delete)
    assert slider.value == 3.0


def test_double_click_resets(slider):
    slider.set_value(6.0)
    QTest.mouseDClick(slider.track, Qt.MouseButton.LeftButton, pos=at(slider, 6))
    assert slider.value == 3.0


def test_the_reset_shows_only_where_there_is_something_to_reset(slider):
    assert slider.reset.isHidden()
    slider.set_value(4.0)
    assert not slider.reset.isHidden()
    slider.reset.click()
    assert slider.value == 3.0 and slider.reset.isHidden()


@pytest.mark.parametrize(("typed", "value"), [("4,5", 4.5), ("99", 8.0), ("-1", 1.0), ("soup", 3.0), ("nan", 3.0), ("", 3.0)])
def test_a_typed_number_is_kept_inside_and_nonsense_is_forgotten(slider, typed, value):
    slider.field.setText(typed)
    slider.field.editingFinished.emit()
    assert slider.value == value and slider.field.text() == f"{value:.2f}"


def test_showing_a_value_announces_nothing(slider):
    slider.set_value(5.0)
    assert slider.seen == []


def test_the_wheel_turns_nothing_without_the_focus(slider, qtbot):
    from PySide6.QtCore import QPointF
    from PySide6.QtGui import QWheelEvent
    from PySide6.QtWidgets import QApplication
    event = QWheelEvent(QPointF(50, 10), QPointF(50, 10), QPoint(), QPoint(0, 120), Qt.MouseButton.NoButton,
                        Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False)
    slider.track.clearFocus()
    QApplication.sendEvent(slider.track, event)
    assert slider.value == 3.0


@pytest.mark.parametrize("scale", [STRENGTH, Scale(0.01, 160, 160, 0.1, 1, log=True, ends=("", "off")), Scale(-8, 1, -2, 0.1, 2)])
def test_position_and_value_are_inverse(scale):
    for k in range(11):
        assert scale.position(scale.value(k / 10)) == pytest.approx(k / 10)


def test_the_ends_can_be_words():
    scale = Scale(0.01, 160, 160, 0.1, 1, log=True, ends=("", "off"))
    assert scale.text(160) == "off" and scale.parsed("OFF") == 160


def test_thousands_are_typed_as_they_are_shown():
    scale = Scale(100, 50_000, 5000, 0.1, 1, log=True)
    assert scale.text(5000) == "5,000" and scale.parsed("20,000") == 20_000


def test_every_part_has_a_name_for_screen_readers(slider):
    assert {slider.track.accessibleName(), slider.field.accessibleName()} == {"strength"}
    assert slider.reset.accessibleName() == "Reset strength"
