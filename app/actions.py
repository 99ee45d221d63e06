"""Every command of the window in one table: menus, shortcuts, the sheet and the palette are made from it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenu, QMenuBar, QWidget


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

    @property
    def scope(self) -> str:
        """The workspace it belongs to, or "file", "edit", "view", "job", "help": always there."""
        return self.id.partition(".")[0]


MENUS = ("File", "Edit", "View", "Guidance", "Teeth", "GAN lab", "Help")
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
    Entry("teeth.picture", "File", "Save picture\N{HORIZONTAL ELLIPSIS}", ("Ctrl+E",), "The view as PNG"),
    Entry("teeth.export", "File", "Export plan\N{HORIZONTAL ELLIPSIS}", ("Ctrl+Shift+E",), "Stages, models, movements, report and film into a folder"),
    Entry("teeth.plan", "File", "Open plan\N{HORIZONTAL ELLIPSIS}", (), "A plan of this case that was exported before", ends_group=True),
    Entry("gan.save_plots", "File", "Save plots\N{HORIZONTAL ELLIPSIS}", ("Ctrl+E",), "Save both generators' points and every curve as PNG, SVG and CSV",
          ends_group=True),
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
    Entry("teeth.front", "Teeth", "Front view", ("1",), "The patient from the front"),
    Entry("teeth.right", "Teeth", "View from the right", ("2",), "The patient's right side"),
    Entry("teeth.left", "Teeth", "View from the left", ("3",), "The patient's left side"),
    Entry("teeth.upper", "Teeth", "Upper arch", ("4",), "The upper teeth from below"),
    Entry("teeth.lower", "Teeth", "Lower arch", ("5",), "The lower teeth from above"),
    Entry("teeth.back", "Teeth", "View from the back", ("6",), "Both arches from the throat"),
    Entry("teeth.jaws", "Teeth", "Upper, lower or both jaws", ("J",), "Hide the other jaw", ends_group=True),
    Entry("teeth.ghost", "Teeth", "Show the start as a ghost", ("G",), "Where the teeth were, translucent", checkable=True),
    Entry("teeth.split", "Teeth", "Before and after side by side", ("X",), "Two views with one camera", checkable=True),
    Entry("teeth.distance", "Teeth", "Colour by displacement", ("D",), "How far each point of a tooth has moved", checkable=True),
    Entry("teeth.agreement", "Teeth", "Colour by agreement", ("Shift+A",), "How far the proposals agree on each tooth", checkable=True),
    Entry("teeth.occlusogram", "Teeth", "Occlusogram", ("O",), "Contact and overlap with the opposing teeth as colours", checkable=True),
    Entry("teeth.labels", "Teeth", "Tooth numbers", ("N",), "Numbers in the picture", checkable=True),
    Entry("teeth.landmarks", "Teeth", "Landmarks", ("K",), "Those of the selected teeth, to be dragged where they belong", checkable=True),
    Entry("teeth.ruler", "Teeth", "Ruler", ("R",), "Two points on the teeth and the distance between them", checkable=True),
    Entry("teeth.angle", "Teeth", "Angle", ("Shift+R",), "Three points on the teeth and the angle between them", checkable=True, ends_group=True),
    Entry("teeth.all", "Teeth", "Select all teeth", ("Ctrl+A",), "Every tooth that is there"),
    Entry("teeth.pair", "Teeth", "Select the mirror tooth too", ("M",), "Both then move as mirror images"),
    Entry("teeth.lock", "Teeth", "Lock or unlock", ("L",), "Locked teeth stay where they are"),
    Entry("teeth.reset", "Teeth", "Reset to start", ("Backspace",), "The selected teeth back to where they were"),
    Entry("teeth.extract", "Teeth", "Extract or put back", ("Delete",), "Take the selected teeth out of the plan", ends_group=True),
    Entry("teeth.propose", "Teeth", "Propose", ("A",), "Setups that the trained model proposes, to choose from"),
    Entry("teeth.fit", "Teeth", "Fit teeth to the arch", ("F",), "Move the teeth onto the arch form, in contact, with the least movement"),
    Entry("teeth.stages", "Teeth", "Make stages", ("S",), "Divide the plan into steps within the limits"),
    Entry("teeth.play", "Teeth", "Play the treatment", ("P",), "From the start to the planned setup"),
    Entry("teeth.plans", "Teeth", "Second plan", ("B",), "A copy of the plan beside the first, or the other of the two", ends_group=True),
    Entry("teeth.overlay", "Teeth", "Lay a later scan over\N{HORIZONTAL ELLIPSIS}", (),
          "A scan taken during the treatment over the stage in sight, deviations as colours"),
    Entry("teeth.orient", "Teeth", "Orientation\N{HORIZONTAL ELLIPSIS}", (), "Occlusal plane and midline, by hand"),
    Entry("teeth.segment", "Teeth", "Segment the scan\N{HORIZONTAL ELLIPSIS}", (), "One click on each crown turns a scan into teeth and gum", ends_group=True),
    Entry("gan.train", "GAN lab", "Train or pause", ("P",), "Start or pause both trainings; the space key does it too"),
    Entry("gan.step", "GAN lab", "One step", ("S",), "One step of both generators"),
    Entry("gan.back", "GAN lab", "Back to the checkpoint before", ("Backspace",), "Rewind to the last checkpoint before this step"),
    Entry("gan.reset", "GAN lab", "Reset", ("Shift+R",), "Back to the first weights", ends_group=True),
    Entry("gan.new_seed", "GAN lab", "New seed", ("N",), "Other weights and other samples, unless the seed is locked"),
    Entry("gan.draw", "GAN lab", "Paint your own data", ("W",), "Points painted with the mouse become what is learned"),
    Entry("gan.seeds", "GAN lab", "Several seeds", ("Q",), "The same settings under several seeds: mean and spread", ends_group=True),
    Entry("gan.real", "GAN lab", "Real points, on or off", ("H",), "True samples as small dots"),
    Entry("gan.field", "GAN lab", "Discriminator, on or off", ("D",), "Where the discriminator believes points are real"),
    Entry("gan.arrows", "GAN lab", "Pull of the score, on or off", ("A",), "The gradient of L_score at points of B", ends_group=True),
    Entry("job.cancel", "View", "Cancel the job", ("Esc",), "Stop what is running"),
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
        self._menus: dict[str, QMenu] = {}
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

    def scope(self, active: str, workspaces: Iterable[str]) -> None:
        """Commands of other workspaces go out of sight, and their keys are free for those of `active`."""
        for entry in self.table:
            if entry.scope in workspaces:
                self[entry.id].setEnabled(entry.scope == active)
                self[entry.id].setVisible(entry.scope == active)
        for menu in self._menus.values():
            menu.menuAction().setVisible(any(action.isVisible() for action in menu.actions() if not action.isSeparator()))

    def groups(self) -> dict[str, list[QAction]]:
        """Menu title -> its actions, in the table's order."""
        return {menu: found for menu in MENUS if (found := [self[entry.id] for entry in self.table if entry.menu == menu])}

    def fill(self, bar: QMenuBar) -> None:
        """Menus with separators where the table ends a group."""
        for menu in self.groups():
            entries = [entry for entry in self.table if entry.menu == menu]
            target = self._menus[menu] = bar.addMenu(menu)
            target.setObjectName(menu)
            for entry in entries:
                target.addAction(self[entry.id])
                if entry.ends_group:
                    target.addSeparator()
