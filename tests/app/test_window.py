"""The window with a made-up workspace whose engine the test lets through."""

from dataclasses import dataclass
from threading import Event

import pytest
from PySide6.QtCore import QCoreApplication, QMimeData, QUrl, Signal
from PySide6.QtWidgets import QWidget

from app.actions import TABLE
from app.logs import Log
from app.notices import Notices
from app.settings import Settings, SettingsFile
from app.theme import Theme
from app.window import Window
from app.workspaces import Row
from engines.job import EngineError
from widgets import tokens


@dataclass(frozen=True)
class Ask:
    number: int = 0


class Slow:
    """Works until the test lets it through or the job is cancelled."""

    let = Event()

    def run(self, request, job):
        if request.number < 0:
            raise EngineError("The number is negative.", remedy="Use another.")
        for step in range(10_000):
            job.progress(step, 10_000, "Counting")
            if self.let.wait(0.002):
                return request
        return request

    def close(self):
        pass


class Panel(QWidget):
    noticed, worked, kept_changed, writing = Signal(str, str, str), Signal(str), Signal(), Signal(str, float)

    def __init__(self, document, worker, background):
        super().__init__()
        self.document, self.worker, self.shown, self.opened, self.extra, self.says = document, worker, {}, [], {}, ()

    def start(self):
        self.worker.submit(self.document.request)

    def open_path(self, path):
        if path.suffix == ".bad":
            raise EngineError(f"{path.name} is damaged.", remedy="Another.")
        self.opened.append(path)
        return path.suffix == ".good"

    def commands(self):
        return {}

    def escape(self):
        return False

    def stop_writing(self):
        self.extra = {"stopped": True}

    def shows(self, ticket):
        return ticket in self.says

    def kept(self):
        return self.extra

    def set_kept(self, values):
        self.extra = values

    def set_panel_visible(self, panel, shown):
        self.shown[panel] = shown


def row(name="count"):
    return Row(name, name.title(), "guidance", Ask, lambda ask: {"vernier": 1, "n": ask.number}, lambda values: Ask(values["n"]), Panel, lambda device: Slow(),
               marks=(("One", "First."), ("Two", "Second."), ("Three", "Third.")))


WELCOMED = Settings(welcomed=True)


@pytest.fixture
def opened(qtbot, qapp, tmp_path):
    made = []

    def open_(rows=None, settings=WELCOMED):
        log, notices = Log(tmp_path / "logs"), Notices()
        window = Window(tmp_path, SettingsFile(tmp_path), settings, Theme(qapp, settings.theme), log, notices, rows or (row(),))
        made.append((window, log))
        window.show()
        window.start()
        return window
    Slow.let.clear()
    yield open_
    for window, log in made:
        window._closing = True
        window.close()
        window.deleteLater()
        log.close()
    qapp.setStyleSheet("")
    tokens.use(tokens.DARK)


def test_a_running_job_is_shown_and_cancelled_with_escape(opened, qtbot):
    window = opened()
    qtbot.waitUntil(lambda: window.job_row.busy() and window.job_row.text() == "Counting")
    window.actions_["job.cancel"].trigger()
    qtbot.waitUntil(lambda: not window.job_row.busy())
    assert window.notice_bar.notice() is None  # a cancel is no error


def test_closing_in_the_middle_of_a_job_ends_its_thread(opened, qtbot):
    window = opened()
    qtbot.waitUntil(window.job_row.busy)
    assert window.close()
    assert not window.workers["count"].isRunning()


def test_an_engine_error_becomes_a_notice_and_the_window_goes_on(opened, qtbot):
    window = opened()
    window.workers["count"].submit(Ask(-1))
    window.workers["count"].cancel()
    window.workers["count"].submit(Ask(-1))
    qtbot.waitUntil(lambda: window.notice_bar.notice() is not None)
    assert window.notice_bar.notice().text == "The number is negative." and not window.job_row.busy()


def test_undo_and_redo_say_what_they_do(opened):
    window = opened()
    window.documents["count"].replace(Ask(3), "three")
    assert window.actions_["edit.undo"].text() == "Undo three" and window.actions_["edit.undo"].isEnabled()
    window.actions_["edit.undo"].trigger()
    assert window.documents["count"].request == Ask(0) and window.actions_["edit.redo"].text() == "Redo three"


def drop(window, path):
    class Dropped:
        def mimeData(self):  # noqa: N802
            data = QMimeData()
            data.setUrls([QUrl.fromLocalFile(str(path))])
            self.kept = data
            return data

        def acceptProposedAction(self):  # noqa: N802
            pass
    window.dropEvent(Dropped())


@pytest.mark.parametrize(("name", "notice"), [("x.good", None), ("x.bad", "x.bad is damaged."), ("x.odd", "Vernier cannot open x.odd.")])
def test_a_dropped_file_goes_to_who_takes_it_or_is_refused_by_name(opened, qtbot, tmp_path, name, notice):
    window = opened()
    drop(window, tmp_path / name)
    assert (window.notice_bar.notice().text if notice else window.notice_bar.notice()) == notice


def test_a_folder_with_nothing_in_it_is_refused_and_told_what_was_looked_for(opened, tmp_path):
    window = opened()
    (tmp_path / "empty").mkdir()
    assert not window.open_path(tmp_path / "empty")
    notice = window.notice_bar.notice()
    assert "empty" in notice.text and "model_index.json" in notice.remedy and notice.kind == window.notice_bar.property("kind") == "bad"


def test_save_open_and_recent(opened, tmp_path):
    window = opened()
    window.documents["count"].replace(Ask(5), "five")
    assert window._save_to(tmp_path / "mine")
    assert (tmp_path / "mine.vernier").exists() and window.windowTitle().startswith("mine.vernier")
    window.documents["count"].replace(Ask(6), "six")
    assert "*" in window.windowTitle()
    window.open_path(tmp_path / "mine.vernier")
    assert window.documents["count"].request == Ask(5)
    assert window.settings.recent == (str(tmp_path / "mine.vernier"),)


def test_closing_with_unsaved_changes_asks_in_the_window(opened, tmp_path):
    window = opened()
    window._save_to(tmp_path / "mine.vernier")
    window.documents["count"].replace(Ask(6), "six")
    assert not window.close() and window.question.isVisible()
    save, dont, cancel = window.question.answers()
    cancel.click()
    assert window.isVisible() and not window.question.isVisible()
    window.close()
    window.question.answers()[0].click()
    assert not window.isVisible()
    window.keeper.open(tmp_path / "mine.vernier")
    assert window.documents["count"].request == Ask(6)


def test_a_failed_save_does_not_close(opened, tmp_path):
    window = opened()
    folder = tmp_path / "there"
    folder.mkdir()
    window._save_to(folder / "mine.vernier")
    window.documents["count"].replace(Ask(6), "six")
    (folder / "mine.vernier").unlink()
    folder.rmdir()
    folder.write_text("now a file")
    window.close()
    window.question.answers()[0].click()
    assert window.isVisible() and "could not be saved" in window.notice_bar.notice().text


def test_the_theme_is_chosen_and_remembered(opened, tmp_path):
    window = opened()
    window.actions_["view.light"].trigger()
    assert tokens.current() is tokens.LIGHT and window.actions_["view.light"].isChecked() and not window.actions_["view.dark"].isChecked()
    window.actions_["view.dark"].trigger()
    assert tokens.current() is tokens.DARK
    window.close()
    assert SettingsFile(tmp_path).load()[0].theme == "dark"


def test_panels_fold_and_the_insight_folds_by_itself_in_a_narrow_window(opened):
    window = opened()
    panel = window.workspaces["count"]
    window.resize(1440, 800)
    window.actions_["view.controls"].trigger()
    assert panel.shown == {"controls": False, "insight": True}
    window.resize(1024, 640)
    assert panel.shown["insight"] is False and window.settings.insight_shown  # the person's wish is kept
    window.actions_["view.insight"].trigger()
    assert panel.shown["insight"] is True  # for the moment
    window.actions_["view.insight"].trigger()
    assert panel.shown["insight"] is False and window.settings.insight_shown
    window.resize(1440, 800)
    assert panel.shown["insight"] is True


def test_the_palette_finds_and_runs_a_command(opened, qtbot):
    from PySide6.QtCore import Qt
    from PySide6.QtTest import QTest
    window = opened()
    window.actions_["help.palette"].trigger()
    QTest.keyClicks(window._palette.field, "light th")
    QTest.keyClick(window._palette.field, Qt.Key.Key_Return)
    assert tokens.current() is tokens.LIGHT and not window._palette.isVisible()


def test_a_command_that_is_not_there_does_nothing(opened):
    from PySide6.QtCore import Qt
    from PySide6.QtTest import QTest
    window = opened()
    window._palette.present()
    QTest.keyClicks(window._palette.field, "zzzz")
    QTest.keyClick(window._palette.field, Qt.Key.Key_Return)
    assert window._palette.isVisible() and window._palette.list.item(0).text() == "No command of that name"


def test_the_shortcut_sheet_lists_every_key(opened):
    from PySide6.QtWidgets import QLabel
    window = opened()
    window.actions_["help.keys"].trigger()
    assert window._sheet.isVisible()
    assert window._sheet._area.widget().width() <= window._sheet._area.viewport().width()  # no key is cut off
    listed = " ".join(label.text() for label in window._sheet.findChildren(QLabel))
    assert all(key in listed for entry in window.actions_.table for key in entry.keys if "Ctrl" in key)
    window.actions_["job.cancel"].trigger()
    assert not window._sheet.isVisible()


def test_every_command_of_the_table_has_a_slot(opened):
    assert {entry.id for entry in TABLE} - {entry.id for entry in opened().actions_.table} == {
        entry.id for entry in TABLE if entry.scope in ("guidance", "teeth", "gan")}  # these workspaces are not in this window


@pytest.mark.logs_errors
def test_a_failure_that_the_page_in_sight_tells_is_not_told_again_but_a_bug_always_is(opened):
    window = opened()
    window.workspaces["count"].says, failed = (1,), window.backgrounds["count"].failed
    failed.emit(1, EngineError("The folder is empty."))
    assert window.notice_bar.notice() is None
    failed.emit(2, EngineError("The disk is full."))
    assert window.notice_bar.notice().text == "The disk is full."
    failed.emit(1, ZeroDivisionError("zero"))
    assert "ZeroDivisionError" in window.notice_bar.notice().text


def test_what_is_written_beside_the_job_has_its_own_place_in_the_row_and_its_own_cancel(opened):
    window = opened()
    row, workspace = window.job_row, window.workspaces["count"]
    assert not row._stop.isVisible()
    workspace.writing.emit("Writing a.gif, step 3 of 5", 0.6)
    assert row._stop.isVisible() and row.writing() == "Writing a.gif, step 3 of 5" and row._written.value() == 600 and row.busy()
    row._stop.click()
    assert workspace.extra == {"stopped": True} and row.busy()  # the job in front goes on
    workspace.writing.emit("", -1.0)
    assert not row._stop.isVisible() and not row._written.isVisible()


def test_a_second_workspace_is_built_when_it_is_first_shown(opened):
    window = opened((row("one"), row("two")))
    assert set(window.workspaces) == {"one"}
    window.tabs["two"].click()
    assert set(window.workspaces) == {"one", "two"} and window.stack.currentWidget() is window.workspaces["two"]


def test_the_first_start_shows_three_notes_that_can_be_dismissed_for_good(opened, tmp_path):
    window = opened(settings=Settings())
    for _ in range(3):
        window._welcome.next.click()
    assert window.settings.welcomed and SettingsFile(tmp_path).load()[0].welcomed


@pytest.mark.parametrize("size", [(1440, 900), (1280, 720), (1024, 640)])
def test_the_notes_of_the_first_start_cover_nothing_and_escape_ends_them(opened, tmp_path, size):
    window = opened(settings=Settings())
    window.resize(*size)
    QCoreApplication.processEvents()
    card = window._welcome
    places = [part.geometry() for part in (window.stack, window.job_row)]
    assert card.isVisible() and card.parentWidget() is window.stack.parentWidget() and not any(place.intersects(card.geometry()) for place in places)
    assert card.height() < 80 and card._text.width() > 300
    window.actions_["job.cancel"].trigger()
    assert window._welcome is None and window.settings.welcomed and SettingsFile(tmp_path).load()[0].welcomed


def test_the_first_window_fits_its_screen(opened):
    window = opened()
    room = window.screen().availableSize()
    assert window.width() <= max(room.width(), window.minimumWidth()) and window.height() <= max(room.height(), window.minimumHeight())


def test_a_bug_report_holds_nothing_of_a_patient(qtbot, qapp, tmp_path):
    from engines.teeth import request as dental

    class Panelled(Panel):
        pass

    teeth = Row("teeth", "Teeth", "teeth", lambda: dental.TeethRequest(patient=dental.Patient("Somebody", "1999", "notes")), dental.wrap, dental.unwrap,
                Panelled, lambda device: Slow())
    assert "Somebody" not in str(dental.wrap(teeth.request().anonymous()))


class Switching(Panel):
    switched = Signal(str, bool)

    def start(self):
        super().start()
        self.switched.emit("teeth.labels", True)

    def commands(self):
        return {"teeth.distance": lambda on: self.switched.emit("teeth.distance", on)}


def test_a_switch_that_another_one_turned_off_goes_on_at_the_next_key(opened):
    teeth = Row("teeth", "Teeth", "guidance", Ask, lambda ask: {"vernier": 1, "n": ask.number}, lambda values: Ask(values["n"]), Switching,
                lambda device: Slow(), marks=(("One", "First."),))
    window = opened(rows=(teeth,))
    action = window.actions_["teeth.distance"]
    assert window.actions_["teeth.labels"].isChecked() and not action.isChecked()
    action.trigger()
    window.workspaces["teeth"].switched.emit("teeth.distance", False)  # as the occlusogram does
    assert not action.isChecked()
    action.trigger()
    assert action.isChecked()
