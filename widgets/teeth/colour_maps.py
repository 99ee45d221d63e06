"""Numbers on a surface as colours uint8 [V, 4] for `TeethScene.set_paint`: displacement in mm, contact in bands, labels."""

import numpy as np

from widgets.colours import rgb

# viridis at nine even places [Smith and van der Walt, matplotlib, CC0]
VIRIDIS = np.array([[68, 1, 84], [71, 44, 122], [59, 81, 139], [44, 113, 142], [33, 144, 141], [39, 173, 129], [92, 200, 99], [170, 220, 50], [253, 231, 37]])
BANDS_MM = (-0.2, 0.0, 0.1, 0.5)  # deep below the first, firm, light contact, near (fading), nothing beyond
BLUR_MM = 0.03  # bands run into each other over so much, or their edges would show the triangles


def displacement(mm: np.ndarray, top_mm: float | None = None) -> np.ndarray:
    """viridis from 0 to top_mm (the largest value where None); values that are not finite stay unpainted."""
    mm = np.asarray(mm, float)
    fine = np.isfinite(mm)
    top = top_mm if top_mm is not None else float(mm[fine].max(initial=0.0))
    share = np.clip(np.where(fine, mm, 0) / max(top, 1e-9), 0, 1)
    colour = np.stack([np.interp(share, np.linspace(0, 1, len(VIRIDIS)), VIRIDIS[:, channel]) for channel in range(3)], -1)
    return _with_alpha(colour, np.where(fine, 0.95, 0.0))


def occlusogram(distance_mm: np.ndarray, bands_mm: tuple[float, float, float, float] = BANDS_MM) -> np.ndarray:
    """Signed distance to the other jaw (negative inside it): red deep, yellow firm, green light contact, fading green near, the enamel itself beyond."""
    deep, firm, light, near = bands_mm
    distance = np.nan_to_num(np.asarray(distance_mm, float), nan=np.inf)
    stops = np.array([deep - BLUR_MM, deep + BLUR_MM, firm - BLUR_MM, firm + BLUR_MM])
    inks = 255 * np.array([rgb("CONTACT_DEEP"), rgb("CONTACT_FIRM"), rgb("CONTACT_FIRM"), rgb("CONTACT_LIGHT")])
    colour = np.stack([np.interp(distance, stops, inks[:, channel]) for channel in range(3)], -1)
    alpha = np.where(distance <= light, 0.92, 0.6 * np.clip((near - distance) / max(near - light, 1e-9), 0, 1))
    return _with_alpha(colour, np.where(np.isfinite(distance), alpha, 0.0))


def labels(names: np.ndarray, colours: dict[int, str], share: float = 0.75) -> np.ndarray:
    """A colour for each label (#rrggbb or a token's name); vertices with another label stay unpainted."""
    result = np.zeros((len(names), 4), np.uint8)
    for name, text in colours.items():
        result[np.asarray(names) == name] = (*np.round(255 * rgb(text)).astype(int), round(255 * share))
    return result


def _with_alpha(colour: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    return np.concatenate([np.round(colour), np.round(255 * alpha)[:, None]], 1).astype(np.uint8)
