"""Models of one's own: a diffusers folder as something that can be asked for (eps_c, eps_u), like the models that ship.

The parts are loaded by diffusers and transformers, safetensors only; the sampling loop is ours (pipeline_solvers.py), so that both
coefficients, previews, a cancel within one network call and every mode work as they do elsewhere. Inside a text pipeline the
doubled batch is [uncond, cond], in DiT [cond, uncond], as their stock pipelines have it.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from engines.diffusion.schedules import Schedule, Tabulated
from engines.guidance import pipeline_folder
from engines.guidance.pipeline_folder import Folder
from engines.guidance.pipeline_prompts import Prompts, Words
from engines.guidance.pipeline_solvers import FlowSchedule, PipelineSchedule, made
from engines.guidance.recfg import to_eps
from engines.guidance.request import Sampling
from engines.guidance.sources import told
from engines.job import EngineError

DECODED = 4  # images decoded at once
UNSUITED = ("time_cond_proj_dim", "class_embed_type", "encoder_hid_dim_type")  # conditions that nobody would give these networks
FIT_CELLS, FIT_SIDE = 4, 8  # latents that the preview's linear map is fitted on: constant squares


class PipelineModel:
    """The protocol of sources.Model over a diffusers folder. x is latent, or pixels for a UNet2DModel."""

    def __init__(self, folder: Folder, parts: dict[str, Any], device: torch.device, kind: torch.dtype, offload: bool, said: tuple[str, ...]) -> None:
        self.name, self.classes, self.prediction, self.device, self.precision = str(folder.path), folder.classes, folder.prediction, device, kind
        self.folder, self.family, self.text, self.samplers = folder, folder.family, folder.text, folder.samplers
        self.hash, self._offload, self._said = folder.hash(), offload, said
        self.net, self.vae = parts[folder.denoiser.role], parts.get("vae")
        self._turn = RLock()  # the two lanes of a window share the model
        special = [name for name in UNSUITED if getattr(self.net.config, name, None) is not None]
        if special:
            raise EngineError(f"{folder.path.name} needs more than a prompt or a class ({special[0]}).",
                              remedy="Distilled, upscaling and image-prompted pipelines are not taken.")
        channels = self.net.config.in_channels
        self.shape = (channels, folder.size, folder.size)
        if self.vae is not None and self.vae.config.latent_channels != channels:
            raise EngineError(f"{folder.path.name}: its network takes {channels} channels, its autoencoder makes {self.vae.config.latent_channels}.",
                              remedy="Inpainting and other edited pipelines are not taken.")
        self.pixels = folder.size * (2 ** (len(self.vae.config.block_out_channels) - 1) if self.vae is not None else 1)
        self.schedule = _schedule(folder, self.net)
        self.prompts = Prompts(self.family, _stock(folder, parts), self.pixels, self.on_device) if self.text else None
        self._map: Tensor | None = None

    # what is asked for -----------------------------------------------------------------------------------------------
    def condition(self, settings: Sampling, count: int) -> Tensor | Words:
        """Rows for `count` images of what the settings ask for: prompt and negative, or a class."""
        if self.text:
            return self.prompts.rows(settings.prompt, settings.negative, count)
        return self.label_rows(settings.label, count, settings.label_2, settings.blend)

    def class_rows(self, word: str, count: int) -> Tensor | Words:
        """Rows of a class by its name; of a prompt, for a text model. EngineError on an unknown class."""
        return self.prompts.rows(word, "", count) if self.text else self.label_rows(self.classes.index(self.class_names((word,))[0]), count)

    def class_names(self, words: tuple[str, ...]) -> tuple[str, ...]:
        """The model's own names of a data set's classes (folders): by name, by number, or any words where the model reads text."""
        if self.text:
            return words
        found = []
        for word in words:
            number = int(word) if word.isdigit() else None
            if word not in self.classes and (number is None or number >= len(self.classes)):
                raise EngineError(f"{self.folder.path.name} has no class {word!r}.", remedy="Name the data's folders after its classes or their numbers.")
            found.append(word if word in self.classes else self.classes[number])
        return tuple(found)

    def label_rows(self, label: int, count: int, label_2: int | None = None, blend: float = 0.0) -> Tensor:
        """Class weights [count, K + 1]. EngineError on an unknown class, a true blend, or a model that reads text."""
        if self.text:
            raise EngineError(f"{self.folder.path.name} is asked with a prompt, not with a class.", remedy="Give a prompt.")
        k = len(self.classes)
        for number in (label, label_2):
            if number is not None and not 0 <= number < k:
                raise EngineError(f"{self.folder.path.name} has no class {number}.", remedy=f"Its classes are 0 to {k - 1}.")
        if label_2 is not None and 0 < blend < 1:
            raise EngineError(f"{self.folder.path.name} cannot blend classes: it takes one at a time.", remedy="Set the class mix to 0 or 1.")
        row = F.one_hot(torch.tensor(label if label_2 is None or blend == 0 else label_2), k + 1).float()
        return row.expand(count, k + 1).to(self.device)

    def notes(self, settings: Sampling) -> tuple[str, ...]:
        """What a person should know of a run: parts of a prompt that were not read, memory that was saved."""
        return (self.prompts.notes(settings.prompt, settings.negative) if self.text else ()) + self._said

    # the network -----------------------------------------------------------------------------------------------------
    def pair(self, x: Tensor, t: float, rows: Tensor | Words, tau: float | Tensor | None = None) -> tuple[Tensor, Tensor]:
        """eps_c and eps_u [B, C, H, W] from one doubled batch. tau as in `predict`."""
        twice = torch.cat([x, x])
        if self.text:
            eps_u, eps_c = self._eps(twice, t, tau, rows.both()).chunk(2)
            return eps_c, eps_u
        labels = rows.argmax(1)
        return self._eps(twice, t, tau, {"class_labels": torch.cat([labels, torch.full_like(labels, len(self.classes))])}).chunk(2)

    def predict(self, x: Tensor, t: float, rows: Tensor | Words, tau: float | Tensor | None = None) -> Tensor:
        """eps [B, C, H, W] of the condition alone, the network asked at tau (t itself where None). EngineError when it answers with NaN."""
        return self._eps(x, t, tau, rows.conditionals() if self.text else {"class_labels": rows.argmax(1)})

    def _eps(self, x: Tensor, t: float, tau: float | Tensor | None, condition: dict[str, Tensor]) -> Tensor:
        net, at = self.net, told(len(x), t if tau is None else tau, x.device)
        seen = x.to(self.precision)
        if self.family == "sdxl":
            added = {key: condition[key] for key in ("text_embeds", "time_ids")}
            output = net(seen, at, encoder_hidden_states=condition["encoder_hidden_states"], added_cond_kwargs=added, return_dict=False)[0]
        elif self.family in ("sd3", "dit"):
            output = net(hidden_states=seen, timestep=at, **condition, return_dict=False)[0]
        else:
            output = net(seen, at, **condition, return_dict=False)[0]
        output = output[:, : self.shape[0]].float()  # DiT's second half is its learnt variance, which deterministic solvers do not use
        if not math.isfinite(output.sum().item()):
            raise EngineError(f"{self.folder.path.name} answered with numbers that are not finite at timestep {t:.1f}.",
                              remedy="Lower the guidance or take more steps; if it stays, the weights are damaged.")
        if self.prediction == "eps":
            return output
        # float64: what goes back through from_eps is divided by alpha, which is small at the start
        return to_eps(self.prediction, output.double(), x.double(), self.schedule.alpha(t), self.schedule.sigma(t))

    # pixels ----------------------------------------------------------------------------------------------------------
    def decode(self, x_0: Tensor) -> Tensor:
        """Images [B, 3, H, W] about [-1, 1] of finished samples."""
        if self.vae is None:
            return x_0.float()
        with torch.inference_mode(), self.on_device(self.vae):
            return torch.cat([self.vae.decode(part, return_dict=False)[0].float() for part in self._unscaled(x_0.float()).split(DECODED)])

    def encode(self, images: Tensor) -> Tensor:
        """x_0 of images [B, 3, H, W] in [-1, 1]: resized to the model's own size, the mode of the autoencoder's Gaussian."""
        channels = 3 if self.vae is not None else self.shape[0]
        images = images if images.shape[1] == channels else images.mean(1, keepdim=True).expand(-1, channels, -1, -1)
        if images.shape[-2:] != (self.pixels, self.pixels):
            images = F.interpolate(images, (self.pixels, self.pixels), mode="bicubic", antialias=True).clamp(-1, 1)
        if self.vae is None:
            return images
        with torch.inference_mode(), self.on_device(self.vae):
            return torch.cat([self._scaled(self.vae.encode(part).latent_dist.mode().float()) for part in images.split(DECODED)])

    def preview(self, x_0: Tensor) -> Tensor:
        """A cheap look at x_0: each latent pixel as one colour, by a linear map fitted to the autoencoder once."""
        if self.vae is None:
            return x_0.float()
        if self._map is None:
            self._map = self._fit()
        flat = F.pad(x_0.float(), (0, 0, 0, 0, 0, 1), value=1.0)  # a last channel of ones: the map's constant
        colours = torch.einsum("bchw,cd->bdhw", flat, self._map)
        return F.interpolate(colours, (self.pixels, self.pixels), mode="bilinear", align_corners=False)

    def _fit(self) -> Tensor:
        """[C + 1, 3]: least squares from constant squares of random latents to the colours that the autoencoder gives them."""
        c, side = self.shape[0], FIT_CELLS * FIT_SIDE
        draws = torch.Generator().manual_seed(0)
        cells = torch.randn(DECODED, c, FIT_CELLS, FIT_CELLS, generator=draws)
        latents = F.interpolate(cells, (side, side), mode="nearest").to(self.device)
        colours = F.adaptive_avg_pool2d(self.decode(latents), FIT_CELLS).cpu()
        inputs = F.pad(cells, (0, 0, 0, 0, 0, 1), value=1.0).permute(0, 2, 3, 1).reshape(-1, c + 1)
        return torch.linalg.lstsq(inputs.double(), colours.permute(0, 2, 3, 1).reshape(-1, 3).double()).solution.float().to(self.device)

    def _unscaled(self, x: Tensor) -> Tensor:
        mean, spread = self._statistics(x)
        return x * spread / self.vae.config.scaling_factor + mean

    def _scaled(self, x: Tensor) -> Tensor:
        mean, spread = self._statistics(x)
        return (x - mean) * self.vae.config.scaling_factor / spread

    def _statistics(self, x: Tensor) -> tuple[Any, Any]:
        """Mean and spread of latents: per channel where the autoencoder has them, else its shift (SD3) and 1."""
        config = self.vae.config
        means, spreads = getattr(config, "latents_mean", None), getattr(config, "latents_std", None)
        if means is not None and spreads is not None:
            return tuple(torch.tensor(values, device=x.device, dtype=x.dtype).view(1, -1, 1, 1) for values in (means, spreads))
        return getattr(config, "shift_factor", None) or 0.0, 1.0

    # memory ----------------------------------------------------------------------------------------------------------
    @property
    def batch(self) -> int:
        """How many images are sampled at once: 64 small ones, 4 of 512 x 512 pixels."""
        return max(1, min(64, 4 * 512 * 512 // self.pixels**2))

    @property
    def bytes_each(self) -> int:
        """A rough estimate for one more image in a batch: activations of both branches, and the decoder's widest layer."""
        return 2 * 4 * self.shape[1] ** 2 * 2000 + (4 * 128 * 3 * self.pixels**2 if self.vae is not None else 0) // DECODED

    @contextmanager
    def on_device(self, *modules: Any) -> Iterator[torch.device]:
        """Brings parts that wait in main memory to the device, and back afterwards."""
        if not self._offload:
            yield self.device
            return
        with self._turn:
            try:
                for module in modules:
                    module.to(self.device)
                yield self.device
            finally:
                for module in modules:
                    module.to("cpu")


def _stock(folder: Folder, parts: dict[str, Any]) -> Any:
    """The stock pipeline around the loaded parts: only its encode_prompt is used."""
    import diffusers

    kind = {"sd": "StableDiffusionPipeline", "sdxl": "StableDiffusionXLPipeline", "sd3": "StableDiffusion3Pipeline"}[folder.family]
    more: dict[str, Any] = {"scheduler": None}
    if folder.family == "sd":
        more |= {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False,
                 "scheduler": made(diffusers.DDIMScheduler, pipeline_folder.scheduler_config(folder.path), clip_sample=False)}
    elif folder.family == "sd3":
        more |= {role: None for role in pipeline_folder.OPTIONAL if role not in parts}
    else:
        more |= {"add_watermarker": False, "force_zeros_for_empty_prompt": pipeline_folder.zeros_for_nothing(folder.path)}
    return getattr(diffusers, kind)(**parts, **more)


def _schedule(folder: Folder, net: Any) -> Schedule:
    from diffusers import DDIMScheduler, DDPMScheduler

    if folder.prediction == "flow":
        return FlowSchedule(config=pipeline_folder.scheduler_config(folder.path), tokens=(folder.size // net.config.patch_size) ** 2)
    config = pipeline_folder.scheduler_config(folder.path)
    if folder.family == "unet":
        return Tabulated(alphas_bar=made(DDPMScheduler, config).alphas_cumprod.numpy())
    return PipelineSchedule(alphas_bar=made(DDIMScheduler, config, clip_sample=False).alphas_cumprod.numpy(), config=config, prediction=folder.prediction)
