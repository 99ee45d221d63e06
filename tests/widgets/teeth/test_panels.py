"""The panels of the Teeth workspace, each alone with made-up contents."""

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtTest import QTest

from engines.teeth import fdi
from engines.teeth.moves import Move
from engines.teeth.request import Plan
from widgets.teeth.arch_canvas import ArchCanvas, ArchPicture
from widgets.teeth.contact_list import ContactList, ContactRow
from widgets.teeth.measure_list import MeasureList, MeasureRow
from widgets.teeth.movement_table import MovementTable
from widgets.teeth.odontogram import Odontogram
from widgets.teeth.timeline import Lane, Timeline
from widgets.teeth.tooth_panel import ToothPanel
from widgets.teeth.words import numbered, signed, spoken


@pytest.fixture
def shown(qtbot):
    def show(widget, width=300):
        qtbot.addWidget(widget)
        widget.resize(width, max(widget.height(), 60))
        widget.show()
        return widget
    return show


def test_every_tooth_of_the_chart_is_found_where_it_is_drawn(shown):
    chart = shown(Odontogram())
    chart.set_state({n: "present" for n in fdi.PERMANENT}, ())
    assert [chart.number_at(chart.box(n).center()) for n in fdi.PERMANENT] == list(fdi.PERMANENT)
    assert chart.box(18).left() < chart.box(11).left() < chart.box(21).left()  # the patient's right is on the viewer's left


def test_a_click_on_the_chart_picks_and_ctrl_adds(shown):
    chart, picked = shown(Odontogram()), []
    chart.set_state({11: "present", 55: "present"}, ())
    chart.picked.connect(lambda *what: picked.append(what))
    QTest.mouseClick(chart, Qt.MouseButton.LeftButton, pos=chart.box(11).center().toPoint())
    QTest.mouseClick(chart, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ControlModifier, chart.box(11).center().toPoint())
    QTest.mouseClick(chart, Qt.MouseButton.LeftButton, pos=chart.box(21).center().toPoint())  # missing
    QTest.mouseClick(chart, Qt.MouseButton.LeftButton, pos=chart.box(15).center().toPoint())  # its deciduous tooth is there
    assert picked == [(11, False), (11, True), (55, False)]


def test_the_chart_is_reached_by_keys(shown):
    chart, picked = shown(Odontogram()), []
    chart.set_state({n: "present" for n in fdi.PERMANENT}, ())
    chart.picked.connect(lambda number, add: picked.append(number))
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Space, Qt.Key.Key_Down, Qt.Key.Key_Return):
        QTest.keyClick(chart, key)
    assert picked == [21, 31]


def test_six_numbers_of_the_first_tooth_and_none_without_a_selection(shown):
    panel, changed = shown(ToothPanel(), 320), []
    panel.changed.connect(lambda *what: changed.append(what))
    panel.show_teeth((21, 11), Move(mesial=1.2, tip=-3), "palmer")
    assert panel.title.text() == "UL1, UR1" and panel.sliders["mesial"].value == 1.2 and not changed
    panel.sliders["torque"]._propose(4)
    assert changed == [("torque", 4)]
    panel.show_teeth((21,), Move(), "fdi", locked=True)
    assert not panel.sliders["tip"].isEnabled()
    panel.show_teeth((), Move(), "fdi")
    assert panel.empty.isVisible() and not panel.title.isVisible()


def test_a_typed_movement_is_read_with_a_comma_and_nonsense_is_not(shown):
    table, edited = shown(MovementTable(), 320), []
    table.edited.connect(lambda *what: edited.append(what))
    table.show_plan((11, 12), Plan(moves=((11, Move(mesial=1.25)),), locked=(12,)), "fdi")
    model = table.model
    assert model.data(model.index(0, 0)) == "+1.2" and model.data(model.index(1, 0)) == "\N{MIDDLE DOT}"
    assert model.setData(model.index(0, 3), "2,5") and not model.setData(model.index(0, 3), "far") and not model.setData(model.index(0, 0), "900")
    assert edited == [(11, "tip", 2.5)]
    assert not model.flags(model.index(1, 0)) & Qt.ItemFlag.ItemIsEditable


def test_the_timeline_plays_to_the_end_and_stops(shown, qtbot):
    line, places = shown(Timeline(), 500), []
    line.set_lanes(2, (Lane("Upper", ((1, 2),)), Lane("Lower")))
    line.moved.connect(places.append)
    assert line.share == 1
    line.play.click()
    qtbot.waitUntil(lambda: not line.play.isChecked(), timeout=5000)
    assert places[0] == 0 and places[-1] == 2 and places == sorted(places)
    assert line.words.text() == "Planned"


def test_a_longer_plan_keeps_the_place_as_a_share(shown):
    line = shown(Timeline(), 500)
    line.set_lanes(10, (Lane("Upper"), Lane("Lower")))
    line.line.go(5)
    line.set_lanes(20, (Lane("Upper"), Lane("Lower")))
    assert line.line.place == 10 and line.words.text() == "Stage 10 of 20"


def test_a_measure_is_chosen_and_left_again(shown):
    rows, chosen = MeasureList(), []
    shown(rows)
    rows.set_rows((MeasureRow("", "Bite"), MeasureRow("overjet", "Overjet", "6.1 mm", "3.0 mm", 2.2, .1), MeasureRow("spee", "Spee", note="36 is missing")))
    rows.chosen.connect(chosen.append)
    spot = QPointF(40, rows._top(1) + 5).toPoint()
    QTest.mouseClick(rows, Qt.MouseButton.LeftButton, pos=spot)
    QTest.mouseClick(rows, Qt.MouseButton.LeftButton, pos=spot)
    QTest.keyClick(rows, Qt.Key.Key_Down)
    QTest.keyClick(rows, Qt.Key.Key_Down)
    assert chosen == ["overjet", "", "overjet", "spee"]
    rows.grab()


def test_reduction_is_offered_for_neighbours_only(shown):
    contacts, asked = shown(ContactList(), 320), []
    contacts.reduce.connect(lambda *what: asked.append(what))
    contacts.set_rows((ContactRow(31, 41, "31 - 41", .4, .12, "neighbours", .4), ContactRow(11, 41, "11 - 41", .2, None, "opposing")), .1)
    contacts.list.setCurrentRow(1)
    assert not contacts.button.isEnabled()
    contacts.list.setCurrentRow(0)
    contacts.button.click()
    assert asked == [(31, 41, .4)]
    contacts.set_rows((ContactRow(31, 41, "31 - 41", .3, None, "neighbours", .3),), .1)
    assert contacts.list.currentRow() == 0 and contacts.head.text() == "1 collision beyond 0.10 mm"


def test_a_handle_of_the_arch_is_dragged_in_millimetres(shown):
    canvas, moved = shown(ArchCanvas()), []
    x = np.linspace(-25, 25, 51)
    canvas.show_arch(ArchPicture({}, np.stack([x, x**2 / 18], -1), ((-17.0, 16.0), (17.0, 16.0))))
    canvas.dragged.connect(lambda *what: moved.append(what))
    QTest.mousePress(canvas, Qt.MouseButton.LeftButton, pos=canvas.at(17, 16).toPoint())
    point = canvas.at(18, 16.5)
    canvas.mouseMoveEvent(QMouseEvent(QEvent.Type.MouseMove, point, point, Qt.MouseButton.NoButton, Qt.MouseButton.LeftButton,
                                      Qt.KeyboardModifier.NoModifier))
    k, x1, y1 = moved[-1]
    assert k == 1 and abs(x1 - 18) < .2 and abs(y1 - 16.5) < .2


def test_words():
    assert numbered(46, "universal") == "30" and numbered(46, "palmer") == "LR6"
    assert signed(-0.04, 1) == "0.0" and signed(-1.25, 1) == "\N{MINUS SIGN}1.2"
    assert spoken(Move()) == "not moved" and spoken(Move(mesial=1.2, tip=-4.4)) == "mesial +1.2 mm, tip \N{MINUS SIGN}4\N{DEGREE SIGN}"


def test_every_tooth_of_the_chart_is_drawn_in_its_own_place(shown):
    chart = shown(Odontogram(), 286)
    for number in fdi.PERMANENT:
        crown, roots = chart.outline(number)
        place = chart.box(number).adjusted(-1, -1, 1, 1)
        assert place.contains(crown.boundingRect()) and place.contains(roots.boundingRect())
        assert (crown.boundingRect().center().y() > roots.boundingRect().center().y()) == fdi.is_upper(number)  # biting edges face each other


def test_a_few_chosen_teeth_are_named_and_many_are_counted(shown):
    panel = shown(ToothPanel(), 320)
    panel.show_teeth((21, 11), Move(), "fdi")
    assert panel.title.text() == "21, 11"
    panel.show_teeth((21, 11, 12, 22, 13, 23), Move(), "fdi")
    assert panel.title.text() == "21 and 5 more"
