"""Colours as numbers, for what is drawn without Qt."""

import numpy as np

from widgets import tokens


def rgb(name: str) -> np.ndarray:
    """[3] in 0..1 of a material token or of a plain #rrggbb."""
    text = getattr(tokens, name, name).lstrip("#")
    return np.array([int(text[i:i + 2], 16) / 255 for i in (0, 2, 4)])
