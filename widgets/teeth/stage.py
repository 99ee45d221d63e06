"""The picture of the Teeth workspace: one 3D view or two linked ones, a toolbar, strips, the timeline, and what is drawn on the teeth."""

from dataclasses import replace
from typing import Any

import numpy as np
from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QMenu, QPushButton, QVBoxLayout, QWidget

from engines.teeth.case import JAWS, Case, Poses
from engines.teeth.case import jaw as jaw_of
from engines.teeth.moves import pivot
from engines.teeth.outcome import Outcome
from widgets import tokens
from widgets.paint import Caption, GlyphButton
from widgets.teeth import colour_maps
from widgets.teeth.agreement import Agreement
from widgets.teeth.linked_views import LinkedViews
from widgets.teeth.marks import Line, Mark
from widgets.teeth.scene import TeethScene
from widgets.teeth.timeline import Timeline
from widgets.teeth.view import TeethView
from widgets.teeth.words import DISCLAIMER, DISCLAIMER_TIP, numbered

VIEW_ROWS = (("front", "Front", "1"), ("right", "Right", "2"), ("left", "Left", "3"), ("upper", "Upper", "4"), ("lower", "Lower", "5"), ("back", "Back", "6"))
SWITCH_ROWS = (("ghost", "Start as a ghost (G)"), ("split", "Before and after side by side (X)"), ("distance", "Colour by displacement (D)"),
               ("agreement", "Colour by agreement of the proposals (Shift+A)"),
               ("occlusogram", "Occlusogram: contact with the other jaw (O)"), ("labels", "Tooth numbers (N)"),
               ("landmarks", "Landmarks of the selected teeth, to be dragged (K)"), ("ruler", "Ruler (R)"),
               ("angle", "Angle (Shift+R)"))
NUDGES = {Qt.Key.Key_Right: ("mesial", 1), Qt.Key.Key_Left: ("mesial", -1), Qt.Key.Key_Up: ("buccal", 1), Qt.Key.Key_Down: ("buccal", -1),
          Qt.Key.Key_PageUp: ("extrusion", 1), Qt.Key.Key_PageDown: ("extrusion", -1)}
EXCLUSIVE = (("distance", "occlusogram", "agreement"), ("ruler", "angle"))  # of each group one at most
NARROW_PX = 780  # of the picture, below which the toolbar is short of room
OVERLAY_MM = 1.0  # deviations of a later scan are coloured up to here
UNMOVED_MM = 0.005
TURNS = {"mesial": "rotation", "buccal": "torque", "extrusion": "tip"}  # the same keys with Alt


class Stage(QWidget):
    """`show_case`, then `show_poses` for every change. `picked(number, add)`, `drag_started`, `dragged([4, 4])`, `drag_ended` from the picture,
    `nudged(field, steps)` from the keys, `touched([3])` and `stroked([N, 3])` while a strip wants points, `asked(word)` from the toolbar."""

    picked = Signal(int, bool)
    drag_started, drag_ended = Signal(), Signal()
    dragged, touched, stroked = Signal(object), Signal(object), Signal(object)
    nudged = Signal(str, float)
    asked = Signal(str)
    landmark_moved = Signal(int, str, object)  # number, name, [3] at the start
    moved = Signal()  # the timeline: poses are wanted for another place

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("stage")
        self.scene, self._start = TeethScene(), TeethScene()
        self.views = LinkedViews(self._start, self.scene)
        self.view: TeethView = self.views.second
        self.views.first.hide()
        self.views.first.gizmo.enabled = False
        self.timeline = Timeline()
        self.case: Case | None = None
        self._gums: dict[str, Any] = {}
        self._followed: dict[str, bytes] = {}  # jaw -> the poses that its gum shows
        self._poses: Poses = {}
        self._notation, self._pivot = "fdi", "crown"
        self._painted: dict[int, np.ndarray] = {}
        self._landmarks: dict[int, dict[str, np.ndarray]] = {}
        self._agreement: Agreement | None = None
        self._laid: str | None = None  # the jaw in whose place a later scan is shown
        self._lay_out()
        self._connect()
        self.switches["labels"].setChecked(True)
        self._show_labels()

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        bar = QHBoxLayout()
        bar.setContentsMargins(tokens.SPACE_L, tokens.SPACE_S, tokens.SPACE_L, tokens.SPACE_S)
        bar.setSpacing(tokens.SPACE_XS)
        self.view_buttons: list[QPushButton] = []
        for view, word, key in VIEW_ROWS:
            button = QPushButton(word)
            button.setObjectName("toggle")
            button.setToolTip(f"{word} ({key})")
            button.clicked.connect(lambda _=False, view=view: self.look(view))
            bar.addWidget(button)
            self.view_buttons.append(button)
        self.view_menu = QPushButton("View")
        self.view_menu.setObjectName("toggle")
        self.view_menu.setToolTip("Standard views (1 to 6)")
        menu = QMenu(self.view_menu)
        for view, word, key in VIEW_ROWS:
            menu.addAction(f"{word}\t{key}", lambda view=view: self.look(view))
        self.view_menu.setMenu(menu)
        self.view_menu.hide()
        bar.addWidget(self.view_menu)
        self.jaws = QPushButton("Both jaws")
        self.jaws.setObjectName("toggle")
        self.jaws.setToolTip("Upper, lower or both jaws (J)")
        self.jaws.clicked.connect(self.next_jaws)
        bar.addWidget(self.jaws)
        bar.addStretch(1)
        self.switches: dict[str, GlyphButton] = {}
        for name, tip in SWITCH_ROWS:
            button = self.switches[name] = GlyphButton(f"teeth-{name}", tip.partition(" (")[0], tip, checkable=True)
            button.clicked.connect(lambda on, name=name: self.switch(name, on))
            bar.addWidget(button)
        save = GlyphButton("save", "Save picture", "Save the view as PNG (Ctrl+E)")
        save.clicked.connect(lambda: self.asked.emit("picture"))
        bar.addWidget(save)
        column.addLayout(bar)
        self._strips = QVBoxLayout()
        column.addLayout(self._strips)
        column.addWidget(self.views, 1)
        foot = QHBoxLayout()
        foot.setContentsMargins(tokens.SPACE_L, tokens.SPACE_XS, tokens.SPACE_L, 0)
        self.plans, self.legend = Caption("", tokens.CAPTION_PX, "muted"), Caption("", tokens.CAPTION_PX, "muted")
        note = Caption(DISCLAIMER, tokens.CAPTION_PX, "muted")
        note.setToolTip(DISCLAIMER_TIP)
        foot.addWidget(self.plans)
        foot.addStretch(1)
        foot.addWidget(self.legend)
        foot.addStretch(1)
        foot.addWidget(note)
        column.addLayout(foot)
        column.addWidget(self.timeline)

    def _connect(self) -> None:
        held = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
        for view in (self.views.first, self.view):
            view.picked.connect(lambda number, keys: self.picked.emit(number or 0, bool(keys & held)))
            view.failed.connect(lambda what, remedy: self.legend.setText(f"{what} {remedy}"))
            view.installEventFilter(self)
        self.view.drag_started.connect(lambda number, kind: self.drag_started.emit())
        self.view.dragged.connect(lambda number, delta, kind, amount: self.dragged.emit(np.asarray(delta, float)))
        self.view.drag_ended.connect(self._drag_ended)
        self.view.point_picked.connect(lambda number, point: self.touched.emit(np.asarray(point, float)))
        self.view.stroked.connect(lambda numbers, points, ended: self.stroked.emit(np.asarray(points, float)) if ended else None)
        self.view.measured.connect(self._measured)
        self.view.marks.signals.moved.connect(self._mark_moved)
        self.view.jaws_changed.connect(self._say_jaws)
        self.timeline.moved.connect(lambda place: self.moved.emit())

    # contents --------------------------------------------------------------------------------------------------------
    def show_case(self, case: Case, fit: bool = True) -> None:
        """Other meshes: everything is set anew, and the view fitted where it is another case."""
        self.case, self._gums, self._followed, self._painted, self._laid = case, {}, {}, {}, None
        for scene in (self.scene, self._start):
            self._fill(scene, case)
        if fit:
            self.view.fit()
        self.views.first.set_camera(self.view.camera)

    def _fill(self, scene: TeethScene, case: Case) -> None:
        scene.set_teeth({number: tooth.mesh for number, tooth in case.teeth.items()}, {number: tooth.frame for number, tooth in case.teeth.items()})
        for jaw in JAWS:
            scan = case.scans.get(jaw)
            scene.set_gum(jaw, scan if scan is not None else case.gums.get(jaw), stone=scan is not None)

    def show_poses(self, poses: Poses, extracted: tuple[int, ...], beside: Poses | None = None) -> None:
        """Where the teeth are now; beside: what the left view shows when it is up (None = the start)."""
        same = poses.keys() == self._poses.keys() and all(np.array_equal(pose, self._poses[number]) for number, pose in poses.items())
        self._poses = poses
        self.scene.set_hidden(extracted)
        self.scene.set_poses(poses)
        self._follow(poses)
        self._start.set_poses(beside if beside is not None else {number: np.eye(4) for number in poses})
        if self.switches["distance"].isChecked():
            self._paint_distance()
        elif self._painted and not same and not self.switches["agreement"].isChecked():
            self._clear_paint()  # an occlusogram of other poses: the next outcome brings the new one

    def _follow(self, poses: Poses) -> None:
        """The gum of a jaw goes with its teeth, when one of these has moved."""
        from engines.teeth.gum_follow import GumFollow

        if self.case is None:
            return
        for jaw, gum in self.case.gums.items():
            mine = {number: pose for number, pose in poses.items() if jaw_of(number) == jaw}
            place = b"".join(np.ascontiguousarray(pose, np.float64).tobytes() for pose in mine.values())
            if jaw == self._laid or not len(gum.faces) or self._followed.get(jaw, len(mine) * np.eye(4).tobytes()) == place:
                continue
            if jaw not in self._gums:
                self._gums[jaw] = GumFollow(gum, self.case.of(jaw))
            self._followed[jaw] = place
            self.scene.move_gum(jaw, self._gums[jaw].moved(mine).vertices)

    def set_editable(self, on: bool) -> None:
        """The gizmo shows where a drag would change the plan: at its end."""
        self.view.gizmo.enabled = on and self.view.tools.tool == "select"
        self.view.update()

    def show_selection(self, selected: tuple[int, ...], locked: tuple[int, ...], notation: str) -> None:
        self._notation = notation
        self.scene.set_selected([number for number in selected if number not in self.scene.hidden])
        self.scene.set_locked(locked)
        self._start.set_selected(selected)
        self._show_labels()
        if self.switches["landmarks"].isChecked():
            self._show_landmarks()
        if self.switches["agreement"].isChecked() and self._agreement is not None:
            self.legend.setText(self._agreement.spoken(self.scene.selected, notation))

    def set_pivot(self, which: str) -> None:
        self._pivot = which
        if self.case is not None:
            self.scene.set_pivots({number: pivot(tooth, which) for number, tooth in self.case.teeth.items()})

    def show_outcome(self, outcome: Outcome) -> None:
        """Numbers that arrived after the poses."""
        self._landmarks = outcome.landmarks
        if self.switches["landmarks"].isChecked():
            self._show_landmarks()
        if self.switches["occlusogram"].isChecked():
            self.paint_occlusogram(outcome.occlusogram)

    def paint_occlusogram(self, distances: dict[int, np.ndarray]) -> None:
        """Signed mm from every vertex of a tooth to the other jaw, while they are wanted and the teeth stand where they were measured."""
        if self.switches["occlusogram"].isChecked() and self.timeline.share >= 1:
            self._clear_paint()
            for number, values in distances.items():
                self._painted[number] = values
                self.scene.set_paint(number, colour_maps.occlusogram(values))

    def show_overlay(self, laid: Any) -> None:
        """A later scan over the teeth, its distance from them as colours; Escape or another case takes it away."""
        middle = float(laid.scan.vertices[:, 2].mean()) - float(np.mean([pose[2, 3] + self.case.teeth[n].centre[2] for n, pose in self._poses.items()]))
        jaws = {jaw_of(number) for number in laid.overlay.teeth}
        self._laid = next(iter(jaws)) if len(jaws) == 1 else "upper" if middle > 0 else "lower"
        self.scene.set_gum(self._laid, laid.scan, stone=True)
        self.scene.set_paint(self._laid, colour_maps.displacement(np.abs(laid.overlay.deviation), OVERLAY_MM))
        self.legend.setText(f"{laid.spoken()}. Dark 0 to bright {OVERLAY_MM:.0f} mm; Esc takes the scan away")

    def leave_overlay(self) -> bool:
        """The gum comes back. False where no scan lies over the teeth."""
        if self._laid is None or self.case is None:
            return False
        self.scene.set_gum(self._laid, self.case.gums.get(self._laid))
        self._followed.pop(self._laid, None)
        self._laid = None
        self._follow(self._poses)
        self._say_legend()
        return True

    def show_marks(self, marks: tuple[tuple[str, np.ndarray], ...]) -> None:
        """(name, [1, 3] a point or [N, 3] a line) in the world."""
        points = [Mark(name, tuple(map(float, rows[0])), shown=name) for name, rows in marks if len(rows) == 1]
        lines = [Line(tuple(tuple(map(float, row)) for row in rows), text=name) for name, rows in marks if len(rows) > 1]
        self.view.marks.set_marks(points, lines)

    def _show_landmarks(self) -> None:
        """Those of the selected teeth, by name; a dragged one stays where it is put."""
        marks = [Mark(f"{number} {name}", tuple(map(float, point)), number, shown=name.replace("_", " "))
                 for number in self.scene.selected for name, point in self._landmarks.get(number, {}).items()]
        self.view.marks.draggable = True
        self.view.marks.set_marks(marks)

    def _mark_moved(self, name: str, point: object, ended: bool) -> None:
        if ended and self.switches["landmarks"].isChecked():
            number, _, landmark = name.partition(" ")
            self.landmark_moved.emit(int(number), landmark, point)

    # seeing ----------------------------------------------------------------------------------------------------------
    def look(self, view: str) -> None:
        self.views.look(view) if self.views.first.isVisible() else self.view.look(view)

    def _refit(self) -> None:
        self.view.fit()
        self.views.first.set_camera(self.view.camera)

    def next_jaws(self) -> None:
        order = ("both", "upper", "lower")
        which = order[(order.index(self.scene.shown_jaws) + 1) % 3]
        for scene in (self.scene, self._start):
            scene.jaws(which)
        self._say_jaws(which)

    def _say_jaws(self, which: str) -> None:
        self._start.jaws(which)
        self.jaws.setText({"both": "Both jaws", "upper": "Upper jaw", "lower": "Lower jaw"}[which])

    def switch(self, name: str, *on: bool) -> None:
        """One of SWITCH_ROWS on or off; without a value, the other way round."""
        state = bool(on[0]) if on else not self.switches[name].isChecked()
        others = next((tuple(other for other in group if other != name) for group in EXCLUSIVE if name in group), ())
        for key, value in ((name, state), *((other, False) for other in others if state)):
            self.switches[key].setChecked(value)
        if name == "ghost":
            self.scene.set_ghost({} if state else None)
        elif name == "split":
            self.views.first.setVisible(state)
            self.moved.emit()  # the words under the picture say which half is which
            QTimer.singleShot(0, self, self._refit)  # the halves have their sizes then
        elif name == "labels":
            self._show_labels()
        elif name == "landmarks":
            self.view.marks.draggable = state
            self._show_landmarks() if state else self.view.marks.set_marks()
        elif name in ("ruler", "angle"):
            self._use_tool()
        else:
            self._clear_paint()
            self.asked.emit("occlusion")
        self._say_legend()
        self._paint_distance()  # with a legend that names the largest
        self._paint_agreement()

    def _use_tool(self) -> None:
        tool = next((name for name in ("ruler", "angle") if self.switches[name].isChecked()), "select")
        self.view.use(tool)

    def use(self, tool: str) -> None:
        """point or brush for a strip, select for none."""
        for name in ("ruler", "angle"):
            self.switches[name].setChecked(False)
        self.view.use(tool)
        self._show_labels()

    def _show_labels(self) -> None:
        shown = self.switches["labels"].isChecked() and self.view.tools.tool not in ("point", "brush")  # clicks have numbers of their own
        for view in (self.views.first, self.view):
            view.labels.text = (lambda number: numbered(number, self._notation)) if shown else None
            view.update()

    def _say_legend(self) -> None:
        words = {"distance": "Dark to bright: moved least to most", "occlusogram": "Green: light contact, yellow: firm, red: overlap",
                 "landmarks": "Drag a landmark over its tooth", "ruler": "Click two points", "angle": "Click three points; the angle is at the second"}
        self.legend.setText(next((text for name, text in words.items() if self.switches[name].isChecked()), ""))

    def _measured(self, tool: str, value: float) -> None:
        self.legend.setText(f"{value:.2f} mm" if tool == "ruler" else f"{value:.1f}\N{DEGREE SIGN}")

    def _paint_distance(self) -> None:
        if self.case is None or not self.switches["distance"].isChecked():
            return
        far = {}
        for number, pose in self._poses.items():
            points = self.case.teeth[number].mesh.vertices.astype(np.float64)
            far[number] = np.linalg.norm(points @ pose[:3, :3].T + pose[:3, 3] - points, axis=1)
        top = max((float(values.max(initial=0)) for values in far.values()), default=0.0)
        if top < UNMOVED_MM:  # all of the darkest colour would say less than the enamel does
            self._clear_paint()
            return self.legend.setText("Displacement: nothing has moved")
        for number, values in far.items():
            self._painted[number] = values
            self.scene.set_paint(number, colour_maps.displacement(values, max(top, 0.1)))
        self.legend.setText(f"Displacement, dark 0 to bright {top:.1f} mm")

    def show_agreement(self, agreement: Agreement | None) -> None:
        """How far the proposals agree, for the colours; None = there are none to compare."""
        self._agreement = agreement
        self._paint_agreement()

    def _paint_agreement(self) -> None:
        if self.case is None or not self.switches["agreement"].isChecked():
            return
        self._clear_paint()
        if self._agreement is None:
            return self.legend.setText("Agreement: propose two setups or more first")
        for number in self._agreement.mm:
            values = self._agreement.colours(number, len(self.case.teeth[number].mesh.vertices))
            self._painted[number] = values
            self.scene.set_paint(number, values)
        self.legend.setText(self._agreement.spoken(self.scene.selected, self._notation))
        return None

    def _clear_paint(self) -> None:
        for number in self._painted:
            self.scene.set_paint(number, None)
        self._painted = {}

    def set_gum_opacity(self, share: float) -> None:
        for scene in (self.scene, self._start):
            scene.set_gum_opacity(share)

    def open_jaw(self, angle_deg: float) -> None:
        for scene in (self.scene, self._start):
            scene.open_jaw(angle_deg)

    def clip(self, share: float) -> None:
        """Cuts away the patient's left from the outside inwards: 0 nothing, 1 all."""
        points = self.scene.points()
        plane = None
        if share > 0 and len(points):
            low, high = float(points[:, 0].min()), float(points[:, 0].max())
            plane = np.array([-1.0, 0, 0, -(high - share * (high - low))])
        for scene in (self.scene, self._start):
            scene.set_plane(plane)

    def turn_all(self, matrix: np.ndarray) -> None:
        """Turns the whole picture, while the orientation is set by hand."""
        if self.case is not None:
            self.scene.set_poses({number: matrix @ pose for number, pose in self._poses.items()})
            for jaw in JAWS:
                mesh = self.case.scans.get(jaw, self.case.gums.get(jaw))
                if mesh is not None and len(mesh.faces):
                    self.scene.move_gum(jaw, mesh.moved(matrix).vertices)

    def fly_to(self, point: np.ndarray) -> None:
        self.view.set_camera(replace(self.view.camera, focus=tuple(map(float, point))), glide=True)

    def picture(self, width: int, height: int) -> Any:
        """A QImage of the view as it is."""
        return self.view.picture(width, height)

    def resizeEvent(self, event) -> None:  # noqa: N802
        """Where the six views have no room for their words, one button with a menu stands for them."""
        super().resizeEvent(event)
        narrow = self.width() < NARROW_PX
        self.view_menu.setVisible(narrow)
        for button in self.view_buttons:
            button.setVisible(not narrow)

    # strips ----------------------------------------------------------------------------------------------------------
    def add_strip(self, strip: QWidget) -> None:
        strip.hide()
        self._strips.addWidget(strip)

    def strip(self) -> QWidget | None:
        return next((widget for k in range(self._strips.count()) if not (widget := self._strips.itemAt(k).widget()).isHidden()), None)

    def show_strip(self, strip: QWidget | None, tool: str = "select") -> None:
        """One strip over the picture, or none; with the tool its clicks need."""
        for k in range(self._strips.count()):
            widget = self._strips.itemAt(k).widget()
            widget.setVisible(widget is strip)
        self.use(tool)

    # keys ------------------------------------------------------------------------------------------------------------
    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        if event.type() == QEvent.Type.KeyPress and event.key() in NUDGES and self.scene.selected:
            field, steps = NUDGES[event.key()]
            if event.modifiers() & Qt.KeyboardModifier.AltModifier:
                field = TURNS[field]
            self.nudged.emit(field, steps * (0.1 if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1.0))
            return True
        return super().eventFilter(watched, event)

    def escape(self) -> bool:
        """Gives up a drag or a tool. False where there was none."""
        if any([layer.cancel() for layer in reversed(self.view.layers)]) or self.leave_overlay():
            return True
        for name in ("ruler", "angle"):
            if self.switches[name].isChecked():
                self.switch(name, False)
                return True
        return False

    def _drag_ended(self, number: int, kept: bool) -> None:
        if not kept:
            self.dragged.emit(np.eye(4))
        self.drag_ended.emit()
