"""Reads the weights of a talking face that train_face.py wrote."""

import json
from pathlib import Path

import torch

from engines.face.dck import Config, Dck
from engines.job import EngineError
from engines.weights import read_safetensors


def load(path: Path, device: torch.device | None = None) -> Dck:
    """The network in a file, ready to speak (float32, no gradients). EngineError naming the file when it is damaged or another kind of model."""
    path = Path(path)
    tensors, meta = read_safetensors(path)
    remedy = "Choose the weights of a talking face, trained by vernier train face."
    try:
        header = json.loads(meta["vernier"])
        if header["vernier"] != "talking-face":
            raise EngineError(f"{path.name} is no talking face but a {header['vernier']}.", remedy)
        net = Dck(Config(**header["config"] | {"widths": tuple(header["config"]["widths"])}))
        missing, unexpected = net.load_state_dict({name: value.float() for name, value in tensors.items()}, strict=False)
    except (KeyError, TypeError, ValueError, RuntimeError, AttributeError) as error:
        raise EngineError(f"{path.name} is no talking face.", remedy) from error
    lacking = [name for name in missing if not name.endswith("num_batches_tracked")] + list(unexpected)
    if lacking:
        raise EngineError(f"{path.name} does not fit its own layout ({lacking[0]}).", remedy)
    return net.eval().requires_grad_(False).to(device or "cpu", memory_format=torch.channels_last)
