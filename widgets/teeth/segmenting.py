"""A scan becomes teeth and gum: the strip over the picture, clicks and strokes, and the way back from each."""

from dataclasses import replace
from typing import Any

import numpy as np
from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QUndoCommand

from engines.teeth import fdi
from engines.teeth.case import jaw as jaw_of
from engines.teeth.request import Click
from widgets.fields import Chips, Choice
from widgets.paint import Caption
from widgets.teeth.strips import Strip

BRUSH_ROWS = (("click", "Click", "One click on each crown"), ("brush", "Brush", "Paint what belongs to the chosen tooth, or to that where the stroke begins"),
              ("gum", "Gum", "Paint what is gum"))
START = "Click the middle of each crown, from one end of the arch to the other."
REFUSED = "That looks like gum or palate: no tooth is set there. Click the middle of a crown, or the same place again if it is one."
SAME_MM = 2.0  # a click as near as this to another one means the same place
MOST = 16  # permanent teeth of an arch

Clicks = tuple[Click, ...]


class SegmentStrip(Strip):
    """Which tooth the next click is, click or brush, and the way out. `found` asks for the boundaries of the clicks so far."""

    found, left, cleared = Signal(), Signal(), Signal()

    def __init__(self) -> None:
        super().__init__("Segmentation")
        self.words = Caption(START, ink="muted")
        self.column.insertWidget(0, self.words)  # a line of its own: the buttons stay where they are, whatever it says
        self.mode = Chips("Tool", BRUSH_ROWS, 3)
        self.mode.set_value("click")
        self.mode.changed.connect(self.mode.set_value)
        self.mode.setFixedWidth(190)
        self.number = Choice("Tooth")
        self.number.setToolTip("The number that the next click or stroke is for; by position: guessed from where it lies")
        self.number.setFixedWidth(110)
        self.row.addWidget(self.mode)
        self.row.addWidget(self.number)
        self.row.addStretch(1)
        self.find = self.button("Find boundaries", "Find where each clicked crown ends", self.found.emit, primary=True)
        self.button("Clear", "Forget all clicks", self.cleared.emit)
        self.button("Done", "Back to planning", self.left.emit)

    def offer(self, jaws: list[str]) -> None:
        """Numbers of those jaws."""
        self.number.set_choices([(0, "by position", None), *((n, str(n), None) for n in fdi.PERMANENT if jaw_of(n) in jaws)])
        self.number.set_value(0)

    def tool(self) -> str:
        return next((name for name, button in self.mode.buttons.items() if button.isChecked()), "click")


class _Clicked(QUndoCommand):
    """From some clicks to others, before any boundary is found; undone or done again, the strip comes back into sight."""

    def __init__(self, segmenting: "Segmenting", text: str, clicks: Clicks, given: frozenset[int]) -> None:
        super().__init__(text)
        self._segmenting, self._old, self._new = segmenting, (segmenting.clicks, segmenting.given), (clicks, given)

    def redo(self) -> None:
        self._segmenting.set_clicks(*self._new)

    def undo(self) -> None:
        self._segmenting.set_clicks(*self._old)


class Segmenting(QObject):
    """Works for the workspace: clicks wait here as undo steps of their own, `Find boundaries` and each stroke write them into the request's case."""

    noticed = Signal(str, str, str)

    def __init__(self, workspace: Any, document: Any) -> None:
        super().__init__(workspace)
        self._workspace, self._document = workspace, document
        self.strip = SegmentStrip()
        workspace.stage.add_strip(self.strip)
        self.clicks: Clicks = ()
        self.given: frozenset[int] = frozenset()  # numbers that a person chose, or that the case has already: no guess changes them
        self._refused: np.ndarray | None = None
        self._source = document.request.case
        self.strip.left.connect(self.escape)
        self.strip.found.connect(self._find)
        self.strip.cleared.connect(self._clear)
        self.strip.mode.changed.connect(lambda tool: workspace.stage.use("point" if tool == "click" else "brush"))
        workspace.stage.touched.connect(self._touched)
        workspace.stage.stroked.connect(self._stroked)
        document.changed.connect(self._follow)

    def start(self) -> None:
        case = self._workspace.case
        if case is None or not (case.scans or self._document.request.case.clicks):
            self.noticed.emit("info", "This case has no scan to segment: its teeth are separate already.", "Open a scan of a whole arch.")
            return
        self._refused = None
        self.given |= {click.number for click in self._document.request.case.clicks}
        self._workspace.stage.look(self._jaw(np.array(next(iter(case.scans.values())).vertices.mean(0) if case.scans else self.clicks[0].points[0])))
        self._show_strip()

    def _show_strip(self) -> None:
        self.strip.offer(self._jaws())
        self._workspace.stage.show_strip(self.strip, "point")
        self.strip.mode.set_value("click")
        self._show_clicks()

    def active(self) -> bool:
        return self._workspace.stage.strip() is self.strip

    def escape(self) -> bool:
        """Puts the strip away; clicks without boundaries wait for it to come back."""
        if not self.active():
            return False
        self._workspace.stage.show_strip(None)
        self._workspace.stage.show_marks(())
        return True

    def set_clicks(self, clicks: Clicks, given: frozenset[int]) -> None:
        """By an undo step: what waits is other clicks now."""
        self.clicks, self.given, self._refused = clicks, given, None
        if self._workspace.case is not None:
            self._show_clicks() if self.active() else self._show_strip()

    def _follow(self, request: Any) -> None:
        """Undo and redo bring other clicks: strokes go with the request, single clicks wait on."""
        source, before = request.case, self._source
        if (source.path, source.orientation) != (before.path, before.orientation):  # clicks lie in the axes in which they were made
            self.clicks, self.given = source.clicks, frozenset(click.number for click in source.clicks)
        elif source.clicks != before.clicks:
            places = {click.points[0] for click in source.clicks}
            self.clicks = (*source.clicks, *(click for click in self.clicks if len(click.points) == 1 and click.points[0] not in places))
        self._source = source

    def show_case(self) -> None:
        """A case was read: with new boundaries, perhaps."""
        if self.active():
            self.strip.offer(self._jaws())
            self._show_clicks()

    def _listens(self, meant: bool) -> bool:
        """Whether a touch of the picture counts: not while the case is being read."""
        if meant and self.active() and self._workspace.case is None:
            self._say("A moment: the boundaries are being found.", "warn")
        return meant and self.active() and self._workspace.case is not None

    # where -----------------------------------------------------------------------------------------------------------
    def _jaws(self) -> list[str]:
        return sorted({*self._workspace.case.scans, *(click.jaw for click in self._document.request.case.clicks)}, reverse=True)

    def _jaw(self, point: np.ndarray) -> str:
        """Which scan was touched: the only one, or the one on that side of the bite."""
        jaws = self._jaws()
        return jaws[0] if len(jaws) == 1 else "upper" if point[2] > 0 else "lower"

    def _surface(self, jaw: str) -> np.ndarray:
        """[N, 3] vertices of the scan of a jaw, divided or not."""
        case = self._workspace.case
        meshes = [case.scans.get(jaw, case.gums.get(jaw)), *(tooth.mesh for tooth in case.of(jaw))]
        return np.concatenate([mesh.vertices for mesh in meshes if mesh is not None])

    # clicks ----------------------------------------------------------------------------------------------------------
    def _touched(self, point: np.ndarray) -> None:
        from engines.teeth import click_places

        if not self._listens(self.strip.tool() == "click"):
            return
        jaw, number = self._jaw(point), self.strip.number.currentData()
        again = self._refused is not None and float(np.linalg.norm(point - self._refused)) < SAME_MM
        self._refused = None
        if not again and click_places.on_gum(self._surface(jaw), point, jaw == "upper"):
            self._refused = point
            return self._show_clicks()
        if number and jaw_of(number) != jaw:
            return self._say(f"{number} is no tooth of the {jaw} jaw: choose another number.", "warn")
        place = tuple(float(value) for value in point)
        near = next((click for click in self._single(jaw) if np.linalg.norm(point - click.points[0]) < SAME_MM), None)
        rest = tuple(click for click in self.clicks if click is not near and not (number and click.number == number and len(click.points) == 1))
        given = self.given | ({number} if number else set())
        if near is None and sum(click.jaw == jaw and len(click.points) == 1 for click in rest) >= MOST:
            return self._say(f"All {MOST} teeth of the {jaw} jaw are clicked.", "warn")
        kept = number or (near.number if near is not None else 0)
        clicks = self._numbered((*rest, Click(jaw, kept, (place,))), jaw, given | ({kept} if kept else set()))
        self.strip.number.set_value(0)
        self._document.undo_stack.push(_Clicked(self, "click on a crown", clicks, given))

    def _single(self, jaw: str) -> list[Click]:
        return [click for click in self.clicks if click.jaw == jaw and len(click.points) == 1]

    def _numbered(self, clicks: Clicks, jaw: str, given: frozenset[int]) -> Clicks:
        """The clicks of a jaw whose number nobody chose get the numbers that fit all of them best."""
        from engines.teeth import click_numbers

        rows = [k for k, click in enumerate(clicks) if click.jaw == jaw and len(click.points) == 1]
        points = np.array([clicks[k].points[0] for k in rows])
        known = tuple(clicks[k].number if clicks[k].number in given else None for k in rows)
        made = list(clicks)
        for k, number in zip(rows, click_numbers.guess_numbers(points, jaw == "upper", click_numbers.midline(self._surface(jaw)), known), strict=True):
            made[k] = replace(made[k], number=number)
        return tuple(made)

    # strokes ---------------------------------------------------------------------------------------------------------
    def _stroked(self, numbers: list[int | None], points: np.ndarray) -> None:
        if not self._listens(self.strip.tool() != "click" and len(points) > 0):
            return
        number = 0 if self.strip.tool() == "gum" else self.strip.number.currentData() or numbers[0] or 0
        if self.strip.tool() == "brush" and number not in {click.number for click in self._single(self._jaw(points[0]))}:
            words = f"Click on {number} first, then paint." if number else "Begin the stroke on the tooth that grows, or choose its number."
            return self._say(words, "warn")
        path = [tuple(float(v) for v in point) for point in points]
        self.clicks = (*self.clicks, Click(self._jaw(points[0]), number, tuple(path if len(path) > 1 else path * 2)))  # one point alone is a click
        self._find()

    def _find(self) -> None:
        if not self.clicks:
            return self._say("Click at least one crown first.", "warn")
        self.given |= {click.number for click in self.clicks}
        self._write(self.clicks)

    def _clear(self) -> None:
        stack = self._document.undo_stack
        stack.beginMacro("clear the clicks")
        stack.push(_Clicked(self, "clear the clicks", (), frozenset()))
        self._write(())
        stack.endMacro()

    def _write(self, clicks: Clicks) -> None:
        request = self._document.request
        self._workspace.propose(replace(request, case=replace(request.case, clicks=clicks)), "segmentation")

    # words -----------------------------------------------------------------------------------------------------------
    def _show_clicks(self) -> None:
        named = {click.number: click for click in reversed(self.clicks) if click.number}
        marks = [(str(number), np.array([click.points[0]])) for number, click in named.items()]
        if self._refused is not None:
            marks.append(("gum?", self._refused[None]))
        self._workspace.stage.show_marks(tuple(marks))
        if self._refused is not None:
            self._say(REFUSED, "warn")
        elif named and self.clicks == self._document.request.case.clicks and not self._workspace.case.scans:
            self._say(f"{len(named)} teeth found. Brush what is wrong: a tooth from where it is right, or gum. Click a crown that is missing. Then Done.")
        else:
            self._say(f"{len(named)} teeth clicked. When all are, find the boundaries." if named else START)

    def _say(self, text: str, ink: str = "muted") -> None:
        self.strip.words.set_ink(ink)
        self.strip.words.setText(text)
