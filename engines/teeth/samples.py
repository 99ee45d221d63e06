"""The sample cases that ship: each a small file with a title, one sentence and the wish from which the generator builds it again.

The folder comes from outside (resources.path("samples/teeth")); beside NAME.json lies its picture NAME.png, 320 x 200. Where the generator leaves opposing
front teeth inside each other the file parts them: `parted` holds mm in the world by FDI number. (The generator stays as it is: models are trained on it.)
"""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from engines.job import EngineError
from engines.teeth import dentition
from engines.teeth.case import Case, from_dentition

NAMES = ("crowding", "diastema", "class-ii", "class-iii", "deep-bite", "open-bite")


@dataclass(frozen=True)
class Sample:
    """name, title and description (one sentence) for a list of cases; picture: a PNG, which may be missing; wish: what the generator builds;
    parted: FDI number -> mm by which its start is moved in the world."""

    name: str
    title: str
    description: str
    picture: Path
    wish: dentition.Wish
    parted: dict[int, tuple[float, float, float]] = field(default_factory=dict)


def names() -> tuple[str, ...]:
    """In the order in which they are shown."""
    return NAMES


def read(name: str, folder: Path) -> Sample:
    """What a sample is, without building it. EngineError where the file is missing or does not say what it should."""
    if name not in NAMES:
        raise EngineError(f"There is no sample called {name}.", f"Choose one of {', '.join(NAMES)}.")
    path = folder / f"{name}.json"
    try:
        said = json.loads(path.read_text("utf-8"))
        parted = {int(number): (float(x), float(y), float(z)) for number, (x, y, z) in said.get("parted", {}).items()}
        return Sample(name, str(said["title"]), str(said["description"]), path.with_suffix(".png"), dentition.Wish(**said["wish"]), parted)
    except OSError as error:
        raise EngineError(f"The sample {path.name} could not be read: {error.strerror}.", "Install Vernier again.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise EngineError(f"The sample {path.name} is damaged: {error}.", "Install Vernier again.") from error


def load(name: str, folder: Path) -> Case:
    """The case of a sample, built anew; its aligned arch is the reference. EngineError as `read`."""
    sample = read(name, folder)
    made = dentition.generate(sample.wish)
    teeth = dict(made.teeth)
    for number, shift in sample.parted.items():
        start = teeth[number].start.copy()
        start[:3, 3] += np.array(shift)
        teeth[number] = replace(teeth[number], start=start)
    return from_dentition(replace(made, teeth=teeth), sample.title)
