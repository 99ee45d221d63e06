"""What the pictures of files and reports are made of: views, colours and materials as plain numbers.

A view is (direction from the middle to the camera, up), both [3] in world axes. The patient's right is on the left of the picture in every view in
which both sides are seen from the front; the upper jaw is seen from below and the lower one from above.
"""

from dataclasses import dataclass

Colour = tuple[float, float, float]  # red, green, blue, 0 to 1

VIEWS: dict[str, tuple[tuple[float, float, float], tuple[float, float, float]]] = {
    "front": ((0, -1, 0.06), (0, 0, 1)), "right": ((-1, -0.12, 0.05), (0, 0, 1)), "left": ((1, -0.12, 0.05), (0, 0, 1)),
    "upper": ((0, 0, -1), (0, -1, 0)), "lower": ((0, 0, 1), (0, 1, 0)), "back": ((0, 1, 0.06), (0, 0, 1))}
SHOWS = {"upper": ("upper",), "lower": ("lower",)}  # jaws that a view shows; both where it is not named
TITLES = {"front": "Front", "right": "Right", "left": "Left", "upper": "Upper jaw", "lower": "Lower jaw", "back": "Back"}


@dataclass(frozen=True)
class Material:
    """colour: of the whole; neck and edge: what an enamel is mixed with at the gum and at the incisal edge; pit: in hollows. gloss 0 to 1, shine: sharpness
    of the highlight."""

    colour: Colour
    neck: Colour
    edge: Colour
    pit: Colour
    gloss: float
    shine: float


def _rgb(text: str) -> Colour:
    text = text.removeprefix("#")
    return int(text[0:2], 16) / 255, int(text[2:4], 16) / 255, int(text[4:6], 16) / 255


# shared with the window (widgets/tokens.py); enamel and gum are a little lighter here, where one lamp lights them instead of three
PIT, DEEP_GUM, PLASTER = "#a98a63", "#b3595b", "#d9d3c6"
DARK_TEXT, MUTED_TEXT, BLUE = "#1a1e23", "#55606b", "#0b6a94"


MATERIALS = {
    "enamel": Material(_rgb("faf2e2"), _rgb("ecd6ad"), _rgb("eef1f2"), _rgb(PIT), .30, 45.0),
    "gum": Material(_rgb("e3a09b"), _rgb("e3a09b"), _rgb("e3a09b"), _rgb(DEEP_GUM), .16, 24.0),
    "stone": Material(_rgb(PLASTER), _rgb(PLASTER), _rgb(PLASTER), _rgb("a59c8a"), .06, 12.0),
    "ghost": Material(_rgb("5c9fd6"), _rgb("5c9fd6"), _rgb("5c9fd6"), _rgb("5c9fd6"), .10, 20.0)}
PAPER: Colour = (1.0, 1.0, 1.0)
INK: Colour = _rgb(DARK_TEXT)
QUIET: Colour = _rgb(MUTED_TEXT)
ACCENT: Colour = _rgb(BLUE)
NOTE = "Planned movement, not expected result; not a medical device."
