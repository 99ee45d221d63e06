"""A tiny diffusion model and data set of the real form, made on the spot."""

import json

import numpy as np
import pytest
import torch

from engines.diffusion.networks import UNet, UNetConfig
from engines.guidance import sources
from engines.guidance.datasets import ImageSet
from engines.guidance.train import write

CLASSES = ("disc", "bar", "ring")
CONFIG = UNetConfig(3, 8, 3, (16, 32), 1, 16)


@pytest.fixture
def data():
    random = np.random.default_rng(0)
    images = random.integers(0, 255, (12, 1, 8, 8, 3), np.uint8)
    images[4:8] //= 3
    return ImageSet("tiny", images, np.repeat([0, 1, 2], 4), np.ones(12), np.zeros(12, bool), CLASSES, "made here", "MIT")


@pytest.fixture
def save_model(monkeypatch):
    """save_model(path, seed=0, **header) writes a random network with the header that training writes. Runs in float32."""
    monkeypatch.setattr(sources, "precision", lambda device: torch.float32)

    def save(path, seed=0, **changes):
        torch.manual_seed(seed)
        net = UNet(CONFIG)
        for p in net.parameters():
            torch.nn.init.normal_(p, std=0.15)
        header = {"vernier": "diffusion-model", "name": "tiny", "prediction": "eps", "classes": list(CLASSES), "config": CONFIG.to_dict(),
                  "schedule": net.schedule.describe(), "credit": "", "licence": "MIT"} | changes
        write(path, {k: v.detach().clone().contiguous() for k, v in net.named_parameters()}, {"vernier": json.dumps(header)})
        return path
    return save


@pytest.fixture
def tiny(save_model, tmp_path):
    """Path of a tiny model."""
    return save_model(tmp_path / "tiny.safetensors")


@pytest.fixture
def model(tiny, tmp_path):
    return sources.open_model(str(tiny), tmp_path)
