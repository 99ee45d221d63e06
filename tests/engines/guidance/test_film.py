from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from engines.diffusion import samplers
from engines.diffusion.schedules import Schedule
from engines.guidance import engine as engine_module
from engines.guidance import film as film_module
from engines.guidance.engine import GuidanceEngine
from engines.guidance.film import SaveFilm, form_of, frames, interval_ms
from engines.guidance.outcome import Film
from engines.guidance.picture import KEY
from engines.guidance.request import Draw, GuidanceRequest, Sampling
from engines.job import Cancelled, EngineError, Job


def made(steps=5, n=4, size=32, channels=3, shade=0):
    """A film whose frame k is one grey of its own."""
    shades = np.linspace(shade, 200, steps).astype(np.uint8)
    pictures = np.broadcast_to(shades[:, None, None, None, None], (steps, n, size, size, channels)).copy()
    return Film(pictures, 255 - pictures, np.geomspace(100, 0.01, steps))


class Leaves(Job):
    """Cancelled at the third progress."""

    def progress(self, done, total, text=""):
        self.cancelled = done == 3
        super().progress(done, total, text)


@pytest.mark.parametrize("sampler", samplers.NAMES)
def test_a_film_holds_every_step_and_ends_in_the_finished_images(tiny, tmp_path, sampler):
    engine, settings = GuidanceEngine(tmp_path), Sampling(model=str(tiny), mode="cfg", steps=4, count=3, sampler=sampler)
    outcome = engine.run(Draw(GuidanceRequest(settings, replace(settings, steps=3)), film=True), Job())
    film = outcome.sides[0].film
    assert film.predicted.shape == film.noisy.shape == (4, 3, 8, 8, 3) and outcome.sides[1].film.predicted.shape[0] == 3
    for kind in (film.predicted, film.noisy):
        assert np.array_equal(kind[-1], outcome.sides[0].images)
    schedule = Schedule()
    assert film.levels.tolist() == [schedule.rho(t) for t in samplers.grid(sampler, schedule, 4)]


def test_without_asking_no_film_is_kept_and_the_images_are_the_same(tiny, tmp_path):
    engine, request = GuidanceEngine(tmp_path), GuidanceRequest(Sampling(model=str(tiny), mode="cfg", steps=3, count=2))
    plain, filmed = engine.run(Draw(request), Job()), engine.run(Draw(request, film=True), Job())
    assert plain.sides[0].film is None and np.array_equal(plain.sides[0].images, filmed.sides[0].images)


def test_a_film_keeps_no_more_images_than_fit_its_memory(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(engine_module, "FILM_BYTES", 2 * 3 * 8 * 8 * 3 * 2 + 1)
    film = GuidanceEngine(tmp_path).side(Sampling(model=str(tiny), mode="cfg", steps=3, count=5), Job(), film=True).film
    assert film.predicted.shape[1] == 2 and film.predicted.nbytes + film.noisy.nbytes <= engine_module.FILM_BYTES


def test_a_toy_keeps_more_paths_for_a_film():
    engine, settings = GuidanceEngine(None), Sampling(model="toy-gauss", count=300, steps=3, mode="cfg")
    assert engine.side(settings, Job()).trajectories.shape == (4, 64, 2)
    assert engine.side(settings, Job(), film=True).trajectories.shape == (4, 300, 2)


def test_two_films_of_other_lengths_sizes_and_colours_begin_and_end_together():
    shown = list(frames((made(5), made(3, size=28, channels=1))))
    assert len(shown) == 5 and {frame.shape for frame in shown} == {shown[0].shape}
    assert shown[0].shape[0] >= film_module.LEAST_PX and shown[0].shape[-1] == 3
    assert (shown[-1][0, 0] == 200).all() and (shown[-1][0, -1] == 200).all() and (shown[2][0, -1] == 100).all()


def test_small_frames_are_enlarged_by_a_whole_factor_and_one_image_can_be_taken():
    film = made(2, n=3)
    film.predicted[1, 2, 0, 0] = 255
    picture = list(frames((film,), image=2))[1]
    assert picture.shape == (512, 512, 3) and (picture[:16, :16] == 255).all() and (picture[16:, 16:] == 200).all()


@pytest.mark.parametrize("channels", [1, 3])
def test_a_gif_is_read_back_frame_by_frame(tmp_path, channels):
    SaveFilm(tmp_path / "f.gif", (made(5, channels=channels),), {}).carry_out(None, Job())
    with Image.open(tmp_path / "f.gif") as gif:
        assert gif.n_frames == 5 and gif.size == (512, 512) and gif.info["loop"] == 0
        shades, durations = [], []
        for k in range(5):
            gif.seek(k)
            shades.append(gif.convert("RGB").getpixel((9, 9))[0])
            durations.append(gif.info["duration"])
    assert shades == [0, 50, 100, 150, 200] and durations == [interval_ms(5)] * 4 + [film_module.HOLD_MS]
    assert [path.name for path in tmp_path.iterdir()] == ["f.gif"]


@pytest.mark.parametrize(("channels", "kind"), [(1, "predicted"), (3, "noisy")])
def test_an_mp4_is_read_back_frame_by_frame(tmp_path, channels, kind):
    import cv2
    SaveFilm(tmp_path / "f.mp4", (made(5, size=29, channels=channels),), {}, kind).carry_out(None, Job())
    video, shades = cv2.VideoCapture(str(tmp_path / "f.mp4")), []
    while (read := video.read())[0]:
        assert read[1].shape[0] % 2 == read[1].shape[1] % 2 == 0
        shades.append(int(read[1][9, 9, 0]))
    wanted = np.linspace(0, 200, 5) if kind == "predicted" else 255 - np.linspace(0, 200, 5)
    assert np.allclose(shades[:5], wanted, atol=6) and len(shades) == 5 + 5  # five frames of 200 ms hold the end for a second
    assert [path.name for path in tmp_path.iterdir()] == ["f.mp4"]


def test_a_folder_gets_one_numbered_png_a_step_that_carries_the_request(tmp_path):
    names = SaveFilm(tmp_path / "in" / "film", (made(12),), {"vernier": 1}).carry_out(None, Job())
    assert names[0].endswith("step-01.png") and sorted(str(path) for path in (tmp_path / "in" / "film").iterdir()) == names and len(names) == 12
    with Image.open(names[4]) as picture:
        assert '"vernier": 1, "step": 5' in picture.text[KEY]


@pytest.mark.parametrize("name", ["f.gif", "f.mp4", "film"])
def test_a_cancelled_film_leaves_nothing_behind_and_keeps_what_was_there(tmp_path, name):
    (tmp_path / name).mkdir() if name == "film" else (tmp_path / name).write_bytes(b"old")
    with pytest.raises(Cancelled):
        SaveFilm(tmp_path / name, (made(6),), {}).carry_out(None, Leaves())
    assert [path.name for path in tmp_path.rglob("*")] == [name]
    assert name == "film" or (tmp_path / name).read_bytes() == b"old"


@pytest.mark.parametrize("name", ["f.gif", "f.mp4", "film"])
def test_a_place_that_cannot_be_written_is_told(tmp_path, name):
    (tmp_path / "file").write_text("")
    with pytest.raises(EngineError) as raised:
        SaveFilm(tmp_path / "file" / name, (made(2),), {}).carry_out(None, Job())
    assert raised.value.remedy and [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_video_that_cannot_be_begun_or_is_cut_short_is_told(tmp_path, monkeypatch):
    import cv2
    (tmp_path / "f.part.mp4").mkdir()
    with pytest.raises(EngineError, match="could not be begun"):
        SaveFilm(tmp_path / "f.mp4", (made(2),), {}).carry_out(None, Job())
    (tmp_path / "f.part.mp4").rmdir()

    real = cv2.VideoWriter

    class Full:
        """Takes every picture and keeps none, as on a full disk. No subclass: OpenCV's types do not bear one."""

        def __init__(self, *about):
            self.isOpened, self.release = (inner := real(*about)).isOpened, inner.release
            self.write = lambda picture: None
    monkeypatch.setattr(cv2, "VideoWriter", Full)
    with pytest.raises(EngineError, match="written whole"):
        SaveFilm(tmp_path / "f.mp4", (made(2),), {}).carry_out(None, Job())
    assert list(tmp_path.iterdir()) == []


def test_another_ending_is_refused_and_the_pace_is_within_its_limits():
    with pytest.raises(EngineError, match="webm"):
        form_of(film_module.Path("a.webm"))
    assert [interval_ms(steps) for steps in (1, 20, 1000)] == [200, 150, 40]
