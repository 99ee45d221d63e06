"""What a mouth is here: eight numbers in [0, 1], and the weights of the head's shapes that they make.

jaw     how far the jaw is down           part    lips drawn apart beyond that         spread  corners drawn outwards (i)
round   corners drawn together (u, w)     funnel  lips pushed forwards (sh, o)         close   lips sealed (p, b, m)
tuck    lower lip under the upper teeth (f, v)                                         tongue  tip raised (t, l, th)
"""

import numpy as np

from engines.face.morphable import MOUTH_SHAPES

MOUTH = ("jaw", "part", "spread", "round", "funnel", "close", "tuck", "tongue")
JAW, PART, SPREAD, ROUND, FUNNEL, CLOSE, TUCK, TONGUE = range(8)
JAW_WEIGHT = 0.42  # of jawOpen at jaw = 1: speech opens the jaw by about 1.2 cm at the incisors


def shape_weights(mouth: np.ndarray) -> np.ndarray:
    """Weights [..., len(MOUTH_SHAPES) + 1] (the tongue last) of mouths [..., 8].

    A sealed mouth stays sealed at any jaw: mouthClose undoes on the lips what jawOpen does, and nothing then parts them.
    """
    m = np.asarray(mouth, np.float32)
    jaw, part, spread, rounding, funnel, close, tuck, tongue = (m[..., k] for k in range(8))
    free = 1 - close
    opened = JAW_WEIGHT * jaw
    made = {"jawOpen": opened, "mouthClose": opened * np.maximum(close, 0.35 * tuck), "mouthPress": 0.45 * close,
            "mouthRollLower": 0.22 * close + 0.55 * tuck * free, "mouthRollUpper": 0.18 * close,
            "mouthUpperUp": (0.42 * part * (1 - 0.5 * rounding) + 0.38 * tuck) * free, "mouthLowerDown": 0.45 * part * free * (1 - tuck),
            "mouthSmile": 0.28 * spread, "mouthStretch": 0.50 * spread, "mouthPucker": 0.92 * rounding, "mouthFunnel": 0.75 * funnel * free,
            "mouthShrugLower": 0.35 * tuck, "mouthDimple": 0.15 * spread}
    return np.stack([made[name] for name in MOUTH_SHAPES] + [tongue * free], -1).astype(np.float32)
