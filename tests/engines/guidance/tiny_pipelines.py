"""Diffusers folders of every family with tiny random networks, made on the spot; tokenizers from a vocabulary of letters."""

import json
from pathlib import Path

import torch

SIZE = 8  # latent side of every family but DiT's 4
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def make(family: str, folder: Path, prediction: str = "epsilon", **changes) -> Path:
    """Writes a folder of the family: "dit", "sd", "sdxl", "sd3", "unet" (a pipeline) or "bare" (a network alone)."""
    torch.manual_seed(0)
    globals()[f"_{family}"](folder, prediction, **changes)
    return folder


def excite(net: torch.nn.Module) -> torch.nn.Module:
    """Fresh networks answer with nearly nothing, and alike to every condition: larger weights show a difference."""
    for p in net.parameters():
        if p.ndim > 1 or p.abs().max() == 0:
            torch.nn.init.normal_(p, std=0.25 if p.ndim > 1 else 0.05)
    return net


def scheduler(prediction: str = "epsilon", kind: str = "DDIMScheduler", **more):
    import diffusers

    from engines.guidance.pipeline_solvers import made

    settings = {"num_train_timesteps": 1000, "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "prediction_type": prediction}
    return made(getattr(diffusers, kind), settings | {"clip_sample": False, "set_alpha_to_one": False, "steps_offset": 1} | more)


def vae(channels: int = 4, shift: float | None = None):
    from diffusers import AutoencoderKL

    return AutoencoderKL(block_out_channels=(8, 8), down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2, layers_per_block=1,
                         latent_channels=channels, norm_num_groups=4, sample_size=16, scaling_factor=0.5, shift_factor=shift)


def clip(projection: bool = False, width: int = 16):
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    config = CLIPTextConfig(vocab_size=60, hidden_size=width, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2, max_position_embeddings=16,
                            projection_dim=width, bos_token_id=52, eos_token_id=53, pad_token_id=53)
    return excite((CLIPTextModelWithProjection if projection else CLIPTextModel)(config))


def clip_tokens(folder: Path):
    """Every letter is a token: as itself, and closing a word."""
    from transformers import CLIPTokenizer

    folder.mkdir(parents=True, exist_ok=True)
    words = [*LETTERS, *(f"{letter}</w>" for letter in LETTERS), "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({word: k for k, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=16)


def t5():
    from transformers import T5Config, T5EncoderModel

    return excite(T5EncoderModel(T5Config(vocab_size=40, d_model=32, d_kv=8, d_ff=32, num_layers=1, num_heads=2)))


def t5_tokens():
    from transformers import T5TokenizerFast

    words = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("\N{LOWER ONE EIGHTH BLOCK}", -2.0), *((letter, -2.0) for letter in LETTERS)]
    return T5TokenizerFast(vocab=words, extra_ids=0, model_max_length=512)


def conditional_unet(width: int, **more):
    from diffusers import UNet2DConditionModel

    settings = {"block_out_channels": (8, 16), "layers_per_block": 1, "sample_size": SIZE, "norm_num_groups": 4, "attention_head_dim": 2,
                "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"), "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
                "cross_attention_dim": width}
    return excite(UNet2DConditionModel(**settings | more))


def _unet(folder: Path, prediction: str, pixels: int = SIZE, **more) -> None:
    _bare(folder / "unet", prediction, pixels)
    scheduler(prediction, "DDPMScheduler", **more).save_pretrained(folder / "scheduler")
    index = {"_class_name": "DDPMPipeline", "unet": ["diffusers", "UNet2DModel"], "scheduler": ["diffusers", "DDPMScheduler"]}
    (folder / "model_index.json").write_text(json.dumps(index | {"id2label": {"0": "disc", "1": "bar", "2": "ring"}}))


def _bare(folder: Path, prediction: str, pixels: int = SIZE) -> None:
    from diffusers import UNet2DModel

    excite(UNet2DModel(sample_size=pixels, block_out_channels=(8, 8), layers_per_block=1, norm_num_groups=4, down_block_types=("DownBlock2D",) * 2,
                       up_block_types=("UpBlock2D",) * 2, num_class_embeds=4)).save_pretrained(folder)


def _dit(folder: Path, prediction: str, **more) -> None:
    from diffusers import DiTPipeline, DiTTransformer2DModel

    net = DiTTransformer2DModel(num_attention_heads=2, attention_head_dim=4, in_channels=4, out_channels=8, num_layers=2, sample_size=4, patch_size=2,
                                num_embeds_ada_norm=1000)
    names = {k: ("crane" if k in (134, 517) else f"thing {k}") for k in range(1000)}
    DiTPipeline(excite(net), vae(), scheduler(prediction, **more)).save_pretrained(folder)
    index = json.loads((folder / "model_index.json").read_text())
    (folder / "model_index.json").write_text(json.dumps(index | {"id2label": names}))  # as the published ones have it


def _sd(folder: Path, prediction: str, net: dict | None = None, **more) -> None:
    from diffusers import StableDiffusionPipeline

    StableDiffusionPipeline(vae(), clip(), clip_tokens(folder / "tokenizer"), conditional_unet(16, **net or {}), scheduler(prediction, **more), None, None,
                            requires_safety_checker=False).save_pretrained(folder)


def _sdxl(folder: Path, prediction: str, **more) -> None:
    from diffusers import StableDiffusionXLPipeline

    net = conditional_unet(32, addition_embed_type="text_time", addition_time_embed_dim=8, projection_class_embeddings_input_dim=16 + 6 * 8,
                           transformer_layers_per_block=1, use_linear_projection=True)
    tokens = clip_tokens(folder / "tokenizer")
    StableDiffusionXLPipeline(vae(), clip(), clip(True), tokens, tokens, net, scheduler(prediction, "EulerDiscreteScheduler", **more)).save_pretrained(folder)


def _sd3(folder: Path, prediction: str, t5_too: bool = True, **more) -> None:
    from diffusers import FlowMatchEulerDiscreteScheduler, SD3Transformer2DModel, StableDiffusion3Pipeline

    net = excite(SD3Transformer2DModel(sample_size=SIZE, patch_size=2, in_channels=4, out_channels=4, num_layers=1, attention_head_dim=8, num_attention_heads=2,
                                       joint_attention_dim=32, caption_projection_dim=16, pooled_projection_dim=32, pos_embed_max_size=8))
    tokens = clip_tokens(folder / "tokenizer")
    StableDiffusion3Pipeline(net, FlowMatchEulerDiscreteScheduler(shift=3.0, **more), vae(shift=0.1), clip(True), tokens, clip(True), tokens,
                             t5() if t5_too else None, t5_tokens() if t5_too else None).save_pretrained(folder)
