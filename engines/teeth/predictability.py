"""How much of a planned movement the literature found in the mouth afterwards. Only figures with a named source; for most movements there is none."""

from dataclasses import dataclass

from engines.teeth import fdi
from engines.teeth.moves import Move
from engines.teeth.request import Plan
from engines.teeth.stages import amounts

IN_GENERAL = ("Planned models score better than achieved ones: 15 against 24 points of the objective grading system "
              "(Angle Orthodontist 85(5):723).")


@dataclass(frozen=True)
class Expression:
    """share: achieved part of the planned movement, None where no figure is known. text: for a tooltip or a report."""

    share: float | None
    text: str
    source: str = ""


SHOWN = 0.05  # mm or deg: less reads as 0.0 and is no planned movement
_NONE = Expression(None, "Predictability: none known to this program.")
_TORQUE = Expression(.49, "About 49 % of planned torque was found expressed (Simon).", "Simon")
_CANINE_WIDTH = Expression(.89, "About 89 % of planned upper intercanine expansion was found (Houle).", "Houle")


def expression(number: int, kind: str) -> Expression:
    """Of one kind of movement (stages.KINDS) of one tooth. Houle's figure is of the width between the upper canines, so of their sideways movement."""
    if kind == "torque":
        return _TORQUE
    if kind == "translation" and fdi.place(number) == 3 and number < 50 and fdi.is_upper(number):
        return _CANINE_WIDTH
    return _NONE


def marks(plan: Plan) -> dict[int, dict[str, Expression]]:
    """FDI -> kind -> figure, for the movements of a plan about which something is known; Houle's is of expansion, so of canines that go outwards."""
    made = {}
    for number, move in plan.moves:
        known = {kind: expression(number, kind) for kind, amount in amounts(Move(), move).items() if amount >= SHOWN}
        known = {kind: figure for kind, figure in known.items() if figure.share is not None and (kind != "translation" or move.buccal > 0)}
        if known:
            made[number] = known
    return made
