"""The left panel: every control of a request. Shows one, proposes another; stores nothing but which side it edits."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QFrame, QPushButton, QScrollArea, QVBoxLayout, QWidget

from engines.guidance import curves
from engines.guidance.outcome import Side
from engines.guidance.request import Grid, GuidanceRequest, Sampling, first_mode, in_mode, refitted
from widgets import tokens
from widgets.fields import Chips, Choice, Labelled, Section, SeedField
from widgets.guidance import catalog
from widgets.guidance.curve_editor import CurveEditor
from widgets.guidance.grid_controls import GridSection
from widgets.guidance.prompt_fields import PromptFields
from widgets.guidance.ratio_editor import TunedTimesteps, plain
from widgets.paint import Caption
from widgets.vernier_slider import Scale, VernierSlider

WIDTH_PX = 328
BOTH, SIDE_A, SIDE_B = "both", "a", "b"
OF_ONE_SIDE = {"mode", "gamma_0", "curve_1", "curve_0"}  # what tells A from B: never changed on both at once
NOISE = {"seed", "seed_2", "seed_mix", "count"}  # always shared: A and B grow from the same noise
G1, G0 = "\N{GREEK SMALL LETTER GAMMA}\N{SUBSCRIPT ONE}", "\N{GREEK SMALL LETTER GAMMA}\N{SUBSCRIPT ZERO}"


class Controls(QScrollArea):
    """`proposed(request, text, gesture)`: changes of one gesture share a key; `released` ends it."""

    proposed = Signal(object, str, object)
    released = Signal()
    training_asked = Signal()
    quality_asked = Signal()
    tuning_asked = Signal()

    def __init__(self, samples: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Controls")
        self.setObjectName("panel")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFixedWidth(WIDTH_PX)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._samples, self._request, self._edited = samples, GuidanceRequest(), BOTH
        self._names: tuple[str, ...] = ()
        self.sliders: dict[str, VernierSlider] = {}
        self._opened: dict[str, str] = {}  # models of one's own that were open: path -> word
        page = QWidget()
        page.setObjectName("panel")
        self._column = QVBoxLayout(page)
        self._column.setContentsMargins(tokens.SPACE_L, tokens.SPACE_S, tokens.SPACE_L, tokens.SPACE_L)
        self._column.setSpacing(tokens.SPACE_XS)
        self._build_side()
        self._build_model()
        self._build_guidance()
        self._build_sampling()
        self._build_interval()
        self._build_blend()
        self._build_grid()
        self._column.addStretch(1)
        self.setWidget(page)

    # building --------------------------------------------------------------------------------------------------------
    def _build_side(self) -> None:
        self.side = Chips("Edit", ((BOTH, "A and B", "Sliders change both sides; the mode changes A"), (SIDE_A, "A", "Change side A only"),
                                   (SIDE_B, "B", "Change side B only")))
        self.side.changed.connect(self.edit)
        for value, side in ((SIDE_A, "a"), (SIDE_B, "b")):
            self.side.buttons[value].setProperty("side", side)
        self._side_row = Labelled("Edit", self.side)
        self._column.addWidget(self._side_row)

    def _build_model(self) -> None:
        section = Section("Model")
        self.model, self.label = Choice("Model"), Choice("Class")
        self.model.changed.connect(self.choose_model)
        self.label.changed.connect(lambda value: self._propose("label", value, "class"))
        self._label_row, self.prompts = Labelled("Class", self.label), PromptFields()
        self.prompts.changed.connect(lambda field, value: self._propose(field, value, "negative prompt" if field == "negative" else field))
        self.train = QPushButton()
        self.train.setToolTip("A model of one's own from a folder of pictures, trained here in the background (Ctrl+T)")
        self.train.clicked.connect(self.training_asked)
        self.show_training("")
        section.add(Labelled("Model", self.model), self._label_row, self.prompts,
                    self._slider("c", "Class c", catalog.NUMBER_C, "The class of the paper's 1-D example is a number: q(x | c) = N(c, 1)."), self.train)
        self._column.addWidget(section)

    def _build_guidance(self) -> None:
        section = Section("Guidance")
        self.mode = Chips("Mode", catalog.MODE_ROWS, wide=frozenset({"literal"}))
        self.mode.changed.connect(lambda value: self._propose("mode", value, "mode"))
        section.add(self.mode, self._slider("gamma_1", f"{G1}  strength", catalog.GAMMA_1,
                                            "gamma_1, the guidance scale: how strongly the class is pressed. 1 is off."),
                    self._slider("gamma_0", f"{G0}  coefficient", catalog.gamma_0_scale(3.0),
                                 "gamma_0 weighs the prediction without a class. CFG takes 1 - gamma_1."))
        section.add(self._slider("level", "Guide below noise level", catalog.LEVEL,
                                 "rho: guidance acts at noise levels sigma/alpha up to this one. Above it the picture's outline forms, unpushed. "
                                 "Tuned: the level that was measured to be best for this model.", field="guide_below"),
                    self._slider("sharpness", "Sharpness", catalog.SHARPNESS,
                                 "0 gives each class its own variety back, 1 keeps the narrower, crisper choice that guidance makes."))
        self.curve = CurveEditor()
        self.curve.proposed.connect(lambda curve_1, curve_0, text, gesture: self._propose("curve_1", curve_1, text, gesture, curve_0=curve_0))
        self.curve.released.connect(self.released)
        self.curve.compare_asked.connect(self._compare_constant)
        section.add(self.curve)
        self.warning = Caption("", tokens.CAPTION_PX, "warn")
        self.warning.setWordWrap(True)
        section.add(self.warning)
        self._column.addWidget(section)

    def _build_sampling(self) -> None:
        section = Section("Sampling")
        self.sampler = Chips("Sampler", catalog.SAMPLER_ROWS, columns=4, spread=True)
        self.sampler.changed.connect(lambda value: self._propose("sampler", value, "sampler"))
        self.seed = SeedField()
        self.seed.changed.connect(lambda value: self._propose("seed", value, "seed"))
        self.timesteps = TunedTimesteps()
        self.timesteps.toggled.connect(self._tune)
        self.timesteps.proposed.connect(lambda ratios, text, gesture: self._propose("ratios", ratios, text, gesture))
        self.timesteps.released.connect(self.released)
        self.timesteps.compare_asked.connect(self.compare_plain)
        self.timesteps.tune_asked.connect(self.tuning_asked)
        self.timesteps.remarked.connect(lambda: QTimer.singleShot(0, self, lambda: self.ensureWidgetVisible(self.timesteps.about)))
        self.quality = QPushButton("Quality against steps")
        self.quality.setToolTip("What every sampler, step count and mode was measured to be worth; the best for a number of evaluations (Q)")
        self.quality.clicked.connect(self.quality_asked)
        section.add(self._slider("steps", "Steps", catalog.STEPS, "Steps from noise to picture: more is slower and truer to the model."),
                    self.sampler, self.timesteps, self.quality, Labelled("Seed", self.seed),
                    self._slider("images", "Images", catalog.IMAGES, "How many are drawn at once. Image k is the same whatever the number.", field="count"),
                    self._slider("points", "Points", catalog.POINTS, "How many samples the densities are made of.", field="count"))
        self._column.addWidget(section)

    def _build_interval(self) -> None:
        section = Section("Guidance interval", open_=False)
        section.add(self._slider("guide_below", "From noise level", catalog.BELOW,
                                 "Guidance acts at noise levels sigma/alpha up to this one. Off: from the start."),
                    self._slider("guide_above", "Down to noise level", catalog.ABOVE,
                                 "Guidance acts above this noise level sigma/alpha. Off: to the end."))
        self.interval = Caption("all steps are guided", tokens.CAPTION_PX, "muted")
        section.add(self.interval)
        self._column.addWidget(section)

    def _build_blend(self) -> None:
        section = Section("Blend", open_=False)
        self.label_2, self.seed_2 = Choice("Blend with class"), SeedField("Second seed")
        self.label_2.changed.connect(lambda value: self._propose("label_2", value, "blend class"))
        self.seed_2.changed.connect(lambda value: self._propose("seed_2", value, "second seed"))
        self._label_2_row = Labelled("And class", self.label_2)
        section.add(self._label_2_row, self._slider("blend", "Class mix", catalog.SHARE, "0 is the first class, 1 the second."),
                    Labelled("And seed", self.seed_2),
                    self._slider("seed_mix", "Seed mix", catalog.SHARE, "Turns the noise from the first seed's to the second's."))
        self._column.addWidget(section)

    def _build_grid(self) -> None:
        self.grid = GridSection()
        self.grid.proposed.connect(self._propose_grid)
        self._column.addWidget(self.grid)

    def _slider(self, name: str, title: str, scale: Scale, tip: str, field: str | None = None) -> VernierSlider:
        slider = self.sliders[name] = VernierSlider(title, scale, tip)
        slider.changed.connect(lambda value: self._slid(name, field or name, value, title))
        slider.held.connect(lambda held: None if held else self.released.emit())
        return slider

    # showing ---------------------------------------------------------------------------------------------------------
    def edit(self, side: str) -> None:
        """Which side the controls show and change: "both", "a" or "b"."""
        self._edited = side
        self.show_request(self._request)

    def shown(self) -> Sampling:
        """The side whose values are on show."""
        return self._request.b if self._edited == SIDE_B and self._request.b else self._request.a

    def class_names(self) -> tuple[str, ...]:
        """The classes on offer."""
        return self._names

    def show_request(self, request: GuidanceRequest, names: tuple[str, ...] = ()) -> None:
        """Every control takes the value of the edited side; `names` are the classes of a model of one's own."""
        if request.b is None:
            self._edited = BOTH
        self._request = request
        settings = self.shown()
        toy, one_d, pipeline = catalog.is_toy(settings), settings.model == "toy-1d", catalog.pipeline(settings.model)
        self._side_row.setVisible(request.b is not None)
        self.side.set_value(self._edited)
        self._show_model(settings, names)
        text = catalog.reads_text(settings.model)
        self._label_row.setVisible(not one_d and not text)
        self.prompts.setVisible(text)
        self.prompts.set_values(settings.prompt, settings.negative)
        for value, button in self.sampler.buttons.items():
            button.setEnabled(value in catalog.samplers(settings.model))
        self.sliders["c"].setVisible(one_d)
        self.sliders["images"].setVisible(not toy)
        self.sliders["points"].setVisible(toy)
        self.mode.set_value(settings.mode)
        self.sampler.set_value(settings.sampler)
        self.seed.set_value(settings.seed)
        self.seed_2.set_value(settings.seed_2 if settings.seed_2 is not None else settings.seed + 1)
        g1, g0, free = settings.gamma_1, catalog.gamma_0_of(settings), settings.mode == "free"
        self.sliders["gamma_0"].setVisible(free)
        ours = settings.mode == "calibrated"
        for name in ("level", "sharpness"):
            self.sliders[name].setVisible(ours)
        self.sliders["guide_below"].setVisible(not ours)  # there it stands above, as the level
        self.sliders["gamma_0"].set_scale(catalog.gamma_0_scale(g1))
        for name, value in (("c", settings.c), ("gamma_1", g1), ("gamma_0", g0), ("steps", settings.steps), ("images", settings.count),
                            ("points", settings.count), ("blend", settings.blend), ("seed_mix", settings.seed_mix),
                            ("guide_above", max(settings.guide_above, catalog.LOWEST)), ("guide_below", min(settings.guide_below, catalog.HIGHEST)),
                            ("level", min(settings.guide_below, catalog.HIGHEST)), ("sharpness", settings.sharpness)):
            self.sliders[name].set_value(value)
            self.sliders[name].set_ink("second" if self._edited == SIDE_B else "accent")
        self.sliders["gamma_1"].note.setText("" if free else self._second(settings))
        self.sliders["gamma_0"].note.setText(f"S {g1 + g0:.2f}")
        self.curve.setVisible(settings.mode == "curve")
        if settings.mode == "curve":
            other = request.b if settings is request.a else request.a
            compared = other is not None and other.mode == "cfg" and _constant(other) == _constant(settings)
            self.curve.show_settings(settings, "second" if self._edited == SIDE_B else "accent", compared)
        self._warn(settings, g1 + g0)
        beside = request.b if settings is request.a else request.a
        self.timesteps.show_settings(settings, "second" if self._edited == SIDE_B else "accent", settings.tuned and beside == plain(settings))
        for part in (self._label_2_row, self.sliders["blend"], self.seed_2.parentWidget(), self.sliders["seed_mix"]):
            part.setEnabled(not toy)
        self.grid.show_request(request, self._names)
        for part in (self._label_2_row, self.sliders["blend"]):
            part.setVisible(pipeline is None)  # their networks take one class at a time

    def _second(self, settings: Sampling) -> str:
        words = {"recfg": f"{G0} rectified", "literal": f"{G0} literal", "calibrated": "offset calibrated", "curve": "to compare with"}
        return words.get(settings.mode, f"{G0} {1 - settings.gamma_1:.2f}")

    def _warn(self, settings: Sampling, total: float) -> None:
        text = ""
        if settings.mode == "free" and abs(total - 1) > catalog.BAND + 1e-9:
            text = f"S = {total:.2f}: samples {'lose their variety' if total > 1 else 'blow up'} the further S is from 1."
        elif settings.mode == "literal":
            text = "Expert: Eq. 42 as printed. Its mean is right and its variety goes; a guard keeps noise out of the quotient."
        self.warning.setText(text)
        self.warning.setVisible(bool(text))

    def _show_model(self, settings: Sampling, names: tuple[str, ...]) -> None:
        rows = [(value, word, None) for value, word in catalog.MODELS.items()]
        if settings.model not in catalog.MODELS:
            self._opened[settings.model] = catalog.model_word(settings.model)
        rows += [(value, word, None) for value, word in self._opened.items()]
        self.model.set_choices(rows)
        self.model.set_value(settings.model)
        names = catalog.class_names(settings.model, self._samples) or names or tuple(f"class {k}" for k in range(settings.label + 1))
        icons = catalog.class_icons(settings.model, self._samples)
        icons = icons if len(icons) == len(names) else (None,) * len(names)
        self._names = names
        classes = [(k, name, icon) for k, (name, icon) in enumerate(zip(names, icons, strict=True))]
        self.label.set_choices(classes)
        self.label.set_value(settings.label)
        self.label_2.set_choices([(None, "none", None), *classes])
        self.label_2.setCurrentIndex(0 if settings.label_2 is None else settings.label_2 + 1)

    def show_run(self, sides: Sequence[Side]) -> None:
        """Where the steps of the edited side fell, and what its rectified curve is made of."""
        side = sides[min(len(sides) - 1, 1 if self._edited == SIDE_B else 0)]
        self.curve.show_run(tuple(sorted({float(rho) for rho in side.per_step.get("rho", ())})), side.rectified, side.tuned_level)
        self.timesteps.show_run(side)

    def show_training(self, words: str) -> None:
        """How a training stands; empty where there is none."""
        self.train.setText(words or "Train on my images\N{HORIZONTAL ELLIPSIS}")

    def show_tuning(self, words: str) -> None:
        """How a tuning of timesteps stands; empty where there is none."""
        self.timesteps.show_tuning(words)

    def show_interval(self, text: str) -> None:
        """How the interval looks in steps, once the engine has said so."""
        self.interval.setText(text)

    # proposing -------------------------------------------------------------------------------------------------------
    def _slid(self, name: str, field: str, value: float, title: str) -> None:
        if field in ("steps", "count"):
            value = int(round(value))
        elif field == "guide_above":
            value = 0.0 if value <= catalog.LOWEST else value
        elif field == "guide_below":
            value = math.inf if value >= catalog.HIGHEST else value
        self._propose(field, value, title, gesture=name)

    def _propose(self, field: str, value: Any, text: str, gesture: str | None = None, **more: Any) -> None:
        typed = self.prompts.pending() if self.prompts.isVisible() and field != "model" else {}  # a slider may be moved before Enter was pressed
        changes = typed | {field: value} | more | self._consequences(field, value)
        both = self._request.b is not None and (field in NOISE or (self._edited == BOTH and field not in OF_ONE_SIDE and self._alike(field)))
        request = self._request
        if request.b is not None and (both or self._edited == SIDE_B):
            request = replace(request, b=self._changed(request.b, changes))
        if request.b is None or both or self._edited != SIDE_B:
            request = replace(request, a=self._changed(request.a, changes))
        self.proposed.emit(request, text, gesture)

    def choose_model(self, model: str) -> None:
        """Proposes another model, with what else must change for it."""
        self._propose("model", model, "model")

    def _propose_grid(self, grid: Grid, changes: dict[str, Any]) -> None:
        """Other axes; `changes` are what they need of the settings, on both sides alike."""
        request = self._request
        b = replace(request.b, **changes) if request.b and changes else request.b
        self.proposed.emit(replace(request, a=replace(request.a, **changes), b=b, grid=grid), "grid", None)

    def show_grid(self) -> None:
        """Unfolds the grid's section and brings it into sight."""
        self.grid.head.setChecked(True)
        QTimer.singleShot(0, self, lambda: self.ensureWidgetVisible(self.grid))

    def _changed(self, side: Sampling, changes: dict[str, Any]) -> Sampling:
        """A side with its changes; the preset of a curve follows a strength that moves."""
        if "gamma_1" in changes and side.mode == "curve":
            side = curves.with_strength(side, changes["gamma_1"], self.curve.ratio())
        return refitted(side, replace(side, **changes))

    def _alike(self, field: str) -> bool:
        """Whether both sides may change together: tuned timesteps tell A from B where they differ in them, and ratios fit one kind of run."""
        a, b = self._request.a, self._request.b
        return field not in ("tuned", "ratios") or (a.tuned == b.tuned and (field == "tuned" or (a.sampler, a.steps) == (b.sampler, b.steps)))

    def compare_plain(self) -> None:
        """The other side becomes the same in plain timesteps, or goes when it is that already; plain settings are tuned first."""
        request, settings = self._request, self.shown()
        other, tuned = request.b if settings is request.a else request.a, replace(settings, tuned=True)
        compared = settings.tuned and other == plain(settings)
        if settings is request.b:
            request = replace(request, a=settings, b=None) if compared else replace(request, a=plain(tuned), b=tuned)
        else:
            request = replace(request, a=tuned, b=None if compared else plain(tuned))
        self.proposed.emit(request, "compare with plain timesteps", None)

    def _tune(self, on: bool) -> None:
        """Tuned or plain timesteps; the editor that unfolds comes into sight."""
        self._propose("tuned", on, "tuned timesteps" if on else "plain timesteps")
        if on:
            QTimer.singleShot(0, self, lambda: self.ensureWidgetVisible(self.timesteps))

    def _compare_constant(self) -> None:
        """The other side becomes CFG with the curve's constant, or goes when it is that already."""
        request, settings = self._request, self.shown()
        constant = _constant(settings)
        if settings is request.b:
            request = replace(request, a=settings, b=None) if self.curve.compared() else replace(request, a=constant)
        else:
            request = replace(request, b=None if self.curve.compared() else constant)
        self.proposed.emit(request, "compare with the constant", None)

    def _own_mode(self, settings: Sampling, model: str) -> dict[str, Any]:
        """The mode that a model is first shown in, where nobody chose another; a comparison keeps what it compares."""
        untouched = self._request.b is None and settings.mode == first_mode(settings.model)
        return {"mode": first_mode(model), "guide_below": math.inf} if untouched else {}

    def _consequences(self, field: str, value: Any) -> dict[str, Any]:
        """What else must change so that the request makes sense."""
        settings = self.shown()
        if field == "model":
            pipeline = catalog.pipeline(value)
            if pipeline is not None:
                return catalog.fitted(pipeline, settings)
            known = catalog.class_names(value, self._samples)
            toy = value in catalog.MODELS and value.startswith("toy")
            count = {(True, False): 5000, (False, True): 16}.get((toy, catalog.is_toy(settings)), settings.count)
            steps = {(True, False): 50, (False, True): 20}.get((toy, catalog.is_toy(settings)), settings.steps)
            return {"label": settings.label if settings.label < len(known) else 0, "label_2": None, "blend": 0.0, "table": "", "calibration": "",
                    "count": count, "steps": steps} | self._own_mode(settings, value)
        if field == "mode":
            changes = in_mode(settings, value)
            if value == "free" and settings.gamma_0 is None:
                changes |= {"gamma_0": round(1 - settings.gamma_1, 2)}
            if value == "curve" and not settings.curve_1:
                curve_1, curve_0 = curves.constant(settings.gamma_1)
                changes |= {"curve_1": curve_1, "curve_0": curve_0}
            return changes
        if field == "label_2":
            return {"blend": 0.0 if value is None else settings.blend or 0.5}
        if field == "blend" and value and settings.label_2 is None:
            names = catalog.class_names(settings.model, self._samples)
            return {"label_2": (settings.label + 1) % max(2, len(names))}
        if field == "seed_mix" and settings.seed_2 is None:
            return {"seed_2": (settings.seed + 1) % 2**31}
        return {}


def _constant(settings: Sampling) -> Sampling:
    """What a curve is compared with: CFG with its constant gamma_1."""
    return replace(settings, mode="cfg", curve_1=(), curve_0=())
