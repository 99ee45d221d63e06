"""The sample cases that ship: each a small file with a title, one sentence and the wish from which the generator builds it again.

The folder comes from outside (resources.path("samples/teeth")); beside NAME.json lies its picture NAME.png, 320 x 200.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from engines.job import EngineError
from engines.teeth import dentition
from engines.teeth.case import Case, from_dentition

NAMES = ("crowding", "diastema", "class-ii", "class-iii", "deep-bite", "open-bite")


@dataclass(frozen=True)
class Sample:
    """name, title and description (one sentence) for a list of cases; picture: a PNG, which may be missing; wish: what the generator builds."""

    name: str
    title: str
    description: str
    picture: Path
    wish: dentition.Wish


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
        return Sample(name, str(said["title"]), str(said["description"]), path.with_suffix(".png"), dentition.Wish(**said["wish"]))
    except OSError as error:
        raise EngineError(f"The sample {path.name} could not be read: {error.strerror}.", "Install Vernier again.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise EngineError(f"The sample {path.name} is damaged: {error}.", "Install Vernier again.") from error


def load(name: str, folder: Path) -> Case:
    """The case of a sample, built anew; its aligned arch is the reference. EngineError as `read`."""
    sample = read(name, folder)
    return from_dentition(dentition.generate(sample.wish), sample.title)
