"""The grid on the stage: what it shows, how far it is, whether it still fits the settings; drawing, saving, adopting."""

from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFileDialog, QFrame, QGridLayout, QHBoxLayout, QMenu, QProgressBar, QPushButton, QVBoxLayout, QWidget

from engines.guidance.grid import Cell, cells
from engines.guidance.grid_list import save_list
from engines.guidance.request import DRAFT_POINTS, GuidanceRequest
from engines.guidance.sheet import save_cells, save_sheet
from engines.job import EngineError
from widgets import tokens
from widgets.guidance import catalog, grid_run, words
from widgets.guidance.axis_text import suggested
from widgets.guidance.grid_run import GridRun
from widgets.guidance.grid_view import GridView
from widgets.job_row import spoken
from widgets.notice_bar import Elided
from widgets.paint import Caption, GlyphButton

BAR_PX, BAR_HEIGHT_PX, PLATE_PX = 120, 4, 340
FORMS, FILTER, LIST = (".png", ".svg", ".csv"), "Annotated picture, PNG (*.png);;Annotated picture, SVG (*.svg);;List of the cells, CSV (*.csv)", "grid.csv"
HINT = "Point at a cell for its settings; a click or Enter adopts them. Ctrl and wheel zooms."


class GridPage(QWidget):
    """`asked`: "draw", "cancel" or "leave"; `adopted(cell)`; `noticed(kind, text, remedy)` and `worked(text)` as a workspace has them."""

    asked = Signal(str)
    adopted = Signal(object)
    noticed = Signal(str, str, str)
    worked = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Grid")
        self.run: GridRun | None = None
        self._request, self._names = GuidanceRequest(), ()
        self._compared: tuple[GuidanceRequest, GuidanceRequest] | None = None
        self._outdated, self._here = False, None
        self.view = GridView()
        self.setFocusProxy(self.view)
        self.view.chosen.connect(self.adopted)
        self.view.pointed.connect(self._point)
        self._title, self._shared = Caption("", tokens.BODY_PX, "text", semibold=True), Elided()
        self._shared.setObjectName("caption")
        self.status = Caption("", tokens.CAPTION_PX, "muted")
        self.info = Elided()
        self.info.setObjectName("caption")
        self._plate = self._make_plate()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(tokens.SPACE_XS)
        column.addLayout(self._head())
        column.addLayout(self._second_line())
        middle = QGridLayout()
        middle.addWidget(self.view, 0, 0)
        middle.addWidget(self._plate, 0, 0, Qt.AlignmentFlag.AlignCenter)
        column.addLayout(middle, 1)
        column.addWidget(self.info)
        self._point(None)

    def _head(self) -> QHBoxLayout:
        head = QHBoxLayout()
        head.setSpacing(tokens.SPACE_S)
        head.addWidget(self._title)
        head.addStretch(1)
        self.again = QPushButton("Draw again")
        self.again.setToolTip("Draw the grid with the settings in force; cells that are already there are not drawn again")
        self.again.clicked.connect(lambda: self.asked.emit("draw"))
        self.save = QPushButton("Save grid\N{HORIZONTAL ELLIPSIS}")
        self.save.setToolTip("One annotated picture (PNG, SVG), a list (CSV), or one picture a cell (Ctrl+E)")
        self.save.clicked.connect(self.offer_save)
        leave = GlyphButton("close", "Back to the samples", "Back to the samples (Esc)")
        leave.clicked.connect(lambda: self.asked.emit("leave"))
        for part in (self.again, self.save, leave):
            head.addWidget(part)
        return head

    def _second_line(self) -> QHBoxLayout:
        """What all cells share, and how far they are. Cancel lies here, not above: a second click on it must not save or draw again."""
        line = QHBoxLayout()
        line.setSpacing(tokens.SPACE_S)
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setFixedSize(BAR_PX, BAR_HEIGHT_PX)
        self._bar.setAccessibleName("Progress of the grid")
        self._bar.setRange(0, 200)
        self.stop = QPushButton("Cancel")
        self.stop.setToolTip("Stop drawing; finished cells stay")
        self.stop.clicked.connect(lambda: self.asked.emit("cancel"))
        line.addWidget(self._shared, 1)
        for part in (self.status, self._bar, self.stop):
            policy = part.sizePolicy()
            policy.setRetainSizeWhenHidden(part is self.stop)  # the cells do not jump when it goes
            part.setSizePolicy(policy)
            line.addWidget(part)
        return line

    def _make_plate(self) -> QFrame:
        """What an empty grid says."""
        plate = QFrame()
        plate.setObjectName("overlay")
        plate.setFixedWidth(PLATE_PX)
        column = QVBoxLayout(plate)
        column.setContentsMargins(*[tokens.SPACE_XL] * 4)
        column.setSpacing(tokens.SPACE_M)
        self._plate_title = Caption("", tokens.SECTION_PX, "text", semibold=True)
        self._plate_text = Caption("", tokens.BODY_PX, "muted")
        for label in (self._plate_title, self._plate_text):
            label.setWordWrap(True)
            column.addWidget(label)
        self.begin = QPushButton("Draw grid")
        self.begin.setObjectName("primary")
        self.begin.setToolTip("Draw every cell, the corners first")
        self.begin.clicked.connect(lambda: self.asked.emit("draw"))
        column.addWidget(self.begin)
        return plate

    # showing ---------------------------------------------------------------------------------------------------------
    def bind(self, run: GridRun) -> None:
        self.run = run
        run.changed.connect(self._refresh)
        run.progressed.connect(self._show_progress)

    def show_request(self, request: GuidanceRequest, names: tuple[str, ...]) -> None:
        """The settings in force: whether the grid still fits them, and which of its cells they are."""
        self._request, self._names = request, names
        if self.isVisible():
            self._refresh()

    def showEvent(self, event) -> None:  # noqa: N802
        super().showEvent(event)
        self._refresh()

    def drawn(self) -> GuidanceRequest:
        """The request of the grid in sight: the one that was drawn, or the one that would be."""
        if self.run is not None and self.run.request is not None:
            return self.run.request
        return GuidanceRequest(self._request.a, grid=self._request.grid or suggested(self._request.a))

    def _refresh(self) -> None:
        run, request = self.run, self.drawn()
        names = run.names() or self._names
        self._compare(request)
        self.view.show_grid(request, run.cells, names, self._here)
        title = words.grid_title(request.grid)
        self._title.setText(title if title.startswith(words.G) else title[:1].upper() + title[1:])
        self._shared.set_full("   ".join(words.shared_words(request.grid, request.a, names)))
        busy, outdated = run.state == grid_run.BUSY, self._outdated
        self._bar.setVisible(busy)
        self.stop.setVisible(busy)
        partly = run.state in (grid_run.CANCELLED, grid_run.FAILED)
        self.again.setVisible(not busy and run.request is not None and (outdated or partly))
        self.again.setText("Go on" if partly and not outdated else "Draw again")
        self.save.setVisible(not busy and any(cell.side is not None for cell in run.cells.values()))
        self._show_progress()
        empty = run.state == grid_run.EMPTY or (run.state == grid_run.FAILED and not any(cell.side for cell in run.cells.values()))
        self._plate.setVisible(empty)
        failed = run.state == grid_run.FAILED
        self._plate_title.setText("This grid could not be drawn" if failed else "See two controls at once")
        count = request.grid.rows * request.grid.columns
        self._plate_text.setText(run.error if failed else f"{count} cells from the same noise, one for every pair of values. "
                                 "Choose the axes under Grid in the panel on the left.")
        self._plate.adjustSize()

    def _show_progress(self) -> None:
        run, failed = self.run, sum(cell.side is None for cell in self.run.cells.values())
        text, ink = "", "muted"
        self._bar.setValue(round(200 * run.fraction))
        if run.state == grid_run.BUSY:
            left = run.seconds_left()
            text = f"{len(run.cells)} of {run.total()} cells" + (f", about {spoken(left)} left" if left is not None else "")
        elif self._outdated:
            text, ink = "The settings have changed since", "warn"
        elif run.state == grid_run.CANCELLED:
            text = f"{len(run.cells)} of {run.total()} cells, stopped"
        elif failed:
            text, ink = f"{failed} cell{'s' if failed > 1 else ''} failed", "bad"
        self.status.set_ink(ink)
        self.status.setText(text)

    def _compare(self, drawn: GuidanceRequest) -> None:
        """Whether the grid in sight is still what drawing now would draw, and which of its cells has the settings in force,
        whatever their number of images. Worked out anew only when either request has changed: a large grid has many cells."""
        if self._compared == (drawn, self._request):
            return
        self._compared = drawn, self._request
        self._outdated = self.run.outdated(GuidanceRequest(self._request.a, grid=self._request.grid or drawn.grid))
        mine = [replace(self._request.a, count=count) for count in (drawn.grid.each, DRAFT_POINTS)]
        try:
            self._here = next((place for place, settings in cells(drawn).items() if settings in mine), None)
        except EngineError:
            self._here = None

    def _point(self, cell: Cell | None) -> None:
        self.info.set_full(HINT if cell is None else self._described(cell))

    def _described(self, cell: Cell) -> str:
        request = self.drawn()
        text = words.cell_word(request.grid, cell.settings, self.run.names())
        if cell.side is None:
            return f"{text}:   {cell.error} {cell.remedy}"
        side = cell.side
        facts = [catalog.guidance_word(cell.settings), f"{cell.settings.steps} steps", f"seed {cell.settings.seed}",
                 f"{side.nfe} evaluations", f"{side.seconds:.2f} s"]
        if side.toy is not None:
            facts += [f"shift {side.toy.shift:.3f}", f"variance {side.toy.variance_ratio:.3f} of the data's"]
        return f"{text}:   {'   '.join(facts)}"

    # saving ----------------------------------------------------------------------------------------------------------
    def offer_save(self) -> None:
        """A menu of the two forms."""
        if self.save.isHidden():
            return self.noticed.emit("info", "There is no grid to save yet.", "Draw it first, or wait until it is done.")
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction("All in one: PNG, SVG, or a CSV list\N{HORIZONTAL ELLIPSIS}", self._ask_sheet)
        menu.addAction("One picture a cell, with a CSV list\N{HORIZONTAL ELLIPSIS}", self._ask_files)
        menu.popup(self.save.mapToGlobal(self.save.rect().bottomLeft()))

    def _ask_sheet(self) -> None:
        dialog = QFileDialog(self, "Save grid", f"{Path(self.drawn().a.model).stem}-grid.png", FILTER)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("png")
        dialog.filterSelected.connect(lambda text: dialog.setDefaultSuffix(text.partition("*.")[2].rstrip(")")))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda name: self.save_sheet_to(Path(name)))
        dialog.open()

    def _ask_files(self) -> None:
        dialog = QFileDialog(self, "Save every cell into a folder")
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda name: self.save_cells_to(Path(name)))
        dialog.open()

    def save_sheet_to(self, path: Path) -> None:
        """One annotated picture that carries the request, or the list of the cells, by the suffix: .png, .svg, .csv."""
        request, drawn = self.drawn(), self.run.cells.values()

        def save() -> None:
            if path.suffix.lower() not in FORMS:
                raise EngineError(f"A grid cannot be saved as {path.suffix or 'a file without a suffix'}.", remedy="Use .png, .svg or .csv.")
            if path.suffix.lower() == ".csv":
                return save_list(path, request.grid, drawn)
            save_sheet(path, request, drawn, words.legend(request, self.run.names() or self._names), words.inks(tokens.LIGHT))

        self._saved(save, f"Saved {path.name}")

    def save_cells_to(self, folder: Path) -> None:
        """One picture a cell, and a list that says which is which."""
        grid, drawn = self.drawn().grid, self.run.cells.values()

        def save() -> None:
            save_list(folder / LIST, grid, drawn, save_cells(folder, grid, drawn, words.inks(tokens.LIGHT)))

        self._saved(save, f"Saved {sum(cell.side is not None for cell in drawn)} cells and {LIST} in {folder.name}")

    def _saved(self, save, word: str) -> None:
        try:
            save()
            self.worked.emit(word)
        except EngineError as error:
            self.noticed.emit("bad", str(error), error.remedy)
