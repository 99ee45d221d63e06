"""The film of a toy: where its points are painted, and that both sides and every step are there."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from engines.diffusion import samplers
from engines.diffusion.schedules import Schedule
from engines.guidance.density import Inks, rgb
from engines.guidance.engine import GuidanceEngine
from engines.guidance.outcome import Side, ToyNumbers
from engines.guidance.request import SAMPLERS, Sampling
from engines.guidance.toy_film import EDGE_PX, HEAD_PX, LINE_PX, PLANE_PX, REACH, SaveToyFilm, frames, levels
from engines.job import Cancelled, Job

INKS = Inks("#ffffff", "#fefefe", "#eeeeee", "#cccccc", "#111111", "#555555", "#0b6a94", "#b3261e", "#a4510a")


def made(dim, steps=4, points=((2.0, -1.0),)):
    """A toy whose points stand still at the ends given, its data nowhere near them."""
    axis = np.linspace(-6, 6, 121) if dim == 1 else np.linspace(-3.95, 3.95, 80)
    peak = np.exp(-0.5 * ((axis + 3) / 0.3) ** 2)
    density = peak if dim == 1 else peak[:, None] * peak[None]
    walks = np.broadcast_to(np.array(points, float)[None, :, :dim], (steps + 1, len(points), dim)).copy()
    toy = ToyNumbers(np.zeros(dim), np.zeros(dim), 0.0, 1.0, 1.0, 1.0, (axis,) * dim, density, density)
    return Side(Sampling("toy-1d" if dim == 1 else "toy-gauss", mode="cfg", steps=steps, count=len(points)), points=walks[-1], trajectories=walks, toy=toy,
                per_step={"step_rho": np.geomspace(100, 0.01, steps)})


def ink_at(picture, x, y):
    return picture[round(y), round(x)].astype(float)


def nearer(pixel, ink, other):
    return np.abs(pixel - rgb(ink)).sum() < np.abs(pixel - rgb(other)).sum()


def test_a_point_of_the_plane_is_painted_where_it_is_in_the_colour_of_its_side():
    a, b = made(2), made(2, points=((-1.0, 2.0),))
    *_, last = frames((a, b), INKS, ("A", "B"))
    for k, (point, ink) in enumerate((((2.0, -1.0), INKS.accent), ((-1.0, 2.0), INKS.second))):
        x = EDGE_PX + k * (PLANE_PX + EDGE_PX) + (point[0] + REACH) / (2 * REACH) * PLANE_PX
        y = HEAD_PX + (REACH - point[1]) / (2 * REACH) * PLANE_PX
        assert nearer(ink_at(last, x, y), ink, INKS.panel)
        mirrored = HEAD_PX + (REACH + point[1]) / (2 * REACH) * PLANE_PX
        assert np.abs(ink_at(last, x, mirrored) - rgb(INKS.panel)).max() < 3
    x = y = (REACH - 3) / (2 * REACH) * PLANE_PX
    assert nearer(ink_at(last, EDGE_PX + x, HEAD_PX + PLANE_PX - y), INKS.muted, INKS.panel)  # the data, at (-3, -3)


def test_more_points_in_one_place_are_denser_and_points_outside_are_left_out():
    one, many = (list(frames((made(2, points=points),), INKS, ("",)))[-1].astype(float) for points in (((0.5, 0.5),), ((0.5, 0.5),) * 4 + ((99.0, -1e6),)))
    x, y = EDGE_PX + (0.5 + REACH) / (2 * REACH) * PLANE_PX, HEAD_PX + (REACH - 0.5) / (2 * REACH) * PLANE_PX
    away = [np.abs(ink_at(picture, x, y) - rgb(INKS.accent)).sum() for picture in (one, many)]
    assert away[1] < 0.2 * away[0]


def test_the_density_of_a_line_peaks_where_its_points_are_and_ends_as_the_engine_has_it():
    side = made(1, points=tuple((2.0 + 0.1 * k, 0.0) for k in range(-5, 6)))
    shown = [picture.astype(int) for picture in frames((side,), INKS, ("CFG",))]
    columns = []
    for picture in (shown[1], shown[-1]):
        plot = picture[HEAD_PX : HEAD_PX + LINE_PX[1], EDGE_PX : EDGE_PX + LINE_PX[0]]
        blue = np.abs(plot - rgb(INKS.accent)).sum(-1) < 60
        columns.append(blue.nonzero()[1][blue.nonzero()[0].argmin()] / LINE_PX[0] * 12 - 6)
    assert columns[0] == pytest.approx(2.0, abs=0.25) and columns[1] == pytest.approx(-3.0, abs=0.15)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_film_has_one_picture_a_step_whatever_the_solver_asks_in_between(sampler):
    side = GuidanceEngine(None).side(Sampling("toy-gauss", mode="cfg", steps=4, count=50, sampler=sampler), Job(), film=True)
    schedule = Schedule()
    assert levels((side,)) == pytest.approx([schedule.rho(t) for t in samplers.grid(sampler, schedule, 4)])
    assert len(list(frames((side,), INKS, ("CFG",)))) == 4 == len(side.trajectories) - 1


@pytest.mark.parametrize("dim", [1, 2])
def test_every_step_of_the_longer_side_is_there_and_written(tmp_path, dim):
    sides = (made(dim, 5), made(dim, 3))
    assert len(levels(sides)) == 5 and len({picture.shape for picture in frames(sides, INKS, ("A", "B"))}) == 1
    SaveToyFilm(tmp_path / "f.gif", sides, {}, INKS, ("A", "B")).carry_out(None, Job())
    with Image.open(tmp_path / "f.gif") as film:
        assert film.n_frames == 5


def test_a_cancelled_film_leaves_nothing(tmp_path):
    job = Job(lambda kind, values: setattr(job, "cancelled", values[0] > 0.4))
    with pytest.raises(Cancelled):
        SaveToyFilm(tmp_path / "f.mp4", (made(2, 6),), {}, INKS, ("",)).carry_out(None, job)
    assert list(tmp_path.iterdir()) == []


def test_paths_that_ran_far_away_are_painted_all_the_same():
    side = made(2, points=((1e9, -1e9), (0.0, 0.0)))
    assert len(list(frames((replace(side, trajectories=side.trajectories * np.linspace(0, 1, 5)[:, None, None]),), INKS, ("",)))) == 4
