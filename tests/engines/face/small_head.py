"""A head of the right shape with nobody's face: a ball with a mouth drawn on, for tests without the real file."""

import numpy as np

from engines.face import morphable


def arrays(seed: int = 0) -> dict[str, np.ndarray]:
    """What a head's .npz holds, of a few hundred triangles."""
    random = np.random.default_rng(seed)
    count = morphable.VERTICES
    neutral = np.zeros((count, 3), np.float32)
    neutral[:, 1] = -50  # vertices that no face uses
    rows, columns = 40, 40
    up, across = np.meshgrid(np.linspace(-1.2, 1.2, rows), np.linspace(-1.3, 1.3, columns), indexing="ij")
    ball = np.stack([9 * np.sin(across) * np.cos(up), 10 * np.sin(up) - 1, 11 * np.cos(across) * np.cos(up)], -1).reshape(-1, 3)
    start = 7000
    neutral[start:start + len(ball)] = ball
    at = start + np.arange(rows * columns).reshape(rows, columns)
    quads = np.stack([at[:-1, :-1], at[:-1, 1:], at[1:, 1:], at[1:, :-1]], -1).reshape(-1, 4)
    for ring, wide, high in ((morphable.OUTER_LIP, 2.5, 0.9), (morphable.INNER_LIP, 2.2, 0.05)):
        turn = np.arange(len(ring)) * 2 * np.pi / len(ring)
        neutral[list(ring)] = np.stack([-wide * np.cos(turn), high * np.sin(turn) - 3.4, np.full(len(ring), 10.8)], 1)
    for vertex, place in ((morphable.NOSE_BASE, (0, -1.2, 11.6)), (morphable.RIGHT_EYE, (-4.5, 3.4, 8.6)), (morphable.LEFT_EYE, (4.5, 3.4, 8.6)),
                          (morphable.CHIN, (0, -7.6, 10.4)), (4857, (0, 0, 12.5))):
        neutral[vertex] = place
    names = list(dict.fromkeys(morphable.MOUTH_SHAPES + morphable.STILL_SHAPES))
    shapes = np.zeros((len(names), count, 3), np.float16)
    low = neutral[:, 1] < -3.41
    used = neutral[:, 1] > -49
    shapes[names.index("jawOpen"), low & used, 1] = -3
    shapes[names.index("mouthClose"), low & used, 1] = 3
    identity = (random.normal(0, 0.05, (3, count, 3)) * used[None, :, None]).astype(np.float16)
    return {"neutral": neutral, "faces": quads, "faces_uv": quads, "uv": random.random((count, 2)).astype(np.float32), "identity": identity,
            "expression": shapes, "expression_names": np.array(names)}


def save(path) -> None:
    np.savez(path, **arrays())
