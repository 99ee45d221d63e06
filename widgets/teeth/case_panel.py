"""Which case is open: name, what was found in its files, questions to answer, samples and one's own to open."""

from PySide6.QtCore import QSize, Signal
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from engines.teeth.case import Case, Question
from engines.teeth.request import SAMPLE, CaseSource
from engines.teeth.samples import Sample
from widgets import tokens
from widgets.fields import Choice
from widgets.paint import Caption

PICTURE_PX = (48, 30)


class CasePanel(QWidget):
    """`sample(name)` for a shipped case, `asked(word)`: open, folder, orient, segment; `answered(field, value)` for a question."""

    sample = Signal(str)
    asked = Signal(str)
    answered = Signal(str, str)

    def __init__(self, samples: tuple[Sample, ...], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._samples = samples
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(tokens.SPACE_S)
        self.name = Choice("Case")
        self.name.setToolTip("Sample cases; open your own below, or drop it on the window")
        self.name.setIconSize(QSize(*PICTURE_PX))
        self.name.changed.connect(self._on_choice)
        self.facts = Caption("", tokens.CAPTION_PX, "muted")
        self.facts.setWordWrap(True)
        row = QHBoxLayout()
        row.setSpacing(tokens.SPACE_S)
        for word, text, tip in (("open", "Open file\N{HORIZONTAL ELLIPSIS}", "A scan, a labelled arch or an archive of teeth (STL, PLY, OBJ, VTP, DICOM, zip)"),
                                ("folder", "Open folder\N{HORIZONTAL ELLIPSIS}", "A folder with one mesh for each tooth, or one for each jaw")):
            button = QPushButton(text)
            button.setToolTip(tip)
            button.clicked.connect(lambda _=False, word=word: self.asked.emit(word))
            row.addWidget(button, 1)
        self._questions = QVBoxLayout()
        self.segment = QPushButton("Segment the scan")
        self.segment.setObjectName("primary")
        self.segment.setToolTip("One click on each crown turns the scan into teeth and gum")
        self.segment.clicked.connect(lambda: self.asked.emit("segment"))
        self.segment.hide()
        self.orient = QPushButton("Orientation\N{HORIZONTAL ELLIPSIS}")
        self.orient.setToolTip("Turn the case until the occlusal plane lies level and the midline in the middle")
        self.orient.clicked.connect(lambda: self.asked.emit("orient"))
        column.addWidget(self.name)
        column.addWidget(self.facts)
        column.addLayout(self._questions)
        column.addWidget(self.segment)
        column.addLayout(row)
        column.addWidget(self.orient)

    def show_case(self, source: CaseSource, case: Case | None) -> None:
        rows = [(SAMPLE + sample.name, sample.title, QIcon(str(sample.picture))) for sample in self._samples]
        if not source.path.startswith(SAMPLE):
            rows.insert(0, (source.path, case.name if case is not None else source.path.rpartition("/")[2], None))
        self.name.set_choices(rows)
        self.name.set_value(source.path)
        self.name.setToolTip(f"{self.name.currentText()}. Sample cases; open your own below, or drop it on the window")
        self.facts.setText(self._spoken(source, case))
        self.segment.setVisible(case is not None and bool(case.scans))
        self._show_questions(case.questions if case is not None else ())

    def _spoken(self, source: CaseSource, case: Case | None) -> str:
        if case is None:
            return "Opening\N{HORIZONTAL ELLIPSIS}"
        tip = next((sample.description for sample in self._samples if SAMPLE + sample.name == source.path), "")
        jaws = " and ".join(jaw for jaw in ("upper", "lower") if case.of(jaw) or jaw in case.scans) or "no"
        jaws += f" jaw{'s' if ' and ' in jaws else ''}"
        if not case.teeth and case.scans:
            return f"A scan of the {jaws}, not yet divided into teeth; unit: {case.units}."
        found = f"{len(case.teeth)} {'tooth' if len(case.teeth) == 1 else 'teeth'}, {jaws}"
        if not source.path.startswith(SAMPLE):
            numbers = "" if source.clicks else f"numbers in the files: {'Universal' if case.numbering == 'universal' else 'FDI'}; "
            found += f"; {numbers}unit: {case.units}"
        return f"{tip} {found}.".strip()

    def _show_questions(self, questions: tuple[Question, ...]) -> None:
        while self._questions.count():
            old = self._questions.takeAt(0).widget()
            old.hide()
            old.deleteLater()
        for question in questions:
            box = QWidget()
            column = QVBoxLayout(box)
            column.setContentsMargins(0, 0, 0, 0)
            column.setSpacing(tokens.SPACE_XS)
            text = QLabel(question.text)
            text.setWordWrap(True)
            row = QHBoxLayout()
            row.setSpacing(tokens.SPACE_S)
            if len(question.choices) > 1:
                answer = Choice(question.field)
                answer.set_choices([(choice, choice, None) for choice in question.choices])
                answer.set_value(question.guess)
                answer.changed.connect(lambda value, field=question.field: self.answered.emit(field, value))
                row.addWidget(answer, 1)
            keep = QPushButton("Keep" if len(question.choices) > 1 else f"Keep {question.guess}")
            keep.setToolTip("What was found is correct")
            keep.clicked.connect(lambda _=False, question=question: self.answered.emit(question.field, question.guess))
            row.addWidget(keep, 0 if len(question.choices) > 1 else 1)
            column.addWidget(text)
            column.addLayout(row)
            self._questions.addWidget(box)

    def _on_choice(self, path: str) -> None:
        if path.startswith(SAMPLE):
            self.sample.emit(path.removeprefix(SAMPLE))
