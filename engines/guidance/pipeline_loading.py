"""Loads the parts of a diffusers folder, after counting what they need: safetensors only, nothing fetched, no code of the folder run."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from engines.device import pick, precision
from engines.guidance import pipeline_folder
from engines.guidance.pipeline_folder import Folder, Part
from engines.guidance.pipelines import PipelineModel
from engines.job import EngineError, Job

ROOM = 0.9  # share of the free memory that weights may take
OLD_NAMES = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}


def open_folder(path: Path, device: torch.device | None = None, job: Job | None = None) -> PipelineModel:
    """The pipeline in a folder, ready to run. EngineError when it will not do or would not fit the memory."""
    job = job or Job()
    folder = pipeline_folder.read(path)
    device = device or pick()
    kind, offload, said = _room(folder, device, precision(device))
    for part in folder.parts.values():
        _class(part.kind)  # a missing package is told before gigabytes are read
    _quiet(folder.text)
    parts = {}
    try:
        for role, part in folder.parts.items():
            job.progress(0, 1, f"Opening {path.name}: {role}")
            parts[role] = _load(folder, part, kind)
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, AttributeError, NotImplementedError, AssertionError) as error:
        raise EngineError(f"{path.name} could not be loaded ({error}).", remedy="Download or save the folder again, whole.") from error
    for role, part in parts.items():
        if isinstance(part, torch.nn.Module):
            waits = offload and role not in pipeline_folder.DENOISERS
            part.to("cpu" if waits else device).eval().requires_grad_(False)
    return PipelineModel(folder, parts, device, kind, offload, said)


def _room(folder: Folder, device: torch.device, kind: torch.dtype) -> tuple[torch.dtype, bool, tuple[str, ...]]:
    """Precision, whether the parts take turns on the device, and what to tell of it. EngineError where nothing fits."""
    import psutil

    free = ROOM * psutil.virtual_memory().available
    if device.type == "cuda":
        gpu = ROOM * torch.cuda.mem_get_info(device)[0]
        if _bytes(folder, kind) <= gpu:
            return kind, False, ()
        largest = max(_bytes_of(part, kind) for part in folder.parts.values())
        if largest <= gpu and _bytes(folder, kind) <= free:
            return kind, True, (f"the model {_needs(folder, kind, gpu / ROOM)} on the GPU: its parts take turns there",)
        raise EngineError(f"{folder.path.name} {_needs(folder, kind, gpu / ROOM)} on the GPU; its largest part alone takes {largest / 1e9:.1f} GB.",
                          remedy="Close other programs, choose a smaller model, or run on the CPU (device cpu).")
    if _bytes(folder, kind) <= free:
        return kind, False, ()
    if kind == torch.float32 and _bytes(folder, torch.bfloat16) <= free:
        return torch.bfloat16, False, (f"the model {_needs(folder, kind, free / ROOM)}: it runs in bf16, slower here",)
    raise EngineError(f"{folder.path.name} {_needs(folder, kind, free / ROOM)}.",
                      remedy="Close other programs, choose a smaller model, or use a machine with more memory.")


def _bytes_of(part: Part, kind: torch.dtype) -> int:
    """The autoencoder stays in float32: many overflow or lose colours below."""
    return part.parameters * (4 if part.role == "vae" else kind.itemsize)


def _bytes(folder: Folder, kind: torch.dtype) -> int:
    return sum(_bytes_of(part, kind) for part in folder.parts.values())


def _needs(folder: Folder, kind: torch.dtype, free: float) -> str:
    word = {torch.float32: "fp32", torch.bfloat16: "bf16", torch.float16: "fp16"}[kind]
    return f"needs {_bytes(folder, kind) / 1e9:.1f} GB in {word} and {free / 1e9:.1f} GB are free"


def _load(folder: Folder, part: Part, kind: torch.dtype) -> Any:
    """One part; a network only when its weights are exactly those that its configuration promises."""
    made_by = _class(part.kind)
    if part.shapes is None:
        return made_by.from_pretrained(part.folder, local_files_only=True)
    diffusers_made = part.kind not in (*pipeline_folder.CLIP, *pipeline_folder.T5)
    with torch.device("meta"):  # nothing is allocated for a configuration that promises more than its files hold
        config = made_by.load_config(part.folder) if diffusers_made else made_by.config_class.from_pretrained(part.folder, local_files_only=True)
        promised = (made_by.from_config(config) if diffusers_made else made_by(config)).state_dict()
    shapes = _renamed(promised, part.shapes)
    wrong = [key for key, value in promised.items() if shapes.get(key) != tuple(value.shape)]
    if diffusers_made:  # text encoders carry more than is used
        wrong += [key for key in shapes if key not in promised and key.endswith((".weight", ".bias"))]
    if wrong:
        raise EngineError(f"The weights of {part.role} in {folder.path.name} are not those that its config.json promises (first: {wrong[0]}).",
                          remedy="Download or save the folder again, whole.")
    wanted = torch.float32 if part.role == "vae" else kind
    loaded = made_by.from_pretrained(part.folder, use_safetensors=True, local_files_only=True, variant=part.variant,
                                     **{"torch_dtype" if diffusers_made else "dtype": wanted})
    return loaded.to(wanted)  # diffusers 0.42 without accelerate leaves float32 weights as they are, whatever it is asked


def _renamed(promised: dict[str, Tensor], shapes: dict[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    """The shapes under today's names, as the libraries' own loaders take them: autoencoders of 2022 name their attention otherwise,
    T5 uses its one embedding twice, CLIP may be saved with or without the prefix of its module."""
    found = {}
    for key, shape in shapes.items():
        new = key
        if key not in promised and ".attentions." in key:
            for old, word in OLD_NAMES.items():
                new = new.replace(f".{old}.", f".{word}.")
        found[new if new in promised else key] = shape
    for key in promised.keys() - found.keys():
        for other in ("shared.weight", f"text_model.{key}", key.removeprefix("text_model.")):
            if found.get(other) == tuple(promised[key].shape):
                found[key] = found[other]
    return found


def _class(kind: str) -> Any:
    """A class of diffusers, or of transformers, which is an extra. EngineError where it is not installed."""
    import diffusers

    kind = "DiTTransformer2DModel" if kind == "Transformer2DModel" else kind
    if hasattr(diffusers, kind):
        return getattr(diffusers, kind)
    try:
        import transformers
    except ImportError as error:
        raise EngineError("Text models need the package transformers, which is not installed.",
                          remedy="Install it into Vernier's environment: pip install 'vernier[text]' (or pip install transformers).") from error
    return getattr(transformers, kind)


def _quiet(text: bool) -> None:
    """The libraries say much on stderr that is no news to a person (what matters of it is checked here); errors stay."""
    from diffusers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    if text:
        from transformers.utils import logging

        logging.set_verbosity_error()
        logging.disable_progress_bar()
