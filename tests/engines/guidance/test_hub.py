"""Fetching from the hub, with a hub that lies on the disk. No test reaches the network."""

import shutil
from types import SimpleNamespace

import huggingface_hub
import pytest
import tiny_pipelines
from huggingface_hub.errors import LocalEntryNotFoundError, OfflineModeIsEnabled

from engines.guidance.hub import Fetch
from engines.job import Cancelled, EngineError, Job


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    folder = tiny_pipelines.make("dit", tmp_path_factory.mktemp("hub") / "dit")
    (folder / "README.md").write_text("not wanted")
    (folder / "vae" / "diffusion_pytorch_model.bin").write_bytes(b"\x80\x04")
    return folder


@pytest.fixture
def hub(repository, tmp_path, monkeypatch):
    """What was fetched, in order; `hub.block` is called for every half of a file."""
    made = SimpleNamespace(fetched=[], revision=None, block=lambda name: None, cache=tmp_path / "cache" / "models--a--b" / "snapshots" / "0123")

    class Api:
        def model_info(self, name, revision=None, files_metadata=False):
            made.revision = revision
            files = [file for file in repository.rglob("*") if file.is_file()]
            rows = [SimpleNamespace(rfilename=str(file.relative_to(repository)), size=file.stat().st_size) for file in files]
            return SimpleNamespace(sha="0123", siblings=rows)

    def download(name, file, revision=None, tqdm_class=None):
        target, size = made.cache / file, (repository / file).stat().st_size
        if tqdm_class:
            with tqdm_class(total=size, initial=0, desc=file, unit="B") as bar:
                for _ in range(2):
                    bar.update(size / 2)
                    made.block(file)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(repository / file, target)
        made.fetched.append(file)
        return str(target)

    monkeypatch.setattr(huggingface_hub, "HfApi", Api)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    return made


def test_what_is_needed_is_fetched_and_opened_and_its_progress_told(hub):
    told = []
    folder = Fetch("a/b@main").carry_out(None, Job(lambda kind, values: told.append(values)))
    assert folder == str(hub.cache) and hub.revision == "main"
    assert set(hub.fetched) == {"model_index.json", "scheduler/scheduler_config.json", "transformer/config.json", "vae/config.json",
                                "transformer/diffusion_pytorch_model.safetensors", "vae/diffusion_pytorch_model.safetensors"}
    fractions = [fraction for fraction, _ in told]
    assert fractions == sorted(fractions) and fractions[-1] == 1 and "GB" in told[-1][1]


def test_a_cancel_stops_within_a_file(hub):
    job = Job()

    def stop(file):
        job.cancelled = file.endswith(".safetensors")
    hub.block = stop
    with pytest.raises(Cancelled):
        Fetch("a/b").carry_out(None, job)
    assert not any(file.endswith(".safetensors") for file in hub.fetched)


@pytest.mark.parametrize("word", ["", "one", "a/b/c", "../secret", "a b/c", "https://huggingface.co/a/b"])
def test_what_is_no_id_is_refused_before_anything_is_asked(hub, word):
    with pytest.raises(EngineError, match="no hub id"):
        Fetch(word)
    assert not hub.fetched


@pytest.mark.parametrize(("error", "words", "remedy"), [
    (ConnectionError("no route"), "hub cannot be reached", "network"),
    (OfflineModeIsEnabled("offline"), "hub cannot be reached", "network"),
    (LocalEntryNotFoundError("not here"), "hub cannot be reached", ""),
    (ValueError("something odd\nand long"), "fetched: something odd", "network"),
])
def test_without_a_network_it_says_so(hub, monkeypatch, error, words, remedy):
    def fail(*args, **more):
        raise error
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", fail)
    with pytest.raises(EngineError, match=words) as raised:
        Fetch("a/b").carry_out(None, Job())
    assert remedy in raised.value.remedy and "\n" not in str(raised.value)


def test_a_repository_that_does_not_fit_the_disk_or_has_code_is_not_fetched(hub, repository, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=10))
    with pytest.raises(EngineError, match="GB of disk"):
        Fetch("a/b").carry_out(None, Job())
    code = repository / "transformer" / "net.py"
    code.write_text("raise SystemExit")
    try:
        with pytest.raises(EngineError, match="carries code"):
            Fetch("a/b").carry_out(None, Job())
    finally:
        code.unlink()
    assert hub.fetched == ["model_index.json"] * 2


def test_a_repository_that_is_no_pipeline_is_told(hub, monkeypatch):
    monkeypatch.setattr(huggingface_hub, "HfApi", lambda: SimpleNamespace(model_info=lambda *args, **more: SimpleNamespace(sha="0", siblings=[])))
    with pytest.raises(EngineError, match="no diffusers pipeline"):
        Fetch("a/b").carry_out(None, Job())
