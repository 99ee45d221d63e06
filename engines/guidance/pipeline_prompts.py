"""Prompts as a text pipeline's network takes them, encoded by the pipeline's own `encode_prompt`; what was cut off is told."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

KEPT = 16  # encoded prompts that are remembered
T5_TOKENS = 256  # what StableDiffusion3Pipeline asks of its T5


@dataclass(frozen=True)
class Words:
    """One prompt and its negative, for `count` images: keyword arguments of the network, [1, ...] each."""

    conditional: dict[str, Tensor]
    unconditional: dict[str, Tensor]
    count: int

    def conditionals(self) -> dict[str, Tensor]:
        return _spread([(self.conditional, self.count)])

    def both(self) -> dict[str, Tensor]:
        """Unconditional first, as Stable Diffusion's own batches are."""
        return _spread([(self.unconditional, self.count), (self.conditional, self.count)])


def _spread(parts: list[tuple[dict[str, Tensor], int]]) -> dict[str, Tensor]:
    return {key: torch.cat([part[key].expand(count, *part[key].shape[1:]) for part, count in parts]) for key in parts[0][0]}


class Prompts:
    """Encodes with the stock pipeline `pipe` of a family; `on_device` brings its text encoders to the device for the while."""

    def __init__(self, family: str, pipe: Any, pixels: int, on_device: Callable[..., Any]) -> None:
        self._family, self._pipe, self._pixels, self._on_device = family, pipe, pixels, on_device
        self._known: OrderedDict[tuple[str, str], tuple[dict, dict]] = OrderedDict()

    def rows(self, prompt: str, negative: str, count: int) -> Words:
        key = (prompt, negative)
        if key not in self._known:
            self._known[key] = self._encode(prompt, negative)
            while len(self._known) > KEPT:
                self._known.popitem(last=False)
        self._known.move_to_end(key)
        return Words(*self._known[key], count)

    def _encode(self, prompt: str, negative: str) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        encoders = [getattr(self._pipe, name, None) for name in ("text_encoder", "text_encoder_2", "text_encoder_3")]
        with torch.inference_mode(), self._on_device(*[encoder for encoder in encoders if encoder is not None]) as device:
            # an empty negative is "none given", as in a stock call: SDXL answers that with zeros
            found = self._pipe.encode_prompt(prompt=prompt, device=device, num_images_per_prompt=1, do_classifier_free_guidance=True,
                                             negative_prompt=negative or None, **({} if self._family == "sd" else {"prompt_2": None})
                                             | ({"prompt_3": None} if self._family == "sd3" else {}))
        c, u = found[0], found[1]
        if self._family == "sd":
            return {"encoder_hidden_states": c}, {"encoder_hidden_states": u}
        pooled_c, pooled_u = found[2], found[3]
        if self._family == "sd3":
            return ({"encoder_hidden_states": c, "pooled_projections": pooled_c}, {"encoder_hidden_states": u, "pooled_projections": pooled_u})
        times = torch.tensor([[self._pixels, self._pixels, 0, 0, self._pixels, self._pixels]], dtype=c.dtype, device=c.device)
        return ({"encoder_hidden_states": c, "text_embeds": pooled_c, "time_ids": times},
                {"encoder_hidden_states": u, "text_embeds": pooled_u, "time_ids": times})

    def notes(self, prompt: str, negative: str) -> tuple[str, ...]:
        """What an encoder did not read of each text."""
        found = []
        for word, text in (("prompt", prompt), ("negative prompt", negative)):
            cut = [f"{name} read {limit - special} of {length - special} tokens" for name, length, limit, special in self._lengths(text) if length > limit]
            if cut:
                found.append(f"the {word} is too long: {', '.join(cut)}")
        return tuple(found)

    def _lengths(self, text: str) -> list[tuple[str, int, int, int]]:
        """(encoder, tokens with the marks around them, tokens it takes, marks) of each different encoder."""
        rows, seen = [], set()
        for number in ("", "_2", "_3"):
            tokenizer = getattr(self._pipe, f"tokenizer{number}", None)
            if tokenizer is None:
                continue
            name = "T5" if number == "_3" else "CLIP"
            limit = T5_TOKENS if number == "_3" else tokenizer.model_max_length
            row = (name, len(tokenizer(text, truncation=False, verbose=False).input_ids), limit, len(tokenizer("").input_ids))
            if row not in seen:
                seen.add(row)
                rows.append(row)
        return rows
