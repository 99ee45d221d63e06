"""What lies in a diffusers folder, found out without loading or running anything of it: quick enough for a window.

Five families are taken: "dit", "sd", "sdxl", "sd3" and "unet" (a class-conditional UNet2DModel). A folder is refused when it
carries code, names a library other than diffusers and transformers, holds weights only as pickles, or lacks a part.
"""

import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engines.diffusion.solver_names import FLOW_NAMES, NAMES
from engines.job import EngineError
from engines.weights import read_layout

ACCEPTED = "DiTPipeline, StableDiffusionPipeline, StableDiffusionXLPipeline, StableDiffusion3Pipeline, or a class-conditional UNet2DModel"
CLIP, CLIP_TOKENS = ("CLIPTextModel", "CLIPTextModelWithProjection"), ("CLIPTokenizer", "CLIPTokenizerFast")
T5, T5_TOKENS = ("T5EncoderModel",), ("T5Tokenizer", "T5TokenizerFast")
AUTOENCODER = ("AutoencoderKL",)
LAYOUT = {  # pipeline class -> family and its parts: role -> accepted classes
    "DiTPipeline": ("dit", {"transformer": ("DiTTransformer2DModel", "Transformer2DModel"), "vae": AUTOENCODER}),
    "StableDiffusionPipeline": ("sd", {"unet": ("UNet2DConditionModel",), "vae": AUTOENCODER, "text_encoder": CLIP, "tokenizer": CLIP_TOKENS}),
    "StableDiffusionXLPipeline": ("sdxl", {"unet": ("UNet2DConditionModel",), "vae": AUTOENCODER, "text_encoder": CLIP, "text_encoder_2": CLIP,
                                           "tokenizer": CLIP_TOKENS, "tokenizer_2": CLIP_TOKENS}),
    "StableDiffusion3Pipeline": ("sd3", {"transformer": ("SD3Transformer2DModel",), "vae": AUTOENCODER, "text_encoder": CLIP, "text_encoder_2": CLIP,
                                         "text_encoder_3": T5, "tokenizer": CLIP_TOKENS, "tokenizer_2": CLIP_TOKENS, "tokenizer_3": T5_TOKENS}),
}
OPTIONAL = ("text_encoder_3", "tokenizer_3")  # SD3 runs without its T5
UNREAD = ["stable_diffusion", "StableDiffusionSafetyChecker"]  # a module inside diffusers, never loaded here
DENOISERS = ("transformer", "unet")
PICKLES = (".bin", ".ckpt", ".pt", ".pth", ".pkl")
CODE = (".py", ".pyc", ".so", ".dll")
JSON_BYTES = 16 << 20
BLOCK, BLOCKS = 1 << 20, 64  # what of a large file goes into its hash


@dataclass(frozen=True)
class Part:
    """One loadable part. `variant` is "fp16" for files named so; `shapes` of every tensor in its weights."""

    role: str
    kind: str
    folder: Path
    files: tuple[Path, ...] = ()
    variant: str | None = None
    shapes: dict[str, tuple[int, ...]] | None = None

    @property
    def parameters(self) -> int:
        return sum(math.prod(shape) for shape in (self.shapes or {}).values())


@dataclass(frozen=True)
class Folder:
    """A pipeline that will do, as far as its files tell."""

    path: Path
    family: str
    parts: dict[str, Part]
    classes: tuple[str, ...]  # empty for text models
    prediction: str  # eps, x0, v or flow
    size: int  # latent (or pixel) side
    samplers: tuple[str, ...]

    @property
    def text(self) -> bool:
        return self.family in ("sd", "sdxl", "sd3")

    @property
    def denoiser(self) -> Part:
        return next(self.parts[role] for role in DENOISERS if role in self.parts)

    @property
    def parameters(self) -> int:
        return sum(part.parameters for part in self.parts.values())

    def hash(self) -> str:
        """Tells this folder's weights and configurations from others. Of large files: size, header and 64 blocks."""
        digest = hashlib.sha256()
        for part in sorted(self.parts.values(), key=lambda part: part.role):
            for file in (*sorted(part.folder.glob("*config.json")), *part.files):
                digest.update(f"{part.role}/{file.name} {file.stat().st_size}\n".encode())
                with open(file, "rb") as stream:
                    size = file.stat().st_size
                    starts = range(0, size, BLOCK) if size <= BLOCK * BLOCKS else [size * k // BLOCKS for k in range(BLOCKS)]
                    for start in starts:
                        stream.seek(start)
                        digest.update(stream.read(BLOCK))
        return digest.hexdigest()


def read(path: Path | str) -> Folder:
    """What is in the folder. EngineError that names what is wrong."""
    path = Path(path)
    if not path.is_dir():
        raise EngineError(f"There is no folder {path.name}.", remedy="Choose a folder that diffusers saved.")
    index, config = path / "model_index.json", path / "config.json"
    if not index.exists() and not config.exists():
        raise EngineError(f"{path.name} is no diffusers folder: it has neither model_index.json nor config.json.",
                          remedy=f"Choose a folder of one of: {ACCEPTED}.")
    _no_code(path)
    return _pipeline(path, _json(index)) if index.exists() else _bare_unet(path, _json(config))


def wanted_files(index: dict[str, Any], names: list[str]) -> list[str]:
    """Of a hub repository's files the ones that `read` and loading need: safetensors, JSON and text. EngineError as for `read`."""
    _, roles = _layout(index, "The repository")
    code = [name for name in names if name.endswith(CODE)]
    if code:
        raise EngineError(f"The repository carries code ({code[0]}), which Vernier never runs.", remedy="Choose one without.")
    chosen = [name for name in names if name == "model_index.json"]
    for role in [*roles, "scheduler"]:
        inside = [name for name in names if name.startswith(f"{role}/") and name.count("/") == 1]
        weights = [name for name in inside if name.endswith(".safetensors")]
        plain, half = [name for name in weights if ".fp16" not in name], [name for name in weights if ".fp16" in name]
        if not weights and any(name.endswith(PICKLES) for name in inside):
            raise EngineError(f"The repository has {role} only as a pickle ({next(name for name in inside if name.endswith(PICKLES))}).",
                              remedy="Choose one with .safetensors files.")
        chosen += half or plain
        chosen += [name for name in inside if name.endswith((".json", ".txt", "spiece.model")) and not (half and name.endswith(".safetensors.index.json"))]
    return chosen


def scheduler_config(path: Path) -> dict[str, Any]:
    """The pipeline's scheduler settings; empty (DDPM's own) for a bare network."""
    file = path / "scheduler" / "scheduler_config.json"
    return _json(file) if file.exists() else {}


def zeros_for_nothing(path: Path) -> bool:
    """SDXL: whether an empty negative prompt means zeros instead of the encoded empty text."""
    return bool(_json(path / "model_index.json").get("force_zeros_for_empty_prompt", True))


def _pipeline(path: Path, index: dict[str, Any]) -> Folder:
    family, roles = _layout(index, path.name)
    parts = {}
    for role, accepted in roles.items():
        if role in OPTIONAL and not index.get(role, [None])[0]:
            continue
        parts[role] = _part(path, role, index[role][1], accepted)
    if family == "sd3" and len({"text_encoder_3", "tokenizer_3"} & parts.keys()) == 1:
        raise EngineError(f"{path.name} has only one of text_encoder_3 and tokenizer_3.", remedy="Give both or neither.")
    scheduler = path / "scheduler" / "scheduler_config.json"
    if not scheduler.exists():
        raise EngineError(f"{path.name} lacks its part scheduler.", remedy="Download or save the folder again, whole.")
    net = _json(next(parts[role].folder for role in DENOISERS if role in parts) / "config.json")
    prediction = _prediction(path, family, _json(scheduler))
    names = index.get("id2label")
    return Folder(path, family, parts, _classes(path, family, net, names if isinstance(names, dict) else {}), prediction, _size(path, net),
                  FLOW_NAMES if prediction == "flow" else NAMES)


def _bare_unet(path: Path, config: dict[str, Any]) -> Folder:
    if config.get("_class_name") != "UNet2DModel":
        raise EngineError(f"{path.name} holds a {config.get('_class_name') or config.get('model_type') or 'model of an unknown kind'}.",
                          remedy=f"Vernier takes {ACCEPTED}.")
    parts = {"unet": _part(path, "unet", "UNet2DModel", ("UNet2DModel",), path)}
    names = config.get("id2label")
    return Folder(path, "unet", parts, _classes(path, "unet", config, names if isinstance(names, dict) else {}), "eps", _size(path, config),
                  NAMES)


def _layout(index: dict[str, Any], name: str) -> tuple[str, dict[str, tuple[str, ...]]]:
    """Family and parts of a model_index.json. EngineError when it names code of its own or is of another kind."""
    kind = index.get("_class_name")
    if not isinstance(kind, str):
        raise EngineError(f"{name} brings a pipeline class of its own ({kind}), which is code.", remedy="Vernier never runs code from a model folder.")
    for role, entry in index.items():
        if role.startswith("_") or not isinstance(entry, list) or len(entry) != 2 or entry[0] is None:
            continue
        if entry[0] not in ("diffusers", "transformers") and entry != UNREAD:
            raise EngineError(f"{name} takes its {role} from {entry[0]!r}, which is code outside diffusers and transformers.",
                              remedy="Vernier never runs code from a model folder.")
    family, roles = LAYOUT.get(kind, (None, None))
    if family is None and isinstance(index.get("unet"), list) and index["unet"][1:] == ["UNet2DModel"]:
        family, roles = "unet", {"unet": ("UNet2DModel",)}
    if family is None:
        raise EngineError(f"{name} holds a {kind}.", remedy=f"Vernier takes {ACCEPTED}.")
    for role in roles:
        entry = index.get(role)
        if role not in OPTIONAL and not (isinstance(entry, list) and len(entry) == 2 and entry[0]):
            raise EngineError(f"{name} lacks its part {role}.", remedy="Download or save the folder again, whole.")
    return family, roles


def _part(path: Path, role: str, kind: str, accepted: tuple[str, ...], folder: Path | None = None) -> Part:
    folder = folder or path / role
    if kind not in accepted:
        raise EngineError(f"The {role} of {path.name} is a {kind}.", remedy=f"Vernier takes {' or '.join(accepted)} there.")
    if not folder.is_dir() or not any(folder.iterdir()):
        raise EngineError(f"{path.name} lacks its part {role}.", remedy="Download or save the folder again, whole.")
    if "Token" in kind:
        if not any((folder / name).exists() for name in ("tokenizer.json", "vocab.json", "spiece.model")):
            raise EngineError(f"The {role} of {path.name} lacks its vocabulary.", remedy="Download or save the folder again, whole.")
        return Part(role, kind, folder)
    if not (folder / "config.json").exists():
        raise EngineError(f"The {role} of {path.name} lacks its config.json.", remedy="Download or save the folder again, whole.")
    files, variant = _weights(folder, role, "model" if kind in (*CLIP, *T5) else "diffusion_pytorch_model")
    shapes: dict[str, tuple[int, ...]] = {}
    for file in files:
        try:
            shapes |= read_layout(file, math.inf)[1]
        except EngineError as error:
            raise EngineError(f"In {role}: {error}", remedy=error.remedy) from error
    return Part(role, kind, folder, files, variant, shapes)


def _weights(folder: Path, role: str, stem: str) -> tuple[tuple[Path, ...], str | None]:
    """The safetensors files of a part, plain before fp16. EngineError where there are only pickles, or none."""
    for variant, single, index in ((None, f"{stem}.safetensors", f"{stem}.safetensors.index.json"),
                                   ("fp16", f"{stem}.fp16.safetensors", f"{stem}.safetensors.index.fp16.json")):
        if (folder / single).exists():
            return (folder / single,), variant
        if (folder / index).exists():
            names = sorted(set(_json(folder / index).get("weight_map", {}).values()))
            missing = [name for name in names if Path(name).name != name or not (folder / name).exists()]
            if missing or not names:
                raise EngineError(f"{role} lacks its weight file {missing[0] if missing else index}.", remedy="Download or save the folder again, whole.")
            return tuple(folder / name for name in names), variant
    pickles = sorted(file.name for file in folder.iterdir() if file.suffix in PICKLES)
    if pickles:
        raise EngineError(f"{role} has its weights only in {pickles[0]}, a pickle, which can run code when opened.",
                          remedy="Only .safetensors files are accepted: save the pipeline with safe_serialization=True, or download that variant.")
    raise EngineError(f"{role} lacks its weights ({stem}.safetensors).", remedy="Download or save the folder again, whole.")


def _no_code(path: Path) -> None:
    """EngineError when anything in the folder is, or asks for, code."""
    for file in sorted(path.rglob("*")):
        if file.suffix in CODE:
            raise EngineError(f"{path.name} carries code ({file.relative_to(path)}), which Vernier never runs.",
                              remedy="Choose a folder without code; delete the file if the model does not need it.")
    for file in sorted(path.rglob("*config.json")):
        values = _json(file)
        for key in ("auto_map", "custom_pipelines", "quantization_config"):
            if values.get(key):
                raise EngineError(f"{file.relative_to(path)} in {path.name} asks for other code ({key}).",
                                  remedy="Vernier never runs code from a model folder.")


def _prediction(path: Path, family: str, scheduler: dict[str, Any]) -> str:
    kind = str(scheduler.get("_class_name", ""))
    if family == "sd3" or kind.startswith("FlowMatch"):
        if family != "sd3" or not kind.startswith("FlowMatch"):
            raise EngineError(f"{path.name} has a {kind or 'scheduler of an unknown kind'}, which does not belong to its network.",
                              remedy="Choose another folder.")
        return "flow"
    found = {"epsilon": "eps", "v_prediction": "v", "sample": "x0"}.get(scheduler.get("prediction_type", "epsilon"))
    if found is None or (found == "x0" and family != "unet"):
        raise EngineError(f"{path.name} predicts {scheduler.get('prediction_type')!r}.", remedy="Vernier takes epsilon and v_prediction here.")
    return found


def _classes(path: Path, family: str, net: dict[str, Any], names: dict[str, Any]) -> tuple[str, ...]:
    """Class names where the folder has them, numbers where not; the null class is not one of them."""
    if family not in ("dit", "unet"):
        return ()
    count = net.get("num_embeds_ada_norm", 1000) if family == "dit" else (net.get("num_class_embeds") or 0) - 1
    if not isinstance(count, int) or count < 1 or net.get("class_embed_type"):
        raise EngineError(f"The UNet2DModel in {path.name} knows no classes.", remedy="Guidance needs num_class_embeds: the classes and one more for none.")
    words = [str(names.get(str(k), f"class {k}")) for k in range(count)]
    return tuple(f"{word} ({k})" if words.count(word) > 1 else word for k, word in enumerate(words))  # ImageNet has two cranes


def _size(path: Path, net: dict[str, Any]) -> int:
    size = net.get("sample_size")
    size = size[0] if isinstance(size, list) and len(set(size)) == 1 else size
    if not isinstance(size, int) or size < 1:
        raise EngineError(f"The network of {path.name} does not say the size of its images.", remedy="Its config.json needs a square sample_size.")
    return size


def _json(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > JSON_BYTES:
            raise ValueError("it is too large")
        values = json.loads(path.read_text("utf-8"))
        if not isinstance(values, dict):
            raise ValueError("it is not a table")
        return values
    except (OSError, ValueError, RecursionError) as error:
        raise EngineError(f"{path.name} in {path.parent.name} could not be read ({error}).", remedy="Download or save the folder again.") from error
