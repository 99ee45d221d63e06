from engines.face import cache
from tests.engines.face import small_head, small_speech


def test_train_face_names_what_is_missing(vernier, tmp_path):
    status, said = vernier("train", "face", "--head", tmp_path / "no.npz", "--out", tmp_path / "face.safetensors", "--cache", tmp_path, "--speech", 0.001,
                           "--held", 1)
    assert status == 1 and ("no.npz" in said["error"] or "libespeak-ng" in said["error"]) and said["remedy"]
    status, said = vernier("train", "face", "--head", tmp_path / "no.npz", "--out", tmp_path / "face.pt")
    assert status == 1 and "face.pt" in said["error"]


def test_train_face_trains_from_one_command(vernier, tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "MOUTHS", 4)
    small_head.save(tmp_path / "head.npz")
    small_speech.save(tmp_path / "speech.npz", small_speech.speech())
    status, said = vernier("train", "face", "--head", tmp_path / "head.npz", "--out", tmp_path / "face.safetensors", "--cache", tmp_path, "--heads", 1,
                           "--held", 1, "--steps", 1, "--batch", 1, "--checks", 1, "--without-dck")
    assert status == 0 and said["steps"] == 1 and said["parameters"] < 6_000_000 and (tmp_path / "face.safetensors").stat().st_size < 12_000_000
