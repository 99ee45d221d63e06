"""The left panel of the Teeth workspace: case, chart of the teeth, arch form, stages, export."""

from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QCheckBox, QFrame, QHBoxLayout, QLineEdit, QPlainTextEdit, QPushButton, QScrollArea, QVBoxLayout, QWidget

from engines.teeth.case import Case
from engines.teeth.request import Limits, Patient, TeethRequest
from widgets import tokens
from widgets.fields import Chips, Labelled, Section
from widgets.paint import Caption
from widgets.teeth.arch_canvas import ArchCanvas
from widgets.teeth.case_panel import CasePanel
from widgets.teeth.odontogram import Odontogram
from widgets.teeth.propose_panel import ProposePanel
from widgets.teeth.words import NOTATIONS
from widgets.vernier_slider import Scale, VernierSlider

WIDTH_PX = 320
JAW_ROWS = (("upper", "Upper", "The upper arch"), ("lower", "Lower", "The lower arch"))
KIND_ROWS = (("polynomial", "Polynomial", "A smooth curve with few bends; it may be asymmetric"),
             ("beta", "Beta", "The symmetric beta curve of Braun: only width and depth"),
             ("free", "Free", "A spline through the handles"))
DEG = "\N{DEGREE SIGN}"
LIMIT_ROWS = (
    ("translation_mm", "Translation", Scale(0.05, 1, 0.25, 0.05, 2, "mm", ((0.25, "usual"),)), "The most a crown moves in one stage"),
    ("extrusion_mm", "In and extrusion", Scale(0.05, 1, 0.2, 0.05, 2, "mm", ((0.2, "usual"),)), "The most a tooth moves along its own axis in one stage"),
    ("rotation_deg", "Rotation", Scale(0.5, 6, 2, 0.5, 1, DEG, ((2, "usual"),)), "The most a tooth turns about its long axis in one stage"),
    ("tip_deg", "Tip", Scale(0.5, 6, 2, 0.5, 1, DEG, ((2, "usual"),)), "The most a tooth tips in one stage"),
    ("torque_deg", "Torque", Scale(0.5, 6, 1.5, 0.5, 1, DEG, ((1.5, "usual"),)), "The most a root turns to lip or tongue in one stage"),
    ("rotations_from", "Rotations from stage", Scale(1, 40, 1, 1, 0), "Rotations may begin later than the other movements"))


class Controls(QWidget):
    """Shows a request; proposes changes of it by signals. `asked(word)`: open, folder, orient, segment, fit, stages, export."""

    asked = Signal(str)
    limits_changed = Signal(Limits)
    patient_changed = Signal(Patient)
    jaw_chosen = Signal(object)
    kind_chosen = Signal(object)
    notation_chosen = Signal(object)

    def __init__(self, samples: tuple[Any, ...], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAccessibleName("Controls")
        self.setFixedWidth(WIDTH_PX)
        self.case, self.chart, self.canvas = CasePanel(samples), Odontogram(), ArchCanvas()
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(tokens.SPACE_M, tokens.SPACE_S, tokens.SPACE_M, tokens.SPACE_M)
        column.setSpacing(tokens.SPACE_XS)
        for section in (self._case_section, self._chart_section, self._propose_section, self._arch_section, self._view_section, self._stage_section,
                        self._patient_section):
            column.addWidget(section())
        column.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(inner)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(scroll)

    def _case_section(self) -> Section:
        section = Section("Case")
        section.add(self.case)
        self.case.asked.connect(self.asked)
        return section

    def _chart_section(self) -> Section:
        section = Section("Teeth")
        self.notation = Chips("Notation", NOTATIONS, 3)
        self.notation.set_value("fdi")
        self.notation.changed.connect(self._on_notation)
        section.add(self.chart, self.notation)
        return section

    def _on_notation(self, value: str) -> None:
        self.notation.set_value(value)
        self.notation_chosen.emit(value)

    def _propose_section(self) -> Section:
        section = Section("Propose")
        self.propose = ProposePanel()
        section.add(self.propose)
        return section

    def _arch_section(self) -> Section:
        section = Section("Arch form")
        self.jaw, self.kind = Chips("Jaw", JAW_ROWS, 2), Chips("Curve", KIND_ROWS, 3)
        self.jaw.set_value("upper")
        self.kind.set_value("polynomial")
        self.jaw.changed.connect(self.jaw_chosen)
        self.kind.changed.connect(self.kind_chosen)
        self.symmetric = QCheckBox("Both sides together")
        self.symmetric.setChecked(True)
        self.strength = VernierSlider("Strength", Scale(0, 100, 70, 5, 0, "%", ((70, "best"),)),
                                      "How much of the way to the arch form the teeth go; 70 % was nearest to real aligned arches")
        self.fit = QPushButton("Fit teeth to the arch")
        self.fit.setObjectName("primary")
        self.fit.setToolTip("Teeth on the curve, in contact, without overlap, with the least movement. Locked teeth stay (F)")
        self.fit.clicked.connect(lambda: self.asked.emit("fit"))
        self.fitted = Caption("", tokens.CAPTION_PX, "muted")
        self.fitted.setWordWrap(True)
        section.add(self.jaw, self.kind, self.canvas, self.symmetric, self.strength, self.fit, self.fitted)
        return section

    def _view_section(self) -> Section:
        section = Section("View", open_=False)
        self.gum = VernierSlider("Gum", Scale(0, 100, 100, 5, 0, "%"), "How solid the gum is")
        self.opening = VernierSlider("Jaw opening", Scale(0, 35, 0, 1, 0, DEG, ((0, ""),)), "Opens the lower jaw about the joints")
        self.clip = VernierSlider("Cut", Scale(0, 100, 0, 1, 0, "%", ((0, ""),)), "Cuts the picture open from the patient's left")
        section.add(self.gum, self.opening, self.clip)
        return section

    def _stage_section(self) -> Section:
        section = Section("Stages", open_=False)
        self.limits: dict[str, VernierSlider] = {}
        for name, text, scale, tip in LIMIT_ROWS:
            slider = self.limits[name] = VernierSlider(text, scale, tip)
            slider.changed.connect(self._on_limits)
            section.add(slider)
        self.make = QPushButton("Make stages")
        self.make.setToolTip("Divide the plan into steps within these limits (S)")
        self.make.clicked.connect(lambda: self.asked.emit("stages"))
        self.staged = Caption("", tokens.CAPTION_PX, "muted")
        self.staged.setWordWrap(True)
        section.add(self.make, self.staged)
        return section

    def _patient_section(self) -> Section:
        section = Section("Patient and export", open_=False)
        self.patient, self.born, self.notes = QLineEdit(), QLineEdit(), QPlainTextEdit()
        self.notes.setFixedHeight(64)
        for field, name in ((self.patient, "Name"), (self.born, "Born")):
            field.setMinimumHeight(tokens.CONTROL_PX)
            field.editingFinished.connect(self._on_patient)
            section.add(Labelled(name, field))
        self.notes.setAccessibleName("Notes")
        self.notes.setPlaceholderText("Notes")
        self.notes.focusOutEvent = self._leave_notes  # QPlainTextEdit has no editingFinished
        self.anonymous = QCheckBox("Anonymise exports")
        self.anonymous.setChecked(True)
        self.anonymous.setToolTip("Name, date of birth and file names stay out of everything that is exported")
        self.export = QPushButton("Export plan\N{HORIZONTAL ELLIPSIS}")
        self.export.setToolTip("Models and teeth of every stage, movements, report and film into a folder (Ctrl+Shift+E)")
        self.export.clicked.connect(lambda: self.asked.emit("export"))
        row = QHBoxLayout()
        row.addWidget(self.anonymous, 1)
        section.add(self.notes)
        section.rows.addLayout(row)
        section.add(self.export)
        return section

    def show_request(self, request: TeethRequest, case: Case | None) -> None:
        self.case.show_case(request.case, case)
        for name, slider in self.limits.items():
            slider.set_value(getattr(request.limits, name))
        self.patient.setText(request.patient.name)
        self.born.setText(request.patient.born)
        if self.notes.toPlainText() != request.patient.notes:
            self.notes.setPlainText(request.patient.notes)

    def _on_limits(self, _: float) -> None:
        values: dict[str, Any] = {name: slider.value for name, slider in self.limits.items()}
        self.limits_changed.emit(Limits(**(values | {"rotations_from": int(values["rotations_from"])})))

    def _on_patient(self) -> None:
        self.patient_changed.emit(Patient(self.patient.text(), self.born.text(), self.notes.toPlainText()))

    def _leave_notes(self, event: Any) -> None:
        QPlainTextEdit.focusOutEvent(self.notes, event)
        self._on_patient()
