"""What is behind a rendered head: gradients, out-of-focus things, hair and clothes. Drawn at random; no photograph in it."""

import numpy as np


def draw(size: int, random: np.random.Generator, plain: bool, outline: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """[size, size, 3] uint8. outline: points of the skull and the shoulder line, x, y in pixels."""
    import cv2

    first, second = _muted(random, 2)
    angle = random.uniform(0, 2 * np.pi)
    at = np.linspace(-0.5, 0.5, size)
    ramp = np.clip(0.5 + at[None] * np.cos(angle) + at[:, None] * np.sin(angle), 0, 1)[..., None]
    picture = np.ascontiguousarray((first * (1 - ramp) + second * ramp).astype(np.uint8))
    if not plain:
        for _ in range(int(random.integers(0, 9))):
            colour = tuple(map(int, _muted(random, 1)[0]))
            low, high = (random.integers(-size // 4, size * 5 // 4, (2, 2))).tolist()
            if random.random() < 0.5:
                cv2.rectangle(picture, low, high, colour, -1)
            else:
                cv2.circle(picture, low, int(random.integers(size // 12, size // 3)), colour, -1)
        picture = cv2.GaussianBlur(picture, (0, 0), float(size * random.uniform(0.005, 0.05)))
    skull, shoulders = outline
    if plain or random.random() < 0.85:
        _hair(picture, skull, random)
    cloth = tuple(map(int, _muted(random, 1)[0]))
    ring = np.concatenate([shoulders, [[size * 2, size * 2], [-size, size * 2]]])
    cv2.fillPoly(picture, [ring.astype(np.int32)], cloth, cv2.LINE_AA)
    speckle = random.normal(0, random.uniform(0, 4), (size, size, 1))
    return (picture + speckle).clip(0, 255).astype(np.uint8)


def _muted(random: np.random.Generator, count: int) -> np.ndarray:
    """[count, 3] colours of rooms and clothes: seldom as loud as three independent numbers are."""
    loud = random.uniform(10, 245, (count, 3))
    return loud.mean(1, keepdims=True) + (loud - loud.mean(1, keepdims=True)) * random.uniform(0, 1, (count, 1)) ** 1.5


def _hair(picture: np.ndarray, skull: np.ndarray, random: np.random.Generator) -> None:
    """A ragged shape a little larger than the skull; sometimes long."""
    import cv2

    colour = np.array([[28, 24, 22], [52, 36, 26], [92, 62, 38], [150, 112, 66], [196, 164, 112], [128, 124, 122], [110, 52, 28]])[random.integers(7)]
    middle, hull = skull.mean(0), cv2.convexHull(skull.astype(np.float32))[:, 0]
    length = random.choice([0.0, 0.0, 0.5, 1.1])
    for k in range(3):
        grown = middle + (hull - middle) * (random.uniform(1.02, 1.18) - 0.04 * k + random.normal(0, 0.02, (len(hull), 1)))
        grown[:, 1] += np.where(grown[:, 1] > middle[1], length * np.ptp(hull[:, 1]) * 0.5, 0)
        cv2.fillPoly(picture, [grown.astype(np.int32)], tuple(map(int, np.clip(colour * (1 + 0.12 * k), 0, 255))), cv2.LINE_AA)
