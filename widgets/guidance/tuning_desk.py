"""Between the tuning page and the workspace: which side is tuned, into which file, and what becomes of the request when it is done."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal

from engines.guidance.request import TOYS, Sampling
from widgets.guidance import catalog
from widgets.guidance.tuning_page import Asked, TuningPage


class TuningDesk(QObject):
    """`window` is the Guidance workspace; `own` the folder of the person's files, "<model>-<hash>.tuned.json" in it."""

    rewritten = Signal(str)  # this file of tuned timesteps is new

    def __init__(self, window: Any, background: Any, document: Any, own: Path | None) -> None:
        super().__init__(window)
        self._window, self._document, self._own = window, document, own
        self.page = TuningPage(background)
        self.page.left.connect(lambda: window.middle.setCurrentIndex(0))
        self.page.changed.connect(window.controls.show_tuning)
        self.page.tuned.connect(self._use)
        window.pages.atlas.changed.connect(self._refresh)  # a finished picture has told how fast the model is here

    def show(self) -> None:
        """The page over the pictures, for the side that the controls show."""
        if not self.page.running():
            self.page.show_asked(self._asked())
        self._window.middle.setCurrentWidget(self.page)
        self.page.setFocus()

    def _refresh(self) -> None:
        if self.page.isVisible() and not self.page.running():
            self.page.show_asked(self._asked())

    def _asked(self) -> Asked:
        settings, names = self._window.controls.shown(), self._window.controls.class_names()
        by_number = settings.model != "toy-1d" and not catalog.reads_text(settings.model)
        return Asked(settings, catalog.class_word(replace(settings, label_2=None), names) if by_number else "", self.place(settings),
                     self._window.pages.atlas.seconds_each())

    def place(self, settings: Sampling) -> Path | None:
        """The person's file for a model's weights; None while they are not known, or without a folder."""
        if self._own is None:
            return None
        stem = Path(settings.model).stem
        if settings.model in TOYS:
            return self._own / f"{stem}.tuned.json"
        outcome = self._window.stage.outcome
        known = next((side.model_hash for side in outcome.sides if side.settings.model == settings.model), "") if outcome else ""
        return self._own / f"{stem}-{known[:8]}.tuned.json" if known else None

    def _use(self, settings: Sampling, path: str) -> None:
        """The sides of that model, sampler and steps are drawn with the new file, in one undo step."""
        self.rewritten.emit(path)
        request, changes = self._document.request, {}
        shown = self._window.controls.shown()
        for name in ("a", "b"):
            side = getattr(request, name)
            fits = side is not None and (side.model, side.sampler, side.steps) == (settings.model, settings.sampler, settings.steps)
            if fits and (side is shown or side.tuned):  # a plain side stays what the tuned one is compared with
                changes[name] = replace(side, tuned=True, tuning=path, ratios=())
        if changes:
            self._document.replace(replace(request, **changes), "tuned timesteps")
        else:
            self._window.noticed.emit("info", f"Timesteps are tuned for {settings.steps} steps of {settings.sampler}.",
                                      f"They are in {Path(path).name}: go back to those settings and tune to use them, or open the file.")
