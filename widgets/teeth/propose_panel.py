"""The Propose section of the left panel: how many setups the model shall propose, how far teeth go, and what it stands on."""

from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from engines.teeth.propose import MOST, Ask
from widgets import tokens
from widgets.fields import SEED_HIGH, Chips, Labelled, Section, SeedField
from widgets.paint import Caption, GlyphButton
from widgets.vernier_slider import Scale, VernierSlider

MODE_ROWS = (("blend", "Blend", "Half the model's move and half the arch-fit's: nearest on arches of real people"),
             ("hybrid", "Hybrid", "Learned rotation, positions of the arch-fit"),
             ("network", "Network", "Rotation and position both as the network says: nearest on generated arches"))
MODE_WORDS = {"blend": "Blend (half the model, half the arch-fit)", "hybrid": "Hybrid (learned rotation, arch-fit positions)",
              "network": "Network alone (learned rotation and position)"}
SCOPE_ROWS = (("all", "All teeth", "Every tooth that is not locked may move"),
              ("selected", "Selected teeth", "Only the teeth that are selected when you press Propose may move; the model sees where the others stand"))
PROPOSE_TIP = "The trained model proposes setups from the start of the case. Locked teeth stay exactly where they are (A)"
AGAIN_TIP = ("Off: proposals begin at the start of the case. On: where the plan has put the teeth. On real arches a second round gained next to nothing "
             "(0.68, 0.66, 0.67 of the error left after one, two, three), and prototypes of this model drifted away from the patient's own arch")
MODEL_PX = 200  # of a model's name on its button
REFRESHING = ("mode", "strength", "refine")  # what changes proposals that are there, without the network


@dataclass(frozen=True)
class Settings:
    """What the section holds. strength and refine in percent; model: a weights file of the person's own, "" = the one that ships."""

    proposals: int = MOST
    mode: str = "blend"
    strength: float = 100.0
    refine: float = 100.0
    seed: int = 0
    scope: str = "all"
    again: bool = False
    model: str = ""

    def ask(self) -> Ask:
        return Ask(self.proposals, self.seed, mode=self.mode, strength=self.strength / 100, refine=self.refine / 100)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Any) -> "Settings":
        """What a session kept; anything that does not fit takes its default."""
        known = {entry.name: values[entry.name] for entry in fields(cls) if isinstance(values, dict) and entry.name in values}
        good = {name: value for name, value in known.items() if isinstance(value, type(getattr(cls(), name))) or name in ("strength", "refine")}
        try:
            made = cls(**good)
            made.ask()
        except (TypeError, ValueError):
            return cls()
        return made if made.scope in ("all", "selected") and made.seed <= SEED_HIGH else cls()


class ProposePanel(QWidget):
    """Shows Settings and announces another one: `changed(name)`. `asked`: Propose was pressed, or the running job shall stop; `model_asked`."""

    changed = Signal(str)
    asked = Signal()
    model_asked = Signal()
    held = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.settings = Settings()
        self.button = QPushButton("Propose")
        self.button.setObjectName("primary")
        self.button.clicked.connect(self.asked)
        self.count = VernierSlider("Proposals", Scale(1, MOST, MOST, 1, 0), "How many setups are proposed; what several agree on is the steadier choice")
        self.strength = VernierSlider("Strength", Scale(0, 100, 100, 5, 0, "%"), "How much of the way every tooth goes; proposals in sight follow at once")
        self.mode, self.scope = Chips("Method", MODE_ROWS, 3), Chips("Teeth", SCOPE_ROWS, 2)
        self.method, self.said = Caption("", tokens.CAPTION_PX, "muted"), Caption("", tokens.CAPTION_PX, "muted")
        for words in (self.method, self.said):
            words.setWordWrap(True)
        self.refine = VernierSlider("Refinement", Scale(0, 100, 100, 5, 0, "%"),
                                    "How much of the overlap that is left is parted after the model has placed the teeth; 0 shows its raw setup")
        self.seed = SeedField()
        self.seed.box.setToolTip("The noise that proposals grow from: same seed, same proposals, however many.")
        self.again = QCheckBox("Again from here")
        self.again.setToolTip(AGAIN_TIP)
        self.warning = Caption("May drift from the patient's own arch", tokens.CAPTION_PX, "warn")
        self.model = QPushButton("Model\N{HORIZONTAL ELLIPSIS}")
        self.model.setToolTip("Choose a model that `vernier train teeth` wrote (.safetensors)")
        self.model.clicked.connect(self.model_asked)
        self.shipped = GlyphButton("reset", "Back to the model that ships", "Back to the model that ships with Vernier")
        models = QHBoxLayout()
        models.addWidget(self.model, 1)
        models.addWidget(self.shipped)
        self.more = Section("More", open_=False)
        self.more.add(self.refine, Labelled("Seed", self.seed), self.again, self.warning)
        self.more.rows.addLayout(models)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(tokens.SPACE_S)
        for part in (self.button, self.said, self.count, self.strength, self.mode, self.method, self.scope, self.more):
            column.addWidget(part)
        self._connect()
        self.show_settings(self.settings)
        self.set_running(False)

    def _connect(self) -> None:
        for name, part in (("proposals", self.count), ("strength", self.strength), ("refine", self.refine), ("mode", self.mode), ("scope", self.scope),
                           ("seed", self.seed)):
            part.changed.connect(lambda value, name=name: self._set(name, value))
        for slider in (self.strength, self.refine):
            slider.held.connect(self.held)
        self.again.toggled.connect(lambda on: self._set("again", on))

    def _set(self, name: str, value: Any) -> None:
        value = int(value) if name == "proposals" else value
        if value != getattr(self.settings, name):
            self.show_settings(replace(self.settings, **{name: value}))
            self.changed.emit(name)

    def show_settings(self, settings: Settings) -> None:
        """Shows them without announcing anything."""
        self.settings = settings
        for part, value in ((self.count, settings.proposals), (self.strength, settings.strength), (self.refine, settings.refine),
                            (self.mode, settings.mode), (self.scope, settings.scope), (self.seed, settings.seed)):
            part.set_value(value)
        self.again.setChecked(settings.again)
        self.warning.setVisible(settings.again)
        self.shipped.setVisible(bool(settings.model))
        name = settings.model.replace("\\", "/").rpartition("/")[2]
        words = f"Model: {name}" if name else "Model\N{HORIZONTAL ELLIPSIS}"
        self.model.setText(self.model.fontMetrics().elidedText(words, Qt.TextElideMode.ElideMiddle, MODEL_PX))
        self.method.setText(MODE_WORDS[settings.mode])

    def set_running(self, running: bool) -> None:
        self.button.setText("Stop" if running else "Propose")
        self.button.setToolTip("Stop; the teeth go back (Esc)" if running else PROPOSE_TIP)

    def set_missing(self, reason: str, remedy: str) -> None:
        """Why there are no proposals, as tooltip and in words; "" = there can be."""
        self.button.setEnabled(not reason)
        self.button.setToolTip(f"{reason} {remedy}" if reason else PROPOSE_TIP)
        for part in (self.count, self.strength, self.mode, self.scope):
            part.setEnabled(not reason)
        if reason:
            self.more.head.setChecked(True)  # the way out stands there
        self.say(reason)

    def say(self, text: str, ink: str = "muted") -> None:
        self.said.setText(text)
        self.said.set_ink(ink)
        self.said.setVisible(bool(text))
