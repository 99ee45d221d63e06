"""Models of one's own in the window: a folder that is opened, a prompt that is typed, an id that is fetched."""

import json
from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from engines.guidance.hub import Fetch
from engines.guidance.outcome import Outcome
from engines.job import EngineError
from widgets.guidance import catalog


def empty_weights(path, shape=(2, 3)):
    """A safetensors file with one tensor, written by hand: no torch here."""
    count = 4 * shape[0] * shape[1]
    header = json.dumps({"weight": {"dtype": "F32", "shape": list(shape), "data_offsets": [0, count]}}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(count))


@pytest.fixture
def folder(tmp_path):
    """folder("sd" | "sd3" | "dit"): what a window looks at before the engine loads anything."""
    def make(family):
        home = tmp_path / f"{family}-1.5"
        kind, net = {"sd": ("StableDiffusionPipeline", "UNet2DConditionModel"), "dit": ("DiTPipeline", "DiTTransformer2DModel"),
                     "sd3": ("StableDiffusion3Pipeline", "SD3Transformer2DModel")}[family]
        role = "unet" if family == "sd" else "transformer"
        parts = {role: ["diffusers", net], "vae": ["diffusers", "AutoencoderKL"]}
        if family != "dit":
            parts |= {"text_encoder": ["transformers", "CLIPTextModel"], "tokenizer": ["transformers", "CLIPTokenizer"]}
        if family == "sd3":
            parts |= {"text_encoder_2": ["transformers", "CLIPTextModelWithProjection"], "tokenizer_2": ["transformers", "CLIPTokenizer"]}
        for name in parts:
            (home / name).mkdir(parents=True)
            if "token" in name:
                (home / name / "vocab.json").write_text("{}")
            else:
                (home / name / "config.json").write_text(json.dumps({"sample_size": 64, "num_embeds_ada_norm": 3}))
                empty_weights(home / name / ("model.safetensors" if "encoder" in name else "diffusion_pytorch_model.safetensors"))
        scheduler = {"_class_name": "FlowMatchEulerDiscreteScheduler" if family == "sd3" else "DDIMScheduler"}
        (home / "scheduler").mkdir()
        (home / "scheduler" / "scheduler_config.json").write_text(json.dumps(scheduler))
        index = {"_class_name": kind, "id2label": {"0": "cat", "1": "dog", "2": "hat"}} | parts
        (home / "model_index.json").write_text(json.dumps(index))
        return home
    return make


def test_a_folder_dropped_on_the_window_becomes_the_model_with_settings_that_fit_it(bench, folder):
    assert bench.workspace.open_path(folder("sd3"))
    side = bench.document.request.a
    assert side.model.endswith("sd3-1.5") and (side.mode, side.sampler, side.count) == ("cfg", "euler", 4)
    assert bench.worker.asked[-1].request.a == side
    kind, text, remedy = bench.said[-1]
    assert kind == "info" and "Stable Diffusion 3" in text and "GB are free" in remedy
    enabled = {value for value, button in bench.workspace.controls.sampler.buttons.items() if button.isEnabled()}
    assert enabled == {"euler", "heun"}
    assert bench.workspace.controls.model.currentText() == "sd3-1.5"
    bench.workspace.open_path(folder("sd"))
    assert all(button.isEnabled() for button in bench.workspace.controls.sampler.buttons.values())


def test_an_opened_model_does_not_inherit_the_noise_level_of_the_calibrated_mode(bench, folder):
    request = bench.document.request
    bench.document.replace(replace(request, a=replace(request.a, mode="calibrated", guide_below=2.0)), "calibrated")
    bench.workspace.open_path(folder("dit"))
    assert (bench.document.request.a.mode, bench.document.request.a.guide_below) == ("cfg", float("inf"))


def test_a_text_model_shows_prompts_and_a_class_model_its_classes(bench, folder):
    controls = bench.workspace.controls
    assert not controls.prompts.isVisible()
    bench.workspace.open_path(folder("sd"))
    assert controls.prompts.isVisible() and not controls._label_row.isVisible() and not controls.sliders["blend"].isVisible()
    bench.workspace.open_path(folder("dit"))
    assert not controls.prompts.isVisible() and controls._label_row.isVisible()
    assert [controls.label.itemText(k) for k in range(controls.label.count())] == ["cat", "dog", "hat"]
    models = [controls.model.itemText(k) for k in range(controls.model.count())]
    assert models[-2:] == ["sd-1.5", "dit-1.5"]  # both can be gone back to
    controls.model.changed.emit("emoji3d")
    assert bench.document.request.a.model == "emoji3d" and not controls.prompts.isVisible()


def test_a_prompt_is_drawn_at_enter_and_not_while_it_is_typed(bench, folder):
    bench.workspace.open_path(folder("sd"))
    prompts, asked = bench.workspace.controls.prompts, len(bench.worker.asked)
    QTest.keyClicks(prompts.prompt, "a cat")
    assert len(bench.worker.asked) == asked and prompts.pending() == {"prompt": "a cat"}
    QTest.keyClick(prompts.prompt, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    QTest.keyClicks(prompts.prompt, "b")
    QTest.keyClick(prompts.prompt, Qt.Key.Key_Return)
    assert bench.document.request.a.prompt == "a cat\nb" and bench.worker.asked[-1].request.a.prompt == "a cat\nb" and not prompts.pending()
    QTest.keyClicks(prompts.negative, "dog")
    QTest.keyClick(prompts.negative, Qt.Key.Key_Return)
    assert bench.document.request.a.negative == "dog"
    bench.document.undo_stack.undo()
    bench.document.undo_stack.undo()
    assert prompts.prompt.toPlainText() == "" and prompts.negative.text() == ""


def test_a_slider_that_moves_takes_an_unfinished_prompt_along(bench, folder):
    bench.workspace.open_path(folder("sd"))
    QTest.keyClicks(bench.workspace.controls.prompts.prompt, "a cat")
    bench.workspace.controls.sliders["gamma_1"].changed.emit(5.0)
    assert (bench.document.request.a.prompt, bench.document.request.a.gamma_1) == ("a cat", 5.0)


def test_what_was_not_read_of_a_prompt_is_said_beside_it(bench, folder):
    bench.workspace.open_path(folder("sd"))
    bench.worker.answer()
    assert not bench.workspace.controls.prompts.note.isVisible()
    outcome = bench.workspace.stage.outcome
    side = replace(outcome.sides[0], notes=("guided in 1 of 2 steps (1 to 1)", "the prompt is too long: CLIP read 75 of 90 tokens"))
    bench.worker.done.emit(Outcome(outcome.request, (side,)))
    assert bench.workspace.controls.prompts.note.text() == "the prompt is too long: CLIP read 75 of 90 tokens"
    assert bench.workspace.controls.interval.text() == "guided in 1 of 2 steps (1 to 1)"


def test_without_a_table_the_comparison_is_with_a_mode_that_needs_none(bench, folder):
    bench.workspace.open_path(folder("sd"))
    bench.workspace.commands()["guidance.compare"]()
    assert bench.document.request.b.mode == "zero-star"


def test_a_folder_that_will_not_do_is_refused_and_the_request_stays(bench, folder):
    home, before = folder("sd"), bench.document.request
    (home / "net.py").write_text("raise SystemExit")
    with pytest.raises(EngineError, match="carries code"):
        bench.workspace.open_path(home)
    assert bench.document.request == before
    assert not bench.workspace.open_path(home.parent)  # a folder of anything else is not for this workspace


def test_the_hub_is_asked_only_for_an_id_that_was_typed_and_agreed_to(bench, folder):
    bench.workspace.commands()["guidance.hub"]()
    hub = bench.workspace.hub.field
    assert hub.isVisible() and not bench.background.tasks
    QTest.keyClicks(hub.field, "no id")
    QTest.keyClick(hub.field, Qt.Key.Key_Return)
    assert hub.isVisible() and "owner/name" in hub.said.text() and not bench.background.tasks
    assert bench.workspace.escape() and not hub.isVisible() and not bench.background.tasks
    bench.workspace.commands()["guidance.hub"]()
    hub.field.setText("someone/a-model")
    hub.fetch.click()
    assert bench.background.tasks == [Fetch("someone/a-model")] and not hub.isVisible()
    strip = bench.workspace.hub.strip
    bench.background.progress.emit(1, 0.5, "half of it")
    assert strip.isVisible() and strip.bar.value() == 500 and strip.text() == "half of it"
    bench.background.done.emit(7, "of another task")
    assert strip.isVisible()
    bench.background.done.emit(1, str(folder("dit")))
    assert not strip.isVisible() and bench.document.request.a.model.endswith("dit-1.5")


def test_a_download_that_is_stopped_or_fails_leaves_the_model_as_it_was(bench):
    before = bench.document.request
    for end in (lambda: bench.workspace.hub.strip.cancelled.emit(), lambda: bench.background.failed.emit(len(bench.background.tasks), EngineError("x"))):
        bench.workspace.hub.fetch(Fetch("a/b"))
        assert bench.workspace.hub.strip.isVisible()
        end()
        assert not bench.workspace.hub.strip.isVisible() and bench.document.request == before


def test_a_model_from_the_hub_has_its_owners_name(tmp_path):
    assert catalog.model_word("/cache/models--someone--sd-turbo/snapshots/0123") == "sd-turbo"
    assert catalog.model_word("/x/stable-diffusion-1.5") == "stable-diffusion-1.5" and catalog.model_word("/x/mine.safetensors") == "mine"
