"""What models, modes, samplers and the axes of a grid are called. No Qt: the command line speaks the same words."""

import math
from pathlib import Path
from typing import Any

from engines.guidance.density import Inks
from engines.guidance.request import TOYS, Grid, GuidanceRequest, Sampling
from engines.guidance.sheet import Legend
from widgets.tokens import Tokens

G = "\N{GREEK SMALL LETTER GAMMA}"
G1, G0 = f"{G}\N{SUBSCRIPT ONE}", f"{G}\N{SUBSCRIPT ZERO}"
MODELS = {"emoji3d": "Emoji 3D", "fashion-mnist": "Fashion-MNIST", "toy-1d": "Toy: 1-D Gaussian",
          "toy-gauss": "Toy: one Gaussian a class", "toy-bimodal": "Toy: two modes a class"}

MODE_ROWS = (
    ("cfg", "CFG", "Classifier-free guidance: eps = gamma_1 eps_c + (1 - gamma_1) eps_u"),
    ("recfg", "ReCFG", "Rectified guidance: gamma_0 comes from a table per class, noise level and pixel (Eq. 45)"),
    ("calibrated", "Calibrated", "Ours: guided below a noise level only, with stored corrections that keep the mean and the variance of the class"),
    ("free", "Free", "gamma_1 and gamma_0 each on its own slider"),
    ("curve", "Curve", "gamma_1 and gamma_0 as curves over the noise level, drawn by hand"),
    ("rescale", "Rescale", "CFG, its spread set back to that of the conditional prediction (Lin et al. 2305.08891)"),
    ("zero-star", "CFG-Zero*", "CFG with the unconditional part projected, per image (2503.18886)"),
    ("apg", "APG", "Adaptive projected guidance: only the part of the difference that changes the image (2410.02416)"),
    ("literal", "ReCFG, literal (expert)", "The paper's closed form, Eq. 42, guarded. With well-trained models it takes away variety."),
)
MODE_WORDS = {value: word.removesuffix(" (expert)") for value, word, _ in MODE_ROWS}
SAMPLER_ROWS = (
    ("ddim", "DDIM", "One network call a step. First order, timesteps evenly spaced"),
    ("euler", "Euler", "One network call a step. First order, on Karras' noise levels"),
    ("heun", "Heun", "Two network calls a step, one in the last. Second order, on Karras' noise levels"),
    ("dpm-1", "DPM-1", "DPM-Solver-1: one network call a step. First order, noise levels evenly spaced in their logarithm"),
    ("dpm-2", "DPM-2", "DPM-Solver-2: two network calls a step, one in the last. Second order, noise levels evenly spaced in their logarithm"),
    ("dpmpp-2m", "DPM++ 2M", "DPM-Solver++ (2M): one network call a step. Second order, it remembers the step before"),
    ("deis", "DEIS", "One network call a step. Up to third order, it remembers the steps before; they lie closer where little noise is left"),
)
SAMPLER_WORDS = {value: word for value, word, _ in SAMPLER_ROWS}
AXIS_WORDS = {"gamma_1": f"{G1} strength", "gamma_0": f"{G0} coefficient", "label": "class", "label_2": "second class", "blend": "class mix", "c": "class c",
              "seed_2": "second seed", "guide_below": "guided below noise level", "guide_above": "guided above noise level", "table": "ReCFG table",
              "negative": "negative prompt", "tuned": "timesteps", "tuning": "file of tuned timesteps"}


def model_word(model: str) -> str:
    """A model's title, or the name of its file or folder; of a fetched one what its owner calls it."""
    path = Path(model)
    if path.parent.name == "snapshots" and path.parents[1].name.startswith("models--"):
        return path.parents[1].name.rpartition("--")[2]
    return MODELS.get(model, path.stem if path.suffix == ".safetensors" else path.name)


def axis_word(field: str) -> str:
    """What an axis is called; a setting without a word of its own by its name."""
    return AXIS_WORDS.get(field, field.replace("_", " "))


def value_word(field: str, value: Any, names: tuple[str, ...] = ()) -> str:
    """A value of an axis as a person writes it; `names` are the classes of the model."""
    if value is None:
        return f"1 - {G1}" if field == "gamma_0" else "none"
    if field in ("label", "label_2"):
        return names[value] if value < len(names) else f"class {value}"
    if field in ("guide_below", "guide_above") and (value == 0 and field == "guide_above" or math.isinf(value)):
        return "off"
    if isinstance(value, bool):
        return "tuned" if value else "plain"
    if isinstance(value, str):
        word = {"mode": MODE_WORDS, "sampler": SAMPLER_WORDS}.get(field, {}).get(value)
        return word or (model_word(value) if field in ("model", "table", "calibration", "tuning") else value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def heads(grid: Grid, names: tuple[str, ...] = ()) -> tuple[list[str], list[str]]:
    """The words over the columns and beside the rows ("" for the one row of a grid without y)."""
    columns = [value_word(grid.x, value, names) for value in grid.x_values]
    return columns, [value_word(grid.y, value, names) for value in grid.y_values] if grid.y is not None else [""]


def cell_word(grid: Grid, settings: Sampling, names: tuple[str, ...] = ()) -> str:
    """The two values that tell a cell from its neighbours: "gamma_1 strength 3, steps 10"."""
    return ", ".join(f"{axis_word(name)} {value_word(name, getattr(settings, name), names)}" for name, _ in grid.axes())


def shared_words(grid: Grid, base: Sampling, names: tuple[str, ...] = ()) -> list[str]:
    """What all cells have in common: model, class, mode, strength, steps, sampler, seed, as far as they are no axes."""
    axes = {name for name, _ in grid.axes()}
    toy = base.model in TOYS
    mode = "free" if "gamma_0" in axes else "calibrated" if "sharpness" in axes else base.mode
    kind = f"c {base.c:g}" if base.model == "toy-1d" else value_word("label", base.label, names)
    parts = (("model", model_word(base.model)), ("c" if base.model == "toy-1d" else "label", kind), ("mode", MODE_WORDS[mode]),
             ("gamma_1", f"{G1} {base.gamma_1:g}"), ("steps", f"{base.steps} steps"), ("sampler", SAMPLER_WORDS[base.sampler]), ("seed", f"seed {base.seed}"),
             *([("tuned", "tuned timesteps")] if base.tuned else []))
    return [word for name, word in parts if name not in axes] + ([] if toy else [f"{grid.each} image{'s' if grid.each > 1 else ''} a cell"])


def grid_title(grid: Grid) -> str:
    """The axes in a few words: "gamma_1 strength by steps"."""
    return " by ".join(axis_word(name) for name, _ in grid.axes())


def legend(request: GuidanceRequest, names: tuple[str, ...] = ()) -> Legend:
    """Every word of an annotated sheet."""
    grid = request.grid or Grid()
    columns, rows = heads(grid, names)
    return Legend(grid_title(grid), tuple(shared_words(grid, request.a, names)), axis_word(grid.x), tuple(columns),
                  axis_word(grid.y) if grid.y is not None else "", tuple(rows))


def guidance_word(settings: Sampling) -> str:
    """Mode and coefficients: "ReCFG  gamma_1 3.0"."""
    low, high = settings.gamma_1, settings.gamma_1
    if settings.mode == "curve" and settings.curve_1:
        low, high = (end(value for _, value in settings.curve_1) for end in (min, max))
    text = f"{MODE_WORDS[settings.mode]}  {G1} {low:.2f}"
    if low != high:
        text += f" to {high:.2f}"
    if settings.mode == "free":
        text += f"  {G0} {gamma_0_of(settings):.2f}"
    return text


def gamma_0_of(settings: Sampling) -> float:
    """The gamma_0 that mode "free" uses."""
    return 1 - settings.gamma_1 if settings.gamma_0 is None else settings.gamma_0


def side_words(request: GuidanceRequest) -> tuple[str, ...]:
    """A title for each side: mode and coefficients, with its letter where there are two."""
    sides = [side for side in (request.a, request.b) if side is not None]
    return tuple(f"{letter}  {guidance_word(side)}" if len(sides) > 1 else guidance_word(side) for letter, side in zip("AB", sides, strict=False))


def inks(theme: Tokens) -> Inks:
    """The theme's colours for pictures that an engine draws."""
    return Inks(theme.window, theme.panel, theme.control, theme.border, theme.text, theme.muted, theme.accent, theme.bad, theme.second)
