"""Every colour, size and spacing of the program. No widget holds a literal of its own; what reports show too comes from engines/teeth/look.py."""

from dataclasses import dataclass

from engines.teeth import look


@dataclass(frozen=True)
class Tokens:
    """One theme. Colours are #rrggbb."""

    name: str
    window: str
    panel: str
    control: str
    border: str
    text: str
    muted: str
    accent: str  # selection, focus, side A
    second: str  # side B, everywhere
    warn: str
    bad: str
    good: str


DARK = Tokens("dark", "#14161a", "#1b1e23", "#262b32", "#3a424c", "#e8eaed", "#a2abb6",
              "#5cb8e4", "#f0a35e", "#f2b54a", "#f27d72", "#6fce8b")
LIGHT = Tokens("light", "#f4f5f7", "#ffffff", "#eceff2", "#c9d0d7", look.DARK_TEXT, look.MUTED_TEXT,
               look.BLUE, "#a4510a", "#8a5a00", "#b3261e", "#1e7a3c")

SECTION_PX, BODY_PX, CAPTION_PX = 15, 13, 11
SPACE_XS, SPACE_S, SPACE_M, SPACE_L, SPACE_XL = 4, 8, 12, 16, 24
CONTROL_PX, RADIUS_PX = 28, 6

# the materials and marks of the 3D views: the same in both themes, because enamel is enamel
ENAMEL, ENAMEL_NECK, ENAMEL_EDGE, ENAMEL_PIT = "#f1e9d8", "#e3cfa6", "#e9ecec", look.PIT
GUM, GUM_DEEP, INSIDE, DENTIN, STONE = "#d98f8b", look.DEEP_GUM, "#7d4a48", look.PIT, look.PLASTER
CONTACT_LIGHT, CONTACT_FIRM, CONTACT_DEEP = "#3fae5a", "#f2c230", "#d8332a"  # occlusogram bands
AXIS_MESIODISTAL, AXIS_BUCCOLINGUAL, AXIS_OCCLUSAL = "#e5604d", "#35a36b", "#3b82d6"  # of the gizmo
MOTION_MS = 120

_current = DARK


def current() -> Tokens:
    """The theme in force; widgets ask again on QEvent.Type.PaletteChange."""
    return _current


def use(tokens: Tokens) -> None:
    """Called by app/theme.py alone, before it sets the palette."""
    global _current
    _current = tokens
