"""What the quality page says, computed from the table. No Qt."""

from collections.abc import Sequence

from engines.guidance.quality_table import FIRST_ORDER, Measured, Point, beaten, cost
from engines.guidance.request import MODES
from widgets.guidance.words import G1, MODE_WORDS, SAMPLER_WORDS

X_LABEL = "network evaluations an image, both branches counted"
Y_LABELS = {"frechet": "Frechet distance (low is good)", "accuracy": "accuracy (high is good)"}


def number(value: float) -> str:
    """Three figures or whole numbers."""
    return f"{value:.0f}" if value >= 1000 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def amount(point: Point, measure: str) -> str:
    """The measure with its spread: "12.3 \N{PLUS-MINUS SIGN} 0.2"."""
    value, spread = point.value(measure), point.spread(measure)
    words = f"{value:.1%}" if measure == "accuracy" else number(value)
    if point.seeds < 2:
        return words
    return f"{words} \N{PLUS-MINUS SIGN} {f'{spread:.1%}' if measure == 'accuracy' else f'{spread:.2g}'}"


def setting(point: Point) -> str:
    """ "DDIM, 10 tuned steps, CFG"."""
    return f"{SAMPLER_WORDS[point.sampler]}, {point.steps} {'tuned ' * point.tuned}step{'s' * (point.steps != 1)}, {MODE_WORDS[point.mode]}"


def described(point: Point, found: Measured) -> str:
    """Every number of a point in two lines: what it is and what it costs, what it is worth."""
    cost, facts = f"{number(point.nfe) if point.nfe % 1 else f'{point.nfe:.0f}'} evaluations ({point.evaluations} a branch)", []
    if point.frechet is not None:
        facts.append(f"Frechet {amount(point, 'frechet')}")
        facts.append(f"precision {point.precision:.2f}, recall {point.recall:.2f}")
    facts.append(f"accuracy {point.accuracy:.1%}")
    facts.append(f"{point.seeds} seed{'s' * (point.seeds != 1)} of {found.count:,} images")
    return f"{setting(point)}: {cost}\n{'   '.join(facts)}"


def task_word(text: str) -> str:
    """A task's progress, in the words of the window: "DDIM 10 steps, CFG, seed 0"."""
    sampler, _, rest = text.partition(":")[0].partition(" ")
    steps, _, rest = rest.partition(", ")
    mode, _, seed = rest.partition(", ")
    return ", ".join(word for word in (f"{SAMPLER_WORDS.get(sampler, sampler)} {steps}".strip(), MODE_WORDS.get(mode, mode), seed) if word)


def set_word(found: Measured) -> str:
    """What tells one set of measurements from another."""
    return f"{G1} {found.gamma_1:g}, {found.count:,} images"


def floor_word(found: Measured) -> str:
    """What no model can beat, or that it is not known."""
    if found.measure != "frechet":
        return ""
    if found.floor is None:
        return f"no floor was measured for {found.count:,} images"
    return f"real against real {number(found.floor[0])} \N{PLUS-MINUS SIGN} {found.floor[1]:.2g}"


def verdict(points: Sequence[Point], measure: str) -> str:
    """Where a high-order solver without tuning is better than tuned DDIM: "DPM++ 2M without tuning is better than tuned DDIM at 20 evaluations (CFG)."

    "" where nowhere.
    """
    places: dict[str, dict[str, list[float]]] = {}
    for plain, tuned in beaten(points, measure):
        places.setdefault(plain.sampler, {}).setdefault(tuned.mode, []).append(tuned.nfe)
    sentences = []
    for sampler, by_mode in places.items():
        same: dict[str, list[str]] = {}  # modes that share their evaluations are named together
        for mode in sorted(by_mode, key=MODES.index):
            same.setdefault(listed([f"{calls:g}" for calls in sorted(by_mode[mode])]), []).append(MODE_WORDS[mode])
        where = listed([f"at {calls} evaluations ({listed(modes)})" for calls, modes in same.items()])
        sentences.append(f"{SAMPLER_WORDS[sampler]} without tuning is better than tuned DDIM {where}.")
    return " ".join(sentences)


def without_tuning(point: Point, points: Sequence[Point], measure: str) -> str:
    """What is said of the best of `points` where it is a higher-order solver in plain timesteps: how tuned DDIM does for the same price.

    "" where it is something else, or no tuned DDIM is among them.
    """
    tuned = [p for p in points if p.tuned and p.sampler == "ddim"]
    if point.tuned or point.sampler in FIRST_ORDER or not tuned:
        return ""
    rival = min(tuned, key=lambda p: cost(p, measure))
    better = cost(point, measure) < cost(rival, measure)  # else within the spread over seeds
    verdict = "better than" if better else "as good as"
    return (f"For this price {SAMPLER_WORDS[point.sampler]} without tuning is {verdict} tuned DDIM: {amount(point, measure)} against "
            f"{amount(rival, measure)} ({rival.steps} steps, {MODE_WORDS[rival.mode]}).")


def listed(words: Sequence[str]) -> str:
    """ "10, 16 and 20"."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
