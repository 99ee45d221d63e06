"""What a film of a finished result is made of, images or a toy's points. No Qt: window and command line save the same film."""

from pathlib import Path

from engines.guidance.density import Inks
from engines.guidance.film import SaveFilm
from engines.guidance.outcome import Outcome
from engines.guidance.request import TOYS, GuidanceRequest, wrap
from engines.guidance.toy_film import SaveToyFilm
from engines.job import EngineError
from widgets.guidance.words import side_words


def check_film(request: GuidanceRequest) -> None:
    """EngineError where the two sides cannot share a film: images with points, or a line with a plane."""
    kinds = {side.model if side.model == "toy-1d" else "plane" if side.model in TOYS else "images" for side in (request.a, request.b) if side is not None}
    if len(kinds) > 1:
        raise EngineError("The two sides cannot share a film: they are of different kinds.", remedy="Film one side at a time, or two models of one kind.")


def film_of(outcome: Outcome, path: Path, kind: str, image: int | None = None, *, inks: Inks) -> SaveFilm | SaveToyFilm:
    """The task that writes it. `kind` and `image` choose among images, `inks` colours a toy's points. EngineError as check_film."""
    check_film(outcome.request)
    about = wrap(outcome.request)
    if outcome.sides[0].toy is not None:
        return SaveToyFilm(path, outcome.sides, about, inks, side_words(outcome.request))
    return SaveFilm(path, tuple(side.film for side in outcome.sides), about, kind, image)
