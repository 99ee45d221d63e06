"""Every command of the window in one table: menus, shortcuts, the sheet and the palette are made from it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenuBar, QWidget


@dataclass(frozen=True)
class Entry:
    """One command. `keys` are shortcuts ("" for none); `tip` one plain sentence; `checkable` for what can be on or off."""

    id: str
    menu: str
    text: str
    keys: tuple[str, ...] = ()
    tip: str = ""
    checkable: bool = False
    ends_group: bool = False


MENUS = ("File", "Edit", "View", "Guidance", "Help")
TABLE = (
    Entry("file.new", "File", "New session", ("Ctrl+N",), "Start afresh with the first example"),
    Entry("file.open", "File", "Open\N{HORIZONTAL ELLIPSIS}", ("Ctrl+O",),
          "Open a session, a picture that Vernier saved, a model or a table"),
    Entry("file.open_folder", "File", "Open folder\N{HORIZONTAL ELLIPSIS}", ("Ctrl+Shift+O",), "Open a diffusers pipeline that lies on this machine"),
    Entry("guidance.hub", "File", "Model from the hub\N{HORIZONTAL ELLIPSIS}", (), "Type the id of a diffusers pipeline and download it", ends_group=True),
    Entry("file.save", "File", "Save session", ("Ctrl+S",), "Save the requests of all workspaces"),
    Entry("file.save_as", "File", "Save session as\N{HORIZONTAL ELLIPSIS}", ("Ctrl+Shift+S",), "Save under another name", ends_group=True),
    Entry("guidance.save", "File", "Save image\N{HORIZONTAL ELLIPSIS}", ("Ctrl+E",), "Save the chosen image as PNG with its request"),
    Entry("guidance.save_all", "File", "Save all images\N{HORIZONTAL ELLIPSIS}", ("Ctrl+Shift+E",), "Save every image of both sides"),
    Entry("guidance.save_film", "File", "Save film\N{HORIZONTAL ELLIPSIS}", (), "Save the denoising as GIF, MP4 or PNG pictures"),
    Entry("guidance.save_plots", "File", "Save plots\N{HORIZONTAL ELLIPSIS}", (), "Save every plot and the atlas as PNG, SVG and CSV", ends_group=True),
    Entry("file.quit", "File", "Quit", ("Ctrl+Q",), "Close Vernier"),
    Entry("edit.undo", "Edit", "Undo", ("Ctrl+Z",), "Back to the request before"),
    Entry("edit.redo", "Edit", "Redo", ("Ctrl+Shift+Z", "Ctrl+Y"), "Forward again", ends_group=True),
    Entry("guidance.copy", "Edit", "Copy image", ("Ctrl+Shift+C",), "Put the chosen image on the clipboard"),
    Entry("view.controls", "View", "Controls", ("F8",), "Show or fold the panel on the left", checkable=True),
    Entry("view.insight", "View", "Insight", ("F9",), "Show or fold the panel on the right", checkable=True),
    Entry("view.log", "View", "Log", ("F10",), "The last lines of the log", checkable=True, ends_group=True),
    Entry("view.system", "View", "Theme of the system", (), "Dark or light as the system is", checkable=True),
    Entry("view.dark", "View", "Dark theme", (), "Always dark", checkable=True),
    Entry("view.light", "View", "Light theme", (), "Always light", checkable=True, ends_group=True),
    Entry("view.full", "View", "Full screen", ("F11",), "Nothing but Vernier", checkable=True),
    Entry("guidance.compare", "Guidance", "Compare A and B", ("C",), "CFG against ReCFG on the same noise, or back to one side"),
    Entry("guidance.flip", "Guidance", "Flip between A and B", ("X",), "Show the other side in the same place"),
    Entry("guidance.side", "Guidance", "A beside B", (), "Both sides, each in its own place"),
    Entry("guidance.wipe", "Guidance", "Wipe between A and B", (), "One place, a line to drag"),
    Entry("guidance.difference", "Guidance", "Difference of A and B", (), "Orange where B is brighter, blue where A is"),
    Entry("guidance.film", "Guidance", "Film of the denoising", ("F",), "Every step from noise to picture, in place of the history"),
    Entry("guidance.play", "Guidance", "Play the film", ("P",), "Play or pause the denoising"),
    Entry("guidance.swap", "Guidance", "Swap A and B", ("Shift+X",), "A becomes B and B becomes A", ends_group=True),
    Entry("guidance.tuned", "Guidance", "Tuned timesteps, on or off", ("T",), "The network is told a slightly different noise level at each step"),
    Entry("guidance.compare_tuned", "Guidance", "Compare tuned with plain timesteps", ("Shift+T",), "The same settings from the same noise, with and without"),
    Entry("guidance.tune", "Guidance", "Tune timesteps\N{HORIZONTAL ELLIPSIS}", ("Ctrl+Shift+T",), "Find the ratios for this sampler and number of steps",
          ends_group=True),
    Entry("guidance.grid", "Guidance", "Grid", ("G",), "A grid of pictures over any two controls, or back to the samples", ends_group=True),
    Entry("guidance.atlas", "Guidance", "Atlas, large", ("A",), "The map of what every pair of coefficients does, in place of the picture"),
    Entry("guidance.quality", "Guidance", "Quality against steps", ("Q",),
          "What every sampler, step count and mode was measured to be worth, in place of the picture", ends_group=True),
    Entry("guidance.new_seed", "Guidance", "New seed", ("N",), "Other noise, unless the seed is locked"),
    Entry("guidance.lock_seed", "Guidance", "Lock the seed", ("L",), "Keep the noise", checkable=True),
    Entry("guidance.star", "Guidance", "Star this result", ("S",), "Keep it in the history strip", ends_group=True),
    Entry("guidance.train", "Guidance", "Train on my images\N{HORIZONTAL ELLIPSIS}", ("Ctrl+T",),
          "A model of one's own from a folder whose subfolders are classes", ends_group=True),
    Entry("guidance.smooth", "Guidance", "Smooth enlargement", ("M",), "Smooth or crisp pixels", checkable=True),
    Entry("job.cancel", "Guidance", "Cancel the job", ("Esc",), "Stop what is running"),
    Entry("help.palette", "Help", "Command palette", ("Ctrl+K",), "Type a few letters of any command"),
    Entry("help.keys", "Help", "Keyboard shortcuts", ("F1", "?"), "All keys at a glance"),
    Entry("help.welcome", "Help", "First steps", (), "The three notes of the first start"),
    Entry("help.about", "Help", "About Vernier", (), "Version, licence, credits"),
)


class Actions:
    """QActions of `table` on `owner`. Commands without a slot are left out, so that no menu entry does nothing."""

    def __init__(self, owner: QWidget, slots: Mapping[str, Callable[..., object]], table: tuple[Entry, ...] = TABLE) -> None:
        self.table = tuple(entry for entry in table if entry.id in slots)
        self._actions: dict[str, QAction] = {}
        for entry in self.table:
            action = QAction(entry.text, owner)
            action.setShortcuts([QKeySequence(keys) for keys in entry.keys])
            action.setCheckable(entry.checkable)
            keys = ", ".join(key.toString(QKeySequence.SequenceFormat.NativeText) for key in action.shortcuts())
            action.setToolTip(f"{entry.tip} ({keys})" if keys else entry.tip)
            slot = slots[entry.id]
            action.triggered.connect((lambda on, slot=slot: slot(on)) if entry.checkable else (lambda _=False, slot=slot: slot()))
            owner.addAction(action)
            self._actions[entry.id] = action

    def __getitem__(self, name: str) -> QAction:
        return self._actions[name]

    def groups(self) -> dict[str, list[QAction]]:
        """Menu title -> its actions, in the table's order."""
        return {menu: found for menu in MENUS if (found := [self[entry.id] for entry in self.table if entry.menu == menu])}

    def fill(self, bar: QMenuBar) -> None:
        """Menus with separators where the table ends a group."""
        for menu in self.groups():
            entries = [entry for entry in self.table if entry.menu == menu]
            target = bar.addMenu(menu)
            target.setObjectName(menu)
            for entry in entries:
                target.addAction(self[entry.id])
                if entry.ends_group:
                    target.addSeparator()
