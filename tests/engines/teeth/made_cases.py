"""Generated dentitions in world axes and the turns that take them elsewhere, for tests."""

from functools import lru_cache

import numpy as np

from engines.teeth import dentition, fdi
from engines.teeth.mesh import Mesh


@lru_cache(4)
def made(preset="crowding", base="open"):
    return dentition.generate(dentition.preset(preset, base=base))


@lru_cache(4)
def teeth(preset="crowding", base="open"):
    """FDI -> start mesh in the world."""
    return {number: tooth.crown.mesh.moved(tooth.start) for number, tooth in made(preset, base).teeth.items()}


def turned(seed, mirrored=False, shift=80.0):
    """A random rigid 4 x 4, with a mirror on demand."""
    random = np.random.default_rng(seed)
    q = np.linalg.qr(random.standard_normal((3, 3)))[0]
    matrix = np.eye(4)
    matrix[:3, :3] = q * np.sign(np.linalg.det(q)) * (np.array([-1, 1, 1]) if mirrored else 1)
    matrix[:3, 3] = random.uniform(-shift, shift, 3)
    return matrix


def degrees(rotation):
    return float(np.degrees(np.arccos(np.clip((np.trace(rotation[:3, :3]) - 1) / 2, -1, 1))))


def jaw_scan(upper, preset="crowding"):
    """One mesh of a whole arch with gum, and the tooth number of each face."""
    case = made(preset)
    parts = [(number, mesh) for number, mesh in teeth(preset).items() if fdi.is_upper(number) == upper] + [(0, case.upper_gum if upper else case.lower_gum)]
    before = np.cumsum([0, *(len(mesh.vertices) for _, mesh in parts)])
    faces = np.concatenate([mesh.faces + start for (_, mesh), start in zip(parts, before, strict=False)])
    return Mesh(np.concatenate([mesh.vertices for _, mesh in parts]), faces), np.repeat([number for number, _ in parts], [len(mesh.faces) for _, mesh in parts])
