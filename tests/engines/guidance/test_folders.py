"""A folder of one's own pictures: what becomes of every kind of file, and what each bad folder is told."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engines.guidance import datasets, folders
from engines.guidance.folders import load_folder, look
from engines.job import Cancelled, EngineError, Job


def picture(path, size=(8, 8), colour=(200, 30, 30), mode="RGB", **more):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, colour).save(path, **more)
    return path


@pytest.fixture
def folder(tmp_path):
    """Two classes: 2 red pictures, 8 blue ones."""
    place = tmp_path / "mine"
    for k in range(2):
        picture(place / "red" / f"{k}.png")
    for k in range(8):
        picture(place / "blue" / f"{k}.png", colour=(20, 40, 210))
    return place


def test_subfolders_are_classes_and_a_class_is_drawn_by_the_root_of_its_pictures(folder):
    data = datasets.load(str(folder), folder, size=8)
    assert data.name == "mine" and data.classes == ("blue", "red") and data.images.shape == (10, 1, 8, 8, 3)
    assert (data.images[data.labels == 1, 0] == (200, 30, 30)).all() and data.mirror.all()
    mass = [data.weights[data.labels == k].sum() for k in (0, 1)]
    assert mass == pytest.approx([8**0.5, 2**0.5])
    assert not load_folder(folder, 8, mirror=False).mirror.any()


@pytest.mark.parametrize("suffix", folders.SUFFIXES)
def test_every_format_is_read(folder, suffix):
    picture(folder / "red" / f"more{suffix.upper()}")
    pixels = load_folder(folder, 8).images[-1, 0].astype(int)
    assert np.abs(pixels - (200, 30, 30)).max() < 12  # JPEG and WebP are lossy


def test_of_a_gif_the_first_frame_is_taken(folder):
    frames = [Image.new("P", (8, 8), 0), Image.new("P", (8, 8), 1)]
    for frame in frames:
        frame.putpalette([0, 255, 0, 255, 0, 255] + [0] * 762)
    frames[0].save(folder / "red" / "z.gif", save_all=True, append_images=frames[1:])
    assert (load_folder(folder, 8).images[-1, 0] == (0, 255, 0)).all()


def test_what_shows_through_is_laid_on_white_and_a_turned_photo_is_set_upright(folder):
    picture(folder / "red" / "a.png", mode="RGBA", colour=(0, 0, 0, 0))
    upright = np.zeros((16, 16, 3), np.uint8)
    upright[:8] = 250
    exif = Image.Exif()
    exif[0x0112] = 3  # turned by 180 degrees
    Image.fromarray(upright).save(folder / "red" / "b.jpg", exif=exif, quality=95)
    images = load_folder(folder, 16).images[-2:, 0]
    assert (images[0] == 255).all() and images[1, :6].max() < 20 and images[1, 10:].min() > 230


def test_a_drawing_on_a_flat_ground_is_padded_and_a_photo_is_cut(folder):
    drawing = np.full((8, 24, 3), 240, np.uint8)
    drawing[3:5, 1:23] = 0
    photo = np.random.default_rng(0).integers(0, 255, (8, 24, 3)).astype(np.uint8)
    photo[:, 8:16] = 77
    for name, array in (("x", drawing), ("y", photo)):
        Image.fromarray(array).save(folder / "red" / f"{name}.png")
    drawn, cut = load_folder(folder, 24).images[-2:, 0]
    assert (drawn[:8] == 240).all() and (drawn[16:] == 240).all() and drawn[12, 4].max() < 20 and drawn[12, 20].max() < 20
    assert np.abs(cut[:, 4:20].astype(int) - 77).max() < 3


def test_only_grey_pictures_make_one_channel_and_a_single_coloured_one_makes_three(tmp_path):
    for k in range(2):
        picture(tmp_path / "a" / f"{k}.jpg", colour=(90, 90, 91))
    picture(tmp_path / "a" / "deep.png", mode="I;16", colour=257 * 50)
    data = load_folder(tmp_path, 8)
    assert data.images.shape == (3, 1, 8, 8, 1) and (data.images[2] == 50).all() and data.classes == ("a",)
    assert load_folder(tmp_path, 8, channels=3).images.shape[-1] == 3
    picture(tmp_path / "a" / "z.png", colour=(90, 90, 99))
    assert load_folder(tmp_path, 8).images.shape[-1] == 3


def test_a_damaged_file_and_a_bomb_are_left_out_by_name_and_counted(folder, monkeypatch):
    monkeypatch.setattr(folders, "PIXELS", 100)
    whole = (folder / "red" / "0.png").read_bytes()
    (folder / "red" / "broken.png").write_bytes(whole[: len(whole) // 2])
    (folder / "red" / "words.jpg").write_text("no picture")
    picture(folder / "red" / "wide.png", size=(200, 200))
    data = load_folder(folder, 8)
    assert len(data.labels) == 10
    [note] = data.notes
    assert note.startswith("3 pictures could not be read") and all(name in note for name in ("broken.png", "words.jpg", "wide.png (200 x 200"))


def test_more_bad_than_good_is_an_error_that_names_them(folder):
    for k in range(20):
        (folder / "blue" / f"x{k}.png").write_bytes(b"")
    with pytest.raises(EngineError, match=r"20 of 30 pictures could not be read: x0.png \(damaged or not a picture\), .* and 17 more"):
        load_folder(folder, 8)


def test_hidden_and_foreign_files_are_passed_over_and_loose_ones_are_told(folder):
    picture(folder / ".git" / "x.png")
    picture(folder / "red" / ".thumb.png")
    picture(folder / "__MACOSX" / "red" / "x.png")
    picture(folder / "red" / "deeper" / "x.png")
    picture(folder / "loose.png")
    (folder / "notes.txt").write_text("hello")
    (folder / "nothing").mkdir()
    found = look(folder)
    assert found.classes == ("blue", "red") and found.count == 11
    assert found.notes == ("1 picture directly in the folder: no class, left out", "no pictures in nothing: left out")


def test_each_bad_folder_is_told_what_is_wrong(tmp_path, folder, monkeypatch):
    empty, flat, single = tmp_path / "empty", tmp_path / "flat", tmp_path / "single"
    empty.mkdir()
    picture(flat / "a.png")
    picture(single / "cat" / "a.png")
    for place, words in ((empty, "empty holds no subfolders with pictures"), (flat, "1 picture but no subfolders"), (tmp_path / "gone", "no folder gone"),
                         (flat / "a.png", "a.png is no folder"), (single, "cat: fewer than 2 pictures")):
        with pytest.raises(EngineError, match=words) as told:
            load_folder(place, 8)
        assert told.value.remedy
    for limit, words in (("MOST_CLASSES", "2 classes; at most 1"), ("MOST_IMAGES", "more than 1 pictures")):
        with monkeypatch.context() as patch, pytest.raises(EngineError, match=words):
            patch.setattr(folders, limit, 1)
            load_folder(folder, 8)
    for size in (6, 30, 128):
        with pytest.raises(EngineError, match=f"size {size} will not do"):
            load_folder(folder, size)


def test_a_class_whose_readable_pictures_are_too_few_is_named(folder):
    (folder / "red" / "0.png").write_bytes(b"")
    with pytest.raises(EngineError, match="red: fewer than 2 readable"):
        load_folder(folder, 8)


@pytest.mark.skipif(os.name != "posix", reason="file names are bytes on POSIX alone")
def test_a_class_name_that_is_not_utf8_is_refused_and_a_file_name_is_not(folder):
    file = Path(os.fsdecode(os.fsencode(folder / "red") + b"/\xff.png"))
    picture(file)
    (folder / "red" / "broken.png").write_bytes(b"")
    assert len(load_folder(folder, 8).labels) == 11
    file.write_bytes(b"")
    assert "\N{REPLACEMENT CHARACTER}.png" in load_folder(folder, 8).notes[0]
    (folder / "red").rename(Path(os.fsdecode(os.fsencode(folder) + b"/re\xff")))
    with pytest.raises(EngineError, match="not UTF-8"):
        look(folder)


def test_a_cancel_is_heard_while_pictures_are_read(folder):
    job = Job()
    job.cancelled = True
    with pytest.raises(Cancelled):
        load_folder(folder, 8, job=job)


def test_a_folder_that_vanishes_while_it_is_read_is_told(folder):
    job = Job(lambda kind, values: [file.unlink() for file in folder.rglob("*.png")] + [place.rmdir() for place in folder.iterdir()] + [folder.rmdir()]
              if folder.exists() else None)
    with pytest.raises(EngineError, match="vanished"):
        load_folder(folder, 8, job=job)


def test_a_folder_of_pictures_is_told_from_other_folders(folder, tmp_path):
    assert folders.holds_classes(folder) and not folders.holds_classes(tmp_path / "gone") and not folders.holds_classes(folder / "red")
    (folder / "model_index.json").write_text("{}")
    assert not folders.holds_classes(folder)


def test_thumbnails_pass_over_what_cannot_be_read(folder):
    (folder / "blue" / "0.png").write_bytes(b"")
    blue, red = folders.thumbnails(look(folder), 8, 3, 5)
    assert blue.shape == (3, 8, 8, 3) and red.shape == (2, 8, 8, 3) and (red == (200, 30, 30)).all()
