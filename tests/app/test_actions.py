from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QMenuBar, QWidget

from app.actions import MENUS, TABLE, Actions

WORKSPACES = ("guidance", "teeth", "gan")


def test_no_two_commands_share_an_id_nor_two_that_are_there_together_a_key():
    ids = [entry.id for entry in TABLE]
    assert len(ids) == len(set(ids))
    for active in WORKSPACES:
        keys = [QKeySequence(key).toString() for entry in TABLE if entry.scope in (active,) or entry.scope not in WORKSPACES for key in entry.keys]
        assert len(keys) == len(set(keys))


def test_a_workspaces_commands_are_there_while_it_is_in_front(qtbot):
    owner = QWidget()
    qtbot.addWidget(owner)
    actions = Actions(owner, {"guidance.flip": lambda: None, "teeth.split": lambda on: None, "edit.undo": lambda: None})
    bar = QMenuBar(owner)
    actions.fill(bar)
    actions.scope("teeth", WORKSPACES)
    assert actions["teeth.split"].isEnabled() and actions["edit.undo"].isEnabled() and not actions["guidance.flip"].isEnabled()
    assert [action.text() for action in bar.actions() if action.isVisible()] == ["Edit", "Teeth"]
    actions.scope("guidance", WORKSPACES)
    assert not actions["teeth.split"].isEnabled() and actions["guidance.flip"].isEnabled()


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
