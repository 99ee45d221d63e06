"""What distinguishes one permanent tooth from another: the numbers from which crowns.py builds its sixteen types.

A type is "U1" to "U8" (upper) and "L1" to "L8" (lower). Frame of a crown: x mesial, y buccal, z occlusal, origin = centre of the cervix.
Profiles are (height, width) knots; height runs from 0 at the cervix to 1 at the edge (front teeth) or at the rim of the table (side teeth).
Sizes in mm: table of Wheeler / Ash and Nelson; the shapes follow textbook descriptions of the types and were judged by eye.
"""

from dataclasses import dataclass, field

Knots = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Size:
    """mm: crown height (cervix to highest point), root length, mesiodistal and buccolingual width, both also at the cervix; hidden: gum over the cervix."""

    height: float
    root: float
    md: float
    md_cervix: float
    bl: float
    bl_cervix: float
    hidden: float


SIZES = {
    "U1": Size(10.5, 13, 8.5, 7.0, 7.0, 6.0, 1.2), "U2": Size(9.0, 13, 6.5, 5.0, 6.0, 5.0, 1.4), "U3": Size(10.0, 17, 7.5, 5.5, 8.0, 7.0, 1.2),
    "U4": Size(8.5, 14, 7.0, 5.0, 9.0, 8.0, 1.4), "U5": Size(8.5, 14, 7.0, 5.0, 9.0, 8.0, 1.7), "U6": Size(7.5, 12.5, 10.0, 8.0, 11.0, 10.0, 1.2),
    "U7": Size(7.0, 11.5, 9.0, 7.0, 11.0, 10.0, 1.2), "U8": Size(6.5, 11, 8.5, 6.5, 10.0, 9.5, 1.2), "L1": Size(9.0, 12.5, 5.0, 3.5, 6.0, 5.3, 1.2),
    "L2": Size(9.5, 14, 5.5, 4.0, 6.5, 5.8, 1.5), "L3": Size(11.0, 16, 7.0, 5.5, 7.5, 7.0, 1.8), "L4": Size(8.5, 14, 7.0, 5.0, 7.5, 6.5, 1.1),
    "L5": Size(8.0, 14.5, 7.0, 5.0, 8.0, 7.0, 1.3), "L6": Size(7.5, 14, 11.0, 9.0, 10.5, 9.0, 0.9), "L7": Size(7.0, 13, 10.5, 8.0, 10.0, 9.0, 0.9),
    "L8": Size(7.0, 11, 10.0, 7.5, 9.5, 9.0, 0.9)}


@dataclass(frozen=True)
class Front:
    """An incisor or canine. mesial, distal: knots in half widths; labial, lingual: knots in parts of the depth (lingual negative)."""

    mesial: Knots
    distal: Knots
    labial: Knots
    lingual: Knots
    mesial_drop: tuple[float, float]  # part of the height lost at the mesial corner, and the power with which it sets in
    distal_drop: tuple[float, float]
    cusp: tuple[float, float] | None = None  # canines: mesial shift of the tip in half widths, breadth of its rounding
    fossa: float = 0.4  # mm
    taper: float = 0.2  # narrowing of the lingual side
    cervix: float = 1.3  # mm that the cervical line rises between the teeth
    twist: float = 0.0  # deg that the edge is turned distolingually
    labial_ridge: float = 0.0  # mm
    power: tuple[float, float] = (2.0, 2.7)  # of the superellipse, cervix and edge


@dataclass(frozen=True)
class Cusp:
    """x, y in half widths; down: mm below the highest point; inner, outer: slope towards the table and outwards; blunt: rounding in mm."""

    name: str
    x: float
    y: float
    down: float
    inner: float = 0.62
    outer: float = 1.15
    blunt: float = 0.5


@dataclass(frozen=True)
class Ridge:
    """A crest from one cusp through points (x, y, mm below the highest cusp); slope across it. It belongs to the cusp's side of a fissure."""

    cusp: str
    points: tuple[tuple[float, float, float], ...]
    slope: float = 0.75


@dataclass(frozen=True)
class Side:
    """A premolar or molar."""

    mesial: Knots
    distal: Knots
    buccal: Knots
    lingual: Knots
    cusps: tuple[Cusp, ...]
    ridges: tuple[Ridge, ...]
    pit: tuple[float, float, float]  # x, y in half widths, mm below the highest cusp
    power: tuple[float, float] = (2.3, 2.7)
    shear: float = 0.0  # mm mesial for each mm buccal: the rhomboid of upper molars
    taper: float = 0.0  # narrowing of the lingual side (negative: of the buccal side)
    distal_taper: float = 0.0  # narrowing of the distal end, buccolingually
    lobes: float = 0.20  # how much the slope of a cusp waxes and wanes round its tip: ridges with shallow grooves beside them
    cervix: float = 0.6
    groove: float = 0.2  # depth of the fissures, mm
    roots: tuple[tuple[float, float], ...] = field(default=((0.0, 0.0),))  # apices in half widths


FRONT = {
    "U1": Front(mesial=((0, .80), (.35, .92), (.78, 1.0), (1, .985)), distal=((0, .80), (.35, .90), (.66, .99), (.85, .98), (1, .93)),
                labial=((0, .42), (.18, .50), (.5, .485), (.8, .40), (1, .30)),
                lingual=((0, -.42), (.16, -.50), (.28, -.46), (.48, -.20), (.70, .02), (1, .165)),
                mesial_drop=(.022, 7), distal_drop=(.075, 4), fossa=.38, taper=.22, cervix=2.2),
    "U2": Front(mesial=((0, .76), (.35, .90), (.72, 1.0), (1, .95)), distal=((0, .76), (.35, .90), (.60, .99), (.85, .94), (1, .82)),
                labial=((0, .41), (.2, .50), (.5, .485), (.8, .39), (1, .28)),
                lingual=((0, -.41), (.17, -.50), (.28, -.46), (.46, -.22), (.70, .00), (1, .14)),
                mesial_drop=(.05, 4), distal_drop=(.15, 3), fossa=.42, taper=.26, cervix=1.9),
    "U3": Front(mesial=((0, .74), (.3, .88), (.62, 1.0), (.76, .95), (.90, .66), (1, .44)), distal=((0, .74), (.28, .90), (.50, 1.0), (.66, .97),
        (.84, .74), (1, .44)),
                labial=((0, .42), (.22, .50), (.5, .485), (.8, .385), (1, .29)),
                lingual=((0, -.44), (.2, -.50), (.35, -.44), (.6, -.17), (.8, -.02), (1, .06)),
                mesial_drop=(.03, 1), distal_drop=(.05, 1), cusp=(.05, .36), fossa=.26, taper=.30, cervix=1.8, labial_ridge=.18, power=(2.0, 1.9)),
    "L1": Front(mesial=((0, .70), (.4, .84), (.86, 1.0), (1, .985)), distal=((0, .70), (.4, .84), (.86, 1.0), (1, .985)),
                labial=((0, .42), (.15, .47), (.5, .46), (.8, .415), (1, .355)),
                lingual=((0, -.46), (.14, -.53), (.3, -.47), (.55, -.19), (.78, .06), (1, .195)),
                mesial_drop=(.012, 9), distal_drop=(.018, 7), fossa=.16, taper=.30, cervix=1.8),
    "L2": Front(mesial=((0, .72), (.4, .85), (.84, 1.0), (1, .985)), distal=((0, .72), (.4, .87), (.80, 1.0), (1, .95)),
                labial=((0, .42), (.15, .47), (.5, .46), (.8, .415), (1, .355)),
                lingual=((0, -.46), (.14, -.53), (.3, -.47), (.55, -.19), (.78, .06), (1, .195)),
                mesial_drop=(.012, 8), distal_drop=(.05, 4), fossa=.16, taper=.28, cervix=1.8, twist=9),
    "L3": Front(mesial=((0, .80), (.35, .92), (.74, 1.0), (.86, .92), (.94, .70), (1, .46)), distal=((0, .76), (.35, .89), (.60, 1.0), (.74, .96),
        (.88, .74), (1, .46)),
                labial=((0, .45), (.2, .50), (.5, .47), (.8, .36), (1, .24)),
                lingual=((0, -.46), (.17, -.50), (.35, -.44), (.6, -.17), (.8, -.01), (1, .08)),
                mesial_drop=(.02, 1), distal_drop=(.05, 1), cusp=(.06, .36), fossa=.22, taper=.30, cervix=1.6, labial_ridge=.13, power=(2.0, 1.9))}

_UPPER_PREMOLAR_WALL = dict(mesial=((0, .72), (.45, .90), (.85, 1.0), (1, .985)), distal=((0, .72), (.45, .92), (.82, 1.0), (1, .975)),
                            buccal=((0, .44), (.35, .50), (.7, .465), (1, .38)), lingual=((0, -.44), (.5, -.50), (.8, -.475), (1, -.40)))
_UPPER_MOLAR_WALL = dict(mesial=((0, .81), (.45, .94), (.85, 1.0), (1, .97)), distal=((0, .80), (.45, .94), (.8, 1.0), (1, .96)),
                         buccal=((0, .45), (.32, .50), (.7, .47), (1, .40)), lingual=((0, -.45), (.5, -.50), (.8, -.475), (1, -.40)))
_LOWER_MOLAR_WALL = dict(mesial=((0, .81), (.45, .94), (.85, 1.0), (1, .97)), distal=((0, .80), (.45, .95), (.8, 1.0), (1, .95)),
                         buccal=((0, .44), (.28, .515), (.6, .45), (1, .33)), lingual=((0, -.43), (.5, -.485), (.8, -.475), (1, -.43)))
_LOWER_PREMOLAR_WALL = dict(mesial=((0, .72), (.45, .90), (.85, 1.0), (1, .97)), distal=((0, .72), (.45, .92), (.82, 1.0), (1, .96)),
                            buccal=((0, .44), (.32, .51), (.65, .45), (1, .32)), lingual=((0, -.43), (.5, -.49), (.8, -.485), (1, -.44)))


def _around(cusps: tuple[Cusp, ...], mesial: float, distal: float, depth: float = .45, x: float = .80) -> tuple[Ridge, ...]:
    """The marginal ridges (mm below the highest cusp in their middle) and one triangular ridge from every cusp towards the middle."""
    def ends(side: int) -> tuple[Cusp, Cusp]:
        row = sorted(cusps, key=lambda cusp: -side * cusp.x)
        return next(c for c in row if c.y > 0), next(c for c in row if c.y < 0)
    made = []
    for side, down in ((1, mesial), (-1, distal)):
        for cusp in ends(side):
            made.append(Ridge(cusp.name, ((cusp.x, cusp.y, cusp.down + .25), (side * (x - .10), cusp.y * .70, (cusp.down + down) / 2 + .25),
                                          (side * x, cusp.y * .04, down)), .95))
    for cusp in cusps:
        made.append(Ridge(cusp.name, ((cusp.x, cusp.y, cusp.down + .1), (cusp.x * (1 - depth) + .02, cusp.y * (1 - depth) * .45, cusp.down + 1.75)), .85))
    for side in (1, -1):  # the edge that joins the cusps of one row, cut by the groove between them
        row = sorted((cusp for cusp in cusps if cusp.y * side > 0), key=lambda cusp: -cusp.x)
        for first, second in zip(row, row[1:], strict=False):
            low = max(first.down, second.down) + .75
            for cusp, other in ((first, second), (second, first)):
                made.append(Ridge(cusp.name, ((cusp.x, cusp.y, cusp.down + .1),
                                               (.47 * other.x + .53 * cusp.x, .47 * other.y + .53 * cusp.y, low)), 1.0))
    return tuple(made)


def _side(wall: dict, cusps: tuple[Cusp, ...], marginal: tuple[float, float], pit: tuple[float, float, float], extra: tuple[Ridge, ...] = (),
          **more) -> Side:
    return Side(**wall, cusps=cusps, ridges=_around(cusps, *marginal) + extra, pit=pit, **more)


_U4 = (Cusp("b", -.02, .52, 0, .70, 1.25, .45), Cusp("l", .12, -.50, .9, .66, 1.1, .55))
_U5 = (Cusp("b", .02, .50, 0, .62, 1.15, .55), Cusp("l", .10, -.50, .25, .60, 1.05, .6))
_U6 = (Cusp("mb", .46, .50, .15), Cusp("db", -.40, .49, .35), Cusp("ml", .26, -.46, 0, .55, 1.0, .65), Cusp("dl", -.52, -.50, .85, .6, 1.0, .6))
_U7 = (Cusp("mb", .45, .50, .1), Cusp("db", -.40, .46, .45), Cusp("ml", .20, -.46, 0, .55, 1.0, .65), Cusp("dl", -.54, -.44, 1.2, .6, 1.0, .6))
_U8 = (Cusp("mb", .42, .48, .1), Cusp("db", -.40, .40, .7), Cusp("ml", .0, -.46, 0, .55, 1.0, .7))
_L4 = (Cusp("b", .04, .20, 0, 1.0, 1.05, .5), Cusp("l", .18, -.64, 1.8, .9, 1.1, .4))
_L5 = (Cusp("b", .06, .34, 0, .62, 1.05, .55), Cusp("ml", .34, -.58, .75, .65, 1.15, .45), Cusp("dl", -.44, -.56, 1.1, .65, 1.15, .45))
_L6 = (Cusp("mb", .56, .40, .25), Cusp("db", -.08, .44, .3), Cusp("d", -.66, .20, .8, .6, 1.0, .5),
       Cusp("ml", .48, -.56, 0, .68, 1.25, .4), Cusp("dl", -.34, -.56, .1, .66, 1.25, .45))
_L7 = (Cusp("mb", .46, .40, .2), Cusp("db", -.44, .40, .35), Cusp("ml", .44, -.54, 0, .66, 1.2, .45), Cusp("dl", -.44, -.54, .2, .66, 1.2, .45))
_L8 = (Cusp("mb", .46, .38, .1, .6), Cusp("db", -.36, .42, .4, .6), Cusp("ml", .42, -.50, 0, .6), Cusp("dl", -.44, -.50, .4, .6))

SIDE = {
    "U4": _side(_UPPER_PREMOLAR_WALL, _U4, (1.9, 1.8), (0, .02, 2.7), taper=.16, cervix=.9, roots=((.0, .35), (.0, -.35))),
    "U5": _side(_UPPER_PREMOLAR_WALL, _U5, (1.7, 1.7), (0, 0, 2.4), taper=.08, cervix=.8, power=(2.2, 2.5)),
    "U6": _side(_UPPER_MOLAR_WALL, _U6, (1.7, 1.8), (.14, .06, 2.4),
                (Ridge("ml", ((.26, -.46, .15), (-.06, .00, 1.15)), .8), Ridge("db", ((-.40, .49, .5), (-.14, .06, 1.2)), .8)),
                shear=.13, taper=-.02, power=(2.3, 2.7), roots=((.5, .5), (-.5, .45), (.0, -.75))),
    "U7": _side(_UPPER_MOLAR_WALL, _U7, (1.6, 1.8), (.14, .06, 2.3),
                (Ridge("ml", ((.20, -.46, .15), (-.08, .00, 1.3)), .8), Ridge("db", ((-.40, .46, .6), (-.14, .06, 1.4)), .8)),
                shear=.15, taper=.08, power=(2.35, 2.75), roots=((.35, .4), (-.4, .35), (.0, -.55))),
    "U8": _side(_UPPER_MOLAR_WALL, _U8, (1.5, 1.7), (.08, .06, 2.0), shear=.12, taper=.30, power=(2.3, 2.4), roots=((.0, .0),)),
    "L4": _side(_LOWER_PREMOLAR_WALL, _L4, (1.8, 1.7), (-.35, -.25, 2.9),
                (Ridge("b", ((.04, .20, .1), (.12, -.45, 2.2)), .8),), taper=.20, cervix=.8, power=(2.1, 2.3)),
    "L5": _side(_LOWER_PREMOLAR_WALL, _L5, (1.6, 1.7), (-.06, -.12, 2.3), taper=.02, cervix=.7, power=(2.2, 2.6)),
    "L6": _side(_LOWER_MOLAR_WALL, _L6, (1.5, 1.7), (.02, -.04, 2.3), taper=.07, distal_taper=.14, power=(2.2, 2.45), roots=((.55, .0), (-.6, .0))),
    "L7": _side(_LOWER_MOLAR_WALL, _L7, (1.5, 1.6), (0, -.04, 2.3), taper=.05, distal_taper=.10, power=(2.25, 2.6), roots=((.4, .0), (-.55, .0))),
    "L8": _side(_LOWER_MOLAR_WALL, _L8, (1.4, 1.5), (0, -.02, 2.0), taper=.05, distal_taper=.16, power=(2.2, 2.4), groove=.22, roots=((.0, .0),))}
