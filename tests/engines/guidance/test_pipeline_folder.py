"""What a diffusers folder may not be: every refusal names what is wrong, and nothing of a folder is run."""

import json
import os
import shutil
import sys

import psutil
import pytest
import tiny_pipelines
import torch

from engines.guidance import pipeline_loading, sources
from engines.guidance.engine import GuidanceEngine
from engines.guidance.pipeline_folder import read, wanted_files
from engines.job import Cancelled, EngineError, Job


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    home = tmp_path_factory.mktemp("folders")
    return {family: tiny_pipelines.make(family, home / family) for family in ("unet", "bare", "dit")}


@pytest.fixture
def folder(made, tmp_path):
    """folder(family) is a copy to damage."""
    def copy(family="dit"):
        return shutil.copytree(made[family], tmp_path / family)
    return copy


def opened(path):
    return sources.open_model(str(path), path.parent, torch.device("cpu"))


def change(path, **values):
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_what_is_in_a_folder_is_known_before_anything_is_loaded(made):
    dit, unet, bare = (read(made[family]) for family in ("dit", "unet", "bare"))
    assert (dit.family, dit.text, dit.size, dit.samplers[0], len(dit.classes)) == ("dit", False, 4, "ddim", 1000)
    assert unet.classes == ("disc", "bar", "ring") and bare.classes == ("class 0", "class 1", "class 2") and unet.family == bare.family == "unet"
    net = sum(p.numel() for p in opened(made["bare"]).net.parameters())
    assert bare.parameters == net and dit.denoiser.kind == "DiTTransformer2DModel"


def test_the_hash_follows_the_weights_and_the_configuration(folder):
    path = folder("bare")
    before = read(path).hash()
    assert read(path).hash() == before
    weights = path / "diffusion_pytorch_model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    changed = read(path).hash()
    assert changed != before
    change(path / "config.json", norm_eps=1e-4)
    assert read(path).hash() not in (before, changed)


def remove(*names):
    def act(path):
        for name in names:
            target = path / name
            shutil.rmtree(target) if target.is_dir() else target.unlink()
    return act


def pickled(path):
    (path / "transformer" / "diffusion_pytorch_model.safetensors").rename(path / "transformer" / "diffusion_pytorch_model.bin")


def sharded(path):
    (path / "transformer" / "diffusion_pytorch_model.safetensors").unlink()
    (path / "transformer" / "diffusion_pytorch_model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": "../../secret.safetensors"}}))


BAD = [
    (remove("model_index.json"), "no diffusers folder"),
    (remove("vae"), "lacks its part vae"),
    (remove("scheduler"), "lacks its part scheduler"),
    (remove("transformer/config.json"), "transformer of dit lacks its config.json"),
    (remove("transformer/diffusion_pytorch_model.safetensors"), "transformer lacks its weights"),
    (pickled, "transformer has its weights only in diffusion_pytorch_model.bin, a pickle"),
    (sharded, "transformer lacks its weight file"),
    (lambda path: os.truncate(path / "transformer/diffusion_pytorch_model.safetensors", 900), "In transformer: diffusion_pytorch_model.safetensors is damaged"),
    (lambda path: (path / "pipeline.py").write_text("raise SystemExit"), "carries code .pipeline.py"),
    (lambda path: (path / "transformer" / "my_net.py").write_text("raise SystemExit"), "carries code .transformer/my_net.py"),
    (lambda path: change(path / "model_index.json", _class_name=["my_pipeline", "Mine"]), "class of its own"),
    (lambda path: change(path / "model_index.json", transformer=["my_net", "Net"]), "'my_net', which is code outside diffusers"),
    (lambda path: change(path / "model_index.json", transformer=["os", "system"]), "'os', which is code"),
    (lambda path: change(path / "model_index.json", _class_name="FluxPipeline"), "holds a FluxPipeline"),
    (lambda path: change(path / "model_index.json", transformer=["diffusers", "FluxTransformer2DModel"]), "is a FluxTransformer2DModel"),
    (lambda path: change(path / "model_index.json", vae=[None, None]), "lacks its part vae"),
    (lambda path: change(path / "transformer/config.json", auto_map={"AutoModel": "net.Net"}), "asks for other code .auto_map"),
    (lambda path: change(path / "transformer/config.json", sample_size=None), "size of its images"),
    (lambda path: (path / "transformer/config.json").write_text("{"), "config.json in transformer could not be read"),
    (lambda path: (path / "model_index.json").write_text("[]"), "model_index.json in dit could not be read"),
    (lambda path: change(path / "scheduler/scheduler_config.json", prediction_type="flow_prediction"), "predicts 'flow_prediction'"),
    (lambda path: change(path / "scheduler/scheduler_config.json", _class_name="FlowMatchEulerDiscreteScheduler"), "does not belong to its network"),
    (lambda path: change(path / "scheduler/scheduler_config.json", beta_schedule="cosine-ish"), "makes no DDIMScheduler"),
    (lambda path: change(path / "transformer/config.json", attention_head_dim=1 << 24), "weights of transformer in dit are not those"),
    (lambda path: change(path / "transformer/config.json", num_layers=1), "weights of transformer in dit are not those"),
    (lambda path: change(path / "transformer/config.json", patch_size="two"), "could not be loaded"),
]


@pytest.mark.parametrize(("damage", "words"), BAD)
def test_a_folder_that_will_not_do_is_refused_with_the_reason(folder, damage, words):
    path = folder()
    damage(path)
    with pytest.raises(EngineError, match=words) as raised:
        opened(path)
    assert raised.value.remedy


@pytest.mark.parametrize(("changes", "words"), [({"num_class_embeds": None}, "knows no classes"), ({"num_class_embeds": 1}, "knows no classes"),
                                                ({"_class_name": "UNet2DConditionModel"}, "holds a UNet2DConditionModel")])
def test_a_network_without_classes_is_refused(folder, changes, words):
    path = folder("bare")
    change(path / "config.json", **changes)
    with pytest.raises(EngineError, match=words):
        read(path)


def test_a_folder_of_anything_else_is_refused(tmp_path):
    with pytest.raises(EngineError, match="no diffusers folder"):
        opened(tmp_path)
    with pytest.raises(EngineError, match="no folder"):
        read(tmp_path / "gone")
    with pytest.raises(EngineError, match="no model named") as raised:
        sources.open_model(str(tmp_path / "gone"), tmp_path)
    assert "diffusers folder" in raised.value.remedy


def test_nothing_of_a_folder_is_run(folder, monkeypatch):
    """Code that lies where from_pretrained would look for it is neither imported nor left on the path."""
    path = folder()
    (path / "transformer" / "modeling_dit.py").write_text(f"open({str(path / 'ran')!r}, 'w')")
    before = list(sys.path)
    with pytest.raises(EngineError):
        opened(path)
    assert not (path / "ran").exists() and sys.path == before


def test_an_autoencoder_with_the_names_of_2022_is_taken(folder):
    from safetensors.torch import load_file, save_file

    path = folder()
    file = path / "vae" / "diffusion_pytorch_model.safetensors"
    new = opened(path)
    names = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    tensors = load_file(file)
    old = {}
    for key, value in tensors.items():
        for word, other in names.items():
            key = key.replace(f".{word}.", f".{other}.")
        old[key] = value.clone()
    assert old.keys() != tensors.keys()
    save_file(old, file, {"format": "pt"})
    x = torch.randn(1, *new.shape)
    assert torch.equal(opened(path).decode(x), new.decode(x))


def test_a_pickle_beside_safetensors_is_not_read(folder):
    path = folder("bare")
    (path / "diffusion_pytorch_model.bin").write_bytes(b"\x80\x04not even a pickle")
    assert opened(path).classes


def test_what_does_not_fit_the_memory_is_told_before_loading(made, monkeypatch):
    monkeypatch.setattr(pipeline_loading, "_load", lambda *args: pytest.fail("it was loaded"))
    monkeypatch.setattr(psutil, "virtual_memory", lambda: type("M", (), {"available": 1000})())
    with pytest.raises(EngineError, match="needs 0.0 GB in .* GB are free") as raised:
        opened(made["dit"])
    assert "smaller model" in raised.value.remedy


def memory(monkeypatch, main, gpu=None):
    monkeypatch.setattr(psutil, "virtual_memory", lambda: type("M", (), {"available": main})())
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (gpu, gpu))


def test_half_precision_and_turns_on_the_gpu_are_taken_where_they_make_it_fit(made, monkeypatch):
    found = read(made["dit"])
    net, decoder = found.parts["transformer"].parameters, found.parts["vae"].parameters
    cpu, gpu = torch.device("cpu"), torch.device("cuda", 0)
    memory(monkeypatch, (4 * net + 4 * decoder) / 0.89)
    assert pipeline_loading._room(found, cpu, torch.float32) == (torch.float32, False, ())
    memory(monkeypatch, (3 * net + 4 * decoder) / 0.9)
    kind, offload, said = pipeline_loading._room(found, cpu, torch.float32)
    assert (kind, offload) == (torch.bfloat16, False) and "bf16" in said[0]
    whole, largest = 2 * net + 4 * decoder, max(2 * net, 4 * decoder)
    memory(monkeypatch, 1e12, whole / 0.89)
    assert pipeline_loading._room(found, gpu, torch.bfloat16) == (torch.bfloat16, False, ())
    memory(monkeypatch, 1e12, (largest + 10) / 0.9)
    kind, offload, said = pipeline_loading._room(found, gpu, torch.bfloat16)
    assert offload and "take turns" in said[0]
    memory(monkeypatch, 1e12, largest / 0.91)
    with pytest.raises(EngineError, match="largest part alone") as raised:
        pipeline_loading._room(found, gpu, torch.bfloat16)
    assert "CPU" in raised.value.remedy


def test_parts_that_take_turns_come_and_go(made):
    model = opened(made["dit"])
    moves = []

    class Part:
        def to(self, where):
            moves.append(str(where))

    model._offload = True
    with pytest.raises(ValueError), model.on_device(Part()):
        raise ValueError
    assert moves == ["cpu", "cpu"]  # to the device (here the CPU) and back, whatever happens between


def test_loading_is_told_and_can_be_cancelled_between_two_parts(made):
    told = []

    def tell(kind, values):
        told.append(values[1])
        job.cancelled = True
    job = Job(tell)
    with pytest.raises(Cancelled):
        sources.open_model(str(made["dit"]), made["dit"].parent, torch.device("cpu"), job)
    assert told == ["Opening dit: transformer"]


def test_two_pipelines_stay_open_and_one_gives_way_where_memory_is_short(made, monkeypatch):
    engine = GuidanceEngine(made["dit"].parent, torch.device("cpu"))
    paths = [str(made["dit"]), str(made["unet"]), str(made["bare"])]
    first = [engine.model(path) for path in paths]
    assert list(engine._models) == paths[1:] and engine.model(paths[2]) is first[2]
    opened, room = sources.open_model, iter([EngineError("there is no room"), None])

    def tight(*args):
        error = next(room)
        if error:
            raise error
        return opened(*args)
    monkeypatch.setattr(sources, "open_model", tight)
    engine.model(paths[0])
    assert list(engine._models) == paths[:1]


def test_a_text_model_without_transformers_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(EngineError, match="transformers, which is not installed") as raised:
        pipeline_loading._class("CLIPTextModel")
    assert "pip install" in raised.value.remedy


INDEX = {"_class_name": "StableDiffusionPipeline", "safety_checker": ["stable_diffusion", "StableDiffusionSafetyChecker"], "scheduler": ["diffusers", "X"],
         "unet": ["diffusers", "UNet2DConditionModel"], "vae": ["diffusers", "AutoencoderKL"], "text_encoder": ["transformers", "CLIPTextModel"],
         "tokenizer": ["transformers", "CLIPTokenizer"], "feature_extractor": ["transformers", "CLIPImageProcessor"]}


def test_of_a_hub_repository_only_safetensors_and_texts_of_the_needed_parts_are_fetched():
    names = ["model_index.json", "README.md", "sd-v1-5.safetensors", "sd-v1-5.ckpt", "scheduler/scheduler_config.json", "unet/config.json", "vae/config.json",
             "unet/diffusion_pytorch_model.bin", "unet/diffusion_pytorch_model.safetensors", "unet/diffusion_pytorch_model.fp16.safetensors",
             "vae/diffusion_pytorch_model.safetensors", "text_encoder/config.json", "text_encoder/model.safetensors", "tokenizer/vocab.json",
             "tokenizer/merges.txt", "safety_checker/model.safetensors"]
    chosen = wanted_files(INDEX, names)
    assert set(names) - set(chosen) == {"README.md", "sd-v1-5.safetensors", "sd-v1-5.ckpt", "unet/diffusion_pytorch_model.bin",
                                        "unet/diffusion_pytorch_model.safetensors", "safety_checker/model.safetensors"}
    with pytest.raises(EngineError, match="carries code .unet/net.py"):
        wanted_files(INDEX, [*names, "unet/net.py"])
    with pytest.raises(EngineError, match="only as a pickle .unet/diffusion_pytorch_model.bin"):
        wanted_files(INDEX, [name for name in names if not name.startswith("unet/diffusion") or name.endswith(".bin")])
    with pytest.raises(EngineError, match="holds a FluxPipeline"):
        wanted_files(INDEX | {"_class_name": "FluxPipeline"}, names)
