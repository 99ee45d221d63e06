"""What leaves the Guidance workspace: pictures, sheets, points, plots and films, into files, the clipboard or another window."""

import tempfile
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QFileDialog, QWidget

from engines.guidance.film import form_of
from engines.guidance.outcome import Side
from engines.guidance.picture import caption, contact_sheet, save_png, save_side
from engines.job import EngineError
from widgets import plot_files, tokens
from widgets.guidance import catalog
from widgets.guidance.atlas_desk import AtlasDesk
from widgets.guidance.atlas_map import Figure
from widgets.guidance.film_saving import FilmSaving
from widgets.guidance.films import film_of
from widgets.guidance.insight import Insight
from widgets.guidance.stage import Stage
from widgets.guidance.words import inks


class Exports(QObject):
    """`save`, `save_all`, `save_plots` and `save_film` ask for a place; the methods ending in _to write there. Films go through the background lane."""

    noticed = Signal(str, str, str)  # kind, text, remedy
    worked = Signal(str)

    def __init__(self, window: QWidget, stage: Stage, insight: Insight, atlas: AtlasDesk, background: Any, document: Any, samples: Path) -> None:
        super().__init__(window)
        self._window, self._stage, self._insight, self._atlas = window, stage, insight, atlas
        self._document, self._samples = document, samples
        self.films = FilmSaving(background, self)
        self.films.worked.connect(self.worked)
        self._dragged = tempfile.TemporaryDirectory(prefix="vernier-")

    def copy(self) -> None:
        chosen = self._stage.chosen()
        if chosen is None:
            self.noticed.emit("info", "There is no image to copy.", "Toys are points: save them with Save all images.")
        else:
            self._stage.copy(*chosen)
            self.worked.emit(f"Copied image {chosen[1] + 1}")

    def save(self) -> None:
        if self._stage.grid_shown():
            return self._stage.grid.offer_save()
        chosen = self._stage.chosen()
        if chosen is None:
            return self.save_all()
        side = self._stage.outcome.sides[chosen[0]]
        dialog = QFileDialog(self._window, "Save image", f"{Path(side.settings.model).stem}-{chosen[1]:04d}.png", "PNG (*.png)")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("png")
        dialog.fileSelected.connect(lambda name: self.save_to(Path(name), side, chosen[1]))
        dialog.open()

    def save_to(self, path: Path, side: Side, index: int) -> None:
        """One image as PNG with its request."""
        try:
            save_png(path, side.images[index], caption(side) | {"image": index})
            self.worked.emit(f"Saved {path.name}")
        except EngineError as error:
            self.noticed.emit("bad", str(error), error.remedy)

    def save_all(self) -> None:
        if self._stage.outcome is None:
            return
        dialog = QFileDialog(self._window, "Save all images into a folder")
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.fileSelected.connect(lambda name: self.save_all_to(Path(name)))
        dialog.open()

    def save_all_to(self, folder: Path) -> None:
        """Every image of both sides, and one sheet per side; a toy's points as NPZ."""
        try:
            sides = self._stage.outcome.sides
            names = []
            for letter, side in zip("AB", sides, strict=False):
                place = folder / letter if len(sides) > 1 else folder
                names += save_side(side, place)
                if side.images is not None:
                    save_png(place / "sheet.png", contact_sheet(side.images), caption(side))
            self.worked.emit(f"Saved {len(names)} files in {folder.name}")
        except (EngineError, OSError) as error:
            self.noticed.emit("bad", str(error), getattr(error, "remedy", "Choose another folder."))

    def save_plots(self) -> None:
        dialog = QFileDialog(self._window, "Save all plots into a folder")
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.fileSelected.connect(lambda name: self.save_plots_to(Path(name)))
        dialog.open()

    def save_plots_to(self, folder: Path) -> None:
        """Every plot that shows something, and the atlas if there is one, as PNG, SVG and CSV."""
        atlas = self._atlas.atlas()
        figures: list[Any] = self._insight.plots() + self._stage.toys.plots(self._stage.outcome)
        if atlas is not None and atlas.done():
            names = catalog.class_names(self._atlas.settings.model, self._samples) or self._names(self._atlas.settings.model)
            figures.append(Figure(atlas, f"Atlas of {catalog.model_word(self._atlas.settings.model)}, {catalog.class_word(self._atlas.settings, names)}"))
        if not figures:
            self.noticed.emit("info", "There is no plot to save yet.", "Plots come with the first finished result.")
            return
        try:
            self.worked.emit(f"Saved {len(plot_files.save_all(figures, folder))} files in {folder.name}")
        except EngineError as error:
            self.noticed.emit("bad", str(error), error.remedy)

    def dragged(self, side: Side, index: int) -> Path | None:
        """The file that a drag out of the window hands over."""
        path = Path(self._dragged.name) / f"{Path(side.settings.model).stem}-{side.settings.seed}-{index:04d}.png"
        try:
            save_png(path, side.images[index], caption(side) | {"image": index})
        except EngineError as error:
            self.noticed.emit("bad", str(error), error.remedy)
            return None
        return path

    def save_film_to(self, path: Path) -> None:
        """The film of both sides, or of the image that is open, written on the background lane."""
        outcome, kind, image = self._stage.filmed()
        try:
            form_of(path)
            task = film_of(outcome, path, kind, image, inks=inks(tokens.current()))
        except EngineError as error:
            return self.noticed.emit("bad", str(error), error.remedy)
        self.films.save(task)

    def save_film(self) -> None:
        """Asks where the film of what is shown goes."""
        if self._stage.filmed() is None:
            return self.noticed.emit("info", "There is no film to save yet.", "It can be saved once every step of it is drawn.")
        dialog = QFileDialog(self._window, "Save film", f"{Path(self._document.request.a.model).stem}.gif",
                             "Animated GIF (*.gif);;MP4 video (*.mp4);;PNG pictures in a folder (*)")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.filterSelected.connect(lambda text: dialog.setDefaultSuffix({"A": "gif", "M": "mp4"}.get(text[:1], "")))
        dialog.setDefaultSuffix("gif")
        dialog.fileSelected.connect(lambda name: self.save_film_to(Path(name)))
        dialog.open()

    def _names(self, model: str) -> tuple[str, ...]:
        """Class names of the model in the picture, for models whose names only the engine knows."""
        outcome = self._stage.outcome
        return outcome.sides[0].class_names if outcome is not None and outcome.sides[0].settings.model == model else ()
