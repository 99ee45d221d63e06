"""Rendering in several processes."""

import pytest

from engines.face import cache, morphable, rendering
from engines.job import EngineError, Job
from tests.engines.face import small_head, small_speech


def test_two_processes_render_what_one_would(tmp_path):
    small_head.save(tmp_path / "head.npz")
    made = small_speech.speech()
    small_speech.save(tmp_path / "speech.npz", made)
    rendering.render_all(tmp_path, tmp_path / "head.npz", 0, (1, 1), 32, Job(), 2, (0, 1), made)
    found = cache.read(cache.path_of(tmp_path, 0, False), 32)
    (tmp_path / "alone").mkdir()
    cache.write(cache.path_of(tmp_path / "alone", 0, False), cache.render(morphable.load(tmp_path / "head.npz"), made, 0, 0, False, 32, Job()))
    again = cache.read(cache.path_of(tmp_path / "alone", 0, False), 32)
    assert (found.pictures == again.pictures).all() and (found.frame == again.frame).all()
    assert cache.path_of(tmp_path, 0, True).exists() and not list(tmp_path.glob("*.part.npz"))


def test_processes_that_fail_are_told_of(tmp_path):
    small_head.save(tmp_path / "head.npz")
    (tmp_path / "speech.npz").write_bytes(b"broken")
    with pytest.raises(EngineError, match="ended before"):
        rendering.render_all(tmp_path, tmp_path / "head.npz", 0, (1, 1), 32, Job(), 2, (0, 1), small_speech.speech())
