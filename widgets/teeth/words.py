"""Words and numbers of the Teeth workspace: tooth numbers in three notations, movements with their signs."""

from engines.teeth import fdi
from engines.teeth.moves import Move

NOTATIONS = (("fdi", "FDI", "Two figures: quadrant and place. 11 is the upper right central incisor"),
             ("universal", "Universal", "1 to 32 from the upper right third molar round to the lower right one"),
             ("palmer", "Palmer", "Quadrant and place: UR1 is the upper right central incisor"))
# field of a Move -> name, unit, sentence; the signs are the same on both sides
KINDS = (("mesial", "Mesial", "mm", "Along the arch, + towards the midline"),
         ("buccal", "Buccal", "mm", "Across the arch, + towards the cheek or the lip"),
         ("extrusion", "Extrusion", "mm", "Along the tooth, + out of the gum"),
         ("tip", "Tip", "deg", "Turn in the plane of the arch, + crown to mesial"),
         ("torque", "Torque", "deg", "Turn across the arch, + crown to the lip or cheek"),
         ("rotation", "Rotation", "deg", "Turn about the long axis, + mesial side towards the lip or cheek"))
DISCLAIMER = "Planned, not a medical device"
PROPOSAL = "Proposal, planned, not a medical device"
DISCLAIMER_TIP = ("A plan is a proposal for a professional to judge. It shows planned movements, not what teeth will do, and is not a medical device.")


def numbered(number: int, notation: str) -> str:
    """A tooth's number as the chosen notation writes it."""
    return {"universal": fdi.to_universal, "palmer": fdi.to_palmer}.get(notation, str)(number)


def signed(value: float, decimals: int) -> str:
    """With its sign, a real minus, and no "-0"."""
    text = f"{value:+.{decimals}f}"
    if float(text) == 0:
        return f"{0:.{decimals}f}"
    return text.replace("-", "\N{MINUS SIGN}")


def spoken(move: Move) -> str:
    """One line: what moves, and how far; "not moved" where nothing does."""
    parts = []
    for field, name, unit, _ in KINDS:
        value = getattr(move, field)
        decimals = 1 if unit == "mm" else 0
        if abs(value) >= 0.5 * 10**-decimals:
            parts.append(f"{name.lower()} {signed(value, decimals)} {'mm' if unit == 'mm' else '°'}".replace(" °", "°"))
    return ", ".join(parts) or "not moved"
