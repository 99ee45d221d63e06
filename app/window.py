"""The window: tabs over workspaces, notices, job row; owns documents and engine threads, and closes them in order."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QSettings, QSize, Qt, QTimer
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QButtonGroup, QFileDialog, QHBoxLayout, QLabel, QMainWindow, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from app.actions import TABLE as TABLE_OF_ACTIONS
from app.actions import Actions
from app.documents import Document
from app.keeper import Keeper
from app.logs import Log
from app.notices import Notices
from app.settings import Settings, SettingsFile
from app.theme import Theme
from app.workspaces import TABLE, LazyEngine, Row
from engines.job import EngineError
from engines.worker import BackgroundWorker, EngineWorker
from widgets import glyphs, tokens
from widgets.job_row import JobRow
from widgets.log_panel import LogPanel
from widgets.notice_bar import Notice, NoticeBar, QuestionBar
from widgets.paint import GlyphButton
from widgets.palette import Palette
from widgets.shortcut_sheet import ShortcutSheet
from widgets.welcome import Welcome

SIZE_PX, LEAST_PX, NARROW_PX, MACHINE_MS = (1440, 900), (880, 540), 1120, 2000
CLOSE_MS = 30_000  # importing torch on a busy machine takes longer than any engine step
FILTER = "Vernier (*.vernier *.png *.safetensors *.tuned.json *.stl *.ply *.obj *.vtp *.dcm *.zip *.tar *.tar.gz *.tar.xz *.csv);;All files (*)"


class Window(QMainWindow):
    """`start` once it is shown; `rows` can be replaced by a test's own workspaces."""

    def __init__(self, home: Path, settings_file: SettingsFile, settings: Settings, theme: Theme, log: Log,
                 notices: Notices, rows: tuple[Row, ...] = TABLE) -> None:
        super().__init__()
        self._home, self._settings_file, self.settings, self._theme, self._log = home, settings_file, settings, theme, log
        self.notices, self._rows, self._closing = notices, {row.id: row for row in rows}, False
        self.documents = {row.id: Document(row.request(), self) for row in rows}
        self.workers: dict[str, EngineWorker] = {}
        self.backgrounds: dict[str, BackgroundWorker] = {}
        self.workspaces: dict[str, QWidget] = {}
        self.keeper = Keeper(self._rows, self.documents, home, self)
        self.setAcceptDrops(True)
        self.setMinimumSize(*LEAST_PX)
        self._lay_out()
        self.actions_ = Actions(self, self._slots())
        self.actions_.fill(self.menuBar())
        self._recent_menu()
        self._palette = Palette(self, [self.actions_[entry.id] for entry in self.actions_.table])
        self._sheet = ShortcutSheet(self, self.actions_.groups(), {"Sliders": [
            ("Ten times finer", "Shift"), ("Ten steps", "Page keys"), ("To the ends", "Home, End"), ("Back to the default", "Double click")]})
        self._welcome: Welcome | None = None
        self._machine = QTimer(self)
        self._machine.setInterval(MACHINE_MS)
        self._machine.timeout.connect(self._tell_machine)
        self._connect()
        self._show_theme()
        self._renamed()
        places = QSettings(str(home / "window.ini"), QSettings.Format.IniFormat)
        if (saved := places.value("geometry")) is None or not self.restoreGeometry(saved):
            self.resize(QSize(*SIZE_PX).boundedTo(self.screen().availableSize()))

    def _lay_out(self) -> None:
        body = QWidget()
        body.setObjectName("window")
        self.notice_bar, self.question, self.job_row = NoticeBar(), QuestionBar(), JobRow()
        self.stack = QStackedWidget()
        self.log_panel = LogPanel(self._log.ring, closed=lambda: self._show_log(False))
        self.log_panel.hide()
        column = QVBoxLayout(body)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._top_bar())
        for part in (self.notice_bar, self.question):
            column.addWidget(part)
        column.addWidget(self.stack, 1)
        column.addWidget(self.log_panel)
        column.addWidget(self.job_row)
        self._column = column
        self.setCentralWidget(body)
        for _ in self._rows:
            self.stack.addWidget(QWidget())

    def _top_bar(self) -> QWidget:
        bar = QWidget()
        bar.setObjectName("topBar")
        bar.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        row = QHBoxLayout(bar)
        row.setContentsMargins(tokens.SPACE_L, 0, tokens.SPACE_S, 0)
        row.setSpacing(tokens.SPACE_XS)
        self._logo = QLabel()
        self._logo.setAccessibleName("Vernier")
        brand = QLabel("Vernier")
        brand.setObjectName("brand")
        row.addWidget(self._logo)
        row.addWidget(brand)
        row.addSpacing(tokens.SPACE_L)
        self.tabs: dict[str, QPushButton] = {}
        group = QButtonGroup(self)
        for number, entry in enumerate(self._rows.values(), 1):
            tab = QPushButton(entry.title)
            tab.setObjectName("tab")
            tab.setCheckable(True)
            tab.setAccessibleName(f"{entry.title} workspace")
            tab.setShortcut(f"Ctrl+{number}")
            tab.setToolTip(f"{entry.title} (Ctrl+{number})")
            tab.clicked.connect(lambda _=False, name=entry.id: self.activate(name))
            group.addButton(tab)
            row.addWidget(tab)
            self.tabs[entry.id] = tab
        row.addStretch(1)
        self._search = QPushButton("Find a command   Ctrl+K")
        self._search.setObjectName("search")
        self._search.setAccessibleName("Command palette")
        self._search.clicked.connect(lambda: self._palette.present())
        self._help = GlyphButton("help", "Keyboard shortcuts", "All keys at a glance (F1)")
        self._help.clicked.connect(lambda: self._sheet.present())
        self._shade = GlyphButton("theme", "Dark or light", "Dark or light theme")
        self._shade.clicked.connect(lambda: self._choose_theme("light" if tokens.current() is tokens.DARK else "dark"))
        for part in (self._search, self._help, self._shade):
            row.addWidget(part)
        return bar

    def _slots(self) -> dict[str, Callable[..., object]]:
        slots: dict[str, Callable[..., object]] = {
            "file.new": self._new, "file.open": self._ask_open, "file.open_folder": self._ask_folder, "file.save": self.save, "file.save_as": self._ask_save,
            "file.quit": self.close, "edit.undo": lambda: self._document().undo_stack.undo(),
            "edit.redo": lambda: self._document().undo_stack.redo(), "view.controls": lambda on: self._fold("controls", on),
            "view.insight": lambda on: self._fold("insight", on), "view.log": self._show_log,
            "view.full": lambda on: self.showFullScreen() if on else self.showNormal(),
            "job.cancel": self._escape, "help.palette": lambda: self._palette.present(), "help.keys": lambda: self._sheet.present(),
            "help.welcome": self._show_welcome, "help.about": self._about}
        slots |= {f"view.{choice}": lambda _=True, choice=choice: self._choose_theme(choice) for choice in ("system", "dark", "light")}
        slots |= {entry.id: lambda *on, name=entry.id: self._command(name, *on) for entry in TABLE_OF_ACTIONS if entry.scope in self._rows}
        return slots

    def _connect(self) -> None:
        self.notices.posted.connect(self.notice_bar.show_notice)
        self.keeper.failed.connect(self.notices.fail)
        self.keeper.named.connect(self._renamed)
        self.job_row.cancelled.connect(self._cancel)
        for document in self.documents.values():
            document.undo_stack.indexChanged.connect(self._show_undo)  # a lambda would outlive the window
        self._show_undo()

    # workspaces ------------------------------------------------------------------------------------------------------
    def start(self, files: tuple[Path, ...] = ()) -> None:
        """After the first paint: brings the work back, builds the active workspace, opens `files`."""
        after_kill = self.keeper.recover()
        self.activate(self.keeper.active)
        if after_kill:
            self.notice_bar.show_notice(Notice("info", "Vernier did not end cleanly last time. Your work is back.", "",
                                               action=("Start afresh", self._new)))
        for path in files:
            self.open_path(path)
        self._machine.start()
        if not self.settings.welcomed:
            self._show_welcome()

    def activate(self, name: str) -> None:
        """Brings a workspace to the front; builds it and its engine thread at the first time."""
        self.keeper.active = name
        self.tabs[name].setChecked(True)
        if name not in self.workspaces:
            row = self._rows[name]
            engine = LazyEngine(lambda: row.engine(self.settings.device))
            worker, background = EngineWorker(engine, self), BackgroundWorker(engine.carry_out, self)
            background.failed.connect(lambda ticket, error, name=name: self._background_failed(name, ticket, error))
            worker.failed.connect(self.notices.fail)
            worker.busy.connect(lambda busy, name=name: self.job_row.set_busy(busy) if name == self.keeper.active else None)
            worker.progress.connect(lambda part, text, name=name: self.job_row.set_progress(part, text) if name == self.keeper.active else None)
            workspace = row.widget(self.documents[name], worker, background)
            workspace.noticed.connect(self.notices.post)
            workspace.worked.connect(self.job_row.say)
            workspace.kept_changed.connect(self.keeper.touch)
            workspace.writing.connect(self.job_row.set_writing)
            if hasattr(workspace, "switched"):
                workspace.switched.connect(lambda command, on: self.actions_[command].setChecked(on))
            self.job_row.writing_cancelled.connect(workspace.stop_writing)
            self.workers[name], self.backgrounds[name], self.workspaces[name] = worker, background, workspace
            index = list(self._rows).index(name)
            blank = self.stack.widget(index)
            self.stack.removeWidget(blank)
            blank.deleteLater()
            self.stack.insertWidget(index, workspace)
            self.keeper.register(name, (workspace.kept, workspace.set_kept))
            worker.start()
            background.start()
            workspace.start()
            self._show_wished()
        self.stack.setCurrentWidget(self.workspaces[name])
        self.actions_.scope(name, self._rows)
        if self._welcome is not None:
            self._show_welcome()
        self._show_undo()

    def _background_failed(self, name: str, ticket: int, error: Exception) -> None:
        """A notice, unless the page in sight says it itself; a bug always gets its report."""
        if not isinstance(error, EngineError) or not self.workspaces[name].shows(ticket):
            self.notices.fail(error)

    def _document(self) -> Document:
        return self.documents[self.keeper.active]

    def _command(self, name: str, *on: bool) -> None:
        workspace = self.workspaces.get(name.partition(".")[0])
        if workspace is not None:
            workspace.commands()[name](*on)

    def _fold(self, panel: str, shown: bool) -> None:
        """As the person asks. In a narrow window, where insight is folded by itself, it comes for the moment."""
        if panel != "insight" or self.width() >= NARROW_PX:
            self.settings = replace(self.settings, **{f"{panel}_shown": shown})
        self._show_panel(panel, shown)

    def _show_panel(self, panel: str, shown: bool) -> None:
        self.actions_[f"view.{panel}"].setChecked(shown)
        for workspace in self.workspaces.values():
            workspace.set_panel_visible(panel, shown)

    def _show_wished(self) -> None:
        """The panels of the settings, without insight in a narrow window."""
        self._show_panel("controls", self.settings.controls_shown)
        self._show_panel("insight", self.settings.insight_shown and self.width() >= NARROW_PX)

    def _cancel(self) -> None:
        self.workers[self.keeper.active].cancel()

    def _escape(self) -> None:
        """Escape closes what lies on top, and stops the job when nothing does."""
        for overlay in (self._palette, self._sheet):
            if overlay.isVisible():
                return overlay.dismiss()
        if self.question.isVisible():
            return self.question.answers()[-1].click()
        workspace = self.workspaces.get(self.keeper.active)
        if workspace is not None and workspace.escape():
            return None
        if self._welcome is not None:
            return self._welcome.dismiss()
        if self.keeper.active in self.workers:
            self._cancel()

    # files -----------------------------------------------------------------------------------------------------------
    def open_path(self, path: Path) -> bool:
        """A session, or anything a workspace takes. False, with a notice, for anything else."""
        try:
            if path.suffix.lower() == ".vernier":
                self.keeper.open(path)
                self.activate(self.keeper.active)
                self._remember(path)
                return True
            if self._opened(path):
                return True
            if path.is_dir():
                raise EngineError(f"There is nothing to open in {path.name}.",
                                  remedy="Choose a folder with a model_index.json, with pictures by class, or with dental meshes.")
            raise EngineError(f"Vernier cannot open {path.name}.",
                              remedy="It opens *.vernier sessions, PNG pictures it saved, .safetensors models and tables, dental cases (STL, PLY, OBJ, "
                                     "VTP, DICOM; a file, a folder, a zip) and points for the GAN lab (CSV); with Open folder diffusers folders and "
                                     "pictures by class.")
        except EngineError as error:
            self.notices.fail(error)
        return False

    def _opened(self, path: Path) -> bool:
        """By the workspace in front if files of this look are its own, else by the first one whose they are."""
        for name in sorted(self._rows, key=lambda name: name != self.keeper.active):
            if self._rows[name].takes(path):
                self.activate(name)
                return self.workspaces[name].open_path(path)
        return False

    def save(self) -> None:
        if self.keeper.path is None:
            return self._ask_save()
        self._save_to(self.keeper.path)

    def _save_to(self, path: Path) -> bool:
        path = path if path.suffix == ".vernier" else path.with_name(f"{path.name}.vernier")
        try:
            self.keeper.save(path)
        except EngineError as error:
            self.notices.fail(error)
            return False
        self._remember(path)
        self.job_row.say(f"Saved {path.name}")
        return True

    def _remember(self, path: Path) -> None:
        self.settings = self.settings.with_recent(path)
        self._recent_menu()

    def _ask_open(self) -> None:
        dialog = QFileDialog(self, "Open", self.settings.folder, FILTER)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setOption(QFileDialog.Option.HideNameFilterDetails)
        dialog.fileSelected.connect(lambda name: self.open_path(Path(name)))
        self._present(dialog)

    def _ask_folder(self) -> None:
        dialog = QFileDialog(self, "Open folder", self.settings.folder)
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        dialog.fileSelected.connect(lambda name: self.open_path(Path(name)))
        self._present(dialog)

    def _ask_save(self) -> None:
        dialog = QFileDialog(self, "Save session", self.settings.folder, "Vernier sessions (*.vernier)")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("vernier")
        dialog.fileSelected.connect(lambda name: self._save_to(Path(name)))
        self._present(dialog)

    def _present(self, dialog: QFileDialog) -> None:
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()

    def _new(self) -> None:
        self._when_safe(lambda: (self.keeper.new(), self.activate(self.keeper.active)))

    def _when_safe(self, then: Callable[[], object]) -> None:
        """`then` at once, or after the person has said what becomes of a changed file."""
        if not self.keeper.dirty:
            then()
            return
        self.question.ask(f"{self.keeper.path.name} has changes that are not saved.",
                          [("Save", lambda: then() if self._save_to(self.keeper.path) else None), ("Don't save", then), ("Cancel", lambda: None)])

    def _recent_menu(self) -> None:
        menu = next(action.menu() for action in self.menuBar().actions() if action.text() == "File")
        for action in [action for action in menu.actions() if action.objectName() == "recent"]:
            menu.removeAction(action)
        quit_ = self.actions_["file.quit"]
        for path in map(Path, self.settings.recent):
            action = menu.addAction(path.name)
            action.setObjectName("recent")
            action.setToolTip(str(path))
            action.triggered.connect(lambda _=False, path=path: self.open_path(path))
            menu.insertAction(quit_, action)
        if self.settings.recent:
            menu.insertSeparator(quit_).setObjectName("recent")

    def dragEnterEvent(self, event) -> None:  # noqa: N802
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event) -> None:  # noqa: N802
        event.acceptProposedAction()
        for url in event.mimeData().urls():
            self.open_path(Path(url.toLocalFile()))

    # frame -----------------------------------------------------------------------------------------------------------
    def _renamed(self) -> None:
        name = self.keeper.path.name if self.keeper.path else "Vernier"
        self.setWindowTitle(f"{name}{' *' if self.keeper.dirty else ''}{' - Vernier' if self.keeper.path else ''}")

    def _show_undo(self, index: int = 0) -> None:
        stack = self._document().undo_stack
        for name, word, can, text in (("edit.undo", "Undo", stack.canUndo(), stack.undoText()),
                                      ("edit.redo", "Redo", stack.canRedo(), stack.redoText())):
            self.actions_[name].setEnabled(can)
            self.actions_[name].setText(f"{word} {text}".strip())

    def _show_log(self, shown: bool) -> None:
        self.log_panel.setVisible(shown)
        self.actions_["view.log"].setChecked(shown)

    def _choose_theme(self, choice: str) -> None:
        self._theme.choose(choice)
        self.settings = replace(self.settings, theme=choice)
        self._show_theme()

    def _show_theme(self) -> None:
        for choice in ("system", "dark", "light"):
            self.actions_[f"view.{choice}"].setChecked(self._theme.choice == choice)
        accent, muted = tokens.current().accent, tokens.current().muted
        self._logo.setPixmap(glyphs.pixmap("logo", accent))
        self.setWindowIcon(QIcon(glyphs.pixmap("logo", accent, 4.0)))
        for name, tab in self.tabs.items():
            tab.setIcon(glyphs.icon(self._rows[name].glyph, muted, accent))

    def _show_welcome(self) -> None:
        """The coach marks of the workspace in front; those of another one make room."""
        if self._welcome is not None:
            self._column.removeWidget(self._welcome)
            self._welcome.hide()
            self._welcome.deleteLater()
            self._welcome = None
        if self._rows[self.keeper.active].marks:
            self._welcome = Welcome(self._rows[self.keeper.active].marks)
            self._welcome.dismissed.connect(self._welcomed)
            self._column.insertWidget(self._column.indexOf(self.log_panel), self._welcome)

    def _welcomed(self) -> None:
        self._welcome = None
        self.settings = replace(self.settings, welcomed=True)
        self._store_settings()

    def _about(self) -> None:
        self.notices.post("info", "Vernier, MIT licence.", "Pictures: Fluent Emoji (c) Microsoft, MIT; Fashion-MNIST, Zalando SE, MIT. More in README.md.")

    def _tell_machine(self) -> None:
        """Device and memory, once an engine has brought its libraries in."""
        import sys

        import psutil

        text = f"{psutil.Process().memory_info().rss / 2**30:.1f} GB"
        if self.workspaces and "torch" in sys.modules and hasattr(sys.modules["torch"], "get_num_threads"):
            from engines.device import spoken

            text = f"{spoken(self.settings.device)}  {text}"
        self.job_row.set_machine(text)

    def facts(self) -> dict[str, object]:
        """What a bug report adds: the workspace and its request, without what belongs to a person."""
        name = self.keeper.active
        request = self.documents[name].request
        return {"workspace": name, "request": self._rows[name].wrap(request.anonymous() if hasattr(request, "anonymous") else request)}

    def resizeEvent(self, event) -> None:  # noqa: N802
        super().resizeEvent(event)
        narrow = self.width() < NARROW_PX
        if narrow != (event.oldSize().width() < NARROW_PX):
            self._show_wished()

    def closeEvent(self, event) -> None:  # noqa: N802
        if self.keeper.dirty and not self._closing:
            event.ignore()
            return self._when_safe(self._close_now)
        self._machine.stop()
        self.hide()  # an engine that is still importing its libraries cannot be interrupted; nobody has to watch it end
        for worker in (*self.backgrounds.values(), *self.workers.values()):
            if not worker.close(CLOSE_MS):
                worker.terminate()
                worker.wait()
        self.keeper.finish()
        self._store_settings()
        QSettings(str(self._home / "window.ini"), QSettings.Format.IniFormat).setValue("geometry", self.saveGeometry())
        event.accept()

    def _close_now(self) -> None:
        self._closing = True
        self.close()

    def _store_settings(self) -> None:
        try:
            self._settings_file.save(self.settings)
        except OSError as error:
            self.notices.fail(EngineError(f"The settings could not be saved: {error.strerror or error}.", remedy="Free some space."))
