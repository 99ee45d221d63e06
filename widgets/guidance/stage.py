"""The picture: samples of one or two sides, ways to compare them, one image large beside its nearest training image."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PySide6.QtCore import Signal
from PySide6.QtGui import QGuiApplication, QImage
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from engines.guidance.outcome import Outcome, Side
from engines.guidance.request import GuidanceRequest
from widgets import tokens
from widgets.guidance import catalog, film_frames
from widgets.guidance.closeup import Closeup
from widgets.guidance.film_strip import FilmStrip
from widgets.guidance.grid_page import GridPage
from widgets.guidance.toy_view import ToyView
from widgets.image_view import ImageGrid, difference, to_qimage
from widgets.paint import Caption, GlyphButton


class Stage(QWidget):
    """Shows outcomes. `asked(command)` carries the toolbar's wishes: "compare", "swap", "save", ...; `view_asked` a view."""

    asked = Signal(str)
    view_asked = Signal(str)
    left = Signal()  # Escape on another page

    def __init__(self, samples: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("stage")
        self.outcome: Outcome | None = None
        self.exporter: Callable[[Side, int], Path | None] = lambda side, index: None
        self._flipped, self._kind, self._extra = False, "predicted", []
        self._request = GuidanceRequest()
        self._titles = [Caption("", tokens.BODY_PX, ink, semibold=True) for ink in ("accent", "second")]
        self._draft = Caption("", tokens.CAPTION_PX, "muted")
        self.grids = [ImageGrid(f"Samples of side {name}") for name in "AB"]
        self.toys, self.closeup, self.grid = ToyView(), Closeup(samples), GridPage()
        pair = self._pair = QWidget()
        row = QHBoxLayout(pair)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(tokens.SPACE_L)
        for grid in self.grids:
            row.addWidget(grid, 1)
        self.pages = QStackedWidget()
        for page in (pair, self.toys, self.closeup):
            self.pages.addWidget(page)
        self.add_page(self.grid)
        column = QVBoxLayout(self)
        column.setContentsMargins(tokens.SPACE_L, tokens.SPACE_S, tokens.SPACE_L, tokens.SPACE_S)
        column.setSpacing(tokens.SPACE_S)
        column.addLayout(self._toolbar())
        column.addLayout(self._heads())
        column.addWidget(self.pages, 1)
        self.film = FilmStrip()
        self.film.hide()
        column.addWidget(self.film)
        self.film.moved.connect(lambda step: self._show_step())
        self.film.kind_changed.connect(self._set_kind)
        self.film.save_asked.connect(lambda: self.asked.emit("save_film"))
        self.film.left.connect(lambda: self.asked.emit("film"))
        for k, grid in enumerate(self.grids):
            grid.opened.connect(lambda index, k=k: self.open(self._side_of(k), index))
            grid.copy_asked.connect(lambda index, k=k: self.copy(self._side_of(k), index))
            grid.save_asked.connect(lambda index: self.asked.emit("save"))
            grid.exporter = lambda index, k=k: self.exporter(self.outcome.sides[self._side_of(k)], index) if self.outcome else None
        self.closeup.left.connect(lambda: self.pages.setCurrentIndex(0))
        self.grids[1].hide()

    def _toolbar(self) -> QHBoxLayout:
        bar = QHBoxLayout()
        bar.setSpacing(tokens.SPACE_XS)
        self.compare = GlyphButton("compare", "Compare A and B", "CFG against ReCFG on the same noise (C)", checkable=True)
        self.compare.clicked.connect(lambda: self.asked.emit("compare"))
        bar.addWidget(self.compare)
        self.views: dict[str, GlyphButton] = {}
        for view, word in catalog.VIEW_ROWS:
            button = self.views[view] = GlyphButton(view, word.partition(":")[0], word, checkable=True)
            button.clicked.connect(lambda _=False, view=view: self.view_asked.emit(view))
            bar.addWidget(button)
        self.swap = GlyphButton("swap", "Swap A and B", "A becomes B and B becomes A (Shift+X)")
        self.swap.clicked.connect(lambda: self.asked.emit("swap"))
        bar.addWidget(self.swap)
        self.grid_button = GlyphButton("grid", "Grid", "A grid of pictures over any two controls (G)", checkable=True)
        self.grid_button.clicked.connect(lambda: self.asked.emit("grid"))
        bar.addWidget(self.grid_button)
        bar.addStretch(1)
        bar.addWidget(self._draft)
        self.film_button = GlyphButton("film", "Film of the denoising", "Every step from noise to picture (F)", checkable=True)
        self.film_button.clicked.connect(lambda: self.asked.emit("film"))
        bar.addWidget(self.film_button)
        self.smooth = GlyphButton("smooth", "Smooth enlargement", "Smooth or crisp pixels (M)", checkable=True)
        self.smooth.clicked.connect(lambda: self.asked.emit("smooth"))
        bar.addWidget(self.smooth)
        for glyph, name, tip in (("star", "star", "Keep this result in the history strip (S)"), ("copy", "copy", "Copy the chosen image (Ctrl+Shift+C)"),
                                 ("save", "save", "Save the chosen image with its request (Ctrl+E)")):
            button = GlyphButton(glyph, tip.partition(" (")[0], tip)
            button.clicked.connect(lambda _=False, name=name: self.asked.emit(name))
            bar.addWidget(button)
        return bar

    def _heads(self) -> QHBoxLayout:
        heads = QHBoxLayout()
        heads.setSpacing(tokens.SPACE_L)
        for title in self._titles:
            heads.addWidget(title, 1)
        return heads

    # other pages -----------------------------------------------------------------------------------------------------
    def add_page(self, page: QWidget) -> None:
        """A page that takes the picture's place until Escape, and that a new outcome does not push aside."""
        self.pages.addWidget(page)
        self._extra.append(page)

    def show_page(self, page: QWidget) -> None:
        self.pages.setCurrentWidget(page)
        self.grid_button.setChecked(page is self.grid)
        page.setFocus()
        for title in self._titles:
            title.hide()

    def aside(self) -> bool:
        """Whether a page stands in the picture's place."""
        return self.pages.currentWidget() in self._extra

    def leave_page(self, request: GuidanceRequest) -> None:
        """Back to the picture."""
        self.pages.setCurrentWidget(self.toys if self.outcome is not None and self.outcome.sides[0].toy is not None else self._pair)
        self.grid_button.setChecked(False)
        self._arrange(request)

    # showing ---------------------------------------------------------------------------------------------------------
    def show_request(self, request: GuidanceRequest) -> None:
        """Which buttons are down; the picture itself follows with its outcome."""
        self._request = request
        both = request.b is not None
        toy = catalog.is_toy(request.a)
        self.compare.setChecked(both)
        for view, button in self.views.items():
            button.setVisible(both and not toy)
            button.setChecked(view == request.view)
        self.swap.setVisible(both)
        self.smooth.setVisible(not toy)
        self._arrange(request)

    def show_outcome(self, outcome: Outcome, request: GuidanceRequest) -> None:
        """Draws it, in the view that `request` asks for. A large image stays open and follows."""
        self.outcome = outcome
        self._show_film()
        if outcome.sides[0].toy is not None:
            self.toys.show_outcome(outcome, self._step())
        if self.pages.currentWidget() not in self._extra:  # else the person looks at something else
            self._turn_to(outcome)
        self._arrange(request)
        waiting = f"preview, {outcome.sides[0].settings.steps} steps" if outcome.draft else "drawing" if outcome.unfinished else ""
        self._draft.setText("" if catalog.is_toy(request.a) else waiting)

    def show_failure(self) -> None:
        """These settings could not be drawn: what is in sight belongs to others."""
        if self.outcome is not None:
            self._draft.setText("an earlier picture")

    def _turn_to(self, outcome: Outcome) -> None:
        """The page that shows it; one image that is open large follows finished outcomes."""
        if outcome.sides[0].toy is not None:
            self.pages.setCurrentWidget(self.toys)
        elif self.pages.currentWidget() is not self.closeup:
            self.pages.setCurrentIndex(0)
        elif not outcome.draft and not outcome.unfinished:
            self.open(self.closeup.side, self.closeup.index)

    def _arrange(self, request: GuidanceRequest) -> None:
        outcome = self.outcome
        if outcome is None:
            return
        images = [self._images(side) for side in outcome.sides]
        comparable = len(images) == 2 and images[0] is not None and images[1] is not None and images[0].shape == images[1].shape
        view = request.view if comparable else "side"
        self._name(request, view)
        if outcome.sides[0].toy is not None:
            return
        a, b = self.grids
        b.setVisible(view == "side" and request.b is not None)
        b.set_images(images[1] if len(images) > 1 and request.b is not None else None)
        if view == "difference":
            a.set_images(difference(images[0], images[1]))
            a.set_mix("a")
        else:
            a.set_images(images[0], images[1] if comparable else None)
            a.set_mix("wipe" if view == "wipe" else "b" if view == "flip" and self._flipped else "a")

    def _name(self, request: GuidanceRequest, view: str) -> None:
        sides = [request.a] + ([request.b] if request.b else [])
        words = [f"{name}   {catalog.guidance_word(side)}" if len(sides) > 1 else catalog.guidance_word(side)
                 for name, side in zip("AB", sides, strict=False)]
        if len(sides) > 1 and sides[0].model != sides[1].model:
            words = [f"{word}   {catalog.model_word(side.model)}" for word, side in zip(words, sides, strict=True)]
        if any(side.tuned for side in sides):
            done = self.outcome is not None and not self.outcome.draft and not self.outcome.unfinished
            plain = [found.settings for found in self.outcome.sides if not found.ratios] if done else []  # tuned ones were asked for, there are none
            words = [f"{word}   {'tuned' if side.tuned and side not in plain else 'plain'} timesteps" for word, side in zip(words, sides, strict=True)]
        first, second = self._titles
        show_b = len(sides) > 1 and not (view == "flip" and not self._flipped)
        show_a = not (view == "flip" and self._flipped and len(sides) > 1)
        first.setText(words[0])
        second.setText(words[1] if len(words) > 1 else "")
        aside = self.aside()
        first.setVisible(show_a and not aside)
        second.setVisible(show_b and not aside)

    def flip(self, request: GuidanceRequest) -> None:
        """The other side in the same place."""
        self._flipped = not self._flipped
        self._arrange(request)

    def set_smooth(self, smooth: bool) -> None:
        self.smooth.setChecked(smooth)
        for grid in (*self.grids, *self.closeup.grids, self.grid.view):
            grid.set_smooth(smooth)

    # film ------------------------------------------------------------------------------------------------------------
    def set_filming(self, on: bool) -> None:
        """Opens or closes the film of what is shown."""
        self.film.setVisible(on)
        self.film_button.setChecked(on)
        if self.outcome is not None:
            self._show_film()
            self._show_step()
        if on:
            self.film.strip.setFocus()

    def _show_film(self) -> None:
        """The strip of the outcome's film; it fades where there is none yet."""
        if not self.film.isVisibleTo(self):
            return
        sides = self.outcome.sides
        if self.outcome.draft or self.outcome.unfinished or not film_frames.has_film(self.outcome):
            return self.film.wait()
        levels = film_frames.levels(self.outcome)

        def picture(row: int, step: int) -> QImage:
            return film_frames.thumbnail(sides[row], self._kind, step, len(levels), (self.chosen() or (0, 0))[1])

        self.film.show_film(levels, len(sides), picture, sides[0].toy is None)

    def _step(self) -> int | None:
        """The step to show; None for the finished pictures."""
        strip = self.film.strip
        return strip.step if self.film.isVisibleTo(self) and not strip.stale and strip.step < len(strip.levels) - 1 else None

    def _images(self, side: Side) -> np.ndarray | None:
        """A side's images at the step that is shown."""
        step = self._step()
        return side.images if step is None or side.film is None else film_frames.at(side.film, self._kind, step, len(self.film.strip.levels))

    def _show_step(self) -> None:
        outcome = self.outcome
        if outcome is None:
            return
        if outcome.sides[0].toy is not None:
            self.toys.show_outcome(outcome, self._step())
        elif self.pages.currentWidget() is self.closeup:
            images = self._images(outcome.sides[self.closeup.side])
            if self.closeup.index < len(images):
                self.closeup.grids[0].set_images(images[self.closeup.index][None])
        self._arrange(self._request)

    def filmed(self) -> tuple[Outcome, str, int | None] | None:
        """What a saved film holds: outcome, kind, and the image that is open large; None where not every step is there."""
        if self.outcome is None or self.outcome.draft or self.outcome.unfinished or not film_frames.has_film(self.outcome):
            return None
        return self.outcome, self._kind, self.closeup.index if self.pages.currentWidget() is self.closeup else None

    def _set_kind(self, kind: str) -> None:
        self._kind = kind
        self._show_step()

    # one image -------------------------------------------------------------------------------------------------------
    def _side_of(self, grid: int) -> int:
        """The side that a grid shows at the moment."""
        return 1 if grid == 1 or self.grids[0].mix == "b" else 0

    def chosen(self) -> tuple[int, int] | None:
        """(side, image) that was opened or last clicked; the first image where none was. None without images."""
        if self.outcome is None or self.outcome.sides[0].images is None:
            return None
        if self.pages.currentWidget() is self.closeup:
            return self.closeup.side, self.closeup.index
        grid = next((k for k, found in enumerate(self.grids) if found.hasFocus() and found.isVisible()), 0)
        return self._side_of(grid), max(0, self.grids[grid].current())

    def open(self, side: int, index: int) -> None:
        """One image large, beside its nearest training image."""
        if self.outcome is None or side >= len(self.outcome.sides) or index >= len(self.outcome.sides[side].images):
            self.pages.setCurrentIndex(0)
            return
        self.closeup.show_image(self.outcome.sides[side], side, index)
        self.pages.setCurrentWidget(self.closeup)
        self.film.strip.redraw()
        if self._step() is not None:
            self._show_step()

    def grid_shown(self) -> bool:
        return self.pages.currentWidget() is self.grid

    def copy(self, side: int, index: int) -> None:
        """Puts one image on the clipboard."""
        if self.outcome is not None:
            images: np.ndarray = self._images(self.outcome.sides[side])
            image = images[min(index, len(images) - 1)]
            QGuiApplication.clipboard().setImage(to_qimage(image))

    def escape(self) -> bool:
        """Leaves the large image or another page; False if there was none."""
        if self.pages.currentWidget() in self._extra:
            self.left.emit()
            return True
        if self.pages.currentWidget() is not self.closeup:
            return False
        self.pages.setCurrentIndex(0)
        return True
