"""Which tooth, and which point of it, lies under a pixel: rays against the full meshes.

VTK's cell locators are built for a body when a ray first comes near it (about 3 ms for 5,000 triangles) and kept while its surface stays.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from widgets.surface import Body, Surface

REACH_MM = 5000.0


@dataclass(frozen=True)
class Hit:
    """key of the body, the point [3] where it is seen, its unit normal [3] there, the mesh vertex nearest to it, and mm along the ray."""

    key: Hashable
    point: np.ndarray
    normal: np.ndarray
    vertex: int
    distance: float


class Picker:
    """Asks bodies for the first surface on a ray."""

    def __init__(self) -> None:
        self._locators: dict[Hashable, tuple[Surface, Any, np.ndarray, float]] = {}

    def pick(self, bodies: Mapping[Hashable, Body], start: np.ndarray, direction: np.ndarray, plane: np.ndarray | None = None) -> Hit | None:
        """The nearest visible solid body that the ray meets; what the plane [4] cuts away does not count. direction is a unit vector [3]."""
        best: Hit | None = None
        for key, body in bodies.items():
            if not body.visible or body.material == "ghost" or not len(body.surface.faces):
                continue
            near, far = _kept(start, direction, plane if body.clipped else None)
            if near >= far:
                continue
            inverse = np.linalg.inv(body.matrix)
            own_start, own_direction = inverse[:3, :3] @ start + inverse[:3, 3], inverse[:3, :3] @ direction
            _, _, centre, radius = self._of(key, body.surface)
            away = centre - own_start
            along = float(away @ own_direction) / float(own_direction @ own_direction)
            if np.linalg.norm(away - along * own_direction) > radius or (best is not None and along - radius > best.distance):
                continue
            found = self._first(key, body, own_start + near * own_direction, own_start + far * own_direction)
            if found is not None:
                share, cell = found
                distance = near + share * (far - near)
                if best is None or distance < best.distance:
                    best = self._hit(key, body, start + distance * direction, own_start + distance * own_direction, cell, distance)
        return best

    def forget(self) -> None:
        """Drops every locator."""
        self._locators.clear()

    def _of(self, key: Hashable, surface: Surface) -> tuple[Surface, Any, np.ndarray, float]:
        kept = self._locators.get(key)
        if kept is None or kept[0] is not surface:
            box = surface.box
            centre = box.mean(0)
            kept = self._locators[key] = (surface, None, centre, float(np.linalg.norm(box - centre, axis=-1).max()))
        return kept

    def _first(self, key: Hashable, body: Body, start: np.ndarray, end: np.ndarray) -> tuple[float, int] | None:
        from vtkmodules.vtkCommonCore import mutable

        surface, locator, centre, radius = self._of(key, body.surface)
        if locator is None:
            locator = _locator(surface)
            self._locators[key] = (surface, locator, centre, radius)
        share, part, cell = mutable(0.0), mutable(0), mutable(-1)
        point, within = [0.0] * 3, [0.0] * 3
        if not locator.IntersectWithLine(start.tolist(), end.tolist(), 1e-6, share, point, within, part, cell):
            return None
        return float(share), int(cell)

    def _hit(self, key: Hashable, body: Body, point: np.ndarray, own: np.ndarray, cell: int, distance: float) -> Hit:
        rows = body.surface.faces[cell]
        corners = body.surface.vertices[rows].astype(float)
        normal = body.matrix[:3, :3] @ np.cross(corners[1] - corners[0], corners[2] - corners[0])
        nearest = rows[np.linalg.norm(corners - own, axis=-1).argmin()]
        return Hit(key, point, normal / max(float(np.linalg.norm(normal)), 1e-12), int(body.surface.source[nearest]), distance)


def _locator(surface: Surface) -> Any:
    from vtkmodules.vtkCommonDataModel import vtkStaticCellLocator

    from widgets.actors import poly_data

    locator = vtkStaticCellLocator()
    locator.SetDataSet(poly_data(surface))
    locator.BuildLocator()
    return locator


def _kept(start: np.ndarray, direction: np.ndarray, plane: np.ndarray | None) -> tuple[float, float]:
    """The part of the ray on the kept side of the plane; near >= far where there is none."""
    if plane is None:
        return 0.0, REACH_MM
    above, slope = float(plane[:3] @ start - plane[3]), float(plane[:3] @ direction)
    if abs(slope) < 1e-12:
        return (0.0, REACH_MM) if above >= 0 else (0.0, 0.0)
    crossing = -above / slope
    return (max(crossing, 0.0), REACH_MM) if slope > 0 else (0.0, min(crossing, REACH_MM))
