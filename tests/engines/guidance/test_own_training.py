"""Training on a folder of one's own pictures: live pictures, whole files, one training a file, checkpoints that fit."""

import errno
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from engines.diffusion.networks import UNetConfig
from engines.guidance import sources, train, training
from engines.guidance.engine import GuidanceEngine
from engines.guidance.references import pictures_of, read_sheet
from engines.guidance.train import finish
from engines.guidance.training import FinishTask, Live, Look, LookTask, Moment, TableTask, TrainRequest, TrainTask, checkpoint, only_one, suggested
from engines.job import Cancelled, EngineError, Job
from engines.weights import read_header, read_safetensors


@pytest.fixture
def folder(tmp_path):
    """Three classes of five pictures, 8 x 8."""
    random = np.random.default_rng(0)
    for label, name in enumerate(("bar", "disc", "ring")):
        (tmp_path / "mine" / name).mkdir(parents=True)
        for k in range(5):
            pixels = random.integers(0, 60, (8, 8, 3)).astype(np.uint8)
            pixels[2 * label : 2 * label + 3, :, label] = 255
            Image.fromarray(pixels).save(tmp_path / "mine" / name / f"{k}.png")
    return tmp_path / "mine"


@pytest.fixture
def request_(folder, tmp_path):
    return TrainRequest(str(folder), str(folder), str(tmp_path / "mine.safetensors"), (16, 16), 1, 32, steps=6, batch=8, warmup=1, size=8)


def stopped_at(request, step):
    """Trains until `step`, cancelled there; its checkpoint's meta."""
    job, seen = Job(), []

    def tell(kind, values):
        if kind == "news":
            seen.append(values[0].step)
            job.cancelled = values[0].step >= step

    job.tell = tell
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Cancelled):
        patch.setattr(train, "TELL_S", -1)
        train.train(replace(request, steps=1000), job, live=Live(seconds=1e9))
    return read_header(request.state)


def test_a_folder_becomes_a_model_with_its_classes_and_its_pictures_beside_it(request_, tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "precision", lambda device: torch.float32)
    facts = train.train(request_, Job())
    model = sources.open_model(request_.out, tmp_path)
    assert facts["steps"] == 6 and facts["images"] == 15 and model.classes == ("bar", "disc", "ring") and model.shape == (3, 8, 8)
    sheet = read_sheet(pictures_of(request_.out))
    assert sheet.images.shape == (15, 8, 8, 3) and sheet.classes == model.classes and sheet.labels.tolist() == [0] * 5 + [1] * 5 + [2] * 5
    assert not list(tmp_path.glob("*.part")) and not list(tmp_path.glob("*.lock"))


def test_a_large_set_leaves_no_pictures_behind_not_even_old_ones(request_, monkeypatch):
    train.train(request_, Job())
    monkeypatch.setattr(train, "SHEET_IMAGES", 14)
    train.train(replace(request_, steps=7), Job())
    assert not pictures_of(request_.out).exists() and not pictures_of(request_.out).with_suffix(".json").exists()


def test_live_moments_bring_the_loss_and_the_pictures_of_the_average(request_, tmp_path):
    told = []
    sheet = tmp_path / "sheet.png"
    job = Job(lambda kind, values: told.append(values[0]) if kind == "news" else None)
    train.train(request_, job, live=Live(seconds=0, each=2, classes=2, solver_steps=2, sheet=sheet))
    drawn = [moment for moment in told if moment.images is not None]
    assert drawn and all(isinstance(moment, Moment) and moment.loss > 0 for moment in told)
    assert drawn[-1].images.shape == (4, 8, 8, 3) and drawn[-1].classes == ("bar", "disc") and drawn[-1].fraction == 1
    assert np.array_equal(np.asarray(Image.open(sheet)), drawn[-1].images.reshape(2, 2, 8, 8, 3).swapaxes(1, 2).reshape(16, 16, 3))


def test_live_pictures_are_drawn_by_the_average_and_do_not_disturb_the_training(request_):
    plain, watched = (replace(request_, out=request_.out.replace("mine.s", f"{name}.s")) for name in "ab")
    train.train(plain, Job())
    train.train(watched, Job(), live=Live(seconds=0, each=1, solver_steps=1))
    (a, _), (b, _) = read_safetensors(plain.out), read_safetensors(watched.out)
    assert all(torch.equal(a[key], b[key]) for key in a)


def test_a_stopped_training_goes_on_and_can_be_finished_as_it_is(request_):
    meta = stopped_at(request_, 3)
    assert int(meta["step"]) == 3 and checkpoint(request_.out)["classes"] == ("bar", "disc", "ring")
    facts = finish(request_, Job())
    state, _ = read_safetensors(request_.state)
    weights, header = read_safetensors(request_.out)
    assert facts["steps"] == 3 and json.loads(header["vernier"])["classes"] == ["bar", "disc", "ring"] and pictures_of(request_.out).exists()
    assert all(torch.equal(value, state[f"ema.{key}"].half()) for key, value in weights.items())
    assert train.train(request_, Job())["steps"] == 6


def test_a_training_cut_off_inside_a_step_keeps_what_it_had_before_it(request_, monkeypatch):
    monkeypatch.setattr(train, "PIECE", 4)
    asked = []

    def check():
        asked.append(1)
        if len(asked) == 4:  # the second piece of the second step
            raise Cancelled

    data = train.load(request_.dataset, None, size=8)
    run = train.start(request_, data, torch.device("cpu"))
    batches, draws = train.Batches(data, 0, torch.device("cpu")), torch.Generator().manual_seed(0)
    run.update(*batches.draw(8), draws, train.Alone(torch.device("cpu")), check)
    before = {name: p.detach().clone() for name, p in run.net.named_parameters()}
    with pytest.raises(Cancelled):
        run.update(*batches.draw(8), draws, train.Alone(torch.device("cpu")), check)
    assert run.step == 1 and all(torch.equal(p, before[name]) for name, p in run.net.named_parameters())


def test_a_step_in_pieces_is_the_step_in_one(request_, monkeypatch):
    monkeypatch.setattr(train, "precision", lambda device: torch.float32)  # bfloat16 rounds a piece of three otherwise than one of eight
    data, after = train.load(request_.dataset, None, size=8), []
    for piece in (8, 3):
        monkeypatch.setattr(train, "PIECE", piece)
        run = train.start(request_, data, torch.device("cpu"))
        torch.nn.init.normal_(run.net.head.weight, std=0.1, generator=torch.Generator().manual_seed(1))
        batches, draws = train.Batches(data, 0, torch.device("cpu")), torch.Generator().manual_seed(0)
        run.update(*batches.draw(8), draws, train.Alone(torch.device("cpu")))
        after.append((run.loss, run.net.stem.weight.grad.clone()))
    assert after[0][0] == pytest.approx(after[1][0], rel=1e-5) and torch.allclose(after[0][1], after[1][1], atol=1e-5)


@pytest.mark.parametrize(("change", "words"), [({"size": 12}, "size 8"), ({"mirror": False}, "mirror True"), ({"embedding": 48}, "embedding 32")])
def test_a_checkpoint_of_other_settings_says_which(request_, change, words):
    stopped_at(request_, 1)
    with pytest.raises(EngineError, match=words) as told:
        train.train(replace(request_, **change), Job())
    assert "Start over" in told.value.remedy


def test_a_folder_may_move_and_grow_but_not_change_its_classes(request_, folder, tmp_path):
    stopped_at(request_, 2)
    moved = folder.rename(tmp_path / "moved")
    Image.new("RGB", (8, 8), "red").save(moved / "bar" / "new.png")
    again = replace(request_, dataset=str(moved), data=str(moved), batch=9, steps=4)
    assert train.train(again, Job())["images"] == 16
    (moved / "bar").rename(moved / "rod")
    with pytest.raises(EngineError, match="pictures have changed"):
        train.train(replace(again, steps=5), Job())


def test_a_full_disk_ends_the_training_with_a_remedy_and_leaves_the_last_checkpoint_whole(request_, tmp_path, monkeypatch):
    stopped_at(request_, 2)
    before = request_.state.read_bytes()

    def full(tensors, path, meta):
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(train, "save_file", full)
    with pytest.raises(EngineError, match="No space left") as told:
        train.train(request_, Job())
    assert "Free some space" in told.value.remedy and request_.state.read_bytes() == before
    assert not list(tmp_path.glob("*.part")) and not list(tmp_path.glob("*.lock")) and not (tmp_path / "mine.safetensors").exists()


def test_a_sheet_that_cannot_be_written_costs_no_step_of_training(request_, tmp_path):
    (tmp_path / "sheet.png").mkdir()
    with pytest.raises(EngineError, match=r"sheet.png could not be written"):
        train.train(request_, Job(), live=Live(seconds=0, each=1, solver_steps=1, sheet=tmp_path / "sheet.png"))
    assert checkpoint(request_.out)["step"] >= 1


def test_two_trainings_never_write_one_file_and_a_killed_one_leaves_it_free(request_, tmp_path):
    out = tmp_path / "mine.safetensors"
    with only_one(out), pytest.raises(EngineError, match="Another training writes mine.safetensors"):
        train.train(request_, Job())
    for left in ("999999999 1.0", "damaged", ""):
        (tmp_path / "mine.safetensors.lock").write_text(left)
        with only_one(out):
            pass
    assert not list(tmp_path.glob("*.lock"))


def test_a_training_that_comes_apart_says_so_and_its_last_checkpoint_stays(request_):
    stopped_at(request_, 2)
    before = request_.state.read_bytes()
    with pytest.raises(EngineError, match="came apart"):
        train.train(replace(request_, rate=1e30, steps=40), Job())
    assert request_.state.read_bytes() == before


@pytest.mark.parametrize("change", [{"steps": 0}, {"batch": 0}, {"hours": 0.0}, {"rate": -1.0}, {"out": "model.bin"}])
def test_a_number_that_cannot_train_is_refused_before_anything_is_read(request_, change):
    with pytest.raises(EngineError) as told:
        train.train(replace(request_, **change), Job())
    assert told.value.remedy


def test_a_damaged_checkpoint_is_named(request_):
    request_.state.write_bytes(b"12345678")
    with pytest.raises(EngineError, match=r"mine.safetensors.state is damaged"):
        train.train(request_, Job())


def test_what_is_suggested_can_be_built_at_every_size():
    for size in training.SIZES:
        for cuda in (False, True):
            advice = suggested(500, size, cuda)
            UNetConfig(3, size, 3, advice["widths"], 2, advice["embedding"])  # ValueError where it cannot
    assert suggested(10, 32, False)["batch"] == 10 and suggested(10, 32, False)["steps"] < suggested(3000, 32, False)["steps"] <= 20_000


def test_a_step_is_timed_without_touching_anything(request_, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    assert 0 < train.step_seconds(request_, 3, torch.device("cpu"), Job()) < 60 and sorted(tmp_path.rglob("*")) == before


def test_the_tasks_of_the_window_train_finish_look_and_build_a_table(request_, folder, tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "precision", lambda device: torch.float32)
    monkeypatch.setattr(train, "step_seconds", lambda *what: 1.5)
    engine, told = GuidanceEngine(tmp_path, torch.device("cpu")), []
    job = Job(lambda kind, values: told.append(values[0]) if kind == "news" else None)
    look = LookTask(str(folder)).carry_out(engine, job)
    assert isinstance(told[0], Look) and told[0].thumbs[0].shape == (5, 64, 64, 3) and told[0].advice is None
    assert look.counts == (5, 5, 5) and look.step_seconds == 1.5 and look.advice[32]["batch"] == 15
    TrainTask(request_, Live(seconds=1e9, each=1, solver_steps=1)).carry_out(engine, job)
    first = engine.model(request_.out).hash
    stopped_at(replace(request_, seed=0), 8)
    FinishTask(request_).carry_out(engine, job)
    assert engine.model(request_.out).hash != first  # what was written anew is read anew
    facts = TableTask(request_.out, str(folder), samples=2, batch=2).carry_out(engine, job)
    assert facts["samples"] == 2 and (tmp_path / "mine.table.safetensors").exists()
