from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QMenuBar, QWidget

from app.actions import MENUS, TABLE, Actions


def test_no_two_commands_share_an_id_or_a_key():
    ids = [entry.id for entry in TABLE]
    keys = [QKeySequence(key).toString() for entry in TABLE for key in entry.keys]
    assert len(ids) == len(set(ids)) and len(keys) == len(set(keys))


def test_every_command_says_what_it_does_and_has_a_menu():
    assert all(entry.tip and entry.menu in MENUS for entry in TABLE)


def test_a_command_without_a_slot_is_offered_nowhere(qtbot):
    owner, done = QWidget(), []
    qtbot.addWidget(owner)
    actions = Actions(owner, {"edit.undo": lambda: done.append("undo"), "view.log": lambda on: done.append(on)})
    assert {entry.id for entry in actions.table} == {"edit.undo", "view.log"}
    actions["edit.undo"].trigger()
    actions["view.log"].trigger()
    assert done == ["undo", True]
    bar = QMenuBar(owner)
    actions.fill(bar)
    assert [action.text() for action in bar.actions()] == ["Edit", "View"]
