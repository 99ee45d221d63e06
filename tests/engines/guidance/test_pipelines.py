"""Diffusers folders under guidance: the same numbers as the stock pipelines, for every family."""

import json
from dataclasses import replace

import numpy as np
import pytest
import tiny_pipelines
import torch

from engines.diffusion.noise import noise
from engines.diffusion.samplers import grid
from engines.diffusion.solver_names import evaluations
from engines.guidance import calibrations, pipeline_loading, tables
from engines.guidance.datasets import ImageSet
from engines.guidance.engine import GuidanceEngine
from engines.guidance.request import MODES, Draw, GuidanceRequest, Sampling
from engines.guidance.train import write
from engines.guidance.tuning import TuneRequest, build
from engines.job import Cancelled, EngineError, Job
from engines.parallel import Group

FAMILIES = ("unet", "dit", "sd", "sdxl", "sd3")
CPU = torch.device("cpu")
SEED, COUNT, STEPS, STRENGTH = 3, 2, 3, 3.0
ROUND_OFF = 2e-4  # of latents whose size is about 1 to 30


@pytest.fixture(scope="session")
def folders(tmp_path_factory):
    """family -> folder; made when first asked for."""
    home, made = tmp_path_factory.mktemp("pipelines"), {}

    def folder(family, **changes):
        if family in ("sd", "sdxl", "sd3"):
            pytest.importorskip("transformers")
        key = family + json.dumps(changes, sort_keys=True)
        if key not in made:
            made[key] = tiny_pipelines.make(family, home / f"{family}-{len(made)}.5", **changes)
        return made[key]
    return folder


@pytest.fixture(scope="session")
def opened(folders):
    """family -> an engine with that model open, and its settings. Runs in float32."""
    known = {}
    patch = pytest.MonkeyPatch()
    patch.setattr(pipeline_loading, "precision", lambda device: torch.float32)

    def open_(family, **changes):
        path = str(folders(family, **changes))
        if path not in known:
            engine = GuidanceEngine(folders(family).parent, CPU)
            flow = engine.model(path).prediction == "flow"
            known[path] = engine, Sampling(model=path, mode="cfg", gamma_1=STRENGTH, steps=STEPS, count=COUNT, seed=SEED, label=1, prompt="a cat",
                                           sampler="euler" if flow else "ddim")
        return known[path]
    yield open_
    patch.undo()


def latents(ready, monkeypatch, **changes):
    """What comes out of the loop, before it is decoded."""
    engine, settings = ready
    model, kept = engine.model(settings.model), []
    decode = model.decode
    monkeypatch.setattr(model, "decode", lambda x: kept.append(x) or decode(x))
    engine.side(replace(settings, **changes), Job())
    return kept[-1]  # the preview's map may have been fitted with others before


def stock(model, settings, monkeypatch, negative=None):
    """The latents of the stock pipeline's own call, from the same noise."""
    import diffusers

    kind = json.loads((model.folder.path / "model_index.json").read_text())["_class_name"]
    absent = {} if model.family != "sd3" or "tokenizer_3" in model.folder.parts else {"text_encoder_3": None, "tokenizer_3": None}
    pipe = getattr(diffusers, kind).from_pretrained(model.folder.path, use_safetensors=True, **absent)
    pipe.set_progress_bar_config(disable=True)
    names = {"ddim": "DDIMScheduler", "euler": "EulerDiscreteScheduler", "heun": "HeunDiscreteScheduler", "dpmpp-2m": "DPMSolverMultistepScheduler",
             "deis": "DEISMultistepScheduler"}
    if model.prediction == "flow":
        names = {"euler": "FlowMatchEulerDiscreteScheduler", "heun": "FlowMatchHeunDiscreteScheduler"}
    pipe.scheduler = getattr(diffusers, names[settings.sampler]).from_config(pipe.scheduler.config)
    start = noise(settings.seed, 0, settings.count, model.shape)
    if model.family == "dit":
        monkeypatch.setattr("diffusers.pipelines.dit.pipeline_dit.randn_tensor", lambda *args, **more: start)
        seen = []
        decode = pipe.vae.decode
        monkeypatch.setattr(pipe.vae, "decode", lambda x: seen.append(x * pipe.vae.config.scaling_factor) or decode(x))
        pipe(class_labels=[settings.label] * settings.count, guidance_scale=settings.gamma_1, num_inference_steps=settings.steps, output_type="pt")
        return seen[0]
    return pipe(prompt=[settings.prompt] * settings.count, negative_prompt=negative and [negative] * settings.count, latents=start,
                guidance_scale=settings.gamma_1, num_inference_steps=settings.steps, output_type="latent").images


def of_ones(model, path, rows=("another prompt",)):
    """A table whose every ratio is 1."""
    names = rows if model.text else model.classes[:2]
    header = {"model_hash": model.hash, "prediction": model.prediction, "schedule": model.schedule.describe(), "levels": [-4.0, 0.0, 4.0], "rows": names}
    ones = torch.ones(len(names) + 1, 3, *model.shape)
    write(path, {"ratio": ones, "literal": ones.clone()}, {"vernier-table": json.dumps(header)})
    return str(path)


CASES = [("dit", "ddim", {}), ("dit", "dpmpp-2m", {}), ("sd", "ddim", {}), ("sd", "euler", {}), ("sd", "heun", {}), ("sd", "dpmpp-2m", {}),
         ("sd", "ddim", {"prediction": "v_prediction"}), ("sd", "heun", {"prediction": "v_prediction"}), ("sdxl", "euler", {}), ("sdxl", "dpmpp-2m", {}),
         ("sd3", "euler", {}), ("sd3", "heun", {}), ("sd3", "euler", {"t5_too": False}),
         ("dit", "deis", {}), ("sd", "deis", {}), ("sd", "deis", {"prediction": "v_prediction"}), ("sdxl", "deis", {})]


@pytest.mark.parametrize(("family", "sampler", "changes"), CASES)
def test_with_ratio_one_the_result_is_the_stock_pipelines_cfg(opened, monkeypatch, tmp_path, family, sampler, changes):
    ready = opened(family, **changes)
    engine, settings = ready
    model, settings = engine.model(settings.model), replace(settings, sampler=sampler)
    wanted = stock(model, settings, monkeypatch)
    plain = latents(ready, monkeypatch, sampler=sampler)
    rectified = latents(ready, monkeypatch, sampler=sampler, mode="recfg", table=of_ones(model, tmp_path / "ones.safetensors"))
    apart = (wanted - latents(ready, monkeypatch, sampler=sampler, gamma_1=1.0)).abs().max()
    assert apart > 0.05  # guidance does something here
    assert (plain - wanted).abs().max() < ROUND_OFF and (rectified - wanted).abs().max() < ROUND_OFF


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction", "sample"])
def test_a_pixel_network_gives_what_diffusers_own_ddim_gives(opened, monkeypatch, tmp_path, prediction):
    """There is no stock class-conditional pipeline: its loop is written out here."""
    from diffusers import DDIMScheduler, UNet2DModel

    ready = opened("unet", prediction=prediction)
    engine, settings = ready
    model, steps = engine.model(settings.model), 4
    net = UNet2DModel.from_pretrained(model.folder.path / "unet")
    solver = DDIMScheduler.from_pretrained(model.folder.path / "scheduler", timestep_spacing="trailing", clip_sample=False, set_alpha_to_one=True)
    solver.set_timesteps(steps)
    x, labels = noise(SEED, 0, COUNT, model.shape), torch.tensor([1] * COUNT + [3] * COUNT)
    with torch.inference_mode():
        for t in solver.timesteps:
            c, u = net(torch.cat([x, x]), t, class_labels=labels).sample.chunk(2)
            x = solver.step(u + STRENGTH * (c - u), t, x).prev_sample
    size = x.abs().max()
    assert (latents(ready, monkeypatch, steps=steps) - x).abs().max() < 1e-5 * size
    assert (latents(ready, monkeypatch, steps=steps, mode="recfg", table=of_ones(model, tmp_path / "t.safetensors")) - x).abs().max() < 1e-5 * size


@pytest.mark.parametrize("family", FAMILIES)
def test_every_mode_runs_in_every_family_with_every_sampler_it_has(opened, tmp_path, family):
    engine, settings = opened(family)
    model = engine.model(settings.model)
    table = of_ones(model, tmp_path / "ones.safetensors")
    for k, mode in enumerate(mode for mode in MODES if mode != "calibrated"):
        found = engine.side(replace(settings, mode=mode, steps=2, table=table, gamma_0=-1.9, sampler=model.samplers[k % len(model.samplers)]), Job())
        assert found.images.shape == (COUNT, model.pixels, model.pixels, 3) and found.images.std() > 0


@pytest.mark.parametrize("family", FAMILIES)
def test_an_image_does_not_depend_on_how_many_are_drawn(opened, monkeypatch, family):
    ready = opened(family)
    alone = latents(ready, monkeypatch, count=1)
    assert torch.allclose(latents(ready, monkeypatch, count=3)[:1], alone, rtol=1e-4, atol=1e-3)


def test_outside_the_interval_half_the_work_is_done_with_a_pipelines_own_grid(opened):
    engine, settings = opened("sd")
    model = engine.model(settings.model)
    levels = [model.schedule.rho(t) for t in grid("heun", model.schedule, 4)]
    side = engine.side(replace(settings, sampler="heun", steps=4, guide_below=levels[1], guide_above=levels[3]), Job())
    assert side.nfe == 2 + 2 * 2 * 2 + 1 and side.notes[0] == "guided in 2 of 4 steps (2 to 3)"
    assert side.per_step["gamma_1"].tolist() == [1, 1, 3, 3, 3, 3, 1]


def test_at_the_singular_start_of_a_flow_only_cfg_is_done(opened):
    engine, settings = opened("sd3")
    side = engine.side(replace(settings, mode="free", gamma_1=3.0, gamma_0=-1.5), Job())
    assert side.per_step["gamma_0"].tolist() == [-2, -1.5, -1.5]
    with pytest.raises(EngineError, match="DDIM does not exist for flow") as raised:
        engine.side(replace(settings, sampler="ddim"), Job())
    assert "Euler" in raised.value.remedy


def test_a_class_of_a_pipeline_can_be_calibrated_and_a_prompt_cannot(opened, tmp_path):
    engine, settings = opened("dit")
    request = calibrations.CalibrateRequest(gammas=(3.0,), steps=4, draws=8, directions=2, classes=(1,))
    facts = calibrations.build(engine.model(settings.model), request, tmp_path / "c.safetensors", Job())
    assert facts["classes"] == 1
    changed = replace(settings, mode="calibrated", calibration=str(tmp_path / "c.safetensors"), steps=4)
    for sampler in ("ddim", "euler", "heun"):
        side = engine.side(replace(changed, sampler=sampler), Job())
        alone = engine.side(replace(changed, sampler=sampler, mode="cfg", guide_below=1.0), Job())
        assert side.nfe == alone.nfe and not side.notes[1:] and not np.array_equal(side.images, alone.images)
    engine, settings = opened("sd")
    with pytest.raises(EngineError, match="reads prompts"):
        calibrations.build(engine.model(settings.model), request, tmp_path / "d.safetensors", Job())
    assert "interval alone" in engine.side(replace(settings, mode="calibrated"), Job()).notes[-1]


class Leaves(Job):
    """Cancelled at the nth look."""

    def __init__(self, looks):
        super().__init__()
        self.looks = looks

    def check(self):
        self.looks -= 1
        self.cancelled = self.looks < 0
        super().check()


@pytest.mark.parametrize("family", FAMILIES)
def test_a_cancel_stops_within_one_network_call_and_leaves_the_pipeline_whole(opened, monkeypatch, family):
    ready = opened(family)
    engine, settings = ready
    before = latents(ready, monkeypatch)
    net, calls = engine.model(settings.model).net, []
    hook = net.register_forward_hook(lambda *ignored: calls.append(1))
    with pytest.raises(Cancelled):
        engine.side(replace(settings, steps=30), Leaves(5))
    hook.remove()
    assert 0 < len(calls) <= 5
    assert torch.equal(latents(ready, monkeypatch), before)


@pytest.mark.parametrize("family", FAMILIES)
def test_previews_are_as_large_as_the_images_and_come_near_them(opened, family):
    engine, settings = opened(family)
    told = []
    engine.run(Draw(GuidanceRequest(replace(settings, steps=6, gamma_1=1.0))), Job(lambda kind, values: told.append(values[0]) if kind == "preview" else None))
    size = engine.model(settings.model).pixels
    assert told and all(outcome.unfinished and outcome.sides[0].images.shape == (COUNT, size, size, 3) for outcome in told)


def test_the_preview_map_finds_a_linear_decoder(opened, monkeypatch):
    engine, settings = opened("sd")
    model = engine.model(settings.model)
    colours = torch.tensor([[0.1, 0.2, 0.0], [0.0, -0.1, 0.2], [0.1, 0.0, 0.1], [0.0, 0.1, -0.1]])
    monkeypatch.setattr(model, "_map", None)
    monkeypatch.setattr(model, "decode", lambda x: torch.einsum("bchw,cd->bdhw", x, colours).add(0.05).repeat_interleave(2, 2).repeat_interleave(2, 3))
    x = torch.randn(1, 4, 1, 1).expand(1, 4, *model.shape[1:])
    assert torch.allclose(model.preview(x), model.decode(x), atol=1e-5)


def test_latents_are_scaled_as_the_autoencoder_wants_and_back(opened):
    for family in ("sd", "sd3"):
        engine, settings = opened(family)
        model = engine.model(settings.model)
        x = torch.randn(2, *model.shape)
        assert torch.allclose(model._scaled(model._unscaled(x)), x, atol=1e-6)
        assert model.encode(torch.zeros(3, 1, 20, 20)).shape == (3, *model.shape)  # another size, and grey
    assert float(model._unscaled(torch.zeros(1))[0]) == pytest.approx(0.1)


def test_a_prompt_longer_than_the_encoder_takes_is_cut_and_told(opened):
    engine, settings = opened("sd")
    long = "a cat in a hat sits on the mat"
    side = engine.side(replace(settings, prompt=long, steps=1), Job())
    assert side.notes == ("the prompt is too long: CLIP read 14 of 22 tokens",)
    same = engine.side(replace(settings, prompt=long.replace(" ", "")[:14], steps=1), Job())
    assert not same.notes
    side = engine.side(replace(settings, negative=long, steps=1), Job())
    assert side.notes == ("the negative prompt is too long: CLIP read 14 of 22 tokens",)
    assert not engine.side(replace(settings, prompt="", steps=1), Job()).notes
    engine, settings = opened("sd3")
    side = engine.side(replace(settings, prompt="a" * 300, steps=1), Job())
    assert "CLIP read 14 of 300" in side.notes[0] and "T5 read 255 of 30" in side.notes[0]


def test_the_negative_prompt_is_what_the_stock_pipeline_makes_of_it(opened, monkeypatch):
    ready = opened("sdxl")
    engine, settings = ready
    settings = replace(settings, sampler="euler")
    wanted = stock(engine.model(settings.model), settings, monkeypatch, negative="dog")
    found = latents(ready, monkeypatch, sampler="euler", negative="dog")
    assert (found - wanted).abs().max() < ROUND_OFF
    assert (found - latents(ready, monkeypatch, sampler="euler")).abs().max() > 0.01


@pytest.fixture
def data():
    random = np.random.default_rng(0)
    return ImageSet("tiny", random.integers(0, 255, (4, 1, 12, 12, 3), np.uint8), np.repeat([0, 1], 2), np.ones(4), np.zeros(4, bool), ("0", "2"), "", "")


@pytest.mark.parametrize("family", FAMILIES)
def test_a_table_is_built_read_and_used_and_what_it_does_not_know_takes_the_mean(opened, data, tmp_path, family):
    engine, settings = opened(family)
    model = engine.model(settings.model)
    data = replace(data, classes=("cat", "dog")) if model.text else data
    with Group() as group:
        facts = tables.build(model, data, 2, tmp_path / "t.safetensors", Job(), group, 2)
    assert facts["samples"] == 2 and 0 <= facts["ratio_mean"] <= 2
    table = tables.read(tmp_path / "t.safetensors", model)
    known = replace(settings, prompt="dog", label=2, mode="recfg", steps=2, table=str(tmp_path / "t.safetensors"))
    assert table.names == (("cat", "dog") if model.text else (model.classes[0], model.classes[2]))
    assert table.weights(model, known).tolist() == [0, 1]
    assert table.weights(model, replace(known, prompt="other", label=1)).tolist() == [0, 0]
    one, mean, plain = (engine.side(changed, Job()).images for changed in (known, replace(known, prompt="other", label=1), replace(known, mode="cfg")))
    assert not np.array_equal(one, plain) and mean.shape == one.shape


def test_a_table_of_another_model_or_of_classes_it_does_not_have_is_refused(opened, data, tmp_path):
    engine, settings = opened("dit")
    model = engine.model(settings.model)
    of_ones(engine.model(settings.model), tmp_path / "t.safetensors")
    other, asked = opened("sd")
    with pytest.raises(EngineError, match="model hash"):
        other.side(replace(asked, mode="recfg", table=str(tmp_path / "t.safetensors")), Job())
    with Group() as group, pytest.raises(EngineError, match="no class 'wombat'"):
        tables.build(model, replace(data, classes=("0", "wombat")), 2, tmp_path / "u.safetensors", Job(), group, 2)


def test_classes_have_names_and_two_of_one_name_are_told_apart(opened):
    engine, settings = opened("dit")
    model = engine.model(settings.model)
    assert model.classes[3] == "thing 3" and model.classes[134] == "crane (134)" and len(model.classes) == 1000
    with pytest.raises(EngineError, match="no class 1000"):
        model.label_rows(1000, 1)
    with pytest.raises(EngineError, match="cannot blend"):
        engine.side(replace(settings, label_2=5, blend=0.5), Job())
    assert np.array_equal(engine.side(replace(settings, label_2=5, blend=1.0), Job()).images, engine.side(replace(settings, label=5), Job()).images)


def test_a_text_model_without_a_table_says_how_to_build_one(opened):
    engine, settings = opened("sd")
    with pytest.raises(EngineError, match="no ReCFG table") as raised:
        engine.side(replace(settings, mode="recfg"), Job())
    assert "vernier table" in raised.value.remedy and ".5.table.safetensors" in raised.value.remedy


@pytest.mark.parametrize(("net", "words"), [({"in_channels": 9}, "takes 9 channels"), ({"time_cond_proj_dim": 8}, "needs more than a prompt")])
def test_networks_that_want_more_than_a_prompt_are_refused(folders, net, words):
    path = folders("sd", net=net)
    with pytest.raises(EngineError, match=words):
        GuidanceEngine(path.parent, CPU).model(str(path))


@pytest.mark.parametrize(("family", "sampler", "changes"), [("dit", "ddim", {}), ("unet", "deis", {}), ("bare", "dpm-2", {}), ("sd", "dpmpp-2m", {}),
                                                            ("sd", "heun", {"prediction": "v_prediction"}), ("sd3", "euler", {})])
def test_timesteps_of_every_family_can_be_tuned(opened, tmp_path, family, sampler, changes):
    engine, settings = opened(family, **changes)
    found, job = [], Job(lambda kind, values: found.append(values[0].found) if kind == "news" else None)
    with Group() as group:
        build(engine, TuneRequest(settings.model, (sampler,), (3,), strengths=(1.5,), objective="teacher", draws=8,
                                  prompt="a cat"), tmp_path / "t.json", job, group)
    # a random network gains nothing by it, but it hears the timestep: no two trials cost the same
    assert all(len({loss for _, loss, _ in one.tried}) == len(one.tried) >= 2 for one in found[1:])
    asked = replace(settings, sampler=sampler, steps=3, gamma_1=1.5, tuned=True)
    file, hand = engine.side(replace(asked, tuning=str(tmp_path / "t.json")), Job()), replace(asked, ratios=(1.0, *[0.9] * (evaluations(sampler, 3) - 1)))
    assert not any("plain timesteps" in note for note in file.notes)
    assert (engine.side(hand, Job()).images != engine.side(replace(hand, tuned=False), Job()).images).any()


def test_the_papers_gradient_reaches_a_pipelines_timestep(opened):
    for family in ("dit", "bare"):
        engine, settings = opened(family)
        model = engine.model(settings.model)
        tau = torch.tensor(400.0, requires_grad=True)
        x = torch.randn(2, *model.shape, generator=torch.Generator().manual_seed(0))
        eps_c, _ = model.pair(x, 420.0, model.condition(settings, 2), tau)
        eps_c.square().sum().backward()
        assert tau.grad.abs() > 1e-6
